"""Front door: videos in, ranked labels out. The one place where the video and the text street meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.batch.label_rows import index_of_labels
from zeroshot.checkpoint import load_model, model_for, not_usual, require_chosen, require_numbers
from zeroshot.checks import Checks, labels_to_rank, model_given, require_made_by, taught_as_index
from zeroshot.errors import LabelError, OptionError, VideoError, counted, printable
from zeroshot.events.finding import FindsEvents, file_with_clock
from zeroshot.index.index import nearest_labels, require_k
from zeroshot.index.ivf import has_gpu
from zeroshot.index.stage_rows import STAGED_SCALE, staged_videos, staged_width
from zeroshot.model.clip_queue import apart, rows_of
from zeroshot.model.spans import joined_spans, spans_of
from zeroshot.reports.thumbnails import thumbnails
from zeroshot.text.stages import WITHOUT, stage_notes
from zeroshot.types import Predictions, Prompts, Ranking, Segment
from zeroshot.video.sampling import Window
from zeroshot.video.source import VideoSource, name_of, path_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import torch
    from numpy.typing import NDArray

    from zeroshot.batch.parquet import EmbeddingRow
    from zeroshot.index.index import LabelIndex
    from zeroshot.model.model import Model
    from zeroshot.model.spans import Span
    from zeroshot.rejection.rejection import Rejection, RejectSource
    from zeroshot.text.prompts import LabelSource, TemplateSource
    from zeroshot.text.stages import StageSource
    from zeroshot.types import Prediction
    from zeroshot.video.sampling import Sampling


class Classifier(FindsEvents):
    """A model and an index of labels: ranks the labels for any video.

    Calls do not influence each other: ranking video A, then B, then A again gives A the same answer twice.

    Attributes:
        model: embeds videos, frames and texts.
        index: the K labels and their (K, D) embeddings.
        is_staged: whether labels say how they start and end, so that the order of the frames counts.
        rejection: what makes "none of these" an answer; None: the best label is always answered.
    """

    rejection: Rejection | None

    def __init__(self, model: Model, index: LabelIndex, rejection: Rejection | None = None) -> None:
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
        self.is_staged = index.is_staged(joint)
        self.rejection = rejection
        self._num_still = 0

    @property
    def labels(self) -> tuple[str, ...]:
        """The K labels, in the order of the index."""
        return self.index.labels

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to say of rejection and stages, a line each; more once videos have been ranked."""
        about = () if self.rejection is None else (self.rejection.note,)
        if not self.is_staged:
            return about
        without = int(self.index.fingerprint.get(WITHOUT, "0"))
        return (*about, *stage_notes(len(self.index), without, self._num_still))

    def with_labels(
        self,
        labels: LabelSource | None = None,
        *,
        templates: TemplateSource = None,
        stages: StageSource = None,
        index: str | Path | None = None,
        reject: RejectSource = None,
        spaced: bool = True,
    ) -> Classifier:
        """A new classifier of other labels, given as for `load`, that shares this one's model."""
        given = (self.model, labels)
        return load(*given, templates=templates, stages=stages, index=index, reject=reject, spaced=spaced)

    def rank(
        self,
        video: VideoSource,
        k: int = 5,
        *,
        labels: LabelSource | None = None,
        templates: TemplateSource = None,
        reject: RejectSource = None,
    ) -> Predictions:
        """The k best of K labels for one video, best first; all K where k is larger.

        Args:
            video: a path, an address, bytes, an open file, frames (T, H, W, 3) or (T, 3, H, W), images, a
                folder of frames, or a Clip; a folder or pattern must stand for one video.
            k: how many predictions come back; 5 is what people read.
            labels: other labels, for this call alone; each such call encodes them.
            templates: of these, as for `load`; or, with reject, those that this index was made with.
            reject: as for `load`, for this call alone.

        Raises:
            VideoError: the video cannot be decoded, or several are meant.
            OptionError: k is below 1, or templates without labels.
        """
        require_k(k)
        if labels is not None:
            return self.with_labels(labels, templates=templates, reject=reject).rank(video, k)
        if reject is not None:
            return self.rejecting(reject, templates).rank(video, k)
        if templates is not None:
            raise OptionError("templates are given without labels; give those, too, or use with_labels")
        row, clips = self.model.look(video, drifts=self.is_staged)
        return Predictions(self._predictions(row, k), path_of(video), thumbnails(clips))

    def rejecting(self, reject: RejectSource, templates: TemplateSource = None) -> Classifier:
        """A new classifier that answers "none of these", see `load`; labels were filled into `templates`."""
        from zeroshot.rejection.rejection import rejection_of

        rejection = rejection_of(reject, self.model, self.index, templates, of_file=True)
        return Classifier(self.model, self.index, rejection)

    def similarity(self, videos: VideoSource | Iterable[VideoSource]) -> NDArray[np.float32]:
        """Cosines (n, K) of each of n videos with every label, in the order of `labels`.

        Args:
            videos: as for `Model.embed_videos`.

        Raises:
            VideoError: one of them cannot be read.
        """
        rows = rows_of(self.model.embed_many(videos, drifts=self.is_staged), self.model.embedding_dim)
        if not len(rows):
            return np.zeros((0, len(self.index)), np.float32)
        return self._scores(*(apart(rows) if self.is_staged else (rows, None)))

    def rank_many(self, videos: VideoSource | Iterable[VideoSource], k: int = 5) -> Iterator[Ranking]:
        """One Ranking a video, in the order given; a video that fails becomes a row with its error.

        Decoding runs ahead in processes of its own; memory does not grow with the number of videos.

        Args:
            videos: one or many, as for `Model.embed_videos`: folders and patterns stand for all videos in
                them. Read lazily.
            k: how many predictions each.
        """
        require_k(k)
        return self._rank_many(videos, k)

    def _rank_many(self, videos: VideoSource | Iterable[VideoSource], k: int) -> Iterator[Ranking]:
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
            video: path of a video file, its bytes or address, or a file that is open.
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
        require_k(k)
        window = Window.of(window_seconds, stride_seconds)
        spans = spans_of(self.model, file_with_clock(video), window, drifts=self.is_staged)
        return self._segments(joined_spans(spans, self._best_label) if merge else spans, k)

    def _segments(self, spans: Iterable[Span], k: int) -> Iterator[Segment]:
        for span in spans:
            yield Segment(span.start, span.end, tuple(self._of_span(span, k)))

    def _best_label(self, span: Span) -> str:
        return self._of_span(span, 1)[0].label

    def __getstate__(self) -> dict[str, Any]:
        _ = self.model.fingerprint  # to which the model is held that is loaded again on arrival
        return vars(self)

    def __repr__(self) -> str:
        shown = ", ".join(self.labels[:3]) + ", …" * (len(self.labels) > 3)
        return f"Classifier({counted(len(self.labels), 'label')}: {printable(shown)}; {self.model!r})"

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
        require_k(k)
        plain, times = vectors, 1.0
        if self.is_staged:
            if drifts is None:
                raise OptionError(
                    "these labels have stages, which need the drift of each video; give drifts, as "
                    "Model.embed_many(videos, drifts=True) has them, or labels without stages"
                )
            self._num_still += int((~np.any(drifts, axis=1)).sum())
            vectors, times = staged_videos(vectors, drifts), STAGED_SCALE
        number = k if self.rejection is None else self.rejection.num_ranked(k, len(self.index))
        ranked = nearest_labels(self.index, vectors, number, self.model.logit_scale, times)
        return ranked if self.rejection is None else self.rejection.told(ranked, plain, k)

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

    def _predictions(self, row: NDArray[np.float32], k: int) -> list[Prediction]:
        """The k best labels for a (D,) unit vector, or for a (2, D) vector and its drift."""
        vectors, drifts = apart(row[None]) if self.is_staged else (row[None], None)
        return self.rank_vectors(vectors, k, drifts=drifts)[0]


def load(  # noqa: PLR0913 - what people choose when they begin
    model: str | os.PathLike[str] | Model | None = None,
    labels: LabelSource | None = None,
    *,
    templates: TemplateSource = None,
    stages: StageSource = None,
    index: str | Path | None = None,
    reject: RejectSource = None,
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
        model: as for `load_model`, or a Model, for which what follows `spaced` is chosen there. None: the
            one that made the index, else PE-Core-B-16/meta.
        labels: a list, a file (one a line, or what `zeroshot teach` wrote), "a,b,c", a bundled list's name
            such as "kinetics400", or {label: descriptions}.
        templates: None for the bare label, one sentence with {}, several, a file, or a bundled set's name.
        stages: how labels start and end, so that the order of frames counts: a JSON file, a bundled set such
            as "ssv2", or {label: {"start": …, "end": …}}; an index has to be made with the same.
        index: a file that `zeroshot index` wrote, instead of labels: no label is encoded again.
        reject: when "none of these" is answered: "auto", where a background label fits far better; a
            share from 0 to 1 to have against it; a file of `zeroshot calibrate`. None: never.
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
    given: dict[str, Any] = {"device": device, "sampling": sampling, "stream": stream, "precision": precision}
    given |= {"decoder": decoder, "progress": progress, "batch_size": batch_size, "num_workers": num_workers}
    model = None if model is None else model_given(model)
    labels, index = taught_as_index(labels, index)
    first = Checks()
    words = labels_to_rank(first, labels, templates, index, stages=stages, spaced=spaced)
    named = first.add("files", lambda: model_for(model, words(), index))
    if reject is not None:
        first.add("files", lambda: _require_rejectable(reject, words(), templates))
    first.add("options", lambda: require_numbers(batch_size, num_workers))
    first.add("model", lambda: require_chosen(named(), not_usual(given)))
    first.run()
    network = named()
    loaded = load_model(network, **given) if isinstance(network, str) else network
    return classifier_of(loaded, words(), index, reject, templates)


def _require_rejectable(reject: RejectSource, words: Prompts | LabelIndex, templates: TemplateSource) -> None:
    from zeroshot.rejection.rejection import require_rejectable

    require_rejectable(reject, words, templates)


def classifier_of(
    network: Model,
    words: Prompts | LabelIndex,
    index: str | Path | None,
    reject: RejectSource = None,
    templates: TemplateSource = None,
) -> Classifier:
    """The classifier that ranks what `labels_to_rank` found; labels are encoded now.

    Args:
        network: encodes them.
        words: what was found.
        index: the file of a saved index, for the error.
        reject: as for `load`; background labels are encoded now.
        templates: of the labels, for the background labels.

    Raises:
        ZeroshotError: the index, or a calibration, is another model's or of other texts.
    """
    if isinstance(words, Prompts):
        words = index_of_labels(words, network)
    else:
        require_made_by(words, network, str(index))
        if words.cells is not None and network.device.type == "cuda" and has_gpu():
            words.to_gpu()
    if reject is None:
        return Classifier(network, words)
    from zeroshot.rejection.rejection import rejection_of

    return Classifier(network, words, rejection_of(reject, network, words, templates))
