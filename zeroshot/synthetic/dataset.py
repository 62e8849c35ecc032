"""A folder of puppet videos with a table: what a benchmark of real videos looks like on disk."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import OptionError, OutputError
from zeroshot.store.files import write_whole
from zeroshot.synthetic.coupling import sample_pairs
from zeroshot.synthetic.render import render_many
from zeroshot.synthetic.world import ACTIONS, SCENES, View
from zeroshot.video.write import write_video

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from zeroshot.synthetic.world import PuppetVideo

TABLE = "videos.csv"
"""Name of the table in the folder: columns path (relative to the folder), label, scene."""

MASKS, BACKGROUNDS = "masks", "backgrounds"
"""Folders beside the videos for what they are made of."""

_VIDEOS_AT_ONCE = 16


def write_puppet_videos(
    folder: str | os.PathLike[str],
    num_videos: int,
    *,
    coupling: float = 0.0,
    seed: int = 0,
    view: View | None = None,
    truth: bool = False,
) -> Iterator[Path]:
    """Yield the path of each mp4 once it stands in `folder`; the table `videos.csv` comes after the last.

    Actions and scenes are those of `sample_pairs(num_videos, coupling=coupling, seed=seed)`; the video in row
    n has seed `seed · 1,000,003 + n`. An unfinished folder has no table; the same call made again keeps the
    files that are there, so an interrupted run is taken up where it stopped and gives the folder that an
    unbroken one gives. A folder that holds other videos, or was made with another `view`, is refused.

    Args:
        folder: made when it does not exist.
        num_videos: 1 or more.
        coupling: share of the videos that are put in their action's home scene, 0 to 1; see `sample_pairs`.
        seed: of everything, from 0 to 2⁴⁰.
        view: frames, size, rate, camera; `View()` unless told.
        truth: write the videos without any loss, in `masks/` how much the puppet or its shadow covers of each
            pixel (NAME.npz, `masks` (T, H, W) uint8), and in `backgrounds/` the videos without them.

    Raises:
        OptionError: an impossible number, or a folder with other videos in it.
        OutputError: the folder or a file cannot be written.
    """
    view = view or View()
    if not 0 <= seed < 2**40:
        raise OptionError(f"seed {seed}; expected a whole number from 0 to 2^40")
    actions, scenes = sample_pairs(num_videos, coupling=coupling, seed=seed)
    target = Path(folder)
    seeds = [seed * 1_000_003 + row for row in range(num_videos)]
    names = [
        f"{row:06d}-{ACTIONS[action]}-{SCENES[scene]}-{number}.mp4".replace(" ", "_")
        for row, (action, scene, number) in enumerate(zip(actions, scenes, seeds, strict=True))
    ]
    _open_folder(target, names, view, truth)
    return _write_all(target, names, (actions, scenes, seeds), view, truth)


def _write_all(
    folder: Path,
    names: list[str],
    factors: tuple[tuple[int, ...], tuple[int, ...], list[int]],
    view: View,
    truth: bool,
) -> Iterator[Path]:
    actions, scenes, seeds = factors
    for start in range(0, len(names), _VIDEOS_AT_ONCE):
        rows = range(start, min(start + _VIDEOS_AT_ONCE, len(names)))
        missing = [row for row in rows if not (folder / names[row]).is_file()]
        chosen = [[which[row] for row in missing] for which in (actions, scenes, seeds)]
        rendered = dict(zip(missing, render_many(chosen[0], chosen[1], chosen[2], view), strict=True))
        for row in rows:
            if row in rendered:
                _write_one(folder, names[row], rendered[row], view.fps, truth)
            yield folder / names[row]
    rows_of_table = [
        (name, ACTIONS[action], SCENES[scene])
        for name, action, scene in zip(names, actions, scenes, strict=True)
    ]
    write_table(folder / TABLE, rows_of_table)


def _write_one(folder: Path, name: str, video: PuppetVideo, fps: float, truth: bool) -> None:
    """The video; before it what it is made of, where that is wanted."""
    if truth:
        packed = io.BytesIO()
        np.savez_compressed(packed, masks=video.alpha)
        write_whole((folder / MASKS / name).with_suffix(".npz"), packed.getvalue())
        write_video(folder / BACKGROUNDS / name, video.background, fps, crf=None)
    write_video(folder / name, video.frames, fps, crf=None if truth else 20)


def write_table(path: Path, rows: list[tuple[str, str, str]]) -> None:
    """Write a CSV of path, label, scene; it appears whole or not at all.

    Raises:
        OutputError: the file cannot be written there.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("path", "label", "scene"))
    table.writerows(rows)
    write_whole(path, text.getvalue().encode())


def _open_folder(folder: Path, names: list[str], view: View, truth: bool) -> None:
    """Make the folder, or make sure that what stands in it belongs to the same recipe."""
    height, width = view.size
    settings = f"{view.num_frames} frames, {height}x{width}, {view.fps} fps, jitter {view.camera_jitter}"
    settings += ", truth" if truth else ""
    note = folder / ".puppets"
    try:
        (folder / BACKGROUNDS if truth else folder).mkdir(parents=True, exist_ok=True)
        others = {path.name for path in folder.glob("*.mp4") if not path.name.startswith(".")} - set(names)
        before = note.read_text(encoding="utf-8") if note.is_file() else settings
        if not others and before == settings:
            note.write_text(settings, encoding="utf-8")
            (folder / TABLE).unlink(missing_ok=True)
            return
    except OSError as error:
        raise OutputError(
            f"cannot write in {folder}: {error.strerror}; name a folder you may write to"
        ) from error
    held = f"such as {min(others)}" if others else f"of {before}"
    raise OptionError(
        f"{folder} holds other videos, {held}; name an empty folder or the same settings as before"
    )
