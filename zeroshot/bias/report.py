"""What a model decides by: counts of each set, then ratios of the counts, each with its interval."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.bias.manifest import COPY, KINDS, PICTURED, SWAPS
from zeroshot.errors import LabelError, OptionError, counted
from zeroshot.reports.schema import head
from zeroshot.statistics.metrics import Edited, bias_metrics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from zeroshot.bias.manifest import BiasRow
    from zeroshot.statistics.intervals import Estimate
    from zeroshot.statistics.ratio import Ratio


@dataclass(frozen=True)
class ModelBias:
    """The figures of one model.

    Attributes:
        model: its name.
        streams: stream → metric → hits over a total.
        dependence: normalized HSIC between the static and the dynamic stream on the original clips; None
            without an adapter, or of fewer than 20 clips.
        fingerprint: of the network, and of the adapter where there is one.
        facts: what else its figures depend on: frames and views, precision.
    """

    model: str
    streams: Mapping[str, Mapping[str, Ratio]]
    dependence: Estimate | None = None
    fingerprint: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "model": self.model,
            "fingerprint": self.fingerprint,
            **self.facts,
            "dependence": None if self.dependence is None else self.dependence.as_dict(),
            "streams": {
                stream: {metric: ratio.as_dict() for metric, ratio in metrics.items()}
                for stream, metrics in self.streams.items()
            },
        }


@dataclass(frozen=True)
class BiasReport:
    """How much of the accuracy of some models is scenery.

    Attributes:
        sets: where the videos lie.
        labels: K labels that were ranked.
        counts: kind → videos scored.
        models: in the order asked.
        settings: how the sets were made.
        banner: what must not be missed about the masks, see `guessed.banner`; empty where they are exact.
        differences: from the sets of the papers, a line each.
        failures: (video, reason) of those left out for all models.
        record: machine, versions and what else lets another repeat it.
    """

    sets: str
    labels: tuple[str, ...]
    counts: Mapping[str, int]
    models: tuple[ModelBias, ...]
    settings: Mapping[str, Any]
    banner: str = ""
    differences: tuple[str, ...] = ()
    failures: tuple[tuple[str, str], ...] = ()
    record: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it: counts first."""
        return {
            **head("bias"),
            "sets": self.sets,
            "banner": self.banner,
            "counts": dict(self.counts),
            "labels": list(self.labels),
            "chance": 1 / len(self.labels),
            "models": [model.as_dict() for model in self.models],
            "settings": dict(self.settings),
            "differences": list(self.differences),
            "failures": [list(failure) for failure in self.failures],
            "record": dict(self.record),
        }


def stream_metrics(
    rows: Sequence[BiasRow], scores: NDArray[np.float32], labels: Sequence[str]
) -> dict[str, Ratio]:
    """The metrics of one stream: those whose clips are there.

    Args:
        rows: n videos of any kinds in any order.
        scores: (n, K) of them.
        labels: K labels.

    Raises:
        OptionError: scores of another number of videos.
        LabelError: a row's label is not among the K.
    """
    if len(scores) != len(rows):
        raise OptionError(f"{len(scores)} rows of scores for {len(rows)} videos; expected one each")
    targets = target_rows(labels, [row.label for row in rows])
    rest = [row.bystander_label if row.kind == "conflict" else row.background_label for row in rows]
    others = np.full(len(rows), -1)
    for kind in (*SWAPS, "conflict"):
        named = [place for place, row in enumerate(rows) if row.kind == kind and rest[place]]
        others[named] = target_rows(labels, [rest[place] for place in named])
    kinds = {}
    for kind in KINDS:
        if here := [place for place, row in enumerate(rows) if row.kind == kind]:
            videos = [rows[place].clip for place in here]
            clips = [f"{rows[place].clip}{COPY}{rows[place].copy}" for place in here]
            names = clips if kind in PICTURED else videos
            kinds[kind] = Edited(scores[here], targets[here], others[here], names, videos)
    return bias_metrics(kinds)


def target_rows(labels: Sequence[str], wanted: Sequence[str]) -> NDArray[np.int64]:
    """(n,) row of each of n labels among the K that are ranked.

    Raises:
        LabelError: one is not among them.
    """
    places = {label: row for row, label in enumerate(labels)}
    if missing := sorted(set(wanted) - set(places)):
        raise LabelError(
            f"{counted(len(missing), 'label')} of the sets cannot be ranked (first: {missing[0]!r}): "
            f"not among the {len(places)} given; rank the labels that the sets were made with"
        )
    return np.array([places[label] for label in wanted], dtype=np.int64)
