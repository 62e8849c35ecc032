"""What is not answered, and why: one status, one line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zeroshot.errors import LabelError, OptionError, VideoError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zeroshot.errors import ZeroshotError

_ASKERS = (VideoError, LabelError, OptionError)  # errors of whoever asks; all others are of whoever serves


@dataclass(frozen=True, eq=False)
class Refusal(Exception):  # noqa: N818 - an answer, too
    """A question that is not answered.

    Attributes:
        status: as HTTP has them.
        words: one line with the value, what was expected, and the remedy.
        headers: that go along, such as when to ask again.
    """

    status: int
    words: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """The line."""
        return self.words


def refusal_of(error: ZeroshotError) -> Refusal:
    """What the asker is told of an error: its line, where it is the asker who can mend it."""
    if isinstance(error, _ASKERS):
        return Refusal(422, str(error))
    return Refusal(500, "the server cannot answer this; its log says why")
