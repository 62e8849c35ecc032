"""The sum: who learns from which term, against the formula written out, and on a biased toy world.

Covers: losses/classification.
"""

from __future__ import annotations

import json
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from tiny_world import made_up

from zeroshot.adapter.adapter import TwoStreamAdapter
from zeroshot.adapter.config import AdapterConfig
from zeroshot.errors import OptionError
from zeroshot.losses import objective
from zeroshot.losses.independence import IndependenceConfig, dependence
from zeroshot.losses.objective import Objective, ObjectiveConfig
from zeroshot.losses.step import Batch, Sizes, Step, Targets
from zeroshot.training.balance import balanced_weights, draw
from zeroshot.training.config import TrainingConfig
from zeroshot.training.loop import fit
from zeroshot.training.methods.table import METHODS
from zeroshot.types import Losses, Streams

FULL = {
    "fused_classification": 1.0,
    "correction_size": 1.0,
    "classification": 1.0,
    "static_classification": 1.0,
    "independence": 1.0,
    "minimax": 0.5,
    "distillation": 1.0,
    "scene": 1.0,
    "adversary": 0.1,
    "conditional_adversary": 0.2,
}
ALL = ObjectiveConfig(FULL, IndependenceConfig(queue_size=0))
SIZES = Sizes(8, 8, 6, 5, 3)


def config(weights: dict[str, float], **measure) -> ObjectiveConfig:
    """Those terms beside the dynamic stream's cross-entropy."""
    return ObjectiveConfig({"classification": 1.0, **weights}, IndependenceConfig(**measure))


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def unit(*shape: int, seed: int = 0) -> torch.Tensor:
    return F.normalize(noise(*shape, seed=seed), dim=-1)


TEXTS = unit(5, 6, seed=9)
ANCHOR = unit(64, 6, seed=8)
TARGETS = Targets(torch.arange(12) % 5, torch.arange(12) % 3)


def leaves(count: int = 12) -> dict[str, torch.Tensor]:
    shapes = {"static": 6, "dynamic": 6, "static_hidden": 8, "dynamic_hidden": 8, "correction": 6}
    rows = {name: unit(count, width, seed=seed) for seed, (name, width) in enumerate(shapes.items())}
    return {name: value.requires_grad_() for name, value in rows.items()}


def streams_of(rows: dict[str, torch.Tensor]) -> Streams:
    names = ("static", "dynamic", "static", "static_hidden", "dynamic_hidden")
    return Streams(*(rows[name] for name in names), ANCHOR[: len(rows["static"])], rows["correction"])


def losses_of(
    loss: Objective,
    streams: Streams,
    targets: Targets = TARGETS,
    progress: float = 1.0,
    texts: torch.Tensor = TEXTS,
) -> Losses:
    """Of streams that need no adapter."""
    nothing = torch.zeros(len(targets.labels), 1, 1, 1)
    return loss(Batch(nothing, nothing[..., 0], targets), texts, 10.0, progress, lambda *_: streams)


def test_total_is_the_formula_written_out():
    rows, loss = leaves(), Objective(ALL, SIZES)
    losses = losses_of(loss, streams_of(rows), progress=0.3)
    y, s = TARGETS.labels, TARGETS.scenes
    expected = {
        "classification": F.cross_entropy(10 * rows["dynamic"] @ TEXTS.T, y),
        "static_classification": F.cross_entropy(10 * rows["static"] @ TEXTS.T, y),
        "fused_classification": F.cross_entropy(
            10 * F.normalize(ANCHOR[:12] + rows["correction"], dim=1) @ TEXTS.T, y
        ),
        "correction_size": sum(row @ row for row in rows["correction"]) / 12,
        "independence": dependence(rows["dynamic_hidden"], rows["static_hidden"]),
        "minimax": -dependence(rows["dynamic_hidden"], rows["static_hidden"]),
        "scene": F.cross_entropy(loss.parts["scene"](rows["static_hidden"]), s),
        "adversary": F.cross_entropy(loss.parts["adversary"](rows["dynamic_hidden"]), s),
        "conditional_adversary": F.cross_entropy(
            loss.parts["conditional_adversary"](rows["dynamic_hidden"], TEXTS[y]), s
        ),
    }
    centred = [x - x.mean(0) for x in (rows["dynamic"], ANCHOR[:12])]
    expected["distillation"] = 1 - F.cosine_similarity(*centred).mean()
    assert set(losses.terms) == set(expected)
    for name, value in expected.items():
        torch.testing.assert_close(losses.terms[name], value.detach(), rtol=1e-4, atol=1e-6)
    weights = dict.fromkeys(expected, 1.0) | {"minimax": 0.5}  # adversaries push by their weight, inside
    total = sum(weights[name] * value for name, value in expected.items())
    torch.testing.assert_close(losses.total, total, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("weights", "learners"),
    [
        ({}, {"dynamic"}),
        ({"static_classification": 1}, {"dynamic", "static"}),
        ({"independence": 1}, {"dynamic", "dynamic_hidden"}),
        ({"minimax": 1}, {"dynamic", "static_hidden"}),
        ({"scene": 1}, {"dynamic", "static_hidden"}),
        ({"adversary": 0.1}, {"dynamic", "dynamic_hidden"}),
        ({"conditional_adversary": 0.1}, {"dynamic", "dynamic_hidden"}),
        ({"classification": 0, "distillation": 1}, {"dynamic"}),
    ],
)
def test_each_term_teaches_its_stream_alone(weights, learners):
    rows = leaves()
    losses_of(Objective(config(weights), SIZES), streams_of(rows)).total.backward()
    taught = {name for name, value in rows.items() if value.grad is not None and value.grad.abs().sum() > 0}
    assert taught == learners


def test_streams_pull_in_opposite_directions_in_the_minimax_game():
    """One step down the total lowers dependence on the dynamic side and raises it on the static one."""
    for weight, name, sign in (("independence", "dynamic_hidden", -1), ("minimax", "static_hidden", 1)):
        rows = leaves()
        losses_of(Objective(config({weight: 1.0}, queue_size=0), SIZES), streams_of(rows)).total.backward()
        before = dependence(rows["dynamic_hidden"], rows["static_hidden"])
        moved = {**rows, name: rows[name] - 0.05 * rows[name].grad}
        after = dependence(moved["dynamic_hidden"], moved["static_hidden"])
        assert sign * float((after - before).detach()) > 0


@pytest.mark.parametrize("name", ["adversary", "conditional_adversary"])
def test_adversary_pushes_by_its_strength_and_ramp_while_the_head_learns_at_full_pace(name):
    def gradients(strength: float, progress: float) -> tuple[torch.Tensor, torch.Tensor]:
        rows, loss = leaves(), Objective(config({name: strength}), SIZES)
        losses_of(loss, streams_of(rows), progress=progress).total.backward()
        return rows["dynamic_hidden"].grad, loss.parts[name].output.weight.grad

    weak, head = gradients(0.1, 1.0)
    strong, same_head = gradients(0.2, 1.0)
    early, early_head = gradients(0.1, 0.0)
    torch.testing.assert_close(strong, 2 * weak)
    torch.testing.assert_close(same_head, head)
    torch.testing.assert_close(early_head, head)
    assert early.abs().max() == 0


def test_conditional_adversary_reads_the_label():
    loss = Objective(config({"conditional_adversary": 0.1}), SIZES)
    other = Targets((TARGETS.labels + 1) % 5, TARGETS.scenes)
    found = [
        losses_of(loss, streams_of(leaves()), targets).terms["conditional_adversary"]
        for targets in (TARGETS, other)
    ]
    assert found[0] != found[1]


def test_soft_scenes_that_are_certain_give_what_hard_ones_do():
    rows, loss = leaves(), Objective(ALL, SIZES)
    hard = losses_of(loss, streams_of(rows))
    soft = losses_of(loss, streams_of(rows), Targets(TARGETS.labels, torch.eye(3)[TARGETS.scenes]))
    torch.testing.assert_close(soft.total, hard.total)


def test_memory_grows_while_training_and_rests_otherwise():
    chosen = config({"independence": 1.0}, queue_size=30)
    loss = Objective(chosen, SIZES)
    losses_of(loss.eval(), streams_of(leaves()))
    assert len(loss.parts["independence"].contents()[0]) == 0
    for step in (12, 24, 30):
        losses_of(loss.train(), streams_of(leaves()))
        assert len(loss.parts["independence"].contents()[0]) == step
    again = Objective(chosen, SIZES)
    again.load_state_dict(loss.state_dict())
    found = [losses_of(each.eval(), streams_of(leaves())).total for each in (again, loss)]
    torch.testing.assert_close(*found)


def test_config_goes_through_json():
    assert ObjectiveConfig.from_dict(json.loads(json.dumps(ALL.as_dict()))) == ALL


def test_a_config_of_an_earlier_version_is_read_where_nothing_removed_was_used():
    measure = {"kernel": "rbf", "condition": "none", "queue_size": 9, "momentum": 0.9, "normalized": True}
    old = {"scene": 0.5, "experts": False, "confusion": 0.0, "conditional_adversary": False}
    assert ObjectiveConfig.from_dict({**old, "measure": measure}) == ObjectiveConfig(
        {"scene": 0.5}, IndependenceConfig(queue_size=9)
    )


def toy(step: Step) -> torch.Tensor:
    """How much the dynamic stream of the batch, and of its first frames repeated, differ from one text."""
    still = step.batch.tokens[:, :1].expand_as(step.batch.tokens)
    assert step.streams() is step.streams()
    assert step.streams(still).dynamic.abs().max() == 0, "a still clip has no dynamic stream"
    return (step.streams().dynamic - step.texts[0]).square().sum(1).mean()


def test_a_loss_is_added_by_one_function_and_one_line(monkeypatch):
    monkeypatch.setattr(objective, "TERMS", {**objective.TERMS, "toy": toy})
    waist, texts = made_up(40)
    small = {"hidden_dim": 16, "num_layers": 1, "num_queries": 2}
    values = {"epochs": 8, "batch_size": 16, "adapter": small, "objective": {"toy": 5.0}}
    chosen = TrainingConfig.from_dict({**values, "balance_scenes": False})
    found = [record.losses["toy"] for record in fit(waist, None, texts, chosen).history]
    assert found[-1] < 0.8 * found[0]
    assert TrainingConfig.from_dict(json.loads(json.dumps(chosen.as_dict()))) == chosen


def test_losses_are_named_numbers():
    losses = losses_of(Objective(ALL, SIZES), streams_of(leaves()))
    numbers = losses.as_dict()
    assert next(iter(numbers)) == "total"
    assert all(isinstance(value, float) for value in numbers.values())
    assert not any(value.requires_grad for value in losses.terms.values())


@pytest.mark.parametrize(
    ("spoiled", "name"),
    [
        ("dynamic", "classification = nan"),
        ("static_hidden", "independence = nan, minimax = nan, scene = nan"),
    ],
)
def test_nan_is_noticed_and_named(spoiled, name):
    rows = {key: value.detach().clone() for key, value in leaves().items()}
    rows[spoiled][0, 0] = float("nan")
    with pytest.raises(OptionError, match=f"astray: {name}.*lower the learning rate"):
        losses_of(Objective(ALL, SIZES), streams_of(rows))


def spoil(count: int = 12, targets: Targets = TARGETS, texts: torch.Tensor = TEXTS) -> Losses:
    return losses_of(Objective(ALL, SIZES), streams_of(leaves(count)), targets, texts=texts)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ObjectiveConfig({"scene": -1.0}), "weight scene is -1.0"),
        (lambda: ObjectiveConfig({"independence": float("nan")}), "independence is nan"),
        (lambda: ObjectiveConfig({"conditional_adversary": True}), "conditional_adversary is True"),
        (lambda: ObjectiveConfig({}), "no term has a weight above 0; give one of classification, "),
        (lambda: ObjectiveConfig.from_dict({"hsic": 1.0}), "no weight called hsic; its terms are class"),
        (lambda: ObjectiveConfig.from_dict({"experts": True}), "experts is True, but it is no setting"),
        (lambda: Objective(ALL, Sizes(8, 8, 6, 5, 1)), "1 scenes.*2 or more.*to 0"),
        (lambda: Objective(ALL, Sizes(8, 8, 6, 1, 3)), "1 label; training needs 2"),
        (lambda: spoil(targets=Targets(TARGETS.labels)), "without scenes"),
        (lambda: spoil(3, Targets(torch.arange(3), torch.arange(3))), "4 rows"),
        (lambda: spoil(3), r"expected \(3,\)"),
        (lambda: spoil(targets=Targets(TARGETS.labels + 1, TARGETS.scenes)), "from 1 to 5; expected 0..4"),
        (lambda: spoil(texts=TEXTS[:4]), r"\(4, 6\); expected \(5, 6\)"),
        (
            lambda: losses_of(
                Objective(config({"independence": 1}), SIZES), Streams(*[TEXTS] * 3), Targets(torch.arange(5))
            ),
            "without hidden",
        ),
        (
            lambda: losses_of(
                Objective(config({"correction_size": 1}), SIZES),
                Streams(*[TEXTS] * 3),
                Targets(torch.arange(5)),
            ),
            "without anchor and correction",
        ),
        (lambda: Losses(torch.zeros(2), {}), r"'total' has shape \(2,\)"),
    ],
)
def test_errors_are_one_clear_line(call, words):
    with pytest.raises(OptionError, match=words) as error:
        call()
    assert "\n" not in str(error.value)


CONFIG = AdapterConfig(24, 16, grid=(4, 4), hidden_dim=32, num_heads=2, num_layers=1, reads="content")
LABELS = unit(4, 16, seed=77)
SCENES = 1.5 * noise(4, 16, 24, seed=78)


def world(count: int, coupling: float, seed: int) -> tuple[torch.Tensor, ...]:
    """Four motions (up, down, rightward, leftward) of things of any looks in four scenes coupled to them."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(4, (count,), generator=generator)
    anywhere = torch.randint(4, (count,), generator=generator)
    scenes = torch.where(torch.rand(count, generator=generator) < coupling, labels, anywhere)
    places = torch.randint(4, (count,), generator=generator).tolist()
    patches = (SCENES[scenes] + 0.3 * noise(count, 16, 24, seed=seed + 1))[:, None].repeat(1, 8, 1, 1)
    looks = noise(count, 24, seed=seed + 2)
    for row, (label, lane) in enumerate(zip(labels.tolist(), places, strict=True)):
        for t in range(8):
            step = t // 2 if label % 2 else 3 - t // 2
            patches[row, t, 4 * step + lane if label < 2 else 4 * lane + step] = looks[row]
    tokens = torch.cat([patches.mean(2, keepdim=True), patches], 2)
    return tokens, F.normalize(tokens[:, :, 0, :16], dim=-1), labels, scenes


def accuracy(config: AdapterConfig, losses: ObjectiveConfig, *, balanced: bool = False) -> float:
    """On scenes independent of the motion, after a few seconds of training where they are coupled."""
    tokens, embeddings, labels, scenes = world(256, 0.9, 1)
    generator = torch.Generator().manual_seed(0)
    adapter = TwoStreamAdapter(config).train()
    loss = Objective(losses, Sizes(config.dynamic_dim, config.hidden_dim, 16, 4, 4))
    optimizer = torch.optim.AdamW([*adapter.parameters(), *loss.parameters()], lr=3e-3)
    weights = balanced_weights(labels, scenes) if balanced else torch.ones(256)
    for step in range(60):
        rows = draw(weights, 32, generator)
        batch = Batch(tokens[rows], embeddings[rows], Targets(labels[rows], scenes[rows]))
        total = loss(batch, LABELS, 20.0, step / 60, partial(adapter, generator=generator)).total
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    tokens, embeddings, labels, _ = world(200, 0.0, 50)
    with torch.no_grad():
        ranked = adapter.eval()(tokens, embeddings).dynamic @ LABELS.T
    return float((ranked.argmax(1) == labels).float().mean())


def test_what_debiases_does_so():
    """The plain stream follows the scene; reading correlations follows the motion."""
    plain = accuracy(CONFIG, config({}))
    correlated = accuracy(AdapterConfig.from_dict({**CONFIG.as_dict(), "reads": "correlation"}), config({}))
    assert plain < 0.75
    assert correlated > 0.9


def test_all_losses_together_train():
    weights = {**METHODS["streams"].weights}
    assert accuracy(CONFIG, ObjectiveConfig(weights), balanced=True) > 0.35
