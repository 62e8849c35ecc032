"""Networks that read clips as a whole, against the library's own output; and what they do not give.

Covers: model/networks/processors, model/networks/pretrained, model/networks/from_hub.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers
from video_networks import FOLDERS

from zeroshot.checkpoint import load_model
from zeroshot.errors import ModelError, OptionError
from zeroshot.video.sampling import Sampling

TEXTS = ["a person waving", "a person jumping", "waving"]
NUM_FRAMES = {"xclip": 4, "videoprism": 6, "pe_video": 16}


def clip(number: int, seed: int = 0, height: int = 45, width: int = 60) -> np.ndarray:
    """(T, 3, H, W) uint8: blocks of colour."""
    blocks = np.random.default_rng(seed).integers(0, 256, (number, 3, 5, 6), np.uint8)
    return blocks.repeat(height // 5, axis=2).repeat(width // 6, axis=3)


def unit(rows: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(rows, dim=-1).numpy()


@pytest.fixture(scope="module", params=FOLDERS)
def tower(request, tmp_path_factory):
    """Type of network, its folder, and ours."""
    folder = FOLDERS[request.param](tmp_path_factory.mktemp(request.param) / "tower")
    with load_model(f"hf:{folder}", device="cpu") as model:
        yield request.param, folder, model


def theirs(kind: str, folder, pixels: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors of the library's own forward pass, of clips and of `TEXTS`."""
    module = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    pads = {"padding": True} if kind == "pe_video" else {"padding": "max_length", "max_length": 9}
    inputs = tokenizer(TEXTS, return_tensors="pt", truncation=True, **pads)
    named = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    with torch.inference_mode():
        if kind == "pe_video":
            output = module(pixel_values_videos=pixels, **named)
            return unit(output.video_embeds), unit(output.text_video_embeds)
        name = "pixel_values" if kind == "xclip" else "pixel_values_videos"
        videos = module.get_video_features(**{name: pixels}).pooler_output
        return unit(videos), unit(module.get_text_features(**named).pooler_output)


def test_videos_and_texts_have_the_librarys_own_vectors(tower):
    kind, folder, model = tower
    clips = np.stack([clip(NUM_FRAMES[kind], seed) for seed in range(3)])
    if kind == "xclip":
        processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
        pixels = torch.stack([processor(list(one), return_tensors="pt").pixel_values for one in clips])
        pixels = pixels.reshape(*clips.shape[:2], 3, 32, 32)
    else:
        processor = transformers.AutoVideoProcessor.from_pretrained(folder)
        options = {"do_normalize": False} if kind == "videoprism" else {}
        pixels = processor(list(map(torch.from_numpy, clips)), return_tensors="pt", **options)
        pixels = pixels.pixel_values_videos
    prepared = torch.stack([model.backbone.prepare_frames(one) for one in clips])
    assert (prepared - pixels).abs().max() < 0.02  # a level or less between PIL and torch
    videos, texts = theirs(kind, folder, prepared)
    assert np.abs(model.embed_videos(clips) - videos).max() < 1e-5
    assert np.abs(model.embed_texts(TEXTS) - texts).max() < 1e-5
    assert np.abs(videos - videos[0]).max() > 1e-3  # videos are told apart
    assert model.sampling.num_frames == NUM_FRAMES[kind]
    assert np.abs(model.embed_videos(clips[:1]) - model.embed_videos(clips[:1, ::-1])).max() > 1e-4


def test_another_number_of_frames_is_refused_where_the_network_reads_one(tower):
    kind, _, model = tower
    if kind == "pe_video":
        assert model.embed_videos(clip(5), sampling=Sampling(5)).shape == (1, model.embedding_dim)
        return
    with pytest.raises(OptionError, match=f"clips have 5 frames; .* reads {NUM_FRAMES[kind]}: leave"):
        model.embed_videos(clip(9), sampling=Sampling(5))


def test_what_needs_frames_apart_is_refused_in_one_line(tower):
    _, _, model = tower
    with pytest.raises(ModelError, match="frames at once and has no vector or token of a single one"):
        model.embed_frames(clip(2))
    with pytest.raises(ModelError, match="frames at once"):
        list(model.embed_many([clip(4)], drifts=True))
    with pytest.raises(ModelError, match="frames at once"):
        model.backbone.encode_tokens(clip(2))
