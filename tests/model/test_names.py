"""Names of models: what they ask for, and which there cannot be."""

from __future__ import annotations

import pytest

from zeroshot.errors import ModelError
from zeroshot.model.backbone import load_backbone
from zeroshot.model.names import ModelName, parse_name, require_name


def test_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.safetensors").touch()
    (tmp_path / "folder").mkdir()
    assert parse_name("ViT-B-32/random") == ModelName("random", "ViT-B-32")
    assert parse_name("ViT-B-16/openai") == ModelName("tag", "ViT-B-16", "openai")
    assert parse_name("ViT-B-16/w.safetensors") == ModelName("file", "ViT-B-16", "w.safetensors")
    assert parse_name(f"ViT-B-16/{tmp_path}/w.safetensors").source == f"{tmp_path}/w.safetensors"
    assert parse_name("hf:openai/clip-vit-base-patch32") == ModelName(
        "hub", source="openai/clip-vit-base-patch32"
    )
    assert parse_name("folder") == ModelName("folder", source="folder")
    assert parse_name("hf:folder") == ModelName("folder", source="folder")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "name is empty"),
        ("ViT-B-33/openai", r"no architecture 'ViT-B-33'; close: ViT-B-32"),
        ("openai/clip-vit-base-patch32", "hub is named hf:ORG/NAME"),
        ("ViT-B-32/opnai", r"no pretrained weights 'opnai'; close: openai"),
        ("RN50/laion2b_s34b_b79k", "laion2b_s34b_b79k belongs to ViT-B-32"),
        ("puppet-tiney", "no model 'puppet-tiney'"),
        ("./nowhere", "no model './nowhere'"),
        ("ViT-B-32/nowhere.safetensors", "no weights file 'nowhere.safetensors'"),
        ("hf:./nowhere", "no folder './nowhere'"),
        ("~nobody here/x", "no architecture '~nobody here'"),
        ("hf:~nobody here/x", "no folder '~nobody here/x'"),
        ("hf:nowhere", "expected hf:FOLDER or hf:ORG/NAME"),
    ],
)
def test_unknown_names_are_one_line(name, message):
    for look in (require_name, load_backbone):
        with pytest.raises(ModelError, match=message) as caught:
            look(name)
        assert "\n" not in str(caught.value)


def test_a_name_that_can_be_is_let_pass_without_its_weights(tmp_path):
    for name in ("ViT-B-32/random", "ViT-B-32/openai", "hf:openai/clip-vit-base-patch32", "puppet-tiny"):
        assert require_name(name) == parse_name(name)
    with pytest.raises(ModelError, match="no model's folder"):
        require_name(str(tmp_path))
