"""A tiny model and tiny videos that several test files train on: seconds, not minutes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors.torch import save_file

from zeroshot.datasets.splits import LabeledVideo, Split
from zeroshot.training.label_targets import LabelTexts
from zeroshot.video.write import write_video
from zeroshot.waist.waist import Waist

if TYPE_CHECKING:
    from pathlib import Path

TINY = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 48, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 40, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
LABELS = ("going right", "going left", "falling")
SCENES = ("dark", "light")


def write_checkpoint(folder: Path, seed: int = 3, num_frames: int = 4) -> Path:
    """A checkpoint folder with a tiny network whose weights tell different frames apart."""
    import open_clip

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = open_clip.CLIP(**TINY)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1:
                parameter.copy_(
                    torch.randn(parameter.shape, generator=generator) * parameter.shape[-1] ** -0.5
                )
    folder.mkdir(parents=True)
    save_file(
        {name: value.contiguous() for name, value in module.state_dict().items()},
        folder / "model.safetensors",
    )
    config = {
        "format": 1,
        "name": "tiny",
        "model_cfg": TINY,
        "preprocess_cfg": {"size": 32},
        "num_frames": num_frames,
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def frames(label: int, scene: int, seed: int, num_frames: int = 12) -> np.ndarray:
    """(T, 3, 32, 48): a block that moves as its label says, before a dark or a light wall."""
    rng = np.random.default_rng(seed)
    video = np.full((num_frames, 3, 32, 48), 40 + 60 * scene, np.uint8)
    video += rng.integers(0, 20, (1, 3, 32, 48), np.uint8)
    for t in range(num_frames):
        x = (2 + 3 * t, 35 - 3 * t, 20)[label]
        y = (12, 12, 2 + 2 * t)[label]
        video[t, :, y : y + 6, x : x + 8] = 250
    return video


def coloured(label: int, seed: int, num_frames: int = 8) -> np.ndarray:
    """(T, 3, 32, 48): noise in red, green or blue, which any network tells apart by single frames."""
    video = np.random.default_rng(seed).integers(0, 60, (num_frames, 3, 32, 48), np.uint8)
    video[:, label] += 180
    return video


def write_videos(folder: Path, count: int, seed: int = 0) -> Split:
    """A split of mp4 files, labels and scenes in turn; videos of two seeds a thousand apart differ."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for row in range(count):
        label, scene = row % 3, (row // 3) % 2
        path = folder / f"{row:02d}.mp4"
        write_video(path, frames(label, scene, seed + row), 12.0)
        rows.append(LabeledVideo(str(path), LABELS[label], SCENES[scene]))
    return Split.of("tiny", rows)


def made_up(count: int = 60, coupling: float = 0.5, seed: int = 0) -> tuple[Waist, LabelTexts]:
    """A waist without videos: what stays says the scene, what changes says the label."""
    draw = torch.Generator().manual_seed(seed)
    kinds, places, frames_, tokens, width, joint = 4, 4, 4, 5, 16, 12
    labels = torch.arange(count) % kinds
    scenes = torch.randint(places, (count,), generator=draw)
    scenes = torch.where(torch.rand(count, generator=draw) < coupling, labels, scenes)
    world = torch.Generator().manual_seed(99)
    still = torch.randn(places, tokens, width, generator=world)
    change = torch.randn(kinds, frames_, tokens, width, generator=world)
    looks = torch.randn(places, joint, generator=world)
    texts = torch.nn.functional.normalize(torch.randn(kinds, joint, generator=world), dim=1)
    noise = 0.3 * torch.randn(count, frames_, tokens, width, generator=draw)
    embeddings = looks[scenes][:, None] + 0.2 * torch.randn(count, frames_, joint, generator=draw)
    waist = Waist.from_tensors(
        still[scenes][:, None] + change[labels] + noise,
        torch.nn.functional.normalize(embeddings, dim=-1),
        [f"label {label}" for label in labels.tolist()],
        [f"scene {scene}" for scene in scenes.tolist()],
        grid=(2, 2),
    )
    return waist, LabelTexts(tuple(f"label {label}" for label in range(kinds)), texts, 20.0)
