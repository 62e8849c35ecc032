"""Which videos each step sees."""

from __future__ import annotations

import pytest
import torch
from training_world import CONFIG, QUIET, changed, with_copies

from zeroshot.errors import OptionError
from zeroshot.losses.objective import BESIDE
from zeroshot.losses.step import Targets
from zeroshot.training.batches import Draws, generator_for, read_batch
from zeroshot.training.label_targets import LabelTexts, mirrored_label, mirrored_rows
from zeroshot.training.loop import plan_run
from zeroshot.waist.waist import EMPTIED, Waist


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
    draws = Draws.of(changed(CONFIG, batch_size=64), labels, places, 1)
    rows = torch.cat([draws.at(step)[0] for step in range(100)])
    counts = torch.zeros(4, 4).index_put_(
        (labels[rows], places[rows]), torch.ones(len(rows)), accumulate=True
    )
    torch.testing.assert_close(counts / len(rows), torch.full((4, 4), 1 / 16), atol=0.01, rtol=0)
    plain = Draws.of(changed(CONFIG, balance_scenes=False), labels, places, 1)
    rows = torch.cat([plain.at(step)[0] for step in range(100)])
    assert float((labels[rows] == places[rows]).double().mean()) > 0.7


def test_unbalanced_draws_see_every_video_once_an_epoch():
    draws = Draws.of(
        changed(CONFIG, balance_labels=False, balance_scenes=False), torch.arange(48) % 4, None, 1
    )
    for epoch in range(2):
        rows = torch.cat([draws.at(step)[0] for step in range(3 * epoch, 3 * epoch + 3)])
        assert sorted(rows.tolist()) == list(range(48))
    small = Draws.of(changed(CONFIG, balance_labels=False), torch.arange(5), None, 1)
    assert sorted(small.at(0)[0].tolist()) == list(range(5))


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


def test_generators_of_different_purposes_differ():
    draws = [
        torch.rand(3, generator=generator_for(seed, purpose, step)).tolist()
        for seed in (0, 1)
        for purpose in ("rows", "order", "dropout")
        for step in (0, 1)
    ]
    assert len({tuple(draw) for draw in draws}) == 12


def test_what_lies_beside_clips_is_that_of_their_videos_moment_by_moment(world):
    waist = with_copies(world[0])
    count = len(waist) // 2
    rows, clips = torch.tensor([3, count + 3, 7]), torch.tensor([0, 0, ~0])  # as filmed, elsewhere, backwards
    targets = Targets(torch.zeros(3, dtype=torch.long))
    plain = read_batch(waist, rows, clips, targets, ("classification", "static_classification"))
    assert [plain.beside.elsewhere, plain.beside.emptied, plain.beside.figures] == [None, None, None]
    batch = read_batch(waist, rows, clips, targets, BESIDE)
    assert torch.equal(batch.tokens, waist.batch(rows, clips)[0])
    other, where = batch.beside.elsewhere, torch.tensor([count + 3, 3, count + 7])
    assert torch.equal(other.tokens, waist.batch(where, clips)[0])
    assert torch.equal(other.embeddings, waist.batch(where, clips)[1])
    assert torch.equal(batch.beside.emptied.tokens[0], batch.beside.emptied.tokens[1])
    keys = [waist.rows[row].key + EMPTIED for row in (3, 3, 7)]
    assert torch.equal(batch.beside.emptied.tokens, waist.of_keys(keys, clips)[0])
    assert (batch.beside.figures[0] == 1).all()  # nobody knows
    assert (batch.beside.figures[1, :, 1:3] == 1).all()
    assert (batch.beside.figures[1, :, 3:] == 0).all()
    part = batch.share(1, 2)
    assert torch.equal(part.beside.elsewhere.tokens, other.tokens[1::2])
    assert torch.equal(part.beside.figures, batch.beside.figures[1::2])
    with pytest.raises(OptionError, match="come without copies before other places"):
        read_batch(world[0], torch.tensor([0]), torch.tensor([0]), targets, ("static_dropout",))
