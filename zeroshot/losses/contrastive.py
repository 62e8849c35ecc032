"""Clips that the scenery misleads, drawn towards others of their label and away from look-alikes.

Source: Lyu et al., "DCT", AAAI 2023. Their queue begins with random vectors and their nearest neighbours may
be none; here the queue begins empty and every similarity is computed. What looks alike, and whom scenery
misleads, frame-averaged CLIP says, which needs no training; keys come from a slowly following projection, of
the same stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from zeroshot.losses.independence import IndependenceConfig
    from zeroshot.losses.step import Sizes, Step

TEMPERATURE = 0.04
MISLED = 0.8
"""A clip is hard where scenery is wrong with at least this probability."""

_WIDTH = 128
_MOMENTUM = 0.999
_MOST = 4096  # keys
_NUM_FARTHEST = 150
_NUM_NEGATIVES = 512


def contrastive(step: Step) -> Tensor:
    """Scalar contrastive loss of the hard clips of a batch; 0 where there are none to compare."""
    memory: ContrastMemory = step.parts["contrastive"]  # type: ignore[assignment]
    streams = step.streams()
    looks = F.normalize(step.batch.embeddings.float().mean(1), dim=1).detach()
    chances = step.logits(looks).softmax(1)
    labels = step.targets.labels
    hard = 1 - chances.gather(1, labels[:, None])[:, 0] >= MISLED
    queries = F.normalize(memory.project(streams.dynamic), dim=1)
    loss = memory.loss(queries[hard], looks[hard], labels[hard])
    memory.remember(streams.dynamic.detach(), looks, labels, hard)
    return loss


def make_contrast_memory(sizes: Sizes, _: IndependenceConfig) -> ContrastMemory:
    """Projections and an empty queue."""
    return ContrastMemory(sizes.embedding_dim)


class ContrastMemory(nn.Module):
    """A projection, one that follows it slowly, and a queue of earlier clips.

    Args:
        embedding_dim: D.
    """

    keys: Tensor
    looks: Tensor
    labels: Tensor
    hard: Tensor
    filled: Tensor

    def __init__(self, embedding_dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(embedding_dim, _WIDTH, bias=False)
        self.follow = nn.Linear(embedding_dim, _WIDTH, bias=False)
        self.follow.requires_grad_(requires_grad=False)
        self.follow.load_state_dict(self.project.state_dict())
        self.register_buffer("keys", torch.zeros(_MOST, _WIDTH))
        self.register_buffer("looks", torch.zeros(_MOST, embedding_dim))
        self.register_buffer("labels", torch.full((_MOST,), -1))
        self.register_buffer("hard", torch.zeros(_MOST, dtype=torch.bool))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    def loss(self, queries: Tensor, looks: Tensor, labels: Tensor) -> Tensor:
        """Mean over queries and their positives of −log of the positive's share beside the negatives.

        Positives are hard clips of the same label: the nearest to the query and the farthest ones. Negatives
        are clips of other labels that look most alike.

        Args:
            queries: (n, 128) unit rows.
            looks: (n, D) unit rows of what scenery says of them.
            labels: (n,).
        """
        count = min(int(self.filled), _MOST)
        keys, there = self.keys[:count], self.labels[:count]
        losses = []
        for query, look, label in zip(queries, looks, labels, strict=True):
            positives = keys[(there == label) & self.hard[:count]]
            others = there != label
            if not len(positives) or not bool(others.any()):
                continue
            alike = (self.looks[:count][others] @ look).topk(min(_NUM_NEGATIVES, int(others.sum()))).indices
            near = (positives @ query).argsort(descending=True)
            chosen = positives[torch.cat([near[:1], near[1:][-_NUM_FARTHEST:]])]
            losses.append(contrast(query, chosen, keys[others][alike]))
        return torch.stack(losses).mean() if losses else 0.0 * self.project.weight.sum()

    @torch.no_grad()
    def remember(self, rows: Tensor, looks: Tensor, labels: Tensor, hard: Tensor) -> None:
        """Let the second projection follow, and put the batch's clips in the places of the oldest.

        Args:
            rows: (B, D) of the dynamic stream.
            looks: (B, D).
            labels: (B,).
            hard: (B,) whether scenery misleads.
        """
        self.follow.weight.lerp_(self.project.weight, 1 - _MOMENTUM)
        places = (int(self.filled) + torch.arange(len(rows), device=rows.device)) % _MOST
        self.keys[places] = F.normalize(self.follow(rows), dim=1)
        self.looks[places], self.labels[places], self.hard[places] = looks, labels, hard
        self.filled += len(rows)


def contrast(query: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
    """Scalar mean over positives of −log (e^{q·p/τ} / (e^{q·p/τ} + Σ e^{q·n/τ})).

    Args:
        query: (E,) unit row.
        positives: (P, E) unit rows, P ≥ 1.
        negatives: (N, E) unit rows.
    """
    near, far = positives @ query / TEMPERATURE, negatives @ query / TEMPERATURE
    together = torch.logaddexp(near, far.logsumexp(0))
    return (together - near).mean()
