"""Front door: videos in, ranked labels out. The one place where the video and the text street meet."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.batch.label_rows import index_of_labels
from zeroshot.checkpoint import DEFAULT_MODEL, NO_STREAM, load_model
from zeroshot.errors import LabelError, OptionError, VideoError, counted, printable
from zeroshot.index.index import LabelIndex, Ranked, probabilities
from zeroshot.index.ivf import has_gpu
from zeroshot.index.recall import check_recall
from zeroshot.resources import from_home
from zeroshot.text.prompts import LabelSource, TemplateSource, make_prompts
from zeroshot.types import Prediction, Predictions, Prompts, Ranking, Segment
from zeroshot.video.elsewhere import Spooled, on_disk
from zeroshot.video.given import one_video
from zeroshot.video.source import VideoSource, is_path, name_of, path_of
from zeroshot.video.thumbnails import thumbnails

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    import torch
    from numpy.typing import NDArray

    from zeroshot.batch.parquet import EmbeddingRow
    from zeroshot.model.model import Model
    from zeroshot.types import Clip
    from zeroshot.video.sampling import Sampling

_USUAL = {"device": "auto", "precision": "exact", "decoder": "auto", "batch_size": 32, "num_workers": 2}
_USUAL |= {"progress": False}  # what `load_model` takes where nobody chooses
_SORTED_LABELS = 4096  # up to here sorting all scores costs less than a search for the best
_SCORES_AT_ONCE = 1 << 17  # bounds the memory of a block: 2 MB of scores and probabilities
_VECTORS_AT_ONCE = 64  # through a matrix product, where there are more labels
_LABELS_SHOWN = 3
_WINDOWS_AT_ONCE = 8  # bounds what a long video holds in memory: 8 windows of T frames


class Classifier:
    """A model and an index of labels: ranks the labels for any video.

    Calls do not influence each other: ranking video A, then B, then A again gives A the same answer twice.

    Attributes:
        model: embeds videos, frames and texts.
        index: the K labels and their (K, D) embeddings.
    """

    def __init__(self, model: Model, index: LabelIndex) -> None:
        """Join a model and an index of the same joint width D.

        Raises:
            LabelError: the index was made in another width than the model's.
        """
        if index.embeddings.shape[1] != model.embedding_dim:
            raise LabelError(
                f"the label index has width {index.embeddings.shape[1]}, "
                f"{model.name} has {model.embedding_dim}; "
                "build the index with this model"
            )
        self.model = model
        self.index = index

    @property
    def labels(self) -> tuple[str, ...]:
        """The K labels, in the order of the index."""
        return self.index.labels

    @property
    def device(self) -> torch.device:
        """Where the model's weights are."""
        return self.model.device

    def to(self, device: str | torch.device) -> Classifier:
        """This very classifier, its model moved; see `Model.to`."""
        self.model.to(device)
        return self

    def with_labels(
        self,
        labels: LabelSource | None = None,
        *,
        templates: TemplateSource = None,
        index: str | Path | None = None,
        spaced: bool = True,
    ) -> Classifier:
        """A new classifier of other labels, given as for `load`, that shares this one's model."""
        return load(self.model, labels, templates=templates, index=index, spaced=spaced)

    def rank(
        self,
        video: VideoSource,
        k: int = 5,
        *,
        labels: LabelSource | None = None,
        templates: TemplateSource = None,
    ) -> Predictions:
        """The k best of K labels for one video, best first; all K where k is larger.

        Args:
            video: a path, an address, bytes, an open file, frames (T, H, W, 3) or (T, 3, H, W), images, a
                folder of frames, or a Clip; a folder or pattern must stand for one video.
            k: how many predictions come back; 5 is what people read.
            labels: other labels, for this call alone; each such call encodes them.
            templates: of these, as for `load`.

        Raises:
            VideoError: the video cannot be decoded, or several are meant.
            OptionError: k is below 1, or templates without labels.
        """
        _check_k(k)
        if labels is not None:
            return self.with_labels(labels, templates=templates).rank(video, k)
        if templates is not None:
            raise OptionError("templates are given without labels; give those, too, or use with_labels")
        vector, clips = self.model.look(video)
        return Predictions(self._predictions(vector, k), path_of(video), thumbnails(clips))

    def similarity(self, videos: VideoSource | Iterable[VideoSource]) -> NDArray[np.float32]:
        """Cosines (n, K) of each of n videos with every label, in the order of `labels`.

        Args:
            videos: as for `Model.embed_videos`.

        Raises:
            VideoError: one of them cannot be read.
        """
        scores: NDArray[np.float32] = self.index.scores(self.model.embed_videos(videos))
        return scores

    def rank_many(self, videos: VideoSource | Iterable[VideoSource], k: int = 5) -> Iterator[Ranking]:
        """One Ranking a video, in the order given; a video that fails becomes a row with its error.

        Decoding runs ahead in processes of its own, so that the network seldom waits, and memory does not
        grow with the number of videos.

        Args:
            videos: one or many, as for `Model.embed_videos`: folders and patterns stand for all videos in
                them. Read lazily.
            k: how many predictions each.
        """
        _check_k(k)
        return self._rank_many(videos, k)

    def _rank_many(self, videos: VideoSource | Iterable[VideoSource], k: int) -> Iterator[Ranking]:
        for video, outcome in self.model.embed_many(videos):
            if isinstance(outcome, VideoError):
                yield Ranking(path_of(video), (), str(outcome))
            else:
                found = tuple(self._predictions(outcome, k))
                yield Ranking(path_of(video), found, None, self.model.break_offs.get(name_of(video)))

    def timeline(
        self,
        video: VideoSource,
        window_seconds: float = 4.0,
        stride_seconds: float | None = None,
        k: int = 3,
    ) -> list[Segment]:
        """Segments of a long video with their k best labels, in time order.

        Args:
            video: path of a video file, its bytes or address, or a file that is open.
            window_seconds: length of a segment; 4 s holds one action of the usual data sets.
            stride_seconds: from one segment's start to the next's; None: the window, so that segments abut.
            k: how many predictions each.

        Raises:
            VideoError: the video cannot be decoded, or is not a file.
            OptionError: a window, stride or k that is not positive.
        """
        return list(self.follow(video, window_seconds, stride_seconds, k))

    def follow(
        self,
        video: VideoSource,
        window_seconds: float = 4.0,
        stride_seconds: float | None = None,
        k: int = 3,
    ) -> Iterator[Segment]:
        """The segments of `timeline` one by one, while the video is being read; memory stays bounded."""
        _check_k(k)
        stride = window_seconds if stride_seconds is None else stride_seconds
        if not (window_seconds > 0 and stride > 0):
            raise OptionError(f"window {window_seconds} s and stride {stride} s must both be above 0")
        file = on_disk(one_video(video))
        if not is_path(file):
            raise VideoError(f"{name_of(video)} has no clock; a timeline needs a video file")
        return self._timeline(file, window_seconds, stride, k)

    def _timeline(
        self, path: str | os.PathLike[str], window_seconds: float, stride: float, k: int
    ) -> Iterator[Segment]:
        try:
            for windows, clips in self.model.read_windows(path, window_seconds, stride, _WINDOWS_AT_ONCE):
                yield from self._segments(windows, clips, k)
        finally:
            if isinstance(path, Spooled):
                path.close()

    def _segments(self, windows: list[tuple[float, float]], clips: list[Clip], k: int) -> Iterator[Segment]:
        for (start, end), vector in zip(windows, self.model.embed_clips(clips), strict=True):
            yield Segment(start, end, tuple(self._predictions(vector, k)))

    def close(self) -> None:
        """End the decoding processes; they start again if another video is read."""
        self.model.close()

    def __enter__(self) -> Classifier:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        shown = ", ".join(self.labels[:_LABELS_SHOWN]) + ", …" * (len(self.labels) > _LABELS_SHOWN)
        return f"Classifier({counted(len(self.labels), 'label')}: {printable(shown)}; {self.model!r})"

    def rank_vectors(self, vectors: NDArray[np.float32], k: int = 5) -> list[list[Prediction]]:
        """The k best of K labels for each of n embeddings, best first.

        Labels and scores are the same to the last bit in any batch, and with 4096 labels or fewer so are
        probabilities; with more those agree to about 1e-5.

        Args:
            vectors: (n, D) unit rows of this model, from `Model.embed_videos` or a table of embeddings.
            k: how many predictions each.

        Raises:
            OptionError: k is below 1, or vectors of another width or length.
        """
        _check_k(k)
        ranked: list[list[Prediction]] = []
        step = _VECTORS_AT_ONCE if len(self.index) > _SORTED_LABELS else _SCORES_AT_ONCE // len(self.index)
        for start in range(0, len(vectors), step):
            found = self._best(vectors[start : start + step], k)
            columns = (found.rows.tolist(), found.scores.tolist(), found.probabilities.tolist())
            some = [None if number == len(self.index) else number for number in found.compared.tolist()]
            ranked += [
                [
                    Prediction(self.labels[row], score, share, number)
                    for row, score, share in zip(*each, strict=True)
                ]
                for number, *each in zip(some, *columns, strict=True)
            ]
        return ranked

    def rank_rows(self, rows: Sequence[EmbeddingRow], k: int = 5) -> list[Ranking]:
        """One Ranking a row of a table of this model's embeddings; a row with an error keeps it.

        Args:
            rows: of whole videos.
            k: how many predictions each.
        """
        vectors = [row.embedding for row in rows if row.embedding is not None]
        ranked = iter(self.rank_vectors(np.stack(vectors), k) if vectors else ())
        return [
            Ranking(row.path, () if row.embedding is None else tuple(next(ranked)), row.error) for row in rows
        ]

    def _best(self, vectors: NDArray[np.float32], k: int) -> Ranked:
        """The k best labels for each of n vectors; equal scores in the order of the labels."""
        scale = self.model.logit_scale
        if len(self.index) > _SORTED_LABELS:
            return self.index.ranked(vectors, k, scale)
        scores = self.index.scores(vectors)
        rows = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        shares = np.take_along_axis(probabilities(scores, scale), rows, axis=1)
        return Ranked(
            np.take_along_axis(scores, rows, axis=1), rows, shares, np.full(len(rows), len(self.index))
        )

    def _predictions(self, vector: NDArray[np.float32], k: int) -> list[Prediction]:
        """The k best labels for a (D,) unit vector."""
        return self.rank_vectors(vector[None], k)[0]


def load(  # noqa: PLR0913 - what people choose when they begin
    model: str | os.PathLike[str] | Model = DEFAULT_MODEL,
    labels: LabelSource | None = None,
    *,
    templates: TemplateSource = None,
    index: str | Path | None = None,
    spaced: bool = True,
    device: str | torch.device = "auto",
    sampling: Sampling | None = None,
    stream: str | None = None,
    precision: str = "exact",
    decoder: str = "auto",
    batch_size: int = 32,
    num_workers: int = 2,
    progress: bool = False,
) -> Classifier:
    """A Classifier that ranks `labels` for videos.

    Args:
        model: `ARCH/TAG`, `hf:ORG/NAME`, a checkpoint folder, a bundled name, or a Model; what follows
            `spaced` is chosen for a Model in `load_model`.
        labels: a list, a file (one a line), "a,b,c", a bundled list's name such as "kinetics400", or
            {label: descriptions}.
        templates: None for the bare label, one sentence with {}, several, a file, or a bundled set's name.
        index: a file that `zeroshot index` wrote, instead of labels: no label is encoded again.
        spaced: write CamelCase and under_scores as words, as CLIP's tokenizer needs; False: as given.
        device: auto, cpu, cuda, cuda:N, mps, or a torch.device.
        sampling: which frames; None: the model's own, 8 frames from the middle of 8 equal segments.
        stream: of a checkpoint with an adapter: static, dynamic or fused, or clip for its backbone alone;
            None is what the checkpoint says.
        precision: as for `load_model`, and so are the others.
        decoder: auto, decord, pyav or raw.
        batch_size: frames in one forward pass.
        num_workers: decoding processes.
        progress: a bar on stderr counts videos.

    Raises:
        ZeroshotError: one line that names what cannot be used and the remedy.
    """
    if (labels is None) == (index is None):
        raise OptionError("give either labels or index; for vectors without labels use zeroshot.load_model")
    prompts = None if labels is None else make_prompts(labels, templates, spaced=spaced)
    chosen: dict[str, Any] = {
        "device": device,
        "sampling": sampling,
        "stream": stream,
        "precision": precision,
    }
    chosen |= {"decoder": decoder, "batch_size": batch_size, "num_workers": num_workers, "progress": progress}
    network = _model(model, {name: value for name, value in chosen.items() if value != _USUAL.get(name)})
    return Classifier(
        network, _index_from(index, network) if prompts is None else build_index(prompts, model=network)
    )


def _index_from(path: str | Path | None, network: Model) -> LabelIndex:
    """A saved index of this model's; on its GPU where that is of use."""
    loaded = LabelIndex.load(from_home(str(path)), fingerprint={"model": network.fingerprint})
    if loaded.cells is not None and network.device.type == "cuda" and has_gpu():
        loaded.to_gpu()
    return loaded


def _model(model: str | os.PathLike[str] | Model, chosen: dict[str, Any]) -> Model:
    """The model itself, or the one of that name with what was chosen for it."""
    if isinstance(model, str | os.PathLike):
        return load_model(model, **chosen)
    if chosen:
        raise OptionError(
            f"{', '.join(chosen)} goes with a model's name; choose it in load_model for a Model"
        )
    return model


def build_index(
    labels: LabelSource | Prompts,
    *,
    output: str | Path | None = None,
    model: str | os.PathLike[str] | Model = DEFAULT_MODEL,
    templates: TemplateSource = None,
    spaced: bool = True,
    recall: float | None = None,
    queries: NDArray[np.float32] | None = None,
    watch: Callable[[str, int, int], None] | None = None,
) -> LabelIndex:
    """The K labels with their (K, D) embeddings, stamped with what made them: what `zeroshot index` does.

    With an output the index is written there. A call that was interrupted goes on where it ended; of an index
    of the same labels and model that is there already only the search is set anew.

    Args:
        labels: as for `load`, or Prompts, which have their templates filled in already.
        output: the file that `load(model, index=…)` reads; None: in memory alone.
        model: as for `load`; for another device than the best there is, a Model.
        templates: as for `load`.
        spaced: as for `load`.
        recall: share of the 5 nearest labels that a search must find; None: see `LabelIndex.with_cells`.
        queries: (n, D) vectors of videos to measure recall on, such as `VideoIndex(folder).vectors`.
        watch: called with what is done ("labels" are encoded, "cells" made; "there": all were encoded
            before), how many of it are done, and of how many.

    Raises:
        ZeroshotError: one line that names what cannot be used, or written, and the remedy.
    """
    if recall is not None:
        check_recall(recall)
    prompts = labels if isinstance(labels, Prompts) else make_prompts(labels, templates, spaced=spaced)
    network = load_model(model, stream=NO_STREAM) if isinstance(model, str | os.PathLike) else model
    return index_of_labels(prompts, network, output=output, recall=recall, queries=queries, watch=watch)


def _check_k(k: int) -> None:
    if k < 1:
        raise OptionError(f"k is {k}; expected 1 or more")
