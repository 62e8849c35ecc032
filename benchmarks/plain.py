"""The script that everybody writes: decord, PIL and open_clip, one video at a time. The yardstick."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import open_clip
import torch
from decord import VideoReader
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable


def classify(paths: list[str], labels: list[str], arch: str, num_frames: int = 8) -> list[torch.Tensor]:
    """(K,) probabilities for each video."""
    return prepare(labels, arch, num_frames)(paths)


def prepare(labels: list[str], arch: str, num_frames: int = 8) -> Callable[[list[str]], list[torch.Tensor]]:
    """The same with everything loaded: from paths to (K,) probabilities for each video."""
    torch.manual_seed(0)
    model, _, preprocess = open_clip.create_model_and_transforms(arch)
    model.eval()
    tokenizer = open_clip.get_tokenizer(arch)
    with torch.no_grad():
        texts = torch.nn.functional.normalize(model.encode_text(tokenizer(labels)), dim=-1)

    @torch.no_grad()
    def run(paths: list[str]) -> list[torch.Tensor]:
        rows = []
        for path in paths:
            reader = VideoReader(path)
            indices = np.linspace(0, len(reader) - 1, num_frames).astype(int)
            frames = reader.get_batch(indices).asnumpy()
            pixels = torch.stack([preprocess(Image.fromarray(frame)) for frame in frames])
            images = torch.nn.functional.normalize(model.encode_image(pixels), dim=-1)
            video = torch.nn.functional.normalize(images.mean(0), dim=-1)
            rows.append((model.logit_scale.exp() * video @ texts.T).softmax(-1))
        return rows

    return run
