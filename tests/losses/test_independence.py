"""HSIC against loops over its definition, closed cases, and every trap on the way."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from zeroshot.errors import OptionError
from zeroshot.losses import independence
from zeroshot.losses.independence import (
    IndependenceConfig,
    IndependenceLoss,
    center,
    dependence,
    linear_kernel,
    median_distance,
    rbf_kernel,
    squared_distances,
)


def hsic(K: torch.Tensor, L: torch.Tensor) -> torch.Tensor:
    """Of kernels as they are."""
    return independence.hsic(center(K), center(L))


def rows(m: int, width: int, seed: int, dtype=torch.float64) -> torch.Tensor:
    return torch.randn(m, width, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def dependent(m: int, width: int, seed: int, strength: float = 0.3) -> tuple[torch.Tensor, torch.Tensor]:
    """Two sets of unit rows that share a part."""
    shared = rows(m, width, seed)
    x = strength * shared + rows(m, width, seed + 1)
    y = strength * shared + rows(m, width, seed + 2)
    return x / x.norm(dim=1, keepdim=True), y / y.norm(dim=1, keepdim=True)


def loops(K: torch.Tensor, L: torch.Tensor) -> float:
    """The U-statistic: mean over ordered quadruples of different rows. Song et al. 2012, eq. 3."""
    m, k, g = len(K), K.tolist(), L.tolist()
    total = 0.0
    for i, j, q, r in itertools.permutations(range(m), 4):
        total += k[i][j] * (g[i][j] + g[q][r] - 2 * g[i][q])
    return total / math.perm(m, 4)


def song(K: torch.Tensor, L: torch.Tensor) -> torch.Tensor:
    """Equation 5 as printed."""
    m = len(K)
    K, L = K - torch.diag(K.diag()), L - torch.diag(L.diag())
    return (torch.trace(K @ L) + K.sum() * L.sum() / ((m - 1) * (m - 2)) - 2 / (m - 2) * (K @ L).sum()) / (
        m * (m - 3)
    )


def biased(K: torch.Tensor, L: torch.Tensor) -> torch.Tensor:
    """Gretton et al. 2005: tr(KHLH) / (m − 1)²."""
    m = len(K)
    H = torch.eye(m, dtype=K.dtype) - 1 / m
    return torch.trace(K @ H @ L @ H) / (m - 1) ** 2


@pytest.mark.parametrize("kernel", [rbf_kernel, linear_kernel])
@pytest.mark.parametrize("m", [4, 5, 9])
def test_hsic_is_the_mean_over_quadruples(kernel, m):
    x, y = rows(m, 3, 1), rows(m, 5, 2)
    x[:, 0] += y[:, 0]
    K, L = kernel(x), kernel(y)
    assert float(hsic(K, L)) == pytest.approx(loops(K, L), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kernel", [rbf_kernel, linear_kernel])
def test_hsic_is_equation_5(kernel):
    K, L = kernel(rows(60, 8, 3)), kernel(rows(60, 8, 3) + rows(60, 8, 4))
    torch.testing.assert_close(hsic(K, L), song(K, L), rtol=1e-9, atol=1e-14)


def test_hsic_in_float32_keeps_its_digits():
    x, y = dependent(256, 512, 5)
    exact = song(rbf_kernel(x), rbf_kernel(y))
    single = hsic(rbf_kernel(x.float()), rbf_kernel(y.float()))
    printed = song(rbf_kernel(x.float()), rbf_kernel(y.float()))
    assert abs(single - exact) < 0.01 * abs(exact)
    assert abs(single - exact) < 0.5 * abs(printed - exact) or abs(printed - exact) < 1e-3 * abs(exact)


def test_diagonal_is_ignored_so_it_may_be_anything():
    """Trap: overwriting the diagonal by 1 is right for RBF alone; here its value never matters."""
    K, L = linear_kernel(rows(20, 4, 6)), linear_kernel(rows(20, 4, 7))
    changed = K + torch.diag(rows(20, 1, 8)[:, 0])
    torch.testing.assert_close(hsic(changed, L), hsic(K, L))
    # Removing a diagonal of ones, as for RBF, from a linear kernel gives another number.
    m = len(K)
    K1, L1 = K - torch.eye(m, dtype=K.dtype), L - torch.eye(m, dtype=K.dtype)
    wrong = (
        torch.trace(K1 @ L1) + K1.sum() * L1.sum() / ((m - 1) * (m - 2)) - 2 / (m - 2) * (K1 @ L1).sum()
    ) / (m * (m - 3))
    assert abs(wrong - hsic(K, L)) > 0.5 * abs(hsic(K, L))


def test_factor_is_there():
    """Trap: without 1 / (m (m − 3)) the value grows with the batch."""
    values = {}
    for m in (32, 128):
        values[m] = (
            sum(float(hsic(*(rbf_kernel(z) for z in dependent(m, 16, s, 1.0)))) for s in range(0, 90, 3)) / 30
        )
    assert values[128] == pytest.approx(values[32], rel=0.25)
    assert values[128] * 128 * 125 > 8 * values[32] * 32 * 29


def test_bandwidth_of_root_width_sees_nothing():
    """Trap: σ = √D on unit rows leaves about 5e-9; the median distance leaves about 1e-4."""
    x, y = dependent(128, 512, 9, strength=1.0)
    flat = hsic(rbf_kernel(x, 512**0.5), rbf_kernel(y, 512**0.5))
    seen = hsic(rbf_kernel(x), rbf_kernel(y))
    assert abs(flat) < 1e-7
    assert 1e-5 < seen < 1e-2
    assert seen > 1000 * abs(flat)


@pytest.mark.parametrize("m", [32, 128])
def test_biased_estimate_of_independent_rows_drowns_the_signal(m):
    """Trap: the biased estimator is far from 0 for independent features, the unbiased one is not."""
    pairs = [(rbf_kernel(rows(m, 64, s)), rbf_kernel(rows(m, 64, s + 500))) for s in range(20)]
    wrong = sum(float(biased(K, L)) for K, L in pairs) / len(pairs)
    right = sum(float(hsic(K, L)) for K, L in pairs) / len(pairs)
    x, y = dependent(m, 64, 900, strength=0.5)
    signal = float(hsic(rbf_kernel(x), rbf_kernel(y)))
    assert abs(right) < 0.02 * wrong
    assert wrong > 5 * abs(signal)


def test_eight_rows_are_noise_and_a_queue_helps():
    """Trap: at m = 8 the spread over draws is a large part of the value."""
    spread = {}
    for m in (8, 128):
        values = torch.stack([dependence(*dependent(m, 32, s, 1.0)) for s in range(0, 150, 3)])
        spread[m] = float(values.std() / values.mean())
    assert spread[8] > 0.3
    assert spread[128] < spread[8] / 3


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_equal_features_are_wholly_dependent_and_scale_does_not_matter(kernel):
    x, y = dependent(32, 6, 11)
    assert float(dependence(x, x, kernel)) == pytest.approx(1, abs=1e-9)
    torch.testing.assert_close(dependence(1e3 * x, y, kernel), dependence(x, y, kernel))
    torch.testing.assert_close(dependence(1e-3 * x + 7, y, kernel), dependence(x, y, kernel))


def test_linear_is_blind_to_turning_and_to_squares():
    x = rows(400, 4, 12)
    turn = torch.linalg.qr(rows(4, 4, 13)).Q
    assert float(dependence(x, x @ turn, "linear")) == pytest.approx(1, abs=1e-9)
    squared = x.square() - 1
    assert abs(dependence(x, squared, "linear")) < 0.05
    assert dependence(x, squared, "rbf") > 0.1


def test_linear_against_unbiased_cka_written_out():
    """Closed case: one-dimensional features; every quadruple by hand."""
    x = torch.tensor([[0.0], [1.0], [2.0], [4.0]], dtype=torch.float64)
    y = torch.tensor([[1.0], [0.0], [5.0], [3.0]], dtype=torch.float64)
    K, L = x @ x.T, y @ y.T
    expected = loops(K, L) / math.sqrt(loops(K, K) * loops(L, L))
    assert float(dependence(x, y, "linear")) == pytest.approx(expected, rel=1e-9)


def test_independent_features_give_zero_on_average():
    values = torch.stack([dependence(rows(64, 16, s), rows(64, 16, s + 1000)) for s in range(40)])
    assert abs(values.mean()) < 3 * values.std() / 40**0.5 + 1e-4
    assert (values < 0).any()


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # of vmap, which here is quick enough
def test_eight_independent_rows_give_zero_over_ten_thousand_draws():
    """Not the normalized value, whose mean a quotient shifts: HSIC itself has no bias at any m."""
    x, y = (rows(10_000 * 8, 2, seed).reshape(10_000, 8, 2) for seed in (50, 51))
    values = torch.vmap(lambda one, two: hsic(linear_kernel(one), linear_kernel(two)))(x, y)
    assert float(values[7]) == pytest.approx(loops(x[7] @ x[7].T, y[7] @ y[7].T), rel=1e-9)
    assert abs(values.mean()) < 3 * values.std() / 100
    # The biased estimate is far away at the same m.
    wrong = torch.vmap(lambda one, two: biased(linear_kernel(one), linear_kernel(two)))(x, y)
    assert abs(wrong.mean()) > 20 * values.std() / 100


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_order_and_turning_do_not_matter(kernel):
    x, y = dependent(24, 6, 19, strength=1.0)
    order = torch.randperm(24, generator=torch.Generator().manual_seed(1))
    turn = torch.linalg.qr(rows(6, 6, 20)).Q
    expected = dependence(x, y, kernel)
    torch.testing.assert_close(dependence(x[order], y[order], kernel), expected)
    torch.testing.assert_close(dependence(x @ turn, y, kernel), expected)
    assert abs(dependence(x[order], y, kernel) - expected) > 0.01  # alone it does


@pytest.mark.parametrize("constant", [0.0, 0.3, 1e4])
def test_features_without_variation_depend_on_nothing(constant):
    x = torch.full((12, 5), constant, dtype=torch.float32, requires_grad=True)
    y = rows(12, 5, 14, torch.float32)
    for kernel in ("rbf", "linear"):
        value = dependence(x, y, kernel)
        (gradient,) = torch.autograd.grad(value, x)
        assert value == 0
        assert gradient.isfinite().all()


def test_mostly_equal_rows_still_have_a_width():
    x = torch.zeros(12, 5, dtype=torch.float64)
    x[:3] = rows(3, 5, 15)
    assert median_distance(x, squared_distances(x)) > 0
    assert dependence(x, x).isfinite()


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_gradient(kernel):
    y = rows(6, 3, 17)

    def value(x):
        # The width of the kernel is a constant in the gradient, so it must be one here as well.
        K = rbf_kernel(x, 1.5) if kernel == "rbf" else linear_kernel(x)
        return hsic(K, linear_kernel(y))

    assert torch.autograd.gradcheck(value, (rows(6, 3, 16).requires_grad_(),))


def test_descent_makes_features_independent():
    x, y = dependent(64, 8, 18, strength=2.0)
    x = x.clone().requires_grad_()
    optimizer = torch.optim.Adam([x], lr=0.02)
    before = float(dependence(x, y).detach())
    for _ in range(60):
        optimizer.zero_grad()
        dependence(x, y).backward()
        optimizer.step()
    assert float(dependence(x, y).detach()) < 0.2 * before


def memory(size: int, width: int = 1) -> IndependenceLoss:
    return IndependenceLoss(IndependenceConfig(queue_size=size), width, width)


def test_queue_is_first_in_first_out():
    queue = memory(4)
    assert len(queue.contents()[0]) == 0
    for value in range(6):
        one = torch.tensor([[float(value)]])
        queue.remember(one, -one)
    x, y = queue.contents()
    assert sorted(x[:, 0].tolist()) == [2.0, 3.0, 4.0, 5.0]
    assert (x == -y).all()
    queue.remember(torch.arange(9.0)[:, None], torch.arange(9.0)[:, None])
    assert sorted(queue.contents()[0][:, 0].tolist()) == [5, 6, 7, 8]


def test_queue_is_state_and_comes_back():
    queue, other = memory(4, 2), memory(4, 2)
    queue.remember(torch.ones(3, 2), torch.ones(3, 2))
    other.load_state_dict(queue.state_dict())
    assert len(other.contents()[0]) == 3


def test_loss_with_queue_teaches_the_current_rows():
    loss = memory(64, 8)
    x, y = (z.float() for z in dependent(64, 8, 30, strength=2.0))
    loss.remember(x[:56], y[:56])
    batch = x[56:].clone().requires_grad_()
    value = loss(batch, y[56:])
    value.backward()
    assert value > 0.05
    assert batch.grad.abs().sum() > 0
    # As if all 64 rows had come at once.
    torch.testing.assert_close(value, dependence(x, y), rtol=1e-4, atol=1e-6)


def test_raw_value_is_inert_and_normalized_is_not():
    """Trap: raw HSIC of dependent features is about 1e-4, its share of the largest possible is plain."""
    x, y = dependent(128, 512, 9, strength=1.0)
    assert hsic(rbf_kernel(x), rbf_kernel(y)) < 1e-2
    assert dependence(x, y) > 0.05


def test_loss_under_autocast_is_exact():
    x, y = (z.float() for z in dependent(64, 8, 33, strength=2.0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = dependence(x, y)
    torch.testing.assert_close(mixed, dependence(x, y))


def test_kernel_is_centred():
    K = center(rbf_kernel(rows(9, 3, 40)))
    assert K.diag().abs().max() == 0
    assert K.sum(0).abs().max() < 1e-12


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: dependence(rows(3, 2, 0), rows(3, 2, 1)), "4 rows or more.*there are 3.*larger batches"),
        (lambda: dependence(rows(5, 2, 0), rows(6, 2, 1)), r"\(5, 2\) and \(6, 2\)"),
        (lambda: dependence(rows(5, 2, 0), rows(5, 2, 1), "cubic"), "'cubic'.*rbf, linear"),
        (lambda: hsic(torch.eye(5), torch.eye(6)), "sizes|shapes"),
        (lambda: hsic(torch.ones(5, 4), torch.ones(5, 4)), r"\(5, 4\).*\(m, m\)"),
        (lambda: IndependenceConfig(kernel="cubic"), "'cubic'"),
        (lambda: IndependenceConfig(queue_size=-1), "-1"),
    ],
)
def test_errors_are_one_clear_line(call, words):
    with pytest.raises(OptionError, match=words) as error:
        call()
    assert "\n" not in str(error.value)
