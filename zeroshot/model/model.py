"""Videos, frames and texts to unit vectors in one joint space: the backbone, and what it reads."""

from __future__ import annotations

from functools import cached_property, partial
from itertools import chain
from typing import TYPE_CHECKING, Self

import numpy as np
import torch

from zeroshot.errors import OptionError, VideoError, counted
from zeroshot.model.backbone import in_memory, unit_mean
from zeroshot.model.clip_queue import PLAIN, ClipQueue, require_length, rows_of, vectors_of_windows
from zeroshot.model.encoder import Encoder
from zeroshot.model.hub.push import FromFolder
from zeroshot.model.kept_labels import FEWEST_TEXTS, kept_or_made
from zeroshot.model.tokens import fitting_adapter
from zeroshot.text.prompts import stages_cut, texts_cut
from zeroshot.types import Closes
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.sampling import Sampling, Window, require_sampling

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from zeroshot.adapter.adapter import TwoStreamAdapter
    from zeroshot.model.backbone import Backbone
    from zeroshot.model.clip_queue import WindowVectors
    from zeroshot.model.encoder import Frames
    from zeroshot.types import Clip, Prompts
    from zeroshot.video.source import VideoSource
    from zeroshot.video.transform import Preprocess

# Labels whose texts are encoded before their means are taken: 10,000 labels × 80 templates fit in memory.
_LABELS_AT_ONCE = 256

# Decoder, decoding processes and seconds for a file, where nobody chooses otherwise.
_READING = ("auto", 2, 60.0)

STREAMS = ("static", "dynamic", "fused")


class Model(Encoder, FromFolder):
    """A backbone that reads videos: the vector of a video is the mean over its frames.

    Exactly: each frame of each view gives a unit vector; the vector of the video is their mean over all
    V · T frames, scaled to unit length. The frames of several videos share a forward pass, which changes
    results in the last digits of float32 only. With an adapter each view gives a unit vector of the chosen
    stream, from the tokens of its frames, and the vector of the video is the mean over its V views; so it is
    with a network that reads clips as a whole.

    Videos are decoded by processes that start with the first file and end with `close` or with the model.

    Attributes:
        backbone: the frozen network.
        sampling: which frames of a video are looked at.
        adapter: the two streams on top of the backbone, or None.
        stream: which of them speaks for a video: "static", "dynamic" or "fused".
        cut_note: a line on texts of labels that are longer than the backbone reads; "" where none is.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        adapter: TwoStreamAdapter | None = None,
        stream: str = "fused",
        sampling: Sampling | None = None,
        decoder: str = _READING[0],
        num_workers: int = _READING[1],
        time_limit_seconds: float = _READING[2],
    ) -> None:
        """Join a backbone and a way to read videos.

        Args:
            backbone: from `load_backbone`.
            adapter: made for this backbone's tokens; it is moved to the backbone's device.
            stream: what the adapter answers with.
            sampling: None: as many frames as the checkpoint is meant for, the middles of equal segments.
            decoder: "auto", "decord", "pyav" or "raw".
            num_workers: decoding processes; two keep ahead of a network on a processor.
            time_limit_seconds: for one file, after which it counts as unreadable.

        Raises:
            OptionError: an unknown stream, or an adapter for another backbone or number of frames.
        """
        if stream not in STREAMS:
            raise OptionError(f"stream is {stream!r}; expected one of {', '.join(STREAMS)}")
        self.backbone = backbone
        fitting = None if adapter is None else fitting_adapter(adapter, backbone)
        self.adapter = None if fitting is None else fitting.to(backbone.device).eval()
        self.stream = stream
        num_frames = backbone.num_frames if adapter is None else adapter.config.num_frames
        self.sampling = self._checked(sampling or Sampling(num_frames=num_frames))
        self.cut_note = ""
        self._decoder = decoder
        self._num_workers = num_workers
        self._time_limit_seconds = time_limit_seconds
        if (decoder, num_workers, time_limit_seconds) != _READING:
            _ = self._reader  # options of the user's own are checked at once

    def prepared_as(self, preprocess: Preprocess) -> Model:
        """This model, its weights not copied, with frames prepared in another way and a reader of its own."""
        other = object.__new__(type(self))
        vars(other).update({name: value for name, value in vars(self).items() if name != "_reader"})
        other.backbone, other.reload = self.backbone.prepared_as(preprocess), None
        return other

    @cached_property
    def _reader(self) -> ClipReader:
        """What reads videos; made with the first one, as texts need none."""
        return ClipReader(
            self._num_workers,
            time_limit_seconds=self._time_limit_seconds,
            decoder=self._decoder,
            shorter_side=self.backbone.preprocess.shorter_side,
        )

    @property
    def decoder(self) -> str:
        """Who decodes videos: "auto", "decord", "pyav" or "raw"."""
        return self._decoder

    @property
    def name(self) -> str:
        """The model as the user called it."""
        return self.backbone.name

    @property
    def embedding_dim(self) -> int:
        """D, the joint width of videos and texts."""
        return self.backbone.embedding_dim

    @property
    def logit_scale(self) -> float:
        """The model's own factor on cosines."""
        return self.backbone.logit_scale

    @property
    def fingerprint(self) -> str:
        """Changes with architecture, preprocessing and weights."""
        return self.backbone.fingerprint

    @property
    def precision(self) -> str:
        """The speed level in force: "exact", "fast" or "fastest"; settled on the first frames encoded."""
        return self.backbone.precision.level

    def settle(self, videos: Iterable[VideoSource]) -> str:
        """The speed level in force, decided on the frames of the first of these videos that can be read.

        For whoever writes the level down before the first vector; without it the first frames decide.

        Args:
            videos: that are going to be embedded, in that order; read until one is readable.

        Raises:
            ModelError: the level does not keep its promise, after it was written down.
        """
        if self.precision != "exact":
            for _, outcome in self._reader.read_many(videos, self.sampling):
                if not isinstance(outcome, VideoError):
                    self.backbone.precision.settle(self.backbone.prepare_frames(outcome[0].frames))
                    break
        return self.precision

    @property
    def notes(self) -> tuple[str, ...]:
        """What was chosen on the way and why, a line each; more is known once videos have been read."""
        notes = (*self.backbone.notes, self.cut_note, self.backbone.precision.note)
        notes += self._reader.notes if "_reader" in vars(self) else ()
        return tuple(note for note in notes if note)

    @property
    def break_offs(self) -> Mapping[str, float]:
        """Videos that were read and broke off before the end that they declare → where, in seconds."""
        return self._reader.break_offs if "_reader" in vars(self) else {}

    @cached_property
    def adapter_fingerprint(self) -> str | None:
        """Changes with the adapter's config and weights; None without one."""
        if self.adapter is None:
            return None
        return self.adapter.fingerprint()

    def embed_sources(
        self, videos: Iterable[VideoSource], *, sampling: Sampling | None = None, drifts: bool = False
    ) -> Iterator[tuple[VideoSource, NDArray[np.float32] | VideoError]]:
        """Each video with its vector (D,), or with the error that stopped it, in the order given.

        Args:
            videos: any number, each taken as it stands: a path is a file's or a folder's of images, whatever
                signs are in it. For paths that stand in a file; what a person gives is for `embed_many`.
            sampling: which frames; None: the model's own.
            drifts: rows (2, D), the vector and the video's drift, which labels with stages are met with.
        """
        queue: ClipQueue[VideoSource] = ClipQueue(self.backbone, self.adapter, self.stream, drifts=drifts)
        return self._queued(videos, self._checked(sampling or self.sampling), queue)

    def clips_of(self, video: VideoSource, sampling: Sampling | None = None) -> tuple[Clip, ...]:
        """The V clips of T frames that are looked at of a video.

        Raises:
            VideoError: it cannot be read.
        """
        chosen = self._checked(sampling or self.sampling)
        for _, outcome in self._reader.read_many([video], chosen):
            if not isinstance(outcome, VideoError):
                return outcome
            raise outcome
        return ()

    def vector_of(self, clips: Sequence[Clip], *, drifts: bool = False) -> NDArray[np.float32]:
        """The vector (D,) that the V clips of a video have together, or (2, D) with its drift."""
        queue: ClipQueue[None] = ClipQueue(self.backbone, self.adapter, self.stream, drifts=drifts)
        queue.put(None, clips)
        vector: NDArray[np.float32] = rows_of(queue.rest())[0]
        return vector

    def embed_streams(
        self,
        videos: Iterable[VideoSource],
        *,
        sampling: Sampling | None = None,
        drifts: bool = False,
        pooling: str = "video",
        plain: bool = False,
    ) -> Iterator[tuple[VideoSource, NDArray[np.float32] | VideoError]]:
        """As `embed_sources`, all `STREAMS` at the cost of one: rows (3, D); (1, D) without an adapter.

        Args:
            videos: as for `embed_sources`.
            sampling: which frames; None: the model's own.
            drifts: the video's drift as a last row more.
            pooling: one of `clip_queue.POOLINGS`; by views rows are (3 · V, D) or (V, D), stream by stream.
            plain: after the streams of an adapter `clip`, what the backbone says without it.
        """
        names = (*STREAMS, PLAIN) if plain else STREAMS
        queue = ClipQueue["VideoSource"](self.backbone, self.adapter, names, drifts=drifts, pooling=pooling)
        for source, found in self._queued(videos, self._checked(sampling or self.sampling), queue):
            yield source, found if isinstance(found, VideoError) else found.reshape(-1, found.shape[-1])

    def _queued(
        self, videos: Iterable[VideoSource], sampling: Sampling, queue: ClipQueue[VideoSource]
    ) -> Iterator[tuple[VideoSource, NDArray[np.float32] | VideoError]]:
        """Each video with what an empty queue makes of it."""
        for source, clips in self._reader.read_many(videos, sampling):
            queue.put(source, clips)
            yield from queue.ready()
        yield from queue.rest()

    def embed_windows(
        self, paths: Iterable[VideoSource], window: Window, *, drifts: bool = False
    ) -> Iterator[WindowVectors]:
        """The vectors of every window of each video, in the order given, whatever their lengths.

        Windows of several videos share a forward pass, and decoding runs ahead. Of a video its vectors are
        held until its last window, 4 · D bytes each; nothing else grows with its length.

        Args:
            paths: of video files, or their bytes or addresses; read lazily.
            window: how long, and how far apart.
            drifts: the drift of each window as well.
        """
        groups = self._reader.read_many_windows(
            paths, window, self.sampling.num_frames, frames=self.sampling.frames
        )
        return vectors_of_windows(groups, ClipQueue(self.backbone, self.adapter, self.stream, drifts=drifts))

    def embed_clips(self, clips: Sequence[Clip], *, drifts: bool = False) -> NDArray[np.float32]:
        """Vectors (n, D) float32, unit rows, one for each of n clips of any size; with drifts (n, 2, D).

        Their length may be any, too, unless there is an adapter, which reads its own number of frames.
        """
        for length in {len(clip.frames) for clip in clips}:
            require_length(length, self.backbone, self.adapter)
        queue: ClipQueue[None] = ClipQueue(self.backbone, self.adapter, self.stream, drifts=drifts)
        for clip in clips:
            queue.put(None, [clip])
        return rows_of(queue.rest(), *([2] if drifts else []), self.embedding_dim)

    def vectors_of_frames(self, frames: Frames) -> NDArray[np.float32]:
        """As `embed_frames`, as an array."""
        self.backbone.require_frames_apart()
        single = Sampling(num_frames=1)
        if isinstance(frames, np.ndarray | torch.Tensor):
            parts: Iterable[VideoSource] = (frames[row : row + 1] for row in range(len(frames)))
        else:
            parts = ([frame] for frame in frames)
        return rows_of(self._queued(parts, single, ClipQueue(self.backbone)), self.embedding_dim)

    def embed_prompts(
        self, prompts: Prompts, make: Callable[[], NDArray[np.float32]] | None = None
    ) -> NDArray[np.float32]:
        """Vectors (K, D) float32, unit rows, one for each label.

        A label's vector is the mean over the unit vectors of its P texts, scaled to unit length. Those of
        long lists are kept in the user's cache, and are the same to the bit when they are asked for again.

        Args:
            prompts: K labels with P ≥ 1 texts each; P may differ from label to label.
            make: what makes them where they are not kept; None: a plain pass.
        """
        make = make or partial(self.encode_prompts, prompts)
        if sum(map(len, prompts.texts)) < FEWEST_TEXTS:
            return make()
        return kept_or_made(self.backbone, prompts.texts, make)

    def encode_prompts(self, prompts: Prompts) -> NDArray[np.float32]:
        """As `embed_prompts`, whatever is kept."""
        rows = []
        for start in range(0, len(prompts.texts), _LABELS_AT_ONCE):
            groups = prompts.texts[start : start + _LABELS_AT_ONCE]
            vectors = self.backbone.encode_texts(list(chain.from_iterable(groups)))
            rows += [unit_mean(part) for part in torch.split(vectors, [len(group) for group in groups])]
        return in_memory(torch.stack(rows))

    def require_apart(self, prompts: Prompts) -> None:
        """Refuse labels that this model cannot tell apart, as their texts are equal once they are cut.

        What is cut without that is told in `notes`.

        Args:
            prompts: of all labels that are to be told apart.

        Raises:
            LabelError: two labels share a text as far as it is read; the line names both.
        """
        length, ids = self.backbone.context_length, self.backbone.token_ids
        cut = texts_cut(prompts, ids, length) + stages_cut(prompts, ids, length)
        self.cut_note = ""
        if cut:
            shown = cut[0] if len(cut[0]) <= 60 else cut[0][:59] + "…"
            exceed = "exceeds" if len(cut) == 1 else "exceed"
            self.cut_note = (
                f"{counted(len(cut), 'text')} of labels {exceed} the {length} tokens that {self.name} reads, "
                f"and the rest is cut off: {shown!r}"
            )

    def read_windows(
        self, path: str | os.PathLike[str], window_seconds: float, stride_seconds: float, windows_at_once: int
    ) -> Iterator[tuple[list[tuple[float, float]], list[Clip]]]:
        """Groups of windows (start, end) in seconds, and a clip of each, in time order, over a whole video.

        Decoding runs a few groups ahead.

        Args:
            path: a video file.
            window_seconds: length of a window; the last one differs, see `Window.over`.
            stride_seconds: from one window's start to the next's.
            windows_at_once: windows in a group; bounds the memory of a long video.

        Raises:
            VideoError: the video cannot be read.
        """
        window, sampling = Window(window_seconds, stride_seconds), self.sampling
        how = (window, sampling.num_frames, windows_at_once)
        for group in self._reader.read_many_windows([path], *how, frames=sampling.frames):
            if isinstance(group.outcome, VideoError):
                raise group.outcome
            yield list(group.windows), list(group.outcome)

    def close(self) -> None:
        """End the decoding processes; they start again if another video is read."""
        if "_reader" in vars(self):
            self._reader.close()

    def _checked(self, sampling: Sampling) -> Sampling:
        """The sampling, if it is one that fits the memory and the adapter."""
        require_sampling(sampling)
        require_length(sampling.num_frames, self.backbone, self.adapter)
        return sampling


class HoldsModel(Closes):
    """A context manager around a model: it moves with it, and ends its decoding processes.

    Attributes:
        model: embeds videos, frames and texts.
    """

    model: Model

    @property
    def device(self) -> torch.device:
        """Where the model's weights are."""
        return self.model.device

    def to(self, device: str | torch.device) -> Self:
        """This very object, its model moved; see `Model.to`."""
        self.model.to(device)
        return self

    def close(self) -> None:
        """End the decoding processes; they start again if another video is read."""
        self.model.close()
