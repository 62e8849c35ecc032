"""What the shell offers when somebody presses Tab after an option; no network library is loaded for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def words(*offered: str) -> Callable[[str], list[str]]:
    """Offers these words."""

    def fitting(incomplete: str) -> list[str]:
        return _fitting(offered, incomplete)

    return fitting


def model_names(incomplete: str) -> list[str]:
    """Bundled and well-known models; folders and files the shell offers by itself."""
    from zeroshot.model.catalog import known_models

    return _fitting((row["model"] for row in known_models()), incomplete)


def checkpoint_names(incomplete: str) -> list[str]:
    """Bundled checkpoints."""
    from zeroshot.resources import bundled_names, checkpoints_folder

    return _fitting(bundled_names(checkpoints_folder()), incomplete)


def label_lists(incomplete: str) -> list[str]:
    """Bundled label lists."""
    from zeroshot.text.lists import bundled_lists

    return _fitting(bundled_lists(), incomplete)


def template_sets(incomplete: str) -> list[str]:
    """Bundled template sets."""
    from zeroshot.text.lists import bundled_templates

    return _fitting(bundled_templates(), incomplete)


def protocol_names(incomplete: str) -> list[str]:
    """What figures can be made by."""
    from zeroshot.datasets.protocols import PROTOCOLS
    from zeroshot.datasets.untrimmed import LOCALIZATION

    return _fitting([*PROTOCOLS, *LOCALIZATION], incomplete)


def lineage_names(incomplete: str) -> list[str]:
    """Lines of papers whose settings are known."""
    from zeroshot.datasets.paper_settings import LINEAGES

    return _fitting(LINEAGES, incomplete)


def _fitting(offered: Iterable[str], incomplete: str) -> list[str]:
    """Those that go on as somebody began."""
    return [word for word in offered if word.startswith(incomplete)]
