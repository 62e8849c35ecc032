"""Several data sets or protocols in one run: a report each, and one report with a row for each of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeroshot.checks import model_given
from zeroshot.errors import OptionError, counted
from zeroshot.evaluation.document import metric_in_words
from zeroshot.evaluation.prepare import EvaluationSettings, prepare
from zeroshot.evaluation.run import evaluate
from zeroshot.reports.document import Document, List, Note, Section, Table, percent
from zeroshot.reports.environment import environment, environment_lines
from zeroshot.reports.files import report_folders, write_report
from zeroshot.reports.schema import head

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from zeroshot.evaluation.report import Report
    from zeroshot.model.model import Model
    from zeroshot.reports.document import Part
    from zeroshot.statistics.intervals import Estimate

    Advance = Callable[[str, int, int], None]
    Task = tuple[str | os.PathLike[str], str | None]

_OF_ONE = ("data", "labels", "seen")  # settings that are of one data set


@dataclass(frozen=True, eq=False)
class Across:
    """What models reach on several data sets.

    Attributes:
        reports: name of each row → its report; the name is that of its folder in the output, too.
        run: the machine.
    """

    reports: Mapping[str, Report]
    run: Mapping[str, Any]

    @property
    def left_out(self) -> int:
        """Videos that are missing or cannot be read, of all data sets."""
        return sum(report.videos.listed - report.videos.evaluated for report in self.reports.values())

    @property
    def listed(self) -> int:
        """Videos of all data sets."""
        return sum(report.videos.listed for report in self.reports.values())

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it: the headlines; each data set's own report has the rest."""
        rows = []
        for name, report in self.reports.items():
            for model in report.models:
                figure, estimate = model.figures.headline
                rows.append(
                    {
                        "row": name,
                        "protocol": report.plan.protocol,
                        "data": report.plan.data,
                        "model": model.name,
                        "stream": model.stream,
                        "figure": figure,
                        **estimate.as_dict(),
                        "std": model.figures.std,
                        "listed": report.videos.listed,
                        "evaluated": report.videos.evaluated,
                        "allow_seen": report.allow_seen,
                    }
                )
        return {**head("evaluations"), "rows": rows, "run": dict(self.run)}

    def document(self) -> Document:
        """A row a data set, a column a model; a terminal shows that and the notes."""
        models = [model.name for model in next(iter(self.reports.values())).models]
        rows = []
        for name, report in self.reports.items():
            videos = f"{report.videos.evaluated:,} of {report.videos.listed:,}"
            figure = metric_in_words(report.models[0].figures.headline[0])
            cells = [_cell(model.figures.headline[1], model.figures.std) for model in report.models]
            rows.append([name, report.plan.data, videos, figure, *cells])
        table = Table(["protocol", "data", "videos", "metric", *models], rows)
        warnings = [
            Note(f"{name}: {counted(len(report.seen_labels), 'label')} trained on.", "warn", "Not unseen:")
            for name, report in self.reports.items()
            if report.allow_seen
        ]
        notes = [f"{name}: {note}" for name, report in self.reports.items() for note in report.plan.notes]
        first = next(iter(self.reports.values())).settings
        how = [f"as {first['lineage']}: {first['about']}", f"views: {first['views']}", *notes]
        sections = [
            Section("", [*warnings, Note("% with 95 % interval, ± over rounds", "quiet"), table]),
            Section("How it was measured", [List([*how, "each row has its own report, in its folder"])]),
            Section("To repeat it", [Note("; ".join(environment_lines(self.run)), "quiet")]),
        ]
        brief: list[Part] = [table, *(Note(f"note: {note}") for note in notes)]
        return Document(f"{counted(len(self.reports), 'evaluation')} side by side", sections, brief)


def evaluate_across(
    tasks: Sequence[Task],
    models: str | Model | Sequence[str | Model],
    *,
    output: str | os.PathLike[str] | None = None,
    settings: EvaluationSettings | None = None,
    advance: Advance | None = None,
) -> Across:
    """The figures of models on several data sets, or by several protocols, in one report.

    Everything that needs no weights is looked at first, for all of them. Embeddings are kept together, so
    that a video of two protocols is read once.

    Args:
        tasks: source and protocol of each, as for `evaluate`; one or more.
        models: as for `evaluate`.
        output: folder that receives the report, and a folder a row with its own; None writes nothing.
        settings: as for `evaluate`; what is of one data set (data, labels, seen) is refused.
        advance: as for `evaluate`.

    Raises:
        ZeroshotError: as for `evaluate`, before anything is embedded as far as it shows before.
    """
    chosen = settings or EvaluationSettings()
    given = [name for name in _OF_ONE if getattr(chosen, name) is not None] + ["list"] * bool(chosen.lists)
    if given:
        raise OptionError(f"--{given[0]} is of one data set, {len(tasks)} are asked; evaluate that by itself")
    several = models if isinstance(models, list | tuple) else [models]
    listed = [model_given(each) for each in several]
    names = _names(tasks)
    cache, folders = report_folders(output, chosen.cache, names)
    for source, protocol in tasks:
        prepare(source, listed, protocol, chosen, folders)
    reports = {
        name: evaluate(
            source,
            listed,
            protocol=protocol,
            output=None if output is None else Path(output) / name,
            settings=replace(chosen, cache=cache),
            advance=advance,
        )
        for name, (source, protocol) in zip(names, tasks, strict=True)
    }
    across = Across(reports, environment())
    if output is not None:
        write_report(output, across.as_dict(), across.document())
    return across


def _names(tasks: Sequence[Task]) -> list[str]:
    """What each row and its folder are called: its protocol, with a number where that comes again."""
    if not tasks:
        raise OptionError("no data set is named; give one or more")
    names: list[str] = []
    for source, protocol in tasks:
        name = protocol or ("csv" if Path(source).is_file() else "folders")
        again = sum(other == name or other.startswith(f"{name}-") for other in names)
        names.append(name if name not in names else f"{name}-{again + 1}")
    return names


def _cell(estimate: Estimate, std: float | None) -> str:
    """A figure with its interval and its spread over rounds."""
    return percent(estimate) + ("" if std is None else f" ± {100 * std:.1f}")
