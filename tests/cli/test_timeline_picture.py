"""`zeroshot timeline --output`: what is printed is drawn."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CLIPS = Path(__file__).parents[2] / "examples" / "clips"
WORDS = ("--labels", "waving,kicking,bowing", "--model", "puppet-tiny", "--window", "1", "-k", "2")


@pytest.mark.parametrize("form", ["svg", "html"])
def test_each_video_has_its_lanes_and_frames(run, tmp_path, form):
    picture = tmp_path / f"timeline.{form}"
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    videos = [CLIPS / "waving_beach.mp4", CLIPS / "kicking_street.mp4", tmp_path / "broken.mp4"]
    status, out, err = run("timeline", *videos, *WORDS, "-o", picture)
    assert status == 1  # the third
    assert "broken.mp4" in err
    drawn = picture.read_text()
    assert drawn.count("data:image/png;base64,") == 2
    assert "waving_beach.mp4" in drawn
    assert "broken.mp4" not in drawn
    leading = re.findall(r"  0:.*? – .*?  (\w+) ", out)
    assert leading
    for label in leading:
        assert re.search(rf">{label}</text>", drawn)


def test_another_form_is_refused_before_anything_is_read(run, tmp_path):
    words = ("timeline", "nowhere.mp4", *WORDS, "-o", tmp_path / "timeline.pdf")
    status, out, err = run(*words)
    assert (status, out) == (1, "")
    assert (
        err == f"zeroshot: --output is {tmp_path}/timeline.pdf; expected a name that ends in .html or .svg\n"
    )


def test_nothing_to_draw_writes_nothing(run, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"")
    status, _, _ = run("timeline", tmp_path / "broken.mp4", *WORDS, "-o", tmp_path / "timeline.svg")
    assert status == 1
    assert not (tmp_path / "timeline.svg").exists()


@pytest.mark.parametrize("form", ["svg", "html"])
def test_a_picture_takes_the_place_of_pictures_alone(run, tmp_path, form):
    picture = tmp_path / f"timeline.{form}"
    words = ("timeline", CLIPS / "waving_beach.mp4", *WORDS, "-o", picture)
    picture.write_text("<p>mine</p>")
    status, _, err = run(*words)
    assert status == 1
    assert "is there and is no picture of ours; choose another --output" in err
    assert picture.read_text() == "<p>mine</p>"
    picture.write_text("")
    for _ in range(2):
        assert run(*words)[0] == 0
    assert "waving_beach.mp4" in picture.read_text()


def test_places_where_nothing_can_be_drawn_are_one_line(run, tmp_path):
    (tmp_path / "folder.html").mkdir()
    unfit = {
        tmp_path / "folder.html": "is no plain file; choose another --output",
        tmp_path / f"{'x' * 300}.svg": "cannot write to",
        tmp_path / "folder.html" / ".." / "a.txt" / "b.svg": "cannot write to",
    }
    (tmp_path / "a.txt").write_text("no folder")
    for place, words in unfit.items():
        status, out, err = run("timeline", CLIPS / "waving_beach.mp4", *WORDS, "-o", place)
        assert (status, out) == (1, "")
        assert words in err
        assert err.count("\n") == 1
