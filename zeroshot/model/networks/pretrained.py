"""What `save_pretrained` of transformers writes: config, weights and tokenizer, none of it believed."""

from __future__ import annotations

import io
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any

import torch

from zeroshot.errors import ModelError, in_one_line
from zeroshot.model.networks.foreign import clean_folder, is_plain, read_json, require_fit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

VOLATILE = ("_name_or_path", "transformers_version", "dtype", "torch_dtype", "architectures")
"""What changes from one machine or version to the next without changing what the network computes."""

# Fields that transformers acts on by itself, whatever the network: code, other files, other kernels; and the
# names of classes that nothing here looks at.
_NOT_TAKEN = {*VOLATILE, "auto_map", "quantization_config", "transformers_weights", "attn_implementation"}
_NOT_TAKEN |= {"label_names"}
# Of rotary positions: a table of plain numbers, or one of these for each kind of layer.
_TABLES = {"rope_parameters"}
_MOST_LAYERS = 512  # a word each, in `layer_types`
_MOST_FIELDS = 16  # of such a table


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

    found, known = read_json(folder / "config.json"), sorted(kinds)
    kind = found.get("model_type")
    if kind not in known:
        raise ModelError(
            f"{folder} is of type {str(kind)[:60]!r}, which does not compare images with texts as CLIP does; "
            f"known are {', '.join(known)}"
        )
    kept = _known(found, AutoConfig.for_model(kind).to_dict(), str(folder / "config.json"))
    return {**kept, "model_type": kind}


def _known(found: dict[str, Any], known: dict[str, Any], where: str) -> dict[str, Any]:
    """Fields of a config that are known by name and plain; its parts likewise."""
    kept: dict[str, Any] = {}
    for name, value in found.items():
        if name not in known or name in _NOT_TAKEN or name.startswith("_"):
            continue
        if name.endswith("_config") and isinstance(value, dict) and isinstance(known[name], dict):
            kept[name] = _known(value, known[name], f"{where}: {name}")
        elif (
            is_plain(value)
            or (name == "layer_types" and _are_words(value))
            or (name in _TABLES and _is_table(value))
        ):
            kept[name] = value
        elif not isinstance(value, dict):  # tables of classes say nothing about a network without classes
            raise ModelError(f"{where}: {name} is {str(value)[:60]!r}; expected a plain number or word")
    return kept


def _are_words(value: object) -> bool:
    """Whether a value is a list of words, one a layer."""
    if not isinstance(value, list) or len(value) > _MOST_LAYERS:
        return False
    return all(isinstance(word, str) and is_plain(word) for word in value)


def _is_table(value: object) -> bool:
    """Whether a value is a small object of plain values, or of such objects."""
    if not isinstance(value, dict) or len(value) > _MOST_FIELDS:
        return False
    inner = [each for each in value.values() if isinstance(each, dict)]
    plain = [each for each in value.values() if not isinstance(each, dict)]
    plain += [each for table in inner for each in table.values()]
    return all(len(table) <= _MOST_FIELDS for table in inner) and all(map(is_plain, plain))


def load_module(folder: Path, config: dict[str, Any], tensors: Mapping[str, torch.Tensor]) -> Any:  # noqa: ANN401 - a class of another library
    """The library's own module with all of its weights, made once it is known to fit them.

    Args:
        folder: that they are of, for the errors.
        config: from `plain_config`.
        tensors: by name.

    Raises:
        ModelError: config and weights do not belong together, or weights are missing.
    """
    from transformers import MODEL_MAPPING, AutoConfig

    most = _most_layers(config)
    if most > len(tensors):
        raise ModelError(f"{folder} asks for {most} layers; its weights have fewer")
    with (
        in_one_line(f"cannot load {folder}", "expected a transformers checkpoint"),
        quiet(),
        redirect_stdout(io.StringIO()),  # PE's class prints remarks on its own documentation
    ):
        made = AutoConfig.for_model(**config)
        kind: Any = MODEL_MAPPING[type(made)]
        with torch.device("meta"):
            wanted = kind(made).state_dict()
        require_fit(wanted, tensors, str(folder / "config.json"))
        # From tensors, not from the folder: transformers looks for more in folders than for weights.
        module, loading = kind.from_pretrained(
            None,
            config=made,
            state_dict=dict(tensors),
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # told below in our words
        )
    if other := sorted(loading["mismatched_keys"]):
        name, there, asked = other[0]
        raise ModelError(
            f"{folder / 'config.json'} asks for {name} of {tuple(asked)}, its weights have {tuple(there)}; "
            "expected the config that belongs to the weights"
        )
    missing = sorted(loading["missing_keys"])
    if missing:
        raise ModelError(
            f"{folder} lacks {len(missing)} weights, {missing[0]} among them; expected a whole model"
        )
    return module


def _most_layers(config: Mapping[str, Any]) -> int:
    """The largest number of layers that a config or a part of it asks for."""
    inner = [_most_layers(value) for value in config.values() if isinstance(value, dict)]
    own = [
        value
        for name, value in config.items()
        if name.endswith("_layers") and isinstance(value, int) and not isinstance(value, bool)
    ]
    return max([0, *inner, *own])


def weight_files(folder: Path) -> list[Path]:
    """The files with a model's weights, one or several; safetensors where there are some."""
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
