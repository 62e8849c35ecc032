"""Where the videos happen, by what a user asked for: as given, as CLIP guesses, or nobody says."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from zeroshot.errors import ModelError, OptionError
from zeroshot.model.names import checkpoint_folder
from zeroshot.model.networks.foreign import read_json
from zeroshot.text.prompts import make_prompts
from zeroshot.training.label_targets import given_scenes, guessed_scenes

if TYPE_CHECKING:
    from pathlib import Path

    from zeroshot.model.model import Model
    from zeroshot.training.label_targets import Scenes
    from zeroshot.types import Prompts
    from zeroshot.waist.waist import Waist

AUTO, GIVEN, NONE, GUESS = "auto", "given", "none", "guess"
PLACES = "places"
"""The bundled list: the places of Places365 in groups, so that a scene has more than two or three videos."""

_TEMPLATE = "a photo of a {}."


class Told(NamedTuple):
    """Where videos happen, and one line on who says so.

    Attributes:
        scenes: None where nobody says.
        note: empty where there is nothing to tell.
    """

    scenes: Scenes | None
    note: str = ""


def tell_scenes(train: Waist, held_out: Waist, model: Model, source: str) -> Told:
    """Where the videos of two waists happen.

    Args:
        train: training videos.
        held_out: held-out videos; may be none.
        model: guesses, where nobody gave scenes.
        source: as in `Preparation`.

    Raises:
        OptionError: scenes are to be as given, and none is.
        LabelError: a list that cannot be read.
    """
    if source == NONE:
        return Told(None)
    scenes = given_scenes(train, held_out) if source in {AUTO, GIVEN} else None
    if scenes is not None or source == GIVEN:
        require_scenes(there=scenes is not None)
        return Told(scenes)
    prompts, told = guessable(model.backbone.name, source)
    embeddings = torch.from_numpy(model.embed_prompts(prompts))
    guessed = guessed_scenes(train, held_out, prompts.labels, embeddings, model.logit_scale)
    return Told(guessed, "" if source not in {AUTO, GUESS} else f"{told}; --scenes LIST is for your own")


def guessable(name: str, source: str = GUESS) -> tuple[Prompts, str]:
    """Sentences of the places that a network guesses among, and one line that says who guesses.

    Args:
        name: of the network, whose own places these are where it names any.
        source: as in `Preparation`.

    Raises:
        LabelError: a list that cannot be read.
    """
    own = own_scenes(name) if source in {AUTO, GUESS} else ()
    prompts = make_prompts(own, _TEMPLATE) if own else guess_prompts(source)
    whose = f"that {name} names" if own else "of everyday life"
    return prompts, f"scenes are guessed by {name} among {len(prompts.labels)} places {whose}"


def guess_prompts(source: str) -> Prompts:
    """Sentences of the places that are guessed among where the network names none itself.

    Raises:
        LabelError: a list that cannot be read.
    """
    return make_prompts(PLACES if source in {AUTO, GUESS} else source, _TEMPLATE)


def check_source(source: str) -> None:
    """Refuse a list of places that cannot be read.

    Raises:
        LabelError: that is so.
    """
    if source not in {AUTO, GIVEN, NONE}:
        guess_prompts(source)


def require_scenes(*, there: bool) -> None:
    """Refuse to go by given scenes where none is.

    Raises:
        OptionError: there is none.
    """
    if not there:
        raise OptionError(
            "no video names a scene; add a column `scene`, or let CLIP guess with scenes='guess'"
        )


def own_scenes(name: str) -> tuple[str, ...]:
    """The scenes that a network's own `config.json` names: what to guess among where it knows no others.

    Args:
        name: of the network.

    Raises:
        ModelError: it names something else.
    """
    folder = checkpoint_folder(name)
    if folder is None:
        return ()
    return _named(folder / "config.json")


def _named(config: Path) -> tuple[str, ...]:
    found = read_json(config).get("scenes", [])
    # Names alone: a text would be opened as a list's file because somebody's checkpoint says so.
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found) or len(found) == 1:
        raise ModelError(f"{config} has scenes {str(found)[:60]!r}; expected a list of names, two or more")
    return tuple(found)
