"""LabelIndex: text embeddings of a label list, made once, searched exactly or in cells, kept in one file."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from zeroshot.errors import IndexFileError, LabelError, OptionError, require_whole
from zeroshot.index.exact import (
    Nearest,
    Ranked,
    all_scores,
    check_scale,
    log_sums,
    nearest_rows,
    probabilities,
    unit_rows,
)
from zeroshot.index.file import REMEDY, IndexFile, read_index, refuse_stale, write_index
from zeroshot.index.ivf import Cells, has_gpu
from zeroshot.index.recall import Recall, check_recall, reach_recall
from zeroshot.types import Prediction

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

EXACT_UP_TO = 250_000  # labels; one query then takes some 40 ms, less than reading any video
DEFAULT_RECALL = 0.99
_CELLS_FROM = 20_000  # labels, below which an exact search takes a few ms whatever is asked
_IN_CELLS = 128  # a search in cells gives so many at most: a quarter of its shortlist


Stamp: TypeAlias = "Mapping[str, str] | Callable[[], Mapping[str, str]]"
"""What embeddings depend on, as words, or what tells it."""


class LabelIndex:
    """K labels and their (K, D) float32 unit rows: the nearest to any video embedding.

    Scores are cosines, clipped to [-1, 1] where rounding left it. Up to 250,000 labels a search is exact.
    Beyond, it looks into some of the cells that `with_cells` groups the labels in, and scores what it finds
    there exactly; `repr` says which, and `recall` how much it finds.
    """

    def __init__(self, labels: Sequence[str], embeddings: ArrayLike, *, fingerprint: Stamp) -> None:
        """Index the embeddings of `labels`, to be searched exactly.

        Args:
            labels: K names, none twice.
            embeddings: (K, D) floating point, finite, unit rows.
            fingerprint: what the embeddings depend on, as words: {"model": …, "prompts": …}; or what gives
                that when it is wanted first, as reading every weight of a model takes long.

        Raises:
            LabelError: labels repeat, or labels and rows differ in number.
            OptionError: rows are not finite or not of unit length; a fingerprint is not made of words.
        """
        self._take(labels, unit_rows(embeddings, "embeddings"), fingerprint)
        zeros = np.flatnonzero(~self._embeddings.any(axis=1))
        if len(zeros):
            raise OptionError(
                f"embedding {zeros[0]} ({self._labels[zeros[0]]!r}) is all zeros; expected a unit row"
            )

    def _take(self, labels: Sequence[str], embeddings: NDArray[np.float32], fingerprint: Stamp) -> None:
        """Keep what was given or read, after the checks that read no vector."""
        self._labels = tuple(labels)
        self._fingerprint = fingerprint if callable(fingerprint) else _words(fingerprint)
        self._embeddings = embeddings
        self._embeddings.flags.writeable = False
        self._cells: Cells | None = None
        self._recall: Recall | None = None
        self._on_gpu = False
        if not self._labels or len(self._labels) != len(self._embeddings):
            counts = f"{len(self._labels)} labels but {len(self._embeddings)} embeddings"
            raise LabelError(f"{counts}; expected one embedding a label, and a label at least")
        if len(set(self._labels)) < len(self._labels):
            twice = Counter(self._labels).most_common(1)[0][0]
            raise LabelError(f"label {twice!r} stands in the list twice; remove one")

    @property
    def labels(self) -> tuple[str, ...]:
        """K names; the place in the tuple is the row."""
        return self._labels

    @property
    def embeddings(self) -> NDArray[np.float32]:
        """(K, D) float32 unit rows, read-only; of a loaded index mapped from its file."""
        return self._embeddings

    @property
    def fingerprint(self) -> dict[str, str]:
        """What the embeddings depend on (a copy)."""
        if callable(self._fingerprint):
            self._fingerprint = _words(self._fingerprint())
        return dict(self._fingerprint)

    def __getstate__(self) -> dict[str, object]:
        return {**vars(self), "_fingerprint": self.fingerprint}

    @property
    def cells(self) -> Cells | None:
        """What a search looks into; None where every search is exact."""
        return self._cells

    @property
    def recall(self) -> Recall | None:
        """What a search in cells finds; None where every search is exact."""
        return self._recall

    def __len__(self) -> int:
        return len(self._labels)

    def __repr__(self) -> str:
        return (
            f"LabelIndex({len(self)} labels, {self._embeddings.shape[1]} dimensions, "
            f"{self.about_search}, {self.fingerprint})"
        )

    @property
    def about_search(self) -> str:
        """How it is searched, and what that finds, in a few words."""
        if self._recall is None:
            return "exact"
        found = self._recall
        if self._on_gpu:
            return "all on a GPU in 16 bits, the best of them exactly"
        interval = f"{found.low:.3f} to {found.high:.3f} on {found.num_queries} {found.queries} queries"
        far = f", {found.num_far} for queries far from all" if found.num_far > found.num_probed else ""
        return (
            f"{found.num_probed} of {found.num_cells} cells{far}, recall@5 {found.measured:.3f} ({interval})"
        )

    @property
    def note(self) -> str:
        """What whoever ranks by it should know besides, in a line; "" where there is nothing."""
        return ""

    def is_exact_for(self, k: int) -> bool:
        """Whether a search for the k nearest compares every label, as it does beyond 128 even with cells."""
        return self._cells is None or self._recall is None or min(k, len(self)) > _IN_CELLS

    def with_cells(
        self,
        recall: float | None = None,
        queries: ArrayLike | None = None,
        advance: Callable[[], None] | None = None,
    ) -> LabelIndex:
        """The same labels, searched in cells where that pays, else exactly.

        Args:
            recall: share of the five nearest labels to be found. None: 0.99 from 250,000 labels on, below
                them an exact search; 1: exact. With fewer than 20,000 labels every search is exact.
            queries: (n, D) vectors of real videos to measure recall on, the more alike to those to come the
                better; None makes them from the labels (see `video_like_queries`).
            advance: called after each of `build_steps(K)` steps, for progress.

        Raises:
            OptionError: a share not above 0 or above 1; fewer than 2 queries, or not (n, D) unit rows.
        """
        if recall is not None:
            check_recall(recall)
        given = None if queries is None else self._checked(queries)
        if given is not None and len(given) < 2:
            raise OptionError(f"{len(given)} queries to measure recall on; expected 2 or more, or none")
        made = LabelIndex.__new__(LabelIndex)
        made._take(self._labels, self._embeddings, self._fingerprint)
        if uses_cells(len(self), recall):
            made._cells = Cells.build(self._embeddings, advance)
            made._recall = reach_recall(made._cells, self._embeddings, recall or DEFAULT_RECALL, given)
        return made

    def to_gpu(self) -> None:
        """Score all labels on the first GPU from now on, and the best of them exactly here.

        Raises:
            OptionError: the index is searched exactly, or there is no GPU that faiss can use.
        """
        if self._cells is None:
            raise OptionError(f"{self!r} has no cells to search on a GPU; build it with a recall below 1")
        if not has_gpu():
            raise OptionError("faiss finds no GPU; leave the index where it is")
        self._cells.to_gpu(self._embeddings)
        self._on_gpu = True

    def search(self, queries: ArrayLike, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Scores (B, k) float32, best first, and rows (B, k) int64 of the k nearest labels.

        Equal scores are ordered by row. The answers are the same in any batch.

        Args:
            queries: (B, D) unit rows; a row of zeros (a still clip's dynamic stream) scores 0 everywhere.
            k: at least 1; more than K gives all K. Beyond 128 every search is exact.

        Raises:
            OptionError: k < 1, or queries of another shape, not finite, or not of unit length.
        """
        found, _ = self._nearest(queries, k, None)
        return found.scores, found.rows

    def ranked(self, queries: ArrayLike, k: int, logit_scale: float) -> Ranked:
        """The k nearest labels with their probabilities, and over how many labels those are.

        After an exact search they are over all K; after one in cells over its shortlist of 512 labels, each
        scored exactly, so that they are upper bounds. Between batches they agree to about 1e-5.

        Args:
            queries: as for `search`.
            k: as for `search`.
            logit_scale: the backbone's own, > 0.

        Raises:
            OptionError: as for `search`, or the scale is not a positive number.
        """
        check_scale(logit_scale)
        found, compared = self._nearest(queries, k, logit_scale)
        logits = found.scores * np.float64(logit_scale)
        return Ranked(found.scores, found.rows, np.exp(logits - found.log_sums[:, None]), compared)

    def is_staged(self, embedding_dim: int) -> bool:
        """Whether its rows are of labels with stages, for a model of that joint width."""
        return bool(self._embeddings.shape[1] != embedding_dim)

    def scores(self, queries: ArrayLike) -> NDArray[np.float32]:
        """(B, K) float32 cosines of every query with every label, in the order of the labels.

        A row's scores are the same to the last bit in any batch, and those of `search`.

        Args:
            queries: as for `search`.

        Raises:
            OptionError: as for `search`.
        """
        return all_scores(self._checked(queries), self._embeddings)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write labels, embeddings, cells and fingerprint to one file, which is never seen half written.

        Args:
            path: any name; a file that is there is replaced, a folder that is not there is made.

        Raises:
            OutputError: it cannot be written there.
        """
        contents: dict[str, object] = {"fingerprint": self.fingerprint}
        if self._recall is not None:
            contents["recall"] = self._recall.as_dict()
        cells = None if self._cells is None else self._cells.to_bytes()
        write_index(Path(path), IndexFile(self._labels, self._embeddings, contents, cells))

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        fingerprint: Mapping[str, str] | None = None,
        exact: bool = False,
        check: bool = True,
    ) -> LabelIndex:
        """The index that `save` wrote, mapped into memory.

        Args:
            path: the file.
            fingerprint: what it must have been built with; each name given here is compared, others are not.
            exact: leave its cells aside.
            check: hold vectors and cells against their checksums: a third of a second for a million vectors
                of width 512 that the system holds in memory, else as long as the disk takes.

        Raises:
            IndexFileError: the file is missing, damaged, of another kind or format, or stale: built with
                another fingerprint. The message names what differs.
        """
        path = Path(path)
        file = read_index(path, check=check)
        index = cls.__new__(cls)
        try:
            if file.embeddings.ndim != 2 or file.embeddings.dtype != np.float32:
                raise ValueError("its embeddings are no (K, D) float32")
            if check and not np.isfinite(file.embeddings.sum()):
                raise ValueError("its embeddings are not finite")
            index._take(file.labels, file.embeddings, file.contents["fingerprint"])
            if file.cells is not None and not exact:
                index._cells = Cells.from_bytes(file.cells)
                index._recall = Recall(**file.contents["recall"])
        except (KeyError, TypeError, ValueError, AttributeError, LabelError, OptionError) as error:
            raise IndexFileError(f"index {path} is damaged ({error!r}); {REMEDY}") from None
        refuse_stale(path, index.fingerprint, fingerprint or {})
        return index

    def _checked(self, queries: ArrayLike) -> NDArray[np.float32]:
        """(B, D) float32 rows of the index's width, contiguous."""
        rows = unit_rows(queries, "queries")
        if rows.shape[1] != self._embeddings.shape[1]:
            widths = f"{rows.shape[1]} dimensions but the labels {self._embeddings.shape[1]}"
            raise OptionError(f"queries have {widths}; embed both with one model")
        return rows

    def _nearest(self, queries: ArrayLike, k: int, scale: float | None) -> tuple[Nearest, NDArray[np.int64]]:
        """What a search finds, and (B,) over how many labels its sums are."""
        asked, k = self._checked(queries), min(require_whole("k", k), len(self))
        if self._cells is None or self._recall is None or self.is_exact_for(k):
            return nearest_rows(asked, self._embeddings, k, scale), np.full(len(asked), len(self))
        near = self._cells.search(asked, self._embeddings, self._recall.reach)
        compared = np.array([len(own) for own, _ in near], np.int64)
        scores = np.full((len(asked), np.max(compared, initial=k)), -np.inf, np.float32)
        rows = np.full(scores.shape, -1, np.int64)
        for query, (own, there) in enumerate(near):
            scores[query, : len(own)], rows[query, : len(own)] = own, there
        # No direction to look in, or cells too small: such a query meets all labels, whatever its batch.
        alone = np.flatnonzero(~asked.any(axis=1) | (compared < k))
        scores[alone] = 0
        sums = np.full(len(asked), np.nan) if scale is None else log_sums(scores, scale)
        for query in alone.tolist():
            found = nearest_rows(asked[query : query + 1], self._embeddings, k, scale)
            scores[query, :k], rows[query, :k] = found.scores[0], found.rows[0]
            sums[query], compared[query] = found.log_sums[0], len(self)
        return Nearest(scores[:, :k], rows[:, :k], sums), compared


def uses_cells(number: int, recall: float | None) -> bool:
    """Whether so many labels are searched in cells where that recall, or none, is asked for."""
    return number > EXACT_UP_TO if recall is None else recall < 1 and number >= _CELLS_FROM


def _words(fingerprint: Mapping[str, str]) -> dict[str, str]:
    """The fingerprint, if it is made of words."""
    words = dict(fingerprint)
    if not all(isinstance(word, str) for pair in words.items() for word in pair):
        raise OptionError(f"fingerprint {words!r} is not made of words; expected {{name: text}}")
    return words


_SORTED_LABELS = 4096  # up to here sorting all scores costs less than a search for the best
_SCORES_AT_ONCE = 1 << 17  # bounds the memory of a block: 2 MB of scores and probabilities
_VECTORS_AT_ONCE = 64  # through a matrix product, where there are more labels


def nearest_labels(
    index: LabelIndex, vectors: NDArray[np.float32], k: int, scale: float, times: float = 1.0
) -> list[list[Prediction]]:
    """The k best of K labels for each of n vectors, best first.

    Args:
        index: of the K labels.
        vectors: (n, D) unit rows.
        k: how many predictions each.
        scale: the model's own factor on cosines.
        times: what scores are multiplied by, where rows are not as long as they should be.

    Raises:
        OptionError: vectors of another width or length.
    """
    ranked: list[list[Prediction]] = []
    step = _VECTORS_AT_ONCE if len(index) > _SORTED_LABELS else _SCORES_AT_ONCE // len(index)
    for start in range(0, len(vectors), step):
        found = _best(index, vectors[start : start + step], k, scale, times)
        columns = (found.rows.tolist(), found.scores.tolist(), found.probabilities.tolist())
        some = [None if number == len(index) else number for number in found.compared.tolist()]
        ranked += [
            [
                Prediction(index.labels[row], score, share, number)
                for row, score, share in zip(*each, strict=True)
            ]
            for number, *each in zip(some, *columns, strict=True)
        ]
    return ranked


def _best(index: LabelIndex, vectors: NDArray[np.float32], k: int, scale: float, times: float) -> Ranked:
    """The k best labels for each of n vectors; equal scores in the order of the labels."""
    if len(index) > _SORTED_LABELS:
        found = index.ranked(vectors, k, scale * times)
        return found if times == 1 else replace(found, scores=found.scores * np.float32(times))
    scores = index.scores(vectors) * np.float32(times)
    rows = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    shares = np.take_along_axis(probabilities(scores, scale), rows, axis=1)
    return Ranked(np.take_along_axis(scores, rows, axis=1), rows, shares, np.full(len(rows), len(index)))


def require_k(k: int) -> None:
    """Refuse a number of predictions that is below 1.

    Raises:
        OptionError: it is.
    """
    require_whole("k", k)
