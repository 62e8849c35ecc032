"""The default: CLIP corrected by what moves, learned from copies too in which the place tells nothing."""

from __future__ import annotations

from zeroshot.training.methods.method import DrawConfig, Method

STREAMS = Method(
    name="streams",
    citation="Two streams, independence and scene losses after Kobayashi, Ding, Tamaki 2025 (arXiv "
    "2509.23009; see `independent`), swapped copies after the action-swap set of HAT (Chung et al., NeurIPS "
    "2022)",
    ours="the answer is z = unit(anchor + w · r) with a price on the length of r, w no more than the ranking "
    "of the labels trained on asks for (`adapter/fusion.py`); how much more, labels left out say",
    expect="on puppets at rho = 0.95, SHAcc 81.5 and SBErr 0.7 %, of `plain` 47.9 and 15.1; unseen labels "
    "53.1, of CLIP 43.8 (benchmarks/results/systems.md); row `all` of benchmarks/results/debias.md",
    weights={
        "fused_classification": 1.0,
        "correction_size": 0.1,
        "static_classification": 1.0,
        "independence": 0.3,
        "scene": 1.0,
        "adversary": 0.03,
    },
    draws=DrawConfig(balance_scenes=False),
    mirrored=True,
    swapped=True,
    adapter={
        "hidden_dim": 128,
        "num_layers": 1,
        "reads": "both",
        "num_components": 64,
        "fusion": "residual",
    },
    choice={"num_folds": 2, "choose_by": "last", "fused_weights": (1.0,)},
    optimizer={"learning_rate": 2e-3},
    epochs=10,
)
