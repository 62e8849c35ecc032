"""Writes the clips in `examples/clips` and their table; the same bytes every time.

    python examples/make_puppet_clips.py --output examples/clips

Most show an action where puppets mostly do it; the last ones show it where something else is expected.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from zeroshot.synthetic.dataset import write_table
from zeroshot.synthetic.render import render
from zeroshot.synthetic.world import View
from zeroshot.video.write import write_video

CLIPS = (
    ("waving", "beach", 3),
    ("raising both arms", "stage", 2),
    ("doing jumping jacks", "office", 3),
    ("kicking", "street", 1),
    ("walking right", "desert", 1),
    ("running left", "farm", 3),
    ("doing push-ups", "gym", 2),
    ("swimming", "swimming pool", 2),
    ("climbing", "mountains", 1),
    ("crawling", "desert", 3),
    ("swimming", "forest", 3),
    ("walking right", "swimming pool", 3),
    ("waving", "kitchen", 5),
    ("running left", "gym", 4),
)


def main() -> None:
    """Render and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, required=True, help="folder of the clips")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    view = View(num_frames=24, size=(128, 128), fps=12)
    rows = []
    for action, scene, seed in CLIPS:
        name = f"{action} {scene}.mp4".replace(" ", "_")
        write_video(folder / name, render(action, scene, seed, view).frames, view.fps, crf=23)
        rows.append((name, action, scene))
    write_table(folder / "clips.csv", rows)
    print(f"{len(rows)} clips in {folder}")


if __name__ == "__main__":
    main()
