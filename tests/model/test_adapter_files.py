"""An adapter's files that cannot be read: what is the file's fault, and what the machine's."""

from __future__ import annotations

import errno
import os
import shutil

import pytest

from zeroshot.checkpoint import load_model
from zeroshot.errors import ModelError
from zeroshot.model.adapter_files import load_adapter
from zeroshot.resources import checkpoints_folder

PUPPET = checkpoints_folder() / "puppet-tiny"
FAULTS = [
    (MemoryError(), "free memory"),
    (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), "free memory"),
    (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "ulimit -n"),
    (RuntimeError("unable to mmap 9 bytes from file <x>: Cannot allocate memory (12)"), "free memory"),
    (RuntimeError("unable to open file <x>: Input/output error (5)"), "look at the disk"),
]


@pytest.mark.parametrize(("error", "remedy"), FAULTS, ids=lambda value: str(value)[:40])
def test_a_machine_that_cannot_read_is_not_taken_for_damage(monkeypatch, error, remedy):
    def refuse(_path: object, *_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("safetensors.torch.load_file", refuse)
    for load in (load_adapter, lambda folder: load_model(folder, device="cpu", stream="clip")):
        with pytest.raises(ModelError, match="cannot read") as refused:
            load(PUPPET)
        assert remedy in str(refused.value)
        assert "damaged" not in str(refused.value)
        assert "expected" not in str(refused.value)


def test_weights_that_are_cut_are_the_files_fault(tmp_path):
    folder = tmp_path / "adapter"
    shutil.copytree(PUPPET, folder)
    weights = folder / "adapter.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match="expected the adapter's weights"):
        load_adapter(folder)
