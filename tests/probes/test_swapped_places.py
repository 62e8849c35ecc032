"""Who follows the person and who follows the place are told apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from zeroshot.probes.callable_subject import Function
from zeroshot.probes.subject import Clips, Swaps
from zeroshot.probes.swapped_places import swapped_places

COUNT = 48


def clips():
    """Frames (T, 2): the person's number, and the place's; a label's videos are mostly at its own place."""
    targets = np.arange(COUNT) % 4
    places = np.roll(np.arange(COUNT), 5)
    filmed = torch.stack([torch.from_numpy(targets), torch.from_numpy(targets)], 1)[:, None].float()
    moved = torch.stack([torch.from_numpy(targets), torch.from_numpy(targets[places])], 1)[:, None].float()
    swaps = Swaps(lambda rows: moved[list(rows)], np.arange(COUNT), places)
    names = tuple("abcd"[target] for target in targets)
    return Clips(lambda rows: filmed[list(rows)], tuple("wxyz"), targets, names, swaps=swaps)


def reader(column):
    """A model that answers by one of the two numbers."""

    def rows(frames):
        return np.eye(4)[frames[:, 0, column].long().numpy()]

    return Function("reader", rows, lambda frames: {"answer": rows(frames)})


@pytest.mark.parametrize(("column", "person", "place"), [(0, 48, 0), (1, 0, 48)])
def test_the_counts_are_who_is_followed(column, person, place):
    found = swapped_places(reader(column), clips())
    answer = found.by_stream["answer"]
    assert (answer.person.hits, answer.place.hits, answer.person.total) == (person, place, COUNT)
    assert answer.read_person.hits == person
    assert answer.read_place.hits == place
    assert found.notes == ()
    assert f"follow that place in {place / COUNT:.0%} of 48 clips" in found.verdict
    assert answer.as_dict()["person"]["hits"] == person


def test_without_swapped_clips_it_says_so():
    plain = Clips(clips().batch, tuple("wxyz"), clips().targets)
    assert "no swap probe" in swapped_places(reader(0), plain).notes[0]
