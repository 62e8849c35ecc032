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
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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


def run(words: list[str], folder: str | None = None) -> tuple[float, float]:
    """Wall seconds and processor seconds of a process and its children."""
    environment = {**os.environ, "PYTHONPATH": folder or str(ROOT)}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    ended = subprocess.run(
        [sys.executable, *words], check=False, capture_output=True, env=environment, cwd=os.sep
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if ended.returncode:
        sys.exit(ended.stderr.decode(errors="replace"))
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


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


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", required=True)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--against", help="folder of another copy of the package, run as well")
    options = parser.parse_args()
    clip = str(Path(options.clip).resolve())
    with tempfile.TemporaryDirectory() as folder:
        weights, kept = str(Path(folder) / "vit.safetensors"), str(Path(folder) / "embeddings")
        run(["-c", WEIGHTS, weights])
        model = ["--model", f"ViT-B-32/{weights}"]
        one = ["-m", "zeroshot", "classify", clip, "--labels", LABELS, *model]
        run(["-m", "zeroshot", "embed", clip, "--output", kept, *model])
        again = ["-m", "zeroshot", "classify", "--embeddings", kept, "--labels", LABELS, *model]
        ways = {"floor": (["-c", FLOOR, weights], None), "one clip, five labels": (one, None)}
        ways["the same from `--embeddings`"] = (again, None)
        if options.against:
            ways["one clip, five labels, before"] = (one, options.against)
        taken = {name: [] for name in ways}
        for _ in range(options.repeats):
            for name, (words, other) in ways.items():
                taken[name].append(run(words, other))
        words = statistics.median(seconds_to_first_word(one) for _ in range(options.repeats))
    print(machine_facts() + "\n")
    print("| | wall, s | × the floor | processor, s | × the floor |\n|---|---|---|---|---|")
    for name, rounds in taken.items():
        columns = []
        for place in range(2):
            ratios = (mine[place] / floor[place] for mine, floor in zip(rounds, taken["floor"], strict=True))
            columns += [f"{statistics.median(each[place] for each in rounds):.2f}"]
            columns += [f"{statistics.median(ratios):.2f}"]
        print(f"| {name} | {' | '.join(columns)} |")
    print(f"\nFirst word on a terminal's stderr: {words:.2f} s.")


if __name__ == "__main__":
    main()
