"""Front door: videos in, ranked labels out. The one place where the video and the text street meet."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.batch.label_rows import STAGES, WITHOUT, index_of
from zeroshot.checkpoint import DEFAULT_MODEL, NO_STREAM, load_model
from zeroshot.errors import IndexFileError, LabelError, OptionError, VideoError, counted
from zeroshot.index.index import LabelIndex, Ranked, probabilities
from zeroshot.index.ivf import has_gpu
from zeroshot.index.recall import check_recall
from zeroshot.index.stage_rows import STAGED_SCALE, staged_videos, staged_width
from zeroshot.model.clip_queue import apart, rows_of
from zeroshot.text.prompts import LabelSource, TemplateSource, make_prompts
from zeroshot.text.stages import StageSource, stages_digest
from zeroshot.types import Prediction, Prompts, Ranking, Segment
from zeroshot.video.source import VideoSource, is_path, name_of, path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from zeroshot.batch.parquet import EmbeddingRow
    from zeroshot.model.model import Model
    from zeroshot.types import Clip

_SORTED_LABELS = 4096  # up to here sorting all scores costs less than a search for the best
_SCORES_AT_ONCE = 1 << 17  # bounds the memory of a block: 2 MB of scores and probabilities
_VECTORS_AT_ONCE = 64  # through a matrix product, where there are more labels
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
        width, joint = index.embeddings.shape[1], model.embedding_dim
        if width != (staged_width(joint) if STAGES in index.fingerprint else joint):
            raise LabelError(
                f"the label index has width {width}, {model.name} has {joint}; "
                "build the index with this model"
            )
        self.model = model
        self.index = index
        self._num_still = 0

    @property
    def labels(self) -> tuple[str, ...]:
        """The K labels, in the order of the index."""
        return self.index.labels

    @property
    def is_staged(self) -> bool:
        """Whether labels say how they start and end, so that the order of the frames counts."""
        return STAGES in self.index.fingerprint

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to say of stages, a line each; more is known once videos have been ranked."""
        if not self.is_staged:
            return ()
        notes = []
        without = self.index.fingerprint.get(WITHOUT, "0")
        if without != "0":
            notes.append(
                f"{without} of {counted(len(self.index), 'label')} have no stages: order counts nothing there"
            )
        if self._num_still:
            notes.append(
                f"{counted(self._num_still, 'clip')} of one frame, or where nothing changes: "
                "no order to read, so stages count nothing there"
            )
        return tuple(notes)

    def rank(self, video: VideoSource, k: int = 5) -> list[Prediction]:
        """The k best of K labels for one video, best first; all K where k is larger.

        Args:
            video: a path, a (T, H, W, 3) or (T, 3, H, W) array, images, a folder of frames, or a Clip.
            k: how many predictions come back; 5 is what people read.

        Raises:
            VideoError: the video cannot be decoded.
            OptionError: k is below 1.
        """
        _check_k(k)
        outcomes = self.model.embed_many([video], drifts=self.is_staged)
        return self._predictions(rows_of(outcomes)[0], k)

    def rank_many(self, videos: Iterable[VideoSource], k: int = 5) -> Iterator[Ranking]:
        """One Ranking a video, in the order given; a video that fails becomes a row with its error.

        Decoding runs ahead in processes of its own, so that the network seldom waits, and memory does not
        grow with the number of videos.

        Args:
            videos: anything `rank` accepts, as many as wanted; read lazily.
            k: how many predictions each.
        """
        _check_k(k)
        return self._rank_many(videos, k)

    def _rank_many(self, videos: Iterable[VideoSource], k: int) -> Iterator[Ranking]:
        for video, outcome in self.model.embed_many(videos, drifts=self.is_staged):
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
            video: path of a video file.
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
        if not is_path(video):
            raise VideoError(f"{name_of(video)} has no clock; a timeline needs a video file")
        return self._timeline(str(video), window_seconds, stride, k)

    def _timeline(self, path: str, window_seconds: float, stride: float, k: int) -> Iterator[Segment]:
        for windows, clips in self.model.read_windows(path, window_seconds, stride, _WINDOWS_AT_ONCE):
            yield from self._segments(windows, clips, k)

    def _segments(self, windows: list[tuple[float, float]], clips: list[Clip], k: int) -> Iterator[Segment]:
        rows = self.model.embed_clips(clips, drifts=self.is_staged)
        for (start, end), row in zip(windows, rows, strict=True):
            yield Segment(start, end, tuple(self._predictions(row, k)))

    def rank_vectors(
        self, vectors: NDArray[np.float32], k: int = 5, *, drifts: NDArray[np.float32] | None = None
    ) -> list[list[Prediction]]:
        """The k best of K labels for each of n embeddings, best first.

        Labels and scores are the same to the last bit in any batch, and with 4096 labels or fewer so are
        probabilities; with more those agree to about 1e-5.

        Args:
            vectors: (n, D) unit rows of this model, from `Model.embed_videos` or a table of embeddings.
            k: how many predictions each.
            drifts: (n, D) of the same videos, which labels with stages need; from `Model.embed_many`.

        Raises:
            OptionError: k is below 1, vectors of another width or length, or labels with stages and none.
        """
        _check_k(k)
        if self.is_staged:
            if drifts is None:
                raise OptionError(
                    "these labels have stages, which need the drift of each video; give drifts, as "
                    "Model.embed_many(videos, drifts=True) has them, or labels without stages"
                )
            self._num_still += int((~np.any(drifts, axis=1)).sum())
            vectors = staged_videos(vectors, drifts)
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
            rows: of whole videos, with their drifts where labels have stages.
            k: how many predictions each.
        """
        vectors = [row.embedding for row in rows if row.embedding is not None]
        found = [row.drift for row in rows if row.embedding is not None and row.drift is not None]
        drifts = np.stack(found) if vectors and len(found) == len(vectors) else None
        ranked = iter(self.rank_vectors(np.stack(vectors), k, drifts=drifts) if vectors else ())
        return [
            Ranking(row.path, () if row.embedding is None else tuple(next(ranked)), row.error) for row in rows
        ]

    def _best(self, vectors: NDArray[np.float32], k: int) -> Ranked:
        """The k best labels for each of n vectors; equal scores in the order of the labels."""
        times = STAGED_SCALE if self.is_staged else 1.0
        scale = self.model.logit_scale
        if len(self.index) > _SORTED_LABELS:
            found = self.index.ranked(vectors, k, scale * times)
            return found if times == 1 else replace(found, scores=found.scores * np.float32(times))
        scores = self.index.scores(vectors) * np.float32(times)
        rows = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        shares = np.take_along_axis(probabilities(scores, scale), rows, axis=1)
        return Ranked(
            np.take_along_axis(scores, rows, axis=1), rows, shares, np.full(len(rows), len(self.index))
        )

    def _predictions(self, row: NDArray[np.float32], k: int) -> list[Prediction]:
        """The k best labels for a (D,) unit vector, or for a (2, D) vector and its drift."""
        vectors, drifts = apart(row[None]) if self.is_staged else (row[None], None)
        return self.rank_vectors(vectors, k, drifts=drifts)[0]


def load(
    model: str | Model = DEFAULT_MODEL,
    labels: LabelSource | None = None,
    *,
    templates: TemplateSource = None,
    stages: StageSource = None,
    index: str | Path | None = None,
    device: str = "auto",
    spaced: bool = True,
    stream: str | None = None,
) -> Classifier:
    """A Classifier that ranks `labels` for videos.

    Args:
        model: `ARCH/TAG`, `hf:ORG/NAME`, a checkpoint folder, a bundled name, or a Model, as from
            `load_model(name, precision="fast", sampling=Sampling(16))`.
        labels: a list, a file (one a line), "a,b,c", a bundled list's name such as "kinetics400", or
            {label: descriptions}.
        templates: None for the bare label, one sentence with {}, several, a file, or a bundled set's name.
        stages: how labels start and end, so that the order of the frames counts: a JSON file, a bundled set's
            name such as "ssv2", or {label: {"start": …, "end": …}}; an index has to be made with the same.
        index: a file that `zeroshot index` wrote, instead of labels: no label is encoded again.
        device: auto, cpu, cuda, cuda:N or mps.
        spaced: write CamelCase and under_scores as words, as CLIP's tokenizer needs; False: as given.
        stream: of a checkpoint with an adapter: static, dynamic or fused, or clip for its backbone alone;
            None is what the checkpoint says.

    Raises:
        ZeroshotError: one line that names what cannot be used and the remedy.
    """
    if (labels is None) == (index is None):
        raise OptionError("give either labels or index; for vectors without labels use zeroshot.load_model")
    prompts = None if labels is None else make_prompts(labels, templates, stages, spaced=spaced)
    network = _model(model, device, stream)
    if prompts is not None:
        return Classifier(network, build_index(prompts, model=network))
    loaded = LabelIndex.load(str(index), fingerprint={"model": network.fingerprint})
    if stages is not None:
        _require_stages(loaded, make_prompts(loaded.labels, templates, stages, spaced=spaced), str(index))
    if loaded.cells is not None and network.backbone.device.type == "cuda" and has_gpu():
        loaded.to_gpu()
    return Classifier(network, loaded)


def _require_stages(index: LabelIndex, prompts: Prompts, path: str) -> None:
    """Refuse an index that was made without stages, or with others.

    Raises:
        IndexFileError: it was.
    """
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


def _model(model: str | Model, device: str, stream: str | None) -> Model:
    """The model itself, or the one of that name."""
    if isinstance(model, str):
        return load_model(model, device=device, stream=stream)
    if stream is not None:
        raise OptionError("stream goes with a model's name; choose it in load_model for a Model")
    return model


def build_index(
    labels: LabelSource | Prompts,
    *,
    output: str | Path | None = None,
    model: str | Model = DEFAULT_MODEL,
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
        labels: as for `load`, or Prompts, which have their templates, and stages, filled in already.
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
    network = load_model(model, stream=NO_STREAM) if isinstance(model, str) else model
    return index_of(network, prompts, output, recall, queries, watch)


def _check_k(k: int) -> None:
    if k < 1:
        raise OptionError(f"k is {k}; expected 1 or more")
