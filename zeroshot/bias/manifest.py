"""What a folder of biased test sets holds: a row a video, how it was made, and what was left out."""

from __future__ import annotations

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from zeroshot.bias.guessed import banner
from zeroshot.bias.pairs import PAIRINGS
from zeroshot.cutouts.finders import FILES
from zeroshot.errors import OptionError, OutputError, VideoError, printable
from zeroshot.store.files import crc32, read_note, write_note, write_whole
from zeroshot.video.identity import content_key

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

FORMAT = 3
TABLE, FACTS = "manifest.csv", "manifest.json"
SWAPS = tuple(f"swap-{pairing}" for pairing in PAIRINGS)
PICTURED = ("scuba", "scufo", "conflict")
KINDS = ("original", "background-only", "human-only", *SWAPS, *PICTURED, "afd")
"""Kinds of clips, in the order in which they are written and reported."""
USUAL = KINDS[:-1]
"""Those that are made unless told otherwise: noise (afd) cannot be compressed, and fills disks."""


@dataclass(frozen=True)
class BiasRow:
    """One video of a set.

    Attributes:
        path: relative to the folder of the manifest.
        kind: one of KINDS.
        label: the right answer: what the moving person does; of a background-only clip, what the person who
            was taken out did.
        scene: where the person was filmed, or empty where nobody said.
        background_label: label of the clip that the background comes from; empty for a plain colour or a
            picture. In a swap it is not the right answer but the one that looks at the background give.
        background_scene: scene of that clip, or empty.
        bystander_label: label of the person who stands still in a conflict clip; empty elsewhere.
        source: the video that the person comes from, as the split names it.
        background_source: the video, the picture or "stripes" that the background comes from; empty for a
            plain colour.
        person_share: share of the source's pixels that are the person's.
        masks: where the mask of its person, and of a partner's, comes from: `files:NAME`, or who guessed it;
            empty where none was needed.
        digest: SHA-256 of the file.
    """

    path: str
    kind: str
    label: str
    scene: str
    background_label: str
    background_scene: str
    bystander_label: str
    source: str
    background_source: str
    person_share: float
    masks: str
    digest: str

    @property
    def clip(self) -> str:
        """The clip that this is an edit of: the same for all its edits, and no other's."""
        return Path(self.path).stem.partition("--")[0]

    @property
    def copy(self) -> int:
        """Which of the pictures behind its person, where a clip stands before several: 0 for the first."""
        _, mark, number = Path(self.path).stem.rpartition(COPY)
        return int(number) if mark and number.isdecimal() else 0


COPY = "--bg"
"""Stands in the names of files before the number of the picture behind the person."""
COLUMNS = tuple(field.name for field in fields(BiasRow))


class Failure(NamedTuple):
    """A video that could not be used.

    Attributes:
        source: as the split names it.
        reason: one line.
    """

    source: str
    reason: str


class Skip(NamedTuple):
    """A clip that a kind leaves out by its rules.

    Attributes:
        source: as the split names it.
        kind: of KINDS, or `swap` for all of them.
        reason: one line.
    """

    source: str
    kind: str
    reason: str


@dataclass(frozen=True)
class BiasManifest:
    """The sets of one folder.

    Attributes:
        folder: where the videos lie.
        labels: K labels of the split they were made from, in the order of its class index.
        settings: everything that decided what was made.
        rows: a row a video, kind by kind, each in the order of the split.
        failures: videos that could not be used.
        skipped: clips that a kind leaves out by its rules.
    """

    folder: Path
    labels: tuple[str, ...]
    settings: Mapping[str, Any]
    rows: tuple[BiasRow, ...]
    failures: tuple[Failure, ...] = ()
    skipped: tuple[Skip, ...] = ()

    def of_kind(self, kind: str) -> tuple[BiasRow, ...]:
        """The rows of one kind."""
        return tuple(row for row in self.rows if row.kind == kind)

    @property
    def guessed(self) -> str:
        """Who guessed where persons are, see `Finder.name`; empty where all masks are files."""
        named = {name for row in self.rows for name in row.masks.split("; ") if name}
        return ", ".join(sorted(name for name in named if not name.startswith(f"{FILES}:")))

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds that have a video, in the order of KINDS."""
        present = {row.kind for row in self.rows}
        return tuple(kind for kind in KINDS if kind in present)


def write_manifest(manifest: BiasManifest) -> None:
    """`manifest.csv`, a `videos.csv` (path, label, scene) for each kind, and at last `manifest.json`.

    Raises:
        OutputError: one of them cannot be written.
    """
    folder = manifest.folder
    table = _table(COLUMNS, [list(asdict(row).values()) for row in manifest.rows])
    write_whole(folder / TABLE, table)
    for kind in manifest.kinds:
        rows = [[Path(row.path).name, row.label, row.scene] for row in manifest.of_kind(kind)]
        scenes = any(scene for _, _, scene in rows)
        header = ("path", "label", "scene")[: 3 if scenes else 2]
        write_whole(folder / kind / "videos.csv", _table(header, [row[: len(header)] for row in rows]))
    facts = {
        "format": FORMAT,
        "banner": banner(manifest.guessed),
        "settings": dict(manifest.settings),
        "labels": list(manifest.labels),
        "counts": {kind: len(manifest.of_kind(kind)) for kind in manifest.kinds},
        "failures": [list(failure) for failure in manifest.failures],
        "skipped": [list(skip) for skip in manifest.skipped],
        "table": crc32(table),
    }
    write_note(folder / FACTS, facts)


def read_manifest(folder: str | os.PathLike[str]) -> BiasManifest:
    """The manifest in a folder that `zeroshot bias make` has finished.

    Raises:
        OptionError: there is none: no such folder, or half-made.
        OutputError: it is damaged.
    """
    folder = Path(folder)
    if not (folder / FACTS).is_file():
        state = "is half-made; run the same `zeroshot bias make` again" if folder.is_dir() else "is not there"
        if folder.is_dir() and not (folder / ".work").is_dir():
            state = f"holds no {FACTS}; name a folder that `zeroshot bias make` wrote"
        raise OptionError(f"{folder} {state}")
    remedy = "run the same `zeroshot bias make` again"
    older = f"{remedy}, in another folder where this one is of an earlier version"
    facts = read_note(folder / FACTS, "a finished manifest", older, FORMAT)
    try:
        table = (folder / TABLE).read_bytes()
        if crc32(table) != facts["table"]:
            raise ValueError(f"the checksum of {TABLE} is wrong")
        rows = tuple(_row(values) for values in csv.DictReader(io.StringIO(table.decode(), newline="")))
        return BiasManifest(
            folder,
            tuple(facts["labels"]),
            facts["settings"],
            rows,
            tuple(Failure(*failure) for failure in facts["failures"]),
            tuple(Skip(*skip) for skip in facts["skipped"]),
        )
    except OSError as error:
        raise OutputError(f"cannot read {error.filename}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise OutputError(f"the manifest in {folder} is damaged ({error}); {remedy}") from error


def is_whole(path: Path, digest: str) -> bool:
    """Whether a video is there with the bytes of this digest."""
    try:
        return path.is_file() and content_key(path) == digest
    except VideoError:
        return False


def changed_rows(manifest: BiasManifest) -> dict[int, str]:
    """Row → one line, of the videos that are no longer those that the manifest names: gone, or other bytes.

    Every file is read once, two at a time.
    """
    with ThreadPoolExecutor(2) as threads:
        found = threads.map(lambda row: _change(manifest.folder / row.path, row.digest), manifest.rows)
        return {place: words for place, words in enumerate(found) if words}


def _change(path: Path, digest: str) -> str:
    """What happened to a video since it was made; empty for nothing."""
    remedy = "run the same `zeroshot bias make` again"
    if not path.is_file():
        return f"{printable(path)} is not there any more; {remedy}"
    if is_whole(path, digest):
        return ""
    return f"{printable(path)} has changed since it was made (its digest is not the manifest's); {remedy}"


def _row(values: dict[str, str]) -> BiasRow:
    """A row of the table; its video lies in the folder, whoever wrote the table."""
    share = float(values["person_share"])
    parts = PurePosixPath(values["path"]).parts
    if values["kind"] not in KINDS or len(parts) != 2 or parts[0] != values["kind"] or parts[1] == "..":
        raise ValueError(f"{values['path']!r} is not KIND/NAME")
    return BiasRow(**{**{name: values[name] for name in COLUMNS}, "person_share": share})  # type: ignore[arg-type]


def _table(header: tuple[str, ...], rows: list[list[Any]]) -> bytes:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(header)
    table.writerows(rows)
    return text.getvalue().encode()
