"""Models fetched from a hub on this machine into an empty cache, and listed by what is there.

Covers: model/catalog, networks/fetch.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from checkpoint_folders import PUPPET

from zeroshot.errors import ModelError, OptionError
from zeroshot.model import download as download_module
from zeroshot.model.backbone import load_backbone
from zeroshot.model.catalog import known_models
from zeroshot.model.download import download, fetch_missing
from zeroshot.model.networks.published import is_cached

NAME, REPOSITORY = "ViT-B-32/openai", "timm/vit_base_patch32_clip_224.openai"
WEIGHTS = bytes(range(256)) * 200


@pytest.fixture
def published(fake_hub):
    """A model of one repository, and one whose tokenizer is in another."""
    fake_hub.put(REPOSITORY, {"open_clip_model.safetensors": WEIGHTS, "README.md": b"not fetched"})
    fake_hub.put("timm/ViT-L-16-SigLIP-256", {"open_clip_pytorch_model.bin": WEIGHTS})
    fake_hub.put("timm/ViT-B-16-SigLIP", {"tokenizer.json": b"{}", "tokenizer_config.json": b"{}"})
    return fake_hub


def test_weights_and_tokenizer_come_and_nothing_else(published):
    said = []
    done = download("ViT-L-16-SigLIP-256/webli", said.append)
    names = {file.name for folder in done.folders for file in folder.iterdir()}
    assert names == {"open_clip_pytorch_model.bin", "tokenizer.json", "tokenizer_config.json"}
    assert said == [done.size]
    assert done.size.total_bytes == done.size.missing_bytes == len(WEIGHTS) + 4
    assert str(published.cache) in str(done.size)


def test_what_is_there_is_not_fetched_again(published):
    download(NAME)
    published.requests.clear()
    again = download(NAME)
    assert again.size.missing_bytes == 0
    assert "all of it in the cache" in str(again.size)
    assert (again.folders[0] / "open_clip_model.safetensors").read_bytes() == WEIGHTS
    assert not [line for line in published.requests if line.startswith("GET /timm/")]


def test_a_connection_that_breaks_is_gone_on_with(published, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 500)
    published.breaks_after = 1000
    done = download(NAME)
    assert (done.folders[0] / "open_clip_model.safetensors").read_bytes() == WEIGHTS
    assert 1000 in published.starts


def test_without_a_network_what_is_in_the_cache_is_found(published):
    folders = download(NAME).folders
    published.close()
    assert download(NAME).folders == folders
    with pytest.raises(ModelError, match="not in the cache") as caught:
        download("ViT-L-16-SigLIP-256/webli")
    assert f"in the cache now: {NAME}" in str(caught.value)


def test_a_disk_that_is_too_small_is_told_before_anything_is_fetched(published, monkeypatch):
    monkeypatch.setattr(download_module.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(ModelError, match=r"takes 51 kB more in .*, where 1 kB are free; make room"):
        download(NAME)
    assert not [line for line in published.requests if "resolve" in line]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ViT-B-16/openai", "there is no 'timm/vit_base_patch16_clip_224.openai' on the model hub"),
        ("hf:org/nowhere", "there is no 'org/nowhere' on the model hub"),
        ("hf:org/words", r"org/words has no model\*\.safetensors or pytorch_model\*\.bin"),
    ],
)
def test_what_the_hub_does_not_have_is_one_line(published, name, message):
    published.put("org/words", {"config.json": b"{}"})
    with pytest.raises(ModelError, match=message) as caught:
        download(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("access", ["gated", "refused"])
def test_a_licence_to_accept_is_told(published, access):
    published.repositories[REPOSITORY].access = access
    with pytest.raises(ModelError, match="asks for its licence to be accepted"):
        download(NAME)


@pytest.mark.parametrize(
    ("name", "message"), [("puppet-tiny", "lies in .*puppet-tiny already"), ("RN50/random", "no weights")]
)
def test_what_lies_here_is_no_download(name, message, fake_hub):
    with pytest.raises(OptionError, match=message):
        download(name)
    assert fake_hub.requests == []


def test_offline_one_line_says_what_how_large_where_and_what_there_is(published, monkeypatch):
    from huggingface_hub import constants

    download(NAME)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    published.requests.clear()
    with pytest.raises(ModelError) as caught:
        load_backbone("PE-Core-B-16/meta", "cpu")
    message = str(caught.value)
    assert "\n" not in message
    for part in (
        "timm/PE-Core-B-16 (about 1.8 GB) is not in the cache",
        "`zeroshot download PE-Core-B-16/meta`",
        "`hf download timm/PE-Core-B-16`",
        "models--timm--PE-Core-B-16",
        str(published.cache),
        f"in the cache now: {NAME};",
        "puppet-tiny works offline",
    ):
        assert part in message
    assert published.requests == []


def test_the_list_tells_size_licence_and_cache_and_asks_nobody(published):
    download(NAME)
    published.requests.clear()
    rows = {row["model"]: row for row in known_models(everything=True)}
    assert rows[NAME]["cached"]
    assert rows[NAME]["kind"] == "suggested"
    assert not rows["PE-Core-B-16/meta"]["cached"]
    assert rows["PE-Core-B-16/meta"]["bytes"] == 1_790_642_180
    assert rows["PE-Core-B-16/meta"]["licence"] == "Apache-2.0"
    assert rows["EVA02-B-16/merged2b_s8b_b131k"]["licence"].startswith("see timm/eva02")
    assert rows["puppet-tiny"]["cached"]
    assert rows["ViT-B-32/random"]["bytes"] is None
    assert len({frozenset(row) for row in rows.values()}) == 1  # every row has the same fields
    assert published.requests == []


@pytest.mark.slow
def test_off_a_terminal_no_bars_are_drawn(published, tmp_path):
    code = f"from zeroshot.model.download import download; download({NAME!r})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **published.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""


def test_a_checkpoint_is_in_the_cache_at_the_revision_that_was_fetched(fake_hub):
    files = {path.name: path.read_bytes() for path in PUPPET.iterdir() if path.is_file()}
    commit = fake_hub.put("me/adapter", files, "v1")
    assert not is_cached("hub:me/adapter@v1")
    download("hub:me/adapter@v1")
    assert is_cached("hub:me/adapter@v1")
    assert is_cached(f"hub:me/adapter@{commit}")
    assert not is_cached("hub:me/adapter@v2")


def test_what_an_adapter_reads_is_fetched_with_it(tmp_path, monkeypatch):
    config = {"format": 1, "adapter": {}, "backbone": {"name": NAME, "fingerprint": "0"}, "stream": "fused"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    fetched = []
    monkeypatch.setattr(download_module, "download", fetched.append)
    monkeypatch.setattr(download_module, "is_cached", fetched.__contains__)
    fetch_missing([str(tmp_path), "puppet-tiny", "RN50/random", str(tmp_path)])
    assert fetched == [NAME]
    config["backbone"]["name"] = (
        "hf:somebody/elses"  # what a file names is fetched only where it is published
    )
    (tmp_path / "config.json").write_text(json.dumps(config))
    fetch_missing([str(tmp_path)])
    assert fetched == [NAME]
