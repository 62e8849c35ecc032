"""From labeled videos to biased test sets on disk: two passes, each of which goes on where it was stopped."""

from __future__ import annotations

import hashlib
import json
import re
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from zeroshot.bias.edits import films_of, known_edits, make_edits
from zeroshot.bias.manifest import FACTS, KINDS, TABLE, BiasManifest, Failure, write_manifest
from zeroshot.bias.orders import orders_of
from zeroshot.bias.pair_lists import paired_clips, parse_pairs, read_pairs
from zeroshot.bias.recipe import WORK, BiasRecipe, Facts, Item, Places
from zeroshot.bias.rows import rows_of
from zeroshot.bias.take_apart import films_needed, known_facts, take_apart
from zeroshot.checks import Checks
from zeroshot.cutouts.finders import open_finder, require_finder
from zeroshot.cutouts.mask_files import background_shelf
from zeroshot.datasets.registry import open_split
from zeroshot.datasets.splits import Split, require_some
from zeroshot.errors import OptionError, VideoError
from zeroshot.store.folder import Claim, Layout, require_room
from zeroshot.video.identity import content_key
from zeroshot.video.pictures import images_in
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.sampling import Sampling
from zeroshot.video.source import Stretch, is_path, name_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    import numpy as np
    from numpy.typing import NDArray

    from zeroshot.bias.orders import Order
    from zeroshot.cutouts.finder import Finder
    from zeroshot.cutouts.mask_files import Shelf
    from zeroshot.datasets.splits import LabeledVideo
    from zeroshot.video.decoders.all_frames import Film
    from zeroshot.video.source import VideoSource

    Advance = Callable[[int, int], None]
    Films = Sequence[Film | VideoError]

MASKS = "masks"
_PIECES = ("facts", "figures", "edits")
LAYOUT = Layout(
    "biased sets",
    (f"{WORK}/settings.json",),
    rf"\d{{6,}}-[\w.-]+\.(?:mp4|npz|png|json)|settings\.json|{re.escape(TABLE)}|{re.escape(FACTS)}|videos\.csv",
    folders=(*KINDS, MASKS, WORK, *(f"{WORK}/{piece}" for piece in _PIECES)),
    finished=FACTS,
)
"""Of a folder of biased sets, where every video has a piece of each kind in the folder of that kind."""
_THREADS = 2
_LESSONS = 128  # videos that teach a finder who has to learn
_Task = TypeVar("_Task")
_Made = TypeVar("_Made")


def make_bias_sets(
    source: Split | str | os.PathLike[str],
    output: str | os.PathLike[str],
    recipe: BiasRecipe | None = None,
    *,
    advance: Advance | None = None,
) -> BiasManifest:
    """Write background-only, human-only, swap, SCUBA, SCUFO and conflict clips of a split, with a manifest.

    The same split, files, recipe and encoder give the same bytes. A call that was stopped, however, goes on
    where it was when made again. A video that cannot be used is a failure in the manifest; the rest go on.

    Args:
        source: labeled videos, or what `open_split` opens.
        output: folder; made where it is missing. One that holds other sets is refused.
        recipe: what and how; `BiasRecipe()` unless told.
        advance: is called with steps done and steps in all, two a video.

    Returns:
        The manifest, whose rows name every video written.

    Raises:
        LabelError: the split cannot be read.
        OptionError: a folder of masks, backgrounds or pictures that is not there.
        OutputError: the folder cannot be written, holds something else or other sets, or another run is
            writing there.
        ModelError: weights of a network that finds persons and cannot be read.
        VideoError: no video could be used.
    """
    places = Places(Path(output))
    split, pictures, lists = _looked_at(source, places, recipe or BiasRecipe())
    recipe = (recipe or BiasRecipe()).for_dataset(split.name)
    finder = open_finder(recipe.finder)
    settings = {**recipe.as_dict(finder.name), "split": split.name, "videos": _digest(split, pictures)}
    if finder.fingerprint:
        settings["segmenter"] = finder.fingerprint
    with Claim(places.folder, LAYOUT, settings), ClipReader() as reader:
        items, failures = _items(split, recipe, finder)
        steps = _Steps(2 * len(items), advance)
        for kind in (*recipe.kinds, MASKS):
            (places.folder / kind).mkdir(exist_ok=True)
        bench = _Bench(recipe, places, reader, finder)
        facts = _take_all_apart(items, bench, steps, failures)
        if not facts:
            reason = failures[0].reason if failures else "the split is empty"
            raise VideoError(f"none of the {len(split.videos)} videos could be used (first: {reason})")
        whole = [item for item in items if item.name in facts]
        steps.done += len(items) - len(whole)
        clips = {item.name: item.source for item in whole}
        listed = {pairing: paired_clips(clips, pairs) for pairing, pairs in lists.items()}
        orders, skipped = orders_of(whole, facts, recipe, pictures, listed)
        digests = _make_all_edits(orders, bench, steps, failures)
    rows = rows_of(orders, digests, places, finder.name)
    manifest = BiasManifest(
        places.folder, split.labels, settings, rows, tuple(failures), tuple(sorted(skipped))
    )
    write_manifest(manifest)
    return manifest


def _looked_at(
    source: Split | str | os.PathLike[str], places: Places, recipe: BiasRecipe
) -> tuple[Split, list[Path], dict[str, dict[str, str]]]:
    """The videos, the pictures and lists of pairs, once everything was looked at that needs no network."""
    first = Checks()
    split = first.add("files", lambda: source if isinstance(source, Split) else open_split(source))
    pictures = first.add("files", lambda: _pictures(recipe))
    listed = parse_pairs(recipe.pair_lists)
    lists = first.add("files", lambda: {pairing: read_pairs(file) for pairing, file in listed.items()})
    if recipe.backgrounds is not None:
        first.add("files", partial(background_shelf, recipe.backgrounds))
    first.add("files", lambda: require_finder(recipe.finder))
    first.add("videos", lambda: require_some(split().name, split().videos))
    first.add("output", lambda: require_room(places.folder, LAYOUT))
    first.run()
    return split(), pictures(), lists()


@dataclass(frozen=True)
class _Bench:
    """What both passes work with."""

    recipe: BiasRecipe
    places: Places
    reader: ClipReader
    finder: Finder


class _Steps:
    """How far the work is."""

    def __init__(self, total: int, advance: Advance | None) -> None:
        self.done, self.total, self._advance = 0, total, advance

    def one(self) -> None:
        self.done += 1
        if self._advance is not None:
            self._advance(self.done, self.total)


def _pictures(recipe: BiasRecipe) -> list[Path]:
    """The pictures of the recipe's folder."""
    if recipe.images is None:
        return []
    if not Path(recipe.images).is_dir():
        raise OptionError(f"{recipe.images} is no folder of pictures; name one that exists")
    pictures = images_in(Path(recipe.images), "*")  # each is a place of its own, however they are numbered
    if not pictures:
        raise OptionError(f"{recipe.images} holds no pictures; add some, or leave it out for stripes")
    return pictures


def _digest(split: Split, pictures: Sequence[Path]) -> str:
    """Sixteen hexadecimal digits of what the sets are made of: names of files, labels, scenes, pictures."""
    words = [[name_of(video.path).rpartition("/")[2], video.label, video.scene] for video in split.videos]
    words += [[picture.name, content_key(picture)] for picture in pictures]
    return hashlib.sha256(json.dumps([split.labels, words]).encode()).hexdigest()[:16]


def _items(split: Split, recipe: BiasRecipe, finder: Finder) -> tuple[list[Item], list[Failure]]:
    """The videos with what belongs to each, and those that lack something."""
    backgrounds = None if recipe.backgrounds is None else background_shelf(recipe.backgrounds)
    items, failures = [], []
    for row, video in enumerate(split.videos):
        try:
            items.append(_item(row, video, finder, backgrounds))
        except VideoError as error:
            failures.append(Failure(name_of(video.path), str(error)))
    return items, failures


def _item(row: int, video: LabeledVideo, finder: Finder, backgrounds: Shelf | None) -> Item:
    """One video on its way, under a name that tells it from all others."""
    shown = name_of(video.path)
    named = video.path.as_file if isinstance(video.path, Stretch) else video.path
    stem = Path(named).stem if is_path(named) else "frames"
    slug = re.sub(r"-{2,}", "-", re.sub(r"[^A-Za-z0-9_.-]+", "_", stem))[:60].strip("._") or "video"
    mask = finder.mask_of(video.path)
    background = None if backgrounds is None else backgrounds.find(video.path)
    keys = [content_key(video.path)] + [content_key(path) for path in (mask, background) if path is not None]
    key = hashlib.sha256(" ".join(keys).encode()).hexdigest()
    return Item(
        row, f"{row:06d}-{slug}", video.path, shown, video.label, video.scene or "", key, mask, background
    )


def _take_all_apart(
    items: list[Item], bench: _Bench, steps: _Steps, failures: list[Failure]
) -> dict[str, Facts]:
    """Name → facts of the videos that could be taken apart."""
    facts: dict[str, Facts] = {}
    todo = []
    for item in items:
        known = known_facts(item, bench.places)
        if known is None:
            todo.append(item)
        else:
            facts[item.name] = known
            steps.one()
    finder = bench.finder.taught_by(_lessons(items, bench)) if todo else bench.finder
    outcomes = _in_order(
        todo,
        films_needed,
        lambda item, films: take_apart(item, films, bench.recipe, bench.places, finder),
        bench,
    )
    for item, outcome in outcomes:
        if isinstance(outcome, VideoError):
            failures.append(Failure(item.shown, str(outcome)))
        else:
            facts[item.name] = outcome
        steps.one()
    return facts


def _lessons(items: list[Item], bench: _Bench) -> Iterator[NDArray[np.uint8]]:
    """(T, 3, H, W) of the first videos of the split, read as they are asked for, for a finder who learns."""
    sources = iter([item.source for item in items[:_LESSONS]])
    for _, clips in bench.reader.read_many(sources, Sampling()):
        if not isinstance(clips, VideoError):
            yield clips[0].frames


def _make_all_edits(
    orders: list[Order], bench: _Bench, steps: _Steps, failures: list[Failure]
) -> dict[str, dict[str, str]]:
    """Name → file → SHA-256 of the edits that could be made."""
    digests: dict[str, dict[str, str]] = {}
    todo = []
    for order in orders:
        known = known_edits(order, bench.places)
        if known is None and order.kinds:
            todo.append(order)
        else:
            digests[order.item.name] = known or {}
            steps.one()
    exact = bench.recipe.backgrounds is not None
    outcomes = _in_order(
        todo,
        lambda order: films_of(order, exact, bench.places),
        lambda order, films: make_edits(order, films, bench.recipe, bench.places),
        bench,
    )
    for order, outcome in outcomes:
        if isinstance(outcome, VideoError):
            failures.append(Failure(order.item.shown, str(outcome)))
        else:
            digests[order.item.name] = outcome
        steps.one()
    return digests


def _in_order(
    tasks: list[_Task],
    needs: Callable[[_Task], list[VideoSource]],
    make: Callable[[_Task, Films], _Made],
    bench: _Bench,
) -> Iterator[tuple[_Task, _Made | VideoError]]:
    """Each task with what was made of its films, or its error; decoding runs ahead, making in two threads.

    What a task makes depends on that task alone, so threads change nothing.
    """

    def outcome(task: _Task, films: Films) -> _Made | VideoError:
        try:
            return make(task, films)
        except VideoError as error:
            return error

    groups: Iterable[list[VideoSource]] = (needs(task) for task in tasks)
    films = bench.reader.read_films(groups, bench.recipe.max_seconds, bench.recipe.largest_side)
    begun: deque[tuple[_Task, Future[_Made | VideoError]]] = deque()
    with closing(films), ThreadPoolExecutor(_THREADS) as threads:
        for task, read in zip(tasks, films, strict=True):
            begun.append((task, threads.submit(outcome, task, read)))
            if len(begun) >= _THREADS:
                first, future = begun.popleft()
                yield first, future.result()
        for first, future in begun:
            yield first, future.result()
