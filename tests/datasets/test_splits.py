"""Lists of labeled videos: read, written, refused with the line at fault."""

from __future__ import annotations

import numpy as np
import pytest

from zeroshot.datasets.splits import LabeledVideo, Split, read_split, write_split
from zeroshot.errors import LabelError


def table(tmp_path, text: str, encoding: str = "utf-8"):
    path = tmp_path / "split.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_a_table_is_read(tmp_path):
    text = (
        'path,label,scene,note\na.mp4,running,beach,x\n"sub/b, c.mp4", waving ,,y\n/abs/d.mp4,running,snow,\n'
    )
    split = read_split(table(tmp_path, text))
    assert split.name == "split.csv"
    assert split.labels == ("running", "waving")
    assert [video.path for video in split.videos] == [
        str(tmp_path / "a.mp4"),
        str(tmp_path / "sub/b, c.mp4"),
        "/abs/d.mp4",
    ]
    assert [video.scene for video in split.videos] == ["beach", None, "snow"]


def test_spreadsheets_write_a_mark_first(tmp_path):
    assert read_split(table(tmp_path, "path,label\r\na.mp4,Ä\r\n", "utf-8-sig")).labels == ("Ä",)


def test_labels_can_be_put_in_order(tmp_path):
    path = table(tmp_path, "path,label\na.mp4,b\nb.mp4,a\n")
    assert read_split(path).labels == ("a", "b")
    assert read_split(path, ["b", "a"]).labels == ("b", "a")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "no column 'path' .found: nothing.; expected path,label"),
        ("path,class\na,b\n", "no column 'label' .found: path, class."),
        ("path,label\n", "has no videos"),
        ("path,label\na.mp4,x\n,x\n", "line 3: no path"),
        ("path,label\na.mp4,\n", "line 2: no label"),
        ("path,label\na.mp4\n", "line 2: no label"),
    ],
)
def test_a_bad_table_is_named(tmp_path, text, named):
    with pytest.raises(LabelError, match=named) as error:
        read_split(table(tmp_path, text))
    assert "\n" not in str(error.value)


def test_no_table_at_all(tmp_path):
    with pytest.raises(LabelError, match=r"cannot read .*none.csv: No such file"):
        read_split(tmp_path / "none.csv")
    with pytest.raises(LabelError, match="no UTF-8 text"):
        read_split(table(tmp_path, "path,label\nä,b\n", "latin-1"))


def test_labels_without_videos_and_videos_without_labels(tmp_path):
    path = table(tmp_path, "path,label\na.mp4,x\n")
    with pytest.raises(
        LabelError, match=r"2 labels without videos .first: 'y'.; leave them out or add videos"
    ):
        read_split(path, ["x", "y", "z"])
    with pytest.raises(LabelError, match="videos of 'x', which is none of its 1 labels"):
        Split("s", ("y",), (LabeledVideo("a.mp4", "x"), LabeledVideo("b.mp4", "y")))
    with pytest.raises(LabelError, match="the label 'x' twice"):
        read_split(path, ["x", "x"])
    with pytest.raises(LabelError, match=r"a.mp4 has an empty label"):
        LabeledVideo("a.mp4", " ")


def test_written_tables_are_read_again(tmp_path):
    rows = [LabeledVideo(str(tmp_path / "in" / "a, b.mp4"), "x", "s"), LabeledVideo("/else/c.mp4", "y", None)]
    write_split(tmp_path / "t.csv", Split.of("t", rows))
    split = read_split(tmp_path / "t.csv")
    assert [(v.path, v.label, v.scene) for v in split.videos] == [(v.path, v.label, v.scene) for v in rows]
    assert (tmp_path / "t.csv").read_text().splitlines()[1] == '"in/a, b.mp4",x,s'
    with pytest.raises(LabelError, match=r"<ndarray \(2, 4, 4, 3\)> has no path"):
        write_split(tmp_path / "t.csv", Split.of("t", [LabeledVideo(np.zeros((2, 4, 4, 3), np.uint8), "x")]))
