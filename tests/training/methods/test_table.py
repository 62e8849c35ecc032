"""Methods: each trains and says where it comes from; the default is what nothing else was said gives.

Covers: training/methods/method, training/methods/albar, training/methods/dct, training/methods/independent,
training/methods/label_noise, training/methods/label_smoothing, training/methods/plain,
training/methods/rebias, training/methods/seo, training/methods/streams.
"""

from __future__ import annotations

import pytest
from training_world import SMALL, same, weights

from zeroshot.errors import OptionError
from zeroshot.losses.objective import TERMS
from zeroshot.training.config import TrainingConfig
from zeroshot.training.loop import fit
from zeroshot.training.methods.table import DEFAULT_METHOD, METHODS

QUICK = {"epochs": 2, "batch_size": 16, "adapter": {**SMALL, "num_components": 4}}


@pytest.mark.parametrize("name", METHODS)
def test_each_method_trains_its_terms(world, scenes, name):
    method = METHODS[name]
    assert method.citation
    assert method.expect
    fitted = fit(*world, TrainingConfig.from_dict(QUICK, method), scenes=scenes)
    assert set(fitted.history[0].losses) == {"total", *method.weights}
    assert list(fitted.history[0].losses)[1:] == [term for term in TERMS if term in method.weights]
    assert len(fitted.notes) == bool(method.choice.get("num_folds")), "the weight that folds choose is told"


def test_the_default_method_is_the_default_of_the_settings(world, scenes):
    default = METHODS[DEFAULT_METHOD]
    assert TrainingConfig().draws is default.draws
    assert TrainingConfig() == TrainingConfig.from_dict({}, default)
    fitted = [
        fit(*world, config, scenes=scenes)
        for config in (
            TrainingConfig(epochs=2, batch_size=16, adapter={**default.adapter, **QUICK["adapter"]}),
            TrainingConfig.from_dict(QUICK, default),
        )
    ]
    assert same(*map(weights, fitted))


def test_losses_on_still_clips_refuse_a_stream_that_subtracts(world):
    config = TrainingConfig.from_dict(
        {**QUICK, "adapter": {**QUICK["adapter"], "reference": "mean"}}, METHODS["albar"]
    )
    with pytest.raises(OptionError, match=r"step 1 of .*losses on still clips teach nothing"):
        fit(*world, config)
