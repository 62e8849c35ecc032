"""CLIP by transformers: checkpoints of the hub and folders written by `save_pretrained`."""

from __future__ import annotations

import json
from contextlib import contextmanager
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from zeroshot.errors import ModelError, in_one_line
from zeroshot.model.networks.fetch import elsewhere, fetch_files, has_tokenizer
from zeroshot.model.networks.foreign import clean_folder, is_plain, read_json, read_weights, require_fit
from zeroshot.model.networks.network import Network, NetworkFacts, no_tokens
from zeroshot.model.networks.published import part_of_hub
from zeroshot.model.speed.products import quick_copy, quick_patches, short_copy, with_parts
from zeroshot.video.transform import Preprocess, three_numbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from zeroshot.model.speed.products import Swap

# Vision transformers whose tokens are known, and whether the patches still lack the last norm.
_NORM_PATCHES = {"clip": True, "metaclip_2": True, "siglip": False}
# Others that compare images with texts; no class outside these is ever built for a checkpoint's sake.
_OTHER_KINDS = {"altclip", "chinese_clip", "align"}
# They read patches of frames of any shape, not frames of one size.
_UNSUPPORTED = {"siglip2"}
# Of CLIP-like models, what frames pass through.
_VISION_PARTS = ("vision_model", "visual_projection")
_INTERPOLATIONS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
# What changes from one machine or version to the next without changing what the network computes.
_VOLATILE = ("_name_or_path", "transformers_version", "dtype", "torch_dtype", "architectures")
# Fields that transformers acts on by itself, whatever the network: code, other files, other kernels.
_NOT_TAKEN = {*_VOLATILE, "auto_map", "quantization_config", "transformers_weights", "attn_implementation"}
_PROCESSORS = {"chinese_clip": "ChineseCLIPImageProcessor", "siglip": "SiglipImageProcessor"}
_PROCESSORS |= {"align": "EfficientNetImageProcessor"}
_PROCESSOR_FIELDS = (
    "do_resize",
    "size",
    "resample",
    "do_center_crop",
    "crop_size",
    "do_rescale",
    *("rescale_factor", "do_normalize", "image_mean", "image_std", "do_convert_rgb"),
)
_LARGEST_FRAME = 4096  # pixels a side, beyond what any network reads


class TransformersNetwork(Network):
    """A network built by transformers.

    Attributes:
        module: any model with `get_image_features` and `get_text_features`.
        facts: what is known about it.
    """

    def __init__(self, module: Any, preprocess: Preprocess, folder: Path) -> None:  # noqa: ANN401
        self.module = module.float().eval().requires_grad_(False)  # noqa: FBT003 - torch's own spelling
        self._folder = folder
        config = module.config
        self._kind = config.model_type
        self.context_length = int(config.text_config.max_position_embeddings)
        vision = config.vision_config if self._kind in _NORM_PATCHES else None
        side = vision.image_size // vision.patch_size if vision else 0
        described = {key: value for key, value in config.to_dict().items() if key not in _VOLATILE}
        self.facts = NetworkFacts(
            preprocess=preprocess,
            embedding_dim=self._embedding_dim(preprocess),
            token_dim=int(vision.hidden_size) if vision else None,
            grid=(side, side) if vision else None,
            logit_scale=float(module.logit_scale.exp()),
            architecture=json.dumps(
                {"model": described, "preprocess": preprocess.as_dict()}, sort_keys=True, default=str
            ),
        )

    def embed_pixels(self, pixels: torch.Tensor) -> torch.Tensor:
        """Embeddings (B, D), not normalized, of pixels (B, 3, h, w)."""
        return _vector(self.module.get_image_features(pixel_values=pixels))

    def embed_tokens(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens (B, 1+N, C), pooled first, and embeddings (B, D), of pixels (B, 3, h, w), in one pass."""
        if self._kind not in _NORM_PATCHES:
            raise no_tokens(f"a transformers model of type {self._kind!r}")
        seen: list[tuple[torch.Tensor, torch.Tensor]] = []
        tower: Any = self.module.vision_model
        # The tower's output is read as it leaves: `get_image_features` projects the pooled vector in place.
        watch = tower.register_forward_hook(
            lambda _module, _inputs, output: seen.append((output.last_hidden_state, output.pooler_output))
        )
        try:
            embeddings = self.embed_pixels(pixels)
        finally:
            watch.remove()
        sequence, pooled = seen[0]
        if _NORM_PATCHES[self._kind]:
            sequence = tower.post_layernorm(sequence[:, 1:])
        return torch.cat((pooled[:, None], sequence), dim=1), embeddings

    def token_ids(self, texts: list[str], length: int | None = None) -> torch.Tensor:
        """Ids (n, length) of the tokens of n ≥ 1 texts, padded; what exceeds the length is cut off."""
        ids: torch.Tensor = self._encoded(texts, length)["input_ids"]
        return ids

    def embed_texts(self, texts: list[str]) -> torch.Tensor:
        """Embeddings (n, D), not normalized, of n ≥ 1 texts; what exceeds the context length is cut off."""
        encoded = self._encoded(texts, None)
        names = self._tokenizer.model_input_names
        inputs = {name: encoded[name].to(self.device) for name in names if name in encoded}
        return _vector(self.module.get_text_features(**inputs))

    def _encoded(self, texts: list[str], length: int | None) -> Any:  # noqa: ANN401 - of another library
        """Texts as the network reads them.

        Padded to the full length always: SigLIP was trained so, and no text depends on its neighbours.
        """
        most, known = length or self.context_length, self.module.config.text_config.vocab_size
        options = {"padding": "max_length", "truncation": True, "max_length": most}
        with in_one_line(f"the tokenizer in {self._folder} cannot read texts", "copy it anew"):
            encoded = self._tokenizer(texts, return_tensors="pt", **options)
            greatest = int(encoded["input_ids"].max())
        if greatest >= known:
            raise ModelError(
                f"the tokenizer in {self._folder} gives token {greatest}, the network knows {known}; "
                "expected the tokenizer that belongs to it"
            )
        return encoded

    def quick(self, arithmetic: str) -> TransformersNetwork:
        """The same network, its frames read by a copy of the vision tower in another arithmetic."""
        parts = {name: part for name, part in self.module.named_children() if name in _VISION_PARTS}
        if self.device.type == "cpu":
            swaps: dict[type, Swap] = {nn.Conv2d: quick_patches}
            quick = {name: quick_copy(part, arithmetic, swaps) for name, part in parts.items()}
        else:
            quick = {name: short_copy(part) for name, part in parts.items()}
        twin = copy(self)
        twin.arithmetic = arithmetic
        twin.module = with_parts(self.module, quick)
        return twin

    @cached_property
    def _tokenizer(self) -> Any:  # noqa: ANN401 - a class of another library
        """The checkpoint's own tokenizer."""
        if not has_tokenizer(self._folder):
            raise ModelError(f"no tokenizer in {self._folder}; expected tokenizer.json")
        return load_tokenizer(self._folder, {"model_type": self._kind})

    def _embedding_dim(self, preprocess: Preprocess) -> int:
        """D, found by looking at one black frame: each family of models names it differently."""
        with torch.inference_mode():
            return int(self.embed_pixels(torch.zeros((1, 3, *preprocess.size))).shape[-1])


def load_tokenizer(folder: Path, config: dict[str, Any]) -> Any:  # noqa: ANN401 - a class of another library
    """The tokenizer whose files lie in a folder; no code of the folder runs.

    Args:
        folder: with the files that `tokenizer.save_pretrained` writes.
        config: what says which tokenizer it is, where its own files do not.

    Raises:
        ModelError: there is none that can be loaded.
    """
    from transformers import AutoTokenizer

    remedy = "expected the files that `tokenizer.save_pretrained` writes"
    with (
        in_one_line(f"cannot load the tokenizer in {folder}", remedy),
        quiet(),
        clean_folder(folder, config) as clean,
    ):
        return AutoTokenizer.from_pretrained(str(clean), local_files_only=True, trust_remote_code=False)


def plain_config(folder: Path, kinds: Iterable[str]) -> dict[str, Any]:
    """What the `config.json` of a folder says about sizes, of the fields that its kind of network knows.

    Raises:
        ModelError: it is of another kind, or cannot be read.
    """
    from transformers import AutoConfig

    found = read_json(folder / "config.json")
    kind = found.get("model_type")
    if kind not in set(kinds):
        raise ModelError(
            f"{folder} is of type {kind!r}, which does not compare images with texts as CLIP does"
        )
    return {
        **_known(found, AutoConfig.for_model(kind).to_dict(), str(folder / "config.json")),
        "model_type": kind,
    }


def _known(found: dict[str, Any], known: dict[str, Any], where: str) -> dict[str, Any]:
    """Fields of a config that are known by name and plain; its parts likewise."""
    kept: dict[str, Any] = {}
    for name, value in found.items():
        if name not in known or name in _NOT_TAKEN or name.startswith("_"):
            continue
        if name.endswith("_config") and isinstance(value, dict) and isinstance(known[name], dict):
            kept[name] = _known(value, known[name], f"{where}: {name}")
        elif is_plain(value):
            kept[name] = value
        elif not isinstance(value, dict):  # tables of classes say nothing about a network without classes
            raise ModelError(f"{where}: {name} is {str(value)[:60]!r}; expected a plain number or word")
    return kept


def network_from_hub(repository: str, *, from_network: bool = True) -> TransformersNetwork:
    """The checkpoint ORG/NAME, from the cache or over the network.

    Raises:
        ModelError: it cannot be fetched, or is not CLIP-like.
    """
    model_name, part = f"hf:{repository}", part_of_hub(repository)
    for choice in part.choices:
        patterns = (*part.always, choice)
        folder = fetch_files(repository, patterns, model_name, from_network=from_network)
        if not (folder / "config.json").is_file():
            raise ModelError(
                f"cannot fetch {model_name}: no config.json came; it is no transformers checkpoint, or only "
                f"a part is in the cache and there is no network; {elsewhere(repository, model_name)}"
            )
        if _weight_files(folder):
            break
    return network_from_pretrained(folder)


def network_from_pretrained(folder: Path) -> TransformersNetwork:
    """The network in a folder that `save_pretrained` wrote.

    Raises:
        ModelError: no weights or no image processor in it, weights missing, or a model that is not CLIP-like.
    """
    kind = read_json(folder / "config.json").get("model_type")
    if kind in _UNSUPPORTED:
        raise ModelError(
            f"{folder} is of type {kind!r}, which reads frames of any shape; use one of a fixed size"
        )
    files = _weight_files(folder)
    if not files:
        raise ModelError(f"no weights in {folder}; expected model.safetensors")
    config = plain_config(folder, {*_NORM_PATCHES, *_OTHER_KINDS})
    preprocess = _read_image_processor(folder, config["model_type"])
    module = _load_module(folder, config, files)
    image_size = getattr(getattr(module.config, "vision_config", None), "image_size", preprocess.size[0])
    if kind in _NORM_PATCHES and preprocess.size != (image_size, image_size):
        raise ModelError(
            f"{folder}: its image processor makes frames of {preprocess.size}, "
            f"its network reads {image_size}×{image_size}"
        )
    return TransformersNetwork(module, preprocess, folder)


def _load_module(folder: Path, config: dict[str, Any], files: list[Path]) -> Any:  # noqa: ANN401
    """The library's own module with all of its weights, made once it is known to fit them."""
    from transformers import MODEL_MAPPING, AutoConfig

    tensors = read_weights(files)
    layers = [part.get("num_hidden_layers") for part in config.values() if isinstance(part, dict)]
    if any(isinstance(number, int) and number > len(tensors) for number in layers):
        raise ModelError(f"{folder} asks for {max(filter(None, layers))} layers; its weights have fewer")
    with in_one_line(f"cannot load {folder}", "expected a transformers checkpoint"), quiet():
        made = AutoConfig.for_model(**config)
        kind: Any = MODEL_MAPPING[type(made)]
        with torch.device("meta"):
            wanted = kind(made).state_dict()
        require_fit(wanted, tensors, str(folder / "config.json"))
        # From tensors, not from the folder: transformers looks for more in folders than for weights.
        module, loading = kind.from_pretrained(
            None, config=made, state_dict=tensors, output_loading_info=True
        )
    missing = sorted(loading["missing_keys"])
    if missing:
        raise ModelError(
            f"{folder} lacks {len(missing)} weights, {missing[0]} among them; expected a whole model"
        )
    return module


def _read_image_processor(folder: Path, kind: str) -> Preprocess:
    """Our description of what a checkpoint's image processor does."""
    import transformers

    file = folder / "preprocessor_config.json"
    if not file.is_file():
        raise ModelError(f"no image processor in {folder}; expected {file.name}")
    with in_one_line(f"cannot load the image processor in {folder}", f"expected {file.name}"), quiet():
        found = read_json(file)
        made: Any = getattr(transformers, _PROCESSORS.get(kind, "CLIPImageProcessor"))
        processor = made(**{name: found[name] for name in _PROCESSOR_FIELDS if name in found})
    if not getattr(processor, "do_resize", False):
        raise ModelError(f"the image processor in {folder} does not resize; expected one with a size")
    side = _entry(processor.size, "shortest_edge")
    resize_size = (side, side) if side else _height_and_width(processor.size)
    size = (
        _height_and_width(processor.crop_size) if getattr(processor, "do_center_crop", False) else resize_size
    )
    if size is None or resize_size is None or (side and size is resize_size):
        raise ModelError(
            f"the image processor in {folder} has size {processor.size}; expected a fixed result"
        )
    if not 0 < min(*size, *resize_size) <= max(*size, *resize_size) <= _LARGEST_FRAME:
        raise ModelError(f"the image processor in {folder} makes frames of {size} pixels")
    scale = 255 * processor.rescale_factor if getattr(processor, "do_rescale", True) else 255.0
    normalize = getattr(processor, "do_normalize", True)
    mean, std = (processor.image_mean, processor.image_std) if normalize else ((0.0,) * 3, (1.0,) * 3)
    resample = int(getattr(processor, "resample", 3))
    return Preprocess(
        size=size,
        # Written for white = 1, whatever factor the processor scales by.
        mean=three_numbers([value / scale for value in mean]),
        std=three_numbers([value / scale for value in std]),
        interpolation=_INTERPOLATIONS.get(resample, str(resample)),
        resize_mode="shortest" if side else "squash",
        resize_size=None if resize_size == size else resize_size,
        crop_offset="floored",
    )


def _height_and_width(size: Any) -> tuple[int, int] | None:  # noqa: ANN401
    """(h, w) of a processor's size, or None where it names something else."""
    height, width = _entry(size, "height"), _entry(size, "width")
    return (height, width) if height and width else None


def _entry(size: Any, key: str) -> int | None:  # noqa: ANN401
    """One entry of a processor's size, which is a dictionary or an object, as the version has it."""
    value = size.get(key) if isinstance(size, dict) else getattr(size, key, None)
    return None if value is None else int(value)


def _vector(output: Any) -> torch.Tensor:  # noqa: ANN401 - as the version has it
    """The embedding in what `get_*_features` returns: a tensor, or since transformers 5 an output object."""
    vector: torch.Tensor = output if isinstance(output, torch.Tensor) else output.pooler_output
    return vector


def _weight_files(folder: Path) -> list[Path]:
    """The files with the weights, one or several; safetensors where there are some."""
    for pattern in ("model*.safetensors", "pytorch_model*.bin"):
        if files := sorted(file for file in folder.glob(pattern) if file.is_file()):
            return files
    return []


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps transformers' remarks and loading bar off the terminal, and puts both back."""
    from transformers.utils import logging

    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()
