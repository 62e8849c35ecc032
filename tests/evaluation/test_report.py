"""`zeroshot evaluate` as its user meets it: the command, the three files, real protocols with real models.

Covers: evaluation/document.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import layouts
import pytest
from report_schemas import assert_fits

from zeroshot.cli.main import main
from zeroshot.datasets.paper_settings import lineages_in_lines
from zeroshot.evaluation.prepare import EvaluationSettings
from zeroshot.evaluation.run import evaluate
from zeroshot.synthetic.dataset import write_puppet_videos
from zeroshot.synthetic.world import View

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def puppets(tmp_path_factory) -> Path:
    """Ninety-six puppet videos, a folder an action."""
    made = tmp_path_factory.mktemp("made")
    paths = list(write_puppet_videos(made, 96, seed=4, view=View(num_frames=16)))
    root = tmp_path_factory.mktemp("puppets") / "world"
    for path in paths:
        action = path.name.split("-", 1)[1].rsplit("-", 2)[0]
        (root / action).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / action / path.name)
    return root


@pytest.fixture
def run(capsys, monkeypatch):
    """The command in this process: (exit status, stdout, stderr)."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["zeroshot", "evaluate", *map(str, words), "--device", "cpu"])
        monkeypatch.setattr(sys, "stdin", io.StringIO(""))
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return call


class Page(HTMLParser):
    """Refuses tags that are not closed and anything that a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        assert tag not in {"script", "img", "iframe", "object"}
        names = dict(attrs)
        assert not {"src", "href"} & set(names), tag
        self.seen.append(tag)
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_command_and_its_three_files(run, puppets, tmp_path):
    words = (puppets, "--model", "puppet-tiny", "--output", tmp_path / "out")
    status, out, err = run(*words)
    assert (status, out) == (1, "")
    assert re.fullmatch(
        r"zeroshot: puppet-tiny was trained on 32 of these labels: bowing, .*--allow-seen.*\n", err
    )
    status, out, err = run(*words, "--allow-seen")
    assert status == 0
    assert "32 labels trained on: these are no figures on unseen classes" in err
    shown = {
        line.split()[1]: float(line.split()[3]) for line in out.splitlines() if line.startswith("puppet-tiny")
    }
    facts = assert_fits(tmp_path / "out" / "report.json", "evaluation")
    streams = facts["models"][0]["streams"]
    assert shown == {
        name: round(100 * streams[name]["top1"]["value"], 1) for name in ("static", "dynamic", "fused")
    }
    assert streams["dynamic"]["top1"]["value"] > streams["static"]["top1"]["value"] + 0.15
    assert facts["videos"]["evaluated"] == streams["fused"]["rounds"][0]["top1"]["videos"] == 96
    assert facts["allow_seen"] is True
    assert set(facts["run"]) - {"commit"} == {"seconds", "machine", "versions", "command"}
    markdown = (tmp_path / "out" / "report.md").read_text()
    assert markdown.startswith("# folders on world\n\n**Not a figure on unseen classes:**")
    assert f"| puppet-tiny | fused | {shown['fused']:.1f} [" in markdown
    page = Page()
    page.feed((tmp_path / "out" / "report.html").read_text())
    assert page.open == []
    assert page.seen.count("svg") == 3  # accuracy, the plane, labels
    assert f"{shown['fused']:.1f} %" in page.text
    assert {"dynamic stream, % right", "walking left"} <= set(page.text)
    status, out, _ = run(*words, "--allow-seen", "--json")
    assert status == 0
    again = json.loads(out)
    assert again["models"] == facts["models"]


def test_a_video_that_fails_is_counted_and_makes_the_exit_status_1(run, puppets, tmp_path):
    good = sorted(puppets.rglob("*.mp4"))
    table = tmp_path / "videos.csv"
    lines = ["path,label", f"{good[0]},dodging", f"{good[1]},juggling", f"{tmp_path}/gone.mp4,juggling"]
    table.write_text("\n".join(lines))
    for form in ((), ("--json",)):
        status, out, err = run(table, "--model", "puppet-tiny", "--output", tmp_path / "out", *form)
        assert status == 1
        assert out
        assert err.endswith("zeroshot: 1 of 3 videos failed\n")


def test_bad_input_ends_with_one_line(run, tmp_path):
    for words, named in (
        (("--protocol", "nothing"), "protocol 'nothing'; expected one of hmdb51-zeroshot"),
        (("--protocol", "ssv2"), "no validation.json of Something-Something in"),
        (("--protocol", "folders"), "holds no videos; looked for"),
        (("--as", "nobody", "--protocol", "folders"), "--as 'nobody'; expected one of plain"),
    ):
        status, out, err = run(tmp_path, "--model", "puppet-tiny", "--output", tmp_path / "out", *words)
        assert (status, out) == (1, "")
        assert err.startswith("zeroshot: ")
        assert err.count("\n") == 1
        assert named in err


def test_every_line_of_papers_is_listed_in_one_line_without_data(run):
    status, out, err = run("--as", "list")
    assert (status, err) == (0, "")
    assert out.splitlines() == lineages_in_lines()


def test_names_in_a_page_are_escaped(tmp_path):
    video = layouts.tiny_video(tmp_path / "v.mp4")
    layouts.put(tmp_path / "data", ["<b>bold & co/1.mp4", "plain|pipe/2.mp4"], video)
    evaluate(
        tmp_path / "data", "puppet-tiny", output=tmp_path / "out", settings=EvaluationSettings(device="cpu")
    )
    page = Page()
    page.feed((tmp_path / "out" / "report.html").read_text())
    assert "<b>bold & co" in page.text
    assert "b" not in page.seen
    assert "plain\\|pipe" in (tmp_path / "out" / "report.md").read_text()


PROTOCOLS = {
    "ucf101-zeroshot": "ucf101",
    "ucf101-full": "ucf101",
    "base-to-novel": "ucf101",
    "hmdb51-zeroshot": "hmdb51",
    "k600-zeroshot160": "k600",
    "k400": "k400",
    "ssv2": "ssv2",
    "diving48": "diving48",
    "activitynet200": "activitynet",
    "folders": "folders",
    "half-classes": "folders",
    "generalized": "folders",
}


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_from_real_files_to_the_page(protocol, puppets, tmp_path):
    videos = sorted(puppets.rglob("*.mp4"))
    root = tmp_path / "data"
    kind = PROTOCOLS[protocol]
    if kind == "ucf101":
        layouts.ucf101(root, videos)
    elif kind == "hmdb51":
        layouts.hmdb51(root, videos)
        layouts.hmdb_lists(root / "splits")
    elif kind in {"k400", "k600"}:
        names = {"k400": ("abseiling", "yawning"), "k600": ("arguing", "acting in play", "card throwing")}[
            kind
        ]
        layouts.kinetics(root, videos, [(label, f"id{n}", n, "val") for n, label in enumerate(names)])
    elif kind == "folders":
        root = puppets
    else:
        {"ssv2": layouts.ssv2, "diving48": layouts.diving48, "activitynet": layouts.activitynet}[kind](
            root, videos
        )
    seen = "walking left, waving, dancing, jumping" if protocol == "generalized" else None
    models = ["puppet-tiny"] if kind == "folders" else ["puppet-tiny", "ViT-B-32/random"]
    report = evaluate(
        root,
        models,
        protocol=protocol,
        output=tmp_path / "out",
        settings=EvaluationSettings(allow_seen=True, seen=seen, device="cpu"),
    )
    page, text = Page(), (tmp_path / "out" / "report.html").read_text()
    page.feed(text)
    assert page.open == []
    assert ("Not split into two, and so not here: ViT-B-32/random." in text) == (len(models) == 2)
    assert report.videos.evaluated > 0
    assert json.loads((tmp_path / "out" / "report.json").read_text())["protocol"] == protocol


@pytest.mark.slow
def test_an_untrained_network_is_at_chance(puppets):
    report = evaluate(puppets, "ViT-B-32/random", settings=EvaluationSettings(device="cpu"))
    figures = report.models[0].figures
    assert figures.top1.low <= 1 / 32 <= figures.top1.high
    assert figures.top5.low <= 5 / 32 <= figures.top5.high
