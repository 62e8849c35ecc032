"""Examples as a linear head: ridge regression on what the words get wrong; where they are right, nothing.

The words' probabilities P of the examples are the prior: the head is fitted to Y − P, with Y the labels.
With the kernel G of the m examples, from which their mean is taken, its answers are g(z)ᵀ C (Y − P), where
C = (G + λI)⁻¹. That is linear in z; and what it says of an example that it was fitted without has a closed
form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RIDGES = (0.03, 0.1, 0.3, 1.0)
"""λ that leaving examples out chooses from, over the mean of the kernel's diagonal."""

RIDGE = 0.3
"""λ where nothing can be chosen."""


@dataclass(frozen=True, eq=False)
class Head:
    """A linear function of a vector for each label.

    Attributes:
        weights: (K, D) float64.
        bias: (K,) float64.
    """

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]

    def __call__(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, K) answers to (n, D) vectors."""
        answers: NDArray[np.float64] = vectors.astype(np.float64) @ self.weights.T + self.bias
        return answers


def fitted(examples: NDArray[np.float32], wrong: NDArray[np.float64], ridge: float) -> Head:
    """The head of m examples.

    Args:
        examples: (m, D) unit rows.
        wrong: (m, K) what the words get wrong: 1 for the label, less their probabilities.
        ridge: λ.
    """
    middle, rows, inverse = _kernel(examples, ridge)
    weights: NDArray[np.float64] = (inverse @ wrong).T @ rows
    return Head(weights, -weights @ middle)


def fitted_without_itself(
    examples: NDArray[np.float32], wrong: NDArray[np.float64], ridge: float
) -> NDArray[np.float64]:
    """(m, K) what the head says of each example when it is fitted to the others; arguments as for `fitted`.

    The mean that is taken from all of them is that of all m.

    Source: Allen 1974 (PRESS): r / diag C is the error of the fit without the row.
    """
    _, _, inverse = _kernel(examples, ridge)
    left: NDArray[np.float64] = wrong - (inverse @ wrong) / np.diag(inverse)[:, None]
    return left


def _kernel(
    examples: NDArray[np.float32], ridge: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The mean of the examples, the rows without it, and C."""
    vectors = examples.astype(np.float64)
    middle = vectors.mean(axis=0)
    rows = vectors - middle
    kernel = rows @ rows.T
    size = float(np.trace(kernel)) / len(rows) or 1.0  # all alike: nothing to tell apart
    return middle, rows, np.linalg.inv(kernel + ridge * size * np.eye(len(rows)))
