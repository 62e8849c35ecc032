"""ALBAR: a still clip is to tell no action; acts on a network that does not subtract what stands still."""

from __future__ import annotations

from zeroshot.training.methods.method import DrawConfig, Method

ALBAR = Method(
    name="albar",
    citation="Fioresi et al., ALBAR, ICLR 2025, with its weights 1 and 4.25",
    ours="the penalty on the gradient is of random differences of logits, that of the source being blind to "
    "what tells labels apart; so its 10 does not carry over",
    expect="on puppets at rho = 0.95, SHAcc 59.0 and SBErr 6.3 %, of `plain` 47.9 and 15.1 "
    "(benchmarks/results/systems.md); in the source Contra rises and accuracy stays, on HMDB51 "
    "fine-tuned",
    weights={
        "classification": 1.0,
        "static_classification": 1.0,
        "still_unlearning": 1.0,
        "still_entropy": 4.25,
        "still_sensitivity": 0.001,
    },
    draws=DrawConfig(balance_scenes=False),
    adapter={"reference": "none", "reads": "content"},
)
