"""Questions to answers, whichever door they came in by: bounded in number and time, each put to a verb."""

from __future__ import annotations

import asyncio
import logging
import math
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from zeroshot.app.label_cache import LabelCache, num_texts
from zeroshot.app.refusal import Refusal, refusal_of
from zeroshot.app.served_files import by_last_name, served_video
from zeroshot.app.worker import Worker, WorkerClosedError
from zeroshot.batch.parquet import EmbeddingRow
from zeroshot.classifier import Classifier
from zeroshot.errors import OptionError, ZeroshotError, counted, printable
from zeroshot.text.lists import bundled_lists, bundled_templates
from zeroshot.text.prompts import make_prompts, read_labels
from zeroshot.text.stages import bundled_stages
from zeroshot.text.strangers import labels_of_strangers, stages_of_strangers, templates_of_strangers
from zeroshot.video.source import Url, name_of
from zeroshot.video.spool import on_disk
from zeroshot.video_search import VideoIndex, search

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from zeroshot.app.questions import ToSearch, UploadToClassify, UploadToTimeline, WithLabels
    from zeroshot.app.settings import Serving
    from zeroshot.model.model import Model
    from zeroshot.types import Prompts, Segment
    from zeroshot.video.source import Spooled, VideoSource

T = TypeVar("T")

_LOG = logging.getLogger("zeroshot.serve")
_MOST_SEGMENTS = 10_000  # of one timeline: more is a slip of the hand, and megabytes
_LISTS_KEPT = 16  # as many of the longest that a question may bring along


class Desk:
    """Where questions are put: a model, the labels it was started with, and what may be asked of it.

    Attributes:
        settings: what is let in, and how much.
        model: that answers.
        waiting: questions at work or in the queue.
        is_stopping: whether new ones are sent away.
    """

    def __init__(self, model: Model | Classifier, settings: Serving) -> None:
        """Take over a model.

        Args:
            model: a classifier has the labels that are ranked where a question brings none.
            settings: what is let in, and how much.

        Raises:
            OutputError: a folder of embeddings is none.
            ModelError: another model made one.
        """
        self.settings = settings
        self._default = model if isinstance(model, Classifier) else None
        self.model = model.model if isinstance(model, Classifier) else model
        self.waiting = 0
        self.is_stopping = False
        self._seconds = 1.0  # that questions take, the last ones above all
        self._cache = LabelCache(self.model, _LISTS_KEPT * settings.most_texts)
        self._worker = Worker(self.model)
        self._fetching = ThreadPoolExecutor(settings.most_waiting, "zeroshot-fetching")
        self._indices = {
            name: _FreshIndex(folder) for name, folder in by_last_name(settings.embeddings).items()
        }
        for index in self._indices.values():
            index.read().load_model(self.model)

    @asynccontextmanager
    async def question(self) -> AsyncIterator[None]:
        """A place for one question, for as long as it may take.

        Raises:
            Refusal: there is none, time is up, or whatever is wrong with the question, in one line.
        """
        if self.is_stopping:
            raise Refusal(503, "the server is stopping; ask another one", {"Retry-After": "5"})
        if self.waiting >= self.settings.most_waiting:
            seconds = min(60, max(1, math.ceil(self._seconds)))
            words = f"{counted(self.waiting, 'question')} are waiting already; come back in {seconds} s"
            raise Refusal(429, words, {"Retry-After": str(seconds)})
        clock, limit = asyncio.get_running_loop().time, self.settings.time_limit_seconds
        self.waiting, began = self.waiting + 1, clock()
        try:
            async with asyncio.timeout(limit):
                yield
        except TimeoutError:
            raise Refusal(504, f"no answer within {limit:g} s; ask for less, or later") from None
        except ZeroshotError as error:
            refusal = refusal_of(error)
            if refusal.status >= 500:
                _LOG.error("%s", printable(str(error)))
            raise refusal from None
        finally:
            self.waiting -= 1
            self._seconds += (clock() - began - self._seconds) / 8

    async def classify(self, asked: UploadToClassify, upload: Spooled | None = None) -> dict[str, Any]:
        """The ranking of one video as JSON has it."""
        classifier = await self._classifier(asked)
        source, name = await self._video(asked, upload)

        def ranked(vector: NDArray[np.float32]) -> dict[str, Any]:
            plain, drift = (vector[0], vector[1]) if classifier.is_staged else (vector, None)
            end = self.model.break_offs.get(name_of(source))
            row = EmbeddingRow(name, plain, breaks_off_seconds=end, drift=drift)
            return classifier.rank_rows([row], asked.k)[0].as_dict()

        return await self._answer(lambda: self._worker.embed(source, ranked, drifts=classifier.is_staged))

    async def timeline(self, asked: UploadToTimeline, upload: Spooled | None = None) -> dict[str, Any]:
        """The segments of one video as JSON has them."""
        classifier = await self._classifier(asked)
        source, name = await self._video(asked, upload)

        def segments() -> Iterator[Segment]:
            found = classifier.follow(
                source, asked.window_seconds, asked.stride_seconds, asked.k, merge=asked.merge
            )
            for number, segment in enumerate(found):
                if number == _MOST_SEGMENTS:
                    raise OptionError(
                        f"the video has more than {_MOST_SEGMENTS:,} segments; take a longer stride"
                    )
                yield segment

        rows = [segment.as_dict() for segment in await self._answer(lambda: self._worker.steps(segments))]
        return {"path": name, "segments": rows, "error": None}

    async def embed(self, asked: object, upload: Spooled | None = None) -> dict[str, Any]:
        """The vector of one video as JSON has it."""
        source, name = await self._video(asked, upload)
        told = {"model": self.model.name, "fingerprint": self.model.fingerprint}

        def listed(vector: NDArray[np.float32]) -> dict[str, Any]:
            return {"path": name, "embedding": vector.tolist(), **told}

        return await self._answer(lambda: self._worker.embed(source, listed))

    async def search(self, asked: ToSearch) -> dict[str, Any]:
        """The matches of a text as JSON has them."""
        names = ", ".join(self._indices)
        if asked.embeddings is None and len(self._indices) > 1:
            raise Refusal(422, f"the field embeddings is missing; expected one of {names}")
        chosen = asked.embeddings or next(iter(self._indices), "")
        index = self._indices.get(chosen)
        if index is None:
            raise Refusal(
                404,
                f"there are no embeddings {chosen[:60]!r}; expected {names or 'none: it has none'}",
            )
        found = await self._call(lambda: search(asked.query, index.read(), asked.k, model=self.model)[0])
        return {"query": asked.query, "matches": [match.as_dict() for match in found]}

    def labels(self) -> dict[str, Any]:
        """The labels that the server was started with, and names of all that is bundled."""
        return {
            "model": self.model.name,
            "labels": [] if self._default is None else list(self._default.labels),
            "lists": list(bundled_lists()),
            "templates": list(bundled_templates()),
            "stages": list(bundled_stages()),
            "embeddings": list(self._indices),
        }

    def bundled_list(self, name: str) -> dict[str, Any]:
        """The labels of a bundled list.

        Raises:
            Refusal: there is none of this name.
        """
        if name not in bundled_lists():
            raise Refusal(404, f"there is no list {name[:60]!r}; /labels says which there are")
        return {"name": name, "labels": list(read_labels(name))}

    def health(self) -> dict[str, Any]:
        """Whether questions are taken."""
        status = "stopping" if self.is_stopping else "ok"
        return {"status": status, "waiting": self.waiting, "most_waiting": self.settings.most_waiting}

    def close(self, wait_seconds: float | None = None) -> None:
        """Take no more questions, and end the model's decoding processes."""
        self.is_stopping = True
        self._worker.close(wait_seconds)
        self._fetching.shutdown(wait=False, cancel_futures=True)

    async def _classifier(self, asked: WithLabels) -> Classifier:
        """What ranks the labels of a question, or those that the server was started with."""
        if asked.labels is None:
            if asked.templates is not None or asked.stages is not None:
                raise Refusal(422, "templates and stages go with labels; give those, too")
            if self._default is None:
                raise Refusal(422, "the field labels is missing: this server was started without; give some")
            return self._default
        prompts = await asyncio.to_thread(_prompts_of, asked)
        number, most = num_texts(prompts), self.settings.most_texts
        if number > most:
            raise Refusal(
                422, f"the labels make {number:,} texts, with templates and stages; expected {most:,} at most"
            )
        return await self._call(lambda: self._cache.classifier(prompts))

    async def _video(self, asked: object, upload: Spooled | None) -> tuple[VideoSource, str]:
        """What is decoded, fetched if need be, and what answers call it."""
        if upload is not None:
            return upload, upload.name.rpartition(" (upload ")[0]
        name = str(getattr(asked, "video", ""))
        source = served_video(name, self.settings)
        if isinstance(source, Url):
            loop = asyncio.get_running_loop()
            source = await loop.run_in_executor(self._fetching, on_disk, source)
        return source, name

    async def _call(self, work: Callable[[], T]) -> T:
        """What is called in the worker's thread gives."""
        return (await self._answer(lambda: self._worker.steps(lambda: (work() for _ in range(1)))))[0]

    async def _answer(self, put: Callable[[], Future[T]]) -> T:
        """What the worker answers; where nobody waits any more, the question is taken back."""
        try:
            future = put()
            return await asyncio.wrap_future(future)
        except WorkerClosedError:
            pass
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling() or not future.cancelled():
                raise
        raise Refusal(503, "the server has stopped; ask another one", {"Retry-After": "5"})


class _FreshIndex:
    """A folder of embeddings, read anew once it has changed; for one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: list[tuple[str, int, int]] = []
        self._index: VideoIndex | None = None

    def read(self) -> VideoIndex:
        """What lies there now."""
        seen = sorted((each.name, *_facts(each)) for each in self._folder.iterdir() if each.is_file())
        if self._index is None or seen != self._seen:
            self._index, self._seen = VideoIndex(self._folder), seen
        return self._index


def _facts(path: Path) -> tuple[int, int]:
    told = path.stat()
    return told.st_mtime_ns, told.st_size


def _prompts_of(asked: WithLabels) -> Prompts:
    """The texts of a question's labels."""
    if asked.labels is None:
        raise Refusal(422, "the field labels is missing")
    return make_prompts(
        labels_of_strangers(asked.labels),
        templates_of_strangers(asked.templates),
        stages_of_strangers(asked.stages),
    )
