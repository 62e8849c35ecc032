"""Where a run stands, on disk: written whole or not at all, so that a run that was killed goes on."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import torch

from zeroshot.errors import OutputError
from zeroshot.store.files import write_whole

if TYPE_CHECKING:
    from pathlib import Path

STATE = "state.pt"


@dataclass(frozen=True)
class Snapshots:
    """A place for the state of one run.

    Attributes:
        folder: made where it is missing.
        each: steps between two snapshots; a kill costs at most so many.
        stamp: what the run is made of (settings, data, labels); a state of another stamp is refused.
    """

    folder: Path
    each: int
    stamp: dict[str, Any]

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / STATE

    def save(self, state: dict[str, Any]) -> None:
        """Replace what was saved before.

        Raises:
            OutputError: the disk is full or read-only.
        """
        content = io.BytesIO()
        torch.save({**state, "stamp": json.dumps(self.stamp, sort_keys=True)}, content)
        write_whole(self.path, content.getvalue())

    def load(self) -> dict[str, Any] | None:
        """What was saved last, or None where nothing was.

        Raises:
            OutputError: it is damaged, or of another run: the first difference is named.
        """
        if not self.path.is_file():
            return None
        try:
            state: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
            stamp = json.loads(state.pop("stamp"))
        except (
            OSError,
            EOFError,
            RuntimeError,
            UnpicklingError,
            KeyError,
            ValueError,
            TypeError,
            AttributeError,
        ) as error:
            raise OutputError(f"{self.path} is damaged; delete it and train again from the start") from error
        if difference := first_difference(stamp, json.loads(json.dumps(self.stamp))):
            raise OutputError(
                f"{self.folder} holds a run with {difference}; choose another output, or delete {self.path}"
            )
        return state

    def clear(self) -> None:
        """Forget the state: the run is over and its results are written."""
        self.path.unlink(missing_ok=True)


def first_difference(before: Any, now: Any, name: str = "") -> str | None:  # noqa: ANN401 - any JSON value
    """In words, the first place where two JSON values differ; None where they agree."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*now, *before]):
            inner = f"{name}.{key}" if name else str(key)
            if difference := first_difference(before.get(key), now.get(key), inner):
                return difference
        return None
    if before == now:
        return None
    shown = [text if len(text) <= 40 else text[:37] + "…" for text in (json.dumps(before), json.dumps(now))]
    return f"{name} {shown[0]}, this one has {shown[1]}"
