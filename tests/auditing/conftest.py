"""Puppets few and small, as the bundled model sees them."""

from __future__ import annotations

import pytest

from zeroshot.auditing.clips import puppet_clips
from zeroshot.checkpoint import load_model
from zeroshot.probes.subject import ModelSubject
from zeroshot.synthetic.world import ACTIONS


@pytest.fixture(scope="session")
def model():
    with load_model("puppet-tiny", device="cpu") as loaded:
        yield loaded


@pytest.fixture(scope="session")
def material(model):
    return puppet_clips(model.backbone.see_frames, model.sampling.num_frames, number=48)


@pytest.fixture(scope="session")
def subject(model):
    return ModelSubject(model, model.embed_texts(list(ACTIONS)))
