"""A game: the static stream seeks dependence on the dynamic one, which leaves what is found."""

from __future__ import annotations

from zeroshot.training.methods.method import DrawConfig, Method

REBIAS = Method(
    name="rebias",
    citation="ReBias (Bahng et al., ICML 2020), whose weight of 1 both sides have here; DEAR takes the game "
    "over",
    ours="both sides move in one step instead of in turns",
    expect="not measured; row `rebias` of benchmarks/debias.py --ablation",
    weights={"classification": 1.0, "static_classification": 1.0, "independence": 1.0, "minimax": 1.0},
    draws=DrawConfig(balance_scenes=False),
)
