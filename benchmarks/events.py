"""How far the starts and ends of events lie from the truth, with and without the second look: puppet films.

    python benchmarks/events.py
    python benchmarks/events.py --films 6 --window 2

Films are puppet clips one after another, so that each boundary is known: of other people in other places, as
in a cut film, or of one puppet in one place, which does one thing after another. Of each true stretch the
event of its label that overlaps it most counts; stretches that no event overlaps are missed.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np

import zeroshot
from zeroshot.synthetic.render import render
from zeroshot.synthetic.world import View
from zeroshot.video.write import write_video

ACTIONS = (
    "waving",
    "doing push-ups",
    "swimming",
    "climbing",
    "walking right",
    "doing jumping jacks",
    "crawling",
)
SCENES = ("beach", "gym", "swimming pool", "mountains", "desert", "office", "farm")
FRAMES = 37  # a shot; at 12 a second, so that boundaries lie on no grid
SECONDS = FRAMES / 12


def film(path: Path, seed: int, *, cut: bool) -> list[tuple[str, float, float]]:
    """Write a film; gives its true stretches."""
    rng = np.random.default_rng(seed)
    view = View(num_frames=FRAMES, size=(128, 128), fps=12)
    actions = [ACTIONS[place] for place in rng.permutation(len(ACTIONS))[:6]]
    shots = [
        render(
            action, SCENES[ACTIONS.index(action)] if cut else "street", seed * 100 + cut * row, view
        ).frames
        for row, action in enumerate(actions)
    ]
    write_video(path, np.concatenate(shots), view.fps, crf=23)
    return [(action, SECONDS * row, SECONDS * (row + 1)) for row, action in enumerate(actions)]


def errors(
    truth: list[tuple[str, float, float]], found: list[zeroshot.Event]
) -> tuple[list[float], list[float], int]:
    """Errors of starts and of ends inside the film in seconds, and how many stretches were missed."""
    starts, ends, missed = [], [], 0
    for label, start, end in truth:
        own = [
            (min(end, each.end_seconds) - max(start, each.start_seconds), each)
            for each in found
            if each.label == label
        ]
        shared, best = max(own, key=lambda pair: pair[0], default=(0.0, None))
        if best is None or shared <= 0:
            missed += 1
            continue
        if start > 0:
            starts.append(best.start_seconds - start)
        if end < truth[-1][2]:
            ends.append(best.end_seconds - end)
    return starts, ends, missed


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--films", type=int, default=6, help="of each kind")
    parser.add_argument("--window", type=float, default=2.0, help="seconds")
    parser.add_argument("--model", default="puppet-tiny")
    options = parser.parse_args()
    classifier = zeroshot.load(options.model, labels="puppet_actions")
    print(
        "| film | second look | start: median of absolute error, s | end | bias of start | of end | missed |"
    )
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for cut in (True, False):
            films = []
            for seed in range(options.films):
                path = Path(folder) / f"{cut}{seed}.mp4"
                films.append((path, film(path, seed, cut=cut)))
            for refine in (False, True):
                starts, ends, missed, number = [], [], 0, 0
                for path, truth in films:
                    found = list(classifier.events(path, options.window, refine=refine))
                    some = errors(truth, found)
                    starts, ends, missed = starts + some[0], ends + some[1], missed + some[2]
                    number += len(truth)
                figures = [statistics.median(map(abs, some)) for some in (starts, ends)]
                figures += [statistics.median(some) for some in (starts, ends)]
                words = " | ".join(f"{each:.2f}" for each in figures)
                name = "cut together" if cut else "one place, no cut"
                print(f"| {name} | {'yes' if refine else 'no'} | {words} | {missed} of {number} |")


if __name__ == "__main__":
    main()
