"""From scores to figures of one stream: rounds, their mean, labels, confusions, base against novel, H."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.datasets.evaluation_plan import BASE, NOVEL, SEVERAL_LABELS
from zeroshot.datasets.units import pool_key
from zeroshot.errors import counted
from zeroshot.evaluation.calibration import SEEN_COST, calibrate, calibration_rows
from zeroshot.evaluation.paper_look import mean_probabilities
from zeroshot.statistics.average_precision import mean_average_precision
from zeroshot.statistics.intervals import Count, Estimate
from zeroshot.statistics.means import harmonic_mean, mean_class_accuracy, share_over_rounds
from zeroshot.statistics.metrics import class_counts, generalized, target_ranks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from zeroshot.datasets.evaluation_plan import EvaluationPlan

NUM_CONFUSIONS = 20
MAP, ANY_LABEL = "mAP", "any label"
FEW = 10  # videos of a round


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one stream answered in one round.

    Attributes:
        rows: (m,) rows of the pool of videos.
        targets: (m,) row of the label; where a video has several, of the one that stands first.
        answers: (m,) row of the best label.
        ranks: (m,) how many labels stand before the right one.
        scores: (m, K) cosines, or probabilities where these are averaged over views.
        truth: (m, K) which labels are right, where a video has several; None where each has one.
    """

    rows: NDArray[np.int64]
    targets: NDArray[np.int64]
    answers: NDArray[np.int64]
    ranks: NDArray[np.int64]
    scores: NDArray[Any]
    truth: NDArray[np.bool_] | None = None


@dataclass(frozen=True, eq=False)
class RoundFigures:
    """Figures of one round.

    Attributes:
        name: of the round.
        num_labels: K.
        top1: hits among the videos that could be read.
        top5: the same among the five best.
        mean_class: accuracy of each label, averaged.
    """

    name: str
    num_labels: int
    top1: Count
    top5: Count
    mean_class: Estimate

    def as_dict(self) -> dict[str, Any]:
        """Counts first."""
        return {
            "name": self.name,
            "labels": self.num_labels,
            "chance": 1 / self.num_labels,
            **{
                name: {"hits": count.hits, "videos": count.total, **count.estimate().as_dict()}
                for name, count in (("top1", self.top1), ("top5", self.top5))
            },
            "mean_class": self.mean_class.as_dict(),
        }


@dataclass(frozen=True, eq=False)
class StreamFigures:
    """Figures of one stream of one model.

    Attributes:
        stream: clip, static, dynamic or fused.
        rounds: in the order of the plan.
        top1: mean over the rounds, of the first part where the plan has parts, see `share_over_rounds`;
            Wilson's interval for one round.
        top5: likewise.
        std: of top-1 over the rounds, with n − 1; None of one round.
        sides: base, novel, harmonic; or seen, unseen, harmonic and the same calibrated; mAP and top-1 by any
            label of videos with several; each part of a plan that has some; empty otherwise.
        gamma: what calibration subtracts from the scores of seen labels; None where nothing is calibrated.
        classes: (label, hits, videos) over all rounds, in the order of the plan.
        confusion: (K, K) videos of a row's label that were answered with a column's, over all rounds.
        outcomes: what the figures are made of.
        num_counted: so many of the first rounds are the figure, the others stand beside it; None: all are.
    """

    stream: str
    rounds: tuple[RoundFigures, ...]
    top1: Estimate
    top5: Estimate
    std: float | None
    sides: dict[str, Estimate]
    gamma: float | None
    classes: tuple[tuple[str, int, int], ...]
    confusion: NDArray[np.int64]
    outcomes: tuple[Outcome, ...] = field(repr=False)
    num_counted: int | None = None

    @property
    def headline(self) -> tuple[str, Estimate]:
        """The figure that stands for all: H where there are two sides, mAP of several labels, else top-1."""
        for name in ("harmonic_calibrated", "harmonic", MAP):
            if name in self.sides:
                return name, self.sides[name]
        return "top1", self.top1

    @property
    def confusions(self) -> list[tuple[str, str, int]]:
        """(label, answer, videos) of the most frequent errors."""
        wrong = self.confusion * (1 - np.eye(len(self.confusion), dtype=np.int64))
        order = np.argsort(-wrong, axis=None, kind="stable")[:NUM_CONFUSIONS]
        names = [label for label, _, _ in self.classes]
        pairs = [np.unravel_index(place, wrong.shape) for place in order]
        return [
            (names[int(row)], names[int(column)], int(wrong[row, column]))
            for row, column in pairs
            if wrong[row, column]
        ]

    @property
    def mean_class(self) -> float:
        """Accuracy of each label, averaged, then over the rounds."""
        shares = [one.mean_class.value for one in self.rounds[: self.num_counted]]
        return sum(shares) / len(shares)

    def as_dict(self) -> dict[str, Any]:
        """Rounds and means, without the outcomes of single videos."""
        name, estimate = self.headline
        return {
            "stream": self.stream,
            "headline": {"figure": name, **estimate.as_dict()},
            "top1": self.top1.as_dict(),
            "top5": self.top5.as_dict(),
            "std": self.std,
            "mean_class": self.mean_class,
            "sides": {name: side.as_dict() for name, side in self.sides.items()},
            "gamma": self.gamma,
            "rounds": [one.as_dict() for one in self.rounds],
            "classes": [
                {"label": label, "hits": hits, "videos": videos} for label, hits, videos in self.classes
            ],
            "confusions": [
                {"label": label, "answer": answer, "videos": count}
                for label, answer, count in self.confusions
            ],
        }


def stream_figures(
    stream: str,
    scores: NDArray[np.float32],
    plan: EvaluationPlan,
    readable: NDArray[np.bool_],
    seen_cost: float = SEEN_COST,
    scale: float = 1.0,
) -> StreamFigures:
    """The figures of one stream.

    Args:
        stream: its name.
        scores: (n, K) cosines of the plan's videos with the plan's labels; or (n, V, K) of V views, whose
            probabilities among the labels of each round are averaged.
        plan: of the protocol.
        readable: (n,) videos that every model could read; the others are left out.
        seen_cost: share of right answers on seen data that calibration may cost.
        scale: the model's own factor on cosines, for probabilities.
    """
    outcomes = round_outcomes(scores, plan, readable, scale)
    rounds = tuple(
        RoundFigures(
            one.name,
            len(one.labels),
            Count.of(outcome.ranks < 1),
            Count.of(outcome.ranks < 5),
            mean_class_accuracy(class_counts(outcome.ranks < 1, outcome.targets, len(one.labels))),
        )
        for one, outcome in zip(plan.rounds, outcomes, strict=True)
    )
    first = plan.num_counted
    top1, top5 = (mean_over_rounds(outcomes[:first], len(scores), k) for k in (1, 5))
    values = [one.top1.share for one in rounds[:first]]
    std = float(np.std(values, ddof=1)) if len(values) > 1 else None
    sides, gamma = _sides(plan, outcomes, len(scores), seen_cost)
    classes, confusion = _classes(plan, outcomes)
    parts = (rounds, top1, top5, std, sides, gamma, classes, confusion, tuple(outcomes), first)
    return StreamFigures(stream, *parts)


def intervals_in_words(figures: StreamFigures) -> str:
    """How the intervals are made, and where they hold the truth less often, or are wider, than they say."""
    words = (
        "95 %: Wilson's for a share, and for means over labels and rounds with the number of videos they "
        "are as sure as; for H from the shares that go with what was seen; Bonett and Price's for differences"
    )
    fewest = min(one.top1.total for one in figures.rounds)
    if fewest < FEW:
        words += (
            f"; a round has {counted(fewest, 'video')}: with fewer than {FEW} they hold the truth less often"
        )
    if single := sum(videos == 1 for _, _, videos in figures.classes):
        words += (
            f"; {counted(single, 'label')} with one video, which tells nothing of how a label's videos "
            "differ: the interval of the mean class is wider than need be"
        )
    return words


def round_outcomes(
    scores: NDArray[np.float32], plan: EvaluationPlan, readable: NDArray[np.bool_], scale: float = 1.0
) -> list[Outcome]:
    """What a stream answers in each round, the readable videos alone; arguments as for `stream_figures`."""
    column = {label: place for place, label in enumerate(plan.labels)}
    row_of = {pool_key(video): row for row, video in enumerate(plan.videos)}
    outcomes = []
    for one in plan.rounds:
        labels = {label: row for row, label in enumerate(one.labels)}
        kept = [video for video in one.videos if readable[row_of[pool_key(video)]]]
        rows: NDArray[np.int64] = np.array([row_of[pool_key(video)] for video in kept], np.int64)
        columns: NDArray[np.int64] = np.array([column[label] for label in one.labels], np.int64)
        if scores.ndim == 3:
            table: NDArray[Any] = mean_probabilities(scores[rows][:, :, columns], scale)
        else:
            table = scores[np.ix_(rows, columns)]
        targets: NDArray[np.int64] = np.array([labels[video.label] for video in kept], np.int64)
        truth = None
        if plan.shape == SEVERAL_LABELS:
            truth = np.zeros(table.shape, np.bool_)
            for row, video in enumerate(kept):
                truth[row, [labels[label] for label in video.labels]] = True
            targets = np.where(truth, table, -np.inf).argmax(1)
        answers = table.argmax(1) if len(rows) else np.zeros(0, np.int64)
        outcomes.append(Outcome(rows, targets, answers, target_ranks(table, targets), table, truth))
    return outcomes


def mean_over_rounds(outcomes: Sequence[Outcome], num_videos: int, k: int) -> Estimate:
    """Top-k averaged over rounds; a video that stands in several counts once."""
    if len(outcomes) == 1:
        return Count.of(outcomes[0].ranks < k).estimate()
    return share_over_rounds(round_columns(outcomes, num_videos, k))


def round_columns(outcomes: Sequence[Outcome], num_videos: int, k: int) -> NDArray[np.int64]:
    """(n, 2 R) for each video and round: whether it was right, and whether it took part."""
    columns = np.zeros((num_videos, 2 * len(outcomes)), np.int64)
    for place, outcome in enumerate(outcomes):
        columns[outcome.rows, 2 * place] = outcome.ranks < k
        columns[outcome.rows, 2 * place + 1] = 1
    return columns[columns[:, 1::2].any(1)]


def _sides(
    plan: EvaluationPlan, outcomes: Sequence[Outcome], num_videos: int, seen_cost: float
) -> tuple[dict[str, Estimate], float | None]:
    """What stands beside each other: parts, mAP, base and novel, or seen and unseen, calibrated too."""
    if plan.parts:
        return _parts(plan, outcomes, num_videos), None
    if (truth := outcomes[0].truth) is not None:
        (outcome,) = outcomes
        any_label = Count.of(outcome.ranks < 1).estimate()
        return {MAP: mean_average_precision(outcome.scores, truth), ANY_LABEL: any_label}, None
    if plan.shape == "sides":
        columns = round_columns(outcomes, num_videos, 1)
        counts = {
            one.name: Count.of(outcome.ranks < 1) for one, outcome in zip(plan.rounds, outcomes, strict=True)
        }
        return {
            BASE: counts[BASE].estimate(),
            NOVEL: counts[NOVEL].estimate(),
            "harmonic": harmonic_mean(columns),
        }, None
    if plan.shape != "generalized":
        return {}, None
    (one,), (outcome,) = plan.rounds, outcomes
    seen = np.array([label in one.expected_seen for label in one.labels])
    set_aside = calibration_rows(plan.videos, outcome.rows, seen[outcome.targets])
    gamma = calibrate(outcome.scores[set_aside], outcome.targets[set_aside], seen, seen_cost)
    tested = ~set_aside
    sides: dict[str, Estimate] = {}
    for ending, value in (("", 0.0), ("_calibrated", gamma)):
        found = generalized(outcome.scores[tested], outcome.targets[tested], seen, value)
        sides |= {
            f"seen{ending}": found.seen,
            f"unseen{ending}": found.unseen,
            f"harmonic{ending}": found.harmonic,
        }
    return sides, gamma


def _parts(plan: EvaluationPlan, outcomes: Sequence[Outcome], num_videos: int) -> dict[str, Estimate]:
    """Top-1 of each part of the plan."""
    found, start = {}, 0
    for name, length in plan.parts:
        found[name] = mean_over_rounds(outcomes[start : start + length], num_videos, 1)
        start += length
    return found


def _classes(
    plan: EvaluationPlan, outcomes: Sequence[Outcome]
) -> tuple[tuple[tuple[str, int, int], ...], NDArray[np.int64]]:
    """Hits and videos of each label, and the confusion matrix, added over the rounds of the first part."""
    place = {label: row for row, label in enumerate(plan.labels)}
    matrix = np.zeros((len(place), len(place)), np.int64)
    first = plan.num_counted
    for one, outcome in zip(plan.rounds[:first], outcomes[:first], strict=True):
        rows = np.array([place[label] for label in one.labels])
        np.add.at(matrix, (rows[outcome.targets], rows[outcome.answers]), 1)
    hits, videos = np.diag(matrix), matrix.sum(1)
    return tuple((label, int(hits[row]), int(videos[row])) for label, row in place.items()), matrix
