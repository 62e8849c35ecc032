"""Two inner products as one: against the sum of both, in an index that knows nothing of it."""

from __future__ import annotations

import numpy as np
import pytest

from zeroshot.errors import OptionError
from zeroshot.index.index import LabelIndex
from zeroshot.index.stage_rows import (
    ORDER_WEIGHT,
    STAGED_SCALE,
    staged_labels,
    staged_videos,
    staged_width,
    unstaged_labels,
    words_of_labels,
)


def unit(rng, *shape: int) -> np.ndarray:
    rows = rng.normal(size=shape).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def test_an_index_gives_the_sum_of_both_products(tmp_path):
    rng = np.random.default_rng(3)
    texts, videos, drifts = unit(rng, 40, 16), unit(rng, 30, 16), 0.3 * unit(rng, 30, 16)
    changes = unit(rng, 40, 16) - unit(rng, 40, 16)
    changes[::3] = 0
    videos[4], drifts[4], drifts[5] = 0, 0, 0
    index = LabelIndex([f"label {row}" for row in range(40)], staged_labels(texts, changes), fingerprint={})
    asked = staged_videos(videos, drifts)
    assert index.embeddings.shape == (40, staged_width(16))
    expected = videos @ texts.T + ORDER_WEIGHT * drifts @ changes.T
    np.testing.assert_allclose(STAGED_SCALE * index.scores(asked), expected, atol=2e-5)
    index.save(tmp_path / "labels.index")
    scores, rows = LabelIndex.load(tmp_path / "labels.index").search(asked, 3)
    np.testing.assert_allclose(STAGED_SCALE * scores, -np.sort(-expected, axis=1)[:, :3], atol=2e-5)
    assert np.array_equal(rows[0], np.argsort(-expected[0])[:3])
    for made in (asked, index.embeddings):
        np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, atol=1e-6)


def test_the_longest_fit():
    texts = np.eye(2, 4, dtype=np.float32)
    changes = np.stack([texts[0] - -texts[0], texts[1]])
    rows = staged_labels(texts, changes)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert staged_videos(texts, texts).shape == (2, 10)


def test_labels_are_compared_without_what_fills_them_up():
    texts = np.eye(2, 4, dtype=np.float32)
    apart = unstaged_labels(staged_labels(texts, np.zeros_like(texts)))
    np.testing.assert_allclose(apart @ apart.T, np.eye(2), atol=1e-6)


def test_the_words_of_labels_with_stages_are_those_without():
    rng = np.random.default_rng(5)
    texts = unit(rng, 6, 16)
    changes = unit(rng, 6, 16) - unit(rng, 6, 16)
    changes[2] = 0
    assert words_of_labels(texts, 16) is texts
    np.testing.assert_allclose(words_of_labels(staged_labels(texts, changes), 16), texts, atol=1e-6)


@pytest.mark.parametrize(
    ("vectors", "drifts", "words"),
    [
        (np.eye(2, 4), np.zeros((2, 3)), "drifts have shape"),
        (np.eye(2, 4), np.full((2, 4), 2.0), "a drift is longer than 1"),
        (np.eye(2, 4), np.full((2, 4), np.nan), "a drift is longer than 1, or no number"),
        (2 * np.eye(2, 4), np.zeros((2, 4)), "vectors: row 0 has length 2"),
    ],
)
def test_what_is_no_drift_is_refused(vectors, drifts, words):
    with pytest.raises(OptionError, match=words):
        staged_videos(vectors.astype(np.float32), drifts.astype(np.float32))
