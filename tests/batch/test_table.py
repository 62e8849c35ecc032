"""Tables of embeddings: whole parts, one row a video, never two settings in one folder."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from zeroshot.batch import table as table_module
from zeroshot.batch.table import EmbeddingRow, EmbeddingTable, read_embeddings, read_manifest
from zeroshot.errors import OutputError

SETTINGS = {"model": "puppet-tiny", "num_frames": 8}


def rows(number: int, start: int = 0) -> list[EmbeddingRow]:
    return [EmbeddingRow(f"{i}.mp4", np.full(4, i, np.float32)) for i in range(start, start + number)]


def test_rows_come_back_as_written(tmp_path):
    with EmbeddingTable(tmp_path / "out", SETTINGS) as table:
        for row in rows(3):
            table.add(row)
        table.add(EmbeddingRow("bad.mp4", None, "cannot decode bad.mp4: empty"))
    paths, vectors = read_embeddings(tmp_path / "out")
    assert paths == ["0.mp4", "1.mp4", "2.mp4"]
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors[2], np.full(4, 2))
    (part,) = (tmp_path / "out").glob("part-*.parquet")
    assert pq.read_table(part)["error"].to_pylist()[-1] == "cannot decode bad.mp4: empty"
    assert read_manifest(tmp_path / "out") == SETTINGS


def test_an_interrupted_run_keeps_its_rows_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(table_module, "_ROWS_PER_PART", 4)

    def interrupted() -> None:
        with EmbeddingTable(tmp_path, SETTINGS) as table:
            for row in rows(6):
                table.add(row)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with EmbeddingTable(tmp_path, SETTINGS) as table:
        assert len(table) == 6
        assert all(f"{i}.mp4" in table for i in range(6))
        for row in rows(3, start=6):
            table.add(row)
    assert read_embeddings(tmp_path)[0] == [f"{i}.mp4" for i in range(9)]
    assert sorted(p.name for p in tmp_path.glob("*.parquet")) == [f"part-0000{i}.parquet" for i in range(3)]


def test_a_half_written_part_is_not_read(tmp_path):
    with EmbeddingTable(tmp_path, SETTINGS) as table:
        table.add(rows(1)[0])
    (tmp_path / "part-00001.tmp").write_bytes(b"PAR1 and no more")
    assert read_embeddings(tmp_path)[0] == ["0.mp4"]


def test_other_settings_are_refused_by_name(tmp_path):
    EmbeddingTable(tmp_path, SETTINGS)
    with pytest.raises(OutputError, match=r"num_frames 8, this run has 16; take the same, or another folder"):
        EmbeddingTable(tmp_path, {**SETTINGS, "num_frames": 16})


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"not empty and holds no embeddings"):
        EmbeddingTable(tmp_path, SETTINGS)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_file_in_the_way_is_one_line(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match=r"cannot write to .*out"):
        EmbeddingTable(tmp_path / "out", SETTINGS)


def test_a_damaged_part_is_named(tmp_path):
    with EmbeddingTable(tmp_path, SETTINGS) as table:
        table.add(rows(1)[0])
    (tmp_path / "part-00000.parquet").write_bytes(b"x" * 100)
    with pytest.raises(OutputError, match=r"part-00000.parquet is damaged"):
        read_embeddings(tmp_path)


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_a_damaged_manifest_is_named(tmp_path, content):
    (tmp_path / "_manifest.json").write_text(content)
    with pytest.raises(OutputError, match=r"manifest.json"):
        EmbeddingTable(tmp_path, SETTINGS)
    with pytest.raises(OutputError, match=r"manifest.json"):
        read_embeddings(tmp_path)


def test_a_table_of_failures_alone_is_empty(tmp_path):
    with EmbeddingTable(tmp_path, SETTINGS) as table:
        table.add(EmbeddingRow("bad.mp4", None, "no"))
    paths, vectors = read_embeddings(tmp_path)
    assert paths == []
    assert len(vectors) == 0


def test_manifest_is_plain_json(tmp_path):
    EmbeddingTable(tmp_path, SETTINGS)
    assert json.loads((tmp_path / "_manifest.json").read_text())["model"] == "puppet-tiny"
