"""Cold start: one clip and five labels in a new process, against the least that any program has to do.

    python benchmarks/cold.py --clip FILE [--repeats 3] [--against PYTHONPATH]

Prints Markdown. The floor imports torch and open_clip, builds ViT-B-32, loads its weights from a file and
encodes eight frames once; it reads no video, no label, and answers nothing. Runs are interleaved, and ratios
are medians of ratios to the floor of the same round. Weights are written first: the network's own random
ones, as published ones take as long.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from facts import ROOT, machine_facts

LABELS = "archery, yoga, drumming, punching, juggling balls"
FLOOR = """
import sys
import torch
import open_clip
from safetensors.torch import load_file
model = open_clip.create_model("ViT-B-32")
model.load_state_dict(load_file(sys.argv[1]))
model.eval()
with torch.inference_mode():
    print(model.encode_image(torch.zeros(8, 3, 224, 224)).shape)
"""
WEIGHTS = """
import sys
import open_clip
from safetensors.torch import save_file
model = open_clip.create_model("ViT-B-32")
save_file({name: value.contiguous() for name, value in model.state_dict().items()}, sys.argv[1])
"""


class Taken(NamedTuple):
    """What a process and its children took.

    Attributes:
        wall: seconds until it had ended.
        processor: seconds.
        end: of the wall, those after its last line.
        peak: MiB, of the largest of them.
    """

    wall: float
    processor: float
    end: float
    peak: float


def run(words: list[str], folder: str | None = None) -> Taken:
    """What a run of Python takes."""
    environment = {**os.environ, "PYTHONPATH": folder or str(ROOT)}
    start = last = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, *words], stdout=subprocess.PIPE, stderr=said, env=environment, cwd=os.sep
        )
        while os.read(process.stdout.fileno(), 4096):
            last = time.perf_counter()
        _, status, used = os.wait4(process.pid, 0)
        end = time.perf_counter()
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
        if status:
            said.seek(0)
            sys.exit(said.read().decode(errors="replace"))
    return Taken(end - start, used.ru_utime + used.ru_stime, end - last, used.ru_maxrss / 1024)


def seconds_to_first_word(words: list[str]) -> float:
    """Wall seconds until a process on a terminal says anything; infinite where it never does."""
    ours, theirs = os.openpty()
    start = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.DEVNULL, stderr=theirs, env=environment, cwd=os.sep
    )
    os.close(theirs)
    taken = float("inf")
    with contextlib.suppress(OSError):  # the end of a terminal
        os.read(ours, 1)
        taken = time.perf_counter() - start
        while os.read(ours, 4096):
            pass
    process.wait()
    os.close(ours)
    return taken


def verbs(clip: str, weights: str, folder: str, other: str | None) -> dict[str, list[str]]:
    """What is run, by name, on embeddings and an index that the copy `other` of the package makes first."""
    start, model = ["-m", "zeroshot"], ["--model", f"ViT-B-32/{weights}"]
    kept, index = f"{folder}.kept", f"{folder}.index"
    run([*start, "embed", clip, "--output", kept, *model], other)
    run([*start, "index", LABELS, "--output", index, *model], other)
    return {
        "one clip, five labels": [*start, "classify", clip, "--labels", LABELS, *model],
        "the same from `--index`": [*start, "classify", clip, "--index", index, *model],
        "the same from `--embeddings`": [
            *start,
            "classify",
            "--embeddings",
            kept,
            "--labels",
            LABELS,
            *model,
        ],
        "`search` for one text": [*start, "search", "yoga", "--in", kept, *model],
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", required=True)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--against", help="folder of another copy of the package, run as well")
    options = parser.parse_args()
    clip = str(Path(options.clip).resolve())
    with tempfile.TemporaryDirectory() as folder:
        weights = str(Path(folder) / "vit.safetensors")
        run(["-c", WEIGHTS, weights])
        ways = {"floor": (["-c", FLOOR, weights], None)}
        copies = {"": None, ", before": options.against} if options.against else {"": None}
        told = {
            after: verbs(clip, weights, f"{folder}/{len(after)}", other) for after, other in copies.items()
        }
        for name in told[""]:
            ways |= {f"{name}{after}": (told[after][name], other) for after, other in copies.items()}
        one = ways["one clip, five labels"][0]
        taken = {name: [] for name in ways}
        for _ in range(options.repeats):
            for name, (words, other) in ways.items():
                taken[name].append(run(words, other))
        words = statistics.median(seconds_to_first_word(one) for _ in range(options.repeats))
    print(machine_facts() + "\n")
    print("| | wall, s | × the floor | processor, s | × the floor | after its last line, s | peak, MiB |")
    print("|---|---|---|---|---|---|---|")
    for name, rounds in taken.items():
        columns = []
        for place in range(2):
            ratios = (mine[place] / floor[place] for mine, floor in zip(rounds, taken["floor"], strict=True))
            columns += [f"{statistics.median(each[place] for each in rounds):.2f}"]
            columns += [f"{statistics.median(ratios):.2f}"]
        columns += [f"{statistics.median(each.end for each in rounds):.2f}"]
        columns += [f"{statistics.median(each.peak for each in rounds):.0f}"]
        print(f"| {name} | {' | '.join(columns)} |")
    print(f"\nFirst word on a terminal's stderr: {words:.2f} s.")


if __name__ == "__main__":
    main()
