"""Intervals hold the truth as often as they say, by simulation; those of a bootstrap do not.

Covers: statistics/means, statistics/intervals.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "coverage.py"
# By its path: a package that measures tests has the same name.
SPEC = importlib.util.spec_from_file_location("interval_coverage", PATH)
simulation = importlib.util.module_from_spec(SPEC)
sys.modules[SPEC.name] = simulation  # dataclasses look their module up
SPEC.loader.exec_module(simulation)

KINDS = {kind.name: kind for kind in simulation.KINDS}


@pytest.mark.parametrize("name", KINDS)
def test_ten_videos(name):
    """The bootstrap falls below 0.84 in a world of each kind but a plain share, and to 0.5 in some."""
    kind = KINDS[name]
    found = simulation.coverages(kind, kind.now, 10, 150)
    assert np.mean(found) > 0.92
    assert min(found) > 0.87


def test_a_bootstrap_of_few_videos_is_too_sure():
    kind = KINDS["difference of two models"]
    better = next(world for world in kind.worlds if world.name.startswith("10%"))
    assert simulation.coverage(better, kind.before, 10, 80) < 0.85
    assert simulation.coverage(better, kind.now, 10, 80) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("n", simulation.SIZES)
@pytest.mark.parametrize("name", KINDS)
def test_many_draws(name, n):
    kind = KINDS[name]
    found = simulation.coverages(kind, kind.now, n, 2000)
    assert np.mean(found) > 0.93
    assert min(found) > 0.9  # Wilson's own, of ten videos and shares near 0 and 1
