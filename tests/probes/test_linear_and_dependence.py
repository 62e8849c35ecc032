"""Probes: what is there is found, what is not there is not, and scikit-learn agrees."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from zeroshot.errors import OptionError
from zeroshot.probes.linear_and_dependence import (
    PENALTIES,
    accuracy_drop,
    assign_folds,
    fit_logistic,
    probe_scene,
    rearrange,
    stream_dependence,
)


def unit_rows(generator, centres, noise):
    rows = centres + noise * generator.normal(size=centres.shape)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def world():
    """(embeddings (240, 24), scenes (240,)): rows that show six scenes, with noise."""
    generator = np.random.default_rng(0)
    scenes = np.arange(240) % 6
    return unit_rows(generator, generator.normal(size=(6, 24))[scenes], 1.5), scenes


class TestSceneProbe:
    @pytest.mark.parametrize("penalty", [0.1, 1.0, 30.0])
    def test_the_classifier_is_scikit_learns(self, world, penalty):
        rows, scenes = world
        scaler = StandardScaler().fit(rows[:160])
        theirs = LogisticRegression(C=1 / penalty, tol=1e-8, max_iter=5000).fit(
            scaler.transform(rows[:160]), scenes[:160]
        )
        table = torch.from_numpy(rows)
        logits = fit_logistic(table[:160], torch.from_numpy(scenes[:160]), 6, penalty)(table[160:])
        expected = theirs.predict_proba(scaler.transform(rows[160:]))
        assert logits.softmax(1).numpy() == pytest.approx(expected, abs=2e-3)

    def test_a_scene_that_is_there_is_read(self, world):
        rows, scenes = world
        probe = probe_scene(rows, scenes)
        assert probe.count.total == 240
        assert probe.accuracy.value == probe.count.share > 0.6
        assert probe.chance == pytest.approx(1 / 6)

    def test_a_scene_that_is_not_there_is_not(self, world):
        rows, scenes = world
        blind = np.random.default_rng(1).normal(size=rows.shape)
        probe = probe_scene(blind, scenes)
        assert probe.accuracy.low < probe.chance < probe.accuracy.high
        assert probe_scene(np.zeros((240, 4)), scenes).accuracy.value == pytest.approx(1 / 6, abs=0.02)

    def test_the_penalty_is_chosen_well(self):
        """A faint scene among many features: too small a penalty learns the noise."""
        generator = np.random.default_rng(3)
        scenes = np.arange(300) % 6
        shown = 0.5 * generator.normal(size=(6, 100))[scenes] * (np.arange(100) < 25)
        rows = shown + generator.normal(size=(300, 100))
        loose = probe_scene(rows, scenes, penalty=min(PENALTIES))
        assert probe_scene(rows, scenes).count.hits > loose.count.hits + 10

    def test_scale_and_shift_do_not_matter(self, world):
        rows, scenes = world
        assert (
            probe_scene(rows, scenes, penalty=1.0).count
            == probe_scene(1e-3 * rows + 5, scenes, penalty=1.0).count
        )

    def test_names_of_scenes_do_not_matter(self, world):
        rows, scenes = world
        assert probe_scene(rows, scenes, penalty=1.0) == probe_scene(rows, 10 * scenes + 3, penalty=1.0)

    def test_seeded(self, world):
        rows, scenes = world
        assert probe_scene(rows, scenes, seed=3, penalty=1.0) == probe_scene(
            rows, scenes, seed=3, penalty=1.0
        )

    def test_twins_in_training_would_give_noise_away(self):
        """Several samplings of one video, split between training and test, are recognized, not understood."""
        generator = np.random.default_rng(4)
        scenes = np.repeat(generator.integers(0, 4, 60), 4)
        rows = np.repeat(generator.normal(size=(60, 80)), 4, axis=0)
        together = probe_scene(rows, scenes, groups=np.repeat(np.arange(60), 4), penalty=1.0)
        apart = probe_scene(rows, scenes, penalty=1.0)
        assert apart.accuracy.value > 0.9
        assert together.accuracy.value < 0.5

    def test_folds_are_whole_and_even(self):
        generator = np.random.default_rng(5)
        groups = generator.permutation(np.repeat(np.arange(50), 3))
        targets = (np.arange(50) % 5)[groups]
        folds = assign_folds(targets, groups, 5, seed=0)
        assert all(len(set(folds[groups == group])) == 1 for group in range(50))
        table = np.array([[((folds == f) & (targets == t)).sum() for t in range(5)] for f in range(5)])
        assert (table == 6).all()
        assert (folds != assign_folds(targets, groups, 5, seed=1)).any()

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"scenes": np.zeros(240, int)}, "needs 2 or more"),
            ({"scenes": np.zeros(3, int)}, r"\(240,\) integers"),
            ({"num_folds": 2}, "expected 3 or more"),
            ({"num_folds": 241}, "241 folds of 240"),
            ({"groups": np.zeros(3, int)}, "groups have shape"),
            ({"penalty": 0.0}, "penalty is 0"),
            ({"embeddings": np.zeros(240)}, r"\(n, D\)"),
            ({"embeddings": np.full((240, 2), np.inf)}, "video 0 is not finite"),
        ],
    )
    def test_bad_input(self, world, change, message):
        rows, scenes = world
        with pytest.raises(OptionError, match=message):
            probe_scene(**{"embeddings": rows, "scenes": scenes, **change})


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


class TestOrder:
    def test_rearrangements(self):
        x = torch.arange(12.0).reshape(2, 6)
        assert rearrange(x, "reversed")[0].tolist() == [5, 4, 3, 2, 1, 0]
        assert rearrange(x, "frozen")[1].tolist() == [9] * 6
        shuffled = rearrange(x, "shuffled")
        assert sorted(shuffled[0].tolist()) == x[0].tolist()
        assert shuffled[0].tolist() not in ([0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0])

    @pytest.mark.parametrize("order", ["shuffled", "reversed", "frozen"])
    def test_batches_do_not_matter(self, order):
        x = torch.randn(5, 4, 3, 2, generator=torch.Generator().manual_seed(0))
        one_by_one = torch.cat([rearrange(x[i : i + 1], order, seed=2) for i in range(5)])
        assert torch.equal(rearrange(x, order, seed=2), one_by_one)

    @pytest.mark.parametrize("seed", range(6))
    def test_shuffled_is_never_the_order_itself(self, seed):
        x = torch.arange(2)[None]
        assert rearrange(x, "shuffled", seed).tolist() == [[1, 0]]
        assert rearrange(x[:, :1], "shuffled", seed).tolist() == [[0]]

    def test_drop(self):
        intact = np.arange(100) < 80
        drop = accuracy_drop(intact, np.arange(100) < 50)
        assert drop.value == pytest.approx(0.3)
        assert 0.15 < drop.low < 0.3 < drop.high < 0.45
        none = accuracy_drop(intact, intact)
        assert none.value == 0
        assert -none.low == pytest.approx(none.high)
        assert 0.02 < none.high < 0.04, "that 100 videos did not differ is no proof that none does"

    def test_bad_input(self):
        with pytest.raises(OptionError, match="order is 'sorted'"):
            rearrange(torch.zeros(1, 2), "sorted")
        with pytest.raises(OptionError, match=r"\(B, T, …\)"):
            rearrange(torch.zeros(3), "frozen")
        with pytest.raises(OptionError, match="same videos"):
            accuracy_drop(np.array([True]), np.array([True, False]))
