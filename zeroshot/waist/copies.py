"""Who makes which copies of videos beside their tokens, and which rows these are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import torch

from zeroshot.errors import OutputError
from zeroshot.text.prompts import make_prompts
from zeroshot.waist.mixed_copies import FrameScorer, learn_mixer, read_bank
from zeroshot.waist.swapped_copies import PersonRemover, learn_swapper, read_places, swapped_rows
from zeroshot.waist.waist import EMPTIED, MIXED, SWAPPED

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from zeroshot.model.model import Model
    from zeroshot.video.processes.reader import ClipReader
    from zeroshot.video.sampling import Sampling
    from zeroshot.video.source import VideoSource
    from zeroshot.waist.persons import Shot
    from zeroshot.waist.settings import Copies, WaistSettings
    from zeroshot.waist.waist import WaistRow


class Copier(Protocol):
    """Makes a copy of each clip."""

    @property
    def ending(self) -> str:
        """Of the copies' keys."""

    def copy(self, shot: Shot) -> Tensor:
        """(T, 3, h, w) uint8, as the network sees it."""


def endings(settings: WaistSettings) -> list[str]:
    """Of the keys of all copies that a waist of these settings has, where they can be made."""
    asked = ((settings.swapped, SWAPPED), (settings.mixed, MIXED), (settings.emptied, EMPTIED))
    return [ending for wanted, ending in asked if wanted]


def learn_copiers(
    model: Model,
    rows: list[WaistRow],
    sources: dict[str, VideoSource],
    reader: ClipReader,
    sampling: Sampling,
    folder: Path,
    copies: Copies,
) -> list[Copier]:
    """Who makes the copies that are asked for; nobody where nothing moves and they are not required.

    Args:
        model: whose backbone is frozen; its texts score frames.
        rows: of the videos, with their labels.
        sources: key → video.
        reader: of videos.
        sampling: of their clips.
        folder: of the tokens.
        copies: that are asked for.

    Raises:
        OptionError: they cannot be made, and are required.
    """
    made: list[Copier] = []
    if copies.swapped or copies.emptied:
        required = replace(copies, required=copies.required or copies.emptied)
        swapper = learn_swapper(model.backbone, sources, reader, sampling, folder, required)
        if swapper is not None and copies.swapped:
            made.append(swapper)
        if swapper is not None and copies.emptied:
            made.append(PersonRemover(swapper.persons))
    if copies.mixed:
        prompts = make_prompts(sorted({row.label for row in rows}), None, spaced=True)
        texts = torch.from_numpy(model.embed_prompts(prompts))
        scorer = FrameScorer(model.backbone, texts, model.logit_scale)
        made.append(learn_mixer(scorer, sources, reader, sampling, folder))
    return made


def copied_rows(rows: list[WaistRow], folder: Path, settings: WaistSettings) -> list[WaistRow]:
    """Rows of the copies that are trained on like videos; those without a person are none."""
    swapped = swapped_rows(rows, folder) if settings.swapped else []
    mixed = [replace(row, key=row.key + MIXED, stamp="") for row in rows] if settings.mixed else []
    return swapped + mixed


def refuse_gone(folder: Path, sources: dict[str, VideoSource]) -> None:
    """Copies stay as they are only as long as the videos that taught them are there.

    Raises:
        OutputError: some are not.
    """
    taught = {*read_places(folder), *(key for key, _ in read_bank(folder))}
    if missing := taught - set(sources):
        raise OutputError(
            f"{folder} holds copies before the places of {len(missing)} videos that are not among these; "
            "choose another folder, or delete this one"
        )
