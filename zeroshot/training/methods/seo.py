"""The dynamic stream hides what it knows of the scene beyond its label: I(scene; feature | label)."""

from __future__ import annotations

from zeroshot.training.methods.method import DrawConfig, Method

SEO = Method(
    name="seo",
    citation="Seo et al., AAAI 2022, for what is made small",
    ours="their estimator is not public: an adversary that is told the label",
    expect="little: at rho = 0.95 a strength of 0.5 had SHAcc 26.0 and SBErr 10.1 where subtraction had 28.2 "
    "and 10.9 (one seed, benchmarks/LOG.md); row `seo` of benchmarks/debias.py --ablation",
    weights={"classification": 1.0, "static_classification": 1.0, "conditional_adversary": 0.1},
    draws=DrawConfig(balance_scenes=False),
)
