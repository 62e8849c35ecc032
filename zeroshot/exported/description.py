"""What stands in an exported file beside its graph: labels, which model it was, how frames are prepared."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zeroshot.errors import ModelError, ZeroshotError, one_line
from zeroshot.video.sampling import Sampling, require_sampling
from zeroshot.video.transform import LARGEST_FRAME, Preprocess

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "zeroshot"
"""Under which a file's metadata hold it, as JSON."""

FORMAT = 1
REMEDY = "expected what `zeroshot export` writes"
_MOST_LETTERS = 1 << 28


@dataclass(frozen=True)
class Description:
    """All that the runtime has to know of a graph.

    Attributes:
        version: of the package that wrote it.
        model: name of the model, as its user called it.
        fingerprint: of the backbone's architecture, preprocessing and weights.
        adapter: fingerprint of the adapter; None without one.
        labels: K names, in the order of the graph's scores.
        index: what the labels' vectors were made with, as words.
        streams: names of the S streams, in the order of the graph's vectors.
        stream: the one that answers where nobody asks for another.
        logit_scale: the factor on cosines.
        embedding_dim: D.
        preprocess: how frames become what the graph reads.
        sampling: which frames of a video are looked at.
        any_length: whether a clip may have another number of frames.
        licence: a note on the licence of the weights.
        difference: the largest found, when it was written, to the model's own answer: of a cosine, and of a
            probability.
    """

    version: str
    model: str
    fingerprint: str
    adapter: str | None
    labels: tuple[str, ...]
    index: Mapping[str, str]
    streams: tuple[str, ...]
    stream: str
    logit_scale: float
    embedding_dim: int
    preprocess: Preprocess
    sampling: Sampling
    any_length: bool
    licence: str
    difference: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """Refuse what no export holds.

        Raises:
            ModelError: a field has another type, or a number that makes no sense.
        """
        words = (self.version, self.model, self.fingerprint, self.stream, self.licence)
        if not all(isinstance(word, str) for word in (*words, *self.labels, *self.streams)):
            raise ModelError("a name is no text")
        if not self.labels or self.stream not in self.streams:
            raise ModelError(f"{len(self.labels)} labels, stream {self.stream!r} of {self.streams}")
        if not (isinstance(self.embedding_dim, int) and self.embedding_dim > 0 and self.logit_scale > 0):
            raise ModelError(f"width {self.embedding_dim!r}, logit scale {self.logit_scale!r}")
        sides = (*self.preprocess.size, *(self.preprocess.resize_size or ()))
        if not 0 < min(sides) <= max(sides) <= LARGEST_FRAME:
            raise ModelError(f"frames of {self.preprocess.size} pixels")
        require_sampling(self.sampling)

    def as_json(self) -> str:
        """One line of ASCII that `from_json` reads."""
        fields = {
            **vars(self),
            "preprocess": self.preprocess.as_dict(),
            "sampling": self.sampling.as_dict(),
            "index": dict(self.index),
        }
        return json.dumps({"format": FORMAT, **fields})

    @classmethod
    def from_json(cls, text: str, where: str) -> Description:
        """What `as_json` wrote, wherever it comes from: nothing in it is executed or opened.

        Args:
            text: of a file's metadata; "" where it has none.
            where: the file, for errors.

        Raises:
            ModelError: it is not that, damaged, or of another version.
        """
        if not text:
            raise ModelError(f"{where} holds no labels; {REMEDY}")
        try:
            if len(text) > _MOST_LETTERS:
                raise ValueError("its length")
            return cls._of(json.loads(text))
        except (ZeroshotError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ModelError(f"{where} is damaged: its description ({one_line(error)}); {REMEDY}") from error

    @classmethod
    def _of(cls, fields: dict[str, Any]) -> Description:
        found = fields.pop("format")
        if found != FORMAT:
            raise ModelError(f"format {found!r}, of a newer version; this one reads {FORMAT}")
        shapes: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in fields.pop("preprocess").items()
        }
        lists: dict[str, Any] = {name: tuple(fields.pop(name)) for name in ("labels", "streams")}
        difference = fields.pop("difference")
        return cls(
            preprocess=Preprocess(**shapes),
            sampling=Sampling(**fields.pop("sampling")),
            difference=None if difference is None else (float(difference[0]), float(difference[1])),
            **lists,
            **fields,
        )
