"""Where a run stands, on disk: written whole or not at all, so that a run that was killed goes on."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import torch

from zeroshot.errors import OutputError
from zeroshot.store.files import crc32, write_whole
from zeroshot.store.folder import Layout, require_same

if TYPE_CHECKING:
    from pathlib import Path

STATE = "state.pt"
LAYOUT = Layout(
    "training",
    (STATE, "training.json", "log.csv", "tokens"),
    r"state\.pt|training\.(?:json|png)|log\.csv|README\.md|config\.json|(?:model|adapter)\.safetensors",
    remedy="choose another output, or delete this one",
)
"""Of the folder of a run: its state, what it leaves in the end, and the tokens that it keeps there."""


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
        write_whole(self.path, iter((content.getbuffer(), crc32(content.getbuffer()).encode())))

    def load(self) -> dict[str, Any] | None:
        """What was saved last, or None where nothing was.

        Raises:
            OutputError: it is damaged, or of another run: the first difference is named.
        """
        found = _read(self.path)
        if found is None:
            return None
        stamp, state = found
        require_same(self.folder, LAYOUT, stamp, self.stamp)
        return state


def stamp_of(folder: Path) -> dict[str, Any] | None:
    """What the run that was stopped in a folder is made of; None where none was.

    Raises:
        OutputError: its state is damaged.
    """
    found = _read(folder / STATE)
    return None if found is None else found[0]


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """A saved state, and the stamp of its run.

    Raises:
        OutputError: the file is damaged.
    """
    if not path.is_file():
        return None
    try:
        content = path.read_bytes()
        if crc32(content[:-8]) != content[-8:].decode():
            raise ValueError("crc32")
        state: dict[str, Any] = torch.load(io.BytesIO(content[:-8]), map_location="cpu", weights_only=True)
        stamp: dict[str, Any] = json.loads(state.pop("stamp"))
        stamp.items()
    except (
        *(OSError, EOFError, RuntimeError, UnpicklingError),
        *(KeyError, ValueError, TypeError, AttributeError),
    ) as error:
        raise OutputError(f"{path} is damaged; delete it and train again from the start") from error
    return stamp, state
