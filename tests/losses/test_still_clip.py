"""Losses on still clips: their closed forms, and that they refuse where a still clip is zero."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from zeroshot.errors import OptionError
from zeroshot.losses.step import Batch, Step, Targets
from zeroshot.losses.still_clip import still_entropy, still_sensitivity, still_unlearning
from zeroshot.types import Streams

B, T, N, C, K = 6, 4, 3, 5, 7


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


WEIGHT = drawn(K, C, seed=3)


def step(head, progress=0.5, texts=None):
    """A linear head on the mean over frames and places."""

    def read(tokens, embeddings):
        rows = head(tokens.float().mean((1, 2)))
        return Streams(rows, rows, rows)

    tokens = drawn(B, T, N, C)
    batch = Batch(tokens, drawn(B, T, K), Targets(torch.arange(B) % K))
    return Step(batch, torch.eye(K) if texts is None else texts, 1.0, progress, read)


def test_a_head_that_says_nothing_has_the_entropy_of_all_labels():
    even = step(lambda x: torch.ones(len(x), K) + 0 * x.sum())
    assert float(still_entropy(even)) == pytest.approx(-math.log(K))
    assert float(still_unlearning(even)) == pytest.approx(-math.log(K))


def test_the_terms_are_their_formulas():
    one = step(lambda x: x @ WEIGHT.T)
    place = int(torch.randint(T, (), generator=torch.Generator().manual_seed(round(0.5 * 2**31))))
    logits = one.batch.tokens[:, place].mean(1) @ WEIGHT.T
    chances = logits.softmax(1)
    assert float(still_entropy(one)) == pytest.approx(
        float((chances * chances.log()).sum(1).mean()), rel=1e-4
    )
    expected = F.cross_entropy(logits, one.targets.labels)
    assert float(still_unlearning(one)) == pytest.approx(-float(expected), rel=1e-5)


def test_the_mean_sensitivity_is_the_norm_of_what_tells_labels_apart():
    found = [float(still_sensitivity(step(lambda x: x @ WEIGHT.T, progress=p / 400))) for p in range(400)]
    apart = WEIGHT - WEIGHT.mean(0)
    expected = float(apart.square().sum()) / (T * N)  # tokens of T frames, of N places each
    assert sum(found) / len(found) == pytest.approx(expected, rel=0.1)


def test_weights_whose_sum_is_zero_are_still_held_back():
    """The trap of differentiating the sum of the logits: a head whose rows sum to 0 would cost nothing."""
    apart = WEIGHT - WEIGHT.mean(0)
    assert float(still_sensitivity(step(lambda x: x @ apart.T))) > 0.01


def test_it_can_be_learned_from():
    weight = WEIGHT.clone().requires_grad_()
    still_sensitivity(step(lambda x: x @ weight.T)).backward()
    assert float(weight.grad.abs().sum()) > 0


@pytest.mark.parametrize("term", [still_entropy, still_unlearning, still_sensitivity])
def test_a_stream_that_subtracts_is_refused(term):
    with pytest.raises(OptionError, match="losses on still clips teach nothing"):
        term(step(lambda x: 0 * x @ WEIGHT.T))
