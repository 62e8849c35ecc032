"""Repair without training: units of an adapter that carry wrong answers are zeroed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.checkpoint import trained_labels
from zeroshot.errors import ModelError, OptionError, OutputError, counted
from zeroshot.model.adapter_files import save_adapter
from zeroshot.model.networks.foreign import read_json
from zeroshot.probes.neurons import rank_adapter_units, zeroed
from zeroshot.probes.subject import ModelSubject
from zeroshot.statistics.intervals import Count
from zeroshot.store.folder import writable
from zeroshot.training.model_card import PROVENANCE, write_provenance

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from zeroshot.probes.neurons import BiasedUnit
    from zeroshot.probes.subject import Clips, Subject, Swaps

CONFIG = "config.json"
_WEIGHTS = ("model.safetensors", "adapter.safetensors")

MOST = 64
"""Units that are zeroed at most, where nobody says how many."""

_NUM_DRAWS = 5
_ENOUGH = 30  # swapped clips: a third ranks, a third chooses, a third tells


@dataclass(frozen=True)
class Repair:
    """What zeroing units does.

    Attributes:
        units: that are zeroed, the worst first; none where none helps.
        tried: number of units → share of the choosing clips answered rightly, as filmed and swapped together.
        before: hits of the telling clips before the places of others, as the model came.
        after: the same with the units zeroed.
        filmed_before: hits of the telling clips as filmed, as the model came.
        filmed_after: the same with the units zeroed.
        random: share of hits with as many units zeroed at random, a number a draw.
    """

    units: tuple[BiasedUnit, ...]
    tried: dict[int, float]
    before: Count
    after: Count
    filmed_before: Count
    filmed_after: Count
    random: tuple[float, ...]

    @property
    def verdict(self) -> str:
        """What it did, in a sentence with its evidence."""
        if not self.units:
            most = max(self.tried)
            return f"Zeroing 1 to {most} units that carry wrong answers makes nothing better: none is zeroed."
        chance = f"{np.mean(self.random):.0%}" if self.random else "–"
        return (
            f"With {counted(len(self.units), 'unit')} zeroed, {self.after.share:.0%} of answers follow the "
            f"person before another place, where {self.before.share:.0%} did, and {chance} with as many "
            "zeroed at random; "
            f"as filmed {self.filmed_after.share:.0%} are right, where {self.filmed_before.share:.0%} were."
        )

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        counts = {
            name: {"hits": count.hits, "videos": count.total}
            for name, count in vars(self).items()
            if isinstance(count, Count)
        }
        units = [unit.as_dict() for unit in self.units]
        return {
            "units": units,
            "tried": self.tried,
            **counts,
            "random": list(self.random),
            "verdict": self.verdict,
        }


def repair(subject: ModelSubject, clips: Clips, most: int = MOST) -> Repair:
    """Which units to zero: ranked on a third of the swapped clips, chosen on another, told on the last.

    The model is left as it came.

    Args:
        subject: a model with an adapter.
        clips: with swapped copies.
        most: units at most; 1, 2, 4, 8 … and this are tried, and 0.

    Raises:
        OptionError: no adapter, no swapped copies or too few.
    """
    swaps = require_repairable(subject, clips)
    if most < 1:
        raise OptionError(f"{most} units to zero; expected 1 or more")
    part = np.arange(len(swaps.persons)) % 3
    ranked = rank_adapter_units(subject, clips, np.flatnonzero(part == 0).tolist())
    layers, choosing, telling = subject.adapter_layers(), np.flatnonzero(part == 1), np.flatnonzero(part == 2)
    numbers = sorted({0, min(most, len(ranked)), *(2**power for power in range(12) if 2**power <= most)})
    tried = {}
    for number in numbers:
        with zeroed(layers, ranked[:number]):
            hits = [_right(subject, clips, swaps, choosing, moved=moved).mean() for moved in (False, True)]
        tried[number] = float(np.mean(hits))
    best = max(numbers, key=lambda number: (tried[number], -number))
    before = [Count.of(_right(subject, clips, swaps, telling, moved=moved)) for moved in (True, False)]
    with zeroed(layers, ranked[:best]):
        after = [Count.of(_right(subject, clips, swaps, telling, moved=moved)) for moved in (True, False)]
    return Repair(
        tuple(ranked[:best]),
        tried,
        before=before[0],
        after=after[0],
        filmed_before=before[1],
        filmed_after=after[1],
        random=tuple(_random(subject, clips, swaps, ranked, best, telling)) if best else (),
    )


def require_repairable(subject: Subject, clips: Clips) -> Swaps:
    """The swapped clips by which units are chosen.

    Raises:
        OptionError: the model is no other's, it has no adapter, or there are no swapped copies or too few.
    """
    if not isinstance(subject, ModelSubject):
        raise OptionError(f"{subject.name} is no model of ours; units of adapters alone can be zeroed")
    if subject.model.adapter is None:
        raise OptionError(f"{subject.name} has no adapter of which units could be zeroed")
    swaps = clips.swaps
    if swaps is None or len(swaps.persons) < _ENOUGH:
        number = 0 if swaps is None else len(swaps.persons)
        raise OptionError(f"{counted(number, 'swapped clip')}; to zero units takes {_ENOUGH} or more")
    return swaps


def write_repaired(
    folder: str | os.PathLike[str], subject: ModelSubject, found: Repair, source: str, record: dict[str, Any]
) -> None:
    """A checkpoint folder with the units zeroed, and where it comes from; the model is left as it came.

    Its `config.json` is written last: what a killed run leaves is no checkpoint, and the next writes anew.

    Args:
        folder: made where it is missing; an earlier repaired checkpoint is replaced.
        subject: that was repaired.
        found: by `repair`.
        source: name of the model.
        record: how the audit was made.

    Raises:
        ModelError: there is nothing to zero.
        OutputError: the folder cannot be written, or holds a checkpoint that no audit wrote.
    """
    require_no_other(folder)
    model, layers = subject.model, subject.adapter_layers()
    if model.adapter is None or not found.units:
        raise ModelError(f"no unit of {source} is to be zeroed; no checkpoint is written")
    trained = trained_labels(source)
    facts = {
        "kind": "adapter",
        "repaired": {"from": source, "adapter": model.adapter_fingerprint, **found.as_dict()},
        "labels": list(trained.labels),
        "derived": list(trained.derived),
        "record": record,
    }
    with writable(Path(folder)):
        (Path(folder) / CONFIG).unlink(missing_ok=True)
    write_provenance(Path(folder), facts)
    with zeroed(layers, found.units):
        save_adapter(Path(folder), model.adapter, model.backbone, stream=model.stream)


def require_no_other(folder: str | os.PathLike[str]) -> None:
    """Refuse to replace a checkpoint that no audit wrote.

    Raises:
        OutputError: the folder holds one.
    """
    if _made_otherwise(Path(folder)):
        raise OutputError(f"{folder} holds a checkpoint that no audit wrote; choose another --output")


def remove_repaired(folder: str | os.PathLike[str]) -> bool:
    """Take away the checkpoint that an earlier audit wrote there; whether there was one.

    Raises:
        OutputError: it cannot be taken away, or the folder holds a checkpoint that no audit wrote.
    """
    require_no_other(folder)
    place = Path(folder)
    there = (place / PROVENANCE).is_file()
    with writable(place):
        for name in (CONFIG, *_WEIGHTS, PROVENANCE):  # the mark that it is an audit's goes last
            (place / name).unlink(missing_ok=True)
    with suppress(OSError):  # somebody keeps something else beside it
        place.rmdir()
    return there


def _made_otherwise(folder: Path) -> bool:
    """Whether a folder holds a checkpoint whose provenance tells of no repair."""
    if not (folder / PROVENANCE).is_file():
        return (folder / CONFIG).exists()
    try:
        return "repaired" not in read_json(folder / PROVENANCE)
    except ModelError:
        return True


def _right(
    subject: ModelSubject, clips: Clips, swaps: Swaps, rows: NDArray[np.int64], *, moved: bool
) -> NDArray[np.bool_]:
    """(m,) which of the swapped clips' persons are answered rightly: before other places, or as filmed."""
    persons = swaps.persons[rows]
    frames = swaps.batch(rows.tolist()) if moved else clips.batch(persons.tolist())
    outcomes: NDArray[np.bool_] = (
        np.asarray(subject.answer(frames)[subject.stream]).argmax(1) == clips.targets[persons]
    )
    return outcomes


def _random(
    subject: ModelSubject,
    clips: Clips,
    swaps: Swaps,
    units: Sequence[BiasedUnit],
    number: int,
    rows: NDArray[np.int64],
) -> list[float]:
    """Shares of hits before other places with as many units zeroed at random."""
    generator, shares = np.random.default_rng(clips.seed), []
    for _ in range(_NUM_DRAWS):
        drawn = [units[place] for place in generator.permutation(len(units))[:number]]
        with zeroed(subject.adapter_layers(), drawn):
            shares.append(float(_right(subject, clips, swaps, rows, moved=True).mean()))
    return shares
