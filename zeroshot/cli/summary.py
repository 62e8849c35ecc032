"""A checkpoint in five lines for people: what it is, what it stands on, trained on what, how good, whose."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeroshot.errors import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNSAID = "not recorded"
_HEAD = 4096  # characters of a card in which its licence stands, if anywhere
_NO_FIGURES = {"seed", "num_videos", "coupling"}
_SHOWN = 3  # figures


def summary(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Five (name, text) lines; what no file of the folder says is "not recorded".

    Args:
        facts: of `checkpoint.describe`.
    """
    config = _mapping(facts["config"])
    adapter = _mapping(config.get("adapter"))
    records = {name: _mapping(value) for name, value in facts.items() if name.endswith("training")}
    adapted = [each for each in records.values() if each.get("kind") == "adapter"]
    record = adapted[0] if adapted else next(iter(records.values()), {})
    stream = str(config.get("stream")) if adapter else None
    return [
        ("what it is", _what(config, adapter, facts["weights"])),
        ("stands on", _ground(config, adapter)),
        ("trained on", _training(record)),
        ("measured", _measured(record, stream)),
        ("licence", _licence(Path(facts["folder"]))),
    ]


def _what(config: Mapping[str, Any], adapter: Mapping[str, Any], weights: Mapping[str, Any]) -> str:
    total = sum(_whole(_mapping(each).get("parameters")) for each in weights.values())
    size = f"{total / 1e6:.1f} million numbers"
    if not adapter:
        return f"a network like CLIP for frames and texts, {size}"
    frames = counted(_whole(adapter.get("num_frames")), "frame")
    return f"static and dynamic stream over {frames}, {size}; answers with {config.get('stream')}"


def _ground(config: Mapping[str, Any], adapter: Mapping[str, Any]) -> str:
    own = "model_cfg" in config or "vision_config" in config
    if not adapter:
        return "itself" if own else _UNSAID
    name = _mapping(config.get("backbone")).get("name")
    if name:
        return f"{name}, frozen, which is opened beside it"
    return "a network like CLIP in the same folder, frozen" if own else _UNSAID


def _training(record: Mapping[str, Any]) -> str:
    labels, videos = record.get("labels"), _mapping(record.get("videos"))
    if isinstance(labels, list) and videos:
        split = f" ({record['split']})" if record.get("split") else ""
        chosen = counted(_whole(videos.get("held_out")), "other video")
        words = (
            f"{counted(_whole(videos.get('training')), 'video')} of {counted(len(labels), 'label')}{split}"
        )
        method = _mapping(record.get("method")).get("name")
        way = f" by the method {method}" if method else ""
        return f"{words}{way}; chosen on {chosen}"
    number = _mapping(record.get("settings")).get("videos")
    recipe = f" by {record['recipe']}" if record.get("recipe") else ""
    return f"{counted(number, 'video')}{recipe}" if isinstance(number, int) else _UNSAID


def _measured(record: Mapping[str, Any], stream: str | None) -> str:
    """Figures on fresh videos where a recipe took some, else those that chose the epoch."""
    taken = record.get("metrics_percent")
    rows = [_mapping(row) for row in taken] if isinstance(taken, list) else []
    if rows:
        row = next((row for row in rows if row.get("stream") == stream), rows[0])
        figures = {name: value for name, value in row.items() if _is_figure(name, value)}
        shown = ", ".join(
            f"{name.replace('_', ' ')} {value:g} %" for name, value in list(figures.items())[:_SHOWN]
        )
        return f"{shown}, on {counted(_whole(row.get('num_videos')), 'fresh video')}"
    history, best = record.get("history"), record.get("best_epoch")
    if isinstance(history, list) and isinstance(best, int) and 0 < best <= len(history):
        metrics = _mapping(_mapping(history[best - 1]).get("metrics"))
        found = [
            f"{name} {metrics[f'{name}_accuracy']:.1%}"
            for name in ("static", "dynamic", "fused")
            if isinstance(metrics.get(f"{name}_accuracy"), float)
        ]
        if found:
            return f"right on held-out videos, which chose the epoch: {', '.join(found)}"
    return _UNSAID


def _licence(folder: Path) -> str:
    """As the metadata of its card say."""
    from zeroshot.resources import checkpoints_folder

    try:
        with (folder / "README.md").open(encoding="utf-8", errors="replace") as card:
            head = re.match(r"---\n(.*?)\n---", card.read(_HEAD), re.DOTALL)
    except OSError:
        head = None
    said = head and re.search(r"^license:\s*(\S.*)$", head[1], re.MULTILINE)
    if said:
        return said[1].strip().strip("\"'")
    return "Apache-2.0, as this package" if folder.parent == checkpoints_folder() else _UNSAID


def _is_figure(name: str, value: object) -> bool:
    return isinstance(value, float) and name not in _NO_FIGURES


def _mapping(value: object) -> Mapping[str, Any]:
    """The value, if it is a mapping: files may hold anything."""
    return value if isinstance(value, dict) else {}


def _whole(value: object) -> int:
    """The value, if it is a number: files may hold anything."""
    return value if isinstance(value, int) else 0
