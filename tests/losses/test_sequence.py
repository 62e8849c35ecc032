"""Codes that explain frames: divergences by their closed form, and weights that stay what they are."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from zeroshot.losses.objective import Objective, ObjectiveConfig
from zeroshot.losses.sequence import Code, NextCode, dynamic_prior, reconstruction, static_prior
from zeroshot.losses.step import Batch, Sizes, Step, Targets
from zeroshot.types import Streams

B, T, D, W, S = 4, 3, 6, 5, 7


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


STATIC, DYNAMIC, EMBEDDINGS = drawn(B, 2 * S), drawn(B, T * 2 * W, seed=1), drawn(B, T, D, seed=2)


def step(parts=None, progress=0.5, static=STATIC, dynamic=DYNAMIC):
    rows = torch.ones(B, D)
    found = Streams(rows, rows, rows, static_hidden=static, dynamic_hidden=dynamic)
    batch = Batch(torch.zeros(B, T, 1, 1), EMBEDDINGS, Targets(torch.arange(B) % 2))
    return Step(batch, torch.eye(2, D), 1.0, progress, lambda *_: found, parts=nn.ModuleDict(parts or {}))


def test_divergence_is_that_of_normal_numbers():
    one, two = Code.of(drawn(3, 4, 10).double()), Code.of(drawn(3, 4, 10, seed=5).double())
    normals = [Normal(code.mean, (code.log_variance / 2).exp()) for code in (one, two)]
    torch.testing.assert_close(one.divergence(two), kl_divergence(*normals).sum(-1))
    assert not one.divergence(one).any()
    assert Code.of(torch.full((1, 2), 1e9)).log_variance.isfinite().all()


def test_static_prior_in_loops():
    total = 0.0
    for row in STATIC.double().tolist():
        for mean, log in zip(row[:S], row[S:], strict=True):
            total += 0.5 * (math.exp(log) + mean**2 - 1 - log)
    assert float(static_prior(step())) == pytest.approx(total / B / (T * D), rel=1e-5)
    nothing = step(static=torch.zeros(B, 2 * S))
    assert float(static_prior(nothing)) == 0


def test_dynamic_prior_in_loops_and_of_earlier_frames_alone():
    torch.manual_seed(0)
    prior = NextCode(W)
    found = float(dynamic_prior(step({"dynamic_prior": prior})).detach())
    code = Code.of(DYNAMIC.unflatten(1, (T, 2 * W)))
    noise = torch.randn(B, T, W, generator=torch.Generator().manual_seed(round(0.5 * 2**31)))
    sample = code.mean + (code.log_variance / 2).exp() * noise
    expected = 0.0
    for t in range(T):
        before = torch.cat([torch.zeros(B, 1, W), sample[:, :t]], 1)
        foretold = Code.of(prior.output(prior.memory(before)[0][:, -1]))
        expected += float(Code(code.mean[:, t], code.log_variance[:, t]).divergence(foretold).mean().detach())
    assert found == pytest.approx(expected / (T * D), rel=1e-4)


def test_reconstruction_in_loops():
    """A decoder that says nothing leaves all of the frames; the first counts a fifth more."""
    torch.manual_seed(0)
    silent = nn.Linear(W + S, D)
    nn.init.zeros_(silent.weight)
    nn.init.zeros_(silent.bias)
    found = float(reconstruction(step({"reconstruction": silent})).detach())
    squares = (D * EMBEDDINGS.double().square()).sum(2)
    expected = (squares.sum(1) + 0.2 * squares[:, 0]).mean() / (T * D)
    assert found == pytest.approx(float(expected), rel=1e-5)


def test_no_schedule_takes_the_weight_of_a_prior_away():
    """The trap: a cyclic schedule that multiplies the weight in place begins at 0 and leaves it there."""
    config = ObjectiveConfig({"classification": 1.0, "static_prior": 1.0})
    objective = Objective(config, Sizes(T * 2 * W, 2 * S, D, 2, code_dim=W))
    one = step()
    totals = []
    for progress in (0.0, 0.0, 0.3, 0.6, 1.0):
        losses = objective(one.batch, torch.eye(2, D), 1.0, progress, one.read)
        assert float(losses.terms["static_prior"]) == pytest.approx(float(static_prior(one)))
        totals.append(float(losses.total - losses.terms["classification"]))
    assert totals == pytest.approx([float(static_prior(one))] * 5)
    assert totals[0] > 0
