"""Bundled files are found from a source tree; what is not installed is told with its remedy."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

import zeroshot
from zeroshot import resources
from zeroshot.errors import OptionError

if TYPE_CHECKING:
    from pathlib import Path


def test_prompts_and_checkpoints_lie_where_they_are_looked_for():
    assert (resources.prompts_folder() / "labels" / "kinetics400.txt").is_file()
    assert (resources.checkpoints_folder() / "puppet-tiny" / "config.json").is_file()


class Installed:
    """A distribution that pip wrote `direct_url.json` for, or did not."""

    def __init__(self, origin: dict | None) -> None:
        self.origin = origin

    def read_text(self, _: str) -> str | None:
        return None if self.origin is None else json.dumps(self.origin)


@pytest.fixture
def tree(tmp_path) -> Path:
    """A source tree."""
    (tmp_path / "pyproject.toml").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    "origin",
    [
        None,
        {"url": "file:///gone/since", "dir_info": {}},
        {"url": "https://somewhere/x.whl", "archive_info": {}},
        {"dir_info": {}},
    ],
)
def test_an_optional_part_comes_from_the_package_index(origin, monkeypatch):
    monkeypatch.setattr(metadata, "distribution", lambda name: Installed(origin))
    assert resources.install_line("train") == "pip install 'zeroshot-video[train]'"


def test_installed_from_a_folder_the_folder_is_named(tree, monkeypatch):
    origin = {"url": tree.as_uri(), "dir_info": {}}
    monkeypatch.setattr(metadata, "distribution", lambda name: Installed(origin))
    assert resources.install_line("train") == f"pip install '{tree}[train]'"


def test_run_from_a_source_tree_the_tree_is_named(tree, monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    monkeypatch.setattr(resources, "_PACKAGE", tree / "zeroshot")
    assert resources.install_line("ray") == f"pip install '{tree}[ray]'"


def test_one_place_says_the_version():
    assert zeroshot.__version__ == resources.VERSION


def test_what_is_missing_is_named_with_the_command_that_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "blorp", ModuleType("blorp"))  # as a stand-in: of no file
    resources.require_installed("waving needs", ["json", "blorp"], package="blorp")
    with pytest.raises(OptionError, match=r"^waving needs zindle, which is not installed; pip install zin$"):
        resources.require_installed("waving needs", ["json", "zindle"], package="zin")
    with pytest.raises(OptionError, match=r"needs a1, b1 and c1, which are not installed; pip .*\[app\]'$"):
        resources.require_installed("the page needs", ["a1", "b1", "c1"], extra="app")


@pytest.mark.parametrize(
    ("told", "above", "expected"),
    [
        ("", "/x", "/x/zeroshot"),
        ("", "not/absolute", "/home/me/.cache/zeroshot"),
        ("", "", "/home/me/.cache/zeroshot"),
        ("/y/z", "/x", "/y/z"),
        ("~/z", "", "/home/me/z"),
        ("off", "/x", None),
        ("OFF", "/x", None),
        ("not/absolute", "", None),
    ],
)
def test_the_cache_is_the_user_s_own_or_the_one_that_is_named(told, above, expected, monkeypatch):
    for name, value in {"ZEROSHOT_CACHE": told, "XDG_CACHE_HOME": above, "HOME": "/home/me"}.items():
        monkeypatch.setenv(name, value)
    found = resources.cache_folder()
    assert (None if found is None else str(found)) == expected
