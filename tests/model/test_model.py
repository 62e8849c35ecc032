"""Videos, frames and texts to unit vectors: one by one, in batches, and with bad files among them.

Covers: model/clip_queue.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from zeroshot.errors import ModelError, OptionError, VideoError
from zeroshot.model.backbone import Backbone, load_backbone
from zeroshot.model.model import Model
from zeroshot.types import Clip, Prompts
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.sampling import Sampling
from zeroshot.video.write import write_video

if TYPE_CHECKING:
    from pathlib import Path

TINY = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 48, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


def film(length: int, height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    """(T, 3, H, W) uint8 whose colours drift, each film along its own way."""
    rng = np.random.default_rng(seed)
    first, last = rng.integers(0, 256, (2, 3, 4, 4)).astype(float)
    mix = np.linspace(0, 1, length)[:, None, None, None]
    blocks = (first * (1 - mix) + last * mix).astype(np.uint8)
    return blocks.repeat(height // 4, axis=2).repeat(width // 4, axis=3)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory) -> Backbone:
    folder = tmp_path_factory.mktemp("tiny")
    with torch.random.fork_rng():
        torch.manual_seed(1)
        module = open_clip.CLIP(**json.loads(json.dumps(TINY)))
    with torch.no_grad():
        module.visual.proj *= 30
    save_file(module.state_dict(), folder / "model.safetensors")
    config = {"format": 1, "name": "tiny", "model_cfg": TINY, "preprocess_cfg": {}, "num_frames": 4}
    (folder / "config.json").write_text(json.dumps(config))
    return load_backbone(str(folder), "cpu")


@pytest.fixture(scope="module")
def model(backbone):
    with Model(backbone, num_workers=1) as model:
        yield model


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> list[Path]:
    """Seven films of several sizes and lengths, so that batches of 32 frames cut between them."""
    folder = tmp_path_factory.mktemp("films")
    paths = []
    for number in range(7):
        path = folder / f"film {number}.mp4"
        write_video(path, film(6 + 3 * number, 48 + 16 * (number % 3), 64, number), fps=10)
        paths.append(path)
    return paths


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def assert_unit_rows(rows: np.ndarray, number: int) -> None:
    assert rows.shape == (number, 24)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_passes_on_what_the_backbone_says(model, backbone):
    assert (model.name, model.embedding_dim, model.logit_scale) == (backbone.name, 24, backbone.logit_scale)
    assert model.fingerprint == backbone.fingerprint
    assert model.sampling == Sampling(num_frames=4)


def test_videos_together_equal_videos_one_by_one(model, videos):
    together = model.embed_videos(videos)
    assert_unit_rows(together, 7)
    assert np.abs(together - np.concatenate([model.embed_videos([path]) for path in videos])).max() < 1e-6
    assert np.abs(together - model.embed_videos(videos[::-1])[::-1]).max() < 1e-6
    assert (together @ together.T - np.eye(7)).max() < 0.9999


def test_vector_is_the_renormalized_mean_of_unit_frame_vectors(model):
    frames = film(4)
    expected = unit(model.embed_frames(frames).mean(axis=0))
    assert np.abs(model.embed_videos([frames])[0] - expected).max() < 1e-6
    clip = Clip(frames, np.arange(4.0))
    assert np.abs(model.embed_clips([clip])[0] - expected).max() < 1e-6


def test_views_are_averaged(model):
    frames = film(8)
    sampling = Sampling(num_frames=4, num_views=2)
    expected = unit(model.embed_frames(frames).mean(axis=0))
    assert np.abs(model.embed_videos([frames], sampling=sampling)[0] - expected).max() < 1e-6


def test_clips_of_any_size_and_length(model):
    clips = [Clip(film(n, 32 + 8 * n, 64, n), np.arange(float(n))) for n in (1, 5, 40)]
    together = model.embed_clips(clips)
    assert_unit_rows(together, 3)
    assert np.abs(together - np.concatenate([model.embed_clips([clip]) for clip in clips])).max() < 1e-6
    assert model.embed_clips([]).shape == model.embed_videos([]).shape == (0, 24)


def test_sources_of_every_kind_agree(model, tmp_path):
    frames = film(4)
    pictures = [Image.fromarray(frame.transpose(1, 2, 0)) for frame in frames]
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, picture in enumerate(pictures):
        picture.save(folder / f"{number}.png")
    sources = [
        frames, frames.transpose(0, 2, 3, 1), torch.from_numpy(frames), pictures, folder, str(folder),
        Clip(frames, np.arange(4.0)),
    ]  # fmt: skip
    rows = model.embed_videos(sources)
    assert np.abs(rows - rows[0]).max() < 1e-6


def test_bad_files_are_errors_in_their_places(model, videos, tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    sources = [bad, *videos[:2], tmp_path / "nowhere.mp4", videos[2], np.zeros((2, 2)), film(3)]
    outcomes = list(model.embed_many(iter(sources)))
    assert [source is given for (source, _), given in zip(outcomes, sources, strict=True)] == [True] * 7
    failed = [isinstance(outcome, VideoError) for _, outcome in outcomes]
    assert failed == [True, False, False, True, False, True, False]
    assert "bad.mp4" in str(outcomes[0][1])
    good = np.stack([outcome for _, outcome in outcomes if not isinstance(outcome, VideoError)])
    assert np.abs(good - model.embed_videos([*videos[:3], film(3)])).max() < 1e-6
    with pytest.raises(VideoError, match=r"bad\.mp4"):
        model.embed_videos([videos[0], bad])


def test_many_videos_are_read_lazily(model):
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield film(4, seed=taken)

    outcomes = model.embed_many(endless())
    rows = [next(outcomes)[1] for _ in range(20)]
    outcomes.close()
    assert_unit_rows(np.stack(rows), 20)
    assert taken < 60


def test_frames_in_every_form(model):
    frames = film(5)
    rows = model.embed_frames(frames)
    assert_unit_rows(rows, 5)
    pictures = [Image.fromarray(frame.transpose(1, 2, 0)) for frame in frames]
    for same in (torch.from_numpy(frames), frames.transpose(0, 2, 3, 1), pictures, list(frames)):
        assert np.abs(model.embed_frames(same) - rows).max() < 1e-6
    several_sizes = model.embed_frames([pictures[0], pictures[1].resize((80, 40))])
    assert np.abs(several_sizes[0] - rows[0]).max() < 1e-6
    with pytest.raises(VideoError):
        model.embed_frames(["no image"])


def test_texts_and_prompts(model):
    texts = ("waving", "a person waving", "走る", "🏃")
    rows = model.embed_texts(texts)
    assert_unit_rows(rows, 4)
    prompts = Prompts(("wave", "run"), (texts[:2], texts[2:3]))
    vectors = model.embed_prompts(prompts)
    assert_unit_rows(vectors, 2)
    assert np.abs(vectors[0] - unit(rows[:2].mean(axis=0))).max() < 1e-6
    assert np.abs(vectors[1] - rows[2]).max() < 1e-6


def test_many_labels(model):
    labels = tuple(f"label {number}" for number in range(600))
    vectors = model.embed_prompts(Prompts(labels, tuple((label,) for label in labels)))
    assert (
        np.abs(vectors[[0, 255, 256, 599]] - model.embed_texts([labels[i] for i in (0, 255, 256, 599)])).max()
        < 1e-5
    )


@pytest.mark.parametrize(
    ("window", "stride", "expected"),
    [
        (1.0, 1.0, [(0, 1), (1, 2), (2, 2.5)]),
        (1.0, 0.5, [(0, 1), (0.5, 1.5), (1, 2), (1.5, 2.5)]),
        (9.0, 1.0, [(0, 2.5)]),
        (0.5, 2.0, [(0, 0.5), (2, 2.5)]),
    ],
)
def test_windows_cover_the_video(model, tmp_path, window, stride, expected):
    path = tmp_path / "long.mp4"
    write_video(path, film(25), fps=10)
    groups = list(model.read_windows(str(path), window, stride, 2))
    windows = [pair for group, _ in groups for pair in group]
    assert np.allclose(windows, expected, atol=1e-6)
    assert all(len(group) == len(clips) <= 2 for group, clips in groups)
    for (start, end), clip in zip(windows, [clip for _, clips in groups for clip in clips], strict=True):
        assert len(clip.frames) == 4
        assert start - 0.11 <= clip.seconds.min() <= clip.seconds.max() <= end


def test_windows_are_read_ahead(model, tmp_path, monkeypatch):
    path = tmp_path / "long.mp4"
    write_video(path, film(25), fps=10)
    asked: list[object] = []
    submit = ClipReader._submit_windows
    monkeypatch.setattr(
        ClipReader, "_submit_windows", lambda *words, **how: asked.append(words) or submit(*words, **how)
    )
    groups = model.read_windows(str(path), 0.25, 0.25, 1)
    assert next(groups)[0] == [(0, 0.25)]
    assert len(asked) > 2, "more is under way than what was given"
    assert len(list(groups)) == 9


def test_windows_of_a_bad_file(model, tmp_path):
    with pytest.raises(VideoError, match="nowhere"):
        next(model.read_windows(str(tmp_path / "nowhere.mp4"), 1, 1, 4))


def test_reading_starts_again_after_close(backbone, videos):
    model = Model(backbone, sampling=Sampling(num_frames=2), num_workers=1)
    before = model.embed_videos(videos[:1])
    model.close()
    assert np.array_equal(before, model.embed_videos(videos[:1]))
    model.close()


def test_refuses_options_that_make_no_sense(backbone):
    for options in ({"num_workers": 0}, {"time_limit_seconds": 0}, {"decoder": "mind"}):
        with pytest.raises(OptionError):
            Model(backbone, **options)
    with pytest.raises(OptionError, match="batch_size is 0"):
        Backbone("tiny", backbone._network, device=backbone.device, batch_size=0)


def test_decoder_that_is_not_the_default(backbone, videos):
    with Model(backbone, decoder="pyav", num_workers=1) as model:
        assert_unit_rows(model.embed_videos(videos[:2]), 2)


def test_model_name_errors_come_first():
    with pytest.raises(ModelError):
        load_backbone("no-such-model")
