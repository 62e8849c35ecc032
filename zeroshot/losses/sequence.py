"""A sequence of frame embeddings, explained by one code that stays and one that changes from frame to frame.

Source: Berman et al., "Sequential disentanglement by extracting static information from a single sequence
element", ICML 2024. Their released schedule multiplies a weight by itself, begins at 0 and so stays there;
the weights here are what the objective says, from the first step to the last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from zeroshot.losses.independence import IndependenceConfig
    from zeroshot.losses.step import Sizes, Step

_WIDTH = 128
_FIRST = 0.2  # the first frame counts once more, by this: weights 5 and 1 of the source
_WIDEST = 10.0  # of a log variance, either way


class Code(NamedTuple):
    """Independent normal numbers.

    Attributes:
        mean: (…, W).
        log_variance: (…, W).
    """

    mean: Tensor
    log_variance: Tensor

    @classmethod
    def of(cls, joined: Tensor) -> Code:
        """From (…, 2·W): means, then log variances, which are kept within bounds."""
        mean, log_variance = joined.chunk(2, -1)
        return cls(mean, log_variance.clamp(-_WIDEST, _WIDEST))

    def drawn(self, generator: torch.Generator) -> Tensor:
        """(…, W) a sample through which gradients flow."""
        noise = torch.randn(self.mean.shape, generator=generator).to(self.mean.device)
        sample: Tensor = self.mean + (self.log_variance / 2).exp() * noise
        return sample

    def divergence(self, prior: Code) -> Tensor:
        """(…,) nats: KL(this ‖ prior), summed over the W numbers."""
        spread = (self.log_variance - prior.log_variance).exp()
        shift = (self.mean - prior.mean).square() / prior.log_variance.exp()
        nats: Tensor = 0.5 * (spread + shift - 1 - self.log_variance + prior.log_variance).sum(-1)
        return nats


def reconstruction(step: Step) -> Tensor:
    """Scalar Σ_t ‖x − x̂‖², the first frame by a fifth more, over all numbers of a clip, mean over clips.

    Frame embeddings are compared as the streams read them, at an average square of one a number.
    """
    static, dynamic = codes(step)
    draw = step.generator()
    frames = dynamic.drawn(draw)
    still = static.drawn(draw)[:, None].expand(-1, frames.shape[1], -1)
    found = step.parts["reconstruction"](torch.cat([frames, still], -1))
    wanted: Tensor = step.batch.embeddings.float() * step.batch.embeddings.shape[-1] ** 0.5
    errors = (found - wanted).square().sum(-1)
    total: Tensor = (errors.sum(1) + _FIRST * errors[:, 0]).mean()
    return total / wanted[0].numel()


def static_prior(step: Step) -> Tensor:
    """Scalar KL(q(s) ‖ N(0, I)) over as many numbers as `reconstruction` divides by."""
    static, _ = codes(step)
    standard = Code(torch.zeros_like(static.mean), torch.zeros_like(static.mean))
    return static.divergence(standard).mean() / step.batch.embeddings[0].numel()


def dynamic_prior(step: Step) -> Tensor:
    """Scalar Σ_t KL(q(d_t) ‖ p(d_t | d_1 … d_t−1)) over as many numbers, p learned along."""
    _, dynamic = codes(step)
    drawn = dynamic.drawn(step.generator())
    prior = Code.of(step.parts["dynamic_prior"](drawn))
    return dynamic.divergence(prior).sum(1).mean() / step.batch.embeddings[0].numel()


def codes(step: Step) -> tuple[Code, Code]:
    """The code that stays (B, S) and those of the frames (B, T, W), as the streams' hidden features are."""
    dynamic, frames = step.dynamic_hidden, step.batch.embeddings.shape[1]
    by_frame = dynamic.reshape(len(dynamic), frames, dynamic.shape[1] // frames)
    return Code.of(step.static_hidden), Code.of(by_frame)


def make_decoder(sizes: Sizes, _: IndependenceConfig) -> nn.Module:
    """Codes of a frame (…, W + S) → its embedding (…, D)."""
    wide = nn.Linear(sizes.code_dim + sizes.static_dim // 2, _WIDTH)
    return nn.Sequential(wide, nn.GELU(), nn.Linear(_WIDTH, sizes.embedding_dim))


def make_prior(sizes: Sizes, _: IndependenceConfig) -> nn.Module:
    """What is expected of the next frame's code."""
    return NextCode(sizes.code_dim)


class NextCode(nn.Module):
    """Codes (B, T, W) → means and log variances (B, T, 2·W) of each, foretold from those before it.

    Args:
        code_dim: W.
    """

    def __init__(self, code_dim: int) -> None:
        super().__init__()
        self.memory = nn.LSTM(code_dim, _WIDTH, num_layers=2, batch_first=True)
        self.output = nn.Linear(_WIDTH, 2 * code_dim)

    def forward(self, drawn: Tensor) -> Tensor:
        """(B, T, W) → (B, T, 2·W); nothing is known before the first."""
        before = torch.cat([torch.zeros_like(drawn[:, :1]), drawn[:, :-1]], 1)
        result: Tensor = self.output(self.memory(before)[0])
        return result
