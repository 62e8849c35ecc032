"""Biased test sets: exact where the truth is known, the same bytes again, and one line for what cannot be.

Covers: bias/edits, bias/rows, bias/take_apart.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bias_world import frames_of, number, puppets, recipe, write_world
from PIL import Image
from scipy import ndimage

from zeroshot.bias.make import make_bias_sets
from zeroshot.bias.manifest import SWAPS, USUAL, read_manifest
from zeroshot.bias.pairs import draw_partners
from zeroshot.bias.recipe import BiasRecipe
from zeroshot.cli.main import main
from zeroshot.datasets.splits import LabeledVideo, Split, read_split
from zeroshot.errors import OptionError, OutputError, VideoError
from zeroshot.synthetic.world import ACTIONS, SCENES, View, composite, human_only
from zeroshot.video.identity import content_key
from zeroshot.video.write import write_video


@pytest.fixture(scope="module")
def videos():
    return puppets()


@pytest.fixture(scope="module")
def world(tmp_path_factory, videos):
    folder = tmp_path_factory.mktemp("world")
    return folder, write_world(folder, videos)


@pytest.fixture(scope="module")
def manifest(world, tmp_path_factory):
    folder, split = world
    return make_bias_sets(split, tmp_path_factory.mktemp("sets") / "out", recipe(folder))


def of_kind(manifest, kind):
    rows = manifest.of_kind(kind)
    assert rows, kind
    return [(row, frames_of(manifest, row)) for row in rows]


def step_between(person, place):
    """Rows and columns from where a puppet stands at first to where the other one does."""
    there, here = (ndimage.center_of_mass(video.masks[0]) for video in (place, person))
    return int(there[0] - here[0]), int(there[1] - here[1])


def shifted(pixels, step):
    """(…, H, W) moved down and right, zeros where nothing comes."""
    height, width = pixels.shape[-2:]
    made = np.zeros_like(pixels)
    for row, column in itertools.product(range(height), range(width)):
        old = row - step[0], column - step[1]
        if 0 <= old[0] < height and 0 <= old[1] < width:
            made[..., row, column] = pixels[..., old[0], old[1]]
    return made


def pasted(person, place):
    """(T, 3, H, W) a puppet put before another's place by Pillow, as the source's code does."""
    step, frames = step_between(person, place), []
    for picture, mask, behind in zip(person.frames, person.masks, place.background, strict=True):
        made = Image.fromarray(np.ascontiguousarray(behind.transpose(1, 2, 0)))
        shown = Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0)))
        made.paste(shown, (step[1], step[0]), Image.fromarray(mask).convert("L"))
        frames.append(np.asarray(made).transpose(2, 0, 1))
    return np.stack(frames)


class TestExact:
    def test_original_and_background(self, manifest, videos):
        for row, frames in of_kind(manifest, "original"):
            assert np.array_equal(frames, videos[number(row.source)].frames)
        for row, frames in of_kind(manifest, "background-only"):
            assert np.array_equal(frames, videos[number(row.source)].background)

    def test_human_only_stands_on_the_mean_colour_of_all_videos(self, manifest, videos):
        mean = np.stack([video.frames for video in videos]).mean((0, 1, 3, 4))
        for row, frames in of_kind(manifest, "human-only"):
            expected = human_only(videos[number(row.source)], tuple(np.rint(mean).astype(int).tolist()))
            assert np.array_equal(frames, expected)

    @pytest.mark.parametrize("kind", SWAPS)
    def test_swaps_to_the_bit(self, manifest, videos, kind):
        for row, frames in of_kind(manifest, kind):
            person, place = videos[number(row.source)], videos[number(row.background_source)]
            assert np.array_equal(frames, pasted(person, place))
            assert person is not place

    def test_a_swap_has_the_label_of_its_person_not_of_its_background(self, manifest, videos):
        for row in manifest.of_kind("swap-random"):
            assert row.label == ACTIONS[videos[number(row.source)].action]
            assert row.background_label == ACTIONS[videos[number(row.background_source)].action]
            assert row.background_scene == SCENES[videos[number(row.background_source)].scene]
            assert row.label != row.background_label

    def test_soft_masks_take_shadows_along_within_one_level(self, videos, tmp_path):
        split = write_world(tmp_path / "soft", videos, soft=True)
        made = make_bias_sets(
            split, tmp_path / "out", recipe(tmp_path / "soft", kinds=("swap-random", "human-only"))
        )
        for row, frames in of_kind(made, "swap-random"):
            person, place = videos[number(row.source)], videos[number(row.background_source)]
            step = step_between(person, place)
            figure, alpha = (shifted(each, step) for each in (person.figure, person.alpha))
            expected = composite(figure, alpha, place.background)
            assert np.abs(frames.astype(int) - expected).max() <= 1
        for row, frames in of_kind(made, "human-only"):
            outside = ~videos[number(row.source)].masks
            assert (np.ptp(frames.transpose(0, 2, 3, 1)[outside], axis=0) == 0).all()

    def test_scuba_is_still_behind_the_person_and_scufo_one_frame_of_it(self, manifest, videos):
        scufo = {row.clip: frames for row, frames in of_kind(manifest, "scufo")}
        for row, frames in of_kind(manifest, "scuba"):
            person = videos[number(row.source)]
            seen = frames.transpose(0, 2, 3, 1)
            assert np.array_equal(seen[person.masks], person.frames.transpose(0, 2, 3, 1)[person.masks])
            outside = ~person.masks[0] & ~person.masks[-1]
            assert np.array_equal(seen[0][outside], seen[-1][outside])
            drawn = np.random.default_rng([0, int(row.clip[:6]), 2, 0]).integers(len(frames))
            assert np.array_equal(scufo[row.clip], np.repeat(frames[drawn][None], len(frames), 0))
            assert row.background_label == ""
            assert row.background_source == "stripes"

    def test_conflict_is_scuba_with_somebody_standing_still(self, manifest, videos):
        scuba = {row.clip: frames for row, frames in of_kind(manifest, "scuba")}
        for row, frames in of_kind(manifest, "conflict"):
            person = videos[number(row.source)]
            changed = (frames != scuba[row.clip]).any(1)
            assert not changed[person.masks].any()
            assert changed.any(axis=(1, 2)).all()
            always = ~person.masks.any(0)
            assert (changed[0] == changed[-1])[always].all()
            assert row.bystander_label not in {"", row.label}

    def test_pictures_of_the_user(self, world, videos, tmp_path):
        folder, split = world
        (tmp_path / "pictures").mkdir()
        colours = {"red.png": (255, 0, 0), "blue.png": (0, 0, 255)}
        for name, colour in colours.items():
            Image.new("RGB", (90, 50), colour).save(tmp_path / "pictures" / name)
        made = make_bias_sets(
            split, tmp_path / "out", recipe(folder, kinds=("scuba",), images=str(tmp_path / "pictures"))
        )
        for row, frames in of_kind(made, "scuba"):
            outside = ~videos[number(row.source)].masks
            shown = frames.transpose(0, 2, 3, 1)[outside]
            assert (shown == colours[row.background_source]).all()


class TestInpainting:
    def test_a_place_that_is_ever_seen_comes_back_exactly(self, tmp_path):
        """A camera that stands still; shadows are hidden as well."""
        videos = puppets(3, View(num_frames=10, size=(36, 48), camera_jitter=0.0))
        split = write_world(tmp_path / "w", videos)
        for row, video in enumerate(videos):
            np.savez_compressed(tmp_path / "w" / "masks" / f"v{row}.npz", masks=video.alpha > 0)
        made = make_bias_sets(
            split,
            tmp_path / "out",
            recipe(tmp_path / "w", kinds=("background-only",), backgrounds=None),
        )
        for row, frames in of_kind(made, "background-only"):
            video = videos[number(row.source)]
            hidden = np.pad(video.alpha > 0, ((0, 0), (1, 1), (1, 1)))  # the border around a mask goes too
            grown = sum(
                np.roll(hidden, (a, b), (1, 2))[:, 1:-1, 1:-1].astype(int)
                for a in (-1, 0, 1) for b in (-1, 0, 1)
            )  # fmt: skip
            seen = (grown == 0).any(0)
            assert seen.mean() > 0.6
            assert np.array_equal(frames[:, :, seen], video.background[:, :, seen])

    def test_what_is_never_seen_is_smooth_between_its_neighbours(self, tmp_path):
        frames = np.full((4, 3, 32, 32), 90, np.uint8)
        frames[:, :, :, 16:] = 110
        frames[:, :, 10:20, 10:20] = 255
        write_video(tmp_path / "a.mp4", frames, 8.0, crf=None)
        (tmp_path / "masks").mkdir()
        mask = np.zeros((4, 32, 32), bool)
        mask[:, 10:20, 10:20] = True
        np.savez(tmp_path / "masks" / "a.npz", mask)
        split = Split.of("one", [LabeledVideo(str(tmp_path / "a.mp4"), "a")])
        made = make_bias_sets(
            split,
            tmp_path / "out",
            recipe(tmp_path, kinds=("background-only",), backgrounds=None),
        )
        ((_, plate),) = of_kind(made, "background-only")
        assert plate[mask[:, None].repeat(3, 1)].min() >= 89
        assert plate.max() <= 111
        assert plate[0, 0, 15, 10] < plate[0, 0, 15, 19]

    def test_motion_masks_find_what_moves(self, tmp_path):
        videos = puppets(3, View(num_frames=16, size=(64, 64), camera_jitter=0.0))
        split = write_world(tmp_path / "w", videos)
        made = make_bias_sets(
            split, tmp_path / "out", recipe(tmp_path / "w", masks="motion", backgrounds=None)
        )
        for row in made.of_kind("original"):
            video = videos[number(row.source)]
            with np.load(tmp_path / "out" / "masks" / f"{row.clip}.npz") as arrays:
                found = arrays["masks"] >= 128
            moves = np.ptp(video.alpha, axis=0) > 128
            assert found[:, moves].mean() > 0.3
            assert found[:, ~(video.alpha > 0).any(0)].mean() < 0.1


class TestMasks:
    def test_formats_agree(self, world, videos, manifest, tmp_path):
        """Images one a frame, and a video, give what the arrays give."""
        folder, split = world
        masks = tmp_path / "masks"
        for row, video in enumerate(videos):
            levels = video.masks.astype(np.uint8) * 255
            if row % 2:
                (masks / f"v{row}").mkdir(parents=True)
                for frame, level in enumerate(levels):
                    Image.fromarray(level).save(masks / f"v{row}" / f"{frame}.png")
            else:
                masks.mkdir(exist_ok=True)
                write_video(masks / f"v{row}.mp4", levels[:, None].repeat(3, 1), 8.0, crf=None)
        made = make_bias_sets(split, tmp_path / "out", recipe(folder, masks=str(masks)))
        assert not made.failures
        assert {(row.path, row.digest) for row in made.rows} == {
            (row.path, row.digest) for row in manifest.rows
        }

    def test_palettes_and_ones(self, world, videos, manifest, tmp_path):
        folder, split = world
        masks = tmp_path / "masks"
        for row, video in enumerate(videos):
            (masks / f"v{row}").mkdir(parents=True)
            for frame, mask in enumerate(video.masks):
                image = Image.fromarray(mask.astype(np.uint8))
                if row % 2:
                    image.putpalette([0, 0, 0, 9, 9, 9])
                image.save(masks / f"v{row}" / f"{frame}.png")
        made = make_bias_sets(
            split, tmp_path / "out", recipe(folder, masks=str(masks), kinds=("human-only",))
        )
        assert not made.failures
        digests = {row.path: row.digest for row in manifest.rows}
        assert all(row.digest == digests[row.path] for row in made.rows)

    def test_masks_laid_out_like_the_videos(self, world, videos, tmp_path):
        """The same name under two labels: the folder tells them apart."""
        rows = []
        for video in videos[:2]:
            label = ACTIONS[video.action]
            (tmp_path / label).mkdir()
            (tmp_path / "masks" / label).mkdir(parents=True)
            write_video(tmp_path / label / "clip.mp4", video.frames, 8.0, crf=None)
            np.savez(tmp_path / "masks" / label / "clip.npz", video.masks)
            rows.append(LabeledVideo(str(tmp_path / label / "clip.mp4"), label))
        made = make_bias_sets(
            Split.of("two", rows),
            tmp_path / "out",
            recipe(tmp_path, backgrounds=None, kinds=("human-only",)),
        )
        shares = [row.person_share for row in made.of_kind("original")]
        assert shares == pytest.approx([video.masks.mean() for video in videos[:2]], abs=1e-6)

    def test_bad_masks_cost_their_video_alone(self, world, videos, tmp_path, capsys, monkeypatch):
        folder, _ = world
        masks = tmp_path / "masks"
        masks.mkdir()
        bad = {
            0: np.zeros_like(videos[0].masks),
            1: videos[1].masks[:-1],
            2: videos[2].masks[:, :, :-2],
            3: videos[3].masks.astype(float),
        }
        for row, mask in bad.items():
            np.savez(masks / f"v{row}.npz", mask)
        (masks / "v4.npz").write_bytes(b"nothing")
        np.savez(masks / "v5.npz", videos[5].masks)
        words = ["zeroshot", "bias", "make", str(folder / "videos.csv"), "-o", str(tmp_path / "out")]
        monkeypatch.setattr(sys, "argv", [*words, "--masks", str(masks)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 1
        _, err = capsys.readouterr()
        lines = err.splitlines()
        for words in (
            "v0.npz shows nobody in",
            "v1.npz has 5 frames, its video 6; make one a frame",
            "v2.npz is 46×36 pixels, its video 48×36; make both of one size",
            "v3.npz is float64; expected booleans or uint8",
            "cannot read the mask",
        ):
            assert sum(words in line for line in lines) == 1, words
        assert lines[-1] == "zeroshot: 5 of 6 videos failed"
        assert len(lines) == 6
        made = read_manifest(tmp_path / "out")
        assert {row.clip for row in made.rows} == {"000005-v5"}
        assert len(made.failures) == 5

    def test_missing_masks_and_videos(self, world, videos, tmp_path):
        folder, split = world
        (tmp_path / "masks").mkdir()
        np.savez(tmp_path / "masks" / "v1.npz", videos[1].masks)
        rows = [replace(split.videos[0]), split.videos[1], replace(split.videos[2], path="/no/v1.mp4")]
        made = make_bias_sets(
            Split.of("some", rows), tmp_path / "out", recipe(folder, masks=str(tmp_path / "masks"))
        )
        reasons = [reason for _, reason in made.failures]
        assert "v0.mp4 has no mask: looked in" in reasons[0]
        assert "cannot read /no/v1.mp4: No such file" in reasons[1]
        assert {row.clip for row in made.rows} == {"000001-v1"}

    def test_nothing_moves(self, tmp_path):
        write_video(tmp_path / "a.mp4", np.full((5, 3, 32, 32), 7, np.uint8), 8.0, crf=None)
        split = Split.of("still", [LabeledVideo(str(tmp_path / "a.mp4"), "a")])
        with pytest.raises(VideoError, match=r"none of the 1 videos .*nothing moves in .*a\.mp4"):
            make_bias_sets(split, tmp_path / "out", BiasRecipe())


class TestChoices:
    def test_swaps_take_persons_of_five_to_fifty_percent(self, world, videos, tmp_path):
        folder, split = world
        shares = [video.masks.mean() for video in videos]
        least = float(np.median(shares))
        made = make_bias_sets(
            split, tmp_path / "out", recipe(folder, kinds=("swap-random", "scuba"), least_person=least)
        )
        fit = {f"{row:06d}-v{row}" for row, share in enumerate(shares) if share >= least}
        assert {row.clip for row in made.of_kind("swap-random")} == fit
        assert {number(row.background_source) for row in made.of_kind("swap-random")} <= {
            int(clip[:6]) for clip in fit
        }
        assert len(made.of_kind("scuba")) == len(videos)
        assert len(made.skipped) == len(videos) - len(fit)
        assert all("swaps take" in reason for _, _, reason in made.skipped)

    @pytest.mark.parametrize("pairing", ["same", "close", "far", "random"])
    def test_partners(self, pairing):
        labels = [name for name in "abcd" for _ in range(3)] + ["e"]
        corners = {"a": (0, 0), "b": (1, 0), "c": (5, 5), "d": (9, 0), "e": (9, 1)}
        places = np.array([corners[label] for label in labels], float)
        drawn = draw_partners(labels, places, pairing, seed=0)
        names = [None if place is None else labels[place] for place in drawn]
        if pairing == "same":
            assert drawn[-1] is None
            assert names[:-1] == labels[:-1]
            assert all(place != row for row, place in enumerate(drawn))
            assert sorted(drawn[:3]) == [0, 1, 2]
        elif pairing == "random":
            assert all(name != label for name, label in zip(names, labels, strict=True))
        else:
            partners = {"close": ("bc", "ac", "eb", "ec", "dc"), "far": ("e", "e", "a", "a", "a")}
            drawn_from = {
                label: {names[row] for row in range(13) if labels[row] == label} for label in labels
            }
            for label, allowed in zip("abcde", partners[pairing], strict=True):
                assert drawn_from[label] <= set(allowed)
        assert drawn == draw_partners(labels, places, pairing, seed=0)

    def test_clips_of_other_sizes_and_lengths_swap(self, tmp_path):
        videos = [*puppets(1), *puppets(2, View(num_frames=9, size=(40, 40)))[1:]]
        split = write_world(tmp_path / "w", videos)
        made = make_bias_sets(
            split, tmp_path / "out", recipe(tmp_path / "w", kinds=("swap-random", "conflict"))
        )
        for row, frames in of_kind(made, "swap-random"):
            count, own = len(videos[number(row.source)].frames), videos[number(row.source)].frames.shape[2:]
            height, width = videos[number(row.background_source)].frames.shape[2:]
            scale = min(own) / min(height, width)
            assert frames.shape == (count, 3, round(height * scale), round(width * scale))

    def test_large_and_long_videos_are_reduced(self, tmp_path):
        videos = puppets(2, View(num_frames=16, size=(64, 80)))
        split = write_world(tmp_path / "w", videos)
        made = make_bias_sets(
            split, tmp_path / "out", recipe(tmp_path / "w", largest_side=32, max_seconds=1.0, crf=10)
        )
        assert not made.failures
        for row in made.rows:
            assert frames_of(made, row).shape == (8, 3, 32, 40)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"kinds": ("upside-down",)}, "no kind 'upside-down'; expected some of: original"),
            ({"masks": "/no/masks"}, "/no/masks is no folder of masks"),
            ({"images": "/no/pictures"}, "/no/pictures is no folder of pictures"),
            ({"least_person": 0.6}, "expected 0 ≤ least < most ≤ 1"),
            ({"motion_share": 0}, "expected above 0 and below 1"),
            ({"max_seconds": 0}, "expected above 0 s"),
            ({"seed": -1}, "seed -1"),
        ],
    )
    def test_impossible_recipes(self, world, tmp_path, change, message):
        folder, split = world
        with pytest.raises(OptionError, match=message):
            make_bias_sets(split, tmp_path / "out", recipe(folder, **change))


def digests(folder: Path) -> dict[str, str]:
    """Name → SHA-256 of every file that is meant for a user."""
    return {
        str(path.relative_to(folder)): content_key(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".work" not in path.parts
    }


class TestAgain:
    def test_the_same_bytes_and_a_manifest_that_comes_back(self, world, manifest, tmp_path):
        folder, split = world
        again = make_bias_sets(split, tmp_path / "again", recipe(folder))
        assert digests(tmp_path / "again") == digests(manifest.folder)
        assert replace(again, folder=manifest.folder) == manifest
        assert read_manifest(manifest.folder) == manifest
        assert manifest.kinds == USUAL
        for row in manifest.rows:
            assert content_key(manifest.folder / row.path) == row.digest

    def test_another_seed_gives_other_clips(self, world, manifest, tmp_path):
        folder, split = world
        other = make_bias_sets(split, tmp_path / "other", recipe(folder, seed=1, kinds=("scuba",)))
        same = {row.digest for row in manifest.of_kind("scuba")} & {
            row.digest for row in other.of_kind("scuba")
        }
        assert not same

    def test_each_set_is_a_split(self, manifest):
        split = read_split(manifest.folder / "swap-random" / "videos.csv")
        assert [video.label for video in split.videos] == [
            row.label for row in manifest.of_kind("swap-random")
        ]
        assert all(Path(str(video.path)).is_file() for video in split.videos)

    @pytest.mark.slow
    def test_killed_at_any_moment_it_ends_with_the_same_files(self, world, manifest, tmp_path):
        folder, _ = world
        output = tmp_path / "out"
        words = ["bias", "make", str(folder / "videos.csv"), "--output", str(output), "--lossless"]
        words += ["--masks", str(folder / "masks"), "--backgrounds", str(folder / "backgrounds")]
        command = [sys.executable, "-m", "zeroshot", *words]
        random_ = random.Random(0)
        for _ in range(2):
            run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            before = len(list(output.rglob("*.mp4"))) if output.exists() else 0
            wanted = before + random_.randrange(3, 15)
            while run.poll() is None and len(list(output.rglob("*.mp4"))) < wanted:
                time.sleep(0.01)
            assert run.poll() is None, "it ended before it could be killed"
            run.send_signal(signal.SIGKILL)
            run.wait()
            with pytest.raises(OptionError, match="half-made; run the same"):
                read_manifest(output)
        subprocess.run(command, check=True, capture_output=True)
        whole = tmp_path / "whole"
        subprocess.run(
            [str(whole) if w == str(output) else w for w in command], check=True, capture_output=True
        )
        assert digests(output) == digests(whole)

    def test_a_changed_video_is_made_again(self, videos, tmp_path):
        split = write_world(tmp_path / "w", videos[:3])
        chosen = recipe(tmp_path / "w", kinds=("human-only",), backgrounds=None)
        first = make_bias_sets(split, tmp_path / "out", chosen)
        stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "original").glob("*.mp4")}
        write_video(tmp_path / "w" / "v1.mp4", videos[1].frames[:, ::-1].copy(), 8.0, crf=None)
        second = make_bias_sets(split, tmp_path / "out", chosen)
        changed = [
            one.source
            for one, other in zip(first.rows, second.rows, strict=True)
            if one.kind == "original" and one.digest != other.digest
        ]
        assert [number(source) for source in changed] == [1]
        kept = [path for path, stamp in stamps.items() if path.stat().st_mtime_ns == stamp]
        assert len(kept) == 2

    def test_a_folder_of_other_things_is_left_alone(self, world, tmp_path):
        folder, split = world
        (tmp_path / "kept.txt").write_text("mine")
        with pytest.raises(OutputError, match="is not empty and holds no biased sets"):
            make_bias_sets(split, tmp_path, recipe(folder))
        assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]

    def test_a_folder_of_other_sets_is_refused(self, world, manifest):
        folder, split = world
        with pytest.raises(OutputError, match=r"biased sets with seed 0, this run has 5; take the same, or"):
            make_bias_sets(split, manifest.folder, recipe(folder, seed=5))
        assert read_manifest(manifest.folder) == manifest

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_a_folder_that_cannot_be_written(self, world, tmp_path):
        folder, split = world
        tmp_path.chmod(0o500)
        with pytest.raises(OutputError, match="cannot"):
            make_bias_sets(split, tmp_path / "out", recipe(folder))

    def test_no_sets(self, tmp_path):
        with pytest.raises(OptionError, match="is not there"):
            read_manifest(tmp_path / "none")
        with pytest.raises(OptionError, match=r"holds no manifest\.json"):
            read_manifest(tmp_path)

    def test_a_damaged_manifest(self, world, tmp_path):
        folder, split = world
        made = make_bias_sets(split, tmp_path / "out", recipe(folder, kinds=("human-only",)))
        (made.folder / "manifest.csv").write_text("path,kind\na,b\n")
        with pytest.raises(OutputError, match="is damaged"):
            read_manifest(made.folder)


def test_real_clips_become_sets(real_clips, tmp_path):
    """Whatever codec, size and rate: every clip gives each of its edits, of its own length."""
    chosen = [path for path in real_clips if path.suffix in {".avi", ".mpg"}][:3]
    split = Split.of("real", [LabeledVideo(str(path), path.stem) for path in chosen])
    made = make_bias_sets(
        split, tmp_path / "out", BiasRecipe(kinds=("swap-random", "scuba"), max_seconds=0.5, largest_side=96)
    )
    assert not made.failures
    for row in made.rows:
        frames = frames_of(made, row)
        assert min(frames.shape[2:]) == 96
        assert 10 <= len(frames) <= 16
