"""Many files into a table: killed, full, locked, changed under way, and always one answer."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import sys
import time
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import odd_files as odd
import pyarrow.parquet as pq
import pytest
from tiny_world import write_checkpoint, write_videos

from zeroshot.batch import engine as pipeline
from zeroshot.batch import table as table_module
from zeroshot.batch.engine import LocalEngine, fill_table, look_up, look_up_blocks
from zeroshot.batch.parquet import EmbeddingRow
from zeroshot.batch.records import Ledger, Record, path_key
from zeroshot.batch.table import LAYOUT, EmbeddingTable, read_rows, read_table, settings_of
from zeroshot.checkpoint import load_model
from zeroshot.errors import OutputError, VideoError
from zeroshot.store.folder import Claim
from zeroshot.video.identity import FileFacts, file_digest, file_facts
from zeroshot.video.sampling import Window


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def model(checkpoint):
    with load_model(str(checkpoint), device="cpu") as model:
        yield model


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> list[str]:
    split = write_videos(tmp_path_factory.mktemp("videos"), 6)
    return [str(video.path) for video in split.videos]


@pytest.fixture
def archive(good, tmp_path) -> list[str]:
    """Copies that a test may spoil, and two bad files among them."""
    folder = tmp_path / "archive"
    folder.mkdir()
    paths = [shutil.copy(path, folder) for path in good]
    (folder / "03 text.mp4").write_text("no video\n" * 50)
    (folder / "empty.mp4").write_bytes(b"")
    return sorted([*paths, str(folder / "03 text.mp4"), str(folder / "empty.mp4")])


class Counting:
    """An engine that remembers what it was asked to read."""

    def __init__(self, engine) -> None:
        self.engine = engine
        self.read: list[str] = []

    def __call__(self, paths):
        def seen():
            for path in paths:
                self.read.append(path)
                yield path

        return self.engine(seen())


def embed(model, folder, paths, window=None, **options) -> list[str]:
    """What was read into a table."""
    engine = Counting(LocalEngine(model, window))
    with EmbeddingTable(folder, settings_of(model, window)) as table:
        for _ in fill_table(table, engine, paths, **options):
            pass
    return engine.read


def contents(folder) -> dict[tuple[str, float | None], tuple[object, ...]]:
    """Path and start → all else of a row; fails where a row is there twice."""
    rows = [row for part in read_rows(folder) for row in part]
    keys = [(row.path, row.start_seconds) for row in rows]
    assert Counter(keys).most_common(1)[0][1] == 1
    return {
        key: (row.embedding, row.error, row.end_seconds, row.content)
        for key, row in zip(keys, rows, strict=True)
    }


def assert_same(one, other) -> None:
    first, second = contents(one), contents(other)
    assert first.keys() == second.keys()
    for key, (vector, *rest) in first.items():
        assert rest == list(second[key][1:])
        if vector is not None:
            assert np.abs(vector - second[key][0]).max() < 1e-6


def test_every_input_has_one_row_and_vectors_are_those_of_one_by_one(model, archive, tmp_path):
    assert embed(model, tmp_path / "out", [*archive, archive[0]]) == archive
    rows = contents(tmp_path / "out")
    assert sorted(path for path, _ in rows) == archive
    assert sum(error is not None for _, error, _, _ in rows.values()) == 2
    for (path, _), (vector, error, _, content) in rows.items():
        assert content == file_digest(path)
        assert (vector is None) == (error is not None)
        if vector is not None:
            assert np.abs(vector - model.embed_videos([path])[0]).max() < 1e-6
        else:
            assert Path(path).name in error
    assert embed(model, tmp_path / "out", archive) == []


def test_order_of_inputs_and_size_of_batches_change_nothing(model, archive, tmp_path, monkeypatch):
    embed(model, tmp_path / "one", archive)
    monkeypatch.setattr(model.backbone, "batch_size", 3)
    monkeypatch.setattr(table_module, "_ROWS_PER_PART", 3)
    embed(model, tmp_path / "other", archive[::-1])
    assert len(list((tmp_path / "other").glob("part-*"))) == 3
    assert_same(tmp_path / "one", tmp_path / "other")
    one, other = read_table(tmp_path / "one"), read_table(tmp_path / "other")
    assert one.paths == other.paths == sorted(one.paths)
    assert np.isnan(one.start_seconds).all()
    assert np.abs(one.vectors - other.vectors).max() < 1e-6


def test_full_batches_across_videos(model, archive, monkeypatch):
    sizes = []
    encode = model.backbone.encode_pixels
    monkeypatch.setattr(model.backbone, "batch_size", 10)
    monkeypatch.setattr(
        model.backbone, "encode_pixels", lambda pixels: sizes.append(len(pixels)) or encode(pixels)
    )
    list(model.embed_many(archive))
    assert sizes == [10, 10, 4]  # 6 videos of 4 frames


def test_windows_have_their_rows_and_times(model, archive, tmp_path):
    window = Window(0.3, 0.2)
    embed(model, tmp_path / "out", archive, window)
    rows = contents(tmp_path / "out")
    for path in archive:
        mine = sorted(
            (start, *row) for (name, start), row in rows.items() if name == path and start is not None
        )
        if any(row[1] for (name, _), row in rows.items() if name == path):
            continue
        clips = [clip for _, group in model.read_windows(path, 0.3, 0.2, 2) for clip in group]
        assert [round(start, 6) for start, *_ in mine] == [0.0, 0.2, 0.4, 0.6, 0.8]
        assert np.abs(np.stack([row[1] for row in mine]) - model.embed_clips(clips)).max() < 1e-6
    failed = [path for (path, start), row in rows.items() if row[1] is not None and start is None]
    assert sorted(Path(path).name for path in failed) == ["03 text.mp4", "empty.mp4"]
    assert embed(model, tmp_path / "out", archive, window) == []
    with pytest.raises(OutputError, match="window"):
        embed(model, tmp_path / "out", archive, Window(0.3, 0.3))


def test_rows_of_windows_that_ended_otherwise_do_not_mix(model, good, tmp_path):
    """As an earlier version left them, with a stub at the end."""
    before = settings_of(model, Window(0.3, 0.3))
    del before["window"]["shortest_share"]
    with EmbeddingTable(tmp_path / "out", before):
        pass
    with pytest.raises(OutputError, match=r"window\.shortest_share null, this run has 0\.5"):
        embed(model, tmp_path / "out", good[:1], Window(0.3, 0.3))


def test_windows_that_end_in_an_error_keep_what_came_before(model, good, tmp_path, monkeypatch):
    groups = model._reader.read_many_windows

    def failing(*words, frames):
        for group in groups(*words, 2, frames=frames):
            ended = group.windows[0][0] > 0.5
            yield replace(group, outcome=VideoError("no more"), is_last=True) if ended else group

    monkeypatch.setattr(model._reader, "read_many_windows", failing)
    (found,) = model.embed_windows(good[:1], Window(0.2, 0.2))
    assert str(found.error) == "no more"
    assert len(found.vectors) == len(found.windows) == 4
    (rows,) = LocalEngine(model, Window(0.2, 0.2))(iter(good[:1]))
    assert [row.error for row in rows] == [None] * 4 + ["no more"]


def test_inputs_are_taken_lazily(model, good, tmp_path):
    taken = 0

    def endless():
        nonlocal taken
        for number in range(10**6):
            taken += 1
            yield str(tmp_path / f"{number}.mp4")

    with EmbeddingTable(tmp_path / "out", settings_of(model)) as table:
        rows = fill_table(table, LocalEngine(model), endless())
        for _ in range(5):
            next(rows)
        rows.close()
    assert taken < 20
    assert len(next(read_rows(tmp_path / "out"))) == 5


def test_a_changed_file_is_read_again_and_a_deleted_one_keeps_its_row(model, archive, tmp_path):
    output = tmp_path / "out"
    embed(model, output, archive)
    before = contents(output)
    changed, touched, deleted, mended = archive[0], archive[1], archive[2], archive[-1]
    shutil.copy(archive[4], changed)
    os.utime(touched, (1, 1))
    Path(deleted).unlink()
    shutil.copy(archive[4], mended)
    # Two of them now have the content of another: nothing has to be decoded for that.
    assert embed(model, output, archive) == []
    after = contents(output)
    assert after.keys() == before.keys()
    for path in (changed, mended):
        assert np.array_equal(after[path, None][0], after[archive[4], None][0])
        assert after[path, None][1] is None
    for path in (touched, deleted):
        assert np.array_equal(after[path, None][0], before[path, None][0])
    with Path(changed).open("ab") as stream:
        stream.write(b"more")
    assert embed(model, output, archive) == [changed]
    assert contents(output)[changed, None][3] == file_digest(changed)


def test_failures_are_tried_again_on_request_alone(model, archive, tmp_path):
    embed(model, tmp_path / "out", archive)
    assert embed(model, tmp_path / "out", archive) == []
    failed = [path for path in archive if "text" in path or "empty" in path]
    assert embed(model, tmp_path / "out", archive, retry=True) == failed
    assert len(contents(tmp_path / "out")) == len(archive)


def test_a_file_that_changes_while_it_is_read_is_an_error(model, archive, tmp_path):
    def growing():
        yield archive[0]
        time.sleep(0.05)
        with Path(archive[0]).open("ab") as stream:  # noted before, read by now, not yet handed out
            stream.write(b"more")
        yield archive[1]

    rows = list(LocalEngine(model)(growing()))
    assert "changed while it was read" in rows[0][0].error
    assert rows[1][0].error is None


def test_looking_up_gives_the_order_asked_for(model, archive, tmp_path):
    engine = Counting(LocalEngine(model))
    twin = tmp_path / "twin.mp4"
    shutil.copy(archive[1], twin)
    asked = [archive[3], archive[0], str(twin), archive[1], archive[0], archive[-1]]
    with EmbeddingTable(tmp_path / "out", settings_of(model)) as table:
        first = [rows[0] for rows in look_up(table, engine, asked)]
        again = [rows[0] for block in look_up_blocks(table, engine, asked) for rows in block]
    assert [row.path for row in first] == [row.path for row in again] == asked
    assert len(engine.read) == len(set(engine.read)) == 5 or len(engine.read) == 4
    for one, other in zip(first, again, strict=True):
        assert one.error == other.error
        assert (one.embedding is None) == (one.error is not None)
    assert np.abs(first[2].embedding - first[3].embedding).max() < 1e-6


def test_a_name_that_is_no_utf8(model, good, tmp_path):
    odd_name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4")
    shutil.copy(good[0], odd_name)
    assert embed(model, tmp_path / "out", [odd_name]) == [odd_name]
    assert embed(model, tmp_path / "out", [odd_name]) == []
    ((path, vectors),) = zip(*pipeline_table(tmp_path / "out"), strict=True)
    assert path == odd_name
    assert vectors.shape == (24,)


def pipeline_table(folder):
    found = read_table(folder)
    return found.paths, found.vectors


def test_digests_of_large_files_see_both_ends_and_the_middle(tmp_path):
    path = tmp_path / "large"
    data = bytearray(os.urandom(1 << 20) * 9)
    path.write_bytes(data)
    found = {file_digest(path)}
    for place in (0, (8 << 20) * 4 // 7, len(data) - 1):
        data[place] ^= 1
        path.write_bytes(data)
        found.add(file_digest(path))
    path.write_bytes(data + b"0")
    found.add(file_digest(path))
    assert len(found) == 5
    os.mkfifo(tmp_path / "pipe")
    assert file_digest(tmp_path / "pipe") is None
    assert file_facts(tmp_path / "nothing") is None


def test_a_ledger_finds_what_was_put_last(monkeypatch):
    from zeroshot.batch import records as ledger_module

    monkeypatch.setattr(ledger_module, "_RECENT", 7)
    draw = random.Random(0)
    ledger, expected = Ledger(), {}
    for _ in range(300):
        key = path_key(str(draw.randrange(100)))
        facts = draw.choice([None, FileFacts(draw.randrange(5), draw.randrange(9))])
        content = bytes([7, *draw.choices([0, 255], k=15)]) if draw.random() < 0.7 else b""
        expected[key] = Record(key, facts, content, draw.randrange(9), draw.random() < 0.5)
        ledger.put(expected[key])
    assert {key: ledger.get(key) for key in expected} == expected
    assert ledger.get(path_key("nowhere")) is None
    for size in range(6):
        wanted = {key for key, record in expected.items() if record.facts and record.facts.size == size}
        assert {record.key for record in ledger.of_size(size)} == wanted
    assert len(ledger) == len(expected)


def begun(work) -> int:
    """The number of a process like this one, without a second's start, that does some work and ends."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    except OutputError as error:
        sys.__stderr__.write(f"{error}\n")
        status = 3
    finally:
        os._exit(status)


def test_killed_at_random_the_same_call_ends_with_the_same_table(model, good, tmp_path, monkeypatch):
    paths = [str(tmp_path / f"{number:03d}.mp4") for number in range(60)]
    for number, path in enumerate(paths):
        # Each with another tail, which decoders pass over: the contents differ, so each has to be read.
        content = Path(good[number % 6]).read_bytes() if number % 10 else b"no video"
        Path(path).write_bytes(content + bytes([number]))
    monkeypatch.setattr(table_module, "_ROWS_PER_PART", 8)
    monkeypatch.setattr(table_module, "_SECONDS_PER_FLUSH", 0)  # so that kills fall into writing as well
    draw, kills, rows = random.Random(5), 0, [0]
    while rows[-1] < 60 and len(rows) < 40:
        pid = begun(lambda: embed(model, tmp_path / "killed", paths))
        goal = rows[-1] + draw.randrange(1, 20)
        while os.waitpid(pid, os.WNOHANG) == (0, 0) and num_rows(tmp_path / "killed") < goal:
            time.sleep(draw.random() / 100)
        try:
            os.kill(pid, signal.SIGKILL)
            kills += os.WIFSIGNALED(os.waitpid(pid, 0)[1])
        except (ProcessLookupError, ChildProcessError):
            pass  # it had come to its end
        rows.append(num_rows(tmp_path / "killed"))
    assert kills >= 3
    assert rows == sorted(rows)
    assert embed(model, tmp_path / "killed", paths) == []
    embed(model, tmp_path / "unbroken", paths)
    assert_same(tmp_path / "killed", tmp_path / "unbroken")
    assert len(contents(tmp_path / "killed")) == 60
    assert not list((tmp_path / "killed").glob(".part*"))


def num_rows(folder) -> int:
    """Of a table that another process is writing."""
    return sum(pq.read_metadata(part).num_rows for part in sorted(Path(folder).glob("part-*.parquet")))


def test_two_runs_on_one_folder(model, good, tmp_path, capfd):
    with EmbeddingTable(tmp_path / "out", settings_of(model)):
        _, status = os.waitpid(begun(lambda: embed(model, tmp_path / "out", good[:1])), 0)
        with pytest.raises(OutputError, match=f"process {os.getpid()} on"):
            EmbeddingTable(tmp_path / "out", settings_of(model))
    assert os.waitstatus_to_exitcode(status) == 3
    assert f"is being written by process {os.getpid()} on" in capfd.readouterr().err
    embed(model, tmp_path / "out", good[:1])


def test_a_lock_left_by_a_killed_run_is_noticed(model, tmp_path):
    def killed() -> None:
        claim = Claim(tmp_path, LAYOUT)
        assert claim.left_by is None
        os.kill(os.getpid(), signal.SIGKILL)

    dead = begun(killed)
    os.waitpid(dead, 0)
    with EmbeddingTable(tmp_path, settings_of(model)) as table:
        assert table.left_by.startswith(f"process {dead} on")
    with EmbeddingTable(tmp_path, settings_of(model)) as table:
        assert table.left_by is None


def test_a_killed_start_leaves_a_folder_that_can_be_used(model, good, tmp_path):
    (tmp_path / f"._manifest.json.{'0a' * 16}").write_text("{")
    (tmp_path / f".part-00000.parquet.{'12' * 16}").write_bytes(b"PAR1")
    (tmp_path / ".lock").write_text("")
    embed(model, tmp_path, good[:1])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".lock",
        "_manifest.json",
        "part-00000.parquet",
    ]


def test_a_full_disk_is_one_line_and_what_was_written_stays(model, archive, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(table_module, "_SECONDS_PER_FLUSH", 0)

    embed(model, tmp_path / "whole", archive)
    limit = (tmp_path / "whole" / "part-00000.parquet").stat().st_size - 100

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        embed(model, tmp_path / "out", archive)

    _, status = os.waitpid(begun(small_files), 0)
    assert os.waitstatus_to_exitcode(status) == 3
    err = capfd.readouterr().err
    assert err.startswith("cannot write")
    assert err.count("\n") == 1
    assert not list((tmp_path / "out").glob(".part*"))
    before = contents(tmp_path / "out")
    assert 0 < len(before) < len(archive)
    left = embed(model, tmp_path / "out", archive)
    assert len(left) == len(archive) - len(before)
    assert len(contents(tmp_path / "out")) == len(archive)


def test_an_output_that_cannot_be_written(model):
    with pytest.raises(OutputError, match="cannot write to /proc/out"):
        EmbeddingTable("/proc/out", settings_of(model))


def test_a_decoder_that_dies_costs_its_row_alone(model, archive, tmp_path, monkeypatch):
    """A file on which decoding processes end: here they are killed, as a segfault would."""
    from processes import children

    victim = archive[2]

    def killing():
        for path in archive:
            if path == victim:
                for child in children():
                    os.kill(child, signal.SIGKILL)
            yield path

    embed(model, tmp_path / "out", killing())
    rows = contents(tmp_path / "out")
    assert sorted(path for path, _ in rows) == archive
    errors = [row[1] for row in rows.values() if row[1] is not None]
    assert 2 <= len(errors) <= 4  # the two bad files, and what was at work in two processes


def test_an_archive_of_odd_files(model, tmp_path):
    plain = odd.plain(tmp_path)
    paths = [
        plain,
        odd.without_moov(tmp_path),
        odd.audio_only(tmp_path),
        odd.truncated(plain, 0.3, "cut.mp4"),
    ]
    paths += [tmp_path / "nowhere.mp4", tmp_path]
    paths = [str(path) for path in paths]
    embed(model, tmp_path / "out", paths)
    rows = contents(tmp_path / "out")
    assert [path for path, _ in rows] == paths
    assert rows[str(plain), None][1] is None
    for path in (paths[1], paths[2], paths[4]):
        assert Path(path).name in rows[path, None][1]


def test_rows_of_errors_and_vectors_read_back(tmp_path):
    facts = FileFacts(3, 1_700_000_000_123_456)
    rows = [
        EmbeddingRow("a", None, "no", None, None, None, None),
        EmbeddingRow("b", np.float32([0.6, 0.8]), None, 1.0, 2.5, "0" * 32, facts),
    ]
    with EmbeddingTable(tmp_path, {"model": "x"}) as table:
        for row in rows:
            table.add(row)
    (found,) = read_rows(tmp_path)
    assert asdict(found[0]) == asdict(rows[0])
    assert np.array_equal(found[1].embedding, rows[1].embedding)
    assert (found[1].start_seconds, found[1].end_seconds, found[1].facts) == (1.0, 2.5, rows[1].facts)
    assert pq.read_table(tmp_path).num_rows == 2


def test_lookups_are_bounded(monkeypatch, model, good, tmp_path):
    monkeypatch.setattr(pipeline, "_AT_ONCE", 2)
    engine = Counting(LocalEngine(model))
    with EmbeddingTable(tmp_path / "out", settings_of(model)) as table:
        found = look_up(table, engine, iter(good))
        next(found)
        assert len(engine.read) <= 2
        assert len([*found]) == 5
