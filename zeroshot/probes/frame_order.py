"""How much the order of frames matters to a model on a data set, and what else its streams know.

Frames pass the network once: their tokens are then put into other orders, which is exact, since a frozen
backbone reads each frame by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.errors import LabelError, OptionError, counted
from zeroshot.probes.linear_and_dependence import (
    REARRANGEMENTS,
    SceneProbe,
    accuracy_drop,
    probe_scene,
    rearrange,
    stream_dependence,
)
from zeroshot.reports.machine import machine_facts
from zeroshot.statistics.intervals import Count, Estimate
from zeroshot.statistics.metrics import correct
from zeroshot.text.prompts import make_prompts, prompts_digest, templates_in_words
from zeroshot.waist.streams import vectors_by_stream
from zeroshot.waist.writer import write_waist

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from zeroshot.datasets.splits import Split
    from zeroshot.model.model import Model
    from zeroshot.text.prompts import TemplateSource
    from zeroshot.waist.waist import Waist

_NUM_FOLDS = 5
_ENOUGH = 20  # videos for the jackknife of the dependence


@dataclass(frozen=True)
class OrderDrop:
    """Accuracy with the frames in another order.

    Attributes:
        count: hits of all videos.
        drop: accuracy as filmed minus accuracy so, on the same videos, with its 95 % interval.
    """

    count: Count
    drop: Estimate

    def as_dict(self) -> dict[str, Any]:
        """Counts first."""
        accuracy = self.count.estimate()
        return {
            "hits": self.count.hits,
            "videos": self.count.total,
            "accuracy": accuracy.as_dict(),
            "drop": self.drop.as_dict(),
        }


@dataclass(frozen=True)
class StreamProbe:
    """What one stream knows.

    Attributes:
        intact: hits with the frames as filmed.
        orders: shuffled, reversed, frozen → what is left.
        scene: how well a linear classifier reads the scene from it; None where too few are known.
    """

    intact: Count
    orders: Mapping[str, OrderDrop]
    scene: SceneProbe | None

    def as_dict(self) -> dict[str, Any]:
        """Counts first."""
        scene: dict[str, Any] | None = None
        if self.scene is not None:
            found, accuracy = self.scene.count, self.scene.accuracy.as_dict()
            chance = self.scene.chance
            scene = {"hits": found.hits, "videos": found.total, "chance": chance, "accuracy": accuracy}
        return {
            "intact": {
                "hits": self.intact.hits,
                "videos": self.intact.total,
                "accuracy": self.intact.estimate().as_dict(),
            },
            "orders": {name: order.as_dict() for name, order in self.orders.items()},
            "scene": scene,
        }


@dataclass(frozen=True)
class ProbeReport:
    """What the streams of one model know on one split.

    Attributes:
        split: its name.
        model: its name.
        labels: K labels that were ranked.
        num_frames: T; with one frame no order can matter.
        streams: stream → its probes.
        dependence: normalized HSIC of static and dynamic; None without an adapter or of fewer than 20 videos.
        failures: (video, reason) of those that could not be read.
        notes: what was not probed, and why.
        record: digests, templates, seed, machine and versions: what another needs to repeat it.
    """

    split: str
    model: str
    labels: tuple[str, ...]
    num_frames: int
    streams: Mapping[str, StreamProbe]
    dependence: Estimate | None
    failures: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    record: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "split": self.split,
            "model": self.model,
            "labels": list(self.labels),
            "chance": 1 / len(self.labels),
            "num_frames": self.num_frames,
            "streams": {name: stream.as_dict() for name, stream in self.streams.items()},
            "dependence": None if self.dependence is None else self.dependence.as_dict(),
            "failures": [list(failure) for failure in self.failures],
            "notes": list(self.notes),
            "record": dict(self.record),
        }


def probe_streams(
    split: Split,
    model: Model,
    cache: str | os.PathLike[str],
    *,
    templates: TemplateSource = None,
    spaced: bool = True,
    seed: int = 0,
    advance: Callable[[int, int], None] | None = None,
) -> ProbeReport:
    """Accuracy of each stream as filmed, shuffled, reversed and frozen; its knowledge of the scene; NHSIC.

    Args:
        split: labeled videos; with scenes for the scene probe.
        model: whose backbone has patch tokens.
        cache: folder of tokens, which a second call finds.
        templates: prompts of the labels; None for the bare label.
        spaced: write CamelCase and under_scores in labels as words.
        seed: of the shuffle and the folds.
        advance: is called with videos done and videos to do.

    Raises:
        LabelError: fewer than two labels.
        ModelError: the backbone has no patch tokens.
        VideoError: no video could be read.
    """
    if len(split.labels) < 2:
        raise LabelError(f"{split.name} has the label {split.labels[0]!r} alone; a probe needs 2 or more")
    waist = write_waist(model, split.videos, Path(cache), advance=advance)
    prompts = make_prompts(list(split.labels), templates, spaced=spaced)
    found = probe_waist(waist, model, split.labels, model.embed_prompts(prompts), seed=seed, name=split.name)
    record = {
        "videos": split.digest,
        "templates": templates_in_words(templates),
        "prompts": prompts_digest(prompts),
        "seed": seed,
        "weights": model.fingerprint[:16],
        "adapter": model.adapter_fingerprint and model.adapter_fingerprint[:16],
        **machine_facts(),
    }
    return replace(found, record=record)


def probe_waist(
    waist: Waist,
    model: Model,
    labels: Sequence[str],
    texts: NDArray[np.float32],
    *,
    seed: int = 0,
    name: str = "tokens",
) -> ProbeReport:
    """The same of tokens that are there.

    Args:
        waist: n videos with labels.
        model: whose backbone made them.
        labels: K labels.
        texts: (K, D) their embeddings.
        seed: of the shuffle and the folds.
        name: of the split.

    Raises:
        LabelError: a video's label is not among the K.
        OptionError: tokens of another backbone.
    """
    places = {label: row for row, label in enumerate(labels)}
    if missing := sorted(set(waist.labels) - set(places)):
        raise LabelError(f"label {missing[0]!r} of the videos is not among the {len(places)} ranked")
    targets = np.array([places[label] for label in waist.labels])
    intact = vectors_by_stream(model, waist)
    right = {stream: correct(rows @ texts.T, targets) for stream, rows in intact.items()}
    orders: dict[str, dict[str, OrderDrop]] = {stream: {} for stream in intact}
    for order in REARRANGEMENTS:
        edited = vectors_by_stream(model, waist, partial(rearrange, order=order, seed=seed))
        for stream, rows in edited.items():
            outcomes = correct(rows @ texts.T, targets)
            drop = accuracy_drop(right[stream], outcomes)
            orders[stream][order] = OrderDrop(Count.of(outcomes), drop)
    scenes, notes = _scenes(intact, waist, seed)
    streams = {
        stream: StreamProbe(Count.of(right[stream]), orders[stream], scenes.get(stream)) for stream in intact
    }
    dependence = None
    if {"static", "dynamic"} <= set(intact) and len(waist) >= _ENOUGH:
        dependence = stream_dependence(intact["static"], intact["dynamic"], seed=seed)
    return ProbeReport(
        name,
        model.name,
        tuple(labels),
        waist.settings.num_frames,
        streams,
        dependence,
        waist.failures,
        tuple(notes),
    )


def _scenes(
    vectors: Mapping[str, NDArray[np.float32]], waist: Waist, seed: int
) -> tuple[dict[str, SceneProbe], list[str]]:
    """Stream → scene probe on the videos whose scene is known; or why there is none."""
    known = np.array([scene is not None for scene in waist.scenes], dtype=bool)
    if not known.any():
        return {}, ["no scene probe: no video has a scene"]
    names, scenes = np.unique(
        [str(scene) for scene in waist.scenes if scene is not None], return_inverse=True
    )
    keys = np.unique([row.key for row in waist.rows], return_inverse=True)[1][known]
    notes = [] if known.all() else [f"the scene is known of {known.sum()} of {len(known)} videos"]
    if len(names) < 2 or len(set(keys.tolist())) < _NUM_FOLDS:
        return {}, [
            *notes,
            f"no scene probe: {counted(len(names), 'scene')} in {counted(len(set(keys.tolist())), 'video')}, "
            f"expected 2 or more in {_NUM_FOLDS}",
        ]
    try:
        probes = {
            stream: probe_scene(rows[known], scenes, groups=keys, num_folds=_NUM_FOLDS, seed=seed)
            for stream, rows in vectors.items()
        }
    except OptionError as error:
        return {}, [*notes, f"no scene probe: {error}"]
    return probes, notes
