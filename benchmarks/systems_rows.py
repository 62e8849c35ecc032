"""The rows of the table of all methods, and the settings that each may be tuned by: six a method."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

from debias_rows import Row

from zeroshot.losses.objective import DYNAMIC_ANSWERS
from zeroshot.training.methods.table import METHODS

if TYPE_CHECKING:
    from collections.abc import Mapping

STREAMS = {"fused": "what is served", "dynamic": "the dynamic stream alone"}
"""Answers of a method that are looked at."""

Setting = dict[str, Any]
"""What departs from a method's own settings, by the names that `zeroshot train --set` has."""

ANSWERS = DYNAMIC_ANSWERS | {"static_classification"}
"""Terms that teach answers, and are not what a method is about."""

NUM_SETTINGS = 6
SCALES = (1.0, 1 / 3, 3.0)
"""Of the weights of a method's own terms: as they are, a third, threefold."""

LEARNING_RATES = (1e-3, 2e-3)
WIDER_RATES = (1e-3, 2e-3, 5e-4)
DROPOUTS = (0.1, 0.3)
"""Where a method has no term of its own, dropout is tried instead."""

NETWORK = {"hidden_dim": 128, "num_layers": 1}
"""Every method trains a network of this size, which is the default's: what differs is the method."""

STEPS = 120
"""Of each training, of 64 videos each; with a method's folds as often as it has them and once more."""

TUNING_STEPS = 60


def own_terms(name: str) -> dict[str, float]:
    """The terms of a method beyond the answers themselves, with their weights."""
    return {term: weight for term, weight in METHODS[name].weights.items() if term not in ANSWERS and weight}


def settings_of(name: str) -> tuple[Setting, ...]:
    """Six settings that a method is tried with, its own among them.

    Every method has as many: two learning rates by three sizes of its own terms, or three learning rates by
    two shares of dropout where it has none.
    """
    terms = own_terms(name)
    if not terms:
        return tuple(
            {"learning_rate": rate, "adapter": {"dropout": dropout}}
            for rate, dropout in product(WIDER_RATES, DROPOUTS)
        )
    return tuple(
        {
            "learning_rate": rate,
            "objective": {term: rounded(weight * scale) for term, weight in terms.items()},
        }
        for rate, scale in product(LEARNING_RATES, SCALES)
    )


def rounded(weight: float) -> float:
    """Three digits: what is listed is what was run."""
    return float(f"{weight:.3g}")


def in_words(setting: Mapping[str, Any]) -> str:
    """As it would be typed behind `zeroshot train`."""
    words = [f"learning_rate={setting['learning_rate']:g}"]
    for group in ("objective", "adapter"):
        words += [f"{group}.{name}={value:g}" for name, value in setting.get(group, {}).items()]
    return " ".join(words)


def row_of(name: str, setting: Mapping[str, Any]) -> Row:
    """A method with a setting, on the network that all have."""
    return Row({**setting, "adapter": {**NETWORK, **setting.get("adapter", {})}}, method=name)


def tried_name(name: str, number: int) -> str:
    """Of the row of a method with one of its settings."""
    return f"{name} #{number}"


def tried_rows(names: tuple[str, ...], *, tiny: bool = False) -> dict[str, Row]:
    """Every setting of every method as a row of the validation world.

    How far the fused stream goes for labels never trained on is not what is chosen here, and takes two more
    trainings where a method asks for it: it is left out.

    Args:
        names: of methods.
        tiny: two settings a method alone.
    """
    return {
        tried_name(name, number): row_of(name, {**setting, "num_folds": 0})
        for name in names
        for number, setting in enumerate(settings_of(name)[: 2 if tiny else NUM_SETTINGS])
    }


def chosen_rows(chosen: Mapping[str, Setting]) -> dict[str, Row]:
    """The rows of the test: each method with the setting that was chosen for it."""
    return {name: row_of(name, setting) for name, setting in chosen.items()}


def answer_of(name: str) -> str:
    """The stream that a method trains to be right: the network that its source speaks of."""
    return "fused" if METHODS[name].weights.get("fused_classification") else "dynamic"


def subtracts(name: str) -> bool:
    """Whether a still clip's dynamic row is zero whatever is learned, so that SCUFO tells nothing of it."""
    return METHODS[name].adapter.get("reference", "mean") != "none"
