"""Batches of texts of like length."""

from __future__ import annotations

import numpy as np

import zeroshot
from zeroshot.model.networks.network import batches_of_texts
from zeroshot.model.networks.open_clip import OpenClipNetwork

LONG = "a puppet that is " + "waving and walking and " * 4


def test_every_text_is_in_one_batch_of_few_tokens():
    lengths = [8, 80, 8, 16, 40, 8]
    assert batches_of_texts(lengths, 24) == [[0, 2, 5], [3], [4], [1]]
    assert batches_of_texts([77] * 5, 160) == [[0, 1], [2, 3], [4]], "texts of one length keep their order"
    assert batches_of_texts([], 2) == []


def test_a_long_text_makes_no_other_longer_and_each_row_is_its_own_text():
    seen = []
    texts = ["waving", LONG, *(f"puppet {number}" for number in range(60))]
    with zeroshot.load_model("puppet-tiny", device="cpu") as model:
        alone = np.concatenate([model.embed_texts([text]) for text in texts])
        first = model.backbone.module.transformer.resblocks[0].ln_1
        first.register_forward_pre_hook(lambda _, rows: seen.append(len(rows[0])))
        rows = model.embed_texts(texts)
        turned = model.embed_texts(texts[::-1])[::-1]
        lengths = (model.backbone.token_ids(texts, 77) != 0).sum(axis=1)
    assert sum(seen) == 2 * lengths.sum()
    np.testing.assert_allclose(rows, alone, atol=1e-6)
    np.testing.assert_allclose(turned, alone, atol=1e-6)


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
