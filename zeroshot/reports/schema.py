"""What stands in each kind of report: JSON Schema files of the folder `schemas`, reports held against them.

A field is never taken away, nor given another meaning, without another number under `format`; there may be
more of them at any time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeroshot.errors import OptionError, ReportError, printable
from zeroshot.resources import from_home

if TYPE_CHECKING:
    import os

FORMATS = {
    "evaluation": 2,
    "evaluations": 1,
    "localization": 1,
    "bias": 1,
    "probe": 1,
    "training": 1,
    "comparison": 1,
    "leaderboard": 1,
    "audit": 1,
}
"""Kind of report → number of its form, as they stand under `report` and `format`."""
_FOLDER = Path(__file__).parent / "schemas"
_SHARED = "parts.json"
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (Mapping,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def head(kind: str) -> dict[str, Any]:
    """What a report of this kind begins with."""
    return {"report": kind, "format": FORMATS[kind]}


def report_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of a kind of report, in one piece: any validator of draft 2020-12 takes it.

    Args:
        kind: of `FORMATS`, as it stands under "report" in the file.

    Raises:
        OptionError: there is no such kind.
    """
    if kind not in FORMATS:
        raise OptionError(f"report {kind!r}; expected one of {', '.join(FORMATS)}")
    text = (_FOLDER / f"{kind}.json").read_text(encoding="utf-8").replace(f'"{_SHARED}#', '"#')
    schema: dict[str, Any] = json.loads(text)
    schema["$defs"] = {**shared_parts(), **schema.get("$defs", {})}
    return schema


def shared_parts() -> dict[str, Any]:
    """Name → JSON Schema of what several kinds of reports have in them."""
    shared: dict[str, Any] = json.loads((_FOLDER / _SHARED).read_text(encoding="utf-8"))["$defs"]
    return shared


def read_report(source: str | os.PathLike[str], kind: str) -> dict[str, Any]:
    """What a `report.json` holds, found to be what the schema of its kind says.

    Args:
        source: the file, or the folder in which it is.
        kind: as for `report_schema`.

    Raises:
        ReportError: it is not there, damaged, of another kind or of another version; the place is named.
    """
    path = Path(from_home(source))
    path = path / "report.json" if path.is_dir() else path
    try:
        contents = json.loads(path.read_bytes().decode("utf-8", "surrogateescape"))
    except OSError as error:
        raise ReportError(
            f"cannot read {path}: {(error.strerror or str(error)).lower()}; expected a report.json, or its "
            "folder"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ReportError(f"{path} is no JSON file; expected a report.json that zeroshot wrote") from error
    told = contents if isinstance(contents, dict) else {}
    if "report" not in told and "protocol" in told:
        raise ReportError(
            f"{path} was written by an earlier version, which kept no answers to single videos; evaluate "
            "again into its folder: the embeddings are there, so that nothing is decoded anew"
        )
    for name, expected in head(kind).items():
        if told.get(name) != expected:
            raise ReportError(f"{path} has {name} {told.get(name)!r}; expected {expected!r}")
    schema = report_schema(kind)
    if found := _problem(contents, schema, schema["$defs"], ""):
        raise ReportError(f"{path} is damaged: {printable(found)}")
    return told


def _problem(value: Any, schema: Mapping[str, Any], known: Mapping[str, Any], place: str) -> str:  # noqa: ANN401
    """The first place where a value is not what a schema says, and what was expected; empty: it is."""
    if "$ref" in schema:
        return _problem(value, known[schema["$ref"].removeprefix("#/$defs/")], known, place)
    if "anyOf" in schema:
        tried = [_problem(value, each, known, place) for each in schema["anyOf"]]
        return "" if "" in tried else tried[0]
    here = place or "the whole"
    if "const" in schema and value != schema["const"]:
        return f"{here} is {str(value)[:40]!r}; expected {schema['const']!r}"
    if "type" in schema and not _is(value, schema["type"]):
        wanted = schema["type"] if isinstance(schema["type"], str) else " or ".join(schema["type"])
        return f"{here} is {str(value)[:40]!r}; expected {wanted}"
    if isinstance(value, Mapping):
        return _problem_of_fields(value, schema, known, place)
    if isinstance(value, list):
        least, most = schema.get("minItems", 0), schema.get("maxItems", len(value))
        if not least <= len(value) <= most:
            return f"{here} has {len(value)} entries; expected {least} or more"
        pairs = ((f"{place}[{row}]", each) for row, each in enumerate(value))
        return next(filter(None, (_problem(v, schema.get("items", {}), known, p) for p, v in pairs)), "")
    if isinstance(value, int | float) and not isinstance(value, bool):
        least, most = schema.get("minimum", value), schema.get("maximum", value)
        if not least <= value <= most:
            return f"{here} is {value}; expected {least} or more" + (
                f", {most} at most" if most > value else ""
            )
    return ""


def _problem_of_fields(
    value: Mapping[str, Any], schema: Mapping[str, Any], known: Mapping[str, Any], place: str
) -> str:
    """The same of an object: a field that is missing, or the first that is not as it should be."""
    for name in schema.get("required", ()):
        if name not in value:
            return f"{place or 'the whole'} has no {name!r}"
    rest = schema.get("additionalProperties", {})
    named = schema.get("properties", {})
    found = (
        _problem(each, named.get(name, rest), known, f"{place}.{name}".lstrip("."))
        for name, each in value.items()
    )
    return next(filter(None, found), "")


def _is(value: Any, wanted: str | list[str]) -> bool:  # noqa: ANN401
    """Whether a value is of one of the types that JSON has."""
    names = [wanted] if isinstance(wanted, str) else wanted
    if isinstance(value, bool):
        return "boolean" in names
    return any(isinstance(value, _TYPES[name]) for name in names)
