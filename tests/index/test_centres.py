"""Centres of clusters that are known, whichever part of the points a round takes; directions dealt evenly."""

from __future__ import annotations

import numpy as np
import pytest

from zeroshot.index.centres import even_directions, nearest_centres, spherical_centres

TOPS = np.linalg.qr(np.random.default_rng(0).standard_normal((16, 16)))[0].astype(np.float32)[:8]


def points(number: int) -> np.ndarray:
    """(number, 16) unit rows, each near one of eight directions in turn."""
    rows = TOPS[np.arange(number) % 8] + 0.1 * np.random.default_rng(1).standard_normal((number, 16))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("at_once", [None, 200, 10_000])
def test_known_clusters_are_found(at_once):
    rows, told = points(1600), []
    centres = spherical_centres(
        rows, 8, np.random.default_rng(0), lambda: told.append(1), starts=rows[:8].copy(), at_once=at_once
    )
    assert len(told) == 6
    assert (np.einsum("nd,nd->n", centres, TOPS) > 0.99).all()
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(nearest_centres(rows, centres), np.arange(1600) % 8)


def test_a_centre_that_nothing_is_near_to_starts_again_at_a_point():
    rows = points(80)
    starts = np.concatenate([rows[:7], -rows[:1]])
    centres = spherical_centres(rows, 8, np.random.default_rng(0), starts=starts)
    assert ((rows @ centres.T).max(axis=0) > 0.5).all()


def test_directions_are_dealt_so_that_groups_vary_alike():
    spread = np.geomspace(10, 0.1, 16)
    turned = np.linalg.qr(np.random.default_rng(2).standard_normal((16, 16)))[0]
    rows = (np.random.default_rng(3).standard_normal((5000, 16)) * spread @ turned).astype(np.float32)
    directions = even_directions(rows, 4)
    np.testing.assert_allclose(directions @ directions.T, np.eye(16), atol=1e-5)
    shares = np.log((rows @ directions.T).var(axis=0)).reshape(4, 4).sum(axis=1)
    assert np.ptp(shares) < 2  # of logarithms that reach from -4.6 to 4.6 each
