"""The resumable folder: one run at a time, nobody else's files touched, differences in words."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from zeroshot.errors import OutputError
from zeroshot.store.files import crc32, half_file, is_half, read_note, sweep, write_note, write_whole
from zeroshot.store.folder import HOLDER, LOCK, Claim, Layout, dotted, first_difference, require_room

KIND = Layout("things", ("note.json",), r"thing-\d+\.bin|note\.json", ("inner",), finished="done")
HALF = "0123456789abcdef" * 2


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_room_for_a_folder_is_looked_for_without_making_anything(tmp_path):
    place = tmp_path / "new" / "place"
    require_room(place, KIND)
    assert names(tmp_path) == set()
    with Claim(place, KIND), pytest.raises(OutputError, match="being written by process"):
        require_room(place, KIND)
    require_room(place, KIND)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").touch()
    require_room(tmp_path / "full")
    with pytest.raises(OutputError, match="is not empty and holds no things"):
        require_room(tmp_path / "full", KIND)
    with pytest.raises(OutputError, match=r"notes\.txt is no folder"):
        require_room(tmp_path / "full" / "notes.txt" / "deeper")


def test_a_folder_is_claimed_freed_and_claimed_again(tmp_path):
    place = tmp_path / "new" / "place"
    with Claim(place, KIND, {"size": 3}) as claim:
        assert claim.left_by is None
        assert (place / HOLDER).read_text() == f"process {os.getpid()} on {socket.gethostname()}\n"
        with pytest.raises(OutputError, match=rf"being written by process {os.getpid()} on .*; wait until"):
            Claim(place, KIND, {"size": 3})
    assert names(place) == {LOCK, "note.json"}
    (place / "done").touch()
    with Claim(place, KIND, {"size": 3}) as claim:
        assert claim.left_by is None
        assert not (place / "done").exists()
        claim.free(unlock=True)
    assert names(place) == {"note.json"}


def test_another_process_is_kept_out_until_it_is_killed(tmp_path):
    code = (
        "import sys, time; from zeroshot.store.folder import Claim, Layout\n"
        "claim = Claim(sys.argv[1], Layout('things', ('note.json',), 'x'), {}); print('held', flush=True)\n"
        "time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(OutputError, match=f"being written by process {other.pid} on"):
            Claim(tmp_path, KIND, {})
    finally:
        other.send_signal(signal.SIGKILL)
        other.wait()
        other.stdout.close()
    with Claim(tmp_path, KIND, {}) as claim:
        assert claim.left_by == f"process {other.pid} on {socket.gethostname()}"


def test_other_settings_are_named_in_words(tmp_path):
    Claim(tmp_path, KIND, {"size": 3, "sampling": {"views": 1}}).free()
    with pytest.raises(
        OutputError, match=r"holds things with sampling.views 1, this run has 2; take the same"
    ):
        Claim(tmp_path, KIND, {"size": 3, "sampling": {"views": 2}})
    assert first_difference({"a": [1]}, {"a": [1]}) is None
    assert first_difference({"a": 1}, {}) == "a 1, this run has null"
    digests = [{"model": "mine", "fingerprint": letter * 64} for letter in "ab"]
    expected = f"the fingerprint of mine {'a' * 12}, this run has {'b' * 12}"
    assert first_difference(*digests) == expected
    with Claim(tmp_path, KIND, {"size": 3, "sampling": {"views": 1}}):
        pass  # who was refused holds nothing


def test_a_folder_of_something_else_is_left_as_it_is(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    (tmp_path / f".thesis.txt.{HALF}").write_text("mine, too")
    before = names(tmp_path)
    with pytest.raises(OutputError, match="is not empty and holds no things; choose an empty folder"):
        Claim(tmp_path, KIND, {})
    assert names(tmp_path) == before


@pytest.mark.parametrize("left", [[], [LOCK], [LOCK, HOLDER], [LOCK, f".note.json.{HALF}"], ["inner/"]])
def test_killed_in_the_first_moment_it_goes_on(tmp_path, left):
    for name in left:
        if name.endswith("/"):
            (tmp_path / name).mkdir()
            (tmp_path / name / f".thing-7.bin.{HALF}").touch()
        else:
            (tmp_path / name).write_text("")
    with Claim(tmp_path, KIND, {"size": 3}):
        assert names(tmp_path) - {"inner"} == {LOCK, HOLDER, "note.json"}
        assert not list(tmp_path.glob("inner/.*"))


def test_only_ones_own_half_files_are_swept(tmp_path):
    place, outside = tmp_path / "place", tmp_path / "outside"
    (place / "inner").mkdir(parents=True)
    outside.mkdir()
    Claim(place, KIND, {}).free()
    kept = [
        ".bashrc",
        f".thing-1.bin.{HALF[:-1]}",
        f".thing-x.bin.{HALF}",
        f"thing-1.bin.{HALF}",
        ".thing-1.bin",
    ]
    for name in [*kept, f".thing-1.bin.{HALF}"]:
        (place / name).write_text("x")
        (place / "inner" / name).write_text("x")
    (outside / "victim").write_text("x")
    (place / f".thing-2.bin.{HALF}").symlink_to(outside / "victim")
    (place / f".thing-3.bin.{HALF}").mkdir()
    with Claim(place, KIND, {}):
        assert names(place / "inner") == set(kept)
        left = {*kept, LOCK, HOLDER, "note.json", "inner", f".thing-2.bin.{HALF}", f".thing-3.bin.{HALF}"}
        assert names(place) == left
    assert names(outside) == {"victim"}


def test_no_folder_behind_a_link_is_swept(tmp_path):
    place, outside = tmp_path / "place", tmp_path / "outside"
    outside.mkdir()
    (outside / f".thing-1.bin.{HALF}").write_text("x")
    Claim(place, KIND, {}).free()
    (place / "inner").symlink_to(outside)
    with pytest.raises(OutputError, match=r"inner is a link; expected a folder in .*: delete the link"):
        Claim(place, KIND, {})
    assert names(outside) == {f".thing-1.bin.{HALF}"}


@pytest.mark.parametrize("kind", ["link", "dangling link", "pipe", "folder"])
@pytest.mark.parametrize("name", [LOCK, HOLDER])
def test_a_lock_that_is_no_file_is_neither_followed_nor_waited_for(tmp_path, kind, name):
    place, victim = tmp_path / "place", tmp_path / "victim"
    victim.write_text("precious")
    place.mkdir()
    match kind:
        case "link":
            (place / name).symlink_to(victim)
        case "dangling link":
            (place / name).symlink_to(tmp_path / "nothing")
        case "pipe":
            os.mkfifo(place / name)
        case "folder":
            (place / name).mkdir()
    start = time.monotonic()
    if name == LOCK or kind == "folder":
        with pytest.raises(OutputError) as error:
            Claim(place, KIND, {})
        assert "\n" not in str(error.value)
    else:
        with Claim(place, KIND, {}) as claim:
            assert claim.left_by is None
    assert time.monotonic() - start < 5
    assert victim.read_text() == "precious"
    assert not (tmp_path / "nothing").exists()


def test_words_of_strangers_are_not_repeated(tmp_path):
    (tmp_path / HOLDER).write_text("\x1b[31mprocess 1 on evil")
    with Claim(tmp_path, KIND, {}) as claim:
        assert claim.left_by is None


def test_a_folder_that_is_deleted_meanwhile_is_noticed(tmp_path):
    with Claim(tmp_path / "place", KIND, {}) as claim:
        claim.check()
        (tmp_path / "place").rename(tmp_path / "moved")
        for again in (False, True):
            if again:
                Claim(tmp_path / "place", KIND, {}).free()
            with pytest.raises(OutputError, match="was deleted or moved while it was being written"):
                claim.check()


def test_every_flipped_bit_of_a_note_is_noticed(tmp_path):
    path, content = (
        tmp_path / "note.json",
        {"format": 2, "model": "tiny", "rows": [["a", "b", None], ["ü", 1.5]]},
    )
    write_note(path, content)
    assert read_note(path, "a note", "make it again", 2) == content
    data = path.read_bytes()
    for place in range(len(data)):
        for bit in range(8):
            path.write_bytes(data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :])
            try:
                assert read_note(path, "a note", "make it again", 2) == content  # white space
            except OutputError as error:
                assert str(path) in str(error)  # noqa: PT017 - either outcome is right
    path.write_text(json.dumps(content))
    with pytest.raises(OutputError, match="is damaged or of an earlier version; make it again"):
        read_note(path, "a note", "make it again", 2)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(OutputError, match="is no plain file"):
        read_note(path, "a note", "make it again")


def test_half_files(tmp_path):
    def stopped() -> None:
        with half_file(tmp_path / "a.bin") as half:
            half.write_bytes(b"half")
            assert is_half(half.name, r"a\.bin")
            assert not is_half(half.name, r"b\.bin")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert names(tmp_path) == set()
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "victim")
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "victim").read_text() == "precious"
    assert (tmp_path / "link").read_bytes() == b"new"
    (tmp_path / f".link.{HALF}").touch()
    sweep(tmp_path, "link")
    assert names(tmp_path) == {"victim", "link"}
    assert crc32(b"123", b"456789") == "cbf43926"


def test_nested_settings_have_dotted_names_in_their_order():
    nested = {"b": {"y": 1, "x": {"deep": [2]}}, "a": None, "none": {}}
    assert list(dotted(nested).items()) == [("b.y", 1), ("b.x.deep", [2]), ("a", None)]
