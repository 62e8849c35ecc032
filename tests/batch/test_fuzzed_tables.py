"""Tables of embeddings changed at random: every row that is read is the one that was written, or one line."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from zeroshot.batch import table as table_module
from zeroshot.batch.table import EmbeddingRow, EmbeddingTable, read_rows, read_table
from zeroshot.errors import OutputError
from zeroshot.store.files import crc32_of
from zeroshot.video.identity import FileFacts

SETTINGS = {"format": 4, "model": "tiny", "sampling": {"num_frames": 8}, "window": None, "embedding_dim": 16}
OTHERS = {**SETTINGS, "model": "huge"}
VALUES = [
    None,
    True,
    -1,
    0,
    3,
    10**30,
    1e-300,
    "",
    "x" * 9999,
    "../x",
    "a\n\x1b[2J",
    [],
    {},
    {"num_frames": 9},
]


def written(folder: Path, settings: dict, seed: int) -> Path:
    """A table of three parts of four rows."""
    draw = np.random.default_rng(seed)
    with EmbeddingTable(folder, settings) as table:
        for row in range(12):
            vector = None if row % 5 == 4 else draw.standard_normal(16).astype(np.float32)
            facts = FileFacts(100 + row, 1_700_000_000_000_000 + row)
            words = None if vector is not None else f"cannot decode /v/{row}.mp4: broken"
            end = 0.5 if row % 3 == 0 else None
            table.add(EmbeddingRow(f"/v/{row}.mp4", vector, words, None, None, f"{row:032x}", facts, end))
    return folder


def said(row: EmbeddingRow) -> tuple:
    numbers = None if row.embedding is None else row.embedding.tobytes()
    return row.path, numbers, row.error, row.content, row.facts, row.breaks_off_seconds


def edited(manifest: Path, draw: random.Random) -> None:
    """One field of a manifest more, less or otherwise; its checksum as before, or made anew by a forger."""
    content = json.loads(manifest.read_bytes())
    content.pop("crc32")
    at = draw.choice([content, content, content["sampling"]])
    field = draw.choice([*at, "more"])
    if draw.random() < 0.2:
        at.pop(field, None)
    else:
        at[field] = draw.choice(VALUES)
    made_anew = draw.random() < 0.7
    manifest.write_text(json.dumps({**content, "crc32": crc32_of(content) if made_anew else "0" * 8}))


def replaced(path: Path, draw: random.Random) -> None:
    """Something that is no file in the place of one."""
    path.unlink()
    kinds = [
        Path.mkdir,
        os.mkfifo,
        lambda at: at.symlink_to("nowhere"),
        lambda at: at.symlink_to("/dev/zero"),
    ]
    draw.choice(kinds)(path)


def spoiled(path: Path, draw: random.Random) -> None:
    """Bits flipped, bytes more, less or otherwise."""
    data = bytearray(path.read_bytes())
    kind = draw.randrange(5)
    if kind == 0:
        data = data[: draw.randrange(len(data))]
    elif kind == 1:
        data += draw.randbytes(draw.randrange(1, 99))
    elif kind == 2:
        first = draw.randrange(len(data))
        data[first : first + draw.randrange(1, 99)] = draw.randbytes(draw.randrange(99))
    else:
        for _ in range(draw.choice([1, 1, 1, 30])):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    path.write_bytes(data)


def mutated(folder: Path, foreign: Path, draw: random.Random) -> None:
    """One act of damage or malice upon a table."""
    manifest, parts = folder / "_manifest.json", sorted(folder.glob("part-*"))
    first, second = draw.sample(parts, 2)
    acts = [
        lambda: spoiled(draw.choice(parts), draw),
        lambda: spoiled(draw.choice(parts), draw),
        lambda: spoiled(manifest, draw),
        lambda: edited(manifest, draw),
        lambda: edited(manifest, draw),
        lambda: replaced(draw.choice([*parts, manifest]), draw),
        lambda: shutil.copy(foreign / first.name, draw.choice([first, folder / "part-00003.parquet"])),
        lambda: shutil.copy(first, draw.choice([second, folder / "part-00003.parquet"])),
        lambda: (first.rename(folder / "x"), second.rename(first), (folder / "x").rename(second)),
        lambda: (folder / f"part-{draw.choice(['', 'x', '1', '00009'])}.parquet").write_bytes(b"PAR1" * 9),
        lambda: shutil.copy(foreign / "_manifest.json", manifest),
    ]
    draw.choice(acts)()


def fuzz(tmp_path: Path, monkeypatch, numbers: range) -> tuple[int, int]:
    """How often a changed table was read, and how often it was refused."""
    monkeypatch.setattr(table_module, "_ROWS_PER_PART", 4)
    whole = written(tmp_path / "whole", SETTINGS, 0)
    foreign = written(tmp_path / "foreign", OTHERS, 1)
    truth = {row.path: said(row) for rows in read_rows(whole) for row in rows}
    assert (len(truth), len(list(whole.glob("part-*")))) == (12, 3)
    before = sorted(tmp_path.iterdir())
    read = refused = 0
    for number in numbers:
        folder = tmp_path / "changed"
        shutil.copytree(whole, folder)
        mutated(folder, foreign, random.Random(number))
        for act in (all_rows, all_vectors, gone_on):
            rows = outcome(act, folder, truth)
            if isinstance(rows, str):
                refused += 1
                assert rows.isprintable(), number
                assert str(folder) in rows, number
                continue
            read += 1
            assert all(truth[row[0]] == row for row in rows), number
            assert len({row[0] for row in rows}) == len(rows) == (10 if act is all_vectors else 12), number
        shutil.rmtree(folder)
        assert sorted(tmp_path.iterdir()) == before
    return read, refused


def outcome(act, folder: Path, truth: dict[str, tuple]) -> list[tuple] | str:
    """The rows, or the one line with which they are refused."""
    try:
        return act(folder, truth)
    except OutputError as error:
        return str(error)


def all_rows(folder: Path, _: dict[str, tuple]) -> list[tuple]:
    """What a ranking reads."""
    return [said(row) for rows in read_rows(folder) for row in rows]


def all_vectors(folder: Path, truth: dict[str, tuple]) -> list[tuple]:
    """What a search reads, with the rest as it was written."""
    table = read_table(folder)
    pairs = zip(table.paths, table.vectors, strict=True)
    return [(path, vector.tobytes(), *truth[path][2:]) for path, vector in pairs]


def gone_on(folder: Path, truth: dict[str, tuple]) -> list[tuple]:
    """What a run that goes on takes for done."""
    with EmbeddingTable(folder, SETTINGS) as table:
        return [said(row) for path in truth for row in table.recorded(path)]


def test_eighty_changes_of_a_table(tmp_path, monkeypatch):
    read, refused = fuzz(tmp_path, monkeypatch, range(80))
    assert min(read, refused) > 10


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_eight_hundred_changes_of_a_table(tmp_path, monkeypatch):
    assert min(fuzz(tmp_path, monkeypatch, range(80, 880))) > 100
