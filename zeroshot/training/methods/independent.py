"""Two streams made independent, the scene predicted from one and hidden from the other: no copies."""

from __future__ import annotations

from zeroshot.training.methods.method import Method

INDEPENDENT = Method(
    name="independent",
    citation="Kobayashi, Ding, Tamaki 2025, arXiv 2509.23009",
    ours="its equations are not public: independence by normalized HSIC, the adversary, balanced draws and "
    "distillation are our reconstruction",
    expect="its parts are rows of benchmarks/results/debias.md: at rho = 0.95 they "
    "lower SBErr from 7.8 to 5.1 (independence and scene losses together, content read)",
    weights={
        "classification": 1.0,
        "static_classification": 1.0,
        "independence": 1.0,
        "distillation": 1.0,
        "scene": 1.0,
        "adversary": 0.1,
    },
)
