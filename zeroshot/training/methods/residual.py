"""The dynamic stream corrects CLIP instead of answering alone: little is changed where little is known."""

from __future__ import annotations

from zeroshot.training.methods.method import DrawConfig, Method

RESIDUAL = Method(
    citation="Ours: z = unit(anchor + r), cross-entropy of z and a price on the length of r, so that r moves "
    "only what it has to; the rest as `copies`, without a dynamic stream that is right by itself.",
    expect="on validation puppets at rho = 0.95, two seeds, fused at the weight of 1 that folds choose: seen "
    "labels as with `copies`, labels never trained on as right as the anchor (46), where `copies` lose 7 "
    "(benchmarks/LOG.md); the test was not opened",
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
    adapter={"reads": "both", "num_components": 64, "fusion": "residual"},
    choice={"num_folds": 2},
)
