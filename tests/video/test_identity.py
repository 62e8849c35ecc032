"""What tells videos apart: every byte, and of folders the names, which give the order."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import odd_files as odd
import pytest
from PIL import Image

from zeroshot.errors import VideoError
from zeroshot.video import identity
from zeroshot.video.identity import content_key, file_digest, file_facts


def test_one_byte_anywhere_in_a_large_file_counts(tmp_path):
    path = tmp_path / "large.avi"
    data = bytearray(os.urandom(1 << 20) * 10)
    found = set()
    for place in range(0, len(data), (len(data) - 1) // 40):
        data[place] ^= 1
        path.write_bytes(data)
        found.add(file_digest(path))
    assert len(found) == 41


def test_what_is_too_large_to_be_read_whole_has_no_digest(tmp_path, monkeypatch):
    monkeypatch.setattr(identity, "_MOST_BYTES", 1000)
    (tmp_path / "x").write_bytes(b"x" * 1000)
    assert file_digest(tmp_path / "x") is not None
    (tmp_path / "x").write_bytes(b"x" * 1001)
    assert file_digest(tmp_path / "x") is None


def test_a_renumbered_folder_is_another(tmp_path):
    for number in range(3):
        Image.fromarray(odd.picture(number)).save(tmp_path / f"{number}.png")
    facts, digest, key = file_facts(tmp_path), file_digest(tmp_path), content_key(tmp_path)
    times = tmp_path.stat()
    for before, after in (("0", "t"), ("2", "0"), ("t", "2")):
        (tmp_path / f"{before}.png").rename(tmp_path / f"{after}.png")
    os.utime(tmp_path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert facts != file_facts(tmp_path)
    assert digest != file_digest(tmp_path)
    assert key != content_key(tmp_path)


def test_lists_of_paths_are_told_apart_by_content_and_order(tmp_path):
    paths = []
    for number in range(2):
        paths.append(str(tmp_path / f"{number}.png"))
        Image.fromarray(odd.picture(number)).save(paths[-1])
    one, other = content_key(paths), content_key(paths[::-1])
    assert one != other
    Path(paths[0]).write_bytes(Path(paths[1]).read_bytes())
    assert content_key(paths) not in {one, other}
    assert content_key([np.zeros((2, 2, 3), np.uint8)]) != one


def test_names_of_any_bytes_and_pipes(tmp_path):
    odd_name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")
    Path(odd_name).write_bytes(b"x")
    assert file_digest(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(VideoError, match="it is a device or a pipe"):
        content_key(tmp_path / "pipe")
