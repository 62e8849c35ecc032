"""Videos to ranked labels by an exported file: numpy and ONNX Runtime or OpenVINO, no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import (
    ModelError,
    OptionError,
    VideoError,
    counted,
    in_one_line,
    printable,
    require_whole,
)
from zeroshot.exported.description import REMEDY, Description
from zeroshot.exported.engines import file_in, opened
from zeroshot.exported.frames import prepared
from zeroshot.types import Closes, Prediction, Predictions, Ranking
from zeroshot.video.find import one_video, videos_in
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.source import name_of, path_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from zeroshot.exported.engines import Engine
    from zeroshot.types import Clip
    from zeroshot.video.source import VideoSource


@dataclass(frozen=True, eq=False)
class Answer:
    """What a graph says of B videos.

    Attributes:
        vectors: (B, S, D) float32 of each stream; unit rows, zero for the dynamic stream of a still clip.
        scores: (B, S, K) float32 cosines with the labels.
        probabilities: (B, S, K) float32, their softmax over all K.
    """

    vectors: NDArray[np.float32]
    scores: NDArray[np.float32]
    probabilities: NDArray[np.float32]


class Exported(Closes):
    """A model and its labels in one file. Videos are decoded as by `Classifier`: in processes of their own.

    A context manager; `close` ends the decoding processes.

    Attributes:
        about: labels, streams, which model it was, how frames are prepared.
    """

    def __init__(self, engine: Engine, about: Description, *, num_workers: int = 2) -> None:
        """Join a graph and what is known of it; see `load_exported`."""
        self.about = about
        self._engine = engine
        self._reader = ClipReader(num_workers, shorter_side=about.preprocess.shorter_side)

    @property
    def labels(self) -> tuple[str, ...]:
        """The K labels, in the order of the scores."""
        return self.about.labels

    def rank(self, video: VideoSource, k: int = 5, *, stream: str | None = None) -> Predictions:
        """The k best of K labels for one video, best first; all K where k is larger.

        Args:
            video: as for `Classifier.rank`: a path, bytes, frames (T, 3, H, W) or (T, H, W, 3) uint8, a Clip.
            k: how many predictions come back.
            stream: another than the file's own; see `about.streams`.

        Raises:
            VideoError: the video cannot be read, or several are meant.
            OptionError: k is below 1, or an unknown stream.
        """
        require_whole("k", k)
        row = self._row_of(stream)
        clips = self._reader.read(one_video(video), self.about.sampling)
        return Predictions(self._best(self.answer([clips]), row, k), path_of(video))

    def rank_many(
        self, videos: VideoSource | Iterable[VideoSource], k: int = 5, *, stream: str | None = None
    ) -> Iterator[Ranking]:
        """One Ranking a video, in the order given; a video that fails becomes a row with its error.

        Args:
            videos: one or many, folders and patterns among them; read lazily.
            k: how many predictions each.
            stream: as for `rank`.
        """
        require_whole("k", k)
        return self._rank_many(videos, k, self._row_of(stream))

    def _rank_many(self, videos: VideoSource | Iterable[VideoSource], k: int, row: int) -> Iterator[Ranking]:
        for video, clips in self._reader.read_many(videos_in(videos), self.about.sampling):
            if isinstance(clips, VideoError):
                yield Ranking(path_of(video), (), str(clips))
            else:
                found = tuple(self._best(self.answer([clips]), row, k))
                yield Ranking(path_of(video), found, None, self._reader.break_offs.get(name_of(video)))

    def embed_videos(
        self, videos: VideoSource | Iterable[VideoSource], *, stream: str | None = None
    ) -> NDArray[np.float32]:
        """Vectors (n, D) float32, unit rows, one for each of n videos.

        Raises:
            VideoError: one of them cannot be read.
            OptionError: an unknown stream.
        """
        row, found = self._row_of(stream), []
        for _, clips in self._reader.read_many(videos_in(videos), self.about.sampling):
            if isinstance(clips, VideoError):
                raise clips
            found.append(self.answer([clips]).vectors[0, row])
        return np.stack(found) if found else np.zeros((0, self.about.embedding_dim), np.float32)

    def answer(self, videos: Sequence[Sequence[Clip]]) -> Answer:
        """What the graph says of B videos of V clips each, all of T frames; the frames may be of any size.

        Raises:
            VideoError: clips of different numbers, or of another length than the streams read.
            ModelError: the graph fails, or gives something else than was promised.
        """
        views = {len(clips) for clips in videos}
        lengths = {len(clip.frames) for clips in videos for clip in clips}
        if len(views) != 1 or len(lengths) != 1:
            raise VideoError(
                f"{counted(len(videos), 'video')} of unequal clips; expected V clips of T frames each"
            )
        about = self.about
        if not about.any_length and lengths != {about.sampling.num_frames}:
            raise VideoError(
                f"clips have {lengths.pop()} frames; the streams read {about.sampling.num_frames}"
            )
        frames = np.stack(
            [np.stack([prepared(clip.frames, about.preprocess) for clip in clips]) for clips in videos]
        )
        with in_one_line(f"the graph of {printable(about.model)} fails", REMEDY):
            outputs = self._engine(np.ascontiguousarray(frames))
        lead, num_labels = (len(videos), len(about.streams)), len(about.labels)
        wanted = ((*lead, about.embedding_dim), (*lead, num_labels), (*lead, num_labels))
        if tuple(output.shape for output in outputs) != wanted or not np.isfinite(outputs[0]).all():
            raise ModelError(
                f"the graph of {printable(about.model)} gives other shapes or no numbers; {REMEDY}"
            )
        return Answer(*outputs)

    def close(self) -> None:
        """End the decoding processes; they start again if another video is read."""
        self._reader.close()

    def __repr__(self) -> str:
        name, labels = printable(self.about.model), counted(len(self.labels), "label")
        return f"Exported({name!r}, {labels}, stream {self.about.stream})"

    def _row_of(self, stream: str | None) -> int:
        name = self.about.stream if stream is None else stream
        if name not in self.about.streams:
            raise OptionError(f"stream is {name!r}; this file has {', '.join(self.about.streams)}")
        return self.about.streams.index(name)

    def _best(self, answer: Answer, row: int, k: int) -> list[Prediction]:
        """The k best labels of the first video; equal scores in the order of the labels."""
        scores, shares = answer.scores[0, row], answer.probabilities[0, row]
        order = np.argsort(-scores, kind="stable")[:k]
        return [Prediction(self.labels[at], float(scores[at]), float(shares[at])) for at in order]


def load_exported(path: str | os.PathLike[str], *, num_threads: int = 0, num_workers: int = 2) -> Exported:
    """What `zeroshot export` wrote, ready to rank its labels for videos; torch is neither needed nor loaded.

    A file of a stranger can do no more than give wrong answers: nothing in it is code.

    Args:
        path: the .onnx or .xml file, or a folder with one.
        num_threads: of the graph; 0 is one a core.
        num_workers: decoding processes.

    Raises:
        OptionError: ONNX Runtime or OpenVINO is not installed.
        ModelError: it is something else, damaged, or of a newer version.
    """
    require_whole("num_threads", num_threads, 0)
    file = file_in(path)
    engine = opened(file, num_threads)
    return Exported(
        engine, Description.from_json(engine.description, printable(file)), num_workers=num_workers
    )
