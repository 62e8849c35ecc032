"""What small work costs while others want the machine: answers, label texts, training steps.

    python benchmarks/busy.py [--neighbours 6] [--repeats 3] [--against FOLDER]

Starts busy loops of the lowest priority and ends them again. Beside them it runs, in turn and in processes of
their own, this package as it is, the same held to one thread (OMP_NUM_THREADS=1), and another copy of it if a
folder of one is named. Prints Markdown: medians of seconds, by the wall and of the processor.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from facts import ROOT, machine_facts

if TYPE_CHECKING:
    from collections.abc import Iterator

BUSY = "import os\nos.nice(19)\nwhile os.getppid() == int(os.environ['PARENT']):\n    sum(range(100_000))\n"
WORK = """
import json, sys, time
import numpy as np
import torch
import zeroshot
from zeroshot.training.config import TrainingConfig
from zeroshot.training.label_targets import LabelTexts
from zeroshot.training.loop import fit
from zeroshot.waist.waist import Waist

def timed(work):
    start = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start[0], time.process_time() - start[1]

def train():
    config = TrainingConfig.from_dict({"epochs": 2, "adapter": {"hidden_dim": 128}})
    fit(waist, None, texts, config, device="cpu")

classifier = zeroshot.load(sys.argv[1], "puppet_actions", device="cpu")
clip = np.random.default_rng(0).integers(0, 255, (8, 96, 96, 3), np.uint8)
labels = [f"a puppet that is waving {number} times" for number in range(256)]
classifier.rank(clip)
draw = torch.Generator().manual_seed(0)
names = [f"label {row % 20}" for row in range(800)]
tokens, rows = torch.randn(800, 8, 17, 128, generator=draw).half(), torch.randn(820, 128, generator=draw)
rows = torch.nn.functional.normalize(rows, dim=1)
waist = Waist.from_tensors(tokens, rows[:800, None].expand(-1, 8, -1).contiguous(), names)
texts = LabelTexts(tuple(dict.fromkeys(names)), rows[800:], 50.0)
print(json.dumps({
    "50 answers": timed(lambda: [classifier.rank(clip) for _ in range(50)]),
    "256 label texts": timed(lambda: classifier.model.embed_texts(labels)),
    "24 training steps of 64 clips": timed(train),
}))
"""


def seconds_of(folder: str, threads: str | None) -> dict[str, tuple[float, float]]:
    """Wall and processor seconds of each kind of work, in a process of its own.

    Args:
        folder: that the package is imported from.
        threads: OMP_NUM_THREADS; None: as many as there are cores.
    """
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    environment |= {"PYTHONPATH": folder, **({"OMP_NUM_THREADS": threads} if threads else {})}
    model = str(ROOT / "checkpoints" / "puppet-tiny")
    words = [sys.executable, "-c", WORK, model]
    ended = subprocess.run(words, check=True, capture_output=True, env=environment, cwd=os.sep, text=True)
    return {name: tuple(pair) for name, pair in json.loads(ended.stdout.splitlines()[-1]).items()}


@contextmanager
def neighbours(number: int) -> Iterator[None]:
    """So many busy loops of the lowest priority, which end with the block."""
    environment = {**os.environ, "PARENT": str(os.getpid())}
    loops = [subprocess.Popen([sys.executable, "-c", BUSY], env=environment) for _ in range(number)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def print_seconds(rounds: list[dict[str, dict]], named_by: str) -> None:
    """A row for each kind of work: medians over rounds, by the wall and of the processor, of each way.

    Args:
        rounds: way → work → both seconds, in the order in which they are shown.
        named_by: the way that has every kind of work.
    """
    ways = list(rounds[0])
    print(f"| wall / processor, s | {' | '.join(ways)} |\n|---|{'---|' * len(ways)}")
    for work in rounds[0][named_by]:
        cells = [
            [statistics.median(each[name][work][place] for each in rounds) for place in (0, 1)]
            for name in ways
        ]
        print(f"| {work} | {' | '.join(f'{wall:.2f} / {processor:.2f}' for wall, processor in cells)} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--neighbours", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--against", help="folder of another copy of the package, run as well")
    options = parser.parse_args()
    ways: dict[str, tuple[str, str | None]] = {"as it is": (str(ROOT), None), "one thread": (str(ROOT), "1")}
    if options.against:
        ways["before"] = (str(Path(options.against).resolve()), None)
    facts = machine_facts()
    with neighbours(options.neighbours):
        rounds = [{name: seconds_of(*way) for name, way in ways.items()} for _ in range(options.repeats)]
    print(f"{facts}; {options.neighbours} busy loops beside it\n")
    print_seconds(rounds, "as it is")


if __name__ == "__main__":
    main()
