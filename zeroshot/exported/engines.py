"""What runs a graph: ONNX Runtime, or OpenVINO. A new one is a class and a line; none needs torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from zeroshot.errors import ModelError, OptionError, in_one_line, printable
from zeroshot.exported.description import KEY, REMEDY
from zeroshot.resources import require_installed

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    Outputs = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]

# A format → the ending of its files, the libraries that read them, and those that write them.
ENDINGS = {"onnx": ".onnx", "openvino": ".xml"}
_READ_BY = {"onnx": ("onnxruntime",), "openvino": ("openvino",)}
_WRITTEN_BY = {"onnx": ("onnx", "onnxscript", "onnxruntime"), "openvino": ("onnx", "onnxscript", "openvino")}
_EXTRAS = {"onnx": "export", "openvino": "openvino"}


class Engine(Protocol):
    """A graph that is ready to answer.

    Attributes:
        description: JSON text from the file's metadata, "" where there is none.
    """

    @property
    def description(self) -> str:
        """JSON text from the file's metadata, "" where there is none."""

    def __call__(self, frames: NDArray[np.uint8]) -> Outputs:
        """Vectors (B, S, D), scores (B, S, K), probabilities (B, S, K) of frames (B, V, T, 3, h, w) uint8."""


class OnnxRuntime:
    """A graph in ONNX Runtime, on the processor. The file can neither bring code along nor open others."""

    def __init__(self, path: Path, num_threads: int) -> None:
        """Open a file; threads: 0 is one a core."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what goes wrong is raised
        options.intra_op_num_threads = num_threads
        # From memory, so that weights elsewhere, which no export of ours has, have no folder to lie in.
        self._session = onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        self.description = str(self._session.get_modelmeta().custom_metadata_map.get(KEY, ""))

    def __call__(self, frames: NDArray[np.uint8]) -> Outputs:
        """As `Engine`."""
        vectors, scores, probabilities = self._session.run(None, {"frames": frames})
        return vectors, scores, probabilities


class OpenVino:
    """A graph in OpenVINO, on the processor, in float32."""

    def __init__(self, path: Path, num_threads: int) -> None:
        """Open a file and the weights beside it; threads: 0 is one a core."""
        import openvino

        core = openvino.Core()
        model = core.read_model(str(path))
        self.description = str(model.get_rt_info(KEY).astype(str)) if model.has_rt_info(KEY) else ""
        settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32"}
        if num_threads:
            settings["INFERENCE_NUM_THREADS"] = num_threads
        self._compiled = core.compile_model(model, "CPU", settings)

    def __call__(self, frames: NDArray[np.uint8]) -> Outputs:
        """As `Engine`."""
        found = self._compiled([frames])
        return found[0].copy(), found[1].copy(), found[2].copy()


_ENGINES: dict[str, Callable[[Path, int], Engine]] = {".onnx": OnnxRuntime, ".xml": OpenVino}


def file_in(path: str | os.PathLike[str]) -> Path:
    """The exported file that a path names, itself or as the one in its folder.

    Raises:
        ModelError: there is none, or several.
    """
    place = Path(path)
    if not place.is_dir():
        if place.suffix not in _ENGINES:
            ends = " or ".join(_ENGINES)
            raise ModelError(f"{printable(place)} is no exported file by its name; it ends in {ends}")
        if not place.is_file():
            raise ModelError(f"{printable(place)} is not there; {REMEDY}")
        return place
    found = [file for file in sorted(place.iterdir()) if file.suffix in _ENGINES and file.is_file()]
    if len(found) != 1:
        raise ModelError(
            f"{printable(place)} holds {len(found)} exported files; expected one, so name the file"
        )
    return found[0]


def opened(path: Path, num_threads: int = 0) -> Engine:
    """The graph in a file, ready to answer.

    Args:
        path: as `file_in` gives it.
        num_threads: 0 is one a core.

    Raises:
        OptionError: what runs it is not installed.
        ModelError: it is damaged, or something else.
    """
    as_format = next(name for name, ending in ENDINGS.items() if ending == path.suffix)
    _require_libraries(as_format, _READ_BY)
    with in_one_line(f"cannot open {printable(path)}", REMEDY):
        return _ENGINES[path.suffix](path, num_threads)


def require_writable(as_format: str) -> None:
    """Refuse a format that is unknown, or that cannot be written here.

    Raises:
        OptionError: it is one of these.
    """
    if as_format not in ENDINGS:
        raise OptionError(f"format is {as_format!r}; expected one of {', '.join(ENDINGS)}")
    _require_libraries(as_format, _WRITTEN_BY)


def _require_libraries(as_format: str, used: Mapping[str, tuple[str, ...]]) -> None:
    require_installed(f"format {as_format} needs", used[as_format], extra=_EXTRAS[as_format])
