"""Background labels: what is left of the bundled lists beside labels, and what is not."""

from __future__ import annotations

import numpy as np
import pytest

from zeroshot.errors import LabelError
from zeroshot.rejection.background import LISTS, background_labels, background_prompts, background_vectors
from zeroshot.text.prompts import read_labels


class Fixed:
    """A model whose vectors are known."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows

    def embed_prompts(self, prompts) -> np.ndarray:
        assert len(prompts.labels) == len(self.rows)
        return self.rows


def test_what_means_a_label_is_not_behind_it():
    found = set(
        background_labels(["swimming", "PlayingCello", "archaelogical excavation", "dunking basketballs"])
    )
    assert not {name for name in found if "swimming" in name.split() and "pool" not in name}
    assert (
        not {"swimming backstroke", "playing cello", "archaeological excavation", "dunking basketball"}
        & found
    )
    assert {"archery", "playing piano", "kitchen"} <= found


def test_it_is_every_list_without_repeats_and_the_same_each_time():
    found = background_labels(["an unheard of deed"])
    assert found == background_labels(["an unheard of deed"])
    assert len(set(found)) == len(found)
    listed = {label for source in LISTS for label in read_labels(source)}
    assert set(found) <= listed
    assert len(found) > 0.9 * len(listed)


def test_none_left_is_one_line():
    everything = [label for source in LISTS for label in read_labels(source)]
    with pytest.raises(LabelError, match=r"none of the \d+ background labels is left"):
        background_labels(list(dict.fromkeys(everything)))


def test_sentences_are_written_as_those_of_the_labels():
    prompts = background_prompts(["waving"], "a video of {}")
    assert all(
        texts == (f"a video of {label}",) for label, texts in zip(prompts.labels, prompts.texts, strict=True)
    )


def test_what_the_model_takes_for_a_label_goes_too():
    prompts = background_prompts(["waving"])
    number = len(prompts.labels)
    rows = np.zeros((number, 4), np.float32)
    rows[:, 0], rows[3] = 1, (0, 1, 0, 0)
    label = np.array([[0, 1, 0, 0]], np.float32)
    assert len(background_vectors(prompts, label, Fixed(rows))) == number - 1
    with pytest.raises(LabelError, match="tells none of"):
        background_vectors(prompts, rows[:1], Fixed(np.repeat(rows[:1], number, 0)))
