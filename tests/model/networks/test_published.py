"""The table of published models, held against open_clip, and what of it is in the cache."""

from __future__ import annotations

import open_clip
import pytest

from zeroshot.model.networks.open_clip import tagged_names
from zeroshot.model.networks.published import (
    cached_models,
    cached_snapshot,
    is_cached,
    part_of_hub,
    parts_of_tag,
    published_models,
    repository_folder,
)


def keep(repository, *names, commit="0" * 40):
    """Put empty files of a repository into the cache, as the hub's client lays them out."""
    folder = repository_folder(repository)
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(commit)
    for name in names:
        (folder / "snapshots" / commit).mkdir(parents=True, exist_ok=True)
        (folder / "snapshots" / commit / name).write_text("{}")
    return folder / "snapshots" / commit


def test_names_and_repositories_are_open_clips():
    table = published_models()
    shared = [name for name in tagged_names() if name in table]
    assert len(shared) > 150
    for name in shared:
        weights, *besides = parts_of_tag(*name.split("/"))
        assert table[name].repository == weights.repository
        assert set(table[name].besides) == {part.repository for part in besides}


@pytest.mark.parametrize("architecture", ["RN50", "ViT-B-32"])
def test_sizes_are_those_of_the_networks(architecture):
    network = open_clip.create_model(architecture, pretrained=None, device="meta")
    numbers = sum(parameter.numel() for parameter in network.parameters())
    assert published_models()[f"{architecture}/openai"].num_bytes == 4 * numbers


def test_a_licence_is_said_where_one_was_found_and_nothing_where_not():
    table = published_models()
    assert table["PE-Core-B-16/meta"].licence == "Apache-2.0"
    assert table["ViT-B-32/metaclip_400m"].licence == "CC-BY-NC-4.0"
    assert table["EVA02-B-16/merged2b_s8b_b131k"].licence == ""


def test_the_cache_is_read_without_the_hub(fake_hub):
    name = "ViT-L-16-SigLIP-256/webli"
    siglip = published_models()[name]
    assert cached_models() == []
    keep(siglip.repository, "open_clip_model.safetensors")
    assert not is_cached(name)  # its tokenizer is in another repository
    keep(*siglip.besides, "tokenizer.json")
    assert is_cached(name)
    assert cached_models() == [name]
    assert cached_snapshot(siglip.repository, "0" * 40) == cached_snapshot(siglip.repository)
    assert fake_hub.requests == []


def test_what_others_published_is_named_by_its_config(fake_hub):
    clip = keep("somebody/clip", "model.safetensors")
    (clip / "config.json").write_text('{"model_type": "clip", "text_config": {}, "vision_config": {}}')
    own = keep("somebody/adapter", "model.safetensors")
    (own / "config.json").write_text('{"format": 1}')
    other = keep("somebody/bert", "model.safetensors")
    (other / "config.json").write_text('{"model_type": "bert"}')
    keep("somebody/broken", "model.safetensors", "config.json")
    keep("somebody/words", "tokenizer.json")
    (other.parent / "link.safetensors").symlink_to("nowhere")
    assert cached_models() == ["hub:somebody/adapter", "hf:somebody/clip"]


def test_weights_of_several_names_are_told_once(fake_hub):
    keep("timm/vit_base_patch32_clip_224.openai", "open_clip_model.safetensors")
    assert cached_models() == ["ViT-B-32/openai"]
    assert is_cached("ViT-B-32-quickgelu/openai")


def test_links_to_nothing_are_no_weights(fake_hub):
    folder = keep("timm/vit_base_patch32_clip_224.openai", "config.json")
    (folder / "open_clip_model.safetensors").symlink_to(folder / "nowhere")
    assert cached_models() == []


def test_of_a_repository_the_first_kind_of_weights_is_wanted():
    part = part_of_hub("org/name")
    names = [
        "config.json",
        "model-1.safetensors",
        "model-2.safetensors",
        "pytorch_model.bin",
        "onnx/config.json",
    ]
    assert part.wanted(names) == ["config.json", "model-1.safetensors", "model-2.safetensors"]
    assert part.wanted(["config.json", "pytorch_model.bin"]) == ["config.json", "pytorch_model.bin"]
    assert part.has_weights(names)
    assert not part.has_weights(["config.json"])
    assert parts_of_tag("ViT-B-32", "openai")[0].wanted(["open_clip_pytorch_model.bin", "README.md"]) == [
        "open_clip_pytorch_model.bin"
    ]
