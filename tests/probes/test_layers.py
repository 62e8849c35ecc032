"""Layers are looked into by hooks, whatever a network's own code is."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from zeroshot.errors import OptionError
from zeroshot.probes.layers import by_unit, named_layers, pooled, watching


def test_convolutions_have_their_units_second_and_others_last():
    videos = torch.randn(4, 6, 3, 8, 8)
    convolution, linear = nn.Conv3d(3, 5, 1), nn.Linear(8, 7)
    with watching({"a": convolution, "b": linear}) as seen:
        convolution(videos.transpose(1, 2))
        linear(videos)
    assert pooled(seen["a"], 4, convolution).shape == (4, 5)
    expected = convolution(videos.transpose(1, 2)).mean((2, 3, 4))
    assert torch.allclose(pooled(seen["a"], 4, convolution), expected, atol=1e-6)
    assert torch.allclose(pooled(seen["b"], 4, linear), linear(videos).mean((1, 2, 3)), atol=1e-6)


def test_frames_one_by_one_belong_to_their_videos():
    frames = torch.randn(6, 3, 4, 4)
    layer = nn.Conv2d(3, 2, 1)
    with watching({"a": layer}) as seen:
        layer(frames[:4])
        layer(frames[4:])
    found = by_unit(seen["a"], 3, layer)
    assert found.shape == (3, 2 * 16, 2)
    assert torch.allclose(found.mean(1)[2], layer(frames[4:]).mean((0, 2, 3)), atol=1e-6)


def test_nothing_is_watched_afterwards():
    layer = nn.Linear(2, 2)
    with watching({"a": layer}) as seen:
        pass
    layer(torch.zeros(1, 2))
    assert seen["a"] == []


def test_mistakes_are_named():
    network = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(OptionError, match=r"layer 'top' is not in Sequential; .* such as 0"):
        named_layers(network, ["top"])
    with pytest.raises(OptionError, match="gave no tensor when the network ran"):
        pooled([], 2, network)
    with pytest.raises(OptionError, match=r"gives \(5, 2\) of 2 videos; expected the videos"):
        pooled([torch.zeros(5, 2)], 2, network)
