"""Provenance: the answer is to change little with tokens that are not the person's."""

from __future__ import annotations

from zeroshot.training.methods.method import DrawConfig, Method

PROVENANCE = Method(
    name="provenance",
    citation="Provenance gradients, CVPR 2026: a weight in [0.01, 0.09]",
    ours="persons are found without annotation, so what is theirs is a guess; the class token is let go; the "
    "weight of 1: of frozen tokens the term is 0.02 to 0.2, of which 0.09 of the source would be nothing",
    expect="on puppets at rho = 0.95, SHAcc 74.5 and SBErr 3.8 %, of `plain` 47.9 and 15.1 "
    "(benchmarks/results/systems.md)",
    weights={"classification": 1.0, "static_classification": 1.0, "provenance": 1.0},
    draws=DrawConfig(balance_scenes=False),
    swapped=True,
    required=True,
    adapter={"reference": "none", "reads": "content"},
    epochs=8,  # with a copy of each video as many steps as 15 without
)
