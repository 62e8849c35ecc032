"""How each line of papers words its labels and looks at its videos: `--as`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from zeroshot.errors import OptionError
from zeroshot.video.sampling import Sampling

if TYPE_CHECKING:
    from collections.abc import Mapping

_SIXTEEN_FRAMES_SECONDS = 16 / 30  # a stride of 16 frames at the 30 frames a second of most of these videos


@dataclass(frozen=True)
class Lineage:
    """Names, templates and views, which decide as much as the model.

    Attributes:
        name: what `--as` takes.
        about: one line for people.
        templates: name of a bundled set, a template or a file.
        published: whether labels are spelled as the data set publishes them (CamelCase) instead of in words.
        sampling: frames and views; None is the model's own.
    """

    name: str
    about: str
    templates: str = "none"
    published: bool = False
    sampling: Sampling | None = None

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON holds them."""
        return asdict(self)


LINEAGES: Mapping[str, Lineage] = {
    lineage.name: lineage
    for lineage in (
        Lineage("plain", "names in words, no template, the model's own frames, as `zeroshot classify` does"),
        Lineage(
            "x-clip",
            "names as published, no template, 32 frames × 1 view × 1 crop",
            published=True,
            sampling=Sampling(32),
        ),
        Lineage(
            "vifi-clip",
            "names as published (UCF101's in CamelCase), no template, 32 frames × 1 view × 1 crop",
            published=True,
            sampling=Sampling(32),
        ),
        Lineage(
            "open-vclip",
            "names in words, OpenAI's 28 Kinetics templates, 3 views of 8 frames 16 apart, 1 crop",
            templates="kinetics28",
            sampling=Sampling(8, 3, _SIXTEEN_FRAMES_SECONDS),
        ),
        Lineage(
            "froster",
            "views as open-vclip; its label texts were written by a language model: give them with --texts",
            templates="kinetics28",
            sampling=Sampling(8, 3, _SIXTEEN_FRAMES_SECONDS),
        ),
        Lineage(
            "tc-clip",
            "names in words, no template, 16 frames × 2 views × 1 crop",
            sampling=Sampling(16, 2),
        ),
    )
}


def lineage_named(name: str) -> Lineage:
    """The lineage of that name.

    Raises:
        OptionError: there is none; the message lists them.
    """
    if name not in LINEAGES:
        raise OptionError(f"--as {name!r}; expected one of {', '.join(LINEAGES)}")
    return LINEAGES[name]
