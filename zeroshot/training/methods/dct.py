"""DCT: clips that scenery misleads are drawn towards others of their label, away from look-alikes."""

from __future__ import annotations

from zeroshot.training.methods.method import DrawConfig, Method

DCT = Method(
    name="dct",
    citation="Lyu et al., DCT, AAAI 2023: 0.9 cross-entropy, 0.1 contrastive loss, temperature 0.04",
    ours="frame-averaged CLIP says what looks alike and who is misled; only the keys' projection follows "
    "slowly",
    expect="on puppets at rho = 0.95, SHAcc 69.6 and SBErr 1.6 %, of `plain` 47.9 and 15.1 "
    "(benchmarks/results/systems.md); as that of `label-smoothing` (71.2 and 1.4), its adapter "
    "subtracts the temporal mean; in the source accuracy without the scene rises",
    weights={"classification": 0.9, "static_classification": 1.0, "contrastive": 0.1},
    draws=DrawConfig(balance_scenes=False),
)
