"""`zeroshot.localize`: long videos through a tiny network, against plain loops.

Covers: evaluation/localization_report.
"""

from __future__ import annotations

import json
from pathlib import Path

import layouts
import numpy as np
import pytest
from report_schemas import assert_fits
from tiny_world import write_checkpoint

import zeroshot
from zeroshot.checkpoint import load_model
from zeroshot.datasets.untrimmed import LOCALIZATION
from zeroshot.errors import DatasetError, LabelError, OptionError
from zeroshot.evaluation.cached_embeddings import embed_windows
from zeroshot.evaluation.localize import WINDOW, Cut, localize
from zeroshot.evaluation.prepare import EvaluationSettings
from zeroshot.events.hysteresis import Hysteresis, events_of
from zeroshot.statistics.average_precision import temporal_iou
from zeroshot.text.prompts import read_labels
from zeroshot.video.sampling import Window
from zeroshot.video.write import write_video


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> list[Path]:
    """Two videos of eight seconds that change colour now and then."""
    folder, paths = tmp_path_factory.mktemp("videos"), []
    rng = np.random.default_rng(3)
    for number in range(2):
        colours = np.repeat(rng.integers(0, 255, (4, 3, 1, 1), np.uint8), 16, axis=0)
        paths.append(folder / f"{number}.mp4")
        write_video(paths[-1], np.broadcast_to(colours, (64, 3, 32, 48)).copy(), 8.0)
    return paths


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> str:
    return str(write_checkpoint(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.fixture(scope="module")
def root(tmp_path_factory, videos) -> Path:
    root = tmp_path_factory.mktemp("thumos")
    layouts.thumos14(root, videos)
    return root


def average_map(found, events, thresholds) -> float:
    """By the definition, over labels with events."""
    figures = []
    for threshold in thresholds:
        areas = []
        for label, some in events.items():
            left, right, curve = list(some), 0, []
            mine = sorted((one for one in found if one[0] == label), key=lambda one: -one[4])
            for place, (_, video, start, end, _) in enumerate(mine, start=1):
                shares = [(temporal_iou((start, end), each[1:]), each) for each in left if each[0] == video]
                best = max(shares, default=(0, None), key=lambda pair: pair[0])
                if best[0] >= threshold:
                    left.remove(best[1])
                    right += 1
                    curve.append((right / len(some), right / place))
            areas.append(
                sum(
                    max((p for r, p in curve if r >= step / len(some) - 1e-9), default=0) / len(some)
                    for step in range(1, len(some) + 1)
                )
            )
        figures.append(np.mean(areas))
    return float(np.mean(figures))


def test_it_is_what_loops_make_of_the_windows(root, network, tmp_path):
    told = []
    report = localize(
        root,
        network,
        protocol="thumos14",
        output=tmp_path / "out",
        settings=EvaluationSettings(templates="video"),
        advance=lambda *counts: told.append(counts),
    )
    assert told == [(network, 1, 2), (network, 2, 2)]
    (one,) = report.models
    found, labels = [], read_labels("thumos14")
    with load_model(network) as model:
        index = zeroshot.load(model, list(labels), templates="video").index
        for number in (1, 2):
            path = str(root / "videos" / f"video_test_000000{number}.mp4")
            segments = zeroshot.load(model, list(labels), templates="video").timeline(path, 2.0, 1.0, k=20)
            (windows,) = embed_windows(model, [path], WINDOW)
            assert [(each.start_seconds, each.end_seconds) for each in segments] == [
                tuple(span) for span in windows.windows.tolist()
            ]
            scores = index.scores(windows.vectors)
            for segment, row in zip(segments, scores, strict=True):
                assert segment.predictions[0].label == labels[row.argmax()]
            events = events_of(windows.windows, scores, model.logit_scale, Cut().rule)
            found += [(labels[event.label], number, *event[1:]) for event in events]
    events = {"diving": [(1, 0.5, 2.0), (2, 4.0, 6.0)], "cliff diving": [(1, 0.5, 2.0)]}
    expected = average_map(found, events, LOCALIZATION["thumos14"].thresholds)
    assert one.figures.average.value == pytest.approx(expected)
    assert len(one.figures.at) == 5
    assert one.facts["events_found"] == len(found)
    assert (report.videos.listed, report.videos.evaluated) == (3, 2)
    assert report.videos.missing == (str(root / "video_test_0000003.mp4"),)
    facts = assert_fits(tmp_path / "out" / "report.json", "localization")
    assert facts == json.loads(json.dumps(report.as_dict()))
    assert list(facts["models"][0]["map"]) == ["0.30", "0.40", "0.50", "0.60", "0.70"]
    text = (tmp_path / "out" / "report.md").read_text()
    for words in ("T3AL 9.2", "2 of 3 listed videos evaluated: 1 missing", "windows of 2 s, 1 s apart"):
        assert words in text
    again = localize(
        root,
        network,
        protocol="thumos14",
        output=tmp_path / "out",
        settings=EvaluationSettings(templates="video"),
    )
    assert again.models[0].figures == one.figures


def test_localization_finds_what_events_finds(root, network):
    """One function, one rule, one window: by probability as well."""
    rule = Hysteresis(0.06, 0.05)
    report = localize(root, network, protocol="thumos14", cut=Cut(rule=rule))
    classifier = zeroshot.load(network, list(read_labels("thumos14")))
    with classifier:
        found = [
            event
            for number in (1, 2)
            for event in classifier.events(
                root / "videos" / f"video_test_000000{number}.mp4", rule=rule, refine=False
            )
        ]
    assert report.models[0].facts["events_found"] == len(found) > 0
    assert Cut().window == Window(2.0, 1.0)
    assert report.settings["rule"]["level"] == "probability"


def test_events_that_are_found_exactly(root, network, monkeypatch):
    """A model that knows: the annotated stretches come back, and the figure is 1."""
    from zeroshot.evaluation import localize as room
    from zeroshot.events.hysteresis import FoundEvent

    labels = list(read_labels("thumos14"))
    truth = iter(
        [
            [FoundEvent(labels.index(label), 0.5, 2.0, 0.9) for label in ("diving", "cliff diving")],
            [FoundEvent(labels.index("diving"), 4.0, 6.0, 0.8)],
        ]
    )
    monkeypatch.setattr(room, "events_of", lambda *_: next(truth))
    report = localize(root, network, protocol="thumos14")
    assert report.models[0].figures.average.value == 1


def test_videos_that_cannot_be_read_are_no_part_of_the_figure(root, videos, network, tmp_path):
    layouts.activitynet_untrimmed(tmp_path / "a", videos)
    broken = tmp_path / "a" / "untrimmed" / "v_bb.mp4"
    broken.write_bytes(broken.read_bytes()[:300])
    report = localize(tmp_path / "a", network, protocol="activitynet", output=tmp_path / "out")
    assert (report.videos.listed, report.videos.evaluated) == (2, 1)
    assert report.videos.unreadable[0][0] == str(broken)
    assert report.models[0].figures.average.n == 1
    (tmp_path / "a" / "untrimmed" / "v_aa.mp4").unlink()
    with pytest.raises(DatasetError, match="none of the 2 videos can be read"):
        localize(tmp_path / "a", network, protocol="activitynet")


def test_what_cannot_be_asked_of_events(root, network, tmp_path):
    for settings, named in (
        (EvaluationSettings("vifi-clip"), "--as has no meaning for events"),
        (EvaluationSettings(num_views=2), "--num-views has no meaning"),
        (EvaluationSettings(multi_label=True), "--multi-label has no meaning"),
        (EvaluationSettings(overlap="kinetics400"), "--overlap has no meaning"),
    ):
        with pytest.raises(OptionError, match=named):
            localize(root, network, protocol="thumos14", settings=settings)
    with pytest.raises(OptionError, match="protocol 'thumos'; expected one of thumos14"):
        localize(root, network, protocol="thumos")
    with pytest.raises(OptionError, match=r"thumos14 finds events in time, which zeroshot.localize measures"):
        zeroshot.evaluate(root, network, protocol="thumos14")
    trained = tmp_path / "trained"
    trained.mkdir()
    for path in Path(network).iterdir():
        (trained / path.name).write_bytes(path.read_bytes())
    (trained / "training.json").write_text(json.dumps({"labels": ["Cliff Diving"]}))
    with pytest.raises(LabelError, match="trained on 1 of these labels: cliff diving"):
        localize(root, str(trained), protocol="thumos14")
    allowed = EvaluationSettings(allow_seen=True)
    report = localize(root, str(trained), protocol="thumos14", settings=allowed)
    assert report.seen_labels == ("cliff diving",)
    assert report.allow_seen
