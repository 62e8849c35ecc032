"""`zeroshot audit` as its user types it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
from jsonschema import Draft202012Validator
from report_schemas import closed

from zeroshot.checkpoint import load_model, require_model
from zeroshot.cli.main import main
from zeroshot.errors import ModelError
from zeroshot.reports.schema import report_schema


def run(monkeypatch, *words):
    """Exit status of the command."""
    monkeypatch.setattr(sys, "argv", ["zeroshot", "audit", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code or 0


def test_a_verdict_then_files(monkeypatch, capsys, tmp_path):
    output = tmp_path / "out"
    words = ("puppet-tiny", "--synthetic", "--probe", "order", "--probe", "still", "--output", str(output))
    assert run(monkeypatch, *words) == 0
    out, err = capsys.readouterr()
    assert "puppet-tiny on 192 puppet videos" in out
    assert "lost reversed" in out
    assert "asking puppet-tiny: order, 1 of 2" in err
    found = json.loads((output / "report.json").read_text())
    assert list(found["models"][0]["findings"]) == ["order", "still"]
    assert (output / "report.html").is_file()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("puppet-tiny",), "got 'puppet-tiny' alone; expected a model and videos"),
        (("puppet-tiny", "nowhere.csv"), "nowhere.csv"),
        (("puppet-tiny", "--synthetic", "--probe", "x"), "probe is 'x'; expected some of order"),
        (("puppet-tiny", "--synthetic", "--prune", "4"), "--prune writes a checkpoint of one model"),
        (("no-such", "--synthetic"), "no-such"),
    ],
)
def test_mistakes_are_one_line(monkeypatch, capsys, words, line):
    assert run(monkeypatch, *words) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert line in err.strip().splitlines()[-1]


KILLED = """
import os, signal, sys
from dataclasses import replace
from functools import partial
import zeroshot.auditing.repair as repair
import zeroshot.auditing.run as run
import zeroshot.reports.files as files
from zeroshot.cli.main import main
from zeroshot.probes.neurons import BiasedUnit

def end(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

honest = run.repair
run.puppet_clips = partial(run.puppet_clips, number=96)
planted = (BiasedUnit("adapter.dynamic.head", 3, 0.5),)
run.repair = lambda *words: replace(honest(*words[:2], most=1), units=planted)
point, *sys.argv[1:] = sys.argv[1:]
if point == "in the checkpoint":
    repair.save_adapter = end
elif point == "before the report":
    files.write_report = end
sys.exit(main())
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_audit_killed_while_it_writes_is_taken_up_by_the_same_command(tmp_path):
    output = tmp_path / "out"
    words = (
        "audit",
        "puppet-tiny",
        "--synthetic",
        "--probe",
        "order",
        "--prune",
        "1",
        "--output",
        str(output),
    )

    def audited(point: str) -> int:
        return subprocess.run([sys.executable, "-c", KILLED, point, *words], check=False).returncode

    assert audited("in the checkpoint") == -signal.SIGKILL
    with pytest.raises(ModelError):
        require_model(str(output / "repaired"))
    assert audited("before the report") == -signal.SIGKILL
    require_model(str(output / "repaired"))
    assert not (output / "report.json").exists()
    assert audited("nowhere") == 0
    found = json.loads((output / "report.json").read_text())
    Draft202012Validator(closed(report_schema("audit"))).validate(found)
    kept = json.loads((output / "repaired" / "training.json").read_text())
    assert kept["repaired"]["units"] == found["models"][0]["repair"]["units"]
    with load_model(str(output / "repaired"), device="cpu") as model:
        assert not model.adapter.dynamic.head.weight[3].any()
    assert not list(tmp_path.rglob("*.partial"))
