"""What questions and answers look like: held against what comes in, and what the description is made of."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json
from typing_extensions import TypedDict

from zeroshot.app.refusal import Refusal
from zeroshot.errors import printable

Words = Annotated[str, Field(min_length=1, max_length=1000)]
_Texts = Annotated[list[Words], Field(min_length=1, max_length=1000)]
_Told = Words | _Texts | dict[Words, Words | _Texts] | None
_Stage = dict[Literal["start", "end"], Words | _Texts]
Video = Annotated[
    str,
    Field(
        min_length=1,
        max_length=4096,
        description="The path of a file below a folder that is served; an address, where those are allowed.",
    ),
]
_Labels = Annotated[
    Annotated[list[Words], Field(min_length=1, max_length=20_000)]
    | Annotated[dict[Words, _Told], Field(min_length=1, max_length=20_000)]
    | Annotated[str, Field(min_length=1, max_length=100_000)]
    | None,
    Field(
        description='A list; {label: sentences}; "a,b,c"; or a bundled list\'s name, as /labels has them. '
        "Without it those that the server was started with."
    ),
]
_Templates = Annotated[
    _Texts | Annotated[str, Field(min_length=1, max_length=1000)] | None,
    Field(description='Sentences with {} for the label, or a bundled set\'s name. Without it "{}".'),
]
_Stages = Annotated[
    Annotated[dict[Words, _Stage], Field(min_length=1, max_length=20_000)] | Words | None,
    Field(description="How labels start and end, so that order counts; or a bundled set's name."),
]
_Window = Annotated[float, Field(ge=0.1, le=86_400, allow_inf_nan=False)]
_K = Annotated[int, Field(ge=1, le=10_000, description="How many come back, best first; fewer if there are.")]


class Question(BaseModel):
    """What all questions have in common: nothing is put right, and no field is left aside."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class WithLabels(Question):
    """Labels that are ranked."""

    labels: _Labels = None
    templates: _Templates = None
    stages: _Stages = None


class UploadToClassify(WithLabels):
    """How an uploaded video is classified."""

    k: _K = 5


class ToClassify(UploadToClassify):
    """A video, and the labels that are ranked for it."""

    video: Video


class UploadToTimeline(WithLabels):
    """How a timeline is made of an uploaded video."""

    k: _K = 3
    window_seconds: Annotated[_Window, Field(description="Length of a segment.")] = 4.0
    stride_seconds: Annotated[
        _Window | None, Field(description="From start to start; without it the window.")
    ] = None
    merge: Annotated[bool, Field(description="Neighbours of one best label as one segment.")] = False


class ToTimeline(UploadToTimeline):
    """A long video, and the labels that are ranked for each stretch of it."""

    video: Video


class UploadToEmbed(Question):
    """An uploaded video is embedded in one way only."""


class ToEmbed(Question):
    """A video whose vector is wanted."""

    video: Video


class ToSearch(Question):
    """Words that are looked for among embeddings."""

    query: Annotated[Words, Field(description="What is to be seen; start -> end where order counts.")]
    k: _K = 20
    embeddings: Annotated[
        Words | None, Field(description="The name of a folder of embeddings; needed if several are served.")
    ] = None


class PredictionRow(TypedDict):
    """One label's rank."""

    label: str
    score: float
    probability: float
    compared: NotRequired[int]
    in_set: NotRequired[bool]
    fit: NotRequired[float]


class RankingRow(TypedDict):
    """The labels of one video, best first: a line of `zeroshot classify --json`."""

    path: str
    predictions: list[PredictionRow]
    error: None
    breaks_off_seconds: NotRequired[float]


class SegmentRow(TypedDict):
    """A stretch of a video and its labels, best first."""

    start_seconds: float
    end_seconds: float
    predictions: list[PredictionRow]


class TimelineRow(TypedDict):
    """The stretches of one video: a line of `zeroshot timeline --json`."""

    path: str
    segments: list[SegmentRow]
    error: None


class EmbeddingAnswer(TypedDict):
    """The vector of one video, of unit length, and the model that made it."""

    path: str
    embedding: list[float]
    model: str
    fingerprint: str


class MatchRow(TypedDict):
    """A video, or a stretch of one, that words were found in."""

    path: str
    score: float
    start_seconds: float | None
    end_seconds: float | None
    copies: NotRequired[list[str]]


class SearchRow(TypedDict):
    """What was found, best first: a line of `zeroshot search --json`."""

    query: str
    matches: list[MatchRow]


class LabelsAnswer(TypedDict):
    """The labels that the server was started with, and names of bundled lists, templates and stages."""

    model: str
    labels: list[str]
    lists: list[str]
    templates: list[str]
    stages: list[str]
    embeddings: list[str]


class ListAnswer(TypedDict):
    """A bundled list."""

    name: str
    labels: list[str]


class HealthAnswer(TypedDict):
    """Whether questions are taken, and how many are at work or wait."""

    status: Literal["ok", "stopping"]
    waiting: int
    most_waiting: int


class ErrorAnswer(TypedDict):
    """One line: the value at fault, what was expected, what to do."""

    error: str


Q = TypeVar("Q", bound=Question)


def question_from_json(kind: type[Q], content: bytes | str) -> Q:
    """The question that JSON holds.

    Raises:
        Refusal: it is no JSON (400), or another question than is expected (422).
    """
    try:
        told = from_json(content, allow_inf_nan=False)
    except ValueError as error:
        raise Refusal(400, f"the body is no JSON: {_short(str(error))}; expected an object") from None
    return question_of(kind, told)


def question_of(kind: type[Q], told: object, *, strict: bool = True) -> Q:
    """The question that fields hold.

    Args:
        kind: of the question.
        told: fields and their values.
        strict: whether numbers have to be numbers; without it text that reads as one is.

    Raises:
        Refusal: another question is expected.
    """
    try:
        return kind.model_validate(told, strict=strict)
    except ValidationError as error:
        raise Refusal(422, _one_mistake(error)) from None


def question_from_fields(kind: type[Q], fields: dict[str, str]) -> Q:
    """The question that a form or an address holds: lists and mappings stand there as JSON.

    Raises:
        Refusal: as for the others.
    """
    told: dict[str, Any] = dict(fields)
    for name, text in fields.items():
        if text[:1] in {"[", "{"} and name in {"labels", "templates", "stages"} and text[:2] != "{}":
            try:
                told[name] = from_json(text, allow_inf_nan=False)
            except ValueError as error:
                raise Refusal(400, f"{name} is no JSON: {_short(str(error))}") from None
    return question_of(kind, told, strict=False)


def _one_mistake(error: ValidationError) -> str:
    """The first thing that is wrong, on one line."""
    first = error.errors(include_url=False, include_context=False)[0]
    place = next((str(each) for each in first["loc"] if isinstance(each, str)), "")
    message = _short(first["msg"])
    message = message[:1].lower() + message[1:]
    if first["type"] == "extra_forbidden":
        return f"there is no field {place[:60]!r}; /openapi.json says which there are"
    if first["type"] == "missing":
        return f"the field {place} is missing; /openapi.json says what is expected"
    shown = _short(repr(first.get("input")))
    return f"{_short(place) or 'the body'} is {shown}; {message}: /openapi.json says what is expected"


def _short(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= 120 else shown[:119] + "…"
