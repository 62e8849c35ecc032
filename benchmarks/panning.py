"""Motion masks before a camera that moves, where the true masks are known.

    python benchmarks/panning.py --clips FOLDER

Puppets stand before the first frames of four clips, enlarged, over which a camera pans, zooms and rolls; 48
frames of 320×240 with noise. For each way of moving: intersection over union of the motion masks with the
true ones, and how far the place behind the puppet (its true mask given) is off, in levels; with the camera
followed, and taken for still. Prints Markdown.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from zeroshot.cutouts.camera import CameraPath, follow_camera
from zeroshot.cutouts.inpaint import clean_plate
from zeroshot.cutouts.motion_mask import motion_mask
from zeroshot.synthetic.render import render_many
from zeroshot.synthetic.world import ACTIONS, View, composite
from zeroshot.video.decoders.all_frames import read_film

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zeroshot.synthetic.world import PuppetVideo

HEIGHT, WIDTH, FRAMES, FPS = 240, 320, 48, 25
CLIPS = ("walking_the_dog.mp4", "playing_basketball.mp4", "archery.avi", "hitting_baseball.mp4")
MOVES = {  # pixels across and down a frame, zoom and roll a frame
    "rests": (0.0, 0.0, 0.0, 0.0),
    "pans slowly": (0.8, 0.1, 0.0, 0.0),
    "pans": (2.3, 0.4, 0.0, 0.0),
    "pans fast": (4.6, -0.7, 0.0, 0.0),
    "zooms": (0.6, 0.0, 0.006, 0.0),
    "rolls": (1.1, 0.3, 0.0, 0.004),
}


def backdrop(path: Path) -> Image.Image:
    """The first frame of a clip, its shorter side 700 pixels."""
    frame = read_film(path, 2.0, 2000).clip.frames[0].transpose(1, 2, 0)
    scale = 700 / min(frame.shape[:2])
    size = (round(frame.shape[1] * scale), round(frame.shape[0] * scale))
    return Image.fromarray(np.ascontiguousarray(frame)).resize(size, Image.Resampling.BICUBIC)


def filmed(
    back: Image.Image, puppet: PuppetVideo, move: tuple[float, ...], seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Frames and backgrounds, each (T, 3, H, W)."""
    right, down, zoom, roll = move
    places = []
    for u in np.arange(FRAMES) - FRAMES / 2:
        a, b = np.exp(-zoom * u) * np.cos(roll * u), -np.exp(-zoom * u) * np.sin(roll * u)
        x, y = back.width / 2 + right * u, back.height / 2 + down * u
        corner = (a, b, x - (a * WIDTH + b * HEIGHT) / 2, -b, a, y - (a * HEIGHT - b * WIDTH) / 2)
        place = back.transform((WIDTH, HEIGHT), Image.Transform.AFFINE, corner, Image.Resampling.BICUBIC)
        places.append(np.asarray(place).transpose(2, 0, 1))
    backgrounds = np.stack(places)
    noise = np.random.default_rng(seed).normal(0, 2, backgrounds.shape)
    frames = composite(puppet.figure, puppet.alpha, backgrounds) + noise
    return frames.round().clip(0, 255).astype(np.uint8), backgrounds


def measured(
    frames: NDArray[np.uint8], backgrounds: NDArray[np.uint8], masks: NDArray[np.bool_], path: CameraPath
) -> tuple[float, float]:
    """Intersection over union of the motion masks, and mean error of the place behind the person."""
    found = motion_mask(frames, path=path) >= 128
    plate = clean_plate(frames, masks.astype(np.uint8) * 255, path)
    error = np.abs(plate.astype(int) - backgrounds).mean(1)[masks].mean()
    return float((found & masks).sum() / (found | masks).sum()), float(error)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=Path, required=True)
    folder = parser.parse_args().clips
    actions = [ACTIONS.index(name) for name in ("jumping", "waving", "kicking", "bowing")]
    view = View(num_frames=FRAMES, size=(HEIGHT, WIDTH), fps=FPS, camera_jitter=0)
    puppets = render_many(actions, [0, 1, 2, 3], [3, 4, 5, 6], view)
    backs = [backdrop(folder / name) for name in CLIPS]
    still = CameraPath(np.tile(np.eye(3), (FRAMES, 1, 1)), (96, 128))
    print("| the camera | IoU | taken for still | place off by | taken for still |\n|---|---|---|---|---|")
    seconds = videos = 0.0
    for name, move in MOVES.items():
        figures = []
        for seed, (back, puppet) in enumerate(zip(backs, puppets, strict=True)):
            frames, backgrounds = filmed(back, puppet, move, seed)
            start = time.process_time()
            path = follow_camera(frames)
            followed = measured(frames, backgrounds, puppet.masks, path)
            seconds, videos = seconds + time.process_time() - start, videos + FRAMES / FPS
            figures.append((*followed, *measured(frames, backgrounds, puppet.masks, still)))
        iou, error, iou_still, error_still = np.mean(figures, 0)
        print(f"| {name} | {iou:.2f} | {iou_still:.2f} | {error:.1f} | {error_still:.1f} |", flush=True)
    print(f"\n{seconds / videos:.2f} s of processor time a second of video: path, mask and place together.")


if __name__ == "__main__":
    main()
