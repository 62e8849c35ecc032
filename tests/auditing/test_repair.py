"""Units are zeroed for a checkpoint and come back to the bit; how many, clips kept apart decide."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from zeroshot.auditing.repair import repair, write_repaired
from zeroshot.checkpoint import load_model, trained_labels
from zeroshot.errors import ModelError, OptionError
from zeroshot.probes.neurons import BiasedUnit
from zeroshot.probes.subject import Clips


@pytest.fixture(scope="module")
def found(subject, material):
    return repair(subject, material.clips, most=2)


def test_the_model_is_left_as_it_came(subject, material, found):
    before = {name: value.clone() for name, value in subject.model.adapter.state_dict().items()}
    again = repair(subject, material.clips, most=2)
    assert again == found
    assert set(found.tried) == {0, 1, 2}
    assert found.before.total == 16  # a third of the clips
    assert len(found.units) in found.tried
    assert found.tried[len(found.units)] == max(found.tried.values())
    for name, value in subject.model.adapter.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_repaired_checkpoint_has_zeros_and_says_where_it_comes_from(tmp_path, subject, found):
    unit = BiasedUnit("adapter.dynamic.head", 3, 0.5)
    planted = replace(found, units=(unit,), random=(0.5,))
    write_repaired(tmp_path / "repaired", subject, planted, "puppet-tiny", {"seed": 0})
    with load_model(str(tmp_path / "repaired"), device="cpu") as model:
        weights = model.adapter.dynamic.head.weight
        own = subject.model.adapter.dynamic.head.weight
        assert not weights[3].any()
        assert own[3].any()
        assert torch.equal(torch.cat([weights[:3], weights[4:]]), torch.cat([own[:3], own[4:]]))
    assert trained_labels(str(tmp_path / "repaired")) == trained_labels("puppet-tiny")
    facts = json.loads((tmp_path / "repaired" / "training.json").read_text())
    assert facts["repaired"]["from"] == "puppet-tiny"
    assert facts["repaired"]["units"] == [unit.as_dict()]
    assert "1 unit zeroed" in planted.verdict


def test_what_cannot_be_repaired(tmp_path, subject, material, found):
    none = replace(found, units=())
    assert "none is zeroed" in none.verdict
    with pytest.raises(ModelError, match="no unit of puppet-tiny is to be zeroed"):
        write_repaired(tmp_path / "none", subject, none, "puppet-tiny", {})
    bare = Clips(material.clips.batch, material.clips.labels, material.clips.targets)
    with pytest.raises(OptionError, match="0 swapped clips; to zero units takes 30 or more"):
        repair(subject, bare)
    with pytest.raises(OptionError, match="0 units to zero; expected 1 or more"):
        repair(subject, material.clips, most=0)
