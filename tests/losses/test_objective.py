"""The sum: who learns from which term, against the formula written out, and on a biased toy world."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from zeroshot.adapter.adapter import TwoStreamAdapter
from zeroshot.adapter.config import AdapterConfig
from zeroshot.errors import OptionError
from zeroshot.losses.independence import IndependenceConfig, dependence
from zeroshot.losses.objective import Objective, ObjectiveConfig, Targets
from zeroshot.training.balance import balanced_weights, draw
from zeroshot.types import Losses, Streams

ALL = ObjectiveConfig(minimax=0.5, confusion=0.2, measure=IndependenceConfig(queue_size=0))
PLAIN = ObjectiveConfig(static_classification=0, independence=0, adversary=0, scene=0, distillation=0)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def unit(*shape: int, seed: int = 0) -> torch.Tensor:
    return F.normalize(noise(*shape, seed=seed), dim=-1)


TEXTS = unit(5, 6, seed=9)
ANCHOR = unit(64, 6, seed=8)
TARGETS = Targets(torch.arange(12) % 5, torch.arange(12) % 3)


def leaves(count: int = 12) -> dict[str, torch.Tensor]:
    shapes = {"static": 6, "dynamic": 6, "static_hidden": 8, "dynamic_hidden": 8}
    rows = {name: unit(count, width, seed=seed) for seed, (name, width) in enumerate(shapes.items())}
    return {name: value.requires_grad_() for name, value in rows.items()}


def streams_of(rows: dict[str, torch.Tensor]) -> Streams:
    names = ("static", "dynamic", "static", "static_hidden", "dynamic_hidden")
    return Streams(*(rows[name] for name in names), ANCHOR[: len(rows["static"])])


def objective(config: ObjectiveConfig, **changes) -> Objective:
    return Objective(config, 8, 8, 5, changes.get("num_scenes", 3), embedding_dim=6)


def test_total_is_the_formula_written_out():
    rows, loss = leaves(), objective(ALL)
    losses = loss(streams_of(rows), TARGETS, TEXTS, 10.0, progress=0.3)
    y, s = TARGETS.labels, TARGETS.scenes
    expected = {
        "classification": F.cross_entropy(10 * rows["dynamic"] @ TEXTS.T, y),
        "static_classification": F.cross_entropy(10 * rows["static"] @ TEXTS.T, y),
        "independence": dependence(rows["dynamic_hidden"], rows["static_hidden"]),
        "minimax": dependence(rows["dynamic_hidden"], rows["static_hidden"]),
        "scene": F.cross_entropy(loss.scene_head(rows["static_hidden"]), s),
        "adversary": F.cross_entropy(loss.adversary(rows["dynamic_hidden"]), s),
    }
    centred = [x - x.mean(0) for x in (rows["dynamic"], ANCHOR[:12])]
    expected["distillation"] = 1 - F.cosine_similarity(*centred).mean()
    p = loss.adversary(rows["dynamic_hidden"]).softmax(1)
    expected["confusion"] = math.log(3) + (p * p.log()).sum(1).mean()
    assert set(losses.terms) == set(expected)
    for name, value in expected.items():
        torch.testing.assert_close(losses.terms[name], value.detach(), rtol=1e-4, atol=1e-6)
    weights = dict.fromkeys(expected, 1.0) | {"minimax": -0.5, "confusion": 0.2 * math.tanh(1.5)}
    total = sum(weights[name] * value for name, value in expected.items())
    torch.testing.assert_close(losses.total, total, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("weights", "learners"),
    [
        ({}, {"dynamic"}),
        ({"static_classification": 1}, {"dynamic", "static"}),
        ({"experts": True, "static_classification": 0}, {"dynamic"}),
        ({"independence": 1}, {"dynamic", "dynamic_hidden"}),
        ({"minimax": 1}, {"dynamic", "static_hidden"}),
        ({"scene": 1}, {"dynamic", "static_hidden"}),
        ({"adversary": 0.1}, {"dynamic", "dynamic_hidden"}),
        ({"confusion": 0.1}, {"dynamic", "dynamic_hidden"}),
        ({"classification": 0, "distillation": 1}, {"dynamic"}),
    ],
)
def test_each_term_teaches_its_stream_alone(weights, learners):
    config = ObjectiveConfig.from_dict({**PLAIN.as_dict(), **weights})
    rows = leaves()
    objective(config)(streams_of(rows), TARGETS, TEXTS, 10.0).total.backward()
    taught = {name for name, value in rows.items() if value.grad is not None and value.grad.abs().sum() > 0}
    assert taught == learners


def test_streams_pull_in_opposite_directions_in_the_minimax_game():
    """One step down the total lowers dependence on the dynamic side and raises it on the static one."""
    base = ObjectiveConfig.from_dict({**PLAIN.as_dict(), "measure": {"queue_size": 0}})
    for weight, name, sign in (("independence", "dynamic_hidden", -1), ("minimax", "static_hidden", 1)):
        rows = leaves()
        config = ObjectiveConfig.from_dict({**base.as_dict(), weight: 1.0})
        objective(config)(streams_of(rows), TARGETS, TEXTS, 10.0).total.backward()
        before = dependence(rows["dynamic_hidden"], rows["static_hidden"])
        moved = {**rows, name: rows[name] - 0.05 * rows[name].grad}
        after = dependence(moved["dynamic_hidden"], moved["static_hidden"])
        assert sign * float((after - before).detach()) > 0


def test_adversary_pushes_by_its_strength_and_ramp_while_the_head_learns_at_full_pace():
    def gradients(strength: float, progress: float) -> tuple[torch.Tensor, torch.Tensor]:
        rows, loss = (
            leaves(),
            objective(ObjectiveConfig.from_dict({**PLAIN.as_dict(), "adversary": strength})),
        )
        loss(streams_of(rows), TARGETS, TEXTS, 10.0, progress).total.backward()
        return rows["dynamic_hidden"].grad, loss.adversary.output.weight.grad

    weak, head = gradients(0.1, 1.0)
    strong, same_head = gradients(0.2, 1.0)
    early, early_head = gradients(0.1, 0.0)
    torch.testing.assert_close(strong, 2 * weak)
    torch.testing.assert_close(same_head, head)
    torch.testing.assert_close(early_head, head)
    assert early.abs().max() == 0


def test_confusion_does_not_teach_the_scene_classifier():
    def head(confusion: float) -> torch.Tensor:
        config = ObjectiveConfig.from_dict({**PLAIN.as_dict(), "adversary": 0.1, "confusion": confusion})
        loss = objective(config)
        loss(streams_of(leaves()), TARGETS, TEXTS, 10.0).total.backward()
        return loss.adversary.output.weight.grad

    torch.testing.assert_close(head(0.0), head(5.0))


def test_experts_change_what_the_dynamic_stream_must_learn():
    rows = leaves()
    rows["static"] = TEXTS[TARGETS.labels].clone().requires_grad_()  # the static stream knows the answer
    alone = objective(PLAIN)(streams_of(rows), TARGETS, TEXTS, 30.0)
    together = objective(ObjectiveConfig.from_dict({**PLAIN.as_dict(), "experts": True}))(
        streams_of(rows), TARGETS, TEXTS, 30.0
    )
    assert together.terms["classification"] < 0.5 * alone.terms["classification"]


def test_conditional_adversary_reads_the_label():
    config = ObjectiveConfig.from_dict({**PLAIN.as_dict(), "adversary": 0.1, "conditional_adversary": True})
    loss = objective(config)
    a = loss(streams_of(leaves()), TARGETS, TEXTS, 10.0).terms["adversary"]
    other = Targets((TARGETS.labels + 1) % 5, TARGETS.scenes)
    assert a != loss(streams_of(leaves()), other, TEXTS, 10.0).terms["adversary"]


def test_soft_scenes_and_weights_reach_the_terms():
    rows, loss = leaves(), objective(ALL)
    hard = loss(streams_of(rows), TARGETS, TEXTS, 10.0)
    soft = loss(streams_of(rows), Targets(TARGETS.labels, torch.eye(3)[TARGETS.scenes]), TEXTS, 10.0)
    torch.testing.assert_close(soft.total, hard.total)
    first = Targets(TARGETS.labels, TARGETS.scenes, (torch.arange(12) < 1).float())
    terms = loss(streams_of(rows), first, TEXTS, 10.0).terms
    expected = F.cross_entropy(10 * rows["dynamic"][:1] @ TEXTS.T, TARGETS.labels[:1])
    torch.testing.assert_close(terms["classification"], expected.detach())


def test_memory_grows_while_training_and_rests_otherwise():
    config = ObjectiveConfig(measure=IndependenceConfig(queue_size=30, condition="residual"))
    loss = objective(config)
    loss.eval()(streams_of(leaves()), TARGETS, TEXTS, 10.0)
    assert len(loss.independence.queue.contents()[0]) == 0
    for step in (12, 24, 30):
        loss.train()(streams_of(leaves()), TARGETS, TEXTS, 10.0)
        assert len(loss.independence.queue.contents()[0]) == step
    again = objective(config)
    again.load_state_dict(loss.state_dict())
    torch.testing.assert_close(
        again.eval()(streams_of(leaves()), TARGETS, TEXTS, 10.0).total,
        loss.eval()(streams_of(leaves()), TARGETS, TEXTS, 10.0).total,
    )


def test_config_goes_through_json():
    import json

    assert ObjectiveConfig.from_dict(json.loads(json.dumps(ALL.as_dict()))) == ALL


def test_losses_are_named_numbers():
    losses = objective(ALL)(streams_of(leaves()), TARGETS, TEXTS, 10.0)
    numbers = losses.as_dict()
    assert next(iter(numbers)) == "total"
    assert all(isinstance(value, float) for value in numbers.values())
    assert not any(value.requires_grad for value in losses.terms.values())


@pytest.mark.parametrize(
    ("spoiled", "name"),
    [("dynamic", "classification = nan"), ("static_hidden", "independence = nan, scene = nan")],
)
def test_nan_is_noticed_and_named(spoiled, name):
    rows = {key: value.detach().clone() for key, value in leaves().items()}
    rows[spoiled][0, 0] = float("nan")
    with pytest.raises(OptionError, match=f"astray: {name}.*lower the learning rate"):
        objective(ObjectiveConfig())(streams_of(rows), TARGETS, TEXTS, 10.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ObjectiveConfig(scene=-1.0), "weight scene is -1.0"),
        (lambda: ObjectiveConfig(independence=float("nan")), "independence is nan"),
        (lambda: ObjectiveConfig.from_dict({"hsic": 1.0}), "no weight called hsic"),
        (lambda: objective(ALL, num_scenes=1), "1 scenes.*2 or more.*to 0"),
        (lambda: Objective(ALL, 8, 8, 1, 3), "1 label; training needs 2"),
        (lambda: Objective(ObjectiveConfig(conditional_adversary=True), 8, 8, 5, 3), "embedding_dim"),
        (
            lambda: objective(ALL)(streams_of(leaves()), Targets(TARGETS.labels), TEXTS, 10.0),
            "without scenes",
        ),
        (
            lambda: objective(ALL)(
                streams_of(leaves(3)), Targets(torch.arange(3), torch.arange(3)), TEXTS, 1.0
            ),
            "4 rows",
        ),
        (lambda: objective(ALL)(streams_of(leaves(3)), TARGETS, TEXTS, 10.0), r"expected \(3,\)"),
        (
            lambda: objective(ALL)(
                streams_of(leaves()), Targets(TARGETS.labels + 1, TARGETS.scenes), TEXTS, 1.0
            ),
            "0..4",
        ),
        (
            lambda: objective(ALL)(streams_of(leaves()), TARGETS, TEXTS[:4], 10.0),
            r"\(4, 6\); expected \(5, 6\)",
        ),
        (
            lambda: objective(ALL)(Streams(*[TEXTS] * 3), Targets(torch.arange(5)), TEXTS, 1.0),
            "without hidden",
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
    objective = Objective(losses, config.dynamic_dim, config.hidden_dim, 4, 4)
    optimizer = torch.optim.AdamW([*adapter.parameters(), *objective.parameters()], lr=3e-3)
    weights = balanced_weights(labels, scenes) if balanced else torch.ones(256)
    for step in range(60):
        rows = draw(weights, 32, generator)
        streams = adapter(tokens[rows], embeddings[rows], generator)
        losses_now = objective(streams, Targets(labels[rows], scenes[rows]), LABELS, 20.0, step / 60)
        optimizer.zero_grad()
        losses_now.total.backward()
        optimizer.step()
    tokens, embeddings, labels, _ = world(200, 0.0, 50)
    with torch.no_grad():
        ranked = adapter.eval()(tokens, embeddings).dynamic @ LABELS.T
    return float((ranked.argmax(1) == labels).float().mean())


def test_what_debiases_does_so():
    """The plain stream follows the scene; reading correlations follows the motion."""
    plain = accuracy(CONFIG, PLAIN)
    correlated = accuracy(AdapterConfig.from_dict({**CONFIG.as_dict(), "reads": "correlation"}), PLAIN)
    assert plain < 0.75
    assert correlated > 0.9


def test_all_losses_together_train():
    assert accuracy(CONFIG, ObjectiveConfig(), balanced=True) > 0.35
