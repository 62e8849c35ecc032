"""The debiasing benchmark from end to end on a few videos; its data and figures on known cases."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def _beside(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_worlds_share_no_scene():
    import debias_world as world

    sets = [set(world.TEST_SCENES), set(world.VALIDATION_SCENES), set(world.STRANGE_SCENES)]
    assert sum(len(each) for each in sets) == len(set.union(*sets)) == len(world.SCENE_NAMES)
    assert not set(world.SEEN) & set(world.UNSEEN)
    # Two seen actions at home in each scene: the scene of another video's background is then uniform.
    for places, fewest, most in ((world.TEST_PLACES, 2, 2), (world.VALIDATION_PLACES, 1, 3)):
        homes = world.plain_world(places, 0).homes[: len(world.SEEN)]
        counts = torch.unique(homes, return_counts=True)[1].tolist()
        assert (len(counts), min(counts), max(counts)) == (10, fewest, most)


def test_persons_keep_their_looks_where_their_place_has_another():
    import debias_world as world

    scene, labels = world.VALIDATION_PLACES[0], torch.zeros(3, dtype=torch.long)
    places = scene + len(world.SCENE_NAMES) * torch.arange(3)
    today = world.plain_world(world.VALIDATION_PLACES, 0)
    plain = world.render_people(today, labels, torch.full((3,), scene), 7)
    changed = world.render_people(today, labels, places, 7)
    for row, (before, after) in enumerate(zip(plain.videos, changed.videos, strict=True)):
        np.testing.assert_array_equal(after.figure, before.figure)
        np.testing.assert_array_equal(
            after.frames, world.composite(after.figure, after.alpha, after.background)
        )
        assert np.array_equal(after.background, before.background) == (row == 0)


def test_mirrored_copies_have_the_label_of_the_other_side():
    import debias_world as world

    turned = {world.SEEN[row]: int(other) for row, other in enumerate(world.plain_world((0,), 0).other_side)}
    assert world.SEEN[turned["turning left"]] == "turning right"
    assert world.SEEN[turned["waving"]] == "waving"
    one_sided = {label for label, other in turned.items() if other < 0}
    assert one_sided == {"walking right", "running left", "leaning left"}


def test_composed_actions_are_kept_back_as_the_grammar_says():
    import debias

    from zeroshot.synthetic import grammar

    place = debias.WORLDS["compositional"]
    assert place.unseen == tuple(action.name for action in grammar.UNSEEN)
    assert set(place.labels) == set(grammar.COMPOSED_NAMES)
    assert [grammar.COMPOSED_NAMES[row] for row in place.actions] == list(place.labels)
    for labels in (place.seen, place.unseen):
        pairs = place.rows_of_pairs(labels)
        assert len(pairs) >= 14
        for first, second in pairs:
            action = grammar.COMPOSED[place.actions[first]]
            assert action.reversed == grammar.COMPOSED[place.actions[second]]
    assert len(place.rows_of_pairs(place.labels)) == len(place.pairs)
    assert (place.other_side >= 0).all()


def test_worlds_share_no_video_and_no_home_outside_their_places():
    import debias

    bases = [place.base for place in debias.WORLDS.values()]
    assert all(abs(one - other) >= 1000 for one in bases for other in bases if one != other)
    for place in debias.WORLDS.values():
        assert set(place.homes.tolist()) <= set(place.places)
        people = len(torch.unique(place.homes[: len(place.seen)]))
        assert people == len(set(place.places))


def test_a_composed_person_keeps_its_looks_before_another_place():
    import debias
    import debias_world

    place = debias.WORLDS["compositional-busy"]
    people = debias_world.render_people(place, torch.tensor([0, 60]), place.homes[[0, 60]], 7)
    moved = debias_world.place(people, 0, 1)
    video, other = people.videos
    np.testing.assert_array_equal(moved, debias_world.composite(video.figure, video.alpha, other.background))
    assert (video.others > 0).any()


def test_changed_videos_come_from_between_the_same_couplings():
    import debias_world as world

    luck = torch.rand(500, generator=torch.Generator().manual_seed(0))
    groups = world.luck_groups(luck)
    assert sorted(torch.cat(groups).tolist()) == list(range(500))
    for rows in groups:
        for coupling in world.COUPLINGS:
            assert len((luck[rows] < coupling).unique()) == 1


def test_accuracies_of_a_reader_of_backgrounds_and_of_one_of_persons():
    import debias_scores as scores
    import debias_world as world

    seen, unseen = len(world.SEEN), len(world.UNSEEN)
    count, today = seen + unseen, world.plain_world(world.TEST_PLACES, 0)
    texts = np.eye(count, dtype=np.float32)
    labels = torch.arange(seen)
    other = (labels + 3) % seen
    test = world.TestSet(labels=labels, other=other, luck=None, at_home=None, elsewhere=None, background=None,
                         human=None, scuba=None, unseen_labels=torch.arange(seen, count), unseen=None,
                         scenes=labels)  # fmt: skip
    person = dict.fromkeys(("orig", "background", "human", "swap", "scuba", "scufo"), texts[:seen])
    found = scores.accuracies({**person, "unseen": texts[seen:]}, test, texts, today)
    assert found["shacc"] == found["unseen_shacc"] == found["h"] == found["order_pairs"] == 100
    assert found["unseen_order_pairs"] == 100
    assert found["sberr"] == found["contra"] == 0
    place = {**person, "swap": texts[other.numpy()], "unseen": texts[:unseen]}
    found = scores.accuracies(place, test, texts, today)
    assert (found["shacc"], found["sberr"], found["h"]) == (0, 100, 0)


def test_original_clips_are_those_at_home_and_of_the_swap_the_others():
    import debias_rows
    import debias_scores as scores
    import debias_world as world

    seen, unseen = len(world.SEEN), len(world.UNSEEN)
    texts = torch.eye(seen + unseen)
    words = debias_rows.Words(world.plain_world(world.TEST_PLACES, 0), texts, (), texts[:0], 1.0)
    labels = torch.arange(seen)
    luck = torch.linspace(0, 0.95, seen)
    test = world.TestSet(labels=labels, other=(labels + 3) % seen, luck=luck, at_home=None, elsewhere=None,
                         background=None, human=None, scuba=None,
                         unseen_labels=torch.arange(seen, seen + unseen), unseen=None,
                         scenes=labels % 2)  # fmt: skip
    right, wrong = texts[:seen], texts[test.other]
    rows = dict.fromkeys(("background", "human", "swap", "scuba", "scufo"), wrong)
    for coupling in (0.0, 0.5, 0.95):
        home = luck < coupling
        sets = {**rows, "at_home": right[home], "unseen": texts[seen:]}
        found = dict(figure[1:] for figure in scores.figures("", sets, test, words, coupling))
        assert found["orig"] == pytest.approx(100 * float(home.float().mean()))
        assert found["shacc"] == 0
    assert torch.equal(rows["swap"], wrong)


def test_each_method_has_a_row_of_the_same_losses_and_copies():
    import debias_rows as rows

    from zeroshot.training.config import TrainingConfig
    from zeroshot.training.methods.table import METHODS

    for name, method in METHODS.items():
        row = rows.ROWS["all"] if name == "streams" else rows.ABLATION[name]
        assert rows.settings(row, 720, 0) == TrainingConfig.from_dict({}, method)
        assert ("swap" in row.changed, "mirror" in row.changed) == (method.swapped, method.mirrored)
    assert rows.settings(rows.ROWS["all"], 720, 0) == TrainingConfig()


def test_a_waist_of_the_benchmark_is_as_the_command_writes_it():
    import debias_rows as rows
    from debias_world import Tokens

    def tokens(value: float) -> Tokens:
        return Tokens(torch.full((3, 2, 17, 4), value), torch.full((3, 2, 5), value))

    kinds = {"": tokens(0.0), "swap": tokens(1.0), "mirror": tokens(2.0), "swap_mirror": tokens(3.0)}
    waist = rows.as_written(kinds, ["a", "b", "a"])
    assert waist.labels == ("a", "b", "a", "a", "b", "a")
    assert [row.is_copy for row in waist.rows] == [False] * 3 + [True] * 3
    assert [row.video for row in waist.rows] == ["row 0", "row 1", "row 2"] * 2
    assert waist.settings.mirrored
    assert [float(waist.batch([row], clip)[0][0, 0, 0, 0]) for row in (0, 3) for clip in (0, 1)] == [
        0,
        2,
        1,
        3,
    ]
    alone = rows.as_written({"": tokens(0.0), "swap": tokens(1.0)}, ["a", "b", "a"])
    assert (len(alone), alone.settings.num_clips) == (6, 1)


@pytest.mark.slow
def test_one_command_writes_tables_and_pictures(tmp_path):
    command = [
        sys.executable, str(BENCHMARKS / "debias.py"), "--tiny", "--seeds", "2", "--couplings", "0.95",
        "--workers", "1", "--backbone", "puppet-tiny",
        "--cache", str(tmp_path / "cache"), "--output", str(tmp_path / "results"),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    with (tmp_path / "results" / "debias.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == ["rho", "row", "seed", "stream", "metric", "value"]
    assert {line["row"] for line in lines} == {
        "clip", "plain", "subtract", "independence", "scene", "both", "balanced", "stillmix", "all", "oracle",
    }  # fmt: skip
    assert {line["metric"] for line in lines} == {
        "orig", "shacc", "sberr", "bor", "hor", "scuba", "scufo", "contra", "unseen_shacc", "h", "nhsic",
        "scene_probe", "order_pairs", "unseen_order_pairs",
    }  # fmt: skip
    assert {line["rho"] for line in lines if line["row"] == "oracle"} == {"0.0"}
    for name in ("debias.md", "debias_curves.png", "debias_streams.png", "debias_ablation.csv"):
        assert (tmp_path / "results" / name).stat().st_size > 500
    # A second call finds everything done, and writes the same.
    before = (tmp_path / "results" / "debias.csv").read_text()
    again = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "seed" not in again.stderr
    assert (tmp_path / "results" / "debias.csv").read_text() == before
