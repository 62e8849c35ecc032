"""The frozen network: frames and texts to unit vectors in one joint space, and frames to patch tokens."""

from __future__ import annotations

import os
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from zeroshot.errors import ModelError, OptionError, in_one_line, require_texts, require_whole
from zeroshot.model.hub.pull import pull
from zeroshot.model.names import ModelName, frames_asked, open_network, parse_name
from zeroshot.model.networks.network import encode_in_batches, no_tokens, not_finite, reads_clips
from zeroshot.model.speed.precision import Precision, exact_and_fast, require_level
from zeroshot.model.speed.threads import joined, map_apart, require_unforked, survive_forks
from zeroshot.video.transform import normalized, preprocess_frames, seen_frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from zeroshot.model.networks.network import Network, NetworkFacts
    from zeroshot.video.transform import Preprocess

DEFAULT_NUM_FRAMES = 8
# Texts in one forward pass: they are short, so more of them than frames fill a processor.
_TEXTS_PER_FRAME = 4
# Levels of frames of which one thread has enough: some four frames as networks see them.
_LEVELS_APART = 1 << 20


class Backbone:
    """One frozen CLIP of any library; texts in float32, frames at a speed level.

    Results do not depend on `batch_size` beyond 1e-6.

    Attributes:
        name: as the user called it.
        preprocess: what the network wants done to a frame.
        embedding_dim: D, the joint width of frames and texts.
        token_dim: C, width of a patch token; None where the network has none.
        grid: (gh, gw) patches with N = gh · gw; None where the network has none.
        logit_scale: the model's own factor on cosines, already exponentiated.
        precision: the speed level of frames.
        device: where the weights are.
        batch_size: frames in one forward pass; bounds the memory.
        num_frames: frames a clip that the checkpoint is meant for.
        is_random: whether the weights are untrained, so that answers mean nothing.
        context_length: tokens of a text that are read.
        notes: what the user should know of the weights, a line each.
    """

    def __init__(
        self,
        name: str,
        network: Network,
        *,
        device: torch.device,
        num_frames: int = DEFAULT_NUM_FRAMES,
        is_random: bool = False,
        batch_size: int = 32,
        precision: str = "exact",
    ) -> None:
        require_whole("batch_size", batch_size)
        survive_forks()
        facts = network.facts
        self._network = network
        self.precision = Precision(network, precision)
        self.name = name
        self.preprocess: Preprocess = facts.preprocess
        self.embedding_dim = facts.embedding_dim
        self.token_dim = facts.token_dim
        self.grid = facts.grid
        self.logit_scale = facts.logit_scale
        self.to(device)
        self.batch_size = batch_size
        self.num_frames = facts.clip_frames or num_frames
        self.is_random = is_random
        self.context_length = network.context_length
        self.notes = network.notes

    @property
    def facts(self) -> NetworkFacts:
        """What is known about the network, whether it reads clips as a whole among it."""
        return self._network.facts

    def require_frames_apart(self) -> None:
        """Raise a ModelError where the network reads a clip as a whole, so that frames have no vectors."""
        if self.facts.clip_frames is not None:
            raise reads_clips(self.name, self.num_frames)

    def require_tokens(self) -> tuple[tuple[int, int], int]:
        """Grid (gh, gw) and width C of the patch tokens, or a ModelError that says why there are none."""
        self.require_frames_apart()
        if self.grid is None or self.token_dim is None:
            raise no_tokens(self.name, self.facts.why_no_tokens)
        return self.grid, self.token_dim

    def to(self, device: str | torch.device) -> None:
        """Move the weights; the speed level is settled anew there.

        Raises:
            ModelError: as `choose_device`.
        """
        self.device = self._network.device = choose_device(device)
        self._network.module.to(self.device)
        self._owner = os.getpid()
        self.precision = Precision(self._network, self.precision.asked)

    def prepared_as(self, preprocess: Preprocess) -> Backbone:
        """The same weights, never copied, looking at frames that are prepared in another way."""
        other = copy(self)
        other.preprocess = preprocess
        return other

    @property
    def module(self) -> torch.nn.Module:
        """The library's own network, as it stands; at other levels than "exact" a copy of it reads frames."""
        module: torch.nn.Module = self._network.module
        return module

    def require_here(self) -> None:
        """Raise a ModelError where the weights are on a GPU and this process is a fork of theirs."""
        require_unforked(self._owner, self.device, self.name)

    def prepare_frames(self, frames: torch.Tensor | NDArray[np.uint8]) -> torch.Tensor:
        """Pixels (B, 3, h, w) float32 that the network reads, on its device, of frames (B, 3, H, W) uint8."""
        self.require_here()
        tensor = _tensor(frames) if isinstance(frames, np.ndarray) else frames
        if self.device.type == "cuda":
            return preprocess_frames(tensor.to(self.device, non_blocking=True), self.preprocess)
        parts = torch.split(tensor.cpu(), max(1, _LEVELS_APART // max(1, tensor[:1].numel())))
        return joined(map_apart(self._pixels_of, parts)).to(self.device)

    def _pixels_of(self, frames: torch.Tensor) -> torch.Tensor:
        """Pixels (B, 3, h, w) float32 of frames (B, 3, H, W) uint8 on the processor."""
        return preprocess_frames(frames, self.preprocess)

    def encode_frames(self, frames: torch.Tensor | NDArray[np.uint8]) -> torch.Tensor:
        """Embeddings (B, D) float32, unit rows, of frames (B, 3, H, W) uint8 RGB of any size.

        Args:
            frames: any number of them; they are taken `batch_size` at a time.
        """
        parts = [self.encode_pixels(self.prepare_frames(frames[part])) for part in self._parts(len(frames))]
        return self._checked(parts)

    def encode_pixels(self, pixels: torch.Tensor, *, unit: bool = True) -> torch.Tensor:
        """Embeddings (B, D) float32 of what `prepare_frames` gave.

        Args:
            pixels: (B, 3, h, w), or (B, T, 3, h, w) of clips for a network that reads those; `batch_size`
                frames are taken at a time.
            unit: rows of unit length, rather than of the length that the network gives them.

        Raises:
            ModelError: frames for a network that reads clips.
        """
        if pixels.ndim == 4:
            self.require_frames_apart()
        step = self.batch_size if pixels.ndim == 4 else max(1, self.batch_size // pixels.shape[1])
        with torch.inference_mode():
            parts = [self.precision.embed_pixels(part) for part in torch.split(pixels, step) if len(part)]
            parts = [F.normalize(part, dim=-1) for part in parts] if unit else parts
        return torch.cat(parts) if parts else torch.zeros((0, self.embedding_dim), device=self.device)

    def encode_tokens(self, frames: torch.Tensor | NDArray[np.uint8]) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens (B, 1+N, C) and embeddings (B, D), unit rows, of frames (B, 3, H, W) uint8, in one pass.

        Patch tokens are the output of the last block after the tower's last norm (`ln_post`,
        `post_layernorm` or timm's `norm`), before any projection, row by row of `grid`. In front stands the
        pooled token: the very vector that the model's projection turns into the embedding, which is the
        class token where the model has one, else the mean or the attention pool of the patches. So token 0
        times the projection, normalized, is the embedding; for models without a projection (SigLIP) token
        0, normalized, is.

        Raises:
            ModelError: the network is no vision transformer.
        """
        return self._join_tokens(self.prepare_frames(frames[part]) for part in self._parts(len(frames)))

    def see_frames(self, frames: NDArray[np.uint8]) -> torch.Tensor:
        """Frames (B, 3, h, w) uint8, on the CPU, as the network sees them: resized and cut to its size."""
        return seen_frames(_tensor(frames), self.preprocess)

    def encode_seen(self, seen: torch.Tensor) -> torch.Tensor:
        """Embeddings (B, D) float32, unit rows, of what `see_frames` gave, or of such levels as floats."""
        parts = [
            self.encode_pixels(normalized(seen[part].to(self.device), self.preprocess))
            for part in self._parts(len(seen))
        ]
        return self._checked(parts)

    def encode_seen_tokens(self, seen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As `encode_tokens`, of what `see_frames` gave."""
        parts = (seen[part].to(self.device) for part in self._parts(len(seen)))
        return self._join_tokens(normalized(part, self.preprocess) for part in parts)

    def pass_through_module(self, seen: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor]:
        """Tokens (B, 1+N, C), None where there are none, and embeddings (B, D), by `module` itself.

        For whoever watches its layers; at any speed level.

        Args:
            seen: (B, 3, h, w) of `see_frames`, or such levels as floats.
        """
        self.require_frames_apart()
        tokens, embeddings = [], []
        with torch.inference_mode(), exact_and_fast(self.device):
            for part in self._parts(len(seen)):
                pixels = normalized(seen[part].to(self.device), self.preprocess)
                if self.grid is None:
                    embeddings.append(self._network.embed_pixels(pixels))
                else:
                    both = self._network.embed_tokens(pixels)
                    tokens.append(both[0])
                    embeddings.append(both[1])
        units = self._checked([F.normalize(part, dim=-1) for part in embeddings])
        return torch.cat(tokens) if tokens else None, units

    def _join_tokens(self, batches: Iterable[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens and embeddings of all batches of pixels."""
        (gh, gw), width = self.require_tokens()
        parts = [self.encode_pixel_tokens(pixels) for pixels in batches]
        if not parts:
            shape = (0, 1 + gh * gw, width)
            return torch.zeros(shape, device=self.device), torch.zeros(
                (0, self.embedding_dim), device=self.device
            )
        tokens, embeddings = zip(*parts, strict=True)
        return torch.cat(tokens), self._checked(embeddings)

    def encode_pixel_tokens(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens (B, 1+N, C) and embeddings (B, D), unit rows, of what `prepare_frames` gave, all at once.

        Args:
            pixels: (B, 3, h, w).

        Raises:
            ModelError: the network is no vision transformer.
        """
        self.require_tokens()
        with torch.inference_mode():
            tokens, embeddings = self.precision.embed_tokens(pixels)
            return tokens, F.normalize(embeddings, dim=-1)

    def encode_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Embeddings (n, D) float32, unit rows, of n texts in any script.

        Args:
            texts: what exceeds the model's context length (77 tokens in CLIP, 32 in PE-Core) is cut off, as
                its library does it.

        Raises:
            ModelError: the model's tokenizer cannot be fetched, or its weights are not finite.
        """
        if isinstance(texts, str):
            raise OptionError(f"texts is the string {texts!r}; expected a list of strings")
        require_texts(texts)
        self.require_here()
        apart = self.device.type == "cpu" and self._network.is_reentrant
        most = self.batch_size * _TEXTS_PER_FRAME
        with torch.inference_mode(), exact_and_fast(self.device):
            return self._checked(encode_in_batches(self._network, list(texts), most, apart=apart))

    def token_ids(self, texts: list[str], length: int | None = None) -> NDArray[np.int64]:
        """Ids (n, length) of the tokens of n ≥ 1 texts, padded; what exceeds the length is cut off.

        Args:
            texts: any.
            length: None: as many as are read.
        """
        ids: NDArray[np.int64] = self._network.token_ids(texts, length).numpy()
        return ids

    def _checked(self, parts: Sequence[torch.Tensor]) -> torch.Tensor:
        """Embeddings (n, D) of all parts, if they are numbers."""
        embeddings = torch.cat([torch.zeros((0, self.embedding_dim), device=self.device), *parts])
        if not embeddings.isfinite().all():
            raise not_finite(self.name)
        return embeddings

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of architecture, preprocessing and every weight; the same on any device, in any process.

        Computed at first use: half a second for each gigabyte of weights.
        """
        return self._network.fingerprint()

    @cached_property
    def text_fingerprint(self) -> str:
        """SHA-256 of architecture and the weights that texts pass through; a tenth of a second for B/32."""
        return self._network.text_fingerprint()

    def _parts(self, number: int) -> Iterator[slice]:
        """Where each `batch_size` of that many frames lie."""
        return (slice(start, start + self.batch_size) for start in range(0, number, self.batch_size))


def unit_mean(vectors: torch.Tensor) -> torch.Tensor:
    """Mean (D,) of vectors (n, D), or (S, D) of (n, S, D), scaled to unit length."""
    return F.normalize(vectors.mean(dim=0), dim=-1)


def in_memory(vectors: torch.Tensor) -> NDArray[np.float32]:
    """The same numbers as float32 in memory."""
    return np.asarray(vectors.float().cpu().numpy())


def _tensor(frames: NDArray[np.uint8]) -> torch.Tensor:
    """The same memory as a tensor; copied only where torch cannot share it."""
    shareable = frames.flags.writeable and all(stride > 0 for stride in frames.strides)
    return torch.from_numpy(frames if shareable else frames.copy())


def load_backbone(
    name: str,
    device: str | torch.device = "auto",
    precision: str = "exact",
    *,
    batch_size: int = 32,
    from_hub: bool = True,
    encodes: tuple[str, ...] = ("frames", "texts"),
) -> Backbone:
    """The model called `name`, ready on `device`.

    Args:
        name: `ARCH/TAG` (open_clip's architecture and pretrained tag), `ARCH/random` (untrained, the same
            in every process), `ARCH/path/to/weights.safetensors`, `hf:ORG/NAME@REVISION` or `hf:FOLDER`
            (transformers), `hub:ORG/NAME@REVISION` (a checkpoint that somebody pushed), a checkpoint folder,
            or a bundled checkpoint such as `puppet-tiny`.
        device: as for `choose_device`.
        batch_size: frames in one forward pass; 32 fill a processor, more of them a large GPU.
        precision: the speed level of frames: "exact", "fast" or "fastest", see `precision.PROMISES`.
        from_hub: whether hf: and hub: may be fetched that are not in the cache; not where a file names it.
        encodes: as for `load_model`.

    Raises:
        OptionError: an unknown precision.
        ModelError: the name, the files or the device cannot be used; one line says which and what to do.
    """
    require_level(precision)
    place = choose_device(device)
    parsed = parse_name(name)
    notes: tuple[str, ...] = ()
    if parsed.kind == "pulled":
        pulled = pull(name, from_network=from_hub)
        # Whatever writes the name down then names the very weights.
        name, notes, parsed = pulled.name, pulled.notes, ModelName("folder", source=str(pulled.folder))
    with in_one_line(f"cannot open {name}", "its files are damaged"):
        network = open_network(parsed, from_hub=from_hub, encodes=encodes)
    network.notes = (*notes, *network.notes)
    num_frames = (
        frames_asked(Path(parsed.source), DEFAULT_NUM_FRAMES)
        if parsed.kind == "folder"
        else DEFAULT_NUM_FRAMES
    )
    return Backbone(
        name,
        network,
        device=place,
        num_frames=num_frames,
        is_random=parsed.kind == "random",
        batch_size=batch_size,
        precision=precision,
    )


def choose_device(device: str | torch.device = "auto") -> torch.device:
    """The device of that name.

    >>> choose_device("cpu")
    device(type='cpu')

    Args:
        device: "auto" (a CUDA device, else Apple's, else the processor), "cpu", "cuda", "cuda:1", "mps", or
            a torch.device.

    Raises:
        ModelError: unknown, or this computer has none.
    """
    name = str(device)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind, _, number = name.partition(":")
    if kind not in {"cpu", "cuda", "mps"} or (number and not number.isdecimal()) or name.endswith(":"):
        raise ModelError(f"device {name!r} is unknown; expected auto, cpu, cuda, cuda:1 or mps")
    counts = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if int(number or 0) >= counts[kind]:
        there = f"{counts[kind]} of that kind" if counts[kind] else "none of that kind"
        raise ModelError(f"device {name!r} is not there: this computer has {there}; use --device auto or cpu")
    return torch.device(name)
