"""A file that breaks off: its row says where, and the whole ones say nothing."""

from __future__ import annotations

import csv
import io
import json

import odd_files as odd
import pytest

from zeroshot.batch.table import read_rows
from zeroshot.cli.main import main
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.processes.reading_notes import break_off_note
from zeroshot.video.sampling import Sampling


def make_indexed_first(path):
    """The same video with its index before its frames, so that what is cut is frames alone."""
    moved = path.with_name("first.mp4")
    odd.ffmpeg("-i", path, "-c", "copy", "-movflags", "+faststart", moved)
    return moved


def test_a_tail_of_zeros_is_an_end(tmp_path, monkeypatch, capsys):
    whole = make_indexed_first(odd.plain(tmp_path))
    content = whole.read_bytes()
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(content[: len(content) * 2 // 3].ljust(len(content), b"\0"))
    with ClipReader(1) as reader:
        (clip,) = reader.read(str(broken), Sampling(8))
        reader.read(str(whole), Sampling(8))
        assert reader.break_offs == {str(broken): clip.end_seconds}
        assert len(set(odd.indices_of(clip.frames))) == 8, "moments over what is there, no frame twice"
    words = ["classify", str(broken), str(whole), "--labels", "a,b", "--model", "puppet-tiny", "--json"]
    monkeypatch.setattr("sys.argv", ["zeroshot", *words])
    main_ends(0)
    out, err = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert rows[0]["breaks_off_seconds"] == pytest.approx(clip.end_seconds)
    assert "breaks_off_seconds" not in rows[1]
    assert "1 video breaks off early and counts as far as it goes: broken.mp4 at " in err
    end = rows[0]["breaks_off_seconds"]
    monkeypatch.setattr("sys.argv", ["zeroshot", *words[:-1], "--csv", "-k", "1"])
    main_ends(0)
    columns = [row["breaks_off_seconds"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))]
    assert columns == [str(end), ""]


@pytest.mark.parametrize("window", [(), ("--window", "1")])
def test_tables_keep_where_a_video_breaks_off(tmp_path, monkeypatch, capsys, window):
    whole = make_indexed_first(odd.plain(tmp_path))
    content = whole.read_bytes()
    (tmp_path / "broken.mp4").write_bytes(content[: len(content) * 2 // 3].ljust(len(content), b"\0"))
    videos, table = [str(tmp_path / "broken.mp4"), str(whole)], str(tmp_path / "rows")
    words = ["--model", "puppet-tiny", "--json"]
    monkeypatch.setattr("sys.argv", ["zeroshot", "embed", *videos, "-o", table, *words, *window])
    main_ends(0)
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["breaks_off_seconds"] > 1.5
    assert "breaks_off_seconds" not in second
    ends = {(row.path, row.breaks_off_seconds) for part in read_rows(table) for row in part}
    assert ends == {(videos[0], first["breaks_off_seconds"]), (videos[1], None)}
    if not window:
        monkeypatch.setattr(
            "sys.argv", ["zeroshot", "classify", "--embeddings", table, "--labels", "a,b", "--json"]
        )
        main_ends(0)
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert {row.get("breaks_off_seconds") for row in rows} == {first["breaks_off_seconds"], None}


def main_ends(status: int) -> None:
    with pytest.raises(SystemExit) as end:
        main()
    assert (end.value.code or 0) == status


def test_the_note_names_three_and_counts_all():
    assert break_off_note({}) == ""
    ends = {f"folder/{name}.mp4": 1.5 for name in "abcd"}
    note = break_off_note(ends)
    assert note.startswith("4 videos break off early")
    assert note.endswith("a.mp4 at 1.50 s, b.mp4 at 1.50 s, c.mp4 at 1.50 s, …")
