"""What an answer is worth: outcomes test video by test video, and the figures that they are divided into.

Of each stream and each test person it is kept whether the answer was right, or misled, in every set; figures
are made of that afterwards, so that their intervals may draw persons again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from debias_rows import without_scene
from torch import Tensor

from zeroshot.adapter.adapter import mean_embedding
from zeroshot.index.stage_rows import ORDER_WEIGHT
from zeroshot.losses.independence import dependence
from zeroshot.probes.linear_scene import probe_scene
from zeroshot.probes.scene_information import information_beyond
from zeroshot.statistics.metrics import correct, pair_outcomes
from zeroshot.types import Streams

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from debias_rows import Words
    from debias_world import TestSet, Tokens, World
    from numpy.typing import NDArray

    from zeroshot.adapter.adapter import TwoStreamAdapter

    Reading = Callable[[Tensor, TestSet], dict[str, float]]

STREAMS = ("static", "dynamic", "fused")
STAGED = " + stages"
"""Ends the name of a stream to whose scores the order of stages is added."""

ORDERED = ("clip", "anchor", "fused")
"""Streams of which that is asked."""

SCENE_PROBED = ("clip", "anchor", "static", "dynamic", "fused")
_AT_ONCE = 64
_NUM_FOLDS = 3


@dataclass(frozen=True, eq=False)
class Judged:
    """What one training says.

    Attributes:
        outcomes: stream → question → (N,) booleans, of the n seen and then the m unseen test persons; False
            where the question is not asked of a person.
        numbers: stream → name → a number that is no share of persons; of no stream the name is empty.
    """

    outcomes: Mapping[str, Mapping[str, NDArray[np.bool_]]]
    numbers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def packed(self) -> dict[str, object]:
        """As JSON holds it: eight persons a byte."""
        outcomes = {
            stream: {name: np.packbits(bits).tobytes().hex() for name, bits in found.items()}
            for stream, found in self.outcomes.items()
        }
        return {"outcomes": outcomes, "numbers": {name: dict(each) for name, each in self.numbers.items()}}

    @classmethod
    def unpacked(cls, record: Mapping[str, Mapping[str, Mapping[str, object]]], count: int) -> Judged:
        """What `packed` made of N persons."""
        outcomes = {
            stream: {name: unpack(str(digits), count) for name, digits in found.items()}
            for stream, found in record["outcomes"].items()
        }
        numbers = {
            stream: {name: float(str(value)) for name, value in each.items()}
            for stream, each in record["numbers"].items()
        }
        return cls(outcomes, numbers)


def unpack(digits: str, count: int) -> NDArray[np.bool_]:
    """(count,) booleans of hexadecimal digits."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(digits), np.uint8), count=count).astype(bool)


Columns = tuple[str, str]
SHARES: Mapping[str, Columns] = {
    "orig": ("orig", "seen"),
    "shacc": ("swap", "seen"),
    "sberr": ("donor", "away"),
    "home_error": ("home", "out"),
    "bor": ("background", "orig"),
    "hor": ("human", "orig"),
    "scuba": ("scuba", "seen"),
    "scufo": ("scufo", "seen"),
    "contra": ("contra", "seen"),
    "unseen": ("unseen", "new"),
    "order_pairs": ("pairs", "paired"),
    "unseen_order_pairs": ("unseen_pairs", "unseen_paired"),
}
"""Figure → what is counted, and of what it is a share: outcomes, or what was asked (`asked`)."""

METRICS = (*SHARES, "h")
"""Every figure that is made of outcomes."""


def columns(
    metric: str, outcomes: Mapping[str, NDArray[np.bool_]], questions: Mapping[str, NDArray[np.bool_]]
) -> NDArray[np.float64] | None:
    """(N, M) what the figure's sums are made of; None where the stream was not asked that."""
    known = {**questions, **outcomes}
    names = SHARES.get(metric, ("swap_all", "seen", "unseen_all", "new"))
    if not set(names) <= set(known):
        return None
    return np.stack([known[name] for name in names], -1).astype(np.float64)


def statistic(metric: str) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Sums (..., M) → figures (...) in percent."""
    if metric == "h":
        return harmonic

    def share(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(divide="ignore", invalid="ignore"):
            return 100 * sums[..., 0] / sums[..., 1]

    return share


def harmonic(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums (..., 4): hits and videos of two sides → 2SU / (S + U) in percent, 0 where both are."""
    one, other = sums[..., 0] / sums[..., 1], sums[..., 2] / sums[..., 3]
    both = one + other
    return 200 * one * other / np.where(both > 0, both, 1.0)


def asked(test: TestSet, world: World) -> dict[str, NDArray[np.bool_]]:
    """Question → (N,) of which persons it is asked; the same for every stream.

    * `seen` and `new`: persons of labels with and without training videos;
    * `away`: those before the place of another label's video, the donor's;
    * `out`: those before a place that is not their own label's home;
    * `paired`, `unseen_paired`: those whose label differs from another in nothing but order.
    """
    labels, unseen = test.labels.numpy(), test.unseen_labels.numpy()
    homes, behind = world.homes.numpy()[labels], test.scenes[test.other].numpy()
    nobody, everybody = np.zeros(len(labels), bool), np.ones(len(labels), bool)
    strangers = np.zeros(len(unseen), bool)
    return {
        "seen": np.concatenate([everybody, strangers]),
        "new": np.concatenate([nobody, ~strangers]),
        "away": np.concatenate([labels != labels[test.other.numpy()], strangers]),
        "out": np.concatenate([homes != behind, strangers]),
        "paired": np.concatenate([np.isin(labels, world.rows_of_pairs(world.seen)), strangers]),
        "unseen_paired": np.concatenate([nobody, np.isin(unseen, world.rows_of_pairs(world.unseen))]),
    }


def home_chance(test: TestSet, world: World) -> float:
    """Percent of answers that are at home where somebody was put, if they are drawn evenly."""
    out = asked(test, world)["out"][: len(test.labels)]
    behind = test.scenes[test.other].numpy()[out]
    return 100 * float((world.homes.numpy()[None, : len(world.seen)] == behind[:, None]).mean())


@torch.no_grad()
def read(adapter: TwoStreamAdapter, videos: Tokens) -> Streams:
    """The streams of n videos."""
    adapter.eval()
    parts = [
        adapter(tokens, embeddings)
        for tokens, embeddings in zip(
            videos.tokens.split(_AT_ONCE), videos.embeddings.split(_AT_ONCE), strict=True
        )
    ]
    names = (*STREAMS, "static_hidden", "dynamic_hidden", "anchor", "correction")
    return Streams(*(torch.cat([getattr(part, name) for part in parts]) for name in names))


def judge(
    adapter: TwoStreamAdapter | Tensor | None,
    test: TestSet,
    words: Words,
    coupling: float,
    reading: Reading | None,
) -> Judged:
    """What an adapter answers; the original and background-only clips are those of a coupling.

    Args:
        adapter: trained; scene directions (R, D), without which CLIP is the anchor; or None: CLIP itself.
        test: the videos.
        words: the labels.
        coupling: ρ.
        reading: how scenes are read from streams; None: they are not.
    """
    sets = test.sets(coupling, probe=reading is not None)
    if adapter is None or isinstance(adapter, Tensor):
        name = "clip" if adapter is None else "anchor"
        rows = {
            part: mean_embedding(videos.embeddings)
            if adapter is None
            else without_scene(videos.embeddings, adapter)
            for part, videos in sets.items()
        }
        return judged({name: rows}, test, words, coupling, reading)
    found = {part: read(adapter, videos) for part, videos in sets.items()}
    streams = {name: {part: getattr(each, name) for part, each in found.items()} for name in STREAMS}
    result = judged(streams, test, words, coupling, reading)
    swap = found["swap"]
    if swap.static_hidden is None or swap.dynamic_hidden is None:
        return result
    number = float(dependence(swap.dynamic_hidden, swap.static_hidden))
    return Judged(result.outcomes, {**result.numbers, "": {"nhsic": number}})


def judged(
    streams: Mapping[str, dict[str, Tensor]],
    test: TestSet,
    words: Words,
    coupling: float,
    reading: Reading | None = None,
) -> Judged:
    """The same of streams whose rows of every set of `TestSet.sets` are known."""
    outcomes, numbers = {}, {}
    for name, parts in streams.items():
        rows = {**parts, "orig": parts["swap"].clone()}
        rows["orig"][test.luck < coupling] = rows.pop("at_home")
        probed = rows.pop("probe", None)
        texts = words.labels
        scores = {part: (each @ texts.T).numpy() for part, each in rows.items()}
        outcomes[name] = answers(scores, test, words.world)
        if name in ORDERED:
            ordered = {
                part: scores[part] + ORDER_WEIGHT * (test.drifts[part] @ words.changes.T).numpy()
                for part in ("swap", "unseen")
            }
            outcomes[name + STAGED] = answers(ordered, test, words.world)
        if probed is not None and reading is not None and name in SCENE_PROBED:
            numbers[name] = reading(probed, test)
    return Judged(outcomes, numbers)


def answers(
    scores: Mapping[str, NDArray[np.float32]], test: TestSet, world: World
) -> dict[str, NDArray[np.bool_]]:
    """Question → (N,) outcomes of one stream, from scores (persons, all labels) of its sets."""
    seen, num_strangers = len(world.seen), len(test.unseen_labels)
    labels, donors = test.labels.numpy(), test.labels[test.other].numpy()
    strangers = test.unseen_labels.numpy()
    first, last = np.zeros(len(labels), bool), np.zeros(num_strangers, bool)
    questions = asked(test, world)
    swap = scores["swap"][:, :seen]
    at_home = world.homes.numpy()[swap.argmax(1)] == test.scenes[test.other].numpy()
    found = {name: correct(part[:, :seen], labels) for name, part in scores.items() if name != "unseen"}
    found |= {
        "donor": correct(swap, donors) & questions["away"][: len(labels)],
        "home": at_home & ~found["swap"] & questions["out"][: len(labels)],
        "swap_all": correct(scores["swap"], labels),
        "pairs": scattered(
            questions["paired"][: len(labels)],
            pair_outcomes(swap, labels, world.rows_of_pairs(world.seen)),
        ),
    }
    if "scuba" in found:
        found["contra"] = found["scuba"] & ~found["scufo"]
    result = {name: np.concatenate([bits, last]) for name, bits in found.items()}
    pairs = pair_outcomes(scores["unseen"], strangers, world.rows_of_pairs(world.unseen))
    beyond = {
        "unseen": correct(scores["unseen"][:, seen:], strangers - seen),
        "unseen_all": correct(scores["unseen"], strangers),
        "unseen_pairs": scattered(questions["unseen_paired"][len(labels) :], pairs),
    }
    return {**result, **{name: np.concatenate([first, bits]) for name, bits in beyond.items()}}


def scattered(where: NDArray[np.bool_], outcomes: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(n,) the outcomes of those rows, False elsewhere."""
    result = np.zeros(len(where), bool)
    result[where] = outcomes
    return result


def scene_accuracy(rows: Tensor, test: TestSet) -> dict[str, float]:
    """Percent of scenes that a linear classifier, with a penalty chosen on other persons, reads off rows."""
    found = probe_scene(
        rows.numpy(), test.probe_scenes.numpy(), groups=test.probe_people.numpy(), num_folds=_NUM_FOLDS
    )
    return {"scene_probe": 100 * found.accuracy.value}


def scene_information(rows: Tensor, test: TestSet) -> dict[str, float]:
    """What rows say of the scene beyond the label: nats, and percent of what the label leaves open."""
    people = test.probe_people
    found = information_beyond(
        rows.numpy(),
        test.probe_scenes.numpy(),
        test.labels[people].numpy(),
        groups=people.numpy(),
        num_exchanges=0,
    )
    return {"information": found.nats.value, "information_share": 100 * found.share.value}


SCENE_READINGS: Mapping[str, Reading] = {"accuracy": scene_accuracy, "information": scene_information}
"""How scenes are read from streams."""
