"""A hook of mkdocs: documents of the repository become pages, links to them lead there, commands are listed.

SECURITY, CHANGELOG and others stay where readers of the repository look for them; each is written once.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
BESIDE = ("SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "prompts/README.md")
BELOW = (
    "benchmarks/**/*.md",
    "benchmarks/results/**/*.png",
    "checkpoints/*/README.md",
    "examples/*.*g",
    "examples/*.html",
)
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#]+)(#[^)]*)?\)")
VERBS = "<!-- commands -->"
REPORTS = "<!-- fields of reports -->"
NAMES = "<!-- names that stand nowhere above -->"


def shown_files() -> list[str]:
    """Paths in the repository, outside docs/, that are shown."""
    below = [str(path.relative_to(ROOT)) for pattern in BELOW for path in sorted(ROOT.glob(pattern))]
    return [*BESIDE, *(path for path in below if "backbones" not in path)]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the documents that lie outside docs/ under the paths that they have in the repository."""
    from mkdocs.structure.files import File

    for path in shown_files():
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Links as they work in the repository become links of the site; help pages are filled in."""
    if VERBS in markdown:
        markdown = markdown.replace(VERBS, help_pages())
    if REPORTS in markdown:
        markdown = markdown.replace(REPORTS, report_fields())
    if NAMES in markdown:
        markdown = markdown.replace(NAMES, references_to(names_beside(markdown)))
    in_docs = Path(page.file.abs_src_path).is_relative_to(ROOT / "docs")
    place = f"docs/{page.file.src_uri}" if in_docs else page.file.src_uri
    return with_site_links(markdown, place, {file.src_uri for file in files})


def with_site_links(markdown: str, place: str, known: Collection[str]) -> str:
    """A document whose links lead to pages of the site; one that leads to no page becomes its words alone.

    Args:
        markdown: of the document.
        place: its path in the repository.
        known: pages and pictures of the site; those of docs/ without that folder's name.
    """
    here = PurePosixPath(place.removeprefix("docs/"))

    def led(link: re.Match[str]) -> str:
        picture, words, target, anchor = link.groups()
        if "://" in target:
            return link.group()
        there = os.path.normpath(PurePosixPath(place).parent / target)
        there = "index.md" if there == "README.md" else there.removeprefix("docs/")
        if there not in known:
            return link.group() if picture else words
        return f"{picture}[{words}]({os.path.relpath(there, here.parent)}{anchor or ''})"

    return LINK.sub(led, markdown)


def names_beside(markdown: str) -> list[str]:
    """Public names of the package that a document has no reference to."""
    import zeroshot

    return [name for name in zeroshot.__all__ if f"::: zeroshot.{name}\n" not in markdown]


def references_to(names: list[str]) -> str:
    """A section for names, or nothing where there are none."""
    parts = [f"::: zeroshot.{name}\n" for name in names]
    return "\n".join(["## More\n", *parts]) if parts else ""


def verbs() -> list[str]:
    """Every command, those of a group with the group's name before them."""
    from typer.main import get_command

    from zeroshot.cli.main import app

    found = []
    for name, command in get_command(app).commands.items():
        below = getattr(command, "commands", None)
        found += [name] if below is None else [f"{name} {other}" for other in below]
    return found


def help_pages() -> str:
    """What `-h` prints for each command, under its name: all of one process."""
    words = [sys.executable, __file__, *verbs()]
    done = subprocess.run(
        words, cwd=ROOT, env={**os.environ, "COLUMNS": "84"}, capture_output=True, text=True, check=True
    )
    return done.stdout


def help_of(verb: str) -> str:
    """What `-h` prints for a command."""
    from zeroshot.cli.main import app

    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
        app([*verb.split(), "--help"], prog_name="zeroshot")
    return shown.getvalue().strip("\n")


def report_fields() -> str:
    """Every field of every kind of report, from the JSON Schema files: a table for each object in them."""
    from zeroshot.reports.schema import FORMATS, report_schema, shared_parts

    shared = {"$defs": shared_parts()}
    parts = []
    for kind, number in FORMATS.items():
        schema = report_schema(kind)
        told = f"{schema['description']} `report` is `{kind}`, `format` {number}."
        parts.append(f"## {schema['title']}\n\n{told}\n\n{_fields('', schema, schema)}")
        parts += [
            f"### {kind}: {name}\n\n{part['description']}\n\n{_fields('', part, schema)}"
            for name, part in schema["$defs"].items()
            if "properties" in part and name not in shared["$defs"]
        ]
    parts.append("## Parts that several have")
    for name, part in shared["$defs"].items():
        fields = f"\n\n{_fields('', part, shared)}" if "properties" in part else ""
        parts.append(f"### {name}\n\n{part['description']}{fields}")
    return "\n\n".join(parts)


def _fields(above: str, schema: dict[str, Any], whole: dict[str, Any]) -> str:
    """The fields of an object, and of objects in it that have no name of their own, as a table."""
    rows = [] if above else ["| field | is | what |", "|---|---|---|"]
    for name, field in schema["properties"].items():
        may = "" if name in schema["required"] else ", may be absent"
        named = whole["$defs"].get(field.get("$ref", "").rpartition("/")[2], {})
        told = field.get("description") or named["description"]
        rows.append(f"| `{above}{name}` | {_type(field)}{may} | {told} |")
        inner = next((each for each in _inside(field) if "properties" in each), None)
        if inner is not None:
            rows.append(_fields(f"{above}{name}.", inner, whole))
    return "\n".join(rows)


def _inside(field: dict[str, Any]) -> list[dict[str, Any]]:
    """A field's own schema, and those of its entries, its values and its choices."""
    below = [field.get("items"), field.get("additionalProperties"), *field.get("anyOf", ())]
    return [field, *(deeper for each in below if isinstance(each, dict) for deeper in _inside(each))]


def _type(field: dict[str, Any]) -> str:
    """The type of a field, for people."""
    if "$ref" in field:
        return field["$ref"].rpartition("/")[2]
    if "anyOf" in field:
        return " or ".join(map(_type, field["anyOf"]))
    if "const" in field:
        return f"`{field['const']}`"
    if "items" in field:
        return f"list of {_type(field['items'])}"
    if isinstance(field.get("additionalProperties"), dict):
        return f"object of {_type(field['additionalProperties'])}"
    kinds = field.get("type", "anything")
    return kinds if isinstance(kinds, str) else " or ".join(kinds)


if __name__ == "__main__":
    parts = [f"## zeroshot {verb}\n\n```text\n{help_of(verb)}\n```\n" for verb in sys.argv[1:]]
    print("\n".join(parts), end="")
