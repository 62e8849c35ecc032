"""Networks of transformers that read a clip as a whole: X-CLIP, VideoPrism and PE's video tower."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zeroshot.errors import ModelError
from zeroshot.model.networks.network import NetworkFacts
from zeroshot.model.networks.pretrained import load_module
from zeroshot.model.networks.processors import processor_fields, read_preprocess
from zeroshot.model.networks.transformers import (
    TransformersNetwork,
    described_config,
    require_size,
    vector_in,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import torch

    from zeroshot.video.transform import Preprocess

VIDEO_KINDS = ("xclip", "videoprism", "pe_video", "pe_audio_video")
"""Types that read a clip as a whole."""

_USUAL_FRAMES = 16  # of PE's video tower, where its processor names no number
_MOST_FRAMES = 1024  # of one clip, beyond what any network reads
_MOST_TOKENS = 512  # of a text that PE is given; its text tower could read thousands
_INPUTS = ("input_ids", "attention_mask")
_CLASSES = "video_encoder.embedder.proj.weight"  # (width, n) of PE, behind its network for frames
_PART = "video_model."  # of a network for sounds and videos, the one for videos


@dataclass(frozen=True)
class _Kind:
    """What is known of one type of network.

    Attributes:
        videos: embeddings (n, D) of pixels (n, T, 3, h, w).
        texts: embeddings (n, D) of what the tokenizer gave.
        logit_scale: its factor on cosines.
        note: what the user should know of its answers.
        pads: how texts are padded.
    """

    videos: Callable[[Any, torch.Tensor], torch.Tensor]
    texts: Callable[[Any, Mapping[str, torch.Tensor]], torch.Tensor]
    logit_scale: Callable[[Any], float]
    note: str
    pads: str = "max_length"


def _pe_videos(module: Any, pixels: torch.Tensor) -> torch.Tensor:  # noqa: ANN401 - of another library
    """As the library's own forward pass has them; its `get_video_features` cannot be called."""
    head: torch.Tensor = module.video_head(module.video_encoder(pixels).pooler_output)
    return head


def _pe_texts(module: Any, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:  # noqa: ANN401
    """As the library's own forward pass has them."""
    hidden = module.text_model(**inputs, output_hidden_states=True).hidden_states[-1]
    head: torch.Tensor = module.text_video_head(hidden[:, 0])
    return head


def _text_features(module: Any, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:  # noqa: ANN401
    return vector_in(module.get_text_features(**inputs))


_KINDS = {
    "xclip": _Kind(
        lambda module, pixels: vector_in(module.get_video_features(pixel_values=pixels)),
        _text_features,
        lambda module: float(module.logit_scale.exp()),
        "X-CLIP fits the vectors of labels to each video; here they are those of the words alone, which can "
        "be indexed, so its answers differ from those of its authors' code",
    ),
    "videoprism": _Kind(
        lambda module, pixels: vector_in(module.get_video_features(pixel_values_videos=pixels)).flatten(1),
        _text_features,
        lambda _: 1.0,
        "VideoPrism's weights hold no factor on cosines: labels are in its order, and probabilities nearly "
        "alike; `zeroshot calibrate` fits what they are used for",
    ),
    "pe_video": _Kind(
        _pe_videos,
        _pe_texts,
        lambda module: float(module.text_video_logit_scale),
        "PE compares vectors of any length; here they are scaled to unit length, as an index needs them",
        pads="longest",
    ),
}


class VideoNetwork(TransformersNetwork):
    """A network that reads T frames at once: its pixels are (n, T, 3, h, w), and it has no vectors of frames.

    Attributes:
        module: the library's own.
        facts: what is known about it, the number of frames that it reads among it.
    """

    def __init__(self, module: Any, preprocess: Preprocess, folder: Path, num_frames: int | None) -> None:  # noqa: ANN401
        """Wrap a module.

        Args:
            module: of a type that is known here.
            preprocess: what is done to each frame.
            folder: where the tokenizer lies.
            num_frames: that the processor takes of a video, where it says so.
        """
        self.module = module.float().eval().requires_grad_(False)  # noqa: FBT003 - torch's own spelling
        self._folder = folder
        config = module.config
        self._kind = config.model_type
        self._about = _KINDS[self._kind]
        self._pads = self._about.pads
        self.notes = (self._about.note,)
        fixed = getattr(getattr(config, "vision_config", None), "num_frames", None)
        most = int(config.text_config.max_position_embeddings)
        self.context_length = most if self._pads == "max_length" else min(most, _MOST_TOKENS)
        described = {"model": described_config(config), "preprocess": preprocess.as_dict()}
        text = config.text_config
        self.facts = NetworkFacts(
            preprocess=preprocess,
            embedding_dim=int(config.projection_dim if self._kind == "xclip" else text.hidden_size),
            token_dim=None,
            grid=None,
            logit_scale=self._about.logit_scale(module),
            architecture=json.dumps(described, sort_keys=True, default=str),
            clip_frames=int(fixed or num_frames or _USUAL_FRAMES),
            any_clip_length=fixed is None,
        )

    def embed_pixels(self, pixels: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, D), not normalized, of the pixels (n, T, 3, h, w) of n clips."""
        return self._about.videos(self.module, pixels.contiguous())

    def embed_texts(self, texts: list[str], _token_ids: torch.Tensor | None = None, /) -> torch.Tensor:
        """Embeddings (n, D), not normalized, of n ≥ 1 texts; what exceeds the context length is cut off."""
        inputs = self._inputs(texts)
        return self._about.texts(self.module, {name: inputs[name] for name in _INPUTS if name in inputs})


def video_network(folder: Path, config: dict[str, Any], tensors: Mapping[str, torch.Tensor]) -> VideoNetwork:
    """The network for videos in a folder; of one for sounds, videos and texts, the part for videos and texts.

    Args:
        folder: that `save_pretrained` wrote.
        config: what is plain in its config.
        tensors: its weights.

    Raises:
        ModelError: they do not belong together, or there is no processor of videos.
    """
    if config["model_type"] == "pe_audio_video":
        config, tensors = _part_config(config), _part(tensors)
    kind = config["model_type"]
    preprocess = read_preprocess(folder, kind)
    num_frames = processor_fields(folder, kind).get("num_frames")
    whole = isinstance(num_frames, int) and 0 < num_frames <= _MOST_FRAMES
    if num_frames is not None and not whole:
        raise ModelError(f"the processor in {folder} takes {str(num_frames)[:40]} frames; expected 1 or more")
    module = load_module(folder, _with_classes(config, tensors), tensors)
    vision = getattr(module.config, "vision_config", None)
    require_size(folder, preprocess, getattr(vision, "image_size", None))
    return VideoNetwork(module, preprocess, folder, num_frames if kind == "pe_video" else None)


def _with_classes(config: dict[str, Any], tensors: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """A config that says how many numbers PE's network for frames gives, which weights tell for sure."""
    if config["model_type"] != "pe_video" or _CLASSES not in tensors or tensors[_CLASSES].ndim != 2:
        return config
    video = dict(config.get("video_config") or {})
    number = int(tensors[_CLASSES].shape[1])
    frames = {**(video.get("vision_config") or {}), "num_labels": number, "num_classes": number}
    return {**config, "video_config": {**video, "vision_config": frames}}


def _part_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Config of the part for videos, whose encoder's is two levels down."""
    encoder = (config.get("audio_video_config") or {}).get("video_config") or {}
    return {"model_type": "pe_video", "text_config": config.get("text_config"), "video_config": encoder}


def _part(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights of the part for videos; its text tower is shared with the whole, which has the weights."""
    shared = {name: value for name, value in tensors.items() if name.startswith("text_model.")}
    own = {name.removeprefix(_PART): value for name, value in tensors.items() if name.startswith(_PART)}
    return shared | own
