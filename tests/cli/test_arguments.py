"""What words on the command line name: one that names nothing costs a row, and lists come in any form.

Covers: cli/inputs, cli/listed.
"""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_world import write_checkpoint

from zeroshot.cli.inputs import ModelChoice, model_from, sampling_from
from zeroshot.video.sampling import Sampling

CLIPS = sorted((Path(__file__).parents[2] / "examples" / "clips").glob("*.mp4"))
MODEL = ("--model", "puppet-tiny", "--device", "cpu")
LABELS = ("--labels", "waving,jumping")
ADDRESS = "https://example.org/a.mp4"


class Bytes:
    """A stdin of bytes."""

    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


@pytest.fixture
def bad(tmp_path) -> list[str]:
    """An empty folder, a glob without a match, an address, a file that is not there."""
    (tmp_path / "empty").mkdir()
    return [str(tmp_path / "empty"), str(tmp_path / "*.none"), ADDRESS, str(tmp_path / "gone.mp4")]


@pytest.mark.parametrize(
    "words",
    [("classify", *LABELS), ("timeline", *LABELS), ("embed", "-o", "rows")],
    ids=lambda words: words[0],
)
def test_a_word_that_names_no_video_costs_one_row(run, bad, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    status, out, err = run(words[0], *bad[:2], CLIPS[0], *bad[2:], *words[1:], *MODEL, "--json")
    rows = {row["path"]: row["error"] for row in map(json.loads, out.splitlines())}
    assert status == 1
    assert rows.keys() == {*bad, str(CLIPS[0])}
    assert {path for path, error in rows.items() if error is None} == {str(CLIPS[0])}
    assert "is an address" in rows[ADDRESS]
    assert "no video matches" in rows[bad[1]]
    assert err == "zeroshot: 4 of 5 videos failed\n"


@pytest.mark.parametrize(
    "words",
    [("classify", *LABELS), ("timeline", *LABELS), ("embed", "-o", "rows")],
    ids=lambda words: words[0],
)
def test_where_no_word_names_a_video_no_model_is_opened(run, bad, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("zeroshot.checkpoint.load_model", None)
    status, out, _ = run(words[0], *bad[:3], *words[1:], *MODEL, "--json")
    assert (status, len(out.splitlines())) == (1, 3)
    status, out, err = run(words[0], *bad[:3], *words[1:], *MODEL)
    assert (status, out) == (1, "")
    assert err.splitlines()[-1] == "zeroshot: 3 of 3 videos failed"
    assert len(err.splitlines()) == 4


def test_such_a_row_stands_in_no_table(run, bad, tmp_path):
    from zeroshot.batch.table import read_rows

    run("embed", *bad, CLIPS[0], "-o", tmp_path / "rows", *MODEL)
    paths = {row.path for rows in read_rows(tmp_path / "rows") for row in rows}
    assert paths == {str(CLIPS[0]), bad[3]}  # a file that is not there may come; a glob is no file


def test_csv_has_a_row_for_it_too(run, bad):
    for verb in ("classify", "timeline"):
        rows = list(csv.DictReader(io.StringIO(run(verb, bad[1], *LABELS, *MODEL, "--csv")[1])))
        assert [(row["path"], "no video matches" in row["error"]) for row in rows] == [(bad[1], True)]


def test_lists_that_find_prints_with_null_characters(run, tmp_path):
    names = [tmp_path / "a\nb.mp4", tmp_path / "c d.mp4"]
    for path, clip in zip(names, CLIPS, strict=False):
        path.write_bytes(clip.read_bytes())
    listed = b"".join(os.fsencode(path) + b"\0" for path in names)
    for content in (listed, listed.removesuffix(b"\0")):
        status, out, _ = run("classify", "-", *LABELS, *MODEL, "--json", stdin=Bytes(content))
        assert status == 0
        assert [json.loads(line)["path"] for line in out.splitlines()] == list(map(str, names))


def test_lines_may_end_as_on_windows(run):
    content = b"\r\n".join(os.fsencode(path) for path in CLIPS[:2]) + b"\r\n"
    status, out, _ = run("classify", "-", *LABELS, *MODEL, "--json", stdin=Bytes(content))
    assert (status, len(out.splitlines())) == (0, 2)


@pytest.mark.parametrize("content", [CLIPS[0].read_bytes(), bytes(100_000), b"\x89PNG" + b"x" * 5000])
@pytest.mark.parametrize("verb", ["classify", "timeline"])
def test_the_content_of_a_file_is_no_list(run, verb, content):
    status, out, err = run(verb, "-", *LABELS, *MODEL, stdin=Bytes(content))
    assert (status, out) == (1, "")
    assert err.startswith("zeroshot: stdin holds no list of videos but the content of a file")
    assert err.count("\n") == 1


def test_an_empty_list_is_told(run):
    assert run("classify", "-", *LABELS, *MODEL)[2] == "zeroshot: stdin lists no video\n"


@pytest.mark.parametrize("verb", ["classify", "timeline"])
def test_an_empty_name_is_no_model(run, verb):
    status, out, err = run(verb, CLIPS[0], *LABELS, "--model", "")
    assert (status, out) == (1, "")
    assert "the model's name is empty, as of a shell variable that is not set" in err
    assert "the model's name is empty" in run("index", "a,b", "-o", "no.index", "--model", "")[2]


@pytest.mark.parametrize("words", [("--num-views", "100000"), ("--num-frames", "1000000")])
def test_more_frames_than_fit_the_memory(run, words):
    status, _, err = run("classify", CLIPS[0], *LABELS, *MODEL, *words)
    assert status == 1
    assert "choose fewer frames (num_frames) or views (num_views)" in err


def test_more_views_leave_the_models_own_number_of_frames(tmp_path):
    tiny = ModelChoice(str(write_checkpoint(tmp_path / "tiny", num_frames=3)), "cpu")
    for num_frames, num_views, expected in ((None, 2, (3, 2)), (5, 2, (5, 2)), (None, 1, (3, 1))):
        sampling = sampling_from(num_frames, num_views)
        model = model_from(replace(tiny, sampling=sampling, num_views=num_views))
        assert model.sampling == Sampling(*expected)
