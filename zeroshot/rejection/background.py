"""Background labels: what else a video may show, from bundled lists, less what means a label."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from zeroshot.datasets.same_names import Name, Names
from zeroshot.errors import LabelError
from zeroshot.index.duplicates import NEAR
from zeroshot.text.prompts import make_prompts, read_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from zeroshot.model.model import Model
    from zeroshot.text.prompts import TemplateSource
    from zeroshot.types import Prompts

LISTS = ("kinetics400", "places365", "puppet_actions", "puppet_compositional")
"""Actions of people, places without any, and what puppets do: 800 labels, encoded once a run.

The other bundled lists have the actions of Kinetics in other words, or movements of one sport.
"""


def background_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """The bundled labels that none of K labels means, in the order of their lists.

    Left out is what has the same name but for endings, order and words that say little, a slip of spelling,
    and what is a kind of a label or has one as its kind: beside "swimming" the label "swimming backstroke",
    beside "playing cello" every other label of a cello.

    Args:
        labels: K names.

    Raises:
        LabelError: none is left.
    """
    if kept := _beside(tuple(labels)):
        return kept
    raise LabelError(
        f"none of the {len(_bundled())} background labels is left beside your {len(labels)}: nothing "
        "tells what else a video may show; give fewer labels, or leave rejection out"
    )


@lru_cache(maxsize=8)  # a list is looked at before any weights, and again when its background is encoded
def _beside(labels: tuple[str, ...]) -> tuple[str, ...]:
    """The bundled labels that none of these means."""
    own = Names(labels)
    return tuple(name.text for name in _bundled() if not _means_one(name, own))


_KEPT: WeakKeyDictionary[Model, dict[tuple[str, ...], NDArray[np.float32]]] = WeakKeyDictionary()
"""Model → sentences of a label → its row: another list of labels has nearly the same background."""


def background_prompts(labels: Sequence[str], templates: TemplateSource = None) -> Prompts:
    """The sentences of the background labels, written as those of the K labels are.

    Args:
        labels: K names.
        templates: as for `load`.

    Raises:
        LabelError: no background label is left.
    """
    return make_prompts(background_labels(labels), templates)


def bundled_prompts(templates: TemplateSource = None) -> Prompts:
    """The sentences of all bundled labels, whatever labels they are to stand behind."""
    return make_prompts([name.text for name in _bundled()], templates)


def background_vectors(
    prompts: Prompts, label_vectors: NDArray[np.float32], model: Model, whole: Prompts | None = None
) -> NDArray[np.float32]:
    """(M, D) float32 unit rows of background labels, but those that the model takes for one of the labels.

    Args:
        prompts: of the background labels.
        label_vectors: (K, D) unit rows of the labels.
        model: that encodes; it encodes a sentence once, for however many lists of labels.
        whole: more sentences, to be encoded together with these: a list that is the same for all labels is
            found again where long lists are kept. None: these alone.

    Raises:
        LabelError: none is left.
    """
    known = _KEPT.setdefault(model, {})
    if any(texts not in known for texts in prompts.texts):
        whole = prompts if whole is None else whole
        known.update(zip(whole.texts, model.embed_prompts(whole), strict=True))
    rows = np.stack([known[texts] for texts in prompts.texts])
    far = (rows @ label_vectors.T).max(1) < NEAR
    if not far.any():
        raise LabelError(
            f"the model tells none of {len(rows)} background labels from your labels; take another model or "
            "other templates"
        )
    return np.ascontiguousarray(rows[far])


@lru_cache(maxsize=1)
def _bundled() -> tuple[Name, ...]:
    """Every bundled label once, however often it stands in the lists."""
    found: dict[object, Name] = {}
    for source in LISTS:
        for label in read_labels(source):
            name = Name.of(label)
            found.setdefault(name.words or name.text, name)
    return tuple(found.values())


def _means_one(name: Name, own: Names) -> bool:
    """Whether a bundled label means one of the user's, is a kind of one, or has one as its kind."""
    if own.same(name) is not None or own.like(name)[0] > 0:
        return True
    return any(each.words and (each.words <= name.words or name.words <= each.words) for each in own.names)
