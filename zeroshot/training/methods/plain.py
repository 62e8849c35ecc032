"""Cross-entropy alone, of a network that does not subtract what stands still: the baseline."""

from __future__ import annotations

from zeroshot.training.methods.method import DrawConfig, Method

PLAIN = Method(
    name="plain",
    citation="No debiasing: a baseline",
    expect="on puppets at rho = 0.95, SHAcc 47.9 and SBErr 15.1 % (benchmarks/results/systems.md)",
    weights={"classification": 1.0, "static_classification": 1.0},
    draws=DrawConfig(balance_scenes=False),
    adapter={"reference": "none", "reads": "content"},
)
