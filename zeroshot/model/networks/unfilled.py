"""Networks built before their weights are there: nothing is filled with numbers that are replaced at once."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

# What writes numbers into a tensor, most of it by chance, as a method and in torch.nn.init.
_WRITES = {"normal_", "uniform_", "trunc_normal_", "bernoulli_", "exponential_", "random_", "triu_"}
_SCALED = {"__mul__", "__rmul__", "mul"}  # by a number


@contextmanager
def unfilled() -> Iterator[None]:
    """Modules that this thread builds within have parameters of the right sizes, and no numbers in them.

    Buffers are made as ever: what is not kept in checkpoints, such as a mask, is only there.
    """
    builder = threading.get_ident()

    def without_numbers(_module: nn.Module, _name: str, parameter: Any) -> nn.Parameter | None:  # noqa: ANN401
        if parameter is None or parameter.is_meta or threading.get_ident() != builder:
            return None  # as it is; a parameter that two modules share stays one
        return nn.Parameter(parameter.detach().to("meta"), requires_grad=parameter.requires_grad)

    # torch's own type for the hook leaves out that it may give another parameter.
    hook = register_module_parameter_registration_hook(cast("Any", without_numbers))
    try:
        with _NoDraws():
            yield
    finally:
        hook.remove()


class _NoDraws(TorchFunctionMode):
    """Nothing is computed for tensors without numbers, for which torch would import its compiler."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        places: tuple[Any, ...] = (),
        names: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the function gives
        """The tensor as it is, or what the function makes of other ones."""
        given = dict(names or {})
        name, tensor = getattr(func, "__name__", ""), places[0] if places else given.get("tensor")
        if isinstance(tensor, torch.Tensor) and tensor.is_meta:
            if name in _WRITES or (name in _SCALED and isinstance(places[1], int | float)):
                return tensor
        elif name == "randn" and torch.empty(0).is_meta:
            return torch.empty(*places, **given)
        return func(*places, **given)


BOTH = ("frames", "texts")
"""What a network encodes. A tower that nobody is going to use is left in its file."""


def fill(module: nn.Module, tensors: Mapping[str, torch.Tensor], encodes: Iterable[str] = BOTH) -> None:
    """Put weights into a module, all of them, whether it was built with numbers or without.

    They are copied, so that a file that is mapped into memory may change afterwards; those of a tower that is
    not going to be used are read where they lie, if they are: a fingerprint is of all.

    Args:
        module: of open_clip, on the processor.
        tensors: by name, exactly those that the module has.
        encodes: some of `BOTH`.

    Raises:
        RuntimeError: names or sizes differ.
    """
    wanted = module.state_dict(keep_vars=True)
    if not any(value.is_meta for value in wanted.values()):
        module.load_state_dict(tensors, strict=True)
        return
    own: dict[int, torch.Tensor] = {}  # parameters that two modules share stay one
    kept = {}
    for name, tensor in tensors.items():
        place = wanted.get(name)
        if place is None or place.shape != tensor.shape:
            kept[name] = tensor  # which is what the error is about
            continue
        used = ("frames" if name.startswith("visual.") else "texts") in encodes
        moved = tensor.detach().to(place.dtype, copy=used)
        kept[name] = own.setdefault(id(place), moved.contiguous())
    module.load_state_dict(kept, strict=True, assign=True)
