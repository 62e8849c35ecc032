"""What `open_page` looks at before it serves anything; what it serves is seen in `test_page_browser`."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from zeroshot.app.page import (
    PageSettings,
    example_clips,
    open_page,
    read_login,
    report_page,
)
from zeroshot.errors import OptionError, ReportError
from zeroshot.reports.document import Document, Note, Section
from zeroshot.reports.html import page as report_html

CLIPS = Path(__file__).parents[2] / "examples" / "clips"


@pytest.fixture(scope="module")
def audited(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("audited")
    (folder / "report.html").write_text(report_html(Document("Audit", [Section("", [Note("It leans.")])])))
    return folder


def test_the_examples_are_the_bundled_clips():
    clips = example_clips()
    assert next(iter(clips)) == "film"
    assert len(clips) == 1 + len(list(CLIPS.glob("*.mp4")))


@pytest.mark.parametrize("line", ["", "name", "name:", ":secret password", "name:short", "\xff"])
def test_a_login_is_a_name_and_a_long_password(tmp_path, line):
    file = tmp_path / "login"
    file.write_bytes(line.encode("latin-1"))
    with pytest.raises(OptionError, match=r"NAME:PASSWORD"):
        read_login(str(file))
    file.write_text("me:long enough\n")
    assert read_login(str(file)) == "me:long enough"


def test_a_report_is_a_page_or_the_folder_of_one(audited, tmp_path):
    assert report_page(str(audited)) == report_page(str(audited / "report.html"))
    (tmp_path / "passwd").write_text("root")
    for none in (tmp_path, tmp_path / "passwd", tmp_path / "gone.html"):
        with pytest.raises(ReportError, match=r"is no report|zeroshot audit"):
            report_page(str(none))


def test_a_port_that_is_taken_is_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(
            OptionError, match=r"cannot listen on 127.0.0.1, port \d+: address already in use"
        ):
            open_page(PageSettings(port=taken.getsockname()[1]))
