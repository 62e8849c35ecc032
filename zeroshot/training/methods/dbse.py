"""DBSE: a code of one frame and codes of what differs from it explain the frames, and answer."""

from __future__ import annotations

from zeroshot.training.methods.method import DrawConfig, Method

DBSE = Method(
    name="dbse",
    citation="Berman et al., ICML 2024, sequential disentanglement by a single element; weights 5, 1, 1, 1 "
    "as on Sprites, all along",
    ours="on frozen frame embeddings; codes are trained to answer beside explaining; sums are divided by the "
    "numbers of a clip",
    expect="on puppets at rho = 0.95, SHAcc 74.2 and SBErr 1.4 %, of `plain` 47.9 and 15.1 "
    "(benchmarks/results/systems.md); as that of `label-smoothing` (71.2 and 1.4), its adapter "
    "subtracts the temporal mean; the source has no action classes of videos",
    weights={
        "classification": 1.0,
        "static_classification": 1.0,
        "reconstruction": 5.0,
        "static_prior": 1.0,
        "dynamic_prior": 1.0,
    },
    draws=DrawConfig(balance_scenes=False),
    adapter={"reads": "embeddings", "reference": "first"},
)
