"""Detectors of direction: what tells a movement from the same movement played backwards."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_LAGS = (1, 2)  # frames ahead that are compared
_GAIN = 0.3  # they learn slower than the rest by this; at once as fast, they learn clips by heart
_PASSES = 3  # power iterations of the randomized decomposition


class DirectionDetectors(nn.Module):
    """Numbers of a clip that change their sign when it is played backwards, and are zero for a still one.

    Each is a sum of products of one reading of a frame with another reading of a later frame, less the same
    with the two frames exchanged, averaged over the clip. The readings are the principal components of what
    changes in training frames, over all places at once, and stay as they are: where a face looks is told by
    where things lie, and readings learned from few clips learn the clips.

    Source: the correlator of Hassenstein and Reichardt (1956), on whole frames instead of two facets.

    Args:
        num_inputs: (1+N)·C numbers a frame.
        num_components: K; as many readings.
        num_detectors: R, numbers out.
        num_frames: T.

    Attributes:
        components: ((1+N)·C, K) buffer; zero until `calibrate`. Each has the square root of its size, so that
            the many small ones count, but less than the few large ones.
    """

    components: Tensor
    pairs: Tensor

    def __init__(self, num_inputs: int, num_components: int, num_detectors: int, num_frames: int) -> None:
        super().__init__()
        self.lags = tuple(lag for lag in _LAGS if lag < num_frames)
        self.register_buffer("components", torch.zeros(num_inputs, num_components))
        self.register_buffer("pairs", torch.triu_indices(num_components, num_components, 1), persistent=False)
        num_products = len(self.lags) * self.pairs.shape[1]
        self.output = nn.Linear(num_products, num_detectors, bias=False)
        nn.init.normal_(self.output.weight, std=max(1, num_products) ** -0.5)

    def forward(self, x: Tensor, size: Tensor) -> Tensor:
        """Change (B, T, 1+N, C) of clips of these sizes (B,), which are divided by → (B, R)."""
        read = x.flatten(2) @ self.components / size[:, None, None]
        found = []
        for lag in self.lags:
            products = read[:, :-lag].transpose(1, 2) @ read[:, lag:] / (read.shape[1] - lag)
            found.append((products - products.transpose(1, 2))[:, self.pairs[0], self.pairs[1]])
        detected: Tensor = _GAIN * self.output(torch.cat(found, 1))
        return detected

    @torch.no_grad()
    def calibrate(self, x: Tensor) -> None:
        """Takes the components from training clips (n, T, 1+N, C), each of size one.

        Fewer than K are taken where the frames have fewer. They are found from fixed random numbers, so that
        the same clips give the same ones.
        """
        frames = x.flatten(2).flatten(0, 1)
        wanted = self.components.shape[1]
        with torch.random.fork_rng(devices=[frames.device] if frames.is_cuda else []):
            torch.manual_seed(0)
            rank = min(wanted + wanted // 4, *frames.shape)
            _, sizes, found = torch.svd_lowrank(frames, rank, niter=_PASSES)
        kept = int((sizes[:wanted] > 1e-4 * sizes[0]).sum())
        self.components.zero_()
        # By itself a reading of the n frames has the size σₖ / √n; by this factor it has √(σₖ / σ₀).
        self.components[:, :kept] = found[:, :kept] * (len(frames) ** 0.5) / (sizes[0] * sizes[:kept]).sqrt()
