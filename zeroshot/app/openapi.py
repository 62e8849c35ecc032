"""The OpenAPI description of the server, made of the very types that questions are held against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from zeroshot.app.questions import (
    EmbeddingAnswer,
    ErrorAnswer,
    HealthAnswer,
    LabelsAnswer,
    ListAnswer,
    RankingRow,
    SearchRow,
    TimelineRow,
    ToClassify,
    ToEmbed,
    ToSearch,
    ToTimeline,
    UploadToClassify,
    UploadToEmbed,
    UploadToTimeline,
)
from zeroshot.resources import VERSION

if TYPE_CHECKING:
    from zeroshot.app.settings import Serving

_TYPES: dict[str, Any] = {
    each.__name__: each
    for each in (
        ToClassify,
        ToTimeline,
        ToEmbed,
        ToSearch,
        UploadToClassify,
        UploadToTimeline,
        UploadToEmbed,
        RankingRow,
        TimelineRow,
        EmbeddingAnswer,
        SearchRow,
        LabelsAnswer,
        ListAnswer,
        HealthAnswer,
        ErrorAnswer,
    )
}
_WHY = {
    400: "The body cannot be read as what it says it is.",
    401: "The token is missing, or another one.",
    403: "A page of another site asks, or addresses are not fetched here.",
    404: "There is nothing of this name.",
    405: "Not with this method.",
    408: "The body stopped coming.",
    413: "The body is too large.",
    415: "The body is of a kind that is not read.",
    421: "The server is not called so.",
    422: "The question cannot be answered: the video cannot be decoded, labels cannot be used, …",
    429: "Too many questions wait; Retry-After says when to come back.",
    500: "The server made a mistake.",
    503: "The server is stopping.",
    504: "The answer took too long.",
    507: "The server has no room for the video.",
}
_ALWAYS = (401, 403, 408, 421, 500)
_ASKED = (400, 404, 413, 415, 422, 429, 503, 504, 507)


def description(settings: Serving, root_path: str = "") -> dict[str, Any]:
    """The description as OpenAPI 3.1 has it.

    Args:
        settings: whether a token is asked for.
        root_path: below which the server hangs in somebody else's.
    """
    asks = {
        "/classify": ("Rank labels for a video.", "Classify", "RankingRow"),
        "/timeline": (
            "Rank labels for each stretch of a video.",
            "Timeline",
            "TimelineRow",
        ),
        "/embed": ("The vector of a video.", "Embed", "EmbeddingAnswer"),
        "/search": ("Find videos by words.", "Search", "SearchRow"),
    }
    tells = {
        "/labels": ("What can be named.", "LabelsAnswer"),
        "/health": ("Whether questions are taken.", "HealthAnswer"),
    }
    paths: dict[str, Any] = {path: {"post": _asking(*told)} for path, told in asks.items()}
    paths |= {path: {"get": _telling(*told)} for path, told in tells.items()}
    name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    paths["/labels/{name}"] = {
        "get": {**_telling("A bundled list.", "ListAnswer", 404), "parameters": [name]}
    }
    paths["/health"]["get"]["responses"]["503"] = _answer("HealthAnswer", _WHY[503])
    components: dict[str, Any] = {"schemas": _schemas()}
    described: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "zeroshot",
            "version": VERSION,
            "description": "Tells what happens in a video in words that you choose.",
        },
        "servers": [{"url": root_path or "/"}],
        "paths": paths,
        "components": components,
    }
    if settings.token is not None:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        described["security"] = [{"token": []}]
        paths["/health"]["get"]["security"] = []
    return described


def _schemas() -> dict[str, Any]:
    """Of all questions and answers, by name."""
    found: dict[str, Any] = {}
    for name, kind in _TYPES.items():
        schema = _schema(kind)
        found |= schema.pop("$defs", {})
        found[name] = schema
    return dict(sorted(found.items()))


def _schema(kind: Any) -> dict[str, Any]:  # noqa: ANN401 - a model or a typed dictionary
    return TypeAdapter(kind).json_schema(ref_template="#/components/schemas/{model}")


def _form(schema: dict[str, Any]) -> dict[str, Any]:
    """The same fields as a form has them, beside the video: what is a list or a mapping there is text."""
    fields = {name: _in_form(told) for name, told in schema["properties"].items()}
    file = {"type": "object", "required": ["video"], "additionalProperties": False}
    return {**file, "properties": {"video": _BYTES, **fields}}


def _in_form(told: dict[str, Any]) -> dict[str, Any]:
    kept = ("type", "minimum", "maximum", "description")
    plain = {name: told[name] for name in kept if name in told}
    numbers = [each for each in told.get("anyOf", ()) if each.get("type") == "number"]
    return {"type": "string", **(numbers[0] if numbers else {}), **plain}


def _asking(summary: str, verb: str, answer: str) -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": _reference(f"To{verb}")}}
    upload = f"UploadTo{verb}"
    if upload in _TYPES:
        content["multipart/form-data"] = {"schema": _form(_schema(_TYPES[upload]))}
        content["application/octet-stream"] = {"schema": _BYTES}
    return {
        "operationId": verb.lower(),
        "summary": summary,
        "description": _UPLOADS.format(upload) if upload in _TYPES else "",
        "requestBody": {"required": True, "content": content},
        "responses": {"200": _answer(answer, "The answer.")} | _errors(*_ALWAYS, *_ASKED),
    }


_BYTES = {"type": "string", "format": "binary"}
_UPLOADS = (
    "The video is named in JSON, or uploaded: as the file `video` of a form whose other fields, or as a body "
    "whose query parameters, are those of {}; lists and mappings stand there as JSON."
)


def _telling(summary: str, answer: str, *errors: int) -> dict[str, Any]:
    responses = {"200": _answer(answer, "The answer.")} | _errors(*_ALWAYS, *errors)
    return {"operationId": answer.removesuffix("Answer").lower(), "summary": summary, "responses": responses}


def _errors(*statuses: int) -> dict[str, Any]:
    return {str(status): _answer("ErrorAnswer", _WHY[status]) for status in sorted(statuses)}


def _answer(name: str, why: str) -> dict[str, Any]:
    return {"description": why, "content": {"application/json": {"schema": _reference(name)}}}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
