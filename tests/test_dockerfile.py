"""The Dockerfile copies what an installation needs and runs the README's first command, as read."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from fnmatch import fnmatch

import pytest
from documents import ROOT, blocks_of

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LINES = [line for line in DOCKERFILE.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
COPIED = [word for line in LINES if line.startswith("COPY") for word in line.split()[1:-1]]
PAGE = (ROOT / "docs" / "how-to" / "container.md").read_text(encoding="utf-8")


def test_what_is_copied_is_there_and_is_sent_along():
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")}
    assert set(COPIED) == kept
    assert all((ROOT / path).exists() for path in COPIED)


def test_an_installation_needs_nothing_else():
    facts = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = facts["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = [*wheel["packages"], *wheel["force-include"], facts["project"]["readme"]]
    needed += facts["project"]["license-files"]
    assert {path.partition("/")[0] for path in needed} <= set(COPIED)


def test_it_runs_what_the_readme_runs():
    entry, command_words = (
        json.loads(line.split(" ", 1)[1]) for line in LINES if line.startswith(("ENTRYPOINT", "CMD"))
    )
    command = blocks_of((ROOT / "README.md").read_text(encoding="utf-8"))[0].content
    assert entry + command_words == shlex.split(command.partition(" && ")[2])


@pytest.mark.parametrize("target", ["cpu", "cuda"])
def test_each_target_installs_and_gives_up_its_rights(target):
    stages = {
        text.split(maxsplit=3)[2]: text
        for text in DOCKERFILE.split("\nFROM ")[1:]
        if " AS " in f"FROM {text}"
    }
    stage = next(text for text in stages.values() if f" AS {target}\n" in text)
    assert "RUN pip install .\nUSER reader\nWORKDIR /work" in stage
    assert f"docker build --target {target}" in PAGE


def test_it_names_no_host():
    """What is fetched and from where is the reader's choice, the first line aside."""
    assert "//" not in DOCKERFILE
    images = [line.split()[1] for line in LINES if line.startswith("FROM")]
    assert images == ["python:3.12-slim", "source", "source"]


def test_the_image_has_a_python_that_the_package_takes():
    version = re.search(r"python:(3\.\d+)", DOCKERFILE)[1]
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    assert any(fnmatch(line, f"*:: {version}") for line in classifiers)
