"""Answers that may change with the person alone: nothing to pay where all is person, and the closed form.

Covers: losses/sensitivity.
"""

from __future__ import annotations

import pytest
import torch

from zeroshot.errors import OptionError
from zeroshot.losses.provenance import provenance
from zeroshot.losses.sensitivity import sensitivity
from zeroshot.losses.step import Batch, Beside, Step, Targets
from zeroshot.types import Streams

B, T, N, C, K = 5, 4, 3, 6, 7
DRAW = torch.Generator().manual_seed(1)
TOKENS, WEIGHT = torch.randn(B, T, N, C, generator=DRAW), torch.randn(K, C, generator=DRAW)


def step(figures, head):
    def read(tokens, embeddings):
        rows = head(tokens)
        return Streams(rows, rows, rows)

    batch = Batch(TOKENS, torch.zeros(B, T, K), Targets(torch.arange(B) % K), Beside(figures=figures))
    return Step(batch, torch.eye(K), 3.0, 0.5, read)


def linear(tokens):
    return tokens.mean((1, 2)) @ WEIGHT.T


def test_where_all_is_person_there_is_nothing_to_pay():
    assert float(provenance(step(torch.ones(B, T, N), linear))) == 0


def test_a_linear_head_has_the_closed_form():
    """∂ℓ_y/∂x = scale · w_y / (T · N) at every token; the others' share of each is squared."""
    shares = torch.rand(B, T, N, generator=torch.Generator().manual_seed(2))
    found = float(provenance(step(shares, linear)))
    own = WEIGHT[torch.arange(B) % K].double()
    expected = (3.0 / (T * N)) ** 2 * own.square().sum(1) * (1 - shares.double()).square().sum((1, 2))
    assert found == pytest.approx(float(expected.mean()), rel=1e-5)


def test_it_is_the_slope_by_differences():
    """Of a head that is not linear, token by token in float64; the person's share is let go."""

    def bent(tokens):
        return (tokens.mean(1) @ WEIGHT.T.to(tokens.dtype)).tanh().mean(1)

    shares = (torch.rand(B, T, N, generator=torch.Generator().manual_seed(3)) > 0.5).float()
    total, small, tokens = 0.0, 1e-5, TOKENS.double()
    for row in range(B):
        for place in torch.cartesian_prod(torch.arange(T), torch.arange(N), torch.arange(C)).tolist():
            ways = []
            for sign in (1, -1):
                moved = tokens[row : row + 1].clone()
                moved[(0, *place)] += sign * small
                ways.append(3.0 * float(bent(moved)[0, row % K].detach()))
            slope = (ways[0] - ways[1]) / (2 * small)
            total += ((1 - float(shares[row, place[0], place[1]])) * slope) ** 2
    assert float(provenance(step(shares, bent)).detach()) == pytest.approx(total / B, rel=1e-4)


def test_it_can_be_learned_from():
    weight = WEIGHT.clone().requires_grad_()
    provenance(step(torch.zeros(B, T, N), lambda tokens: tokens.mean((1, 2)) @ weight.T)).backward()
    assert float(weight.grad.abs().sum()) > 0


def test_what_does_not_depend_on_tokens_is_refused():
    with pytest.raises(OptionError, match="reads no tokens"):
        sensitivity(lambda tokens: torch.zeros(B), TOKENS)
    with pytest.raises(OptionError, match="come without notes of where their persons are"):
        provenance(step(None, linear))
