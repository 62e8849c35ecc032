"""open_clip without the libraries that only some of its towers need, which take long to import."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from importlib import import_module, reload
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

# Which of open_clip's modules look for a library, and the class in it that needs one.
_TOWERS = {"timm": ("timm_model", "TimmModel"), "transformers": ("hf_model", "HFTextEncoder")}


def import_open_clip(config: dict[str, Any] | None = None) -> ModuleType:
    """open_clip, with what towers of this description need.

    Args:
        config: of an architecture; None: nothing is to be built.
    """
    if "open_clip" not in sys.modules:
        with _without(name for name in _TOWERS if name not in sys.modules):
            import_module("open_clip")
    if config is not None and "timm_model_name" in config.get("vision_cfg", {}):
        _complete("timm")
    if config is not None and "hf_model_name" in config.get("text_cfg", {}):
        _complete("transformers")
    return sys.modules["open_clip"]


def _complete(library: str) -> None:
    """Have open_clip look for a library that it was imported without."""
    name, tower = _TOWERS[library]
    module = import_module(f"open_clip.{name}")
    if getattr(module, library) is None:
        reload(module)
        setattr(import_module("open_clip.model"), tower, getattr(module, tower))


class _Absent:
    """Finds no library of some names, for one thread."""

    def __init__(self, names: set[str]) -> None:
        self._names, self._thread = names, threading.get_ident()

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """None: others may look; an error for what is not to be found."""
        if name in self._names and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"{name} is left out", name=name)
        return None


@contextmanager
def _without(names: Iterator[str]) -> Iterator[None]:
    """Imports of these libraries fail within, which open_clip is made for."""
    finder = _Absent(set(names))
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
