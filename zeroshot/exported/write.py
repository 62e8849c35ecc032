"""`export`: a model and its labels to one file, held against the model's own answer. `zeroshot export`."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeroshot.checkpoint import load_model, require_model
from zeroshot.checks import Checks, has_stages, labels_to_rank, model_given
from zeroshot.errors import ModelError, OptionError, OutputError, ZeroshotError, in_one_line, printable
from zeroshot.exported.description import KEY, Description
from zeroshot.exported.engines import ENDINGS, opened, require_writable
from zeroshot.exported.equality import MOST, difference
from zeroshot.exported.frames import is_drawable
from zeroshot.exported.runtime import Exported
from zeroshot.resources import VERSION, from_home
from zeroshot.store.folder import writable

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from zeroshot.classifier import Classifier
    from zeroshot.exported.equality import Difference
    from zeroshot.exported.graph import VideoGraph
    from zeroshot.model.model import Model
    from zeroshot.text.prompts import LabelSource, TemplateSource
    from zeroshot.text.stages import StageSource

_OPSET = 18  # has all that is drawn, and is read by every runtime of the last years
_MOST_BYTES = 1_900_000_000  # protobuf holds no more than 2 GiB
_NAME = "model"
_LICENCE = (
    "The graph holds the weights of {model}, whose licence goes with them; look it up before you pass the "
    "file on."
)


@dataclass(frozen=True)
class ExportedFile:
    """What `export` did.

    Attributes:
        path: the file, to be opened with `zeroshot.load_exported`.
        as_format: onnx or openvino.
        num_bytes: of it, and of the weights beside it.
        about: what stands in it.
    """

    path: str
    as_format: str
    num_bytes: int
    about: Description


def export(
    model: str | os.PathLike[str] | Model,
    labels: LabelSource | None = None,
    *,
    output: str | os.PathLike[str],
    as_format: str | None = None,
    templates: TemplateSource = None,
    stages: StageSource = None,
    index: str | Path | None = None,
    stream: str | None = None,
) -> ExportedFile:
    """A graph of everything between resized frames and probabilities of labels: as `zeroshot export`.

    Every stream of a model with an adapter is in it. It is opened again and held against the model's own
    answer before it stands in its place.

    Args:
        model: as for `load`; a Model has to be on the processor, at precision exact.
        labels: as for `load`.
        output: the file, or a folder that it is put into as model.onnx or model.xml. A file of an earlier
            export is replaced.
        as_format: onnx or openvino; None: by the ending of the output, else onnx.
        templates: as for `load`.
        stages: refused in one line: how labels start and end asks for more than a vector a video.
        index: as for `load`.
        stream: which answers where nobody asks for another; None: the model's own.

    Raises:
        OptionError: an unknown format, or one whose libraries are missing.
        LabelError: the labels cannot be used, or have stages.
        ModelError: the model cannot be used, cannot be drawn as a graph, or the graph answers otherwise.
        OutputError: the file cannot be written, or is something else.
    """
    named, first = model_given(model), Checks()
    chosen = first.add("options", lambda: _format(as_format, output))
    first.add("options", lambda: _require_no_stages(asked=stages is not None))
    words = labels_to_rank(first, labels, templates, index)
    first.add("words" if index is None else "files", lambda: _require_no_stages(asked=has_stages(words())))
    place = first.add("output", lambda: _place(output, chosen()))
    if isinstance(named, str):
        first.add("model", lambda: require_model(named, device="cpu", stream=stream))
    elif stream is not None:
        raise OptionError("stream goes with a model's name; choose it in load_model for a Model")
    first.run()
    network = load_model(named, device="cpu", stream=stream) if isinstance(named, str) else named
    from zeroshot.classifier import classifier_of  # and torch with it

    _require_drawable(network)
    classifier = classifier_of(network, words(), index)
    try:
        return _written(classifier, place(), chosen())
    finally:
        if network is not model:
            network.close()


def _written(classifier: Classifier, path: Path, as_format: str) -> ExportedFile:
    """Draw, write under another name, open, compare, and put into place."""
    from zeroshot.exported.graph import VideoGraph

    model = classifier.model
    graph = VideoGraph(model, classifier.index.embeddings).eval()
    about, drawn = _description(classifier, graph), _drawn(graph, model)
    with writable(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=path.parent) as beside:
            tried, whole = Path(beside) / "tried", Path(beside) / "whole"
            found = _compared(classifier, _saved(drawn, about, tried / path.name, as_format))
            if not found.is_small:
                raise ModelError(
                    f"the graph of {model.name} answers otherwise than the model: cosines by "
                    f"{found.cosine:.1e}, probabilities by {found.probability:.1e}; {MOST:g} are allowed, so "
                    "nothing was written; try the other format"
                )
            about = replace(about, difference=(found.cosine, found.probability))
            made = _saved(drawn, about, whole / path.name, as_format)
            files = sorted(whole.iterdir(), key=lambda file: file == made)  # it comes last: then all is there
            size = sum(file.stat().st_size for file in files)
            for file in files:
                file.replace(path.parent / file.name)
    return ExportedFile(str(path), as_format, size, about)


def _description(classifier: Classifier, graph: VideoGraph) -> Description:
    """What is written beside the graph."""
    model = classifier.model
    return Description(
        version=VERSION,
        model=model.name,
        fingerprint=model.fingerprint,
        adapter=model.adapter_fingerprint,
        labels=classifier.labels,
        index=classifier.index.fingerprint,
        streams=graph.streams,
        stream=model.stream if model.adapter is not None else graph.streams[0],
        logit_scale=model.logit_scale,
        embedding_dim=model.embedding_dim,
        preprocess=model.backbone.preprocess,
        sampling=model.sampling,
        any_length=model.adapter is None,
        licence=_LICENCE.format(model=model.name),
    )


def _saved(drawn: Any, about: Description, path: Path, as_format: str) -> Path:  # noqa: ANN401 - of torch.onnx
    """The file with a graph and its description, in a folder of its own."""
    path.parent.mkdir()
    if as_format == "onnx":
        drawn.model.metadata_props[KEY] = about.as_json()
        drawn.model.producer_name, drawn.model.producer_version = KEY, VERSION
        drawn.save(str(path), external_data=False)
        return path
    import openvino

    bare = path.parent.with_suffix(".onnx")
    drawn.save(str(bare), external_data=False)
    with in_one_line(f"OpenVINO cannot read the graph of {about.model}", "try --format onnx"):
        read = openvino.Core().read_model(str(bare))
        read.set_rt_info(about.as_json(), KEY)
        openvino.save_model(read, str(path), compress_to_fp16=False)
    return path


def _drawn(graph: VideoGraph, model: Model) -> Any:  # noqa: ANN401 - of torch.onnx, as the version has it
    """The graph as torch.onnx draws it, for any number of videos and views.

    Raises:
        ModelError: the network does something that no graph can hold, or is too large for one file.
    """
    import torch

    size = sum(tensor.numel() * tensor.element_size() for tensor in graph.state_dict().values())
    if size > _MOST_BYTES:
        raise ModelError(
            f"{model.name} and its labels take {size / 1e9:.1f} GB; one file holds "
            f"{_MOST_BYTES / 1e9:.1f} at most: take a smaller model or fewer labels"
        )
    length = model.sampling.num_frames if model.adapter is not None else 3
    example = torch.zeros((2, 2, length, 3, *model.backbone.preprocess.size), dtype=torch.uint8)
    moving = {0: torch.export.Dim("videos"), 1: torch.export.Dim("views")}
    if model.adapter is None:
        moving[2] = torch.export.Dim("frames")
    with (
        in_one_line(f"cannot draw {model.name} as a graph", "take a ViT model of open_clip"),
        _plain_attention(),
    ):
        return torch.onnx.export(
            graph,
            (example,),
            dynamo=True,
            dynamic_shapes=(moving,),
            input_names=["frames"],
            output_names=["vectors", "scores", "probabilities"],
            opset_version=_OPSET,
            external_data=False,
            verbose=False,
        )


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Without torch's fused attention of whole layers, which no graph knows, and without gradients."""
    import torch

    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _compared(classifier: Classifier, path: Path) -> Difference:
    """How far the file's answers lie from the model's."""
    engine = opened(path)
    about = Description.from_json(engine.description, printable(path))
    with Exported(engine, about) as exported:
        return difference(classifier, exported)


def _format(as_format: str | None, output: str | os.PathLike[str]) -> str:
    """The format that is asked for, if it can be written here and fits the output's name."""
    ending = Path(output).suffix
    by_ending = next((name for name, known in ENDINGS.items() if known == ending), None)
    found = as_format or by_ending or "onnx"
    require_writable(found)
    if by_ending not in {None, found}:
        raise OptionError(
            f"{printable(output)} is a name for {by_ending}; for {found} end it in {ENDINGS[found]}"
        )
    return found


def _place(output: str | os.PathLike[str], as_format: str) -> Path:
    """Where the file will stand, if nothing else stands there.

    Raises:
        OutputError: something does, or it lies behind what is no folder.
    """
    given = Path(from_home(output))
    path = (
        given
        if given.suffix == ENDINGS[as_format] and not given.is_dir()
        else given / f"{_NAME}{ENDINGS[as_format]}"
    )
    if path.parent.exists() and not path.parent.is_dir():
        raise OutputError(
            f"{printable(path.parent)} is a file that is no export; name a folder, or a file that ends in "
            f"{ENDINGS[as_format]}"
        )
    beside = [path] if as_format == "onnx" else [path, path.with_suffix(".bin")]
    if any(each.exists() or each.is_symlink() for each in beside) and not _is_ours(path):
        raise OutputError(f"{printable(path)} is there and is no export of zeroshot; choose another name")
    return path


def _is_ours(path: Path) -> bool:
    """Whether a file is an earlier export."""
    if path.is_symlink() or not path.is_file():
        return False
    try:
        Description.from_json(opened(path).description, printable(path))
    except ZeroshotError:
        return False
    return True


def _require_no_stages(*, asked: bool) -> None:
    """Refuse labels that say how they start and end, which a graph has no drift to compare with."""
    if asked:
        raise OptionError(
            "labels with stages cannot be exported, as a graph knows no drift; leave the stages out"
        )


def _require_drawable(model: Model) -> None:
    """Refuse models whose answers a graph would not give.

    Raises:
        OptionError: it is on another device, or at another precision.
        ModelError: it reads clips as a whole, or wants frames prepared in a way that needs torch.
    """
    if model.device.type != "cpu" or model.backbone.precision.asked != "exact":
        raise OptionError(
            f"{model!r} cannot be exported as it is; load it with device='cpu' and precision='exact'"
        )
    model.backbone.require_frames_apart()
    if not is_drawable(model.backbone.preprocess):
        raise ModelError(
            f"{model.name} wants frames resized without antialiasing or rounding, or leaves them their "
            "shape, which needs torch; it cannot be exported"
        )
