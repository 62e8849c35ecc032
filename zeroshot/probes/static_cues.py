"""What a model leans on that one frame shows: found without masks or names of scenes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from zeroshot.index.centres import nearest_centres, spherical_centres
from zeroshot.index.exact import probabilities
from zeroshot.probes.probe import Finding, spoken
from zeroshot.reports.document import Picture, Pictures, Table
from zeroshot.reports.thumbnails import frame_strip

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from zeroshot.probes.subject import Clips, Subject

_FRAMES_A_CLIP = 3
_NUM_CLUSTERS = (2, 3, 5, 7, 10, 15, 20, 30)
_LEAST_COST = 0.1  # in accuracy
_FREQUENCIES = (0.15, 0.85)
_MOST_SHOWN = 6
_PICTURE_HEIGHT = 96
_SURE = 0.05
_TITLE = "Looks that cost answers"
_NOTHING = "No kind of frame costs any label's clips more answers than chance may."
_MEANINGS = {
    "costs": "accuracy on a label's clips without such frames minus accuracy on those with them",
    "pulls": "how probable the wrong answer is from one such frame alone, of clips answered wrongly",
    "p": "that chance alone gives such a cost, Bonferroni's correction made for all that was looked at",
}


@dataclass(frozen=True)
class Cue:
    """A kind of frame that goes with wrong answers.

    Attributes:
        stream: that answered.
        label: whose clips it costs.
        answer: what they are mostly taken for.
        cost: accuracy without such frames minus accuracy with them, in [0, 1].
        pull: mean probability of the wrong answers from one such frame alone.
        frequency: share of the label's clips that show such a frame.
        p_value: that chance alone gives such a cost, times the number of labels and clusters looked at.
        clip: row of the clip with the most typical such frame.
        frame: its number in the clip.
        clips: rows of the clips that have such frames.
    """

    stream: str
    label: str
    answer: str
    cost: float
    pull: float
    frequency: float
    p_value: float
    clip: int
    frame: int
    clips: tuple[int, ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {**vars(self), "clips": list(self.clips)}


def static_cues(subject: Subject, clips: Clips) -> Finding:
    """The kinds of frames that cost each stream most, with the most typical frame of each.

    Source: Varma et al., "TRoVe", NeurIPS 2025: clusters of frames by what the model itself sees in them,
    error with and without them, and what one frame alone makes the model say.
    """
    answers = clips.ask(subject.answer)
    moments = _moments(clips)
    stills = {moment: partial(_still, moment=moment) for moment in moments}
    looks = [clips.ask(subject.units, edit) for edit in stills.values()]
    layer = next((name for name in ("static", "clip") if name in looks[0]), next(iter(looks[0])))
    frames = np.stack([rows[layer] for rows in looks], axis=1)
    alone = [clips.ask(subject.answer, edit) for edit in stills.values()]
    clusters = cluster_frames(frames, clips.seed)
    cues = []
    for stream, scores in answers.items():
        single = np.stack([probabilities(rows[stream], subject.scale) for rows in alone], axis=1)
        found = find_cues(np.asarray(scores), single, clips.targets, clusters)
        cues += [_cue(stream, each, clips, frames, clusters, moments) for each in found]
    shown = sorted(cues, key=lambda cue: (cue.p_value > _SURE, -(cue.cost + cue.pull)))[:_MOST_SHOWN]
    sure = [cue for cue in shown if cue.p_value <= _SURE]
    rows = [
        (
            cue.stream,
            cue.label,
            cue.answer,
            *(f"{each:.0%}" for each in (cue.cost, cue.pull, cue.frequency)),
            _p(cue),
        )
        for cue in shown
    ]
    header = ("stream", "label", "mostly taken for", "costs", "pulls", "of its clips", "p")
    return Finding(
        _TITLE,
        Table(header, rows) if rows else None,
        lines=() if sure else (_NOTHING,),
        meanings=_MEANINGS,
        by_stream={f"{cue.stream}, {place}": cue for place, cue in enumerate(shown)},
        charts=_pictures(shown, clips),
        verdict=_verdict(subject.stream, sure),
    )


def _p(cue: Cue) -> str:
    """Its p, as tables have it."""
    return f"{cue.p_value:.3f}" if cue.p_value >= 0.001 else "< 0.001"


def _verdict(stream: str, sure: list[Cue]) -> str:
    """Of the costliest kind of frame for the stream that answers."""
    own = [cue for cue in sure if cue.stream == stream]
    if not own:
        return ""
    return f"A kind of frame costs {spoken(stream)} {100 * own[0].cost:.0f} points on {own[0].label!r}."


@dataclass(frozen=True)
class _Costly:
    """A cluster that costs a label: numbers alone."""

    target: int
    cluster: int
    cost: float
    pull: float
    frequency: float
    p_value: float
    answer: int


def find_cues(
    scores: NDArray[Any],
    alone: NDArray[np.float64],
    targets: NDArray[np.int64],
    clusters: NDArray[np.int64],
) -> list[_Costly]:
    """The clusters of frames that cost a label's clips their answers, the costliest first.

    A cluster is kept for a label where between 15 and 85 % of the label's clips have a frame of it,
    accuracy is more than 10 points lower on those, and one such frame alone makes the wrong answer
    likelier than chance.

    Args:
        scores: (n, K) of whole clips.
        alone: (n, F, K) probabilities of the labels from each of F frames by itself.
        targets: (n,).
        clusters: (n, F) number of each frame's cluster.
    """
    answers = scores.argmax(1)
    right, found, looked = answers == targets, [], 0
    said = np.take_along_axis(alone, answers[:, None, None], axis=2)[..., 0]
    for target in np.unique(targets):
        own = targets == target
        for cluster in np.unique(clusters[own]):
            inside = clusters == cluster
            having = own & inside.any(1)
            frequency = having.sum() / own.sum()
            if not _FREQUENCIES[0] <= frequency <= _FREQUENCIES[1]:
                continue
            looked += 1
            cost = right[own & ~having].mean() - right[having].mean()
            wrong = having & ~right
            if cost <= _LEAST_COST or not wrong.any():
                continue
            pull = said[wrong][inside[wrong]].mean()
            if pull > 1 / scores.shape[1]:
                common = int(np.bincount(answers[wrong]).argmax())
                p_value = fewer_by_chance(right[having], right[own & ~having])
                found.append(
                    _Costly(
                        int(target), int(cluster), float(cost), float(pull), float(frequency), p_value, common
                    )
                )
    corrected = [replace(each, p_value=min(1.0, looked * each.p_value)) for each in found]
    return sorted(corrected, key=lambda each: -(each.cost + each.pull))


def fewer_by_chance(having: NDArray[np.bool_], others: NDArray[np.bool_]) -> float:
    """The probability of so few hits among the first, or fewer, by chance: Fisher's exact test."""
    hits, size, total = int(having.sum() + others.sum()), len(having), len(having) + len(others)
    ways = sum(math.comb(hits, k) * math.comb(total - hits, size - k) for k in range(int(having.sum()) + 1))
    return ways / math.comb(total, size)


def cluster_frames(frames: NDArray[Any], seed: int = 0) -> NDArray[np.int64]:
    """(n, F) cluster of each frame's row (n, F, U): spherical k-means, how many by silhouette."""
    flat = np.asarray(frames, np.float32).reshape(-1, frames.shape[-1])
    flat = flat - flat.mean(0)
    rows = np.ascontiguousarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12))
    best, homes = -np.inf, np.zeros(len(rows), np.int64)
    for number in _NUM_CLUSTERS:
        if 2 * number > len(rows):
            continue
        draw = np.random.default_rng(seed)
        centres = spherical_centres(rows, number, draw, starts=_far_apart(rows, number, draw))
        found = nearest_centres(rows, centres)
        if (score := _silhouette(rows, found)) > best:
            best, homes = score, found
    result: NDArray[np.int64] = homes.reshape(frames.shape[:2])
    return result


def _far_apart(rows: NDArray[np.float32], number: int, draw: np.random.Generator) -> NDArray[np.float32]:
    """(C, U) rows to start at, each drawn the likelier the farther it lies from those before: k-means++."""
    chosen = [int(draw.integers(len(rows)))]
    distances = np.full(len(rows), np.inf)
    while len(chosen) < number:
        distances = np.minimum(distances, (1 - rows @ rows[chosen[-1]]).clip(0).astype(np.float64))
        total = distances.sum()
        even = np.full(len(rows), 1 / len(rows))
        chosen.append(int(draw.choice(len(rows), p=distances / total if total > 0 else even)))
    return rows[chosen].copy()


def _silhouette(rows: NDArray[np.float32], homes: NDArray[np.int64]) -> float:
    """Mean silhouette with cosine distance: how much nearer rows are to their own cluster than to the next.

    A row's mean distance to a cluster is 1 minus its product with the cluster's mean row, so that no pair of
    rows is looked at.
    """
    names, own, counts = np.unique(homes, return_inverse=True, return_counts=True)
    if len(names) < 2:
        return -1.0
    sums = np.zeros((len(names), rows.shape[1]))
    np.add.at(sums, own, rows)
    towards = rows @ sums.T
    others = counts[own] - 1
    inner = 1 - (towards[np.arange(len(rows)), own] - 1) / np.maximum(others, 1)
    outer = 1 - towards / counts
    outer[np.arange(len(rows)), own] = np.inf
    nearest = outer.min(1)
    values = np.where(others > 0, (nearest - inner) / np.maximum(np.maximum(nearest, inner), 1e-12), 0.0)
    return float(values.mean())


def _moments(clips: Clips) -> tuple[int, ...]:
    """Numbers of the frames that are looked at, spread over the clip."""
    length = clips.batch([0]).shape[1]
    return tuple(
        dict.fromkeys(np.linspace(0, length - 1, _FRAMES_A_CLIP + 2).round().astype(int)[1:-1].tolist())
    )


def _still(frames: Tensor, moment: int) -> Tensor:
    """Clips (B, T, …) that show one of their frames T times."""
    return frames[:, moment : moment + 1].expand_as(frames)


def _cue(
    stream: str,
    found: _Costly,
    clips: Clips,
    frames: NDArray[Any],
    clusters: NDArray[np.int64],
    moments: tuple[int, ...],
) -> Cue:
    """With its most typical frame: the nearest to the cluster's mean among the label's clips."""
    inside = clusters == found.cluster
    mean = frames[inside].mean(0)
    own = inside & (clips.targets == found.target)[:, None]
    distances = np.where(own, np.linalg.norm(frames - mean, axis=2), np.inf)
    clip, place = np.unravel_index(int(distances.argmin()), distances.shape)
    return Cue(
        stream,
        clips.labels[found.target],
        clips.labels[found.answer],
        found.cost,
        found.pull,
        found.frequency,
        found.p_value,
        int(clip),
        moments[int(place)],
        tuple(np.flatnonzero(own.any(1)).tolist()),
    )


def _pictures(cues: list[Cue], clips: Clips) -> tuple[Pictures, ...]:
    """The most typical frame of each, where the clips hold pictures."""
    if not cues or clips.batch([0]).ndim != 5:
        return ()
    pictures = []
    for cue in cues:
        frame = clips.batch([cue.clip])[0, cue.frame]
        levels = frame.clamp(0, 255).to(torch.uint8).numpy()
        strip, width = frame_strip(levels[None], _PICTURE_HEIGHT)
        words = f"costs {spoken(cue.stream)} {cue.cost:.0%} of {cue.label!r}, mostly taken for {cue.answer!r}"
        pictures.append(Picture(strip, (width, _PICTURE_HEIGHT), f"{cue.label}, {cue.stream}", words))
    return (Pictures(pictures),)
