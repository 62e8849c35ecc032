"""Label noise: a tenth of the labels is drawn anew; what goes with a label by chance is trusted less."""

from __future__ import annotations

from zeroshot.training.methods.method import DrawConfig, Method

LABEL_NOISE = Method(
    name="label-noise",
    citation="Seo et al., AAAI 2022, the variant without scenes",
    ours="the rate of a tenth",
    expect="not measured here; compare with `label-smoothing`, which is its expectation",
    weights={"noisy_classification": 1.0, "static_classification": 1.0},
    draws=DrawConfig(balance_scenes=False),
)
