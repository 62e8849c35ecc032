"""Who is probed, and on what: anything that answers frames, and clips of which the label is known."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import nn

from zeroshot.adapter.adapter import mean_embedding
from zeroshot.errors import LabelError, OptionError
from zeroshot.model.model import STREAMS
from zeroshot.probes.layers import pooled, vision_blocks, watching
from zeroshot.probes.seen_frames import SeenFrames

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

    Frames are (B, T, …), as the clips hold them: RGB levels 0 to 255, uint8 or, where a probe has changed
    them, float32; or what stands for each frame.
    """

    @property
    def name(self) -> str:
        """For the report."""

    @property
    def stream(self) -> str:
        """Which of its streams is its answer."""

    @property
    def scale(self) -> float:
        """What scores are multiplied with before a softmax makes probabilities of them."""

    def answer(self, frames: Tensor) -> Rows:
        """Stream → (B, K) scores of K labels."""

    def units(self, frames: Tensor) -> Rows:
        """Layer → (B, U) numbers that U units of it show; a `Model` has its streams."""

    def layers(self, frames: Tensor) -> Rows:
        """The same of every layer that can be looked into, those of `units` among them."""


@dataclass(frozen=True, eq=False)
class ModelSubject:
    """A `Model` and the embeddings of K labels; its streams answer, and are its layers.

    Attributes:
        model: the network.
        texts: (K, D) unit rows.
        waist: whose tokens the clips of `Clips.of_waist` hold; None: frames are levels (B, T, 3, H, W).
        phrasings: the labels worded otherwise, each (K, D); none given is `texts` alone.
        called: what the model is called in the report; empty: as its backbone is.

    Raises:
        OptionError: tokens of another backbone.
    """

    model: Model
    texts: NDArray[np.float32]
    waist: Waist | None = None
    phrasings: tuple[NDArray[np.float32], ...] = ()
    called: str = ""

    def __post_init__(self) -> None:
        """Refuse tokens of another backbone."""
        if self.waist is not None:
            self.waist.settings.require_backbone(self.name, self.model.fingerprint)

    @cached_property
    def _seen(self) -> SeenFrames:
        """Frames that have passed the network, so that those of edited clips need not again."""
        adapter = self.model.adapter
        return SeenFrames(self.model.backbone, None if adapter is None else max(adapter.config.grid))

    @property
    def name(self) -> str:
        """As the user called it."""
        return self.called or self.model.name

    @property
    def stream(self) -> str:
        """The one that the model was told to answer with; `clip` without an adapter."""
        return "clip" if self.model.adapter is None else self.model.stream

    @property
    def scale(self) -> float:
        """The backbone's own."""
        return self.model.logit_scale

    def answer(self, frames: Tensor) -> Rows:
        """Cosines with the labels."""
        return {stream: rows @ self.texts.T for stream, rows in self.units(frames).items()}

    @torch.no_grad()
    def units(self, frames: Tensor) -> Rows:
        """Unit rows (B, D) of the streams; without an adapter `clip` is the only one.

        Raises:
            VideoError: pixels that cannot be read.
        """
        tokens, embeddings = self._encoded(frames)
        return self._streams(tokens, embeddings)

    @torch.no_grad()
    def layers(self, frames: Tensor) -> Rows:
        """The blocks of the vision tower, the adapter's layers, then the streams."""
        blocks = {} if self.waist is not None else vision_blocks(self.model.backbone.module)
        blocks.update(self.adapter_layers())
        with watching(blocks) as seen:
            found = self._streams(*self._encoded(frames, anew=True))
        shown = {name: layer for name, layer in blocks.items() if seen[name]}
        hidden = {name: pooled(seen[name], len(frames), layer).numpy() for name, layer in shown.items()}
        return {**hidden, **found}

    @torch.no_grad()
    def frames(self, frames: Tensor) -> Rows:
        """`frames` → (B, T · D) embeddings of the frames one by one, row after row."""
        return {"frames": self._encoded(frames)[1].flatten(1).cpu().numpy()}

    def adapter_layers(self) -> dict[str, nn.Module]:
        """`adapter.` and its name → each linear layer of the adapter; none without one."""
        if self.model.adapter is None:
            return {}
        named = self.model.adapter.named_modules()
        return {f"adapter.{name}": layer for name, layer in named if isinstance(layer, nn.Linear)}

    def logits(self, frames: Tensor, texts: NDArray[np.float32]) -> Tensor:
        """(B, K) scaled cosines of the stream that answers with texts (K, D), from which gradients flow.

        Args:
            frames: (B, T, …) as the clips hold them.
            texts: (K, D) unit rows.

        Raises:
            OptionError: there is no adapter.
        """
        if self.model.adapter is None:
            raise OptionError(f"{self.name} has no adapter; expected one, such as puppet-tiny's")
        device = self.model.backbone.device
        tokens, embeddings = (each.clone().to(device) for each in self._encoded(frames))
        with torch.enable_grad():
            streams = self.model.adapter(tokens.half(), embeddings)
            rows: Tensor = getattr(streams, self.stream)
            return self.scale * rows @ torch.from_numpy(texts).to(device).T

    def _streams(self, tokens: Tensor, embeddings: Tensor) -> dict[str, NDArray[Any]]:
        """Stream → (B, D) of tokens (B, T, 1+N, C) and embeddings (B, T, D)."""
        adapter, device = self.model.adapter, self.model.backbone.device
        if adapter is None:
            return {"clip": mean_embedding(embeddings).cpu().numpy()}
        streams = adapter(tokens.half().to(device), embeddings.contiguous().to(device))
        return {name: getattr(streams, name).cpu().numpy() for name in STREAMS}

    def _encoded(self, frames: Tensor, *, anew: bool = False) -> tuple[Tensor, Tensor]:
        """Tokens (B, T, 1+N, C) and embeddings (B, T, D) of frames; without an adapter no tokens."""
        if self.waist is None:
            return self._seen.encode(frames, anew=anew)
        tokens, embeddings = frames.tensor_split([frames.shape[2] - self.texts.shape[1]], dim=2)
        return tokens.reshape(*tokens.shape[:2], *self.waist.settings.tokens_shape[2:]), embeddings


@dataclass(frozen=True, eq=False)
class Swaps:
    """m clips in which the person of one clip moves before the place of another.

    Attributes:
        batch: rows → frames (B, T, …).
        persons: (m,) row of `Clips` whose person is seen.
        places: (m,) row whose place is.
    """

    batch: Callable[[Sequence[int]], Tensor]
    persons: NDArray[np.int64]
    places: NDArray[np.int64]


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
        swaps: the same persons elsewhere, for probes that ask what is followed; None: nobody cut them out.
    """

    batch: Callable[[Sequence[int]], Tensor]
    labels: tuple[str, ...]
    targets: NDArray[np.int64]
    scenes: tuple[str | None, ...] = ()
    videos: tuple[str, ...] = ()
    seed: int = 0
    swaps: Swaps | None = None
    _known: dict[tuple[str, Callable[[Tensor], Rows]], Rows] = field(default_factory=dict, repr=False)

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

    def unasked(self) -> Clips:
        """The same clips, of which nobody has been asked anything yet: what others answered is let go."""
        return replace(self, _known={})

    def ask(self, question: Callable[[Tensor], Rows], edit: Callable[[Tensor], Tensor] | None = None) -> Rows:
        """Name → (n, ·) rows of all clips, one batch after the other.

        Args:
            question: `answer`, `units` or `layers` of a subject.
            edit: of the frames; None shows them as filmed, which is asked once for all probes.
        """
        if edit is not None:
            return _asked(question, self.batch, len(self.targets), edit)
        if ("filmed", question) not in self._known:
            self._known["filmed", question] = _asked(question, self.batch, len(self.targets))
        return self._known["filmed", question]

    def ask_swaps(self, question: Callable[[Tensor], Rows]) -> Rows:
        """Name → (m, ·) rows of all swapped clips, asked once for all probes.

        Args:
            question: as for `ask`.

        Raises:
            OptionError: nobody cut persons out.
        """
        if self.swaps is None:
            raise OptionError("there are no clips of the same persons before other places")
        if ("swapped", question) not in self._known:
            self._known["swapped", question] = _asked(question, self.swaps.batch, len(self.swaps.persons))
        return self._known["swapped", question]

    @property
    def video_numbers(self) -> NDArray[np.int64]:
        """(n,) a number for each video, equal where two clips are of one."""
        if not self.videos:
            return np.arange(len(self.targets))
        numbers: NDArray[np.int64] = np.unique(self.videos, return_inverse=True)[1]
        return numbers


def _asked(
    question: Callable[[Tensor], Rows],
    batch: Callable[[Sequence[int]], Tensor],
    number: int,
    edit: Callable[[Tensor], Tensor] | None = None,
) -> Rows:
    """Name → (n, ·) rows of n clips."""
    parts = []
    for start in range(0, number, _CLIPS_AT_ONCE):
        frames = batch(range(start, min(start + _CLIPS_AT_ONCE, number)))
        parts.append(question(frames if edit is None else edit(frames)))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


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
