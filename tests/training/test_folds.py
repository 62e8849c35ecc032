"""The fused weight is chosen for labels that are left out, by videos whose scene tells nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tiny_world import made_up
from training_world import SMALL, changed, same, weights, world_and_scenes

from zeroshot.errors import OptionError
from zeroshot.training.config import TrainingConfig
from zeroshot.training.folds import (
    Fold,
    Fusing,
    Openness,
    class_folds,
    fusing_by_folds,
    fusings,
    openness,
)
from zeroshot.training.label_targets import Scenes
from zeroshot.training.loop import fit
from zeroshot.training.methods.table import METHODS
from zeroshot.waist.streams import read_streams
from zeroshot.waist.waist import SWAPPED, Waist

RESIDUAL = changed(
    TrainingConfig.from_dict({}, METHODS["streams"]),
    epochs=2,
    batch_size=16,
    adapter={**METHODS["streams"].adapter, **SMALL, "num_components": 4},
)


def with_copies(waist: Waist) -> Waist:
    """The waist with a copy before another place of each video, after all videos."""
    copies = tuple(replace(row, key=row.key + SWAPPED) for row in waist.rows)
    shard = waist.shards[0]
    keys = (*shard.keys, *(row.key for row in copies))
    doubled = replace(
        shard, keys=keys, tokens=shard.tokens.repeat(2, 0), embeddings=shard.embeddings.repeat(2, 0)
    )
    return replace(waist, rows=(*waist.rows, *copies), shards=(doubled,))


@pytest.mark.parametrize("copies", [False, True])
def test_each_label_is_left_out_once_and_nothing_judged_is_trained_on(copies):
    waist = made_up(80)[0]
    waist = with_copies(waist) if copies else waist
    folds = class_folds(waist, 2, seed=3)
    left_out = [{waist.labels[row] for row in fold.novel} for fold in folds]
    assert sorted(label for labels in left_out for label in labels) == sorted(set(waist.labels))
    for fold, labels in zip(folds, left_out, strict=True):
        learned = {waist.rows[row].video for row in fold.train}
        judged = [waist.rows[row] for row in (*fold.seen, *fold.novel)]
        assert not learned & {row.video for row in judged}
        assert not labels & {waist.labels[row] for row in (*fold.train, *fold.seen)}
        assert {waist.labels[row] for row in fold.seen} == {waist.labels[row] for row in fold.train}
        assert {row.is_copy for row in judged} == {copies}
        assert len(fold.train) > 4 * len(fold.seen) > 0
    assert folds == class_folds(waist, 2, seed=3)
    assert folds != class_folds(waist, 2, seed=4)


def test_too_few_labels_for_the_folds():
    with pytest.raises(OptionError, match="4 labels are too few for 3 folds; expected 6"):
        class_folds(made_up(40)[0], 3, seed=0)


def test_a_fold_counts_right_videos_among_all_labels_and_novel_ones_among_novel_labels():
    (train, held_out, texts), scenes = world_and_scenes()
    adapter = fit(train, held_out, texts, RESIDUAL, scenes=scenes).adapter
    labels = sorted(set(train.labels))
    seen, novel = ([row for row, label in enumerate(train.labels) if label in part]
                   for part in (labels[:2], labels[2:]))  # fmt: skip
    streams = read_streams(adapter, train)
    ways = [Fusing(0.0, 0.3), Fusing(1.0, 1.0)]
    found = openness(adapter, train, Fold((), tuple(seen), tuple(novel)), texts, ways)
    for way, one in zip(ways, found, strict=True):
        rows = adapter.fuse(streams.anchor, streams.correction, way.weight, way.excess)
        scores = rows @ texts.embeddings.T
        right = [texts.labels[place] == label for place, label in
                 zip(scores.argmax(1).tolist(), train.labels, strict=True)]  # fmt: skip
        first, second = (sum(right[row] for row in part) / len(part) for part in (seen, novel))
        assert one.harmonic == pytest.approx(2 * first * second / (first + second) if first + second else 0)
        apart = [max(labels[2:], key=lambda label: float(scores[row, texts.labels.index(label)]))
                 for row in novel]  # fmt: skip
        hits = [label == train.labels[row] for label, row in zip(apart, novel, strict=True)]
        assert one.novel == pytest.approx(sum(hits) / len(hits))
    assert found[0] != found[1]


def test_the_way_with_the_best_harmonic_mean_is_taken_the_first_of_equal_ones(monkeypatch):
    assert best(
        monkeypatch, {1: [(0.1, 0.5), (0.4, 0.5), (0.4, 0.5)], 2: [(0.3, 0.5), (0.2, 0.5), (0.2, 0.5)]}
    ) == (
        Fusing(1.0),
        pytest.approx(0.3),
    )


def test_no_way_is_taken_that_leaves_novel_labels_below_the_anchor(monkeypatch):
    """Of the anchor alone the folds say 0.1 and 0.5."""
    few, many = [(0.1, 0.5), (0.3, 0.5), (0.9, 0.4)], [(0.1, 0.5), (0.3, 0.5), (0.9, 0.48)]
    assert best(monkeypatch, {1: few, 2: many})[0] == Fusing(1.0)
    many = [(0.1, 0.5), (0.3, 0.5), (0.9, 0.6)]  # on average as right as the anchor
    assert best(monkeypatch, {1: few, 2: many})[0] == Fusing(2.0)
    worse = [(0.1, 0.5), (0.3, 0.3), (0.9, 0.1)]  # where none keeps them, the one that comes nearest
    assert best(monkeypatch, {1: worse, 2: worse})[0] == Fusing(1.0)


def best(monkeypatch, found: dict[int, list[tuple[float, float]]]) -> tuple[Fusing, float]:
    """What is chosen of two weights where folds of 1 and of 2 videos say so of no correction, and of them."""
    monkeypatch.setattr(
        "zeroshot.training.folds.openness",
        lambda *given: [Openness(*one) for one in found[len(given[2].train)]],
    )
    waist, texts = made_up(40)
    folds = [Fold((0,), (), ()), Fold((0, 1), (), ())]
    learn = lambda rows: torch.nn.Linear(1, 1)  # noqa: E731
    return fusing_by_folds(waist, texts, [Fusing(1.0), Fusing(2.0)], folds, learn)


def test_what_is_offered_begins_with_what_changes_least():
    choice = changed(RESIDUAL, fused_weights=(2.0, 1.0), fused_excesses=(0.5, 0.1)).choice
    assert fusings(choice, has_excess=False) == [Fusing(1.0), Fusing(2.0)]
    assert fusings(choice, has_excess=True) == [
        Fusing(1.0, 0.1), Fusing(1.0, 0.5), Fusing(2.0, 0.1), Fusing(2.0, 0.5)
    ]  # fmt: skip


def test_training_chooses_by_folds_says_so_and_repeats_itself():
    (train, held_out, texts), scenes = world_and_scenes()
    first = fit(train, held_out, texts, RESIDUAL, scenes=scenes)
    again = fit(train, held_out, texts, RESIDUAL, scenes=scenes)
    plain = fit(train, held_out, texts, changed(RESIDUAL, num_folds=0), scenes=scenes)
    assert "fused weight" in first.notes[-1]
    assert "over 2 folds" in first.notes[-1]
    assert same(weights(first), weights(again))
    weight, excess = float(first.adapter.fused_weight), float(first.adapter.fused_excess)
    assert f"fused weight {weight:g}, excess {excess:.6g}:" in first.notes[-1]
    for name, value in weights(plain).items():
        assert name in {"fused_weight", "fused_excess"} or torch.equal(value, weights(first)[name])
    assert first.history == plain.history


def test_labels_that_are_too_few_choose_by_held_out_videos():
    (train, held_out, texts), scenes = world_and_scenes()
    few = changed(RESIDUAL, num_folds=3)
    fitted = fit(train, held_out, texts, few, scenes=scenes)
    assert fitted.notes[-1] == (
        "4 labels are too few for 3 folds; expected 6: "
        "the fused weight is chosen on held-out videos of seen labels"
    )


def test_one_fold_is_refused():
    with pytest.raises(OptionError, match="num_folds is 1; expected 0, or 2 and more"):
        changed(RESIDUAL, num_folds=1)


def test_videos_that_are_too_few_choose_by_held_out_ones():
    (train, held_out, texts), scenes = world_and_scenes()
    few = train.subset([list(train.labels).index(label) for label in sorted(set(train.labels))])
    with pytest.raises(OptionError, match="4 training videos are too few for 2 folds to judge by"):
        class_folds(few, 2, seed=0)
    rows = [train.rows.index(row) for row in few.rows]
    inner = Scenes(scenes.names, scenes.train[rows], scenes.held_out)
    fitted = fit(few, held_out, texts, changed(RESIDUAL, batch_size=4), scenes=inner)
    assert fitted.notes[-1].startswith(
        "4 training videos are too few for 2 folds to judge by: the fused weight"
    )
