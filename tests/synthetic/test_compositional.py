"""The compositional world: what it says of a video is what the pixels show, whatever stands around.

Covers: synthetic/gestures, synthetic/surroundings.
"""

import csv
import json

import numpy as np
import pytest
import torch

from zeroshot.errors import OptionError
from zeroshot.synthetic.compositional import render_composed
from zeroshot.synthetic.dataset import TABLE, write_puppet_videos
from zeroshot.synthetic.gestures import move
from zeroshot.synthetic.grammar import COMPOSED, COMPOSED_NAMES, SEEN, UNSEEN
from zeroshot.synthetic.motion import NUM_MOTION_DRAWS
from zeroshot.synthetic.skeleton import JOINTS
from zeroshot.synthetic.surroundings import Surroundings, camera_path
from zeroshot.synthetic.world import SCENES, View, composite, swap

VIEW = View(num_frames=6, size=(48, 48), fps=3)
BUSY = Surroundings(persons=3, distractors=3, camera=1.0)
EVERYTHING = range(len(COMPOSED))
FACTS = ("frames", "masks", "background", "figure", "alpha", "joints", "others", "movers", "camera", "done")


@pytest.fixture(scope="module")
def alone():
    """One video an action with nobody else there, all of one seed."""
    return render_composed(EVERYTHING, [0] * len(COMPOSED), [3] * len(COMPOSED), VIEW)


@pytest.fixture(scope="module")
def busy():
    """A few videos with everything there is."""
    rows = range(0, len(COMPOSED), 7)
    return render_composed(rows, [row % len(SCENES) for row in rows], rows, VIEW, BUSY)


def agree(one, other):
    """Share of pixels of two videos' covers that agree, but for rounding where limbs touch."""
    return (np.abs(one.astype(int) - other) <= 2).mean()


def test_mirrored_videos_are_those_of_the_mirrored_action(alone):
    for video in alone:
        other = alone[COMPOSED.index(COMPOSED[video.action].mirrored)]
        if other is not video:
            assert agree(video.alpha[..., ::-1], other.alpha) > 0.995, COMPOSED_NAMES[video.action]
            assert agree(video.alpha, other.alpha) < 0.99, COMPOSED_NAMES[video.action]


def test_videos_played_backwards_are_those_of_the_reversal(alone):
    for video in alone:
        back = COMPOSED[video.action].reversed
        if back is None:
            continue
        other = alone[COMPOSED.index(back)]
        # Who jumps aside faces us, more or less: which way is the one thing that time does not turn round.
        if COMPOSED[video.action].verb != "jump aside":
            assert np.array_equal(video.alpha[::-1], other.alpha), COMPOSED_NAMES[video.action]
            np.testing.assert_allclose(video.done[::-1], 1 - other.done, atol=1e-6)
        assert not np.array_equal(video.alpha, other.alpha)


def test_every_action_moves_and_no_two_gestures_look_alike(alone):
    for video in alone:
        assert (video.masks[0] != video.masks[1:]).any(), COMPOSED_NAMES[video.action]
    slow = [video for video in alone if COMPOSED[video.action].manner == "slowly"]
    for i, video in enumerate(slow):
        for other in slow[:i]:
            assert not np.array_equal(video.masks, other.masks), (
                COMPOSED_NAMES[video.action],
                COMPOSED_NAMES[other.action],
            )


def test_the_limb_named_is_the_one_on_that_side_of_the_picture_and_it_moves(alone):
    tips = {"arm": "hand", "leg": "ankle"}
    for video in alone:
        side, _, limb = COMPOSED[video.action].part.partition(" ")
        if limb not in tips:
            continue
        travelled = {
            letter: np.ptp(video.joints[:, JOINTS.index(f"{letter}_{tips[limb]}"), :2], axis=0).sum()
            for letter in "lr"
        }
        here, there = (side[0], "r" if side == "left" else "l")
        assert travelled[here] > 5, COMPOSED_NAMES[video.action]
        assert travelled[here] > 4 * travelled[there], COMPOSED_NAMES[video.action]
        shoulders = [video.joints[:, JOINTS.index(f"{letter}_shoulder"), 0].mean() for letter in "lr"]
        assert shoulders[0] < shoulders[1]


def test_once_is_quick_twice_comes_back_and_slowly_takes_its_time():
    rows = [COMPOSED_NAMES.index(f"raising the left arm {manner}") for manner in ("once", "twice", "slowly")]
    progress = torch.linspace(0, 1, 101, dtype=torch.float64).expand(3, -1)
    draws = torch.full((3, NUM_MOTION_DRAWS), 0.5, dtype=torch.float64)
    out = move(rows, draws, 2 * progress, progress)[0]["r_arm_out"]
    share = (out - out[:, :1]) / (out[:, -1:] - out[:, :1])
    between = ((share > 0.02) & (share < 0.98)).sum(1)
    assert between[0] * 2 < between[2]
    turns = [(row.diff().sign()[row.diff() != 0].diff() != 0).sum().item() for row in share]
    assert turns == [0, 2, 0]


def test_walking_slowly_is_slower_and_backwards_looks_the_other_way(alone):
    def hips(name):
        return alone[COMPOSED_NAMES.index(name)].joints[:, JOINTS.index("hips"), 0]

    def looks_right(name):
        joints = alone[COMPOSED_NAMES.index(name)].joints
        return joints[0, JOINTS.index("l_eye"), 0] > joints[0, JOINTS.index("head"), 0]

    for verb in ("walking", "running"):
        for side, sign in (("left", -1), ("right", 1)):
            quick, slow = (hips(f"{verb} to the {side} {manner}") for manner in ("quickly", "slowly"))
            assert sign * (quick[-1] - quick[0]) > 1.3 * sign * (slow[-1] - slow[0]) > 0
            back = f"{verb} backwards to the {side} quickly"
            assert sign * (hips(back)[-1] - hips(back)[0]) > 4
            assert looks_right(back) == (side == "left") != looks_right(f"{verb} to the {side} quickly")


def test_frames_are_the_composite_of_what_is_known(busy):
    for video in busy:
        assert np.array_equal(composite(video.figure, video.alpha, video.background), video.frames)
        assert np.array_equal(video.masks, video.alpha >= 128)
        assert video.masks.any(axis=(1, 2)).all()
    assert np.array_equal(swap(busy[0], busy[1])[busy[0].alpha[:, None].repeat(3, 1) == 0],
                          busy[1].background[busy[0].alpha[:, None].repeat(3, 1) == 0])  # fmt: skip


def test_same_seed_same_video_whatever_stands_beside_it(busy):
    for video in busy[::5]:
        other = render_composed([video.action], [video.scene], [video.seed], VIEW, BUSY)[0]
        for name in FACTS:
            assert np.array_equal(getattr(video, name), getattr(other, name)), name


def test_scene_people_things_and_camera_are_factors_of_their_own():
    def one(scene=2, persons=1, distractors=0, camera=0.0, roughness=0.5):
        return render_composed(
            [5], [scene], [9], VIEW, Surroundings(persons, distractors, camera, roughness)
        )[0]

    plain = one()
    for changed in (one(scene=3), one(persons=3), one(distractors=4), one(roughness=0.0)):
        assert np.array_equal(plain.alpha, changed.alpha)
        assert np.array_equal(plain.figure, changed.figure)
        assert not np.array_equal(plain.background, changed.background)
    # Who stands by is the same whether one more does: where only the third covers, the rest is untouched.
    two, three = one(persons=2), one(persons=3)
    untouched = two.others == three.others
    assert 0.02 < two.others.astype(bool).mean() < three.others.astype(bool).mean()
    assert np.array_equal(
        two.background.transpose(0, 2, 3, 1)[untouched & (three.others == 0)],
        plain.background.transpose(0, 2, 3, 1)[untouched & (three.others == 0)],
    )


def test_covers_say_where_people_and_things_are():
    plain = render_composed([5] * 4, [2] * 4, range(4), VIEW)
    crowd = render_composed([5] * 4, [2] * 4, range(4), VIEW, Surroundings(3, 3))
    for before, after in zip(plain, crowd, strict=True):
        differs = (before.background != after.background).any(1)
        covered = (after.others > 0) | (after.movers > 0)
        assert not (differs & ~covered).any()
        full = (after.others == 255) | (after.movers == 255)
        assert differs[full].mean() > 0.9
        assert (after.movers[0] != after.movers[-1]).any()


def test_bystanders_keep_still_and_never_show_what_is_kept_back():
    for video in render_composed([5] * 6, [2] * 6, range(6), VIEW, Surroundings(2)):
        moved = (np.abs(np.diff(video.others.astype(int), axis=0)) > 128).mean()
        assert moved < 0.25 * (video.others >= 128).mean()


def test_a_still_camera_and_a_moving_one():
    still, moving = (
        render_composed([5], [4], [1], VIEW, Surroundings(camera=strength))[0] for strength in (0.0, 1.0)
    )
    assert (still.background == still.background[0]).all()
    assert np.array_equal(still.camera, np.tile(np.float32([0, 0, 1]), (6, 1)))
    assert (moving.background[0] != moving.background[-1]).mean() > 0.3
    assert len(np.unique(moving.camera, axis=0)) == 6


def test_the_camera_moves_figure_and_place_alike():
    """A joint is where the camera's own formula puts it, and so is the place's brightest corner."""
    still, moving = (
        render_composed(
            [COMPOSED_NAMES.index("bowing slowly")], [4], [1], VIEW, Surroundings(camera=strength)
        )[0]
        for strength in (0.0, 1.0)
    )
    x, y, zoom = moving.camera.T[:, :, None]
    flat = still.joints[..., :2] / 48
    expected = np.stack([(flat[..., 0] - 0.5 - x) * zoom + 0.5, (flat[..., 1] - 0.5 - y) * zoom + 0.5], -1)
    np.testing.assert_allclose(moving.joints[..., :2] / 48, expected, atol=1e-5)
    large = View(num_frames=6, size=(96, 96), fps=3)
    pair = [
        render_composed([5], [4], [1], large, Surroundings(camera=c, roughness=0.0))[0] for c in (0.0, 1.0)
    ]
    columns = np.arange(16, 80)
    for frame in range(6):
        x, y, zoom = pair[1].camera[frame]
        there = ((columns + 0.5) / 96 - 0.5) / zoom + 0.5
        row = np.clip(((there + y) * 96).round().astype(int), 0, 95)
        column = np.clip(((there + x) * 96).round().astype(int), 0, 95)
        seen = pair[0].background[frame][:, row][:, :, column].astype(int)
        shown = pair[1].background[frame][:, 16:80, 16:80]
        assert np.abs(seen - shown).mean() < 12


def test_the_camera_stays_within_what_is_painted():
    draws = torch.rand(500, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    seconds = torch.linspace(0, 3, 20, dtype=torch.float64).expand(500, -1)
    for strength in (0.3, 1.0):
        path = camera_path(draws, seconds, seconds / 3, strength)
        reach = path[..., :2].abs() + 0.5 / path[..., 2:] - 0.5
        assert float(reach.max()) <= Surroundings(camera=strength).margin


def test_noise_roughens_places():
    smooth, rough = (
        render_composed([5], [8], [1], VIEW, Surroundings(roughness=amount))[0].background.astype(int)
        for amount in (0.0, 1.0)
    )
    assert np.abs(smooth - rough).mean() > 5


def test_a_single_frame_stands_anywhere_in_the_movement():
    row = COMPOSED_NAMES.index("raising both arms slowly")
    stills = render_composed([row] * 24, [0] * 24, range(24), View(num_frames=1, size=(32, 32)))
    done = np.array([video.done[0] for video in stills])
    assert done.min() < 0.1
    assert done.max() > 0.9


@pytest.mark.parametrize(
    "call",
    [
        lambda: Surroundings(persons=0),
        lambda: Surroundings(distractors=11),
        lambda: Surroundings(camera=1.5),
        lambda: Surroundings(roughness=float("nan")),
        lambda: render_composed([len(COMPOSED)], [0], [0]),
        lambda: render_composed([0], [0, 1], [0]),
        lambda: write_puppet_videos("never", 2, surroundings=Surroundings(), combinations="both"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(call):
    with pytest.raises(OptionError) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert "expected" in str(caught.value)


def test_a_folder_of_composed_videos_with_their_truth(tmp_path):
    list(
        write_puppet_videos(
            tmp_path, 5, seed=2, view=VIEW, truth=True, surroundings=BUSY, combinations="unseen"
        )
    )
    with (tmp_path / TABLE).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    told = {action.name: action for action in UNSEEN}
    for row in rows:
        action = told[row["label"]]
        assert (row["start"], row["end"]) == (action.stages or ("", ""))
        assert row["combination"] == "unseen"
        with np.load((tmp_path / "masks" / row["path"]).with_suffix(".npz")) as truth:
            assert {"masks", "others", "movers", "camera", "done", "joints"} == set(truth)
            assert truth["masks"].shape == (6, 48, 48)
    settings = json.loads((tmp_path / ".puppets").read_text(encoding="utf-8"))
    assert settings["persons"] == 3
    assert not {action.name for action in SEEN} & {row["label"] for row in rows}
