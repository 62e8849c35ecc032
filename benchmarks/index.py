"""Very many labels: exact search, search in cells beside faiss's own best, and, where there is one, on a GPU.

    python benchmarks/index.py [--labels 100000] [--width 512] [--recall 0.99] [--faiss FACTORY]
    python benchmarks/index.py --labels 1000000 --faiss ""

Labels and queries are drawn so that they lie as CLIP's texts and images do; how alike they are is printed, to
be held against a real model's. Labels: a tree of topics, themes and wordings around a common direction
(a cone), with few strong directions and many weak ones. Queries: another cone, a fixed gap away; of one label
a part of what sets it apart, of others less, and what pictures have that words lack. The index knows nothing
of how these queries are drawn: it chooses by queries that it makes itself.

An index is built and written in one process, then loaded and searched in another, whose memory is told. A
latency is the median over queries, or groups of 32, never met before. Beside faiss's own index (`--faiss`
names its factory; "" leaves it out) each query is searched by all in turn, on one thread. Recall is told on
kinds of queries, too, that the index does not know. Prints Markdown.
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
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
FAISS = "OPQ128,IVF1024,PQ128x4fsr,RFlat"
TRAINED_ON = 40_960  # labels, 40 for each of its cells; its rotation alone takes minutes
SETTINGS = (
    (256, 40),
    (384, 40),
    (512, 60),
    (512, 100),
    (1024, 100),
)  # its cells looked into, its shortlist / 5
BESIDE = "beside faiss"


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


def other_kinds(labels: NDArray[np.float32], number: int, seed: int) -> dict[str, NDArray[np.float32]]:
    """Queries (number, width) of kinds that an index has not been told of, by what they are."""
    draw = np.random.default_rng((seed, 23))
    width, mean = labels.shape[1], labels[::97].mean(axis=0)
    rows, others = (labels[draw.integers(0, len(labels), number)] for _ in range(2))
    noise = draw.standard_normal((number, width)).astype(np.float32) / width**0.5
    gap = unit(draw.standard_normal((1, width)).astype(np.float32))
    return {
        "labels, a little apart": unit(rows + 0.3 * noise),
        "labels, far apart": unit(rows + noise),
        "between two labels": unit(rows + others),
        "videos without a gap": unit(0.3 * (rows - mean) + 0.6 * noise),
        "videos behind a wide gap": unit(0.25 * (rows - mean) + 0.9 * gap + 0.5 * noise),
        "away from labels": unit(0.5 * noise - rows),
        "any direction": unit(noise),
    }


def recall_of(found: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    """The share of the true nearest that was found."""
    hits = sum(len(np.intersect1d(*pair)) for pair in zip(found, truth, strict=False))
    return hits / found.size


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
        f"Asked for recall@5 {said.asked}: {said.num_probed} of {said.num_cells} cells, {said.num_far} for "
        f"queries far from all; {said.shortlist} and {said.shortlist_far} labels scored exactly; the index "
        f"says {said.measured:.4f} ({said.low:.4f} to {said.high:.4f}) on {said.num_queries} queries of its "
        f"own, {said.measured_far:.4f} on directions.\n"
    )
    print("| queries of another kind | recall@5, three seeds |\n|---|---|")
    number = 340 if count <= 250_000 else 120  # every one is compared with all labels
    found = [
        {
            kind: index_recall(index, asked)
            for kind, asked in other_kinds(index.embeddings, number, turn).items()
        }
        for turn in (seed, seed + 1, seed + 2)
    ]
    for kind in found[0]:
        print(f"| {kind} | {', '.join(f'{one[kind]:.4f}' for one in found)} |", flush=True)
    print()
    return facts


def index_recall(index: LabelIndex, queries: NDArray[np.float32]) -> float:
    """Recall@5 of an index on some queries."""
    return recall_of(index.search(queries, 5)[1], true_nearest(queries, index.embeddings))


def build_faiss(folder: Path, factory: str) -> float:
    """Seconds in which faiss trains and fills an index of its own, on one thread; it is written."""
    labels = LabelIndex.load(folder / FILES["exact"]).embeddings
    faiss.omp_set_num_threads(1)
    start = time.perf_counter()
    index = faiss.index_factory(labels.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
    index.train(labels[:: max(1, len(labels) // TRAINED_ON)][:TRAINED_ON])
    index.add(labels)
    taken = time.perf_counter() - start
    faiss.write_index(index, str(folder / "own.faiss"))
    return taken


def compare(folder: Path) -> dict[str, dict[str, float]]:
    """Our index and faiss's at several settings, each query by all in turn: recall, ms a query."""
    queries, truth = np.load(folder / "queries.npy"), np.load(folder / "truth.npy")
    ours, own = LabelIndex.load(folder / FILES["cells"]), faiss.read_index(str(folder / "own.faiss"))
    faiss.omp_set_num_threads(1)
    inner = faiss.extract_index_ivf(own.base_index)

    def theirs(asked: NDArray[np.float32], setting: tuple[int, int]) -> NDArray[np.int64]:
        inner.nprobe, own.k_factor = setting
        found: NDArray[np.int64] = own.search(asked, 5)[1]
        return found

    ways = {"zeroshot": lambda asked: ours.search(asked, 5)[1]}
    for setting in SETTINGS:
        ways[f"faiss, {setting[0]} cells, {5 * setting[1]} scored"] = partial(theirs, setting=setting)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for place in range(400):
        for name, way in ways.items():
            start = time.perf_counter()
            way(queries[place : place + 1])
            times[name].append(1000 * (time.perf_counter() - start))
    return {
        name: {
            "recall": recall_of(way(queries), truth),
            "one": statistics.median(times[name][20:]),
            "mean": statistics.mean(times[name][20:]),
        }
        for name, way in ways.items()
    }


def show_compared(folder: Path, factory: str) -> None:
    """Print how our search stands beside faiss's own."""
    print(f"\nfaiss trained and filled `{factory}` in {build_faiss(folder, factory):.0f} s, on one thread.\n")
    print("| search, in turn on one thread | recall@5 | one query, ms | mean, ms | of ours |")
    print("|---" * 5 + "|")
    rows = in_another_process(folder, BESIDE)
    for name, row in rows.items():
        ratio = row["one"] / rows["zeroshot"]["one"]
        print(f"| {name} | {row['recall']:.4f} | {row['one']:.2f} | {row['mean']:.2f} | {ratio:.2f} |")


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
    facts["recall"] = recall_of(found, truth)
    facts["one"], facts["spent"] = latency_ms(index, queries, 1, 21 if kind == "exact" else 1000)
    facts["many"], _ = latency_ms(index, queries, 32, 7 if kind == "exact" else 50)
    facts["own"], facts["mapped"] = (now - then for now, then in zip(memory_mib(), before, strict=True))
    facts["file"] = (folder / FILES[kind]).stat().st_size / MIB
    return facts


def in_another_process(folder: Path, kind: str) -> dict[str, Any]:
    """What `search` or `compare` finds there."""
    command = [sys.executable, __file__, "--folder", str(folder), "--search", kind]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labels", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--recall", type=float, default=0.99)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="keep the indexes there; with --search use those there")
    parser.add_argument("--faiss", default=FAISS, help='factory of faiss\'s own index; "" leaves it out')
    parser.add_argument("--search", choices=[*FILES, BESIDE], help="search alone, and print JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        if options.search:
            found = compare(folder) if options.search == BESIDE else search(folder, options.search)
            print(json.dumps(found))
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
        if options.faiss:
            show_compared(folder, options.faiss)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"\nGoal: at most {GOAL_MS} ms a query at recall@5 of {GOAL_RECALL} or more. ", end="")
        print(f"Peak memory of the process that made labels and index: {peak:.0f} MiB.")


if __name__ == "__main__":
    main()
