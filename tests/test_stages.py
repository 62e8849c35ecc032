"""Stages as a user meets them: the order of frames counts, in Python and in every verb."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import zeroshot
from zeroshot.batch.table import read_table
from zeroshot.cli.main import main
from zeroshot.errors import IndexFileError, LabelError, OptionError, OutputError
from zeroshot.synthetic.render import render_many
from zeroshot.synthetic.world import ACTIONS, View
from zeroshot.video.write import write_video

PAIR = ("raising both arms", "lowering both arms")
LABELS = [*PAIR, "waving"]


@pytest.fixture(scope="module")
def model() -> zeroshot.Model:
    return zeroshot.load_model("puppet-tiny", device="cpu", stream="clip")


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    """Twice both arms go up; backwards they come down."""
    found = render_many([ACTIONS.index(PAIR[0])] * 2, [3, 5], [1, 2], View(num_frames=8))
    return [video.frames for video in found]


@pytest.fixture(scope="module")
def clips(frames, tmp_path_factory) -> list[str]:
    """Each as a file, and backwards, and at the end one frame alone."""
    folder = tmp_path_factory.mktemp("clips")
    paths = []
    for number, shown in enumerate(way for each in frames for way in (each, each[::-1])):
        paths.append(folder / f"{number}.mp4")
        write_video(paths[-1], np.ascontiguousarray(shown), 8.0)
    paths.append(folder / "still.mp4")
    write_video(paths[-1], frames[0][:1], 8.0)
    return [str(path) for path in paths]


@pytest.fixture(scope="module")
def staged(model) -> zeroshot.Classifier:
    return zeroshot.load(model, LABELS, stages="puppet_actions")


@pytest.fixture
def run(capsys, monkeypatch):
    """Runs the command in this process: (exit status, stdout, stderr)."""

    def call(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["zeroshot", *map(str, words)])
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return call


def better_of(predictions) -> str:
    """Which of the pair stands first."""
    return next(one.label for one in predictions if one.label in PAIR)


def test_order_counts_and_only_with_stages(model, staged, frames):
    plain = zeroshot.load(model, LABELS)
    for each in frames:
        assert better_of(staged.rank(each)) == PAIR[0]
        assert better_of(staged.rank(each[::-1])) == PAIR[1]
        assert better_of(plain.rank(each)) == better_of(plain.rank(each[::-1]))


def test_a_label_without_stages_and_a_still_clip_score_as_before(model, staged, frames):
    plain = zeroshot.load(model, LABELS)

    def score(classifier, video, label) -> float:
        return {one.label: one.score for one in classifier.rank(video)}[label]

    assert score(staged, frames[0], "waving") == pytest.approx(score(plain, frames[0], "waving"), abs=1e-5)
    still = np.repeat(frames[0][:1], 8, axis=0)
    for label in LABELS:
        assert score(staged, still, label) == pytest.approx(score(plain, still, label), abs=1e-4)


def test_probabilities_are_over_all_labels_by_the_models_own_scale(model, staged, frames):
    found = staged.rank(frames[0], k=10)
    logits = model.logit_scale * np.array([one.score for one in found])
    shares = np.exp(logits - logits.max())
    np.testing.assert_allclose([one.probability for one in found], shares / shares.sum(), atol=1e-5)


def test_one_by_one_many_timeline_and_vectors_agree(model, staged, clips):
    alone = [staged.rank(path) for path in clips]
    many = [list(row.predictions) for row in staged.rank_many(clips)]
    rows = np.stack([row for _, row in model.embed_many(clips, drifts=True)])
    vectors = staged.rank_vectors(rows[:, 0], drifts=rows[:, 1])
    for one, other, third, path in zip(alone, many, vectors, clips, strict=True):
        whole = staged.timeline(path, window_seconds=10.0, k=5)[0].predictions
        for found in (other, third, whole):
            assert [each.label for each in found] == [each.label for each in one]
            np.testing.assert_allclose([x.score for x in found], [x.score for x in one], atol=1e-4)
    with pytest.raises(OptionError, match="these labels have stages, which need the drift of each video"):
        staged.rank_vectors(rows[:, 0])


def test_every_stream_has_its_order_counted(frames):
    for stream in ("static", "dynamic", "fused"):
        network = zeroshot.load_model("puppet-tiny", device="cpu", stream=stream)
        told, plain = (zeroshot.load(network, LABELS, stages=each) for each in ("puppet_actions", None))
        found = [{one.label: one.score for one in each.rank(frames[0])} for each in (told, plain)]
        gained = {label: found[0][label] - found[1][label] for label in LABELS}
        assert gained[PAIR[0]] > 0.01 > 0 > -0.01 > gained[PAIR[1]]
        assert gained["waving"] == pytest.approx(0, abs=1e-5)


def test_many_labels_are_ranked_the_same(model, frames, monkeypatch):
    """From some number on they go through a search instead of a sort."""
    monkeypatch.setattr("zeroshot.index.index._SORTED_LABELS", 60)
    more = {f"action {number}": None for number in range(80)}
    told = {PAIR[0]: {"start": "arms hanging", "end": "both arms up"}, **more}
    few = zeroshot.load(model, {PAIR[0]: told[PAIR[0]], "action 7": None})
    many = zeroshot.load(model, told)
    scores = {one.label: one.score for one in many.rank(frames[0], k=81)}
    for one in few.rank(frames[0]):
        assert scores[one.label] == pytest.approx(one.score, abs=1e-4)


def test_what_stages_lack_is_said_once(run, clips):
    status, out, err = run(
        "classify", *clips, "--labels", ",".join(LABELS), "--stages", "puppet_actions",
        "--model", "puppet-tiny", "--stream", "clip", "--json",
    )  # fmt: skip
    assert status == 0
    assert err.count("1 of 3 labels has no stages") == 1
    assert err.count("1 clip of one frame, or where nothing changes") == 1
    best = [better_of([zeroshot.Prediction(**one) for one in json.loads(line)["predictions"]]) for line in
            out.splitlines()]  # fmt: skip
    assert best[:4] == [PAIR[0], PAIR[1], PAIR[0], PAIR[1]]
    status, out, err = run(
        "timeline", clips[1], "--labels", ",".join(PAIR), "--stages", "puppet_actions", "--csv",
        "--model", "puppet-tiny", "--stream", "clip", "--window", 10,
    )  # fmt: skip
    assert status == 0
    assert next(csv.DictReader(io.StringIO(out)))["label"] == PAIR[1]
    assert "no stages" not in err


def test_an_index_records_its_stages(run, model, clips, frames, tmp_path):
    plain, told = tmp_path / "plain.index", tmp_path / "told.index"
    common = ["index", ",".join(LABELS), "--model", "puppet-tiny", "--output"]
    assert run(*common, plain)[0] == 0
    status, _, err = run(*common, told, "--stages", "puppet_actions")
    assert status == 0
    assert "1 of 3 labels has no stages" in err
    assert "hardly be told apart" not in err
    found = zeroshot.load(model, index=told)
    assert found.is_staged
    assert better_of(found.rank(frames[0][::-1])) == PAIR[1]
    assert zeroshot.load(model, index=told, stages="puppet_actions").rank(frames[0]) == found.rank(frames[0])
    with pytest.raises(IndexFileError, match="was made without stages; make it anew") as caught:
        zeroshot.load(model, index=plain, stages="puppet_actions")
    assert "\n" not in str(caught.value)
    other = {PAIR[0]: {"start": "legs straight", "end": "knees bent"}}
    with pytest.raises(IndexFileError, match="was made with other stages, or other templates for them"):
        zeroshot.load(model, index=told, stages=other)
    status, _, err = run("classify", clips[0], "--index", plain, "--stages", "puppet_actions",
                         "--model", "puppet-tiny")  # fmt: skip
    assert status == 1
    assert err.count("\n") == 1
    assert "made without stages" in err


def test_embeddings_with_drifts_serve_stages_and_searches(run, model, clips, tmp_path):
    kept, bare = tmp_path / "kept", tmp_path / "bare"
    common = ["--model", "puppet-tiny", "--stream", "clip", "--output"]
    assert run("embed", *clips, *common, kept, "--drifts")[0] == 0
    assert run("embed", *clips, *common, bare)[0] == 0
    table = read_table(kept)
    assert table.drifts.shape == table.vectors.shape
    assert read_table(bare).drifts is None
    rows = np.stack([row for _, row in model.embed_many(table.paths, drifts=True)])
    np.testing.assert_allclose(table.drifts, rows[:, 1], atol=1e-5)
    ask = ["classify", "--labels", ",".join(LABELS), "--json"]
    fresh = run(*ask, *clips, "--stages", "puppet_actions", "--model", "puppet-tiny", "--stream", "clip")[1]
    again = run(*ask, "--embeddings", kept, "--stages", "puppet_actions")[1]
    for one, other in zip(sorted(fresh.splitlines()), sorted(again.splitlines()), strict=True):
        first, second = ([each["label"] for each in json.loads(line)["predictions"]] for line in (one, other))
        assert first == second
    assert run(*ask, "--embeddings", kept)[0] == 0  # without stages they serve as well
    status, _, err = run(*ask, "--embeddings", bare, "--stages", "puppet_actions")
    assert (status, err.count("\n")) == (1, 1)
    assert "keeps no drifts, which stages need" in err
    status, out, _ = run("search", "both arms up -> arms hanging", "waving", "--in", kept, "--json")
    assert status == 0
    matches = json.loads(out.splitlines()[0])["matches"]
    assert {Path(match["path"]).name for match in matches[:2]} == {"1.mp4", "3.mp4"}
    assert -1 <= json.loads(out.splitlines()[1])["matches"][0]["score"] <= 1
    with pytest.raises(OutputError, match="keeps no drifts"):
        zeroshot.search("a -> b", bare, model=model)
    with pytest.raises(LabelError, match="expected words on both sides"):
        zeroshot.search("a -> ", kept, model=model)


def test_windows_keep_their_drifts_and_killed_tables_go_on(run, clips, tmp_path):
    folder = tmp_path / "moments"
    ask = ["--window", 0.5, "--drifts", "--model", "puppet-tiny", "--stream", "clip", "--output", folder]
    assert run("embed", clips[0], *ask)[0] == 0
    assert run("embed", clips[0], clips[1], *ask)[0] == 0
    table = read_table(folder)
    assert len(table.paths) == 4
    assert np.linalg.norm(table.drifts, axis=1).min() > 0
    status, _, err = run("embed", clips[0], *[word for word in ask if word != "--drifts"])
    assert status == 1
    assert "drift" in err


def test_evaluate_counts_the_order(run, clips, tmp_path):
    split = tmp_path / "videos.csv"
    rows = [f"{path},{PAIR[number % 2]}" for number, path in enumerate(clips[:4])]
    split.write_text("path,label\n" + "\n".join(rows) + "\n")
    shown = {}
    for name, more in (("plain", []), ("told", ["--stages", "puppet_actions"])):
        status, out, _ = run(
            "evaluate", split, "--output", tmp_path / name, "--model", "puppet-tiny", "--stream", "clip",
            "--allow-seen", "--json", *more,
        )  # fmt: skip
        assert status == 0
        shown[name] = json.loads(out.splitlines()[-1])
    hits = {
        name: found["models"][0]["streams"]["clip"]["rounds"][0]["top1"]["hits"]
        for name, found in shown.items()
    }
    assert hits == {"plain": 2, "told": 4}
    assert shown["told"]["settings"]["stages"] == "puppet_actions: 2 of 2 labels"
    assert shown["plain"]["settings"]["stages"] is None


def test_very_many_labels_with_stages_ask_for_videos(model):
    from zeroshot.text.prompts import make_prompts

    labels = {PAIR[0]: {"start": "arms hanging", "end": "both arms up"}}
    labels |= {f"action {number}": None for number in range(20_000)}
    with pytest.raises(OptionError, match="20001 labels with stages are searched in cells"):
        zeroshot.build_index(make_prompts(labels), model=model, recall=0.9)
