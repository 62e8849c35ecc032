"""Puppets whose persons and places are known to the bit, and sets made of them."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.bias.recipe import BiasRecipe
from zeroshot.datasets.splits import LabeledVideo, Split
from zeroshot.synthetic.render import render_many
from zeroshot.synthetic.world import ACTIONS, SCENES, View
from zeroshot.video.decoders.all_frames import read_film
from zeroshot.video.write import write_video

if TYPE_CHECKING:
    from pathlib import Path

    from zeroshot.bias.manifest import BiasManifest, BiasRow
    from zeroshot.synthetic.world import PuppetVideo

VIEW = View(num_frames=6, size=(36, 48))
EXACT = {"crf": None, "least_person": 0.0}


def puppets(count: int = 6, view: View = VIEW) -> list[PuppetVideo]:
    """Videos of three actions in as many scenes, each in turn."""
    actions = [ACTIONS.index(("jumping", "bowing", "waving")[row % 3]) for row in range(count)]
    scenes = [SCENES.index(("beach", "kitchen", "forest")[(row // 2) % 3]) for row in range(count)]
    return render_many(actions, scenes, list(range(count)), view)


def write_world(folder: Path, videos: list[PuppetVideo], *, soft: bool = False) -> Split:
    """The videos without loss, `masks/`, `backgrounds/` and a table beside them."""
    (folder / "masks").mkdir(parents=True)
    (folder / "backgrounds").mkdir()
    rows = []
    for number, video in enumerate(videos):
        path = folder / f"v{number}.mp4"
        write_video(path, video.frames, 8.0, crf=None)
        write_video(folder / "backgrounds" / path.name, video.background, 8.0, crf=None)
        np.savez_compressed(folder / "masks" / f"v{number}.npz", masks=video.alpha if soft else video.masks)
        rows.append(LabeledVideo(str(path), ACTIONS[video.action], SCENES[video.scene]))
    with (folder / "videos.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(("path", "label", "scene"))
        table.writerows((f"v{row}.mp4", video.label, video.scene) for row, video in enumerate(rows))
    return Split.of("puppets", rows)


def recipe(folder: Path, **changes: object) -> BiasRecipe:
    """With exact masks and backgrounds, without loss."""
    known = {"masks": str(folder / "masks"), "backgrounds": str(folder / "backgrounds")}
    return BiasRecipe(**{**EXACT, **known, **changes})


def frames_of(manifest: BiasManifest, row: BiasRow) -> np.ndarray:
    """(T, 3, H, W) of one video of a set."""
    return read_film(manifest.folder / row.path, 60.0, 10_000).clip.frames


def number(source: str) -> int:
    """Which puppet a source is."""
    return int(source.rpartition("/v")[2].removesuffix(".mp4"))
