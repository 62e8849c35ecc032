"""Rejection: a rule, and the background labels of one model that videos are held against."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import IndexFileError, LabelError, OptionError, counted
from zeroshot.index.exact import all_scores
from zeroshot.index.stage_rows import words_of_labels
from zeroshot.rejection.background import background_prompts, background_vectors, bundled_prompts
from zeroshot.rejection.calibration import Calibration, Stamp
from zeroshot.rejection.rule import AUTO, Rule, require_no_none, with_none
from zeroshot.text.prompts import make_prompts, prompts_digest
from zeroshot.text.stages import STAGES
from zeroshot.types import NONE, Prompts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from zeroshot.index.index import LabelIndex
    from zeroshot.model.model import Model
    from zeroshot.text.prompts import TemplateSource
    from zeroshot.types import Prediction

RejectSource = str | os.PathLike[str] | float | None


@dataclass(frozen=True, eq=False)
class Rejection:
    """What a classifier holds videos against, so that "none of these" can be its answer.

    Attributes:
        rule: thresholds.
        background: (M, D) float32 unit rows of what else a video may show.
        scale: the model's own factor on cosines.
        made_with: says what thresholds of it depend on; every weight is read for it.
    """

    rule: Rule
    background: NDArray[np.float32]
    scale: float
    made_with: Callable[[], Stamp]

    @classmethod
    def of(
        cls, source: Rule | Calibration, model: Model, index: LabelIndex, templates: TemplateSource = None
    ) -> Rejection:
        """The rejection by a rule or calibration; background labels are encoded now.

        Args:
            source: of `rule_of`.
            model: that embeds videos.
            index: of the K labels.
            templates: that the labels were filled into, and so are those of the background.

        Raises:
            LabelError: no background label is left, or a label is called "none of these".
            OptionError: the calibration is of another model, stream, labels or texts.
        """
        prompts = background_prompts(index.labels, templates)
        made_with = partial(Stamp.of, model, index, prompts_digest(prompts))
        if isinstance(source, Calibration):
            source.require(made_with())
        words = words_of_labels(index.embeddings, model.embedding_dim)
        rows = background_vectors(prompts, words, model, bundled_prompts(templates))
        rule = source.rule if isinstance(source, Calibration) else source
        return cls(rule, rows, model.logit_scale, made_with)

    @property
    def note(self) -> str:
        """What it goes by and what is promised, in a line."""
        words = f"{counted(len(self.background), 'background label')} stand beside yours"
        rule = self.rule
        if rule.error is None:
            return f"{words}; nothing is promised: `zeroshot calibrate` does that, on your own videos"
        missed = "miss their label in the set" if rule.way == "sets" else "are answered with none of them"
        return f"{words}; at most {rule.error:.1%} of videos like those of the calibration {missed}"

    def num_ranked(self, k: int, num_labels: int) -> int:
        """How many labels have to be ranked so that `told` can show k: all where the rule is of sets."""
        return num_labels if self.rule.way == "sets" else k

    def told(
        self, ranked: Sequence[Sequence[Prediction]], vectors: NDArray[np.float32], k: int
    ) -> list[list[Prediction]]:
        """For each of n videos the k best labels, and "none of these" where it belongs among them.

        Args:
            ranked: best first, as many as `num_ranked` says.
            vectors: (n, D) unit rows of the videos.
            k: how many labels each.
        """
        rows = np.ascontiguousarray(vectors, dtype=np.float32)
        best = all_scores(rows, self.background).max(1).tolist() if len(rows) else []
        return [
            with_none(found, (found[0].score - other) * self.scale, self.scale, self.rule, k)
            for found, other in zip(ranked, best, strict=True)
        ]

    def kept_shares(
        self, ranked: Sequence[Sequence[Prediction]], vectors: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """(n,) probability that n videos are any of the labels: what "none of these" leaves.

        Args:
            ranked: best first, as many of each as `num_ranked` says of one.
            vectors: (n, D) unit rows of the videos.
        """
        told = self.told(ranked, vectors, 1)
        none = [next(each.probability for each in found if each.label == NONE) for found in told]
        return 1 - np.array(none, np.float64)


def rule_of(source: RejectSource) -> Rule | Calibration | None:
    """What is asked for: None where nothing is.

    Args:
        source: "auto"; a share between 0 and 1 that labels must have against the background; or a file of
            `zeroshot calibrate`.

    Raises:
        OptionError: it is none of these, or the file is damaged or of another kind.
    """
    if source is None:
        return None
    if isinstance(source, int | float) and not isinstance(source, bool):
        return Rule.at(float(source))
    if not isinstance(source, str | os.PathLike):
        raise OptionError(f"reject is {source!r}; expected auto, a share, or a file of `zeroshot calibrate`")
    text = os.fspath(source)
    if text == "auto":
        return Rule.at(AUTO)
    try:
        return Rule.at(float(text))
    except ValueError:
        return Calibration.load(Path(text))


def rejection_of(
    source: RejectSource,
    model: Model,
    index: LabelIndex,
    templates: TemplateSource = None,
    *,
    of_file: bool = False,
) -> Rejection | None:
    """The rejection that is asked for, None where none is; background labels are encoded now.

    Args:
        source: as for `rule_of`.
        model: that embeds videos.
        index: of the K labels.
        templates: that the labels were filled into, and so are those of the background.
        of_file: whether the index may be of other texts, and so is looked at by `require_rejectable`.

    Raises:
        ZeroshotError: one line that names what cannot be used.
    """
    rule = require_rejectable(source, index, templates) if of_file else rule_of(source)
    return None if rule is None else Rejection.of(rule, model, index, templates)


def require_rejectable(
    source: RejectSource, words: Prompts | LabelIndex, templates: TemplateSource
) -> Rule | Calibration | None:
    """The rule that is asked for; what cannot be rejected is refused, before any weights.

    Args:
        source: as for `rule_of`.
        words: what a classifier ranks.
        templates: that its labels are said to be filled into.

    Raises:
        LabelError: no background label is left, or a label is called "none of these".
        IndexFileError: an index was made of other texts than its labels in these templates.
        OptionError: as `rule_of`, or the calibration is of other labels.
    """
    rule = rule_of(source)
    if rule is None:
        return None
    require_no_none(words.labels)
    if not isinstance(words, Prompts) and words.note:
        raise LabelError(
            "taught labels answer by examples, too, which background labels have none of; leave reject out"
        )
    background_prompts(words.labels, templates)
    if isinstance(rule, Calibration):
        rule.require_labels(words.labels)
    if isinstance(words, Prompts) or STAGES in words.fingerprint:  # stages are in that digest, too
        return rule
    made = prompts_digest(make_prompts(words.labels, templates, spaced=False))
    if words.fingerprint.get("prompts") != made:
        raise IndexFileError(
            "the index holds no texts, and was made of others than its labels"
            f"{'' if templates is None else ' in these templates'}; for rejection give the templates that it "
            "was made with, or the labels instead of it"
        )
    return rule
