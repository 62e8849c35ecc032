"""Search the other way: words in, the videos of a folder of embeddings out, best first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.batch.table import MANIFEST, no_drifts, read_manifest, read_table
from zeroshot.checkpoint import NO_STREAM, load_model, require_model, require_public
from zeroshot.checks import Checks, model_given, require_stream
from zeroshot.errors import (
    LabelError,
    ModelError,
    OptionError,
    OutputError,
    require_texts,
    require_whole,
    told_apart,
)
from zeroshot.events.moments import Moment, Moments
from zeroshot.index.exact import all_scores, nearest_rows, unit_rows
from zeroshot.index.stage_rows import STAGED_SCALE, staged_labels, staged_videos
from zeroshot.model.drift import stage_changes
from zeroshot.resources import from_home
from zeroshot.text.lists import words_key
from zeroshot.text.stages import stages_in_words
from zeroshot.types import Match, Prompts

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from zeroshot.batch.table import Embeddings
    from zeroshot.few_shot.taught import TaughtLabels
    from zeroshot.model.model import Model


class VideoIndex:
    """The n embeddings of a folder that `zeroshot embed` wrote, searched exactly.

    Attributes:
        folder: where they lie.
        model_name: the model that made them, as it was called.
        fingerprint: what it is; a text's vector belongs to them only if its model has the same one.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Read the embeddings in `folder`.

        Raises:
            OutputError: it was not written by `zeroshot embed`, is damaged, or holds no embedding.
        """
        self.folder = Path(from_home(folder))
        settings = read_manifest(self.folder)
        self.model_name, self.fingerprint = (_word(settings, name, self.folder) for name in _NEEDED)
        self._stream = {name: str(settings.get(name) or none) for name, none in _PLAIN.items()}
        self._rows: Embeddings = read_table(self.folder)
        if not self._rows.paths:
            raise OutputError(f"{self.folder} holds no embedding; put some there with `zeroshot embed`")
        spans = np.stack([self._rows.start_seconds, self._rows.end_seconds], axis=1)
        self._moments = Moments(self._rows.paths, spans, self._rows.contents)

    def __len__(self) -> int:
        return len(self._rows.paths)

    def __repr__(self) -> str:
        return f"VideoIndex({str(self.folder)!r}, {len(self)} embeddings by {self.model_name})"

    @property
    def vectors(self) -> NDArray[np.float32]:
        """(n, D) float32 unit rows, in the order of their paths and starts."""
        return self._rows.vectors

    @property
    def drifts(self) -> NDArray[np.float32]:
        """(n, D) float32, which way the frames of each go.

        Raises:
            OutputError: the folder keeps none.
        """
        if self._rows.drifts is None:
            raise no_drifts(self.folder)
        return self._rows.drifts

    def search(self, queries: ArrayLike, k: int = 20) -> list[list[Match]]:
        """The k best matches for each of B queries, best first; all that there are where k is larger.

        Windows of one file that fit and touch are one match, from where the first begins to where the last
        ends; no other match overlaps it. Files of the same content are found once.

        Args:
            queries: (B, D) unit rows, such as `Model.embed_texts` gives.
            k: at least 1.

        Raises:
            OptionError: k < 1, or queries of another shape, not finite, or not of unit length.
        """
        return self._matches(self._checked(queries), self.vectors, k, 1.0)

    def search_stages(self, queries: ArrayLike, changes: ArrayLike, k: int = 20) -> list[list[Match]]:
        """As `search`, for what happens in an order: the score is the text's, and β times the drift's.

        Args:
            queries: (B, D) unit rows, of what is seen.
            changes: (B, D) from `stage_changes`, of what it starts and ends with.
            k: at least 1.

        Raises:
            OptionError: as for `search`.
            OutputError: the folder keeps no drifts.
        """
        asked = staged_labels(self._checked(queries), np.asarray(changes, np.float32))
        return self._matches(asked, staged_videos(self.vectors, self.drifts), k, STAGED_SCALE)

    def search_taught(self, labels: TaughtLabels, names: Sequence[str], k: int = 20) -> list[list[Match]]:
        """The k best matches for each of B labels taught by examples, best first; no model is needed.

        Args:
            labels: taught with the model and the stream that embedded the videos.
            names: B of them, one or more, as they are spelled or as they would be typed.
            k: at least 1.

        Raises:
            LabelError: one is none of them, or they were taught with another model or stream.
            OptionError: k < 1.
        """
        require_whole("k", k)
        where = f"the labels with {names[0]!r}"
        if labels.fingerprint.get("model") != self.fingerprint:
            raise LabelError(
                f"{where} were taught with {labels.fingerprint.get('model_name')}, the embeddings in "
                f"{self.folder} are by {self.model_name}; embed or teach with the other"
            )
        require_stream(labels.fingerprint, self._stream, where)
        known = {words_key(name): row for row, name in enumerate(labels.labels)}
        if strange := [name for name in names if words_key(name) not in known]:
            raise LabelError(
                f"{strange[0]!r} is none of the {len(known)} taught labels: {', '.join(labels.labels)[:200]}"
            )
        rows = [known[words_key(name)] for name in names]
        scores = np.concatenate(
            [
                labels.scores(self.vectors[start : start + _VIDEOS_AT_ONCE])[:, rows]
                for start in range(0, len(self), _VIDEOS_AT_ONCE)
            ]
        )
        return [[self._match(found, 1.0) for found in self._moments.best(column, k)] for column in scores.T]

    def _checked(self, queries: ArrayLike) -> NDArray[np.float32]:
        """(B, D) unit rows of the videos' width."""
        asked = unit_rows(queries, "queries")
        if asked.shape[1] != self.vectors.shape[1]:
            widths = f"{asked.shape[1]} dimensions, the videos {self.vectors.shape[1]}"
            raise OptionError(f"queries have {widths}; embed them with {self.model_name}")
        return asked

    def _matches(
        self, asked: NDArray[np.float32], rows: NDArray[np.float32], k: int, times: float
    ) -> list[list[Match]]:
        """The k best of n rows for each of B checked queries, their scores multiplied."""
        require_whole("k", k)
        if not self._moments.is_plain:
            return [
                [
                    self._match(found, times)
                    for found in self._moments.best(all_scores(query[None], rows)[0], k)
                ]
                for query in asked
            ]
        found = nearest_rows(asked, rows, min(k, len(self)))
        return [
            [self._match(Moment(row, row, score), times) for row, score in zip(rows, scores, strict=True)]
            for rows, scores in zip(found.rows.tolist(), found.scores.tolist(), strict=True)
        ]

    def require_model(self, model: str | Model | None = None, *, device: str = "auto") -> None:
        """Refuse what `load_model` would refuse, as far as it shows before any weights are looked for.

        Args:
            model: as for `load_model`.
            device: auto, cpu, cuda, cuda:N or mps.

        Raises:
            ModelError: there can be no model of that name, or none that a file may name.
        """
        name = self._name() if model is None else model_given(model)
        if isinstance(name, str):
            require_model(name, device=device)

    def _name(self) -> str:
        """The model in the manifest, if a file may name it."""
        return require_public(self.model_name, str(self.folder / MANIFEST))

    def load_model(self, model: str | Model | None = None, *, device: str = "auto") -> Model:
        """The model that made the embeddings, to embed texts with.

        Args:
            model: its name or path, where that is another one than it was; None: the one in the manifest.
            device: auto, cpu, cuda, cuda:N or mps.

        Raises:
            ModelError: it cannot be loaded, or is another one than the embeddings were made with.
        """
        return self._model_for(model, device)

    def _model_for(
        self, model: str | Model | None, device: str, encodes: tuple[str, ...] = ("frames", "texts")
    ) -> Model:
        """As `load_model`, for what it is going to encode."""
        name = self._name() if model is None else model_given(model)
        if isinstance(name, str):
            loaded = load_model(name, device=device, stream=NO_STREAM, encodes=encodes)
        else:
            loaded = name
        if loaded.fingerprint != self.fingerprint:
            theirs, asked = told_apart((self.model_name, self.fingerprint), (loaded.name, loaded.fingerprint))
            raise ModelError(
                f"the embeddings in {self.folder} were made by {theirs}, and {asked}, which is asked, "
                "is another model; name theirs with --model"
            )
        return loaded

    def _match(self, found: Moment, times: float) -> Match:
        start, end = self._rows.start_seconds[found.first], self._rows.end_seconds[found.last]
        path = self._rows.paths[found.first]
        score, copies = times * found.score, self._moments.copies_of(path)
        if np.isnan(start):
            return Match(path, score, copies=copies)
        return Match(path, score, float(start), float(end), copies)


def search(
    queries: str | Sequence[str],
    folder: str | os.PathLike[str] | VideoIndex,
    k: int = 20,
    *,
    model: str | Model | None = None,
    device: str = "auto",
    labels: str | os.PathLike[str] | None = None,
) -> list[list[Match]]:
    """For each of B texts the k best matches among the videos embedded in `folder`, best first.

    Args:
        queries: one text, or several; "arms hanging -> both arms up" looks for what starts and ends so, in a
            folder that keeps drifts.
        folder: written by `zeroshot embed`; with windows, each match is a stretch of a video, as long as its
            neighbouring windows fit. A VideoIndex is not read again.
        k: how many matches a text; all there are where k is larger.
        model: where the model is now called otherwise than in the folder's manifest, or a Model.
        device: auto, cpu, cuda, cuda:N or mps.
        labels: a file of `zeroshot teach`: each text is one of its labels, known by words and examples.

    Raises:
        OutputError: the folder was not written by `zeroshot embed`, is damaged or holds no embedding.
        ModelError: the model cannot be loaded, or is another one than the videos were embedded with.
        OptionError: k < 1, or a text is blank.
        LabelError: a text has an arrow and not two moments beside it, or is none of the taught labels.
    """
    texts, first = [queries] if isinstance(queries, str) else list(queries), Checks()
    first.add("options", lambda: require_whole("k", k))
    first.add("words", lambda: _require_words(texts))
    if labels is not None:
        return _search_taught(first, texts, folder, k, labels)
    stages = first.add("words", lambda: [stages_in_words(text) for text in texts])
    videos = first.add("files", lambda: folder if isinstance(folder, VideoIndex) else VideoIndex(folder))
    first.add("files", lambda: videos().drifts if any(stages()) else None)
    first.add("model", lambda: videos().require_model(model, device=device))
    first.run()
    index, found = videos(), dict[int, list[Match]]()
    embeds = index._model_for(model, device, ("texts",))
    plain = [place for place, told in enumerate(stages()) if told is None]
    ordered = [(place, told) for place, told in enumerate(stages()) if told is not None]
    if plain:
        vectors = embeds.embed_texts([texts[place] for place in plain])
        found |= zip(plain, index.search(vectors, k), strict=True)
    if ordered:
        prompts = Prompts(
            tuple(texts[place] for place, _ in ordered),
            tuple((*told.start, *told.end) for _, told in ordered),
            tuple(told for _, told in ordered),
        )
        changes = stage_changes(embeds.embed_prompts, prompts)
        matches = index.search_stages(embeds.embed_prompts(prompts), changes, k)
        found |= zip((place for place, _ in ordered), matches, strict=True)
    return [found[place] for place in range(len(texts))]


def _search_taught(
    first: Checks,
    names: Sequence[str],
    folder: str | os.PathLike[str] | VideoIndex,
    k: int,
    labels: str | os.PathLike[str],
) -> list[list[Match]]:
    """As `search`, for taught labels; `first` has looked at the names and at k."""
    from zeroshot.few_shot.taught import TaughtLabels

    known = first.add("files", lambda: TaughtLabels.load(from_home(labels)))
    videos = first.add("files", lambda: folder if isinstance(folder, VideoIndex) else VideoIndex(folder))
    first.run()
    return videos().search_taught(known(), names, k)


def _require_words(texts: Sequence[str]) -> None:
    """Refuse to search for nothing.

    Raises:
        OptionError: a text is blank.
    """
    require_texts(texts)
    for text in texts:
        if not text.strip():
            raise OptionError(f"the text {text!r} is blank; expected words for what to find")


_NEEDED = ("model", "fingerprint")
_PLAIN = {"stream": "clip", "adapter": "none"}  # of a model without an adapter nothing is noted
_VIDEOS_AT_ONCE = 8192


def _word(settings: dict[str, object], name: str, folder: Path) -> str:
    """A word of the manifest."""
    value = settings.get(name)
    if not isinstance(value, str):
        raise OutputError(f"{folder / MANIFEST} has {name} {value!r}; expected what `zeroshot embed` wrote")
    return value
