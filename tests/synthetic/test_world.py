"""The puppet world: what it says of a video is exactly what the pixels show.

Covers: synthetic/indoors, synthetic/outdoors, synthetic/paint, synthetic/scenes.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from zeroshot.errors import OptionError, OutputError, ZeroshotError
from zeroshot.resources import prompts_folder
from zeroshot.synthetic.coupling import HOME_SCENES, home_scenes, sample_pairs
from zeroshot.synthetic.dataset import TABLE, write_puppet_videos
from zeroshot.synthetic.motion import CHANNELS, NUM_MOTION_DRAWS, Motion, pose
from zeroshot.synthetic.poses import PROGRAMMES
from zeroshot.synthetic.render import render, render_many
from zeroshot.synthetic.skeleton import JOINTS
from zeroshot.synthetic.world import ACTIONS, ORDER_PAIRS, SCENES, View, composite, human_only, swap
from zeroshot.video.write import write_video

SMALL = View(num_frames=4, size=(32, 32), fps=4)
EVERYTHING = range(len(ACTIONS))


@pytest.fixture(scope="module")
def videos():
    """One video an action, all scenes among them."""
    scenes = [index % len(SCENES) for index in EVERYTHING]
    return render_many(EVERYTHING, scenes, EVERYTHING, View(num_frames=6, size=(64, 64), fps=4))


def same(one, other):
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("frames", "masks", "background", "figure", "alpha")
    )


def test_as_many_actions_and_scenes_as_promised():
    assert len(set(ACTIONS)) == len(ACTIONS) >= 24
    assert len(set(SCENES)) == len(SCENES) >= 12
    assert all(name == name.lower().strip() for name in (*ACTIONS, *SCENES))


def test_names_stand_in_the_label_lists():
    for names, file in ((ACTIONS, "labels/puppet_actions.txt"), (SCENES, "scenes/puppet.txt")):
        lines = (prompts_folder() / file).read_text(encoding="utf-8").splitlines()
        assert tuple(line for line in lines if not line.startswith("#")) == names


def test_shapes_and_types(videos):
    for video in videos:
        assert video.frames.shape == video.background.shape == video.figure.shape == (6, 3, 64, 64)
        assert video.masks.shape == video.alpha.shape == (6, 64, 64)
        assert video.frames.dtype == video.background.dtype == video.alpha.dtype == np.uint8
        assert video.masks.dtype == bool


def test_frames_are_the_composite(videos):
    for video in videos:
        assert np.array_equal(composite(video.figure, video.alpha, video.background), video.frames)
        bare = np.broadcast_to(video.alpha[:, None] == 0, video.frames.shape)
        assert np.array_equal(video.frames[bare], video.background[bare])
        full = np.broadcast_to(video.alpha[:, None] == 255, video.frames.shape)
        assert np.array_equal(video.frames[full], video.figure[full])


def test_composite_rounds_to_the_nearest_level():
    figure, cover, background = np.meshgrid(
        np.arange(0, 256, 5), np.arange(256), np.arange(0, 256, 3), indexing="ij"
    )
    figure, background = (values.reshape(1, 1, 1, -1).repeat(3, 1) for values in (figure, background))
    exact = (figure * cover.reshape(1, 1, 1, -1) + background * (255 - cover.reshape(1, 1, 1, -1))) / 255
    blended = composite(
        figure.astype(np.uint8), cover.reshape(1, 1, -1).astype(np.uint8), background.astype(np.uint8)
    )
    assert np.array_equal(blended, np.floor(exact + 0.5))


def test_puppets_cover_a_person_s_share_of_the_picture(videos):
    shares = np.array([video.masks.mean() for video in videos])
    assert shares.min() > 0.04
    assert shares.max() < 0.25
    for video in videos:
        assert video.masks.any(axis=(1, 2)).all(), ACTIONS[video.action]


def test_the_mask_is_where_the_puppet_is(videos):
    for video in videos:
        difference = np.abs(video.frames.astype(int) - video.background).max(1)
        assert difference[~video.masks].mean() < 4
        assert difference[video.masks].mean() > 30
        only = human_only(video, (1, 2, 3))
        assert (only.transpose(0, 2, 3, 1)[~video.masks] == (1, 2, 3)).all()
        assert np.array_equal(
            only.transpose(0, 2, 3, 1)[video.masks], video.frames.transpose(0, 2, 3, 1)[video.masks]
        )


def test_same_seed_same_video_whatever_stands_beside_it():
    actions, scenes = (
        [index % len(ACTIONS) for index in range(40)],
        [index * 7 % len(SCENES) for index in range(40)],
    )
    together = render_many(actions, scenes, range(40), SMALL)
    for row in range(0, 40, 3):
        assert same(together[row], render_many([actions[row]], [scenes[row]], [row], SMALL)[0]), ACTIONS[
            actions[row]
        ]
    backwards = render_many(actions[::-1], scenes[::-1], range(39, -1, -1), SMALL)
    assert all(same(one, other) for one, other in zip(together, backwards[::-1], strict=True))


def test_number_of_threads_changes_nothing():
    before = torch.get_num_threads()
    first = render_many([3, 8], [1, 2], [5, 6], View(num_frames=8))
    try:
        torch.set_num_threads(1 if before > 1 else 2)
        second = render_many([3, 8], [1, 2], [5, 6], View(num_frames=8))
    finally:
        torch.set_num_threads(before)
    assert all(same(one, other) for one, other in zip(first, second, strict=True))


def test_torch_s_own_random_state_is_left_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    render("waving", "beach", 1, SMALL)
    sample_pairs(10, coupling=0.5, seed=1)
    assert torch.equal(torch.rand(2), expected)


def test_seeds_vary_everything():
    first, second = render_many([0, 0], [0, 0], [1, 2], SMALL)
    assert not np.array_equal(first.background, second.background)
    assert not np.array_equal(first.alpha, second.alpha)
    assert not np.array_equal(first.figure, second.figure)


def test_the_scene_is_a_factor_of_its_own():
    here, there = (render("kicking", scene, 7, SMALL) for scene in ("beach", "library"))
    assert np.array_equal(here.figure, there.figure)
    assert np.array_equal(here.alpha, there.alpha)
    assert not np.array_equal(here.background, there.background)
    assert np.array_equal(swap(here, there), there.frames)


def test_the_action_is_a_factor_of_its_own():
    waving, bowing = (render(action, "gym", 7, SMALL) for action in ("waving", "bowing"))
    assert np.array_equal(waving.background, bowing.background)
    assert not np.array_equal(waving.alpha, bowing.alpha)


def test_joints_lie_on_the_puppet(videos):
    inside = total = 0
    for video in videos:
        assert video.joints.shape == (6, len(JOINTS), 3)
        columns, rows = video.joints[..., 0].astype(int), video.joints[..., 1].astype(int)
        shown = (columns >= 0) & (columns < 64) & (rows >= 0) & (rows < 64)
        frame = np.arange(6)[:, None].repeat(len(JOINTS), 1)[shown]
        inside += video.masks[frame, rows[shown], columns[shown]].sum()
        total += shown.sum()
    assert inside / total > 0.97


def test_swap_puts_one_on_the_other_s_background():
    person, place = render("jumping", "snow", 1, SMALL), render("waving", "stage", 2, SMALL)
    swapped = swap(person, place)
    bare = np.broadcast_to(person.alpha[:, None] == 0, swapped.shape)
    assert np.array_equal(swapped[bare], place.background[bare])
    full = np.broadcast_to(person.alpha[:, None] == 255, swapped.shape)
    assert np.array_equal(swapped[full], person.frames[full])


def test_swap_refuses_other_shapes():
    with pytest.raises(OptionError, match="cannot swap"):
        swap(
            render("waving", "beach", 1, SMALL),
            render("waving", "beach", 1, View(num_frames=5, size=(32, 32))),
        )


@pytest.mark.parametrize("pair", ORDER_PAIRS, ids=" / ".join)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_order_pairs_differ_in_nothing_but_order(pair, seed):
    still = replace(SMALL, num_frames=7, camera_jitter=0.0)
    forth, back = (render(action, "office", seed, still) for action in pair)
    assert np.abs(forth.frames.astype(int) - back.frames[::-1]).max() <= 1
    assert not np.array_equal(forth.masks, back.masks)


def test_no_other_actions_are_each_other_s_reversal():
    still = replace(SMALL, num_frames=7, camera_jitter=0.0)
    found = render_many(EVERYTHING, [0] * len(ACTIONS), [4] * len(ACTIONS), still)
    pairs = {
        (ACTIONS[i], ACTIONS[j])
        for i in EVERYTHING
        for j in range(i + 1, len(ACTIONS))
        if np.abs(found[i].frames.astype(int) - found[j].frames[::-1]).max() <= 1
    }
    assert pairs == set(ORDER_PAIRS)


def test_every_programme_moves_and_names_known_channels():
    generator = torch.Generator().manual_seed(0)
    draws = torch.rand(3, NUM_MOTION_DRAWS, generator=generator, dtype=torch.float64)
    progress = torch.linspace(0, 1, 9, dtype=torch.float64).expand(3, -1)
    for action, (programme, _) in PROGRAMMES.items():
        found = pose(programme, Motion(2 * progress, progress, draws))
        assert set(found) == set(CHANNELS), action
        assert all(channel.shape == (3, 9) and channel.isfinite().all() for channel in found.values())
        assert max(float((channel - channel[:, :1]).abs().max()) for channel in found.values()) > 0.3, action


def test_walking_left_goes_left_and_right_goes_right():
    view = View(num_frames=5, size=(48, 48), camera_jitter=0)
    for verb in ("walking", "running"):
        for direction, sign in (("left", -1), ("right", 1)):
            mask = render(f"{verb} {direction}", "desert", 3, view).masks
            middles = [np.nonzero(frame.any(0))[0].mean() for frame in mask]
            assert sign * (middles[-1] - middles[0]) > 4


@pytest.mark.parametrize("size", [(32, 32), (8, 8), (40, 72), (72, 40), (121, 65)])
def test_every_action_and_scene_at_every_size(size):
    scenes = [index % len(SCENES) for index in EVERYTHING]
    for video in render_many(EVERYTHING, scenes, EVERYTHING, View(num_frames=2, size=size)):
        assert video.frames.shape == (2, 3, *size)
        assert video.masks.any()
        assert video.background.std() > 8


def test_sizes_show_the_same_picture():
    small = render("waving", "street", 3, View(num_frames=2, size=(32, 32), camera_jitter=0)).frames.astype(
        float
    )
    large = render("waving", "street", 3, View(num_frames=2, size=(96, 96), camera_jitter=0)).frames.astype(
        float
    )
    pooled = large.reshape(2, 3, 32, 3, 32, 3).mean((3, 5))
    assert np.abs(pooled - small).mean() < 6


def test_scenes_look_different_and_vary_inside():
    num = len(SCENES)
    view = View(num_frames=1, size=(32, 32))
    found = render_many([0] * 4 * num, [index % num for index in range(4 * num)], range(4 * num), view)
    looks = np.stack([video.background[0] for video in found]).astype(float).reshape(4, num, -1)
    assert np.abs(looks[0] - looks[1]).mean(1).min() > 3
    distance = np.abs(looks[:3, :, None] - looks[3]).mean(-1)
    assert (distance.mean(0).argmin(1) == np.arange(num)).mean() > 0.9


def test_the_camera_moves_or_stands_still():
    moving, still = (
        render("waving", "farm", 5, View(num_frames=6, camera_jitter=amount)).background
        for amount in (0.05, 0.0)
    )
    assert (still == still[0]).all()
    assert all((moving[t] != moving[t + 1]).any() for t in range(5))


def test_single_frames_show_all_of_a_movement():
    """A still of "lying down" shows a puppet on its feet, on the ground and between."""
    action = ACTIONS.index("lying down")
    stills = render_many([action] * 30, [0] * 30, range(30), View(num_frames=1, size=(32, 32)))
    heights = [np.nonzero(video.masks[0].any(1))[0].size for video in stills]
    assert min(heights) < 8
    assert max(heights) > 18


@pytest.mark.parametrize("coupling", [0.0, 0.5, 0.8, 1.0])
def test_coupling_is_what_it_says(coupling):
    num = 8000
    actions, scenes = sample_pairs(num, coupling=coupling, seed=11)
    assert set(Counter(actions).values()) == {num // len(ACTIONS)}
    homes = home_scenes(EVERYTHING, range(len(SCENES)))
    at_home = np.mean([homes[action] == scene for action, scene in zip(actions, scenes, strict=True)])
    expected = coupling + (1 - coupling) / len(SCENES)
    assert at_home == pytest.approx(expected, abs=4 * (expected * (1 - expected) / num) ** 0.5 + 1e-9)
    away = Counter(scene for action, scene in zip(actions, scenes, strict=True) if homes[action] != scene)
    if coupling < 1:
        share = np.array([away[scene] for scene in range(len(SCENES))]) / away.total()
        assert np.abs(share - 1 / len(SCENES)).max() < 5 * (1 / len(SCENES) / away.total()) ** 0.5


def test_pairs_are_drawn_by_seed():
    first = sample_pairs(50, coupling=0.5, seed=1)
    assert first == sample_pairs(50, coupling=0.5, seed=1)
    assert first != sample_pairs(50, coupling=0.5, seed=2)
    counts = Counter(first[0])
    assert sorted(counts.values())[0] == 1
    assert max(counts.values()) == 2


def test_every_action_has_a_home_and_order_pairs_have_two():
    assert set(HOME_SCENES) == set(ACTIONS)
    assert set(Counter(HOME_SCENES.values()).values()) == {2}
    assert set(HOME_SCENES.values()) == set(SCENES)
    assert all(HOME_SCENES[one] != HOME_SCENES[other] for one, other in ORDER_PAIRS)


def test_homes_among_fewer_scenes():
    scenes = [4, 9, 13]
    homes = home_scenes(EVERYTHING, scenes)
    assert set(homes) == set(scenes)
    assert max(Counter(homes).values()) - min(Counter(homes).values()) <= 1
    for action, home in enumerate(homes):
        wanted = SCENES.index(HOME_SCENES[ACTIONS[action]])
        assert home == wanted or wanted not in scenes
    actions, drawn = sample_pairs(60, coupling=1.0, seed=0, actions=[1, 5, 30], scenes=scenes)
    assert set(actions) == {1, 5, 30}
    assert all(
        home_scenes([1, 5, 30], scenes)[[1, 5, 30].index(a)] == s for a, s in zip(actions, drawn, strict=True)
    )


IMPOSSIBLE = {
    "action": lambda: render("flying", "beach", 1),
    "scene": lambda: render("waving", "moon", 1),
    "action index": lambda: render_many([99], [0], [0]),
    "scene index": lambda: render_many([0], [-1], [0]),
    "seed": lambda: render("waving", "beach", -1),
    "large seed": lambda: render("waving", "beach", 2**63),
    "lengths": lambda: render_many([0, 1], [0], [0]),
    "frames": lambda: View(num_frames=0),
    "size": lambda: View(size=(4, 64)),
    "rate": lambda: View(fps=0),
    "not a rate": lambda: View(fps=float("nan")),
    "jitter": lambda: View(camera_jitter=-0.1),
    "coupling": lambda: sample_pairs(5, coupling=1.5, seed=0),
    "not a coupling": lambda: sample_pairs(5, coupling=float("nan"), seed=0),
    "pairs": lambda: sample_pairs(0, coupling=0.5, seed=0),
    "no actions": lambda: sample_pairs(5, coupling=0.5, seed=0, actions=[]),
    "no scenes": lambda: sample_pairs(5, coupling=0.5, seed=0, scenes=[]),
    "folder seed": lambda: write_puppet_videos("never", 2, seed=-1),
    "folder coupling": lambda: write_puppet_videos("never", 2, coupling=2),
    "no videos": lambda: write_puppet_videos("never", 0),
}


@pytest.mark.parametrize("call", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_what_cannot_be_is_refused_in_one_line(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ZeroshotError) as caught:
        call()
    assert isinstance(caught.value, OptionError)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_no_videos_is_no_error_for_the_renderer():
    assert render_many([], [], []) == []


def table(folder):
    with (folder / TABLE).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_folder_of_videos(tmp_path):
    paths = list(write_puppet_videos(tmp_path / "new" / "set", 5, coupling=0.5, seed=3, view=SMALL))
    rows = table(tmp_path / "new" / "set")
    assert [path.name for path in paths] == [row["path"] for row in rows]
    actions, scenes = sample_pairs(5, coupling=0.5, seed=3)
    assert [(row["label"], row["scene"]) for row in rows] == [
        (ACTIONS[action], SCENES[scene]) for action, scene in zip(actions, scenes, strict=True)
    ]
    for row, path in enumerate(paths):
        expected = render_many([actions[row]], [scenes[row]], [3_000_009 + row], SMALL)[0].frames
        write_video(tmp_path / "expected.mp4", expected, 4)
        assert path.read_bytes() == (tmp_path / "expected.mp4").read_bytes()


def test_an_interrupted_run_is_taken_up_again(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    list(write_puppet_videos(whole, 20, seed=3, view=SMALL))
    unfinished = write_puppet_videos(broken, 20, seed=3, view=SMALL)
    first = [next(unfinished) for _ in range(18)]
    unfinished.close()
    assert not (broken / TABLE).exists()
    marks = [path.stat().st_mtime_ns for path in first]
    assert len(list(write_puppet_videos(broken, 20, seed=3, view=SMALL))) == 20
    assert marks == [path.stat().st_mtime_ns for path in first]
    files = {path.name: path.read_bytes() for path in whole.iterdir()}
    assert files == {path.name: path.read_bytes() for path in broken.iterdir()}


def test_two_runs_into_one_folder(tmp_path):
    first = write_puppet_videos(tmp_path, 3, view=SMALL)
    next(first)
    with pytest.raises(OutputError, match="is being written by process"):
        write_puppet_videos(tmp_path, 3, view=SMALL)
    first.close()
    assert len(list(write_puppet_videos(tmp_path, 3, view=SMALL))) == 3


@pytest.mark.parametrize("change", [{"seed": 4}, {"view": replace(SMALL, fps=5)}, {"num_videos": 2}])
def test_a_folder_of_other_videos_is_refused(tmp_path, change):
    settings = {"num_videos": 3, "seed": 3, "view": SMALL}
    list(write_puppet_videos(tmp_path, **settings))
    with pytest.raises(OutputError, match=r"holds puppet videos with .*, this run has .*; take the same, or"):
        write_puppet_videos(tmp_path, **{**settings, **change})
    assert len(table(tmp_path)) == 3


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write to"):
        write_puppet_videos(tmp_path / "file", 2, view=SMALL)
