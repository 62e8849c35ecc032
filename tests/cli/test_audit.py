"""`zeroshot audit` as its user types it."""

from __future__ import annotations

import json
import sys

import pytest

from zeroshot.cli.main import main


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
