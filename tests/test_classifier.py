"""The answer: ranked labels for videos of every kind, the same whichever way one asks."""

from __future__ import annotations

import csv
import itertools
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

import zeroshot
from zeroshot.cli.main import main
from zeroshot.errors import IndexFileError, LabelError, OptionError, VideoError
from zeroshot.synthetic.coupling import HOME_SCENES
from zeroshot.types import Clip

ROOT = Path(__file__).parents[1]
CLIPS = ROOT / "examples" / "clips"
ROWS = list(csv.DictReader((CLIPS / "clips.csv").read_text(encoding="utf-8").splitlines()))
PATHS = [str(CLIPS / row["path"]) for row in ROWS]


@pytest.fixture(scope="module")
def classifier() -> zeroshot.Classifier:
    return zeroshot.load("puppet-tiny", "puppet_actions", device="cpu")


def test_predictions_are_a_distribution_in_order(classifier):
    predictions = classifier.rank(PATHS[0], k=len(classifier.labels))
    assert sum(p.probability for p in predictions) == pytest.approx(1, abs=1e-6)
    assert [p.probability for p in predictions] == sorted((p.probability for p in predictions), reverse=True)
    assert {p.label for p in predictions} == set(classifier.labels)
    assert all(-1 <= p.score <= 1 for p in predictions)


def test_probability_is_over_all_labels_not_over_k(classifier):
    everything = classifier.rank(PATHS[0], k=1000)
    assert classifier.rank(PATHS[0], k=2) == everything[:2]
    assert sum(p.probability for p in everything[:2]) < 1


def test_probability_uses_the_models_own_scale(classifier):
    logits = np.array([p.score for p in classifier.rank(PATHS[0], k=1000)]) * classifier.model.logit_scale
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    np.testing.assert_allclose(shares, [p.probability for p in classifier.rank(PATHS[0], k=1000)], atol=1e-5)


def test_many_equal_one_by_one_in_order(classifier):
    many = list(classifier.rank_many(PATHS, k=3))
    assert [row.path for row in many] == PATHS
    for path, row in zip(PATHS, many, strict=True):
        alone = classifier.rank(path, k=3)
        assert [p.label for p in alone] == [p.label for p in row.predictions]
        np.testing.assert_allclose([p.score for p in alone], [p.score for p in row.predictions], atol=1e-5)


def test_a_bad_file_costs_one_row(classifier, tmp_path):
    bad = tmp_path / "text.mp4"
    bad.write_text("no video at all")
    rows = list(classifier.rank_many([PATHS[0], str(bad), "nowhere.mp4", PATHS[1]], k=1))
    assert [row.error is None for row in rows] == [True, False, False, True]
    assert all("\n" not in row.error and row.path in row.error for row in rows if row.error)
    assert rows[1].predictions == ()


def test_nothing_is_remembered_between_label_lists(classifier):
    first = zeroshot.load(classifier.model, ["waving", "jumping"]).rank(PATHS[0])
    zeroshot.load(classifier.model, ["kicking", "bowing", "clapping"]).rank(PATHS[0])
    assert zeroshot.load(classifier.model, ["waving", "jumping"]).rank(PATHS[0]) == first


def test_arrays_tensors_images_folders_and_clips_agree(classifier, tmp_path):
    import torch
    from PIL import Image

    frames = np.random.default_rng(0).integers(0, 255, (8, 72, 96, 3), dtype=np.uint8)
    images = [Image.fromarray(frame) for frame in frames]
    for number, image in enumerate(images):
        image.save(tmp_path / f"{number}.png")
    expected = [p.score for p in classifier.rank(frames)]
    sources = [
        frames.transpose(0, 3, 1, 2),
        torch.from_numpy(frames),
        images,
        tmp_path,
        Clip(frames.transpose(0, 3, 1, 2), np.arange(8) / 25),
    ]
    for source in sources:
        np.testing.assert_allclose([p.score for p in classifier.rank(source)], expected, atol=1e-5)


def test_one_label_and_k_beyond_the_list(classifier):
    only = zeroshot.load(classifier.model, ["waving"]).rank(PATHS[0], k=7)
    assert [(p.label, p.probability) for p in only] == [("waving", pytest.approx(1))]


def test_ten_thousand_labels_in_any_script(classifier):
    labels = [*(f"label number {i}" for i in range(200)), "手を振る", "👋 😀", "прыжок", "é" * 500]
    ranked = zeroshot.load(classifier.model, labels).rank(PATHS[0], k=len(labels))
    assert {p.label for p in ranked} == set(labels)
    assert sum(p.probability for p in ranked) == pytest.approx(1, abs=1e-6)


@pytest.mark.slow
def test_ten_thousand_labels(classifier):
    labels = [f"label number {i}" for i in range(10_000)]
    assert len(zeroshot.load(classifier.model, labels).rank(PATHS[0], k=10_000)) == 10_000


def test_index_is_reused_and_refuses_another_model(classifier, tmp_path):
    saved = tmp_path / "actions.index"
    classifier.index.save(saved)
    again = zeroshot.load(classifier.model, index=saved)
    assert again.rank(PATHS[0]) == classifier.rank(PATHS[0])
    other = zeroshot.load_model("ViT-B-32/random", device="cpu")
    with pytest.raises(
        IndexFileError, match=r"made by puppet-tiny, not by ViT-B-32/random.*`zeroshot index`"
    ):
        zeroshot.load(other, index=saved)
    with pytest.raises(LabelError, match="width"):
        zeroshot.Classifier(other, classifier.index)


def test_timeline_covers_the_video_in_order(classifier):
    segments = classifier.timeline(PATHS[0], window_seconds=0.5, stride_seconds=0.25, k=2)
    assert segments[0].start_seconds == 0
    starts = [segment.start_seconds for segment in segments]
    np.testing.assert_allclose(np.diff(starts), 0.25)
    assert all(len(segment.predictions) == 2 for segment in segments)
    abutting = classifier.timeline(PATHS[0], window_seconds=0.5)
    for before, after in itertools.pairwise(abutting):
        assert before.end_seconds == pytest.approx(after.start_seconds)


def test_a_timeline_of_one_window_is_the_whole_video(classifier):
    (segment,) = classifier.timeline(PATHS[0], window_seconds=1000, k=1)
    (best,) = classifier.rank(PATHS[0], k=1)
    assert segment.predictions[0].label == best.label
    assert segment.predictions[0].score == pytest.approx(best.score, abs=1e-5)


def test_a_timeline_has_no_stub_at_its_end(classifier):
    duration = classifier.timeline(PATHS[0], window_seconds=1000, k=1)[0].end_seconds
    segments = classifier.timeline(PATHS[0], window_seconds=duration / 2.2, k=1)
    assert [round(each.end_seconds / duration, 3) for each in segments] == [0.455, 1.0]


def test_equal_neighbours_merge_into_what_their_windows_say_together(classifier):
    """Against the windows' own vectors: the weighted mean, and a best label that stays."""
    windows = classifier.timeline(PATHS[0], window_seconds=0.25, k=2)
    merged = classifier.timeline(PATHS[0], window_seconds=0.25, k=2, merge=True)
    runs = [list(group) for _, group in itertools.groupby(windows, lambda each: each.predictions[0].label)]
    assert len(runs) < len(windows)
    assert len(merged) == len(runs)
    vectors = iter(
        classifier.model.embed_clips(
            [clip for _, clips in classifier.model.read_windows(PATHS[0], 0.25, 0.25, 8) for clip in clips]
        )
    )
    for segment, run in zip(merged, runs, strict=True):
        assert (segment.start_seconds, segment.end_seconds) == (run[0].start_seconds, run[-1].end_seconds)
        assert segment.predictions[0].label == run[0].predictions[0].label
        seconds = np.array([each.end_seconds - each.start_seconds for each in run])
        mean = (np.stack([next(vectors) for _ in run]) * seconds[:, None]).sum(axis=0)
        expected = classifier.index.scores((mean / np.linalg.norm(mean)).astype(np.float32)[None])[0].max()
        assert segment.predictions[0].score == pytest.approx(expected, abs=1e-5)


def test_windows_beyond_a_gap_do_not_merge(classifier):
    segments = classifier.timeline(PATHS[0], window_seconds=0.2, stride_seconds=0.4, k=1, merge=True)
    assert len(segments) == len(classifier.timeline(PATHS[0], window_seconds=0.2, stride_seconds=0.4, k=1))


def test_options_out_of_range_are_named(classifier):
    for call in (
        lambda: classifier.rank(PATHS[0], k=0),
        lambda: classifier.rank_many([], k=-1),
        lambda: classifier.timeline(PATHS[0], window_seconds=0),
        lambda: classifier.timeline(PATHS[0], stride_seconds=-1.0),
        lambda: zeroshot.load("puppet-tiny"),
    ):
        with pytest.raises(OptionError):
            call()
    with pytest.raises(VideoError, match="clock"):
        classifier.timeline(np.zeros((4, 8, 8, 3), np.uint8))


def num_right(classifier: zeroshot.Classifier, rows: list[dict[str, str]]) -> int:
    rankings = classifier.rank_many([str(CLIPS / row["path"]) for row in rows], k=1)
    return sum(
        row["label"] == ranking.predictions[0].label for row, ranking in zip(rows, rankings, strict=True)
    )


def test_puppets_are_named(classifier):
    """What the README's first command shows."""
    assert num_right(classifier, ROWS) > 0.8 * len(ROWS)


def test_clip_follows_the_scene_and_the_dynamic_stream_the_motion():
    """What the README's picture shows."""
    strange = [row for row in ROWS if HOME_SCENES[row["label"]] != row["scene"]]
    usual = [row for row in ROWS if row not in strange]
    clip = zeroshot.load("puppet-tiny", "puppet_actions", device="cpu", stream="clip")
    dynamic = zeroshot.load("puppet-tiny", "puppet_actions", device="cpu", stream="dynamic")
    fused = zeroshot.load("puppet-tiny", "puppet_actions", device="cpu", stream="fused")
    assert num_right(clip, usual) == len(usual)
    assert num_right(clip, strange) < len(strange) / 2
    assert num_right(dynamic, strange) > len(strange) / 2
    assert num_right(fused, strange) > len(strange) / 2


@pytest.mark.slow
def test_real_clips_through_an_untrained_network(real_clips):
    rows = list(
        zeroshot.load("ViT-B-32/random", "kinetics400", device="cpu").rank_many(real_clips[:4], k=400)
    )
    assert len(rows) == 4
    for row in rows:
        assert row.error is None
        assert sum(p.probability for p in row.predictions) == pytest.approx(1, abs=1e-5)


def test_real_clips_have_answers(classifier, real_clips):
    for row in classifier.rank_many(real_clips, k=100):
        assert row.error is None
        assert sum(p.probability for p in row.predictions) == pytest.approx(1, abs=1e-6)


def test_build_index_is_the_command_index(tmp_path, monkeypatch, capsys):
    mine, theirs = tmp_path / "mine.index", tmp_path / "theirs.index"
    told = []
    made = zeroshot.build_index(
        "waving,BrushHair",
        output=mine,
        model="puppet-tiny",
        templates="a video of {}",
        watch=lambda *to: told.append(to),
    )
    assert (made.labels, told[0], told[-1]) == (("waving", "brush hair"), ("labels", 0, 2), ("labels", 2, 2))
    words = ["index", "waving,BrushHair", "--templates", "a video of {}", "--model", "puppet-tiny"]
    monkeypatch.setattr(sys, "argv", ["zeroshot", *words, "--output", str(theirs)])
    with pytest.raises(SystemExit):
        main()
    assert mine.read_bytes() == theirs.read_bytes()
    assert not mine.with_name("mine.index.partial").exists()
    assert zeroshot.load("puppet-tiny", index=mine).labels == made.labels
    in_memory = zeroshot.build_index("waving,BrushHair", model="puppet-tiny", templates="a video of {}")
    np.testing.assert_array_equal(in_memory.embeddings, made.embeddings)
    assert in_memory.fingerprint == made.fingerprint


def test_build_index_goes_on_where_it_was_interrupted(classifier, tmp_path):
    labels = [f"person number {i}" for i in range(600)]
    output = tmp_path / "x.index"

    def interrupt(part, done, of):
        if done == 256:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        zeroshot.build_index(labels, output=output, model=classifier.model, watch=interrupt)
    assert not output.exists()
    told = []
    made = zeroshot.build_index(
        labels, output=output, model=classifier.model, watch=lambda *to: told.append(to)
    )
    assert told[0] == ("labels", 256, 600)
    whole = zeroshot.build_index(labels, output=tmp_path / "y.index", model=classifier.model)
    np.testing.assert_array_equal(made.embeddings, whole.embeddings)
    told.clear()
    zeroshot.build_index(labels, output=output, model=classifier.model, watch=lambda *to: told.append(to))
    assert told == [("there", 600, 600)]
    with pytest.raises(OptionError, match="recall is 2"):
        zeroshot.build_index(labels, output=output, model="no such model", recall=2)


def test_weights_are_read_for_a_stamp_when_it_is_wanted_and_not_before(tmp_path):
    classifier = zeroshot.load("ViT-B-32/random", ["archery", "yoga"], device="cpu")
    backbone = classifier.model.backbone
    assert "fingerprint" not in vars(backbone), (
        "half a second for each gigabyte, which an answer does not need"
    )
    classifier.index.save(tmp_path / "two.index")
    assert zeroshot.LabelIndex.load(tmp_path / "two.index").fingerprint["model"] == backbone.fingerprint
    assert pickle.loads(pickle.dumps(classifier.index)).fingerprint == classifier.index.fingerprint


def test_other_labels_for_one_call_change_nothing(classifier):
    before = classifier.rank(PATHS[0])
    other = classifier.rank(PATHS[0], labels="bowing, kicking", templates="a person {}")
    assert {p.label for p in other} == {"bowing", "kicking"}
    expected = zeroshot.load(classifier.model, "bowing, kicking", templates="a person {}").rank(PATHS[0])
    assert other == expected
    assert classifier.rank(PATHS[0]) == before
    with pytest.raises(OptionError, match="templates are given without labels"):
        classifier.rank(PATHS[0], templates="a person {}")
    with pytest.raises(LabelError):
        classifier.rank(PATHS[0], labels=[])


def test_with_labels_is_another_that_shares_the_model(classifier, tmp_path):
    other = classifier.with_labels(["waving", "jumping"])
    assert (other.labels, other.model) == (("waving", "jumping"), classifier.model)
    assert len(classifier.labels) > 2
    other.index.save(tmp_path / "two.index")
    assert classifier.with_labels(index=tmp_path / "two.index").labels == other.labels
    with pytest.raises(OptionError, match="either labels or index"):
        classifier.with_labels()


def test_similarity_has_every_cosine_in_the_order_of_the_labels(classifier):
    found = classifier.similarity(PATHS[:2])
    assert found.shape == (2, len(classifier.labels))
    scores = {p.label: p.score for p in classifier.rank(PATHS[1], k=1000)}
    np.testing.assert_allclose(found[1], [scores[label] for label in classifier.labels], atol=1e-5)
    assert classifier.similarity(PATHS[0]).shape == (1, len(classifier.labels))


def test_a_classifier_says_what_it_is_and_ends_with_its_block():
    with zeroshot.load("puppet-tiny", ["a", "b", "c", "d"], device="cpu", num_workers=1) as made:
        assert repr(made).startswith(
            r"Classifier(4 labels: a, b, c, …; Model('puppet-tiny', width 128, device cpu"
        )
        assert made.to("cpu") is made
        assert str(made.device) == "cpu"
        made.rank(PATHS[0])
        crew = made.model._reader._crew
        assert crew is not None
    assert made.model._reader._crew is None


def test_a_ranking_shows_the_frames_that_were_looked_at(classifier):
    ranking = classifier.rank(Path(PATHS[0]))
    assert ranking.path == PATHS[0]
    assert len(ranking.thumbnails) == classifier.model.sampling.num_frames
    assert ranking._repr_html_().count("<img ") == len(ranking.thumbnails)


def test_rankings_of_bytes_folders_and_addresses_are_rows(classifier, tmp_path):
    data = Path(PATHS[0]).read_bytes()
    (tmp_path / "one.mp4").write_bytes(data)
    rows = list(classifier.rank_many([data, tmp_path, "no*.mp4", "http://127.0.0.1:9/a.mp4?key=1"], k=1))
    names = [f"<{len(data):,} bytes>", str(tmp_path / "one.mp4"), "no*.mp4", "http://127.0.0.1:9/a.mp4?key=1"]
    assert [row.path for row in rows] == names
    assert [row.error is None for row in rows] == [True, True, False, False]
    assert rows[0].predictions == rows[1].predictions
    assert "key=1" not in rows[3].error
    alone = classifier.rank(tmp_path)
    assert alone[0].label == rows[1].predictions[0].label
    (tmp_path / "two.mp4").write_bytes(data)
    with pytest.raises(VideoError, match="2 videos"):
        classifier.rank(tmp_path)


def test_a_timeline_of_bytes(classifier):
    import io

    data = Path(PATHS[0]).read_bytes()
    expected = classifier.timeline(PATHS[0], window_seconds=0.5)
    assert classifier.timeline(data, window_seconds=0.5) == expected
    assert classifier.timeline(io.BytesIO(data), window_seconds=0.5) == expected


def test_a_split_never_opens_an_address(classifier, tmp_path, monkeypatch):
    """A row of a table is no person who asks for an address."""
    import urllib.request

    def fetched(*_, **__):
        raise AssertionError("an address was opened")

    monkeypatch.setattr(urllib.request, "urlopen", fetched)
    table = tmp_path / "split.csv"
    table.write_text("path,label\nhttp://127.0.0.1:9/a.mp4,waving\nhttp://127.0.0.1:9/b.mp4,jumping\n")
    split = zeroshot.read_split(table)
    outcomes = [outcome for _, outcome in classifier.model.embed_streams([v.path for v in split.videos])]
    assert all(isinstance(outcome, VideoError) for outcome in outcomes)
    outcomes = [outcome for _, outcome in classifier.model.embed_sources(["http://127.0.0.1:9/a.mp4"])]
    assert "opened only where you give them" in str(outcomes[0])
