"""Rows that show a scene."""

from __future__ import annotations

import numpy as np
import pytest


def unit_rows(generator, centres, noise):
    rows = centres + noise * generator.normal(size=centres.shape)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def world():
    """(embeddings (240, 24), scenes (240,)): rows that show six scenes, with noise."""
    generator = np.random.default_rng(0)
    scenes = np.arange(240) % 6
    return unit_rows(generator, generator.normal(size=(6, 24))[scenes], 1.5), scenes
