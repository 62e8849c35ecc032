"""A folder of puppet videos with a table: what a benchmark of real videos looks like on disk."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import OptionError
from zeroshot.store.files import write_whole
from zeroshot.store.folder import Claim, Layout
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

LAYOUT = Layout(
    "puppet videos",
    (".puppets",),
    rf"\d{{6,}}-[\w-]+\.(?:mp4|npz)|{re.escape(TABLE)}|\.puppets",
    folders=(MASKS, BACKGROUNDS),
    finished=TABLE,
)
FORMAT = 2
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
        OptionError: an impossible number.
        OutputError: the folder or a file cannot be written, it has other videos in it, or another run is
            writing there.
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
    settings = {
        "format": FORMAT,
        "num_videos": num_videos,
        "coupling": coupling,
        "seed": seed,
        "truth": truth,
    }
    claim = Claim(target, LAYOUT, {**settings, **asdict(view)})
    return _write_all(claim, names, (actions, scenes, seeds), view, truth)


def _write_all(
    claim: Claim,
    names: list[str],
    factors: tuple[tuple[int, ...], tuple[int, ...], list[int]],
    view: View,
    truth: bool,
) -> Iterator[Path]:
    """Each video once it stands, and then the table."""
    with claim:
        for start in range(0, len(names), _VIDEOS_AT_ONCE):
            rows = range(start, min(start + _VIDEOS_AT_ONCE, len(names)))
            missing = [row for row in rows if not (claim.folder / names[row]).is_file()]
            chosen = [[which[row] for row in missing] for which in factors]
            videos = dict(zip(missing, render_many(chosen[0], chosen[1], chosen[2], view), strict=True))
            for row in rows:
                _write_one(claim.folder, names[row], videos.get(row), view.fps, truth)
                yield claim.folder / names[row]
        pairs = zip(names, factors[0], factors[1], strict=True)
        write_table(
            claim.folder / TABLE, [(name, ACTIONS[action], SCENES[scene]) for name, action, scene in pairs]
        )


def _write_one(folder: Path, name: str, video: PuppetVideo | None, fps: float, truth: bool) -> None:
    """The video, if there is one to write; before it what it is made of, where that is wanted."""
    if video is None:
        return
    if truth:
        (folder / BACKGROUNDS).mkdir(exist_ok=True)
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
