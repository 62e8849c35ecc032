"""Finished evaluations held against each other, against a loop over what was answered.

Covers: evaluation/finished_runs, evaluation/compare_document.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest
from finished_reports import LABELS, figures_of, plan_of, write_run
from report_schemas import assert_fits
from scipy.stats import binomtest

import zeroshot
from zeroshot.datasets.evaluation_plan import SEVERAL_LABELS
from zeroshot.errors import OptionError, ReportError
from zeroshot.evaluation.compare import compare
from zeroshot.evaluation.compare_document import document
from zeroshot.reports.markdown import markdown

NAMES = [f"{number}-clip.mp4" for number in range(40)]


@pytest.fixture
def pair(tmp_path):
    """Two runs that share 30 of 40 videos: one lacks the first five, one could not read five others."""
    one, other = plan_of(NAMES[5:]), plan_of(NAMES, root="/mnt")
    unread = NAMES[-5:]
    return (
        write_run(tmp_path / "a", one, figures_of(one, "small", 1, 1.0)),
        write_run(tmp_path / "b", other, figures_of(other, "large", 2, 2.0, unread=unread), unread=unread),
    )


def told(folder, model=0, stream="clip"):
    """Video → (label, whether right), by hand from report.json."""
    report = json.loads((folder / "report.json").read_text())
    asked, said = report["answers"]["rounds"][0], report["answers"]["models"][model][stream][0]
    return {
        report["answers"]["videos"][video]: (report["labels"][target], best[0] == target)
        for video, target, best in zip(asked["videos"], asked["targets"], said["labels"], strict=True)
    }


def test_it_is_a_loop_over_the_videos_that_both_have(pair):
    found = zeroshot.compare(pair)
    base, later = map(told, pair)
    both = [video for video in later if video in base]
    assert len(both) == 30
    (one,) = found.pairs
    first, second = ([side[video][1] for video in both] for side in (later, base))
    assert one.videos == one.comparison.difference.n == 30
    assert one.comparison.difference.value == pytest.approx(sum(first) / 30 - sum(second) / 30)
    assert one.comparison.difference.low < one.comparison.difference.value < one.comparison.difference.high
    alone = [
        sum(a and not b for a, b in zip(x, y, strict=True)) for x, y in ((first, second), (second, first))
    ]
    assert list(one.comparison.rounds[0][:2]) == alone
    assert one.comparison.rounds[0].p == pytest.approx(binomtest(alone[0], sum(alone)).pvalue)
    counts = Counter(later[video][0] for video in both)
    assert {each.label: each.videos for each in one.labels} == counts
    for each in one.labels:
        mine = [row for row, video in enumerate(both) if later[video][0] == each.label]
        assert (each.first, each.second) == (
            sum(first[row] for row in mine),
            sum(second[row] for row in mine),
        )
    assert one.only_first == tuple(sorted(NAMES[:5]))
    assert one.only_second == tuple(sorted(NAMES[-5:]))
    assert {answer.video: answer.first_right for answer in one.answers} == dict(zip(both, first, strict=True))


def test_the_same_run_twice_does_not_differ_and_one_report_may_hold_both(tmp_path):
    plan = plan_of(NAMES)
    models = figures_of(plan, "one", 1, 1.0), figures_of(plan, "two", 2, 2.0)
    write_run(tmp_path / "both", plan, *models)
    write_run(tmp_path / "again", plan, models[0])
    found = zeroshot.compare([tmp_path / "both", tmp_path / "again" / "report.json"])
    assert [run.name for run in found.runs] == [f"one ({tmp_path}/both)", "two", f"one ({tmp_path}/again)"]
    assert found.pairs[0].comparison.difference.value > 0
    assert found.pairs[1].comparison.difference.value == 0
    assert found.pairs[1].comparison.rounds == ((0, 0, 1.0),)
    assert len(zeroshot.compare(tmp_path / "both").pairs) == 1


def test_rounds_that_share_videos(tmp_path):
    plan = plan_of(NAMES, protocol="half-classes", data="hmdb51", rounds=3)
    runs = [
        write_run(tmp_path / str(seed), plan, figures_of(plan, f"m{seed}", seed, seed)) for seed in (1, 2)
    ]
    (pair,) = zeroshot.compare(runs).pairs
    assert pair.rounds == ("draw 0", "draw 1", "draw 2")
    assert len(pair.comparison.rounds) == 3
    assert pair.videos == 40
    assert all(label.difference is None for label in pair.labels)
    shares = [
        (sum(answer.first_right for answer in pair.answers if answer.round == name), 40 - number)
        for number, name in enumerate(pair.rounds)
    ]
    others = [
        sum(answer.second_right for answer in pair.answers if answer.round == name) for name in pair.rounds
    ]
    expected = sum((hits - other) / n for (hits, n), other in zip(shares, others, strict=True)) / 3
    assert pair.comparison.difference.value == pytest.approx(expected)


def test_rounds_of_one_name(tmp_path):
    plan = plan_of(NAMES, protocol="several", data="two", rounds=2)
    plan = replace(plan, rounds=tuple(replace(one, name="all") for one in plan.rounds))
    runs = [
        write_run(tmp_path / str(seed), plan, figures_of(plan, f"m{seed}", seed, seed)) for seed in (1, 2)
    ]
    (pair,) = zeroshot.compare(runs).pairs
    assert pair.rounds == ("all", "all #2")
    assert len(pair.answers) == 40 + 39


def test_rounds_beside_the_figure(tmp_path):
    plan = replace(plan_of(NAMES, protocol="two-lists", rounds=2), parts=(("theirs", 1), ("ours", 1)))
    models = [figures_of(plan, f"m{seed}", seed, seed) for seed in (1, 2)]
    both = compare("m2", "m1", models[1].figures, models[0].figures, len(plan.videos))
    runs = [write_run(tmp_path / model.name, plan, model) for model in models]
    (pair,) = zeroshot.compare(runs).pairs
    assert pair.rounds == ("draw 0",)
    assert pair.comparison.difference.value == pytest.approx(both.difference.value)
    tops = [run.figures["top1"]["value"] for run in zeroshot.compare(runs).runs]
    assert pair.comparison.difference.value == pytest.approx(tops[1] - tops[0])
    folder = write_run(tmp_path / "both", plan, *models, comparisons=(both,))
    report = assert_fits(folder / "report.json", "evaluation")
    assert [one["counted"] for one in report["rounds"]] == [True, False]
    table = (folder / "report.md").read_text().partition("McNemar")[2].partition("##")[0]
    assert "draw 0" in table
    assert "draw 1" not in table


def test_videos_of_several_labels(tmp_path):
    plan = plan_of(NAMES, protocol="charades")
    (one,) = plan.rounds
    videos = tuple(
        replace(video, others=(LABELS[(LABELS.index(video.label) + 1) % 4],)) for video in one.videos
    )
    plan = replace(plan, rounds=(replace(one, videos=videos),), shape=SEVERAL_LABELS)
    models = [figures_of(plan, f"m{seed}", seed, 0.5) for seed in (1, 2)]
    targets = [model.figures.outcomes[0].targets.tolist() for model in models]
    assert targets[0] != targets[1], "each model has its own best one among the right labels"
    runs = [write_run(tmp_path / model.name, plan, model) for model in models]
    (pair,) = zeroshot.compare(runs).pairs
    assert pair.videos == 40
    right = [sum(model.figures.outcomes[0].ranks == 0) for model in models]
    assert pair.comparison.difference.value == pytest.approx((right[1] - right[0]) / 40)


def test_streams(tmp_path):
    plan, streams = plan_of(NAMES), ("static", "dynamic", "fused")
    runs = [
        write_run(tmp_path / str(seed), plan, figures_of(plan, f"m{seed}", seed, seed, streams=streams))
        for seed in (1, 5)
    ]
    assert [run.stream for run in zeroshot.compare(runs).runs] == ["fused", "fused"]
    (pair,) = zeroshot.compare(runs, stream="static").pairs
    assert {answer.video: answer.first_right for answer in pair.answers} == {
        video: right for video, (_, right) in told(runs[1], stream="static").items()
    }
    with pytest.raises(ReportError, match=r"m1 of .* has no stream 'clip'; it has static, dynamic, fused"):
        zeroshot.compare(runs, stream="clip")


def test_runs_of_other_questions_are_refused_and_compared_by_choice(tmp_path):
    plan = plan_of(NAMES)
    base = write_run(tmp_path / "base", plan, figures_of(plan, "m", 1, 1.0))
    more = plan_of(NAMES, labels=(*LABELS, "yoga"))
    half = plan_of(NAMES, protocol="half-classes", data="ucf101")
    three = plan_of(NAMES, rounds=3)
    cases = {
        "words": (
            plan,
            {"prompts_digest": "f" * 16, "templates": "a photo of {}."},
            "words as plain, templates a photo",
        ),
        "protocol": (half, {}, "protocol half-classes, not csv"),
        "labels": (more, {}, "5 labels in all videos, not 4 .'yoga' is in one alone."),
        "rounds": (three, {}, "rounds draw 0, draw 1, draw 2, not all videos"),
    }
    for name, (other, settings, words) in cases.items():
        later = write_run(tmp_path / name, other, figures_of(other, "n", 2, 2.0), **settings)
        with pytest.raises(ReportError, match=f"are not of one question: {words}.*--anyway") as raised:
            zeroshot.compare([base, later])
        assert "\n" not in str(raised.value)
        if name == "rounds":
            with pytest.raises(ReportError, match="share no round"):
                zeroshot.compare([base, later], anyway=True)
            continue
        found = zeroshot.compare([base, later], anyway=True)
        said = markdown(document(found))
        assert "**Not alike in all but the model: n − m:**" in said
        assert found.pairs[0].apart
        assert found.pairs[0].videos == 40


def test_the_same_words_looked_at_as_other_papers_do(tmp_path):
    plan = plan_of(NAMES)
    runs = [
        write_run(tmp_path / name, plan, figures_of(plan, name, 1, 1.0), lineage=name)
        for name in ("plain", "vifi-clip")
    ]
    assert zeroshot.compare(runs).pairs[0].apart == ("looked at as vifi-clip, not as plain",)


def test_videos_are_found_by_their_own_name_where_folders_differ(tmp_path):
    one, other = plan_of(NAMES), plan_of(NAMES[:20], root="/data/deeper")
    runs = [
        write_run(tmp_path / str(n), p, figures_of(p, f"m{n}", n, 1.0)) for n, p in enumerate((one, other))
    ]
    (pair,) = zeroshot.compare(runs).pairs
    assert (pair.videos, pair.only_first, len(pair.only_second)) == (20, (), 20)
    alone = plan_of(["77-other.mp4"])
    lone = write_run(tmp_path / "lone", alone, figures_of(alone, "m", 1, 1.0))
    with pytest.raises(ReportError, match=r"share no video \(first: 77-other.mp4 and 0-clip.mp4\)"):
        zeroshot.compare([runs[0], lone])


def test_other_labels_of_one_video_are_refused(tmp_path):
    one, other = plan_of(NAMES), plan_of(NAMES, labels=LABELS[::-1])
    runs = [
        write_run(tmp_path / str(n), p, figures_of(p, f"m{n}", n, 1.0)) for n, p in enumerate((one, other))
    ]
    with pytest.raises(
        ReportError, match=r"0-clip.mp4 is 'waving' in .* and 'archery' in .*; expected runs on"
    ):
        zeroshot.compare(runs)


def test_damaged_columns_are_refused(pair):
    path = pair[0] / "report.json"
    text = path.read_text()

    def change(report, name):
        kept = report["answers"]
        match name:
            case "models":
                kept["models"].append({})
            case "rounds":
                kept["rounds"].append(kept["rounds"][0])
            case "targets":
                kept["rounds"][0]["targets"].pop()
            case "name row 99":
                kept["rounds"][0]["videos"][3] = 99
            case "answers name row 9":
                kept["models"][0]["clip"][0]["labels"][0] = [9]
            case "other streams":
                kept["models"][0]["fused"] = []
            case "other numbers of answers":
                kept["models"][0]["clip"][0]["ranks"].pop()
            case "answers of 0 rounds":
                kept["models"][0]["clip"] = []

    for name in ("models", "rounds", "targets", "name row 99", "answers name row 9", "other streams",
                 "other numbers of answers", "answers of 0 rounds"):  # fmt: skip
        report = json.loads(text)
        change(report, name)
        path.write_text(json.dumps(report))
        with pytest.raises(ReportError, match=f"is damaged: .*{name}"):
            zeroshot.compare(pair)


def test_too_few_reports(pair):
    with pytest.raises(OptionError, match="has one model; give another report to hold it against"):
        zeroshot.compare(pair[:1])
    with pytest.raises(OptionError, match="no report is named"):
        zeroshot.compare([])
    with pytest.raises(OptionError, match="is given twice; name each once"):
        zeroshot.compare([pair[0], pair[0] / "report.json"])
