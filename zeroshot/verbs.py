"""Commands as functions, where the work of the command is more than one call of a room."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zeroshot.batch.engine import LocalEngine, fill_table
from zeroshot.batch.label_rows import index_of_labels, require_index_place
from zeroshot.batch.table import LAYOUT, EmbeddingTable, require_window, settings_of
from zeroshot.checkpoint import DEFAULT_MODEL, NO_STREAM, load_model, require_model
from zeroshot.checks import Checks, model_given, refuse_taught
from zeroshot.classifier import load
from zeroshot.errors import OptionError, VideoError
from zeroshot.index.recall import check_recall
from zeroshot.model.encoder import bar
from zeroshot.resources import from_home
from zeroshot.store.folder import require_room
from zeroshot.synthetic.dataset import write_puppet_videos
from zeroshot.synthetic.surroundings import Surroundings
from zeroshot.synthetic.world import View
from zeroshot.text.prompts import make_prompts
from zeroshot.types import Prompts
from zeroshot.video.find import videos_in
from zeroshot.video.live.source import live_source
from zeroshot.video.sampling import Window
from zeroshot.video.source import Refused, is_path, name_of

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from zeroshot.events.watching import StreamEvent, Watching
    from zeroshot.index.index import LabelIndex
    from zeroshot.model.model import Model
    from zeroshot.rejection.rejection import RejectSource
    from zeroshot.text.prompts import LabelSource, TemplateSource
    from zeroshot.text.stages import StageSource
    from zeroshot.types import Ranking, Segment
    from zeroshot.video.source import VideoSource

ModelSource = str | os.PathLike[str]
_WORLDS: dict[str, Surroundings | None] = {"plain": None, "compositional": Surroundings()}


def classify(
    videos: VideoSource | Iterable[VideoSource],
    labels: LabelSource | None = None,
    *,
    model: ModelSource | Model = DEFAULT_MODEL,
    templates: TemplateSource = None,
    stages: StageSource = None,
    index: str | Path | None = None,
    k: int = 5,
    reject: RejectSource = None,
) -> list[Ranking]:
    """One Ranking a video, in the order given: as `zeroshot classify`.

    For more than one call, or more videos than fit a list, keep what `load` gives and ask its `rank_many`.

    Args:
        videos: as for `Model.embed_videos`: paths, folders, patterns, …; one that fails has its error as its
            row.
        labels: as for `load`.
        model: as for `load`.
        templates: as for `load`.
        stages: as for `load`.
        index: as for `load`.
        k: how many predictions each.
        reject: as for `load`; "none of these" is then one prediction more.

    Raises:
        ZeroshotError: labels or model cannot be used.
    """
    classifier = load(model, labels, templates=templates, stages=stages, index=index, reject=reject)
    with classifier if classifier.model is not model else nullcontext():
        return list(classifier.rank_many(videos, k))


def timeline(  # noqa: PLR0913 - all that `load` and `Classifier.timeline` are asked
    video: VideoSource,
    labels: LabelSource,
    *,
    model: ModelSource | Model = DEFAULT_MODEL,
    templates: TemplateSource = None,
    stages: StageSource = None,
    window_seconds: float = 4.0,
    stride_seconds: float | None = None,
    k: int = 3,
    merge: bool = False,
    reject: RejectSource = None,
) -> list[Segment]:
    """Segments of a long video with their k best labels, in time order: `zeroshot timeline`.

    Args:
        video: as for `Classifier.timeline`.
        labels: as for `load`.
        model: as for `load`.
        templates: as for `load`.
        stages: as for `load`.
        window_seconds: as for `Classifier.timeline`.
        stride_seconds: as for `Classifier.timeline`.
        k: how many predictions each.
        merge: as for `Classifier.timeline`.
        reject: as for `load`; "none of these" is then one prediction more.

    Raises:
        ZeroshotError: the video, labels or model cannot be used.
    """
    classifier = load(model, labels, templates=templates, stages=stages, reject=reject)
    with classifier if classifier.model is not model else nullcontext():
        return classifier.timeline(video, window_seconds, stride_seconds, k, merge=merge)


def watch(
    source: str | os.PathLike[str],
    labels: LabelSource,
    *,
    model: ModelSource | Model = DEFAULT_MODEL,
    templates: TemplateSource = None,
    stages: StageSource = None,
    watching: Watching | None = None,
    stop: threading.Event | None = None,
) -> Iterator[StreamEvent]:
    """Events of a source that goes on, as they begin and end: `zeroshot watch`.

    Args:
        source: as for `Classifier.watch`.
        labels: as for `load`.
        model: as for `load`.
        templates: as for `load`.
        stages: as for `load`.
        watching: as for `Classifier.watch`.
        stop: as for `Classifier.watch`.

    Raises:
        ZeroshotError: the source, labels or model cannot be used.
    """
    live_source(source)
    classifier = load(model, labels, templates=templates, stages=stages)
    with classifier if classifier.model is not model else nullcontext():
        yield from classifier.watch(source, watching=watching, stop=stop)


@dataclass(frozen=True)
class Embedded:
    """What `embed` did.

    Attributes:
        folder: of Parquet parts, to be read with `zeroshot.read_embeddings`, pandas, polars or DuckDB.
        num_videos: that were asked for.
        num_read: of these were decoded now; the others have rows already, or are copies.
        errors: path → one line, of each video that cannot be read, now or in an earlier run.
    """

    folder: str
    num_videos: int
    num_read: int
    errors: dict[str, str] = field(default_factory=dict)


def embed(
    videos: VideoSource | Iterable[VideoSource],
    output: str | os.PathLike[str],
    *,
    model: ModelSource | Model = DEFAULT_MODEL,
    window_seconds: float | None = None,
    stride_seconds: float | None = None,
    drifts: bool = False,
    retry: bool = False,
    progress: bool = False,
) -> Embedded:
    """Rows of embeddings in a folder of Parquet: as `zeroshot embed`.

    Interrupted or killed, the same call goes on where it ended, and reads again what changed since.

    Args:
        videos: paths, folders and patterns; rows are kept by path, so nothing that has none.
        output: the folder, made where it is missing.
        model: its name, or a Model, as from `load_model(name, precision="fast")`.
        window_seconds: one row a stretch of so many seconds; None: one row a video.
        stride_seconds: from window to window; None: the window.
        drifts: keep which way the frames go, too, as labels with stages, and searches for an order, need.
        retry: read again what failed in an earlier run.
        progress: a bar on stderr counts videos.

    Raises:
        OptionError: a stride without a window.
        VideoError: a video is no path.
        OutputError: the folder cannot be written, or holds something else.
        ModelError: the model cannot be used.
    """
    if window_seconds is None and stride_seconds is not None:
        raise OptionError("stride_seconds is given without window_seconds; expected the length of a window")
    folder, named, first = from_home(output), model_given(model), Checks()
    stretch = first.add(
        "options", lambda: None if window_seconds is None else Window.of(window_seconds, stride_seconds)
    )
    found = first.add("videos", lambda: _paths(videos))
    first.add("output", lambda: require_room(folder, LAYOUT))
    first.add("output", lambda: require_window(folder, stretch()))
    if isinstance(named, str):
        first.add("model", lambda: require_model(named))
    first.run()
    window, (paths, errors) = stretch(), found()
    network = load_model(named, encodes=("frames",)) if isinstance(named, str) else named
    network.settle(paths)
    table = EmbeddingTable(folder, settings_of(network, window, drifts=drifts))
    passing = bar(paths, paths, shown=progress)
    with network if network is not model else nullcontext(), table:
        num_read = sum(
            1 for _ in fill_table(table, LocalEngine(network, window, drifts=drifts), passing, retry=retry)
        )
        for path in filter(table.has_failed, paths):
            errors[path] = next(row.error for row in table.recorded(path) if row.error)
    return Embedded(folder, len(paths) + len(errors.keys() - set(paths)), num_read, errors)


def _paths(videos: VideoSource | Iterable[VideoSource]) -> tuple[list[str], dict[str, str]]:
    """Paths of videos, each once, and the errors of what stands for none."""
    paths: dict[str, None] = {}
    errors: dict[str, str] = {}
    for video in videos_in(videos):
        if isinstance(video, Refused):
            errors[video.name] = str(video.error)
        elif is_path(video):
            paths[os.fspath(video)] = None
        else:
            raise VideoError(
                f"{name_of(video)} has no path, by which rows are kept; save it as a file, or use "
                "Model.embed_videos"
            )
    return list(paths), errors


def synthesize(  # noqa: PLR0913 - all that the command is asked
    output: str | os.PathLike[str],
    num_videos: int = 100,
    *,
    coupling: float = 0.0,
    seed: int = 0,
    num_frames: int | None = None,
    size: int | None = None,
    truth: bool = False,
    world: str | Surroundings = "plain",
    combinations: str = "all",
) -> list[Path]:
    """Paths of the puppet videos written to a folder, and videos.csv: as `zeroshot synthesize`.

    Args:
        output: the folder.
        num_videos: how many.
        coupling: share of the videos in their action's home scene, 0 to 1.
        seed: of everything.
        num_frames: of each video; None: see `View`.
        size: height and width in pixels; None: see `View`.
        truth: without any loss, masks and backgrounds beside the videos.
        world: plain, compositional, or the `Surroundings` of a compositional one.
        combinations: of a compositional world all, seen (those to train on), or unseen.

    Raises:
        OptionError: an impossible number, or combinations of a plain world.
        OutputError: the folder cannot be written.
    """
    view = View.of(num_frames, size)
    if isinstance(world, str) and world not in _WORLDS:
        raise OptionError(f"world is {world!r}; expected {' or '.join(_WORLDS)}, or Surroundings")
    around = _WORLDS[world] if isinstance(world, str) else world
    if around is None and combinations != "all":
        raise OptionError(
            f"combinations is {combinations!r}, which is of the compositional world; "
            'give world="compositional"'
        )
    return list(
        write_puppet_videos(
            output,
            num_videos,
            coupling=coupling,
            seed=seed,
            view=view,
            truth=truth,
            surroundings=around,
            combinations=combinations,
        )
    )


def build_index(
    labels: LabelSource | Prompts,
    *,
    output: str | Path | None = None,
    model: ModelSource | Model = DEFAULT_MODEL,
    templates: TemplateSource = None,
    spaced: bool = True,
    recall: float | None = None,
    queries: NDArray[np.float32] | None = None,
    watch: Callable[[str, int, int], None] | None = None,
) -> LabelIndex:
    """The K labels with their (K, D) embeddings, stamped with what made them: what `zeroshot index` does.

    With an output the index is written there. A call that was interrupted goes on where it ended; of an index
    of the same labels and model that is there already only the search is set anew.

    Args:
        labels: as for `load`, or Prompts, which have their templates, and stages, filled in already.
        output: the file that `load(model, index=…)` reads; None: in memory alone.
        model: as for `load`; for another device than the best there is, a Model.
        templates: as for `load`.
        spaced: as for `load`.
        recall: share of the 5 nearest labels that a search must find; None: see `LabelIndex.with_cells`.
        queries: (n, D) vectors of videos to measure recall on, such as `VideoIndex(folder).vectors`.
        watch: called with what is done ("labels" are encoded, "cells" made; "there": all were encoded
            before), how many of it are done, and of how many.

    Raises:
        ZeroshotError: one line that names what cannot be used, or written, and the remedy.
    """
    named = model_given(model)
    first = Checks()
    if recall is not None:
        first.add("options", lambda: check_recall(recall))
    first.add("words", lambda: refuse_taught(labels, "index"))
    prompts = first.add(
        "words",
        lambda: labels if isinstance(labels, Prompts) else make_prompts(labels, templates, spaced=spaced),
    )
    if output is not None:
        first.add("output", lambda: require_index_place(output))
    if isinstance(named, str):
        first.add("model", lambda: require_model(named, stream=NO_STREAM))
    first.run()
    network = load_model(named, stream=NO_STREAM, encodes=("texts",)) if isinstance(named, str) else named
    return index_of_labels(prompts(), network, output=output, recall=recall, queries=queries, watch=watch)
