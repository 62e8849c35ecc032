"""What stands in reports: schemas that any validator reads, and what is refused as that one refuses it."""

from __future__ import annotations

import copy
import json

import pytest
from jsonschema import Draft202012Validator
from report_schemas import closed

from zeroshot.errors import OptionError, ReportError
from zeroshot.reports.schema import FORMATS, head, read_report, report_schema

ESTIMATE = {"value": 0.5, "low": 0.2, "high": None, "n": 4}
ACCURACY = {"hits": 2, "videos": 4, "accuracy": ESTIMATE}
PROBED = {
    **head("probe"),
    "split": "videos.csv",
    "model": "m",
    "labels": ["a", "b"],
    "chance": 0.5,
    "num_frames": 8,
    "streams": {
        "static": {"intact": ACCURACY, "orders": {"frozen": {**ACCURACY, "drop": ESTIMATE}}, "scene": None}
    },
    "dependence": None,
    "failures": [["a.mp4", "no video"]],
    "notes": [],
    "record": {"machine": {"system": "Linux", "processors": 2}, "versions": {"python": "3.11"}},
}


def places(value, path=()):
    """Every place in a report."""
    yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in pairs:
        yield from places(each, (*path, name))


def changed(report, path, to):
    """The report with another value at a place; `...` takes it away."""
    other = copy.deepcopy(report)
    there = other
    for name in path[:-1]:
        there = there[name]
    if to is ...:
        del there[path[-1]]
    else:
        there[path[-1]] = to
    return other


def written(folder, report):
    folder.mkdir(exist_ok=True)
    (folder / "report.json").write_text(json.dumps(report))
    return folder


@pytest.mark.parametrize("kind", FORMATS)
def test_every_schema_is_one_and_describes_every_field(kind):
    schema = report_schema(kind)
    Draft202012Validator.check_schema(schema)
    assert schema["properties"]["report"]["const"] == kind
    assert schema["properties"]["format"]["const"] == FORMATS[kind]
    for path in places(schema):
        if len(path) > 1 and path[-2] == "properties":
            field = schema
            for name in path:
                field = field[name]
            shared = schema["$defs"].get(field.get("$ref", "").rpartition("/")[2], {})
            assert field.get("description") or shared.get("description"), path
        if path and path[-1] == "$ref":
            there = schema
            for name in path:
                there = there[name]
            assert there.removeprefix("#/$defs/") in schema["$defs"]


def test_a_report_is_refused_where_another_validator_refuses_it(tmp_path):
    """At each place of a report something else: both say the same of it, and ours names the place."""
    judge = Draft202012Validator(report_schema("probe"))
    assert read_report(written(tmp_path / "r", PROBED), "probe") == PROBED
    assert judge.is_valid(PROBED)
    seen = {True: 0, False: 0}
    for path in places(PROBED):
        if not path or path[0] in {"report", "format"}:
            continue
        for to in (..., None, -1, 1.5, True, "words", [], {}, [["one"]]):
            if to is ... and isinstance(path[-1], int):
                continue
            report = changed(PROBED, path, to)
            fits = judge.is_valid(report)
            seen[fits] += 1
            folder = written(tmp_path / "r", report)
            if fits:
                assert read_report(folder, "probe") == report
                continue
            with pytest.raises(ReportError, match=r"report\.json is damaged: ") as raised:
                read_report(folder, "probe")
            assert str(path[-1]) in str(raised.value), path
    assert min(seen.values()) > 50


def test_what_is_no_report_is_one_line(tmp_path):
    cases = {
        "cannot read": None,
        "is no JSON file; expected a report.json that zeroshot wrote": "{",
        "has report None; expected 'probe'": "[]",
        "has report 'bias'; expected 'probe'": json.dumps(head("bias")),
        "has format 9; expected 1": json.dumps({**head("probe"), "format": 9}),
        "was written by an earlier version, which kept no answers": json.dumps(
            {"protocol": "csv", "format": 1}
        ),
        "damaged: the whole has no 'split'": json.dumps(head("probe")),
    }
    for words, text in cases.items():
        path = tmp_path / "report.json"
        path.unlink(missing_ok=True)
        if text is not None:
            path.write_text(text)
        with pytest.raises(ReportError, match=words) as raised:
            read_report(tmp_path, "probe")
        assert "\n" not in str(raised.value)
    with pytest.raises(OptionError, match="report 'x'; expected one of evaluation, evaluations"):
        report_schema("x")


def test_a_field_that_nobody_described_is_found():
    strict = Draft202012Validator(closed(report_schema("probe")))
    assert strict.is_valid(PROBED)
    assert not strict.is_valid({**PROBED, "surprise": 1})
    assert not strict.is_valid(changed(PROBED, ("record", "versions"), {"python": 3}))
