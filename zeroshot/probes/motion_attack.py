"""How hard it is to change an answer from outside, by noise that follows what moves: a black-box attack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from zeroshot.index.exact import probabilities
from zeroshot.probes.motion_noise import NoiseField
from zeroshot.probes.probe import Finding, of_stream
from zeroshot.reports.document import Table, percent
from zeroshot.statistics.intervals import Count

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from zeroshot.probes.subject import Clips, Subject

_MOST_CLIPS = 12
_MOST_QUERIES = 3000
_STEP = 0.025 * 255  # levels that a frame moves by at once
_REACH = 0.03 * 255  # levels that it moves by at most
_PROBE = 0.1  # how far the two looks lie apart, of the direction's length
_REFRESH = 10  # steps with one draw of noise
_TITLE = "An attack that follows what moves"
_MEANINGS = {
    "changed": f"clips, right as filmed, whose answer noise of at most {_REACH:.1f} of 255 levels has "
    f"changed within {_MOST_QUERIES} looks at the answers alone",
    "looks": "median number of them where the answer was changed",
}


@dataclass(frozen=True)
class Attacked:
    """What became of the clips that were answered rightly.

    Attributes:
        changed: how many got another answer.
        queries: looks that each of these took.
    """

    changed: Count
    queries: tuple[int, ...]

    def as_dict(self) -> dict[str, Any]:
        """Counts first."""
        share = self.changed.estimate().as_dict()
        return {
            "changed": self.changed.hits,
            "videos": self.changed.total,
            "share": share,
            "queries": list(self.queries),
        }


def motion_attack(subject: Subject, clips: Clips) -> Finding:
    """How many of some clips that are answered rightly get another answer, and after how many looks.

    Source: Zhang et al., "Motion-excited sampler", ECCV 2020. Its code repeats one field of noise in every
    frame, which a stream that subtracts the mean over time cannot see; here each frame has its own.
    """
    if clips.batch([0]).ndim != 5:
        note = "no attack: it needs frames, and these clips are tokens"
        return Finding(_TITLE, notes=(note,), meanings=_MEANINGS)
    answers = np.asarray(clips.ask(subject.answer)[subject.stream])
    right = np.flatnonzero(answers.argmax(1) == clips.targets)[:_MOST_CLIPS]

    def chances(frames: Tensor) -> NDArray[np.float64]:
        return probabilities(subject.answer(frames)[subject.stream], subject.scale)

    outcomes = [
        attack(chances, clips.batch([int(row)])[0], int(clips.targets[row]), seed=clips.seed) for row in right
    ]
    queries = tuple(sorted(each for each in outcomes if each is not None))
    if not outcomes:
        return Finding(_TITLE, notes=("no attack: no clip is answered rightly",), meanings=_MEANINGS)
    found = Attacked(Count(len(queries), len(outcomes)), queries)
    median = f"{np.median(queries):.0f}" if queries else "–"
    rows = [("changed", percent(found.changed.estimate())), ("looks", median)]
    verdict = (
        f"Noise that follows the motion changes the answer{of_stream(subject.stream)} in {len(queries)} of "
        f"{len(outcomes)} clips."
    )
    table = Table(("attack", subject.stream), rows)
    return Finding(_TITLE, table, meanings=_MEANINGS, by_stream={subject.stream: found}, verdict=verdict)


def attack(
    chances: Callable[[Tensor], NDArray[np.float64]],
    clip: Tensor,
    target: int,
    *,
    seed: int = 0,
    most_queries: int = _MOST_QUERIES,
    reach: float = _REACH,
) -> int | None:
    """Looks at the answers until another label is the likeliest; None where that did not happen.

    Args:
        chances: frames (B, T, 3, H, W) → (B, K) probabilities; nothing else of the model is known.
        clip: (T, 3, H, W) levels.
        target: the label that is right.
        seed: of the noise.
        most_queries: looks after which it ends.
        reach: levels that a pixel may be changed by.
    """
    original = clip.float()
    field = NoiseField(clip, np.random.default_rng(seed))
    changed, prior = original.clone(), torch.zeros_like(original)
    for step in range(max(1, most_queries // 3)):
        if step % _REFRESH == 0:
            noise = torch.from_numpy(field.draw())
        prior = prior + _PROBE * estimated_gradient(chances, changed, target, prior, noise)
        moved = changed - _STEP * prior.sign()
        changed = torch.minimum(torch.maximum(moved, original - reach), original + reach).clamp(0, 255)
        if int(chances(changed[None])[0].argmax()) != target:
            return 3 * (step + 1)
    return None


def estimated_gradient(
    chances: Callable[[Tensor], NDArray[np.float64]],
    clip: Tensor,
    target: int,
    prior: Tensor,
    noise: Tensor,
) -> Tensor:
    """(T, 3, H, W) in which direction the log-probability of the target falls, from two looks.

    g = (ℓ₊ − ℓ₋) / (δ · ε²) · δ · u with ℓ± = log P at clip + ε · q± / ‖q±‖ and q± = prior ± δ · u;
    δ = ε = 0.1, of clips whose levels run from 0 to 1.

    Args:
        chances: as for `attack`.
        clip: (T, 3, H, W) levels.
        target: the label.
        prior: (T, 3, H, W) what is known of the direction.
        noise: (T, 3, H, W) where to look.
    """
    looks = []
    for sign in (1.0, -1.0):
        direction = prior + sign * _PROBE * noise
        looks.append(clip + 255 * _PROBE * direction / direction.norm().clamp(min=1e-12))
    both = np.log(np.maximum(chances(torch.stack(looks))[:, target], 1e-12))
    return float(both[0] - both[1]) / (_PROBE * _PROBE**2) * _PROBE * noise
