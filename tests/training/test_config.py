"""Settings: those that mean nothing are refused, those of earlier versions are read."""

from __future__ import annotations

import json

import pytest
from training_world import CONFIG, changed, one_line

from zeroshot.errors import OptionError
from zeroshot.training.config import TrainingConfig


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            {"batch_size": 3},
            "batch_size is 3; independence needs 4 videos or more to compare: take larger batches",
        ),
        ({"epochs": 0}, "epochs is 0; expected 1 or more"),
        ({"learning_rate": float("nan")}, "learning_rate is nan; expected a number"),
        ({"held_out_share": 1.0}, "held_out_share is 1.0; expected a share"),
        ({"warmup_share": 2}, "warmup_share is 2; expected a share"),
        ({"precision": "fp8"}, "precision is 'fp8'; expected one of no, bf16, fp16"),
        ({"choose_by": "luck"}, "choose_by is 'luck'; expected one of"),
        ({"choose_by": "novel"}, "choose_by 'novel' needs held_out_labels of 2 or more"),
        ({"fused_weights": ()}, "fused_weights are"),
        ({"seed": -1}, "seed is -1; expected 0 or more"),
        ({"stillmix": 0.5}, "stillmix is 0.5, but it is no setting any more: leave it out, or 0.0"),
        ({"optimizer": {}}, "training has no setting called optimizer"),
        ({"per_label": 0}, "per_label is 0; expected 1 or more"),
        ({"max_norm": -1}, "max_norm is -1; expected 0 or more"),
    ],
)
def test_settings_that_mean_nothing(change, named):
    with pytest.raises(OptionError, match=named) as error:
        changed(CONFIG, **change)
    one_line(error)


def test_settings_go_through_json_side_by_side():
    values = json.loads(json.dumps(CONFIG.as_dict()))
    assert TrainingConfig.from_dict(values) == CONFIG
    assert {"learning_rate", "balance_scenes", "choose_by", "objective", "adapter"} <= set(values)
    assert not {"optimizer", "draws", "choice"} & set(values)


def test_settings_of_a_checkpoint_of_an_earlier_version_are_read():
    weights = {"classification": 1.0, "independence": 0.3, "adversary": 0.03, "confusion": 0.0, "scene": 1.0}
    old = {
        "experts": False,
        "conditional_adversary": False,
        "measure": {"kernel": "rbf", "condition": "none"},
    }
    values = {"seed": 5, "learning_rate": 0.002, "stillmix": 0.0, "swap": 0.0, "choose_stream": "dynamic"}
    config = TrainingConfig.from_dict({**values, "objective": {**weights, **old}})
    assert (config.objective.weights["independence"], config.objective.weights["adversary"]) == (0.3, 0.03)
    assert (config.optimizer.learning_rate, config.choice.choose_stream) == (0.002, "dynamic")


def test_settings_that_were_added_are_told_where_they_are_used_alone():
    """A run that was stopped before there were such settings goes on."""
    assert not {"reverse"} & set(TrainingConfig().as_dict())
    used = TrainingConfig.from_dict({"reverse": True, "num_folds": 2})
    assert (used.as_dict()["reverse"], used.as_dict()["num_folds"]) == (True, 2)
    assert TrainingConfig.from_dict(used.as_dict()) == used
    assert TrainingConfig.from_dict(TrainingConfig().as_dict()) == TrainingConfig()
