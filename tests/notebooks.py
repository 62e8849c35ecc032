"""Runs the notebooks of `examples/` as their readers do, in a kernel of their own.

python tests/notebooks.py   # runs them and keeps what they show in the files
"""

from __future__ import annotations

import os
import re
import tempfile
from itertools import groupby
from pathlib import Path

import documents
import nbformat
from nbclient import NotebookClient

NOTEBOOKS = sorted((documents.ROOT / "examples").glob("*.ipynb"))


def executed(path: Path, folder: Path) -> nbformat.NotebookNode:
    """The notebook with what it shows now.

    Args:
        path: of the notebook.
        folder: from `documents.make_folder`.
    """
    notebook = nbformat.read(path, as_version=4)
    kept = os.environ["PATH"]
    os.environ["PATH"] = f"{folder / '.bin'}{os.pathsep}{kept}"
    try:
        where = {"metadata": {"path": str(folder / "examples")}}
        client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where)
        return without_hints(client.execute())
    finally:
        os.environ["PATH"] = kept


def without_hints(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook without what a library says where widgets for its progress bars are not installed."""
    for cell in notebook.cells:
        if "outputs" in cell:
            cell.outputs = [each for each in cell.outputs if "ipywidgets" not in each.get("text", "")]
    return notebook


def shown(notebook: nbformat.NotebookNode) -> list[tuple[str, object]]:
    """What each code cell shows: printed lines without digits, and kinds of pictures.

    A kernel cuts what is printed where time passes between two lines: pieces that follow each other are one.
    """
    found: list[tuple[str, object]] = []
    for cell in notebook.cells:
        said = groupby(cell.get("outputs", ()), lambda output: output.get("name", ""))
        for name, outputs in ((name, list(each)) for name, each in said):
            if name:
                # Words for now, which a terminal takes away again, stand there where loading took a while.
                text = re.sub(r"[^\n]*\x1b\[K", "", "".join(output.text for output in outputs))
                found += [(name, documents.shape_of(text))] if text.strip() else []
                continue
            for output in outputs:
                kinds = {kind for kind in output.data if kind.startswith("image/")}
                found.append((output.output_type, sorted(kinds)))
    return found


def main() -> None:
    """Run all and write them."""
    for path in NOTEBOOKS:
        with tempfile.TemporaryDirectory() as room:
            notebook = executed(path, documents.make_folder(Path(room) / "reader"))
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)  # when each cell ran
        nbformat.write(notebook, path)


if __name__ == "__main__":
    main()
