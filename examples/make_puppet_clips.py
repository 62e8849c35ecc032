"""Writes the clips in `examples/clips`, their table, and `examples/film.mp4`; the same bytes every time.

    python examples/make_puppet_clips.py --output examples/clips --film examples/film.mp4

Most show an action where puppets mostly do it; the last ones show it where something else is expected. The
film is some of them one after another.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from zeroshot.synthetic.dataset import write_table
from zeroshot.synthetic.render import render
from zeroshot.synthetic.world import View
from zeroshot.video.write import write_video

CLIPS = (
    ("waving", "beach", 16),
    ("raising both arms", "stage", 23),
    ("doing jumping jacks", "office", 7),
    ("kicking", "street", 7),
    ("walking right", "desert", 11),
    ("running left", "farm", 15),
    ("doing push-ups", "gym", 11),
    ("swimming", "swimming pool", 3),
    ("climbing", "mountains", 1),
    ("crawling", "desert", 23),
    ("swimming", "forest", 22),
    ("walking right", "swimming pool", 16),
    ("waving", "kitchen", 11),
    ("running left", "gym", 22),
)
FILM = (
    "waving beach",
    "kicking street",
    "swimming swimming pool",
    "doing push-ups gym",
    "climbing mountains",
)
FILM += ("walking right desert", "doing jumping jacks office", "waving kitchen")


def main() -> None:
    """Render and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, required=True, help="folder of the clips")
    parser.add_argument("--film", type=Path, help="file of the film")
    options = parser.parse_args()
    folder = options.output
    folder.mkdir(parents=True, exist_ok=True)
    view = View(num_frames=24, size=(128, 128), fps=12)
    rows, shots = [], {}
    for action, scene, seed in CLIPS:
        name = f"{action} {scene}.mp4".replace(" ", "_")
        shots[f"{action} {scene}"] = render(action, scene, seed, view).frames
        write_video(folder / name, shots[f"{action} {scene}"], view.fps, crf=23)
        rows.append((name, action, scene))
    write_table(folder / "clips.csv", rows)
    if options.film is not None:
        write_video(options.film, np.concatenate([shots[name] for name in FILM]), view.fps, crf=23)
    print(f"{len(rows)} clips in {folder}")


if __name__ == "__main__":
    main()
