"""Static dropout: hidden units that show what stands still are dropped up to every other time."""

from __future__ import annotations

from zeroshot.training.methods.method import DrawConfig, Method

STATIC_DROPOUT = Method(
    name="static-dropout",
    citation="After Kowal et al., CVPR 2022 and TPAMI 2024, who find static and dynamic units",
    ours="all of it: a unit's chance is 0.5 · clip(ρ_static − ρ_dynamic, 0, 1), over pairs of a clip and its "
    "frames shuffled, and of a clip and its person elsewhere; the rule of the source is not known",
    expect="on puppets at rho = 0.95, SHAcc 74.5 and SBErr 3.8 %, of `plain` 47.9 and 15.1 "
    "(benchmarks/results/systems.md)",
    weights={"static_dropout": 1.0, "static_classification": 1.0},
    draws=DrawConfig(balance_scenes=False),
    swapped=True,
    required=True,
    adapter={"reference": "none", "reads": "content"},
    epochs=8,  # with a copy of each video as many steps as 15 without
)
