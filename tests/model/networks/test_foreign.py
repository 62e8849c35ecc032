"""Folders of strangers: no code of theirs runs, nothing is fetched or asked, and no config is believed."""

from __future__ import annotations

import builtins
import gzip
import json
import os
import pickle
import socket
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoint_folders import PUPPET, changed, open_clip_folder, own_folder, transformers_folder, with_code
from safetensors.torch import load_file, save_file

import zeroshot
from zeroshot.batch.table import EmbeddingRow, EmbeddingTable, settings_of
from zeroshot.checkpoint import load_model
from zeroshot.errors import ModelError
from zeroshot.model.adapter_files import load_adapter
from zeroshot.model.backbone import load_backbone
from zeroshot.model.networks.foreign import read_weights

FOLDERS = {"own": own_folder, "open_clip": open_clip_folder, "transformers": transformers_folder}
FRAMES = np.random.default_rng(0).integers(0, 255, (2, 3, 40, 40), dtype=np.uint8)


@pytest.fixture(autouse=True)
def nobody_is_asked(monkeypatch):
    """No question on stdin and no connection: either ends the test."""

    def refuse(*words: object, **_: object):
        raise AssertionError(f"asked for {words}")

    monkeypatch.setattr(builtins, "input", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def used(name: str) -> None:
    """A model that embeds a text and frames, or one line about why not."""
    with load_model(name, device="cpu") as model:
        rows = [model.embed_texts(["a plain text"]), model.embed_frames(FRAMES)]
    assert all(np.isfinite(each).all() for each in rows)


def refused(name: str, message: str) -> None:
    """A model that is not used, for which one line says why."""
    with pytest.raises(ModelError, match=message) as caught:
        used(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_folder_is_used_and_its_code_is_not(kind, tmp_path, monkeypatch):
    marker = tmp_path / "ran"
    folder = with_code(FOLDERS[kind](tmp_path / "folder"), marker)
    monkeypatch.chdir(folder)
    if kind == "own":
        (folder / "tokenizer_config.json").unlink()  # nothing reads it there
    used(str(folder))
    assert not marker.exists()


@pytest.mark.parametrize("options", [{"trust_remote_code": True}, {"cache_dir": "/x"}, {"use_fast": False}])
def test_a_tokenizer_is_given_no_options_that_are_not_known(options, tmp_path):
    marker = tmp_path / "ran"
    folder = with_code(open_clip_folder(tmp_path / "folder"), marker)
    content = json.loads((folder / "open_clip_config.json").read_text())
    content["model_cfg"]["text_cfg"] |= {"hf_tokenizer_name": "org/words", "tokenizer_kwargs": options}
    (folder / "open_clip_config.json").write_text(json.dumps(content))
    with pytest.raises(ModelError, match=f"tokenizer_kwargs has the field '{next(iter(options))}'"):
        used(str(folder))
    assert not marker.exists()


def test_a_transformers_tokenizer_beside_the_weights_runs_no_code(tmp_path):
    marker = tmp_path / "ran"
    folder = open_clip_folder(tmp_path / "folder")
    tokens = transformers_folder(tmp_path / "other")
    for name in ("vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json"):
        if (tokens / name).exists():
            (folder / name).write_bytes((tokens / name).read_bytes())
    with_code(folder, marker)
    content = json.loads((folder / "open_clip_config.json").read_text())
    content["model_cfg"]["text_cfg"]["hf_tokenizer_name"] = "org/words"
    (folder / "open_clip_config.json").write_text(json.dumps(content))
    used(str(folder))
    assert not marker.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
        {"attn_implementation": "someone/kernels"},
        {"_attn_implementation": "someone/kernels", "_attn_implementation_internal": "someone/kernels"},
        {"transformers_weights": "../outside.safetensors"},
        {"torch_dtype": "evil", "dtype": "evil"},
    ],
)
def test_what_transformers_would_act_on_by_itself_is_left_aside(fields, tmp_path):
    folder = transformers_folder(tmp_path / "folder")
    changed(folder / "config.json", **fields)
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "someone/base"}))
    used(str(folder))


@pytest.mark.parametrize(
    ("part", "field", "value", "message"),
    [
        (
            "vision_cfg",
            "timm_model_name",
            "hf-hub:someone/model",
            "timm_model_name is 'hf-hub:someone/model'",
        ),
        ("vision_cfg", "timm_model_name", "local-dir:/tmp/x", "timm_model_name is 'local-dir:/tmp/x'"),
        ("text_cfg", "hf_model_name", "someone/model", "in the cache alone"),
        ("text_cfg", "hf_model_name", "../../x/y", "hf_model_name is"),
        ("text_cfg", "hf_tokenizer_name", "someone/words", "in the cache alone"),
        ("text_cfg", "tokenizer_kwargs", {"bpe_path": "../merges.txt.gz"}, "bpe_path is '../merges.txt.gz'"),
        ("text_cfg", "tokenizer_kwargs", {"bpe_path": "/etc/passwd"}, "bpe_path is '/etc/passwd'"),
        ("vision_cfg", "width", 10**9, "width is 1000000000"),
        ("vision_cfg", "width", 10**6, "its weights have"),
        ("vision_cfg", "layers", 10**6, "asks for 1000000 layers in vision_cfg"),
        ("text_cfg", "layers", 900, "asks for 900 layers"),
        ("text_cfg", "vocab_size", 4_000_000, "token_embedding.weight of"),
        ("text_cfg", "context_length", 4_000_000, "context of 4000000"),
        ("vision_cfg", "image_size", 4_000_000, "patches"),
        ("vision_cfg", "mlp_ratio", 1e9, "its weights have"),
        ("vision_cfg", "mlp_ratio", float("nan"), "mlp_ratio is nan"),
        ("vision_cfg", "patch_size", 0, "cannot build"),
        ("vision_cfg", "norm_kwargs", {"device": "cuda"}, "norm_kwargs has the field 'device'"),
        ("vision_cfg", "unheard_of", 1, "vision_cfg has the field 'unheard_of'"),
    ],
)
def test_a_config_is_held_against_its_weights_before_anything_is_made(part, field, value, message, tmp_path):
    folder = open_clip_folder(tmp_path / "folder")
    content = json.loads((folder / "open_clip_config.json").read_text())
    content["model_cfg"][part][field] = value
    (folder / "open_clip_config.json").write_text(json.dumps(content))
    began = time.monotonic()
    refused(str(folder), message)
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("vision_config", "hidden_size", 3 * 10**6),
        ("vision_config", "hidden_size", 10**9),
        ("text_config", "num_hidden_layers", 10**6),
        ("text_config", "vocab_size", 4_000_000),
        ("vision_config", "image_size", 4_000_000),
        ("vision_config", "patch_size", 0),
    ],
)
def test_so_is_one_in_the_form_of_transformers(part, field, value, tmp_path):
    folder = transformers_folder(tmp_path / "folder")
    content = json.loads((folder / "config.json").read_text())
    content[part][field] = value
    (folder / "config.json").write_text(json.dumps(content))
    refused(str(folder), "folder")


@pytest.mark.parametrize(
    "fields", [{"hidden_dim": 1 << 20}, {"num_layers": 10**6}, {"num_frames": 10**6}, {"grid": [4, 10**6]}]
)
def test_so_is_an_adapter(fields, tmp_path):
    folder = own_folder(tmp_path / "folder")
    content = json.loads((folder / "config.json").read_text())
    content["adapter"] |= fields
    (folder / "config.json").write_text(json.dumps(content))
    with pytest.raises(ModelError, match=r"the adapter in .* is damaged"):
        load_adapter(folder)


def test_merges_that_unpack_to_gigabytes_are_refused(tmp_path):
    folder = open_clip_folder(tmp_path / "folder")
    with gzip.open(folder / "merges.txt.gz", "wb", compresslevel=1) as stream:
        for _ in range(40):
            stream.write(bytes(1 << 20))
    refused(str(folder), "unpacks to more than 32 MiB")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name")
def test_a_pipe_in_place_of_a_config_does_not_hang(tmp_path):
    folder = open_clip_folder(tmp_path / "folder")
    (folder / "open_clip_config.json").unlink()
    os.mkfifo(folder / "open_clip_config.json")
    refused(str(folder), "no model's folder")


def test_a_config_nested_without_end_is_one_line(tmp_path):
    folder = open_clip_folder(tmp_path / "folder")
    (folder / "open_clip_config.json").write_text("[" * 200_000)
    refused(str(folder), "expected a JSON object")


class Settings(dict):
    """As training code keeps its settings: a class that nobody else has."""


class Trap:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def test_what_lies_beside_pickled_weights_is_not_made(tmp_path):
    folder = open_clip_folder(tmp_path / "folder")
    state = load_file(folder / "open_clip_model.safetensors")
    (folder / "open_clip_model.safetensors").unlink()
    beside = {"config": Settings(a=Settings(b=1)), "best": np.float64(81.5), "epoch": 3}
    torch.save({"model": state, **beside}, folder / "open_clip_pytorch_model.bin")
    used(str(folder))
    content = read_weights([folder / "open_clip_pytorch_model.bin"])
    assert set(content) == set(state)


@pytest.mark.parametrize("write", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_pickled_weights_run_nothing(write, tmp_path):
    folder, marker = open_clip_folder(tmp_path / "folder"), tmp_path / "ran"
    (folder / "open_clip_model.safetensors").unlink()
    write({"state_dict": Trap(marker)}, folder / "open_clip_pytorch_model.bin")
    refused(str(folder), "cannot read|holds no weights")
    assert not marker.exists()


def test_weights_that_claim_more_than_their_bytes_are_refused(tmp_path):
    folder = open_clip_folder(tmp_path / "folder")
    (folder / "open_clip_model.safetensors").unlink()
    huge = {"visual.proj": torch.zeros(1).expand(1 << 20, 1 << 14)}
    torch.save(huge, folder / "open_clip_pytorch_model.bin")
    refused(str(folder), "claims more numbers than it has bytes")


@pytest.mark.parametrize(
    "hostile", ["folder", "hf:someone/model", "hf:folder", "ViT-B-32/weights.pt", 7, None]
)
def test_a_manifest_names_no_model_that_the_user_does_not_know(hostile, tmp_path, monkeypatch, capsys):
    from zeroshot.cli.main import main

    marker = tmp_path / "ran"
    with_code(transformers_folder(tmp_path / "folder"), marker)
    (tmp_path / "ViT-B-32").mkdir()
    (tmp_path / "weights.pt").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    model = load_model("puppet-tiny", device="cpu")
    # All checksums are right: whoever forges a folder can count.
    with EmbeddingTable("videos", {**settings_of(model), "model": hostile}) as table:
        table.add(EmbeddingRow("a.mp4", model.embed_texts(["a"])[0]))
    capsys.readouterr()
    words = (
        ["search", "waving", "--in", "videos"],
        ["classify", "--embeddings", "videos", "--labels", "a,b"],
    )
    for each in words:
        monkeypatch.setattr("sys.argv", ["zeroshot", *each])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr().err
        assert (ended.value.code, said.count("\n")) == (1, 1), said
    if isinstance(hostile, str):
        assert "neither bundled nor published under a tag" in said
        assert len(zeroshot.search("waving", "videos", model="puppet-tiny")[0]) == 1, "named by the user"
    assert not marker.exists()


def test_an_adapters_backbone_is_not_fetched_for_a_files_sake(tmp_path):
    folder = own_folder(tmp_path / "folder")
    content = json.loads((folder / "config.json").read_text())
    kept = {name: content[name] for name in ("format", "adapter", "stream", "num_frames")}
    kept["backbone"] = {"name": "hf:someone/model", "fingerprint": "0"}
    (folder / "config.json").write_text(json.dumps(kept))
    (folder / "model.safetensors").write_bytes((folder / "adapter.safetensors").read_bytes())
    refused(str(folder), "in the cache alone")


@pytest.mark.parametrize("name", ["token_embedding.weight", "visual.proj", "visual.conv1.weight"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_named(name, value, tmp_path):
    folder = open_clip_folder(tmp_path / "folder")
    state = load_file(folder / "open_clip_model.safetensors")
    state[name][...] = value
    save_file(state, folder / "open_clip_model.safetensors")
    refused(str(folder), r"folder gives an embedding that is not finite")
    backbone = load_backbone(str(folder), "cpu")
    if name.startswith("visual"):
        for encode in (backbone.encode_frames, backbone.encode_tokens):
            with pytest.raises(ModelError, match="not finite"):
                encode(FRAMES)


def test_so_is_an_adapter_that_is_not(tmp_path):
    folder = own_folder(tmp_path / "folder")
    state = load_file(PUPPET / "adapter.safetensors")
    next(tensor for tensor in state.values() if tensor.ndim > 1)[0] = torch.nan
    save_file(state, folder / "adapter.safetensors")
    refused(str(folder), r"adapter in .* is damaged: .* is not finite")
