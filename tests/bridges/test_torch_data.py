"""A torch dataset of clips: shards, order, damaged files."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny_world import LABELS
from torch.utils.data import DataLoader

from zeroshot.bridges import torch_data
from zeroshot.bridges.torch_data import VideoDataset
from zeroshot.datasets.splits import LabeledVideo, Split
from zeroshot.errors import OptionError, VideoError
from zeroshot.video.sampling import Sampling

TWO = Sampling(num_frames=2)
ignoring = pytest.mark.filterwarnings("ignore:left out:UserWarning")


def test_items_and_a_damaged_file(videos, classifier):
    dataset = VideoDataset(videos, TWO)
    assert len(dataset) == 5
    with pytest.warns(UserWarning, match=r"left out: .*damaged\.mp4"):
        items = list(dataset)
    assert [item["row"] for item in items] == [0, 1, 2, 4]
    assert [item["path"] for item in items] == [videos[row] for row in (0, 1, 2, 4)]
    (clip,) = classifier.model.clips_of(videos[2], TWO)
    assert np.array_equal(items[2]["frames"].numpy(), clip.frames)
    assert np.array_equal(items[2]["seconds"].numpy(), clip.seconds)
    with pytest.raises(VideoError, match=r"damaged\.mp4"):
        list(VideoDataset(videos, TWO, on_error="raise"))


@ignoring
def test_a_loader_stacks_what_a_network_reads(videos, classifier):
    preprocess = classifier.model.backbone.preprocess
    split = Split.of("tiny", [LabeledVideo(path, LABELS[row % 3], None) for row, path in enumerate(videos)])
    views = Sampling(num_frames=2, num_views=3)
    (batch,) = DataLoader(VideoDataset(split, views, preprocess=preprocess), batch_size=4)
    assert batch["frames"].shape == (4, 3, 2, 3, 32, 32)
    assert batch["frames"].dtype == torch.float32
    assert [split.labels[target] for target in batch["target"]] == batch["label"]
    assert batch["row"].tolist() == [0, 1, 2, 4]
    (clip, *_) = classifier.model.clips_of(videos[4], views)
    wanted = classifier.model.backbone.prepare_frames(clip.frames)
    assert torch.allclose(batch["frames"][3, 0], wanted, atol=1e-6)


@ignoring
def test_workers_and_processes_read_shares_that_make_up_the_whole(videos, monkeypatch):
    paths = videos[:3] * 3
    dataset = VideoDataset(paths, Sampling(num_frames=1))
    shares = []
    for worker in range(2):
        info = SimpleNamespace(id=worker, num_workers=2)
        monkeypatch.setattr(torch_data, "get_worker_info", lambda info=info: info)
        shares.append([item["row"] for item in dataset])
    assert shares == [[0, 2, 4, 6, 8], [1, 3, 5, 7]]
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    assert dataset._rows() == [3, 7]


def test_an_order_is_drawn_anew_in_each_epoch_and_is_the_same_in_each_run(videos):
    def rows(epoch):
        dataset = VideoDataset(videos * 4, shuffle_seed=3)
        dataset.set_epoch(epoch)
        return dataset._rows()

    assert rows(0) == rows(0) != rows(1)
    assert sorted(rows(1)) == list(range(20))
    moving = VideoDataset(videos, Sampling(seed=5))
    assert moving._sampling().seed == 5
    moving.set_epoch(2)
    assert moving._sampling().seed == 7


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"on_error": "sigh"}, "on_error is 'sigh'; expected one of skip, raise"),
        ({"decoder": "vlc"}, "vlc"),
        ({"num_decoders": 0}, "num_workers is 0"),
        ({"sampling": 3}, "sampling is 3"),
    ],
)
def test_options_that_make_no_sense(options, words):
    with pytest.raises(OptionError, match=words):
        VideoDataset(["a.mp4"], **options)
    with pytest.raises(OptionError, match="epoch"):
        VideoDataset(["a.mp4"]).set_epoch(-1)


@pytest.mark.slow
@ignoring
def test_real_workers_give_the_rows_of_one(videos):
    def rows(num_workers):
        loader = DataLoader(VideoDataset(videos, TWO), batch_size=None, num_workers=num_workers)
        return {item["row"]: item["frames"].numpy().tobytes() for item in loader}

    assert rows(2) == rows(0)
