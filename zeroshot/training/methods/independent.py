"""Two streams made independent, the scene predicted from one and hidden from the other: no copies."""

from __future__ import annotations

from zeroshot.training.methods.method import Method

INDEPENDENT = Method(
    name="independent",
    citation="Kobayashi, Ding, Tamaki 2025, arXiv 2509.23009",
    ours="its equations are not public: independence by normalized HSIC, the adversary, balanced draws and "
    "distillation are our reconstruction",
    expect="on puppets at rho = 0.95, SHAcc 68.6 and SBErr 1.9 %, of `plain` 47.9 and 15.1 "
    "(benchmarks/results/systems.md); as that of `label-smoothing` (71.2 and 1.4), its adapter "
    "subtracts the temporal mean",
    weights={
        "classification": 1.0,
        "static_classification": 1.0,
        "independence": 1.0,
        "distillation": 1.0,
        "scene": 1.0,
        "adversary": 0.1,
    },
)
