"""What a checkpoint tells of the method that it was trained by, and of what was set otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zeroshot.training.config import TrainingConfig
from zeroshot.training.methods.table import METHODS

if TYPE_CHECKING:
    from collections.abc import Mapping

_FREE = {"seed", "epochs", "batch_size", "precision", "method"}


def method_facts(config: TrainingConfig) -> dict[str, Any]:
    """`name`, `citation`, `ours` (what of it is reconstruction or new), and `changed` (NAME=VALUE).

    Seed, epochs, size of batches and precision are no settings of a method.
    """
    method = METHODS[config.method]
    usual, now = (_flat(each.as_dict()) for each in (TrainingConfig.from_dict({}, method), config))
    names = [name for name in {**usual, **now} if name not in _FREE and usual.get(name) != now.get(name)]
    return {
        "name": method.name,
        "citation": method.citation,
        "ours": method.ours,
        "changed": [f"{name}={now.get(name, 'as usual')}" for name in names],
    }


def _flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Dotted names of nested settings, as `--set` has them."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{above}{name}.")
        else:
            found[above + name] = value
    return found
