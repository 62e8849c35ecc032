"""A torch dataset of clips: sharded over workers, decoded in processes that may crash, in a fixed order."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from zeroshot.datasets.splits import Split
from zeroshot.errors import OptionError, VideoError, require_whole
from zeroshot.video.find import videos_in
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.sampling import Sampling, require_sampling
from zeroshot.video.source import path_of
from zeroshot.video.transform import preprocess_frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from zeroshot.types import Clip
    from zeroshot.video.source import VideoSource
    from zeroshot.video.transform import Preprocess

ON_ERROR = ("skip", "raise")


class VideoDataset(IterableDataset[dict[str, Any]]):
    """Clips of videos as a `torch.utils.data.DataLoader` reads them.

    Each item is a dict: `frames`, (T, 3, H, W) uint8 or, with a `preprocess`, (T, 3, h, w) float32, with an
    axis V in front where there are several views; `seconds` (T,) or (V, T) float64; `path`; `row`, its place
    among the videos; of a `Split` also `target` and `label`. Workers of a loader, and processes of
    `torch.distributed`, each read their own share: rows `i`, `i + n`, `i + 2n`, …. The order is the same in
    every run. A video that cannot be read is left out with a warning of one line.

    Attributes:
        paths: the videos, in the order of their rows.
        sampling: which frames of a video are looked at.
    """

    def __init__(
        self,
        videos: VideoSource | Iterable[VideoSource] | Split,
        sampling: Sampling | None = None,
        *,
        preprocess: Preprocess | None = None,
        shuffle_seed: int | None = None,
        num_decoders: int = 1,
        decoder: str = "auto",
        on_error: str = "skip",
    ) -> None:
        """Nothing is read yet; folders and patterns are looked through.

        Args:
            videos: as for `Model.embed_videos`, or a split.
            sampling: None: 8 frames, the middles of equal segments. Its seed, where it has one, is another in
                each epoch.
            preprocess: `model.backbone.preprocess`: frames are resized, cut and normalized for that network,
                so that items of videos of any size can be stacked. None: frames as they are.
            shuffle_seed: videos come in an order drawn from it, another one in each epoch; None: as given.
            num_decoders: decoding processes a worker.
            decoder: auto, decord, pyav or raw.
            on_error: "skip" leaves a video out that cannot be read, "raise" ends with its error.

        Raises:
            OptionError: a number or word that makes no sense.
        """
        super().__init__()
        require_sampling(sampling)
        if on_error not in ON_ERROR:
            raise OptionError(f"on_error is {on_error!r}; expected one of {', '.join(ON_ERROR)}")
        side = None if preprocess is None else preprocess.shorter_side
        ClipReader(num_decoders, decoder=decoder, shorter_side=side)  # its options are checked now
        self.sampling = sampling or Sampling()
        self._split = videos if isinstance(videos, Split) else None
        self.paths: list[VideoSource] = (
            [video.path for video in videos.videos] if isinstance(videos, Split) else list(videos_in(videos))
        )
        self._preprocess, self._shuffle_seed = preprocess, shuffle_seed
        self._reading = (num_decoders, decoder, side)
        self._raises = on_error == "raise"
        self._epoch = 0

    def __len__(self) -> int:
        """How many videos there are, those that cannot be read among them."""
        return len(self.paths)

    def set_epoch(self, epoch: int) -> None:
        """From which epoch on order and random moments are drawn; call it before each, as for a sampler.

        Raises:
            OptionError: it is no whole number.
        """
        self._epoch = require_whole("epoch", epoch, 0)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The items of this worker's share.

        Raises:
            VideoError: a video cannot be read, and `on_error` is "raise".
        """
        rows, sampling = self._rows(), self._sampling()
        num_decoders, decoder, side = self._reading
        with ClipReader(num_decoders, decoder=decoder, shorter_side=side) as reader:
            outcomes = reader.read_many((self.paths[row] for row in rows), sampling)
            for row, (video, clips) in zip(rows, outcomes, strict=True):
                if not isinstance(clips, VideoError):
                    yield self._item(row, video, clips)
                elif self._raises:
                    raise clips
                else:
                    warnings.warn(f"left out: {clips}", stacklevel=2)

    def _rows(self) -> list[int]:
        """The rows that this worker of this process reads, in their order."""
        order = np.arange(len(self.paths))
        if self._shuffle_seed is not None:
            order = np.random.default_rng((self._shuffle_seed, self._epoch)).permutation(order)
        worker = get_worker_info()
        own, of = (0, 1) if worker is None else (worker.id, worker.num_workers)
        together = torch.distributed.is_available() and torch.distributed.is_initialized()
        rank, world = (
            (torch.distributed.get_rank(), torch.distributed.get_world_size()) if together else (0, 1)
        )
        share: list[int] = order[rank::world][own::of].tolist()
        return share

    def _sampling(self) -> Sampling:
        """The sampling of this epoch."""
        seed = self.sampling.seed
        return self.sampling if seed is None else replace(self.sampling, seed=seed + self._epoch)

    def _item(self, row: int, video: VideoSource, clips: tuple[Clip, ...]) -> dict[str, Any]:
        """What a loader collates."""
        frames = torch.stack([self._frames(clip) for clip in clips])
        seconds = torch.from_numpy(np.stack([clip.seconds for clip in clips]))
        if len(clips) == 1:
            frames, seconds = frames[0], seconds[0]
        item: dict[str, Any] = {"frames": frames, "seconds": seconds, "path": path_of(video), "row": row}
        if self._split is not None:
            label = self._split.videos[row].label
            item |= {"label": label, "target": self._split.labels.index(label)}
        return item

    def _frames(self, clip: Clip) -> torch.Tensor:
        """Frames of a clip, prepared where that is asked for."""
        frames = torch.from_numpy(np.ascontiguousarray(clip.frames))
        return frames if self._preprocess is None else preprocess_frames(frames, self._preprocess)
