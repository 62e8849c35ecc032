"""High dynamic range to what an ordinary screen shows: PQ and HLG, BT.2020 to BT.709.

As players do it for a standard screen: diffuse white (203 nits in PQ, 75 % of the signal in HLG) becomes
white, what is brighter is compressed into the last bit below it, colours outside BT.709 are cut off.

Source: ITU-R BT.2100 (transfer functions), BT.2408 (203 nits), BT.2087 (primaries), BT.1886 (the screen).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from av import VideoFrame
    from numpy.typing import NDArray

_PQ, _HLG = 16, 18  # transfer characteristics by ITU-T H.273
_BT709 = 1  # primaries by H.273
_WHITE_NITS = 203.0
_HLG_PEAK_NITS = 1000.0
_SCREEN_GAMMA = 2.4
_KNEE = 0.9  # of white, linear: what is darker stays as it is
_STEPS = (
    1 << 14
)  # of the last table, over the root of the light, so that dark steps are finer than the screen's

_LUMINANCE_2020 = np.array([0.2627, 0.6780, 0.0593], dtype=np.float32)
_TO_709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], dtype=np.float32
)


def is_high_dynamic_range(frame: VideoFrame) -> bool:
    """Whether a frame says that it is PQ or HLG."""
    return frame.color_trc in {_PQ, _HLG}


def standard_range(pixels: NDArray[np.uint16], transfer: int, primaries: int) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 for an ordinary screen.

    Args:
        pixels: (H, W, 3) the signal as RGB, 0 to 65535.
        transfer: `color_trc` of the frame: PQ or HLG.
        primaries: `color_primaries` of the frame; all but BT.709's own count as BT.2020's.
    """
    light = _light_table(transfer)[pixels]
    if transfer == _HLG:
        # The screen's part of HLG: brighter pixels gain, by their luminance, so that hues stay.
        light *= np.maximum(light @ _LUMINANCE_2020, 1e-6)[..., None] ** 0.2 * (_HLG_PEAK_NITS / _WHITE_NITS)
    if primaries != _BT709:
        light = light @ _TO_709.T
    np.maximum(light, 0.0, out=light)
    light *= _compression(light.max(axis=-1))[..., None]
    places = np.sqrt(light, out=light) * np.float32(_STEPS - 1) + np.float32(0.5)
    screen: NDArray[np.uint8] = _screen_table()[np.minimum(places, _STEPS - 1).astype(np.uint16)]
    return screen


def _compression(brightest: NDArray[np.float32]) -> NDArray[np.float32]:
    """By what each pixel's light is multiplied, so that its brightest channel stays below white."""
    room = 1.0 - _KNEE
    above = np.maximum(brightest - _KNEE, 0.0)
    target = _KNEE + room * above / (above + room)
    return np.where(above > 0, target / np.maximum(brightest, _KNEE), 1.0).astype(np.float32)


@cache
def _light_table(transfer: int) -> NDArray[np.float32]:
    """(65536,) linear light of each level of signal: of PQ in units of diffuse white, of HLG the scene's."""
    signal = np.arange(65536, dtype=np.float64) / 65535
    if transfer == _PQ:
        root = signal ** (32 / 2523)  # 1 / m2
        light = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
        return (10000 / _WHITE_NITS * light ** (16384 / 2610)).astype(np.float32)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12).astype(np.float32)


@cache
def _screen_table() -> NDArray[np.uint8]:
    """(_STEPS,) what is sent to a screen for the root of each amount of light."""
    light = (np.arange(_STEPS) / (_STEPS - 1)) ** 2
    return np.rint(255 * light ** (1 / _SCREEN_GAMMA)).astype(np.uint8)
