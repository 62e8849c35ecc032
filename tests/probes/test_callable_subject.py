"""Networks of others: their layers, their scores or embeddings, and what cannot be asked."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from zeroshot.errors import OptionError
from zeroshot.probes.callable_subject import Network

FRAMES = torch.rand(5, 4, 3, 8, 8) * 255


class Video(nn.Module):
    """Frames to scores of three labels, by a layer that can be looked into."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(3, 6)
        self.top = nn.Linear(6, 3)

    def forward(self, frames):
        return self.top(self.inner(frames.mean((1, 3, 4)) / 255))


def test_its_layers_are_what_they_show():
    network = Video()
    subject = Network("video", network, 3, network, ("inner",))
    layers = subject.layers(FRAMES)
    assert list(layers) == ["inner", "answer"]
    assert layers["inner"] == pytest.approx(network.inner(FRAMES.mean((1, 3, 4)) / 255).detach().numpy())
    assert subject.answer(FRAMES)["answer"] == pytest.approx(network(FRAMES).detach().numpy())


def test_embeddings_are_compared_by_their_cosine():
    texts = np.array([[2.0, 0.0], [0.0, 0.5]], np.float32)
    subject = Network("e", lambda frames: torch.tensor([[3.0, 4.0]] * len(frames)), 2, texts=texts)
    assert subject.answer(FRAMES)["answer"] == pytest.approx(np.array([[0.6, 0.8]] * 5))
    assert subject.units(FRAMES)["answer"].shape == (5, 2)


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (lambda frames: torch.zeros(len(frames), 4), r"expected scores \(5, 3\)"),
        (lambda frames: torch.zeros(len(frames), 3, dtype=torch.long), "gives torch.int64"),
        (lambda frames: torch.full((len(frames), 3), torch.inf), "not finite"),
    ],
)
def test_other_answers_are_refused(rows, line):
    with pytest.raises(OptionError, match=line):
        Network("odd", rows, 3).answer(FRAMES)
