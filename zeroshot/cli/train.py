"""`zeroshot train`."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zeroshot.cli import completion, options
from zeroshot.cli.screen import Bars, keeping, kept_in, put_json, put_line, say
from zeroshot.cutouts.finders import TOKENS, masks_help
from zeroshot.errors import OptionError
from zeroshot.training.history import Watcher
from zeroshot.training.methods.table import DEFAULT_METHOD, METHODS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zeroshot.training.config import TrainingConfig
    from zeroshot.training.history import EpochRecord, Fitted
    from zeroshot.training.prepare import Preparation


def _list_methods(wanted: bool) -> None:
    """Show every method, where it comes from and what to expect, and end."""
    if wanted:
        for name, method in METHODS.items():
            put_line(name)
            put_line(f"  source  {method.citation}")
            if method.ours:
                put_line(f"  ours    {method.ours}")
            put_line(f"  expect  {method.expect}")
        raise typer.Exit


SplitFile = Annotated[
    str,
    typer.Argument(metavar="SPLIT", help="CSV with columns path, label, maybe scene; or a folder of tokens."),
]
Output = Annotated[str, typer.Option("--output", "-o", metavar="DIR", help="Folder of the checkpoint.")]
HeldOut = Annotated[
    str | None,
    typer.Option(metavar="SPLIT", help="Videos to choose the epoch by, never test videos. Default: a tenth."),
]
SceneSource = Annotated[
    str,
    typer.Option(
        metavar="SOURCE",
        help="auto (given, else guess), given, none, guess (by CLIP, among its own or general places), or a "
        "list to guess in.",
    ),
]
Epochs = Annotated[int | None, typer.Option(metavar="N", help="Passes over the videos.")]
Seed = Annotated[int | None, typer.Option(help="The same seed gives the same weights.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Any setting, such as objective.independence=0.5."),
]
ConfigFile = Annotated[str | None, typer.Option("--config", metavar="FILE", help="Settings as JSON.")]
Cache = Annotated[str | None, typer.Option(metavar="DIR", help="Folder of tokens. Default: in the output.")]
NumSamplings = Annotated[int, typer.Option(metavar="S", help="Clips of each video, to draw among.", min=1)]
Mirrored = Annotated[
    bool | None,
    typer.Option(
        "--mirrored/--no-mirrored",
        help='Train on mirrored clips too; "left" and "right" change places in labels.',
    ),
]
Reversed = Annotated[
    bool,
    typer.Option(
        "--reversed", help="Train on clips backwards too, where labels have an opposite: opening, closing."
    ),
]
Swapped = Annotated[
    bool | None,
    typer.Option(
        "--swapped/--no-swapped",
        help="Train on copies too, in which persons stand before other videos' places.",
    ),
]
Masks = Annotated[
    str,
    typer.Option(
        metavar="FINDER", help=f"Who finds the persons of swapped copies, of each frame: {masks_help()}."
    ),
]
MethodName = Annotated[
    str | None,
    typer.Option(
        "--method",
        metavar="NAME",
        help=f"One of {', '.join(METHODS)}. Default: {DEFAULT_METHOD}, or what the settings were made by.",
        autocompletion=completion.words(*METHODS),
    ),
]
Listing = Annotated[
    bool,
    typer.Option("--methods", callback=_list_methods, is_eager=True, help="List methods and their sources."),
]
Precision = Annotated[str | None, typer.Option(help="no, bf16 or fp16.")]


def train(
    split: SplitFile,
    output: Output,
    model: options.ModelName = None,
    method: MethodName = None,
    held_out: HeldOut = None,
    scenes: SceneSource = "auto",
    epochs: Epochs = None,
    seed: Seed = None,
    settings: Settings = None,
    config: ConfigFile = None,
    cache: Cache = None,
    num_frames: options.NumFrames = None,
    num_samplings: NumSamplings = 1,
    mirrored: Mirrored = None,
    reverse: Reversed = False,
    swapped: Swapped = None,
    masks: Masks = TOKENS,
    templates: options.Templates = None,
    precision: Precision = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
    methods: Listing = False,  # noqa: ARG001 - ends before this is called
) -> None:
    """\b
    Example:  zeroshot train examples/clips/clips.csv --output adapted/ --model puppet-tiny --epochs 2

    Trains the two streams on top of a frozen model. Interrupted or killed, the same command goes on where it
    ended. Several GPUs: accelerate launch -m zeroshot train …
    """
    from zeroshot.checkpoint import DEFAULT_MODEL

    _require_there(split)
    flags = {"epochs": epochs, "seed": seed, "precision": precision, "reverse": reverse or None}
    chosen = read_settings(config, settings or [], flags, method)
    preparation = replace(
        _copies(method, chosen.method, mirrored, swapped),
        num_frames=num_frames,
        num_samplings=num_samplings,
        masks=masks,
        cache=cache,
        scenes=scenes,
        templates=templates,
    )
    model = DEFAULT_MODEL if model is None else model
    from zeroshot.training.run import train as run

    with keeping(kept_in(output)), Bars("videos", f"loading {model}") as bars:
        fitted = run(
            split,
            output,
            model,
            config=chosen,
            preparation=preparation,
            held_out=held_out,
            device=device,
            watcher=_Screen(bars, as_json),
        )
    _tell(fitted, output, as_json)


def _require_there(split: str) -> None:
    """Refuse a table that is not there, before torch is imported.

    Raises:
        LabelError: it is not.
    """
    from zeroshot.datasets.splits import read_split

    if not os.path.exists(split):  # noqa: PTH110 - any text
        read_split(split)


def _copies(asked: str | None, method: str, mirrored: bool | None, swapped: bool | None) -> Preparation:
    """Which copies are made, by what is asked for.

    Those that training may do without go by the option, whatever method a file of settings was made by.

    Args:
        asked: name that the option has; None for the default.
        method: that is trained by.
        mirrored: as asked; None where nobody says.
        swapped: likewise.
    """
    from zeroshot.training.prepare import Preparation

    usual, needed = METHODS[asked or DEFAULT_METHOD], METHODS[method]
    if swapped is None:
        swapped = True if needed.required else None if usual.swapped else False
    return Preparation(
        mirrored=False if mirrored is None and not usual.mirrored else mirrored,
        swapped=swapped,
        mixed=needed.mixed,
        emptied=needed.emptied,
    )


def _tell(fitted: Fitted, output: str, as_json: bool) -> None:
    """What came of it; ends with status 1 where videos could not be read, as a note has said."""
    record = fitted.history[fitted.best_epoch - 1]
    if as_json:
        put_json({"output": output, "best": record.as_dict(), "notes": list(fitted.notes)})
    else:
        put_line(f"epoch {fitted.best_epoch} of {len(fitted.history)} written to {output}")
    if fitted.failures:
        raise typer.Exit(1)


def read_settings(
    path: str | None, changes: list[str], flags: dict[str, Any], method: str | None = None
) -> TrainingConfig:
    """The config from a method, then a JSON file, then NAME=VALUE pairs, then flags that are not None.

    Raises:
        OptionError: no such method, the file cannot be read, or a name or value is none of the settings.
    """
    from zeroshot.training.config import TrainingConfig

    values: dict[str, Any] = {}
    if path is not None:
        try:
            with open(path, encoding="utf-8") as stream:  # noqa: PTH123 - pathlib costs the help page its speed
                values = json.load(stream)
        except (OSError, ValueError) as error:
            raise OptionError(f"cannot read {path}: {error}; expected settings as JSON") from error
        if not isinstance(values, dict):
            raise OptionError(f"{path} holds no JSON object of settings")
    for change in changes:
        name, equals, text = change.partition("=")
        if not (name and equals):
            raise OptionError(f"--set {change!r} is no NAME=VALUE, such as objective.independence=0.5")
        *groups, last = name.split(".")
        place = values
        for group in groups:
            place = place.setdefault(group, {})
            if not isinstance(place, dict):
                raise OptionError(f"--set {change!r}: {group} has no parts")
        place[last] = _value(text)
    given = {name: value for name, value in flags.items() if value is not None}
    for twice in sorted(given.keys() & {change.partition("=")[0] for change in changes}):
        say(f"--set {twice}=… is left aside, as --{twice} is given")
    values |= given
    named = values.get("method", method or DEFAULT_METHOD)
    if method not in {None, named}:
        raise OptionError(f"the settings are of the method {named!r}, not of {method!r}; say one of them")
    if named not in METHODS:
        raise OptionError(f"method is {named!r}; expected one of {', '.join(METHODS)}")
    try:
        return TrainingConfig.from_dict(values, METHODS[named])
    except (TypeError, AttributeError, ValueError) as error:
        raise OptionError(f"the settings cannot be used: {error}") from error


def _value(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """A JSON value, or the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


class _Screen(Watcher):
    """Tells a terminal how training goes: bars on stderr, a line an epoch on stdout, notes on stderr."""

    def __init__(self, bars: Bars, as_json: bool) -> None:
        self._bars = bars
        self._as_json = as_json

    def note(self, text: str) -> None:
        """On stderr."""
        say(text)

    def prepared(self, done: int, total: int) -> None:
        """Moves the bar of videos."""
        self._bars.to(done, total)

    def begin(self, done: int, total: int, history: Sequence[EpochRecord]) -> None:
        """Opens the bar of steps."""
        if done:
            say(f"goes on after step {done} of {total}, epoch {len(history)}")
        self._bars.open("steps", total - done)

    def step(self, done: int, total: int) -> None:
        """Moves the bar of steps."""
        self._bars.move()
        if done == total:
            self._bars.close()

    def epoch(self, record: EpochRecord) -> None:
        """One line."""
        if self._as_json:
            put_json(record.as_dict())
            return
        losses = " ".join(f"{name} {value:.3f}" for name, value in record.losses.items())
        figures = [
            f"{name} {record.metrics[f'{name}_accuracy']:.1%}"
            for name in ("static", "dynamic", "fused")
            if f"{name}_accuracy" in record.metrics
        ]
        if "nhsic" in record.metrics:
            figures.append(f"nhsic {record.metrics['nhsic']:.3f}")
        put_line(f"epoch {record.epoch}: {losses} | held out: {' '.join(figures) or 'nothing'}")
