"""Models of others as subjects: any function of frames, and any torch network with its layers."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from zeroshot.errors import OptionError
from zeroshot.probes.layers import named_layers, pooled, watching
from zeroshot.probes.probe import ANSWER

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray
    from torch import Tensor, nn

    from zeroshot.probes.subject import Rows

_MOST_PASSES = 256  # each is a few rows, the frames themselves are not kept


@dataclass(frozen=True, eq=False)
class Function:
    """Any callable as a subject with one stream, `answer`.

    Attributes:
        name: for the report.
        scores: frames (B, T, …) → (B, K) scores.
        hidden: frames (B, T, …) → layer → (B, U); None: the scores themselves.
        scale: factor on the scores before a softmax.
        stream: what its one stream is called.
    """

    name: str
    scores: Callable[[Tensor], ArrayLike]
    hidden: Callable[[Tensor], Rows] | None = None
    scale: float = 1.0
    stream: str = ANSWER

    def answer(self, frames: Tensor) -> Rows:
        """The scores."""
        return {self.stream: np.asarray(self.scores(frames))}

    def units(self, frames: Tensor) -> Rows:
        """Of its layers."""
        return self.answer(frames) if self.hidden is None else self.hidden(frames)

    def layers(self, frames: Tensor) -> Rows:
        """The same."""
        return self.units(frames)


class _Pass(NamedTuple):
    """What a network shows of some frames.

    Attributes:
        rows: (B, K) or (B, D) as it gives them.
        hidden: layer → (B, U); or what is wrong with them.
    """

    rows: NDArray[Any]
    hidden: Rows | OptionError


@dataclass(frozen=True, eq=False)
class Network:
    """Any torch network that takes frames (B, T, 3, H, W), levels 0 to 255, and gives one row a video.

    Attributes:
        name: for the report.
        run: frames → (B, K) scores of K labels, or with `texts` embeddings (B, D).
        num_labels: K.
        module: whose layers are looked into; None where there is none to look into.
        layer_names: of its `named_modules()`.
        texts: (K, D) rows that embeddings are compared with by their cosine; None: it gives scores.
        scale: factor on scores, or cosines, before a softmax; 1 for a classifier's logits.
        stream: what its one stream is called.
    """

    name: str
    run: Callable[[Tensor], Tensor]
    num_labels: int
    module: nn.Module | None = None
    layer_names: tuple[str, ...] = ()
    texts: NDArray[np.float32] | None = None
    scale: float = 1.0
    stream: str = ANSWER
    _passes: OrderedDict[bytes, _Pass] = field(default_factory=OrderedDict, repr=False)

    def __post_init__(self) -> None:
        """Refuse layers that are not there.

        Raises:
            OptionError: the line names some that are.
        """
        if self.layer_names and self.module is None:
            raise OptionError(f"layers of {self.name} are named, but it is no torch.nn.Module that has any")
        if self.module is not None:
            named_layers(self.module, self.layer_names)

    def answer(self, frames: Tensor) -> Rows:
        """Scores, or cosines with the texts."""
        rows = self._pass(frames).rows
        return {self.stream: rows if self.texts is None else _cosines(rows, self.texts)}

    def units(self, frames: Tensor) -> Rows:
        """What it gives."""
        return {self.stream: self._pass(frames).rows}

    def layers(self, frames: Tensor) -> Rows:
        """Of its layers, and what it gives.

        Raises:
            OptionError: a layer that gives nothing, or numbers of no known shape.
        """
        found = self._pass(frames)
        if isinstance(found.hidden, OptionError):
            raise found.hidden
        return {**found.hidden, self.stream: found.rows}

    @torch.no_grad()
    def _pass(self, frames: Tensor) -> _Pass:
        """What the network shows of frames, which pass it once, whichever of the three is asked first."""
        name = hashlib.sha256(frames.contiguous().numpy().tobytes()).digest()
        if name in self._passes:
            self._passes.move_to_end(name)
            return self._passes[name]
        named = {} if self.module is None else named_layers(self.module, self.layer_names)
        with watching(named) as seen:
            rows = self._rows(frames)
        hidden: Rows | OptionError
        try:
            hidden = {name: pooled(seen[name], len(frames), layer).numpy() for name, layer in named.items()}
        except OptionError as error:  # of no account for who asks no layers
            hidden = error
        self._passes[name] = _Pass(rows, hidden)
        if len(self._passes) > _MOST_PASSES:
            self._passes.popitem(last=False)
        return self._passes[name]

    def _rows(self, frames: Tensor) -> NDArray[Any]:
        """(B, K) or (B, D) as the network gives them.

        Raises:
            OptionError: something else, or what is no number.
        """
        found = torch.as_tensor(self.run(frames)).detach().cpu()
        width = self.num_labels if self.texts is None else self.texts.shape[1]
        if tuple(found.shape) != (len(frames), width) or not found.is_floating_point():
            kind = "scores" if self.texts is None else "embeddings"
            raise OptionError(
                f"{self.name} gives {found.dtype} of shape {tuple(found.shape)} for frames of shape "
                f"{tuple(frames.shape)}; expected {kind} ({len(frames)}, {width}), floats"
            )
        if not bool(found.isfinite().all()):
            raise OptionError(f"{self.name} gives numbers that are not finite; its weights are damaged")
        return found.float().numpy()


def _cosines(rows: NDArray[Any], texts: NDArray[np.float32]) -> NDArray[Any]:
    """(B, K) cosines of rows (B, D) with texts (K, D)."""
    sizes = np.linalg.norm(rows, axis=1, keepdims=True) * np.linalg.norm(texts, axis=1)
    cosines: NDArray[Any] = rows @ texts.T / np.maximum(sizes, 1e-12)
    return cosines
