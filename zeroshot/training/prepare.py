"""From a split and a model's name to what `fit` reads: tokens, label texts, scenes, held-out videos."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from zeroshot.cutouts.finders import TOKENS, require_finder
from zeroshot.datasets.splits import Split, read_split, require_some
from zeroshot.datasets.units import without_repeats
from zeroshot.errors import LabelError, OptionError, counted, require_kinds
from zeroshot.losses.objective import BESIDE
from zeroshot.text.prompts import make_prompts, read_templates
from zeroshot.training.batches import generator_for
from zeroshot.training.label_targets import LabelTexts, Scenes
from zeroshot.training.methods.streams import STREAMS
from zeroshot.training.opposite_labels import opposite_labels
from zeroshot.training.scene_sources import AUTO, GIVEN, check_source, require_scenes, tell_scenes
from zeroshot.video.sampling import Sampling
from zeroshot.waist.settings import Copies
from zeroshot.waist.waist import MANIFEST, Waist
from zeroshot.waist.writer import waist_settings, write_waist

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from zeroshot.checks import Checks
    from zeroshot.model.model import Model
    from zeroshot.text.prompts import TemplateSource
    from zeroshot.training.config import TrainingConfig

MOST_COPIED = 5_000
"""Videos of which copies are made unasked: with mirrored and swapped ones four times the frames are read."""


@dataclass(frozen=True)
class Preparation:
    """How videos become tokens and words become targets, before anything is trained.

    Attributes:
        num_frames: T; None is the model's own.
        num_samplings: S clips of each video at different moments, among which training draws.
        mirrored: encode each clip mirrored as well, and train on either; "left" and "right" change places in
            the labels, and what has no videos of its own then is a derived label. None: as the default method
            does, for up to `MOST_COPIED` videos; tokens written before are taken as they are.
        swapped: train on a copy of each training video as well in which its person stands before another
            video's place. None: the same, and where persons can be found.
        mixed: train on a copy of each training video as well that is mixed with a still frame of another.
        emptied: write a copy of each training video without its person, for losses on such copies.
        masks: who finds the persons of swapped copies and of emptied ones, see `Copies`.
        grid_side: patches a side that are left of each frame.
        decoder: auto, decord, pyav or raw.
        cache: folder for the tokens; None keeps them in the output folder.
        scenes: `auto` (as given with the videos, else as guessed), `given`, `none`, `guess` (by CLIP, among
            the scenes that the network's own config names, else among groups of places365), or a list of
            scene names for CLIP to guess among (a file, a bundled list, "a,b,c").
        templates: prompts of the labels; None for the bare label.
        spaced: write CamelCase and under_scores in labels as words.
        snapshot_steps: steps between two states that a killed run goes on from.
    """

    num_frames: int | None = None
    num_samplings: int = 1
    mirrored: bool | None = None
    swapped: bool | None = None
    mixed: bool = False
    emptied: bool = False
    masks: str = TOKENS
    grid_side: int = 4
    decoder: str = "auto"
    cache: str | None = None
    scenes: str = AUTO
    templates: TemplateSource = None
    spaced: bool = True
    snapshot_steps: int = 50

    def __post_init__(self) -> None:
        """Refuse counts below one, and masks for which there is no use."""
        require_kinds(self)
        if self.masks != TOKENS and self.swapped is False and not self.emptied:
            raise OptionError(f"masks {self.masks} are for swapped copies; add --swapped, or leave them out")
        if self.num_frames is not None and self.num_frames < 2:
            raise OptionError(f"num_frames is {self.num_frames}; motion needs 2 or more")
        for name in ("num_samplings", "grid_side", "snapshot_steps"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} is {getattr(self, name)}; expected 1 or more")

    def copies(self, num_videos: int) -> Copies:
        """What is made beside themselves of so many videos that have no tokens yet."""
        few = num_videos <= MOST_COPIED
        asked = self.masks != TOKENS if self.swapped is None else self.swapped
        return Copies(
            mirrored=STREAMS.mirrored and few if self.mirrored is None else self.mirrored,
            swapped=asked or (STREAMS.swapped and few and self.swapped is None),
            mixed=self.mixed,
            emptied=self.emptied,
            masks=self.masks,
            required=asked,
        )


@dataclass(frozen=True, eq=False)
class Material:
    """What `fit` reads.

    Attributes:
        name: of the split.
        train: training videos.
        held_out: held-out videos; may be empty.
        texts: every label of both, and the derived ones.
        scenes: where the videos happen; None where nobody knows.
        derived: label that mirrored or reversed training videos of others alone have → which those are.
        notes: what a user should know.
    """

    name: str
    train: Waist
    held_out: Waist
    texts: LabelTexts
    scenes: Scenes | None
    derived: Mapping[str, str]
    notes: tuple[str, ...]


def open_waist(
    source: Split | Waist | str | os.PathLike[str],
    model: Model,
    preparation: Preparation,
    cache: Path,
    advance: Callable[[int, int], None] | None = None,
) -> tuple[str, Waist]:
    """Name and tokens of a split, written to the cache unless they are there.

    Args:
        source: a split, a CSV file, a folder of tokens, or a waist.
        model: that makes the tokens, or made them.
        preparation: how.
        cache: folder for the tokens.
        advance: is called with videos done and videos to do.

    Raises:
        OutputError: tokens of another backbone, or made otherwise.
        ModelError: the backbone has no tokens.
    """
    sampling = Sampling(preparation.num_frames or model.sampling.num_frames, preparation.num_samplings)
    source = readable(source)
    if isinstance(source, Waist):
        return "tokens in memory", source
    if not isinstance(source, Split):
        waist = Waist.open(source)
        sampling = Sampling(preparation.num_frames or waist.settings.num_frames, waist.settings.num_samplings)
        copies = Copies(
            waist.settings.mirrored or bool(preparation.mirrored),
            waist.settings.swapped or bool(preparation.swapped),
            waist.settings.mixed or preparation.mixed,
            waist.settings.emptied or preparation.emptied,
            preparation.masks,
        )
        expected = waist_settings(model.backbone, sampling, preparation.grid_side, copies)
        if preparation.masks == TOKENS:  # not asked for anything else: as the tokens were made
            expected = replace(expected, masks=waist.settings.masks)
        return Path(source).name, Waist.open(source, expected, verify=False)
    waist = write_waist(
        model,
        source.videos,
        cache,
        sampling=sampling,
        copies=preparation.copies(len(source.videos)),
        grid_side=preparation.grid_side,
        decoder=preparation.decoder,
        advance=advance,
    )
    return source.name, waist


def readable(source: Split | Waist | str | os.PathLike[str]) -> Split | Waist | str | os.PathLike[str]:
    """The split that a CSV file holds; a split, a waist or a folder of tokens as it is.

    Raises:
        ZeroshotError: the file cannot be read, or its videos have one label alone.
    """
    if isinstance(source, Waist) or (not isinstance(source, Split) and (Path(source) / MANIFEST).is_file()):
        return source
    split = without_repeats(source if isinstance(source, Split) else read_split(source))
    if len(split.labels) < 2:
        raise LabelError(
            f"{split.name} has the label {split.labels[0]!r} alone; training needs 2 labels or more"
        )
    return split


def check_preparation(
    first: Checks,
    listed: Sequence[Callable[[], Split | Waist | str | os.PathLike[str]]],
    config: TrainingConfig,
    preparation: Preparation,
) -> None:
    """Look at words, masks and videos of a training before any weights.

    Args:
        first: is told what to look at.
        listed: what `readable` gives of the training videos, and of the held-out ones where there are some.
        config: says how many labels are held out.
        preparation: says which scenes, prompts and masks.

    Raises:
        ZeroshotError: when it runs, one line that names what cannot be used.
    """

    def look() -> None:
        splits = [split for each in listed if isinstance(split := each(), Split)]
        labels = sorted({label for split in splits for label in split.labels})
        if labels:
            make_prompts(labels, preparation.templates, spaced=preparation.spaced)
        if len(listed) == len(splits) == 1:
            _require_two_left(len(labels), config.choice.held_out_labels)
        if len(splits) == len(listed) and preparation.scenes == GIVEN:
            require_scenes(there=any(video.scene for split in splits for video in split.videos))

    def find() -> None:
        for each in listed:
            if isinstance(split := each(), Split):
                require_some(split.name, split.videos)

    first.add("words", lambda: _require_copies(config, preparation))
    first.add("words", lambda: read_templates(preparation.templates))
    first.add("words", lambda: check_source(preparation.scenes))
    first.add("files", look)
    if preparation.swapped is not False or preparation.emptied:
        first.add("files", lambda: require_finder(preparation.masks))
    first.add("videos", find)


def _require_copies(config: TrainingConfig, preparation: Preparation) -> None:
    """Refuse losses that learn of swapped copies where there are to be none.

    Raises:
        OptionError: that is so.
    """
    needy = [term for term in config.objective.computed if BESIDE.get(term) in {"elsewhere", "figures"}]
    if needy and preparation.swapped is False:
        raise OptionError(
            f"{needy[0]} learns of copies in which persons stand before other places; train with --swapped"
        )


def gather(
    name: str,
    waist: Waist,
    held_out: Waist | None,
    model: Model,
    config: TrainingConfig,
    preparation: Preparation,
) -> Material:
    """What `fit` reads, from tokens.

    Args:
        name: of the split.
        waist: all its videos.
        held_out: videos to choose by; None holds some of `waist` out.
        model: encodes labels and scene names.
        config: says how many are held out.
        preparation: says which scenes and prompts.
    """
    waist.settings.require_backbone(model.name, model.fingerprint)
    notes = _failure_notes(waist) + ([] if held_out is None else _failure_notes(held_out))
    if held_out is None:
        train_rows, held_rows = hold_out(waist, config)
        train, held_out = waist.subset(train_rows), waist.subset(held_rows)
    else:
        held_out = held_out.subset([place for place, row in enumerate(held_out.rows) if not row.is_copy])
        taken = {row.key for row in held_out.rows}
        rows = [place for place, row in enumerate(waist.rows) if row.video not in taken]
        train = waist.subset(rows)
        if len(rows) < len(waist):
            notes.append(
                f"{len(waist) - len(rows)} training videos are held-out ones as well: not trained on"
            )
    derived = opposite_labels(train, held_out, config).derived
    texts = label_texts(sorted({*train.labels, *held_out.labels, *derived}), model, preparation)
    scenes, told = tell_scenes(train, held_out, model, preparation.scenes)
    notes += filter(None, [told, _copies_note(waist, preparation)])
    return Material(name, train, held_out, texts, scenes, derived, tuple(notes))


def hold_out(waist: Waist, config: TrainingConfig) -> tuple[list[int], list[int]]:
    """Rows to train on and rows to choose by: a share of each label's videos, and whole labels if asked.

    Videos of equal content stay on one side, and each label that is trained on keeps a video or more. Copies
    before other places are trained on where their video is, and nothing is chosen by them.

    Raises:
        LabelError: fewer than two labels would be left.
    """
    generator, choice = generator_for(config.seed, "hold out", 0), config.choice
    videos = waist.videos_by_label
    labels = list(videos)
    _require_two_left(len(labels), choice.held_out_labels, _failure_notes(waist))
    order = torch.randperm(len(labels), generator=generator)[: choice.held_out_labels].tolist()
    whole = {labels[place] for place in order}
    taken: set[str] = set()
    for label, mine in videos.items():
        count = (
            len(mine) if label in whole else min(math.ceil(choice.held_out_share * len(mine)), len(mine) - 1)
        )
        taken |= {mine[place] for place in torch.randperm(len(mine), generator=generator)[:count].tolist()}
    held = [place for place, row in enumerate(waist.rows) if row.key in taken]
    return [place for place, row in enumerate(waist.rows) if row.video not in taken], held


def label_texts(labels: list[str], model: Model, preparation: Preparation) -> LabelTexts:
    """Label names as the videos have them, with the embeddings of their prompts."""
    prompts = make_prompts(labels, preparation.templates, spaced=preparation.spaced)
    return LabelTexts(tuple(labels), torch.from_numpy(model.embed_prompts(prompts)), model.logit_scale)


def _require_two_left(num_labels: int, num_held_out: int, failures: Sequence[str] = ()) -> None:
    """Refuse to go on where no two labels are trained on, and say of which videos nothing could be read.

    Raises:
        LabelError: that is so.
    """
    if num_labels - num_held_out >= 2:
        return
    if failures:
        raise LabelError(
            f"{counted(num_labels, 'label')} left; training needs 2 or more. {'; '.join(failures)}"
        )
    raise LabelError(f"{num_held_out} of {num_labels} labels held out leave fewer than 2; hold fewer out")


def _failure_notes(waist: Waist) -> list[str]:
    """One line that counts the videos that could not be read and names the first ones."""
    if not waist.failures:
        return []
    names = ", ".join(name for name, _ in waist.failures[:3])
    more = ", …" if len(waist.failures) > 3 else ""
    total = len(waist.failures) + len(waist)
    reason = waist.failures[0][1]
    return [f"{len(waist.failures)} of {total} videos could not be read: {names}{more} (first: {reason})"]


def _copies_note(waist: Waist, preparation: Preparation) -> str:
    """One line where copies before other places are usual, and there are none; else empty."""
    if any(row.is_copy for row in waist.rows):
        return ""
    if waist.settings.swapped:
        return (
            "no person could be found by what moves in these videos: trained without copies before other "
            "places; --masks says where masks of persons lie"
        )
    if preparation.swapped is None and len(waist) > MOST_COPIED:
        return (
            f"{len(waist):,} videos are trained on without copies, mirrored or before other places: those "
            "would take up to four times as long to read; --mirrored and --swapped make them"
        )
    return ""
