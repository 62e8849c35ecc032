"""Dependence: what the formula says term by term, and what more videos show."""

from __future__ import annotations

import numpy as np
import pytest

from zeroshot.errors import OptionError
from zeroshot.probes.dependence import stream_dependence


def loop_nhsic(x, y):
    """Song et al.'s eq. 5 term by term, with linear kernels."""

    def hsic(a, b):
        m = len(a)
        k, q = a @ a.T, b @ b.T
        np.fill_diagonal(k, 0)
        np.fill_diagonal(q, 0)
        total = np.trace(k @ q) + k.sum() * q.sum() / ((m - 1) * (m - 2)) - 2 * (k @ q).sum() / (m - 2)
        return total / (m * (m - 3))

    return hsic(x, y) / np.sqrt(hsic(x, x) * hsic(y, y))


class TestDependence:
    def test_linear_like_the_formula(self, world):
        rows, _ = world
        other = rows @ np.random.default_rng(1).normal(size=(24, 10)) + 0.1
        assert stream_dependence(rows, other, kernel="linear").value == pytest.approx(loop_nhsic(rows, other))

    @pytest.mark.parametrize("kernel", ["rbf", "linear"])
    def test_equal_streams_and_strangers(self, world, kernel):
        rows, _ = world
        same = stream_dependence(rows, rows, kernel=kernel)
        assert (same.value, same.low, same.high) == pytest.approx((1, 1, 1))
        strangers = stream_dependence(rows, np.random.default_rng(2).normal(size=(240, 8)), kernel=kernel)
        assert strangers.low < 0 < strangers.high < 0.1

    def test_the_interval_holds_what_more_videos_show(self):
        generator = np.random.default_rng(3)

        def streams(n):
            shared = generator.normal(size=(n, 4))
            return shared + generator.normal(size=(n, 4)), shared + generator.normal(size=(n, 4))

        truth = np.mean([stream_dependence(*streams(600)).value for _ in range(8)])
        few = [stream_dependence(*streams(100)) for _ in range(40)]
        assert sum(e.low <= truth <= e.high for e in few) >= 32
        assert truth > np.mean([e.high - e.low for e in few]) / 2

    def test_a_stream_that_says_nothing_depends_on_nothing(self, world):
        rows, _ = world
        silent = stream_dependence(rows, np.zeros((240, 3)))
        assert (silent.value, silent.low, silent.high) == (0, 0, 0)

    def test_many_rows_are_drawn_from(self, world):
        rows, _ = world
        assert stream_dependence(rows, rows, max_rows=100).n == 100

    def test_bad_input(self, world):
        rows, _ = world
        with pytest.raises(OptionError, match="same videos"):
            stream_dependence(rows, rows[:-1])
        with pytest.raises(OptionError, match="20 or more"):
            stream_dependence(rows[:19], rows[:19])
        with pytest.raises(OptionError, match="kernel is 'cubic'"):
            stream_dependence(rows, rows, kernel="cubic")
