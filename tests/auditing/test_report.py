"""What an audit says where probes found nothing, and where something was left out."""

from __future__ import annotations

from zeroshot.auditing.report import AuditReport, SubjectReport, document
from zeroshot.probes.probe import Finding
from zeroshot.reports.markdown import markdown


def test_nothing_found_and_left_out_are_said():
    silent = SubjectReport("m", "answer", {"order": Finding("Order", notes=("no order: one frame",))})
    report = AuditReport(
        "v", ("a", "b"), 4, (silent,), ("guessed",), (("x.mp4", "cannot read x.mp4"),), {"seed": 3}
    )
    text = markdown(document(report))
    for words in (
        "No probe found anything to tell.",
        "no order: one frame",
        "guessed",
        "cannot read x.mp4",
        "seed 3",
    ):
        assert words in text
    found = report.as_dict()
    assert found["failures"] == [["x.mp4", "cannot read x.mp4"]]
    assert found["models"][0]["left_out"] == ["no order: one frame"]
