"""`zeroshot compare` and `zeroshot leaderboard` as their user meets them.

Covers: cli/leaderboard.
"""

from __future__ import annotations

import csv
import json
import sys

import pytest
from finished_reports import figures_of, plan_of, write_run
from report_schemas import assert_fits

import zeroshot
from zeroshot.cli.main import main
from zeroshot.evaluation.compare_document import document
from zeroshot.evaluation.exports import latex_rows
from zeroshot.reports.html import page

NAMES = [f"{number}-clip.mp4" for number in range(40)]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two runs that share 30 of 40 videos: one lacks the first five, one could not read five others."""
    place = tmp_path_factory.mktemp("runs")
    one, other = plan_of(NAMES[5:]), plan_of(NAMES)
    unread = NAMES[-5:]
    return (
        write_run(place / "a", one, figures_of(one, "small", 1, 1.0)),
        write_run(place / "b", other, figures_of(other, "large", 2, 2.0, unread=unread), unread=unread),
    )


@pytest.fixture
def run(capsys, monkeypatch):
    """The command in this process: (exit status, stdout, stderr)."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["zeroshot", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        return (ended.value.code or 0, *capsys.readouterr())

    return call


def test_compare(run, pair, tmp_path):
    found = zeroshot.compare(pair)
    status, out, err = run("compare", *pair, "--output", tmp_path / "out")
    assert (status, err) == (0, "")
    assert out.splitlines()[0].split()[:2] == ["difference", "videos"]
    assert out.splitlines()[1].startswith("large − small  30 ")
    assert "large alone has 5 videos (0-clip.mp4, 1-clip.mp4, 2-clip.mp4, …)" in out
    written = assert_fits(tmp_path / "out" / "report.json", "comparison")
    assert written["pairs"][0]["videos"] == 30
    drawn = page(document(found)).partition("To repeat it")[0]
    assert (tmp_path / "out" / "report.html").read_text().startswith(drawn)
    assert drawn.count("<svg") == 3  # top-1, the difference, labels
    assert "* small: 39-clip.mp4" in (tmp_path / "out" / "report.md").read_text()
    status, out, _ = run("compare", *pair, "--json")
    assert json.loads(out)["pairs"] == written["pairs"]
    status, out, _ = run("compare", *pair, "--csv")
    rows = list(csv.DictReader(out.splitlines()))
    assert len(rows) == 30
    kept = {(row["video"], row["label"], row["first_answer"], row["second_answer"]) for row in rows}
    assert kept == {(each.video, each.label, each.first, each.second) for each in found.pairs[0].answers}
    for words, named in (
        ((pair[0], tmp_path / "gone"), "cannot read"),
        ((*pair, "--json", "--csv"), "both given"),
    ):
        status, out, err = run("compare", *words)
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert named in err
    status, out, err = run("compare", pair[0], pair[1], "--stream", "third")
    assert (status, "has no stream 'third'" in err) == (1, True)


def test_leaderboard(run, pair, tmp_path):
    status, out, err = run("leaderboard", *pair, "--output", tmp_path / "board")
    assert (status, err) == (0, "")
    assert out.splitlines()[0] == "model  videos.csv, csv, top-1"
    assert out.splitlines()[-1] == f"{tmp_path}/board/report.html shows it"
    written = assert_fits(tmp_path / "board" / "report.json", "leaderboard")
    assert [row["name"] for row in written["rows"]] == ["large", "small"]
    assert json.loads(run("leaderboard", *pair, "--json")[1])["rows"] == written["rows"]
    assert len(list(csv.DictReader(run("leaderboard", *pair, "--csv")[1].splitlines()))) == 6
    assert run("leaderboard", *pair, "--latex")[1].splitlines() == latex_rows(zeroshot.leaderboard(pair))
    assert run("leaderboard", *pair, "--card")[1].count("model-index:") == 2
    for words, named in (
        ((pair[0], "--csv", "--latex"), "--csv and --latex are given; expected one of them"),
        ((tmp_path / "gone",), "cannot read"),
    ):
        status, out, err = run("leaderboard", *words)
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert named in err


@pytest.mark.parametrize("verb", ["compare", "leaderboard"])
def test_no_report_that_is_read_is_written_over(run, pair, verb):
    before = (pair[0] / "report.json").read_bytes()
    for output in (pair[0], f"{pair[0]}/"):
        status, out, err = run(verb, pair[0] / "report.json", pair[1], "--output", output)
        assert (status, out) == (1, "")
        assert "holds a report that is read; choose another folder" in err
    assert (pair[0] / "report.json").read_bytes() == before
