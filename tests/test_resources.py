"""Bundled files are found from a source tree."""

from __future__ import annotations

from zeroshot import resources


def test_prompts_and_checkpoints_lie_where_they_are_looked_for():
    assert (resources.prompts_folder() / "labels" / "kinetics400.txt").is_file()
    assert (resources.checkpoints_folder() / "puppet-tiny" / "config.json").is_file()
