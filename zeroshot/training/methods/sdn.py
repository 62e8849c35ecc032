"""SDN: the scene hidden from an adversary, and clips without their persons made to tell no action."""

from __future__ import annotations

from zeroshot.training.methods.method import DrawConfig, Method

SDN = Method(
    name="sdn",
    citation="Choi et al., SDN, NeurIPS 2019: scene adversary and confusion on clips without persons",
    ours="persons are found without a detector and their place is filled in; scenes are those of the table "
    "or the network's own guesses; both weights",
    expect="on puppets at rho = 0.95, SHAcc 51.2 and SBErr 13.4 %, of `plain` 47.9 and 15.1 "
    "(benchmarks/results/systems.md); in the source transfer to other data sets rises",
    weights={
        "classification": 1.0,
        "static_classification": 1.0,
        "adversary": 0.1,
        "person_free_certainty": 1.0,
    },
    draws=DrawConfig(balance_scenes=False),
    emptied=True,
    adapter={"reference": "none", "reads": "content"},
)
