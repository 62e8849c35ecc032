"""A few examples of one's own in, a folder a label; labels that know them out: `zeroshot teach`."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.batch.label_rows import index_of_labels, index_stamp
from zeroshot.checkpoint import DEFAULT_MODEL, load_model, require_model
from zeroshot.checks import Checks, model_given, refuse_taught, stream_stamp
from zeroshot.datasets.registry import relabeled
from zeroshot.datasets.splits import LabeledVideo, Split, read_split
from zeroshot.errors import (
    DatasetError,
    LabelError,
    VideoError,
    counted,
    printable,
)
from zeroshot.few_shot.taught import AUTO, FORMAT, Examples, ExampleVideo, TaughtLabels, require_way, taught
from zeroshot.index.index import LabelIndex
from zeroshot.resources import from_home
from zeroshot.store.arrays import require_place
from zeroshot.text.prompts import make_prompts, read_labels, read_templates, spaced_name
from zeroshot.video.find import LeftOut, find_videos
from zeroshot.video.identity import file_digest, file_facts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from zeroshot.few_shot.leave_one_out import Judgement
    from zeroshot.model.model import Model
    from zeroshot.text.prompts import LabelSource, TemplateSource
    from zeroshot.types import Prompts

MOST = 4096
"""Examples in all: each is held against each. Whoever has more can train an adapter."""


@dataclass(frozen=True, eq=False)
class Taught:
    """What `teach` did.

    Attributes:
        labels: that rank with the examples, as far as these help.
        judgement: what leaving each example out said.
        errors: path → one line, of each example that cannot be read.
        notes: what there is to know besides, a line each.
    """

    labels: TaughtLabels
    judgement: Judgement
    errors: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Shown:
    """The examples that a folder or a table shows.

    Attributes:
        labels: K names; those without a video are told by their words alone.
        videos: each file once.
        facts: of each video.
        notes: what was left out, a line each.
    """

    labels: tuple[str, ...]
    videos: tuple[LabeledVideo, ...]
    facts: tuple[ExampleVideo, ...]
    notes: tuple[str, ...]


def teach(
    examples: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    labels: LabelSource | None = None,
    templates: TemplateSource = None,
    model: str | os.PathLike[str] | Model = DEFAULT_MODEL,
    way: str = AUTO,
    force: bool = False,
    watch: Callable[[int, int], None] | None = None,
) -> Taught:
    """Labels that know examples, and whether these help, measured by leaving out each: `zeroshot teach`.

    Where they do not help, the words alone answer, and the file says so. The vectors are those of the stream
    that the model answers with.

    Args:
        examples: a folder that holds a folder for each label, with 1 to 16 videos or so; or a CSV file with
            path and label.
        output: the file that `load(model, "my.labels")` reads; None: in memory alone.
        labels: as for `load`: all labels that are to be told apart, also such as have no examples; names of
            folders are among them. None: those that the examples have.
        templates: as for `load`.
        model: as for `load`; for another stream or device a Model.
        way: cache: a video is like a label as far as it is like its examples, nothing is trained; linear: a
            ridge regression on what the words get wrong; auto: the one by which more left-out examples are
            right.
        force: let examples serve that do not help.
        watch: called with examples done and all.

    Raises:
        ZeroshotError: one line that names what cannot be used, or written, and the remedy.
    """
    named, first = model_given(model), Checks()
    asked = lesson(first, examples, output, labels, templates=templates, way=way)
    if isinstance(named, str):
        first.add("model", lambda: require_model(named))
    first.run()
    network = load_model(named) if isinstance(named, str) else named
    try:
        found = taught_by(network, *asked(), way, force=force, watch=watch)
    finally:
        if network is not model:
            network.close()
    if output is not None:
        found.labels.save(from_home(output))
    return found


def lesson(
    first: Checks,
    examples: str | os.PathLike[str],
    output: str | os.PathLike[str] | None,
    labels: LabelSource | None,
    *,
    templates: TemplateSource,
    way: str,
) -> Callable[[], tuple[Prompts, Shown]]:
    """Words and examples, looked at before any weights.

    Args:
        first: is told what to look at; the result is there once it has run.
        examples: as for `teach`, and so are all others.
        output: a place that can be written.
        labels: all that are to be told apart.
        templates: of their words.
        way: auto, cache or linear.

    Raises:
        ZeroshotError: when it runs, one line that names what cannot be used.
    """
    first.add("options", lambda: require_way(way))
    first.add("words", lambda: refuse_taught(labels, "teach"))
    known = first.add("words", lambda: None if labels is None else make_prompts(labels, templates))
    first.add("words", lambda: read_templates(templates))
    shown = first.add("files", lambda: _shown(Path(from_home(examples)), known()))
    words = first.add("files", lambda: known() or make_prompts(shown().labels, templates, spaced=False))
    first.add("files", lambda: _require_plain(words()))
    if output is not None:
        first.add("output", lambda: require_place(Path(from_home(output)), FORMAT))
    return lambda: (words(), shown())


def _require_plain(words: Prompts) -> None:
    """Refuse labels with stages.

    Raises:
        LabelError: some have.
    """
    if words.stages:
        raise LabelError("these labels have stages, which are not taught; give labels without")


def taught_by(
    network: Model,
    words: Prompts,
    shown: Shown,
    way: str = AUTO,
    *,
    force: bool = False,
    watch: Callable[[int, int], None] | None = None,
) -> Taught:
    """What `teach` does once it is clear what is shown.

    Args:
        network: of which the stream that it answers with is asked.
        words: of K labels.
        shown: of some of them.
        way: as for `teach`, and so are the others.
        force: let examples serve that do not help.
        watch: called with examples done and all.

    Raises:
        LabelError: labels have stages, or too few labels have an example that can be read.
    """
    vectors, rows, errors = _vectors(network, shown, watch)
    place = {label: row for row, label in enumerate(words.labels)}
    targets = np.array([place[shown.videos[row].label] for row in rows], np.int64)
    read = {shown.videos[row].label for row in rows}
    notes = [*shown.notes, *_bare(words.labels, read, errors)]
    if len(read) < 2:
        raise LabelError(
            f"examples of {counted(len(read), 'label')} can be read; expected of two or more: what one label "
            f"takes from others shows on examples of those{_first(errors)}"
        )
    stamp = index_stamp(network, words) | stream_stamp(network)
    stamp |= {"num_frames": str(network.sampling.num_frames), "precision": network.precision}
    plain = index_of_labels(words, network)
    index = LabelIndex(plain.labels, plain.embeddings, fingerprint=stamp)
    given = Examples(vectors, targets, tuple(shown.facts[row] for row in rows))
    made, judgement = taught(index, given, network.logit_scale, way, force=force)
    notes += _doubts(made, judgement)
    return Taught(made, judgement, errors, tuple(notes))


def _doubts(labels: TaughtLabels, judgement: Judgement) -> list[str]:
    """A line for each pair of labels of which examples of one look like the other, by words and examples."""
    pairs = defaultdict[tuple[int, int], list[int]](list)
    for row in judgement.doubted.tolist():
        pairs[int(judgement.targets[row]), int(judgement.words[row])].append(row)
    names = labels.labels
    return [
        f"{counted(len(rows), 'example')} of {names[given]!r} (first: "
        f"{printable(labels.examples.videos[rows[0]].name)}) {'looks' if len(rows) == 1 else 'look'} like "
        f"{names[seen]!r} to the words and to the other examples: in the right folder?"
        for (given, seen), rows in pairs.items()
    ]


def _vectors(
    network: Model, shown: Shown, watch: Callable[[int, int], None] | None
) -> tuple[NDArray[np.float32], list[int], dict[str, str]]:
    """(m, D) vectors of the examples that can be read, their rows, and the errors of the others by path."""
    vectors, rows, errors = [], list[int](), dict[str, str]()
    paths = [str(video.path) for video in shown.videos]
    for row, (path, outcome) in enumerate(network.embed_sources(paths)):
        if isinstance(outcome, VideoError):
            errors[str(path)] = str(outcome)
        elif not outcome.any():
            errors[str(path)] = f"{printable(str(path))} stands still: {network.stream} sees nothing"
        else:
            vectors.append(outcome)
            rows.append(row)
        if watch is not None:
            watch(row + 1, len(paths))
    return np.array(vectors, np.float32).reshape(len(rows), network.embedding_dim), rows, errors


def _bare(labels: Sequence[str], read: set[str], errors: dict[str, str]) -> list[str]:
    """What is said of labels that have no example."""
    bare = [label for label in labels if label not in read]
    if not bare:
        return []
    more = f" and {counted(len(bare) - 1, 'other')}" if len(bare) > 1 else ""
    why = "no example that can be read" if errors else "no example"
    return [f"{bare[0]!r}{more} {'have' if more else 'has'} {why}: told by the words alone"]


def _first(errors: dict[str, str]) -> str:
    """The first error, behind another."""
    return f" ({next(iter(errors.values()))})" if errors else ""


def _shown(source: Path, known: Prompts | None) -> Shown:
    """What a folder or a table shows.

    Raises:
        DatasetError: there is nothing, or too much.
        LabelError: a label is none of those that are known, or a video has two.
    """
    notes: list[str] = []
    if source.is_dir():
        labels, videos = _in_folders(source, notes)
    elif source.exists():
        split = read_split(source)
        labels, videos = split.labels, split.videos
    else:
        raise DatasetError(f"{source} does not exist; expected a folder that holds a folder for each label")
    if not videos:
        raise DatasetError(
            f"{source} shows no video; expected {source}/LABEL/video, or a CSV file of path,label"
        )
    if known is not None:
        videos = relabeled(Split.of(source.name, videos), known.labels).videos
        labels = known.labels
    else:
        read_labels(labels, spaced=False)  # refuses what is hard to tell apart
    if len(labels) < 2:
        raise LabelError(
            f"{source} shows one label, {labels[0]!r}; expected two or more, so that there is something to "
            "tell apart"
        )
    if len(videos) > MOST:
        raise DatasetError(
            f"{source} shows {len(videos)} videos; expected {MOST} or fewer: `zeroshot train` takes more"
        )
    kept, facts = _each_once(source, videos, notes)
    return Shown(tuple(labels), kept, facts, tuple(notes))


def _in_folders(root: Path, notes: list[str]) -> tuple[tuple[str, ...], tuple[LabeledVideo, ...]]:
    """Labels and videos of a folder a label; what links lead out of the folder is left out, and said."""
    folders, loose = [], list[str]()
    with os.scandir(root) as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            if entry.name.startswith("."):
                continue
            if entry.is_symlink():
                notes.append(f"left out {printable(entry.name)}: a link, which is not followed")
            elif entry.is_dir():
                folders.append(entry)
            else:
                loose.append(entry.name)
    if loose:
        notes.append(
            f"left out {counted(len(loose), 'file')} beside the folders (first: {printable(loose[0])})"
        )
    labels, videos, beside = dict[str, None](), list[LabeledVideo](), LeftOut()
    for entry in folders:
        label = spaced_name(entry.name)
        labels[label] = None
        found = find_videos([entry.path], beside, {})
        inside = [path for path in found if not _leads_out(path, root)]
        videos += [LabeledVideo(str(path), label) for path in inside]
        if gone := len(found) - len(inside):
            notes.append(f"left out {counted(gone, 'video')} of {label!r}: links that lead out of {root}")
    return tuple(sorted(labels)), tuple(videos)


def _leads_out(path: Path, root: Path) -> bool:
    """Whether a file, or an image in a folder of images, is a link that leads out of the root."""
    inside = root.resolve()
    parts = [path, *path.iterdir()] if path.is_dir() else [path]
    return any(not part.resolve().is_relative_to(inside) for part in parts if part.is_symlink())


def _each_once(
    source: Path, videos: Sequence[LabeledVideo], notes: list[str]
) -> tuple[tuple[LabeledVideo, ...], tuple[ExampleVideo, ...]]:
    """Videos without copies of the same content under one label, and what is known of each.

    Raises:
        LabelError: the same content stands under two labels.
    """
    first: dict[str, LabeledVideo] = {}
    kept, facts, copies = list[LabeledVideo](), list[ExampleVideo](), defaultdict[str, int](int)
    root = source if source.is_dir() else source.parent
    for video in videos:
        path = Path(str(video.path))
        digest, system = file_digest(path) or "", file_facts(path)
        same = first.setdefault(digest or str(path.resolve()), video)
        if same.label != video.label:
            raise LabelError(
                f"{printable(str(path))} is given as {video.label!r} and, the same content, as "
                f"{same.label!r} ({printable(str(same.path))}); take one of them away"
            )
        if same is not video:
            copies[video.label] += 1
            continue
        kept.append(video)
        name = os.path.relpath(path, root)
        facts.append(ExampleVideo(name, digest, 0 if system is None else system.size))
    notes += [
        f"{counted(number, 'video')} of {label!r} {'is a copy' if number == 1 else 'are copies'} of others: "
        "counted once"
        for label, number in copies.items()
    ]
    return tuple(kept), tuple(facts)
