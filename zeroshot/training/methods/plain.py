"""Cross-entropy alone, of a network that does not subtract what stands still: the baseline."""

from __future__ import annotations

from zeroshot.training.methods.method import DrawConfig, Method

PLAIN = Method(
    name="plain",
    citation="No debiasing: a baseline",
    expect="row `plain` of benchmarks/results/debias.md",
    weights={"classification": 1.0, "static_classification": 1.0},
    draws=DrawConfig(balance_scenes=False),
    adapter={"reference": "none", "reads": "content"},
)
