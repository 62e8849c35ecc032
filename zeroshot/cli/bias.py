"""`zeroshot bias`: make biased test sets, score models on them, probe what a model's streams know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from zeroshot.checks import Checks
from zeroshot.cli import completion, options
from zeroshot.cli.screen import (
    Bars,
    end_with,
    keeping,
    kept_in,
    put_document,
    put_json,
    put_line,
    put_table,
    say,
    say_puppets,
)
from zeroshot.cutouts.finders import masks_help
from zeroshot.probes.probe import ON_TOKENS, PROBES

if TYPE_CHECKING:
    from zeroshot.bias.manifest import Skip
    from zeroshot.reports.document import Document

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Source = Annotated[
    str, typer.Argument(metavar="SPLIT", help="CSV with path, label, maybe scene; or a data set's folder.")
]
Output = Annotated[str, typer.Option("--output", "-o", metavar="DIR", help="Folder of the sets.")]
Masks = Annotated[str, typer.Option(metavar="FINDER", help=f"Who finds the persons: {masks_help()}.")]
Backgrounds = Annotated[
    str | None,
    typer.Option(metavar="DIR", help="Videos without their persons, NAME.mp4. Default: inpainted."),
]
Images = Annotated[
    str | None, typer.Option(metavar="DIR", help="Pictures for SCUBA. Default: sinusoidal stripes.")
]
Kinds = Annotated[str | None, typer.Option(metavar="a,b", help="Some kinds alone. Default: all but afd.")]
Pictures = Annotated[
    int | None,
    typer.Option(
        "--pictures-per-clip",
        metavar="N",
        help="For SCUBA and its kin. Default: 5 of HMDB51 and UCF101, else 1.",
    ),
]
PairLists = Annotated[
    list[str] | None,
    typer.Option("--pairs", metavar="PAIRING=FILE", help="HAT's published pickle of swaps; may be repeated."),
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same videos.")]
Size = Annotated[int, typer.Option(metavar="PIXELS", help="Of the shorter side, where it is longer.")]
MaxSeconds = Annotated[float, typer.Option(metavar="S", help="Of each video, from its start.")]
Lossless = Annotated[bool, typer.Option("--lossless", help="Ten times the size, exact to the bit.")]
Sets = Annotated[str, typer.Argument(metavar="DIR", help="Sets that `zeroshot bias make` wrote.")]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        metavar="M",
        help="As for classify; may be given several times.",
        autocompletion=completion.model_names,
    ),
]
StreamNames = Annotated[
    list[str] | None,
    typer.Option(
        "--stream",
        metavar="S",
        help="static, dynamic, fused, clip (the backbone alone, told always). Default: all.",
        autocompletion=completion.words("static", "dynamic", "fused", "clip"),
    ),
]
Cache = Annotated[str | None, typer.Option(metavar="DIR", help="Folder of embeddings. Default: in DIR.")]

ReportFolder = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="DIR", help="Folder of report.json, report.md, report.html."),
]
TokenCache = Annotated[
    str, typer.Option(metavar="DIR", help="Folder of tokens; one a model. A second run reads them.")
]
Probes = Annotated[
    list[str] | None,
    typer.Option(
        "--probe",
        metavar="NAME",
        help=f"Some of {', '.join(PROBES)}. Default: {', '.join(ON_TOKENS)}.",
        autocompletion=completion.words(*PROBES),
    ),
]
OneModel = Annotated[
    str | None,
    typer.Option(
        "--model", "-m", metavar="M", help="As for classify.", autocompletion=completion.model_names
    ),
]


@app.command("make", short_help="Write background-only, human-only, swap, SCUBA, SCUFO, conflict, AFD clips.")
def make(
    source: Source,
    output: Output,
    masks: Masks = "motion",
    backgrounds: Backgrounds = None,
    images: Images = None,
    pictures_per_clip: Pictures = None,
    pairs: PairLists = None,
    kinds: Kinds = None,
    seed: Seed = 0,
    size: Size = 256,
    max_seconds: MaxSeconds = 10.0,
    lossless: Lossless = False,
    as_json: options.Json = False,
) -> None:
    """\b
    Example:  zeroshot bias make examples/clips/clips.csv --output sets/

    Takes persons and places apart and puts them together anew. Interrupted or killed, the same command goes
    on where it ended.
    """
    from zeroshot.bias.guessed import banner
    from zeroshot.bias.make import make_bias_sets
    from zeroshot.bias.manifest import USUAL
    from zeroshot.bias.recipe import BiasRecipe

    recipe = BiasRecipe(
        kinds=USUAL if kinds is None else tuple(word.strip() for word in kinds.split(",")),
        masks=masks,
        backgrounds=backgrounds,
        images=images,
        seed=seed,
        max_seconds=max_seconds,
        largest_side=size,
        crf=None if lossless else BiasRecipe.crf,
        pictures_per_clip=pictures_per_clip,
        pair_lists=tuple(pairs or ()),
    )
    with keeping(kept_in(output)), Bars("steps", f"opening {source}") as bar:
        manifest = make_bias_sets(source, output, recipe, advance=bar.to)
    counts = {kind: len(manifest.of_kind(kind)) for kind in manifest.kinds}
    if warning := banner(manifest.guessed):
        say(warning)
    if as_json:
        skipped = [list(skip) for skip in manifest.skipped]
        failures = [list(failure) for failure in manifest.failures]
        found = {"output": output, "banner": warning, "counts": counts}
        put_json({**found, "skipped": skipped, "failures": failures})
    else:
        put_table(("videos", "kind"), [(count, kind) for kind, count in counts.items()])
        for kind, reasons in _grouped(manifest.skipped).items():
            put_line(f"{len(reasons)} left out of {kind}: {reasons[0]}{' …' if len(reasons) > 1 else ''}")
    for _, reason in manifest.failures:
        say(reason)
    end_with(len(manifest.failures), len({row.clip for row in manifest.rows}) + len(manifest.failures))


def _grouped(skipped: tuple[Skip, ...]) -> dict[str, list[str]]:
    """Kind → what was left out of it, and why."""
    groups: dict[str, list[str]] = {}
    for source, kind, reason in skipped:
        groups.setdefault(kind, []).append(f"{source}: {reason}")
    return groups


@app.command("score", short_help="Tell how much of a model's accuracy is scenery.")
def score(
    sets: Sets,
    models: Models = None,
    streams: StreamNames = None,
    labels: options.Labels = None,
    templates: options.Templates = None,
    cache: Cache = None,
    output: ReportFolder = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """\b
    Example:  zeroshot bias score sets/ --output scored/ --model puppet-tiny
    After:    zeroshot bias make examples/clips/clips.csv --output sets/

    BOR, HOR, SHAcc, SBErr, SCUBA, SCUFO, Contra.Acc and their kin of each stream, with 95 % intervals.
    """
    from zeroshot.bias.document import document
    from zeroshot.bias.score import check_scoring, score_bias
    from zeroshot.checkpoint import DEFAULT_MODEL
    from zeroshot.reports.files import LAYOUT, write_report
    from zeroshot.store.folder import require_room

    names, first = models or [DEFAULT_MODEL], Checks()
    looked = check_scoring(
        first,
        sets,
        names,
        streams=streams or (),
        labels=labels,
        templates=templates,
        device=device,
        cache=cache,
    )
    if output is not None:
        first.add("output", lambda: require_room(output, LAYOUT))
    first.run()
    manifest = looked()[0]
    with keeping(kept_in(cache or sets)), Bars("videos", f"loading {names[0]}") as bar:
        report = score_bias(
            manifest,
            names,
            streams=streams or (),
            labels=labels,
            templates=templates,
            device=device,
            cache=cache,
            advance=bar.to,
        )
    if output is not None:
        write_report(output, report.as_dict(), document(report, manifest))
    _put(report.as_dict() if as_json else document(report), output)
    for name in names:
        say_puppets(name, report.labels)
    for _, reason in report.failures:
        say(reason)
    end_with(len(report.failures), sum(report.counts.values()) + len(report.failures))


@app.command("probe", short_help="Tell what a model's streams know: order, scene, each other.")
def probe(
    source: Source,
    cache: TokenCache,
    model: OneModel = None,
    probes: Probes = None,
    templates: options.Templates = None,
    seed: Seed = 0,
    output: ReportFolder = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """\b
    Example:  zeroshot bias probe examples/clips/clips.csv --cache tokens/ -m puppet-tiny --probe order

    Accuracy lost by shuffled, reversed and frozen frames, the scene as a linear classifier reads it from each
    stream, and the dependence between streams; with 95 % intervals. Each video is decoded once.
    """
    from zeroshot.cli.inputs import ModelChoice, model_from, require_choice
    from zeroshot.datasets.registry import open_split
    from zeroshot.probes.report import document
    from zeroshot.probes.run import check_probing, probe_streams
    from zeroshot.reports.files import LAYOUT, write_report
    from zeroshot.store.folder import require_room

    choice, first = ModelChoice(model, device), Checks()
    split = first.add("files", lambda: open_split(source))
    check_probing(first, split, cache, templates=templates, probes=probes or ())
    if output is not None:
        first.add("output", lambda: require_room(output, LAYOUT))
    first.add("model", lambda: require_choice(choice, reads=True))
    first.run()
    with keeping(kept_in(cache)), model_from(choice) as network, Bars("videos") as bar:
        report = probe_streams(
            split(),
            network,
            cache,
            templates=templates,
            seed=seed,
            probes=probes or (),
            advance=bar.to,
        )
    if output is not None:
        write_report(output, report.as_dict(), document(report))
    _put(report.as_dict() if as_json else document(report), output)
    for note in () if as_json else report.notes:
        say(note)
    for _, reason in report.failures:
        say(reason)
    end_with(len(report.failures), report.num_videos + len(report.failures))


def _put(found: Document | dict[str, Any], output: str | None) -> None:
    """A report on stdout: as JSON, or for people."""
    if isinstance(found, dict):
        put_json(found)
        return
    put_document(found)
    if output is not None:
        put_line(f"{output}/report.html shows it")
