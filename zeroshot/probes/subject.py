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
    """Anything that is probed: a `Model`, another package's network, a function."""

    @property
    def name(self) -> str:
        """For the report."""

    def answer(self, frames: Tensor) -> Rows:
        """Stream → (B, K) scores of K labels.

        Args:
            frames: (B, T, …), as the clips hold them.
        """

    def units(self, frames: Tensor) -> Rows:
        """Layer → (B, U) numbers that U units of it show; a `Model` has its streams.

        Args:
            frames: (B, T, …), as the clips hold them.
        """


@dataclass(frozen=True, eq=False)
class Function:
    """Any callable as a subject.

    Attributes:
        name: for the report.
        scores: frames (B, T, …) → (B, K) scores.
        layers: frames (B, T, …) → layer → (B, U); None: the scores themselves.
    """

    name: str
    scores: Callable[[Tensor], ArrayLike]
    layers: Callable[[Tensor], Rows] | None = None

    def answer(self, frames: Tensor) -> Rows:
        """One stream, `answer`."""
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
        tokens_shape: (1+N, C) of a frame's tokens, where clips hold what the network makes of each frame
            (see `Clips.of_waist`); None: frames are pixels (B, T, 3, H, W).
    """

    model: Model
    texts: NDArray[np.float32]
    tokens_shape: tuple[int, int] | None = None

    @classmethod
    def on_tokens(cls, model: Model, texts: NDArray[np.float32], waist: Waist) -> ModelSubject:
        """The subject of `Clips.of_waist`.

        Raises:
            OptionError: tokens of another backbone.
        """
        settings = waist.settings
        if settings.fingerprint not in {"", model.fingerprint}:
            raise OptionError(
                f"the tokens are of the backbone {settings.backbone} ({settings.fingerprint[:12]}), not of "
                f"{model.name} ({model.fingerprint[:12]}); take that one, or write tokens with this one"
            )
        return cls(model, texts, settings.tokens_shape[2:])

    @property
    def name(self) -> str:
        """As the user called it."""
        return self.model.name

    def answer(self, frames: Tensor) -> Rows:
        """Cosines with the labels."""
        return {stream: rows @ self.texts.T for stream, rows in self.units(frames).items()}

    @torch.no_grad()
    def units(self, frames: Tensor) -> Rows:
        """Unit rows (B, D) of the streams; without an adapter `clip` is the only one."""
        adapter, names = self.model.adapter, STREAMS if self.model.adapter is not None else ("clip",)
        if self.tokens_shape is None:
            outcomes = [outcome for _, outcome in self.model.embed_streams(list(frames.numpy()))]
            rows = np.stack([_read(outcome) for outcome in outcomes])
            return {name: rows[:, place] for place, name in enumerate(names)}
        width = self.tokens_shape[0] * self.tokens_shape[1]
        tokens, embeddings = frames[..., :width], frames[..., width:]
        if adapter is None:
            return {"clip": mean_embedding(embeddings).numpy()}
        device = self.model.backbone.device
        tokens = tokens.reshape(*tokens.shape[:2], *self.tokens_shape).half()
        streams = adapter(tokens.to(device), embeddings.contiguous().to(device))
        return {name: getattr(streams, name).cpu().numpy() for name in names}


def _read(outcome: NDArray[np.float32] | VideoError) -> NDArray[np.float32]:
    """The rows of a clip.

    Raises:
        VideoError: they are none.
    """
    if isinstance(outcome, VideoError):
        raise outcome
    return outcome


@dataclass(frozen=True, eq=False)
class Clips:
    """n clips of which the label is known, and maybe the scene.

    Attributes:
        batch: rows → frames (B, T, …) of these clips: pixels, or what stands for each frame.
        labels: K labels that are ranked.
        targets: (n,) which of them is right.
        scenes: n scenes, None where nobody said.
        videos: n names, equal where two clips are of one video.
        seed: of what a probe draws.
    """

    batch: Callable[[Sequence[int]], Tensor]
    labels: tuple[str, ...]
    targets: NDArray[np.int64]
    scenes: tuple[str | None, ...]
    videos: tuple[str, ...]
    seed: int = 0
    _known: dict[tuple[int, str], tuple[Subject, Rows]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        """How many clips."""
        return len(self.targets)

    @classmethod
    def of(cls, frames: Tensor, labels: Sequence[str], targets: Sequence[int], seed: int = 0) -> Clips:
        """Clips in memory, each of its own video, without scenes.

        Args:
            frames: (n, T, 3, H, W) uint8, or what else the subject reads.
            labels: K labels.
            targets: n of their rows.
            seed: of what a probe draws.
        """
        count = len(frames)
        names = tuple(str(row) for row in range(count))
        rows = np.asarray(targets, np.int64)
        return cls(lambda some: frames[list(some)], tuple(labels), rows, (None,) * count, names, seed)

    @classmethod
    def of_waist(cls, waist: Waist, labels: Sequence[str], seed: int = 0) -> Clips:
        """Videos whose frames have passed the network once: of each frame the tokens, then the embedding.

        To edit the frames then is exact, since a frozen backbone reads each by itself.

        Args:
            waist: n videos with labels.
            labels: K labels.
            seed: of what a probe draws.

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
        videos = tuple(row.key for row in waist.rows)
        return cls(batch, tuple(labels), targets, waist.scenes, videos, seed)

    def answers(self, subject: Subject, edit: Callable[[Tensor], Tensor] | None = None) -> Rows:
        """Stream → (n, K) scores of the clips.

        Args:
            subject: who answers.
            edit: of the frames; None shows them as filmed.
        """
        return self._ask(subject, "answer", edit)

    def units(self, subject: Subject, edit: Callable[[Tensor], Tensor] | None = None) -> Rows:
        """Layer → (n, U) of the clips.

        Args:
            subject: whose layers.
            edit: of the frames; None shows them as filmed.
        """
        return self._ask(subject, "units", edit)

    def _ask(self, subject: Subject, what: str, edit: Callable[[Tensor], Tensor] | None) -> Rows:
        """One batch after the other; what was said of the clips as filmed is kept for the next probe."""
        key = (id(subject), what)
        if edit is None and key in self._known:
            return self._known[key][1]
        ask = subject.answer if what == "answer" else subject.units
        parts = []
        for start in range(0, len(self), _CLIPS_AT_ONCE):
            frames = self.batch(range(start, min(start + _CLIPS_AT_ONCE, len(self))))
            parts.append(ask(frames if edit is None else edit(frames)))
        found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        if wrong := [name for name, rows in found.items() if len(rows) != len(self)]:
            raise OptionError(
                f"{subject.name} gave {len(found[wrong[0]])} rows of {wrong[0]} for {len(self)} clips; "
                "expected one each"
            )
        if edit is None:
            self._known[key] = (subject, found)
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
