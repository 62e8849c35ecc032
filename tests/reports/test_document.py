"""One document, three renderers: what is said stands in each, what is to be looked at on the page alone."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys

import pytest

from zeroshot.cli.screen import put_document
from zeroshot.reports.document import (
    Bar,
    Bars,
    Card,
    Cards,
    Document,
    List,
    Matrix,
    Note,
    Picture,
    Pictures,
    Plane,
    Point,
    Section,
    Table,
    percent,
)
from zeroshot.reports.environment import commit_of, environment, environment_lines, versions
from zeroshot.reports.files import json_text, write_report
from zeroshot.reports.html import page
from zeroshot.reports.markdown import markdown
from zeroshot.statistics.intervals import Count, Estimate

HALF = Count(10, 20).estimate()
TABLE = Table(("model", "right"), [("a|b", "50"), ("<i>", "60")])
LOOKED_AT = [
    Cards([Card("large & one", HALF, ["top-1", "of twenty"])]),
    Bars([Bar("bar", HALF)], 0.25, "above the bars"),
    Plane([Point("point", HALF, HALF)], "above the plane"),
    Matrix([("cat", 4), ("dog", 2)], ["cat", "dog"], [[3, 1], [0, 2]], "above the matrix"),
    Pictures([Picture(b"png", (30, 20), "strip", "two frames")]),
]
DOCUMENT = Document(
    "what <was> found",
    [
        Section("", [Note("may be wrong", "warn", "Take care:"), Note("run it", "code")]),
        Section("Numbers", [TABLE, List(["one", "<two>"])]),
        Section("Charts", LOOKED_AT),
        Section("Nothing", []),
    ],
    [Note("in short"), TABLE],
)


def test_markdown_says_it_all_but_what_is_to_be_looked_at():
    assert markdown(DOCUMENT) == (
        "# what <was> found\n\n**Take care:** may be wrong\n\n    run it\n\n## Numbers\n\n"
        "| model | right |\n| --- | --- |\n| a\\|b | 50 |\n| <i> | 60 |\n\n* one\n* <two>\n"
    )


def test_the_page_has_everything_escaped():
    text = page(DOCUMENT)
    for words in (
        "<title>what &lt;was&gt; found</title>",
        '<p class="warn">Take care: may be wrong</p>',
        '<p class="code">run it</p>',
        "<td>a|b</td>",
        "<td>&lt;i&gt;</td>",
        "<li>&lt;two&gt;</li>",
        "large &amp; one",
        '<div class="big">50.0 %</div>',
        "top-1<br>of twenty",
        "above the bars",
        "above the plane",
        "above the matrix",
        'title="cat → cat: 3 of 4" style="background:#a8478c;opacity:0.78"',
        'title="dog → cat: 0 of 2" style="background:#a8478c;opacity:0.00"',
        'src="data:image/png;base64,cG5n"',
        "<h2>Charts</h2>",
    ):
        assert words in text, words
    assert text.count("<svg") == 2
    assert "<h2>Nothing</h2>" not in text


def test_a_terminal_shows_the_brief_parts(capsys):
    put_document(DOCUMENT)
    assert capsys.readouterr().out == "in short\n\nmodel  right\na|b    50\n<i>    60\n"


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        (Estimate(0.631, 0.6, 0.662, 9), "63.1 [60.0, 66.2]"),
        (Estimate(0.5, 0.2, math.inf, 9), "50.0 [20.0, ∞]"),
        (Estimate(math.nan, math.nan, math.nan, 0), "–"),
    ],
)
def test_a_share_with_its_interval(estimate, words):
    assert percent(estimate) == words


def test_three_files(tmp_path):
    write_report(tmp_path / "new", {"name": "b\udce9.mp4"}, DOCUMENT)
    assert (tmp_path / "new" / "report.json").read_bytes() == b'{\n "name": "b\xe9.mp4"\n}\n'
    assert (tmp_path / "new" / "report.md").read_text() == markdown(DOCUMENT)
    assert (tmp_path / "new" / "report.html").read_text() == page(DOCUMENT)


def test_numbers_of_one_list_stand_on_one_line():
    contents = {"a": [1, 2.5], "b": [[1], [2, 3]], "c": ["x", 1], "d": {}, "e": [], "f": {"g": None}}
    text = json_text(contents)
    assert json.loads(text) == contents
    assert text.splitlines()[1:6] == [' "a": [1, 2.5],', ' "b": [', "  [1],", "  [2, 3]", " ],"]
    assert json.loads(json_text({"tried": {0: 0.5, 16: 0.75}})) == {"tried": {"0": 0.5, "16": 0.75}}


def test_the_environment_names_versions_and_no_machine(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/home/somebody/bin/zeroshot", "evaluate", "my videos/"])
    facts = environment()
    assert set(facts) - {"commit"} == {"machine", "versions", "command"}
    assert set(facts["machine"]) == {"system", "processors"}
    assert facts["versions"] == versions()
    assert set(versions("pytest")) - set(versions()) == {"pytest"}
    command, *_, machine, numbers = environment_lines(json.loads(json.dumps(facts)))
    assert command == "command zeroshot evaluate 'my videos/'"
    assert facts["machine"]["system"] in machine
    assert f"torch {facts['versions']['torch']}" in numbers
    assert environment_lines({}) == []
    monkeypatch.setattr(sys, "argv", ["my_script.py", "--secret"])
    assert "command" not in environment()


@pytest.mark.skipif(shutil.which("git") is None, reason="judged by git")
@pytest.mark.parametrize("packed", [False, True])
def test_the_commit_of_a_source_tree(tmp_path, packed):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e"]
    assert commit_of(tmp_path / ".git") is None
    subprocess.run([*git, "init", "-q"], check=True)
    assert commit_of(tmp_path / ".git") is None
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    if packed:
        subprocess.run([*git, "pack-refs", "--all"], check=True)
    expected = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    assert commit_of(tmp_path / ".git") == expected.stdout.strip()
    beside = tmp_path / "beside"  # a second working tree of the same repository
    subprocess.run([*git, "worktree", "add", "-q", "-b", "other", str(beside)], check=True)
    assert commit_of(beside / ".git") == expected.stdout.strip()
    subprocess.run([*git, "checkout", "-q", "--detach"], check=True)
    assert commit_of(tmp_path / ".git") == expected.stdout.strip()
