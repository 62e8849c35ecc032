"""Training on cached tokens: what it learns, what it refuses, and that a kill changes nothing."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny_world import LABELS, made_up, write_checkpoint, write_videos

import zeroshot
from zeroshot.adapter.adapter import TwoStreamAdapter
from zeroshot.checkpoint import load_adapter, load_model, save_adapter
from zeroshot.cli.main import main
from zeroshot.cli.train import read_settings
from zeroshot.datasets.splits import Split, write_split
from zeroshot.errors import LabelError, ModelError, OptionError, OutputError, ZeroshotError
from zeroshot.losses.independence import IndependenceConfig
from zeroshot.losses.objective import ObjectiveConfig
from zeroshot.model.model import Model
from zeroshot.store.folder import Claim
from zeroshot.training.balance import balanced_weights
from zeroshot.training.batches import Batch, Draws, generator_for, mix, still_bank
from zeroshot.training.config import TrainingConfig, adapter_config
from zeroshot.training.history import Watcher
from zeroshot.training.label_targets import (
    LabelTexts,
    Scenes,
    given_scenes,
    guessed_scenes,
    mirrored_label,
    mirrored_rows,
)
from zeroshot.training.loop import fit, plan_run, schedule
from zeroshot.training.prepare import Preparation, gather, hold_out
from zeroshot.training.run import train
from zeroshot.training.snapshot import LAYOUT, Snapshots
from zeroshot.waist.streams import read_streams
from zeroshot.waist.waist import Waist

NO_SCENES = "there are no scenes: training goes without scene losses, scene balance, distillation"
SMALL = {"hidden_dim": 16, "num_layers": 1, "num_queries": 2}
CONFIG = TrainingConfig(epochs=3, batch_size=16, adapter=SMALL)
QUIET = replace(
    CONFIG,
    objective=ObjectiveConfig(independence=0, adversary=0, scene=0, distillation=0),
    balance_scenes=False,
)


@pytest.fixture(autouse=True)
def _one_thread():
    """The order of additions, and so the last bit, may depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


LONG = replace(CONFIG, epochs=12)


def world_and_scenes():
    """Training videos, held-out ones and texts; and the scenes of both."""
    waist, texts = made_up(80)
    parts = waist.subset(range(60)), waist.subset(range(60, 80)), texts
    return parts, given_scenes(parts[0], parts[1])


@pytest.fixture(scope="module")
def world():
    return world_and_scenes()[0]


@pytest.fixture(scope="module")
def scenes():
    return world_and_scenes()[1]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a checkpoint and a split of videos."""
    folder = tmp_path_factory.mktemp("training")
    write_checkpoint(folder / "tiny")
    write_split(folder / "split.csv", write_videos(folder / "videos", 24))
    return folder


TRAIN = TrainingConfig(epochs=4, batch_size=12, held_out_share=0.25, adapter=SMALL)


def run_train(place, output, config=TRAIN, source=None, **options):
    source = place / "split.csv" if source is None else source
    return train(source, output, str(place / "tiny"), config=config, device="cpu", **options)


@pytest.fixture(scope="module")
def trained(place):
    """A finished run, and what it returned."""
    return place / "out", run_train(place, place / "out")


def weights(fitted) -> dict[str, torch.Tensor]:
    return fitted.adapter.state_dict()


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


# What it learns


def test_the_dynamic_stream_learns_motion(world, scenes):
    train_, held_out, texts = world
    fitted = fit(train_, held_out, texts, replace(CONFIG, epochs=12, learning_rate=3e-3), scenes=scenes)
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
    assert not same(weights(first), weights(fit(*world, replace(CONFIG, seed=1), scenes=scenes)))


def test_every_part_is_in_the_log(world, scenes):
    record = fit(*world, replace(CONFIG, epochs=1), scenes=scenes).history[0]
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
        {"objective": ObjectiveConfig(experts=True, confusion=0.1, minimax=0.1, conditional_adversary=True)},
        {"objective": ObjectiveConfig(measure=IndependenceConfig(condition="within"))},
        {"objective": ObjectiveConfig(measure=IndependenceConfig(condition="residual", kernel="linear"))},
        {"stillmix": 0.5, "swap": 0.5},
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
    fitted = fit(*world, replace(CONFIG, epochs=2, **change), scenes=scenes)
    assert all(np.isfinite(list(record.losses.values())).all() for record in fitted.history)
    untrained = TwoStreamAdapter(fitted.adapter.config, CONFIG.seed).state_dict()
    assert not torch.equal(weights(fitted)["dynamic.head.weight"], untrained["dynamic.head.weight"])


def test_one_precision_leaves_nothing_to_the_next(world, scenes):
    plain = fit(*world, replace(CONFIG, epochs=1), scenes=scenes)
    fit(*world, replace(CONFIG, epochs=1, precision="bf16"), scenes=scenes)
    assert same(weights(plain), weights(fit(*world, replace(CONFIG, epochs=1), scenes=scenes)))


def test_soft_scenes_guessed_by_clip_serve_as_well(world):
    train_, held_out, texts = world
    looks = torch.nn.functional.normalize(
        torch.randn(4, 12, generator=torch.Generator().manual_seed(99)), dim=1
    )
    guessed = guessed_scenes(train_, held_out, list("abcd"), looks, 10.0)
    assert guessed.train.shape == (60, 4)
    torch.testing.assert_close(guessed.held_out.sum(1), torch.ones(20))
    record = fit(train_, held_out, texts, replace(CONFIG, epochs=1), scenes=guessed).history[0]
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


def test_labels_kept_out_are_watched_as_novel_ones(world):
    train_, held_out, texts = world
    rows = [row for row, label in enumerate(train_.labels) if label in {"label 0", "label 1"}]
    config = replace(QUIET, held_out_labels=2, choose_by="harmonic", epochs=2)
    fitted = fit(train_.subset(rows), held_out, texts, config)
    metrics = fitted.history[fitted.best_epoch - 1].metrics
    both = [metrics["fused_accuracy"], metrics["fused_novel"]]
    expected = 2 * both[0] * both[1] / sum(both) if sum(both) else 0
    assert metrics["fused_harmonic"] == pytest.approx(expected)
    streams = read_streams(fitted.adapter, held_out)
    novel = [row for row, label in enumerate(held_out.labels) if label in {"label 2", "label 3"}]
    answers = (streams.static[novel] @ texts.embeddings[2:].T).argmax(1) + 2
    right = answers == texts.rows([held_out.labels[row] for row in novel])
    assert metrics["static_novel"] == pytest.approx(float(right.double().mean()))


def test_balanced_accuracy_counts_by_the_weights(world, scenes):
    train_, held_out, texts = world
    fitted = fit(train_, held_out, texts, replace(CONFIG, epochs=1), scenes=scenes)
    streams = read_streams(fitted.adapter, held_out)
    targets = texts.rows(held_out.labels)
    importance = balanced_weights(targets, scenes.held_out)
    right = [
        int((row @ texts.embeddings.T).argmax()) == int(y)
        for row, y in zip(streams.static, targets, strict=True)
    ]
    expected = sum(w for w, hit in zip(importance.tolist(), right, strict=True) if hit) / float(
        importance.sum()
    )
    assert fitted.history[0].metrics["static_balanced"] == pytest.approx(expected, abs=1e-6)


def test_the_fused_weight_is_the_best_of_those_offered(world):
    train_, held_out, texts = world
    fitted = fit(train_, held_out, texts, replace(QUIET, epochs=6, fused_weights=(0.0, 3.0)))
    assert float(fitted.adapter.fused_weight) == 3.0
    assert (
        float(fit(train_, held_out, texts, replace(QUIET, fused_weights=(0.0,))).adapter.fused_weight) == 0.0
    )


# Batches


def test_the_learning_rate_rises_then_falls():
    rates = [schedule(step, 100, 0.1) for step in range(100)]
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert max(rates) == 1
    assert 0 < rates[-1] < 0.01
    assert schedule(0, 1, 0.0) == 1


def test_draws_depend_on_seed_and_step_alone(world, scenes):
    _, _, texts = world
    labels = texts.rows(world[0].labels)
    draws = Draws.of(CONFIG, labels, scenes.train, 3)
    again = Draws.of(CONFIG, labels, scenes.train, 3)
    for step in (7, 2, 5):
        assert torch.equal(draws.at(step)[0], again.at(step)[0])
        assert torch.equal(draws.at(step)[1], again.at(step)[1])
    assert not torch.equal(draws.at(1)[0], draws.at(2)[0])
    samplings = torch.cat([draws.at(step)[1] for step in range(20)])
    assert set(samplings.tolist()) == {0, 1, 2}


def test_balanced_draws_make_label_and_scene_independent():
    labels = torch.arange(400) % 4
    chance = torch.rand(400, generator=torch.Generator().manual_seed(0))
    places = torch.where(chance < 0.7, labels, torch.arange(400) // 4 % 4)
    draws = Draws.of(replace(CONFIG, batch_size=64), labels, places, 1)
    rows = torch.cat([draws.at(step)[0] for step in range(100)])
    counts = torch.zeros(4, 4).index_put_(
        (labels[rows], places[rows]), torch.ones(len(rows)), accumulate=True
    )
    torch.testing.assert_close(counts / len(rows), torch.full((4, 4), 1 / 16), atol=0.01, rtol=0)
    plain = Draws.of(replace(CONFIG, balance_scenes=False), labels, places, 1)
    rows = torch.cat([plain.at(step)[0] for step in range(100)])
    assert float((labels[rows] == places[rows]).double().mean()) > 0.7


def test_unbalanced_draws_see_every_video_once_an_epoch():
    draws = Draws.of(
        replace(CONFIG, balance_labels=False, balance_scenes=False), torch.arange(48) % 4, None, 1
    )
    for epoch in range(2):
        rows = torch.cat([draws.at(step)[0] for step in range(3 * epoch, 3 * epoch + 3)])
        assert sorted(rows.tolist()) == list(range(48))
    small = Draws.of(replace(CONFIG, balance_labels=False), torch.arange(5), None, 1)
    assert sorted(small.at(0)[0].tolist()) == list(range(5))


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("turning left", "turning right"),
        ("SwipeRight", "SwipeLeft"),
        ("turn_left", "turn_right"),
        ("moving something from left to right", "moving something from right to left"),
        ("LEFT hand up, leftwards", "RIGHT hand up, rightwards"),
        ("turning clockwise", "turning counterclockwise"),
        ("Counter-clockwise turn", "Clockwise turn"),
        ("standing upright in bright light", "standing upright in bright light"),
        ("waving", "waving"),
    ],
)
def test_left_and_right_change_places_in_a_mirror(label, expected):
    assert mirrored_label(label) == expected


def mirrored_world(labels: tuple[str, ...]) -> tuple[Waist, LabelTexts]:
    """48 videos with a mirrored clip each, whose tokens are those of the clip times eight."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(48, 1, 4, 5, 8, generator=generator)
    embeddings = torch.nn.functional.normalize(torch.randn(48, 1, 4, 6, generator=generator), dim=-1)
    names = [labels[row % len(labels)] for row in range(48)]
    both = torch.cat([tokens, 8 * tokens], 1), torch.cat([embeddings, embeddings], 1)
    waist = Waist.from_tensors(*both, names, grid=(2, 2), mirrored=True)
    texts = torch.nn.functional.normalize(torch.randn(len(labels), 6, generator=generator), dim=-1)
    return waist, LabelTexts(labels, texts, 10.0)


def test_mirrored_clips_are_drawn_with_the_label_of_the_other_side():
    labels = ("leaning left", "turning left", "turning right", "waving")
    waist, texts = mirrored_world(labels)
    assert mirrored_rows(labels).tolist() == [-1, 2, 1, 3]
    plan = plan_run(waist, None, texts, QUIET, None)
    assert any("1 of 4 labels are not mirrored" in note and "'leaning right'" in note for note in plan.notes)
    turned = {label: [] for label in labels}
    for step in range(60):
        rows, clips, found = plan.draws.at(step)
        assert torch.equal(clips, plan.draws.at(step)[1])
        for row, clip, label in zip(rows.tolist(), clips.tolist(), found.tolist(), strict=True):
            before = waist.labels[row]
            assert labels[label] == (mirrored_label(before) if clip else before)
            turned[before].append(clip)
    assert sum(turned["leaning left"]) == 0
    for label in labels[1:]:
        assert 0.4 < sum(turned[label]) / len(turned[label]) < 0.6
    plain = waist.subset(range(8))
    assert torch.equal(plain.batch([3])[0], waist.batch([3], 0)[0])  # what is judged is not mirrored
    assert torch.equal(8 * plain.batch([3])[0], waist.batch([3], 1)[0])


def test_a_label_of_the_other_side_that_is_held_out_is_not_trained_on():
    waist, texts = mirrored_world(("turning left", "turning right", "waving"))
    seen = [row for row in range(48) if waist.labels[row] != "turning right"]
    unseen = [row for row in range(48) if waist.labels[row] == "turning right"]
    plan = plan_run(waist.subset(seen), waist.subset(unseen), texts, QUIET, None)
    assert plan.texts.labels == ("turning left", "waving")
    for step in range(20):
        rows, clips, _ = plan.draws.at(step)
        lefts = torch.tensor([plan.train.labels[row] == "turning left" for row in rows.tolist()])
        assert clips[lefts].sum() == 0
        assert clips.max() == 1


def batch_of(world, scenes) -> Batch:
    tokens, embeddings = world[0].batch(range(16))
    return Batch(tokens, embeddings, world[2].rows(world[0].labels[:16]), scenes.train[:16])


def test_stillmix_lays_one_frame_over_tokens_and_embeddings_alike(world, scenes):
    train_, _, texts = world
    bank = still_bank(train_, texts, 0)
    batch = batch_of(world, scenes)
    mixed = mix(batch, replace(CONFIG, stillmix=0.5), bank, 3)
    changed = (mixed.tokens != batch.tokens).flatten(1).any(1)
    assert 0 < int(changed.sum()) < 16
    assert torch.equal(changed, (mixed.embeddings != batch.embeddings).flatten(1).any(1))
    row = int(changed.nonzero()[0])
    errors = []
    for place in range(len(bank.tokens)):  # the share λ that explains the embedding must explain the tokens
        still, old = bank.embeddings[place], batch.embeddings[row]
        share = float(((mixed.embeddings[row] - still) * (old - still)).sum() / (old - still).square().sum())
        expected = share * batch.tokens[row].float() + (1 - share) * bank.tokens[place].float()
        errors.append(float((mixed.tokens[row].float() - expected).abs().max()))
    assert min(errors) < 0.01
    assert torch.equal(mixed.labels, batch.labels)


def test_swapped_backgrounds_take_the_scene_along(world, scenes):
    batch = batch_of(world, scenes)
    batch.tokens[:, :, 1:] = batch.tokens[:, :1, 1:]  # patches stay as they are
    swapped = mix(batch, replace(CONFIG, swap=0.5), None, 3)
    touched = (swapped.embeddings - batch.embeddings).abs().flatten(1).amax(1) > 1e-5
    assert 0 < int(touched.sum()) < 16
    assert torch.equal(touched, ((swapped.tokens - batch.tokens).abs().flatten(1).amax(1) > 1e-3))
    still = batch.embeddings.median(1).values
    for row in touched.nonzero()[:, 0].tolist():
        distances = (swapped.embeddings[row].median(0).values - still).square().sum(1)
        assert int(swapped.scenes[row]) == int(batch.scenes[int(distances.argmin())])
    assert torch.equal(swapped.scenes[~touched], batch.scenes[~touched])


def test_generators_of_different_purposes_differ():
    draws = [
        torch.rand(3, generator=generator_for(seed, purpose, step)).tolist()
        for seed in (0, 1)
        for purpose in ("rows", "order", "dropout")
        for step in (0, 1)
    ]
    assert len({tuple(draw) for draw in draws}) == 12


def test_held_out_videos_share_no_content_with_training():
    waist, _ = made_up(40)
    rows = tuple(replace(row, key=f"row {place % 20}") for place, row in enumerate(waist.rows))
    waist = replace(waist, rows=rows)  # every video twice
    train_rows, held_rows = hold_out(waist, replace(CONFIG, held_out_share=0.3))
    assert sorted(train_rows + held_rows) == list(range(40))
    assert not {rows[row].key for row in train_rows} & {rows[row].key for row in held_rows}
    for label in set(waist.labels):
        held = [row for row in held_rows if rows[row].label == label]
        assert len({rows[row].key for row in held}) == 2  # 30 % of five, rounded up


def test_whole_labels_can_be_held_out():
    waist, _ = made_up(40)
    train_rows, held_rows = hold_out(waist, replace(CONFIG, held_out_labels=2))
    left = {waist.labels[row] for row in train_rows}
    assert len(left) == 2
    assert {waist.labels[row] for row in held_rows} == set(waist.labels)
    with pytest.raises(LabelError, match="3 of 4 labels held out leave fewer than 2"):
        hold_out(waist, replace(CONFIG, held_out_labels=3))


def test_a_label_with_one_video_is_trained_on():
    waist, _ = made_up(4)
    assert hold_out(waist, CONFIG) == ([0, 1, 2, 3], [])


# What it refuses


def one_line(error: pytest.ExceptionInfo[ZeroshotError]) -> None:
    assert "\n" not in str(error.value)


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


def test_scenes_that_nothing_can_be_learned_from(world):
    train_, held_out, texts = world
    one = replace(train_, rows=tuple(replace(row, scene="beach") for row in train_.rows))
    with pytest.raises(
        OptionError, match=r"there is 1 scene \(beach\); scene losses need 2 or more"
    ) as error:
        given_scenes(one, held_out)
    one_line(error)
    some = replace(train_, rows=(replace(train_.rows[0], scene=None), *train_.rows[1:]))
    with pytest.raises(
        OptionError, match=r"1 of 60 videos have no scene \(first: row 0\); give all of them one"
    ):
        given_scenes(some)
    none = replace(train_, rows=tuple(replace(row, scene=None) for row in train_.rows))
    assert given_scenes(none) is None
    with pytest.raises(OptionError, match="scenes are given for 2 videos; training has 60"):
        fit(train_, held_out, texts, CONFIG, scenes=Scenes(("a", "b"), torch.tensor([0, 1])))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            {"batch_size": 3},
            "batch_size is 3; independence needs 4 videos or more to compare: take larger batches",
        ),
        ({"epochs": 0}, "epochs is 0; expected 1 or more"),
        ({"learning_rate": float("nan")}, "learning_rate is nan; expected a number above 0"),
        ({"held_out_share": 1.0}, "held_out_share is 1.0; expected a share"),
        ({"stillmix": 2}, "stillmix is 2; expected a share"),
        ({"precision": "fp8"}, "precision is 'fp8'; expected one of no, bf16, fp16"),
        ({"choose_by": "luck"}, "choose_by is 'luck'; expected one of"),
        ({"choose_by": "novel"}, "choose_by 'novel' needs held_out_labels of 2 or more"),
        ({"fused_weights": ()}, "fused_weights are"),
        ({"seed": -1}, "seed is -1; expected 0 or more"),
        (
            {"objective": ObjectiveConfig(measure=IndependenceConfig(condition="within")), "per_label": 3},
            "independence within labels needs balance_labels and a per_label of 4",
        ),
    ],
)
def test_settings_that_mean_nothing(change, named):
    with pytest.raises(OptionError, match=named) as error:
        replace(CONFIG, **change)
    one_line(error)


def test_small_batches_are_fine_without_independence(world):
    assert fit(*world, replace(QUIET, batch_size=2, epochs=1, per_label=1)).history


def test_tokens_of_another_kind_are_refused(world):
    train_, held_out, texts = world
    longer = replace(held_out, settings=replace(held_out.settings, fingerprint="other", backbone="other"))
    with pytest.raises(
        OptionError, match=r"tokens of the backbone tensors .*not of other .*; write both the same way"
    ):
        fit(train_, longer, texts, CONFIG)
    for change, named in (
        ({"num_frames": 8}, "num_frames 8, the tokens of tensors have 4"),
        ({"grid": [4, 4]}, "grid"),
    ):
        with pytest.raises(OptionError, match=f"the adapter is for {named}"):
            fit(train_, held_out, texts, replace(CONFIG, adapter={**SMALL, **change}))
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


def test_a_device_that_is_not_there(world, scenes):
    with pytest.raises(OptionError, match="device is 'tpu'; training runs on auto, cpu or cuda"):
        fit(*world, CONFIG, scenes=scenes, device="tpu")
    if not torch.cuda.is_available():
        with pytest.raises(OptionError, match="device is 'cuda', but no GPU is there"):
            fit(*world, CONFIG, scenes=scenes, device="cuda")
        with pytest.raises(OptionError, match="precision fp16 needs a GPU"):
            fit(*world, replace(CONFIG, precision="fp16"), scenes=scenes)


# Going on


class Stop(Watcher):
    """Ends a run after some steps, as a kill does."""

    def __init__(self, after: int) -> None:
        self.after, self.seen = after, 0

    def step(self, done: int, total: int) -> None:
        self.seen += 1
        if self.seen == self.after:
            raise KeyboardInterrupt


@pytest.mark.parametrize("after", [1, 7])
def test_a_broken_run_ends_as_an_unbroken_one(world, scenes, tmp_path, after):
    config = replace(
        CONFIG, stillmix=0.5, objective=ObjectiveConfig(measure=IndependenceConfig(condition="residual"))
    )
    unbroken = fit(*world, config, scenes=scenes)
    snapshots = Snapshots(tmp_path, 3, {"run": 1})
    with pytest.raises(KeyboardInterrupt):
        fit(*world, config, scenes=scenes, snapshots=snapshots, watcher=Stop(after))
    resumed = fit(*world, config, scenes=scenes, snapshots=snapshots)
    assert same(weights(unbroken), weights(resumed))
    assert unbroken.history == resumed.history
    assert unbroken.best_epoch == resumed.best_epoch
    assert same(
        weights(unbroken), weights(fit(*world, config, scenes=scenes, snapshots=snapshots))
    )  # already over


def test_a_state_of_another_run_or_a_damaged_one_is_refused(world, scenes, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fit(*world, CONFIG, scenes=scenes, snapshots=Snapshots(tmp_path, 1, {"a": {"b": 1}}), watcher=Stop(2))
    with pytest.raises(
        OutputError, match=r"holds training with a.b 1, this run has 2; choose another output"
    ):
        fit(*world, CONFIG, scenes=scenes, snapshots=Snapshots(tmp_path, 1, {"a": {"b": 2}}))
    state = tmp_path / "state.pt"
    for content in (b"", state.read_bytes()[:-100], b"x" * 100):
        state.write_bytes(content)
        with pytest.raises(
            OutputError, match=r"state.pt is damaged; delete it and train again from the start"
        ):
            fit(*world, CONFIG, scenes=scenes, snapshots=Snapshots(tmp_path, 1, {"a": {"b": 1}}))


CHILD = """
import json, sys, torch
from pathlib import Path
from test_run import LONG, world_and_scenes
from zeroshot.training.loop import fit
from zeroshot.training.snapshot import Snapshots
torch.set_num_threads(1)
parts, scenes = world_and_scenes()
fit(*parts, LONG, scenes=scenes, device="cpu", snapshots=Snapshots(Path(sys.argv[1]), 1, {"run": 1}))
"""


def kill_at_random(command, state, seconds: float) -> None:
    """Starts a run and kills it with SIGKILL some time after it has saved a first state."""
    shared = str(Path(__file__).parents[1])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONPATH": shared}
    run = subprocess.Popen(command, env=environment, cwd=Path(__file__).parent, stdout=subprocess.DEVNULL)
    while run.poll() is None and not state.exists():
        time.sleep(0.001)
    time.sleep(random.Random().uniform(0, seconds))
    run.send_signal(signal.SIGKILL)
    run.wait()


def test_killed_at_any_moment_it_ends_with_the_same_weights(tmp_path):
    parts, scenes = world_and_scenes()
    unbroken = fit(*parts, LONG, scenes=scenes, device="cpu")
    kill_at_random([sys.executable, "-c", CHILD, tmp_path], tmp_path / "state.pt", 0.7)
    snapshots = Snapshots(tmp_path, 50, {"run": 1})
    assert snapshots.load()["step"] >= 1
    resumed = fit(*parts, LONG, scenes=scenes, device="cpu", snapshots=snapshots)
    assert same(weights(unbroken), weights(resumed))
    assert unbroken.history == resumed.history


@pytest.mark.slow
def test_the_command_is_killed_again_and_again(place, trained, tmp_path):
    unbroken, _ = trained
    output = tmp_path / "killed"
    (tmp_path / "settings.json").write_text(json.dumps(TRAIN.as_dict()))
    command = [sys.executable, "-m", "zeroshot", "train", place / "split.csv", "--output", output]
    command += ["--model", place / "tiny", "--device", "cpu", "--config", tmp_path / "settings.json"]
    for _ in range(5):
        kill_at_random(command, output / "tokens", 2)
    shared = str(Path(__file__).parents[1])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONPATH": shared}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (output / "model.safetensors").read_bytes() == (unbroken / "model.safetensors").read_bytes()
    assert (output / "log.csv").read_bytes() == (unbroken / "log.csv").read_bytes()
    assert not (output / "state.pt").exists()


# From videos to a checkpoint


def test_two_runs_into_one_folder(place, tmp_path):
    with Claim(tmp_path, LAYOUT), pytest.raises(OutputError, match=f"written by process {os.getpid()} on"):
        train(place / "split.csv", tmp_path, str(place / "tiny"), device="cpu")


def test_every_flipped_bit_of_a_state_is_noticed(tmp_path):
    snapshots = Snapshots(tmp_path, 1, {"run": 1})
    snapshots.save({"step": 3, "weights": torch.arange(50.0)})
    data, draw = snapshots.path.read_bytes(), random.Random(0)
    for _ in range(200):
        spoiled = bytearray(data)
        spoiled[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        snapshots.path.write_bytes(spoiled)
        with pytest.raises(OutputError, match=r"state.pt is damaged; delete it and train again"):
            snapshots.load()
    snapshots.path.write_bytes(data)
    assert snapshots.load()["step"] == 3


def test_a_checkpoint_folder_says_where_it_comes_from(trained, place):
    folder, fitted = trained
    names = {entry.name for entry in folder.iterdir()}
    assert names == {
        "config.json",
        "model.safetensors",
        "training.json",
        "README.md",
        "log.csv",
        "training.png",
        "tokens",
    }
    facts = json.loads((folder / "training.json").read_text())
    assert facts["labels"] == sorted(LABELS)
    assert facts["videos"] == {"training": 18, "held_out": 6}
    assert facts["scenes"] == {"names": ["dark", "light"], "guessed": False}
    assert facts["stamp"]["settings"] == json.loads(json.dumps(TRAIN.as_dict()))
    assert facts["stamp"]["training_data"]
    assert facts["versions"]["torch"] == torch.__version__
    assert len(facts["history"]) == 4
    assert facts["best_epoch"] == fitted.best_epoch
    config = json.loads((folder / "config.json").read_text())
    assert config["backbone"]["name"] == str(place / "tiny")
    rows = list(csv.DictReader((folder / "log.csv").read_text().splitlines()))
    assert [float(row["loss_total"]) for row in rows] == [record.losses["total"] for record in fitted.history]
    assert (folder / "training.png").read_bytes().startswith(b"\x89PNG")
    assert "| trained on | 18 videos of 3 labels (split.csv) |" in (folder / "README.md").read_text()


def test_the_checkpoint_answers_with_the_stream_that_is_asked_for(trained, place):
    folder, fitted = trained
    waist = Waist.open(folder / "tokens" / "train")
    paths = [row.path for row in waist.rows]
    streams = read_streams(fitted.adapter, waist)
    for stream in ("static", "dynamic", "fused"):
        with load_model(str(folder), device="cpu", stream=stream) as model:
            np.testing.assert_allclose(model.embed_videos(paths), getattr(streams, stream).numpy(), atol=1e-5)
    plain = load_model(str(place / "tiny"), device="cpu")
    with load_model(str(folder), device="cpu", stream="clip") as model, plain:
        np.testing.assert_array_equal(model.embed_videos(paths[:2]), plain.embed_videos(paths[:2]))
    with load_model(str(folder), device="cpu", share=0.0) as model, plain:
        np.testing.assert_allclose(model.embed_videos(paths[:2]), plain.embed_videos(paths[:2]), atol=1e-6)
    classifier = zeroshot.load(str(folder), list(LABELS), device="cpu", stream="dynamic")
    with classifier.model:
        scores = streams.dynamic.numpy() @ classifier.index.embeddings.T
        best = [classifier.rank(path, 1)[0].label for path in paths[:6]]
    assert best == [classifier.labels[row] for row in scores[:6].argmax(1)]


def test_views_and_frames_with_an_adapter(trained, place):
    folder, _fitted = trained
    video = str(place / "videos" / "00.mp4")
    from zeroshot.video.sampling import Sampling

    with load_model(str(folder), device="cpu", stream="dynamic") as model:
        both = model.embed_videos([video], sampling=Sampling(4, num_views=2))[0]
        assert np.linalg.norm(both) == pytest.approx(1, abs=1e-5)
        frame = np.zeros((1, 3, 32, 32), np.uint8)
        plain = load_model(str(place / "tiny"), device="cpu")
        with plain:
            np.testing.assert_array_equal(model.embed_frames(frame), plain.embed_frames(frame))
        still = np.zeros((5, 32, 32, 3), np.uint8)
        np.testing.assert_array_equal(model.embed_videos([still]), np.zeros((1, 24), np.float32))
        with pytest.raises(OptionError, match=r"clips have 6 frames; the adapter on .*tiny reads 4"):
            model.embed_videos([video], sampling=Sampling(6))
    with pytest.raises(OptionError, match="clips have 8 frames"):
        load_model(str(folder), device="cpu", sampling=Sampling(8))


def test_an_adapter_on_the_wrong_backbone_is_refused(trained, place, tmp_path):
    folder, fitted = trained
    other = write_checkpoint(tmp_path / "other", seed=5)
    with pytest.raises(ModelError, match=r"was trained on .*tiny \(\w{12}\), not on .*other \(\w{12}\)"):
        load_model(str(folder), device="cpu", backbone=str(other))
    with pytest.raises(OptionError, match="has no adapter, so no stream or backbone to choose"):
        load_model(str(other), device="cpu", stream="dynamic")
    backbone = load_model(str(other), device="cpu").backbone
    foreign = TwoStreamAdapter(replace(fitted.adapter.config, token_dim=64))
    with pytest.raises(OptionError, match="the adapter reads tokens of width 64"):
        Model(backbone, adapter=foreign)
    with pytest.raises(OptionError, match="stream is 'both'; expected one of static, dynamic, fused"):
        Model(backbone, adapter=fitted.adapter, stream="both")


def test_an_adapter_joins_the_checkpoint_of_its_backbone(trained, place, tmp_path):
    folder, fitted = trained
    home = write_checkpoint(tmp_path / "home")
    backbone = load_model(str(home), device="cpu").backbone
    save_adapter(home, fitted.adapter, backbone, stream="dynamic")
    assert {entry.name for entry in home.iterdir()} == {
        "config.json",
        "model.safetensors",
        "adapter.safetensors",
    }
    video = str(place / "videos" / "01.mp4")
    with (
        load_model(str(home), device="cpu") as joined,
        load_model(str(folder), device="cpu", stream="dynamic") as apart,
    ):
        assert joined.stream == "dynamic"
        assert joined.adapter_fingerprint == apart.adapter_fingerprint
        np.testing.assert_array_equal(joined.embed_videos([video]), apart.embed_videos([video]))


@pytest.mark.parametrize("spoil", ["weights", "config", "missing"])
def test_a_damaged_adapter_is_named(trained, tmp_path, spoil):
    folder, fitted = trained
    adapter = TwoStreamAdapter(fitted.adapter.config)
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    if spoil == "weights":
        (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    elif spoil == "missing":
        (tmp_path / "model.safetensors").unlink()
    else:
        config = json.loads((tmp_path / "config.json").read_text())
        config["adapter"]["hidden_dim"] = 2 * adapter.config.hidden_dim
        (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"cannot read|is damaged") as error:
        load_adapter(tmp_path)
    one_line(error)


def test_an_adapter_written_before_there_were_detectors_is_read(place, tmp_path):
    fitted = run_train(place, tmp_path / "out", replace(TRAIN, adapter={**SMALL, "num_components": 0}))
    path = tmp_path / "out" / "config.json"
    config = json.loads(path.read_text())
    assert config["adapter"].pop("num_components") == 0
    path.write_text(json.dumps(config))
    assert same(load_adapter(tmp_path / "out").adapter.state_dict(), weights(fitted))


def test_a_finished_run_is_given_again(trained, place):
    folder, fitted = trained
    before = (folder / "training.json").read_bytes()
    again = run_train(place, folder)
    assert same(weights(again), weights(fitted))
    assert again.history == fitted.history
    assert (folder / "training.json").read_bytes() == before
    with pytest.raises(OutputError, match=r"holds training with settings.seed 0, this run has 1; choose"):
        run_train(place, folder, replace(TRAIN, seed=1))


def test_tokens_serve_without_their_videos(trained, place, tmp_path):
    folder, fitted = trained
    tokens = folder / "tokens" / "train"
    again = run_train(place, tmp_path / "out", source=tokens)
    assert same(weights(again), weights(fitted))
    assert not (tmp_path / "out" / "tokens").exists()
    other = write_checkpoint(tmp_path / "other", seed=5)
    with pytest.raises(OutputError, match=r"holds tokens of the backbone .*tiny.*, not of .*other"):
        train(tokens, tmp_path / "out 2", str(other), config=TRAIN, device="cpu")
    with pytest.raises(OptionError, match=r"the tokens are of the backbone .*tiny.*, not of .*other"):
        train(Waist.open(tokens), tmp_path / "out 3", str(other), config=TRAIN, device="cpu")
    with pytest.raises(OutputError, match="holds tokens with num_frames 4, not 6"):
        run_train(place, tmp_path / "3", source=tokens, preparation=Preparation(num_frames=6))


def test_failures_are_told_and_a_held_out_split_is_kept_apart(place, tmp_path):
    split = zeroshot.read_split(place / "split.csv")
    lost = zeroshot.LabeledVideo(str(tmp_path / "lost.mp4"), "falling", "dark")
    told: list[str] = []

    class Listen(Watcher):
        def note(self, text: str) -> None:
            told.append(text)

    fitted = train(
        Split.of("train", [*split.videos[:12], lost]),
        tmp_path / "out",
        str(place / "tiny"),
        config=replace(TRAIN, epochs=1),
        held_out=Split.of("held out", split.videos[9:18]),
        watcher=Listen(),
        device="cpu",
    )
    facts = json.loads((tmp_path / "out" / "training.json").read_text())
    assert facts["videos"] == {"training": 9, "held_out": 9}
    assert told[0].startswith(f"1 of 13 videos could not be read: {lost.path} (first: cannot")
    assert told[1] == "3 training videos are held-out ones as well: not trained on"
    assert facts["notes"] == [*told[:2], *fitted.notes]


def test_scenes_can_be_guessed_given_or_left_out(trained, place):
    waist = Waist.open(trained[0] / "tokens" / "train")
    bare = replace(waist, rows=tuple(replace(row, scene=None) for row in waist.rows))
    with load_model(str(place / "tiny"), device="cpu") as model:

        def scenes_of(source: str, tokens: Waist = waist):
            return gather("s", tokens, None, model, TRAIN, Preparation(scenes=source)).scenes

        assert scenes_of("auto").names == scenes_of("given").names == ("dark", "light")
        assert scenes_of("given").train.tolist() == [int(row.scene == "light") for row in _training(waist)]
        assert scenes_of("none") is None
        assert scenes_of("auto", bare) is None
        guessed = scenes_of("beach, forest, street", bare)
        assert guessed.names == ("beach", "forest", "street")
        assert guessed.train.shape == (18, 3)
        assert guessed.held_out.shape == (6, 3)
        assert len(scenes_of("guess", bare).names) == 365
        with pytest.raises(OptionError, match="no video names a scene; add a column `scene`"):
            scenes_of("given", bare)


def _training(waist: Waist):
    return waist.subset(hold_out(waist, TRAIN)[0]).rows


def test_a_split_of_one_label_is_refused(place, tmp_path):
    videos = [video for video in zeroshot.read_split(place / "split.csv").videos if video.label == "falling"]
    with pytest.raises(
        LabelError, match="one has the label 'falling' alone; training needs 2 labels or more"
    ):
        train(Split.of("one", videos), tmp_path / "out", str(place / "tiny"), device="cpu")


def test_a_folder_of_something_else_is_left_alone(place, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="is not empty and holds no training; choose an empty folder"):
        train(place / "split.csv", tmp_path, str(place / "tiny"), device="cpu")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write to .*file"):
        train(place / "split.csv", tmp_path / "file", str(place / "tiny"), device="cpu")


# The command line


def run_command(monkeypatch, capsys, *words) -> tuple[int, str, str]:
    """Exit status, stdout and stderr."""
    monkeypatch.setattr(sys, "argv", ["zeroshot", *map(str, words)])
    try:
        main()
        status = 0
    except SystemExit as ended:
        status = ended.code or 0
    out, err = capsys.readouterr()
    return status, out, err


def test_the_command_trains_and_tells(place, tmp_path, monkeypatch, capsys):
    (tmp_path / "settings.json").write_text(json.dumps(TRAIN.as_dict()))
    words = ["train", place / "split.csv", "--output", tmp_path / "out", "--model", place / "tiny"]
    words += ["--device", "cpu", "--config", tmp_path / "settings.json", "--epochs", "2", "--scenes", "none"]
    status, out, err = run_command(monkeypatch, capsys, *words)
    lines = out.splitlines()
    assert status == 0
    assert err == f"zeroshot: {NO_SCENES}\n"
    assert lines[0].startswith("epoch 1: total ")
    assert " independence " in lines[0]
    assert " | held out: static " in lines[0]
    assert lines[2] in {f"epoch {epoch} of 2 written to {tmp_path / 'out'}" for epoch in (1, 2)}
    status, out, err = run_command(monkeypatch, capsys, *words, "--json")
    assert status == 0
    assert json.loads(out)["output"] == str(tmp_path / "out")
    assert "is finished already" in err
    video = place / "videos" / "00.mp4"
    ask = ["classify", video, "--model", tmp_path / "out", "--labels", "a,b", "--json", "--device", "cpu"]
    answers = [
        json.loads(run_command(monkeypatch, capsys, *ask, "--stream", stream)[1])["predictions"]
        for stream in ("clip", "dynamic")
    ]
    assert answers[0] != answers[1]


def test_the_command_trains_on_mirrored_clips(place, tmp_path, monkeypatch, capsys):
    (tmp_path / "settings.json").write_text(json.dumps(TRAIN.as_dict()))
    words = ["train", place / "split.csv", "--model", place / "tiny", "--device", "cpu", "--epochs", "2"]
    words += ["--config", tmp_path / "settings.json", "--held-out", tmp_path / "held.csv"]
    write_split(tmp_path / "held.csv", write_videos(tmp_path / "held", 6, seed=1000))
    status, _, err = run_command(monkeypatch, capsys, *words, "--output", tmp_path / "out", "--mirrored")
    assert (status, err) == (0, "")
    facts = json.loads((tmp_path / "out" / "training.json").read_text())
    assert facts["tokens"]["mirrored"]
    assert facts["stamp"]["preparation"]["mirrored"]
    assert Waist.open(tmp_path / "out" / "tokens" / "train").settings.num_clips == 2
    assert not Waist.open(tmp_path / "out" / "tokens" / "held-out").settings.mirrored
    words[1] = tmp_path / "out" / "tokens" / "train"  # tokens that are mirrored need not be told to be
    assert run_command(monkeypatch, capsys, *words, "--output", tmp_path / "again")[0] == 0
    assert same(*(load_file(tmp_path / name / "model.safetensors") for name in ("out", "again")))


def test_the_command_trains_on_swapped_copies(place, tmp_path, monkeypatch, capsys):
    (tmp_path / "settings.json").write_text(json.dumps(TRAIN.as_dict()))
    words = ["train", place / "split.csv", "--model", place / "tiny", "--device", "cpu", "--epochs", "2"]
    words += ["--config", tmp_path / "settings.json", "--output", tmp_path / "out", "--mirrored", "--swapped"]
    status, _, err = run_command(monkeypatch, capsys, *words)
    assert (status, err) == (0, "")
    facts = json.loads((tmp_path / "out" / "training.json").read_text())
    assert facts["tokens"]["swapped"]
    waist = Waist.open(tmp_path / "out" / "tokens" / "train")
    assert [row.is_copy for row in waist.rows].count(True) == len(waist) // 2
    # Half of what is trained on are copies, and nothing is chosen by one.
    train, held = hold_out(
        waist, TrainingConfig.from_dict(json.loads((tmp_path / "settings.json").read_text()))
    )
    assert facts["videos"] == {"training": len(train), "held_out": len(held)}
    assert len(train) + 2 * len(held) == len(waist)
    assert not {waist.rows[row].video for row in train} & {waist.rows[row].video for row in held}
    assert not any(waist.rows[row].is_copy for row in held)


def test_the_command_ends_in_one_line(place, tmp_path, monkeypatch, capsys):
    (tmp_path / "one.csv").write_text("path,label\na.mp4,x\n")
    for split, named in (
        (tmp_path / "one.csv", "has the label 'x' alone"),
        (tmp_path / "none.csv", "cannot read"),
    ):
        # No model is loaded for it: there is none of that name.
        words = ["train", split, "--output", tmp_path / "out", "--model", place / "none", "--device", "cpu"]
        status, out, err = run_command(monkeypatch, capsys, *words)
        assert (status, out) == (1, "")
        assert named in err
        assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_settings_come_from_file_then_pairs_then_flags(tmp_path):
    (tmp_path / "c.json").write_text(json.dumps({"epochs": 3, "seed": 4, "objective": {"scene": 0.5}}))
    pairs = ["objective.independence=0.25", "adapter.static_input=mean", "seed=5", "max_weight=null"]
    config = read_settings(str(tmp_path / "c.json"), pairs, {"seed": 6, "epochs": None})
    assert (config.epochs, config.seed) == (3, 6)
    assert (config.objective.scene, config.objective.independence) == (0.5, 0.25)
    assert config.adapter == {"static_input": "mean"}
    assert TrainingConfig.from_dict(json.loads(json.dumps(config.as_dict()))) == config


@pytest.mark.parametrize(
    ("pair", "named"),
    [
        ("epochs", "is no NAME=VALUE"),
        ("warmth=3", "training has no setting called warmth"),
        ("objective.warmth=3", "no weight called warmth"),
        ("epochs.x.y=3", "epochs has no parts|cannot be used"),
        ("epochs=many", "the settings cannot be used"),
        ("objective.measure.kernel=wide", "kernel is 'wide'"),
    ],
)
def test_settings_that_cannot_be_used(pair, named):
    with pytest.raises(OptionError, match=named) as error:
        read_settings(None, [pair], {})
    one_line(error)


def test_a_settings_file_that_is_none(tmp_path):
    for content in ("{", "[1]"):
        (tmp_path / "c.json").write_text(content)
        with pytest.raises(OptionError, match=r"c.json"):
            read_settings(str(tmp_path / "c.json"), [], {})
    with pytest.raises(OptionError, match="cannot read"):
        read_settings(str(tmp_path / "none.json"), [], {})
