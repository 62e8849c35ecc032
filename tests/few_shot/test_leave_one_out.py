"""Left out one at a time: what helps serves, what does harm or may be luck does not, and it is said why."""

from __future__ import annotations

import numpy as np
import pytest

from zeroshot.few_shot.cache import cached_without_itself
from zeroshot.few_shot.leave_one_out import judge

SCALE = 20.0


def unit(rows) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


class World:
    """K labels whose videos lie around a point each; words that know some of the points."""

    def __init__(self, shots: int, known: int, num_labels: int = 5, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        points = unit(rng.normal(size=(num_labels, 32)))
        self.texts = points.copy()
        self.texts[known:] = unit(rng.normal(size=(num_labels - known, 32)))
        self.targets = np.repeat(np.arange(num_labels), shots)
        self.vectors = unit(points[self.targets] + 0.15 * rng.normal(size=(len(self.targets), 32)))

    def judged(self, targets=None):
        given = self.targets if targets is None else targets
        likeness = self.vectors @ self.vectors.T
        said = {one: cached_without_itself(likeness, given, len(self.texts), one) for one in (2.0, 5.5, 15.0)}
        return judge(self.vectors @ self.texts.T, said, given, SCALE, 5.5)


@pytest.mark.parametrize("shots", [2, 4])
def test_words_that_nobody_knows_are_learned(shots):
    found = World(shots, known=3).judged()
    assert found.helps
    assert found.blend == found.best
    assert (found.taught == found.targets).mean() > (found.words == found.targets).mean()
    told = found.as_dict("abcde")
    assert told["left_out"] == 5 * shots
    assert told["right_with_examples"] == 5 * shots
    assert [row["right_by_words"] for row in told["labels"][:3]] == [shots] * 3
    assert 0 < told["difference"]["value"] <= told["difference"]["high"]
    assert f"{5 * shots} of {5 * shots} are right with examples" in found.reason


def test_examples_under_labels_at_random_do_not_serve():
    """All but by luck, which is as rare as an interval misses."""
    served = 0
    for seed in range(30):
        world = World(4, known=10, num_labels=12, seed=seed)
        found = world.judged(np.random.default_rng(seed).permutation(world.targets))
        assert found.best.weight > 0
        assert found.helps or found.blend.weight == 0
        served += found.helps
    assert served <= 3


def test_one_example_under_a_wrong_label_is_pointed_out():
    world = World(4, known=5)
    wrong = world.targets.copy()
    wrong[0] = 3
    found = world.judged(wrong)
    assert found.doubted.tolist() == [0]


def test_with_one_example_each_they_serve_with_caution():
    found = World(1, known=8, num_labels=10).judged()
    assert found.helps
    assert not found.measured.any()
    assert found.reason.endswith("two would do")
    assert found.as_dict("abcdefghij")["left_out"] == 0
    assert np.isnan(found.difference.value)
    unknown = World(1, known=0, num_labels=10).judged()
    assert unknown.helps
    assert unknown.blend.weight > found.blend.weight
    assert "of the examples the words get" in unknown.reason


def test_one_example_each_that_takes_from_the_words_does_not_serve():
    near = 0.3 * np.eye(10, dtype=np.float32) + 0.299 * np.roll(np.eye(10, dtype=np.float32), 1, axis=1)
    said = {5.5: 9.0 * np.roll(np.eye(10), 1, axis=1)}
    found = judge(near, said, np.arange(10), SCALE, 5.5)
    assert not found.helps
    assert found.reason == "the examples of other labels take 10 of 10 right answers"


def test_what_adds_nothing_does_not_serve():
    words = np.float32(np.eye(2)[[0, 0, 1, 1]])
    said = {5.5: np.array([[0.1, 0], [-0.4, 0], [0, 0.1], [0, -0.4]])}
    found = judge(words, said, np.array([0, 0, 1, 1]), SCALE, 5.5)
    assert not found.helps
    assert found.reason.endswith(("they add nothing", "they would do harm"))


@pytest.mark.parametrize("targets", [[0, 0, 1, 1], [0, 1, 2, 3]])
def test_examples_that_are_all_alike_say_nothing(targets):
    found = judge(np.float32(np.eye(4)), {5.5: np.zeros((4, 4))}, np.array(targets), SCALE, 5.5)
    assert not found.helps
    assert found.best.weight == 0
    assert "all alike" in found.reason


def test_a_label_with_one_example_is_not_counted_beside_others():
    world = World(3, known=3)
    kept = np.r_[0:12, 12]
    world.vectors, world.targets = world.vectors[kept], world.targets[kept]
    found = world.judged()
    assert found.measured.tolist() == [True] * 12 + [False]
    assert found.as_dict("abcde")["labels"][4]["left_out"] == 0
