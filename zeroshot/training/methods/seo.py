"""The dynamic stream hides what it knows of the scene beyond its label: I(scene; feature | label)."""

from __future__ import annotations

from zeroshot.training.methods.method import DrawConfig, Method

SEO = Method(
    name="seo",
    citation="Seo et al., AAAI 2022, for what is made small",
    ours="their estimator is not public: an adversary that is told the label",
    expect="on puppets at rho = 0.95, SHAcc 70.3 and SBErr 1.6 %, of `plain` 47.9 and 15.1 "
    "(benchmarks/results/systems.md); as that of `label-smoothing` (71.2 and 1.4), its adapter "
    "subtracts the temporal mean",
    weights={"classification": 1.0, "static_classification": 1.0, "conditional_adversary": 0.1},
    draws=DrawConfig(balance_scenes=False),
)
