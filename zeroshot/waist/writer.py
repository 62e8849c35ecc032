"""Videos to a waist on disk: each content encoded once, whatever was there before kept."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from zeroshot.cutouts.finders import TOKENS, masks_identity
from zeroshot.errors import ModelError, OutputError, VideoError
from zeroshot.model.tokens import pool_tokens, pooled_grid
from zeroshot.store.files import write_note
from zeroshot.store.folder import Claim, FolderWriter, Layout
from zeroshot.video.identity import content_key, file_stamp
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.source import lies_here, name_of
from zeroshot.video.spool import on_disk
from zeroshot.waist.copies import copied_rows, endings, learn_copiers, refuse_gone
from zeroshot.waist.mixed_copies import BANK
from zeroshot.waist.persons import Shot, person_shares
from zeroshot.waist.settings import Copies, WaistSettings
from zeroshot.waist.shards import SHARD, Shard, read_shard, shard_numbers, shard_path, write_shard
from zeroshot.waist.swapped_copies import PLACES
from zeroshot.waist.waist import FORMAT, MANIFEST, SWAPPED, Waist, WaistRow, read_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import torch
    from numpy.typing import NDArray

    from zeroshot.model.backbone import Backbone
    from zeroshot.model.model import Model
    from zeroshot.types import Clip
    from zeroshot.video.sampling import Sampling
    from zeroshot.video.source import VideoSource
    from zeroshot.waist.copies import Copier

LAYOUT = Layout("tokens", (MANIFEST,), "|".join([SHARD, *map(re.escape, (MANIFEST, PLACES, BANK))]))
_SHARD_BYTES = 32 << 20
_SHARD_ROWS = 256  # an interrupted run loses at most so many videos


class Encoded(NamedTuple):
    """A video, or a copy of it.

    Attributes:
        tokens: (S', T, 1+N, C).
        embeddings: (S', T, D).
        figures: (S', T, N) share of each patch that is the person's, 255 all of it; None where nobody knows.
    """

    tokens: NDArray[np.float16]
    embeddings: NDArray[np.float32]
    figures: NDArray[np.uint8] | None = None


class Labeled(Protocol):
    """A video and what is known about it, such as `LabeledVideo`."""

    @property
    def path(self) -> VideoSource:
        """The video: a path, or frames in memory."""

    @property
    def label(self) -> str:
        """The action."""

    @property
    def scene(self) -> str | None:
        """Where it happens, or None."""


def write_waist(
    model: Model,
    videos: Sequence[Labeled],
    folder: str | Path,
    *,
    sampling: Sampling | None = None,
    copies: Copies | None = None,
    grid_side: int = 4,
    decoder: str = "auto",
    advance: Callable[[int, int], None] | None = None,
) -> Waist:
    """The waist of labeled videos, in a folder from which the same call goes on after an interruption.

    Files are told apart by their content: what the folder holds already, under whatever name, is not encoded
    again, and equal files share their tokens.

    Args:
        model: whose backbone makes the tokens; an adapter on it is not asked.
        videos: rows with path, label and scene.
        folder: made where it is missing.
        sampling: T, stride and window, and as many views as each video is to have clips at different moments,
            from one decoding; training draws among them. None is the model's own, with one.
        copies: what is made of each video beside itself; None is nothing.
        grid_side: patches a side that are left of each frame.
        decoder: auto, decord, pyav or raw.
        advance: is called with videos done and videos to do.

    Raises:
        VideoError: no video could be read; those that cannot are otherwise listed in the waist's `failures`.
        OutputError: the folder cannot be written, holds something else, or tokens made otherwise.
        ModelError: the backbone has no patch tokens.
    """
    folder = Path(folder)
    sampling = sampling or replace(model.sampling, num_views=1)
    settings = waist_settings(model.backbone, sampling, grid_side, copies)
    before = _manifest(folder, settings)
    rows, sources, failures = _rows(videos, before)
    if (
        before.get("complete")
        and not failures
        and before["rows"] == _listed(rows + copied_rows(rows, folder, settings))
    ):
        with suppress(OutputError):  # of shards that are damaged or gone more is said below
            return Waist.open(folder, settings)
    reader = ClipReader(decoder=decoder, shorter_side=model.backbone.preprocess.shorter_side)
    with ShardWriter(folder, settings) as writer, reader:
        refuse_gone(folder, sources)
        copiers: list[Copier] = []
        if copies is not None and _todo(sources, writer.done, endings(settings)):
            copiers = learn_copiers(model, rows, sources, reader, sampling, folder, copies)
        todo = _todo(sources, writer.done, [copier.ending for copier in copiers])
        outcomes = reader.read_many(iter(todo.values()), sampling)
        for done, (key, (source, outcome)) in enumerate(zip(todo, outcomes, strict=True), start=1):
            try:
                writer.add(_encode(model.backbone, outcome, settings, source, key, copiers))
            except VideoError as error:
                failures += [(row.path, str(error)) for row in rows if row.key == key]
            (advance or _nobody)(done, len(todo))
        writer.finish([row for row in rows if row.key in writer.done], failures)
    return Waist.open(folder, settings, verify=False)


def waist_settings(
    backbone: Backbone, sampling: Sampling, grid_side: int = 4, copies: Copies | None = None
) -> WaistSettings:
    """What a waist of this backbone and sampling is made of; a sampling's views are the waist's samplings.

    Raises:
        ModelError: the backbone has no patch tokens.
    """
    backbone.require_frames_apart()
    if backbone.grid is None or backbone.token_dim is None:
        raise ModelError(
            f"{backbone.name} has no patch tokens; take a vision transformer such as ViT-B-16/openai"
        )
    copies = copies or Copies()
    return WaistSettings(
        backbone.name,
        backbone.fingerprint,
        backbone.token_dim,
        backbone.embedding_dim,
        sampling.num_frames,
        sampling.num_views,
        pooled_grid(backbone.grid, grid_side),
        sampling.stride_seconds,
        sampling.seed,
        sampling.start_seconds,
        sampling.end_seconds,
        copies.mirrored,
        copies.swapped,
        masks_identity(copies.masks) if copies.swapped or copies.emptied else TOKENS,
        sampling.frames,
        sampling.placement,
        copies.mixed,
        copies.emptied,
    )


class ShardWriter(FolderWriter):
    """Encoded videos on their way into shards; leaving it writes what is pending, whatever ended the run.

    No other run writes there meanwhile.

    Attributes:
        folder: where the shards lie.
        done: keys that are written or pending.
    """

    def __init__(self, folder: Path, settings: WaistSettings) -> None:
        """Look at what there is.

        Raises:
            OutputError: it cannot be written, holds something else or a damaged shard, or another run is
                writing there.
        """
        self.folder, self._settings = folder, settings
        self._claim = Claim(folder, LAYOUT)
        try:
            if not _manifest(folder, settings):
                _put_manifest(folder, settings, [], [], complete=False)
            numbers = shard_numbers(folder)
            shards = (read_shard(shard_path(folder, number), settings.made_with) for number in numbers)
            self.done = {key for shard in shards for key in shard.keys}
        except BaseException:
            self._claim.free()
            raise
        self._number = numbers[-1] + 1 if numbers else 0
        self._pending: list[tuple[str, Encoded]] = []

    def add(self, encoded: Mapping[str, Encoded]) -> None:
        """Take key → what was encoded of a video, or of a copy, unless it is there."""
        for key, found in encoded.items():
            if key in self.done:
                continue
            self._pending.append((key, found))
            self.done.add(key)
            if len(self._pending) >= _SHARD_ROWS or len(self._pending) * found.tokens.nbytes >= _SHARD_BYTES:
                self.flush()

    def flush(self) -> None:
        """Write the pending videos as one shard."""
        if not self._pending:
            return
        self._claim.check()
        keys, found = zip(*self._pending, strict=True)
        shard = Shard(
            keys,
            np.stack([each.tokens for each in found]),
            np.stack([each.embeddings for each in found]),
            _figures(found),
        )
        write_shard(shard_path(self.folder, self._number), shard, self._settings.made_with)
        self._number += 1
        self._pending = []

    def finish(self, rows: list[WaistRow], failures: list[tuple[str, str]]) -> None:
        """Write what is pending, and the rows of all videos that could be read, and of their copies.

        Raises:
            VideoError: there are none.
        """
        self.flush()
        if not rows:
            first = f"first: {failures[0][1]}" if failures else "none was given"
            raise VideoError(f"none of the {len(failures)} videos could be read ({first})")
        rows = rows + copied_rows(rows, self.folder, self._settings)
        _put_manifest(self.folder, self._settings, rows, failures, complete=True)


def _nobody(_done: int, _total: int) -> None:
    """Is told how far the work is, and tells no one."""


def _encode(
    backbone: Backbone,
    clips: tuple[Clip, ...] | VideoError,
    settings: WaistSettings,
    source: VideoSource,
    key: str,
    copiers: Sequence[Copier],
) -> dict[str, Encoded]:
    """Key → what a video is encoded to, and its copies.

    An error in place of the clips is raised.
    """
    if isinstance(clips, VideoError):
        raise clips
    name, views = name_of(source), [clip.frames for clip in clips]
    read = [backbone.encode_tokens(frames) for frames in views]
    mirrored = [np.ascontiguousarray(frames[..., ::-1]) for frames in views] if settings.mirrored else []
    found = {key: _stacked(backbone, [*read, *map(backbone.encode_tokens, mirrored)], settings, name)}
    pairs = enumerate(zip(clips, read, strict=True))
    shots = [Shot(backbone, key, source, clip, raw, number) for number, (clip, (raw, _)) in pairs]
    for copier in copiers:
        copies = [copier.copy(shot) for shot in shots]
        copies += [copy.flip(-1) for copy in copies] if settings.mirrored else []
        found[key + copier.ending] = _stacked(
            backbone, list(map(backbone.encode_seen_tokens, copies)), settings, name
        )
    # Where masks were looked for, they are of the video and of its swapped copy alike.
    masks = [shot.masks for shot in shots if shot.masks is not None]
    masks += [mask.flip(-1) for mask in masks] if settings.mirrored else []
    if masks:
        figures = np.stack([person_shares(mask, settings.grid) for mask in masks])
        for copied in {key, key + SWAPPED} & set(found):
            found[copied] = found[copied]._replace(figures=figures)
    return found


def _figures(found: Sequence[Encoded]) -> NDArray[np.uint8] | None:
    """(n, S', T, N) shares of persons; None where nobody knows of any."""
    known = [each.figures for each in found if each.figures is not None]
    if not known:
        return None
    unknown = np.full_like(known[0], 255)
    return np.stack([unknown if each.figures is None else each.figures for each in found])


def _stacked(
    backbone: Backbone, read: list[tuple[torch.Tensor, torch.Tensor]], settings: WaistSettings, name: str
) -> Encoded:
    """Pooled tokens (S', T, 1+N, C) and embeddings (S', T, D) of S' clips' tokens and embeddings."""
    side, grid = max(settings.grid), backbone.grid or (1, 1)
    tokens = np.stack([pool_tokens(raw, grid, side).half().cpu().numpy() for raw, _ in read])
    embeddings = np.stack([rows.float().cpu().numpy() for _, rows in read])
    if not (np.isfinite(tokens).all() and np.isfinite(embeddings).all()):
        raise VideoError(f"{name}: {backbone.name} gives tokens that are no numbers in float16")
    return Encoded(tokens, embeddings)


def _todo(sources: dict[str, VideoSource], done: set[str], made: Sequence[str]) -> dict[str, VideoSource]:
    """The videos that are not encoded yet, or of which a copy is not, whose keys have these endings."""
    ends = ("", *made)
    return {key: source for key, source in sources.items() if not {key + ending for ending in ends} <= done}


def _rows(
    videos: Sequence[Labeled], before: dict[str, Any]
) -> tuple[list[WaistRow], dict[str, VideoSource], list[tuple[str, str]]]:
    """Rows with their keys, one source for each key, and the videos that cannot be opened."""
    known = {(path, stamp): key for path, _, _, key, stamp in before.get("rows", ())}
    rows, failures = [], []
    sources: dict[str, VideoSource] = {}
    for video in videos:
        name = name_of(video.path)
        try:
            stamp = file_stamp(video.path)
            key = known.get((name, stamp)) if stamp else None
            source = video.path if lies_here(video.path) else on_disk(video.path)  # fetched once for both
            key = key or content_key(source)
        except VideoError as error:
            failures.append((name, str(error)))
            continue
        rows.append(WaistRow(name, video.label, video.scene, key, stamp))
        sources.setdefault(key, source)
    return rows, sources, failures


def _manifest(folder: Path, settings: WaistSettings) -> dict[str, Any]:
    """What a folder of the same settings says of itself; empty where there is none yet."""
    if not (folder / MANIFEST).exists():
        return {}
    manifest = read_manifest(folder)
    if difference := WaistSettings.from_dict(manifest["settings"]).difference(settings):
        raise OutputError(f"{folder} holds {difference}; choose another folder, or delete this one")
    return manifest


def _listed(rows: list[WaistRow]) -> list[list[str | None]]:
    """Rows as a manifest has them."""
    return [[row.path, row.label, row.scene, row.key, row.stamp] for row in rows]


def _put_manifest(
    folder: Path,
    settings: WaistSettings,
    rows: list[WaistRow],
    failures: list[tuple[str, str]],
    *,
    complete: bool,
) -> None:
    content = {
        "format": FORMAT,
        "complete": complete,
        "settings": settings.as_dict(),
        "failures": failures,
        "rows": _listed(rows),
    }
    write_note(folder / MANIFEST, content)
