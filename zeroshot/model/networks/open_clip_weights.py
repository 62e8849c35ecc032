"""What a file says an open_clip network is, held against its weights; and the weights put in their places."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from zeroshot.errors import ModelError, one_line
from zeroshot.model.networks.fetch import fetch_one
from zeroshot.model.networks.foreign import Renamed, is_repository, read_weights, renamed, require_plain
from zeroshot.model.networks.open_clip_towers import import_open_clip
from zeroshot.model.networks.published import HUB_WEIGHTS
from zeroshot.model.networks.unfilled import BOTH, fill

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import torch
    from torch import nn


# Of these a checkpoint may hold copies that nothing is computed with.
_UNUSED = re.compile(r"position_ids$|attn_mask$|^(input_resolution|context_length|vocab_size)$")
_WORDS = "token_embedding.weight"
_TOP_FIELDS = ("embed_dim", "custom_text", "quick_gelu", "init_logit_scale", "init_logit_bias")
# Fields of a config that hold fields of their own.
_INNER_FIELDS = {
    "act_kwargs": ("approximate",),
    "norm_kwargs": ("eps",),
    "tokenizer_kwargs": ("bpe_path", "clean", "language", "strip_sep_token"),
}
_MOST_PATCHES, _LONGEST_CONTEXT = 1 << 16, 1 << 12
# Names of checkpoints and of tensors that show a training which began at OpenAI's weights.
_QUICK_GELU = re.compile(
    r"openai|dfn|metaclip|quick-?gelu|vi-?fi|x-?clip|open-?vclip|tc-?clip", re.IGNORECASE
)
_AROUND_OPENAI = re.compile(r"image_encoder\.|text_encoder\.|prompt_learner|prompts_generator|mit\.|message_")


def checked_config(config: dict[str, Any], where: str) -> dict[str, Any]:
    """A description of an architecture from a file: of known fields with plain values, and nothing else."""
    from open_clip.coca_model import MultimodalCfg
    from open_clip.model import CLIPTextCfg, CLIPVisionCfg

    parts: dict[str, Any] = {
        "vision_cfg": CLIPVisionCfg,
        "text_cfg": CLIPTextCfg,
        "multimodal_cfg": MultimodalCfg,
    }
    top = {name: value for name, value in config.items() if name not in parts}
    checked = require_plain(top, _TOP_FIELDS, f"{where}: model_cfg")
    for part, kind in parts.items():
        if part in config:
            known = [field.name for field in fields(kind) if field.name != "pos_embed_type"]
            checked[part] = _checked_part(config[part], known, f"{where}: {part}")
    return checked


def _checked_part(values: Any, known: list[str], where: str) -> dict[str, Any]:  # noqa: ANN401 - of a file
    """One side of an architecture from a file."""
    if not isinstance(values, dict):
        raise ModelError(f"{where} is {str(values)[:60]!r}; expected an object")
    apart: dict[str, Any] = {}
    for name, value in values.items():
        if name in _INNER_FIELDS and value is not None:
            apart[name] = require_plain(value, _INNER_FIELDS[name], f"{where}: {name}")
        elif name in {"hf_model_name", "hf_tokenizer_name"} and is_repository(value):
            apart[name] = value
    rest = {name: value for name, value in values.items() if name not in apart}
    return {**require_plain(rest, known, where), **apart}


def require_bounds(config: dict[str, Any], tensors: Mapping[str, torch.Tensor], where: str) -> None:
    """Refuse what takes long or much memory even where no weights are made: layers, patches, context.

    Raises:
        ModelError: there are more of them than the weights, or any network, can have.
    """
    for part in ("vision_cfg", "text_cfg", "multimodal_cfg"):
        layers = config.get(part, {}).get("layers", 0)
        number = sum(layers) if isinstance(layers, list) else layers
        if number > len(tensors):
            raise ModelError(f"{where} asks for {number} layers in {part}; its weights have fewer")
    vision, text = config["vision_cfg"], config["text_cfg"]
    sides = vision.get("image_size", 224)
    side = max(sides) if isinstance(sides, list) else sides
    patches = (side // (vision.get("patch_size") or 16)) ** 2
    if patches > _MOST_PATCHES or text.get("context_length", 77) > _LONGEST_CONTEXT:
        raise ModelError(
            f"{where} asks for {patches} patches and a context of {text.get('context_length', 77)}; "
            f"expected up to {_MOST_PATCHES} and {_LONGEST_CONTEXT}"
        )


def put_weights(
    module: nn.Module,
    tensors: dict[str, torch.Tensor],
    path: Path,
    model_name: str,
    encodes: Iterable[str] = BOTH,
) -> tuple[str, ...]:
    """Puts weights into the module, all that it has a place for; a line each on what was found on the way.

    Args:
        module: of open_clip, on the processor.
        tensors: of the file.
        path: of the file, for the lines.
        model_name: for the lines.
        encodes: as for `fill`.

    Raises:
        ModelError: they are of another architecture, or some lack; the line says which prefix was found.
    """
    from open_clip import factory

    found = factory.convert_state_dict(module, tensors)
    wanted = module.state_dict()
    if "positional_embedding" in found and "positional_embedding" not in wanted:
        found = factory.convert_to_custom_text_state_dict(found)
    named = _attention_joined(renamed(found, wanted), found, wanted)
    kept = _completed(named.tensors, wanted, model_name)
    prefix = f" (with {named.prefix!r} taken off their names)" if named.prefix else ""
    numbered = {re.sub(r"\d+", "N", name) for name in wanted}
    deeper = [name for name in named.others if re.sub(r"\d+", "N", name) in numbered]
    try:
        if deeper:
            raise ValueError(f"it has no place for {deeper[0]}")
        factory.resize_pos_embed(kept, module)
        factory.resize_text_pos_embed(kept, module)
        fill(module, kept, encodes)
    except Exception as error:  # open_clip stumbles in many ways over weights of another architecture
        raise ModelError(
            f"{path} holds no weights for {model_name}{prefix}: {one_line(error)}; expected a state dict of "
            "that architecture, as safetensors or as tensors alone"
        ) from error
    return _notes_on(named, path, model_name)


def _attention_joined(
    named: Renamed, found: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]
) -> Renamed:
    """Queries, keys and values that lie in tensors of their own, as TC-CLIP has them, put together.

    Args:
        named: tensors that have a place, and others.
        found: all tensors by the names of the file.
        wanted: what the network has places for.
    """
    import torch

    tensors, others = dict(named.tensors), dict(named.others)
    for kind in ("weight", "bias"):
        for first in [name for name in named.others if name.endswith(f".q_proj.{kind}")]:
            around = first.removesuffix(f"q_proj.{kind}")
            joint, parts = f"{around}in_proj_{kind}", [f"{around}{each}_proj.{kind}" for each in "qkv"]
            if joint in wanted and joint not in tensors and others.keys() >= set(parts):
                tensors[joint] = torch.cat([found[others.pop(part)] for part in parts])
    return Renamed(tensors, named.prefix, others)


def _completed(
    tensors: dict[str, torch.Tensor], wanted: Mapping[str, torch.Tensor], model_name: str
) -> dict[str, torch.Tensor]:
    """Tensors with what checkpoints may leave out: word vectors that were never trained, and a bias."""
    kept = dict(tensors)
    for name in ("logit_scale", "logit_bias"):
        if name in kept and name in wanted and kept[name].ndim != wanted[name].ndim:
            kept[name] = kept[name].reshape(wanted[name].shape)
    if "logit_bias" in wanted and "logit_bias" not in kept and "logit_scale" in kept:
        kept["logit_bias"] = kept["logit_scale"].new_zeros(wanted["logit_bias"].shape)
    if kept and wanted.keys() - kept.keys() == {_WORDS}:
        kept[_WORDS] = _words_of_openai(model_name)
    return kept


def _words_of_openai(model_name: str) -> torch.Tensor:
    """The word vectors of OpenAI's weights, from the cache: ViFi-CLIP and TC-CLIP keep them as they are."""
    open_clip = import_open_clip()

    published = open_clip.get_pretrained_cfg(model_name.removesuffix("-quickgelu"), "openai")
    if not published:
        raise ModelError(f"the weights for {model_name} lack {_WORDS}; expected all of a CLIP")
    repository = published["hf_hub"].rpartition("/")[0]
    try:
        file = fetch_one(repository, HUB_WEIGHTS, f"{model_name}/openai", from_network=False)
    except ModelError as error:
        raise ModelError(
            f"the weights for {model_name} lack {_WORDS}, which such checkpoints take from OpenAI's as they "
            f"are; run once with --model {model_name}/openai, so that those are in the cache"
        ) from error
    return read_weights([file])[_WORDS]


def _notes_on(named: Renamed, path: Path, model_name: str) -> tuple[str, ...]:
    """What the user should know of weights that were loaded."""
    open_clip = import_open_clip()

    notes = []
    if named.prefix:
        notes.append(f"{path.name}: {named.prefix!r} is taken off the names of its tensors")
    mine = [name for name in named.others if not _UNUSED.search(name)]
    if mine:
        notes.append(
            f"{path.name}: {len(mine)} tensors such as {mine[0]} are left out, as {model_name} has no place "
            "for them; what answers is the CLIP inside, frame by frame"
        )
    sign = next(filter(_AROUND_OPENAI.search, (*named.others.values(), named.prefix)), None)
    sign = "its name" if _QUICK_GELU.search(path.name) else sign
    other = f"{model_name}-quickgelu"
    if sign is not None and other in open_clip.list_models():
        notes.append(
            f"{path.name} looks trained with QuickGELU ({sign}), as OpenAI's weights are, and {model_name} "
            f"computes GELU, which gives other answers; name it {other}/…"
        )
    return tuple(notes)
