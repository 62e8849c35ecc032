"""A second list of labels over videos whose embeddings are kept: what the command takes, and what its start.

    python benchmarks/cached.py                    # 10,000 videos × 400 labels, puppet-tiny

Makes small videos, embeds them with `zeroshot embed`, and then runs `zeroshot classify --embeddings` with 400
labels never seen before, over all of them and over one of them, in turn. The difference is what is paid for
the videos; the rest is Python, the model and the label texts.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from soak import MODEL, make_archive


def run(*words: str) -> float:
    """Wall seconds of a zeroshot command."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "zeroshot", *words]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return time.perf_counter() - begun


def classify(videos: Path, table: str, labels: Path) -> float:
    """Wall seconds of classifying with 400 labels that were never used before."""
    labels.write_text("".join(f"doing {labels.stem} {row}\n" for row in range(400)))
    common = ("--embeddings", table, "--labels", str(labels), "--model", MODEL, "--csv")
    return run("classify", str(videos), *common)


def main() -> None:
    """Make, embed, classify, tell."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--videos", type=int, default=10_000)
    options.add_argument("--repeats", type=int, default=3)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        archive, table = Path(temporary) / "archive", str(Path(temporary) / "table")
        make_archive(archive, chosen.videos, seed=0, some_bad=False)
        taken = run("embed", str(archive), "--output", table, "--model", MODEL)
        print(f"embedding {chosen.videos} videos: {taken:.0f} s", flush=True)
        one, whole, start = min(archive.iterdir()), [], []
        for number in range(chosen.repeats):
            whole.append(classify(archive, table, Path(temporary) / f"all{number}.txt"))
            start.append(classify(one, table, Path(temporary) / f"one{number}.txt"))
        more = statistics.median(a - b for a, b in zip(whole, start, strict=True))
        print(f"classify, 400 new labels, {chosen.videos} videos: {statistics.median(whole):.1f} s")
        print(f"classify, 400 new labels, one of them: {statistics.median(start):.1f} s")
        print(f"paid for the videos: {more:.2f} s")


if __name__ == "__main__":
    main()
