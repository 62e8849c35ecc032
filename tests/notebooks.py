"""Runs the notebooks of `examples/` as their readers do, in a kernel of their own.

python tests/notebooks.py   # runs them and keeps what they show in the files
"""

from __future__ import annotations

import os
import tempfile
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
    """What each code cell shows: printed lines without digits, and kinds of pictures."""
    found: list[tuple[str, object]] = []
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output.output_type == "stream":
                found.append((output.name, documents.shape_of(output.text)))
            else:
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
