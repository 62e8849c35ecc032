"""What training runs on: a CPU, a GPU or several, in full or mixed precision. The door to accelerate."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from zeroshot.errors import OptionError
from zeroshot.resources import require_installed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from accelerate import Accelerator


@dataclass(frozen=True, eq=False)
class Machine:
    """One process of a run.

    Attributes:
        accelerator: accelerate's.
        device: of this process.
        rank: its number; 0 writes files.
        count: of processes.
    """

    accelerator: Accelerator
    device: torch.device
    rank: int
    count: int

    def prepare(self, module: torch.nn.Module, optimizer: torch.optim.Optimizer) -> tuple[Any, Any]:
        """Module and optimizer, wrapped for the device, the precision and the processes."""
        wrapped = self.accelerator.prepare(module, optimizer)
        return wrapped[0], wrapped[1]

    def learn(self, total: torch.Tensor, module: torch.nn.Module, optimizer: Any, max_norm: float) -> float:  # noqa: ANN401
        """One step along the gradient of `total`; gives the gradient's length before it was cut."""
        optimizer.zero_grad()
        self.accelerator.backward(total)
        norm = self.accelerator.clip_grad_norm_(module.parameters(), max_norm or float("inf"))
        optimizer.step()
        return float(norm) if norm is not None else 0.0

    def first(self) -> AbstractContextManager[None]:
        """A stretch that the first process passes before the others enter it."""
        stretch: AbstractContextManager[None] = self.accelerator.main_process_first()
        return stretch

    def mean(self, values: dict[str, float]) -> dict[str, float]:
        """The mean over all processes of each of these numbers, the same names in each."""
        if self.count == 1:
            return values
        numbers = torch.tensor(list(values.values()), dtype=torch.float32, device=self.device)
        means = self.accelerator.reduce(numbers, reduction="mean").tolist()
        return dict(zip(values, means, strict=True))

    def scaler_state(self) -> dict[str, Any] | None:
        """State of the loss scale of fp16; None without one."""
        scaler = self.accelerator.scaler
        return None if scaler is None else scaler.state_dict()

    def load_scaler(self, state: dict[str, Any] | None) -> None:
        """Take a saved state of the loss scale."""
        if state is not None and self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(state)


@contextmanager
def on_machine(device: str, precision: str, *, unused: bool = False) -> Iterator[Machine]:
    """The machine for one run; nothing of it is left behind for the next.

    Args:
        device: auto, cpu or cuda.
        precision: no, bf16 or fp16.
        unused: whether some parameters get no gradient, which several processes must know beforehand.

    Raises:
        OptionError: the device is not there, or cannot compute in that precision.
    """
    on_cpu = require_machine(device, precision)
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, PartialState
    from accelerate.utils import DistributedDataParallelKwargs

    ours = not PartialState._shared_state
    try:
        accelerator = Accelerator(
            cpu=on_cpu,
            mixed_precision=precision,
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=unused)],
        )
    except ValueError as error:
        raise OptionError(
            f"precision {precision} cannot be had: {' '.join(str(error).split())[:160]}"
        ) from error
    try:
        yield Machine(accelerator, accelerator.device, accelerator.process_index, accelerator.num_processes)
    finally:
        accelerator.free_memory()
        if ours and accelerator.num_processes == 1:
            AcceleratorState._reset_state(reset_partial_state=True)


def require_machine(device: str, precision: str) -> bool:
    """Whether training runs on the processor; refuses what it cannot run on.

    Args:
        device: auto, cpu or cuda.
        precision: no, bf16 or fp16.

    Raises:
        OptionError: the device is not there, cannot compute in that precision, or a package is missing, be it
            one that is needed at the very end.
    """
    if device not in {"auto", "cpu", "cuda"}:
        raise OptionError(f"device is {device!r}; training runs on auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise OptionError("device is 'cuda', but no GPU is there; take auto or cpu")
    on_cpu = device == "cpu" or (device == "auto" and not torch.cuda.is_available())
    if on_cpu and precision == "fp16":
        raise OptionError("precision fp16 needs a GPU; take bf16 or no")
    require_installed("training needs the package", ("accelerate", "matplotlib"), extra="train")
    return on_cpu
