"""A checkpoint's card as the model hub reads it: what `README.md` says, below metadata that are true."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from zeroshot.errors import ModelError, OptionError, one_line
from zeroshot.model.hub.own_files import CARD, RECORDS, config_of
from zeroshot.model.hub.pull import PREFIX, hub_name
from zeroshot.model.networks.foreign import read_json
from zeroshot.resources import DISTRIBUTION

if TYPE_CHECKING:
    from pathlib import Path

UNKNOWN_LICENCE = "unknown"
_LICENCE = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
TASK = "video-classification"
_TAGS = ("zero-shot", "video", "clip", "action-recognition")
_STREAMS = ("static", "dynamic", "fused")


def card_of(folder: Path, repository: str, licence: str | None = None) -> str:
    """The card of a checkpoint, with the metadata that the hub sorts and links it by.

    What the card's own metadata say stays, tags are joined.

    Args:
        folder: of the checkpoint.
        repository: ORG/NAME that it is to be pushed to.
        licence: as the hub writes it, such as apache-2.0; None: what the card says, else unknown.

    Raises:
        OptionError: the licence has another form.
        ModelError: the card's own metadata cannot be read.
    """
    from huggingface_hub import ModelCardData

    if licence is not None and not _LICENCE.fullmatch(licence):
        raise OptionError(
            f"licence {licence!r}; expected one as the hub writes it, such as apache-2.0 or mit"
        )
    text = (folder / CARD).read_text(encoding="utf-8") if (folder / CARD).is_file() else ""
    said, body = _apart(text, folder / CARD)
    made = _metadata(folder, repository)
    tags = list(dict.fromkeys([*made["tags"], *(said.get("tags") or ())]))
    joined = {"license": UNKNOWN_LICENCE, **made, **said, "tags": tags}
    if licence is not None:
        joined["license"] = licence
    try:
        metadata = ModelCardData(**joined).to_yaml()
    except Exception as error:  # of whatever kind, as the words are somebody's own
        raise _unreadable(folder / CARD, error) from error
    return f"---\n{metadata}\n---\n\n{_with_use(body, repository)}"


def licence_of(card: str) -> str:
    """The licence that a card names."""
    from huggingface_hub import ModelCard

    return str(ModelCard(card).data.license)


def _apart(text: str, card: Path) -> tuple[dict[str, Any], str]:
    """A card's own metadata, and what stands below them."""
    from huggingface_hub import ModelCard

    if not text.lstrip().startswith("---"):
        return {}, text.strip()
    try:
        read = ModelCard(text)
        return read.data.to_dict(), read.text.strip()
    except Exception as error:  # YAML has many ways to be wrong
        raise _unreadable(card, error) from error


def _unreadable(card: Path, error: Exception) -> ModelError:
    """The error for metadata that are none."""
    return ModelError(
        f"the metadata of {card} cannot be read: {one_line(error)}; expected YAML between --- lines"
    )


def _with_use(body: str, repository: str) -> str:
    """The text of a card that also says how the checkpoint is loaded from there."""
    name = f"{PREFIX}{repository}"
    if name in body:
        return f"{body}\n"
    use = (
        f'    zeroshot classify VIDEO --model {name} --labels "a, b, c"\n\n'
        f'    zeroshot.load("{name}", labels=["a", "b", "c"]).rank("video.mp4")\n'
    )
    title = "" if body else f"# {repository.partition('/')[2]}\n\nA checkpoint of {DISTRIBUTION}."
    return f"{body or title}\n\n## From the hub\n\n{use}"


def _metadata(folder: Path, repository: str) -> dict[str, Any]:
    """What the hub is to know, of what the folder itself says."""
    from huggingface_hub import ModelCardData

    config = config_of(folder)
    has_adapter = "adapter" in config
    base = _base_model(config) if has_adapter else None
    results = _results(folder)
    relation = {"base_model": base, "base_model_relation": "adapter"} if base else {}
    data = ModelCardData(
        model_name=repository.partition("/")[2],
        library_name=DISTRIBUTION,
        pipeline_tag=TASK,
        tags=[*_TAGS, *(["adapter"] if has_adapter else [])],
        eval_results=results or None,
        **relation,
    )
    made: dict[str, Any] = data.to_dict()
    return made


def _base_model(config: dict[str, Any]) -> str | None:
    """ORG/NAME of the network that an adapter reads; None where it has none there."""
    name = (config.get("backbone") or {}).get("name")
    if not isinstance(name, str):
        return None
    if name.startswith(PREFIX):
        return hub_name(name).repository
    if name.startswith("hf:"):
        return name.removeprefix("hf:").partition("@")[0]
    architecture, _, tag = name.partition("/")
    from zeroshot.model.networks.open_clip import hub_repository  # and torch with it

    return hub_repository(architecture, tag)


def _results(folder: Path) -> list[Any]:
    """Figures of a training's held-out videos, said to be such, a line a stream and a metric."""
    from huggingface_hub import EvalResult

    for record in RECORDS:
        facts = read_json(folder / record) if (folder / record).is_file() else {}
        try:
            metrics = facts["history"][facts["best_epoch"] - 1]["metrics"]
            number, split = int(facts["videos"]["held_out"]), str(facts["split"])
            shown = [
                (stream, kind, float(metrics[f"{stream}_{kind}"]))
                for stream in _STREAMS
                for kind in ("accuracy", "balanced")
                if f"{stream}_{kind}" in metrics
            ]
        except (KeyError, IndexError, TypeError, ValueError):
            continue  # of another kind of training, or of an older version
        words = {"accuracy": "accuracy", "balanced": "balanced accuracy"}
        return [
            EvalResult(
                task_type=TASK,
                dataset_type=re.sub(r"[^\w.-]+", "-", split) or "videos",
                dataset_name=f"{number} held-out videos of {split}, which chose the epoch",
                metric_type="accuracy",
                metric_name=f"{stream} stream, {words[kind]}, seen labels",
                metric_value=round(value, 4),
            )
            for stream, kind, value in shown
            if number
        ]
    return []
