"""Answers as pieces of HTML: every word of a user, of a file or of a label list is escaped on its way."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from zeroshot.errors import printable
from zeroshot.reports.colours import paint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from zeroshot.reports.document import Lanes, Stretch
    from zeroshot.types import Prediction

_STREAMS = {
    "clip": ("Network alone", "its frames averaged: mostly scenery"),
    "static": ("Static stream", "what stands still"),
    "dynamic": ("Dynamic stream", "what moves, and how"),
    "fused": ("Both, fused", "scenery and motion weighed"),
}
_BEST = 6  # labels of the answer
_BEST_OF_STREAM = 3
_MOST_TICKS = 8
_STEPS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)  # seconds


@dataclass(frozen=True)
class Seen:
    """What there is to show of one video, which may be less than there will be.

    Attributes:
        name: of the file, as its owner called it.
        address: where the browser gets it to play; "" where it cannot.
        frames: (second, JPEG file) of frames that were looked at, in time order.
        seconds: how long it is; 0 as long as that is not known.
        answers: stream → its best labels, best first.
        stream: whose answer is the model's.
        num_labels: K.
        lanes: labels along its time.
        reading: whether more is to come.
        notes: what there is to say besides, a line each.
        error: the line that ended it.
    """

    name: str = ""
    address: str = ""
    frames: tuple[tuple[float, bytes], ...] = ()
    seconds: float = 0.0
    answers: Mapping[str, Sequence[Prediction]] = field(default_factory=dict)
    stream: str = "clip"
    num_labels: int = 0
    lanes: Lanes | None = None
    reading: bool = False
    notes: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Found:
    """A video that fits words, as it is shown.

    Attributes:
        name: its path, as it was embedded.
        address: where the browser gets it; "" where it is there no more.
        score: cosine in [-1, 1].
        start_seconds: of the stretch that fits; None: the whole video.
        end_seconds: where that ends.
    """

    name: str
    address: str
    score: float
    start_seconds: float | None = None
    end_seconds: float | None = None


def safe(text: str) -> str:
    """Foreign words as HTML shows them: on one line, none of them obeyed."""
    return escape(printable(text))


def clock(seconds: float) -> str:
    """Seconds as players show them, tenths where there are few.

    >>> clock(2.5), clock(65), clock(3725)
    ('0:02.5', '1:05', '1:02:05')
    """
    tenths = round(10 * seconds)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    shown = f"{rest // 10:02d}" + (f".{rest % 10}" if rest % 10 and not hours else "")
    return f"{hours}:{minutes:02d}:{shown}" if hours else f"{minutes}:{shown}"


def share(probability: float) -> str:
    """A probability in per cent, as exact as it can be read at a glance.

    >>> share(0.9961), share(0.042), share(1.0), share(0.00004)
    ('99.6 %', '4.2 %', '100 %', '0.0 %')
    """
    return "100 %" if probability >= 0.9995 else f"{100 * probability:.1f} %"


def head(model: str, note: str) -> str:
    """What stands above everything.

    Args:
        model: its name.
        note: what people should know of it first; or "".
    """
    more = f'<p class="z-quiet">{safe(note)}</p>' if note else ""
    return (
        '<header class="z-head"><h1>What happens in this video?</h1>'
        "<p>Choose a video, write what might happen in it, and see which words fit, and when.</p>"
        f'<p class="z-chip"><span class="z-quiet">model</span> {safe(model)}</p>{more}</header>'
    )


def examples(clips: Iterable[tuple[str, str]]) -> str:
    """Buttons that are the example clips themselves.

    Args:
        clips: (name, address) each.
    """
    buttons = "".join(
        f'<button type="button" class="z-example" data-clip="{safe(name)}" title="{safe(name)}" '
        f'aria-label="Example: {safe(name)}"><video src="{escape(address)}#t=0.6" muted playsinline '
        'preload="metadata" tabindex="-1" aria-hidden="true"></video></button>'
        for name, address in clips
    )
    return f'<div class="z-examples" role="group" aria-label="Example clips">{buttons}</div>'


def result(seen: Seen) -> str:
    """All that is shown of one video; what there is no answer to yet keeps its place."""
    if not (seen.name or seen.error):
        return '<div class="z-result z-empty"><p>Drop a video, or take one of the examples.</p></div>'
    busy = "true" if seen.reading else "false"
    return (
        f'<div class="z-result" aria-busy="{busy}" data-length="{seen.seconds:.3f}">'
        f'<p class="z-error" role="alert"{_hidden(seen.error)}>{safe(seen.error)}</p>'
        f'<div class="z-top">{_player(seen)}{_answer(seen)}</div>'
        f"{_timeline(seen)}{_streams(seen)}{_notes(seen.notes)}</div>"
    )


def matches(words: str, found: Sequence[Found]) -> str:
    """Videos that fit the words, best first, each of which plays.

    Args:
        words: what was looked for.
        found: at least one.
    """
    title = f"<h2>Best fits for “{safe(words)}”</h2>"
    return f'{title}<ol class="z-matches">{"".join(map(_match, found))}</ol>'


def alert(line: str) -> str:
    """One line on what went wrong."""
    return f'<p class="z-error" role="alert">{safe(line)}</p>'


def framed(address: str, title: str) -> str:
    """A page of a report in a frame that may not touch this one.

    Args:
        address: where it is served.
        title: what the frame is called.
    """
    return (
        f'<iframe class="z-report" sandbox="allow-scripts" src="{escape(address)}" title="{safe(title)}" '
        'referrerpolicy="no-referrer"></iframe>'
    )


def _hidden(text: object) -> str:
    return "" if text else " hidden"


def _player(seen: Seen) -> str:
    """The video itself; words in its place where a browser cannot play what was read all the same."""
    src = f' src="{escape(seen.address)}"' if seen.address else ""
    read = ", which was read all the same" if seen.answers else ""
    return (
        f'<figure class="z-player"><video controls muted playsinline preload="auto"{src} '
        f'aria-label="Video {safe(seen.name)}"></video>'
        f'<p class="z-unplayable" hidden>This browser cannot play the file{read}.</p>'
        f'<figcaption title="{safe(seen.name)}">{safe(seen.name)}</figcaption></figure>'
    )


def _answer(seen: Seen) -> str:
    """The best label in large letters, and the next ones as bars."""
    best = seen.answers.get(seen.stream, ())
    if not best:
        words = "Reading …" if seen.reading else "No answer"
        return (
            f'<section class="z-answer" aria-label="Answer"><p class="z-best z-quiet">{words}</p></section>'
        )
    among = f"{share(best[0].probability)} among {seen.num_labels:,} label{'s' * (seen.num_labels != 1)}"
    return (
        '<section class="z-answer" aria-label="Answer"><p class="z-quiet">Over the whole video</p>'
        f'<p class="z-best">{safe(best[0].label)}</p>'
        f'<p class="z-quiet">{among}</p>{_bars(best[:_BEST])}</section>'
    )


def _bars(predictions: Sequence[Prediction]) -> str:
    """A ranking, a bar each."""
    rows = "".join(
        f'<li><span class="z-name" title="{safe(each.label)}">{safe(each.label)}</span>'
        f'<span class="z-bar" aria-hidden="true"><i style="width:{100 * each.probability:.1f}%"></i></span>'
        f'<span class="z-figure">{share(each.probability)}</span></li>'
        for each in predictions
    )
    return f'<ol class="z-bars">{rows}</ol>'


def _timeline(seen: Seen) -> str:
    """Frames along the time axis, and below them a lane for each label that leads somewhere."""
    if not seen.frames:
        return '<section class="z-timeline" aria-label="Along its time" hidden></section>'
    end = max(seen.seconds, 1e-6)
    frames = "".join(
        f'<img alt="" data-seconds="{second:.3f}" src="data:image/jpeg;base64,'
        f'{base64.b64encode(content).decode("ascii")}">'
        for second, content in seen.frames
    )
    lanes = (
        ""
        if seen.lanes is None
        else "".join(_lane(each.name, each.stretches, end) for each in seen.lanes.lanes)
    )
    waiting = '<p class="z-quiet z-waiting">Reading stretch by stretch …</p>' if seen.reading else ""
    more = "" if seen.lanes is None else seen.lanes.caption.strip()
    return (
        '<section class="z-timeline" aria-label="Along its time"><h2>When</h2><div class="z-time">'
        '<div class="z-strip" role="slider" tabindex="0" aria-label="Moment of the video" aria-valuemin="0" '
        f'aria-valuemax="{end:.1f}" aria-valuenow="0" aria-valuetext="0:00">{frames}</div>'
        f'<div class="z-axis" aria-hidden="true">{_ticks(end)}</div>{lanes}'
        '<div class="z-over" aria-hidden="true"><i class="z-playhead"></i></div></div>'
        f'{waiting}<p class="z-quiet"{_hidden(more)}>{safe(more)}</p></section>'
    )


def _lane(name: str, stretches: Sequence[Stretch], end: float) -> str:
    """One label along the time: what leads can be pressed, the rest is a line as high as it is probable."""
    led = sum(each.end_seconds - each.start_seconds for each in stretches if each.leads)
    blocks = "".join(_block(name, each, end) for each in stretches)
    return (
        f'<div class="z-lane" role="group" aria-label="{safe(name)}">'
        f'<span class="z-name" title="{safe(name)}">{safe(name)}</span>'
        f'<span class="z-track">{blocks}</span><span class="z-figure">{led:.1f} s</span></div>'
    )


def _block(name: str, stretch: Stretch, end: float) -> str:
    """One stretch, the stronger the more probable."""
    left, width = 100 * stretch.start_seconds / end, 100 * (stretch.end_seconds - stretch.start_seconds) / end
    style = f'style="left:{left:.3f}%;width:{width:.3f}%;--share:{stretch.share:.3f}"'
    at = f'data-seconds="{stretch.start_seconds:.3f}"'
    if not stretch.leads:
        return f'<span class="z-behind" {style} {at} aria-hidden="true"></span>'
    told = f"{name}, {share(stretch.share)}, {clock(stretch.start_seconds)} to {clock(stretch.end_seconds)}"
    return (
        f'<button type="button" class="z-leads" {style} {at} aria-label="{safe(told)}" title="{safe(told)}">'
        f"<span>{stretch.share:.0%}</span></button>"
    )


def _ticks(end: float) -> str:
    """Moments below the frames."""
    step = next((step for step in _STEPS if end / step <= _MOST_TICKS), end / _MOST_TICKS)
    moments = [step * number for number in range(int(end / step + 1e-6) + 1)]
    return "".join(f'<span style="left:{100 * at / end:.2f}%">{clock(at)}</span>' for at in moments)


def _streams(seen: Seen) -> str:
    """The streams side by side, and in a sentence what they disagree about."""
    if len(seen.answers) < 2:
        return '<section class="z-streams" aria-label="Scenery or motion" hidden></section>'
    cards = "".join(_card(name, seen.answers[name]) for name in _STREAMS if name in seen.answers)
    return (
        '<section class="z-streams" aria-label="Scenery or motion"><h2>Scenery or motion?</h2>'
        f'<p class="z-verdict">{_verdict(seen.answers)}</p><div class="z-cards">{cards}</div></section>'
    )


def _verdict(answers: Mapping[str, Sequence[Prediction]]) -> str:
    """What the network sees in the frames against what moves."""
    looks, moves = answers["clip"], answers["dynamic"]
    if not moves:
        return "Nothing moves in what was looked at, so the dynamic stream has no answer."
    if looks[0].label == moves[0].label:
        return f"The look of the frames and the motion say the same: <b>{safe(looks[0].label)}</b>."
    return (
        f"The look of the frames says <b>{safe(looks[0].label)}</b>, "
        f"the motion says <b>{safe(moves[0].label)}</b>."
    )


def _card(stream: str, predictions: Sequence[Prediction]) -> str:
    title, words = _STREAMS[stream]
    shown = _bars(predictions[:_BEST_OF_STREAM]) if predictions else '<p class="z-quiet">no answer</p>'
    dot = f'<i style="background:{paint(stream)}" aria-hidden="true"></i>'
    return (
        f'<article class="z-card" aria-label="{title}"><h3>{dot}{title}</h3>'
        f'<p class="z-quiet">{words}</p>{shown}</article>'
    )


def _notes(notes: Sequence[str]) -> str:
    lines = "".join(f"<li>{safe(note)}</li>" for note in notes)
    return f'<ul class="z-notes z-quiet"{_hidden(notes)}>{lines}</ul>'


def _match(found: Found) -> str:
    """One video that plays from where the words fit."""
    start, end, file = found.start_seconds, found.end_seconds, found.name.rpartition("/")[2]
    part = "" if start is None or end is None else f"#t={start:.3f},{end:.3f}"
    when = "whole video" if start is None or end is None else f"{clock(start)} – {clock(end)}"
    player = (
        f'<video controls muted playsinline preload="metadata" src="{escape(found.address + part)}" '
        f'aria-label="{safe(found.name)}, {when}"></video>'
        if found.address
        else '<p class="z-gone z-quiet">no video there any more</p>'
    )
    return (
        f'<li class="z-card">{player}<p class="z-path" title="{safe(found.name)}">{safe(file)}</p>'
        f'<p class="z-quiet">{when}, score {found.score:.3f}</p></li>'
    )
