"""Distillation from CLIP: the formula in loops, and what it must not be moved by."""

from __future__ import annotations

import math

import pytest
import torch

from zeroshot.errors import OptionError
from zeroshot.losses.distillation import distillation_loss


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_formula_in_loops():
    student, teacher = noise(5, 3), noise(5, 3, seed=1)
    means = [[float(x[:, d].double().mean()) for d in range(3)] for x in (student, teacher)]
    cosines = []
    for row in range(5):
        ours, theirs = (
            [float(x[row, d]) - mean[d] for d in range(3)]
            for x, mean in zip((student, teacher), means, strict=True)
        )
        dot = sum(a * b for a, b in zip(ours, theirs, strict=True))
        cosines.append(dot / math.hypot(*ours) / math.hypot(*theirs))
    assert float(distillation_loss(student, teacher)) == pytest.approx(1 - sum(cosines) / 5, abs=1e-5)


def test_what_all_videos_share_changes_nothing():
    student, teacher = noise(6, 4), noise(6, 4, seed=1)
    shifted = distillation_loss(student + noise(4, seed=2), 3 * teacher + noise(4, seed=3))
    torch.testing.assert_close(shifted, distillation_loss(student, teacher), atol=1e-5, rtol=1e-4)
    assert float(distillation_loss(teacher, teacher)) == pytest.approx(0, abs=1e-6)
    assert float(distillation_loss(-teacher, teacher)) == pytest.approx(2, abs=1e-6)


def test_only_the_student_learns_and_equal_rows_are_harmless():
    student, teacher = noise(4, 3).requires_grad_(), noise(4, 3, seed=1).requires_grad_()
    distillation_loss(student, teacher).backward()
    assert student.grad.abs().sum() > 0
    assert teacher.grad is None
    equal = torch.zeros(4, 3, requires_grad=True)
    loss = distillation_loss(equal, teacher)
    loss.backward()
    assert float(loss.detach()) == 1
    assert bool(equal.grad.isfinite().all())


@pytest.mark.parametrize(("rows", "width"), [(1, 3), (4, 2)])
def test_one_video_or_another_width_is_refused(rows, width):
    with pytest.raises(OptionError, match="2 videos or more") as error:
        distillation_loss(noise(rows, 3), noise(rows, width))
    assert "\n" not in str(error.value)
