"""Labels that were taught by a few examples: an index of their words, and what examples add to its scores."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.errors import LabelError, OptionError, counted, require_whole
from zeroshot.few_shot.cache import SHARPNESS, SHARPNESSES, cached, cached_without_itself
from zeroshot.few_shot.leave_one_out import Blend, judge
from zeroshot.few_shot.linear import RIDGE, RIDGES, fitted, fitted_without_itself
from zeroshot.index.exact import Nearest, all_scores, log_sums, probabilities, unit_rows
from zeroshot.index.index import LabelIndex
from zeroshot.store.arrays import (
    ArrayFormat,
    is_of,
    packed_words,
    read_arrays,
    unpacked_words,
    write_arrays,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike, NDArray

    from zeroshot.few_shot.leave_one_out import Judgement

WAYS = ("cache", "linear")
AUTO = "auto"
"""Of the ways the one by which more left-out examples are right; the head where that is level."""
FORMAT = ArrayFormat(
    "zeroshot_taught_labels",
    1,
    "file of taught labels",
    "make one with `zeroshot teach`",
    "teach them again with `zeroshot teach`",
    LabelError,
)


@dataclass(frozen=True)
class ExampleVideo:
    """Where an example is from.

    Attributes:
        name: of the file, its folder before it.
        digest: 32 hexadecimal digits of its bytes; "" where it is too large to be read for that.
        num_bytes: its size.
    """

    name: str
    digest: str = ""
    num_bytes: int = 0


@dataclass(frozen=True, eq=False)
class Examples:
    """m examples of some of K labels.

    Attributes:
        vectors: (m, D) float32 unit rows.
        targets: (m,) int64, row of each example's label.
        videos: m rows: where they are from.
    """

    vectors: NDArray[np.float32]
    targets: NDArray[np.int64]
    videos: tuple[ExampleVideo, ...]


@dataclass(frozen=True)
class Lesson:
    """What became of examples.

    Attributes:
        way: cache or linear.
        blend: how they go together with the words.
        logit_scale: of the model that it was chosen for.
        judged: what leaving each out said, see `Judgement.as_dict`.
    """

    way: str
    blend: Blend
    logit_scale: float
    judged: Mapping[str, Any] = field(default_factory=dict)


class TaughtLabels(LabelIndex):
    """K labels with the (K, D) unit rows of their words, and examples that add to the scores.

    A score is the cosine with the words and what the examples add to it, so it may lie above 1. It is the
    same to the last bit in any batch. Every search is exact. Where examples do not help, scores are those of
    the words.

    Attributes:
        examples: what was shown.
        lesson: how they serve.
    """

    def __init__(self, words: LabelIndex, examples: Examples, lesson: Lesson) -> None:
        """Put examples beside an index.

        Raises:
            OptionError: vectors of another width than the words', rows of no label, a way that is none.
        """
        super().__init__(words.labels, words.embeddings, fingerprint=words.fingerprint)
        vectors = unit_rows(examples.vectors, "examples")
        if vectors.shape[1] != self.embeddings.shape[1] or len(vectors) != len(examples.targets):
            raise OptionError(
                f"{len(examples.targets)} examples of shape {vectors.shape}; expected a row of "
                f"{self.embeddings.shape[1]} numbers each"
            )
        if len(vectors) and not (examples.targets.min() >= 0 and examples.targets.max() < len(self)):
            raise OptionError(f"an example is of label {int(examples.targets.max())}; there are {len(self)}")
        if lesson.way not in WAYS:
            raise OptionError(f"examples serve by way {lesson.way!r}; expected {' or '.join(WAYS)}")
        self.examples, self.lesson = replace(examples, vectors=vectors), lesson
        self._rows, self._times, self._bias = self._scored()

    def _scored(self) -> tuple[NDArray[np.float32], np.float32, NDArray[np.float32] | None]:
        """Rows that a video is multiplied with, what the products are multiplied with, and what is added."""
        texts, way, weight = self.embeddings, self.lesson.way, self.lesson.blend.weight
        if way == "cache" or weight == 0:
            return np.ascontiguousarray(np.concatenate([texts, self.examples.vectors])), np.float32(1), None
        head = fitted(self.examples.vectors, _wrong(self), self.lesson.blend.shape)
        rows = texts + weight * head.weights
        longest = float(np.linalg.norm(rows, axis=1).max())  # products of unit rows are within [-1, 1]
        bias = (weight * head.bias).astype(np.float32)
        return np.ascontiguousarray(rows / longest, np.float32), np.float32(longest), bias

    @property
    def num_examples(self) -> int:
        """How many examples serve: 0 where the words stand alone."""
        return len(self.examples.targets) if self.lesson.blend.weight > 0 else 0

    @property
    def note(self) -> str:
        """How many examples serve, and why, in a line."""
        shown = len(self.examples.targets)
        if not self.num_examples:
            return f"{counted(shown, 'example')} stand aside, the words alone answer: {self._reason}"
        has = len(np.unique(self.examples.targets))
        return f"{counted(shown, 'example')} of {has} of {counted(len(self), 'label')} serve: {self._reason}"

    @property
    def _reason(self) -> str:
        return str(self.lesson.judged.get("reason", "not judged"))

    def scores(self, queries: ArrayLike) -> NDArray[np.float32]:
        """(B, K) float32: the cosine of every query with every label's words, and what examples add.

        Args:
            queries: as for `search`.

        Raises:
            OptionError: as for `search`.
        """
        asked = self._checked(queries)
        if not self.num_examples:
            return all_scores(asked, self.embeddings)
        products = all_scores(asked, self._rows)
        if self._bias is not None:
            return products * self._times + self._bias
        texts, likeness = np.split(products, [len(self)], axis=1)
        blend, targets = self.lesson.blend, self.examples.targets
        # Row by row: an exponential's last bit may depend on the place in an array.
        added = [cached(row[None].copy(), targets, len(self), blend.shape) for row in likeness]
        return texts + (blend.weight * np.concatenate(added)).astype(np.float32) if added else texts

    def with_cells(
        self,
        recall: float | None = None,
        queries: ArrayLike | None = None,
        advance: Callable[[], None] | None = None,
    ) -> LabelIndex:
        """These very labels: every search is exact.

        Args:
            recall: of no use here, nor are the others.
            queries: of no use.
            advance: of no use.
        """
        del recall, queries, advance
        return self

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write words, examples, where these are from and what was judged to one file.

        Args:
            path: any name; a file that is there is replaced.

        Raises:
            OutputError: it cannot be written there.
        """
        letters, ends = packed_words(self.labels)
        arrays: dict[str, NDArray[Any]] = {
            "examples": self.examples.vectors,
            "label_ends": ends,
            "labels": letters,
            "targets": self.examples.targets,
            "words": self.embeddings,
        }
        contents = {
            "note": self.note,
            "fingerprint": self.fingerprint,
            "judged": dict(self.lesson.judged),
            "logit_scale": self.lesson.logit_scale,
            "shape": self.lesson.blend.shape,
            "videos": [[video.name, video.digest, video.num_bytes] for video in self.examples.videos],
            "way": self.lesson.way,
            "weight": self.lesson.blend.weight,
        }
        write_arrays(Path(path), FORMAT, arrays, contents)

    def describe(self) -> dict[str, Any]:
        """All that the file says, but the vectors: labels, whether examples help, where each is from."""
        return {
            "labels": list(self.labels),
            "note": self.note,
            "way": self.lesson.way,
            "shape": self.lesson.blend.shape,
            "weight": self.lesson.blend.weight,
            "made_with": self.fingerprint,
            "judged": dict(self.lesson.judged),
            "examples": [
                {
                    "label": self.labels[target],
                    "video": video.name,
                    "digest": video.digest,
                    "bytes": video.num_bytes,
                }
                for target, video in zip(self.examples.targets.tolist(), self.examples.videos, strict=True)
            ],
        }

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        fingerprint: Mapping[str, str] | None = None,
        exact: bool = False,
        check: bool = True,
    ) -> TaughtLabels:
        """The labels that `save` wrote.

        Args:
            path: the file.
            fingerprint: as for `LabelIndex.load`.
            exact: of no use here: every search is.
            check: hold vectors against their checksums; all else always is.

        Raises:
            LabelError: the file is missing, damaged, of another kind or version, or made with something else.
        """
        del exact
        place = Path(path)
        arrays, told = read_arrays(place, FORMAT, lambda name: check or name not in {"examples", "words"})
        try:
            labels = unpacked_words(arrays["labels"], arrays["label_ends"])
            words = LabelIndex(labels, arrays["words"], fingerprint=told["fingerprint"])
            videos = tuple(
                ExampleVideo(str(name), str(digest), int(size)) for name, digest, size in told["videos"]
            )
            targets = np.array(arrays["targets"], np.int64)
            if len(videos) != len(targets):
                raise ValueError(f"it names {len(videos)} videos of {len(targets)} examples")
            blend = Blend(_positive(told["shape"]), _positive(told["weight"], 0.0))
            lesson = Lesson(str(told["way"]), blend, _positive(told["logit_scale"]), dict(told["judged"]))
            made = cls(words, Examples(arrays["examples"], targets, videos), lesson)
        except (KeyError, TypeError, ValueError, AttributeError, LabelError, OptionError) as error:
            raise LabelError(f"{FORMAT.what} {place} is damaged ({error!r}); {FORMAT.remedy}") from None
        for name, value in (fingerprint or {}).items():
            if made.fingerprint.get(name) != value:
                raise LabelError(f"{place} was taught with another {name}; {FORMAT.remedy}")
        return made

    def _nearest(self, queries: ArrayLike, k: int, scale: float | None) -> tuple[Nearest, NDArray[np.int64]]:
        """What a search finds, and (B,) over how many labels its sums are: all."""
        scores, k = self.scores(queries), min(require_whole("k", k), len(self))
        rows = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        sums = np.full(len(scores), np.nan) if scale is None else log_sums(scores, scale)
        return Nearest(np.take_along_axis(scores, rows, axis=1), rows, sums), np.full(len(scores), len(self))


def taught(
    words: LabelIndex, examples: Examples, logit_scale: float, way: str = AUTO, *, force: bool = False
) -> tuple[TaughtLabels, Judgement]:
    """Labels taught by examples, as far as leaving each out says that they help; and what it said.

    Args:
        words: K labels.
        examples: m of them, of two labels or more.
        logit_scale: the model's own.
        way: cache: what resembles an example is of its label, nothing is trained; linear: a ridge regression
            on what the words get wrong; auto: the one by which more left-out examples are right.
        force: let them serve, whatever was said.

    Raises:
        OptionError: a way that is none.
        LabelError: the examples are of one label, or there are none.
    """
    require_way(way)
    if len(np.unique(examples.targets)) < 2:
        raise LabelError(
            f"examples are of {counted(len(np.unique(examples.targets)), 'label')}; expected of two or more: "
            "what one label takes from others shows on examples of those alone"
        )
    tried = {
        one: _judged(words, examples, logit_scale, one) for one in (WAYS[::-1] if way == AUTO else (way,))
    }
    chosen = max(tried, key=lambda one: (tried[one].helps, tried[one].num_right))
    found = tried[chosen]
    blend = found.best if force else found.blend
    judged = found.as_dict(words.labels) | {"forced": force and not found.helps}
    return TaughtLabels(words, examples, Lesson(chosen, blend, logit_scale, judged)), found


def _judged(words: LabelIndex, examples: Examples, logit_scale: float, way: str) -> Judgement:
    """What leaving each example out says of one way."""
    usual = SHARPNESS if way == "cache" else RIDGE
    plain = TaughtLabels(words, examples, Lesson(way, Blend(usual, 0.0), logit_scale))
    scores = words.scores(examples.vectors)
    return judge(scores, _without_itself(plain), examples.targets, logit_scale, usual)


def require_way(way: str) -> None:
    """Refuse a way that is none.

    Raises:
        OptionError: it is.
    """
    if way not in (AUTO, *WAYS):
        raise OptionError(f"way is {way!r}; expected {AUTO}, {' or '.join(WAYS)}")


def is_taught(path: str | os.PathLike[str]) -> bool:
    """Whether a path is of a file of taught labels, by how it begins."""
    place = Path(path)
    try:
        return place.is_file() and is_of(place, FORMAT)
    except (OSError, ValueError):  # a list of labels may be too long for a path, or hold a null character
        return False


def _without_itself(labels: TaughtLabels) -> dict[float, NDArray[np.float64]]:
    """Shape → (m, K) what the other examples say of each."""
    vectors, targets, total = labels.examples.vectors, labels.examples.targets, len(labels)
    if labels.lesson.way == "cache":
        likeness = vectors @ vectors.T
        return {one: cached_without_itself(likeness, targets, total, one) for one in SHARPNESSES}
    wrong = _wrong(labels)
    return {ridge: fitted_without_itself(vectors, wrong, ridge) for ridge in RIDGES}


def _wrong(labels: TaughtLabels) -> NDArray[np.float64]:
    """(m, K) what the words get wrong of each example: 1 for its label, less their probabilities."""
    scores = all_scores(labels.examples.vectors, labels.embeddings)
    wrong = -probabilities(scores, labels.lesson.logit_scale)
    wrong[np.arange(len(wrong)), labels.examples.targets] += 1
    return wrong


def _positive(value: Any, least: float = 1e-12) -> float:  # noqa: ANN401 - files may hold anything
    """A finite number that is no less."""
    number = float(value)
    if not least <= number < 1e12:
        raise ValueError(f"{number} is none that can be")
    return number
