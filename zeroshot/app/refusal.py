"""What is not answered, and why: one status, one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zeroshot.errors import LabelError, OptionError, VideoError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zeroshot.errors import ZeroshotError

_ASKERS = (VideoError, LabelError, OptionError)  # errors of whoever asks; all others are of whoever serves


class Refusal(Exception):  # noqa: N818 - an answer, too
    """A question that is not answered.

    Attributes:
        status: as HTTP has them.
        words: one line with the value, what was expected, and the remedy.
        headers: that go along, such as when to ask again.
    """

    def __init__(self, status: int, words: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.words = words
        self.headers = dict(headers or {})


def refusal_of(error: ZeroshotError) -> Refusal:
    """What the asker is told of an error: its line, where it is the asker who can mend it."""
    if isinstance(error, _ASKERS):
        return Refusal(422, str(error))
    return Refusal(500, "the server cannot answer this; its log says why")
