"""What the layers of any torch network show of each video: by hooks, whatever the network's own code is."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from zeroshot.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.BatchNorm2d, nn.BatchNorm3d)
_BLOCK = re.compile(r"^(?:visual|vision_model)\.(?:[a-z_]+\.)*(?:resblocks|blocks|layers)\.\d+$")


def named_layers(network: nn.Module, names: Sequence[str]) -> dict[str, nn.Module]:
    """Name → the network's module of that name, as `named_modules` has it.

    Raises:
        OptionError: a layer that is not there; the line names a few that are.
    """
    there = dict(network.named_modules())
    for name in names:
        if name not in there or not name:
            some = ", ".join([each for each in there if each][:8]) or "none"
            raise OptionError(
                f"layer {name!r} is not in {type(network).__name__}; expected names of its named_modules(), "
                f"such as {some}"
            )
    return {name: there[name] for name in names}


def vision_blocks(network: nn.Module) -> dict[str, nn.Module]:
    """`block 0`, `block 1`, … → the blocks of a CLIP's vision tower, of open_clip, timm or transformers."""
    found = [layer for name, layer in network.named_modules() if _BLOCK.search(name)]
    return {f"block {number}": layer for number, layer in enumerate(found)}


@contextmanager
def watching(layers: Mapping[str, nn.Module]) -> Iterator[dict[str, list[Tensor]]]:
    """Name → what the layer gave in each call while this is open, the first tensor of each."""
    seen: dict[str, list[Tensor]] = {name: [] for name in layers}

    def watch(name: str) -> Callable[[nn.Module, object, object], None]:
        def keep(_module: nn.Module, _given: object, shown: object) -> None:
            output = shown[0] if isinstance(shown, tuple | list) else shown
            if isinstance(output, Tensor):
                seen[name].append(output)

        return keep

    hooks = [layer.register_forward_hook(watch(name)) for name, layer in layers.items()]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def pooled(outputs: Sequence[Tensor], num_videos: int, layer: nn.Module) -> Tensor:
    """(B, U) means of what a layer gave of B videos, over frames, places and tokens; on the CPU.

    Args:
        outputs: of all calls, in order.
        num_videos: B.
        layer: that gave it.

    Raises:
        OptionError: as `by_unit`.
    """
    return by_unit([output.detach() for output in outputs], num_videos, layer).float().mean(1).cpu()


def by_unit(outputs: Sequence[Tensor], num_videos: int, layer: nn.Module) -> Tensor:
    """(B, N, U) what a layer gave of B videos: N frames, places and tokens, U units.

    Units come second after convolutions, (B, U, T, H, W) or (B, U, H, W), and else last, (B, N, U). Where a
    layer sees frames one by one, B · T rows, those of a video stand together.

    Args:
        outputs: of all calls, in order.
        num_videos: B.
        layer: that gave it.

    Raises:
        OptionError: it gave nothing, or numbers of no known shape.
    """
    kind = type(layer).__name__
    if not outputs:
        raise OptionError(
            f"a layer ({kind}) gave no tensor when the network ran; name layers that take part in its answer"
        )
    rows = torch.cat(list(outputs))
    if rows.ndim < 2 or not len(rows) or len(rows) % num_videos:
        raise OptionError(
            f"a layer ({kind}) gives {tuple(outputs[0].shape)} of {num_videos} videos; expected the videos, "
            "or their frames, first"
        )
    convolves = any(isinstance(part, _CONVOLUTIONS) for part in layer.modules())
    if rows.ndim > 3 and convolves:
        rows = rows.movedim(1, -1)
    return rows.reshape(num_videos, -1, rows.shape[-1])
