"""A scene that is there is read, one that is not is not, and scikit-learn agrees."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from zeroshot.errors import OptionError
from zeroshot.probes.linear_scene import PENALTIES, assign_folds, fit_logistic, probe_scene


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
