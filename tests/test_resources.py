"""Bundled files are found from a source tree."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest

import zeroshot
from zeroshot import resources


def test_prompts_and_checkpoints_lie_where_they_are_looked_for():
    assert (resources.prompts_folder() / "labels" / "kinetics400.txt").is_file()
    assert (resources.checkpoints_folder() / "puppet-tiny" / "config.json").is_file()


class Installed:
    """A distribution that pip wrote `direct_url.json` for, or did not."""

    def __init__(self, origin: dict | None) -> None:
        self.origin = origin

    def read_text(self, _: str) -> str | None:
        return None if self.origin is None else json.dumps(self.origin)


SOURCE = Path(resources.__file__).parents[1]


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        (None, "pip install 'zeroshot-video[train]'"),
        ({"url": SOURCE.as_uri(), "dir_info": {}}, f"pip install '{SOURCE}[train]'"),
        ({"url": "file:///gone/since", "dir_info": {}}, "pip install 'zeroshot-video[train]'"),
        ({"url": "https://somewhere/x.whl", "archive_info": {}}, "pip install 'zeroshot-video[train]'"),
    ],
)
def test_what_to_type_for_an_optional_part_is_told_by_how_it_was_installed(origin, line, monkeypatch):
    monkeypatch.setattr(metadata, "distribution", lambda name: Installed(origin))
    assert resources.install_line("train") == line


def test_run_from_a_source_tree_the_tree_is_named(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    assert resources.install_line("ray") == f"pip install '{SOURCE}[ray]'"


def test_one_place_says_the_version():
    assert zeroshot.__version__ == resources.VERSION
