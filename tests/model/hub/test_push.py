"""Checkpoints onto the hub: what is pushed, what is said, and what is never replaced unsaid."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from checkpoint_folders import PUPPET
from huggingface_hub import ModelCard
from training_world import one_line

import zeroshot
from zeroshot.checkpoint import load_model
from zeroshot.errors import ModelError, OptionError, OutputError
from zeroshot.model.adapter_files import save_adapter

CLIP = np.random.default_rng(0).integers(0, 255, (6, 64, 64, 3), np.uint8)


# huggingface_hub sends large files in a way that its own HTTP library calls old.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
def hub(fake_hub, monkeypatch):
    """A hub that takes what `me` and `ours` push with the token `secret`."""
    fake_hub.writers["secret"] = {"me", "ours"}
    monkeypatch.setenv("HF_TOKEN", "secret")
    return fake_hub


@pytest.fixture
def folder(tmp_path):
    """A checkpoint with things beside it that are nobody else's business."""
    made = tmp_path / "adapted"
    shutil.copytree(PUPPET, made)
    (made / "tokens").mkdir()
    (made / "tokens" / "a.safetensors").write_bytes(b"frames of somebody")
    (made / ".env").write_text("password")
    (made / "notes.txt").write_text("mine")
    return made


def test_pushed_and_loaded_again(hub, folder):
    with load_model(str(folder), device="cpu") as model:
        pushed = model.push_to_hub("me/adapter", licence="apache-2.0")
        vectors = model.embed_videos([CLIP])
    assert pushed.notes == ()
    files = hub.repositories["me/adapter"].revisions["main"]
    assert set(files) - {".gitattributes"} == {path.name for path in PUPPET.iterdir()}
    assert pushed.left_out == (".env", "notes.txt", "tokens")
    unchanged = set(pushed.files) - {"README.md"}
    assert all(files[name] == (folder / name).read_bytes() for name in unchanged)
    with load_model(pushed.name, device="cpu") as again:
        assert again.origin == pushed.name
        np.testing.assert_array_equal(again.embed_videos([CLIP]), vectors)


def test_the_card_says_what_is_true_and_the_hub_reads_it(hub, folder):
    zeroshot.push(folder, "me/adapter", licence="apache-2.0")
    text = hub.repositories["me/adapter"].revisions["main"]["README.md"].decode()
    card = ModelCard(text, ignore_metadata_errors=False)
    assert (card.data.license, card.data.library_name) == ("apache-2.0", "zeroshot-video")
    assert card.data.pipeline_tag == "video-classification"
    assert {"zero-shot", "video", "clip", "adapter"} <= set(card.data.tags)
    facts = json.loads((PUPPET / "adapter_training.json").read_text())
    metrics = facts["history"][facts["best_epoch"] - 1]["metrics"]
    told = {result.metric_name: result.metric_value for result in card.data.eval_results}
    assert told["fused stream, accuracy, seen labels"] == round(metrics["fused_accuracy"], 4)
    assert told["dynamic stream, balanced accuracy, seen labels"] == round(metrics["dynamic_balanced"], 4)
    assert all("416 held-out videos" in result.dataset_name for result in card.data.eval_results)
    assert card.text.strip().startswith((PUPPET / "README.md").read_text().strip())
    assert "--model hub:me/adapter" in card.text
    assert (folder / "README.md").read_text() == (PUPPET / "README.md").read_text()


def test_the_card_of_a_trained_adapter_links_its_backbone(hub, tmp_path):
    from zeroshot.model.hub.card import card_of

    config = json.loads((PUPPET / "config.json").read_text())
    for name, repository in {
        "ViT-B-32/openai": "timm/vit_base_patch32_clip_224.openai",
        "hf:openai/clip-vit-base-patch32": "openai/clip-vit-base-patch32",
        f"hub:me/backbone@{'0' * 40}": "me/backbone",
        "ViT-B-32/random": None,
    }.items():
        config["backbone"]["name"] = name
        (tmp_path / "config.json").write_text(json.dumps(config))
        data = ModelCard(card_of(tmp_path, "me/adapter")).data
        assert data.base_model == repository
        assert data.get("base_model_relation") == ("adapter" if repository else None)
        assert data.license == "unknown"


def test_what_a_card_says_itself_stays(hub, folder):
    own = "---\nlicense: mit\nlanguage: nl\ntags: [diving]\n---\n# Mine\n\nLoad hub:me/adapter.\n"
    (folder / "README.md").write_text(own)
    pushed = zeroshot.push(folder, "me/adapter")
    text = hub.repositories["me/adapter"].revisions["main"]["README.md"].decode()
    card = ModelCard(text)
    assert (card.data.license, card.data.language) == ("mit", "nl")
    assert {"diving", "clip"} <= set(card.data.tags)
    assert card.text.strip() == "# Mine\n\nLoad hub:me/adapter."
    assert pushed.notes == ()
    (folder / "README.md").write_text("---\nlicense: [mit\n---\n# Mine\n")
    with pytest.raises(ModelError, match=r"the metadata of .*README.md cannot be read") as error:
        zeroshot.push(folder, "me/adapter")
    one_line(error)


def test_nothing_is_replaced_unsaid(hub, folder):
    first = zeroshot.push(folder, "me/adapter")
    assert zeroshot.push(folder, "me/adapter").changed == ()
    hub.repositories["me/adapter"].author = "a colleague"
    shutil.copy(folder / "model.safetensors", folder / "adapter.safetensors")
    (folder / "training.json").unlink()
    with pytest.raises(
        OutputError,
        match=r"hub:me/adapter@main has adapter.safetensors, training.json already, with other contents "
        r"\(commit \w{12} by a colleague: what was there\); nothing was pushed: allow it with --overwrite",
    ) as error:
        zeroshot.push(folder, "me/adapter")
    one_line(error)
    assert hub.repositories["me/adapter"].commit("main") == first.name.partition("@")[2]
    apart = zeroshot.push(folder, "me/adapter", revision="second", overwrite=True)
    assert set(apart.changed) == {"adapter.safetensors", "training.json"}
    files = hub.repositories["me/adapter"].revisions
    assert "training.json" in files["main"]
    assert "training.json" not in files["second"]
    assert ".gitattributes" in files["second"]


def test_what_somebody_else_does_meanwhile_is_not_lost(hub, folder):
    hub.meanwhile = lambda: hub.put("me/adapter", {"README.md": b"theirs"})
    with pytest.raises(OutputError, match="somebody else committed to me/adapter meanwhile"):
        zeroshot.push(folder, "me/adapter")
    assert hub.repositories["me/adapter"].revisions["main"] == {"README.md": b"theirs"}


def test_who_may_not_push_is_told_why(hub, folder, monkeypatch):
    with pytest.raises(OutputError, match="your token may not write to you/adapter; run `hf auth login`"):
        zeroshot.push(folder, "you/adapter")
    with pytest.raises(OutputError, match="the hub does not know who you are") as error:
        zeroshot.push(folder, "me/adapter", token="another")
    assert "another" not in str(error.value)
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.utils._auth._get_token_from_file", lambda: None)
    with pytest.raises(OutputError, match="no token, or one that ran out"):
        zeroshot.push(folder, "me/adapter")
    assert "me/adapter" not in hub.repositories
    hub.close()
    with pytest.raises(OutputError, match="cannot push to hub:me/adapter@main: no answer"):
        zeroshot.push(folder, "me/adapter", token="secret")


def test_private_is_private(hub, folder):
    zeroshot.push(folder, "me/hidden", private=True)
    assert hub.repositories["me/hidden"].is_private
    zeroshot.push(folder, "me/shown")
    with pytest.raises(OutputError, match="me/shown is there already and public"):
        zeroshot.push(folder, "me/shown", private=True)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"repository": "adapter"}, ModelError, "'adapter' is no name on the model hub; expected ORG/NAME"),
        ({"revision": "0" * 40}, OptionError, "is a commit; expected the name of a branch"),
        ({"revision": "a..b"}, ModelError, "is no revision"),
        ({"licence": "My Own!"}, OptionError, "licence 'My Own!'; expected one as the hub writes it"),
    ],
)
def test_options_are_looked_at_before_the_hub_is_asked(hub, folder, change, error, words):
    with pytest.raises(error, match=words):
        zeroshot.push(folder, **{"repository": "me/adapter", **change})
    assert not hub.requests


def test_only_a_checkpoint_that_others_can_load_is_pushed(hub, folder, trained, tmp_path):
    (tmp_path / "secret.safetensors").write_bytes(b"")
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to(tmp_path / "secret.safetensors")
    with pytest.raises(ModelError, match=r"model.safetensors leads out of its folder"):
        zeroshot.push(folder, "me/adapter")
    with pytest.raises(ModelError, match=r"is no checkpoint of zeroshot: it has no config.json"):
        zeroshot.push(tmp_path, "me/adapter")
    with pytest.raises(ModelError, match=r"reads .*tiny, which is of this computer alone"):
        zeroshot.push(trained[0], "me/adapter")
    with pytest.raises(OptionError, match="was not loaded from a checkpoint folder"):
        load_model("RN50/random", device="cpu").push_to_hub("me/adapter")
    assert not hub.requests


def test_a_training_joined_to_its_backbone_is_pushed(hub, trained, place, tmp_path):
    shutil.copytree(place / "tiny", tmp_path / "home")
    save_adapter(
        tmp_path / "home", trained[1].adapter, load_model(str(place / "tiny"), device="cpu").backbone
    )
    pushed = zeroshot.push(tmp_path / "home", "ours/adapter")
    assert "licence is unknown; name yours with --license" in pushed.notes[0]
    assert load_model(pushed.name, device="cpu").adapter is not None
