"""First figures: one clip cold and warm, a folder against the plain script, start-up, the wheel.

    python benchmarks/first.py --clips FOLDER [--model ViT-B-32/random] [--repeats 5]

Prints Markdown. The two ways of going through the folder are interleaved and compared by the median of the
ratios, since machines are noisy.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from facts import machine_facts, peak_mebibytes

ROOT = Path(__file__).resolve().parents[1]
COLD = "import zeroshot, sys; c = zeroshot.load(sys.argv[1], ['archery', 'yoga']); c.rank(sys.argv[2])"


def seconds(*command: str) -> float:
    """Wall seconds of a process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
    return time.perf_counter() - start


def median_of(number: int, *command: str) -> float:
    """Median wall seconds of several runs of a process, after one that warms the disk cache."""
    seconds(*command)
    return statistics.median(seconds(*command) for _ in range(number))


def folder_rates(paths: list[str], model: str, repeats: int) -> tuple[float, float, float]:
    """Clips per second of the plain script and of ours, interleaved, and the median of the ratios."""
    from plain import classify

    import zeroshot

    labels = ["archery", "yoga", "drumming", "punching"]
    classifier = zeroshot.load(model, labels)
    list(classifier.rank_many(paths[:2]))
    ours, theirs = [], []
    for _ in range(repeats):
        start = time.perf_counter()
        classify(paths[:0], labels, model.split("/", maxsplit=1)[0])
        setup = time.perf_counter() - start
        start = time.perf_counter()
        classify(paths, labels, model.split("/", maxsplit=1)[0])
        theirs.append(time.perf_counter() - start - setup)
        start = time.perf_counter()
        rows = list(classifier.rank_many(paths))
        ours.append(time.perf_counter() - start)
        failed = [row.error for row in rows if row.error]
        if failed:
            sys.exit(failed[0])
    ratio = statistics.median(a / b for a, b in zip(theirs, ours, strict=True))
    return len(paths) / statistics.median(theirs), len(paths) / statistics.median(ours), ratio


def warm_seconds(path: str, model: str, repeats: int) -> float:
    """Median seconds of ranking one clip again and again in one process."""
    import zeroshot

    classifier = zeroshot.load(model, ["archery", "yoga"])
    classifier.rank(path)
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        classifier.rank(path)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def wheel_megabytes() -> float:
    """Size of the wheel."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "build", "--wheel", "--outdir", folder, str(ROOT)]
        subprocess.run(command, check=True, capture_output=True)
        return next(Path(folder).glob("*.whl")).stat().st_size / 1e6


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", required=True)
    parser.add_argument("--model", default="ViT-B-32/random")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    paths = sorted(str(path) for path in Path(options.clips).iterdir())
    print(machine_facts(torch=torch.__version__) + "\n")
    theirs, ours, ratio = folder_rates(paths, options.model, options.repeats)
    peak = peak_mebibytes()
    rows = [
        ("`import zeroshot`", f"{median_of(5, '-c', 'import zeroshot'):.2f} s"),
        ("`zeroshot --help`", f"{median_of(5, '-m', 'zeroshot', '--help'):.2f} s"),
        ("`zeroshot classify --help`", f"{median_of(5, '-m', 'zeroshot', 'classify', '--help'):.2f} s"),
        (
            f"one clip, cold process, {options.model}",
            f"{median_of(3, '-c', COLD, options.model, paths[0]):.1f} s",
        ),
        (f"one clip, warm, {options.model}", f"{warm_seconds(paths[0], options.model, 9):.3f} s"),
        (f"{len(paths)} clips, plain script", f"{theirs:.2f} clips/s"),
        (f"{len(paths)} clips, `rank_many`", f"{ours:.2f} clips/s ({ratio:.2f} × the plain script)"),
        ("peak memory of this process", f"{peak:.0f} MiB"),
        ("wheel", f"{wheel_megabytes():.1f} MB"),
    ]
    print("| what | measured |\n|---|---|")
    for what, figure in rows:
        print(f"| {what} | {figure} |")


if __name__ == "__main__":
    main()
