"""A place without anybody is to tell no action: the entropy's closed forms, and who it teaches nothing."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from zeroshot.errors import OptionError
from zeroshot.losses.person_free import person_free_certainty
from zeroshot.losses.step import Batch, Beside, Copy, Step, Targets
from zeroshot.losses.still_clip import certainty
from zeroshot.types import Streams

K = 5
TOKENS = torch.randn(2, 6, 3, 2, K, generator=torch.Generator().manual_seed(0))


def step(change, emptied=TOKENS[1]):
    """Rows that are the mean token, changed."""

    def read(tokens, embeddings):
        rows = change(tokens.mean((1, 2)))
        return Streams(rows, rows, rows)

    beside = Beside(emptied=None if emptied is None else Copy(emptied, torch.zeros(6, 3, K)))
    batch = Batch(TOKENS[0], torch.zeros(6, 3, K), Targets(torch.arange(6) % K), beside)
    return Step(batch, torch.eye(K), 8.0, 0.5, read)


def test_the_term_is_its_formula_on_emptied_clips_alone():
    found = float(person_free_certainty(step(lambda x: F.normalize(x, dim=1))))
    chances = (8 * F.normalize(TOKENS[1].double().mean((1, 2)), dim=1)).softmax(1)
    expected = sum(p * math.log(p) for row in chances.tolist() for p in row) / 6
    assert found == pytest.approx(expected, rel=1e-5)


def test_who_is_at_a_loss_has_the_least():
    even = float(person_free_certainty(step(torch.ones_like)))
    assert even == pytest.approx(-math.log(K))


def test_certainty_of_a_chance_of_nothing_is_finite():
    """The trap of log(softmax): 0 · log 0 would be no number."""
    logits = torch.tensor([[1e4, 0.0, 0.0]], requires_grad=True)
    found = certainty(logits)
    found.backward()
    assert float(found.detach()) == 0
    assert logits.grad.isfinite().all()


def test_what_teaches_nothing_is_refused():
    with pytest.raises(OptionError, match="nothing moves in clips without their persons"):
        person_free_certainty(step(lambda x: 0 * x))
    with pytest.raises(OptionError, match="come without copies without their persons"):
        person_free_certainty(step(lambda x: x, emptied=None))
