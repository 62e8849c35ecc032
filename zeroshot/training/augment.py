"""Training clips with another clip's place in them: StillMix, and a swap of backgrounds by what stays still.

Both work on pixels (B, T, 3, H, W) uint8 and on tokens (B, T, N, C); the last section of each docstring says
where it is right.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from zeroshot.cutouts.background import background, change_mask
from zeroshot.errors import OptionError


def bias_frames(logits: Tensor, num_frames: int = 1024, quantile: float = 0.5) -> Tensor:
    """(M',) rows of the frames that a still-image classifier is surest about: the bank StillMix draws from.

    Args:
        logits: (M, K) of single frames over the labels.
        num_frames: the most that are kept, surest first.
        quantile: only frames surer than this share of all are kept.
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
    """Clips (B, T, …) of which some are mixed with one still frame (…) each; labels stay as they are.

    Args:
        x: uint8 pixels (B, T, 3, H, W), or tokens (B, T, N, C).
        bank: (M, …) frames of the same kind.
        generator: of the choices.
        probability: share of clips that are mixed; the source uses 0.25 to 0.75.
        concentration: of λ ~ Beta(c, c), x' = λx + (1−λ)·frame; 200 keeps λ near ½.

    On the waist this reaches the static stream alone: a still frame added to all frames is taken away again
    by the dynamic stream's reference, and only λ is left. To change what the dynamic stream sees, mix pixels,
    before the backbone, or use `swap_backgrounds`.
    Source: Li et al. 2023, section 4.
    """
    if x.ndim < 3 or bank.shape[1:] != x.shape[2:] or len(bank) == 0:
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
    share = torch.where(mixed, share, torch.ones(())).reshape(-1, *[1] * (x.ndim - 1)).to(x.device)
    still = bank[rows.to(bank.device)].to(x.device).unsqueeze(1)
    result = x.float() * share + still.float() * (1 - share)
    return result.round().to(x.dtype) if not x.is_floating_point() else result.to(x.dtype)


def swap_backgrounds(
    x: Tensor, generator: torch.Generator, probability: float = 0.5, sharpness: float = 3.0
) -> Tensor:
    """Clips (B, T, …) of which some show another clip's background behind what moves; labels stay.

    x' = x + (1 − mask)·(background of another clip − own background): where nothing moves the place changes,
    where something does it stays. It needs no scene label, and gives the pairs of action and place that
    biased data lacks.

    Args:
        x: uint8 pixels (B, T, 3, H, W), or tokens (B, T, N, C).
        generator: of the choices.
        probability: share of clips that are changed.
        sharpness: see `change_mask`.

    Right where the camera stands still. On the waist it is an estimate, since a token also knows its
    surroundings: cheap enough for every step, unlike pixels, which must pass the backbone again.
    """
    if x.ndim not in {4, 5} or not 0 <= probability <= 1 or sharpness <= 0:
        raise OptionError(
            f"clips {tuple(x.shape)}, probability {probability}, sharpness {sharpness}: "
            "expected 4 or 5 dimensions, [0, 1], > 0"
        )
    places = x.flatten(3).transpose(2, 3).float() if x.ndim == 5 else x.float()
    still = background(places)
    order = torch.randperm(len(x), generator=generator).to(x.device)
    taken = (torch.rand(len(x), generator=generator) < probability).to(x.device)[:, None, None, None]
    keep = 1 - change_mask(places, still, sharpness).unsqueeze(-1)
    swapped = places + keep * (still[order] - still).unsqueeze(1)
    result = torch.where(taken, swapped, places)
    if x.ndim == 5:
        result = result.transpose(2, 3).reshape(x.shape)
    return result.round().clamp(0, 255).to(x.dtype) if x.dtype == torch.uint8 else result.to(x.dtype)
