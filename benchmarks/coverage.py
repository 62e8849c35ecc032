"""How often the 95 % intervals of reports hold the truth, by simulation, beside a bootstrap's.

Each world knows its truth: videos are drawn from it, the interval is made, and it holds the truth or not.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.statistics.intervals import Count, Estimate, bootstrap
from zeroshot.statistics.means import (
    difference_over_rounds,
    harmonic_mean,
    mean_class_accuracy,
    share_over_rounds,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Rows = np.ndarray[Any, Any]
    Drawn = tuple[tuple[Rows, ...], float]  # outcomes, and the truth of the figure

SIZES = (10, 50, 300)
NUM_DRAWS = 500  # of the bootstrap; more move its coverage by about a hundredth


@dataclass(frozen=True)
class World:
    """Where videos come from.

    Attributes:
        name: what is right how often.
        draw: (n, generator) → outcomes of n videos, as a kind's intervals take them, and the figure's truth.
    """

    name: str
    draw: Callable[[int, np.random.Generator], Drawn]


@dataclass(frozen=True)
class Kind:
    """One figure of a report.

    Attributes:
        name: of the figure.
        worlds: that it is tried in.
        now: outcomes → the interval of reports.
        before: outcomes → the percentile bootstrap's.
    """

    name: str
    worlds: tuple[World, ...]
    now: Callable[..., Estimate]
    before: Callable[..., Estimate]


def columns_of(outcomes: Rows, asked: Rows) -> Rows:
    """(n, R) outcomes and turns → (n, 2 R) columns."""
    return np.stack([outcomes & asked, asked], 2).reshape(len(asked), -1).astype(np.int64)


def turns(kind: str, n: int, generator: np.random.Generator) -> Rows:
    """(n, R) which videos take part in which round."""
    if kind == "one round":
        return np.ones((n, 1), bool)
    if kind == "three splits":
        rounds = [np.arange(n)[generator.permutation(n)] < 0.6 * n for _ in range(3)]
    else:  # ten halves of the labels
        labels = np.arange(n) % max(5, n // 3)
        count = labels.max() + 1
        rounds = [generator.permutation(count)[labels] < (count + 1) // 2 for _ in range(10)]
    return np.stack(rounds, 1)


def answers(share: float, alike: float, asked: Rows, generator: np.random.Generator) -> Rows:
    """(n, R) outcomes of videos that are answered alike in so many of the rounds, by chance in the rest."""
    own, each = generator.random((len(asked), 1)), generator.random(asked.shape)
    return np.where(generator.random(asked.shape) < alike, own, each) < share


def draw_rounds(kind: str, share: float, alike: float, n: int, generator: np.random.Generator) -> Drawn:
    """Outcomes over rounds of one model, whose share right is known."""
    asked = turns(kind, n, generator)
    return (columns_of(answers(share, alike, asked, generator), asked),), share


def draw_pairs(kind: str, shares: Sequence[float], n: int, generator: np.random.Generator) -> Drawn:
    """Outcomes over rounds of two models; `shares`: both right, the first alone, the second alone."""
    asked = turns(kind, n, generator)
    where = np.where(
        generator.random(asked.shape) < 0.8, generator.random((n, 1)), generator.random(asked.shape)
    )
    both, first, second = np.cumsum(shares)
    one, two = where < first, (where < both) | ((where >= first) & (where < second))
    return (columns_of(one, asked), columns_of(two, asked)), shares[1] - shares[2]


def draw_labels(sizes: Sequence[int], share: float, n: int, generator: np.random.Generator) -> Drawn:
    """(K, 2) hits and videos of labels with so many videos in turn, easy and hard ones around a share."""
    listed = np.resize(sizes, n)
    videos = listed[: max(2, int(np.searchsorted(np.cumsum(listed), n, side="right")))]
    shares = np.resize([share + (1 - share) * 0.8, share - (1 - share) * 0.8], len(videos))
    return (np.column_stack([generator.binomial(videos, shares), videos]),), float(shares.mean())


def draw_sides(seen: float, unseen: float, part: float, n: int, generator: np.random.Generator) -> Drawn:
    """(n, 4) outcomes of seen and unseen videos."""
    known = np.arange(n) < max(1, round(part * n))
    right = generator.random(n) < np.where(known, seen, unseen)
    columns = np.column_stack([right & known, known, right & ~known, ~known]).astype(np.int64)
    return (columns,), 2 * seen * unseen / (seen + unseen)


def mean_of_shares(sums: Rows) -> Rows:
    """Sums (..., 2 R) of hits and videos → the mean over R rounds of their shares."""
    mean: Rows = np.nanmean(sums[..., 0::2] / sums[..., 1::2], axis=-1)
    return mean


def drawn_rounds(columns: Rows) -> Estimate:
    """A percentile bootstrap over videos; of videos that all agree, Wilson's interval."""
    hits = columns[:, 0::2].sum()
    if hits in {0, columns[:, 1::2].sum()}:
        return Count(len(columns) if hits else 0, len(columns)).estimate()
    return bootstrap(columns, mean_of_shares, num_draws=NUM_DRAWS)


def drawn_difference(columns: Rows, others: Rows) -> Estimate:
    """The same of a difference."""
    width = columns.shape[1]

    def difference(sums: Rows) -> Rows:
        return mean_of_shares(sums[..., :width]) - mean_of_shares(sums[..., width:])

    return bootstrap(np.column_stack([columns, others]), difference, num_draws=NUM_DRAWS)


def drawn_labels(counts: Rows) -> Estimate:
    """The same of labels' accuracies, averaged."""
    rows = [(row, hit) for row, (hits, total) in enumerate(counts) for hit in np.arange(total) < hits]
    columns = np.zeros((len(rows), 2 * len(counts)), np.int64)
    for place, (row, hit) in enumerate(rows):
        columns[place, 2 * row : 2 * row + 2] = hit, 1
    return bootstrap(columns, mean_of_shares, num_draws=NUM_DRAWS)


def drawn_harmonic(columns: Rows) -> Estimate:
    """The same of H, with as many videos on each side as there are."""

    def harmonic(sums: Rows) -> Rows:
        first, second = sums[..., 0] / sums[..., 1], sums[..., 2] / sums[..., 3]
        return 2 * first * second / np.maximum(first + second, 1e-12)

    return bootstrap(columns, harmonic, strata=columns[:, 1], num_draws=NUM_DRAWS)


PAIRS = ((0.5, 0.15, 0.15), (0.6, 0.2, 0.05), (0.8, 0.1, 0.02), (0.9, 0.03, 0.03))


def of_rounds(name: str, kind: str) -> Kind:
    """A mean over rounds."""
    shares = ((0.5, 1.0), (0.8, 0.7), (0.8, 1.0), (0.9, 0.7), (0.9, 1.0))
    worlds = [
        World(f"{share:.0%} right, {alike:.0%} alike", partial(draw_rounds, kind, share, alike))
        for share, alike in shares
    ]
    return Kind(name, tuple(worlds), share_over_rounds, drawn_rounds)


def of_pairs(name: str, kind: str) -> Kind:
    """A difference of two models over rounds."""
    worlds = [
        World(f"{shares[1]:.0%} against {shares[2]:.0%} alone", partial(draw_pairs, kind, shares))
        for shares in PAIRS
    ]
    return Kind(name, tuple(worlds), difference_over_rounds, drawn_difference)


def of_labels(name: str, sizes: Sequence[int]) -> Kind:
    """A mean over labels."""
    worlds = [
        World(f"{share:.0%} right", partial(draw_labels, sizes, share)) for share in (0.5, 0.7, 0.8, 0.9)
    ]
    return Kind(name, tuple(worlds), mean_class_accuracy, drawn_labels)


KINDS = (
    of_rounds("a share", "one round"),
    of_pairs("difference of two models", "one round"),
    of_labels("mean class, one video a label", (1,)),
    of_labels("mean class, one or two videos a label", (1, 2)),
    of_labels("mean class, two videos a label", (2,)),
    of_labels("mean class, two or ten videos a label", (2, 10)),
    Kind(
        "harmonic mean H",
        tuple(
            World(f"S {seen:.0%}, U {unseen:.0%}", partial(draw_sides, seen, unseen, part))
            for seen, unseen, part in (
                (0.8, 0.4, 0.5),
                (0.9, 0.6, 0.5),
                (0.9, 0.2, 0.5),
                (0.9, 0.8, 0.8),
                (0.5, 0.5, 0.3),
            )
        ),
        harmonic_mean,
        drawn_harmonic,
    ),
    of_rounds("mean of three splits that share videos", "three splits"),
    of_rounds("mean of ten halves of the labels", "ten halves"),
    of_pairs("difference over three splits", "three splits"),
    of_pairs("difference over ten halves", "ten halves"),
)


def coverage(world: World, interval: Callable[..., Estimate], n: int, repeats: int, seed: int = 0) -> float:
    """The share of intervals that hold the truth of a world, of so many draws of about n videos."""
    generator, held = np.random.default_rng([seed, n]), 0
    for _ in range(repeats):
        outcomes, truth = world.draw(n, generator)
        found = interval(*outcomes)
        held += found.low - 1e-9 <= truth <= found.high + 1e-9
    return held / repeats


def coverages(kind: Kind, interval: Callable[..., Estimate], n: int, repeats: int) -> list[float]:
    """The coverage in each of a figure's worlds."""
    return [coverage(world, interval, n, repeats, seed) for seed, world in enumerate(kind.worlds)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=1000, help="draws in each world")
    parser.add_argument("--before-repeats", type=int, default=100, help="the same for the bootstrap")
    chosen = parser.parse_args()
    print("| figure | videos | worlds | bootstrap: mean | least | now: mean | least | its world |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in KINDS:
        for n in SIZES:
            with np.errstate(divide="ignore", invalid="ignore"):
                before = coverages(kind, kind.before, n, chosen.before_repeats)
            now = coverages(kind, kind.now, n, chosen.repeats)
            least = kind.worlds[int(np.argmin(now))].name
            cells = [kind.name, str(n), str(len(now))]
            cells += [f"{value:.3f}" for value in (np.mean(before), min(before), np.mean(now), min(now))]
            print("| " + " | ".join([*cells, least]) + " |", flush=True)


if __name__ == "__main__":
    main()
