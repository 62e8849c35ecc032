"""LabelIndex: text embeddings of a label list, made once, searched exactly, kept in one file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from zeroshot.errors import IndexFileError, LabelError, OptionError
from zeroshot.files import write_whole
from zeroshot.text.rows import unit_rows, whole_count

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

_FORMAT = "zeroshot_label_index"
_VERSION = 1
_REMEDY = "rebuild it with `zeroshot index`"
_SMALL_PRODUCT = (
    1 << 24
)  # multiplications, about 2 ms: below it, waking a second thread costs more than it saves


class LabelIndex:
    """K labels and their (K, D) float32 unit rows: exact inner products with any video embedding.

    Scores are cosines, clipped to [-1, 1] where rounding left it.
    """

    def __init__(
        self, labels: Sequence[str], embeddings: ArrayLike, *, fingerprint: Mapping[str, str]
    ) -> None:
        """Index the embeddings of `labels`.

        Args:
            labels: K names, none twice.
            embeddings: (K, D) floating point, finite, unit rows.
            fingerprint: what the embeddings depend on, as words: {"model": …, "prompts": …}.

        Raises:
            LabelError: labels repeat, or labels and rows differ in number.
            OptionError: rows are not finite or not of unit length; a fingerprint is not made of words.
        """
        import faiss

        self._labels = tuple(labels)
        self._fingerprint = dict(fingerprint)
        self._embeddings = unit_rows(embeddings, "embeddings")
        self._embeddings.flags.writeable = False
        if not self._labels or len(self._labels) != len(self._embeddings):
            counts = f"{len(self._labels)} labels but {len(self._embeddings)} embeddings"
            raise LabelError(f"{counts}; expected one embedding a label, and a label at least")
        if len(set(self._labels)) < len(self._labels):
            twice = next(label for label in self._labels if self._labels.count(label) > 1)
            raise LabelError(f"label {twice!r} stands in the list twice; remove one")
        zeros = np.flatnonzero(~self._embeddings.any(axis=1))
        if len(zeros):
            raise OptionError(
                f"embedding {zeros[0]} ({self._labels[zeros[0]]!r}) is all zeros; expected a unit row"
            )
        if not all(isinstance(word, str) for pair in self._fingerprint.items() for word in pair):
            raise OptionError(
                f"fingerprint {self._fingerprint!r} is not made of words; expected {{name: text}}"
            )
        self._faiss = faiss.IndexFlatIP(self._embeddings.shape[1])
        self._faiss.add(self._embeddings)

    @property
    def labels(self) -> tuple[str, ...]:
        """K names; the place in the tuple is the row."""
        return self._labels

    @property
    def embeddings(self) -> NDArray[np.float32]:
        """(K, D) float32 unit rows, read-only."""
        return self._embeddings

    @property
    def fingerprint(self) -> dict[str, str]:
        """What the embeddings depend on (a copy)."""
        return dict(self._fingerprint)

    def __len__(self) -> int:
        return len(self._labels)

    def __repr__(self) -> str:
        return f"LabelIndex({len(self)} labels, {self._embeddings.shape[1]} dimensions, {self._fingerprint})"

    def search(self, queries: ArrayLike, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Scores (B, k) float32, best first, and rows (B, k) int64 of the k nearest labels.

        Equal scores are ordered by row.

        Args:
            queries: (B, D) unit rows; a row of zeros (a still clip's dynamic stream) scores 0 everywhere.
            k: at least 1; more than K gives all K.

        Raises:
            OptionError: k < 1, or queries of another shape, not finite, or not of unit length.
        """
        k = min(whole_count(k), len(self))
        rows_in = self._checked(queries)
        with _few_threads(rows_in.size * len(self)):
            scores, rows = self._faiss.search(rows_in, k)
        scores = np.clip(scores, -1.0, 1.0)
        order = np.lexsort((rows, -scores), axis=1)
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)

    def scores(self, queries: ArrayLike) -> NDArray[np.float32]:
        """(B, K) float32 cosines of every query with every label, in the order of the labels.

        One row at a time on one thread: a row's scores are the same to the last bit in any batch, and agree
        with those of `search` to about 1e-7.

        Args:
            queries: as for `search`.

        Raises:
            OptionError: as for `search`.
        """
        import faiss

        kernels: Any = faiss  # its type hints leave out the functions that it generates
        rows = self._checked(queries)
        result = np.empty((len(rows), len(self)), dtype=np.float32)
        width, labels = self._embeddings.shape[1], kernels.swig_ptr(self._embeddings)
        for row, out in zip(rows, result, strict=True):
            inputs = (kernels.swig_ptr(row), labels, width, len(self))
            kernels.fvec_inner_products_ny(kernels.swig_ptr(out), *inputs)
        return np.clip(result, -1.0, 1.0, out=result)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write labels, embeddings and fingerprint to one file, which is never seen half written.

        Args:
            path: any name; a file that is there is replaced, a folder that is not there is made.

        Raises:
            OutputError: it cannot be written there.
        """
        path = Path(path)
        contents = {"version": _VERSION, "labels": self._labels, "fingerprint": self._fingerprint}
        checked = {**contents, "sha256": _digest(contents, self._embeddings)}
        # One entry, because the library writes several in any order: the same index gives the same bytes.
        data = to_bytes({"embeddings": self._embeddings}, {_FORMAT: json.dumps(checked, sort_keys=True)})
        write_whole(path, data)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, fingerprint: Mapping[str, str] | None = None
    ) -> LabelIndex:
        """The index that `save` wrote.

        Args:
            path: the file.
            fingerprint: what it must have been built with; each name given here is compared, others are not.

        Raises:
            IndexFileError: the file is missing, damaged, of another kind or format, or stale: built with
                another fingerprint. The message names what differs.
        """
        path = Path(path)
        contents, embeddings = _read(path)
        try:
            found = contents.get("version")
            if found != _VERSION:
                raise IndexFileError(f"index {path} has format {found}; expected {_VERSION}; {_REMEDY}")
            if contents.pop("sha256") != _digest(contents, embeddings):
                raise IndexFileError(f"index {path} is damaged: its checksum is wrong; {_REMEDY}")
            index = cls(contents["labels"], embeddings, fingerprint=contents["fingerprint"])
        except (KeyError, TypeError, ValueError, AttributeError, LabelError, OptionError) as error:
            raise IndexFileError(f"index {path} is damaged ({error!r}); {_REMEDY}") from None
        _refuse_stale(path, index.fingerprint, fingerprint or {})
        return index

    def _checked(self, queries: ArrayLike) -> NDArray[np.float32]:
        """(B, D) float32 rows of the index's width, contiguous."""
        rows = unit_rows(queries, "queries")
        if rows.shape[1] != self._embeddings.shape[1]:
            widths = f"{rows.shape[1]} dimensions but the labels {self._embeddings.shape[1]}"
            raise OptionError(f"queries have {widths}; embed both with one model")
        return rows


def probabilities(scores: ArrayLike, logit_scale: float) -> NDArray[np.float64]:
    """(…, K) float64 softmax of logit_scale × scores over all K labels; every row sums to 1.

    A model's logit bias, where it has one (SigLIP), is the same for every label and cancels.

    Args:
        scores: (…, K) cosines with all K labels, never with the k shown alone.
        logit_scale: the backbone's own, > 0.

    Raises:
        OptionError: scores are empty or not finite, or the scale is not a positive number.

    >>> probabilities([[0.25, 0.25]], 100.0)
    array([[0.5, 0.5]])
    """
    logits = np.asarray(scores, dtype=np.float64)
    if logits.ndim < 1 or logits.shape[-1] < 1 or not np.isfinite(logits).all():
        raise OptionError(f"scores of shape {logits.shape} are empty or not finite; expected (B, K) cosines")
    if not (math.isfinite(logit_scale) and logit_scale > 0):
        raise OptionError(f"logit scale {logit_scale} is not a positive number; use the model's own")
    logits = logits * logit_scale
    # The largest logit becomes 0, so that no exponential overflows and one of them is 1.
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


@contextlib.contextmanager
def _few_threads(multiplications: int) -> Iterator[None]:
    """Hold faiss to one thread within a small product, and give it back its number of threads afterwards."""
    import faiss

    if multiplications > _SMALL_PRODUCT:
        yield
        return
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _digest(contents: Mapping[str, Any], embeddings: NDArray[np.float32]) -> str:
    """Checksum of what an index file holds."""
    words = json.dumps(contents, sort_keys=True)
    return hashlib.sha256(words.encode() + b"\0" + embeddings.tobytes()).hexdigest()


def _read(path: Path) -> tuple[dict[str, Any], NDArray[np.float32]]:
    """The contents and the embeddings of an index file, not yet checked."""
    try:
        with path.open("rb"), safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if _FORMAT not in metadata:
                raise IndexFileError(f"{path} is not a label index; make one with `zeroshot index`")
            return json.loads(metadata[_FORMAT]), np.asarray(file.get_tensor("embeddings"))
    except OSError as error:
        reason = error.strerror or str(error)
        raise IndexFileError(
            f"cannot read the index {path}: {reason}; make one with `zeroshot index`"
        ) from None
    except (SafetensorError, ValueError) as error:
        raise IndexFileError(f"{path} is not a label index or is damaged ({error}); {_REMEDY}") from None


def _refuse_stale(path: Path, stored: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Raise IndexFileError where the index was built with something else than what is wanted."""
    differences = [
        f"its {name} is {stored.get(name)!r}, not {value!r}"
        for name, value in wanted.items()
        if stored.get(name) != value
    ]
    if differences:
        raise IndexFileError(f"index {path} is stale: {'; '.join(differences)}; {_REMEDY}")
