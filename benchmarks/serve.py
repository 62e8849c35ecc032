"""What a server answers while many ask at once: p50, p95, answers a second, memory.

    python benchmarks/serve.py [--clients 50] [--questions 10] [--model puppet-tiny]

Starts `zeroshot serve` on the example clips in a process of its own, asks it from as many threads as there
are clients, each its questions one after the other, and ends it again. A question names a clip and one of
three label lists. A first round, not counted, encodes the lists and starts the decoding processes. Beside it
stands what `Classifier.rank_many` does with as many videos in one call, the same minute. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path

from facts import ROOT, machine_facts

import zeroshot

CLIPS = sorted((ROOT / "examples" / "clips").glob("*.mp4"))
LISTS = [["waving", "kicking"], ["swimming", "jumping", "clapping"], None]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--questions", type=int, default=10, help="of each client")
    parser.add_argument("--model", default="puppet-tiny")
    chosen = parser.parse_args()
    print(machine_facts(), end="\n\n")
    process, address = started(chosen.model)
    try:
        asked(address, chosen.clients, 1)
        before = megabytes(process.pid)
        began = time.perf_counter()
        answers, seconds = asked(address, chosen.clients, chosen.questions)
        total = time.perf_counter() - began
        after = megabytes(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(100)
    whole = len(seconds)
    print(f"{chosen.clients} clients, {whole} questions: {dict(answers)}; the server ended with {status}\n")
    print("| what | measured |\n|---|---|")
    print(f"| p50 | {share(seconds, 0.5):.2f} s |")
    print(f"| p95 | {share(seconds, 0.95):.2f} s |")
    print(f"| answers a second | {whole / total:.1f} |")
    print(f"| `rank_many` of as many | {in_one_call(chosen.model, whole):.1f} a second |")
    print(f"| memory of the server before and after | {before:.0f}, {after:.0f} MiB |")


def started(model: str) -> tuple[subprocess.Popen[bytes], str]:
    """A server, and its address."""
    words = ["--model", model, "--labels", "puppet_actions", "--folder", str(CLIPS[0].parent)]
    command = [sys.executable, "-m", "zeroshot", "serve", "--port", "0", "--json", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    return process, json.loads(process.stdout.readline())["address"]


def asked(address: str, clients: int, questions: int) -> tuple[Counter[int], list[float]]:
    """Statuses, and the seconds of each answer."""
    statuses, seconds, lock = Counter[int](), list[float](), threading.Lock()

    def ask(client: int) -> None:
        for number in range(questions):
            turn = client + number
            question = {"video": CLIPS[turn % len(CLIPS)].name, "labels": LISTS[turn % len(LISTS)]}
            request = urllib.request.Request(
                f"{address}/classify", json.dumps(question).encode(), {"content-type": "application/json"}
            )
            began = time.perf_counter()
            with urllib.request.urlopen(request, timeout=100) as answer:
                json.load(answer)
            with lock:
                statuses[answer.status] += 1
                seconds.append(time.perf_counter() - began)

    threads = [threading.Thread(target=ask, args=(client,)) for client in range(clients)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return statuses, seconds


def in_one_call(model: str, number: int) -> float:
    """Videos a second of `rank_many`, its decoding processes started before."""
    with zeroshot.load(model, "puppet_actions") as classifier:
        list(classifier.rank_many(CLIPS[:4]))
        began = time.perf_counter()
        list(classifier.rank_many(CLIPS[turn % len(CLIPS)] for turn in range(number)))
        return number / (time.perf_counter() - began)


def share(seconds: list[float], part: float) -> float:
    """The value that this part of them does not exceed."""
    return sorted(seconds)[min(len(seconds) - 1, int(part * len(seconds)))]


def megabytes(pid: int) -> float:
    """What a process holds in memory, its decoding children aside."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
