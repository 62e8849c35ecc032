"""Networks built before their weights: sizes without numbers, and numbers in the right places afterwards."""

from __future__ import annotations

import threading

import pytest
import torch
from tiny_world import TINY
from torch import nn

from zeroshot.model.backbone import load_backbone
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


def test_nothing_is_drawn_for_what_has_no_numbers():
    state = torch.get_rng_state()
    with unfilled():
        layer = torch.nn.Embedding(5, 3)
        torch.nn.init.trunc_normal_(layer.weight)
        layer.weight.data.uniform_()
    assert layer.weight.is_meta
    assert torch.equal(torch.get_rng_state(), state)
    with unfilled():
        drawn = torch.nn.init.normal_(torch.zeros(50))
    assert drawn.std() > 0, "what has numbers is filled as ever"


@pytest.mark.parametrize("encodes", [("texts",), ("frames",), (), ("frames", "texts")])
def test_a_tower_that_is_not_used_is_read_where_it_lies(encodes):
    with unfilled():
        module = nn.ModuleDict({"visual": nn.Linear(2, 2), "words": nn.Linear(2, 2)})
    tensors = {name: torch.rand(value.shape) for name, value in module.state_dict().items()}
    fill(module, tensors, encodes)
    for name, value in module.state_dict().items():
        used = ("frames" if name.startswith("visual.") else "texts") in encodes
        assert (value.data_ptr() != tensors[name].data_ptr()) == used, name
        assert torch.equal(value, tensors[name])


def test_a_network_without_one_of_its_towers_is_the_same_in_the_other():
    whole, texts = load_backbone("puppet-tiny", "cpu"), ["a person waving", "kicking"]
    pixels = torch.rand((2, 3, *whole.preprocess.size), generator=torch.Generator().manual_seed(0))
    only_texts, only_frames = (
        load_backbone("puppet-tiny", "cpu", encodes=(each,)) for each in ("texts", "frames")
    )
    assert only_texts.fingerprint == only_frames.fingerprint == whole.fingerprint
    assert torch.equal(only_texts.encode_texts(texts), whole.encode_texts(texts))
    assert torch.equal(only_frames.encode_pixels(pixels), whole.encode_pixels(pixels))
    assert torch.allclose(only_texts.encode_pixels(pixels), whole.encode_pixels(pixels), atol=1e-5)
