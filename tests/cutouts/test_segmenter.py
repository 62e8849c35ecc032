"""Persons found by a segmentation network whose weights lie in a file."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torchvision
from bias_world import EXACT, frames_of, number, puppets, write_world
from bias_world import recipe as exact_recipe
from safetensors.torch import save_file

from zeroshot.bias.make import LAYOUT, make_bias_sets
from zeroshot.bias.recipe import BiasRecipe
from zeroshot.cutouts.segmenter import SEGMENTERS, PersonSegmenter
from zeroshot.errors import ModelError, OptionError, OutputError, VideoError
from zeroshot.store.folder import Claim

NAME = "lraspp_mobilenet_v3_large"


@pytest.fixture(scope="module")
def network():
    """Untrained weights, scaled so that the answer differs from pixel to pixel."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = torchvision.models.get_model(NAME, weights=None, weights_backbone=None)
    with torch.no_grad():
        for head in (module.classifier.low_classifier, module.classifier.high_classifier):
            head.weight.mul_(30)
        module.classifier.high_classifier.bias[15] = 2.0
    return module.eval()


@pytest.fixture(scope="module")
def weights(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "lraspp.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    videos = puppets(4)
    folder = tmp_path_factory.mktemp("world")
    return folder, write_world(folder, videos), videos


def test_levels_are_torchvisions_own(network, weights):
    frames = puppets(1)[0].frames[:2]
    found = PersonSegmenter(NAME, weights, "cpu").levels(frames)
    preset = torchvision.transforms._presets.SemanticSegmentation(resize_size=520)
    for frame, level in zip(torch.from_numpy(frames), found, strict=True):
        with torch.inference_mode():
            logits = network(preset(frame)[None])["out"]
        shares = torchvision.transforms.functional.resize(logits.softmax(1)[:, 15], list(frame.shape[1:]))[0]
        assert np.abs(level / 255 - shares.numpy()).max() < 0.03
    assert found.shape == (2, 36, 48)
    assert found.max() > found.min(), "the network tells pixels apart"


def test_safetensors_hold_the_same(network, weights, tmp_path):
    other = tmp_path / "lraspp.safetensors"
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, other)
    frames = puppets(1)[0].frames[:1]
    both = [PersonSegmenter(NAME, path, "cpu") for path in (weights, other)]
    assert np.array_equal(both[0].levels(frames), both[1].levels(frames))
    assert both[0].fingerprint != both[1].fingerprint, "the fingerprint is the file's"


def test_of_instances_persons_that_are_sure_count(weights):
    segmenter = PersonSegmenter(NAME, weights, "cpu")
    segmenter.name = "maskrcnn_resnet50_fpn"
    masks = torch.zeros(3, 1, 4, 4)
    masks[0, 0, 0], masks[1, 0, 1], masks[2, 0, 2] = 1.0, 1.0, 0.5
    answer = {"labels": torch.tensor([1, 18, 1]), "scores": torch.tensor([0.9, 0.9, 0.4]), "masks": masks}
    nobody = {name: value[:0] for name, value in answer.items()}
    segmenter._module = lambda frames: [answer, nobody][: len(frames)]
    found = segmenter.levels(np.zeros((2, 3, 4, 4), np.uint8))
    assert found[0, 0].tolist() == [255] * 4, "a person"
    assert found[0, 1:].max() == 0, "a dog, and somebody that it is not sure of"
    assert found[1].max() == 0


@pytest.mark.parametrize("name", sorted(SEGMENTERS))
def test_each_architecture_takes_its_own_weights(name, monkeypatch, tmp_path):
    monkeypatch.setattr(torch.nn.Module, "load_state_dict", lambda module, state: module.filled.append(state))
    built = []
    monkeypatch.setattr(
        torchvision.models,
        "get_model",
        lambda architecture, **choices: built.append((architecture, choices)) or _Module(),
    )
    torch.save({"aux_classifier.0.weight": torch.zeros(1)}, tmp_path / "w.pth")
    PersonSegmenter(name, tmp_path / "w.pth", "cpu")
    assert built == [(name, {"weights": None, "weights_backbone": None, "aux_loss": True})]
    assert name in torchvision.models.list_models(), "torchvision knows it"


class _Module(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.filled = []


def test_sets_are_those_of_the_same_masks_in_files(world, weights, tmp_path, monkeypatch):
    folder, split, videos = world

    def levels(self, frames):
        fitting = [video for video in videos if np.array_equal(video.frames, frames)]
        return np.where(fitting[0].masks, np.uint8(255), np.uint8(0))

    monkeypatch.setattr(PersonSegmenter, "levels", levels)
    by_network = BiasRecipe(
        masks=f"{NAME}:{weights}", backgrounds=str(folder / "backgrounds"), kinds=("human-only",), **EXACT
    )
    made = make_bias_sets(split, tmp_path / "made", by_network)
    files = make_bias_sets(split, tmp_path / "files", exact_recipe(folder, kinds=("human-only",)))
    assert [row.path for row in made.rows] == [row.path for row in files.rows]
    for one, other in zip(made.rows, files.rows, strict=True):
        assert np.array_equal(frames_of(made, one), frames_of(files, other))
        assert number(one.source) == number(other.source)
    assert made.settings["masks"] == NAME
    assert made.settings["segmenter"] == PersonSegmenter(NAME, weights, "cpu").fingerprint


@pytest.mark.slow
def test_videos_in_which_it_finds_nobody_are_named(world, weights, network, tmp_path):
    _, split, _ = world
    state = dict(network.state_dict())
    state["classifier.high_classifier.bias"] = state["classifier.high_classifier.bias"].clone()
    state["classifier.high_classifier.bias"][15] = -1e4
    torch.save(state, tmp_path / "nobody.pth")
    with pytest.raises(VideoError, match=f"none of the 4 videos could be used .*{NAME} finds nobody in"):
        make_bias_sets(split, tmp_path / "sets", BiasRecipe(masks=f"{NAME}:{tmp_path / 'nobody.pth'}"))


def test_two_runs_do_not_write_into_one_folder(world, tmp_path):
    folder, split, _ = world
    made = exact_recipe(folder, kinds=("human-only",))
    make_bias_sets(split, tmp_path, made)
    lock = Claim(tmp_path, LAYOUT)
    with pytest.raises(OutputError, match="is being written by process"):
        make_bias_sets(split, tmp_path, made)
    lock.free()
    assert len(make_bias_sets(split, tmp_path, made).rows) == 12


def test_bad_weights_are_one_line(weights, tmp_path):
    (tmp_path / "text.pth").write_text("no weights")
    torch.save({"some": torch.zeros(2)}, tmp_path / "other.pth")
    torch.save(SimpleNamespace(run=1), tmp_path / "code.pth")
    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    (tmp_path / "w.onnx").write_text("a graph")
    for path, words in (
        (tmp_path / "none.pth", "no weights file .*none.pth"),
        (tmp_path / "text.pth", "cannot read .*text.pth"),
        (tmp_path / "code.pth", "cannot read .*code.pth"),
        (tmp_path / "list.pth", "holds no state dict"),
        (tmp_path / "other.pth", f"holds no weights for {NAME}"),
        (tmp_path / "w.onnx", "is no weights file; expected one of"),
    ):
        with pytest.raises(ModelError, match=words) as error:
            PersonSegmenter(NAME, path, "cpu")
        assert "\n" not in str(error.value)
    with pytest.raises(OptionError, match="no segmentation network 'yolo'; expected one of lraspp"):
        PersonSegmenter("yolo", weights)
