"""The debiasing benchmark from end to end on a few videos; its data and figures on known cases."""

import csv
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

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
    import debias_plan

    from zeroshot.synthetic import grammar

    place = debias_plan.WORLDS["compositional"]
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
    import debias_plan

    bases = [place.base for place in debias_plan.WORLDS.values()]
    assert all(abs(one - other) >= 1000 for one in bases for other in bases if one != other)
    for place in debias_plan.WORLDS.values():
        assert set(place.homes.tolist()) <= set(place.places)
        people = len(torch.unique(place.homes[: len(place.seen)]))
        assert people == len(set(place.places))


def test_a_composed_person_keeps_its_looks_before_another_place():
    import debias_plan
    import debias_world

    place = debias_plan.WORLDS["compositional-busy"]
    people = debias_world.render_people(place, torch.tensor([0, 60]), place.homes[[0, 60]], 7)
    moved = debias_world.place(people, 0, 1)
    video, other = people.videos
    np.testing.assert_array_equal(moved, debias_world.composite(video.figure, video.alpha, other.background))
    assert (video.others > 0).any()


def test_changed_videos_come_from_between_the_same_couplings():
    import debias_copies as copies
    import debias_world as world

    luck = torch.rand(500, generator=torch.Generator().manual_seed(0))
    groups = copies.luck_groups(luck)
    assert sorted(torch.cat(groups).tolist()) == list(range(500))
    for rows in groups:
        for coupling in world.COUPLINGS:
            assert len((luck[rows] < coupling).unique()) == 1


def _known_test(labels, other, **sets):
    """A test whose tokens nobody reads: persons of seen labels, then one of each unseen one."""
    import debias_world as world

    seen, count = len(world.SEEN), len(world.SEEN) + len(world.UNSEEN)
    empty = dict.fromkeys(("at_home", "background", "human", "scuba", "probe", "probe_scenes"))
    today = world.plain_world(world.TEST_PLACES, 0)
    held = {"luck": torch.linspace(0, 0.95, len(labels)), "elsewhere": None, "unseen": None, **empty, **sets}
    return today, world.TestSet(
        labels=labels,
        other=other,
        unseen_labels=torch.arange(seen, count),
        scenes=today.homes[labels],
        **held,
    )


def _figures(outcomes, test, world):
    import debias_scores as scores

    questions = scores.asked(test, world)
    made = {metric: scores.columns(metric, outcomes, questions) for metric in scores.METRICS}
    return {
        metric: float(scores.statistic(metric)(each.sum(0)))
        for metric, each in made.items()
        if each is not None
    }


def test_answers_of_a_reader_of_backgrounds_and_of_one_of_persons():
    import debias_scores as scores
    import debias_world as worlds

    seen, unseen = len(worlds.SEEN), len(worlds.UNSEEN)
    labels = torch.arange(seen)
    today, test = _known_test(labels, (labels + 3) % seen)
    texts = np.eye(seen + unseen, dtype=np.float32)
    names = ("orig", "background", "human", "swap", "scuba", "scufo")
    person = {**dict.fromkeys(names, texts[:seen]), "unseen": texts[seen:]}
    found = _figures(scores.answers(person, test, today), test, today)
    sure = ("shacc", "unseen", "h", "order_pairs", "unseen_order_pairs", "bor", "hor")
    assert {found[name] for name in sure} == {100}
    assert found["sberr"] == found["home_error"] == found["contra"] == 0
    place = {**person, "swap": texts[test.other.numpy()], "unseen": texts[:unseen]}
    found = _figures(scores.answers(place, test, today), test, today)
    assert (found["shacc"], found["sberr"], found["home_error"], found["h"]) == (0, 100, 100, 0)


def test_an_answer_at_home_is_another_error_than_the_donors_label():
    import debias_scores as scores
    import debias_world as worlds

    seen = len(worlds.SEEN)
    labels = torch.arange(seen)
    today, test = _known_test(labels, (labels + 3) % seen)
    homes, behind = today.homes[:seen].numpy(), test.scenes[test.other].numpy()
    # Each answers the other label that is at home where the donor is.
    others = [
        next(row for row in np.flatnonzero(homes == place) if row != donor)
        for place, donor in zip(behind, test.other.tolist(), strict=True)
    ]
    texts = np.eye(len(today.labels), dtype=np.float32)
    outcomes = scores.answers({"swap": texts[others], "unseen": texts[seen:]}, test, today)
    found = _figures(outcomes, test, today)
    assert (found["sberr"], found["home_error"]) == (0, 100)
    assert "orig" not in found
    assert scores.home_chance(test, today) == pytest.approx(10)


def test_original_clips_are_those_at_home_and_of_the_swap_the_others():
    import debias_rows
    import debias_scores as scores
    import debias_world as worlds

    seen = len(worlds.SEEN)
    labels = torch.arange(seen)
    today, test = _known_test(labels, (labels + 3) % seen)
    texts = torch.eye(len(today.labels))
    words = debias_rows.Words(today, texts, 0 * texts, (), texts[:0], 1.0)
    right, wrong = texts[:seen], texts[test.other]
    rows = dict.fromkeys(("background", "human", "swap", "scuba", "scufo"), wrong)
    for coupling in (0.0, 0.5, 0.95):
        home = test.luck < coupling
        sets = {**rows, "at_home": right[home], "unseen": texts[seen:]}
        judged = scores.judged({"static": sets}, test, words, coupling)
        found = _figures(judged.outcomes["static"], test, today)
        assert found["orig"] == pytest.approx(100 * float(home.float().mean()))
        assert found["shacc"] == 0
        kept = scores.Judged.unpacked(judged.packed(), len(today.labels))
        for name, bits in judged.outcomes["static"].items():
            np.testing.assert_array_equal(kept.outcomes["static"][name], bits)
    assert torch.equal(rows["swap"], wrong)


def test_order_of_stages_is_added_where_drifts_tell_it():
    """Two labels of one text: a guess alone, always right with their changes."""
    import debias_rows
    import debias_scores as scores
    import debias_world as worlds

    seen = len(worlds.SEEN)
    labels = torch.arange(seen)
    today = worlds.plain_world(worlds.TEST_PLACES, 0)
    texts = torch.eye(len(today.labels), len(today.labels) + 1)
    changes = torch.zeros_like(texts)
    for first, second in today.rows_of_pairs(today.unseen):
        texts[second] = texts[first]
        changes[first, -1], changes[second, -1] = 1.0, -1.0
    frames = torch.linspace(-1, 1, 8)[:, None, None] * changes[None] * 0.1 + texts[None]
    tokens = [
        worlds.Tokens(torch.zeros(0), part.transpose(0, 1)) for part in (frames[:, :seen], frames[:, seen:])
    ]
    _, test = _known_test(labels, (labels + 3) % seen, elsewhere=tokens[0], unseen=tokens[1])
    words = debias_rows.Words(today, texts, changes, (), texts[:0], 1.0)
    still = dict.fromkeys(("background", "human", "swap", "scuba", "scufo"), texts[:seen])
    sets = {**still, "at_home": texts[:0], "unseen": texts[seen:]}
    outcomes = scores.judged({"fused": sets}, test, words, 0.0).outcomes
    plain, told = (_figures(outcomes[name], test, today) for name in ("fused", "fused + stages"))
    assert told["unseen"] == told["unseen_order_pairs"] == 100
    assert plain["unseen_order_pairs"] == 50
    assert "scuba" not in told


def test_the_row_all_is_what_train_does_and_each_loss_is_taken_out_alone():
    import debias_rows as rows

    from zeroshot.training.config import TrainingConfig
    from zeroshot.training.methods.table import DEFAULT_METHOD, METHODS

    ours = rows.settings(rows.ROWS["all"], 720, 3)
    assert ours == TrainingConfig(seed=3) == TrainingConfig.from_dict({"seed": 3}, METHODS[DEFAULT_METHOD])
    assert rows.settings(rows.ROWS["oracle"], 720, 3) == ours
    assert rows.ROWS["oracle"].at((0.7, 0.95)) == (0.0,)
    gone = {
        "all, no independence": {"independence"},
        "all, no scene loss": {"scene", "adversary"},
        "all, neither": {"independence", "scene", "adversary"},
    }
    for name, terms in gone.items():
        theirs = rows.settings(rows.ROWS[name], 720, 3)
        before, after = ours.as_dict(), theirs.as_dict()
        kept = {term: weight for term, weight in before["objective"].items() if term not in terms}
        assert {term: after["objective"][term] for term in kept} == kept
        assert not any(after["objective"].get(term) for term in terms)
        assert {**after, "objective": None} == {**before, "objective": None}
    assert set(METHODS) - {DEFAULT_METHOD} <= set(rows.ABLATION)


def test_scenes_are_guessed_as_train_guesses_them_with_the_bundled_backbone():
    import debias_plan
    import debias_world

    from zeroshot.training import scene_sources

    assert scene_sources.own_scenes("puppet-tiny") == debias_world.SCENE_NAMES
    assert debias_plan.SCENE_TEMPLATE == scene_sources._TEMPLATE


def _sample():
    """40 videos of made-up tokens, two labels that are each other's mirror image, some at home."""
    import debias_copies
    import debias_rows
    import debias_world as worlds

    generator = torch.Generator().manual_seed(0)

    def tokens(count):
        return worlds.Tokens(
            torch.randn(count, 8, 17, 16, generator=generator).half(),
            torch.nn.functional.normalize(torch.randn(count, 8, 8, generator=generator), dim=-1),
        )

    today = worlds.plain_world(worlds.TEST_PLACES, 0)
    rows = [today.seen.index("turning left"), today.seen.index("turning right")]
    labels = torch.tensor(rows).repeat(25)
    people = worlds.Person(labels, today.homes[labels], ())
    luck = torch.rand(50, generator=generator)
    sample = worlds.Sample(people, torch.arange(50).flip(0), luck, tokens(50), tokens(50), 40)
    drawn = {kind: (tokens(40), tokens(40)) for kind in ("swap", "mirror", "swap_mirror")}
    texts = torch.nn.functional.normalize(torch.randn(len(today.labels), 8, generator=generator), dim=-1)
    drawn |= {kind: (tokens(40), tokens(40)) for kind in ("mixed", "emptied")}
    figures = torch.arange(16).expand(40, 8, 16).to(torch.uint8)
    changed = debias_copies.Changed(drawn, (figures, 255 - figures))
    scenes = texts[: len(worlds.SCENE_NAMES)]
    words = debias_rows.Words(today, texts, 0 * texts, worlds.SCENE_NAMES, scenes, 10.0)
    return debias_rows.TrainingData(sample, changed), words


def test_waists_have_copies_as_train_writes_them():
    import debias_rows as rows

    data, words = _sample()
    train, held_out = rows.waists(data, rows.ALL.way, words, 0.7)
    assert (len(train), len(held_out)) == (80, 10)
    assert (train.settings.mirrored, train.settings.swapped, train.settings.num_clips) == (True, True, 2)
    assert [row.is_copy for row in train.rows] == [False] * 40 + [True] * 40
    assert [row.video for row in train.rows[40:]] == [row.key for row in train.rows[:40]]
    assert train.labels[:40] == train.labels[40:]
    home = data.sample.luck[:40] < 0.7
    for start, clip, kind in ((0, 1, "mirror"), (40, 0, "swap"), (40, 1, "swap_mirror")):
        read, _ = train.batch(range(start, start + 40), clip)
        at_home, elsewhere = data.changed.copies[kind]
        assert torch.equal(read, at_home.where(home, elsewhere).tokens)
    bare, _ = rows.waists(data, rows.ROWS["subtract"].way, words, 0.7)
    assert (len(bare), bare.settings.num_clips) == (40, 1)


def test_copies_that_few_methods_ask_for_are_theirs_alone():
    import debias_rows as rows

    from zeroshot.training.methods.table import METHODS
    from zeroshot.waist.waist import EMPTIED

    data, words = _sample()
    home = data.sample.luck[:40] < 0.7
    mixed, _ = rows.waists(data, METHODS["stillmix"], words, 0.7)
    assert (len(mixed), mixed.figures([0])) == (80, None)
    at_home, elsewhere = data.changed.copies["mixed"]
    assert torch.equal(mixed.batch(range(40, 80))[0], at_home.where(home, elsewhere).tokens)
    assert [row.video for row in mixed.rows[40:]] == [row.key for row in mixed.rows[:40]]
    emptied, _ = rows.waists(data, METHODS["sdn"], words, 0.7)
    assert len(emptied) == 40  # nothing is done in an empty place: it has no label
    at_home, elsewhere = data.changed.copies["emptied"]
    read = emptied.of_keys([row.key + EMPTIED for row in emptied.rows])
    assert torch.equal(read[0], at_home.where(home, elsewhere).tokens)
    told, _ = rows.waists(data, METHODS["provenance"], words, 0.7)
    shares = told.figures(range(80))
    patches = torch.arange(16) / 255
    for start in (0, 40):  # the person is the same before another place
        expected = torch.where(home[:, None], patches, 1 - patches)
        assert torch.allclose(shares[start : start + 40, 0, 1:], expected)
    plain, _ = rows.waists(data, METHODS["plain"], words, 0.7)
    assert plain.figures([0]) is None


def test_stills_are_of_other_videos_of_the_same_luck():
    import debias_copies as copies

    network = SimpleNamespace(see_frames=torch.from_numpy)
    frames = torch.zeros(5, 2, 3, 8, 8, dtype=torch.uint8)
    frames += (40 * torch.arange(1, 6, dtype=torch.uint8))[:, None, None, None, None]
    rows = torch.nn.functional.normalize(
        torch.rand(5, 2, 8, generator=torch.Generator().manual_seed(0)), dim=2
    )
    groups = [torch.tensor([0, 1, 2]), torch.tensor([3]), torch.tensor([4])]
    labels = copies.Labels(torch.eye(3, 8), 10.0)
    mixed = copies.mixed_with_stills(network, frames, rows, groups, labels)
    assert torch.equal(mixed[3:], frames[3:])  # nobody lends these a frame
    levels = mixed[:3, 0, 0, 0, 0].tolist()
    for own, level in zip((40, 80, 120), levels, strict=True):
        halves = [(own + other) / 2 for other in (40, 80, 120) if other != own]
        assert min(abs(level - half) for half in halves) < 8


def test_untrained_rows_are_clip_without_its_scenes():
    import debias_rows as rows

    data, words = _sample()
    directions = rows.train(rows.ROWS["anchor"], data, words, 0.7, 0)
    found = rows.without_scene(data.sample.at_home.embeddings, directions)
    assert torch.allclose(found.norm(dim=1), torch.ones(50))
    assert float((found @ directions.T).abs().max()) < 1e-3


def test_jobs_begin_with_what_is_claimed_and_backbones_share_no_seed(monkeypatch, tmp_path):
    import debias_plan as plans
    import debias_rows as rows

    monkeypatch.setattr(plans, "backbone_of", lambda name: type("Named", (), {"fingerprint": name * 12}))
    found = plans.plans_of(["a", "b"], "compositional", 3, (0.7, 0.95), cache=tmp_path)
    assert [plan.seeds for plan in found] == [(0, 1, 2), (3, 4, 5)]
    jobs = plans.jobs_of(found, {**rows.ROWS, **rows.ABLATION})
    assert len({job.key for job in jobs}) == len(jobs)
    first = [job.name for job in jobs[: 5 * 6]]
    assert set(first) == {"oracle", "anchor", "all"}
    assert {job.coupling for job in jobs if job.name == "all, neither"} == {0.95}


def test_a_line_that_was_cut_off_is_done_again(tmp_path):
    import debias_plan as plans

    (tmp_path / "runs.jsonl").write_text('{"key": "a", "outcomes": {}}\n{"key": "b", "outc')
    assert set(plans.read_finished(tmp_path)) == {"a"}


def _evidence(right, *, num_seeds=3):
    """Row and stream → shares of right answers, nothing else told apart: 40 seen, 20 unseen persons."""
    import debias_scores as scores
    import debias_tables as tables

    generator = np.random.default_rng(0)
    seen = np.arange(60) < 40
    ease = generator.random(60)

    def judged(streams, shift):
        answers = {
            stream: {
                name: (ease + shift < share) & (seen if "unseen" not in name else ~seen)
                for name in ("swap", "swap_all", "donor", "home", "unseen", "unseen_all", "unseen_pairs")
            }
            for stream, share in streams.items()
        }
        return scores.Judged(answers, {"": {"nhsic": 0.1 + shift}})

    found = {place: [judged(each, 0.02 * seed) for seed in range(num_seeds)] for place, each in right.items()}
    questions = {
        "seen": seen,
        "new": ~seen,
        "away": seen,
        "out": seen,
        "paired": seen,
        "unseen_paired": ~seen,
    }
    return tables.Evidence(found, questions, (~seen).astype(np.int64), {"all": [12.5]}, {})


def test_tables_come_back_as_they_were_written_and_tell_what_was_reached(tmp_path):
    import debias_goals as goals
    import debias_report as report
    import debias_tables as tables

    right = {
        (0.95, "clip"): {"clip": 0.2, "clip + stages": 0.3},
        (0.95, "anchor"): {"anchor": 0.3, "anchor + stages": 0.4},
        (0.95, "all"): {"dynamic": 0.5, "fused": 0.9, "fused + stages": 0.95},
        (0.95, "all, neither"): {"dynamic": 0.5, "fused": 0.9},
        (0.0, "oracle"): {"fused": 0.9, "fused + stages": 0.95},
    }
    evidence = _evidence(right)
    tables.write_table(tmp_path / "debias.csv", tables.FIGURE_COLUMNS, tables.figure_lines(evidence))
    tables.write_table(tmp_path / "debias_pairs.csv", tables.PAIR_COLUMNS, tables.pair_lines(evidence))
    figures, pairs = tables.read_tables(tmp_path)
    assert figures[0.95, "all", "fused", "shacc"].value > figures[0.95, "clip", "clip", "shacc"].value
    gain = pairs[0.95, ("all", "fused"), ("clip", "clip"), "unseen"]
    assert gain.value > 50
    assert gain.low > 0
    assert gain.p < 0.05
    nil = pairs[0.95, ("all", "fused"), ("all, neither", "fused"), "shacc"]
    assert (nil.value, nil.p) == (0, 1)
    facts = {
        "world": "compositional", "home_chance": 10.0, "cpu_seconds": {"all": 75.0}, "whole_run": None,
        "size": {"train": 1, "test_per_label": 1}, "num_labels": [2, 1], "num_scenes": 10, "num_probed": 9,
        "backbones": [["b", "0", [0, 1, 2]]], "trainings": "3 of 3",
        "rows": {"anchor": {}, "all": {}, "oracle": {}},
        "machine": "Machine: this one",
        "fused": {"all, 0.95": [[1.0, 0.1], [1.0, 0.2]], "plain, 0.95": [[1.0]]},
    }  # fmt: skip
    found = {goal.name: goal for goal in goals.goals(figures, pairs, facts, staged=False)}
    assert found["unseen: fused − clip ≥ 15, interval above 0"].reached
    assert found["H ≥ 1.3 × the anchor's"].reached
    assert not found["SBErr ≤ 1.5"].reached
    assert not goals.costs(facts)[0].reached
    text = report.markdown(figures, pairs, facts)
    assert "**not reached**" in text
    assert "| all | dynamic |" in text
    assert "* `all`, ρ = 0.95, fuses with (weight, excess) as folds chose: (1.0, 0.1), (1.0, 0.2)" in text
    report.draw_answers(figures, facts, tmp_path / "answers.png")
    assert (tmp_path / "answers.png").stat().st_size > 5000


def test_what_is_zero_on_stills_is_marked():
    import debias_report as report

    assert report.constructed("all", "dynamic", "contra")
    assert not report.constructed("all", "fused", "contra")
    assert not report.constructed("plain", "dynamic", "scufo")
    assert not report.constructed("all", "dynamic", "scuba")


def test_knobs_change_one_loss_alone():
    import debias_losses as losses
    import debias_rows as rows

    for base, loss, weight in losses.every_point():
        found = rows.settings(losses.row_of(base, loss, weight), 720, 0).as_dict()
        bare = rows.settings(losses.row_of(base, loss, 0.0), 720, 0).as_dict()
        terms = {
            name for name in found["objective"] if found["objective"][name] != bare["objective"].get(name)
        }
        wanted = (
            {"independence": {"independence"}, "scene": {"scene", "adversary"}}[loss] if weight else set()
        )
        assert terms - {"measure"} == wanted
        assert {**found, "objective": None} == {**bare, "objective": None}
    assert len({losses.name_of(*point) for point in losses.every_point()}) == 21


def test_knobs_are_drawn_and_written(tmp_path):
    import debias_losses as losses
    import debias_tables as tables

    right = {
        (0.95, losses.name_of(*point)): {"dynamic": 0.9 - 0.04 * place, "fused": 0.8}
        for place, point in enumerate(dict.fromkeys(losses.every_point()))
        if point[2] or point[1] == "independence"
    }
    points = losses.corrected(losses.points_of("today", _evidence(right)))
    assert len(points) == len(losses.every_point())
    assert not points[0].changes
    assert points[1].changes["shacc"].value < 0
    text = losses.markdown(points, {"settings": {"today": "here"}, "machine": "Machine: this one"})
    assert "| subtract | independence | 1 |" in text
    losses.write_points(tmp_path / "losses.csv", points)
    losses.draw(points, tmp_path / "losses.png")
    assert (tmp_path / "losses.png").stat().st_size > 5000
    lines = list(csv.DictReader((tmp_path / "losses.csv").read_text().splitlines()))
    assert len(lines) == len(points) * len(losses.METRICS)
    assert isinstance(points[0].figures["shacc"], tables.Figure)


@pytest.mark.slow
def test_one_command_writes_tables_and_pictures(tmp_path):
    command = [
        sys.executable, str(BENCHMARKS / "debias.py"), "--tiny", "--seeds", "2", "--couplings", "0.95",
        "--workers", "1", "--backbone", "puppet-tiny", "--rows", "anchor", "plain", "all", "oracle",
        "--cache", str(tmp_path / "cache"), "--output", str(tmp_path / "results"),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    with (tmp_path / "results" / "debias.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert {line["row"] for line in lines} == {"clip", "anchor", "plain", "all", "oracle"}
    assert {line["metric"] for line in lines} == {
        "orig", "shacc", "sberr", "home_error", "bor", "hor", "scuba", "scufo", "contra", "unseen", "h",
        "nhsic", "scene_probe", "order_pairs", "unseen_order_pairs",
    }  # fmt: skip
    assert {line["rho"] for line in lines if line["row"] == "oracle"} == {"0"}
    assert all(len(line["by_seed"].split()) == 2 for line in lines)
    names = ("debias.md", "debias_answers.png", "debias_pairs.csv", "debias.json")
    assert all((tmp_path / "results" / name).stat().st_size > 500 for name in names)
    # A second call finds everything done, and writes the same.
    before = (tmp_path / "results" / "debias.csv").read_text()
    again = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "seed" not in again.stderr
    assert (tmp_path / "results" / "debias.csv").read_text() == before
    goals = [sys.executable, str(BENCHMARKS / "debias_goals.py"), str(tmp_path / "results"), str(tmp_path)]
    told = subprocess.run(goals, check=True, capture_output=True, text=True).stdout
    assert "| H ≥ 45 | 0.95 |" in told
    assert "no results" in told
