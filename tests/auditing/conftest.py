"""Puppets few and small, as the bundled model sees them."""

from __future__ import annotations

import pytest

from zeroshot.auditing.clips import Look, puppet_clips
from zeroshot.checkpoint import load_model
from zeroshot.probes.subject import ModelSubject
from zeroshot.synthetic.world import ACTIONS


@pytest.fixture(scope="session")
def model():
    with load_model("puppet-tiny", device="cpu") as loaded:
        yield loaded


@pytest.fixture(scope="session")
def material(model):
    look = Look(model.backbone.preprocess, model.sampling.num_frames)
    return puppet_clips([look], number=48)[look]


@pytest.fixture(scope="session")
def subject(model):
    return ModelSubject(model, model.embed_texts(list(ACTIONS)))
