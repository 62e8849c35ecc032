"""The bundled model, its clips and the recipe that made it."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from open_clip.model import CLIP
from open_clip.tokenizer import SimpleTokenizer
from safetensors.torch import load_file

from zeroshot.resources import checkpoints_folder
from zeroshot.synthetic.coupling import sample_pairs
from zeroshot.synthetic.render import render_many
from zeroshot.synthetic.world import ACTIONS, SCENES, View

ROOT = Path(__file__).parents[1]
CLIPS = ROOT / "examples" / "clips"
FOLDER = checkpoints_folder() / "puppet-tiny"


@pytest.fixture(scope="module")
def config():
    return json.loads((FOLDER / "config.json").read_text())


@pytest.fixture(scope="module")
def tokens(config):
    merges = FOLDER / config["model_cfg"]["text_cfg"]["tokenizer_kwargs"]["bpe_path"]
    return SimpleTokenizer(str(merges), context_length=config["model_cfg"]["text_cfg"]["context_length"])


@pytest.fixture(scope="module")
def network(config):
    """The checkpoint as open_clip itself builds it, apart from this package's loading."""
    model = CLIP(**config["model_cfg"])
    weights = load_file(FOLDER / "model.safetensors")
    model.load_state_dict({name: value.float() for name, value in weights.items()})
    return model.eval()


@torch.inference_mode()
def embed(network, config, videos):
    """(V, D) unit rows of (T, 3, 64, 64) videos, averaged over frames."""
    wanted = config["preprocess_cfg"]
    mean, std = (torch.tensor(wanted[name])[:, None, None] for name in ("mean", "std"))
    pixels = torch.from_numpy(np.concatenate(videos)).float() / 255
    frames = network.encode_image((pixels - mean) / std, normalize=True)
    return torch.nn.functional.normalize(frames.unflatten(0, (len(videos), -1)).mean(1), dim=1)


@torch.inference_mode()
def names(network, tokens, labels):
    return network.encode_text(tokens(list(labels)), normalize=True)


@pytest.fixture(scope="module")
def fresh(network, config):
    """Embeddings, actions and scenes of videos, by coupling: none, and that of the training."""

    def make(coupling):
        actions, scenes = sample_pairs(64, coupling=coupling, seed=77)
        seeds = range(5_000_000_000, 5_000_000_064)
        videos = render_many(actions, scenes, seeds, View(num_frames=4, size=(64, 64), fps=2))
        embeddings = embed(network, config, [video.frames for video in videos])
        return embeddings, torch.tensor(actions), torch.tensor(scenes)

    return {coupling: make(coupling) for coupling in (0.0, 0.8)}


def test_the_folder_is_whole_and_small():
    assert {path.name for path in FOLDER.iterdir()} >= {
        "config.json", "model.safetensors", "merges.txt.gz", "training.json", "README.md",
    }  # fmt: skip
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 10_000_000


def test_provenance_says_how_it_was_made():
    told = json.loads((FOLDER / "training.json").read_text())
    assert (ROOT / told["recipe"]).is_file() or not (ROOT / "examples").is_dir()
    assert {"seed", "minutes", "coupling", "batch", "rate", "videos"} <= set(told["settings"])
    assert told["steps"] > 0
    assert told["losses"][-1] < told["losses"][0]
    assert {test["coupling"] for test in told["metrics_percent"]["today's world"]} == {0.0, 0.8}


def test_vocabulary_fits_the_network_and_knows_every_name(config, tokens):
    assert tokens.vocab_size == config["model_cfg"]["text_cfg"]["vocab_size"]
    for name in (*ACTIONS, *SCENES):
        words = name.replace("-", " - ").split()
        assert len(tokens.encode(name)) == len(words), name


def test_it_reads_scenes(network, tokens, fresh):
    for embeddings, _, scenes in fresh.values():
        guesses = (embeddings @ names(network, tokens, SCENES).T).argmax(1)
        assert (guesses == scenes).float().mean() > 0.95


def test_it_reads_actions_better_where_they_are_at_home(network, tokens, fresh):
    accuracy = {}
    for coupling, (embeddings, actions, _) in fresh.items():
        guesses = (embeddings @ names(network, tokens, ACTIONS).T).argmax(1)
        accuracy[coupling] = (guesses == actions).float().mean().item()
    assert accuracy[0.0] > 3 / len(ACTIONS)
    assert accuracy[0.8] > accuracy[0.0] + 0.1


def test_wording_hardly_matters(network, tokens, fresh):
    embeddings, *_ = fresh[0.8]
    bare = (embeddings @ names(network, tokens, ACTIONS).T).argmax(1)
    for template in ("a photo of a person {}", "a video of a person {}.", "a puppet {}"):
        texts = [template.format(action) for action in ACTIONS]
        assert ((embeddings @ names(network, tokens, texts).T).argmax(1) == bare).float().mean() > 0.75


def table():
    with (CLIPS / "clips.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_clips_and_their_table_agree():
    rows = table()
    assert {row["path"] for row in rows} == {path.name for path in CLIPS.glob("*.mp4")}
    assert {row["label"] for row in rows} <= set(ACTIONS)
    assert {row["scene"] for row in rows} <= set(SCENES)
    assert len(rows) >= 12
    assert all((CLIPS / row["path"]).stat().st_size < 60_000 for row in rows)


@pytest.mark.slow
def test_clips_are_what_their_script_writes(tmp_path):
    script = ROOT / "examples" / "make_puppet_clips.py"
    subprocess.run(
        [sys.executable, script, "--output", tmp_path], check=True, capture_output=True, timeout=100
    )
    assert (tmp_path / "clips.csv").read_bytes() == (CLIPS / "clips.csv").read_bytes()
    for row in table():
        one, other = (decode(folder / row["path"]).astype(int) for folder in (tmp_path, CLIPS))
        # Another version of the encoder may write other bytes.
        assert np.abs(one - other).mean() < 3


def decode(path):
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.stack(pictures).transpose(0, 3, 1, 2)


def test_most_clips_get_the_right_label(network, config, tokens):
    rows = table()
    videos = [decode(CLIPS / row["path"])[1::3] for row in rows]
    small = [
        torch.nn.functional.interpolate(
            torch.from_numpy(video).float(), size=(64, 64), mode="bicubic", antialias=True
        )
        .round()
        .clamp(0, 255)
        .byte()
        .numpy()
        for video in videos
    ]
    guesses = (embed(network, config, small) @ names(network, tokens, ACTIONS).T).argmax(1).tolist()
    right = [ACTIONS[guess] == row["label"] for guess, row in zip(guesses, rows, strict=True)]
    assert sum(right) > 0.6 * len(rows)


@pytest.mark.slow
def test_a_network_of_named_puppets_learns(tmp_path):
    script = ROOT / "examples" / "train_named_puppets.py"
    settings = ["--videos", "24", "--frames-each", "2", "--steps", "12", "--batch", "24"]
    settings += ["--test-videos", "32", "--rate", "1e-3"]
    command = [sys.executable, script, "--output", tmp_path, *settings]
    subprocess.run(command, check=True, capture_output=True, timeout=110)
    told = json.loads((tmp_path / "training.json").read_text())
    assert told["losses"][-1] < told["losses"][0] - 0.3
    assert told["settings"]["steps"] == 12
    made = json.loads((tmp_path / "config.json").read_text())
    bundled = json.loads((FOLDER / "config.json").read_text())
    assert made["model_cfg"]["vision_cfg"] == bundled["model_cfg"]["vision_cfg"]
    assert made["scenes"] == bundled["scenes"]
    shipped = load_file(FOLDER / "model.safetensors")
    assert all(value.dtype == torch.float16 for value in shipped.values())
