"""Folders of weights ↔ models, and which models there are."""

from __future__ import annotations

import inspect
import os
from contextlib import suppress
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any, TypeGuard

from safetensors import SafetensorError, safe_open

from zeroshot.errors import (
    ModelError,
    OptionError,
    one_line,
    remedy_of_machine,
    require_whole,
    told_apart,
)
from zeroshot.model.adapter_files import adapter_facts, load_adapter
from zeroshot.model.names import (
    Opened,
    checkpoint_folder,
    name_given,
    open_name,
    parse_name,
    require_name,
    require_name_for_all,
)
from zeroshot.model.networks.foreign import read_json
from zeroshot.resources import bundled_names, checkpoints_folder
from zeroshot.types import Prompts
from zeroshot.video.sampling import require_sampling

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import torch

    from zeroshot.adapter.adapter import TwoStreamAdapter
    from zeroshot.datasets.seen_labels import TrainedOn
    from zeroshot.index.index import LabelIndex
    from zeroshot.model.backbone import Backbone
    from zeroshot.model.model import Model
    from zeroshot.video.sampling import Sampling

DEFAULT_MODEL = "PE-Core-B-16/meta"
_FUSED, NO_STREAM = "fused", "clip"  # the second: the backbone alone, an adapter left aside


def load_model(  # noqa: PLR0913 - what people choose when they take a model
    name: str | os.PathLike[str] = DEFAULT_MODEL,
    *,
    device: str | torch.device = "auto",
    sampling: Sampling | None = None,
    decoder: str = "auto",
    stream: str | None = None,
    share: float = 1.0,
    backbone: str | None = None,
    precision: str = "exact",
    batch_size: int = 32,
    num_workers: int = 2,
    time_limit_seconds: float = 60.0,
    progress: bool = False,
    encodes: tuple[str, ...] = ("frames", "texts"),
) -> Model:
    """The Model of that name, ready to embed videos, frames and texts.

    Args:
        name: `ARCH/TAG`, `ARCH/random`, `ARCH/weights-file`, `hf:ORG/NAME`, `hf:FOLDER`,
            `hub:ORG/NAME@REVISION`, a checkpoint folder, or a bundled name.
        device: auto, cpu, cuda, cuda:N, mps, or a torch.device.
        sampling: which frames; None: what the checkpoint says, else the middles of 8 equal segments.
        decoder: auto, decord, pyav or raw.
        stream: of an adapter: static, dynamic or fused, or clip for its backbone alone; None: its own choice.
        share: 1 is the adapter as trained, 0 is CLIP averaged over frames, between them the straight line.
        backbone: name of the backbone of an adapter, where it now has another one than when it was trained.
        precision: exact, fast or fastest: cosines of 0.99999, 0.9995, 0.999 at least to float32's frames.
        batch_size: frames in one forward pass; 32 fill a processor, more of them a large GPU.
        num_workers: decoding processes; two keep ahead of a network on a processor.
        time_limit_seconds: of processor time for one file, after which it counts as unreadable.
        progress: a bar on stderr counts videos.
        encodes: what is going to be encoded; weights for the other stay in their file, which is quicker and
            takes less memory.

    Raises:
        ModelError: it cannot be named, fetched, loaded or moved there, or the adapter is another backbone's.
        OptionError: a stream of a model that has no adapter, or a number that makes no sense.
    """
    from zeroshot.model.backbone import load_backbone
    from zeroshot.model.model import Model

    name = name_given(name)
    require_numbers(batch_size, num_workers)
    loading = partial(
        load_backbone, device=device, precision=precision, batch_size=batch_size, encodes=encodes
    )
    opened = open_name(name)
    network, adapter, spoken = _parts(opened, stream, backbone, loading)
    if adapter is not None and share != 1:
        adapter = adapter.towards_clip(share)
    reading: dict[str, Any] = {"decoder": decoder, "num_workers": num_workers}
    reading["time_limit_seconds"] = time_limit_seconds
    model = Model(network, adapter=adapter, stream=spoken, sampling=sampling, **reading)
    model.folder, model.origin = opened.folder, opened.name if opened.is_foreign else ""
    network.notes = tuple(dict.fromkeys((*opened.notes, *network.notes)))
    model.progress = progress
    again = partial(load_model, opened.name, stream=stream, share=share, backbone=backbone, **reading)
    model.reload = partial(again, precision=precision)
    return model


def require_numbers(batch_size: int, num_workers: int) -> None:
    """Refuse numbers of frames and of processes that make no sense, before any weights are looked for."""
    for name, number in (("batch_size", batch_size), ("num_workers", num_workers)):
        require_whole(name, number)


def _parts(
    opened: Opened, stream: str | None, backbone: str | None, loading: Callable[..., Backbone]
) -> tuple[Backbone, TwoStreamAdapter | None, str]:
    """The backbone of a name, its adapter if it has one, and the stream that speaks for videos."""
    name, folder = opened.name, opened.folder
    if not has_adapter(folder):
        if stream not in {None, NO_STREAM} or backbone is not None:
            raise _no_adapter(name)
        return loading(name), None, _FUSED
    facts = adapter_facts(folder)
    adapter = None if stream == NO_STREAM else load_adapter(folder)
    by_file = backbone is None and facts.backbone is not None
    if by_file and opened.is_foreign:
        require_name_for_all(facts.backbone, name)
    network = loading(backbone or facts.backbone or name, from_hub=not by_file)
    if network.fingerprint != facts.fingerprint:
        before = facts.backbone or name
        theirs, given = told_apart((before, facts.fingerprint), (network.name, network.fingerprint))
        raise ModelError(
            f"the adapter in {folder} was trained on {theirs}, not on {given}; give it its own backbone"
        )
    return network, adapter, _FUSED if adapter is None else stream or facts.stream


def require_model(
    name: str = DEFAULT_MODEL,
    *,
    device: str | torch.device = "auto",
    decoder: str = "auto",
    stream: str | None = None,
    precision: str = "exact",
) -> None:
    """Refuse what `load_model` would refuse, as far as it shows before any weights are looked for.

    Args:
        name: as for `load_model`, as are all.
        device: auto, cpu, cuda, cuda:N or mps.
        decoder: auto, decord, pyav or raw.
        stream: static, dynamic, fused or clip; None is what the checkpoint says.
        precision: exact, fast or fastest.

    Raises:
        ModelError: there can be no model of that name, or no such device.
        OptionError: an unknown stream, decoder or precision, or a stream of a model that has no adapter.
    """
    from zeroshot.video.decoders.by_name import require_decoder

    require_decoder(decoder)
    parsed = require_name(name)  # whatever needs no library is said before any is imported
    if precision != "exact":
        from zeroshot.model.speed.precision import require_level

        require_level(precision)
    _require_stream(stream)
    from zeroshot.model.backbone import choose_device

    choose_device(device)
    if parsed.kind == "pulled":
        return  # what it holds shows once it is fetched
    folder = checkpoint_folder(name)
    if has_adapter(folder):
        require_name(adapter_facts(folder).backbone or name)
    elif stream not in {None, NO_STREAM}:
        raise _no_adapter(name)


def _require_stream(stream: str | None) -> None:
    """Refuse a stream that no adapter has."""
    if stream in {None, NO_STREAM}:
        return
    from zeroshot.model.model import STREAMS

    if stream not in STREAMS:
        raise OptionError(f"stream is {stream!r}; expected one of {', '.join(STREAMS)}, {NO_STREAM}")


def require_public(name: object, where: str) -> str:
    """A model's name that a file gives, if nobody can hide anything behind it.

    Raises:
        ModelError: it is neither bundled nor published under a tag; a path or a name on the model hub would
            be opened because a file says so, so the user has to give it. Nor is anything fetched because of
            a file: a published model that is not in the cache has to be given, too.
    """
    from zeroshot.model.networks.open_clip import tagged_names
    from zeroshot.model.networks.published import is_cached

    kind = ""
    if isinstance(name, str):
        with suppress(ModelError):
            kind = parse_name(name).kind
        if kind == "random" or name in bundled_names(checkpoints_folder()):
            return name
        if kind == "tag" and name in tagged_names():
            if is_cached(name):
                return name
            raise ModelError(
                f"{where} names the model {name}, which is not in the cache, and nothing is fetched because "
                f"a file says so; if you want it, name it yourself: --model {name}"
            )
    raise ModelError(
        f"{where} names the model {str(name)[:80]!r}, which is neither bundled nor published under a tag; "
        "if you trust it, name it yourself with --model"
    )


def model_for(
    model: str | Model | None, words: Prompts | LabelIndex, index: str | Path | None
) -> str | Model:
    """The model that is asked for; where none is, the one that made a saved index, else the default.

    Args:
        model: as for `load`.
        words: what `labels_to_rank` found.
        index: the file of a saved index, for the error.

    Raises:
        ModelError: an index names a folder, a file or a name on the model hub, which its user has to name.
    """
    if model is not None:
        return model
    if isinstance(words, Prompts):
        return DEFAULT_MODEL
    return require_public(words.fingerprint.get("model_name"), f"the index {index}")


def not_usual(given: dict[str, Any]) -> dict[str, Any]:
    """What `load_model` is given other than what it takes by itself."""
    usual = inspect.signature(load_model).parameters
    return {name: value for name, value in given.items() if value != usual[name].default}


def require_chosen(model: str | Model, chosen: dict[str, Any]) -> None:
    """Refuse a model's name that cannot be, and settings of a model that is loaded already.

    Args:
        model: its name, or a Model.
        chosen: what `load` was given of `load_model`'s, other than the usual.

    Raises:
        ZeroshotError: one line that names what cannot be used.
    """
    if isinstance(model, str):
        require_sampling(chosen.get("sampling"))
        later = {"sampling", "batch_size", "num_workers", "progress"}
        require_model(model, **{name: value for name, value in chosen.items() if name not in later})
    elif chosen:
        raise OptionError(
            f"{', '.join(chosen)} goes with a model's name; choose it in load_model for a Model"
        )


def has_adapter(folder: Path | None) -> TypeGuard[Path]:
    """Whether a checkpoint folder, if there is one, holds an adapter."""
    return folder is not None and "adapter" in read_json(folder / "config.json")


def _no_adapter(name: str) -> OptionError:
    """The error for a choice among what an adapter offers."""
    return OptionError(f"{name} has no adapter, so no stream or backbone to choose; leave them out")


def describe(name: str) -> dict[str, Any]:
    """Facts of a checkpoint, on this computer or the hub: configuration, size, training; loads no weights.

    Or of a file of taught labels: which they are, what was shown, and whether it helps.

    Raises:
        LabelError: such a file is damaged.
        ModelError: there is no such folder, or a file in it is missing or damaged.
    """
    from zeroshot.few_shot.taught import TaughtLabels, is_taught

    if isinstance(name, str | os.PathLike) and is_taught(name):
        return TaughtLabels.load(name).describe()
    opened = open_name(name_given(name))
    folder = opened.folder
    if folder is None:
        names = ", ".join(bundled_names(checkpoints_folder())) or "none"
        raise ModelError(f"{name} is no checkpoint folder (it has no config.json); bundled: {names}")
    facts: dict[str, Any] = {
        **({"origin": opened.name} if opened.is_foreign else {}),
        "folder": str(folder),
        "weights": {},
        "config": read_json(folder / "config.json"),
    }
    for weights in sorted(folder.glob("*.safetensors")) or [folder / "model.safetensors"]:
        size = round(weights.stat().st_size / 1e6, 2) if weights.is_file() else 0.0
        facts["weights"][weights.name] = {"parameters": _num_numbers(weights), "megabytes": size}
    for record in sorted(folder.glob("*training.json")):
        facts[record.stem] = read_json(record)
    return facts


def trained_labels(name: str, stream: str | None = None) -> TrainedOn:
    """Labels that a checkpoint says it was trained on, in alphabetical order; none of a model without record.

    Args:
        name: as for `load_model`.
        stream: as for `load_model`; the labels of an adapter that is left aside do not count.

    Raises:
        ModelError: a record is damaged.
    """
    from zeroshot.datasets.seen_labels import TrainedOn

    folder = open_name(name).folder
    if folder is None:
        return TrainedOn()
    found: dict[str, set[str]] = {"labels": set(), "derived": set()}
    for record in sorted(folder.glob("*training.json")):
        facts = read_json(record)
        if not (stream == NO_STREAM and facts.get("kind") == "adapter"):
            for kind, labels in found.items():
                labels.update(map(str, facts.get(kind, ())))
    return TrainedOn(*(tuple(sorted(labels)) for labels in found.values()))


def _num_numbers(weights: Path) -> int:
    """How many numbers a weights file holds, from its head alone."""
    try:
        with safe_open(str(weights), "np") as tensors:
            shapes = [tensors.get_slice(key).get_shape() for key in tensors.keys()]  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        remedy = remedy_of_machine(error) or "expected weights in the safetensors format"
        raise ModelError(f"cannot read {weights}: {one_line(error)}; {remedy}") from error
    return sum(prod(shape) for shape in shapes)
