"""The notebooks of `examples/` run, and show what is kept in their files."""

from __future__ import annotations

import pytest

notebooks = pytest.importorskip("notebooks", reason="needs the extra test")
import documents  # noqa: E402


@pytest.mark.slow
@pytest.mark.parametrize("path", notebooks.NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_what_it_claims(path, tmp_path):
    kept = notebooks.nbformat.read(path, as_version=4)
    folder = documents.make_folder(tmp_path / "reader")
    assert notebooks.shown(notebooks.executed(path, folder)) == notebooks.shown(kept)


@pytest.mark.parametrize("path", notebooks.NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_kept_is_small_and_of_one_run(path):
    kept = notebooks.nbformat.read(path, as_version=4)
    notebooks.nbformat.validate(kept)
    counts = [cell.execution_count for cell in kept.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert path.stat().st_size < 200_000
    assert not any(name == "stderr" for name, _ in notebooks.shown(kept))


def test_there_are_two():
    assert [path.stem for path in notebooks.NOTEBOOKS] == ["first_steps", "streams_and_static_bias"]
