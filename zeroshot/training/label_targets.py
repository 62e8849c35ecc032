"""What the videos of a waist should be taken for: rows of labels, and scenes, known or guessed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zeroshot.errors import LabelError, OptionError
from zeroshot.losses.scene import check_scenes, pseudo_scenes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zeroshot.waist.waist import Waist

_ROWS_AT_ONCE = 512
_OPPOSITES = {"left": "right", "right": "left", "clockwise": "counterclockwise"}
_SIDES = re.compile(
    "|".join(
        (
            r"(?<![A-Za-z])(?i:left|right|(?:counter-?|anti-?)?clockwise)(?=(?:wards?)?(?![A-Za-z]))",
            r"(?:Left|Right|(?:Counter|Anti)?Clockwise)(?![a-z])",  # a hump of CamelCase
        )
    )
)


def mirrored_label(label: str) -> str:
    """What an action is called when its video is mirrored: left and right change places, as words.

    >>> mirrored_label("turning left"), mirrored_label("SwipeRight"), mirrored_label("standing upright")
    ('turning right', 'SwipeLeft', 'standing upright')
    """
    return _SIDES.sub(_other_side, label)


def mirrored_rows(labels: Sequence[str]) -> Tensor:
    """(K,) the row that each of K labels has when its videos are mirrored; −1 where it is not among them."""
    places = {label: row for row, label in enumerate(labels)}
    return torch.tensor([places.get(mirrored_label(label), -1) for label in labels])


def _other_side(found: re.Match[str]) -> str:
    """The opposite of a word of side, with capitals where it has them."""
    word = found[0]
    other = _OPPOSITES.get(word.lower(), "clockwise")
    return other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other


@dataclass(frozen=True, eq=False)
class LabelTexts:
    """The seen labels as the text encoder knows them.

    Attributes:
        labels: K names.
        embeddings: (K, D) float32 unit rows.
        logit_scale: the backbone's own factor on cosines.
    """

    labels: tuple[str, ...]
    embeddings: Tensor
    logit_scale: float

    def __post_init__(self) -> None:
        """Refuse labels without a row, and one label twice."""
        object.__setattr__(self, "labels", tuple(self.labels))
        if self.embeddings.ndim != 2 or len(self.embeddings) != len(self.labels):
            shape = tuple(self.embeddings.shape)
            raise LabelError(f"text embeddings have shape {shape}; expected ({len(self.labels)}, D)")
        if len(set(self.labels)) < len(self.labels):
            twice = next(label for label in self.labels if self.labels.count(label) > 1)
            raise LabelError(f"label {twice!r} is given twice")

    def rows(self, labels: Sequence[str]) -> Tensor:
        """(n,) row of each of n labels.

        Raises:
            LabelError: one is not among the K.
        """
        places = {label: row for row, label in enumerate(self.labels)}
        if missing := [label for label in labels if label not in places]:
            raise LabelError(f"label {missing[0]!r} has no text embedding; the {len(places)} labels lack it")
        return torch.tensor([places[label] for label in labels], dtype=torch.long)

    def only(self, rows: Tensor) -> LabelTexts:
        """These rows alone, in this order."""
        return LabelTexts(
            tuple(self.labels[int(row)] for row in rows), self.embeddings[rows], self.logit_scale
        )


@dataclass(frozen=True, eq=False)
class Scenes:
    """Where the videos happen.

    Attributes:
        names: of S scenes.
        train: (n,) integers, or (n, S) shares, of the training videos.
        held_out: the same of the held-out ones; None where nothing is held out or nobody said.
    """

    names: tuple[str, ...]
    train: Tensor
    held_out: Tensor | None = None

    def __post_init__(self) -> None:
        """Refuse fewer than two scenes and shares that are none."""
        if len(self.names) < 2:
            told = f" ({self.names[0]})" if self.names else ""
            raise OptionError(
                f"there is {len(self.names)} scene{told}; scene losses need 2 or more: give others, or train "
                "without scenes"
            )
        for scenes in (self.train, self.held_out):
            if scenes is not None:
                check_scenes(scenes, len(scenes), len(self.names))


def given_scenes(train: Waist, held_out: Waist | None = None) -> Scenes | None:
    """Scenes as the rows of the waists name them; None where no row does.

    Raises:
        OptionError: some rows name a scene and others none, or all name the same.
    """
    present = [row for row in train.rows if row.scene is not None]
    if not present:
        return None
    if len(present) < len(train):
        lacking = next(row for row in train.rows if row.scene is None)
        raise OptionError(
            f"{len(train) - len(present)} of {len(train)} videos have no scene (first: {lacking.path}); "
            "give all of them one, or train without scenes (--scenes none) or guess them (--scenes guess)"
        )
    names = tuple(sorted({str(scene) for scene in train.scenes}))
    places = {name: row for row, name in enumerate(names)}
    scenes = torch.tensor([places[str(scene)] for scene in train.scenes])
    others = None
    if held_out is not None and len(held_out) and all(scene in places for scene in held_out.scenes):
        others = torch.tensor([places[str(scene)] for scene in held_out.scenes])
    return Scenes(names, scenes, others)


def guessed_scenes(
    train: Waist, held_out: Waist | None, names: Sequence[str], embeddings: Tensor, logit_scale: float
) -> Scenes:
    """Soft scenes as CLIP itself guesses them from its frame embeddings; nobody annotates anything.

    Args:
        train: training videos.
        held_out: held-out videos.
        names: S scene names.
        embeddings: (S, D) their text embeddings.
        logit_scale: the backbone's own.
    """
    others = None if held_out is None else _guess(held_out, embeddings, logit_scale)
    return Scenes(tuple(names), _guess(train, embeddings, logit_scale), others)


def _guess(waist: Waist, scene_embeddings: Tensor, logit_scale: float) -> Tensor:
    """(n, S) shares, from the middle sampling of each video."""
    if not len(waist):
        return torch.zeros(0, len(scene_embeddings))
    parts = torch.split(torch.arange(len(waist)), _ROWS_AT_ONCE)
    return torch.cat([pseudo_scenes(waist.batch(rows)[1], scene_embeddings, logit_scale) for rows in parts])
