"""Training on cached tokens: what it learns, what it refuses.

Covers: training/training_run.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from training_world import CONFIG, NO_SCENES, QUIET, SMALL, changed, one_line, same, weights

from zeroshot.adapter.adapter import TwoStreamAdapter
from zeroshot.errors import LabelError, OptionError
from zeroshot.training.config import adapter_config
from zeroshot.training.label_targets import LabelTexts, Scenes, guessed_scenes
from zeroshot.training.loop import fit, schedule
from zeroshot.waist.streams import read_streams
from zeroshot.waist.waist import Waist


def test_the_dynamic_stream_learns_motion(world, scenes):
    train_, held_out, texts = world
    fitted = fit(train_, held_out, texts, changed(CONFIG, epochs=12, learning_rate=3e-3), scenes=scenes)
    metrics = fitted.history[fitted.best_epoch - 1].metrics
    assert metrics["dynamic_accuracy"] > 0.9
    assert metrics["fused_balanced"] >= max(metrics["static_balanced"], metrics["dynamic_balanced"])
    assert fitted.history[-1].losses["total"] < fitted.history[0].losses["total"]
    assert not fitted.adapter.training
    assert fitted.notes == ()
    streams = read_streams(fitted.adapter, held_out)
    right = (streams.dynamic @ texts.embeddings.T).argmax(1) == texts.rows(held_out.labels)
    assert float(right.double().mean()) == pytest.approx(metrics["dynamic_accuracy"])


def test_the_same_seed_gives_the_same_bits_and_leaves_no_trace(world, scenes):
    before = torch.random.get_rng_state()
    first = fit(*world, CONFIG, scenes=scenes)
    assert torch.equal(before, torch.random.get_rng_state())
    assert same(weights(first), weights(fit(*world, CONFIG, scenes=scenes)))
    assert first.history == fit(*world, CONFIG, scenes=scenes).history
    assert not same(weights(first), weights(fit(*world, changed(CONFIG, seed=1), scenes=scenes)))


def test_every_part_is_in_the_log(world, scenes):
    record = fit(*world, changed(CONFIG, epochs=1), scenes=scenes).history[0]
    terms = ["total", "classification", "static_classification", "independence"]
    terms += ["distillation", "scene", "adversary"]
    assert list(record.losses) == terms
    streams = ("static", "dynamic", "fused")
    figures = {f"{stream}_{name}" for stream in streams for name in ("accuracy", "balanced", "loss")}
    assert set(record.metrics) == figures | {"nhsic"}
    total = sum(record.losses[name] for name in terms[1:])
    assert record.losses["total"] == pytest.approx(total, rel=1e-5)  # all weights are 1 there


@pytest.mark.parametrize(
    "change",
    [
        {"objective": {"minimax": 0.1, "conditional_adversary": 0.1}},
        {"objective": {"measure": {"kernel": "linear", "queue_size": 0}}},
        {"balance_labels": False, "balance_scenes": False},
        {"balance_labels": False, "max_weight": 3.0},
        {"precision": "bf16"},
        {"choose_by": "last", "evaluate_each": 2},
        {"batch_size": 1000, "max_norm": 0},
        {"adapter": {**SMALL, "static_input": "shuffled", "reference": "none", "reads": "content"}},
    ],
    ids=",".join,
)
def test_every_variant_trains(world, scenes, change):
    fitted = fit(*world, changed(CONFIG, epochs=2, **change), scenes=scenes)
    assert all(np.isfinite(list(record.losses.values())).all() for record in fitted.history)
    untrained = TwoStreamAdapter(fitted.adapter.config, CONFIG.seed).state_dict()
    assert not torch.equal(weights(fitted)["dynamic.head.weight"], untrained["dynamic.head.weight"])


def test_soft_scenes_guessed_by_clip_serve_as_well(world):
    train_, held_out, texts = world
    looks = torch.nn.functional.normalize(
        torch.randn(4, 12, generator=torch.Generator().manual_seed(99)), dim=1
    )
    guessed = guessed_scenes(train_, held_out, list("abcd"), looks, 10.0)
    assert guessed.train.shape == (60, 4)
    torch.testing.assert_close(guessed.held_out.sum(1), torch.ones(20))
    record = fit(train_, held_out, texts, changed(CONFIG, epochs=1), scenes=guessed).history[0]
    assert record.losses["scene"] > 0


def test_the_fused_stream_forgets_where_training_videos_were(world, scenes):
    train_, held_out, texts = world
    adapter = fit(train_, held_out, texts, QUIET, scenes=scenes).adapter
    used = adapter.scene_directions[adapter.scene_directions.norm(dim=1) > 0]
    assert len(used) == 3, "four scenes differ along three directions"
    tokens, embeddings = train_.batch(range(len(train_)))
    with torch.no_grad():
        anchor = adapter(tokens, embeddings).anchor
    means = torch.stack([anchor[scenes.train == scene].mean(0) for scene in range(4)])
    plain = torch.nn.functional.normalize(embeddings.mean(1), dim=1)
    before = torch.stack([plain[scenes.train == scene].mean(0) for scene in range(4)])
    assert (means - means.mean(0)).norm() < 0.3 * (before - before.mean(0)).norm()


def test_without_scenes_their_losses_are_off_and_that_is_said(world):
    fitted = fit(*world, CONFIG)
    assert set(fitted.history[0].losses) == {
        "total",
        "classification",
        "static_classification",
        "independence",
    }
    assert fitted.notes == (NO_SCENES,)


def test_nothing_held_out_takes_the_last_epoch_and_says_so(world, scenes):
    train_, _, texts = world
    fitted = fit(train_, None, texts, CONFIG, scenes=Scenes(scenes.names, scenes.train))
    assert fitted.best_epoch == 3
    assert float(fitted.adapter.fused_weight) == 1
    assert "no video of a seen label is held out" in fitted.notes[0]
    assert fitted.history[-1].metrics == {}


def test_the_learning_rate_rises_then_falls():
    rates = [schedule(step, 100, 0.1) for step in range(100)]
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert max(rates) == 1
    assert 0 < rates[-1] < 0.01
    assert schedule(0, 1, 0.0) == 1


def test_small_batches_are_fine_without_independence(world):
    assert fit(*world, changed(QUIET, batch_size=2, epochs=1, per_label=1)).history


def test_tokens_of_another_kind_are_refused(world):
    train_, held_out, texts = world
    longer = replace(held_out, settings=replace(held_out.settings, fingerprint="other", backbone="other"))
    with pytest.raises(
        OptionError, match=r"tokens of the backbone tensors, not of other, .*; write both the same way"
    ):
        fit(train_, longer, texts, CONFIG)
    for change, named in (
        ({"num_frames": 8}, "num_frames 8, the tokens of tensors have 4"),
        ({"grid": [4, 4]}, "grid"),
    ):
        with pytest.raises(OptionError, match=f"the adapter is for {named}"):
            fit(train_, held_out, texts, changed(CONFIG, adapter={**SMALL, **change}))
    with pytest.raises(OptionError, match="unknown fields depth"):
        adapter_config(train_.settings, {"depth": 2})
    wide = LabelTexts(texts.labels, torch.randn(4, 13), 1.0)
    with pytest.raises(
        OptionError, match="text embeddings have width 13, the frames' 12; encode the labels with"
    ):
        fit(train_, held_out, wide, CONFIG)


def test_a_loss_that_is_no_number_is_named_with_its_step(world, scenes):
    train_, held_out, texts = world
    tokens, embeddings = train_.batch(range(60))
    embeddings[7] = float("nan")
    broken = Waist.from_tensors(tokens, embeddings, train_.labels, train_.scenes, grid=(2, 2))
    with pytest.raises(OptionError, match=r"step \d+ of \d+: .*static_classification = nan") as error:
        fit(broken, held_out, texts, CONFIG, scenes=scenes)
    one_line(error)


def test_labels_that_nothing_can_be_learned_from(world):
    train_, held_out, texts = world
    rows = [row for row, label in enumerate(train_.labels) if label == "label 1"]
    cases = [
        (train_.subset([]), None, texts, "there are no training videos"),
        (
            train_.subset(rows),
            held_out,
            texts,
            "all training videos have the label 'label 1'; training needs 2",
        ),
        (
            train_,
            held_out,
            LabelTexts((*texts.labels, "x", "y"), torch.cat([texts.embeddings, texts.embeddings[:2]]), 1.0),
            "label 'x' and 1 more has no training video; leave it out or add videos",
        ),
        (train_, held_out, texts.only(torch.arange(3)), "label 'label 3' has no text embedding"),
    ]
    for waist, others, words, named in cases:
        with pytest.raises(LabelError, match=named) as error:
            fit(waist, others, words, QUIET)
        one_line(error)
    with pytest.raises(LabelError, match="label 'a' is given twice"):
        LabelTexts(("a", "a"), torch.zeros(2, 3), 1.0)


def test_weights_that_are_no_numbers_are_not_kept(world, scenes):
    wild = changed(CONFIG, epochs=1, learning_rate=1e30, batch_size=60, max_norm=0)
    with pytest.raises(OptionError, match=r"(epoch|step) 1.*lower"):
        fit(*world, wild, scenes=scenes)
