"""What tests of training share: one made-up world."""

from __future__ import annotations

import gc

import pytest
import torch
from training_world import world_and_scenes


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """The order of additions, and so the last bit, may depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    gc.collect()  # each training looks for garbage: among what earlier files left as well
    gc.freeze()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def world():
    """Training videos, held-out ones, texts."""
    return world_and_scenes()[0]


@pytest.fixture(scope="session")
def scenes():
    """Of both sets of videos."""
    return world_and_scenes()[1]
