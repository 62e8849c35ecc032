"""StillMix: half of the clips are mixed with a still frame that looks like an action by itself."""

from __future__ import annotations

from zeroshot.training.methods.method import DrawConfig, Method

STILLMIX = Method(
    name="stillmix",
    citation="Li et al., StillMix, ICCV 2023: P = 1/2, share of the video ~ Beta(200, 200), frames above the "
    "median score",
    ours="frames are scored by the network's own probability of the labels instead of one trained on frames; "
    "pixels are mixed before it, once a clip, so that each clip meets one frame",
    expect="on puppets at rho = 0.95, SHAcc 70.0 and SBErr 1.2 %, of `plain` 47.9 and 15.1 "
    "(benchmarks/results/systems.md); as that of `label-smoothing` (71.2 and 1.4), its adapter "
    "subtracts the temporal mean; in the source Contra rises from 27.8 to 40.3, on HMDB51 "
    "fine-tuned",
    weights={"classification": 1.0, "static_classification": 1.0},
    draws=DrawConfig(balance_scenes=False),
    mixed=True,
    epochs=8,  # with a copy of each video as many steps as 15 without
)
