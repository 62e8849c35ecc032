"""Curves of a training: a picture that can be opened, with something drawn for each figure."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from zeroshot.reports.curves import training_curves


def pixels(history) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(training_curves(history))).convert("RGB"))


def record(epoch: int, **metrics: float) -> dict:
    return {
        "epoch": epoch,
        "losses": {"total": 1.0 / epoch, "classification": 0.5 / epoch},
        "metrics": metrics,
    }


def test_each_figure_leaves_its_mark():
    bare = pixels([record(1), record(2)])
    judged = pixels([record(n, nhsic=0.1 * n, fused_accuracy=0.5) for n in (1, 2)])
    assert bare.shape == judged.shape
    third = bare.shape[1] // 3
    for panel in range(1, 3):
        columns = slice(panel * third, (panel + 1) * third)
        assert (bare[:, columns] != judged[:, columns]).any()


def test_nothing_trained_yet_is_an_empty_picture():
    assert pixels([]).size
