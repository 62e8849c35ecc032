"""Where the clips of an audit happen, where nobody says: guessed by a model of ours, as training guesses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from zeroshot.losses.scene import pseudo_scenes
from zeroshot.training.scene_sources import guessable

if TYPE_CHECKING:
    from zeroshot.probes.subject import Clips, ModelSubject


def likely_scenes(clips: Clips, guesser: ModelSubject) -> tuple[tuple[str, ...], str]:
    """The likeliest scene of each clip, and one line on who guessed.

    Args:
        clips: as the guesser sees them.
        guesser: whose frames are compared with words for places.
    """
    model = guesser.model
    prompts, told = guessable(model.backbone.name)
    texts = torch.from_numpy(model.embed_prompts(prompts))
    frames = torch.from_numpy(clips.ask(guesser.frames)["frames"])
    rows = frames.reshape(len(frames), -1, texts.shape[1])  # (n, T, D)
    shares = pseudo_scenes(rows, texts, model.logit_scale)
    return tuple(prompts.labels[place] for place in shares.argmax(1).tolist()), told
