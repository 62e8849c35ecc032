"""`train`: from a list of videos to a checkpoint folder, going on where a killed run stopped."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import torch

from zeroshot.checkpoint import (
    DEFAULT_MODEL,
    NO_STREAM,
    has_adapter,
    load_model,
    require_model,
)
from zeroshot.checks import Checks
from zeroshot.cutouts.finders import TOKENS
from zeroshot.datasets.splits import Split
from zeroshot.errors import OutputError
from zeroshot.model.adapter_files import load_adapter, save_adapter
from zeroshot.model.names import name_given
from zeroshot.reports.curves import training_curves
from zeroshot.reports.environment import versions
from zeroshot.store.files import write_whole
from zeroshot.store.folder import Claim, refuse_foreign, require_room, require_same, writable
from zeroshot.training.accelerator import on_machine, require_machine
from zeroshot.training.config import TrainingConfig
from zeroshot.training.history import EpochRecord, Fitted, Watcher
from zeroshot.training.loop import fit
from zeroshot.training.method_facts import method_facts
from zeroshot.training.model_card import (
    PICTURE,
    PROVENANCE,
    write_card,
    write_log,
    write_provenance,
)
from zeroshot.training.prepare import Material, Preparation, check_preparation, gather, open_waist, readable
from zeroshot.training.snapshot import LAYOUT, STATE, Snapshots, stamp_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from zeroshot.model.backbone import Backbone
    from zeroshot.model.model import Model
    from zeroshot.training.accelerator import Machine
    from zeroshot.waist.waist import Waist

_TOKENS, _TRAIN, _HELD_OUT = "tokens", "train", "held-out"
_Kind = TypeVar("_Kind")
_Source: TypeAlias = "Split | Waist | str | os.PathLike[str]"


def train(
    split: Split | Waist | str | os.PathLike[str],
    output: str | os.PathLike[str],
    model: str = DEFAULT_MODEL,
    *,
    config: TrainingConfig | None = None,
    preparation: Preparation | None = None,
    held_out: Split | Waist | str | os.PathLike[str] | None = None,
    device: str = "auto",
    watcher: Watcher | None = None,
) -> Fitted:
    """An adapter trained on a split, and a checkpoint folder that `load` and `load_model` read.

    Killed at any moment, the same call goes on and ends with the same weights; finished, it gives them again.

    Args:
        split: CSV file with columns path, label and perhaps scene; a Split; or tokens written before.
        output: folder of the checkpoint, made where it is missing.
        model: whose backbone is adapted; it stays frozen.
        config: settings of the training.
        preparation: how videos become tokens and words become targets.
        held_out: videos of seen labels that choose epoch and fused weight, never test videos; None holds a
            share of the split's own out.
        device: auto, cpu or cuda; several GPUs through `accelerate launch`.
        watcher: is told how it goes.

    Raises:
        ZeroshotError: one line that names what cannot be used and the remedy.
    """
    config, preparation = config or TrainingConfig(), preparation or Preparation()
    folder, started = Path(output), time.monotonic()
    watcher = watcher or Watcher()
    split, held_out = _looked_at((split, held_out), folder, model, config, preparation, device)
    with on_machine(device, config.precision) as machine, _held(folder, machine.rank):
        network = load_model(model, device=str(machine.device), stream=NO_STREAM)
        if has_adapter(network.folder):
            watcher.note(f"the adapter in {model} is not continued: a new one begins on its network")
        with network, machine.first():
            cache = Path(preparation.cache or folder / _TOKENS)
            tokens = _tokens((split, held_out), network, preparation, cache, watcher, machine.rank)
        material = gather(*tokens, network, config, preparation)
        list(map(watcher.note, material.notes))
        stamp = _stamp(material, config, preparation, network.fingerprint)
        if (folder / PROVENANCE).is_file():
            watcher.note(f"{folder} is finished already")
            return _finished(folder, stamp)
        fitted = fit(
            material.train,
            material.held_out,
            material.texts,
            config,
            scenes=material.scenes,
            device=device,
            snapshots=Snapshots(folder, preparation.snapshot_steps, stamp),
            watcher=Recorder(folder, watcher, machine),
        )
        if machine.rank == 0:
            facts = {"seconds": round(time.monotonic() - started, 1), "stamp": stamp}
            _write(folder, fitted, material, network.backbone, config, facts)
        return replace(fitted, failures=material.train.failures)


def _looked_at(
    sources: tuple[_Source, _Source | None],
    folder: Path,
    model: str,
    config: TrainingConfig,
    preparation: Preparation,
    device: str,
) -> tuple[_Source, _Source | None]:
    """What is trained on and chosen by, once everything was looked at that needs no weights."""
    first = Checks()
    listed = [first.add("files", partial(readable, each)) for each in sources if each is not None]
    check_preparation(first, listed, config, preparation)
    first.add("output", lambda: _refuse_other(folder))
    first.add("output", lambda: _refuse_other_choice(folder, config, preparation))
    first.add("output", lambda: require_room(preparation.cache or folder))
    first.add("model", lambda: require_machine(device, config.precision))
    first.add("model", lambda: require_model(name_given(model), stream=NO_STREAM))
    first.run()
    return listed[0](), listed[1]() if len(listed) > 1 else None


def _tokens(
    sources: tuple[_Source, _Source | None],
    network: Model,
    preparation: Preparation,
    cache: Path,
    watcher: Watcher,
    rank: int,
) -> tuple[str, Waist, Waist | None]:
    """Name and tokens of the split, and tokens of the held-out one; the first process writes them."""
    split, held_out = sources
    if rank > 0:
        split, held_out = _written(split, cache / _TRAIN), _written(held_out, cache / _HELD_OUT)
    name, waist = open_waist(split, network, preparation, cache / _TRAIN, watcher.prepared)
    if held_out is None:
        return name, waist, None
    plain = replace(preparation, mirrored=False, swapped=False, mixed=False, emptied=False, masks=TOKENS)
    return name, waist, open_waist(held_out, network, plain, cache / _HELD_OUT, watcher.prepared)[1]


class Recorder(Watcher):
    """Keeps `log.csv` up to date, and passes everything on."""

    def __init__(self, folder: Path, watcher: Watcher, machine: Machine) -> None:
        self._folder, self._watcher, self._writes = folder, watcher, machine.rank == 0
        self._history: list[EpochRecord] = []

    def note(self, text: str) -> None:
        """Passed on."""
        self._watcher.note(text)

    def begin(self, done: int, total: int, history: Sequence[EpochRecord]) -> None:
        """Take up what an earlier run left."""
        self._history = list(history)
        self._watcher.begin(done, total, history)

    def step(self, done: int, total: int) -> None:
        """Passed on."""
        self._watcher.step(done, total)

    def epoch(self, record: EpochRecord) -> None:
        """Written and passed on."""
        self._history.append(record)
        if self._writes:
            write_log(self._folder, self._history)
        self._watcher.epoch(record)


def _written(source: _Kind, tokens: Path) -> _Kind | Path:
    """The folder of its tokens in place of a split."""
    return tokens if isinstance(source, Split) else source


@contextmanager
def _held(folder: Path, rank: int) -> Iterator[None]:
    """Keep other runs out of the folder; the first process does that for all of its run."""
    if rank > 0:
        yield
        return
    with Claim(folder, LAYOUT) as claim:
        yield
        claim.free(unlock=(folder / PROVENANCE).exists())


def _refuse_other(folder: Path) -> None:
    """Refuse a folder of something else, before anything is loaded."""
    with writable(folder):
        refuse_foreign(folder, LAYOUT)
    if (folder / "config.json").exists() and not any(
        (folder / name).exists() for name in (PROVENANCE, STATE)
    ):
        raise OutputError(f"{folder} holds a checkpoint that was not trained here; choose an empty folder")


def _stamp(
    material: Material, config: TrainingConfig, preparation: Preparation, fingerprint: str
) -> dict[str, Any]:
    """What a run is made of: runs of equal stamps on one machine and as many threads give equal weights."""
    texts = hashlib.sha256(material.texts.embeddings.numpy().tobytes()).hexdigest()[:16]
    return {
        "backbone": fingerprint,
        **_chosen(config, preparation),
        "training_data": material.train.digest,
        "held_out_data": material.held_out.digest,
        "label_texts": texts,
    }


def _chosen(config: TrainingConfig, preparation: Preparation) -> dict[str, Any]:
    """Of the stamp, what its user chose."""
    unsaid = {"cache", "snapshot_steps"}
    unsaid |= {name for name in ("mixed", "emptied") if not getattr(preparation, name)}  # as before they were
    kept = {name: value for name, value in asdict(preparation).items() if name not in unsaid}
    return {"settings": config.as_dict(), "preparation": json.loads(json.dumps(kept, default=str))}


def _refuse_other_choice(folder: Path, config: TrainingConfig, preparation: Preparation) -> None:
    """Refuse a folder in which a run with other settings ended, or was stopped.

    Raises:
        OutputError: it was another run, or its files are damaged.
    """
    finished = (folder / PROVENANCE).is_file()
    before = _provenance(folder)["stamp"] if finished else stamp_of(folder)
    if before is not None:
        now = _chosen(config, preparation)
        require_same(folder, LAYOUT, {name: before.get(name) for name in now}, now)


def _facts(material: Material, fitted: Fitted, backbone: Backbone, config: TrainingConfig) -> dict[str, Any]:
    """Where a checkpoint comes from."""
    train, held_out, scenes = material.train, material.held_out, material.scenes
    soft = scenes is not None and scenes.train.ndim == 2
    copies = sum(row.is_copy for row in train.rows)
    return {
        "kind": "adapter",
        "method": method_facts(config),
        "backbone": {"name": backbone.name, "fingerprint": backbone.fingerprint},
        "split": material.name,
        "labels": sorted(set(train.labels)),
        "derived": dict(material.derived),
        "held_out_labels": sorted(set(held_out.labels) - set(train.labels)),
        "videos": {"training": len(train) - copies, "held_out": len(held_out), "copies": copies},
        "failures": [list(failure) for failure in train.failures],
        "scenes": None if scenes is None else {"names": list(scenes.names), "guessed": soft},
        "tokens": train.settings.as_dict(),
        "best_epoch": fitted.best_epoch,
        "fused_weight": float(fitted.adapter.fused_weight),
        "fused_excess": _number(fitted.adapter.fused_excess),
        "notes": [*material.notes, *fitted.notes],
        "versions": {**versions("accelerate"), "torch": str(torch.__version__)},  # with what it was built for
        "history": [record.as_dict() for record in fitted.history],
    }


def _number(value: torch.Tensor | None) -> float | None:
    """A scalar as JSON has it, to the digits that it was given with."""
    return None if value is None else round(float(value), 6)


def _write(
    folder: Path,
    fitted: Fitted,
    material: Material,
    backbone: Backbone,
    config: TrainingConfig,
    facts: dict[str, Any],
) -> None:
    """Everything that a checkpoint folder holds; the state goes last: a kill in between costs nothing."""
    facts = {**_facts(material, fitted, backbone, config), **facts}
    write_log(folder, fitted.history)
    write_whole(folder / PICTURE, training_curves(facts["history"]))
    write_card(folder, fitted, material, backbone.name, facts["method"])
    save_adapter(folder, fitted.adapter, backbone)
    write_provenance(folder, facts)
    (folder / STATE).unlink(missing_ok=True)


def _finished(folder: Path, stamp: dict[str, Any]) -> Fitted:
    """What a finished run found, if it was this one."""
    facts = _provenance(folder)
    try:
        history = tuple(EpochRecord(**record) for record in facts["history"])
        best, notes = int(facts["best_epoch"]), tuple(facts["notes"])
        failures = tuple((str(name), str(reason)) for name, reason in facts["failures"])
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(folder) from error
    require_same(folder, LAYOUT, facts["stamp"], stamp)
    return Fitted(load_adapter(folder), history, best, notes, failures)


def _provenance(folder: Path) -> dict[str, Any]:
    """Where the checkpoint in a folder comes from, its stamp among it.

    Raises:
        OutputError: the file is damaged.
    """
    try:
        facts: dict[str, Any] = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
        facts["stamp"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(folder) from error
    return facts


def _damaged(folder: Path) -> OutputError:
    """The error for a folder whose record cannot be read."""
    return OutputError(f"{folder / PROVENANCE} is damaged; choose another output")
