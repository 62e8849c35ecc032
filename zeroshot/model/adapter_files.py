"""An adapter as it lies in a checkpoint folder: written, read, and what its config says of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from zeroshot.errors import ModelError, OptionError, ZeroshotError, one_line, remedy_of_machine
from zeroshot.model.hub.own_files import FORMAT
from zeroshot.model.networks.foreign import is_plain, read_json, require_fit
from zeroshot.store.files import write_whole

if TYPE_CHECKING:
    from zeroshot.adapter.adapter import TwoStreamAdapter
    from zeroshot.model.backbone import Backbone

_LEAST_SIZE = 1024  # up to which a size of an adapter is believed whatever its weights are: frames, heads


@dataclass(frozen=True)
class AdapterFacts:
    """What the config of a checkpoint folder says of its adapter, apart from its shape.

    Attributes:
        backbone: name of the network whose tokens it reads; None where the folder holds that network itself.
        fingerprint: of that network.
        stream: what it answers with unless told otherwise.
    """

    backbone: str | None
    fingerprint: str
    stream: str


def save_adapter(
    folder: str | Path, adapter: TwoStreamAdapter, backbone: Backbone, *, stream: str = "fused"
) -> None:
    """Write an adapter into a checkpoint folder: `model.safetensors`, then `config.json`, each whole or not.

    In a folder that holds the backbone itself the adapter's weights are called `adapter.safetensors`, and its
    config joins the backbone's.

    Args:
        folder: made where it is missing.
        adapter: as trained.
        backbone: whose tokens it reads.
        stream: what it answers with unless the user chooses.

    Raises:
        OutputError: the folder cannot be written.
    """
    from safetensors.torch import save

    folder = Path(folder)
    bundled = _bundled_config(folder)
    config = {
        "format": FORMAT,
        **bundled,
        "backbone": {"name": None if bundled else backbone.name, "fingerprint": backbone.fingerprint},
        "adapter": adapter.config.as_dict(),
        "stream": stream,
        "num_frames": adapter.config.num_frames,
    }
    weights = {name: value.detach().cpu().contiguous() for name, value in adapter.state_dict().items()}
    write_whole(folder / _weights_name(config), save(weights))
    write_whole(folder / "config.json", (json.dumps(config, indent=2, ensure_ascii=False) + "\n").encode())


def load_adapter(folder: str | Path) -> TwoStreamAdapter:
    """The adapter of a checkpoint folder, in evaluation mode, on the CPU, without its backbone.

    Raises:
        ModelError: there is none, its files are damaged or of another version, or the machine cannot read
            them.
    """
    import torch
    from safetensors.torch import load_file

    from zeroshot.adapter.adapter import TwoStreamAdapter
    from zeroshot.adapter.config import AdapterConfig

    folder = Path(folder)
    config = _adapter_config(folder)
    weights = folder / _weights_name(config)
    # Adapters were written without this field before they had any detectors.
    shape = {"num_components": 0, **config["adapter"]}
    try:
        tensors = load_file(weights)
        most = max((max(tensor.shape, default=1) for tensor in tensors.values()), default=1)
        checked = AdapterConfig.from_dict(_adapter_fields(shape, max(most, _LEAST_SIZE)))
        if checked.num_layers > len(tensors):
            raise OptionError(f"its config asks for {checked.num_layers} layers, its weights have fewer")
        with torch.device("meta"):  # sizes without memory
            wanted = TwoStreamAdapter(checked).state_dict()
        require_fit(wanted, tensors, str(folder / "config.json"))
        if broken := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
            raise OptionError(f"{broken[0]} is not finite (NaN or infinity)")
        adapter = TwoStreamAdapter(checked)
        adapter.load_state_dict(tensors)
        return adapter.eval()
    except (OSError, SafetensorError, MemoryError) as error:
        raise _unread(weights, error) from error
    except (RuntimeError, ArithmeticError, LookupError, TypeError, ValueError, ZeroshotError) as error:
        raise (_unread(weights, error) if remedy_of_machine(error) else _damaged(folder, error)) from error


def _adapter_fields(shape: dict[str, Any], most: int) -> dict[str, Any]:
    """An adapter's config from a file: plain values, and no size beyond what its weights have."""
    for name, value in shape.items():
        sizes = value if isinstance(value, list) else [value]
        if not is_plain(value) or any(isinstance(size, int) and abs(size) > most for size in sizes):
            raise OptionError(f"{name} is {str(value)[:60]!r}; its weights have no such size")
    return shape


def _adapter_config(folder: Path) -> dict[str, Any]:
    """The config of a checkpoint folder that holds an adapter."""
    config = read_json(folder / "config.json")
    if config.get("format") != FORMAT or not isinstance(config.get("adapter"), dict):
        raise ModelError(f"{folder} holds no adapter that this version reads (format {FORMAT})")
    return config


def adapter_facts(folder: Path) -> AdapterFacts:
    """What else its config says of the adapter in a folder."""
    config = _adapter_config(folder)
    try:
        name, fingerprint = config["backbone"]["name"], config["backbone"]["fingerprint"]
        if not all(isinstance(word, str) for word in (name or "", fingerprint, config["stream"])):
            raise TypeError("its backbone and stream are no words")
        return AdapterFacts(name, fingerprint, config["stream"])
    except (KeyError, TypeError) as error:
        raise _damaged(folder, error) from error


def backbone_named(folder: Path) -> str | None:
    """The name of the network that a folder's adapter reads; None without an adapter, or with its own."""
    return adapter_facts(folder).backbone if "adapter" in read_json(folder / "config.json") else None


def _unread(weights: Path, error: BaseException) -> ModelError:
    """The error for weights that could not be looked at."""
    remedy = remedy_of_machine(error) or "expected the adapter's weights"
    return ModelError(f"cannot read {weights}: {one_line(error)}; {remedy}")


def _damaged(folder: Path, error: Exception) -> ModelError:
    """The error for an adapter that cannot be put together."""
    return ModelError(f"the adapter in {folder} is damaged: {one_line(error)}; copy or train it again")


def _weights_name(config: dict[str, Any]) -> str:
    """Of the file with the adapter's weights: the plain name is the backbone's where the folder holds it."""
    return "adapter.safetensors" if "model_cfg" in config else "model.safetensors"


def _bundled_config(folder: Path) -> dict[str, Any]:
    """The config of a backbone that lies in the folder, or nothing."""
    if not (folder / "config.json").is_file():
        return {}
    config = read_json(folder / "config.json")
    return config if "model_cfg" in config else {}
