"""The look at held-out videos: figures against loops, and what is chosen by them."""

from __future__ import annotations

import pytest
from training_world import CONFIG, QUIET, changed

from zeroshot.training.balance import balanced_weights
from zeroshot.training.loop import fit
from zeroshot.waist.streams import read_streams


def test_labels_kept_out_are_watched_as_novel_ones(world):
    train_, held_out, texts = world
    rows = [row for row, label in enumerate(train_.labels) if label in {"label 0", "label 1"}]
    config = changed(QUIET, held_out_labels=2, choose_by="harmonic", epochs=2)
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
    fitted = fit(train_, held_out, texts, changed(CONFIG, epochs=1), scenes=scenes)
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
    fitted = fit(train_, held_out, texts, changed(QUIET, epochs=6, fused_weights=(0.0, 3.0)))
    assert float(fitted.adapter.fused_weight) == 3.0
    assert (
        float(fit(train_, held_out, texts, changed(QUIET, fused_weights=(0.0,))).adapter.fused_weight) == 0.0
    )
