"""Label noise: a tenth of the labels is drawn anew; what goes with a label by chance is trusted less."""

from __future__ import annotations

from zeroshot.training.methods.method import DrawConfig, Method

LABEL_NOISE = Method(
    name="label-noise",
    citation="Seo et al., AAAI 2022, the variant without scenes",
    ours="the rate of a tenth",
    expect="on puppets at rho = 0.95, SHAcc 67.7 and SBErr 1.3 %, of `plain` 47.9 and 15.1 "
    "(benchmarks/results/systems.md); as that of `label-smoothing` (71.2 and 1.4), its adapter "
    "subtracts the temporal mean; its control is `label-smoothing`",
    weights={"noisy_classification": 1.0, "static_classification": 1.0},
    draws=DrawConfig(balance_scenes=False),
)
