"""`zeroshot search`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from zeroshot.cli import options
from zeroshot.cli.screen import clock, one_format, put_csv, put_json, put_line, say_puppets, waiting
from zeroshot.errors import printable

if TYPE_CHECKING:
    from zeroshot.types import Match

Texts = Annotated[list[str], typer.Argument(metavar="TEXT", help="What to find; several are searched each.")]
Folder = Annotated[str, typer.Option("--in", metavar="DIR", help="Embeddings that `zeroshot embed` wrote.")]
Taught = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="FILE",
        help="Labels that `zeroshot teach` wrote: each TEXT is one of them, known by words and examples.",
    ),
]
TopK = Annotated[int, typer.Option("-k", metavar="N", help="How many matches to show.", min=1)]


def search(
    texts: Texts,
    folder: Folder,
    k: TopK = 20,
    labels: Taught = None,
    model: options.ModelName = None,
    as_json: options.Json = False,
    as_csv: options.Csv = False,
    device: options.Device = "auto",
) -> None:
    """\b
    Example:  zeroshot search "a person waving" --in embeddings/ -k 3
    After:    zeroshot embed examples/clips --output embeddings/ --model puppet-tiny

    Finds the videos, or the stretches of videos that were embedded with --window, which fit a text best.
    Windows that fit and touch are one stretch; files of the same content are found once. The model is the one
    that embedded them; --model tells where it is now. "arms hanging -> both arms up" looks for what starts
    and ends so, among embeddings that were made with --drifts.
    """
    from zeroshot.batch.table import read_manifest
    from zeroshot.video_search import search as find

    one_format(as_json, as_csv)
    with waiting(f"searching {folder}"):
        found = find(texts, folder, k, model=model, device=device, labels=labels)
    if labels is None:
        say_puppets(read_manifest(folder)["model"], texts, are_sentences=True, made=folder)
    if as_csv:
        put_csv("query", "rank", "path", "start_seconds", "end_seconds", "score")
    put = _put_json if as_json else _put_csv if as_csv else _put_text
    for text, matches in zip(texts, found, strict=True):
        put(text, matches)


def _put_json(text: str, matches: list[Match]) -> None:
    put_json({"query": text, "matches": [match.as_dict() for match in matches]})


def _put_csv(text: str, matches: list[Match]) -> None:
    for place, match in enumerate(matches, start=1):
        start, end = (_seconds(value) for value in (match.start_seconds, match.end_seconds))
        put_csv(text, place, match.path, start, end, match.score)


def _put_text(text: str, matches: list[Match]) -> None:
    put_line(printable(text))
    for match in matches:
        when = ""
        if match.start_seconds is not None and match.end_seconds is not None:
            when = f"  {clock(match.start_seconds)} – {clock(match.end_seconds)}"
        also = f"  (and {len(match.copies)} more of the same content)" if match.copies else ""
        put_line(f"  {match.score:6.3f}  {printable(match.path)}{when}{also}")


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
