"""CLIP by open_clip: architectures, pretrained tags, weights files, and folders in two layouts."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack, nullcontext
from copy import copy, deepcopy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from zeroshot.errors import ModelError, in_one_line
from zeroshot.model.hub.own_files import FORMAT
from zeroshot.model.networks.fetch import elsewhere, fetch_files, fetch_one, has_tokenizer
from zeroshot.model.networks.foreign import (
    OFFLINE_REMEDY,
    clean_folder,
    close_matches,
    merges_in,
    read_json,
    read_weights,
    require_fit,
    require_plain,
    unknown_architecture,
)
from zeroshot.model.networks.network import Network, NetworkFacts
from zeroshot.model.networks.open_clip_towers import (
    embeddings_of,
    import_open_clip,
    swaps,
    text_tower,
    tokens_of,
    tower_of,
)
from zeroshot.model.networks.open_clip_weights import checked_config, put_weights, require_bounds
from zeroshot.model.networks.pretrained import plain_config, quiet
from zeroshot.model.networks.published import HUB_WEIGHTS, TOKENIZER_PATTERNS, parts_of_tag
from zeroshot.model.networks.unfilled import BOTH, unfilled
from zeroshot.model.speed.products import quick_copy, short_copy, with_parts
from zeroshot.video.transform import Preprocess, three_numbers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn


_TEXT_KINDS = ("roberta", "xlm-roberta", "bert", "mt5", "m2m_100")
_PREPROCESS_FIELDS = ("size", "mode", "mean", "std", "interpolation", "resize_mode", "fill_color")
_tokenizing = threading.Lock()  # tokenizers of transformers refuse a second thread


class OpenClipNetwork(Network):
    """A network built by open_clip.

    Attributes:
        module: open_clip's CLIP, CustomTextCLIP or CoCa.
        facts: what is known about it.
    """

    is_reentrant = True
    frame_parts = ("visual.",)

    def __init__(
        self, module: nn.Module, config: dict[str, Any], preprocess: Preprocess, folder: Path | None
    ) -> None:
        """Wrap open_clip's module.

        Args:
            module: with its weights.
            config: that it was built from.
            preprocess: of frames.
            folder: of the checkpoint whose files say all this; None where open_clip itself does.
        """
        self.module = module.eval().requires_grad_(False)  # noqa: FBT003 - torch's own spelling
        self._text_config: dict[str, Any] = config["text_cfg"]
        self._folder = folder
        self.context_length = int(self._text_config.get("context_length", 77))
        self._texts = text_tower(module)
        tower = tower_of(module.visual)
        self.facts = NetworkFacts(
            preprocess=preprocess,
            embedding_dim=int(config["embed_dim"]),
            token_dim=tower.token_dim if tower else None,
            grid=tower.grid if tower else None,
            logit_scale=float(self.module.logit_scale.exp()),
            architecture=json.dumps({"model": config, "preprocess": preprocess.as_dict()}, sort_keys=True),
        )

    def embed_pixels(self, pixels: torch.Tensor) -> torch.Tensor:
        """Embeddings (B, D), not normalized, of pixels (B, 3, h, w)."""
        return embeddings_of(self.module, pixels)

    def embed_tokens(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens (B, 1+N, C), pooled first, and embeddings (B, D), of pixels (B, 3, h, w), in one pass."""
        return tokens_of(self.module.visual, pixels)

    def token_ids(self, texts: list[str], length: int | None = None) -> torch.Tensor:
        """Ids (n, length) of the tokens of n ≥ 1 texts, padded; what exceeds the length is cut off."""
        with _tokenizing:
            ids: torch.Tensor = self._tokenizer(texts, length)
        return ids

    def text_lengths(self, texts: list[str]) -> tuple[list[int], torch.Tensor | None]:
        """Tokens that are read of each of n ≥ 1 texts, and their ids (n, L)."""
        if self._texts is None:
            return super().text_lengths(texts)
        token_ids = self.token_ids(texts)
        return self._texts.lengths(token_ids).tolist(), token_ids

    def embed_texts(self, texts: list[str], token_ids: torch.Tensor | None = None, /) -> torch.Tensor:
        """Embeddings (n, D), not normalized, of n ≥ 1 texts; what exceeds the context length is cut off."""
        token_ids = self.token_ids(texts) if token_ids is None else token_ids
        known = self._text_config.get("vocab_size", getattr(self.module, "vocab_size", 49408))
        if int(token_ids.max()) >= known:
            raise ModelError(
                f"the tokenizer gives token {int(token_ids.max())}, the network knows {known}; "
                "expected text_cfg.vocab_size to be the size of the tokenizer's vocabulary"
            )
        token_ids = token_ids.to(self.device)
        if self._texts is not None:
            return self._texts.embed(token_ids)
        embeddings: torch.Tensor = self.module.encode_text(token_ids)
        return embeddings

    def quick(self, arithmetic: str) -> OpenClipNetwork:
        """The same network, its frames read by a copy of the vision tower in another arithmetic."""
        visual, on_processor = self.module.visual, self.device.type == "cpu"
        tower = quick_copy(visual, arithmetic, swaps()) if on_processor else short_copy(visual)
        twin = copy(self)
        twin.arithmetic = arithmetic
        twin.module = with_parts(self.module, {"visual": tower})
        return twin

    @cached_property
    def _tokenizer(self) -> Any:  # noqa: ANN401 - a class of another library
        """The model's own tokenizer; built late, because some must be fetched and videos alone do without."""
        from open_clip.tokenizer import HFTokenizer, SimpleTokenizer

        config = self._text_config
        context_length = self.context_length
        options = dict(config.get("tokenizer_kwargs") or {})
        repository = config.get("hf_tokenizer_name")
        with in_one_line("cannot build the model's tokenizer", OFFLINE_REMEDY):
            if repository:
                mode = config.get("tokenizer_mode")
                safe = {"trust_remote_code": False, "local_files_only": True}
                with quiet(), clean_folder(self._tokenizer_folder(repository)) as folder:
                    return HFTokenizer(
                        str(folder), context_length=context_length, tokenizer_mode=mode, **options, **safe
                    )
            if "bpe_path" in options:
                options["bpe_path"] = str(merges_in((self._folder or Path()) / options["bpe_path"]))
            return SimpleTokenizer(context_length=context_length, **options)

    def _tokenizer_folder(self, repository: str) -> Path:
        """Where the files of a transformers tokenizer lie: beside the weights, else in the hub's cache."""
        if self._folder is not None and has_tokenizer(self._folder):
            return self._folder
        name, known = f"the tokenizer {repository}", self._folder is None
        folder = fetch_files(repository, TOKENIZER_PATTERNS, name, from_network=known)
        if not has_tokenizer(folder):
            raise ModelError(f"no tokenizer in {repository}, or not in the cache; {elsewhere(repository)}")
        return folder


def tagged_names() -> tuple[str, ...]:
    """Every `ARCH/TAG` that can be fetched."""
    open_clip = import_open_clip()

    return tuple(f"{architecture}/{tag}" for architecture, tag in open_clip.list_pretrained())


def hub_repository(architecture: str, tag: str) -> str | None:
    """ORG/NAME on the model hub of the weights that a pretrained tag stands for; None where there is none."""
    open_clip = import_open_clip()

    known = open_clip.get_pretrained_cfg(architecture, tag)
    return parts_of_tag(architecture, tag)[0].repository or None if known and known.get("hf_hub") else None


def random_network(architecture: str) -> OpenClipNetwork:
    """An untrained network, the same in every process.

    Raises:
        ModelError: unknown architecture.
    """
    config = _architecture_config(architecture)
    name = f"{architecture}/random"
    network = _build(config, _usual_preprocessing(architecture), None, None, name)
    network.notes = (f"{name} is untrained: it serves for speed and tests, its answers mean nothing",)
    return network


def network_from_file(architecture: str, path: Path, encodes: tuple[str, ...] = BOTH) -> OpenClipNetwork:
    """The architecture with the weights of a file, and the preprocessing its published weights share.

    Args:
        architecture: open_clip's name.
        path: of the weights.
        encodes: as for `fill`.

    Raises:
        ModelError: unknown architecture, or a file that is not its weights.
    """
    config = _architecture_config(architecture)
    return _build(config, _usual_preprocessing(architecture), path, None, architecture, encodes)


def tagged_network(architecture: str, tag: str, encodes: tuple[str, ...] = BOTH) -> OpenClipNetwork:
    """The architecture with the published weights `tag`, their preprocessing and their activation function.

    Args:
        architecture: open_clip's name.
        tag: as open_clip calls its weights.
        encodes: as for `fill`.

    Raises:
        ModelError: unknown architecture or tag, or the weights cannot be fetched.
    """
    config = _architecture_config(architecture)
    published = _published(architecture, tag)
    if published.get("quick_gelu"):
        # Weights trained with QuickGELU are wrong under GELU, whichever of the two the architecture's
        # name implies.
        config["quick_gelu"] = True
    part = parts_of_tag(architecture, tag)[0]
    weights = fetch_one(part.repository, part.choices, f"{architecture}/{tag}")
    return _build(config, published, weights, None, f"{architecture}/{tag}", encodes)


def require_tag(architecture: str, tag: str) -> None:
    """Refuse what is no architecture, or no tag of its published weights.

    Raises:
        ModelError: it is none; the line names those that are.
    """
    _architecture_config(architecture)
    _published(architecture, tag)


def network_from_folder(folder: Path, encodes: tuple[str, ...] = BOTH) -> OpenClipNetwork:
    """The network of a checkpoint folder, either `config.json` in our own format or `open_clip_config.json`.

    Args:
        folder: of the checkpoint.
        encodes: as for `fill`.

    Raises:
        ModelError: no weights in it, another format, or weights of another architecture.
    """
    own = (folder / "config.json").is_file() and "format" in read_json(folder / "config.json")
    source = folder / ("config.json" if own else "open_clip_config.json")
    content = read_json(source)
    if own and content["format"] != FORMAT:
        raise ModelError(f"{source} has format {content['format']!r}; this version reads format {FORMAT}")
    if not isinstance(content.get("model_cfg"), dict):
        raise ModelError(f"{source} has no model_cfg; expected open_clip's description of the architecture")
    import_open_clip()
    config = checked_config(content["model_cfg"], str(source))
    where = f"{source}: preprocess_cfg"
    preprocess = require_plain(content.get("preprocess_cfg", {}), _PREPROCESS_FIELDS, where)
    names = ("model.safetensors",) if own else (*HUB_WEIGHTS, "model.safetensors", "pytorch_model.bin")
    found = [folder / name for name in names if (folder / name).is_file()]
    if not found:
        raise ModelError(f"no weights in {folder}; expected {names[0]}")
    return _build(config, preprocess, found[0], folder, str(folder), encodes)


def _build(
    config: dict[str, Any],
    preprocess_config: Mapping[str, Any],
    weights: Path | None,
    folder: Path | None,
    model_name: str,
    encodes: tuple[str, ...] = BOTH,
) -> OpenClipNetwork:
    """The network that `config` describes, with weights from a file or, without one, from a fixed seed."""
    tensors = None if weights is None else read_weights([weights])
    with in_one_line(f"cannot build {model_name}", "expected open_clip's model_cfg"):
        if folder is not None and tensors is not None:
            require_bounds(config, tensors, model_name)
            with torch.device("meta"), unfilled():  # sizes without memory
                wanted = _construct(config, model_name, from_network=False).state_dict()
            require_fit(wanted, tensors, model_name)
        empty = nullcontext() if tensors is None else unfilled()
        with torch.random.fork_rng(devices=[]), empty:
            torch.manual_seed(0)
            module = _construct(config, model_name, from_network=folder is None)
    notes: tuple[str, ...] = ()
    if tensors is not None and weights is not None:
        notes = put_weights(module, tensors, weights, model_name, encodes)
    preprocess = _read_preprocess(preprocess_config, module.visual.image_size)
    network = OpenClipNetwork(module, config, preprocess, folder)
    network.notes = notes
    return network


def _construct(config: dict[str, Any], model_name: str, *, from_network: bool) -> Any:  # noqa: ANN401
    """open_clip's module for a description of an architecture, without fetching weights of its parts."""
    open_clip = import_open_clip(config)
    options = deepcopy(config)
    text_config = options["text_cfg"]
    custom_text = options.pop("custom_text", False)
    if "timm_model_name" in options["vision_cfg"]:
        options["vision_cfg"]["timm_model_pretrained"] = False
    with ExitStack() as stack:
        if repository := text_config.get("hf_model_name"):
            custom_text = True
            text_config["hf_model_pretrained"] = False
            # The text tower's description is a file on the hub; fetched here so that a missing network is one
            # clear line.
            found = fetch_files(repository, ("*.json",), model_name, from_network=from_network)
            clean = stack.enter_context(clean_folder(found, plain_config(found, _TEXT_KINDS)))
            text_config["hf_model_name"] = str(clean)
        kind: Any = open_clip.CustomTextCLIP if custom_text else open_clip.CLIP
        module = (open_clip.CoCa if custom_text and "multimodal_cfg" in options else kind)(**options)
    return module.float()


def _architecture_config(architecture: str) -> dict[str, Any]:
    """open_clip's description of an architecture, our own copy."""
    open_clip = import_open_clip()

    config = open_clip.get_model_config(architecture) if architecture in open_clip.list_models() else None
    if config is None:
        raise unknown_architecture(architecture, open_clip.list_models())
    return dict(config)


def _published(architecture: str, tag: str) -> dict[str, Any]:
    """What open_clip says of published weights: where they are, and how frames are prepared for them."""
    open_clip = import_open_clip()

    published = open_clip.get_pretrained_cfg(architecture, tag)
    if not published:
        raise _unknown_tag(architecture, tag, open_clip.list_pretrained_tags_by_model(architecture))
    return dict(published)


def _usual_preprocessing(architecture: str) -> Mapping[str, Any]:
    """What all published weights of an architecture agree on; for the rest open_clip has defaults."""
    open_clip = import_open_clip()

    tags = open_clip.list_pretrained_tags_by_model(architecture)
    published = [open_clip.get_pretrained_cfg(architecture, tag) for tag in tags]
    fields = ("mean", "std", "interpolation", "resize_mode")
    if not published:
        return {}
    return {field: published[0][field] for field in fields if len({entry[field] for entry in published}) == 1}


def _unknown_tag(architecture: str, tag: str, tags: list[str]) -> ModelError:
    """The error for a tag that the architecture does not have."""
    open_clip = import_open_clip()

    known = ", ".join(tags) if len(tags) <= 12 else ", ".join(tags[:12]) + ", …"
    elsewhere = open_clip.list_pretrained_models_by_tag(tag)
    other = f"; {tag} belongs to {', '.join(elsewhere[:4])}" if elsewhere else close_matches(tag, tags)
    return ModelError(
        f"{architecture} has no pretrained weights {tag!r}{other}; known are {known or 'none'}, and "
        f"{architecture}/random or {architecture}/weights-file"
    )


def _read_preprocess(config: Mapping[str, Any], image_size: int | tuple[int, int]) -> Preprocess:
    """Our description of open_clip's, for the size that the network was built for."""
    from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD

    size = (
        (image_size, image_size) if isinstance(image_size, int) else (int(image_size[0]), int(image_size[1]))
    )
    resize_mode = config.get("resize_mode") or "shortest"
    interpolation = config.get("interpolation") or "bicubic"
    if resize_mode == "shortest" and size[0] != size[1]:
        interpolation = "bicubic"  # open_clip ignores the setting in this one case
    if interpolation == "random":
        interpolation = "bicubic"  # what open_clip makes of it outside training
    return Preprocess(
        size=size,
        mean=three_numbers(config.get("mean") or OPENAI_DATASET_MEAN),
        std=three_numbers(config.get("std") or OPENAI_DATASET_STD),
        interpolation=interpolation,
        resize_mode=resize_mode,
        fill_color=int(config.get("fill_color") or 0),
    )
