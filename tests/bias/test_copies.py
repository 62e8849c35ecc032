"""Several pictures behind each person, and noise that moves: what is made, and how it is counted.

Covers: bias/orders, bias/report.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bias_world import frames_of, number, puppets, recipe, write_world
from PIL import Image
from scipy import stats

from zeroshot.bias.differences import differences
from zeroshot.bias.make import make_bias_sets
from zeroshot.bias.report import stream_metrics
from zeroshot.checkpoint import load_model
from zeroshot.cutouts.appearance_free import appearance_free
from zeroshot.cutouts.stripes import stripes
from zeroshot.datasets.splits import read_split
from zeroshot.synthetic.render import render_many
from zeroshot.synthetic.world import ACTIONS, View
from zeroshot.text.prompts import make_prompts

KINDS = ("scuba", "scufo", "conflict", "afd")


@pytest.fixture(scope="module")
def videos():
    return puppets(3)


@pytest.fixture(scope="module")
def manifest(videos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("copies")
    split = write_world(folder / "w", videos)
    made = make_bias_sets(split, folder / "out", recipe(folder / "w", kinds=KINDS, pictures_per_clip=3))
    assert not made.failures
    return made


def test_each_clip_before_each_of_its_pictures(manifest, videos):
    for kind in ("scuba", "scufo", "conflict"):
        assert sorted((row.clip[:6], row.copy) for row in manifest.of_kind(kind)) == [
            (f"{row:06d}", copy) for row in range(3) for copy in range(3)
        ]
    for row in manifest.of_kind("scuba"):
        person, frames = videos[number(row.source)], frames_of(manifest, row)
        picture = stripes(np.random.default_rng([0, number(row.source), 1, row.copy])).transpose(1, 2, 0)
        shown = np.asarray(Image.fromarray(picture).resize((48, 36))).transpose(2, 0, 1)
        expected = np.where(person.masks[:, None], person.frames, shown)
        assert np.array_equal(frames, expected)
        assert row.background_source == "stripes"
    assert len({row.digest for row in manifest.of_kind("scuba")}) == 9


def test_a_still_clip_is_one_frame_of_the_moving_one_of_the_same_picture(manifest):
    moving = {(row.clip, row.copy): frames_of(manifest, row) for row in manifest.of_kind("scuba")}
    drawn = []
    for row in manifest.of_kind("scufo"):
        frames = frames_of(manifest, row)
        assert (frames == frames[:1]).all()
        same = [bool((frames[0] == other).all()) for other in moving[row.clip, row.copy]]
        drawn.append(same.index(True))
    assert len(set(drawn)) > 2, "not always the same frame"


def test_noise_is_kept_without_loss_and_says_nothing_of_persons_or_places(manifest, videos):
    rows = manifest.of_kind("afd")
    assert len(rows) == 3
    for row in rows:
        place = number(row.source)
        expected = appearance_free(videos[place].frames, np.random.default_rng([0, place, 3]))
        assert np.array_equal(frames_of(manifest, row), expected)
        assert (row.masks, row.background_label, row.background_source) == ("", "", "")


def test_noise_loses_nothing_where_other_kinds_do(videos, tmp_path):
    split = write_world(tmp_path / "w", videos[:2])
    made = make_bias_sets(split, tmp_path / "out", recipe(tmp_path / "w", kinds=("afd",), crf=30))
    (row, _) = made.of_kind("afd")
    frames = videos[0].frames
    assert not np.array_equal(frames_of(made, made.of_kind("original")[0]), frames)
    assert np.array_equal(frames_of(made, row), appearance_free(frames, np.random.default_rng([0, 0, 3])))


def test_every_stream_is_at_chance_on_one_frame_of_noise():
    """Twenty-four puppets of as many actions: whatever a model reads off one frame, it is not the action."""
    labels = ACTIONS[:24]
    videos = render_many(list(range(24)), [row % 12 for row in range(24)], range(24), View(8, (48, 48)))
    noise = [appearance_free(video.frames, np.random.default_rng(row)) for row, video in enumerate(videos)]
    with load_model("puppet-tiny", device="cpu") as model:
        texts = model.embed_prompts(make_prompts(list(labels), None))
        stills = [np.repeat(frames[5][None], 8, 0) for frames in noise]
        rows = np.stack([row for _, row in model.embed_streams(stills, plain=True)])
    for stream in range(rows.shape[1]):
        hits = int((np.argmax(rows[:, stream] @ texts.T, 1) == np.arange(24)).sum())
        assert stats.binom.sf(hits - 1, 24, 1 / 24) > 1e-3, stream


def test_figures_by_counting_one_clip_at_a_time(manifest):
    scores = np.random.default_rng(5).normal(size=(len(manifest.rows), 3)).astype(np.float32)
    found = stream_metrics(manifest.rows, scores, manifest.labels)
    right = {
        (row.kind, row.clip, row.copy): manifest.labels[int(np.argmax(score))] == row.label
        for row, score in zip(manifest.rows, scores, strict=True)
    }
    counts = {kind: [hit for (k, _, _), hit in right.items() if k == kind] for kind in KINDS}
    for metric, kind in (("scuba", "scuba"), ("scufo", "scufo"), ("conflfg", "conflict")):
        assert (found[metric].hits, found[metric].total, found[metric].n) == (sum(counts[kind]), 9, 3)
    assert (found["afd"].hits, found["afd"].total, found["afd"].n) == (sum(counts["afd"]), 3, 3)
    contra = [
        right["scuba", clip, copy] and not right["scufo", clip, copy]
        for kind, clip, copy in right
        if kind == "scuba"
    ]
    assert (found["contra"].hits, found["contra"].total, found["contra"].n) == (sum(contra), 9, 3)


def test_the_same_command_again_makes_nothing_again(manifest):
    folder = manifest.folder.parent / "w"
    stamps = {path: path.stat().st_mtime_ns for path in manifest.folder.rglob("*.mp4")}
    split = replace(read_split(folder / "videos.csv"), name="puppets")
    assert (
        make_bias_sets(split, manifest.folder, recipe(folder, kinds=KINDS, pictures_per_clip=3)) == manifest
    )
    assert {path: path.stat().st_mtime_ns for path in manifest.folder.rglob("*.mp4")} == stamps


def test_differences_are_those_of_what_is_there(manifest):
    lines = differences(manifest.kinds, manifest.settings)
    assert any(line.startswith("SCUBA: pictures a clip: 3; there 5 of HMDB51 and UCF101") for line in lines)
    assert any(line.startswith("AFD: each pixel of the noise is used once") for line in lines)
    assert any(line.startswith("HAT: persons by masks in files") for line in lines), (
        "background-only is always there"
    )
    assert not any("close" in line or "released data set" in line for line in lines), (
        "no swaps, nothing of swaps"
    )
    swaps = differences(("swap-close", "swap-far"), {"masks": "motion", "pair_lists": {"close": "0" * 64}})
    assert any("close: pairs of a published list (000000000000)" in line for line in swaps)
    assert any("far draws from the one farthest label" in line for line in swaps)
    assert not any("five nearest" in line for line in swaps)
    assert differences(("original",), {}) == []
