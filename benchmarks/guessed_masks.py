"""How far bias figures move when masks are guessed: the same puppets and model, exact masks and guesses.

    python benchmarks/guessed_masks.py --output FOLDER

Puppets whose masks and places are known, filmed by a camera that rests and by one held in a hand, become
background-only, human-only and swapped clips three times: by their own masks and places, by masks of what
moves, and by masks of tokens (of puppet-tiny), places then being filled in. puppet-tiny is scored on all.
Prints Markdown: intersection over union of guessed and exact masks; BOR, HOR, SHAcc, SBErr of each stream;
then for each finder the lowest and highest change, which `zeroshot/bias/guessed.py` tells on every report.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from facts import machine_facts

from zeroshot.bias.make import make_bias_sets
from zeroshot.bias.recipe import BiasRecipe
from zeroshot.bias.score import score_bias
from zeroshot.checkpoint import load_model
from zeroshot.synthetic.dataset import write_puppet_videos
from zeroshot.synthetic.world import View
from zeroshot.video.masks import PERSON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zeroshot.bias.manifest import BiasManifest
    from zeroshot.model.model import Model

CAMERAS = {"rests": 0.0, "hand-held": 0.01}
FINDERS = {"exact": "", "motion": "motion", "tokens": "tokens:puppet-tiny"}
KINDS = ("background-only", "human-only", "swap-random")
METRICS = ("bor", "hor", "shacc-random", "sberr-random")


def sets_of(folder: Path, output: Path, finder: str) -> BiasManifest:
    """The sets of one world by one finder; exact ones by its own masks and places."""
    masks, places = (finder, None) if finder else (str(folder / "masks"), str(folder / "backgrounds"))
    # Every puppet is swapped, whatever share it covers: the clips are then the same for all finders.
    recipe = BiasRecipe(kinds=KINDS, masks=masks, backgrounds=places, least_person=0.0, most_person=1.0)
    return make_bias_sets(folder / "videos.csv", output, recipe)


def overlap(manifest: BiasManifest, truth: Path) -> float:
    """Mean intersection over union of the masks that were used with the exact ones."""
    shares = []
    for row in manifest.of_kind("original"):
        levels = [
            np.load(path)["masks"] >= PERSON
            for path in (
                manifest.folder / "masks" / f"{row.clip}.npz",
                truth / f"{Path(row.source).stem}.npz",
            )
        ]
        shares.append((levels[0] & levels[1]).sum() / (levels[0] | levels[1]).sum())
    return float(np.mean(shares))


def measured(output: Path, camera: str, num_videos: int, model: Model) -> Iterator[tuple[str, float, dict]]:
    """Finder, overlap, and stream → metric → per cent, for one camera."""
    world = output / f"puppets-{camera}"
    view = View(camera_jitter=CAMERAS[camera])
    for _ in write_puppet_videos(world, num_videos, seed=11, view=view, truth=True):
        pass
    for name, finder in FINDERS.items():
        manifest = sets_of(world, output / f"sets-{camera}-{name}", finder)
        (scored,) = score_bias(manifest, [model]).models
        shares = {
            stream: {metric: 100 * metrics[metric].value for metric in METRICS}
            for stream, metrics in scored.streams.items()
        }
        yield name, overlap(manifest, world / "masks"), shares


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--num-videos", type=int, default=96)
    asked = parser.parse_args()
    changes: dict[str, list[tuple[float, ...]]] = {name: [] for name in FINDERS if name != "exact"}
    print("| camera | masks | IoU | stream | BOR | HOR | SHAcc | SBErr |\n|---|---|---|---|---|---|---|---|")
    with load_model("puppet-tiny", device="cpu") as model:
        for camera in CAMERAS:
            exact: dict = {}
            for name, iou, shares in measured(asked.output, camera, asked.num_videos, model):
                exact = exact or shares
                for stream, figures in shares.items():
                    cells = " | ".join(f"{figures[metric]:.0f}" for metric in METRICS)
                    print(f"| {camera} | {name} | {iou:.2f} | {stream} | {cells} |", flush=True)
                    moved = [figures[metric] - exact[stream][metric] for metric in METRICS]
                    if name in changes:
                        changes[name].append((iou, *moved))
    print("\n| masks | IoU | BOR | HOR | SHAcc | SBErr |\n|---|---|---|---|---|---|")
    for name, rows in changes.items():
        ends = zip(np.min(rows, 0), np.max(rows, 0), strict=True)
        (low, high), *others = ends
        cells = " | ".join(f"{least:+.0f} to {most:+.0f}" for least, most in others)
        print(f"| {name} | {low:.2f} to {high:.2f} | {cells} |")
    print(f"\n{asked.num_videos} puppets a camera. {machine_facts()}")


if __name__ == "__main__":
    main()
