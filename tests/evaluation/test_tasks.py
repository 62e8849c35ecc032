"""Figures beyond one label among others: K-shot, several labels, two lists, several data sets, more labels.

Covers: evaluation/across, evaluation/examples.
"""

from __future__ import annotations

import json
from itertools import cycle
from pathlib import Path

import layouts
import numpy as np
import pytest
from report_schemas import assert_fits
from sklearn.metrics import average_precision_score
from tiny_world import write_checkpoint

import zeroshot
from zeroshot.checkpoint import load_model
from zeroshot.datasets.evaluation_plan import EvaluationPlan, Round
from zeroshot.datasets.splits import LabeledVideo, Split
from zeroshot.errors import DatasetError, OptionError
from zeroshot.evaluation.across import evaluate_across
from zeroshot.evaluation.cached_embeddings import Embedded
from zeroshot.evaluation.document import document
from zeroshot.evaluation.examples import split_off, with_examples
from zeroshot.evaluation.prepare import EvaluationSettings
from zeroshot.evaluation.run import evaluate
from zeroshot.evaluation.scoring import stream_figures
from zeroshot.reports.markdown import markdown
from zeroshot.text.prompts import read_labels
from zeroshot.video.write import write_video

LABELS = ("archery", "bowling", "waving")


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> list[Path]:
    """Twelve videos that a network tells apart, those of one label alike."""
    folder = tmp_path_factory.mktemp("videos")
    rng = np.random.default_rng(5)
    colours = rng.integers(0, 255, (3, 1, 3, 1, 1))
    paths = []
    for number in range(12):
        frames = np.zeros((8, 3, 32, 48), np.uint8) + colours[number % 3].astype(np.uint8)
        frames[:, :, :, number : number + 12] = rng.integers(0, 255, (8, 3, 1, 1), np.uint8)
        paths.append(folder / f"{number:02d}.mp4")
        write_video(paths[-1], frames, 8.0)
    return paths


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> str:
    return str(write_checkpoint(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.fixture(scope="module")
def model(network):
    with load_model(network) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def table(videos) -> Path:
    """Four videos of each label."""
    rows = [f"{path.name},{label}" for path, label in zip(videos, cycle(LABELS), strict=False)]
    path = videos[0].parent / "videos.csv"
    path.write_text("\n".join(["path,label", *rows]) + "\n")
    return path


def vectors_of(model, videos) -> np.ndarray:
    return np.stack([model.embed_videos([video.path])[0] for video in videos])


def unit(rows) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def test_a_few_examples_are_what_a_loop_makes_of_them(table, model, tmp_path):
    report = evaluate(table, model, protocol="few-shot-2", output=tmp_path / "out")
    (one,) = report.plan.rounds
    assert (len(one.examples), len(one.videos), report.videos.listed) == (6, 6, 6)
    streams = {each.stream: each for each in report.models[0].streams}
    assert list(streams) == ["clip", "clip, examples alone", "clip + 6 examples"]
    assert report.models[0].stream == "clip + 6 examples"
    asked, shown = vectors_of(model, one.videos), vectors_of(model, one.examples)
    texts = zeroshot.load(model, list(LABELS)).index.scores(asked)
    for row in range(6):
        for column, label in enumerate(LABELS):
            mine = [v for v, video in zip(shown, one.examples, strict=True) if video.label == label]
            alone = float(asked[row] @ unit(np.mean(mine, axis=0)))
            added = sum(np.exp(-5.5 * (1 - float(asked[row] @ each))) for each in mine)
            both = texts[row, column] + added / model.logit_scale
            for stream, expected in (
                ("clip", texts[row, column]),
                ("clip, examples alone", alone),
                ("clip + 6 examples", both),
            ):
                found = streams[stream].outcomes[0].scores[row, column]
                assert found == pytest.approx(expected, abs=1e-5), stream
    assert "clip + 6 examples" in (tmp_path / "out" / "report.md").read_text()
    facts = json.loads((tmp_path / "out" / "report.json").read_text())
    assert facts["models"][0]["stream"] == "clip + 6 examples"


def test_examples_beside_views_as_a_line_of_papers_averages_them(table, model):
    settings = EvaluationSettings("vifi-clip", num_frames=4, num_views=2)
    report = evaluate(table, model, protocol="few-shot-2", settings=settings)
    streams = {each.stream: each.outcomes[0].scores for each in report.models[0].streams}
    assert list(streams) == ["clip", "clip, examples alone", "clip + 6 examples"]
    assert report.models[0].facts["average"] == "probabilities"
    assert streams["clip"].sum(1) == pytest.approx(1)
    assert streams["clip + 6 examples"].sum(1) == pytest.approx(1)
    assert not np.allclose(streams["clip"], streams["clip + 6 examples"])


@pytest.mark.parametrize("of_views", [True, False])
def test_examples_are_like_videos_by_all_of_their_views(of_views):
    rng = np.random.default_rng(2)
    vectors = unit(rng.normal(size=(8, 1, 3, 6))).astype(np.float32)
    rows = [LabeledVideo(f"{number}.mp4", "ab"[number % 2]) for number in range(8)]
    plan = EvaluationPlan("p", "d", (Round("all", ("a", "b"), tuple(rows[:4]), examples=tuple(rows[4:])),))
    asked, shown = split_off(Embedded(vectors, ("clip",), (None,) * 8, (False,) * 8), 4)
    texts = rng.normal(size=(4, 3, 2) if of_views else (4, 2)).astype(np.float32) / 10
    scores, ending = with_examples({"clip": texts}, asked, shown, plan, 20.0)
    whole = unit(vectors[:, 0].mean(axis=1))
    outcomes = {
        name: stream_figures(name, table, plan, np.ones(4, bool), scale=20.0).outcomes[0].scores
        for name, table in scores.items()
    }
    for row in range(4):
        added = np.zeros(2)
        for place in range(4, 8):
            added[place % 2] += np.exp(-5.5 * (1 - whole[row] @ whole[place])) / 20
        expected = texts[row] + added
        if of_views:
            powers = np.exp(20 * expected)
            expected = (powers / powers.sum(1, keepdims=True)).mean(0)
        assert outcomes[f"clip{ending}"][row] == pytest.approx(expected, abs=1e-5)
        alone = [whole[row] @ unit(whole[4 + label :: 2].mean(axis=0)) for label in range(2)]
        assert outcomes["clip, examples alone"][row] == pytest.approx(alone, abs=1e-5)


def test_examples_none_of_which_is_there(videos, model, tmp_path):
    layouts.ucf101(tmp_path, videos, groups=(1,))
    stems = [layouts.ucf_name(name, 8, 1) for name in layouts.UCF]
    (tmp_path / "train1_few_shot_2.txt").write_text("\n".join(f"{stem}.avi 0" for stem in stems))
    with pytest.raises(
        DatasetError, match=r"none of the 4 examples can be read \(first: .*v_ApplyEyeMakeup_g08"
    ):
        evaluate(tmp_path, model, protocol="few-shot-2")
    layouts.put(tmp_path, [f"{stem}.avi" for stem in stems[:3]], videos)
    report = evaluate(tmp_path, model, protocol="few-shot-2")
    assert report.plan.notes[-1].startswith("1 of 4 examples cannot be read (first: ")
    assert report.videos.evaluated == 4
    assert report.models[0].stream == "clip + 3 examples"


def test_several_labels_a_video(videos, model, tmp_path):
    layouts.charades(tmp_path, videos)
    report = evaluate(tmp_path, model, protocol="charades", output=tmp_path / "out")
    assert (report.videos.listed, report.videos.evaluated) == (3, 2)
    one = report.models[0].figures
    name, figure = one.headline
    assert name == "mAP"
    there = [video for video in report.plan.videos if Path(video.path).exists()]
    scores = zeroshot.load(model, list(report.plan.labels)).index.scores(vectors_of(model, there))
    truth = np.array([[label in video.labels for label in report.plan.labels] for video in there])
    some = [k for k in range(3) if truth[:, k].any()]
    expected = np.mean([average_precision_score(truth[:, k], scores[:, k]) for k in some])
    assert figure.value == pytest.approx(expected)
    right = [truth[row, scores[row].argmax()] for row in range(2)]
    assert one.sides["any label"].value == one.top1.value == np.mean(right)
    text = (tmp_path / "out" / "report.md").read_text()
    assert "mAP" in text
    assert "any label" in text
    assert "several labels a video: mAP is the mean over labels" in text


def test_a_file_under_two_labels_needs_a_choice(table, model, tmp_path):
    path = tmp_path / "two.csv"
    lines = [
        f"{table.parent / name},{label}"
        for name, label in (line.split(",") for line in table.read_text().splitlines()[1:])
    ]
    path.write_text("\n".join(["path,label", *lines, lines[0], f"{lines[0].split(',')[0]},waving"]))
    with pytest.raises(DatasetError, match=r"00.mp4 is listed as 'archery' and as 'waving'"):
        evaluate(path, model)
    report = evaluate(path, model, settings=EvaluationSettings(multi_label=True))
    assert report.videos.listed == 12
    assert report.models[0].figures.headline[0] == "mAP"
    outcome = report.models[0].figures.outcomes[0]
    assert outcome.truth.sum() == 13
    hits = [bool(outcome.truth[row, outcome.scores[row].argmax()]) for row in range(12)]
    assert report.models[0].figures.top1.value == np.mean(hits)


def test_a_row_twice_is_a_video_once(table, model, tmp_path):
    path = table.parent / "twice.csv"
    text = table.read_text()
    path.write_text(text + "".join(line + "\n" for line in text.splitlines()[1:]))
    once, twice = evaluate(table, model), evaluate(path, model)
    assert twice.videos.listed == 12
    assert twice.models[0].figures.as_dict() == once.models[0].figures.as_dict()
    assert twice.plan.notes[0].startswith("12 rows of the list name a file that stands above")
    assert twice.plan.rounds[0].digest == once.plan.rounds[0].digest


def test_a_table_among_more_labels_than_it_has_videos_of(table, model):
    labels = [*read_labels("hmdb51"), *LABELS]
    settings = EvaluationSettings(labels=labels)
    report = evaluate(table, model, settings=settings)
    assert report.plan.labels == tuple(labels)
    one = report.models[0].figures
    scores = zeroshot.load(model, labels).index.scores(vectors_of(model, report.plan.videos))
    right = [labels[scores[row].argmax()] == video.label for row, video in enumerate(report.plan.videos)]
    assert (one.rounds[0].top1.hits, one.rounds[0].num_labels) == (sum(right), 54)
    rows = [LabeledVideo(video.path, video.label) for video in report.plan.videos]
    assert (
        evaluate(Split.of("s", rows), model, settings=settings).models[0].figures.as_dict() == one.as_dict()
    )
    assert "nan" not in markdown(document(report))


def test_both_figures_of_the_lists_of_tc_clip(videos, model, tmp_path):
    layouts.hmdb51(tmp_path, videos)
    layouts.hmdb_lists(tmp_path / "splits")
    theirs = evaluate(tmp_path, model, protocol="hmdb51-tc-clip", output=tmp_path / "out")
    ours = evaluate(tmp_path, model, protocol="hmdb51-zeroshot")
    one = theirs.models[0].figures
    assert one.sides["the files' names"].value == ours.models[0].figures.top1.value
    exchanged = {
        "kick": "kick ball",
        "kick ball": "kick",
        "sword": "sword exercise",
        "sword exercise": "sword",
    }
    shares = []
    for part in ours.plan.rounds:
        scores = zeroshot.load(model, list(part.labels)).index.scores(vectors_of(model, part.videos))
        shares.append(
            np.mean(
                [
                    part.labels[scores[row].argmax()] == exchanged.get(video.label, video.label)
                    for row, video in enumerate(part.videos)
                ]
            )
        )
    assert one.top1.value == one.sides["TC-CLIP's lists"].value == pytest.approx(np.mean(shares))
    assert one.headline == ("top1", one.top1)
    assert one.std == pytest.approx(np.std(shares, ddof=1))
    assert "the files' names" in (tmp_path / "out" / "report.md").read_text()
    assert len(theirs.plan.rounds) == 4
    other = str(write_checkpoint(tmp_path / "other", seed=8))
    both = evaluate(tmp_path, [model, other], protocol="hmdb51-tc-clip", output=tmp_path / "both")
    assert [len(pair.rounds) for pair in both.comparisons] == [2]
    assert both.comparisons[0].difference.value == pytest.approx(
        both.models[1].figures.top1.value - both.models[0].figures.top1.value
    )


def test_four_views_for_models_trained_on_kinetics(videos, model, tmp_path):
    layouts.kinetics(tmp_path, videos, [("abseiling", "a", 0, "val"), ("yawning", "b", 1, "val")])
    assert (
        evaluate(tmp_path, model, protocol="k400-supervised").settings["views"].endswith("× 4 views × 1 crop")
    )
    two = EvaluationSettings(num_views=2)
    report = evaluate(tmp_path, model, protocol="k400-supervised", settings=two)
    assert report.settings["views"].endswith("× 2 views × 1 crop")


def test_several_data_sets_in_one_report(table, videos, network, model, tmp_path):
    layouts.mimetics(tmp_path / "mimetics", videos)
    tasks = [(table, None), (tmp_path / "mimetics", "mimetics"), (tmp_path / "mimetics", "mimetics-k400")]
    across = evaluate_across(tasks, network, output=tmp_path / "out")
    assert list(across.reports) == ["csv", "mimetics", "mimetics-k400"]
    for (source, protocol), (name, report) in zip(tasks, across.reports.items(), strict=True):
        alone = evaluate(source, network, protocol=protocol)
        assert report.models[0].figures.as_dict() == alone.models[0].figures.as_dict()
        assert json.loads((tmp_path / "out" / name / "report.json").read_text())["data"] == report.plan.data
    facts = assert_fits(tmp_path / "out" / "report.json", "evaluations")
    assert [(row["row"], row["listed"], row["evaluated"]) for row in facts["rows"]] == [
        ("csv", 12, 12),
        ("mimetics", 3, 3),
        ("mimetics-k400", 3, 3),
    ]
    assert facts["rows"][0]["value"] == across.reports["csv"].models[0].figures.top1.value
    assert (across.listed, across.left_out) == (18, 0)
    text = (tmp_path / "out" / "report.md").read_text()
    assert text.count("mimetics-k400") >= 1
    assert list(evaluate_across([(table, None), (table, "csv")], model).reports) == ["csv", "csv-2"]


def test_what_is_of_one_data_set_is_refused_for_several(table, model, tmp_path):
    for settings, named in (
        (EvaluationSettings(labels="a,b"), "--labels is of one data set, 2 are asked"),
        (EvaluationSettings(lists=("x.csv",)), "--list is of one data set"),
    ):
        with pytest.raises(OptionError, match=named):
            evaluate_across([(table, None), (table, None)], model, settings=settings)
    with pytest.raises(OptionError, match="no data set is named"):
        evaluate_across([], model)
    seen: list[str] = []
    with pytest.raises(DatasetError, match="does not exist"):
        evaluate_across(
            [(table, None), (tmp_path / "none", None)], model, advance=lambda name, *_: seen.append(name)
        )
    assert seen == []  # nothing was embedded before
