"""Writes a line for each room and file of the package into ARCHITECTURE.md, from their docstrings.

python scripts/list_files.py           # write
python scripts/list_files.py --check   # say what is stale, exit status 1 if anything is
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "ARCHITECTURE.md"
BEGIN, END = "<!-- files: written by scripts/list_files.py -->\n", "<!-- end of files -->\n"


def first_line(path: Path) -> str:
    """The first line of a module's docstring."""
    words = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return words.splitlines()[0] if words else ""


def listing() -> str:
    """A table for each room, then one for the modules beside them."""
    package = ROOT / "zeroshot"
    parts = []
    for room in sorted(path.parent for path in package.rglob("*/__init__.py")):
        files = [path for path in sorted(room.glob("*.py")) if path.name != "__init__.py"]
        rows = [f"| `{path.name}` | {first_line(path)} |" for path in files]
        title = f"### `{room.relative_to(ROOT)}/`\n\n{first_line(room / '__init__.py')}\n"
        parts.append("\n".join([title, "| file | what lives there |", "|---|---|", *rows, ""]))
    rows = [f"| `{path.name}` | {first_line(path)} |" for path in sorted(package.glob("*.py"))]
    parts.append("\n".join(["### Beside the rooms\n", "| file | what lives there |", "|---|---|", *rows, ""]))
    return "\n".join(parts)


def updated() -> str:
    """ARCHITECTURE.md with the listing as it should be."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n" + listing() + "\n" + END + rest.split(END)[1]


def main() -> None:
    """Write the listing, or with --check hold it against the files."""
    text = updated()
    if "--check" in sys.argv[1:]:
        if text != DOCUMENT.read_text(encoding="utf-8"):
            sys.exit("ARCHITECTURE.md lists other files than there are: run python scripts/list_files.py")
        return
    DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
