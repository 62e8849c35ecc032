"""Front door: videos in, ranked labels out. The one place where the video and the text street meet."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.batch.label_rows import index_of_labels, require_index_place
from zeroshot.checkpoint import DEFAULT_MODEL, NO_STREAM, load_model, require_model, require_public
from zeroshot.checks import Checks
from zeroshot.errors import LabelError, OptionError, VideoError
from zeroshot.index.index import LabelIndex, Ranked, probabilities
from zeroshot.index.ivf import has_gpu
from zeroshot.index.recall import check_recall
from zeroshot.index.stage_rows import STAGED_SCALE, staged_videos, staged_width
from zeroshot.model.clip_queue import apart, rows_of
from zeroshot.model.spans import joined_spans, spans_of
from zeroshot.text.prompts import LabelSource, TemplateSource, make_prompts
from zeroshot.text.stages import WITHOUT, stage_notes
from zeroshot.types import Prediction, Prompts, Ranking, Segment
from zeroshot.video.sampling import Window
from zeroshot.video.source import VideoSource, is_path, name_of, path_of
from zeroshot.words import labels_to_rank, require_made_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from zeroshot.batch.parquet import EmbeddingRow
    from zeroshot.model.model import Model
    from zeroshot.model.spans import Span
    from zeroshot.text.stages import StageSource

_SORTED_LABELS = 4096  # up to here sorting all scores costs less than a search for the best
_SCORES_AT_ONCE = 1 << 17  # bounds the memory of a block: 2 MB of scores and probabilities
_VECTORS_AT_ONCE = 64  # through a matrix product, where there are more labels


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
        if width != joint and width != staged_width(joint):
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
        return bool(self.index.embeddings.shape[1] != self.model.embedding_dim)

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to say of stages, a line each; more is known once videos have been ranked."""
        if not self.is_staged:
            return ()
        return stage_notes(len(self.index), int(self.index.fingerprint.get(WITHOUT, "0")), self._num_still)

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
        *,
        merge: bool = False,
    ) -> list[Segment]:
        """Segments of a long video with their k best labels, in time order.

        Args:
            video: path of a video file.
            window_seconds: length of a segment; 4 s holds one action of the usual data sets. What is left at
                the end and is shorter than half of it belongs to the segment before.
            stride_seconds: from one segment's start to the next's; None: the window, so that segments abut.
            k: how many predictions each.
            merge: whether neighbours with the same best label become one segment. It is ranked anew, by the
                mean of its windows' vectors, weighted by their seconds and scaled to unit length, as the
                views of one video are; its best label stays theirs. Windows with a gap between them are no
                neighbours.

        Raises:
            VideoError: the video cannot be decoded, or is not a file.
            OptionError: a window, stride or k that is not positive.
        """
        return list(self.follow(video, window_seconds, stride_seconds, k, merge=merge))

    def follow(
        self,
        video: VideoSource,
        window_seconds: float = 4.0,
        stride_seconds: float | None = None,
        k: int = 3,
        *,
        merge: bool = False,
    ) -> Iterator[Segment]:
        """The segments of `timeline` one by one, while the video is being read; memory stays bounded."""
        _check_k(k)
        window = Window(window_seconds, window_seconds if stride_seconds is None else stride_seconds)
        if not is_path(video):
            raise VideoError(f"{name_of(video)} has no clock; a timeline needs a video file")
        spans = spans_of(self.model, str(video), window, drifts=self.is_staged)
        return self._segments(joined_spans(spans, self._best_label) if merge else spans, k)

    def _segments(self, spans: Iterable[Span], k: int) -> Iterator[Segment]:
        for span in spans:
            yield Segment(span.start, span.end, tuple(self._of_span(span, k)))

    def _best_label(self, span: Span) -> str:
        return self._of_span(span, 1)[0].label

    def _of_span(self, span: Span, k: int) -> list[Prediction]:
        drifts = None if span.drift is None else span.drift[None]
        return self.rank_vectors(span.vector[None], k, drifts=drifts)[0]

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
        told = [row.drift for row in rows if row.embedding is not None and row.drift is not None]
        drifts = np.stack(told) if vectors and len(told) == len(vectors) else None
        ranked = iter(self.rank_vectors(np.stack(vectors), k, drifts=drifts) if vectors else ())
        found = [() if row.embedding is None else tuple(next(ranked)) for row in rows]
        return [
            Ranking(row.path, predictions, row.error, row.breaks_off_seconds)
            for row, predictions in zip(rows, found, strict=True)
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
    model: str | Model | None = None,
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
            `load_model(name, device="cpu")`. None: the one that made the index, else PE-Core-B-16/meta.
        labels: a list, a file (one a line), "a,b,c", a bundled list's name such as "kinetics400", or
            {label: descriptions}.
        templates: None for the bare label, one sentence with {}, several, a file, or a bundled set's name.
        stages: how labels start and end, so that the order of frames counts: a JSON file, a bundled set such
            as "ssv2", or {label: {"start": …, "end": …}}; an index has to be made with the same.
        index: a file that `zeroshot index` wrote, instead of labels: no label is encoded again.
        device: auto, cpu, cuda, cuda:N or mps.
        spaced: write CamelCase and under_scores as words, as CLIP's tokenizer needs; False: as given.
        stream: of a checkpoint with an adapter: static, dynamic or fused, or clip for its backbone alone;
            None is what the checkpoint says.

    Raises:
        ZeroshotError: one line that names what cannot be used and the remedy.
    """
    first = Checks()
    words = labels_to_rank(first, labels, templates, index, stages=stages, spaced=spaced)
    named = first.add("files", lambda: model_for(model, words(), index))
    first.add("model", lambda: _require(named(), device, stream))
    first.run()
    return classifier_of(_model(named(), device, stream), words(), index)


def classifier_of(network: Model, words: Prompts | LabelIndex, index: str | Path | None) -> Classifier:
    """The classifier that ranks what `labels_to_rank` found; labels are encoded now.

    Args:
        network: encodes them.
        words: what was found.
        index: the file of a saved index, for the error.

    Raises:
        IndexFileError: the index is another model's.
    """
    if isinstance(words, Prompts):
        return Classifier(network, build_index(words, model=network))
    require_made_by(words, network, str(index))
    if words.cells is not None and network.backbone.device.type == "cuda" and has_gpu():
        words.to_gpu()
    return Classifier(network, words)


def model_for(
    model: str | Model | None, words: Prompts | LabelIndex, index: str | Path | None
) -> str | Model:
    """The model that is asked for; where none is, the one that made a saved index, else the default.

    Args:
        model: as for `load`.
        words: what `labels_to_rank` found.
        index: the file of a saved index, for the error.

    Raises:
        ModelError: an index names a folder, a file or a name on the model hub, which its user has to name.
    """
    if model is not None:
        return model
    if isinstance(words, Prompts):
        return DEFAULT_MODEL
    return require_public(words.fingerprint.get("model_name"), f"the index {index}")


def _require(model: str | Model, device: str, stream: str | None) -> None:
    """Refuse a model's name that cannot be, and a stream of a model that is loaded already."""
    if isinstance(model, str):
        require_model(model, device=device, stream=stream)
    elif stream is not None:
        raise OptionError("stream goes with a model's name; choose it in load_model for a Model")


def _model(model: str | Model, device: str, stream: str | None) -> Model:
    """The model itself, or the one of that name."""
    if isinstance(model, str):
        return load_model(model, device=device, stream=stream)
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
    first = Checks()
    if recall is not None:
        first.add("options", lambda: check_recall(recall))
    prompts = first.add(
        "words",
        lambda: labels if isinstance(labels, Prompts) else make_prompts(labels, templates, spaced=spaced),
    )
    if output is not None:
        first.add("output", lambda: require_index_place(output))
    if isinstance(model, str):
        first.add("model", lambda: require_model(model, stream=NO_STREAM))
    first.run()
    network = load_model(model, stream=NO_STREAM) if isinstance(model, str) else model
    return index_of_labels(prompts(), network, output=output, recall=recall, queries=queries, watch=watch)


def _check_k(k: int) -> None:
    if k < 1:
        raise OptionError(f"k is {k}; expected 1 or more")
