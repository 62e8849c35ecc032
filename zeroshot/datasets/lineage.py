"""What a line of papers does with words and videos, field by field; `paper_settings.py` has the facts."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from zeroshot.video.sampling import Sampling

_SPELLINGS = {
    "words": "in words",
    "published": "as published",
    "split": "as published, split at capitals",
}
_FRAMES = {"unit": "vectors of unit length", "raw": "vectors as the network gives them"}
_VIEWS = {
    "embeddings": "embeddings averaged over views",
    "logits": "logits summed over views",
    "probabilities": "probabilities among the round's labels, summed over views",
}
_PLACES = {
    "segments": "the middle of each of as many equal segments, by time",
    "middles": "frame ⌊(i + 1/2) N / T⌋ of N",
    "whole middles": "the middle frame of each of T intervals of whole frames",
    "starts": "frame ⌊i N / T⌋ of N",
    "linspace": "evenly from a clip's first to its last frame; clips at the video's begin, middle and end",
    "random": "any frame of each of T segments of ⌊N / T⌋ frames, drawn anew for each view",
}


@dataclass(frozen=True)
class Pixels:
    """What becomes of a frame before a network looks at it; sizes are those beside a network of 224 pixels.

    Attributes:
        resize: pixels of the shorter side, of which the middle 224 are cut out; 224 cuts off the longer side
            alone.
        squash: the frame is resized to a square whatever its shape.
        interpolation: bilinear or bicubic.
        antialias: whether all pixels of a larger frame count.
        whole_levels: whether levels are rounded after resizing.
        long_side: what becomes of a fraction of a pixel there: floored or rounded.
        crop_offset: where half a pixel goes: rounded, floored or ceiled.
        at_224_alone: a network of another size gets no margin.
        imagenet: levels are put on ImageNet's scale; only where the network's own is CLIP's, as others would
            not know their frames again.
    """

    resize: int = 224
    squash: bool = False
    interpolation: str = "bilinear"
    antialias: bool = False
    whole_levels: bool = True
    long_side: str = "floored"
    crop_offset: str = "floored"
    at_224_alone: bool = False
    imagenet: bool = False

    def words(self) -> str:
        """One line for people."""
        kind = f"{self.interpolation} {'with' if self.antialias else 'without'} antialiasing"
        rounding = "" if self.whole_levels else ", levels not rounded"
        levels = "; levels as ImageNet's, not CLIP's" if self.imagenet else ""
        if self.squash:
            return f"squashed to a square, {kind}{rounding}{levels}"
        alone = ", in networks of 224 pixels alone" if self.at_224_alone else ""
        cut = f"short side {self.resize}, middle 224 cut out{alone}"
        return f"{cut}, {kind}{rounding}{levels}"


@dataclass(frozen=True)
class Lineage:
    """Words, frames, pixels and averages, which decide as much as the model.

    Attributes:
        name: what `--as` takes.
        about: one line for people.
        templates: name of a bundled set, a template or a file, for the line's own trained model.
        raw_templates: of its row of CLIP as it comes; None: the same.
        names: data set → how its table spells labels: words, published, or split; words where none is said.
        respelled: a name as that spelling has it → as the table has it.
        exchanged: data set → pairs of labels whose names its own table exchanges against its lists.
        beside: texts of `--texts` stand beside the templates, whose name they follow, and once alone.
        sampling: frames, their placement and views; None is the model's own.
        pixels: what becomes of a frame; None is the network's own.
        frames: what is averaged over the frames of a view: unit vectors or raw ones.
        views: what is averaged over views: embeddings, logits or probabilities.
        lists: whose lists of videos, one line.
        faults: what is known to be odd in the line's own code or figures, a line each.
        published: figures, a line each.
        expected: why a figure here may differ from those, one line.
    """

    name: str
    about: str
    templates: str = "none"
    raw_templates: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    respelled: Mapping[str, str] = field(default_factory=dict)
    exchanged: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    beside: bool = False
    sampling: Sampling | None = None
    pixels: Pixels | None = None
    frames: str = "unit"
    views: str = "embeddings"
    lists: str = ""
    faults: tuple[str, ...] = ()
    published: tuple[str, ...] = ()
    expected: str = ""

    @property
    def pooling(self) -> str:
        """What a video's frames become, in the word that networks take."""
        if self.frames == "unit" and self.views == "embeddings":
            return "video"
        return "raw views" if self.frames == "raw" else "views"

    def spelled(self, label: str, published: str, data: str) -> str:
        """A label as the line's own table has it.

        Args:
            label: in words.
            published: as the data set spells it.
            data: name of the data set.
        """
        spelling = self.names.get(data, "words")
        if spelling == "words":
            return label
        name = split_at_capitals(published) if spelling == "split" else published
        return self.respelled.get(name, name)

    def spelling(self, data: str) -> str:
        """How labels of a data set are spelled, for people."""
        return _SPELLINGS[self.names.get(data, "words")]

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON holds them."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """Everything that is said of the line, a line each."""
        tables = ", ".join(f"{data} {_SPELLINGS[spelling]}" for data, spelling in self.names.items())
        yield f"names: {f'{tables}; others in words' if tables else 'in words'}"
        raw = "" if self.raw_templates is None else f"; for CLIP as it comes: {self.raw_templates!r}"
        beside = "; a text of --texts follows each of them, and stands once alone" if self.beside else ""
        yield f"templates: {self.templates!r}{raw}{beside}"
        yield f"frames: {self._frames_in_words()}"
        yield f"pixels: {'as the network prepares them' if self.pixels is None else self.pixels.words()}"
        yield f"averaged: over the frames of a view {_FRAMES[self.frames]}; {_VIEWS[self.views]}"
        if self.lists:
            yield f"its videos: {self.lists}"
        yield from (f"known fault: {fault}" for fault in self.faults)
        yield from (f"published: {figure}" for figure in self.published)
        if self.expected:
            yield f"expected difference: {self.expected}"

    def _frames_in_words(self) -> str:
        """Number, placement, span, views and seed."""
        one = self.sampling
        if one is None:
            return "as many as the model reads, the middles of equal segments, one view"
        span = ""
        if one.stride_seconds is not None:
            seconds = one.num_frames * one.stride_seconds
            span = f", a clip spans {seconds:.3f} s"
        drawn = f"; a draw, seed {one.seed}" if one.seed is not None else ""
        views = "1 view" if one.num_views == 1 else f"{one.num_views} views"
        return f"{one.num_frames} × {views} × 1 crop, {_PLACES[one.placement]}{span}{drawn}"


def split_at_capitals(name: str) -> str:
    """A name with a space before every capital letter inside.

    >>> split_at_capitals("ApplyEyeMakeup"), split_at_capitals("YoYo")
    ('Apply Eye Makeup', 'Yo Yo')
    """
    return re.sub(r"(?<=\S)(?=[A-Z])", " ", name)
