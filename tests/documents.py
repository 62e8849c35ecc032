"""Runs what README and docs show, block by block, as a reader would type it; offline and in this process.

A document's blocks run in order in one folder that holds a copy of `examples/`:

* `bash`: each line; `zeroshot …` and `python examples/…` in this process, what needs a shell in one. Lines
  that begin with `pip` or `docker` are for the reader alone. `# exit status 1` expects that one.
* `python`: in one namespace a document.
* `output`: what the block above printed, errors included. Numbers may differ, but percentages of the bundled
  model by a few points only; `…` stands for any lines, or within a line for any words.
* `text` and others are not run: they need weights, data or machines that the reader has.

    python tests/documents.py README.md docs/index.md           # runs them, and writes outputs anew
    python tests/documents.py --check README.md docs/index.md   # runs them, each command in its own process
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LANGUAGES = {"bash", "python", "output", "text", "json", "csv", "html", "yaml"}
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_PASSING = re.compile(r"^zeroshot: .* (?:in|for) \d+ (?:s|min|h)\b.*\n", re.MULTILINE)  # said once a minute
_SHARE = re.compile(r"(\d+(?:\.\d+)?) ?%")
POINTS = 4.0  # by which another processor or decoder may move a percentage of the bundled model
_SKIPPED = ("pip ", "python3 -m venv", "docker ", "pytest", "mkdocs ")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, what it holds, and the output that is claimed right below it, or None."""

    language: str
    content: str
    output: str | None

    @property
    def points(self) -> float:
        """By how many points percentages may differ; of what was trained on the spot by any."""
        return POINTS if "puppet-tiny" in self.content and "zeroshot train" not in self.content else math.inf


def documents() -> list[Path]:
    """README and every page of docs."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks_of(text: str) -> list[Block]:
    """The blocks of a document in order, an output with the block that it stands below."""
    found: list[Block] = []
    for indent, language, content in _FENCE.findall(text):
        plain = "".join(line.removeprefix(indent) for line in content.splitlines(keepends=True))
        if language == "output":
            last = found.pop()
            found.append(Block(last.language, last.content, plain))
        else:
            found.append(Block(language, plain, None))
    return found


def make_folder(folder: Path) -> Path:
    """A folder as the reader's: with the examples, and a command `zeroshot` for what needs a shell."""
    shutil.copytree(ROOT / "examples", folder / "examples")
    (folder / ".bin").mkdir()
    for name, words in (("zeroshot", "-m zeroshot"), ("python", "")):
        command = folder / ".bin" / name
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        command.chmod(0o755)
    return folder


def commands_in(content: str) -> list[tuple[str, int]]:
    """The commands of a shell block that are run, each with the exit status that is expected."""
    found = []
    for line in content.replace("\\\n", " ").splitlines():
        for command in line.split(" && "):
            words = command.split("  # ")[0].strip()
            if words and not words.startswith((*_SKIPPED, "#")):
                found.append((words, 1 if "# exit status 1" in command else 0))
    return found


def languages_of(path: Path) -> set[str]:
    """What the fenced blocks of a document are written in."""
    return {language for _, language, _ in _FENCE.findall(path.read_text(encoding="utf-8"))}


def run_command(command: str, folder: Path, *, apart: bool = False) -> tuple[int, str]:
    """Exit status, and what was printed on stdout and stderr together.

    Args:
        command: as it is typed.
        folder: from `make_folder`.
        apart: in a process of its own, whatever it is.
    """
    words = shlex.split(command)
    if not apart and words[0] == "zeroshot" and not set(command) & set("|<>$;*"):
        from zeroshot.cli.main import main  # `python -m zeroshot` ends its process, which is this one here

        return _in_this_process(words, main)
    if not apart and words[0] == "python" and words[1].startswith("examples/"):
        return _in_this_process(words[1:], lambda: runpy.run_path(words[1], run_name="__main__"))
    paths = {"PATH": f"{folder / '.bin'}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", command],
        env={**os.environ, **paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def _in_this_process(words: list[str], run) -> tuple[int, str]:
    kept, paths, printed = sys.argv, list(sys.path), io.StringIO()
    sys.argv = list(words)
    if words[0].endswith(".py"):
        sys.path.insert(0, str(Path(words[0]).parent.resolve()))  # an example finds its siblings
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            run()
    except SystemExit as end:
        return (end.code if isinstance(end.code, int) else int(end.code is not None)), printed.getvalue()
    finally:
        sys.argv, sys.path[:] = kept, paths
    return 0, printed.getvalue()


def run_block(block: Block, folder: Path, names: dict[str, object], *, apart: bool = False) -> str:
    """What a block printed.

    Args:
        block: a shell or Python block runs, any other prints nothing.
        folder: from `make_folder`; the working folder.
        names: of the Python blocks before.
        apart: see `run_command`.
    """
    if block.language == "bash":
        shown = ""
        for command, expected in commands_in(block.content):
            status, printed = run_command(command, folder, apart=apart)
            assert status == expected, f"{command}\nended with {status}:\n{printed}"
            shown += _PASSING.sub("", printed)
        return shown
    if block.language != "python":
        return ""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        exec(compile(block.content, "document", "exec"), names)
    return printed.getvalue()


def shape_of(text: str) -> list[str]:
    """The lines of an output without what may differ between machines: digits, and the width of columns."""
    found = []
    for line in text.strip("\n").splitlines():
        plain = re.sub(r"-?\d[\d,]*(\.\d+)?(e-?\d+)?", "#", line.rstrip())
        found.append(re.sub(r"[ ]+", " ", plain).strip())
    return found


def shares_of(text: str) -> list[list[float]]:
    """The percentages of each line of an output."""
    return [[float(share) for share in _SHARE.findall(line)] for line in text.strip("\n").splitlines()]


def _near(some: list[float], others: list[float], points: float) -> bool:
    """Whether percentages are the same but for so many points; where `…` hides some, nothing is held."""
    pairs = zip(some, others, strict=False)
    return len(some) != len(others) or all(abs(one - other) <= points for one, other in pairs)


def differs(claimed: str, printed: str, points: float = math.inf) -> str:
    """The first claimed line that was not printed where it stands, or "" where all were.

    Args:
        claimed: an output as a document has it.
        printed: what was printed.
        points: by which percentages may differ.
    """
    there, shares = shape_of(printed), shares_of(printed)
    row, gap = 0, False
    for line, wanted in zip(shape_of(claimed), shares_of(claimed), strict=True):
        if line == "…":
            gap = True
            continue
        pattern = ".*".join(map(re.escape, re.split(" ?… ?", line)))
        places = [place for place in range(row, len(there)) if re.fullmatch(pattern, there[place])]
        if places and not _near(wanted, shares[places[0]], points):
            return f"{line!r} has other percentages: {wanted} claimed, {shares[places[0]]} printed"
        if not places or (not gap and places[0] != row):
            return f"{line!r} is not there; printed was:\n{printed}"
        row, gap = places[0] + 1, False
    return "" if gap or row == len(there) else f"more was printed: {there[row:]}"


def rewrite(path: Path, folder: Path) -> list[str]:
    """Run a document and put what is printed now in its outputs; those with a `…` are held against it."""
    text, names, end = path.read_text(encoding="utf-8"), {"__name__": "__main__"}, 0
    wrong: list[str] = []
    for block in blocks_of(text):
        printed = run_block(block, folder, names)
        if block.output is None:
            continue
        if "…" in block.output:
            wrong += [found] if (found := differs(block.output, printed, block.points)) else []
            continue
        begin = text.index(block.content + "```", end) + len(block.content)
        begin = text.index("```output\n", begin) + len("```output\n")
        end = begin + len(block.output)
        text = text[:begin] + printed.strip("\n") + "\n" + text[end:]
    path.write_text(text, encoding="utf-8")
    return wrong


def check(path: Path, folder: Path) -> list[str]:
    """What of a document does not run, or prints something else, a text each."""
    wrong, names = [], {"__name__": "__main__"}
    for block in blocks_of(path.read_text(encoding="utf-8")):
        try:
            printed = run_block(block, folder, names, apart=True)
        except Exception as error:  # noqa: BLE001 - the rest is of interest as well
            wrong.append(f"{block.content}{type(error).__name__}: {error}")
            continue
        if block.output is not None and (found := differs(block.output, printed, block.points)):
            wrong.append(f"{block.content}{found}")
    return wrong


def main() -> None:
    """Write the outputs of the documents that are named anew, or with --check say what is wrong with them."""
    import tempfile
    import time

    checking, failed = "--check" in sys.argv[1:], 0
    for path in [Path(name).resolve() for name in sys.argv[1:] if name != "--check"]:
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as room:
            folder = make_folder(Path(room) / "reader")
            os.chdir(folder)
            wrong = check(path, folder) if checking else rewrite(path, folder)
            os.chdir(ROOT)
        failed += bool(wrong)
        state = "WRONG" if wrong else "fine" if checking else "written"
        seconds = time.monotonic() - started
        print(f"{seconds:7.1f} s  {state}  {path.relative_to(ROOT)}", *wrong, sep="\n", flush=True)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
