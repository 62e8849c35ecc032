"""The two streams: one reads change over time and knows nothing else, one is blind to order."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zeroshot.adapter.detectors import DirectionDetectors
from zeroshot.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zeroshot.adapter.config import AdapterConfig

_TINY = 1e-6
_CLIPS_AT_ONCE = 8  # on a processor: what stands between stays in its cache


def unit_rows(x: Tensor) -> Tensor:
    """(…, D) with rows of length one; a zero row stays zero, and its gradient finite."""
    return x / x.square().sum(-1, keepdim=True).clamp_min(_TINY**2).sqrt()


def root_mean_square(x: Tensor) -> Tensor:
    """(B,) the size of each clip's entries (B, …), with zero gradient for a clip of zeros."""
    entries = x.flatten(1)
    size: Tensor = torch.linalg.vector_norm(entries, dim=1) / entries.shape[1] ** 0.5
    return size


def of_size_one(x: Tensor) -> Tensor:
    """Clips (B, …) divided by the size of all their entries together; zero stays zero."""
    return x / _sizes(x)


def _sizes(x: Tensor) -> Tensor:
    """(B, 1, …) the size of each clip, never zero."""
    return root_mean_square(x).clamp_min(_TINY).reshape(-1, *[1] * (x.ndim - 1))


def is_drawn() -> bool:
    """Whether `torch.export` is drawing one graph for all inputs, of which nobody can know what they hold.

    There no short cut is taken.
    """
    return torch.compiler.is_compiling()


def drop(x: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    """The same shape, a share of the entries zero, the others larger: dropout from an explicit generator.

    A random byte decides on each entry, since random numbers cost more than what is done with them: the share
    is a number of 256ths, 0.1 becomes 26 of them.
    """
    if share == 0:
        return x
    device = x.device if generator is None else generator.device
    words = torch.empty(-(-x.numel() // 8), dtype=torch.int64, device=device)
    chances = words.random_(-(2**63), None, generator=generator).view(torch.uint8)[: x.numel()]
    dropped = min(max(1, round(256 * share)), 255)
    # 0 below `dropped`, else 1: comparisons give truth values, which a processor converts slowly.
    keep = chances.view(x.shape).to(x.device, x.dtype).sub_(dropped - 1).clamp_(0, 1)
    return x * keep.mul_(256 / (256 - dropped))


def subtract_reference(x: Tensor, reference: str, places: Tensor | None = None) -> Tensor:
    """(B, T, …) minus its temporal mean or one frame; T equal frames give exact zeros.

    The mean is taken of differences to the first frame: a plain mean of T equal numbers may be off in the
    last bit where T is no power of two.

    Args:
        x: clips.
        reference: as in `AdapterConfig`.
        places: (B,) frames that a random reference is; None is their mean.
    """
    if reference == "none":
        return x
    if reference == "random" and places is not None:
        return x - frames_at(x, places)[:, None]
    change = x - x[:, :1]
    return change if reference == "first" else change.sub_(change.mean(1, keepdim=True))


def frames_at(x: Tensor, places: Tensor) -> Tensor:
    """(B, …) one frame of each clip (B, T, …), at the places (B,)."""
    return x[torch.arange(len(x), device=x.device), places]


def random_places(x: Tensor, generator: torch.Generator | None) -> Tensor:
    """(B,) a frame of each clip (B, T, …)."""
    device = x.device if generator is None else generator.device
    return torch.randint(x.shape[1], (len(x),), generator=generator, device=device).to(x.device)


def cosine_bases(num_bases: int, num_frames: int) -> Tensor:
    """(num_bases, T) orthonormal cosines: constant, end against start, middle against ends and so on.

    Source: discrete cosine transform, type II.
    """
    frames = torch.arange(num_frames) + 0.5
    waves = torch.cos(math.pi / num_frames * torch.arange(num_bases)[:, None] * frames)
    bases: Tensor = waves / waves.norm(dim=1, keepdim=True)
    return bases


class ClipNorm(nn.Module):
    """Divides each clip by the size of all its entries together, then scales each channel.

    Tokens are not normalized one by one: that would blow up the noise of patches in which nothing moves, and
    forget when and where the change is large. There is no shift: zero stays zero.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, …, C) → the same shape."""
        return x * (self.scale / _sizes(x))


class TemporalConvolution(nn.Module):
    """Each channel filtered over time by its own kernel, without bias; frames beyond the ends are zero."""

    def __init__(self, width: int, kernel_size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(kernel_size, width) / kernel_size**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, …, C) → the same shape."""
        planes = x.flatten(2, -2) if x.ndim > 3 else x[:, :, None]
        kernels = self.weight.T[:, None, :, None]
        # (B, C, T, N) with channels innermost in memory: one pass, not one for each place of the kernel.
        planes = F.conv2d(
            planes.permute(0, 3, 1, 2), kernels, padding=(len(self.weight) // 2, 0), groups=len(kernels)
        )
        return planes.permute(0, 2, 3, 1).reshape(x.shape)


class PatchPooling(nn.Module):
    """Q weighted sums over the tokens of a frame, joined: where to look depends on place and content.

    Args:
        width: H, channels in and out.
        num_tokens: 1+N.
        num_queries: Q.
        biased: whether the output layer has a bias; the dynamic stream's has none.
    """

    def __init__(self, width: int, num_tokens: int, num_queries: int, *, biased: bool) -> None:
        super().__init__()
        self.num_queries = num_queries
        self.key = nn.Linear(width, num_queries, bias=False)
        self.place = nn.Parameter(torch.randn(num_queries, num_tokens))
        self.value = nn.Linear(width, num_queries * (width // 4), bias=False)
        self.output = nn.Linear(num_queries * (width // 4), width, bias=biased)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, 1+N, H) → (B, T, H); zero tokens give zero unless biased."""
        looks = (self.key(x).transpose(-1, -2) + self.place).softmax(-1)
        seen = looks @ x  # (B, T, Q, H): summing first and projecting each query by its own block is cheaper
        blocks = self.value.weight.reshape(self.num_queries, -1, x.shape[-1])
        values = torch.einsum("btqh,qvh->btqv", seen, blocks)
        result: Tensor = self.output(values.flatten(2))
        return result


class TemporalLayer(nn.Module):
    """A transformer layer over T frames without any bias; order enters as attention weights by distance."""

    def __init__(self, config: AdapterConfig) -> None:
        super().__init__()
        width, self.num_heads, self.dropout = config.hidden_dim, config.num_heads, config.dropout
        self.attention_norm, self.mlp_norm = ClipNorm(width), ClipNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.output = nn.Linear(width, width, bias=False)
        self.distance = nn.Parameter(0.5 * torch.randn(config.num_heads, 2 * config.num_frames - 1))
        self.mlp_in = nn.Linear(width, 2 * width, bias=False)
        self.mlp_out = nn.Linear(2 * width, width, bias=False)

    def forward(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        """(B, T, H) → (B, T, H); zero stays zero, since GELU(0) = 0 and only products are added."""
        share = self.dropout if self.training else 0.0
        frames = torch.arange(x.shape[1], device=x.device)
        bias = self.distance[:, frames[:, None] - frames + x.shape[1] - 1]
        heads = self.qkv(self.attention_norm(x)).unflatten(-1, (3, self.num_heads, -1))
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))
        x = x + drop(self.output(mixed.transpose(1, 2).flatten(2)), share, generator)
        inner = F.gelu(self.mlp_in(self.mlp_norm(x)))
        return x + drop(self.mlp_out(inner), share, generator)


class SelfCorrelation(nn.Module):
    """How the change at each place resembles the change everywhere, now and in the next frames.

    Inner products forget what changed and keep where and when: a scene or a person's looks, which tokens
    carry along even after subtraction, leave no trace but the strength: little is left to be biased by. The
    same motion gives nearly the same numbers in a scene never seen.

    Args:
        num_tokens: 1+N.
        width: H, channels out.
        num_lags: how many frames ahead are compared, the present one included.
    """

    def __init__(self, num_tokens: int, width: int, num_lags: int) -> None:
        super().__init__()
        self.num_lags = num_lags
        self.output = nn.Linear(num_lags * num_tokens, width, bias=False)

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        """Change (B, T, 1+N, C) → (B, T, 1+N, H); frames beyond the end count as zero, zero stays zero.

        Args:
            x: what is compared.
            weights: (B, 1, 1, C) of each channel in the inner products.
        """
        clips, _, tokens, width = x.shape
        output = (self.output.weight / width).T
        found = []
        for frame, now in enumerate((x * weights).unbind(1)):
            products = now @ x[:, frame : frame + self.num_lags].flatten(1, 2).transpose(1, 2)
            read = products.flatten(0, 1) @ output[: products.shape[-1]]
            found.append(read.reshape(clips, tokens, output.shape[1]))
        return torch.stack(found, 1)


class DynamicStream(nn.Module):
    """Reads tokens minus their static reference; nothing on its path adds a constant, so zero gives zero."""

    channel_scale: Tensor

    def __init__(self, config: AdapterConfig) -> None:
        super().__init__()
        self.config = config
        width, num_tokens = config.hidden_dim, 1 + config.grid[0] * config.grid[1]
        self.register_buffer("channel_scale", torch.ones(config.token_dim))
        self.entry_norm = ClipNorm(config.token_dim)  # never called: its scale goes into the weights
        reads = config.reads
        self.entry = nn.Linear(config.token_dim, width, bias=False) if reads != "correlation" else None
        self.correlation = (
            SelfCorrelation(num_tokens, width, min(config.num_lags, config.num_frames))
            if reads != "content"
            else None
        )
        # Places and moments are multiplied, not added: a clip in which nothing changes must stay zero.
        self.place = nn.Parameter(1 + 0.5 * torch.randn(num_tokens, width))
        self.temporal = TemporalConvolution(width, config.kernel_size)
        self.pooling = PatchPooling(width, num_tokens, config.num_queries, biased=False)
        self.moment = nn.Parameter(1 + 0.5 * torch.randn(config.num_frames, width))
        self.layers = nn.ModuleList(TemporalLayer(config) for _ in range(config.num_layers))
        self.bases = nn.Parameter(cosine_bases(min(config.num_bases, config.num_frames), config.num_frames))
        self.exit_norm = ClipNorm(width)
        self.exit = nn.Linear(len(self.bases) * width, width, bias=False)
        self.detectors = (
            DirectionDetectors(
                num_tokens * config.token_dim, config.num_components, config.num_detectors, config.num_frames
            )
            if config.num_components
            else None
        )
        self.head = nn.Linear(config.dynamic_dim, config.embedding_dim, bias=False)

    def change(self, tokens: Tensor, places: Tensor | None = None) -> Tensor:
        """(B, T, 1+N, C) raw tokens → float32 change against the static reference, zeros for a still clip.

        Args:
            tokens: of B clips.
            places: (B,) frames that a random reference is; None is their mean.
        """
        apart = tokens.device.type == "cpu" and not is_drawn()
        parts = torch.split(tokens, _CLIPS_AT_ONCE) if apart else (tokens,)
        chosen: Sequence[Tensor | None] = [None] * len(parts)
        if places is not None:
            chosen = torch.split(places, _CLIPS_AT_ONCE) if apart else (places,)
        sized = (F.layer_norm(part.float(), part.shape[-1:]) for part in parts)
        reference = self.config.reference
        change = torch.cat(
            [subtract_reference(part, reference, some) for part, some in zip(sized, chosen, strict=True)]
        )
        if self.config.reference == "none":
            return change
        moves = root_mean_square(change) > self.config.stillness
        if not is_drawn() and bool(moves.all()):
            return change
        return torch.where(moves[:, None, None, None], change, torch.zeros_like(change))

    def forward(self, tokens: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """Tokens (B, T, 1+N, C) → hidden (B, H + R) and rows (B, D) of any length; zero for a still clip."""
        share = self.config.dropout if self.training else 0.0
        # In place: fresh memory for every step cost more than the arithmetic.
        drawn = self.training and self.config.reference == "random"
        places = random_places(tokens, generator) if drawn else None
        change = self.change(tokens, places).div_(self.channel_scale)
        size = root_mean_square(change)
        if not self.training and not is_drawn() and not bool(size.any()):  # all are still
            widths = (self.config.dynamic_dim, self.config.embedding_dim)
            hidden, rows = (change.new_zeros(change.shape[0], width) for width in widths)
            return hidden, rows
        size = torch.where(size > 0, size, 1.0)
        x = self._enter(change, size[:, None, None, None])
        x = x + F.gelu(self.temporal(x))
        x = self.pooling(drop(x, share, generator)) * self.moment
        for layer in self.layers:
            x = layer(x, generator)
        x = torch.einsum("bth,kt->bkh", self.exit_norm(x), self.bases)
        hidden = F.gelu(self.exit(x.flatten(1)))
        if self.detectors is not None:
            hidden = torch.cat([hidden, self.detectors(change, size)], 1)
        return hidden, self.head(drop(hidden, share, generator))

    @torch.no_grad()
    def calibrate(self, tokens: Tensor) -> None:
        """Takes channels' sizes and the detectors' components from training tokens (n, T, 1+N, C).

        Raises:
            OptionError: none of the clips moves.
        """
        change = self.change(tokens)
        size = change.flatten(0, 2).square().mean(0).sqrt()
        if float(size.max()) == 0:
            raise OptionError(f"none of the {len(tokens)} clips moves; calibration needs clips with motion")
        # A channel that hardly ever moves would otherwise be blown up to the size of the others.
        self.channel_scale.copy_(size.clamp_min(0.01 * float(size.max())))
        if self.detectors is not None:
            self.detectors.calibrate(of_size_one(change.div_(self.channel_scale)))

    def _enter(self, change: Tensor, size: Tensor) -> Tensor:
        """Change (B, T, 1+N, C) of size (B, 1, 1, 1) → (B, T, 1+N, H): itself, its self-correlation, or both.

        As of clips of size one whose channels are scaled: but both go into the weights, which are few, and so
        no gradient has to come back to the tokens.
        """
        scale = self.entry_norm.scale
        read: list[Tensor] = []
        if self.entry is not None:
            read.append(F.linear(change, self.entry.weight * scale))
        if self.correlation is not None:
            read.append(self.correlation(change, scale.square() / size))
        return (read[0] if len(read) == 1 else read[0] + read[1]) * (self.place / size)


class StaticStream(nn.Module):
    """Reads frames without their order; biases are welcome here."""

    def __init__(self, config: AdapterConfig) -> None:
        super().__init__()
        self.config = config
        width, num_tokens = config.hidden_dim, 1 + config.grid[0] * config.grid[1]
        self.entry = nn.Linear(config.token_dim, width)
        self.place = nn.Parameter(0.1 * torch.randn(num_tokens, width))
        self.pooling = PatchPooling(width, num_tokens, config.num_heads, biased=True)
        shuffled = config.static_input == "shuffled"
        self.temporal = TemporalConvolution(width, config.kernel_size) if shuffled else None
        self.exit = nn.Linear(width, width)
        self.head = nn.Linear(width, config.embedding_dim, bias=False)
        nn.init.zeros_(self.head.weight)  # the gate: an untrained stream adds nothing to CLIP

    def select(self, tokens: Tensor, generator: torch.Generator | None) -> Tensor:
        """(B, T, 1+N, C) → (B, T', 1+N, C): the frames that this stream may see, their order hidden.

        While learning, `frame` draws one frame a clip and `shuffled` a random order. Afterwards `frame` reads
        each frame alone and averages (one of them where all are the same), and `shuffled` sorts the frames by
        a number read from each.
        """
        kind = self.config.static_input
        batch, frames = tokens.shape[:2]
        if kind == "mean":
            return tokens.float().mean(1, keepdim=True)
        if kind == "frame" and not self.training:
            still = not is_drawn() and torch.equal(tokens[:, 1:], tokens[:, :-1])
            return tokens[:, :1] if still else tokens
        if kind == "network":
            return tokens
        if self.training:
            device = tokens.device if generator is None else generator.device
            order = torch.rand(batch, frames, generator=generator, device=device).argsort(1).to(tokens.device)
        else:
            order = tokens.flatten(2).double().sum(2).argsort(1)
        order = order[:, :1] if kind == "frame" else order
        return tokens.gather(1, order[:, :, None, None].expand(-1, -1, *tokens.shape[2:]))

    def forward(self, tokens: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """Tokens (B, T, 1+N, C) → hidden (B, H) and what is added to CLIP's mean embedding (B, D)."""
        share = self.config.dropout if self.training else 0.0
        x = self.select(tokens, generator).float()
        x = self.entry(F.layer_norm(x, x.shape[-1:])) + self.place
        x = F.gelu(self.pooling(x))
        if self.temporal is not None:
            x = x + F.gelu(self.temporal(x))
        hidden = F.gelu(self.exit(x)).mean(1)
        return hidden, self.head(drop(hidden, share, generator))
