"""What the page asks of the verbs: one video looked at step by step, words looked for in a folder."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.app.label_cache import LabelCache
from zeroshot.app.page_html import Found, Seen
from zeroshot.checks import puppets_note
from zeroshot.classifier import Classifier, classifier_of
from zeroshot.errors import LabelError, OptionError, ZeroshotError
from zeroshot.rejection.rule import Rule
from zeroshot.reports.lanes import lanes_of
from zeroshot.reports.thumbnails import thumbnails
from zeroshot.stream_answers import answering_stream, rank_streams
from zeroshot.text.prompts import make_prompts, read_labels
from zeroshot.types import Clip
from zeroshot.video_search import VideoIndex, search

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zeroshot.app.page_files import ShownFiles
    from zeroshot.model.model import Model
    from zeroshot.text.prompts import LabelSource
    from zeroshot.types import Prompts, Segment

_MOST_LETTERS = 1_000_000  # of labels typed
_MOST_STRETCHES = 600  # that a page shows of one video
_USUAL_STRETCHES = 8
_LONGEST_USUAL = 4.0  # seconds, as `zeroshot timeline` has it
_SHORTEST_USUAL = 2.0  # half of an action says another one
_USUAL_MOST_STRETCHES = 150
_SHOWN = 24  # labels of a stretch and of a ranking
_MOST_TEXTS = 50_000  # of labels whose vectors are kept
_NUM_MATCHES = 12
_FRAMES = 8  # beside each other


@dataclass(frozen=True)
class Asked:
    """What somebody wants to know of one video.

    Attributes:
        path: of the file on this machine.
        words: labels as typed, see `labels_typed`.
        stages: a bundled set of stages, or "".
        window_seconds: of a stretch; 0: by the video's length.
        reject: the share that labels must have against background labels, below 1, for the answer not to be
            "none of these"; 0: it never is.
    """

    path: str
    words: str
    stages: str = ""
    window_seconds: float = 0.0
    reject: float = 0.0


def labels_typed(text: str) -> tuple[str, ...]:
    r"""Labels that somebody typed, one a line, or between commas where there is one line alone.

    What is typed is never taken for the name of a file: whoever sees the page cannot read this machine's.

    Raises:
        LabelError: there are none, or far too many.

    >>> labels_typed("waving, kicking"), labels_typed("waving, with both arms\nkicking")
    (('waving', 'kicking'), ('waving, with both arms', 'kicking'))
    """
    if len(text) > _MOST_LETTERS:
        raise LabelError(f"the labels have {len(text):,} letters; expected {_MOST_LETTERS:,} at most")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    words = lines if len(lines) != 1 else [word.strip() for word in lines[0].split(",")]
    found = tuple(word for word in words if word)
    if not found:
        raise LabelError("there are no labels; write what might happen, one a line")
    return found


def usual_window(seconds: float) -> float:
    """Seconds of a stretch where nobody chooses: 2 in short videos, up to 4, more in very long ones."""
    short = min(_LONGEST_USUAL, max(_SHORTEST_USUAL, seconds / _USUAL_STRETCHES))
    return max(short, math.ceil(seconds / _USUAL_MOST_STRETCHES))


class Answers:
    """A model that answers one question after the other; what it made of the last label lists is kept."""

    def __init__(self, model: Model, labels: LabelSource, files: ShownFiles) -> None:
        """Read the first labels; none is encoded yet.

        Args:
            model: loaded.
            labels: as for `zeroshot.load`; shown first.
            files: what the browser may get.

        Raises:
            LabelError: they cannot be used.
        """
        self.model = model
        self.files = files
        self.first_words = "\n".join(read_labels(labels))
        self._first_labels = labels
        self._kept = LabelCache(model, _MOST_TEXTS)
        self._rejecting: tuple[Prompts, Classifier] | None = None  # with the background of the last list

    def classifier(self, words: str, stages: str = "", reject: float = 0.0) -> Classifier:
        """The classifier of labels as typed; its labels, and those of the background, are encoded once.

        Args:
            words: as of `Asked`.
            stages: as of `Asked`.
            reject: as of `Asked`.

        Raises:
            LabelError: they cannot be used.
            OptionError: the share is none.
        """
        # As they came, untouched labels keep the descriptions that their file may have.
        is_first = words.strip() == self.first_words.strip()
        labels = self._first_labels if is_first else labels_typed(words)
        prompts = make_prompts(labels, stages=stages or None)
        if not reject:
            return self._kept.classifier(prompts)
        rule = Rule.at(reject)
        if self._rejecting is None or self._rejecting[0] != prompts:
            self._rejecting = prompts, classifier_of(self.model, prompts, None, "auto")
        found = self._rejecting[1]
        rejection = found.rejection and replace(found.rejection, rule=rule)
        return Classifier(self.model, found.index, rejection)

    def look(self, asked: Asked) -> Iterator[Seen]:
        """What is seen of a video: frames, then answers, then more and more of its time; or one line.

        Args:
            asked: what is wanted.
        """
        shown = Seen(Path(asked.path).name, self.files.address(asked.path), reading=True)
        yield shown
        try:
            for step in self._steps(asked, shown):
                shown = step
                yield shown
        except ZeroshotError as error:
            line = str(error).replace(asked.path, shown.name)  # where uploads lie is nobody's business
            yield replace(shown, reading=False, error=line)

    def _steps(self, asked: Asked, seen: Seen) -> Iterator[Seen]:
        """As `look`; what fails raises."""
        classifier = self.classifier(asked.words, asked.stages, asked.reject)
        clip = self.model.clips_of(asked.path)[0]
        # Moments lie in the middles of equal parts: the first as far from the start as the last from the end.
        seconds = float(clip.seconds[0] + clip.seconds[-1])
        few = _few(clip)
        frames = tuple(zip(few.seconds.tolist(), thumbnails([few]), strict=True))
        seen = replace(seen, frames=frames, seconds=seconds, num_labels=len(classifier.labels))
        yield seen
        answers, stream = rank_streams(classifier, clip, _SHOWN), answering_stream(classifier)
        note = puppets_note(self.model.name, classifier.labels)
        seen = replace(seen, answers=answers, stream=stream, notes=(note,) if note else ())
        yield seen
        segments: list[Segment] = []
        window = _window(asked.window_seconds, seconds)
        for segment in classifier.follow(asked.path, window, k=min(_SHOWN, len(classifier.labels))):
            segments.append(segment)
            seen = replace(seen, lanes=lanes_of(segments), seconds=max(seconds, segment.end_seconds))
            yield seen
        of_model = (note for note in self.model.notes if note != self.model.backbone.precision.note)
        notes = (*seen.notes, *classifier.notes, *of_model)
        ends = segments[-1].end_seconds if segments else seconds
        yield replace(seen, seconds=ends, reading=False, notes=tuple(dict.fromkeys(notes)))


class Library:
    """A folder of embeddings and the model that made them."""

    def __init__(
        self, folder: str | VideoIndex, model: Model, files: ShownFiles, *, device: str = "auto"
    ) -> None:
        """Read the embeddings, if need be; load their model, unless it is the one that is there.

        Args:
            folder: written by `zeroshot embed`. A VideoIndex is not read again.
            model: of the page.
            files: what the browser may get.
            device: for another model than the page's.

        Raises:
            OutputError: the folder cannot be read.
            ModelError: its model cannot be loaded.
        """
        self._index = folder if isinstance(folder, VideoIndex) else VideoIndex(folder)
        same = model.fingerprint == self._index.fingerprint
        self._model = model if same else self._index.load_model(device=device)
        self._files = files

    def __len__(self) -> int:
        return len(self._index)

    def find(self, words: str) -> list[Found]:
        """The videos, or stretches of videos, that fit the words best.

        Raises:
            ZeroshotError: the words cannot be looked for.
        """
        (matches,) = search(words, self._index, _NUM_MATCHES, model=self._model)
        return [
            Found(
                match.path,
                self._files.address(match.path),
                match.score,
                match.start_seconds,
                match.end_seconds,
            )
            for match in matches
        ]


def _window(asked: float, seconds: float) -> float:
    """Seconds of a stretch.

    Raises:
        OptionError: a video would have more stretches than a page can show.
    """
    least = max(0.1, seconds / _MOST_STRETCHES)
    if asked and not asked >= least:
        raise OptionError(
            f"stretches of {asked:g} s are too short for a video of {seconds:.0f} s; expected "
            f"{math.ceil(10 * least) / 10:g} s or more, or 0 to leave it to the video's length"
        )
    return asked or usual_window(seconds)


def _few(clip: Clip) -> Clip:
    """The clip, or some of its frames spread evenly, which fit beside each other."""
    number = len(clip.frames)
    rows = np.linspace(0, number - 1, min(_FRAMES, number)).round().astype(int)
    return Clip(clip.frames[rows], clip.seconds[rows])
