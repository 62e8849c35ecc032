"""Words before weights: what needs no network is looked at first, in one order whatever the verb."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal, TypeVar, get_args

if TYPE_CHECKING:
    from collections.abc import Callable

About = Literal["options", "words", "files", "videos", "output", "model"]
ORDER: tuple[About, ...] = get_args(About)
"""From what costs nothing to look at to what touches the disk, and the model's name last.

options: numbers and names among a few. words: labels, templates, texts to search for. files: saved indexes,
tables, lists of videos, masks, folders of embeddings. videos: which are meant, and whether there are any.
output: whether it can be written, and holds nothing else. model: whether there can be one of that name.
"""

_Found = TypeVar("_Found")


class Checks:
    """What a verb looks at before it asks for weights: `add` in any order, `run` in the order of `ORDER`.

    A list of labels with a misspelt name would else cost the download of a model, or, without a network, be
    hidden by the error of that.
    """

    def __init__(self) -> None:
        """Nothing is to be looked at yet."""
        self._waiting: dict[About, list[Callable[[], object]]] = {about: [] for about in ORDER}

    def add(self, about: About, look: Callable[[], _Found]) -> Callable[[], _Found]:
        """Look at something when it is its turn.

        Args:
            about: what it belongs to, of `ORDER`.
            look: called once; raises a `ZeroshotError` where something is wrong.

        Returns:
            A function that gives what was found, after `run`; or within a later check, what an earlier one
            found.
        """
        answer = cache(look)
        self._waiting[about].append(answer)
        return answer

    def run(self) -> None:
        """Look at everything; the first mistake ends it.

        Raises:
            ZeroshotError: as the check that found it.
        """
        for about in ORDER:
            for look in self._waiting[about]:
                look()
