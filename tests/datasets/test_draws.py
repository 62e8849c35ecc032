"""Draws of half the labels: those that papers publish, and the generators run by hand."""

from __future__ import annotations

import random

import numpy as np
import pytest

from zeroshot.datasets.draws import few_of_each, numpy_halves, open_vclip_halves
from zeroshot.text.prompts import read_labels

# The first of the ten lists that Open-VCLIP publishes for each data set.
OPEN_VCLIP = {
    "hmdb51": (
        "brush hair, chew, climb, draw sword, dribble, drink, fall floor, golf, handstand, hit, hug, "
        "laugh, pullup, punch, pushup, ride bike, ride horse, run, situp, somersault, stand, swing "
        "baseball, talk, throw, turn"
    ),
    "ucf101": (
        "apply eye makeup, apply lipstick, band marching, biking, billiards, blowing candles, body weight "
        "squats, boxing speed bag, breast stroke, clean and jerk, cliff diving, cricket shot, cutting in "
        "kitchen, fencing, field hockey penalty, frisbee catch, front crawl, golf swing, haircut, "
        "hammering, hammer throw, horse riding, hula hoop, javelin throw, juggling balls, kayaking, "
        "military parade, mopping floor, nunchucks, parallel bars, playing cello, playing dhol, playing "
        "guitar, playing tabla, playing violin, pull ups, punch, push ups, rafting, rope climbing, salsa "
        "spin, skate boarding, skiing, sky diving, still rings, sumo wrestling, tennis swing, typing, "
        "walking with dog, writing on board"
    ),
}


@pytest.mark.parametrize("name", ["hmdb51", "ucf101"])
def test_the_halves_of_open_vclip_are_those_that_it_publishes(name):
    labels = read_labels(name)
    halves = open_vclip_halves(len(labels))
    assert ", ".join(labels[row] for row in halves[0]) == OPEN_VCLIP[name]
    random.seed(2023)
    for half in halves:
        rows = list(range(len(labels)))
        random.shuffle(rows)
        assert half == sorted(rows[: len(labels) // 2])


@pytest.mark.parametrize("num_labels", [51, 101, 7])
def test_the_halves_of_bike_are_numpys_old_permutation(num_labels):
    state = np.random.get_state()
    for seed, half in enumerate(numpy_halves(num_labels)):
        np.random.seed(seed)
        assert half == sorted(np.random.permutation(num_labels)[: num_labels // 2].tolist())
    np.random.set_state(state)
    assert len(numpy_halves(num_labels)) == 10


def test_drawing_leaves_the_generators_of_others_alone():
    random.seed(1)
    np.random.seed(1)
    expected = random.random(), np.random.rand()
    random.seed(1)
    np.random.seed(1)
    numpy_halves(51)
    open_vclip_halves(51)
    assert (random.random(), np.random.rand()) == expected


def test_few_of_each_label_and_fewer_of_the_same():
    rows = {"a": list(range(30)), "b": [7, 8, 9], "c": []}
    sixteen, two = few_of_each(rows, 16), few_of_each(rows, 2)
    assert {label: len(some) for label, some in sixteen.items()} == {"a": 16, "b": 3, "c": 0}
    assert two == {label: some[:2] for label, some in sixteen.items()}
    assert len(set(sixteen["a"])) == 16
    assert few_of_each(rows, 16, seed=1) != sixteen
    assert few_of_each(rows, 16) == sixteen
