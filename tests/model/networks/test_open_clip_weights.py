"""Checkpoints of video work on CLIP, wrapped and prefixed by training code: loaded as they are."""

from __future__ import annotations

import json

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import save_file
from tiny_networks import TINY, scatter

from zeroshot.cli.main import main
from zeroshot.errors import ModelError
from zeroshot.model.backbone import load_backbone

FRAMES = np.random.default_rng(0).integers(0, 255, (2, 3, 40, 40), dtype=np.uint8)
NAMES = ("tiny-video", "tiny-video-quickgelu")
CONTEXT = {"mit.positional_embedding": (8, 24), "prompts_generator.layers.0.norm1.weight": (24,)}
MESSAGES = {"visual.transformer.resblocks.0.message_fc.weight": (48, 48)}


class Settings(dict):
    """Stands for yacs' CfgNode."""


@pytest.fixture(scope="module", autouse=True)
def architectures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("architectures")
    for name in NAMES:
        (folder / f"{name}.json").write_text(json.dumps(TINY | {"quick_gelu": name.endswith("quickgelu")}))
    open_clip.add_model_config(folder)


@pytest.fixture(scope="module")
def theirs() -> torch.nn.Module:
    return scatter(open_clip.create_model(NAMES[0])).eval()


def towers_apart(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Names as ViFi-CLIP and TC-CLIP give them: the towers by themselves, the words left out."""
    renamed = {}
    for name, tensor in state.items():
        if name.startswith("visual."):
            renamed["image_encoder." + name.removeprefix("visual.")] = tensor
        elif name == "logit_scale":
            renamed[name] = tensor
        elif name != "token_embedding.weight":
            renamed["text_encoder." + name] = tensor
    return renamed | {"prompt_learner.complete_text_embeddings": torch.zeros(3, 12, 32)}


def prefixed(state: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + name: tensor for name, tensor in state.items()}


def extra(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    return {name: torch.ones(shape) for name, shape in shapes.items()}


def attention_apart(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Names as TC-CLIP gives them to its image tower, with what it adds."""
    split = {}
    for name, tensor in state.items():
        around, _, kind = name.partition("attn.in_proj_")
        if kind and name.startswith("image_encoder."):
            parts = zip("qkv", tensor.chunk(3), strict=True)
            split |= {f"{around}attn.{each}_proj.{kind}": part for each, part in parts}
            split[f"{around}attn.local_global_bias_table"] = torch.zeros(2, 1, 2)
        else:
            split[name] = tensor
    generation = {"text_encoder.prompt_generation_layer.0.attn.in_proj_weight": torch.zeros(96, 32)}
    return split | generation | {"prompt_learner.ctx": torch.zeros(4, 32)}


SHAPES = {
    # Open-VCLIP, as SlowFast writes: one more wrapper around CLIP, and the untrained CLIP beside it.
    "open-vclip.pyth": lambda state: {
        "epoch": 22, "cfg": "TRAIN: …",
        "model_state": prefixed(state, "model.") | prefixed(state, "raw_model."),
    },
    "parallel.pth": lambda state: {"model": prefixed(state, "module."), "epoch": 3},
    "both.pth.tar": lambda state: {"state_dict": prefixed(state, "module.model."), "best": np.float64(0.5)},
    "X-CLIP.pth": lambda state: {
        "model": state | extra(CONTEXT) | extra(MESSAGES), "config": Settings(TRAIN=Settings(LR=1)),
        "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]},
    },
    "nested.pt": lambda state: {"state_dict": {"model": state}},
    "plain.bin": lambda state: state,
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_wrapped_and_prefixed_weights_load_as_they_are(name, theirs, tmp_path):
    torch.save(SHAPES[name](theirs.state_dict()), tmp_path / name)
    ours = load_backbone(f"{NAMES[0]}/{tmp_path / name}", "cpu")
    for parameter, tensor in theirs.state_dict().items():
        assert torch.equal(ours._network.module.state_dict()[parameter], tensor), parameter
    notes = "\n".join(ours.notes)
    prefix = {"open-vclip.pyth": "'model.'", "parallel.pth": "'module.'", "both.pth.tar": "'module.model.'"}
    assert (prefix.get(name, "nothing") in notes) == (name in prefix), notes
    assert ("QuickGELU" in notes) == (name in {"open-vclip.pyth", "X-CLIP.pth"}), notes
    if name == "X-CLIP.pth":
        assert "3 tensors such as mit.positional_embedding are left out" in notes


def test_prefixes_are_taken_off_safetensors_too(theirs, tmp_path):
    state = {name: tensor.contiguous() for name, tensor in prefixed(theirs.state_dict(), "clip.").items()}
    save_file(state, tmp_path / "x.safetensors")
    ours = load_backbone(f"{NAMES[0]}/{tmp_path / 'x.safetensors'}", "cpu")
    assert "'clip.' is taken off" in ours.notes[0]


@pytest.mark.parametrize("prefix", ["", "module."])
def test_towers_apart_are_put_together_with_the_words_of_openai(prefix, theirs, tmp_path, monkeypatch):
    state = prefixed(towers_apart(theirs.state_dict()), prefix)
    torch.save({"model": state, "config": Settings(a=1)}, tmp_path / "vifi_clip.pth")
    name = f"{NAMES[1]}/{tmp_path / 'vifi_clip.pth'}"
    with pytest.raises(ModelError, match=r"lack token_embedding\.weight"):
        load_backbone(name, "cpu")
    words = tmp_path / "openai.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in theirs.state_dict().items()}, words)
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda name, tag: {"hf_hub": "org/clip/"})
    with pytest.raises(ModelError, match=rf"lack token_embedding.*run once with --model {NAMES[1]}/openai"):
        load_backbone(name, "cpu")
    monkeypatch.setattr("zeroshot.model.networks.open_clip_weights.fetch_one", lambda *_, **__: words)
    ours = load_backbone(name, "cpu")
    quick = open_clip.create_model(NAMES[1])
    quick.load_state_dict(theirs.state_dict())
    with torch.inference_mode():
        expected = torch.nn.functional.normalize(
            quick.eval().encode_image(ours.prepare_frames(FRAMES)), dim=-1
        )
    assert (ours.encode_frames(FRAMES) - expected).abs().max() < 1e-5
    notes = "\n".join(ours.notes)
    assert ("'module." in notes) == bool(prefix)
    assert "1 tensors such as" in notes
    assert "QuickGELU" not in notes, "the architecture that was named computes it"


def test_queries_keys_and_values_apart_are_put_together(theirs, tmp_path):
    state = theirs.state_dict()
    apart = attention_apart(towers_apart(state)) | {"token_embedding.weight": state["token_embedding.weight"]}
    path = tmp_path / "tc_clip.pth"
    torch.save({"model": prefixed(apart, "module."), "config": Settings(a=1), "max_accuracy": 78.1}, path)
    ours = load_backbone(f"{NAMES[1]}/{path}", "cpu")
    for parameter, tensor in state.items():
        assert torch.equal(ours._network.module.state_dict()[parameter], tensor), parameter
    notes = "\n".join(ours.notes)
    assert "_proj" not in notes
    assert "tensors such as" in notes
    del apart["image_encoder.transformer.resblocks.0.attn.k_proj.bias"]
    torch.save({"model": prefixed(apart, "module.")}, path)
    with pytest.raises(ModelError, match=r"in_proj_bias"):
        load_backbone(f"{NAMES[1]}/{path}", "cpu")


def test_a_line_says_which_prefix_was_found_where_something_lacks(theirs, tmp_path):
    state = theirs.state_dict()
    del state["ln_final.weight"]
    torch.save({"state_dict": prefixed(state, "module.")}, tmp_path / "x.pth")
    with pytest.raises(
        ModelError, match=r"\(with 'module\.' taken off their names\): .*ln_final\.weight"
    ) as caught:
        load_backbone(f"{NAMES[0]}/{tmp_path / 'x.pth'}", "cpu")
    assert "\n" not in str(caught.value)


def test_a_deeper_network_is_another_architecture(theirs, tmp_path):
    deeper = {"visual.transformer.resblocks.7.ln_1.weight": torch.ones(48)}
    torch.save(theirs.state_dict() | deeper, tmp_path / "x.pth")
    with pytest.raises(ModelError, match=r"has no place for visual\.transformer\.resblocks\.7"):
        load_backbone(f"{NAMES[0]}/{tmp_path / 'x.pth'}", "cpu")


def test_the_command_says_what_was_found(theirs, tmp_path, monkeypatch, capsys):
    torch.save({"model": prefixed(theirs.state_dict(), "module.")}, tmp_path / "openai-like.pth")
    words = ["zeroshot", "index", "a,b", "--model", f"{NAMES[0]}/{tmp_path / 'openai-like.pth'}"]
    monkeypatch.setattr("sys.argv", [*words, "--output", str(tmp_path / "x.index")])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert not ended.value.code
    assert said.count("'module.' is taken off") == 1
    assert said.count(f"name it {NAMES[1]}/…") == 1
