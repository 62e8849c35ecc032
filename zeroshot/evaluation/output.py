"""A report as the three files of its folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zeroshot.evaluation.markdown import markdown_of
from zeroshot.evaluation.page import page_of
from zeroshot.reports.files import write_three

if TYPE_CHECKING:
    import os

    from zeroshot.evaluation.report import Report


def write_report(report: Report, folder: str | os.PathLike[str]) -> None:
    """`report.json`, `report.md` and `report.html` in `folder`, each whole.

    Raises:
        OutputError: they cannot be written there.
    """
    write_three(folder, report.as_dict(), markdown_of(report), page_of(report))
