"""Stretches of whole videos: read, kept, told apart, cut for biased sets, each as a video of its own."""

from __future__ import annotations

import os

import numpy as np
import odd_files as odd
import pytest
from bias_world import EXACT, frames_of

from zeroshot.batch.engine import LocalEngine, look_up
from zeroshot.batch.table import EmbeddingTable, read_embeddings
from zeroshot.bias.make import make_bias_sets
from zeroshot.bias.recipe import BiasRecipe
from zeroshot.checkpoint import load_model
from zeroshot.datasets.splits import LabeledVideo, Split
from zeroshot.errors import VideoError
from zeroshot.evaluation.cached_embeddings import embed_pool
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.source import Stretch, path_of


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> str:
    """Four seconds at 25 frames a second, each with its number."""
    return str(odd.encode(tmp_path_factory.mktemp("long") / "id.mp4", *odd.LONG_GOP, num_frames=100))


@pytest.fixture(scope="module")
def model():
    with load_model("puppet-tiny", device="cpu") as network:
        yield network


def test_every_frame_of_a_stretch_and_no_other(whole):
    sources = [Stretch(whole, 1, 3), Stretch(whole, 10, 14), Stretch(whole, 3, 4.5), Stretch(whole, 90, 91)]
    with ClipReader(1) as reader:
        [[part, cut_out, tail, behind]] = reader.read_films([sources], 60.0, 999)
        [[first_second]] = reader.read_films([[Stretch(whole, 1, 3)]], 1.0, 999)
    assert odd.indices_of(part.clip.frames) == list(range(25, 75))
    assert part.clip.seconds == pytest.approx(np.arange(50) / 25)
    assert part.whole
    assert odd.indices_of(cut_out.clip.frames) == list(range(100)), (
        "as long as the stretch: it is that already"
    )
    assert odd.indices_of(tail.clip.frames) == list(range(75, 100))
    assert isinstance(behind, VideoError)
    assert "id.mp4 lasts 4.00 s; expected a stretch from 90 s on" in str(behind)
    assert odd.indices_of(first_second.clip.frames) == list(range(25, 50))
    assert not first_second.whole


def test_what_was_embedded_of_a_stretch_is_kept_for_that_alone(whole, model, tmp_path):
    parts = [Stretch(whole, 0, 1), Stretch(whole, 2, 3), Stretch(whole, 2, 3.5)]
    with EmbeddingTable(tmp_path / "t", {"a": 1}) as table:
        rows = [row for (row,) in look_up(table, LocalEngine(model), [*parts, whole])]
        assert [row.path for row in rows] == [*map(path_of, parts), whole]
        assert len({row.embedding.tobytes() for row in rows}) == len({row.content for row in rows}) == 4
    with EmbeddingTable(tmp_path / "t", {"a": 1}) as table:
        again = [row for (row,) in look_up(table, lambda missing: iter(list(missing)), [*parts, whole])]
        assert all(np.array_equal(old.embedding, new.embedding) for old, new in zip(rows, again, strict=True))
    assert len(read_embeddings(tmp_path / "t")[0]) == 4


def test_an_evaluation_of_stretches_reads_each_once_until_its_file_changes(model, tmp_path, monkeypatch):
    path = odd.encode(tmp_path / "id.mp4", *odd.H264, num_frames=75)
    videos = [LabeledVideo(Stretch(str(path), start, start + 1), "a") for start in range(3)]
    videos.append(LabeledVideo(str(path), "b"))
    before = embed_pool(model, videos, tmp_path / "cache")
    assert before.errors == (None,) * 4
    read = model.embed_streams
    monkeypatch.setattr(type(model), "embed_streams", lambda self, paths, **_: iter(list(paths) and 1 / 0))
    assert np.array_equal(embed_pool(model, videos, tmp_path / "cache").vectors, before.vectors)
    path.write_bytes(odd.encode(tmp_path / "other.mp4", *odd.MPEG4, num_frames=75).read_bytes())
    os.utime(path, (1, 1))
    monkeypatch.setattr(type(model), "embed_streams", lambda self, paths, **more: read(paths, **more))
    after = embed_pool(model, videos, tmp_path / "cache")
    assert np.array_equal(after.vectors, embed_pool(model, videos).vectors)
    assert not np.array_equal(after.vectors, before.vectors)


def test_biased_sets_of_stretches(whole, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    for start in (1, 2):
        levels = np.zeros((25, odd.HEIGHT, odd.WIDTH), bool)
        levels[:, :40, 40 * start : 40 * start + 60] = True
        np.savez_compressed(masks / f"id_{start:06d}_{start + 1:06d}.npz", masks=levels)
    split = Split.of("parts", [LabeledVideo(Stretch(whole, s, s + 1), "ab"[s - 1]) for s in (1, 2)])
    made = make_bias_sets(split, tmp_path / "out", BiasRecipe(masks=str(masks), **EXACT))
    assert not made.failures
    rows = made.of_kind("original")
    assert [row.clip for row in rows] == ["000000-id_000001_000002", "000001-id_000002_000003"]
    for row, first in zip(rows, (25, 50), strict=True):
        assert odd.indices_of(frames_of(made, row)) == list(range(first, first + 25))
    assert made.of_kind("swap-random")
