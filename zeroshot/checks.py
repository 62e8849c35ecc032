"""Words before weights: what needs no network is looked at first, in one order whatever the verb."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Literal, TypeGuard, TypeVar, get_args, overload

from zeroshot.errors import IndexFileError, LabelError, OptionError, told_apart
from zeroshot.resources import from_home

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from zeroshot.index.index import LabelIndex
    from zeroshot.model.model import Model
    from zeroshot.text.prompts import LabelSource, TemplateSource
    from zeroshot.text.stages import StageSource
    from zeroshot.types import Prompts

About = Literal["options", "words", "files", "videos", "output", "model"]
ORDER: tuple[About, ...] = get_args(About)
"""From what costs nothing to look at to what touches the disk, and the model's name last.

options: numbers and names among a few. words: labels, templates, texts to search for. files: saved indexes,
tables, lists of videos, masks, folders of embeddings. videos: which are meant, and whether there are any.
output: whether it can be written, and holds nothing else. model: whether there can be one of that name.
"""

PUPPETS = "puppet-tiny"
"""The bundled demonstration model."""

_TEACH = "teach it again: zeroshot teach"
_ACTIONS = "puppet_actions"  # the bundled list of all that it was trained on
_Found = TypeVar("_Found")


class Checks:
    """What a verb looks at before it asks for weights: `add` in any order, `run` in the order of `ORDER`.

    A list of labels with a misspelt name would else cost the download of a model, or, without a network, be
    hidden by the error of that.
    """

    def __init__(self) -> None:
        """Nothing is to be looked at yet."""
        self._waiting: dict[About, list[Callable[[], object]]] = {about: [] for about in ORDER}

    def add(self, about: About, look: Callable[[], _Found]) -> Callable[[], _Found]:
        """Look at something when it is its turn.

        Args:
            about: what it belongs to, of `ORDER`.
            look: called once; raises a `ZeroshotError` where something is wrong.

        Returns:
            A function that gives what was found, after `run`; or within a later check, what an earlier one
            found.
        """
        answer = cache(look)
        self._waiting[about].append(answer)
        return answer

    def run(self) -> None:
        """Look at everything; the first mistake ends it.

        Raises:
            ZeroshotError: as the check that found it.
        """
        for about in ORDER:
            for look in self._waiting[about]:
                look()


def model_given(model: object) -> str | Model:
    """A model's name as text, or the Model itself.

    Raises:
        ModelError: it is neither.
    """
    if isinstance(model, str | os.PathLike):
        return os.fspath(model)
    from zeroshot.model.model import Model
    from zeroshot.model.names import name_given

    return model if isinstance(model, Model) else name_given(model)


def labels_to_rank(
    first: Checks,
    labels: LabelSource | None,
    templates: TemplateSource = None,
    index: str | Path | None = None,
    *,
    stages: StageSource = None,
    spaced: bool = True,
) -> Callable[[], Prompts | LabelIndex]:
    """What a classifier ranks, looked at before any weights: sentences of labels, or a saved index of some.

    Args:
        first: is told what to look at; the result is there once it has run.
        labels: as for `load`; exactly one of these and the index.
        templates: as for `load`.
        index: as for `load`.
        stages: as for `load`.
        spaced: as for `load`.

    Raises:
        ZeroshotError: when it runs, one line that names what cannot be used.
    """
    from zeroshot.index.index import LabelIndex
    from zeroshot.text.prompts import make_prompts, read_templates

    def require_one() -> None:
        if (labels is None) == (index is None):
            raise OptionError(
                "give either labels or index; for vectors without labels use zeroshot.load_model"
            )

    first.add("options", require_one)
    if labels is not None:
        return first.add("words", lambda: make_prompts(labels, templates, stages, spaced=spaced))
    first.add("words", lambda: read_templates(templates))

    def load() -> LabelIndex:
        if is_taught_file(index):  # its words are its own
            return _taught(str(index), templates, stages)
        found = LabelIndex.load(str(index))
        if stages is not None:
            told = make_prompts(found.labels, templates, stages, spaced=spaced)
            _require_stages(found, told, str(index))
        return found

    return first.add("files", load)


@overload
def taught_as_index(labels: str | None, index: str | None) -> tuple[str | None, str | None]: ...
@overload
def taught_as_index(
    labels: LabelSource | None, index: str | Path | None
) -> tuple[LabelSource | None, str | Path | None]: ...
def taught_as_index(
    labels: LabelSource | None, index: str | Path | None
) -> tuple[LabelSource | None, str | Path | None]:
    """Labels and index as given, ~ filled in; a file of taught labels is an index, wherever it stood.

    Args:
        labels: as for `load`.
        index: as for `load`.
    """
    if index is None and isinstance(labels, str | os.PathLike) and is_taught_file(from_home(labels)):
        return None, from_home(labels)
    return labels, None if index is None else from_home(index)


def is_taught_file(labels: object) -> TypeGuard[str | os.PathLike[str]]:
    """Whether labels are the name of a file that `zeroshot teach` wrote."""
    if not isinstance(labels, str | os.PathLike) or not os.path.isfile(labels):  # noqa: PTH113 - any text
        return False
    from zeroshot.few_shot.taught import is_taught

    return is_taught(labels)


def refuse_taught(labels: object, verb: str) -> None:
    """Refuse taught labels where words are asked for.

    Raises:
        LabelError: they are.
    """
    if is_taught_file(labels):
        raise LabelError(
            f"{labels} holds taught labels, which are vectors already; give it to classify, timeline, "
            f"search or evaluate with --labels, and a list of words to {verb}"
        )


def _taught(path: str, templates: TemplateSource, stages: StageSource) -> LabelIndex:
    """The labels of a file that `zeroshot teach` wrote.

    Raises:
        LabelError: it is damaged, or other words are given for them.
    """
    from zeroshot.few_shot.taught import TaughtLabels

    if templates is not None or stages is not None:
        given = "stages" if templates is None else "templates"
        raise LabelError(
            f"{path} was taught with words of its own; leave {given} out, or teach it again with other words"
        )
    return TaughtLabels.load(path)


def has_stages(words: Prompts | LabelIndex) -> bool:
    """Whether what `labels_to_rank` found says of labels how they start and end."""
    from zeroshot.text.stages import STAGES
    from zeroshot.types import Prompts

    return bool(words.stages) if isinstance(words, Prompts) else STAGES in words.fingerprint


def _require_stages(index: LabelIndex, prompts: Prompts, path: str) -> None:
    """Refuse an index that was made without stages, or with others.

    Raises:
        IndexFileError: it was.
    """
    from zeroshot.text.stages import STAGES, stages_digest

    there = index.fingerprint.get(STAGES)
    if there is None:
        raise IndexFileError(
            f"index {path} was made without stages; make it anew: zeroshot index … --stages …"
        )
    if there != stages_digest(prompts.stages):
        raise IndexFileError(
            f"index {path} was made with other stages, or other templates for them; leave --stages out to "
            "take its own, or make it anew"
        )


def require_made_by(index: LabelIndex, model: Model, path: str) -> None:
    """Refuse an index that another model made.

    Args:
        index: as saved.
        model: that is asked.
        path: of the index, for the error.

    Raises:
        IndexFileError: one did.
    """
    from zeroshot.index.file import REMEDY

    made = index.fingerprint
    if made.get("model") == model.fingerprint:
        if "stream" in made:
            require_stream(made, stream_stamp(model), path)
    else:
        is_taught = "stream" in made
        what, remedy = ("taught labels", _TEACH) if is_taught else ("the index", REMEDY)
        before = (made.get("model_name", "a model without a name"), made.get("model", ""))
        theirs, asked = told_apart(before, (model.name, model.fingerprint))
        raise IndexFileError(
            f"{what} {path} was made by {theirs}, not by {asked}, which is asked; name its model, or {remedy}"
        )


def stream_stamp(model: Model) -> dict[str, str]:
    """What the vectors of videos depend on beside the network: which stream of which adapter."""
    adapter = model.adapter_fingerprint
    return {"stream": "clip" if adapter is None else model.stream, "adapter": adapter or "none"}


def require_stream(made: Mapping[str, str], asked: Mapping[str, str], path: str) -> None:
    """Refuse examples that another stream made than the one that is asked; words are the same for all.

    Args:
        made: fingerprint of taught labels.
        asked: as `stream_stamp` has it.
        path: of the labels, for the error.

    Raises:
        LabelError: one did.
    """
    if made["stream"] != asked["stream"]:
        raise LabelError(
            f"{path} was taught with the stream {made['stream']}, and {asked['stream']} is asked; say "
            f"--stream {made['stream']}, or {_TEACH} --stream {asked['stream']}"
        )
    if made.get("adapter") != asked["adapter"]:
        raise LabelError(
            f"{path} was taught with another adapter on this network; name its checkpoint with --model, or "
            f"{_TEACH}"
        )


def puppets_note(
    model: str, texts: Sequence[str], *, are_sentences: bool = False, made: str | None = None
) -> str:
    """What a user should know of words that the demonstration model cannot know; "" where it knows them.

    The words tell whether somebody takes it for a model of the real world. What videos show is not asked: its
    scores are no evidence, since it compares a street that it has no idea of with puppets all the same.

    Args:
        model: its name.
        texts: labels; or texts to search for.
        are_sentences: whether it is enough that a text contains an action of puppets.
        made: the folder or file that chose the model, having been made with it; None: the user did.
    """
    from zeroshot.text.lists import words_key
    from zeroshot.text.prompts import read_labels

    if model != PUPPETS:
        return ""
    known = [words_key(label) for label in read_labels(_ACTIONS)]
    plain = [(text, words_key(text)) for text in texts]
    strange = [
        text
        for text, words in plain
        if not (any(action in words for action in known) if are_sentences else words in known)
    ]
    if not strange:
        return ""
    more = "" if len(strange) == 1 else f" and {len(strange) - 1} more"
    remedy = "leave --model out" if made is None else f"{made} was made with it: make another without --model"
    return (
        f"{PUPPETS} knows drawn puppets and their {len(known)} actions only (--labels {_ACTIONS}), not "
        f"{strange[0][:60]!r}{more}: such answers mean nothing; {remedy} for the real world"
    )
