"""Label smoothing: the expectation of label noise, and so its control."""

from __future__ import annotations

from zeroshot.training.methods.method import DrawConfig, Method

LABEL_SMOOTHING = Method(
    name="label-smoothing",
    citation="Szegedy et al., CVPR 2016; here the control of `label-noise`, at the same rate of a tenth",
    expect="on puppets at rho = 0.95, SHAcc 71.2 and SBErr 1.4 %, of `plain` 47.9 and 15.1 "
    "(benchmarks/results/systems.md); its adapter subtracts the temporal mean; what `label-noise` "
    "has beyond it is the noise's own",
    weights={"smoothed_classification": 1.0, "static_classification": 1.0},
    draws=DrawConfig(balance_scenes=False),
)
