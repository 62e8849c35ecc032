"""`zeroshot synthesize`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from zeroshot.cli import options
from zeroshot.cli.screen import keeping, kept_in, progress, put_json, put_line
from zeroshot.errors import OptionError, counted

Output = Annotated[str, typer.Option("--output", "-o", metavar="DIR", help="Folder of mp4s and videos.csv.")]
NumVideos = Annotated[int, typer.Option("--num-videos", "-n", metavar="N", help="How many.", min=1)]
Coupling = Annotated[
    float, typer.Option(metavar="RHO", help="Share of videos in their action's home scene, 0 (no bias) to 1.")
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same videos.")]
NumFrames = Annotated[int | None, typer.Option("--num-frames", metavar="T", help="Frames a video.")]
Size = Annotated[int | None, typer.Option("--size", metavar="PIXELS", help="Height and width.")]
Truth = Annotated[bool, typer.Option("--truth", help="Lossless, with masks/ and backgrounds/ beside them.")]
World = Annotated[
    Literal["plain", "compositional"],
    typer.Option(help="32 actions as they are, or 181 composed of verb, limb or side, and manner."),
]
Combinations = Annotated[
    Literal["all", "seen", "unseen"],
    typer.Option(help="Compositional: all, those to train on, or those that no training may see."),
]
Persons = Annotated[
    int | None,
    typer.Option(metavar="N", help="Compositional: people, of whom one acts (1).", show_default=False),
]
Camera = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Compositional: how much it pans, zooms and shakes, 0 to 1 (0).",
        show_default=False,
    ),
]
Distractors = Annotated[
    int | None,
    typer.Option(metavar="N", help="Compositional: trees that sway, cars that pass (0).", show_default=False),
]


def synthesize(
    output: Output,
    num_videos: NumVideos = 100,
    coupling: Coupling = 0.0,
    seed: Seed = 0,
    num_frames: NumFrames = None,
    size: Size = None,
    truth: Truth = False,
    world: World = "plain",
    combinations: Combinations = "all",
    persons: Persons = None,
    camera: Camera = None,
    distractors: Distractors = None,
    as_json: options.Json = False,
) -> None:
    """\b
    Example:  zeroshot synthesize --output puppets/ --num-videos 20 --coupling 0.8

    Writes videos of puppets whose action and scene are known exactly, and videos.csv with path, label, scene;
    of the compositional world also how each action begins and ends, and whether its combination is kept back.
    """
    from dataclasses import replace

    from zeroshot.synthetic.dataset import write_puppet_videos
    from zeroshot.synthetic.surroundings import Surroundings
    from zeroshot.synthetic.world import View

    asked: dict[str, Any] = {"persons": persons, "camera": camera, "distractors": distractors}
    asked = {name: value for name, value in asked.items() if value is not None}
    if world == "plain" and (asked or combinations != "all"):
        name = next(iter(asked), "combinations")
        raise OptionError(f"--{name} is of the compositional world; add --world compositional")
    surroundings = replace(Surroundings(), **asked) if world == "compositional" else None
    view = View.of(num_frames, size)
    with keeping(kept_in(output)), progress(num_videos, "videos") as advance:
        videos = write_puppet_videos(
            output,
            num_videos,
            coupling=coupling,
            seed=seed,
            view=view,
            truth=truth,
            surroundings=surroundings,
            combinations=combinations,
        )
        for path in videos:
            if as_json:
                put_json({"path": str(path), "error": None})
            advance()
    if not as_json:
        put_line(f"{counted(num_videos, 'video')} and their table written to {output}")
