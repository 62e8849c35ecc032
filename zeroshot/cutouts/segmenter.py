"""Where a person is, by a segmentation network whose weights the user has."""

from __future__ import annotations

import hashlib
from pathlib import Path
from pickle import UnpicklingError
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from zeroshot.cutouts.finder import Finder, Found
from zeroshot.errors import ModelError, OptionError, one_line
from zeroshot.model.backbone import choose_device
from zeroshot.model.networks.foreign import WEIGHT_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from zeroshot.cutouts.finder import Footage

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_SIDE = 520  # pixels of the shorter side at which torchvision's semantic networks were trained
_AT_ONCE = 8  # frames
_PERSON: Mapping[str, int] = MappingProxyType({"semantic": 15, "instances": 1})
"""The class `person` among Pascal VOC's, and among COCO's."""

SEGMENTERS: Mapping[str, str] = MappingProxyType(
    {
        "lraspp_mobilenet_v3_large": "semantic",
        "deeplabv3_mobilenet_v3_large": "semantic",
        "deeplabv3_resnet50": "semantic",
        "deeplabv3_resnet101": "semantic",
        "fcn_resnet50": "semantic",
        "fcn_resnet101": "semantic",
        "maskrcnn_resnet50_fpn": "instances",
        "maskrcnn_resnet50_fpn_v2": "instances",
    }
)
"""torchvision's architectures whose published weights know persons → how they answer."""


def require_segmenter(name: str, weights: str | Path) -> None:
    """Refuse an architecture that is none, and weights that are no file.

    Raises:
        OptionError: an unknown architecture; the message lists them.
        ModelError: there is no such file.
    """
    if name not in SEGMENTERS:
        raise OptionError(f"no segmentation network {name!r}; expected one of {', '.join(SEGMENTERS)}")
    if not Path(weights).is_file():
        raise ModelError(f"no weights file {str(weights)!r} for {name}; expected an existing file")


class PersonSegmenter(Finder):
    """A network of torchvision that finds persons in frames.

    Attributes:
        name: of the architecture.
        fingerprint: SHA-256 of the file of weights.
    """

    def __init__(self, name: str, weights: str | Path, device: str = "auto") -> None:
        """Build the architecture and fill it.

        Args:
            name: one of `SEGMENTERS`.
            weights: torchvision's own file of weights (`.pth`), or the same as safetensors. Of semantic
                networks those with Pascal VOC's classes, of the others COCO's.
            device: auto, cpu, cuda, cuda:N or mps.

        Raises:
            OptionError: an unknown architecture; the message lists them.
            ModelError: the file cannot be read or holds no weights of that architecture.
        """
        require_segmenter(name, weights)
        self.name, self.finds_nobody, path = name, f"{name} finds nobody in", Path(weights)
        state = _read_state(path)
        self.fingerprint = hashlib.sha256(path.read_bytes()).hexdigest()
        self._device = choose_device(device)
        self._module = _filled(name, state, path).to(self._device).eval()

    def find(self, footage: Footage) -> Found:
        """Where the network sees persons."""
        return Found(self.levels(footage.film.clip.frames))

    @torch.inference_mode()
    def levels(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(T, H, W) uint8 of frames (T, 3, H, W) uint8 RGB: 255 where a person surely is, 0 where none is."""
        read = self._semantic if SEGMENTERS[self.name] == "semantic" else self._instances
        parts = torch.split(torch.from_numpy(frames), _AT_ONCE)
        shares = torch.cat([read(part.to(self._device).float() / 255).cpu() for part in parts])
        result: NDArray[np.uint8] = (255 * shares).round().to(torch.uint8).numpy()
        return result

    def _semantic(self, pixels: Tensor) -> Tensor:
        """(T, H, W) shares of a network that gives each pixel a class."""
        size = pixels.shape[-2:]
        scale = _SIDE / min(size)
        mean, std = (torch.tensor(each, device=pixels.device)[:, None, None] for each in (_MEAN, _STD))
        large = F.interpolate(pixels, scale_factor=scale, mode="bilinear", antialias=True)
        logits = self._module((large - mean) / std)["out"]
        shares = logits.softmax(1)[:, _PERSON["semantic"]][:, None]
        return F.interpolate(shares, size, mode="bilinear", antialias=True)[:, 0].clamp(0, 1)

    def _instances(self, pixels: Tensor) -> Tensor:
        """(T, H, W) shares of a network that gives each person found a mask, for those it is half sure of."""
        shares = []
        for found, frame in zip(self._module(list(pixels)), pixels, strict=True):
            sure = (found["labels"] == _PERSON["instances"]) & (found["scores"] >= 0.5)
            masks = found["masks"][sure, 0]
            shares.append(masks.amax(0) if len(masks) else torch.zeros_like(frame[0]))
        return torch.stack(shares)


def _read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, read without running code.

    Raises:
        ModelError: it cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if path.suffix not in WEIGHT_SUFFIXES:
        raise ModelError(f"{path} is no weights file; expected one of {', '.join(WEIGHT_SUFFIXES)}")
    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, UnpicklingError, SafetensorError) as error:
        raise ModelError(
            f"cannot read {path}: {one_line(error)}; expected torchvision's weights, as tensors alone"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ModelError(f"{path} holds no state dict; expected torchvision's weights, as tensors alone")
    return state


def _filled(name: str, state: dict[str, Tensor], path: Path) -> torch.nn.Module:
    """The network of that name with these weights.

    Raises:
        ModelError: they are not that architecture's.
    """
    import torchvision

    choices: dict[str, bool] = {}
    if any(key.startswith("aux_classifier") for key in state):
        choices["aux_loss"] = True
    try:
        module: torch.nn.Module = torchvision.models.get_model(
            name, weights=None, weights_backbone=None, **choices
        )
        module.load_state_dict(state)
    except (RuntimeError, TypeError) as error:
        raise ModelError(f"{path} holds no weights for {name}: {one_line(error)}") from error
    return module
