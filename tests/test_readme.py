"""What README, docs, notebooks and help pages show runs as it stands there, and prints what is claimed.

Covers: cli/main.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import tomllib
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import documents
import pytest
from documents import ROOT

import zeroshot

if TYPE_CHECKING:
    from pathlib import Path

README = (ROOT / "README.md").read_text(encoding="utf-8")
# Trains, or encodes many videos: run with -m slow.
SLOW = {
    "stages",
    "search",
    "teach",
    "watch",
    "export",
    "reject",
    "timeline",
    "offline",
    "train",
    "evaluate",
    "bias",
    "archive",
    "audit",
    "cron",
    "static-bias",
    "index",
}
RUN = [path for path in documents.documents() if {"bash", "python"} & documents.languages_of(path)]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A reader's working folder."""
    monkeypatch.chdir(documents.make_folder(tmp_path / "reader"))
    return tmp_path / "reader"


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=pytest.mark.slow) if path.stem in SLOW else path for path in RUN],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_what_is_shown_runs_and_prints_what_is_claimed(path, folder):
    names: dict[str, object] = {"__name__": "__main__"}
    for block in documents.blocks_of(path.read_text(encoding="utf-8")):
        printed = documents.run_block(block, folder, names)
        if block.output is not None:
            assert not documents.differs(block.output, printed, block.points), block.content


def test_every_block_says_what_it_is():
    """A block of another language would neither be run nor held against anything."""
    for path in documents.documents():
        text = path.read_text(encoding="utf-8")
        assert documents.languages_of(path) <= documents.LANGUAGES, path
        shown = [block.output is not None for block in documents.blocks_of(text)]
        assert text.count("```") == 2 * (len(shown) + sum(shown)), path


def test_the_first_commands_are_shown_with_their_output():
    blocks = documents.blocks_of(README)
    assert blocks[0].content.startswith("pip install . && zeroshot classify examples/clips ")
    assert blocks[0].output
    assert sum(block.language == "python" and bool(block.output) for block in blocks) >= 1
    assert len(README.splitlines()) <= 120


@pytest.mark.parametrize(
    ("claimed", "printed", "fits"),
    [
        ("a 1.0%\nb", "  a 99.25%\nb\n", True),
        ("a\n…\nd", "a\nb\nc\nd", True),
        ("a\n…", "a\nb", True),
        ("…\nb", "a\nb", True),
        ("a … c", "a b c", True),
        ("a … c", "a b", False),
        ("a", "a\nb", False),
        ("a\nb", "b\na", False),
        ("a\nc", "a\nb\nc", False),
        ("waving 98%", "kicking 98%", False),
    ],
)
def test_outputs_are_held_against_what_is_printed(claimed, printed, fits):
    assert (documents.differs(claimed, printed) == "") is fits


@pytest.mark.parametrize(
    ("claimed", "printed", "fits"),
    [
        ("76.65%  kicking", "55.77%  kicking", False),
        ("76.65%  kicking", "77.9%  kicking", True),
        ("…\n40.7 % a, 3 % b", "0\n40.1 % a, 9 % b", False),
        ("12 of 24 … 3.1%", "7 of 24 chosen 3.0%", True),
    ],
)
def test_percentages_of_the_bundled_model_are_held_too(claimed, printed, fits):
    shown = documents.Block("bash", "zeroshot classify a.mp4 --model puppet-tiny\n", claimed)
    assert (documents.differs(claimed, printed, shown.points) == "") is fits
    trained = documents.Block("bash", "zeroshot train a.csv --model puppet-tiny\n", claimed)
    assert documents.differs(claimed, printed, trained.points) == ""


def test_a_document_that_claims_too_much_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(documents.make_folder(tmp_path / "reader"))
    block = documents.Block("bash", "zeroshot models --json  # exit status 1\n", None)
    with pytest.raises(AssertionError, match="ended with 0"):
        documents.run_block(block, tmp_path / "reader", {})
    block = documents.Block("bash", "zeroshot juggle\n", None)
    with pytest.raises(AssertionError, match="ended with 2"):
        documents.run_block(block, tmp_path / "reader", {})


def test_extras_that_documents_install_are_there():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for path in documents.documents():
        for named in re.findall(r'pip install "\.\[([a-z,]+)\]"', path.read_text(encoding="utf-8")):
            assert set(named.split(",")) <= set(extras), path


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_examples_explain_themselves(example, folder):
    status, printed = documents.run_command(f"python examples/{example.name} --help", folder)
    assert status == 0
    assert "usage: " in printed


def test_the_tour_runs(folder):
    status, printed = documents.run_command("python examples/tour.py", folder)
    assert status == 0
    assert "The same answer from a saved index: True" in printed


def test_the_picture_of_the_timeline_is_what_the_tool_draws(folder):
    """Its words, in their order; shares and seconds aside."""

    def words(path: Path) -> list[str]:
        texts = (each.text for each in ET.parse(path).iter() if each.tag.endswith("}text"))
        return [text for text in texts if not text[0].isdigit()]

    (command,) = re.findall(r"^zeroshot timeline examples/film.*$", README, flags=re.MULTILINE)
    status, _ = documents.run_command(command, folder)
    assert status == 0
    assert words(folder / "examples" / "timeline.svg") == words(ROOT / "examples" / "timeline.svg")


def site_pages():
    """The hook of mkdocs, as a module."""
    code = importlib.util.spec_from_file_location("site_pages", ROOT / "scripts" / "site_pages.py")
    pages = importlib.util.module_from_spec(code)
    code.loader.exec_module(pages)
    return pages


def test_links_of_the_repository_become_links_of_the_site():
    pages = site_pages()
    known = {"index.md", "accuracy.md", "how-to/gpu.md", "SECURITY.md", "benchmarks/LOG.md", "a.png"}
    text = "[a](../accuracy.md#x) [s](../../SECURITY.md) [h](https://h.org/x) [c](../../zeroshot/types.py)"
    shown = pages.with_site_links(text, "docs/how-to/gpu.md", known)
    assert shown == "[a](../accuracy.md#x) [s](../SECURITY.md) [h](https://h.org/x) c"
    text = "[l](LOG.md) [r](../README.md) [g](../docs/how-to/gpu.md) ![p](../a.png)"
    shown = pages.with_site_links(text, "benchmarks/README.md", known)
    assert shown == "[l](LOG.md) [r](../index.md) [g](../how-to/gpu.md) ![p](../a.png)"
    assert set(pages.BESIDE) <= set(pages.shown_files())
    assert all((ROOT / path).is_file() for path in pages.shown_files())
    assert {"classify", "bias make"} <= set(pages.verbs())


def test_the_reference_has_every_public_name():
    pages = site_pages()
    text = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^::: zeroshot\.(\w+)$", text, flags=re.MULTILINE))
    assert named <= set(zeroshot.__all__)
    assert pages.NAMES in text
    assert set(pages.names_beside(text)) == set(zeroshot.__all__) - named
    assert pages.references_to(["load"]) == "## More\n\n::: zeroshot.load\n"
    assert pages.references_to([]) == ""


def test_the_newcomer_types_what_the_readme_says():
    script = ROOT / "scripts" / "newcomer"
    done = subprocess.run([script, "--steps"], capture_output=True, text=True, check=True)
    for block in documents.blocks_of(README):
        if block.content.startswith("pip install . ") or block.content.startswith('pip install ".[test]"'):
            assert block.content.strip() in done.stdout
    assert "documents.py --check README.md" in done.stdout
