"""A folder of puppet videos with a table: what a benchmark of real videos looks like on disk."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.errors import OptionError, require_seed
from zeroshot.store.files import write_whole
from zeroshot.store.folder import Claim, Layout
from zeroshot.synthetic.compositional import ComposedVideo, render_composed
from zeroshot.synthetic.coupling import COMPOSED_HOMES, HOME_SCENES, sample_pairs
from zeroshot.synthetic.grammar import COMPOSED, SEEN, UNSEEN
from zeroshot.synthetic.render import render_many
from zeroshot.synthetic.world import SCENES, View
from zeroshot.video.write import write_video

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

    from zeroshot.synthetic.grammar import Action
    from zeroshot.synthetic.surroundings import Surroundings
    from zeroshot.synthetic.world import PuppetVideo

TABLE = "videos.csv"
"""Name of the table in the folder: columns path (relative to the folder), label, scene."""

COLUMNS = ("path", "label", "scene", "start", "end", "combination")
"""Of the table; the last three only where actions are composed."""

MASKS, BACKGROUNDS = "masks", "backgrounds"
"""Folders beside the videos for what they are made of."""

COMBINATIONS = {"all": COMPOSED, "seen": SEEN, "unseen": UNSEEN}
"""Choices of composed actions."""

LAYOUT = Layout(
    "puppet videos",
    (".puppets",),
    rf"\d{{6,}}-[\w-]+\.(?:mp4|npz)|{re.escape(TABLE)}|\.puppets",
    folders=(MASKS, BACKGROUNDS),
    finished=TABLE,
)
FORMAT = 2
_VIDEOS_AT_ONCE = 16


@dataclass(frozen=True)
class _Videos:
    """What is to be written: a name, an action, a scene, a seed and the table's row for each, and by what."""

    names: list[str]
    factors: tuple[Sequence[int], Sequence[int], Sequence[int]]
    rows: list[tuple[str, ...]]
    render: Callable[..., Sequence[PuppetVideo]]


def write_puppet_videos(
    folder: str | os.PathLike[str],
    num_videos: int,
    *,
    coupling: float = 0.0,
    seed: int = 0,
    view: View | None = None,
    truth: bool = False,
    surroundings: Surroundings | None = None,
    combinations: str = "all",
) -> Iterator[Path]:
    """Yield the path of each mp4 once it stands in `folder`; the table `videos.csv` comes after the last.

    Actions and scenes are those of `sample_pairs(num_videos, coupling=coupling, seed=seed)`; the video in row
    n has seed `seed · 1,000,003 + n`. An unfinished folder has no table; the same call made again keeps the
    files that are there, so an interrupted run is taken up where it stopped and gives the folder that an
    unbroken one gives. A folder that holds other videos, or was made with other settings, is refused.

    Args:
        folder: made when it does not exist.
        num_videos: 1 or more.
        coupling: share of the videos that are put in their action's home scene, 0 to 1; see `sample_pairs`.
        seed: of everything, from 0 to 2⁴⁰.
        view: frames, size, rate, camera; `View()` unless told.
        truth: write the videos without any loss, in `masks/` how much the puppet or its shadow covers of each
            pixel (NAME.npz, `masks` (T, H, W) uint8), and in `backgrounds/` the videos without them. Of
            composed actions the npz files hold all the arrays of `ComposedVideo` that are no pictures.
        surroundings: given, the actions are those of `grammar.COMPOSED` among these people and things, and
            the table says how each begins and ends and whether its combination is one that is kept back.
        combinations: of composed actions `all`, those that may be trained on (`seen`), or the `unseen` ones.

    Raises:
        OptionError: an impossible number, combinations that do not exist.
        OutputError: the folder or a file cannot be written, it has other videos in it, or another run is
            writing there.
    """
    view = view or View()
    require_seed(seed)
    if combinations not in COMBINATIONS:
        raise OptionError(f"combinations {combinations!r}; expected one of: {', '.join(COMBINATIONS)}")
    settings: dict[str, Any] = {"num_videos": num_videos, "coupling": coupling, "seed": seed}
    videos = _what_to_write(settings, view, surroundings, combinations)
    settings |= {"format": FORMAT, "truth": truth, **asdict(view)}
    if surroundings is not None:
        settings |= {"world": "compositional", "combinations": combinations, **asdict(surroundings)}
    return _write_all(Claim(Path(folder), LAYOUT, settings), videos, view, truth)


def _what_to_write(
    draws: dict[str, Any], view: View, surroundings: Surroundings | None, combinations: str
) -> _Videos:
    """The videos that a seed gives in either world; `draws` are `num_videos`, `coupling` and `seed`."""
    chosen, homes = None, HOME_SCENES
    if surroundings is not None:
        chosen = [COMPOSED.index(action) for action in COMBINATIONS[combinations]]
        homes = COMPOSED_HOMES
    num_videos, coupling, seed = draws["num_videos"], draws["coupling"], draws["seed"]
    actions, scenes = sample_pairs(num_videos, coupling=coupling, seed=seed, actions=chosen, homes=homes)
    seeds = [seed * 1_000_003 + row for row in range(num_videos)]
    labels = tuple(homes)
    names = _file_names((actions, scenes, seeds), labels)
    rows: list[tuple[str, ...]] = [
        (name, labels[action], SCENES[scene])
        for name, action, scene in zip(names, actions, scenes, strict=True)
    ]
    if surroundings is None:
        return _Videos(names, (actions, scenes, seeds), rows, partial(render_many, view=view))
    rows = [(*row, *_told(COMPOSED[action])) for row, action in zip(rows, actions, strict=True)]
    render = partial(render_composed, view=view, surroundings=surroundings)
    return _Videos(names, (actions, scenes, seeds), rows, render)


def _file_names(
    factors: tuple[Sequence[int], Sequence[int], Sequence[int]], labels: Sequence[str]
) -> list[str]:
    """A name a video that says what it shows."""
    return [
        f"{row:06d}-{labels[action]}-{SCENES[scene]}-{number}.mp4".replace(" ", "_")
        for row, (action, scene, number) in enumerate(zip(*factors, strict=True))
    ]


def _told(action: Action) -> tuple[str, ...]:
    """What the table says of a composed action beside its name."""
    return (*(action.stages or ("", "")), "unseen" if action in UNSEEN else "seen")


def _arrays(video: PuppetVideo) -> dict[str, Any]:
    """What is known of a video beside its pictures."""
    more = ("others", "movers", "camera", "done", "joints") if isinstance(video, ComposedVideo) else ()
    return {"masks": video.alpha, **{name: getattr(video, name) for name in more}}


def _write_all(claim: Claim, videos: _Videos, view: View, truth: bool) -> Iterator[Path]:
    """Each video once it stands, and then the table."""
    with claim:
        for start in range(0, len(videos.names), _VIDEOS_AT_ONCE):
            rows = range(start, min(start + _VIDEOS_AT_ONCE, len(videos.names)))
            missing = [row for row in rows if not (claim.folder / videos.names[row]).is_file()]
            chosen = [[which[row] for row in missing] for which in videos.factors]
            rendered = dict(zip(missing, videos.render(*chosen), strict=True))
            for row in rows:
                _write_one(claim.folder, videos.names[row], rendered.get(row), view.fps, truth)
                yield claim.folder / videos.names[row]
        write_table(claim.folder / TABLE, videos.rows)


def _write_one(folder: Path, name: str, video: PuppetVideo | None, fps: float, truth: bool) -> None:
    """The video, if there is one to write; before it what it is made of, where that is wanted."""
    if video is None:
        return
    if truth:
        (folder / BACKGROUNDS).mkdir(exist_ok=True)
        packed = io.BytesIO()
        np.savez_compressed(packed, **_arrays(video))
        write_whole((folder / MASKS / name).with_suffix(".npz"), packed.getvalue())
        write_video(folder / BACKGROUNDS / name, video.background, fps, crf=None)
    write_video(folder / name, video.frames, fps, crf=None if truth else 20)


def write_table(path: Path, rows: Sequence[tuple[str, ...]]) -> None:
    """Write a CSV of path, label, scene, or of all `COLUMNS`; it appears whole or not at all.

    Raises:
        OutputError: the file cannot be written there.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS[: len(rows[0])])
    table.writerows(rows)
    write_whole(path, text.getvalue().encode())
