"""Reports held against their JSON Schema by a library that knows nothing of this package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from zeroshot.reports.schema import read_report, report_schema


def closed(schema: Any) -> Any:
    """The schema with nothing allowed beside the fields that it describes."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    known = {name: closed(each) for name, each in schema.items()}
    if isinstance(schema.get("properties"), dict) and "type" in schema:
        known.setdefault("additionalProperties", False)
    return known


def assert_fits(report: Path | dict, kind: str) -> dict:
    """The contents of a report, all of whose fields are described, as they are described."""
    contents = report if isinstance(report, dict) else json.loads(Path(report).read_text())
    schema = closed(report_schema(kind))
    Draft202012Validator.check_schema(schema)
    wrong = [
        f"{error.json_path}: {error.message[:200]} (schemas/{kind}.json describes the fields)"
        for error in Draft202012Validator(schema).iter_errors(contents)
    ]
    assert not wrong, wrong[:5]
    if not isinstance(report, dict):
        assert read_report(report, kind) == contents
    return contents
