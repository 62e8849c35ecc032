"""Settings: those that mean nothing are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from training_world import CONFIG, one_line

from zeroshot.errors import OptionError
from zeroshot.losses.independence import IndependenceConfig
from zeroshot.losses.objective import ObjectiveConfig


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            {"batch_size": 3},
            "batch_size is 3; independence needs 4 videos or more to compare: take larger batches",
        ),
        ({"epochs": 0}, "epochs is 0; expected 1 or more"),
        ({"learning_rate": float("nan")}, "learning_rate is nan; expected a number above 0"),
        ({"held_out_share": 1.0}, "held_out_share is 1.0; expected a share"),
        ({"stillmix": 2}, "stillmix is 2; expected a share"),
        ({"precision": "fp8"}, "precision is 'fp8'; expected one of no, bf16, fp16"),
        ({"choose_by": "luck"}, "choose_by is 'luck'; expected one of"),
        ({"choose_by": "novel"}, "choose_by 'novel' needs held_out_labels of 2 or more"),
        ({"fused_weights": ()}, "fused_weights are"),
        ({"seed": -1}, "seed is -1; expected 0 or more"),
        (
            {"objective": ObjectiveConfig(measure=IndependenceConfig(condition="within")), "per_label": 3},
            "independence within labels needs balance_labels and a per_label of 4",
        ),
    ],
)
def test_settings_that_mean_nothing(change, named):
    with pytest.raises(OptionError, match=named) as error:
        replace(CONFIG, **change)
    one_line(error)
