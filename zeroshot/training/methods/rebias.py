"""A game: the static stream seeks dependence on the dynamic one, which leaves what is found."""

from __future__ import annotations

from zeroshot.training.methods.method import DrawConfig, Method

REBIAS = Method(
    name="rebias",
    citation="ReBias (Bahng et al., ICML 2020), whose weight of 1 both sides have here; DEAR takes the game "
    "over",
    ours="both sides move in one step instead of in turns",
    expect="on puppets at rho = 0.95, SHAcc 71.9 and SBErr 1.5 %, of `plain` 47.9 and 15.1 "
    "(benchmarks/results/systems.md); as that of `label-smoothing` (71.2 and 1.4), its adapter "
    "subtracts the temporal mean",
    weights={"classification": 1.0, "static_classification": 1.0, "independence": 1.0, "minimax": 1.0},
    draws=DrawConfig(balance_scenes=False),
)
