"""Batches of texts of like length."""

from __future__ import annotations

import numpy as np

import zeroshot
from zeroshot.model.networks.network import batches_alike
from zeroshot.model.networks.open_clip import OpenClipNetwork

LONG = "a puppet that is " + "waving and walking and " * 4


def test_a_long_text_stands_alone_and_every_text_in_one_batch():
    lengths = [8, 80, 8, 16, 40, 8]
    assert batches_alike(lengths, 3) == [[0, 2, 5], [3], [4, 1]]
    assert batches_alike([77] * 5, 2) == [[0, 1], [2, 3], [4]], "texts of one length keep their order"
    assert batches_alike([], 2) == []


def test_a_long_text_among_short_ones_is_encoded_apart_and_each_row_is_its_own_text(monkeypatch):
    seen, embed = [], OpenClipNetwork.embed_texts

    def noted(network: OpenClipNetwork, texts: list[str], *ids: object) -> object:
        seen.append(texts)
        return embed(network, texts, *ids)

    texts = ["waving", LONG, *(f"puppet {number}" for number in range(6))]
    with zeroshot.load_model("puppet-tiny", device="cpu") as model:
        alone = np.concatenate([model.embed_texts([text]) for text in texts])
        monkeypatch.setattr(OpenClipNetwork, "embed_texts", noted)
        rows = model.embed_texts(texts)
    assert [LONG] in seen
    assert sum(map(len, seen)) == len(texts)
    np.testing.assert_allclose(rows, alone, atol=1e-5)


def test_texts_are_tokenized_once(monkeypatch):
    read, ids = [], OpenClipNetwork.token_ids

    def noted(network: OpenClipNetwork, texts: list[str]) -> object:
        read.extend(texts)
        return ids(network, texts)

    texts = ["waving", LONG, *(f"puppet {number}" for number in range(70))]
    with zeroshot.load_model("puppet-tiny", device="cpu") as model:
        monkeypatch.setattr(OpenClipNetwork, "token_ids", noted)
        model.embed_texts(texts)
    assert read == texts
