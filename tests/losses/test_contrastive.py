"""The contrastive loss against its closed forms and a loop, and a queue that begins empty."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from zeroshot.losses.contrastive import MISLED, TEMPERATURE, ContrastMemory, contrast, contrastive
from zeroshot.losses.step import Batch, Step, Targets
from zeroshot.types import Streams


def unit(*shape, seed=0):
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def test_closed_forms():
    same = unit(1, 8).expand(9, 8)
    assert float(contrast(same[0], same[:3], same[3:])) == pytest.approx(math.log(1 + 6), rel=1e-5)
    axes = torch.eye(8, dtype=torch.float64)
    found = float(contrast(axes[0], axes[:1], axes[1:6]))
    assert found == pytest.approx(math.log(1 + 5 * math.exp(-1 / TEMPERATURE)), rel=1e-4, abs=1e-12)


def step(progress=0.0, seed=0):
    """24 clips of 4 labels, of which scenery takes every fourth for another label's."""
    labels = torch.arange(24) % 4
    said = torch.where(torch.arange(24) % 4 == torch.arange(24) // 6, (labels + 1) % 4, labels)
    looks = torch.eye(6)[said] * 4 + 0.3 * torch.randn(24, 6, generator=torch.Generator().manual_seed(seed))
    rows = unit(24, 6, seed=seed + 1)
    batch = Batch(torch.zeros(24, 2, 1, 3), looks[:, None].expand(24, 2, 6), Targets(labels))
    made = Step(batch, torch.eye(6)[:4], 20.0, progress, lambda *_: Streams(rows, rows, rows))
    return made, said != labels


def test_an_empty_queue_teaches_nothing_and_a_full_one_is_the_loop():
    torch.manual_seed(0)
    memory = ContrastMemory(6)
    first, misled = step()
    first.parts = torch.nn.ModuleDict({"contrastive": memory})
    assert float(contrastive(first).detach()) == 0
    assert int(memory.filled) == 24
    assert torch.equal(memory.hard[:24], misled)
    second, _ = step(0.5, seed=5)
    second.parts = first.parts
    keys, labels, looks = memory.keys[:24].clone(), memory.labels[:24].clone(), memory.looks[:24].clone()
    found = contrastive(second)
    losses = []
    own = F.normalize(second.batch.embeddings.mean(1), dim=1)
    queries = F.normalize(memory.project(second.streams().dynamic), dim=1)
    for row in range(24):
        label = int(second.targets.labels[row])
        wrong = 1 - float((20 * own[row, :4]).softmax(0)[label])
        positives = [keys[i] for i in range(24) if labels[i] == label and misled[i]]
        negatives = [keys[i] for i in range(24) if labels[i] != label]
        if wrong < MISLED or not positives:
            continue
        for positive in positives:
            near = math.exp(float(queries[row].detach() @ positive) / TEMPERATURE)
            far = sum(math.exp(float(queries[row].detach() @ other) / TEMPERATURE) for other in negatives)
            losses.append((row, -math.log(near / (near + far))))
    means = [
        sum(v for r, v in losses if r == row) / sum(r == row for r, _ in losses)
        for row in {r for r, _ in losses}
    ]
    assert float(found.detach()) == pytest.approx(sum(means) / len(means), rel=1e-4)
    assert looks.shape == (24, 6)
    found.backward()
    assert float(memory.project.weight.grad.abs().sum()) > 0


def test_positives_are_the_nearest_and_the_hundred_and_fifty_farthest():
    """The trap of cutting to the smallest count of a batch first: then the farthest are not the farthest."""
    memory = ContrastMemory(6)
    keys, labels = unit(320, 128, seed=3), torch.arange(320) % 2
    memory.keys[:320], memory.labels[:320], memory.hard[:320] = keys, labels, True
    memory.looks[:320] = unit(320, 6, seed=4)
    memory.filled.fill_(320)
    query = unit(2, 128, seed=5)
    found = float(memory.loss(query[:1], unit(1, 6, seed=6), torch.tensor([0])))
    mine = sorted(keys[labels == 0], key=lambda key: float(key @ query[0]))
    chosen = torch.stack([*mine[:150], mine[-1]])
    assert found == pytest.approx(float(contrast(query[0], chosen, keys[labels == 1])), rel=1e-5)
    # Another query of the batch whose label has few positives changes nothing for the first.
    memory.labels[4:320:4] = 7
    memory.hard[4:320:4] = False
    few = float(memory.loss(query[:1], unit(1, 6, seed=6), torch.tensor([0])))
    both = float(memory.loss(query, unit(1, 6, seed=6).expand(2, 6), torch.tensor([0, 1])))
    other = float(memory.loss(query[1:], unit(1, 6, seed=6), torch.tensor([1])))
    assert both == pytest.approx((few + other) / 2, rel=1e-5)


def test_the_second_projection_follows_and_the_oldest_give_way():
    memory = ContrastMemory(6)
    with torch.no_grad():
        memory.project.weight.add_(1.0)
    before = memory.follow.weight.clone()
    for _ in range(200):
        memory.remember(
            unit(24, 6), unit(24, 6), torch.zeros(24, dtype=torch.long), torch.ones(24, dtype=torch.bool)
        )
    assert int(memory.filled) == 4800
    assert (memory.labels == 0).all()
    share = 1 - 0.999**200
    assert torch.allclose(memory.follow.weight, before + share, atol=1e-4)
