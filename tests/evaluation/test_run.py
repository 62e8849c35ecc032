"""`zeroshot.evaluate`: real files through a tiny network, every protocol, what must hold of the figures.

Covers: evaluation/cached_embeddings, evaluation/unseen_section.
"""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import layouts
import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, top_k_accuracy_score
from tiny_world import write_checkpoint

import zeroshot
from zeroshot.checkpoint import load_model, trained_labels
from zeroshot.datasets.protocols import plan_of_split
from zeroshot.datasets.splits import LabeledVideo, Split
from zeroshot.errors import DatasetError, LabelError, OptionError, ZeroshotError
from zeroshot.evaluation.compare import mcnemar
from zeroshot.evaluation.prepare import EvaluationSettings
from zeroshot.evaluation.run import evaluate
from zeroshot.evaluation.scoring import round_columns, stream_figures
from zeroshot.model.model import Model
from zeroshot.statistics.means import share_over_rounds
from zeroshot.text.prompts import read_labels
from zeroshot.video.write import write_video

LABELS = ("archery", "bowling", "juggling balls", "playing cello", "riding a bike", "waving")


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> list[Path]:
    """Thirty videos that a network tells apart."""
    folder = tmp_path_factory.mktemp("videos")
    rng = np.random.default_rng(5)
    paths = []
    for number in range(30):
        frames = np.zeros((8, 3, 32, 48), np.uint8)
        frames += rng.integers(0, 255, (1, 3, 1, 1), np.uint8)
        frames[:, :, :, number : number + 12] = rng.integers(0, 255, (8, 3, 1, 1), np.uint8)
        paths.append(folder / f"{number}.mp4")
        write_video(paths[-1], frames, 8.0)
    return paths


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> str:
    """A checkpoint folder with a tiny random network."""
    return str(write_checkpoint(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.fixture(scope="module")
def model(network):
    """The same network, loaded once."""
    with load_model(network) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> str:
    """Another one."""
    return str(write_checkpoint(tmp_path_factory.mktemp("model") / "other", seed=8))


@pytest.fixture(scope="module")
def folders(tmp_path_factory, videos) -> Path:
    """Six labels, five videos each."""
    root = tmp_path_factory.mktemp("data") / "six"
    names = [f"{label.replace(' ', '_')}/{n}-{label[0]}.mp4" for n in range(5) for label in LABELS]
    layouts.put(root, names, videos)
    return root


def figures(report, model: int = 0) -> dict:
    """What a report says, without when and where it was made."""
    facts = report.as_dict()
    return {name: value for name, value in facts.items() if name != "run"} | {"model": facts["models"][model]}


def test_it_is_a_loop_over_rank(folders, model):
    report = evaluate(folders, model)
    outcome = report.models[0].figures.outcomes[0]
    classifier = zeroshot.load(model, list(LABELS))
    right = 0
    for row, video in enumerate(report.plan.videos):
        ranked = classifier.rank(video.path, k=len(LABELS))
        scores = {prediction.label: prediction.score for prediction in ranked}
        place = int(np.flatnonzero(outcome.rows == row)[0])
        found = dict(zip(report.plan.labels, outcome.scores[place].tolist(), strict=True))
        assert found == pytest.approx(scores, abs=1e-5)
        right += ranked[0].label == video.label
    assert report.models[0].figures.rounds[0].top1.hits == right
    assert report.models[0].figures.top1.value == right / 30
    assert 0 < right < 30


def test_the_public_face(folders, network, tmp_path):
    settings = zeroshot.EvaluationSettings(num_views=2, templates="a video of {}.")
    report = zeroshot.evaluate(folders, [network], output=tmp_path / "out", settings=settings)
    assert isinstance(report, zeroshot.Report)
    assert report.settings["views"] == "4 frames × 2 views × 1 crop"
    assert report.settings["changed"] == {"num_views": 2, "templates": "a video of {}."}
    assert report.settings["example_prompts"] == ["a video of archery."]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "embeddings",
        "report.html",
        "report.json",
        "report.md",
    ]
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == json.loads(
        json.dumps(report.as_dict())
    )


def test_a_second_implementation(folders, model):
    report = evaluate(folders, model)
    one = report.models[0].figures
    outcome = one.outcomes[0]
    names = list(range(len(LABELS)))
    assert one.top1.value == pytest.approx(accuracy_score(outcome.targets, outcome.answers))
    top5 = top_k_accuracy_score(outcome.targets, outcome.scores, k=5, labels=names)
    assert one.top5.value == pytest.approx(top5)
    assert one.rounds[0].mean_class.value == pytest.approx(
        balanced_accuracy_score(outcome.targets, outcome.answers)
    )
    assert (one.confusion == confusion_matrix(outcome.targets, outcome.answers, labels=names)).all()
    worst = one.confusions[0]
    pairs = [(LABELS[t], LABELS[a]) for t, a in zip(outcome.targets, outcome.answers, strict=True) if t != a]
    assert worst[2] == max(pairs.count(pair) for pair in set(pairs)) == pairs.count(worst[:2])
    assert sum(count for *_, count in one.confusions) == len(pairs)


def test_mcnemar_is_a_binomial_test():
    for first, second in ((0, 0), (3, 9), (9, 3), (40, 41), (1, 500), (2000, 1800)):
        n = first + second
        expected = binomtest(first, n).pvalue if n else 1.0
        assert mcnemar(first, second) == pytest.approx(expected, rel=1e-9), (first, second)


class Stand(Model):
    """A model whose videos are embedded as the labels that `answer` gives for them."""

    def answering(self, labels, answer) -> Stand:
        self.vectors = dict(zip(labels, self.embed_texts(list(labels)), strict=True))
        self.answer = answer
        return self

    def embed_streams(self, videos, *, sampling=None):
        for video in videos:
            yield video, self.vectors[self.answer(video)][None]


def stand(model, labels, answer) -> Stand:
    return Stand(model.backbone).answering(labels, answer)


def said_by_folder(path) -> str:
    return Path(path).parent.name.replace("_", " ")


def test_an_oracle_is_always_right_and_a_constant_as_often_as_chance(folders, model, tmp_path):
    oracle = evaluate(folders, stand(model, LABELS, said_by_folder), output=tmp_path / "oracle")
    assert oracle.models[0].figures.top1.value == 1
    assert oracle.models[0].figures.top1.high == 1
    assert oracle.models[0].figures.rounds[0].mean_class.value == 1
    assert oracle.models[0].figures.confusions == []
    constant = evaluate(folders, stand(model, LABELS, lambda path: "waving"))
    assert constant.models[0].figures.top1.value == 1 / len(LABELS)
    assert constant.models[0].figures.rounds[0].mean_class.value == pytest.approx(1 / len(LABELS))


def test_the_order_of_files_the_batch_and_the_workers_change_nothing(folders, model, tmp_path):
    rows = [(str(path), said_by_folder(path)) for path in sorted(folders.rglob("*.mp4"))]
    reports = []
    for turn, batch_size, workers in ((1, 64, 2), (-1, 3, 1)):
        table = tmp_path / f"{turn}.csv"
        with table.open("w", newline="") as stream:
            csv.writer(stream).writerows([("path", "label"), *rows[::turn]])
        batched = replace_batch(model.backbone, batch_size)
        with Model(batched, num_workers=workers) as changed:
            reports.append(evaluate(table, changed))
    first, second = (report.models[0].figures for report in reports)
    order = {video.path: row for row, video in enumerate(reports[1].plan.videos)}
    moved = [order[video.path] for video in reports[0].plan.videos]
    np.testing.assert_allclose(first.outcomes[0].scores, second.outcomes[0].scores[moved], atol=1e-6)
    assert first.as_dict() == second.as_dict()
    assert reports[0].plan.rounds[0].digest == reports[1].plan.rounds[0].digest


def replace_batch(backbone, batch_size):
    import copy

    other = copy.copy(backbone)
    other.batch_size = batch_size
    return other


_CHILD = """
import sys
from zeroshot.batch import table
table._SECONDS_PER_FLUSH = 0.0
from zeroshot.evaluation.run import evaluate
def advance(name, done, total):
    print(done, flush=True)
    if done == 9:
        print("nine", flush=True)
        sys.stdin.read()
evaluate(sys.argv[1], sys.argv[2], output=sys.argv[3], advance=advance)
"""


def assert_it_goes_on(folders, model, output, whole):
    """A run that broke off after nine videos reads the others alone, and once whole none."""
    assert not (output / "report.json").exists()
    read: list[str] = []
    with Counting(model.backbone) as counting:
        counting.read = read
        again = evaluate(folders, counting, output=output)
    assert 0 < len(read) <= 30 - 9
    assert again.models[0].figures.as_dict() == whole.models[0].figures.as_dict()
    before = (output / "report.json").stat().st_mtime_ns
    with Counting(model.backbone) as counting:
        counting.read = read = []
        evaluate(folders, counting, output=output)
    assert read == []
    assert (output / "report.json").stat().st_mtime_ns > before


def test_a_run_that_was_interrupted_goes_on_and_says_the_same(folders, model, tmp_path):
    def advance(name, done, total):
        if done == 9:
            raise KeyboardInterrupt

    whole = evaluate(folders, model, output=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        evaluate(folders, model, output=tmp_path / "broken", advance=advance)
    assert_it_goes_on(folders, model, tmp_path / "broken", whole)


@pytest.mark.slow
def test_a_killed_run_goes_on_and_says_the_same(folders, network, model, tmp_path):
    whole = evaluate(folders, model, output=tmp_path / "whole")
    words = [sys.executable, "-c", _CHILD, str(folders), network, str(tmp_path / "killed")]
    child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert any(line.strip() == "nine" for line in child.stdout)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdin.close()
        child.stdout.close()
    assert_it_goes_on(folders, model, tmp_path / "killed", whole)


class Counting(Model):
    """Notes which videos it reads."""

    read: list[str]

    def embed_streams(self, videos, *, sampling=None):
        def noted():
            for video in videos:
                self.read.append(str(video))
                yield video

        return super().embed_streams(noted(), sampling=sampling)


def test_settings_never_mix_in_the_cache(folders, model, tmp_path):
    one = evaluate(folders, model, output=tmp_path)
    other = evaluate(folders, model, output=tmp_path, settings=EvaluationSettings(num_frames=2))
    kept = [folder.name for folder in (tmp_path / "embeddings").iterdir()]
    assert sorted(name.startswith("labels-") for name in kept) == [False, False, True]  # labels: frames alike
    fresh = evaluate(folders, model, settings=EvaluationSettings(num_frames=2))
    scores = [report.models[0].figures.outcomes[0].scores for report in (one, other, fresh)]
    np.testing.assert_allclose(scores[1], scores[2], atol=1e-6)
    assert np.abs(scores[0] - scores[1]).max() > 1e-4


def test_missing_and_broken_videos_are_counted_and_named(folders, model, tmp_path):
    rows = [(str(path), said_by_folder(path)) for path in sorted(folders.rglob("*.mp4"))]
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(Path(rows[0][0]).read_bytes()[:200])
    split = Split.of("some", [LabeledVideo(path, label) for path, label in rows])
    extra = [LabeledVideo(str(tmp_path / "gone.mp4"), "archery"), LabeledVideo(str(broken), "waving")]
    more = Split.of("some", [*split.videos, *extra])
    report = evaluate(more, model, output=tmp_path / "out")
    assert (report.videos.listed, report.videos.evaluated) == (32, 30)
    assert report.videos.missing == (str(tmp_path / "gone.mp4"),)
    assert report.videos.unreadable[0][0] == str(broken)
    assert report.models[0].figures.as_dict() == evaluate(split, model).models[0].figures.as_dict()
    text = (tmp_path / "out" / "report.md").read_text()
    assert "30 of 32 listed videos evaluated: 1 missing, 1 unreadable" in text
    assert f"* missing: {tmp_path / 'gone.mp4'}" in text
    assert "broken.mp4" in (tmp_path / "out" / "report.html").read_text()
    with pytest.raises(DatasetError, match=r"none of its 1 videos can be read \(first missing"):
        evaluate(Split.of("gone", extra[:1]), model)


def test_models_side_by_side(folders, network, other):
    report = evaluate(folders, [network, other])
    first, second = (model.figures.outcomes[0].ranks < 1 for model in report.models)
    pair = report.comparisons[0]
    assert (pair.first, pair.second) == (other, network)
    assert pair.difference.value == pytest.approx(second.mean() - first.mean())
    assert pair.difference.low <= pair.difference.value <= pair.difference.high
    assert pair.rounds[0][:2] == (int((second & ~first).sum()), int((first & ~second).sum()))
    with pytest.raises(OptionError, match="is given twice"):
        evaluate(folders, [network, network])
    with pytest.raises(OptionError, match="no model is named"):
        evaluate(folders, [])


def record(folder: str, labels, target: Path) -> str:
    """A copy of a checkpoint whose record names labels."""
    target.mkdir()
    for path in Path(folder).iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    (target / "training.json").write_text(json.dumps({"labels": list(labels)}))
    return str(target)


def test_labels_that_another_list_has(folders, model, tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("bike riding\nbowl\njuggling\ncooking\n")
    settings = EvaluationSettings(overlap=str(mine))
    oracle = stand(
        model, LABELS, lambda path: path.split("/")[-2].replace("_", " ").replace("waving", "archery")
    )
    report = evaluate(folders, oracle, output=tmp_path / "out", settings=settings)
    (parts,) = report.models[0].parts
    assert report.overlap.shared == {"riding a bike", "bowling"}
    assert parts.every == report.models[0].figures.top1
    assert (parts.shared.value, parts.shared.n) == (1, 10)
    assert (parts.others.value, parts.others.n) == (0.75, 20)
    facts = json.loads((tmp_path / "out" / "report.json").read_text())
    assert facts["overlap"]["list"] == "mine.txt"
    assert facts["models"][0]["overlap"][0]["others"]["value"] == 0.75
    told = facts["models"][0]["possibly_the_same"]
    assert told["possible"] == [{"label": "juggling balls", "listed": ["juggling"]}]
    assert -1 <= told["least_cosine"] <= 1
    page = (tmp_path / "out" / "report.md").read_text()
    assert "| the 2 that mine.txt has |" in page
    assert "bowling (as bowl), riding a bike (as bike riding)" in page
    assert "juggling balls (juggling)" in page
    mine.write_text("\n\n")
    with pytest.raises(LabelError, match=r"mine\.txt"):
        evaluate(folders, model, settings=settings)


def test_intervals_say_where_they_are_weak(folders, model):
    assert "with fewer than 10" not in evaluate(folders, model).settings["intervals"]
    split = Split.of("few", [LabeledVideo(str(next(folders.rglob("*.mp4"))), "archery")])
    said = evaluate(split, model).settings["intervals"]
    assert "a round has 1 video: with fewer than 10" in said
    assert "1 label with one video" in said


def test_labels_that_a_model_was_trained_on_are_refused(folders, network, tmp_path):
    trained = record(network, ["Bowling", "ride bikes", "skiing"], tmp_path / "trained")
    assert trained_labels(trained).labels == ("Bowling", "ride bikes", "skiing")
    with pytest.raises(
        LabelError, match=r"trained on 2 of these labels: bowling \(as Bowling\), riding a bike"
    ):
        evaluate(folders, trained)
    report = evaluate(folders, trained, output=tmp_path / "out", settings=EvaluationSettings(allow_seen=True))
    assert report.seen_labels == ("bowling", "riding a bike")
    assert report.as_dict()["allow_seen"] is True
    outcome = report.models[0].figures.outcomes[0]
    kept = ~np.isin(outcome.targets, [LABELS.index("bowling"), LABELS.index("riding a bike")])
    assert report.models[0].untrained.value == pytest.approx((outcome.ranks[kept] < 1).mean())
    assert report.models[0].untrained.n == 20
    assert report.models[0].parts == ()
    assert report.overlap is None
    for name in ("report.md", "report.html"):
        assert "Not a figure on unseen classes" in (tmp_path / "out" / name).read_text()
    innocent = evaluate(folders, network, settings=EvaluationSettings(allow_seen=True))
    assert innocent.allow_seen is False


@pytest.fixture(scope="module")
def official(tmp_path_factory, videos, folders) -> dict[str, Path]:
    """Each data set on disk."""
    root = tmp_path_factory.mktemp("official")
    layouts.ucf101(root / "ucf101", videos)
    stems = [[layouts.ucf_name(name, group, 1) for name in layouts.UCF] for group in (1, 8, 15)]
    for number, rows in enumerate(stems, start=1):
        (root / "ucf101" / f"testlist0{number}.txt").write_text("\n".join(f"x/{stem}.avi" for stem in rows))
    layouts.hmdb51(root / "hmdb51", videos)
    layouts.hmdb_lists(root / "hmdb51" / "splits")
    k600 = [
        (label, f"id{n}", n, "val")
        for n, label in enumerate(("acting in play", "arguing", "card throwing", "zumba"))
    ]
    layouts.kinetics(root / "k600", videos, k600)
    k400 = [
        (label, f"id{n}", n, "val")
        for n, label in enumerate(("abseiling", "getting a tattoo", "yawning", "zumba"))
    ]
    layouts.kinetics(root / "k400", videos, k400, flat=True)
    layouts.ssv2(root / "ssv2", videos)
    layouts.diving48(root / "diving48", videos)
    layouts.activitynet(root / "activitynet", videos)
    return {path.name: path for path in root.iterdir()} | {"folders": folders}


@pytest.mark.parametrize(
    ("root", "protocol", "rounds", "listed", "missing"),
    [
        ("ucf101", "ucf101-zeroshot", 3, 12, 0),
        ("ucf101", "ucf101-full", 1, 12, 0),
        ("folders", "half-classes", 10, 30, 0),
        ("ucf101", "base-to-novel", 2, 4, 0),
        ("hmdb51", "hmdb51-zeroshot", 2, 8, 0),
        ("hmdb51", "hmdb51-full", 1, 8, 0),
        ("hmdb51", "base-to-novel", 2, 4, 0),
        ("k600", "k600-zeroshot160", 3, 3, 0),
        ("k600", "k600", 1, 4, 0),
        ("k400", "k400", 1, 4, 0),
        ("ssv2", "ssv2", 1, 3, 1),
        ("diving48", "diving48", 1, 2, 0),
        ("activitynet", "activitynet200", 1, 3, 0),
    ],
)
def test_every_protocol_is_a_count_of_what_rank_says(
    official, model, root, protocol, rounds, listed, missing
):
    report = evaluate(official[root], model, protocol=protocol)
    assert len(report.plan.rounds) == rounds
    assert len(report.videos.missing) == missing
    assert report.videos.listed == listed
    one = report.models[0].figures
    vectors = {
        video.path: model.embed_videos([video.path])[0]
        for video in report.plan.videos
        if Path(video.path).exists()
    }
    shares = []
    for number, part in enumerate(report.plan.rounds):
        index = zeroshot.load(model, list(part.labels)).index
        there = [video for video in part.videos if video.path in vectors]
        scores = index.scores(np.stack([vectors[video.path] for video in there]))
        right = [index.labels[row] == video.label for row, video in zip(scores.argmax(1), there, strict=True)]
        assert (one.rounds[number].top1.hits, one.rounds[number].top1.total) == (sum(right), len(there))
        shares.append(sum(right) / len(there))
    assert one.top1.value == pytest.approx(np.mean(shares))
    assert one.std == (None if rounds == 1 else pytest.approx(np.std(shares, ddof=1)))
    if protocol == "base-to-novel":
        base, novel = shares
        expected = 2 * base * novel / (base + novel) if base + novel else 0
        assert one.headline[0] == "harmonic"
        assert one.headline[1].value == pytest.approx(expected)


def test_generalized(folders, network, tmp_path):
    trained = record(network, ["archery", "bowling", "waving"], tmp_path / "trained")
    report = evaluate(folders, trained, protocol="generalized", settings=EvaluationSettings(seen_cost=0.4))
    one, outcome = report.models[0].figures, report.models[0].figures.outcomes[0]
    seen = np.isin(LABELS, ["archery", "bowling", "waving"])
    from zeroshot.evaluation.calibration import calibration_rows

    aside = calibration_rows(report.plan.videos, outcome.rows, seen[outcome.targets])
    for ending, gamma in (("", 0.0), ("_calibrated", one.gamma)):
        hits = {True: [], False: []}
        for row in np.flatnonzero(~aside):
            answer = int(np.argmax(outcome.scores[row].astype(np.float64) - gamma * seen))
            hits[bool(seen[outcome.targets[row]])].append(answer == outcome.targets[row])
        of_seen, unseen = np.mean(hits[True]), np.mean(hits[False])
        assert one.sides[f"seen{ending}"].value == pytest.approx(of_seen)
        assert one.sides[f"unseen{ending}"].value == pytest.approx(unseen)
        both = of_seen + unseen
        assert one.sides[f"harmonic{ending}"].value == pytest.approx(
            2 * of_seen * unseen / both if both else 0
        )
    assert one.gamma >= 0
    assert one.headline[0] == "harmonic_calibrated"
    named = evaluate(
        folders,
        network,
        protocol="generalized",
        settings=EvaluationSettings(seen="archery,bowling,waving", seen_cost=0.4),
    )
    assert named.models[0].figures.as_dict() == one.as_dict()
    with pytest.raises(OptionError, match="0 of 6 labels are seen"):
        evaluate(folders, network, protocol="generalized")


def test_base_labels_may_be_trained_on_and_novel_ones_may_not(official, network, tmp_path):
    base = record(network, ["archery", "apply eye makeup"], tmp_path / "base")
    evaluate(official["ucf101"], base, protocol="base-to-novel")
    novel = record(network, ["playing violin"], tmp_path / "novel")
    with pytest.raises(LabelError, match="trained on 1 of these labels: playing violin"):
        evaluate(official["ucf101"], novel, protocol="base-to-novel")


def test_names_templates_and_views_of_a_lineage(official, model):
    vifi = evaluate(
        official["ucf101"], model, protocol="ucf101-full", settings=EvaluationSettings("vifi-clip")
    )
    assert vifi.settings["example_prompts"] == ["a photo of a ApplyEyeMakeup."]
    assert vifi.settings["views"] == "32 frames × 1 view × 1 crop"
    clip = evaluate(
        official["ucf101"], model, protocol="ucf101-full", settings=EvaluationSettings("open-vclip")
    )
    assert clip.settings["example_prompts"][0] == "a photo of Apply Eye Makeup."
    assert clip.settings["views"] == "8 frames over 4.27 s × 3 views × 1 crop"
    assert clip.models[0].facts["sampling"]["stride_seconds"] == pytest.approx(16 / 30)
    assert clip.models[0].facts["sampling"]["placement"] == "linspace"


def test_texts_of_ones_own(folders, model, tmp_path):
    path = tmp_path / "texts.json"
    path.write_text(json.dumps({"Riding_a_bike": ["a person on a bicycle", "two wheels"], "waving": []}))
    report = evaluate(folders, model, settings=EvaluationSettings(texts=str(path), templates="video"))
    texts = {label: [] for label in LABELS} | {"riding a bike": ["a person on a bicycle", "two wheels"]}
    index = zeroshot.load(model, texts, templates="video").index
    vector = model.embed_videos([report.plan.videos[0].path])
    np.testing.assert_allclose(
        report.models[0].figures.outcomes[0].scores[0], index.scores(vector)[0], atol=1e-5
    )
    path.write_text(json.dumps({"flying": ["in the air"]}))
    with pytest.raises(LabelError, match="describes none of the 6 labels"):
        evaluate(folders, model, settings=EvaluationSettings(texts=str(path)))


def test_the_mean_over_rounds_draws_a_shared_video_once():
    """Two rounds of the same videos are as sure as one; two of different videos are surer."""
    rng = np.random.default_rng(0)
    right = rng.random(200) < 0.5
    shared = np.column_stack([right, np.ones(200), right, np.ones(200)]).astype(np.int64)
    zero = np.zeros(100)
    apart = np.column_stack(
        [np.r_[right[:100], zero], np.r_[zero + 1, zero], np.r_[zero, right[100:]], np.r_[zero, zero + 1]]
    ).astype(np.int64)
    both, one = share_over_rounds(shared), share_over_rounds(shared[:, :2])
    assert both.high - both.low == pytest.approx(one.high - one.low, rel=0.1)
    other = share_over_rounds(apart)
    assert other.high - other.low == pytest.approx(one.high - one.low, rel=0.15)
    half = share_over_rounds(np.column_stack([right[:100], np.ones(100)]).astype(np.int64))
    assert (half.high - half.low) / (other.high - other.low) == pytest.approx(2**0.5, rel=0.15)


def test_a_mean_over_rounds_that_agree_has_a_width(folders, model):
    always = evaluate(folders, stand(model, LABELS, said_by_folder), protocol="half-classes")
    figure = always.models[0].figures.top1
    assert (figure.value, figure.high) == (1, 1)
    # Videos stand in more rounds or in fewer, so that the 30 say a little less than 30 would.
    assert 20 / (20 + 1.959964**2) < figure.low < 30 / (30 + 1.959964**2)
    assert always.models[0].figures.std == 0


def test_bad_input_is_one_line(folders, network, tmp_path):
    for arguments, named in (
        ({"protocol": "ucf"}, "protocol 'ucf'; expected one of hmdb51-zeroshot"),
        ({"protocol": "ucf101-zeroshot"}, "holds none of the videos of ucf101"),
        ({"protocol": "ucf101-full", "settings": EvaluationSettings(data="hmdb51")}, "--data says hmdb51"),
        ({"settings": EvaluationSettings("vifi")}, "--as 'vifi'"),
        ({"settings": EvaluationSettings(labels="archery,bowling")}, "none of the 2 labels"),
        ({"settings": EvaluationSettings(lists=("x.csv",))}, "folders needs no list"),
        ({"settings": EvaluationSettings(stream="dynamic")}, "has no adapter"),
    ):
        with pytest.raises(ZeroshotError, match=re.escape(named)) as error:
            evaluate(folders, network, **arguments)
        assert "\n" not in str(error.value)
    with pytest.raises(ZeroshotError, match="does not exist"):
        evaluate(tmp_path / "none", network)
    with pytest.raises(OptionError, match="a Split is its own protocol"):
        evaluate(Split.of("s", [LabeledVideo("a.mp4", "x")]), network, protocol="folders")


def test_frames_in_memory(model):
    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 255, (6, 32, 48, 3), np.uint8) for _ in range(4)]
    split = Split.of("memory", [LabeledVideo(frames, "ab"[n % 2]) for n, frames in enumerate(arrays)])
    report = evaluate(split, model)
    assert report.videos.evaluated == 4
    vectors = model.embed_videos(arrays)
    scores = zeroshot.load(model, ["a", "b"]).index.scores(vectors)
    np.testing.assert_allclose(report.models[0].figures.outcomes[0].scores, scores, atol=1e-5)


def test_a_thousand_videos_and_four_hundred_labels_as_a_loop_counts_them():
    rng = np.random.default_rng(1)
    labels = tuple(read_labels("kinetics400"))
    rows = [LabeledVideo(f"{n}.mp4", labels[n % 400]) for n in range(1000)]
    plan = plan_of_split(Split("k", labels, tuple(rows)))
    scores = rng.normal(size=(1000, 400)).astype(np.float32)
    readable = rng.random(1000) < 0.9
    found = stream_figures("clip", scores, plan, readable)
    hits = tops = 0
    for n in np.flatnonzero(readable):
        order = sorted(range(400), key=lambda k, n=n: -scores[n, k])
        hits += order[0] == n % 400
        tops += n % 400 in order[:5]
    assert (found.rounds[0].top1.hits, found.rounds[0].top5.hits) == (hits, tops)
    assert found.rounds[0].top1.total == readable.sum()
    assert round_columns(found.outcomes, 1000, 1).sum(0).tolist() == [hits, readable.sum()]
