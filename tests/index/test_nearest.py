"""The best labels of vectors, whichever way they are found."""

from __future__ import annotations

import numpy as np
import pytest

from zeroshot.errors import OptionError
from zeroshot.index import index as label_index
from zeroshot.index.index import LabelIndex, nearest_labels, require_k


def test_sorted_or_searched_the_same_labels_come(monkeypatch):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(50, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    index = LabelIndex([f"label {n}" for n in range(50)], rows, fingerprint={})
    sorted_ = nearest_labels(index, rows[:5], 3, 10.0)
    assert [found[0].label for found in sorted_] == [f"label {n}" for n in range(5)]
    monkeypatch.setattr(label_index, "_SORTED_LABELS", 10)
    for one, other in zip(sorted_, nearest_labels(index, rows[:5], 3, 10.0), strict=True):
        assert [p.label for p in one] == [p.label for p in other]
        np.testing.assert_allclose([p.probability for p in one], [p.probability for p in other], atol=1e-5)


def test_k_is_one_at_least():
    require_k(1)
    with pytest.raises(OptionError, match="k is 0; expected 1 or more"):
        require_k(0)
