"""Who is probed, and on what: anything that answers frames, and clips of which the label is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from zeroshot.adapter.adapter import mean_embedding
from zeroshot.errors import LabelError, OptionError, VideoError
from zeroshot.model.model import STREAMS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray
    from torch import Tensor

    from zeroshot.model.model import Model
    from zeroshot.waist.waist import Waist

    Rows = Mapping[str, NDArray[Any]]

_CLIPS_AT_ONCE = 64


class Subject(Protocol):
    """Anything that is probed: a `Model`, another package's network, a function.

    Frames are (B, T, …), as the clips hold them: pixels, or what stands for each frame.
    """

    @property
    def name(self) -> str:
        """For the report."""

    def answer(self, frames: Tensor) -> Rows:
        """Stream → (B, K) scores of K labels."""

    def units(self, frames: Tensor) -> Rows:
        """Layer → (B, U) numbers that U units of it show; a `Model` has its streams."""


@dataclass(frozen=True, eq=False)
class Function:
    """Any callable as a subject with one stream, `answer`.

    Attributes:
        name: for the report.
        scores: frames (B, T, …) → (B, K) scores.
        layers: frames (B, T, …) → layer → (B, U); None: the scores themselves.
    """

    name: str
    scores: Callable[[Tensor], ArrayLike]
    layers: Callable[[Tensor], Rows] | None = None

    def answer(self, frames: Tensor) -> Rows:
        """The scores."""
        return {"answer": np.asarray(self.scores(frames))}

    def units(self, frames: Tensor) -> Rows:
        """Of its layers."""
        return self.answer(frames) if self.layers is None else self.layers(frames)


@dataclass(frozen=True, eq=False)
class ModelSubject:
    """A `Model` and the embeddings of K labels; its streams answer, and are its layers.

    Attributes:
        model: the network.
        texts: (K, D) unit rows.
        waist: whose tokens the clips of `Clips.of_waist` hold; None: frames are pixels (B, T, 3, H, W).

    Raises:
        OptionError: tokens of another backbone.
    """

    model: Model
    texts: NDArray[np.float32]
    waist: Waist | None = None

    def __post_init__(self) -> None:
        """Refuse tokens of another backbone."""
        if self.waist is not None:
            self.waist.settings.require_backbone(self.name, self.model.fingerprint)

    @property
    def name(self) -> str:
        """As the user called it."""
        return self.model.name

    def answer(self, frames: Tensor) -> Rows:
        """Cosines with the labels."""
        return {stream: rows @ self.texts.T for stream, rows in self.units(frames).items()}

    @torch.no_grad()
    def units(self, frames: Tensor) -> Rows:
        """Unit rows (B, D) of the streams; without an adapter `clip` is the only one.

        Raises:
            VideoError: pixels that cannot be read.
        """
        adapter, device = self.model.adapter, self.model.backbone.device
        if self.waist is None:
            rows = []
            for _, outcome in self.model.embed_streams(list(frames.numpy())):
                if isinstance(outcome, VideoError):
                    raise outcome
                rows.append(outcome)
            return dict(zip(("clip",) if adapter is None else STREAMS, np.stack(rows, axis=1), strict=True))
        tokens, embeddings = frames.tensor_split([frames.shape[2] - self.texts.shape[1]], dim=2)
        if adapter is None:
            return {"clip": mean_embedding(embeddings).numpy()}
        tokens = tokens.reshape(*tokens.shape[:2], *self.waist.settings.tokens_shape[2:]).half()
        streams = adapter(tokens.to(device), embeddings.contiguous().to(device))
        return {name: getattr(streams, name).cpu().numpy() for name in STREAMS}


@dataclass(frozen=True, eq=False)
class Clips:
    """n clips of which the label is known, and maybe the scene.

    Attributes:
        batch: rows → frames (B, T, …) of these clips.
        labels: K labels that are ranked.
        targets: (n,) which of them is right.
        scenes: n scenes, None where nobody said; none given are all unknown.
        videos: n names, equal where two clips are of one video; none given are all different.
        seed: of what a probe draws.
    """

    batch: Callable[[Sequence[int]], Tensor]
    labels: tuple[str, ...]
    targets: NDArray[np.int64]
    scenes: tuple[str | None, ...] = ()
    videos: tuple[str, ...] = ()
    seed: int = 0
    _known: dict[Callable[[Tensor], Rows], Rows] = field(default_factory=dict, repr=False)

    @classmethod
    def of_waist(cls, waist: Waist, labels: Sequence[str], seed: int = 0) -> Clips:
        """Videos whose frames have passed the network once: of each frame the tokens, then the embedding.

        To edit the frames then is exact, since a frozen backbone reads each by itself.

        Raises:
            LabelError: a video's label is not among the K.
        """
        places = {label: row for row, label in enumerate(labels)}
        if missing := sorted(set(waist.labels) - set(places)):
            raise LabelError(f"label {missing[0]!r} of the videos is not among the {len(places)} ranked")

        def batch(rows: Sequence[int]) -> Tensor:
            tokens, embeddings = waist.batch(rows)
            return torch.cat([tokens.flatten(2).float(), embeddings], dim=2)

        targets = np.array([places[label] for label in waist.labels], np.int64)
        return cls(batch, tuple(labels), targets, waist.scenes, tuple(row.key for row in waist.rows), seed)

    def ask(self, question: Callable[[Tensor], Rows], edit: Callable[[Tensor], Tensor] | None = None) -> Rows:
        """Name → (n, ·) rows of all clips, one batch after the other.

        Args:
            question: `answer` or `units` of a subject.
            edit: of the frames; None shows them as filmed, which is asked once for all probes.
        """
        if edit is None and question in self._known:
            return self._known[question]
        parts = []
        for start in range(0, len(self.targets), _CLIPS_AT_ONCE):
            frames = self.batch(range(start, min(start + _CLIPS_AT_ONCE, len(self.targets))))
            parts.append(question(frames if edit is None else edit(frames)))
        found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        if edit is None:
            self._known[question] = found
        return found


def checked_rows(values: ArrayLike) -> Tensor:
    """(n, D) float64, finite.

    Raises:
        OptionError: something else.
    """
    rows = np.asarray(values)
    if rows.ndim != 2 or not np.issubdtype(rows.dtype, np.floating):
        raise OptionError(f"embeddings are {rows.dtype} of shape {rows.shape}; expected floats (n, D)")
    if (bad := ~np.isfinite(rows).all(1)).any():
        raise OptionError(f"the embedding of video {int(np.argmax(bad))} is not finite")
    return torch.from_numpy(rows.astype(np.float64))
