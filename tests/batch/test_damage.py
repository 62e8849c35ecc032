"""Damaged, ragged, foreign and copied parts, tables, label rows: never a silently different number."""

from __future__ import annotations

import random
import shutil
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zeroshot.batch.engine import LocalEngine
from zeroshot.batch.label_rows import LABELS_AT_ONCE, LabelRows
from zeroshot.batch.parquet import SCHEMA
from zeroshot.batch.table import EmbeddingRow, EmbeddingTable, read_rows, read_table
from zeroshot.errors import ModelError, OutputError
from zeroshot.text.prompts import make_prompts
from zeroshot.video.identity import FileFacts

SETTINGS = {"model": "tiny", "num_frames": 8}
REGIONS = 6


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    with EmbeddingTable(tmp_path / "table", SETTINGS) as table:
        for row in range(12):
            vector = None if row == 5 else rng.standard_normal(16).astype(np.float32)
            error = "cannot decode" if row == 5 else None
            facts = FileFacts(100 + row, 1_700_000_000_000_000 + row)
            table.add(EmbeddingRow(f"/videos/{row}.mp4", vector, error, 0.5, 1.5, f"{row:032x}", facts))
    return tmp_path / "table"


def put(folder, *rows: EmbeddingRow) -> None:
    """Adds rows to a table, one by one."""
    with EmbeddingTable(folder, SETTINGS) as table:
        for row in rows:
            table.add(row)


def contents(folder) -> list[tuple[object, ...]]:
    """All that a table says, comparable."""
    rows = [row for part in read_rows(folder) for row in part]
    return [
        (
            row.path,
            None if row.embedding is None else row.embedding.tobytes(),
            row.error,
            row.start_seconds,
            row.end_seconds,
            row.content,
            row.facts,
        )
        for row in rows
    ]


def flips(size: int, each: int, seed: int = 0):
    """Places of bits, as many in each of some regions of a file."""
    draw = random.Random(seed)
    for region in range(REGIONS):
        first, last = region * size // REGIONS, (region + 1) * size // REGIONS
        for _ in range(each):
            yield draw.randrange(first, last), 1 << draw.randrange(8)


@pytest.mark.parametrize("name", ["part-00000.parquet", "_manifest.json"])
@pytest.mark.parametrize("each", [25, pytest.param(400, marks=pytest.mark.slow)])
def test_no_flipped_bit_of_a_table_gives_another_row(folder, name, each):
    truth, vectors = contents(folder), read_table(folder).vectors
    data = (folder / name).read_bytes()
    noticed = 0
    for place, bit in flips(len(data), each):
        spoiled = bytearray(data)
        spoiled[place] ^= bit
        (folder / name).write_bytes(spoiled)
        for read in (
            lambda: contents(folder) == truth,
            lambda: np.array_equal(read_table(folder).vectors, vectors),
        ):
            try:
                assert read()
            except OutputError as error:
                noticed += 1
                assert "\n" not in str(error)  # noqa: PT017 - either outcome is right, if it is the right one
                assert name in str(error)  # noqa: PT017
    assert noticed > (0.98 if name.startswith("part") else 0.8) * 2 * REGIONS * each


def test_a_run_that_goes_on_trusts_no_damaged_part(folder):
    part = folder / "part-00000.parquet"
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 4
    part.write_bytes(data)
    with pytest.raises(OutputError, match=r"part-00000.parquet is damaged: .*; delete it and run again"):
        EmbeddingTable(folder, SETTINGS)
    part.unlink()
    with EmbeddingTable(folder, SETTINGS) as table:
        assert len(table) == 0


def refusal(folder) -> str:
    """The one line with which reading and going on are refused."""
    with pytest.raises(OutputError) as error:
        read_table(folder)
    assert "\n" not in str(error.value)
    with pytest.raises(OutputError):
        EmbeddingTable(folder, SETTINGS)
    return str(error.value)


def test_copied_parts(folder, tmp_path):
    shutil.copy(folder / "part-00000.parquet", folder / "part-00001.parquet")
    assert "part-00001.parquet was copied here from another table or another part" in refusal(folder)
    with EmbeddingTable(tmp_path / "other", {**SETTINGS, "num_frames": 4}) as table:
        table.add(EmbeddingRow("x.mp4", np.ones(16, np.float32)))
    (folder / "part-00001.parquet").unlink()
    shutil.copy(tmp_path / "other" / "part-00000.parquet", folder)
    assert "part-00000.parquet was copied here from another table" in refusal(folder)


def test_foreign_and_ragged_parts(folder):
    part = folder / "part-00001.parquet"
    for vectors in ([[1.0, 0.0]], [[1.0], [1.0, 0.0]]):
        columns = {name: [None] * len(vectors) for name in SCHEMA.names} | {"embedding": vectors}
        columns["path"] = [str(row) for row in range(len(vectors))]
        arrays = {field.name: pa.array(columns[field.name], field.type) for field in SCHEMA}
        pq.write_table(pa.table(arrays, SCHEMA), part)
        assert "part-00001.parquet is damaged: it has no checksum" in refusal(folder)
    pq.write_table(pa.table({"a": [1]}), part)
    assert "part-00001.parquet is damaged: it has no checksum" in refusal(folder)
    part.unlink()
    part.symlink_to(folder / "part-00000.parquet")
    assert "part-00001.parquet is no plain file" in refusal(folder)


def test_rows_of_two_widths_are_named(folder):
    before = contents(folder)
    with pytest.raises(ValueError, match="its embeddings have from 4 to 16 numbers"):
        put(folder, EmbeddingRow("narrow.mp4", np.ones(4, np.float32)))
    assert contents(folder) == before


def test_a_table_of_an_earlier_version_is_named(folder):
    (folder / "_manifest.json").write_text('{"format": 2, "model": "tiny"}')
    assert "is damaged or of an earlier version; embed into another folder" in refusal(folder).replace(
        "choose another folder, or delete this one", "embed into another folder"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_no_row_that_is_no_number_is_written(tmp_path, value):
    vector = np.ones(4, np.float32)
    vector[2] = value
    with pytest.raises(ModelError, match=r"x.mp4: its embedding holds NaN or infinity"):
        put(tmp_path / "t", EmbeddingRow("good.mp4", np.ones(4, np.float32)), EmbeddingRow("x.mp4", vector))
    assert read_table(tmp_path / "t").paths == ["good.mp4"]
    (tmp_path / "x.mp4").write_text("")
    path = str(tmp_path / "x.mp4")
    model = SimpleNamespace(
        name="tiny", embed_sources=lambda paths, sampling: ((path, vector) for path in paths), break_offs={}
    )
    ((row,),) = LocalEngine(model)([path])
    assert row.embedding is None
    assert row.error.endswith("x.mp4: tiny gives NaN or infinity; take another precision")


def test_a_table_that_is_deleted_meanwhile_leaves_no_part_behind(tmp_path):
    table = EmbeddingTable(tmp_path / "t", SETTINGS)
    table.add(EmbeddingRow("a.mp4", np.ones(4, np.float32)))
    shutil.rmtree(tmp_path / "t")
    with pytest.raises(OutputError, match="was deleted or moved while it was being written; run again"):
        table.__exit__(None, None, None)
    assert not (tmp_path / "t").exists()


class Texts:
    """A model whose rows say which labels they are of."""

    name, embedding_dim = "made up", 4

    def __init__(self) -> None:
        self.asked = 0

    def encode_prompts(self, prompts):
        self.asked += len(prompts.labels)
        numbers = [int(label.split()[1]) for label in prompts.labels]
        return np.array([[number, 1, 2, 3] for number in numbers], np.float32)


def test_a_flipped_bit_in_label_rows_costs_work_and_changes_nothing(tmp_path):
    labels = [f"label {number}" for number in range(3 * LABELS_AT_ONCE + 9)]
    prompts, model = make_prompts(labels), Texts()
    with LabelRows(tmp_path / "x", {"made": "up"}) as rows:
        whole = np.array(rows.fill(model, prompts, lambda _: None))
    for name in ("rows.f32", "rows.crc32"):
        data = (rows.folder / name).read_bytes()
        for place, bit in flips(len(data), 20):
            spoiled = bytearray(data)
            spoiled[place] ^= bit
            (rows.folder / name).write_bytes(spoiled)
            model.asked = 0
            with LabelRows(tmp_path / "x", {"made": "up"}) as again:
                np.testing.assert_array_equal(again.fill(model, prompts, lambda _: None), whole)
            assert 0 < model.asked <= len(labels)
            assert (rows.folder / name).read_bytes() == data
    broken = SimpleNamespace(name="m", embedding_dim=4, encode_prompts=lambda _: np.full((9, 4), np.nan))
    with LabelRows(tmp_path / "y", {}) as rows, pytest.raises(ModelError, match="m gives labels NaN"):
        rows.fill(broken, prompts, lambda _: None)


def test_a_half_index_of_a_killed_run_is_cleared(tmp_path):
    mine, other = tmp_path / f".x.index.{'ab' * 16}", tmp_path / f".y.index.{'ab' * 16}"
    for path in (mine, other):
        path.write_bytes(b"half")
    with LabelRows(tmp_path / "x.index", {}) as rows:
        assert not mine.exists()
        rows.remove()
    assert [path.name for path in tmp_path.iterdir()] == [other.name]
