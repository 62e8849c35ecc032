"""Methods: each trains and says where it comes from; the default is what nothing else was said gives.

Covers: training/methods/method, training/methods/albar, training/methods/dbse, training/methods/dct,
training/methods/independent, training/methods/label_noise, training/methods/label_smoothing,
training/methods/plain, training/methods/provenance, training/methods/rebias, training/methods/sdn,
training/methods/seo, training/methods/static_dropout, training/methods/stillmix, training/methods/streams,
training/method_facts.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from training_world import SMALL, same, weights, with_copies

from zeroshot.errors import OptionError
from zeroshot.losses.objective import TERMS
from zeroshot.training.config import TrainingConfig
from zeroshot.training.label_targets import given_scenes
from zeroshot.training.loop import fit
from zeroshot.training.method_facts import method_facts
from zeroshot.training.methods.table import DEFAULT_METHOD, METHODS

QUICK = {"epochs": 1, "batch_size": 16, "adapter": {**SMALL, "num_components": 4}}
ON_COPIES = {"sdn", "static-dropout", "provenance"}
SUBTRACTS = {**QUICK["adapter"], "reference": "mean"}


@pytest.fixture(scope="module")
def copied(world):
    """The world, with copies of its training videos."""
    train, held_out, texts = world
    train = with_copies(train)
    return (train, held_out, texts), given_scenes(train, held_out)


@pytest.mark.parametrize("name", METHODS)
def test_each_method_trains_its_terms(world, scenes, copied, name):
    method = METHODS[name]
    assert method.name == name
    assert method.citation
    assert method.expect
    videos, places = copied if name in ON_COPIES else (world, scenes)
    fitted = fit(*videos, TrainingConfig.from_dict(QUICK, method), scenes=places)
    assert set(fitted.history[0].losses) == {"total", *method.weights}
    assert list(fitted.history[0].losses)[1:] == [term for term in TERMS if term in method.weights]
    assert len(fitted.notes) == bool(method.choice.get("num_folds")), "the weight that folds choose is told"


def test_the_default_method_is_the_default_of_the_settings(world, scenes):
    default = METHODS[DEFAULT_METHOD]
    assert TrainingConfig().draws is default.draws
    assert TrainingConfig() == TrainingConfig.from_dict({}, default)
    fitted = [
        fit(*world, config, scenes=scenes)
        for config in (
            TrainingConfig(epochs=1, batch_size=16, adapter={**default.adapter, **QUICK["adapter"]}),
            TrainingConfig.from_dict(QUICK, default),
        )
    ]
    assert same(*map(weights, fitted))


@pytest.mark.parametrize(
    ("name", "adapter", "line"),
    [
        ("albar", SUBTRACTS, "losses on still clips teach nothing"),
        (
            "albar",
            {"reads": "embeddings"},
            "reads no tokens: losses on how it changes with them teach nothing",
        ),
        (
            "sdn",
            SUBTRACTS,
            "nothing moves in clips without their persons, .* take an adapter whose reference",
        ),
        ("provenance", {"reads": "embeddings"}, r"reads no tokens: .* teach nothing"),
    ],
)
def test_a_loss_refuses_a_stream_that_it_cannot_act_on(copied, name, adapter, line):
    videos, places = copied
    train = videos[0]
    if name == "sdn":  # places that stand quite still
        still = [
            replace(shard, tokens=shard.tokens[:, :, :1].repeat(shard.tokens.shape[2], 2))
            if shard.keys[0].endswith(" emptied")
            else shard
            for shard in train.shards
        ]
        train = replace(train, shards=tuple(still))
    config = TrainingConfig.from_dict({**QUICK, "adapter": {**QUICK["adapter"], **adapter}}, METHODS[name])
    with pytest.raises(OptionError, match=rf"step 1 of .*{line}"):
        fit(train, *videos[1:], config, scenes=places)


@pytest.mark.parametrize("name", sorted(ON_COPIES))
def test_what_a_method_learns_of_has_to_be_there(world, scenes, name):
    config = TrainingConfig.from_dict(QUICK, METHODS[name])
    with pytest.raises(
        OptionError, match=r"step 1 of .*the videos come without .*write their tokens by this"
    ):
        fit(*world, config, scenes=scenes)


def test_codes_need_an_adapter_that_has_them(world):
    config = TrainingConfig.from_dict({**QUICK, "adapter": {"reads": "content"}}, METHODS["dbse"])
    with pytest.raises(OptionError, match=r"reconstruction, static_prior are of codes .*reads embeddings"):
        fit(*world, config)


def test_a_method_and_what_was_set_otherwise_are_told():
    facts = method_facts(TrainingConfig.from_dict({"objective": {"minimax": 0.5}}, METHODS["rebias"]))
    assert facts == {
        "name": "rebias",
        "citation": METHODS["rebias"].citation,
        "ours": METHODS["rebias"].ours,
        "changed": ["objective.minimax=0.5"],
    }
    for name, method in METHODS.items():
        config = TrainingConfig.from_dict({"seed": 3, "epochs": 2}, method)
        assert method_facts(config)["changed"] == []
        assert TrainingConfig.from_dict(config.as_dict()).method == name
    with pytest.raises(OptionError, match=r"method is 'luck'; expected one of streams, "):
        TrainingConfig(method="luck")
