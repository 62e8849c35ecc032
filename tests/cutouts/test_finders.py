"""Finders of persons: asked for by one word, exchangeable, and one line to add.

Covers: cutouts/mask_files.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest
from bias_world import EXACT, frames_of, number, puppets, recipe, write_world

from zeroshot.bias.make import make_bias_sets
from zeroshot.bias.recipe import BiasRecipe
from zeroshot.cutouts import finders
from zeroshot.cutouts.finder import Finder, Footage, Found
from zeroshot.cutouts.finders import FINDERS, Kind, masks_help, masks_identity, open_finder, parse_masks
from zeroshot.cutouts.segmenter import SEGMENTERS
from zeroshot.cutouts.token_mask import TokenFinder
from zeroshot.datasets.splits import LabeledVideo, Split
from zeroshot.errors import ModelError, OptionError, VideoError
from zeroshot.model.backbone import load_backbone
from zeroshot.synthetic.world import View
from zeroshot.types import Clip
from zeroshot.video.decoders.all_frames import Film
from zeroshot.video.write import write_video


@pytest.mark.parametrize(
    ("words", "kind", "value"),
    [
        ("motion", "motion", ""),
        ("motion:0.3", "motion", "0.3"),
        ("tokens:ViT-B-16/openai", "tokens", "ViT-B-16/openai"),
        ("masks/of/mine", "files", "masks/of/mine"),
        ("files:motion", "files", "motion"),
        ("files", "files", "files"),
        ("C:/masks", "files", "C:/masks"),
        *((f"{name}:w.pth", "network", f"{name}:w.pth") for name in sorted(SEGMENTERS)),
        ("network:fcn_resnet50:w.pth", "network", "fcn_resnet50:w.pth"),
    ],
)
def test_one_word_says_which(words, kind, value):
    assert parse_masks(words) == (kind, value)


def test_help_names_every_kind():
    assert all(kind.words in masks_help() for kind in FINDERS.values())
    assert {"files", "motion", "tokens", "network"} == set(FINDERS)


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        ("motion:much", OptionError, "share of moving pixels is 'much'"),
        ("motion:1.5", OptionError, "share of moving pixels is 1.5"),
        ("files:/no/such", OptionError, "/no/such is no folder of masks"),
        ("network:yolo:w.pth", OptionError, "no segmentation network 'yolo'"),
        ("tokens:", ModelError, "the model's name is empty"),
        ("tokens:RN50/random", ModelError, "RN50/random has no patch tokens"),
    ],
)
def test_what_cannot_find_is_one_line(words, error, said):
    with pytest.raises(error, match=said) as caught:
        open_finder(words)
    assert "\n" not in str(caught.value)


def test_settings_tell_weights_apart_and_folders_not(tmp_path):
    for name, content in (("a.pth", b"1"), ("b.pth", b"2")):
        (tmp_path / name).write_bytes(content)
    first, second = (masks_identity(f"fcn_resnet50:{tmp_path / name}") for name in ("a.pth", "b.pth"))
    assert first != second
    assert str(tmp_path) not in first
    assert masks_identity(str(tmp_path)) == masks_identity("elsewhere/") == "files"
    assert masks_identity("motion:0.3") == "motion:0.3"


class LeftHalf(Finder):
    """A toy: the person is whatever stands on the left."""

    name = "left"
    finds_nobody = "nobody stands on the left of"

    def find(self, footage):
        frames = footage.film.clip.frames
        levels = np.zeros((len(frames), *frames.shape[2:]), np.uint8)
        levels[:, :, : levels.shape[2] // 2] = 255
        return Found(levels)


def test_a_finder_is_one_class_and_one_line(monkeypatch, tmp_path):
    more = {**FINDERS, "left": Kind(lambda value: LeftHalf(), "left, what stands there")}
    monkeypatch.setattr(finders, "FINDERS", MappingProxyType(more))
    videos = puppets(2)
    split = write_world(tmp_path / "w", videos)
    made = make_bias_sets(
        split, tmp_path / "sets", recipe(tmp_path / "w", masks="left", kinds=("swap-random",), most_person=1)
    )
    assert made.settings["masks"] == "left"
    assert "left, what stands there" in masks_help()
    for row in made.of_kind("swap-random"):
        person, place = videos[number(row.source)], videos[number(row.background_source)]
        expected = np.concatenate([person.frames[..., :24], place.background[..., 24:]], -1)
        assert np.array_equal(frames_of(made, row), expected)


def test_a_network_of_tokens_makes_sets_that_go_on(tmp_path):
    """Taught by the split itself: most of a puppet is found, little else; finished sets are not made anew."""
    videos = puppets(12, View(num_frames=8, size=(64, 64), fps=4.0, camera_jitter=0.0))
    split = write_world(tmp_path / "w", videos)
    by_tokens = BiasRecipe(masks="tokens:puppet-tiny", kinds=("human-only",), **EXACT)
    made = make_bias_sets(split, tmp_path / "sets", by_tokens)
    assert made.settings["masks"] == "tokens"
    assert made.settings["segmenter"] == load_backbone("puppet-tiny", "cpu").fingerprint
    inside, outside = [], []
    for row in made.of_kind("original"):
        exact = videos[number(row.source)].masks
        with np.load(tmp_path / "sets" / "masks" / f"{row.clip}.npz") as arrays:
            found = arrays["masks"] >= 128
        inside.append(found[exact].mean())
        outside.append(found[~exact].mean())
    assert np.mean(inside) > 0.6
    assert np.mean(outside) < 0.15
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "sets").rglob("*.mp4")}
    assert make_bias_sets(split, tmp_path / "sets", by_tokens).rows == made.rows
    assert kept == {path: path.stat().st_mtime_ns for path in (tmp_path / "sets").rglob("*.mp4")}


def test_tokens_see_what_the_network_s_crop_would_cut():
    finder = TokenFinder(load_backbone("puppet-tiny", "cpu"))
    videos = puppets(32, View(num_frames=8, size=(64, 64), fps=4.0, camera_jitter=0.0))
    wide = [np.pad(v.frames, ((0, 0), (0, 0), (0, 0), (64, 0)), mode="edge") for v in videos]
    taught = finder.taught_by(wide[:24])
    inside, outside = [], []
    for video, frames in zip(videos[24:], wide[24:], strict=True):
        levels = taught.find(Footage(Film(Clip(frames, np.arange(8.0)), 1.0, (64, 128)))).levels
        assert levels.shape == (8, 64, 128)
        cut = video.masks[:, :, 32:]  # a square cut from the middle ends there
        found = levels[:, :, 96:] >= 128
        inside += found[cut].tolist()
        outside += found[~cut].tolist()
    assert np.mean(inside) > 0.5 > 5 * np.mean(outside)
    with pytest.raises(OptionError, match="once clips of the set have taught"):
        finder.find(Footage(Film(Clip(wide[0], np.arange(8.0)), 1.0, (64, 128))))


def test_nothing_to_learn_from_is_one_line(tmp_path):
    write_video(tmp_path / "a.mp4", np.full((5, 3, 64, 64), 7, np.uint8), 8.0, crf=None)
    split = Split.of("still", [LabeledVideo(str(tmp_path / "a.mp4"), "a")])
    with pytest.raises(OptionError, match="nothing moves in these clips"):
        make_bias_sets(split, tmp_path / "sets", BiasRecipe(masks="tokens:puppet-tiny"))


def test_masks_of_films_that_could_not_be_read_are_their_error():
    from zeroshot.cutouts.finder import all_read

    with pytest.raises(VideoError, match="broken"):
        all_read([VideoError("broken")])
