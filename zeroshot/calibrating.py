"""`calibrate`: when "none of these" is answered, by videos of one's own. Behind `zeroshot calibrate`."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from zeroshot.checks import Checks, labels_to_rank
from zeroshot.classifier import Classifier, load
from zeroshot.datasets.splits import Split, read_split
from zeroshot.rejection.calibration import (
    Calibration,
    quantile_rule,
    require_enough,
    require_place,
    set_rule,
    shown_by,
)
from zeroshot.rejection.rejection import Rejection, require_rejectable
from zeroshot.rejection.rule import Rule
from zeroshot.resources import from_home
from zeroshot.statistics.conformal import require_error
from zeroshot.video.source import is_path

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zeroshot.model.model import Model
    from zeroshot.text.prompts import LabelSource, TemplateSource
    from zeroshot.text.stages import StageSource
    from zeroshot.video.source import VideoSource

ModelSource = str | os.PathLike[str]


@dataclass(frozen=True, eq=False)
class Calibrated:
    """What `calibrate` did.

    Attributes:
        calibration: thresholds, what they rest on and what is promised.
        errors: path → one line, of each video that cannot be read.
    """

    calibration: Calibration
    errors: dict[str, str] = field(default_factory=dict)


def calibrate(
    videos: VideoSource | Iterable[VideoSource] | Split,
    labels: LabelSource | None = None,
    *,
    output: str | os.PathLike[str],
    model: ModelSource | Model | None = None,
    templates: TemplateSource = None,
    stages: StageSource = None,
    index: str | Path | None = None,
    error: float = 0.05,
) -> Calibrated:
    """When "none of these" is answered, by videos of one's own: as `zeroshot calibrate`; for `reject=`.

    Args:
        videos: as for `classify`: what is usual, whatever it shows. A Split, or the path of a CSV file with
            `path` and `label`: videos of which it is known; then sets of labels have the promise.
        labels: as for `load`.
        output: the file.
        model: as for `load`.
        templates: as for `load`.
        stages: as for `load`.
        index: as for `load`.
        error: share of videos like these that may be rejected, or miss their label in the set. 0.05 takes
            19 videos, 0.1 takes 9.

    Raises:
        ZeroshotError: labels, model or output cannot be used, or the videos are too few for the promise.
    """
    file, first = Path(from_home(output)), Checks()
    first.add("options", lambda: require_error(error))
    words = labels_to_rank(first, labels, templates, index, stages=stages)
    told = first.add("files", lambda: _split_of(videos))
    shown = first.add("files", lambda: None if (split := told()) is None else shown_by(split, words().labels))
    first.add("files", lambda: require_rejectable(0.5, words(), templates))
    first.add("output", lambda: require_place(file))
    first.run()
    split, names = told(), shown()
    if split is not None:
        require_enough(len(split.videos), error)
    given = videos if split is None else [video.path for video in split.videos]
    plain = load(model, labels, templates=templates, stages=stages, index=index)
    with plain if plain.model is not model else nullcontext():
        made = Rejection.of(Rule.at(0.5), plain.model, plain.index, templates)
        classifier = Classifier(plain.model, plain.index, made)
        ranked = list(classifier.rank_many(given, len(classifier.labels)))
        found = [ranking.predictions for ranking in ranked if ranking.error is None]
        errors = {ranking.path: ranking.error for ranking in ranked if ranking.error is not None}
    if names is None:
        rule, counts = quantile_rule(found, made.scale, error)
    else:
        read = [name for name, ranking in zip(names, ranked, strict=True) if ranking.error is None]
        rule, counts = set_rule(found, read, made.scale, error)
    calibration = Calibration(rule, classifier.labels, made.made_with(), counts, str(file))
    calibration.save(file)
    return Calibrated(calibration, errors)


def _split_of(videos: VideoSource | Iterable[VideoSource] | Split) -> Split | None:
    """The split that is given, by itself or as a CSV file; None where nobody says what videos show."""
    if isinstance(videos, Split):
        return videos
    if is_path(videos) and os.fspath(videos).lower().endswith(".csv"):
        return read_split(videos)
    return None
