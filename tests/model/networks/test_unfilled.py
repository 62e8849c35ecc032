"""Networks built before their weights: sizes without numbers, and numbers in the right places afterwards."""

from __future__ import annotations

import threading

import pytest
import torch
from tiny_world import TINY
from torch import nn

from zeroshot.model.networks.unfilled import fill, unfilled


class Tied(nn.Module):
    """Two layers that share a weight, and a mask that no checkpoint holds."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 3, bias=False), nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.register_buffer("mask", torch.eye(3), persistent=False)
        self.register_buffer("mean", torch.zeros(3))


def test_parameters_have_sizes_alone_and_buffers_their_numbers():
    with unfilled():
        module = Tied()
    assert module.first.weight.is_meta
    assert module.first.weight.shape == (3, 3)
    assert module.first.weight is module.second.weight
    assert torch.equal(module.mask, torch.eye(3))
    assert not nn.Linear(2, 2).weight.is_meta


def test_modules_of_other_threads_are_made_as_ever():
    made = []
    with unfilled():
        thread = threading.Thread(target=lambda: made.append(nn.Linear(2, 2)))
        thread.start()
        thread.join()
    assert not made[0].weight.is_meta


def test_weights_are_copied_in_the_modules_own_type():
    tensors = {name: torch.randn(value.shape) for name, value in Tied().state_dict().items()}
    tensors["second.weight"] = tensors["first.weight"]
    half = {name: value.half() for name, value in tensors.items()}
    with unfilled():
        module = Tied()
    fill(module, half)
    for name, value in module.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, half[name].float())
    fill(module, tensors)  # built with numbers by now
    for value in tensors.values():
        value.zero_()
    assert module.first.weight.abs().sum() > 0
    assert module.first.weight.data_ptr() == module.second.weight.data_ptr()


@pytest.mark.parametrize("wrong", ["missing", "shape", "other"])
def test_other_weights_are_refused(wrong):
    tensors = dict(Tied().state_dict())
    if wrong == "missing":
        del tensors["mean"]
    elif wrong == "shape":
        tensors["first.weight"] = torch.zeros(4, 3)
    else:
        tensors["strange"] = torch.zeros(1)
    with unfilled():
        module = Tied()
    with pytest.raises(RuntimeError, match=r"mean|first\.weight|strange"):
        fill(module, tensors)


def test_a_clip_is_the_same_either_way():
    import open_clip

    torch.manual_seed(0)
    whole = open_clip.CLIP(**TINY).eval()
    with unfilled():
        filled = open_clip.CLIP(**TINY).eval()
    fill(filled, whole.state_dict())
    pixels, words = torch.randn(2, 3, 32, 32), torch.randint(0, 49407, (2, 40))
    with torch.inference_mode():
        assert torch.equal(filled.encode_image(pixels), whole.encode_image(pixels))
        assert torch.equal(filled.encode_text(words), whole.encode_text(words))
