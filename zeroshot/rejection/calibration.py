"""Calibrations: thresholds found on a user's own videos, with a promise, in a small file of their own."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.errors import OptionError, OutputError, counted, printable
from zeroshot.rejection.rule import Rule, Way, level, log_share, odds_told
from zeroshot.statistics.conformal import least_videos, lower_threshold
from zeroshot.store.files import read_note, write_note
from zeroshot.store.folder import require_room
from zeroshot.text.prompts import spaced_name
from zeroshot.text.stages import STAGES
from zeroshot.types import NONE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from zeroshot.datasets.splits import Split
    from zeroshot.index.index import LabelIndex
    from zeroshot.model.model import Model
    from zeroshot.types import Prediction

_KIND, _FORMAT = "rejection", 1
_REMEDY = "make it anew with `zeroshot calibrate`"
_NAMED = 3  # labels that an error names
_ROUNDING = 1e-9  # so the video that a threshold stands at is on its side, whatever the last bit says


@dataclass(frozen=True)
class Stamp:
    """What thresholds depend on; each entry is held against that of whoever uses them.

    Attributes:
        model: fingerprint of the weights.
        model_name: what it is called.
        stream: of a model with an adapter, and its fingerprint; empty without.
        prompts: digest of the labels' sentences, and of their stages.
        background: digest of the sentences of the background labels.
    """

    model: str
    model_name: str
    stream: str
    prompts: str
    background: str

    @classmethod
    def of(cls, model: Model, index: LabelIndex, background: str) -> Stamp:
        """Of a model and an index of labels, beside the digest of the background."""
        stream = "" if model.adapter is None else f"{model.stream} {model.adapter_fingerprint}"
        made = index.fingerprint
        prompts = " ".join(filter(None, (made.get("prompts", ""), made.get(STAGES))))
        return cls(model.fingerprint, model.name, stream, prompts, background)


@dataclass(frozen=True, eq=False)
class Calibration:
    """Thresholds, what they depend on, and what they were found on.

    Attributes:
        rule: thresholds and their promise.
        labels: K names.
        stamp: what they depend on.
        videos: label → how many videos stand for it: that show it, or are answered with it.
        path: the file; empty before it is written.
    """

    rule: Rule
    labels: tuple[str, ...]
    stamp: Stamp
    videos: Mapping[str, int]
    path: str = ""

    def require(self, stamp: Stamp) -> None:
        """Refuse to be used with another model, stream, texts or background.

        Raises:
            OptionError: the line names what differs.
        """
        mine = self.stamp
        for name, words in (("model", "by the model"), ("stream", "on the stream")):
            if getattr(mine, name) != getattr(stamp, name):
                theirs, asked = (
                    (each.model_name if name == "model" else each.stream.partition(" ")[0] or "clip")
                    for each in (mine, stamp)
                )
                other = "other weights of it" if theirs == asked else asked
                raise OptionError(
                    f"{self._called} was made {words} {printable(theirs)}, not {printable(other)}; {_REMEDY}"
                )
        if mine.prompts != stamp.prompts:
            raise OptionError(f"{self._called} was made with other templates, texts or stages; {_REMEDY}")
        if mine.background != stamp.background:
            raise OptionError(f"{self._called} was made against other background labels; {_REMEDY}")

    def require_labels(self, labels: Sequence[str]) -> None:
        """Refuse to be used with other labels, in any order.

        Raises:
            OptionError: the line names some that differ.
        """
        other = [*dict.fromkeys([*self.labels, *labels])]
        other = [label for label in other if (label in labels) != (label in self.labels)]
        if other:
            named = ", ".join(map(repr, other[:_NAMED])) + ", …" * (len(other) > _NAMED)
            raise OptionError(f"{self._called} was made with other labels ({named}); {_REMEDY}")

    @property
    def _called(self) -> str:
        return f"the calibration {printable(self.path)}"

    @property
    def lines(self) -> tuple[str, ...]:
        """What it rests on and what is promised, in lines for people."""
        total, rule = sum(self.videos.values()), self.rule
        error = f"{rule.error or 0:.1%}"
        said = (
            "videos like these that show a label miss it"
            if rule.way == "sets"
            else "videos like these are rejected"
        )
        lines = [f"{counted(total, 'video')}: at most {error} of {said}, on average"]
        own = sum(label in rule.own for label in self.labels)
        least = least_videos(rule.error or 0.5)
        verb = "has" if own == 1 else "have"
        lines.append(
            f"{counted(own, 'label')} {verb} {least} videos or more, and a threshold and that promise of "
            f"{'its' if own == 1 else 'their'} own; {len(self.labels) - own} share one"
        )
        return tuple(lines)

    def as_dict(self) -> dict[str, Any]:
        """As its file holds it."""
        rule = self.rule
        own = {label: _told(value) for label, value in rule.own.items()}
        return {
            "calibration": _KIND,
            "format": _FORMAT,
            "way": rule.way,
            "error": rule.error,
            **asdict(self.stamp),
            "labels": list(self.labels),
            "videos": dict(self.videos),
            "threshold": _told(rule.others),
            "thresholds": own,
        }

    def save(self, path: Path) -> None:
        """Write the file.

        Raises:
            OutputError: it cannot be written there.
        """
        write_note(path, self.as_dict())

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """What `save` wrote.

        Raises:
            OptionError: it is not there, damaged, or something else.
        """
        try:
            told = read_note(
                path, "auto, a share between 0 and 1, or a file of `zeroshot calibrate`", _REMEDY
            )
        except OutputError as error:
            raise OptionError(str(error)) from error
        if told.get("calibration") != _KIND or told.get("format") != _FORMAT:
            raise OptionError(f"{path} is no calibration of this version; {_REMEDY}")
        try:
            own = {str(label): _read(value) for label, value in told["thresholds"].items()}
            way: Way = "sets" if told["way"] == "sets" else "quantiles"
            rule = Rule(_read(told["threshold"]), own, way, float(told["error"]))
            stamp = Stamp(**{name: str(told[name]) for name in Stamp.__dataclass_fields__})
            videos = {str(label): int(number) for label, number in told["videos"].items()}
            return cls(rule, tuple(map(str, told["labels"])), stamp, videos, str(path))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise OptionError(f"{path} is damaged ({error!r}); {_REMEDY}") from error


def quantile_rule(
    ranked: Sequence[Sequence[Prediction]], scale: float, error: float
) -> tuple[Rule, dict[str, int]]:
    """The rule by which at most `error` of videos like these are rejected, and videos by their answer.

    Nobody has to say what the videos show: they stand for what is usual. A label that answers enough of them
    has a threshold, and the promise, of its own.

    Args:
        ranked: of each video all K labels, by the rule `Rule.at(0.5)`.
        scale: the model's own factor on cosines.
        error: share of videos that may be rejected.

    Raises:
        OptionError: too few videos, or an impossible error.
    """
    answers, levels = [], []
    for found in ranked:
        best = next(each for each in found if each.label != NONE)
        answers.append(best.label)
        levels.append(level(_alone(best, found), odds_told(found, scale), scale))
    own, others = _thresholds(answers, levels, error)
    return Rule(others, own, "quantiles", error), _counts(answers)


def set_rule(
    ranked: Sequence[Sequence[Prediction]], shown: Sequence[str], scale: float, error: float
) -> tuple[Rule, dict[str, int]]:
    """The rule by whose sets at most `error` of videos like these miss their label, and videos by label.

    Args:
        ranked: of each video all K labels, by the rule `Rule.at(0.5)`.
        shown: the label that each video shows.
        scale: the model's own factor on cosines.
        error: share of videos whose label the set may miss.

    Raises:
        OptionError: too few videos, or an impossible error.
    Source: Sadinle, Lei and Wasserman 2019, by label where it has enough videos; Vovk 2012.
    """
    scores = [
        log_share(_alone(next(each for each in found if each.label == label), found), odds_told(found, scale))
        for found, label in zip(ranked, shown, strict=True)
    ]
    own, others = _thresholds(shown, scores, error)
    return Rule(others, own, "sets", error), _counts(shown)


def _alone(label: Prediction, found: Sequence[Prediction]) -> Prediction:
    """A label as a rule meets it: its probability is among all K labels alone, without that of none."""
    return replace(
        label, probability=label.probability / sum(each.probability for each in found if each.label != NONE)
    )


def shown_by(split: Split, labels: Sequence[str]) -> list[str]:
    """(n,) which of the labels each video of a split shows, its names spaced as labels are where need be.

    Raises:
        OptionError: a video shows none of them.
    """
    shown = []
    for video in split.videos:
        name = video.label if video.label in labels else spaced_name(video.label)
        if name not in labels:
            raise OptionError(
                f"{split.name} has the label {video.label!r}, which is none of those that are ranked; give "
                "it among the labels, or leave its videos out"
            )
        shown.append(name)
    return shown


def require_place(path: Path) -> None:
    """Refuse, before any work, a place where no calibration can be written.

    Raises:
        OutputError: it is a folder, holds something else, or cannot be written.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder; expected the name of a file for the calibration")
    if path.exists():
        try:
            Calibration.load(path)
        except OptionError as error:
            raise OutputError(f"{path} is there and is no calibration; choose another --output") from error
    require_room(path.parent)


def require_enough(number: int, error: float) -> None:
    """Refuse videos that are too few for the promise.

    Raises:
        OptionError: the line says how many it takes, and which error so many can promise.
    """
    least = least_videos(error)
    if number < least:
        possible = math.ceil(1000 / (number + 1)) / 1000
        instead = f", or take an error of {possible:g}" if number else ""
        raise OptionError(
            f"{counted(number, 'video')} cannot promise an error of {error:g}; it takes {least} that can be "
            f"read: give more{instead}"
        )


def _thresholds(
    groups: Sequence[str], scores: Sequence[float], error: float
) -> tuple[dict[str, float], float]:
    """A threshold for each group with videos enough, and one for the others: of theirs, or of all."""
    require_enough(len(scores), error)
    values, names = np.array(scores, np.float64) - _ROUNDING, np.array(groups, object)
    least, counts = least_videos(error), _counts(groups)
    own = {
        name: lower_threshold(values[names == name], error)
        for name, count in counts.items()
        if count >= least
    }
    rest = values[[name not in own for name in groups]]
    return own, lower_threshold(rest if len(rest) >= least else values, error)


def _counts(groups: Sequence[str]) -> dict[str, int]:
    """Group → how many there are, in alphabetical order."""
    return {name: list(groups).count(name) for name in sorted(set(groups))}


def _told(value: float) -> float | None:
    """As JSON holds a threshold: None stands for one that everything passes."""
    return value if math.isfinite(value) else None


def _read(value: float | None) -> float:
    """What `_told` told."""
    return -math.inf if value is None else float(value)
