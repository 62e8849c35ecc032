"""Vectors of label lists on disk: the same to the bit, of nothing else, and whatever lies there."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

import zeroshot
from zeroshot.batch.label_rows import index_of_labels
from zeroshot.model import kept_labels
from zeroshot.model.kept_labels import FEWEST_TEXTS, kept_or_made
from zeroshot.model.networks.network import Network
from zeroshot.rejection.rejection import rejection_of
from zeroshot.text.prompts import make_prompts

if TYPE_CHECKING:
    from pathlib import Path

LABELS = [f"puppet {number}" for number in range(FEWEST_TEXTS)]
TEXTS = [(label,) for label in LABELS]
ROWS = np.random.default_rng(0).normal(size=(len(LABELS), 8)).astype(np.float32)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Where lists are kept in this test."""
    monkeypatch.setenv("ZEROSHOT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "labels"


def backbone(fingerprint: str = "a", width: int = 8, device: str = "cpu", first: int = 0) -> SimpleNamespace:
    """What is asked of a backbone; `first` stands for another way to cut texts up."""
    return SimpleNamespace(
        text_fingerprint=fingerprint,
        embedding_dim=width,
        device=torch.device(device),
        token_ids=lambda texts: np.array([[first, len(text)] for text in texts]),
    )


def made(*given, rows=ROWS) -> bool:
    """Whether the vectors had to be made; what comes back is right in any case."""
    calls = []

    def make() -> np.ndarray:
        calls.append(1)
        return rows

    np.testing.assert_array_equal(kept_or_made(*given, make), rows)
    return bool(calls)


def test_a_list_is_encoded_once_and_its_vectors_are_the_same_to_the_bit(folder, monkeypatch):
    prompts = make_prompts(LABELS, "a video of {}.")
    with zeroshot.load_model("puppet-tiny", device="cpu") as model:
        fresh = model.encode_prompts(prompts)
        np.testing.assert_array_equal(model.embed_prompts(prompts), fresh)
        monkeypatch.setattr(type(model.backbone), "encode_texts", None)
        np.testing.assert_array_equal(model.embed_prompts(prompts), fresh)
    assert len(list(folder.iterdir())) == 1
    assert b"puppet" not in next(folder.iterdir()).read_bytes()


def test_an_index_is_made_of_what_is_kept_and_keeps_it(folder, tmp_path, monkeypatch):
    prompts = make_prompts(LABELS)
    with zeroshot.load_model("puppet-tiny", device="cpu") as model:
        made_now = index_of_labels(prompts, model, output=tmp_path / "a.index")
        monkeypatch.setattr(type(model.backbone), "encode_texts", None)
        for output in (None, tmp_path / "b.index"):
            again = index_of_labels(prompts, model, output=output)
            np.testing.assert_array_equal(again.embeddings, made_now.embeddings)
    assert (tmp_path / "a.index").read_bytes() == (tmp_path / "b.index").read_bytes()
    assert len(list(folder.iterdir())) == 1


def test_the_background_of_other_labels_is_the_same_list(folder, monkeypatch):
    with zeroshot.load_model("puppet-tiny", device="cpu") as model:
        one = rejection_of("auto", model, index_of_labels(make_prompts(["waving"]), model))
    with zeroshot.load_model("puppet-tiny", device="cpu") as model:
        index = index_of_labels(make_prompts(["playing cello"]), model)
        monkeypatch.setattr(type(model.backbone), "encode_texts", None)
        other = rejection_of("auto", model, index)
    assert len(one.background) != len(other.background)
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize(
    ("network", "texts"),
    [
        (backbone("b"), TEXTS),
        (backbone(first=1), TEXTS),
        (backbone(), [*TEXTS[:-1], ("another",)]),
        (backbone(), TEXTS[::-1]),
        (backbone(), [(*TEXTS[0], *TEXTS[1]), *TEXTS[1:]]),
    ],
)
def test_other_weights_tokens_labels_and_orders_are_other_lists(folder, network, texts):
    assert made(backbone(), TEXTS)
    assert made(network, texts)
    assert not made(backbone(), TEXTS)
    assert not made(network, texts)
    assert len(list(folder.iterdir())) == 2


def test_the_weights_of_texts_alone_tell_models_apart():
    weights = {"visual.a": torch.zeros(2), "text.b": torch.zeros(2)}

    def told(**changed: torch.Tensor) -> str:
        network = SimpleNamespace(
            frame_parts=("visual.",),
            facts=SimpleNamespace(architecture="{}"),
            module=SimpleNamespace(state_dict=lambda: {**weights, **changed}),
        )
        return Network.text_fingerprint(network)

    assert told() == told(**{"visual.a": torch.ones(2)})
    assert len({told(), told(**{"text.b": torch.ones(2)}), told(**{"text.c": torch.zeros(1)})}) == 3


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _elsewhere(path: Path) -> None:
    path.rename(path.parent.parent / "elsewhere")
    path.symlink_to(path.parent.parent / "elsewhere")


def _of_another_list(path: Path) -> None:
    with_rows = kept_or_made(backbone("other"), TEXTS, lambda: -ROWS)
    other = next(each for each in path.parent.iterdir() if each != path)
    assert with_rows[0, 0] == -ROWS[0, 0]
    other.replace(path)


@pytest.mark.parametrize(
    "damage",
    [
        _flip,
        _elsewhere,
        _of_another_list,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-4]),
        lambda path: path.write_text("not ours"),
    ],
)
def test_what_is_no_whole_file_of_ours_is_passed_over_and_written_anew(folder, damage):
    assert made(backbone(), TEXTS)
    path = next(folder.iterdir())
    damage(path)
    kept_outside = folder.parent / "elsewhere"
    before = kept_outside.read_bytes() if kept_outside.exists() else b""
    assert made(backbone(), TEXTS)
    assert not made(backbone(), TEXTS)
    assert not path.is_symlink()
    assert (kept_outside.read_bytes() if kept_outside.exists() else b"") == before


def test_a_folder_in_the_place_of_a_file_and_another_user_s_file_are_passed_over(folder, monkeypatch):
    assert made(backbone(), TEXTS)
    path = next(folder.iterdir())
    monkeypatch.setattr(kept_labels, "_own", lambda other: other + 1)
    assert made(backbone(), TEXTS)
    monkeypatch.undo()
    monkeypatch.setenv("ZEROSHOT_CACHE", str(folder.parent))
    path.unlink()
    path.mkdir()
    assert made(backbone(), TEXTS)
    assert made(backbone(), TEXTS)
    assert path.is_dir()


def test_a_folder_that_cannot_be_written_is_silent(tmp_path, monkeypatch, recwarn):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("ZEROSHOT_CACHE", str(tmp_path / "file"))
    assert made(backbone(), TEXTS)
    assert not recwarn.list
    assert (tmp_path / "file").read_text() == "no folder"


def test_nothing_is_kept_where_that_is_off_too_large_or_on_a_gpu(folder, monkeypatch):
    assert made(backbone(device="meta"), TEXTS)
    monkeypatch.setattr(kept_labels, "_MOST_OF_ONE", ROWS.nbytes - 1)
    assert made(backbone(), TEXTS)
    monkeypatch.undo()
    monkeypatch.setenv("ZEROSHOT_CACHE", "off")
    assert made(backbone(), TEXTS)
    assert not folder.exists()


def test_few_texts_are_not_worth_a_digest(folder, monkeypatch):
    with zeroshot.load_model("puppet-tiny", device="cpu") as model:
        monkeypatch.setattr(Network, "text_fingerprint", None)
        model.embed_prompts(make_prompts(LABELS[:-1]))
    assert not folder.exists()


def test_lists_used_longest_ago_and_abandoned_half_files_make_room(folder, monkeypatch):
    for name in "abc":
        assert made(backbone(name), TEXTS)
    size = next(folder.iterdir()).stat().st_size
    for path in folder.iterdir():
        os.utime(path, (0, 0))
    assert not made(backbone("a"), TEXTS)  # which is its last use now
    halves = [folder / f".{'0' * 32}.labels.{digit * 32}" for digit in "12"]
    for half in halves:
        half.write_bytes(b"half")
    os.utime(halves[0], (0, 0))
    (folder / "notes.txt").write_text("somebody's own")
    monkeypatch.setattr(kept_labels, "MOST_BYTES", 2 * size)
    assert made(backbone("d"), TEXTS)
    assert sorted(made(backbone(name), TEXTS) for name in "ad") == [False, False]
    names = {path.name for path in folder.iterdir()}
    assert len(names) == 4
    assert {"notes.txt", halves[1].name} < names


def test_several_at_once_never_see_half_a_list(folder, monkeypatch):
    monkeypatch.setattr(kept_labels, "MOST_BYTES", 1)  # each that writes deletes what the others wrote
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda _: kept_or_made(backbone(), TEXTS, lambda: ROWS), range(40))
        for rows in found:
            np.testing.assert_array_equal(rows, ROWS)
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.slow
def test_two_processes_at_once_keep_one_list(folder):
    line = (
        "import sys, zeroshot; from zeroshot.text.prompts import make_prompts\n"
        "model = zeroshot.load_model('puppet-tiny', device='cpu')\n"
        "prompts = make_prompts([f'puppet {number}' for number in range(400)])\n"
        "sys.stdout.write(model.embed_prompts(prompts).tobytes().hex())\n"
    )
    several = [subprocess.Popen([sys.executable, "-c", line], stdout=subprocess.PIPE) for _ in range(2)]
    said = [process.communicate()[0] for process in several]
    assert said[0] == said[1] != b""
    assert len(list(folder.iterdir())) == 1
