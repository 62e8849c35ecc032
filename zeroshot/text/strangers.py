"""Words that come from strangers over a wire: lists and names of bundled sets, and no file that they name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zeroshot.errors import LabelError
from zeroshot.text.lists import bundled_lists, bundled_templates
from zeroshot.text.stages import bundled_stages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from zeroshot.text.prompts import LabelSource, TemplateSource
    from zeroshot.text.stages import StageSource


def labels_of_strangers(source: str | Sequence[str] | Mapping[str, Any]) -> LabelSource:
    """Labels as `make_prompts` takes them, of which none can make it open a file of its user's.

    Args:
        source: a list, {label: descriptions}, the name of a bundled list, or "a,b,c".

    Raises:
        LabelError: a text that is neither.

    >>> labels_of_strangers("waving, kicking"), labels_of_strangers("puppet_actions")
    (['waving', 'kicking'], 'puppet_actions')
    """
    if not isinstance(source, str) or source in bundled_lists():
        return source
    if "," not in source:
        raise _unknown("labels", source, 'a list of labels, "a,b,c"', bundled_lists())
    return [item.strip() for item in source.strip().removesuffix(",").split(",")]


def templates_of_strangers(source: str | Sequence[str] | None) -> TemplateSource:
    """Templates as `make_prompts` takes them, of which none names a file.

    Args:
        source: sentences with {}, or the name of a bundled set.

    Raises:
        LabelError: a text that is neither.
    """
    if not isinstance(source, str) or source in bundled_templates():
        return source
    if "{" not in source:
        raise _unknown("templates", source, "a sentence with {}", bundled_templates())
    return [source]


def stages_of_strangers(source: str | Mapping[str, Any] | None) -> StageSource:
    """Stages as `make_prompts` takes them, of which none names a file.

    Args:
        source: {label: {"start": …, "end": …}}, or the name of a bundled set.

    Raises:
        LabelError: a text that names no set.
    """
    if not isinstance(source, str) or source in bundled_stages():
        return source
    raise _unknown("stages", source, '{label: {"start": …, "end": …}}', bundled_stages())


def _unknown(what: str, text: str, expected: str, bundled: Iterable[str]) -> LabelError:
    return LabelError(
        f"{what} are {text[:60]!r}; expected {expected}, or one of the bundled {', '.join(bundled)}"
    )
