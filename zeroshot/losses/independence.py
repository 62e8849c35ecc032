"""How far two sets of features depend on each other: the Hilbert-Schmidt independence criterion, unbiased.

Everything here works on rows: x (m, P) and y (m, Q) are two views of the same m videos.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from zeroshot.errors import OptionError, require_kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from zeroshot.losses.step import Sizes, Step

_FLOOR = 1e-8  # below this a normalizer is noise: the features are all alike


@dataclass(frozen=True)
class IndependenceConfig:
    """How dependence is measured.

    Attributes:
        kernel: `rbf` sees any dependence, `linear` correlation alone (normalized it is unbiased CKA).
        queue_size: past rows that are compared as well; at 8 rows the estimate's noise is 40 % of it.
    """

    kernel: str = "rbf"
    queue_size: int = 256

    def __post_init__(self) -> None:
        """Refuse words and numbers that mean nothing."""
        require_kinds(self)
        if self.kernel not in KERNELS:
            raise OptionError(f"kernel is {self.kernel!r}; expected one of {', '.join(KERNELS)}")
        if self.queue_size < 0:
            raise OptionError(f"queue_size is {self.queue_size}; expected 0 or more")


def independence(step: Step) -> Tensor:
    """Scalar dependence of the dynamic stream on the static one, which the dynamic one is to lower."""
    value: Tensor = step.parts["independence"](step.dynamic_hidden, step.static_hidden.detach())
    return value


def minimax(step: Step) -> Tensor:
    """Minus the same, for the static stream: it seeks what the dynamic one is then to leave.

    Source: the inner maximization of ReBias (Bahng et al., ICML 2020); DEAR takes it over.
    """
    value: Tensor = step.parts["minimax"](step.dynamic_hidden.detach(), step.static_hidden)
    return -value


def make_memory(sizes: Sizes, measure: IndependenceConfig) -> IndependenceLoss:
    """The dependence of the streams' hidden features, with the rows that it remembers."""
    return IndependenceLoss(measure, sizes.dynamic_dim, sizes.static_dim)


def squared_distances(x: Tensor) -> Tensor:
    """(m, m) squared Euclidean distances between rows, exact zeros on the diagonal."""
    x = x - x.mean(0)  # far from the origin the difference of squares would lose its digits
    squares = x.square().sum(1)
    distances = torch.addmm(squares[:, None] + squares, x, x.T, alpha=-2)
    return distances.clamp_min(0).fill_diagonal_(0)


@torch.no_grad()
def median_distance(x: Tensor, squared: Tensor) -> Tensor:
    """The median distance between two different rows, without gradient: the width of the RBF kernel.

    A fixed width such as √D makes the kernel flat on unit rows: the criterion is then about 5e-9.

    Args:
        x: (m, P) rows.
        squared: (m, m) their squared distances.
    """
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
        median_distance(x, squared)
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


def hsic(centred_x: Tensor, centred_y: Tensor) -> Tensor:
    """Scalar: the unbiased estimate of HSIC from two (m, m) U-centred kernels, around 0 if independent.

    Their inner product equals Song et al.'s [tr(K̃L̃) + 1ᵀK̃1·1ᵀL̃1/((m−1)(m−2)) − 2/(m−2)·1ᵀK̃L̃1] / (m(m−3)),
    and is far more exact in float32, where the three terms nearly cancel.

    Raises:
        OptionError: kernels of different sizes.
    Source: Song et al., JMLR 2012, eq. 5.
    """
    if centred_x.shape != centred_y.shape:
        raise OptionError(
            f"kernels have shapes {tuple(centred_x.shape)} and {tuple(centred_y.shape)}; expected one"
        )
    m = len(centred_x)
    return (centred_x * centred_y).sum() / (m * (m - 3))


def dependence(x: Tensor, y: Tensor, kernel: str = "rbf") -> Tensor:
    """Scalar: normalized HSIC of two feature sets (m, P), (m, Q): about 0 if independent and 1 if equal.

    HSIC(x, y) over the square root of HSIC(x, x)·HSIC(y, y); with the linear kernel it is unbiased CKA. The
    raw value is about 1e-4, and a weight of 1 on it would be inert beside a cross-entropy. Features that do
    not vary at all depend on nothing: 0, with zero gradient.

    Args:
        x: (m, P) rows.
        y: (m, Q) rows of the same videos.
        kernel: `rbf` or `linear`.

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
        centred_x, centred_y = (center(KERNELS[kernel](_exact(rows))) for rows in (x, y))
        shared, own_x, own_y = (
            hsic(centred_x, centred_y),
            hsic(centred_x, centred_x),
            hsic(centred_y, centred_y),
        )
        floors = [_FLOOR if kernel == "rbf" else _FLOOR * _spread(rows) for rows in (x, y)]
        varies = (own_x > floors[0]) & (own_y > floors[1])
        # Where a side does not vary, both branches must be finite: a gradient comes from either.
        scale = (torch.where(varies, own_x, 1.0) * torch.where(varies, own_y, 1.0)).sqrt()
        return torch.where(varies, shared / scale, shared * 0)


class IndependenceLoss(nn.Module):
    """Dependence of two feature sets, measured together with the last rows of both: (B, P), (B, Q) → scalar.

    The queue of past rows has no gradient; it is part of the state that is saved.

    Args:
        config: what is measured.
        width_x: P.
        width_y: Q.
    """

    x: Tensor
    y: Tensor
    seen: Tensor

    def __init__(self, config: IndependenceConfig, width_x: int, width_y: int) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("x", torch.zeros(config.queue_size, width_x))
        self.register_buffer("y", torch.zeros(config.queue_size, width_y))
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Scalar for a batch, which is remembered while training; detach the side that is not to learn."""
        past_x, past_y = self.contents()
        rows_x, rows_y = torch.cat([past_x.to(x.dtype), x]), torch.cat([past_y.to(y.dtype), y])
        value = dependence(rows_x, rows_y, self.config.kernel)
        if self.training:
            self.remember(x, y)
        return value

    def contents(self) -> tuple[Tensor, Tensor]:
        """Rows (n, P) and (n, Q), n at most the queue's size: copies, in no particular order."""
        count = min(int(self.seen), len(self.x))
        return self.x[:count].clone(), self.y[:count].clone()

    @torch.no_grad()
    def remember(self, x: Tensor, y: Tensor) -> None:
        """Takes B rows in, the oldest out."""
        size = len(self.x)
        if size == 0:
            return
        x, y = x[-size:], y[-size:]
        places = (torch.arange(len(x), device=self.x.device) + self.seen) % size
        self.x[places], self.y[places] = x.detach().to(self.x.dtype), y.detach().to(self.y.dtype)
        self.seen += len(x)


def _exact(x: Tensor) -> Tensor:
    """At least float32."""
    return x if x.dtype == torch.float64 else x.float()


def _spread(x: Tensor) -> Tensor:
    """The square of the mean squared row, so that a floor on the linear kernel follows its scale."""
    with torch.no_grad():
        x = _exact(x)
        rounding = 1e-10 * x.square().sum(1).mean()
        return (x - x.mean(0)).square().sum(1).mean().square() + rounding.square()
