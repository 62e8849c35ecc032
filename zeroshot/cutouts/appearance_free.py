"""Noise that moves as a clip does: no frame of it tells anything, all of them together tell the movement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zeroshot.cutouts.optical_flow import backward_flow

if TYPE_CHECKING:
    from numpy.typing import NDArray


def appearance_free(frames: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint8]:
    """(T, 3, H, W) uint8: one picture of noise, in each frame moved as the clip moves from the frame before.

    Args:
        frames: (T, 3, H, W).
        generator: of the noise.

    Source: Ilic et al., ECCV 2022 (Appearance Free Dataset): every frame shows the same first picture, moved
        by that frame's own flow. There a pixel of the noise may come up several times, and copies beside each
        other show in a single frame where something moves; here `moved_noise` uses each one once.
    """
    noise = generator.integers(0, 256, frames.shape[1:], dtype=np.uint8)
    return np.stack([moved_noise(noise, step, generator) for step in backward_flow(frames)])


def moved_noise(
    noise: NDArray[np.uint8], step: NDArray[np.float32], generator: np.random.Generator
) -> NDArray[np.uint8]:
    """(3, H, W) noise moved by one frame's flow, as even as before: what comes from nowhere is drawn anew.

    Each pixel takes the one it comes from, and of several that come from the same the fastest takes it: what
    moves covers what rests. The others, and those that come from outside, are drawn. Whatever the flow, all
    pixels are then independent draws, so a single frame has the same law as the noise itself.

    Args:
        noise: (3, H, W) uint8, independent draws.
        step: (2, H, W) how far each pixel's origin lies right and down.
        generator: of what is drawn anew.
    """
    height, width = noise.shape[1:]
    down, across = np.mgrid[0:height, 0:width]
    rows, columns = down + np.rint(step[1]).astype(np.intp), across + np.rint(step[0]).astype(np.intp)
    inside = np.flatnonzero((rows >= 0) & (rows < height) & (columns >= 0) & (columns < width))
    origins = (rows * width + columns).ravel()[inside]
    fastest = np.argsort(-np.hypot(step[0], step[1]).ravel()[inside], kind="stable")
    taken, first = np.unique(origins[fastest], return_index=True)
    made = generator.integers(0, 256, (3, height * width), dtype=np.uint8)
    made[:, inside[fastest[first]]] = noise.reshape(3, -1)[:, taken]
    return made.reshape(noise.shape)
