"""`zeroshot push`."""

from __future__ import annotations

import json
import shutil

import pytest
from checkpoint_folders import PUPPET

# huggingface_hub sends large files in a way that its own HTTP library calls old.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
def folder(tmp_path, fake_hub, monkeypatch):
    fake_hub.writers["secret"] = {"me"}
    monkeypatch.setenv("HF_TOKEN", "secret")
    shutil.copytree(PUPPET, tmp_path / "adapted")
    (tmp_path / "adapted" / "private.csv").write_text("a,b")
    return tmp_path / "adapted"


def test_what_was_pushed_is_listed_and_named(run, folder, fake_hub):
    status, out, err = run("push", folder, "me/adapter", "--license", "mit", "--private")
    assert status == 0
    *files, name = out.splitlines()
    assert set(files) == {path.name for path in PUPPET.iterdir()}
    assert name == f"--model hub:me/adapter@{fake_hub.repositories['me/adapter'].commit('main')}"
    assert "not pushed, as no file of a checkpoint: private.csv" in err
    status, out, err = run("push", folder, "me/adapter", "--license", "mit", "--json")
    assert status == 0
    assert json.loads(out)["changed"] == []
    assert "has all of this already; nothing was pushed" in err


def test_a_refusal_is_one_line(run, folder):
    assert run("push", folder, "adapter")[0] == 1
    run("push", folder, "me/adapter")
    status, out, err = run("push", folder, "me/adapter", "--license", "mit")
    assert (status, out) == (1, "")
    assert err.count("\n") == 1
    assert "has README.md already, with other contents" in err
    assert run("push", folder, "me/adapter", "--license", "mit", "--overwrite")[0] == 0
