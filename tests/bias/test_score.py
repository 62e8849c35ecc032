"""Scores on biased sets: oracles get what they must, traps are stepped around, all figures are counts."""

from __future__ import annotations

import base64
import copy
import csv
import io
import json
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
from bias_world import number, puppets, recipe, write_world
from PIL import Image
from report_schemas import assert_fits

from zeroshot.bias.document import document
from zeroshot.bias.make import make_bias_sets
from zeroshot.bias.report import stream_metrics
from zeroshot.bias.score import ModelAnswers, Scored, score_bias
from zeroshot.checkpoint import load_model
from zeroshot.classifier import load
from zeroshot.cli.main import main
from zeroshot.errors import LabelError, OptionError, VideoError
from zeroshot.model.model import Model
from zeroshot.reports.files import write_report
from zeroshot.reports.markdown import markdown


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    return folder, write_world(folder, puppets(9))


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Embeddings of the sets, for tests that ask nothing of how they come about."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def manifest(world, tmp_path_factory):
    folder, split = world
    return make_bias_sets(split, tmp_path_factory.mktemp("sets") / "out", recipe(folder))


@pytest.fixture(scope="module")
def truth(world):
    """Video → its label, from the table that was written with the videos, not from the sets' manifest."""
    with (world[0] / "videos.csv").open() as stream:
        return {number(f"/{row['path']}"): row["label"] for row in csv.DictReader(stream)}


class Oracle:
    """Answers with one label a video, surely."""

    def __init__(self, name, labels, answer):
        self.name, self.labels, self._answer = name, labels, answer

    def scores(self, folder, rows):
        table = np.zeros((len(rows), len(self.labels)), np.float32)
        for place, row in enumerate(rows):
            assert (folder / row.path).is_file()
            label = self._answer(row)
            if label is not None:
                table[place, self.labels.index(label)] = 1
        return Scored({"oracle": table})


def figures(manifest, answer, rows=None):
    chosen = manifest if rows is None else replace(manifest, rows=tuple(rows))
    report = score_bias(chosen, [Oracle("oracle", manifest.labels, answer)])
    return report.models[0].streams["oracle"]


def knows_the_action(truth):
    """Sees whose movement it is; sees nothing where nobody moves."""
    return lambda row: None if row.kind in {"background-only", "scufo"} else truth[number(row.source)]


def knows_the_scene(truth):
    """Has learned which action belongs to a place, and looks at nothing else."""

    def answer(row):
        known = "/v" in row.background_source
        return truth[number(row.background_source)] if known else None

    return answer


class TestOracles:
    def test_who_knows_the_action_is_not_misled(self, manifest, truth):
        found = figures(manifest, knows_the_action(truth))
        for metric in ("orig", "hor", "scuba", "conflfg"):
            assert found[metric].value == 1, metric
        for pairing in ("same", "close", "far", "random"):
            assert found[f"shacc-{pairing}"].value == 1
            assert pairing == "same" or found[f"sberr-{pairing}"].hits == 0
        assert "sberr-same" not in found
        # It answers nothing on a still clip, so the first label wins there.
        first = [row.label == manifest.labels[0] for row in manifest.of_kind("background-only")]
        assert found["bor"].hits == sum(first) == 3
        assert (found["contra"].hits, found["contra"].total) == (6, 9)
        assert found["conflerr"].hits == 0

    def test_who_knows_the_scene_alone_is_always_misled(self, manifest, truth):
        found = figures(manifest, knows_the_scene(truth))
        for pairing in ("close", "far", "random"):
            assert found[f"sberr-{pairing}"].value == 1
            assert found[f"shacc-{pairing}"].value == 0
        assert found["shacc-same"].value == 1
        assert found["bor"].value == 1

    def test_who_always_says_the_same_is_at_chance(self, manifest):
        for label in manifest.labels:
            found = figures(manifest, lambda row, label=label: label)
            for metric in ("orig", "shacc-random", "scuba", "scufo", "conflfg"):
                assert found[metric].value == pytest.approx(1 / 3), metric
            assert found["contra"].hits == 0
            assert found["bor"].value == found["hor"].value == 1

    def test_who_was_fooled_by_the_still_person(self, manifest, truth):
        found = figures(manifest, lambda row: row.bystander_label or truth[number(row.source)])
        assert found["conflerr"].value == 1
        assert found["conflfg"].value == 0

    def test_swapped_labels_would_be_seen(self, manifest, truth):
        """The trap of the source's own data: a swap that carries its background's label."""
        rows = [
            replace(row, label=row.background_label, background_label=row.label)
            if row.kind == "swap-random"
            else row
            for row in manifest.rows
        ]
        found = figures(manifest, knows_the_action(truth), rows)
        assert found["shacc-random"].value == 0
        assert found["sberr-random"].value == 1


def loops(rows, scores, labels):
    """Every figure by counting, one video at a time."""
    said = {(row.kind, row.clip): labels[int(np.argmax(s))] for row, s in zip(rows, scores, strict=True)}
    about = {(row.kind, row.clip): row for row in rows}

    def share(kind, test):
        clips = [clip for k, clip in said if k == kind]
        return sum(test(said[kind, c], about[kind, c]) for c in clips) / len(clips)

    def right(answer, row):
        return answer == row.label

    originals = sum(right(said["original", c], about["original", c]) for k, c in said if k == "original")
    found = {"orig": share("original", right)}
    for metric, kind in (("bor", "background-only"), ("hor", "human-only")):
        found[metric] = sum(right(said[kind, c], about[kind, c]) for k, c in said if k == kind) / originals
    for pairing in ("same", "close", "far", "random"):
        found[f"shacc-{pairing}"] = share(f"swap-{pairing}", right)
        if pairing != "same":
            found[f"sberr-{pairing}"] = share(f"swap-{pairing}", lambda a, row: a == row.background_label)
    found |= {"scuba": share("scuba", right), "scufo": share("scufo", right)}
    clips = [c for k, c in said if k == "scuba"]
    found["contra"] = sum(
        right(said["scuba", c], about["scuba", c]) and not right(said["scufo", c], about["scufo", c])
        for c in clips
    ) / len(clips)
    found["conflfg"] = share("conflict", right)
    found["conflerr"] = share("conflict", lambda a, row: a == row.bystander_label)
    return found


class TestCounts:
    @pytest.mark.parametrize("seed", range(4))
    def test_like_a_loop(self, manifest, seed):
        scores = np.random.default_rng(seed).normal(size=(len(manifest.rows), 3)).astype(np.float32)
        found = stream_metrics(manifest.rows, scores, manifest.labels)
        expected = loops(manifest.rows, scores, manifest.labels)
        assert {name: figure.value for name, figure in found.items()} == pytest.approx(expected)
        for figure in found.values():
            assert figure.hits / figure.total == figure.value
            assert figure.low <= figure.value <= figure.high

    def test_the_order_of_the_rows_does_not_matter(self, manifest):
        generator = np.random.default_rng(0)
        scores = generator.normal(size=(len(manifest.rows), 3)).astype(np.float32)
        order = generator.permutation(len(scores))
        shuffled = [manifest.rows[place] for place in order]
        assert stream_metrics(shuffled, scores[order], manifest.labels) == stream_metrics(
            manifest.rows, scores, manifest.labels
        )

    def test_bor_is_no_mean_of_batches(self, manifest):
        """Hits are added before they are divided: batches with few right originals count for little."""
        rows = [row for row in manifest.rows if row.kind in {"original", "background-only"}]
        right = {"original": [1, 1, 1, 1, 0, 0, 0, 1, 0], "background-only": [1, 0, 0, 0, 0, 0, 0, 1, 0]}
        scores = np.zeros((len(rows), 3), np.float32)
        for place, row in enumerate(rows):
            hit = right[row.kind][int(row.clip[:6])]
            target = manifest.labels.index(row.label)
            scores[place, target if hit else (target + 1) % 3] = 1
        figure = stream_metrics(rows, scores, manifest.labels)["bor"]
        assert (figure.hits, figure.total) == (2, 5)
        assert figure.value == 0.4
        by_batch = [(1 / 3), (0 / 1), (1 / 1)]  # three clips each
        assert np.mean(by_batch) != pytest.approx(0.4)

    def test_a_clip_that_lost_its_edit_is_left_out_of_the_ratio(self, manifest):
        rows = [row for row in manifest.rows if row.kind == "original"]
        rows += list(manifest.of_kind("background-only"))[:4]
        scores = np.zeros((len(rows), 3), np.float32)
        for place, row in enumerate(rows):
            scores[place, manifest.labels.index(row.label)] = 1
        figure = stream_metrics(rows, scores, manifest.labels)["bor"]
        assert (figure.hits, figure.total, figure.n) == (4, 4, 4)

    def test_bad_input(self, manifest):
        scores = np.zeros((len(manifest.rows), 3), np.float32)
        with pytest.raises(OptionError, match="expected one each"):
            stream_metrics(manifest.rows, scores[1:], manifest.labels)
        with pytest.raises(LabelError, match=r"^1 label of the sets cannot be ranked \(first: 'waving'\)"):
            stream_metrics(manifest.rows, scores, ("bowing", "jumping", "other"))


@pytest.fixture(scope="module")
def model():
    with load_model("puppet-tiny", device="cpu") as opened:
        yield opened


class TestModel:
    def test_figures_agree_with_ranking_one_by_one(self, manifest, model, tmp_path):
        """The same path through the network, whatever the batch; three streams at once."""
        answers = ModelAnswers(model, list(manifest.labels), cache=tmp_path)
        scored = answers.scores(manifest.folder, manifest.rows)
        assert set(scored.streams) == {"static", "dynamic", "fused", "clip"}
        for stream, table in scored.streams.items():
            with load_model("puppet-tiny", device="cpu", stream=stream) as alone:
                classifier = load(alone, list(manifest.labels))
                for place in range(5, len(table), 29):
                    row = manifest.rows[place]
                    ranked = classifier.rank(manifest.folder / row.path, k=3)
                    expected = {prediction.label: prediction.score for prediction in ranked}
                    for label, score in zip(manifest.labels, table[place], strict=True):
                        assert score == pytest.approx(expected[label], abs=1e-5)

    def test_a_second_run_decodes_nothing(self, manifest, model, tmp_path, monkeypatch):
        first = score_bias(manifest, [model], cache=tmp_path)
        monkeypatch.setattr("zeroshot.video.processes.reader.ClipReader._begin", None)
        assert score_bias(manifest, [model], cache=tmp_path) == first

    def test_one_stream_and_a_model_without_any(self, manifest, model, kept):
        report = score_bias(manifest, [model], streams=["dynamic"], cache=kept)
        assert list(report.models[0].streams) == ["dynamic", "clip"], (
            "raw CLIP stands beside whatever is asked"
        )
        report = score_bias(manifest, [model], streams=["clip"], cache=kept)
        alone = report.models[0].streams["clip"]
        assert list(report.models[0].streams) == ["clip"]
        plain = load_model("puppet-tiny", device="cpu", stream="clip")
        report = score_bias(manifest, [plain], cache=kept)
        assert list(report.models[0].streams) == ["clip"]
        assert report.models[0].streams["clip"] == alone, (
            "read along with an adapter it is the backbone alone"
        )
        with pytest.raises(OptionError, match="has the streams clip, not static"):
            score_bias(manifest, [plain], streams=["static"], cache=kept)
        with pytest.raises(OptionError, match="stream is 'third'"):
            score_bias(manifest, [model], streams=["third"], cache=kept)
        with pytest.raises(OptionError, match="no model"):
            score_bias(manifest, [])
        with pytest.raises(OptionError, match="'puppet-tiny' is given twice"):
            score_bias(manifest, [model, "puppet-tiny"])

    def test_a_lost_video_is_named_and_left_out_for_all(self, world, model, tmp_path):
        folder, split = world
        made = make_bias_sets(split, tmp_path / "out", recipe(folder, kinds=("scuba",)))
        lost = made.of_kind("scuba")[0]
        (made.folder / lost.path).unlink()
        oracle = Oracle("oracle", made.labels, lambda row: row.label)
        oracle.scores = lambda folder, rows: Scored({"oracle": np.zeros((len(rows), 3), np.float32)})
        report = score_bias(made, [model, oracle], cache=tmp_path / "cache")
        assert [path for path, _ in report.failures] == [lost.path]
        assert report.counts["scuba"] == len(made.of_kind("scuba")) - 1
        assert report.models[1].streams["oracle"]["scuba"].total == report.counts["scuba"]

    @pytest.mark.slow
    def test_the_order_of_the_rows_the_batch_and_the_workers_change_nothing(self, manifest, model, tmp_path):
        """Nor does a run that was stopped half-way and taken up by another batch size."""
        reports = []
        rows = manifest.rows
        shuffled = [rows[place] for place in np.random.default_rng(0).permutation(len(rows))]
        turns = ((rows, 64, 2), (rows[::-1], 3, 1), (shuffled, 1, 2), (rows, 7, 1))
        for turn, (chosen, batch_size, workers) in enumerate(turns):
            backbone = copy.copy(model.backbone)
            backbone.batch_size = batch_size
            cache = tmp_path / str(turn)
            with Model(backbone, adapter=model.adapter, num_workers=workers) as changed:
                if turn == 3:
                    half = replace(manifest, rows=tuple(shuffled[:31]))
                    score_bias(half, [changed], cache=cache)
                    changed.backbone.batch_size = 5
                reports.append(score_bias(replace(manifest, rows=tuple(chosen)), [changed], cache=cache))
        first = reports[0].models[0]
        assert set(first.streams) == {"static", "dynamic", "fused", "clip"}
        for report in reports[1:]:
            assert report.counts == reports[0].counts
            assert report.models[0].streams == first.streams

    def test_videos_that_changed_since_are_named_and_not_counted(self, world, model, tmp_path):
        """Gone, cut short, one byte off, another one's: none of them is the video that the table tells of."""
        folder, split = world
        made = make_bias_sets(split, tmp_path / "out", recipe(folder, kinds=("scuba", "human-only")))
        rows = made.of_kind("scuba")
        paths = [made.folder / row.path for row in rows]
        paths[0].unlink()
        paths[1].write_bytes(paths[1].read_bytes()[:-100])
        middle = bytearray(paths[2].read_bytes())
        middle[len(middle) // 2] ^= 1
        paths[2].write_bytes(middle)
        paths[3].write_bytes(paths[4].read_bytes())
        report = score_bias(made, [model], cache=tmp_path / "cache")
        assert [path for path, _ in report.failures] == [row.path for row in rows[:4]]
        words = [reason for _, reason in report.failures]
        assert words[0] == f"{paths[0]} is not there any more; run the same `zeroshot bias make` again"
        for path, reason in zip(paths[1:4], words[1:], strict=True):
            assert reason.startswith(f"{path} has changed since it was made")
            assert "\n" not in reason
        assert report.counts["scuba"] == len(rows) - 4
        assert report.models[0].streams["fused"]["scuba"].total == len(rows) - 4
        assert report.models[0].streams["fused"]["hor"].n == len(made.of_kind("human-only"))
        write_report(tmp_path / "report", report.as_dict(), document(report, made))
        assert "4 videos were left out, of all models" in (tmp_path / "report" / "report.html").read_text()
        again = make_bias_sets(split, made.folder, recipe(folder, kinds=("scuba", "human-only")))
        assert again == made, "the same command mends them"
        assert not score_bias(again, [model], cache=tmp_path / "cache").failures

    def test_nothing_left_to_score(self, world, model, tmp_path):
        folder, split = world
        made = make_bias_sets(split, tmp_path / "out", recipe(folder, kinds=()))
        for row in made.rows:
            (made.folder / row.path).write_bytes(b"")
        with pytest.raises(VideoError, match=r"none of the 18 videos can be scored .first: .* has changed"):
            score_bias(made, [model], cache=tmp_path / "cache")

    def test_the_document(self, manifest, model, kept):
        report = score_bias(manifest, [model], cache=kept)
        text = markdown(document(report))
        for words in ("## puppet-tiny", "| shacc-random |", "| bor |", "3 labels, chance 33.3%"):
            assert words in text
        for words in (
            "puppet-tiny: weights ",
            "8 frames × 1 view",
            "torch ",
            "* masks: files",
            "* templates none",
        ):
            assert words in text
        assert report.record["sets"] in text
        named = score_bias(manifest, [model], templates="a video of {}.", cache=kept)
        assert named.record["templates"] == "a video of {}."
        assert named.record["prompts"] != report.record["prompts"]
        assert json.loads(json.dumps(report.as_dict()))["models"][0]["streams"]["fused"]["orig"]["total"] == 9


@pytest.mark.slow
def test_the_page_shows_clips_and_needs_nothing_else(manifest, model, tmp_path):
    report = score_bias(manifest, [model], cache=tmp_path / "cache")
    write_report(tmp_path / "report", report.as_dict(), document(report, manifest))
    page = (tmp_path / "report" / "report.html").read_text()
    assert not re.search(r'(src|href)="(?!data:)', page)
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert len(pictures) == 3 * len(manifest.kinds)
    for picture in pictures:
        with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
            assert image.size == (224, 84)  # two frames of 48 × 36
    assert "shacc-random, dynamic" in page
    for words in ("the place at the lower right", ">puppet-tiny, dynamic</text>", "(SBErr), %", "weights "):
        assert words in page
    found = json.loads((tmp_path / "report" / "report.json").read_text())
    assert found == json.loads(json.dumps(report.as_dict()))
    assert found["record"]["versions"]["torch"]
    assert (tmp_path / "report" / "report.md").read_text() == markdown(document(report))


def run(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["zeroshot", "bias", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return (ended.value.code or 0, *capsys.readouterr())


class TestCommand:
    def test_make_then_score(self, world, tmp_path, monkeypatch, capsys):
        folder, _ = world
        made = ["make", folder / "videos.csv", "-o", tmp_path / "out", "--masks", folder / "masks", "--json"]
        made += ["--kinds", "swap-random, scuba", "--lossless"]
        status, out, _ = run(monkeypatch, capsys, *made)
        assert status == 0
        counts = json.loads(out)["counts"]
        assert set(counts) == {"original", "background-only", "swap-random", "scuba"}
        words = ["score", tmp_path / "out", "--model", "puppet-tiny", "--device", "cpu"]
        status, out, err = run(monkeypatch, capsys, *words)
        assert (status, err) == (0, "")
        assert "3 labels, chance 33.3%" in out
        assert any(line.startswith("shacc-random") for line in out.splitlines())
        status, out, _ = run(monkeypatch, capsys, *words, "--json")
        report = assert_fits(json.loads(out), "bias")
        assert report["models"][0]["model"] == "puppet-tiny"
        assert report["models"][0]["streams"]["static"]["orig"]["n"] == 9

    def test_what_a_user_can_repair_is_one_line(self, manifest, tmp_path, monkeypatch, capsys):
        model = ("--model", "puppet-tiny", "--device", "cpu")
        cases = [
            (("score", tmp_path / "none", *model), "is not there"),
            (
                ("score", manifest.folder, *model, "--labels", "a,b"),
                "3 labels of the sets cannot be ranked (first: 'bowing'): not among the 2 given",
            ),
            (("score", manifest.folder, *model, "--stream", "x"), "stream is 'x'"),
            (("make", tmp_path / "no.csv", "-o", tmp_path / "o"), "no.csv"),
            (
                ("make", manifest.folder / "scuba" / "videos.csv", "-o", tmp_path / "o", "--kinds", "x"),
                "no kind 'x'",
            ),
            (
                ("make", "v.csv", "-o", tmp_path / "o", "--pairs", "x.pickle"),
                "expected PAIRING=FILE with one",
            ),
            (
                ("make", tmp_path / "no.csv", "-o", tmp_path / "o", "--pairs", f"same={tmp_path}/x.pickle"),
                "no.csv",
            ),
            (("make", "v.csv", "-o", tmp_path / "o", "--pictures-per-clip", "0"), "0 pictures a clip"),
        ]
        for words, message in cases:
            status, out, err = run(monkeypatch, capsys, *words)
            assert (status, out) == (1, ""), words
            assert message in err
            assert len(err.splitlines()) == 1

    @pytest.mark.parametrize("verb", ["make", "score", "probe"])
    def test_help_opens_with_an_example(self, verb, monkeypatch, capsys):
        status, out, _ = run(monkeypatch, capsys, verb, "--help")
        assert status == 0
        assert out.split("\n\n")[1].strip().startswith(f"Example:  zeroshot bias {verb}")
