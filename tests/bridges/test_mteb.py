"""An encoder for mteb: on loaders as it makes them, and with mteb itself where it is installed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_world import frames
from torch.utils.data import DataLoader, Dataset

from zeroshot.bridges.mteb import VideoEncoder
from zeroshot.errors import OptionError, VideoError


class Rows(Dataset):
    """As a dataset of `datasets`: columns by name, a dict a row."""

    def __init__(self, **columns: list) -> None:
        self.features = dict.fromkeys(columns)
        self._columns = columns

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    def __getitem__(self, row: int) -> dict:
        return {name: column[row] for name, column in self._columns.items()}


class Decoder:
    """As torchcodec's: frames of 12 a second, shown at given seconds."""

    metadata = SimpleNamespace(duration_seconds=1.0, average_fps=12.0, end_stream_seconds=1.0)

    def __init__(self, shown: np.ndarray) -> None:
        self._shown = torch.from_numpy(shown)

    def get_frames_played_at(self, seconds: list[float]) -> SimpleNamespace:
        assert all(0 <= second < 1 for second in seconds)
        rows = [int(second * 12) for second in seconds]
        return SimpleNamespace(data=self._shown[rows], pts_seconds=torch.tensor(rows) / 12)


def as_datasets_has_it(path: str, *, with_bytes: bool) -> Decoder:
    """A decoder on which its file is left."""
    decoder = Decoder(frames(2, 1, 9))
    content = Path(path).read_bytes() if with_bytes else None
    decoder._hf_encoded = {"path": path, "bytes": content}
    return decoder


@pytest.fixture
def encoder(monkeypatch, classifier):
    monkeypatch.setattr("zeroshot.resources.find_spec", lambda _: object())
    return VideoEncoder(classifier.model)


def encoded(encoder, **columns: list) -> np.ndarray:
    """As mteb calls it."""
    task = {"task_metadata": object(), "hf_split": "test", "hf_subset": "default", "prompt_type": None}
    return encoder.encode(DataLoader(Rows(**columns), batch_size=2), **task, batch_size=2)


def test_videos_are_decoded_from_their_files(encoder, videos, classifier):
    good = [videos[row] for row in (0, 1, 2)]
    wanted = classifier.model.embed_videos(good)
    found = encoded(encoder, video=[as_datasets_has_it(path, with_bytes=path == good[1]) for path in good])
    assert found == pytest.approx(wanted, abs=1e-5)
    assert found.dtype == np.float32
    with pytest.raises(VideoError, match=r"damaged\.mp4"):
        encoded(encoder, video=[{"path": videos[3], "bytes": None}])


def test_frames_texts_images_and_several_at_once(encoder, classifier):
    model, shown = classifier.model, frames(1, 0, 3)
    whole = model.embed_videos([shown])[0]
    assert encoded(encoder, video=[Decoder(shown), torch.from_numpy(shown)]) == pytest.approx(
        np.stack([whole, whole]), abs=1e-5
    )
    texts = model.embed_texts(["a cat", "a dog", "a cow"])
    assert encoded(encoder, text=["a cat", "a dog", "a cow"]) == pytest.approx(texts, abs=1e-5)
    image = Image.fromarray(shown[0].transpose(1, 2, 0))
    assert encoded(encoder, image=[image]) == pytest.approx(model.embed_frames([image]), abs=1e-5)
    both = encoded(encoder, text=["a cat"], video=[shown])
    assert both[0] == pytest.approx(texts[0] + whole, abs=1e-5)
    with pytest.raises(OptionError, match="columns are audio; expected one of text, image, video"):
        encoded(encoder, audio=[0])


def test_similarities(encoder):
    rows = np.eye(3, dtype=np.float32)[:2] * 5
    assert encoder.similarity(rows, rows).tolist() == [[1, 0], [0, 1]]
    assert encoder.similarity_pairwise(rows, torch.from_numpy(rows[::-1].copy())).tolist() == [0, 0]


def test_without_mteb(monkeypatch):
    monkeypatch.setattr("zeroshot.resources.find_spec", lambda _: None)
    with pytest.raises(OptionError, match=r'pip install "mteb\[video\]"'):
        VideoEncoder("puppet-tiny")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")
def test_mteb_itself(videos, classifier):
    """Its protocol, its record of a model, and its own loader over a dataset of videos."""
    pytest.importorskip("mteb")
    from mteb.models.models_protocols import EncoderProtocol

    encoder = VideoEncoder(classifier.model)
    assert isinstance(encoder, EncoderProtocol)
    meta = encoder.mteb_model_meta
    assert meta.modalities == ["text", "image", "video"]
    assert meta.embed_dim == 24
    datasets = pytest.importorskip("datasets")
    made = datasets.Dataset.from_dict({"video": videos[:3]}).cast_column(
        "video", datasets.Video(decode=False)
    )
    found = encoder.encode(DataLoader(made, batch_size=2))
    assert found == pytest.approx(classifier.model.embed_videos(videos[:3]), abs=1e-5)
