"""Copies with other places and mirrored ones, weak losses, distillation: what did best on moving puppets."""

from __future__ import annotations

from zeroshot.training.methods.method import DrawConfig, Method

COPIES = Method(
    citation="Ours; the swapped copies follow the action-swap set of HAT (Chung et al., NeurIPS 2022).",
    expect="at rho = 0.95 SHAcc 81.5 ± 1.3 and SBErr 1.4 where subtraction alone has 62.1 and 7.8: row `all` "
    "of benchmarks/results/debias.md",
    weights={
        "classification": 1.0,
        "static_classification": 1.0,
        "independence": 0.3,
        "distillation": 1.0,
        "scene": 1.0,
        "adversary": 0.03,
    },
    draws=DrawConfig(balance_scenes=False),
    mirrored=True,
    swapped=True,
    adapter={"reads": "both", "num_components": 64},
)
