"""What holds a model, and lives as long as that reads videos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    import torch

    from zeroshot.model.model import Model


class HoldsModel:
    """A context manager around a model: it moves with it, and ends its decoding processes.

    Attributes:
        model: embeds videos, frames and texts.
    """

    model: Model

    @property
    def device(self) -> torch.device:
        """Where the model's weights are."""
        return self.model.device

    def to(self, device: str | torch.device) -> Self:
        """This very object, its model moved; see `Model.to`."""
        self.model.to(device)
        return self

    def close(self) -> None:
        """End the decoding processes; they start again if another video is read."""
        self.model.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
