"""How far two sets of features depend on each other: the Hilbert-Schmidt independence criterion, unbiased.

Everything here works on rows: x (m, P) and y (m, Q) are two views of the same m videos.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from zeroshot.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CONDITIONS = ("none", "residual", "within")
_FLOOR = 1e-8  # below this a normalizer is noise: the features are all alike


@dataclass(frozen=True)
class IndependenceConfig:
    """How dependence is measured.

    Attributes:
        kernel: `rbf` sees any dependence, `linear` correlation alone (normalized it is unbiased CKA).
        condition: `none`; `residual` subtracts each label's mean first; `within` compares videos of one label
            only. Two streams that both know the label depend on each other through it: driving that to zero
            would fight accuracy, unless sampling makes label and scene independent.
        queue_size: past rows that are compared as well; at 8 rows the estimate's noise is 40 % of it.
        momentum: share of a label's old mean that survives a step, for `residual`; 0 takes the batch's own
            means, which leaves a dependence of order 1 / (rows a label) behind.
        normalized: divide by each side's dependence on itself; the raw value is about 1e-4 and a weight of 1
            on it is inert beside a cross-entropy.
    """

    kernel: str = "rbf"
    condition: str = "none"
    queue_size: int = 256
    momentum: float = 0.9
    normalized: bool = True

    def __post_init__(self) -> None:
        """Refuse words and numbers that mean nothing."""
        if self.kernel not in KERNELS:
            raise OptionError(f"kernel is {self.kernel!r}; expected one of {', '.join(KERNELS)}")
        if self.condition not in CONDITIONS:
            raise OptionError(f"condition is {self.condition!r}; expected one of {', '.join(CONDITIONS)}")
        if self.queue_size < 0 or not 0 <= self.momentum < 1:
            raise OptionError(
                f"queue_size {self.queue_size}, momentum {self.momentum}: expected ≥ 0 and [0, 1)"
            )


def squared_distances(x: Tensor) -> Tensor:
    """(m, m) squared Euclidean distances between rows, exact zeros on the diagonal."""
    x = x - x.mean(0)  # far from the origin the difference of squares would lose its digits
    squares = x.square().sum(1)
    distances = torch.addmm(squares[:, None] + squares, x, x.T, alpha=-2)
    return distances.clamp_min(0).fill_diagonal_(0)


def median_distance(x: Tensor) -> Tensor:
    """The median distance between two different rows, without gradient: the width of the RBF kernel.

    A fixed width such as √D makes the kernel flat on unit rows: the criterion is then about 5e-9.
    """
    with torch.no_grad():
        return _median_distance(x, squared_distances(x))


@torch.no_grad()
def _median_distance(x: Tensor, squared: Tensor) -> Tensor:
    """The same, of rows whose squared distances (m, m) are known."""
    rows, columns = torch.triu_indices(len(x), len(x), 1, device=x.device)
    distances = squared[rows, columns]
    median = distances.median()
    # More than half of the rows alike (still clips): the mean of the rest sets the width.
    width = torch.where(median > 0, median, distances.mean())
    # Rows that differ by rounding alone must not look varied.
    return torch.maximum(width, 1e-10 * x.square().sum(1).mean()).sqrt()


def rbf_kernel(x: Tensor, bandwidth: float | Tensor | None = None) -> Tensor:
    """(m, m) exp(−‖xᵢ − xⱼ‖² / (2σ²)), σ the median distance unless given."""
    squared = squared_distances(x)
    width = (
        _median_distance(x, squared)
        if bandwidth is None
        else torch.as_tensor(bandwidth, dtype=x.dtype, device=x.device)
    )
    return torch.exp(squared / -(2 * width.square()).clamp_min(torch.finfo(x.dtype).tiny))


def linear_kernel(x: Tensor) -> Tensor:
    """(m, m) inner products of rows, the common mean removed (HSIC does not change, rounding does)."""
    x = x - x.mean(0)
    return x @ x.T


KERNELS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {"rbf": rbf_kernel, "linear": linear_kernel}
)


def center(kernel: Tensor) -> Tensor:
    """(m, m) U-centred kernel: zero diagonal, and rows and columns that sum to zero off it.

    Source: Székely and Rizzo 2014, eq. 2.1.
    """
    m = len(kernel)
    if kernel.ndim != 2 or kernel.shape[1] != m:
        raise OptionError(f"a kernel has shape {tuple(kernel.shape)}; expected (m, m)")
    if m < 4:
        raise OptionError(f"independence needs 4 rows or more to compare; there are {m}: take larger batches")
    # A constant off the diagonal changes nothing, and without it fewer digits cancel.
    mean = (kernel.sum() - kernel.trace()).detach() / (m * (m - 1))
    kernel = (kernel - mean).fill_diagonal_(0)
    rows = kernel.sum(1, keepdim=True) / (m - 2)
    columns = kernel.sum(0, keepdim=True) / (m - 2)
    return (kernel - (rows + (columns - rows.sum() / (m - 1)))).fill_diagonal_(0)


def hsic(kernel_x: Tensor, kernel_y: Tensor) -> Tensor:
    """Scalar: the unbiased estimate of HSIC from two (m, m) kernels, around 0 if independent.

    The inner product of U-centred kernels equals Song et al.'s [tr(K̃L̃) + 1ᵀK̃1·1ᵀL̃1/((m−1)(m−2))
    − 2/(m−2)·1ᵀK̃L̃1] / (m(m−3)), and is far more exact in float32, where the three terms nearly cancel.

    Raises:
        OptionError: fewer than 4 rows, or kernels of different sizes.
    Source: Song et al., JMLR 2012, eq. 5.
    """
    if kernel_x.shape != kernel_y.shape:
        raise OptionError(
            f"kernels have shapes {tuple(kernel_x.shape)} and {tuple(kernel_y.shape)}; expected one"
        )
    m = len(kernel_x)
    return (center(kernel_x) * center(kernel_y)).sum() / (m * (m - 3))


def dependence(x: Tensor, y: Tensor, kernel: str = "rbf", *, normalized: bool = True) -> Tensor:
    """Scalar: HSIC of two feature sets (m, P), (m, Q); normalized about 0 if independent and 1 if equal.

    Features that do not vary at all depend on nothing: 0, with zero gradient.

    Args:
        x: (m, P) rows.
        y: (m, Q) rows of the same videos.
        kernel: `rbf` or `linear`.
        normalized: divide by the square root of HSIC(x, x)·HSIC(y, y); linear and normalized is unbiased CKA.

    Raises:
        OptionError: fewer than 4 rows, different numbers of rows, or an unknown kernel.
    Source: Song et al. 2012, eq. 5; Kornblith et al. 2019 for the quotient.
    """
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y):
        raise OptionError(
            f"features have shapes {tuple(x.shape)} and {tuple(y.shape)}; expected (m, P) and (m, Q)"
        )
    if kernel not in KERNELS:
        raise OptionError(f"kernel is {kernel!r}; expected one of {', '.join(KERNELS)}")
    with torch.autocast(x.device.type, enabled=False):
        centred = [center(KERNELS[kernel](_exact(rows))) for rows in (x, y)]
        m = len(x)
        shared, own_x, own_y = (
            (a * b).sum() / (m * (m - 3)) for a, b in ((centred[0], centred[1]), *((c, c) for c in centred))
        )
        if not normalized:
            return shared
        floors = [_FLOOR if kernel == "rbf" else _FLOOR * _spread(rows) for rows in (x, y)]
        varies = (own_x > floors[0]) & (own_y > floors[1])
        scale = (torch.where(varies, own_x, 1.0) * torch.where(varies, own_y, 1.0)).sqrt()
        return torch.where(varies, shared / scale, shared * 0)


def label_means(x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Means (K', P) of rows x (m, P) by label, the labels (K',) present, each row's place (m,) there."""
    present, places = torch.unique(labels, return_inverse=True)
    groups = torch.nn.functional.one_hot(places).to(x.dtype)
    return groups.T @ x / groups.sum(0)[:, None], present, places


def residual(x: Tensor, labels: Tensor) -> Tensor:
    """(m, P) rows minus the mean of their label's rows.

    Means of few rows follow those rows: with n a label the residuals of independent features still depend by
    about 1 / n. Take several rows a label, a queue, or running means.
    """
    means, _, places = label_means(x, labels)
    return x - means[places]


def dependence_within(x: Tensor, y: Tensor, labels: Tensor, kernel: str = "rbf") -> Tensor:
    """Scalar: normalized HSIC among the rows of one label, averaged over labels with 4 rows or more.

    No mean is subtracted, so nothing is left behind by subtracting it; but few rows make it noisy.

    Raises:
        OptionError: no label has 4 rows.
    """
    values, weights = [], []
    for label in torch.unique(labels).unbind():
        rows = (labels == label).nonzero()[:, 0]
        if len(rows) >= 4:
            values.append(dependence(x[rows], y[rows], kernel))
            weights.append(len(rows))
    if not values:
        raise OptionError(
            "no label has 4 rows to compare: draw several videos a label, or lengthen the queue"
        )
    weight = torch.tensor(weights, dtype=values[0].dtype, device=x.device)
    return (torch.stack(values) * weight / weight.sum()).sum()


class FeatureQueue(nn.Module):
    """The last rows of both streams and their labels, without gradient; part of the state that is saved.

    Args:
        size: rows kept; the oldest leave first.
        width_x: P.
        width_y: Q.
    """

    x: Tensor
    y: Tensor
    labels: Tensor
    seen: Tensor

    def __init__(self, size: int, width_x: int, width_y: int) -> None:
        super().__init__()
        self.register_buffer("x", torch.zeros(size, width_x))
        self.register_buffer("y", torch.zeros(size, width_y))
        self.register_buffer("labels", torch.zeros(size, dtype=torch.long))
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))

    def contents(self) -> tuple[Tensor, Tensor, Tensor]:
        """Rows (n, P), rows (n, Q) and labels (n,), n at most the size: copies, in no particular order."""
        count = min(int(self.seen), len(self.x))
        return self.x[:count].clone(), self.y[:count].clone(), self.labels[:count].clone()

    @torch.no_grad()
    def push(self, x: Tensor, y: Tensor, labels: Tensor) -> None:
        """Takes B rows in, the oldest out."""
        size = len(self.x)
        if size == 0:
            return
        x, y, labels = x[-size:], y[-size:], labels[-size:]
        places = (torch.arange(len(x), device=self.x.device) + self.seen) % size
        self.x[places], self.y[places] = x.detach().to(self.x.dtype), y.detach().to(self.y.dtype)
        self.labels[places] = labels
        self.seen += len(x)


class LabelMeans(nn.Module):
    """Running mean row of each label, started at the first rows seen.

    Args:
        num_labels: K.
        width: P.
        momentum: share of the old mean kept when a label comes up again.
    """

    means: Tensor
    known: Tensor

    def __init__(self, num_labels: int, width: int, momentum: float = 0.9) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("means", torch.zeros(num_labels, width))
        self.register_buffer("known", torch.zeros(num_labels, dtype=torch.bool))

    @torch.no_grad()
    def update(self, x: Tensor, labels: Tensor) -> None:
        """Takes B rows into the means of their labels."""
        fresh, present, _ = label_means(x.detach().to(self.means.dtype), labels)
        kept = self.momentum * self.known[present].to(fresh.dtype)[:, None]
        self.means[present] = kept * self.means[present] + (1 - kept) * fresh
        self.known[present] = True

    def subtract(self, x: Tensor, labels: Tensor) -> Tensor:
        """(m, P) rows minus the running mean of their label, or minus the rows' own if none is known."""
        known = self.known[labels][:, None]
        return torch.where(known, x - self.means[labels].to(x.dtype), residual(x, labels))


class IndependenceLoss(nn.Module):
    """Dependence of two feature sets with a memory: a queue of past rows and running label means.

    Args:
        config: what is measured.
        num_labels: K, for the running means.
        width_x: P.
        width_y: Q.
    """

    def __init__(self, config: IndependenceConfig, num_labels: int, width_x: int, width_y: int) -> None:
        super().__init__()
        self.config = config
        self.queue = FeatureQueue(config.queue_size, width_x, width_y)
        running = config.condition == "residual" and config.momentum > 0
        self.means = nn.ModuleList(
            LabelMeans(num_labels, width, config.momentum) for width in (width_x, width_y) if running
        )

    def forward(self, x: Tensor, y: Tensor, labels: Tensor) -> Tensor:
        """Scalar for a batch x (B, P), y (B, Q), labels (B,); detach the side that is not to learn.

        Reads the memory and leaves it as it is: `remember` writes.
        """
        past_x, past_y, past_labels = self.queue.contents()
        x = torch.cat([past_x.to(x.dtype), x])
        y = torch.cat([past_y.to(y.dtype), y])
        labels = torch.cat([past_labels, labels])
        if self.config.condition == "within":
            return dependence_within(x, y, labels, self.config.kernel)
        if self.config.condition == "residual":
            x, y = self._subtract(0, x, labels), self._subtract(1, y, labels)
        return dependence(x, y, self.config.kernel, normalized=self.config.normalized)

    def remember(self, x: Tensor, y: Tensor, labels: Tensor) -> None:
        """Takes a batch into the queue and the means; once a step, after the loss was read."""
        for memory, rows in zip(self.means, (x, y), strict=False):
            if isinstance(memory, LabelMeans):
                memory.update(rows, labels)
        self.queue.push(x, y, labels)

    def _subtract(self, side: int, x: Tensor, labels: Tensor) -> Tensor:
        """Residuals against the running means of one side, or the rows' own where there are none."""
        memory = self.means[side] if len(self.means) else None
        return memory.subtract(x, labels) if isinstance(memory, LabelMeans) else residual(x, labels)


def _exact(x: Tensor) -> Tensor:
    """At least float32."""
    return x if x.dtype == torch.float64 else x.float()


def _spread(x: Tensor) -> Tensor:
    """The square of the mean squared row, so that a floor on the linear kernel follows its scale."""
    with torch.no_grad():
        x = _exact(x)
        rounding = 1e-10 * x.square().sum(1).mean()
        return (x - x.mean(0)).square().sum(1).mean().square() + rounding.square()
