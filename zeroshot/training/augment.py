"""StillMix: training clips mixed with a still frame, in pixels, before the backbone sees them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from zeroshot.errors import OptionError


def bias_frames(logits: Tensor, num_frames: int = 1024, quantile: float = 0.5) -> Tensor:
    """(M',) rows of the frames that a still-image classifier is surest about: the bank StillMix draws from.

    Args:
        logits: (M, K) of single frames over the labels.
        num_frames: the most that are kept, surest first.
        quantile: only frames surer than this share of all are kept.

    Raises:
        OptionError: no frames, or a number out of its range.
    Source: Li et al. 2023 (StillMix).
    """
    if logits.ndim != 2 or len(logits) == 0 or num_frames < 1 or not 0 <= quantile < 1:
        raise OptionError(
            f"logits {tuple(logits.shape)}, num_frames {num_frames}, quantile {quantile}: "
            "expected (M, K), ≥ 1, [0, 1)"
        )
    surest = logits.softmax(1).amax(1)
    order = surest.argsort(descending=True, stable=True)
    kept = max(1, len(logits) - round(quantile * len(logits)))
    return order[: min(kept, num_frames)]


def stillmix(
    x: Tensor,
    bank: Tensor,
    generator: torch.Generator,
    probability: float = 0.5,
    concentration: float = 200.0,
) -> Tensor:
    """(B, T, 3, H, W) uint8 clips of which some are mixed with one still frame each; labels stay as they are.

    Args:
        x: (B, T, 3, H, W) uint8.
        bank: (M, 3, H, W) uint8 frames.
        generator: of the choices.
        probability: share of clips that are mixed; the source uses 0.25 to 0.75.
        concentration: of λ ~ Beta(c, c), x' = λx + (1−λ)·frame; 200 keeps λ near ½.

    Raises:
        OptionError: frames of another size, or a number out of its range.
    Source: Li et al. 2023, section 4.
    """
    if x.ndim != 5 or bank.shape[1:] != x.shape[2:] or len(bank) == 0:
        raise OptionError(f"a bank of frames {tuple(bank.shape)} does not fit clips {tuple(x.shape)}")
    if not 0 <= probability <= 1 or concentration <= 0:
        raise OptionError(
            f"probability {probability}, concentration {concentration}: expected [0, 1] and > 0"
        )
    batch = len(x)
    mixed = torch.rand(batch, generator=generator) < probability
    rows = torch.randint(len(bank), (batch,), generator=generator)
    seed = int(torch.randint(2**31, (), generator=generator))
    share = torch.from_numpy(np.random.default_rng(seed).beta(concentration, concentration, batch)).float()
    share = torch.where(mixed, share, torch.ones(())).reshape(-1, 1, 1, 1, 1).to(x.device)
    still = bank[rows.to(bank.device)].to(x.device).unsqueeze(1)
    return (x.float() * share + still.float() * (1 - share)).round().to(x.dtype)
