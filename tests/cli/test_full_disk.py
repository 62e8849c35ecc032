"""Every verb that fills a folder, on a full disk and beside others' files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import writing_verbs
from writing_verbs import VERBS, assert_clean, command, words_of, write_table

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def split(tmp_path_factory) -> Path:
    return write_table(tmp_path_factory.mktemp("split") / "videos.csv")


# All write by the same two functions, whose quick tests let the disk be full in their own process.
@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_after_a_full_disk_the_same_command_goes_on(verb, split, tmp_path, run):
    output = tmp_path / "out"
    words = command(verb, split, output)
    full = writing_verbs.run(words, 700)
    assert full.returncode == 1, full.stderr
    *notes, last = full.stderr.splitlines()
    assert last.startswith("zeroshot: cannot write"), full.stderr
    assert all("puppet-tiny" in note for note in notes)
    status, _, err = run(*words_of(verb, split, output))
    assert status == 0, err
    assert_clean(output)


@pytest.mark.slow
def test_dot_files_of_others_are_kept(split, tmp_path, run):
    output, outside = tmp_path / "out", tmp_path / "outside"
    words = words_of("bias make", split, output)
    assert run(*words)[0] == 0
    kept = [output / name for name in (".notes", "scuba/.notes", "masks/.notes", ".work/.notes")]
    for path in kept:
        path.write_text("mine")
    assert run(*words)[0] == 0
    assert [path.read_text() for path in kept] == ["mine"] * 4
    (output / "scuba").rename(outside)
    (output / "scuba").symlink_to(outside)
    status, _, err = run(*words)
    assert status == 1
    assert "scuba is a link" in err
    assert (outside / ".notes").read_text() == "mine"
