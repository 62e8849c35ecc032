"""What a checkpoint tells of the method that it was trained by, and of what was set otherwise."""

from __future__ import annotations

from typing import Any

from zeroshot.store.folder import dotted
from zeroshot.training.config import TrainingConfig
from zeroshot.training.methods.table import METHODS

_FREE = {"seed", "epochs", "batch_size", "precision", "method"}


def method_facts(config: TrainingConfig) -> dict[str, Any]:
    """`name`, `citation`, `ours` (what of it is reconstruction or new), and `changed` (NAME=VALUE).

    Seed, epochs, size of batches and precision are no settings of a method.
    """
    method = METHODS[config.method]
    usual, now = (dotted(each.as_dict()) for each in (TrainingConfig.from_dict({}, method), config))
    names = [name for name in {**usual, **now} if name not in _FREE and usual.get(name) != now.get(name)]
    return {
        "name": method.name,
        "citation": method.citation,
        "ours": method.ours,
        "changed": [f"{name}={now.get(name, 'as usual')}" for name in names],
    }
