"""Tells what happens in a video in words that its user chooses.

    import zeroshot

    classifier = zeroshot.load("PE-Core-B-16/meta", labels=["archery", "juggling balls", "playing cello"])
    for prediction in classifier.rank("video.mp4", k=3):
        print(f"{prediction.probability:7.1%}  {prediction.label}")

Names are looked up when they are first used: `import zeroshot` loads no network library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from zeroshot.resources import VERSION

if TYPE_CHECKING:
    from zeroshot.app.page import PageSettings, open_page
    from zeroshot.app.server import asgi_app, serve
    from zeroshot.app.settings import Serving
    from zeroshot.auditing.report import AuditReport
    from zeroshot.auditing.run import AuditSettings, Classifying, audit
    from zeroshot.batch.table import read_embeddings
    from zeroshot.bias.make import make_bias_sets
    from zeroshot.bias.recipe import BiasRecipe
    from zeroshot.bias.report import BiasReport
    from zeroshot.bias.score import score_bias
    from zeroshot.calibrating import Calibrated, calibrate
    from zeroshot.checkpoint import describe as show
    from zeroshot.checkpoint import load_model
    from zeroshot.classifier import Classifier, load
    from zeroshot.datasets.splits import LabeledVideo, Split, read_split
    from zeroshot.errors import ZeroshotError
    from zeroshot.evaluation.across import evaluate_across
    from zeroshot.evaluation.compare_runs import RunComparison
    from zeroshot.evaluation.compare_runs import compare_runs as compare
    from zeroshot.evaluation.leaderboard import Leaderboard, leaderboard
    from zeroshot.evaluation.localize import localize
    from zeroshot.evaluation.prepare import EvaluationSettings
    from zeroshot.evaluation.report import Report
    from zeroshot.evaluation.run import evaluate
    from zeroshot.events.hysteresis import Hysteresis
    from zeroshot.events.watching import StreamEvent, Watching
    from zeroshot.exported.runtime import Exported, load_exported
    from zeroshot.exported.write import ExportedFile, export
    from zeroshot.few_shot.taught import TaughtLabels
    from zeroshot.index.index import LabelIndex
    from zeroshot.model.catalog import known_models as models
    from zeroshot.model.download import download
    from zeroshot.model.hub.push import push
    from zeroshot.model.model import Model
    from zeroshot.probes.report import ProbeReport
    from zeroshot.probes.run import probe_streams
    from zeroshot.reports.schema import report_schema
    from zeroshot.teaching import Taught, teach
    from zeroshot.training.config import TrainingConfig
    from zeroshot.training.prepare import Preparation
    from zeroshot.training.run import train
    from zeroshot.types import Clip, Event, Match, Prediction, Predictions, Prompts, Ranking, Segment
    from zeroshot.verbs import Embedded, build_index, classify, embed, synthesize, timeline, watch
    from zeroshot.video.read import read_frames
    from zeroshot.video.sampling import Sampling
    from zeroshot.video.source import Stretch
    from zeroshot.video_search import VideoIndex, search
    from zeroshot.waist.waist import Waist


__version__ = VERSION

__all__ = [
    "AuditReport",
    "AuditSettings",
    "BiasRecipe",
    "BiasReport",
    "Calibrated",
    "Classifier",
    "Classifying",
    "Clip",
    "Embedded",
    "EvaluationSettings",
    "Event",
    "Exported",
    "ExportedFile",
    "Hysteresis",
    "LabelIndex",
    "LabeledVideo",
    "Leaderboard",
    "Match",
    "Model",
    "PageSettings",
    "Prediction",
    "Predictions",
    "Preparation",
    "ProbeReport",
    "Prompts",
    "Ranking",
    "Report",
    "RunComparison",
    "Sampling",
    "Segment",
    "Serving",
    "Split",
    "StreamEvent",
    "Stretch",
    "Taught",
    "TaughtLabels",
    "TrainingConfig",
    "VideoIndex",
    "Waist",
    "Watching",
    "ZeroshotError",
    "asgi_app",
    "audit",
    "build_index",
    "calibrate",
    "classify",
    "compare",
    "download",
    "embed",
    "evaluate",
    "evaluate_across",
    "export",
    "leaderboard",
    "load",
    "load_exported",
    "load_model",
    "localize",
    "make_bias_sets",
    "models",
    "open_page",
    "probe_streams",
    "push",
    "read_embeddings",
    "read_frames",
    "read_split",
    "report_schema",
    "score_bias",
    "search",
    "serve",
    "show",
    "synthesize",
    "teach",
    "timeline",
    "train",
    "watch",
]

_HOMES = {
    "AuditReport": "auditing.report",
    "AuditSettings": "auditing.run",
    "BiasRecipe": "bias.recipe",
    "BiasReport": "bias.report",
    "Calibrated": "calibrating",
    "Classifier": "classifier",
    "Classifying": "auditing.run",
    "Clip": "types",
    "Embedded": "verbs",
    "EvaluationSettings": "evaluation.prepare",
    "Event": "types",
    "Hysteresis": "events.hysteresis",
    "Exported": "exported.runtime",
    "ExportedFile": "exported.write",
    "LabelIndex": "index.index",
    "LabeledVideo": "datasets.splits",
    "Leaderboard": "evaluation.leaderboard",
    "Match": "types",
    "Model": "model.model",
    "PageSettings": "app.page",
    "Prediction": "types",
    "Predictions": "types",
    "Preparation": "training.prepare",
    "ProbeReport": "probes.report",
    "Prompts": "types",
    "Ranking": "types",
    "Report": "evaluation.report",
    "RunComparison": "evaluation.compare_runs",
    "Sampling": "video.sampling",
    "Segment": "types",
    "Serving": "app.settings",
    "Split": "datasets.splits",
    "StreamEvent": "events.watching",
    "Stretch": "video.source",
    "Taught": "teaching",
    "TaughtLabels": "few_shot.taught",
    "TrainingConfig": "training.config",
    "VideoIndex": "video_search",
    "Waist": "waist.waist",
    "Watching": "events.watching",
    "ZeroshotError": "errors",
    "asgi_app": "app.server",
    "audit": "auditing.run",
    "build_index": "verbs",
    "calibrate": "calibrating",
    "classify": "verbs",
    "compare": "evaluation.compare_runs",
    "download": "model.download",
    "embed": "verbs",
    "evaluate": "evaluation.run",
    "evaluate_across": "evaluation.across",
    "export": "exported.write",
    "leaderboard": "evaluation.leaderboard",
    "load": "classifier",
    "load_exported": "exported.runtime",
    "load_model": "checkpoint",
    "localize": "evaluation.localize",
    "make_bias_sets": "bias.make",
    "models": "model.catalog",
    "open_page": "app.page",
    "probe_streams": "probes.run",
    "push": "model.hub.push",
    "read_embeddings": "batch.table",
    "read_frames": "video.read",
    "read_split": "datasets.splits",
    "report_schema": "reports.schema",
    "score_bias": "bias.score",
    "search": "video_search",
    "serve": "app.server",
    "show": "checkpoint",
    "synthesize": "verbs",
    "teach": "teaching",
    "timeline": "verbs",
    "train": "training.run",
    "watch": "verbs",
}
# Commands whose word is taken for something else where their function stands.
_NAMES_THERE = {"compare": "compare_runs", "models": "known_models", "show": "describe"}


def __getattr__(name: str) -> object:
    """The public object `name`, imported from its home on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'zeroshot' has no attribute {name!r}")
    found = getattr(import_module(f"zeroshot.{_HOMES[name]}"), _NAMES_THERE.get(name, name))
    globals()[name] = found  # the next use is a plain one
    return found


def __dir__() -> list[str]:
    """What tab completion shows."""
    return [*__all__, "__version__"]
