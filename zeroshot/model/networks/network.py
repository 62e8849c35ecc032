"""What both libraries' networks offer to the backbone, whatever they call it themselves; texts in batches."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from zeroshot.errors import ModelError
from zeroshot.model.speed.threads import map_apart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zeroshot.video.transform import Preprocess

# Fewest tokens of texts that a thread is given at a time: below them reading the weights takes longer than
# the products. And the most, so that what stands between two products stays in a core's own cache.
_FEWEST_TOKENS, _MOST_TOKENS = 100, 400


@dataclass(frozen=True)
class NetworkFacts:
    """What is known about a network once it is built.

    Attributes:
        preprocess: what it wants done to a frame.
        embedding_dim: D, the joint width of frames and texts.
        token_dim: C, the width of its patch tokens; None where it has none.
        grid: (gh, gw) patches; None where it has no patch tokens.
        logit_scale: factor on cosines, already exponentiated.
        architecture: everything that its weights alone do not tell, as one line of text.
        clip_frames: T frames that it reads at once, as pixels (n, T, 3, h, w); None: it reads frames apart.
        any_clip_length: whether it reads clips of other lengths, too.
        why_no_tokens: ends the line that says so; "" where there is nothing special about it.
    """

    preprocess: Preprocess
    embedding_dim: int
    token_dim: int | None
    grid: tuple[int, int] | None
    logit_scale: float
    architecture: str
    clip_frames: int | None = None
    any_clip_length: bool = False
    why_no_tokens: str = ""


class Network(ABC):
    """One image–text network of one library, frozen, in float32.

    Attributes:
        module: the library's own module, in evaluation mode.
        facts: what is known about it.
        is_reentrant: whether several threads may embed at once.
        frame_parts: beginnings of the names of weights that frames alone pass through.
        arithmetic: of a copy by `quick`; None: the library's own float32.
        device: where the weights are.
        notes: what was found while the weights were loaded, a line each.
        context_length: tokens of a text that it reads.
    """

    is_reentrant = False
    frame_parts: tuple[str, ...] = ()
    arithmetic: str | None = None
    device = torch.device("cpu")
    notes: tuple[str, ...] = ()
    context_length: int
    module: Any  # of the library's own class, whose attributes no type tells
    facts: NetworkFacts

    @abstractmethod
    def embed_pixels(self, pixels: torch.Tensor) -> torch.Tensor:
        """Embeddings (B, D), not normalized, of pixels (B, 3, h, w), or (B, T, 3, h, w) of clips."""

    @abstractmethod
    def embed_tokens(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens (B, 1+N, C), pooled first, and embeddings (B, D), of pixels (B, 3, h, w), in one pass."""

    @abstractmethod
    def token_ids(self, texts: list[str], length: int | None = None) -> torch.Tensor:
        """Ids (n, length) of the tokens of n ≥ 1 texts, padded; what exceeds the length is cut off.

        Args:
            texts: any.
            length: None: the context length.
        """

    @abstractmethod
    def embed_texts(self, texts: list[str], token_ids: torch.Tensor | None = None, /) -> torch.Tensor:
        """Embeddings (n, D), not normalized, of n ≥ 1 texts; what exceeds the context length is cut off.

        Args:
            texts: any.
            token_ids: (n, L) of these texts, where `text_lengths` gave them.
        """

    def text_lengths(self, texts: list[str]) -> tuple[list[int], torch.Tensor | None]:
        """Tokens that each of n ≥ 1 texts costs, and ids (n, L) that were made for that.

        All the same, and None, where texts are read to the full context.
        """
        return [self.context_length] * len(texts), None

    def fingerprint(self) -> str:
        """SHA-256 of architecture, preprocessing and every weight; the same on any device, in any process."""
        digest = hashlib.sha256(self.facts.architecture.encode())
        for name, tensor in sorted(self.module.state_dict().items()):
            _add_weight(digest, name, tensor)
        return digest.hexdigest()

    def text_fingerprint(self) -> str:
        """SHA-256 of architecture, preprocessing and the weights of texts; taken on all cores."""
        weights = sorted(self.module.state_dict().items())
        read = [item for item in weights if not item[0].startswith(self.frame_parts)]

        def digest_of(item: tuple[str, torch.Tensor]) -> bytes:
            digest = hashlib.sha256()
            _add_weight(digest, *item)
            return digest.digest()

        parts = (self.facts.architecture.encode(), *map_apart(digest_of, read))
        return hashlib.sha256(b"".join(parts)).hexdigest()

    @abstractmethod
    def quick(self, arithmetic: str) -> Network:
        """The same network, its frames read by a copy of the vision tower in another arithmetic.

        Args:
            arithmetic: "float32", "bfloat16" or "int8", see `products.PRODUCTS`; on other devices than the
                processor "bfloat16" alone.
        """


def _add_weight(digest: hashlib._Hash, name: str, tensor: torch.Tensor) -> None:
    """Take a weight, by its name, type, shape and bytes, into a digest."""
    values = tensor.detach().cpu().contiguous()
    digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
    digest.update(values.reshape(-1).view(torch.uint8).numpy().data)


def no_tokens(name: str, why: str = "") -> ModelError:
    """The error for a network whose frames are not cut into patches.

    Args:
        name: of the network.
        why: from its facts.
    """
    return ModelError(
        f"{name} has no patch tokens ({why or 'it is no vision transformer that is known here'}); "
        "use a ViT model"
    )


def reads_clips(name: str, num_frames: int) -> ModelError:
    """The error for a network that reads clips, where frames or their tokens were asked for.

    Args:
        name: of the network.
        num_frames: that it reads at once.
    """
    return ModelError(
        f"{name} reads {num_frames} frames at once and has no vector or token of a single one; streams, "
        "training, stages and probes of frames need a network that reads frames apart, such as "
        "PE-Core-B-16/meta"
    )


def not_finite(name: str) -> ModelError:
    """The error for a network that gives something else than numbers."""
    return ModelError(
        f"{name} gives an embedding that is not finite (NaN or infinity); its weights are damaged: "
        "fetch or train them again"
    )


def batches_of_texts(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Places of all texts in batches, shorter texts first; those of one length stay in their order.

    >>> batches_of_texts([8, 72, 8, 16], 32)
    [[0, 2, 3], [1]]

    Args:
        lengths: tokens that a network reads of each.
        most: tokens in a batch; a longer text stands alone.
    """
    batches: list[list[int]] = []
    room = 0
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if lengths[place] > room:
            batches.append([])
            room = most
        batches[-1].append(place)
        room -= lengths[place]
    return batches


def encode_in_batches(network: Network, texts: list[str], most: int, *, apart: bool) -> list[torch.Tensor]:
    """A unit row (1, D) of each text, in their order.

    Args:
        network: that reads them.
        texts: any number.
        most: of them in one forward pass, were they as long as the context.
        apart: whether batches, small ones then, are shared out among threads.
    """
    if not texts:
        return []
    lengths, ids = network.text_lengths(texts)
    most_tokens = most * network.context_length
    if apart:
        share = math.ceil(sum(lengths) / torch.get_num_threads())
        most_tokens = min(_MOST_TOKENS, max(_FEWEST_TOKENS, share))
    batches = batches_of_texts(lengths, most_tokens)

    def embed(batch: list[int]) -> torch.Tensor:
        some = [texts[place] for place in batch]
        return network.embed_texts(some) if ids is None else network.embed_texts(some, ids[batch])

    parts = map_apart(embed, batches) if apart else list(map(embed, batches))
    places = (place for batch in batches for place in batch)
    rows = (row for part in parts for row in torch.split(F.normalize(part, dim=-1), 1))
    found = dict(zip(places, rows, strict=True))
    return [found[place] for place in range(len(texts))]
