"""How long an audit takes of clips that lie in memory: every probe that is usual, one after the other.

    python benchmarks/audit.py [--model puppet-tiny] [--clips 200] [--probes NAME ...]

Drawing or decoding the clips stands apart, since it is done once for all models. The aim: 200 clips of
puppet-tiny within 120 seconds by the wall on two cores that do nothing else.
"""

from __future__ import annotations

import argparse
import time
from typing import NamedTuple

from facts import machine_facts

from zeroshot.auditing.clips import Look, puppet_clips
from zeroshot.auditing.run import USUAL
from zeroshot.checkpoint import load_model
from zeroshot.probes.probe import PROBES
from zeroshot.probes.run import ask
from zeroshot.probes.subject import ModelSubject


class Clock(NamedTuple):
    """Seconds by the wall and of the processor, since some moment."""

    wall: float
    processor: float

    @classmethod
    def now(cls) -> Clock:
        """At this moment."""
        return cls(time.perf_counter(), time.process_time())

    def row(self, name: str, since: Clock) -> str:
        """A line of the table."""
        return f"| {name} | {self.wall - since.wall:.1f} | {self.processor - since.processor:.1f} |"


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="puppet-tiny")
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--probes", nargs="*", choices=tuple(PROBES), default=USUAL)
    options = parser.parse_args()
    print("| what | wall, s | processor, s |\n|---|---|---|", flush=True)
    with load_model(options.model, device="cpu") as model:
        last = Clock.now()
        look = Look(model.backbone.preprocess, model.sampling.num_frames)
        clips = puppet_clips([look], number=options.clips)[look].clips
        subject = ModelSubject(model, model.embed_texts(list(clips.labels)))
        print(Clock.now().row(f"{options.clips} clips drawn", last), flush=True)
        first = last = Clock.now()
        for name in options.probes:
            ask(subject, clips, [name])
            print(Clock.now().row(name, last), flush=True)
            last = Clock.now()
        print(Clock.now().row("**all probes**", first))
    print(f"\n{machine_facts()}")


if __name__ == "__main__":
    main()
