"""Figures of finished evaluations in one table, and what other programs read of them.

Covers: evaluation/exports, evaluation/leaderboard_document.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
from finished_reports import figures_of, plan_of, write_run
from huggingface_hub import ModelCard

import zeroshot
from zeroshot.datasets.seen_labels import Namesake
from zeroshot.errors import OptionError, ReportError
from zeroshot.evaluation.exports import COLUMNS, csv_rows, escaped, latex_rows, model_cards
from zeroshot.evaluation.leaderboard_document import document
from zeroshot.reports.html import page

NAMES = [f"{number}-clip.mp4" for number in range(40)]


@pytest.fixture
def reports(tmp_path):
    """Two models on two data sets, one of them in three rounds; the second model has three streams."""
    one = plan_of(NAMES, protocol="hmdb51-zeroshot", data="hmdb51", rounds=3)
    two = plan_of(NAMES, protocol="ucf101-full", data="ucf101")
    small = [figures_of(plan, "small_net/a", 1, 1.0) for plan in (one, two)]
    large = figures_of(two, "large", 2, 2.0, streams=("static", "dynamic", "fused"), unread=NAMES[:2])
    return (
        write_run(tmp_path / "a", one, small[0]),
        write_run(tmp_path / "b", two, small[1]),
        write_run(tmp_path / "c", two, large, unread=NAMES[:2]),
    )


def headline(folder, stream):
    """Per cent and interval, by hand from report.json."""
    told = json.loads((folder / "report.json").read_text())["models"][0]["streams"][stream]["top1"]
    return f"{100 * told['value']:.1f} [{100 * told['low']:.1f}, {100 * told['high']:.1f}]"


def test_a_row_a_model_and_a_column_a_question(reports):
    board = zeroshot.leaderboard(reports)
    assert board.titles() == ["hmdb51, hmdb51-zeroshot", "ucf101, ucf101-full"]
    assert board.names() == ["small_net/a", "large, fused"]
    table = document(board).brief[0]
    assert table.header == ("model", "hmdb51, hmdb51-zeroshot, top-1", "ucf101, ucf101-full, top-1")
    assert [list(row) for row in table.rows] == [
        ["small_net/a", headline(reports[0], "clip"), headline(reports[1], "clip")],
        ["large, fused", "–", f"{headline(reports[2], 'fused')} ‡"],
    ]
    assert document(board).brief[1].text == "‡ of fewer videos than are listed: 38 of 40"
    with pytest.raises(ReportError, match="has no stream 'static'"):
        zeroshot.leaderboard(reports, stream="static")


def test_the_best_stands_first(reports):
    assert zeroshot.leaderboard(reports[1:]).names() == ["large, fused", "small_net/a"]


def test_other_questions_and_other_weights_are_told_apart(tmp_path):
    plan = plan_of(NAMES)
    folders = [
        write_run(tmp_path / "1", plan, figures_of(plan, "m", 0xABCDEF << 232, 1.0)),
        write_run(tmp_path / "2", plan, figures_of(plan, "m", 1, 1.0)),
        write_run(
            tmp_path / "3",
            plan,
            figures_of(plan, "m", 1, 1.0),
            prompts_digest="f" * 16,
            templates="a photo of a {}.",
        ),
        write_run(tmp_path / "4", plan, figures_of(plan, "m", 1, 1.0), lineage="x-clip"),
    ]
    board = zeroshot.leaderboard(folders)
    assert board.titles() == [
        "videos.csv, csv (none)",
        "videos.csv, csv (a photo of a {}.)",
        "videos.csv, csv, as x-clip",
    ]
    assert sorted(board.names()) == ["m (00000000)", "m (abcdef00)"]
    assert len(board.cells) == 4
    shutil.copytree(folders[1], tmp_path / "5")
    with pytest.raises(ReportError, match=r"/5 and .*/2 both have m on videos.csv, csv; give one of them"):
        zeroshot.leaderboard([*folders, tmp_path / "5"])
    with pytest.raises(OptionError, match="is given twice"):
        zeroshot.leaderboard([folders[0], folders[0]])


def test_what_a_model_was_trained_on_is_marked(tmp_path):
    plan = plan_of(NAMES)
    saw, not_saw = figures_of(plan, "saw", 1, 1.0), figures_of(plan, "not", 2, 1.0)
    saw.__dict__["namesakes"] = (Namesake("archery", "archery", 1.0),)
    folder = write_run(tmp_path / "r", plan, saw, not_saw, allow_seen=True)
    board = zeroshot.leaderboard(folder)
    marked = {row[0]: "†" in row[1] for row in document(board).brief[0].rows}
    assert marked == {"saw": True, "not": False}
    assert "† no figure on unseen classes" in document(board).brief[1].text
    assert [r"$^\dagger$" in row for row in latex_rows(board)[1:]] == [
        name == "saw" for name in board.names()
    ]
    cards = dict(zip(board.names(), model_cards(board), strict=True))
    assert "labels partly seen in training" in cards["saw"]
    assert "labels partly seen in training" not in cards["not"]


def test_a_table_for_other_programs(reports):
    board = zeroshot.leaderboard(reports)
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in csv_rows(board)]
    assert len(rows) == 3 * (1 + 1 + 3)  # metrics of each stream of each run
    for row in rows:
        report = json.loads(
            (row["report"] and (reports[0].parent / row["report"]) / "report.json").read_text()
        )
        told = report["models"][0]["streams"][row["stream"]][row["metric"]]
        assert row["value"] == (told if row["metric"] == "mean_class" else told["value"])
        assert (row["protocol"], row["data"]) == (report["protocol"], report["data"])
        assert row["std"] == (
            report["models"][0]["streams"][row["stream"]]["std"] if row["metric"] == "top1" else None
        )
    assert {row["std"] is None for row in rows if row["data"] == "hmdb51" and row["metric"] == "top1"} == {
        False
    }


def test_rows_of_a_paper(reports):
    comment, first, second = latex_rows(zeroshot.leaderboard(reports))
    assert comment == "% model & hmdb51, hmdb51-zeroshot & ucf101, ucf101-full; % right with 95 % intervals"
    value = r"[\d.]+ \{\\scriptsize \[[\d.]+, [\d.]+\]\}"
    assert re.fullmatch(rf"small\\_net/a & {value} & {value} \\\\", first)
    assert re.fullmatch(rf"large, fused & -- & {value} \\\\", second)
    assert escaped("50% of a_b & {c} $d #1 ~x^2\\") == (
        r"50\% of a\_b \& \{c\} \$d \#1 \textasciitilde{}x\textasciicircum{}2\textbackslash{}"
    )


def test_figures_on_a_card_of_the_hub(reports):
    board = zeroshot.leaderboard(reports)
    first, second = (ModelCard(f"{text}\n\nwords").data for text in model_cards(board))
    assert (first.model_name, second.model_name) == ("small_net/a", "large")
    assert [result.dataset_config for result in first.eval_results] == ["hmdb51-zeroshot", "ucf101-full"]
    (result,) = second.eval_results
    told = json.loads((reports[2] / "report.json").read_text())["models"][0]["streams"]["fused"]["top1"]
    assert result.metric_value == pytest.approx(told["value"], abs=1e-4)
    assert result.metric_name == "top-1, fused stream"
    for end in ("low", "high"):
        assert result.metric_args[f"{end}_95"] == pytest.approx(told[end], abs=1e-4)
    assert (result.dataset_name, result.task_type) == ("ucf101 (ucf101-full)", "video-classification")


def test_the_page_is_sorted_without_a_network(reports, tmp_path):
    text = page(document(zeroshot.leaderboard(reports)))
    assert text.count("<script>") == 1
    assert not re.search(r"""(src|href)=|https?:|@import|url\(""", text)
    assert text.count('<th aria-sort="none"><button>') == 3


@pytest.mark.skipif(shutil.which("node") is None, reason="runs the page's script")
def test_the_script_of_the_page_sorts(reports):
    """The page's own script on the least that a browser would hand it: rows of cells."""
    text = page(document(zeroshot.leaderboard(reports)))
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL).group(1)
    program = """
const heads = ["model", "first", "second"].map((words, cellIndex) => ({cellIndex, at: "none",
  getAttribute() { return this.at; }, setAttribute(_, to) { this.at = to; }}));
const row = words => ({cells: words.map(textContent => ({textContent}))});
const body = {rows: [{cells: heads}, row(["b", "9.5 [1, 2]", "–"]),
  row(["a", "10.0 [1, 2] †", "3"]), row(["c", "–", "70"])],
  append(...rows) { this.rows = [this.rows[0], ...rows]; }};
heads.forEach(head => { head.parentElement = {parentElement: body}; });
const buttons = heads.map(head => ({parentElement: head, addEventListener(_, call) { this.press = call; }}));
const document = {currentScript: {previousElementSibling: {querySelectorAll: () => buttons}}};
SCRIPT
const shown = () => body.rows.slice(1).map(row => row.cells[0].textContent).join("")
  + heads.map(head => head.at[0]).join("");
const seen = [1, 1, 2, 0, 0].map(column => { buttons[column].press(); return shown(); });
console.log(seen.join(" "));
"""
    done = subprocess.run(
        ["node", "-e", program.replace("SCRIPT", script)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split() == ["abcndn", "cbanan", "cabnnd", "cbadnn", "abcann"]
