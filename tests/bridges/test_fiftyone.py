"""A video model for FiftyOne: on a stand-in of the classes that it checks and calls, and on itself."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tiny_world import frames

from zeroshot.bridges import fiftyone as bridge
from zeroshot.bridges.fiftyone import video_model
from zeroshot.errors import OptionError, VideoError
from zeroshot.video.write import write_video


@dataclass
class Classification:
    label: str
    confidence: float


@dataclass
class Classifications:
    classifications: list = field(default_factory=list)


@dataclass
class TemporalDetection:
    label: str
    confidence: float
    support: list


@dataclass
class TemporalDetections:
    detections: list = field(default_factory=list)


class Model:
    """As FiftyOne's: what a subclass does not say is an error."""

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def media_type(self) -> str:
        raise NotImplementedError

    @property
    def has_embeddings(self) -> bool:
        return False

    @property
    def can_embed_prompts(self) -> bool:
        return False

    def predict(self, arg: Any) -> Any:
        raise NotImplementedError


class EmbeddingsMixin:
    @property
    def has_embeddings(self) -> bool:
        raise NotImplementedError

    def embed(self, arg: Any) -> Any:
        raise NotImplementedError


class PromptMixin:
    @property
    def can_embed_prompts(self) -> bool:
        raise NotImplementedError


@dataclass
class Reader:
    """As FiftyOne's reader of a video: frames are counted from 1, both ends are within."""

    inpath: str
    frames: str = "1-12"
    frame_rate: float = 12.0
    total_frame_count: int = 12


def apply_model(paths: list[str], model: Any, frames: str = "1-12") -> list[Any]:
    """What `dataset.apply_model` asks, in its order; a sample that fails has no label."""
    assert isinstance(model, Model)
    assert model.media_type == "video"
    assert not hasattr(model.config, "confidence_thresh")
    found = []
    with model:
        for path in paths:
            try:
                found.append(model.predict(Reader(path, frames)))
            except Exception as error:  # noqa: BLE001 - as FiftyOne does
                found.append(str(error))
    return found


@pytest.fixture
def stand_in(monkeypatch):
    """The modules of FiftyOne that are asked."""
    package, core, models, labels = map(
        ModuleType, ("fiftyone", "fiftyone.core", "fiftyone.core.models", "fiftyone.core.labels")
    )
    for kind in (Model, EmbeddingsMixin, PromptMixin):
        setattr(models, kind.__name__, kind)
    for kind in (Classification, Classifications, TemporalDetection, TemporalDetections):
        setattr(labels, kind.__name__, kind)
    core.models, core.labels, package.core = models, labels, core
    for module in (package, core, models, labels):
        monkeypatch.setitem(sys.modules, module.__name__, module)


def test_labels(stand_in, classifier, videos):
    ranked = list(classifier.rank_many(videos, 2))
    one = apply_model(videos, video_model(classifier))
    best = ranked[0].predictions[0]  # videos that share a pass differ from one alone in the last digits
    assert one[0] == Classification(best.label, pytest.approx(best.probability))
    assert "damaged.mp4" in one[3]
    two = apply_model(videos[:1], video_model(classifier, k=2))[0]
    assert [each.label for each in two.classifications] == [p.label for p in ranked[0].predictions]
    assert apply_model(videos[:1], video_model(classifier, least_probability=1.1)) == [None]
    part = apply_model(videos[:1], video_model(classifier), frames="4-6")[0]
    (best, *_) = classifier.rank(bridge.Stretch(videos[0], 0.25, 0.5), 1)
    assert part == Classification(best.label, best.probability)
    assert "no single stretch" in apply_model(videos[:1], video_model(classifier), frames="1-2,4")[0]


def test_embeddings_of_videos_and_prompts(stand_in, classifier, videos):
    model = video_model(classifier)
    assert model.has_embeddings
    assert model.can_embed_prompts
    with pytest.raises(OptionError, match="call embed first"):
        model.get_embeddings()
    wanted = classifier.model.embed_videos(videos[:2])
    rows = model.embed_all([Reader(path) for path in videos[:2]])
    assert rows == pytest.approx(wanted, abs=1e-5)
    assert model.get_embeddings() == pytest.approx(wanted[1:], abs=1e-5)
    with pytest.raises(VideoError, match=r"damaged\.mp4"):
        model.embed(Reader(videos[3]))
    texts = classifier.model.embed_texts(["a cat", "a dog"])
    assert model.embed_prompts(iter(["a cat", "a dog"])) == pytest.approx(texts)
    assert model.embed_prompt("a dog") == pytest.approx(texts[1], abs=1e-6)


def test_temporal_detections(stand_in, classifier, tmp_path):
    both = np.concatenate([frames(0, 0, 1), frames(2, 1, 2)])
    write_video(tmp_path / "long.mp4", both, 12.0)
    model = video_model(classifier, window_seconds=0.5)
    reader = Reader(str(tmp_path / "long.mp4"), "1-24", total_frame_count=24)
    found = model.predict(reader).detections
    wanted = classifier.timeline(tmp_path / "long.mp4", 0.5, None, 1, merge=True)
    assert [each.label for each in found] == [segment.predictions[0].label for segment in wanted]
    assert (found[0].support[0], found[-1].support[1]) == (1, 24)
    ends = [each.support[1] for each in found[:-1]]
    assert [each.support[0] for each in found[1:]] == [end + 1 for end in ends]
    with pytest.raises(VideoError, match="need whole videos"):
        model.predict(Reader(str(tmp_path / "long.mp4"), "3-9", total_frame_count=24))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"k": 0}, "k is 0"),
        ({"stride_seconds": 1.0}, "without window_seconds"),
        ({"window_seconds": 0}, "window 0"),
        ({"least_probability": None}, "least_probability is None"),
    ],
)
def test_options_that_make_no_sense(stand_in, classifier, options, words):
    with pytest.raises(OptionError, match=words):
        video_model(classifier, **options)


def test_without_fiftyone(monkeypatch, classifier):
    monkeypatch.setattr("zeroshot.resources.find_spec", lambda _: None)
    with pytest.raises(OptionError, match="pip install fiftyone"):
        video_model(classifier)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore")
def test_the_classes_and_the_reader_of_fiftyone_itself(classifier, videos):
    fiftyone = pytest.importorskip("fiftyone")
    from eta.core.frameutils import FrameRange
    from eta.core.video import FFmpegVideoReader
    from fiftyone.core import models

    model = video_model(classifier, k=2)
    assert isinstance(model, models.Model)
    assert (model.media_type, model.has_embeddings, model.can_embed_prompts) == ("video", True, True)
    with FFmpegVideoReader(videos[0]) as reader:
        answer = model.predict(reader)
        segments = video_model(classifier, window_seconds=0.5).predict(reader)
        assert model.embed(reader).shape == (24,)
    assert isinstance(answer, fiftyone.Classifications)
    (best, *_) = classifier.rank(videos[0], 1)
    assert answer.classifications[0].label == best.label
    assert isinstance(segments, fiftyone.TemporalDetections)
    assert segments.detections[0].support[0] == 1
    with FFmpegVideoReader(videos[0], frames=FrameRange(4, 6)) as reader:
        part = video_model(classifier).predict(reader)
    (best, *_) = classifier.rank(bridge.Stretch(videos[0], 0.25, 0.5), 1)
    assert (part.label, part.confidence) == (best.label, pytest.approx(best.probability, abs=1e-5))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore")
def test_a_dataset_of_fiftyone(classifier, videos):
    """Only where FiftyOne finds its database."""
    fiftyone = pytest.importorskip("fiftyone")
    try:
        dataset = fiftyone.Dataset()
    except Exception as error:  # noqa: BLE001 - whatever a database lacks
        pytest.skip(f"FiftyOne has no database here: {' '.join(str(error).split())[:200]}")
    model = video_model(classifier, k=2)
    dataset.add_samples([fiftyone.Sample(filepath=path) for path in videos])
    dataset.apply_model(model, label_field="action")
    dataset.compute_embeddings(model, embeddings_field="clip")
    rows = {sample.filepath: sample for sample in dataset}
    assert [each.label for each in rows[videos[0]].action.classifications]
    assert rows[videos[0]].clip == pytest.approx(classifier.model.embed_videos([videos[0]])[0], abs=1e-5)
    assert rows[videos[3]].action is None
    dataset.delete()
