"""`zeroshot download`, and `zeroshot models` after it, with a hub on this machine.

Covers: cli/models.
"""

from __future__ import annotations

import json

import pytest

NAME, REPOSITORY = "ViT-B-32/openai", "timm/vit_base_patch32_clip_224.openai"


@pytest.fixture
def hub(fake_hub):
    fake_hub.put(REPOSITORY, {"open_clip_model.safetensors": b"x" * 5000})
    return fake_hub


def test_size_is_told_before_and_place_after(run, hub):
    status, out, err = run("download", NAME)
    assert (status, out.startswith(f"{NAME} lies in {hub.cache}/models--timm--")) == (0, True)
    assert err.startswith(f"zeroshot: {NAME}: 5 kB of 5 kB to fetch into {hub.cache}, ")
    status, _, err = run("download", NAME)
    assert (status, err) == (0, f"zeroshot: {NAME}: 5 kB, all of it in the cache\n")
    _, out, _ = run("models", "--json")
    rows = {row["model"]: row for row in map(json.loads, out.splitlines())}
    assert rows[NAME]["cached"]
    _, out, _ = run("models")
    header, *lines = out.splitlines()
    assert header.split() == ["model", "kind", "size", "licence", "cached", "about"]
    assert next(line for line in lines if line.startswith(NAME)).split()[1:6] == [
        *("suggested", "605", "MB", "Apache-2.0", "yes")
    ]


def test_one_that_fails_does_not_stop_the_others(run, hub):
    status, out, err = run("download", "ViT-B-16/openai", NAME, "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 1
    assert [row["error"] is None for row in rows] == [False, True]
    assert rows[1]["bytes"] == 5000
    assert "1 of 2 models failed" in err


def test_a_misspelt_name_is_told_before_anything_is_fetched(run, hub):
    status, out, err = run("download", NAME, "ViT-B-32/opnai")
    assert (status, out) == (1, "")
    assert "no pretrained weights 'opnai'; close: openai" in err
    assert hub.requests == []
