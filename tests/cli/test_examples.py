"""The examples of help pages, pasted as they are where `examples/clips` lies."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from zeroshot.cli.main import app

CLIPS = Path(__file__).parents[2] / "examples" / "clips"


def pages() -> dict[str, str]:
    """The words of each help page, by its verb."""
    found = {}
    for above, group in (
        ("", app),
        *((f"{each.name} ", each.typer_instance) for each in app.registered_groups),
    ):
        assert isinstance(group, typer.Typer)
        found |= {f"{above}{each.name}": str(each.callback.__doc__) for each in group.registered_commands}
        if group.registered_callback is not None:
            found[above.strip()] = str(group.registered_callback.callback.__doc__)
    return found


PAGES = pages()


def lines(page: str, kind: str) -> list[str]:
    """What stands behind "Example:" or each "After:" on a page."""
    return [found.strip() for found in re.findall(rf"^ *{kind}: +(zeroshot .*)$", page, re.MULTILINE)]


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Path:
    """A folder that holds `examples/clips` and what earlier examples left."""
    place = tmp_path_factory.mktemp("desk")
    (place / "examples").mkdir()
    (place / "examples" / "clips").symlink_to(CLIPS)
    return place


# The longest runs; the sets that `bias make` writes are those that `bias score` wants first.
SLOW = ("audit", "export", "bias make", "bias probe", "bias score", "train")
ELSEWHERE = {"push", "download", "serve", "app", "watch"}  # need a hub, a camera, or somebody who ends them
RUNS = [
    pytest.param(verb, marks=pytest.mark.slow) if verb in SLOW else verb
    for verb in sorted(PAGES.keys() - ELSEWHERE)
]


@pytest.mark.parametrize("verb", RUNS)
def test_the_example_runs(run, desk, monkeypatch, verb):
    monkeypatch.chdir(desk)
    (example,) = lines(PAGES[verb], "Example")
    assert example.startswith(f"zeroshot {verb}".strip())
    for words in (*lines(PAGES[verb], "After"), example):
        status, out, err = run(*shlex.split(words)[1:])
        assert status == 0, err
        assert out.strip()


@pytest.mark.parametrize("verb", sorted(PAGES))
def test_the_example_stands_on_its_page_in_one_piece(run, verb):
    _, out, _ = run(*verb.split(), "-h")
    (words,) = lines(PAGES[verb], "Example")
    assert f"  Example:  {words}\n" in out
