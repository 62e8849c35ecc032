"""The default: CLIP corrected by what moves, learned from copies too in which the place tells nothing."""

from __future__ import annotations

from zeroshot.training.methods.method import DrawConfig, Method

STREAMS = Method(
    citation="Ours: two streams, independence and scene losses as Kobayashi, Ding, Tamaki 2025 (arXiv "
    "2509.23009; see `independent`), swapped copies after the action-swap set of HAT (Chung et al., NeurIPS "
    "2022); the answer is z = unit(anchor + w · r) with a price on the length of r, so that r moves only "
    "what it has to, and w is chosen by labels left out.",
    expect="row `all` of benchmarks/results/debias.md",
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
