"""A model as people hold it: any way to name videos, arrays or tensors out, moved, pickled and shown."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, TypeVar, overload

import numpy as np
import torch

from zeroshot.errors import ModelError, OptionError, VideoError
from zeroshot.model.backbone import in_memory
from zeroshot.model.clip_queue import rows_of
from zeroshot.types import Closes
from zeroshot.video.find import is_one, one_video, videos_in
from zeroshot.video.source import is_address
from zeroshot.video.suffixes import VIDEO_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    from zeroshot.adapter.adapter import TwoStreamAdapter
    from zeroshot.model.backbone import Backbone
    from zeroshot.types import Clip
    from zeroshot.video.sampling import Sampling
    from zeroshot.video.source import VideoSource

T = TypeVar("T")
Vectors: TypeAlias = "NDArray[np.float32]"
Frames: TypeAlias = "NDArray[np.uint8] | torch.Tensor | Sequence[object]"


class Encoder(Closes, ABC):
    """What people ask of a model, whatever they name videos by; `model.Model` has the networks.

    Videos are one or many, see `videos_in`. A context manager; `close` ends the decoding processes. A model
    pickles as its name and settings, and is loaded again where it arrives.

    Attributes:
        progress: whether a bar on stderr counts videos.
        reload: what makes the same model anew, given what may have changed; None: it cannot be pickled.
        backbone: the frozen network.
        adapter: the two streams on top of it, or None.
        stream: which of them speaks for a video.
        sampling: which frames of a video are looked at.
    """

    progress: bool = False
    reload: Callable[..., Encoder] | None = None
    backbone: Backbone
    adapter: TwoStreamAdapter | None
    stream: str
    sampling: Sampling

    @abstractmethod
    def embed_sources(
        self, videos: Iterable[VideoSource], *, sampling: Sampling | None = None, drifts: bool = False
    ) -> Iterator[tuple[VideoSource, NDArray[np.float32] | VideoError]]:
        """Each video, taken exactly as it stands, with its vector (D,) or its error."""

    @abstractmethod
    def clips_of(self, video: VideoSource, sampling: Sampling | None = None) -> tuple[Clip, ...]:
        """The V clips of T frames that are looked at of a video."""

    @abstractmethod
    def vector_of(self, clips: Sequence[Clip], *, drifts: bool = False) -> NDArray[np.float32]:
        """The vector (D,) that the V clips of a video have together, or (2, D) with its drift."""

    @abstractmethod
    def vectors_of_frames(self, frames: Frames) -> NDArray[np.float32]:
        """Vectors (n, D), one for each of n frames."""

    @property
    @abstractmethod
    def adapter_fingerprint(self) -> str | None:
        """Changes with the adapter; None without one."""

    @abstractmethod
    def close(self) -> None:
        """End the decoding processes."""

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.backbone.device

    def to(self, device: str | torch.device) -> Self:
        """This very model, moved.

        Args:
            device: auto, cpu, cuda, cuda:N, mps, or a torch.device.

        Raises:
            ModelError: it is unknown, or this computer has none.
        """
        self.backbone.to(device)
        if self.adapter is not None:
            self.adapter.to(self.backbone.device)
        return self

    @overload
    def embed_videos(
        self, videos: VideoSource, *, sampling: Sampling | None = ..., as_tensor: Literal[False] = ...
    ) -> Vectors: ...
    @overload
    def embed_videos(
        self, videos: VideoSource, *, sampling: Sampling | None = ..., as_tensor: Literal[True]
    ) -> torch.Tensor: ...
    def embed_videos(
        self, videos: VideoSource, *, sampling: Sampling | None = None, as_tensor: bool = False
    ) -> Vectors | torch.Tensor:
        """Vectors (n, D) float32, unit rows, one for each of n videos.

        Args:
            videos: one or many: paths, folders, patterns, addresses, bytes, open files, Clips, frames
                (T, H, W, 3) or (T, 3, H, W) as array or tensor, batches of those (n, T, …), lists of images.
                A text or path is one video, or all in its folder.
            sampling: which frames; None: the model's own.
            as_tensor: a tensor on the model's device instead of an array.

        Raises:
            VideoError: one of them cannot be read; `embed_many` goes on instead.
        """
        return self._given(
            rows_of(self.embed_many(videos, sampling=sampling), self.backbone.embedding_dim), as_tensor
        )

    def embed_many(
        self,
        videos: VideoSource | Iterable[VideoSource],
        *,
        sampling: Sampling | None = None,
        drifts: bool = False,
    ) -> Iterator[tuple[VideoSource, NDArray[np.float32] | VideoError]]:
        """Each video with its vector (D,), or with the error that stopped it, in the order given.

        Decoding runs ahead while the network works; memory does not grow with the number of videos.

        Args:
            videos: as for `embed_videos`, as many as wanted; read lazily.
            sampling: which frames; None: the model's own.
            drifts: rows (2, D), the vector and the video's drift, which labels with stages are met with.
        """
        outcomes = self.embed_sources(videos_in(videos), sampling=sampling, drifts=drifts)
        return bar(outcomes, videos, shown=self.progress)

    def look(
        self, video: VideoSource, *, sampling: Sampling | None = None, drifts: bool = False
    ) -> tuple[NDArray[np.float32], tuple[Clip, ...]]:
        """The vector (D,) of one video, and the V clips of T frames that were looked at.

        Args:
            video: as for `embed_videos`; a list is one of images.
            sampling: which frames; None: the model's own.
            drifts: rows (2, D), as for `embed_many`.

        Raises:
            VideoError: it cannot be read, or stands for several videos.
        """
        clips = self.clips_of(one_video(video), sampling)
        return self.vector_of(clips, drifts=drifts), clips

    @overload
    def embed_texts(self, texts: Sequence[str], *, as_tensor: Literal[False] = ...) -> Vectors: ...
    @overload
    def embed_texts(self, texts: Sequence[str], *, as_tensor: Literal[True]) -> torch.Tensor: ...
    def embed_texts(self, texts: Sequence[str], *, as_tensor: bool = False) -> Vectors | torch.Tensor:
        """Vectors (n, D) float32, unit rows, one for each of n texts; a single text is one of them."""
        some = [texts] if isinstance(texts, str) else texts
        return self._given(in_memory(self.backbone.encode_texts(some)), as_tensor)

    @overload
    def embed_frames(self, frames: Frames, *, as_tensor: Literal[False] = ...) -> Vectors: ...
    @overload
    def embed_frames(self, frames: Frames, *, as_tensor: Literal[True]) -> torch.Tensor: ...
    def embed_frames(self, frames: Frames, *, as_tensor: bool = False) -> Vectors | torch.Tensor:
        """Vectors (n, D) float32, unit rows, one for each of n frames: the backbone's own, adapter or not.

        Args:
            frames: (n, 3, H, W) or (n, H, W, 3) uint8 RGB, or a list of images (PIL, or arrays of one frame
                each) that may differ in size.
            as_tensor: a tensor on the model's device instead of an array.

        Raises:
            VideoError: something else.
        """
        return self._given(self.vectors_of_frames(frames), as_tensor)

    @overload
    def encode(self, inputs: Any, *, convert_to_tensor: Literal[False] = ...) -> Vectors: ...  # noqa: ANN401
    @overload
    def encode(self, inputs: Any, *, convert_to_tensor: Literal[True]) -> torch.Tensor: ...  # noqa: ANN401
    def encode(self, inputs: Any, *, convert_to_tensor: bool = False) -> Vectors | torch.Tensor:
        """Vectors (n, D) of n inputs, or (D,) of one, float32, unit rows: sentence-transformers' word.

        A string is a text, unless it is an address or ends as video files do (.mp4, .mkv, …), as it is there;
        `encode_text` and `encode_video` leave no doubt. All else is a video, or an image as a video of one
        frame. Each input has one vector: a folder or pattern must stand for one video.

        Args:
            inputs: one, or a list that may mix texts and videos.
            convert_to_tensor: as `as_tensor` of `embed_videos`.

        Raises:
            VideoError: a video among them cannot be read.
        """
        alone = not isinstance(inputs, list | tuple) and (is_one(inputs) or _is_image(inputs))
        some = [inputs] if alone else list(inputs)
        is_text = np.array([isinstance(each, str) and not _names_video(each) for each in some], dtype=bool)
        rows = np.zeros((len(some), self.backbone.embedding_dim), np.float32)
        if is_text.any():
            rows[is_text] = self.embed_texts([each for each, text in zip(some, is_text, strict=True) if text])
        if not is_text.all():
            rows[~is_text] = self._one_each(
                each for each, text in zip(some, is_text, strict=True) if not text
            )
        return self._given(rows[0] if alone else rows, convert_to_tensor)

    @overload
    def encode_text(
        self, texts: str | Sequence[str], *, convert_to_tensor: Literal[False] = ...
    ) -> Vectors: ...
    @overload
    def encode_text(
        self, texts: str | Sequence[str], *, convert_to_tensor: Literal[True]
    ) -> torch.Tensor: ...
    def encode_text(
        self, texts: str | Sequence[str], *, convert_to_tensor: bool = False
    ) -> Vectors | torch.Tensor:
        """As `encode`, every string a text."""
        rows = self.embed_texts(texts)
        return self._given(rows[0] if isinstance(texts, str) else rows, convert_to_tensor)

    @overload
    def encode_video(self, videos: Any, *, convert_to_tensor: Literal[False] = ...) -> Vectors: ...  # noqa: ANN401
    @overload
    def encode_video(self, videos: Any, *, convert_to_tensor: Literal[True]) -> torch.Tensor: ...  # noqa: ANN401
    def encode_video(self, videos: Any, *, convert_to_tensor: bool = False) -> Vectors | torch.Tensor:
        """As `encode`, every string a video."""
        alone = not isinstance(videos, list | tuple) and (is_one(videos) or _is_image(videos))
        rows = self._one_each([videos] if alone else videos)
        return self._given(rows[0] if alone else rows, convert_to_tensor)

    @overload
    def similarity(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor: ...
    @overload
    def similarity(self, a: ArrayLike, b: ArrayLike) -> Vectors: ...
    def similarity(self, a: Any, b: Any) -> Any:
        """Cosines (n, m) of each of n vectors with each of m.

        Args:
            a: (n, D) or (D,), of any length but zero; arrays or tensors.
            b: (m, D) or (D,), of the same kind.

        Raises:
            OptionError: widths differ.
        """
        rows = [_rows(each) for each in (a, b)]
        if rows[0].ndim != 2 or rows[1].ndim != 2 or rows[0].shape[1] != rows[1].shape[1]:
            shapes = " and ".join(str(tuple(each.shape)) for each in rows)
            raise OptionError(f"vectors {shapes} cannot be compared; expected (n, D) and (m, D)")
        left, right = (torch.nn.functional.normalize(each, dim=-1) for each in rows)
        cosines = (left @ right.to(left.device).T).clamp_(-1, 1)
        return cosines if isinstance(a, torch.Tensor) or isinstance(b, torch.Tensor) else cosines.numpy()

    def __repr__(self) -> str:
        stream = "" if self.adapter is None else f", stream {self.stream}"
        return (
            f"Model({self.backbone.name!r}, width {self.backbone.embedding_dim}, device {self.device}"
            f"{stream}, {self.sampling.num_frames} frames a clip, precision {self.backbone.precision.asked})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Name and settings: weights stay where they are, and are loaded again on arrival."""
        if self.reload is None:
            raise ModelError(
                f"{self.backbone.name} was put together here, so no other process can load it by its name; "
                "save it in a checkpoint folder, and pickle what zeroshot.load_model makes of that"
            )
        known = vars(self.backbone).get("fingerprint"), self.adapter_fingerprint
        settings = (str(self.device), self.sampling, self.backbone.batch_size, self.progress)
        return _again, (self.reload, settings, known)

    def _one_each(self, videos: Iterable[Any]) -> Vectors:
        """Vectors (n, D), one for each of n videos or images."""
        sources = ([each] if _is_image(each) else one_video(each) for each in videos)
        return rows_of(self.embed_sources(sources), self.backbone.embedding_dim)

    def _given(self, vectors: Vectors, as_tensor: bool) -> Vectors | torch.Tensor:
        return torch.from_numpy(vectors).to(self.device) if as_tensor else vectors


def _rows(vectors: Any) -> torch.Tensor:  # noqa: ANN401 - an array, a tensor or lists of numbers
    """(n, D) of as many, or (1, D) of (D,)."""
    tensor = torch.as_tensor(vectors, dtype=torch.float32)
    return tensor[None] if tensor.ndim == 1 else tensor


def _is_image(source: object) -> bool:
    """Whether something is a single frame: a PIL image, or an array of three axes."""
    shape = getattr(source, "shape", None)
    return hasattr(source, "convert") if shape is None else len(shape) == 3


def _names_video(text: str) -> bool:
    return is_address(text) or os.path.splitext(text)[1].lower() in VIDEO_SUFFIXES  # noqa: PTH122 - any text


def _again(
    reload: Callable[..., Encoder],
    settings: tuple[str, Sampling, int, bool],
    known: tuple[str | None, str | None],
) -> Encoder:
    """The model that was pickled, loaded anew.

    Raises:
        ModelError: what is called so here is another model.
    """
    device, sampling, batch_size, progress = settings
    model = reload(device=device, sampling=sampling, batch_size=batch_size, progress=progress)
    found = model.backbone.fingerprint if known[0] else None, model.adapter_fingerprint
    if found != known:
        raise ModelError(
            f"{model.backbone.name} is another model here than where it was pickled; take the same weights"
        )
    return model


def bar(items: Iterable[T], of: object, *, shown: bool, unit: str = " videos") -> Iterator[T]:
    """The same items, counted while they pass.

    Args:
        items: taken lazily.
        of: what they come of: its length, where it is a list, is how many are expected.
        shown: without it nothing is shown.
        unit: what is counted.
    """
    if not shown:
        yield from items
        return
    from tqdm import tqdm

    yield from tqdm(items, total=len(of) if isinstance(of, list | tuple) else None, unit=unit)
