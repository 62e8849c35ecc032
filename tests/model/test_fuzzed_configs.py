"""Configs changed at random: each is used or refused in one line, soon, and without anything beside it."""

from __future__ import annotations

import builtins
import json
import random
import socket
import tempfile
import threading
import time

import numpy as np
import pytest
from checkpoint_folders import AUTO_MAP, CODE, open_clip_folder, own_folder, transformers_folder

from zeroshot.checkpoint import load_model
from zeroshot.errors import ZeroshotError

FOLDERS = {"own": own_folder, "open_clip": open_clip_folder, "transformers": transformers_folder}
FRAMES = np.random.default_rng(0).integers(0, 255, (2, 3, 40, 40), dtype=np.uint8)
VALUES = [
    None, True, False, -1, 0, 1, 3, 2**20, 10**9, 10**30, 0.5, -1e308, float("nan"), float("inf"), "", "x",
    "x" * 100_000, "../../../etc/passwd", "/etc/passwd", "hf-hub:someone/model", "someone/model", "evil.Evil",
    "a\nb\x1b[2J", [], [[]], [1, 2, 3, 4, 5], ["evil.Evil", None], {}, {"a": {"b": 1}}, AUTO_MAP,
]  # fmt: skip
NAMES = ["auto_map", "trust_remote_code", "quantization_config", "_attn_implementation", "tokenizer_kwargs"]
NAMES += ["tokenizer_class", "hf_tokenizer_name", "timm_model_name", "model_type", "format", "num_frames"]


def places(content: object, above: tuple = ()) -> list[tuple]:
    """Every place of nested JSON, as keys from the outside in."""
    found = [above] if above else []
    inner = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    for key, value in inner:
        found += places(value, (*above, key))
    return found


def mutated(text: str, draw: random.Random) -> str:
    """One change of a config: a value, a field more or less, or bytes."""
    kind = draw.choice(["value", "value", "value", "more", "less", "bytes"])
    if kind == "bytes":
        place = draw.randrange(len(text))
        return text[:place] + draw.choice(["", "\0", "}", "[" * 5000, "9" * 5000, '"']) + text[place + 1 :]
    content = json.loads(text)
    chosen = draw.choice(places(content))
    at = content
    for key in chosen[:-1]:
        at = at[key]
    if kind == "less":
        del at[chosen[-1]]
    elif kind == "more" and isinstance(at, dict):
        at[draw.choice(NAMES)] = draw.choice(VALUES)
    else:
        at[chosen[-1]] = draw.choice(VALUES)
    return json.dumps(content)


def outcome(folder: str, where: str) -> str:
    """What is said of a folder that cannot be used; "" of one that can."""
    try:
        with load_model(folder, device="cpu") as model:
            rows = [model.embed_texts(["a plain text"]), model.embed_frames(FRAMES)]
    except ZeroshotError as error:
        return str(error)
    except Exception as error:
        error.add_note(where)
        raise
    assert all(np.isfinite(each).all() for each in rows)
    return ""


def fuzz(kind: str, tmp_path, monkeypatch, number: int, seed: int) -> None:
    """So many mutations of one kind of folder."""
    draw, marker = random.Random(seed), tmp_path / "ran"
    folder = FOLDERS[kind](tmp_path / "folder")
    (folder / "evil.py").write_text(CODE.format(marker=str(marker)))
    rules = {"vocab.json", "tokenizer.json"}  # of a tokenizer: no settings
    files = [file for file in sorted(folder.glob("*.json")) if file.name not in rules]
    configs = {file: file.read_text(encoding="utf-8") for file in files}
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def refuse(*words: object, **_: object):
        raise AssertionError(f"asked for {words}")

    monkeypatch.setattr(builtins, "input", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.chdir(folder)
    before = sorted(tmp_path.rglob("*"))
    threads = threading.active_count()
    for step in range(number):
        file = draw.choice(list(configs))
        text = mutated(configs[file], draw)
        file.write_text(text, encoding="utf-8")
        began = time.monotonic()
        said = outcome(str(folder), f"step {step} of seed {seed}, {file.name}: {text[:2000]}")
        assert said.isprintable(), (step, file.name, text[:300])
        assert len(said) < 1500
        assert time.monotonic() - began < 60, (step, file.name, text[:300])
        file.write_text(configs[file], encoding="utf-8")
    assert not marker.exists()
    assert [path for path in sorted(tmp_path.rglob("*")) if "__pycache__" not in path.parts] == before
    assert threading.active_count() <= threads + 4


@pytest.mark.parametrize("kind", FOLDERS)
def test_twenty_changes_of_each_kind_of_folder(kind, tmp_path, monkeypatch):
    fuzz(kind, tmp_path, monkeypatch, 20, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", FOLDERS)
def test_two_hundred_more_of_each(kind, tmp_path, monkeypatch):
    fuzz(kind, tmp_path, monkeypatch, 200, seed=2)
