"""Checkpoints from the hub: which files come, what is refused, what goes on without a network.

Covers: zeroshot/model/hub/own_files, zeroshot/model/names.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from checkpoint_folders import CODE, PUPPET
from training_world import one_line

import zeroshot
from zeroshot.checkpoint import describe, load_model, trained_labels
from zeroshot.datasets.seen_labels import TrainedOn
from zeroshot.errors import ModelError
from zeroshot.model.hub.own_files import own_files
from zeroshot.model.hub.pull import hub_name, pull

CLIP = np.random.default_rng(0).integers(0, 255, (6, 64, 64, 3), np.uint8)
FILES = {path.name: path.read_bytes() for path in PUPPET.iterdir() if path.is_file()}


def small(**changes: bytes) -> dict[str, bytes]:
    """The files of puppet-tiny without its adapter."""
    config = json.loads(FILES["config.json"])
    plain = {name: config[name] for name in ("format", "model_cfg", "preprocess_cfg", "num_frames")}
    kept = {name: FILES[name] for name in ("model.safetensors", "merges.txt.gz")}
    return {**kept, "config.json": json.dumps(plain).encode(), **changes}


def test_a_checkpoint_of_the_hub_is_the_one_that_was_put_there(fake_hub):
    commit = fake_hub.put("me/adapter", FILES)
    classifier = zeroshot.load("hub:me/adapter", ["waving", "kicking"], device="cpu")
    with classifier.model as model, load_model("puppet-tiny", device="cpu") as bundled:
        assert model.origin == model.name == f"hub:me/adapter@{commit}"
        np.testing.assert_array_equal(model.embed_videos([CLIP]), bundled.embed_videos([CLIP]))
        assert model.adapter_fingerprint == bundled.adapter_fingerprint
    assert describe("hub:me/adapter")["origin"] == f"hub:me/adapter@{commit}"
    assert trained_labels("hub:me/adapter") == trained_labels("puppet-tiny") != TrainedOn()


def test_a_revision_is_what_it_was_named_for(fake_hub):
    before = fake_hub.put("me/adapter", small(), "v1")
    fake_hub.put("me/adapter", small(**{"README.md": b"newer"}))
    assert load_model("hub:me/adapter@v1", device="cpu").origin.endswith(before)
    assert load_model(f"hub:me/adapter@{before}", device="cpu").origin.endswith(before)
    asked = len(fake_hub.requests)
    load_model(f"hub:me/adapter@{before}", device="cpu")
    assert len(fake_hub.requests) == asked, "what is pinned and in the cache needs no network"


def test_without_an_answer_the_cache_serves_and_says_so(fake_hub):
    commit = fake_hub.put("me/adapter", small())
    load_model("hub:me/adapter", device="cpu")
    fake_hub.close()
    model = load_model("hub:me/adapter", device="cpu")
    assert model.origin.endswith(commit)
    assert model.notes[0].startswith(
        f"hub:me/adapter@{commit} is what the cache has of hub:me/adapter@main; the model hub: no answer"
    )
    with pytest.raises(ModelError, match=r"cannot fetch hub:me/other@main from the model hub \(no answer"):
        load_model("hub:me/other", device="cpu")


def test_nothing_but_the_files_of_a_checkpoint_comes_and_none_of_it_runs(fake_hub, tmp_path):
    marker = tmp_path / "ran"
    code = CODE.format(marker=str(marker)).encode()
    strange = {
        "evil.py": code, "setup.py": code, "__init__.py": code, "pytorch_model.bin": b"pickle",
        "open_clip_config.json": b"{}", "tokens/a.npy": b"0", ".env": b"secret",
    }  # fmt: skip
    fake_hub.put("me/adapter", small(**strange))
    folder = pull("hub:me/adapter").folder
    assert {path.name for path in folder.iterdir()} == set(small())
    load_model("hub:me/adapter", device="cpu")
    assert not marker.exists()
    assert not [line for line in fake_hub.requests if any(name in line for name in strange)]


@pytest.mark.parametrize(
    ("access", "words"),
    [
        ("private", r"there is no 'me/adapter' on the model hub, or it is private; .*hf auth login"),
        ("gated", "me/adapter asks for its licence to be accepted on the model hub and for `hf auth login`"),
    ],
)
def test_who_may_not_read_it_is_told_so(fake_hub, access, words):
    fake_hub.put("me/adapter", small())
    fake_hub.repositories["me/adapter"].access = access
    with pytest.raises(ModelError, match=words) as error:
        load_model("hub:me/adapter", device="cpu")
    one_line(error)


def test_what_is_not_there_is_named(fake_hub):
    with pytest.raises(ModelError, match="cannot fetch hub:me/none@main: there is no 'me/none'"):
        load_model("hub:me/none", device="cpu")
    fake_hub.put("me/adapter", small())
    with pytest.raises(ModelError, match="me/adapter has no revision 'v9' on the hub; expected a branch"):
        load_model("hub:me/adapter@v9", device="cpu")


@pytest.mark.parametrize(
    "name",
    ["hub:", "hub:me", "hub:me/a/b", "hub:../a", "hub:me/a--b", "hub:me/a.git", "hub:me/", "hub:me/a b"],
)
def test_a_malformed_name_is_refused_before_anything_is_asked(fake_hub, name):
    with pytest.raises(
        ModelError, match="is no name on the model hub; expected ORG/NAME, such as me/adapter"
    ):
        load_model(name)
    assert not fake_hub.requests


@pytest.mark.parametrize("revision", ["", "../../x", "a//b", "/etc", "x y", "-" * 101])
def test_a_malformed_revision_is_refused(revision):
    with pytest.raises(ModelError, match="is no revision"):
        hub_name(f"hub:me/adapter@{revision}")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"README.md": b"# a book"}, "is no checkpoint of zeroshot: it has no config.json"),
        (
            {"config.json": b'{"model_type": "clip"}'},
            r"has no format 1\); a model of another library is named hf:",
        ),
        ({"config.json": b"[]"}, "holds a list; expected a JSON object"),
        (
            {"config.json": small()["config.json"]},
            "has no model.safetensors; expected the checkpoint's weights",
        ),
    ],
)
def test_what_is_no_checkpoint_of_ours_is_refused(fake_hub, files, words):
    fake_hub.put("me/adapter", files)
    with pytest.raises(ModelError, match=words) as error:
        load_model("hub:me/adapter", device="cpu")
    one_line(error)


def test_a_file_too_large_is_not_fetched(fake_hub, monkeypatch):
    from zeroshot.model.hub import own_files as module

    monkeypatch.setitem(module._MOST_BYTES, "training.json", 10)
    fake_hub.put("me/adapter", small(**{"training.json": b"x" * 11}))
    with pytest.raises(ModelError, match=r"me/adapter: training.json has 11 bytes; expected up to 10"):
        load_model("hub:me/adapter", device="cpu")
    assert not [line for line in fake_hub.requests if "/resolve/" in line]


def test_a_link_that_leads_out_of_the_cache_is_not_followed(fake_hub, tmp_path):
    commit = fake_hub.put("me/adapter", small())
    folder = pull("hub:me/adapter").folder
    (tmp_path / "elsewhere").write_bytes(small()["model.safetensors"])
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to(tmp_path / "elsewhere")
    fake_hub.close()
    with pytest.raises(ModelError, match=r"model.safetensors leads out of its folder"):
        load_model(f"hub:me/adapter@{commit}", device="cpu")


def test_own_files_of_what_is_no_folder(tmp_path):
    with pytest.raises(ModelError, match="there is no folder"):
        own_files(tmp_path / "none")


@pytest.mark.parametrize("backbone", ["/home/you/tiny", "ViT-B-32/weights.pt", "../tiny"])
def test_an_adapter_of_the_hub_opens_no_folder_that_it_names(fake_hub, tmp_path, backbone):
    config = json.loads(FILES["config.json"])
    named = {name: config[name] for name in ("format", "adapter", "stream", "num_frames")}
    named["backbone"] = {"name": backbone, "fingerprint": config["backbone"]["fingerprint"]}
    files = {"config.json": json.dumps(named).encode(), "model.safetensors": FILES["adapter.safetensors"]}
    fake_hub.put("me/adapter", files)
    with pytest.raises(ModelError, match=f"reads '{backbone}', which is of another computer"):
        load_model("hub:me/adapter", device="cpu")
    model = load_model("hub:me/adapter", device="cpu", backbone="puppet-tiny")
    assert model.adapter is not None


def test_an_adapter_that_reads_a_checkpoint_of_the_hub(fake_hub, tmp_path):
    """What is written down names the commit, so that a moved branch changes nothing."""
    from zeroshot.model.adapter_files import load_adapter, save_adapter

    commit = fake_hub.put("me/backbone", small())
    backbone = load_model("hub:me/backbone", device="cpu").backbone
    save_adapter(tmp_path / "out", load_adapter(PUPPET), backbone)
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["backbone"]["name"] == f"hub:me/backbone@{commit}"
    fake_hub.put("me/backbone", small(**{"README.md": b"moved"}))
    assert load_model(str(tmp_path / "out"), device="cpu").backbone.fingerprint == backbone.fingerprint


def test_the_command_takes_it(fake_hub, capsys, monkeypatch):
    import sys

    from zeroshot.cli.main import main

    fake_hub.put("me/adapter", small())
    clip = Path(__file__).parents[3] / "examples" / "clips" / "waving_beach.mp4"
    words = [
        "zeroshot",
        "classify",
        str(clip),
        "--labels",
        "waving,kicking",
        "--model",
        "hub:me/adapter",
        "--json",
    ]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in {0, None}
    assert len(json.loads(capsys.readouterr().out)["predictions"]) == 2
