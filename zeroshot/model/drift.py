"""The order of frames without training: where a video drifts to, and which way a label's stages point.

A video's drift is v = mean over its frames of τ · e, with unit embeddings e and times τ that sum to zero:
what stands still adds nothing to it. A label's change is g = unit(end) − unit(start). Their product is large
where the video goes from what the start says to what the end says, and negative where it goes back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import LabelError
from zeroshot.types import Prompts

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from numpy.typing import NDArray

_NO_CHANGE = 1e-6  # length of a difference of unit vectors that rounding alone can make


def centered_times(seconds: NDArray[np.float64]) -> NDArray[np.float32]:
    """(T,) times τ of T frames that sum to zero, the farthest 1 away; even ones run from −1 to 1.

    Zeros where all frames are of one moment, which has no order.

    Args:
        seconds: (T,) when each frame is shown.

    >>> centered_times(np.array([3.0, 4.0, 5.0])).tolist()
    [-1.0, 0.0, 1.0]
    """
    times = seconds - seconds.mean()
    farthest = np.abs(times).max()
    shares: NDArray[np.float32] = (times / farthest if farthest > 0 else times * 0).astype(np.float32)
    return shares


def drift(embeddings: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
    """(D,) drift of n frames, at most 1 long; exactly zero where all are the same.

    Args:
        embeddings: (n, D) unit rows of the frames of one view, or of several one after the other.
        times: (n,) from `centered_times`, of each view.
    """
    # The times sum to zero, so the first frame may be taken off every one: equal frames round to nothing.
    return (times[:, None] * (embeddings - embeddings[:1])).mean(dim=0)


def stage_changes(
    embed_prompts: Callable[[Prompts], NDArray[np.float32]], prompts: Prompts
) -> NDArray[np.float32]:
    """(K, D) changes of K labels, zeros for those without stages.

    Args:
        embed_prompts: a model's; several texts of one stage are averaged as those of a label are.
        prompts: with stages of some label or more.

    Raises:
        LabelError: to this model a label ends as it starts.
    """
    told = [(row, stages) for row, stages in enumerate(prompts.stages) if stages is not None]
    names = tuple(prompts.labels[row] for row, _ in told)
    start = embed_prompts(Prompts(names, tuple(stages.start for _, stages in told)))
    end = embed_prompts(Prompts(names, tuple(stages.end for _, stages in told)))
    for place in np.flatnonzero(np.linalg.norm(end - start, axis=1) < _NO_CHANGE).tolist():
        text = told[place][1].start[0]
        raise LabelError(
            f"{names[place]!r} ends as it starts, as far as the model reads: {text[:60]!r}; tell two moments "
            "apart, in its first words"
        )
    changes = np.zeros((len(prompts.labels), start.shape[1]), np.float32)
    changes[[row for row, _ in told]] = end - start
    return changes
