"""A million labels: exact search, search in cells and, where there is one, on a GPU.

    python benchmarks/index.py [--labels 1000000] [--width 512] [--recall 0.99]

Labels and queries are drawn so that they lie as CLIP's texts and images do; how alike they are is printed, to
be held against a real model's. Labels: a tree of topics, themes and wordings around a common direction
(a cone), with few strong directions and many weak ones. Queries: another cone, a fixed gap away; of one label
a part of what sets it apart, of others less, and what pictures have that words lack. The index knows nothing
of how these queries are drawn: it chooses by queries that it makes itself.

An index is built and written in one process, then loaded and searched in another, whose memory is told. A
latency is the median over queries, or groups of 32, never met before. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import faiss
import numpy as np
from facts import machine_facts

from zeroshot.index.index import LabelIndex
from zeroshot.index.recall import true_nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

NUM_QUERIES = 2048
GOAL_MS, GOAL_RECALL = 1.5, 0.99
MIB = 1 << 20
FILES = {"exact": "exact.index", "cells": "cells.index", "GPU": "cells.index"}


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The rows at length 1."""
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def make_world(count: int, width: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Labels (count, width) and queries (NUM_QUERIES, width), unit rows, as the module's docstring says."""
    draw = np.random.default_rng((seed, 5))
    strength = (np.arange(1, width + 1) ** -0.5).astype(np.float32)
    strength /= np.linalg.norm(strength)
    turn = np.linalg.qr(draw.standard_normal((width, width)))[0].astype(np.float32)

    def some(number: int) -> NDArray[np.float32]:
        """(number, width) draws along the turned directions, of length 1 on average."""
        return (draw.standard_normal((number, width), dtype=np.float32) * strength) @ turn

    topics, themes = some(400), some(20_000)
    cone = unit(draw.standard_normal((1, width)).astype(np.float32))
    labels = np.empty((count, width), np.float32)
    for start in range(0, count, 50_000):
        theme = draw.integers(0, len(themes), min(50_000, count - start))
        part = (
            0.45 * topics[theme % len(topics)] + 0.4 * themes[theme] + 0.45 * some(len(theme)) + 0.75 * cone
        )
        labels[start : start + len(theme)] = unit(part)
    mean = labels[::97].mean(axis=0)
    first, second, third, fourth = (labels[draw.integers(0, count, NUM_QUERIES)] - mean for _ in range(4))
    gap = unit(draw.standard_normal((1, width)).astype(np.float32))
    noise = draw.standard_normal((NUM_QUERIES, width)).astype(np.float32) / width**0.5
    shown = 0.3 * first + 0.1 * (second + third + fourth)
    return labels, unit(shown + 0.75 * gap + 0.2 * mean + 0.15 * some(NUM_QUERIES) + 0.6 * noise)


def describe(labels: NDArray[np.float32], queries: NDArray[np.float32], truth: NDArray[np.int64]) -> str:
    """How alike labels and queries are, in cosines."""
    pairs = np.random.default_rng(0).integers(0, len(labels), (2, len(queries)))
    words = np.einsum("nd,nd->n", labels[pairs[0]], labels[pairs[1]])
    across = np.einsum("nd,nd->n", labels[pairs[0]], queries)
    among = np.einsum("nd,nd->n", queries[1:], queries[:-1])
    best, fifth = (np.einsum("nd,nd->n", labels[truth[:, place]], queries) for place in (0, 4))
    two, three, any_label, nearest, last = (float(np.median(v)) for v in (words, among, across, best, fifth))
    return (
        f"Median cosines: two labels {two:.2f}, two queries {three:.2f}, a query and any label "
        f"{any_label:.2f} ± {across.std():.2f}, its nearest {nearest:.2f}, its fifth {last:.2f}."
    )


def memory_mib() -> tuple[float, float]:
    """This process's own memory, and what it has mapped from files, in MiB, now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    found = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith("Rss")}
    return found["RssAnon"], found["RssFile"]


@contextmanager
def seconds(into: dict[str, float], name: str) -> Iterator[None]:
    """Note how long the body takes."""
    start = time.perf_counter()
    yield
    into[name] = time.perf_counter() - start


def latency_ms(
    index: LabelIndex, queries: NDArray[np.float32], size: int, rounds: int
) -> tuple[float, float]:
    """Median milliseconds of a search for so many queries at once: passed, and of processor time."""
    times = []
    for turn in range(rounds + 3):
        start = turn * size % (len(queries) - size + 1)
        began, used = time.perf_counter(), time.process_time()
        index.search(queries[start : start + size], 5)
        times.append((1000 * (time.perf_counter() - began), 1000 * (time.process_time() - used)))
    passed, spent = (statistics.median(column) for column in zip(*times[3:], strict=True))  # after a warm-up
    return passed, spent


def build(folder: Path, count: int, width: int, recall: float, seed: int) -> dict[str, float]:
    """Make the world and an index of it; times in seconds, memory in MiB."""
    facts: dict[str, float] = {}
    labels, queries = make_world(count, width, seed)
    truth = true_nearest(queries, labels)
    np.save(folder / "queries.npy", queries)
    np.save(folder / "truth.npy", truth)
    print(describe(labels, queries, truth) + "\n", flush=True)
    exact = LabelIndex([f"label {i}" for i in range(count)], labels, fingerprint={"model": "synthetic"})
    del labels
    exact.save(folder / FILES["exact"])
    exact = LabelIndex.load(folder / FILES["exact"])
    with seconds(facts, "build"):
        index = exact.with_cells(recall)
    with seconds(facts, "save"):
        index.save(folder / FILES["cells"])
    said = index.recall
    if said is None:
        raise SystemExit(f"{count} labels are searched exactly; give --labels 20000 or more")
    print(
        f"Asked for recall@5 {said.asked}: {said.num_probed} of {said.num_cells} cells; the index says "
        f"{said.measured:.4f} ({said.low:.4f} to {said.high:.4f}) on {said.num_queries} queries of its own.\n"
    )
    return facts


def search(folder: Path, kind: str) -> dict[str, float]:
    """Load an index in this process and search it: recall, latencies in ms, load in s, memory in MiB."""
    queries, truth = np.load(folder / "queries.npy"), np.load(folder / "truth.npy")
    facts: dict[str, float] = {}
    before = memory_mib()
    with seconds(facts, "load"):
        index = LabelIndex.load(folder / FILES[kind])
    if kind == "GPU":
        index.to_gpu()
    asked = queries[:128] if kind == "exact" else queries
    found = index.search(asked, 5)[1]
    hits = sum(len(np.intersect1d(*pair)) for pair in zip(found, truth, strict=False))
    facts["recall"] = hits / found.size
    facts["one"], facts["spent"] = latency_ms(index, queries, 1, 21 if kind == "exact" else 1000)
    facts["many"], _ = latency_ms(index, queries, 32, 7 if kind == "exact" else 50)
    facts["own"], facts["mapped"] = (now - then for now, then in zip(memory_mib(), before, strict=True))
    facts["file"] = (folder / FILES[kind]).stat().st_size / MIB
    return facts


def in_another_process(folder: Path, kind: str) -> dict[str, float]:
    """What `search` finds there."""
    command = [sys.executable, __file__, "--folder", str(folder), "--search", kind]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    facts: dict[str, float] = json.loads(done.stdout)
    return facts


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labels", type=int, default=1_000_000)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--recall", type=float, default=0.99)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="keep the indexes there; with --search use those there")
    parser.add_argument("--search", choices=list(FILES), help="search alone, and print JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        if options.search:
            print(json.dumps(search(folder, options.search)))
            return
        print(machine_facts(faiss=faiss.__version__, numpy=np.__version__) + "\n", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        facts = build(folder, options.labels, options.width, options.recall, options.seed)
        print(
            f"Cells built and recall measured in {facts['build']:.0f} s, written in {facts['save']:.1f} s.\n"
        )
        print(
            "| search | recall@5 | one query, ms | of it processor | 32 queries, ms | a query of 32 |", end=""
        )
        print(" loaded in, s | memory, MiB | mapped, MiB | file, MiB |\n" + "|---" * 10 + "|", flush=True)
        for kind in FILES:
            if kind == "GPU" and not faiss.get_num_gpus():
                print("| GPU | none here |" + " |" * 8)
                continue
            row = in_another_process(folder, kind)
            times = f"{row['one']:.2f} | {row['spent']:.2f} | {row['many']:.1f} | {row['many'] / 32:.2f}"
            sizes = f"{row['load']:.2f} | {row['own']:.0f} | {row['mapped']:.0f} | {row['file']:.0f}"
            print(f"| {kind} | {row['recall']:.4f} | {times} | {sizes} |", flush=True)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"\nGoal: at most {GOAL_MS} ms a query at recall@5 of {GOAL_RECALL} or more. ", end="")
        print(f"Peak memory of the process that made labels and index: {peak:.0f} MiB.")


if __name__ == "__main__":
    main()
