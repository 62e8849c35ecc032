"""DCT: clips that scenery misleads are drawn towards others of their label, away from look-alikes."""

from __future__ import annotations

from zeroshot.training.methods.method import DrawConfig, Method

DCT = Method(
    name="dct",
    citation="Lyu et al., DCT, AAAI 2023: 0.9 cross-entropy, 0.1 contrastive loss, temperature 0.04",
    ours="frame-averaged CLIP says what looks alike and who is misled; only the keys' projection follows "
    "slowly",
    expect="not measured here; in the source scene-debiased accuracy rises",
    weights={"classification": 0.9, "static_classification": 1.0, "contrastive": 0.1},
    draws=DrawConfig(balance_scenes=False),
)
