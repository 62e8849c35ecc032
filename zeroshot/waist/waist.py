"""The waist: frozen tokens of labeled videos, computed once, read any number of times."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import torch

from zeroshot.errors import OptionError, OutputError
from zeroshot.store.files import read_note, write_whole
from zeroshot.waist.settings import WaistSettings
from zeroshot.waist.shards import Shard, read_shard, shard_numbers, shard_path

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

MANIFEST = "manifest.json"
FORMAT = 2
SWAPPED, MIXED, EMPTIED = " swapped", " mixed", " emptied"
"""End the keys of copies: before another place, mixed with a still frame, without the person."""

_REMEDY = "choose another folder, or delete this one"
_Entry = TypeVar("_Entry")


@dataclass(frozen=True)
class WaistRow:
    """One labeled video.

    Attributes:
        path: as it was named.
        label: the action.
        scene: where it happens, or None where nobody said.
        key: of its content.
        stamp: size and time of the file when it was read; while they stand it is not read again. Empty where
            there is no file.
    """

    path: str
    label: str
    scene: str | None
    key: str
    stamp: str = ""

    @property
    def video(self) -> str:
        """The key of the video itself, where this is a copy of it."""
        return self.key.removesuffix(SWAPPED).removesuffix(MIXED)

    @property
    def is_copy(self) -> bool:
        """Whether this is such a copy."""
        return self.key.endswith((SWAPPED, MIXED))


class _Part(NamedTuple):
    """What is asked of one shard: places in the answer, the shard, places in it, and which clips."""

    here: NDArray[np.int64]
    shard: Shard
    places: NDArray[np.int64]
    views: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Waist:
    """n labeled videos as tokens; indexing by row is all that training needs.

    Attributes:
        settings: what made the tokens.
        rows: n videos. Two of equal content share their tokens.
        shards: where the numbers lie.
        failures: (name, reason) of videos that could not be read, and so are no rows.
    """

    settings: WaistSettings
    rows: tuple[WaistRow, ...]
    shards: tuple[Shard, ...]
    failures: tuple[tuple[str, str], ...] = ()
    _where: dict[str, tuple[int, int]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Find each row's place, and refuse shards of another shape."""
        shape = self.settings.tokens_shape
        wanted = (*shape[:2], self.settings.embedding_dim)
        for shard in self.shards:
            if shard.tokens.shape[1:] != shape or shard.embeddings.shape[1:] != wanted:
                raise OutputError(
                    f"tokens have shape (n, {', '.join(map(str, shard.tokens.shape[1:]))}), the settings say "
                    f"(n, {', '.join(map(str, shape))}); {_REMEDY}"
                )
        where = {key: (i, j) for i, shard in enumerate(self.shards) for j, key in enumerate(shard.keys)}
        missing = [row.path for row in self.rows if row.key not in where]
        if missing:
            raise OutputError(
                f"{len(missing)} of {len(self.rows)} videos have no tokens (first: {missing[0]}); "
                "write the waist again: what is there is kept"
            )
        object.__setattr__(self, "_where", where)

    @classmethod
    def open(
        cls, folder: str | os.PathLike[str], expected: WaistSettings | None = None, *, verify: bool = True
    ) -> Waist:
        """The waist that `write_waist` left in a folder, its numbers mapped from the disk.

        Args:
            folder: where it lies.
            expected: settings that it must have been made with; None takes what there is.
            verify: hold every shard against its checksum, which reads each once.

        Raises:
            OutputError: it is not there, half-written, damaged, or of other settings.
        """
        folder = Path(folder)
        manifest = read_manifest(folder)
        settings = WaistSettings.from_dict(manifest["settings"])
        if expected is not None and (difference := settings.difference(expected)):
            raise OutputError(f"{folder} holds {difference}; {_REMEDY}")
        if not manifest["complete"]:
            raise OutputError(f"{folder} is half-written; run the same command again: what is there is kept")
        shards = tuple(
            read_shard(shard_path(folder, number), settings.made_with, verify=verify)
            for number in shard_numbers(folder)
        )
        rows = tuple(WaistRow(*row) for row in manifest["rows"])
        try:
            return cls(settings, rows, shards, tuple((name, reason) for name, reason in manifest["failures"]))
        except OutputError as error:
            raise OutputError(f"{folder}: {error}") from error

    @classmethod
    def from_tensors(
        cls,
        tokens: torch.Tensor,
        embeddings: torch.Tensor,
        labels: Sequence[str],
        scenes: Sequence[str | None] | None = None,
        *,
        grid: tuple[int, int] = (4, 4),
        mirrored: bool = False,
        backbone: str = "tensors",
        fingerprint: str = "",
    ) -> Waist:
        """A waist in memory, for experiments.

        Args:
            tokens: (n, S, T, 1+N, C), or (n, T, 1+N, C) for S = 1; kept as float16.
            embeddings: (n, S, T, D), or (n, T, D); unit rows.
            labels: n actions.
            scenes: n scenes, or None.
            grid: rows and columns of the N patch tokens.
            mirrored: the second half of the S clips is the first, mirrored left to right.
            backbone: name of what made them.
            fingerprint: of what made them.

        Raises:
            OptionError: shapes or lengths do not fit.
        """
        tokens = tokens[:, None] if tokens.ndim == 4 else tokens
        embeddings = embeddings[:, None] if embeddings.ndim == 3 else embeddings
        if tokens.ndim != 5 or embeddings.ndim != 4 or tokens.shape[:3] != embeddings.shape[:3]:
            shapes = f"{tuple(tokens.shape)} and {tuple(embeddings.shape)}"
            raise OptionError(
                f"tokens and embeddings are {shapes}; expected (n, S, T, 1+N, C) and (n, S, T, D)"
            )
        if tokens.shape[3] != 1 + grid[0] * grid[1]:
            raise OptionError(f"{tokens.shape[3]} tokens a frame; expected 1 + {grid[0]} × {grid[1]}")
        if mirrored and tokens.shape[1] % 2:
            raise OptionError(f"{tokens.shape[1]} clips a video; expected as many mirrored ones as others")
        scenes = [None] * len(labels) if scenes is None else scenes
        if not len(tokens) == len(labels) == len(scenes):
            raise OptionError(
                f"{len(tokens)} videos, {len(labels)} labels, {len(scenes)} scenes; expected as many"
            )
        count, clips, frames, _, width = tokens.shape
        samplings = clips // 2 if mirrored else clips
        settings = WaistSettings(
            backbone, fingerprint, width, embeddings.shape[3], frames, samplings, grid, mirrored=mirrored
        )
        keys = tuple(f"row {place}" for place in range(count))
        shard = Shard(keys, tokens.detach().half().cpu().numpy(), embeddings.detach().float().cpu().numpy())
        rows = tuple(WaistRow(*row) for row in zip(keys, labels, scenes, keys, strict=True))
        return cls(settings, rows, (shard,))

    def __len__(self) -> int:
        """How many videos."""
        return len(self.rows)

    @property
    def labels(self) -> tuple[str, ...]:
        """N labels."""
        return tuple(row.label for row in self.rows)

    @property
    def scenes(self) -> tuple[str | None, ...]:
        """N scenes; None where nobody said."""
        return tuple(row.scene for row in self.rows)

    @property
    def videos_by_label(self) -> dict[str, list[str]]:
        """Each label, in alphabetical order, with what `WaistRow.video` calls its videos, each once."""
        found: dict[str, dict[str, None]] = {label: {} for label in sorted(set(self.labels))}
        for row in self.rows:
            found[row.label].setdefault(row.video)
        return {label: list(videos) for label, videos in found.items()}

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that change with any number, label, scene or their order."""
        digest = hashlib.sha256(json.dumps(self.settings.as_dict(), sort_keys=True).encode())
        digest.update(json.dumps([(row.key, row.label, row.scene) for row in self.rows]).encode())
        for shard in self.shards:
            if shard.keys and shard.keys[0].startswith("row "):  # keys that do not speak for their content
                digest.update(shard.tokens.tobytes())
                digest.update(shard.embeddings.tobytes())
                digest.update(b"" if shard.figures is None else shard.figures.tobytes())
        return digest.hexdigest()[:16]

    def subset(self, rows: Sequence[int] | torch.Tensor) -> Waist:
        """The waist of these rows, in this order; no number is copied."""
        return replace(self, rows=tuple(self.rows[int(row)] for row in rows))

    def batch(
        self, rows: Sequence[int] | torch.Tensor, sampling: int | Sequence[int] | torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens (B, T, 1+N, C) float16 and frame embeddings (B, T, D) float32 of these rows.

        Args:
            rows: B row numbers.
            sampling: which of the S clips: one number for all, or B; None is the one nearest to the middle.
                Where there are mirrored ones, S + i is clip i mirrored. ~i, or −1 − i, is clip i backwards.

        Raises:
            OptionError: a row or a sampling that is not there.
        """
        return self.of_keys([row.key for row in self._picked(rows)], sampling)

    def of_keys(
        self, keys: Sequence[str], sampling: int | Sequence[int] | torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The same of whatever is written, by its key: copies that are no rows among it.

        Args:
            keys: B of them.
            sampling: as for `batch`.

        Raises:
            OptionError: a key or a sampling that is not there.
        """
        shape = self.settings.tokens_shape
        tokens = np.empty((len(keys), *shape[1:]), np.float16)
        embeddings = np.empty((len(keys), shape[1], self.settings.embedding_dim), np.float32)
        asked = self._samplings(len(keys), sampling)
        for here, shard, places, views in self._by_shard(keys, asked):
            tokens[here] = shard.tokens[places, views]
            embeddings[here] = shard.embeddings[places, views]
        for rows_of in (tokens, embeddings):
            rows_of[asked < 0] = rows_of[asked < 0, ::-1]
        return torch.from_numpy(tokens), torch.from_numpy(embeddings)

    def figures(
        self, rows: Sequence[int] | torch.Tensor, sampling: int | Sequence[int] | torch.Tensor | None = None
    ) -> torch.Tensor | None:
        """(B, T, 1+N) share of each token that is the person's; None where it was never written.

        The class token sees all of a frame and counts as the person's; so does everything of which it is not
        known.

        Args:
            rows: B row numbers.
            sampling: as for `batch`.
        """
        keys = [row.key for row in self._picked(rows)]
        _, frames, tokens, _ = self.settings.tokens_shape
        shares = np.ones((len(keys), frames, tokens), np.float32)
        asked = self._samplings(len(keys), sampling)
        known = False
        for here, shard, places, views in self._by_shard(keys, asked):
            if shard.figures is not None:
                shares[here, :, 1:] = shard.figures[places, views] / np.float32(255)
                known = True
        shares[asked < 0] = shares[asked < 0, ::-1]
        return torch.from_numpy(shares) if known else None

    def _picked(self, rows: Sequence[int] | torch.Tensor) -> list[WaistRow]:
        """The rows of these numbers."""
        wanted = np.asarray(rows, dtype=np.int64).reshape(-1)
        self._refuse(wanted, len(self), "rows")
        return [self.rows[row] for row in wanted]

    def _samplings(
        self, count: int, sampling: int | Sequence[int] | torch.Tensor | None
    ) -> NDArray[np.int64]:
        """(count,) which clips; ~i for clip i backwards."""
        chosen = self.settings.num_samplings // 2 if sampling is None else sampling
        asked = np.broadcast_to(np.asarray(chosen, dtype=np.int64), (count,))
        self._refuse(np.where(asked < 0, ~asked, asked), self.settings.num_clips, "samplings")
        return asked

    def _by_shard(self, keys: Sequence[str], asked: NDArray[np.int64]) -> Iterator[_Part]:
        """What of these keys lies in which shard."""
        if missing := [key for key in keys if key not in self._where]:
            raise OptionError(f"{missing[0]!r} is not there; this waist has {len(self._where)} keys")
        places = np.array([self._where[key] for key in keys], dtype=np.int64).reshape(-1, 2)
        views = np.where(asked < 0, ~asked, asked)
        for number in np.unique(places[:, 0]):
            here = np.flatnonzero(places[:, 0] == number)
            yield _Part(here, self.shards[number], places[here, 1], views[here])

    def _refuse(self, numbers: NDArray[np.int64], count: int, what: str) -> None:
        wrong = numbers[(numbers < 0) | (numbers >= count)]
        if len(wrong):
            raise OptionError(f"{what} {int(wrong[0])} is not there; this waist has {count} {what}")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Settings, rows, failures and whether it is complete.

    Raises:
        OutputError: there is none, or it is damaged.
    """
    manifest = read_note(folder / MANIFEST, "a folder of tokens", _REMEDY, FORMAT)
    try:
        WaistSettings.from_dict(manifest["settings"])
        if not {"complete", "rows", "failures"} <= set(manifest):
            raise KeyError("rows")
    except (KeyError, TypeError) as error:
        raise OutputError(f"{folder / MANIFEST} is damaged; {_REMEDY}") from error
    return manifest


def write_chosen(path: Path, entries: Sequence[object]) -> None:
    """Keep what copies of videos are made of, beside their tokens."""
    write_whole(path, (json.dumps(entries) + "\n").encode())


def read_chosen(path: Path, entry: Callable[[Any], _Entry]) -> list[_Entry]:
    """What `write_chosen` kept; nothing where nothing is chosen yet.

    Args:
        path: of the file.
        entry: from the JSON value of one.

    Raises:
        OutputError: it cannot be read.
    """
    if not path.is_file():
        return []
    try:
        return [entry(each) for each in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise OutputError(f"{path} is damaged; {_REMEDY}") from error
