"""Accuracy on seen and unseen labels, and how much of it is scenery: outcomes video by video, divided once.

A metric is made in two steps. Scores (n, K) become one boolean a video (`correct` and its kin), whatever the
batches they came in; booleans become a figure with its interval.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import OptionError, require_whole
from zeroshot.statistics.intervals import Count, Estimate, paired_outcomes, paired_ratio, paired_table
from zeroshot.statistics.means import harmonic_mean
from zeroshot.statistics.ratio import Ratio

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray


def target_ranks(scores: ArrayLike, targets: ArrayLike) -> NDArray[np.int64]:
    """(n,) how many of all K labels stand before the target; 0 is the top.

    Of labels with equal scores the lower row stands first, so that a model that answers nothing (a still clip
    in the dynamic stream) is right as often as one that always says the first label.

    Args:
        scores: (n, K) cosines, logits or probabilities over all labels, not over the k shown.
        targets: (n,) integer rows.

    Raises:
        OptionError: other shapes, targets outside 0..K−1, or scores that are nan.
    """
    table, rows = _checked(scores, targets)
    own = np.take_along_axis(table, rows[:, None], 1)
    before = np.arange(table.shape[1]) < rows[:, None]
    ahead: NDArray[np.int64] = ((table > own) | ((table == own) & before)).sum(1)
    return ahead


def correct(scores: ArrayLike, targets: ArrayLike, k: int = 1) -> NDArray[np.bool_]:
    """(n,) whether the target is among the k best of all K labels.

    Args:
        scores: (n, K) over all labels.
        targets: (n,) integer rows.
        k: 1 or more.
    """
    require_whole("k", k)
    return target_ranks(scores, targets) < k


def accuracy(outcomes: ArrayLike) -> Estimate:
    """The share of true values among (n,) booleans with Wilson's interval: top-1, SCUBA and their like."""
    return Count.of(outcomes).estimate()


def class_counts(outcomes: ArrayLike, targets: ArrayLike, num_labels: int) -> NDArray[np.int64]:
    """(K, 2) hits and videos of each label: add those of batches, divide at the end.

    Args:
        outcomes: (n,) booleans.
        targets: (n,) integer rows.
        num_labels: K.
    """
    hits, rows = np.asarray(outcomes), np.asarray(targets)
    if hits.dtype != np.bool_ or hits.ndim != 1 or hits.shape != rows.shape:
        raise OptionError(
            f"outcomes are {hits.dtype} {hits.shape}; expected {rows.shape} booleans like the targets"
        )
    if len(rows) and not 0 <= rows.min() <= rows.max() < num_labels:
        raise OptionError(f"targets run from {rows.min()} to {rows.max()}; expected 0..{num_labels - 1}")
    videos = np.bincount(rows, minlength=num_labels)
    return np.column_stack([np.bincount(rows[hits], minlength=num_labels), videos])


def relative_accuracy(edited: ArrayLike, original: ArrayLike) -> Estimate:
    """Accuracy on edited clips over accuracy on the same clips unedited: BOR and HOR.

    BOR takes clips without their person, HOR clips with nothing but it; both keep the clip's label. Hits are
    added over all clips before the division: a mean of batches' ratios is another number. A clip and its edit
    are a pair, which the interval takes into account.

    Args:
        edited: (n,) booleans.
        original: (n,) booleans of the same clips in the same order.

    Source: Chung et al., NeurIPS 2022 (HAT).
    """
    return paired_ratio(paired_table(edited, original))


def swap_accuracies(
    scores: ArrayLike,
    person_targets: ArrayLike,
    background_targets: ArrayLike,
    videos: Sequence[str] | None = None,
) -> tuple[Ratio, Ratio]:
    """SHAcc and SBErr of clips that show one clip's person on another one's background.

    SBErr counts only clips whose two labels differ: where they agree the background's answer is no error.

    Args:
        scores: (n, K).
        person_targets: (n,) label of the clip that the person comes from: the right answer.
        background_targets: (n,) label of the clip that the background comes from: what who looks there says;
            −1 where there is none.
        videos: (n,) names, equal where clips are edits of one video; None: each is of another.

    Source: Chung et al., NeurIPS 2022 (HAT), whose own data set hands out the background's label.
    """
    table, person, background = np.asarray(scores), np.asarray(person_targets), np.asarray(background_targets)
    asked = (background != person) & (background >= 0)
    misled = correct(table[asked], background[asked])
    if videos is None:
        return Ratio.of(correct(table, person)), Ratio.of(misled)
    return Ratio.of(correct(table, person), videos), Ratio.of(misled, np.asarray(videos)[asked])


def contrast(scuba: ArrayLike, scufo: ArrayLike) -> NDArray[np.bool_]:
    """(n,) right on the moving clip and wrong on one of its frames repeated; its share is Contra.Acc.

    Args:
        scuba: (n,) booleans, the person on another background.
        scufo: (n,) booleans, one frame of the same clip, in the same order.

    Source: Li et al., ICCV 2023.
    """
    moving, still = paired_outcomes(scuba, scufo)
    return moving & ~still


@dataclass(frozen=True, eq=False)
class Edited:
    """What one stream says of n clips that were edited in one way.

    Attributes:
        scores: (n, K).
        targets: (n,) label of each clip, and of the person in each edit of it.
        others: (n,) label that the rest of a swap or a conflict speaks for: of the clip that the background
            comes from, or of the person who stands still beside; −1 where there is none.
        clips: names, equal where two edits are of one clip; None: every way has the same clips in one order.
        videos: names, equal where clips are of one video, before several pictures; None: each is of another.
    """

    scores: ArrayLike
    targets: ArrayLike
    others: ArrayLike | None = None
    clips: Sequence[str] | None = None
    videos: Sequence[str] | None = None

    def right(self) -> dict[str, bool]:
        """Clip → whether the answer is right."""
        outcomes = correct(self.scores, self.targets).tolist()
        return dict(zip(self.clips or [str(row) for row in range(len(outcomes))], outcomes, strict=True))


def bias_metrics(kinds: Mapping[str, Edited]) -> dict[str, Ratio]:
    """orig, bor, hor, shacc, sberr, scuba, scufo, afd, contra, conflfg, conflerr: those with clips.

    What compares two kinds counts the clips that are there in both.

    Args:
        kinds: of one stream of one model, by the name of the edit: `original`; `background-only`, without the
            person; `human-only`, nothing else; `swap`, or `swap-` and how it was paired (then `shacc-` and so
            on), the person on another clip's background; `scuba`, on a picture that tells nothing; `scufo`,
            one frame of that repeated; `conflict`, another person stands still beside; `afd`, noise moves.

    Raises:
        OptionError: swaps or conflicts without the label of the rest.
    """
    right = {kind: edited.right() for kind, edited in kinds.items()}

    video = {
        clip: name
        for edited in kinds.values()
        for clip, name in zip(edited.clips or (), edited.videos or edited.clips or (), strict=True)
    }

    def both(kind: str, other: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_], list[str]]:
        """Outcomes of the clips that are there in two kinds, and the video of each."""
        one, two = right.get(kind, {}), right.get(other, {})
        there = sorted(one.keys() & two.keys())
        pairs = [(one[clip], two[clip]) for clip in there]
        first, second = np.array(pairs, dtype=bool).reshape(-1, 2).T
        return first, second, [video.get(clip, clip) for clip in there]

    def share(kind: str) -> Ratio:
        outcomes = right.get(kind, {})
        return Ratio.of(np.array([*outcomes.values()], bool), [video.get(clip, clip) for clip in outcomes])

    metrics = {"orig": share("original")}
    for name, kind in (("bor", "background-only"), ("hor", "human-only")):
        edited, original, _ = both(kind, "original")
        ratio = relative_accuracy(edited, original)
        counts = int(edited.sum()), int(original.sum())
        metrics[name] = Ratio(ratio.value, ratio.low, ratio.high, ratio.n, *counts)
    for kind in kinds:
        if kind.startswith("swap"):
            ending = kind.removeprefix("swap")
            metrics[f"shacc{ending}"], metrics[f"sberr{ending}"] = _against_the_rest(kind, kinds[kind])
    metrics |= {kind: share(kind) for kind in ("scuba", "scufo", "afd")}
    moving, still, videos = both("scuba", "scufo")
    metrics["contra"] = Ratio.of(contrast(moving, still), videos)
    if "conflict" in kinds:
        metrics["conflfg"], metrics["conflerr"] = _against_the_rest("conflict", kinds["conflict"])
    return {name: metric for name, metric in metrics.items() if metric.n}


def _against_the_rest(kind: str, edited: Edited) -> tuple[Ratio, Ratio]:
    """Right about the person, and misled by the rest of the picture."""
    if edited.others is None:
        raise OptionError(
            f"{kind} comes without others; give the label that the rest of each clip speaks for"
        )
    return swap_accuracies(edited.scores, edited.targets, edited.others, edited.videos)


@dataclass(frozen=True)
class Generalized:
    """Accuracy where seen and unseen labels compete.

    Attributes:
        seen: S, top-1 on videos of seen labels.
        unseen: U, top-1 on videos of unseen labels.
        harmonic: H = 2SU / (S + U); 0 where both are.
    """

    seen: Estimate
    unseen: Estimate
    harmonic: Estimate


def generalized(scores: ArrayLike, targets: ArrayLike, seen: ArrayLike, gamma: float = 0.0) -> Generalized:
    """S, U and H of videos ranked over seen and unseen labels together.

    Args:
        scores: (n, K) over all labels.
        targets: (n,) integer rows.
        seen: (K,) booleans, the labels that had training videos.
        gamma: subtracted from the scores of seen labels, in their unit; choose it on seen data alone. 0 ranks
            as the model does.

    Raises:
        OptionError: no videos of seen, or none of unseen labels.
    Source: Xian et al. 2018 for H (over classes there, over videos here); Chao et al. 2016 for stacking.
    """
    table, rows = _checked(scores, targets)
    known = np.asarray(seen)
    if known.shape != table.shape[1:] or known.dtype != np.bool_:
        raise OptionError(
            f"seen is {known.dtype} of shape {known.shape}; expected ({table.shape[1]},) booleans"
        )
    right = correct(table - gamma * known, rows)
    of_seen = known[rows]
    if of_seen.all() or not of_seen.any():
        missing = "an unseen" if of_seen.all() else "a seen"
        raise OptionError(f"no video has {missing} label; H needs videos of seen and of unseen labels")
    columns = np.column_stack([right & of_seen, of_seen, right & ~of_seen, ~of_seen])
    return Generalized(accuracy(right[of_seen]), accuracy(right[~of_seen]), harmonic_mean(columns))


def pair_outcomes(
    scores: ArrayLike, targets: ArrayLike, pairs: Sequence[tuple[int, int]]
) -> NDArray[np.bool_]:
    """(m,) right between the two labels of a pair, for the m videos whose label has a partner.

    Raising against lowering an arm: the frames are the same, only their order tells; chance is one half.

    Args:
        scores: (n, K).
        targets: (n,) integer rows.
        pairs: rows of labels that differ in the order of frames alone; a label in one pair at most.
    """
    table, rows = _checked(scores, targets)
    named = [label for pair in pairs for label in pair]
    if len(set(named)) != len(named) or not set(named) <= set(range(table.shape[1])):
        raise OptionError(
            f"pairs are {list(pairs)}; expected rows 0..{table.shape[1] - 1}, each in one pair at most"
        )
    partner = np.full(table.shape[1], -1)
    for first, second in pairs:
        partner[first], partner[second] = second, first
    chosen = np.flatnonzero(partner[rows] >= 0)
    target, other = rows[chosen], partner[rows[chosen]]
    own, theirs = table[chosen, target], table[chosen, other]
    right: NDArray[np.bool_] = (own > theirs) | ((own == theirs) & (target < other))
    return right


def _checked(scores: ArrayLike, targets: ArrayLike) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
    """Scores (n, K) and targets (n,) that fit each other."""
    table, rows = np.asarray(scores), np.asarray(targets)
    if table.ndim != 2 or not np.issubdtype(table.dtype, np.floating):
        raise OptionError(f"scores are {table.dtype} of shape {table.shape}; expected floats (n, K)")
    if rows.shape != table.shape[:1] or not np.issubdtype(rows.dtype, np.integer):
        raise OptionError(
            f"targets are {rows.dtype} of shape {rows.shape}; expected ({len(table)},) integers"
        )
    if len(rows) and not 0 <= rows.min() <= rows.max() < table.shape[1]:
        raise OptionError(f"targets run from {rows.min()} to {rows.max()}; expected 0..{table.shape[1] - 1}")
    if (bad := np.isnan(table).any(1)).any():
        raise OptionError(f"the scores of video {int(np.argmax(bad))} are not numbers; look at its embedding")
    return table, rows.astype(np.int64)
