"""Settings, videos and comparisons that tests of training share."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from tiny_world import made_up, write_checkpoint, write_videos

from zeroshot.datasets.splits import write_split
from zeroshot.training.config import TrainingConfig
from zeroshot.training.label_targets import given_scenes
from zeroshot.training.methods.table import METHODS
from zeroshot.training.prepare import Preparation
from zeroshot.training.run import train
from zeroshot.waist.shards import Shard
from zeroshot.waist.waist import EMPTIED, SWAPPED, Waist

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from zeroshot.errors import ZeroshotError

NO_SCENES = "there are no scenes: training goes without scene losses, scene balance, distillation"


SMALL = {"hidden_dim": 16, "num_layers": 1, "num_queries": 2}
ALONE = Preparation(mirrored=False, swapped=False)
"""Videos without copies of them."""

CONFIG = TrainingConfig.from_dict({"epochs": 3, "batch_size": 16, "adapter": SMALL}, METHODS["independent"])
TRAIN = TrainingConfig.from_dict(
    {"epochs": 4, "batch_size": 12, "held_out_share": 0.25, "adapter": SMALL}, METHODS["independent"]
)


def changed(config: TrainingConfig, **settings: object) -> TrainingConfig:
    """The config with other settings, by their names in JSON."""
    return TrainingConfig.from_dict({**config.as_dict(), **settings})


QUIET = changed(
    CONFIG, objective={"independence": 0, "adversary": 0, "scene": 0, "distillation": 0}, balance_scenes=False
)
LONG = changed(CONFIG, epochs=12)


def with_copies(waist: Waist) -> Waist:
    """The waist, with each video before the next one's place as a row, and without its person beside."""
    count = len(waist)
    tokens, embeddings = waist.batch(range(count))
    places, looks = tokens.float().mean(1, keepdim=True), embeddings.mean(1, keepdim=True)
    moved = tokens.float() - places + places.roll(1, 0), embeddings - looks + looks.roll(1, 0)
    empty = places + 0.1 * (tokens.float() - places), looks.expand_as(embeddings)
    keys = [[row.key + ending for row in waist.rows] for ending in (SWAPPED, EMPTIED)]
    figures = np.zeros((count, 1, *tokens.shape[1:2], tokens.shape[2] - 1), np.uint8)
    figures[..., : figures.shape[-1] // 2] = 255
    shards = [
        Shard(tuple(names), made[0].half().numpy()[:, None], made[1].float().numpy()[:, None], some)
        for names, made, some in zip(keys, (moved, empty), (figures, None), strict=True)
    ]
    rows = [
        replace(row, key=key, scene=other.scene)
        for row, key, other in zip(waist.rows, keys[0], waist.rows[-1:] + waist.rows[:-1], strict=True)
    ]
    return replace(waist, rows=waist.rows + tuple(rows), shards=waist.shards + tuple(shards))


def world_and_scenes():
    """Training videos, held-out ones and texts; and the scenes of both."""
    waist, texts = made_up(80)
    parts = waist.subset(range(60)), waist.subset(range(60, 80)), texts
    return parts, given_scenes(parts[0], parts[1])


def run_train(place, output, config=TRAIN, source=None, name=None, **options):
    source = place / "split.csv" if source is None else source
    options.setdefault("preparation", ALONE)
    return train(source, output, name or str(place / "tiny"), config=config, device="cpu", **options)


def weights(fitted) -> dict[str, torch.Tensor]:
    return fitted.adapter.state_dict()


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def one_line(error: pytest.ExceptionInfo[ZeroshotError]) -> None:
    assert "\n" not in str(error.value)


def write_folder(folder: Path) -> Path:
    """The folder, with a checkpoint and a split of videos in it."""
    write_checkpoint(folder / "tiny")
    write_split(folder / "split.csv", write_videos(folder / "videos", 24))
    return folder
