"""StillMix in pixels, and its bank of frames, against the formula."""

from __future__ import annotations

import pytest
import torch

from zeroshot.errors import OptionError
from zeroshot.training.augment import bias_frames, stillmix


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(seed))


def test_stillmix_on_pixels_is_the_formula():
    clips = torch.randint(256, (6, 4, 3, 5, 5), generator=generator(), dtype=torch.uint8)
    bank = torch.full((2, 3, 5, 5), 100, dtype=torch.uint8)
    mixed = stillmix(clips, bank, generator(1), probability=1.0)
    assert mixed.dtype == torch.uint8
    share = ((mixed.float() - 100) / (clips.float() - 100))[(clips.float() - 100).abs() > 50]
    assert 0.4 < share.min() <= share.max() < 0.6
    assert torch.equal(stillmix(clips, bank, generator(1), probability=0.0), clips)
    some = stillmix(clips.expand(6, -1, -1, -1, -1), bank, generator(2), probability=0.5)
    kept = [torch.equal(a, b) for a, b in zip(some, clips, strict=True)]
    assert 0 < sum(kept) < 6


def test_stillmix_repeats_with_its_generator():
    clips, bank = (torch.randint(256, shape, dtype=torch.uint8) for shape in ((3, 5, 3, 7, 8), (4, 3, 7, 8)))
    assert torch.equal(stillmix(clips, bank, generator(5)), stillmix(clips, bank, generator(5)))


def test_bias_bank_keeps_the_surest_frames():
    logits = torch.tensor([[0.0, 0.1], [5.0, 0.0], [0.0, 1.0], [0.0, 9.0]])
    assert bias_frames(logits, num_frames=1).tolist() == [3]
    assert bias_frames(logits, quantile=0.5).tolist() == [3, 1]
    assert bias_frames(logits, quantile=0.0).tolist() == [3, 1, 2, 0]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: stillmix(noise(2, 3, 3, 4, 5), noise(2, 3, 9, 5), generator()), r"9, 5\) does not fit"),
        (lambda: stillmix(noise(2, 3, 3, 4, 5), noise(2, 3, 4, 5), generator(), 2.0), "probability 2.0"),
        (lambda: bias_frames(noise(3, 2), quantile=1.0), "quantile 1.0"),
    ],
)
def test_errors_are_one_clear_line(call, words):
    with pytest.raises(OptionError, match=words) as error:
        call()
    assert "\n" not in str(error.value)
