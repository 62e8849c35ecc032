"""What training runs on: devices that are not there, precisions that leave nothing behind."""

from __future__ import annotations

import pytest
import torch
from training_world import CONFIG, changed, same, weights

from zeroshot.errors import OptionError
from zeroshot.training.loop import fit


def test_one_precision_leaves_nothing_to_the_next(world, scenes):
    plain = fit(*world, changed(CONFIG, epochs=1), scenes=scenes)
    fit(*world, changed(CONFIG, epochs=1, precision="bf16"), scenes=scenes)
    assert same(weights(plain), weights(fit(*world, changed(CONFIG, epochs=1), scenes=scenes)))


def test_a_device_that_is_not_there(world, scenes):
    with pytest.raises(OptionError, match="device is 'tpu'; training runs on auto, cpu or cuda"):
        fit(*world, CONFIG, scenes=scenes, device="tpu")
    if not torch.cuda.is_available():
        with pytest.raises(OptionError, match="device is 'cuda', but no GPU is there"):
            fit(*world, CONFIG, scenes=scenes, device="cuda")
        with pytest.raises(OptionError, match="precision fp16 needs a GPU"):
            fit(*world, changed(CONFIG, precision="fp16"), scenes=scenes)
