"""What texts of labels cost: lists of several kinds, beside busy neighbours, and again from the cache.

    python benchmarks/texts.py [--model ViT-B-32/random] [--neighbours 0] [--repeats 3] [--many 10000]
                               [--against EARLIER_COPY]

Runs, in turn and in processes of their own, this package as it is and another copy of it if a folder of one
is named. Each process loads the model, encodes a text, and then times lists; "again" is a new process that
finds what the one before it kept, in a cache that is made for the occasion. Prints Markdown: medians of
seconds, by the wall and of the processor, and whether a text has the same numbers in any batch.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from busy import neighbours, print_seconds
from facts import ROOT, machine_facts

LONG = "a person who is " + "walking and waving and running and jumping and " * 9
WORK = """
import json, sys, time
import numpy as np
import zeroshot
from zeroshot.rejection.background import LISTS
from zeroshot.text.prompts import make_prompts, read_labels

def timed(work):
    start = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start[0], time.process_time() - start[1]

model, again, many, long = sys.argv[1], sys.argv[2] == "again", int(sys.argv[3]), sys.argv[4]
model = zeroshot.load_model(model, device="cpu")
names = list(dict.fromkeys(label for source in LISTS for label in read_labels(source)))
lists = {"128 labels, one of 70 words": [*names[:127], long], "256 labels": names[:256]}
lists |= {"400 labels": names[:400], f"{len(names)} background labels": names}
if many:
    lists[f"{many} labels"] = [f"{names[row % len(names)]} {row // len(names)}" for row in range(many)]
model.embed_texts(["a text"])
found = {name: timed(lambda: model.embed_prompts(make_prompts(some))) for name, some in lists.items()}
if not again:
    some = lists["128 labels, one of 70 words"]
    rows = model.embed_texts(some)
    alone = np.concatenate([model.embed_texts([text]) for text in some[::9]])
    found["equal in any batch"] = bool((rows[::9] == alone).all())
print(json.dumps(found))
"""


def seconds_of(folder: str, model: str, kind: str, many: int, cache: str) -> dict[str, tuple[float, float]]:
    """Wall and processor seconds of each list, in a process of its own.

    Args:
        folder: that the package is imported from.
        model: that encodes.
        kind: "first" or "again".
        many: labels of the longest list; 0 for none.
        cache: folder of what is kept.
    """
    environment = {**os.environ, "PYTHONPATH": folder, "ZEROSHOT_CACHE": cache}
    words = [sys.executable, "-c", WORK, model, kind, str(many), LONG]
    ended = subprocess.run(words, check=False, capture_output=True, env=environment, cwd=os.sep, text=True)
    if ended.returncode:
        sys.exit(ended.stderr)
    return json.loads(ended.stdout.splitlines()[-1])


def rounds_of(options: argparse.Namespace) -> list[dict[str, dict[str, tuple[float, float]]]]:
    """What each way took, round by round."""
    ways = {"as it is": str(ROOT)}
    if options.against:
        ways["before"] = str(Path(options.against).resolve())
    rounds = []
    for _ in range(options.repeats):
        found = {}
        with tempfile.TemporaryDirectory() as cache:
            for name, folder in ways.items():
                found[name] = seconds_of(folder, options.model, "first", options.many, cache)
            found["again"] = seconds_of(str(ROOT), options.model, "again", options.many, cache)
        rounds.append(found)
    return rounds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="ViT-B-32/random")
    parser.add_argument("--neighbours", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--many", type=int, default=10_000)
    parser.add_argument("--against", help="folder of another copy of the package, run as well")
    options = parser.parse_args()
    facts = machine_facts()
    with neighbours(options.neighbours):
        rounds = rounds_of(options)
    print(f"{facts}; {options.neighbours} busy loops beside it; {options.model}\n")
    print_seconds(rounds, "again")
    print(
        f"\nEqual to the bit in any batch: {all(each['as it is']['equal in any batch'] for each in rounds)}"
    )


if __name__ == "__main__":
    main()
