"""Soak test of `zeroshot embed`: many files, a tenth of them bad, the run killed again and again.

    python benchmarks/soak.py                      # 2,000 files, 5 kills, puppet-tiny
    python benchmarks/soak.py --files 200 --kills 3

Makes small videos of different content and bad files of eight kinds, embeds them once without a break and
once with kills at random moments, and compares: every input has its row, the rows are equal, and the memory
of the process does not grow. Ends with status 1 where that is not so. Linux alone (it reads /proc).
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from zeroshot.batch.table import read_rows
from zeroshot.video.write import write_video

MODEL = "puppet-tiny"
NUM_SEEDS = 24


@dataclass
class Run:
    """One process of `zeroshot embed`, watched.

    Attributes:
        seconds: from its start to its end.
        status: its exit status, negative where a signal ended it.
        memory: MiB resident, of the process and its decoding children together, with the rows at that time.
    """

    seconds: float = 0.0
    status: int = 0
    memory: list[tuple[int, float]] = field(default_factory=list)


def main() -> None:
    """Make, run, compare, tell."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--files", type=int, default=2000)
    options.add_argument("--kills", type=int, default=5)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--folder", type=Path, help="Kept; default: a temporary one.")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        bad = make_archive(folder / "archive", chosen.files, chosen.seed)
        print(f"{chosen.files} files, {bad} of them bad; model {MODEL}", flush=True)
        whole = run(folder / "archive", folder / "unbroken", None)
        kills, broken = killed_runs(folder, chosen.files, chosen.kills, random.Random(chosen.seed))
        ok = tell(folder, chosen.files, bad, whole, broken, kills)
    sys.exit(0 if ok else 1)


def make_archive(folder: Path, count: int, seed: int, *, some_bad: bool = True) -> int:
    """Write `count` files, a tenth of them bad in one of eight ways if asked to; gives how many are bad."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(seed)
    originals = []
    for number in range(NUM_SEEDS):
        path = folder.parent / f"original{number}.mp4"
        write_video(path, moving(number, draw), fps=12.0)
        originals.append(path.read_bytes())
    bad = 0
    for number in range(count):
        # What follows the last box of an mp4 is passed over, so that each file is another to the cache.
        content = originals[number % NUM_SEEDS] + b"\0\0\0\x0cfree%04d" % (number % 10000)
        if some_bad and number % 10 == 3:
            content = spoiled(content, bad % 8, draw)
            bad += 1
        (folder / f"{number:06d}.mp4").write_bytes(content)
    return bad


def moving(number: int, draw: np.random.Generator) -> np.ndarray:
    """(T, 3, 64, 96) uint8: a block that moves over a coloured wall."""
    frames = np.empty((16 + number, 3, 64, 96), np.uint8)
    frames[:] = draw.integers(0, 200, (1, 3, 1, 1))
    for t in range(len(frames)):
        x = (3 * t + 7 * number) % 80
        frames[t, :, 20:40, x : x + 14] = 255 - frames[t, :, :1, :1]
    return frames


def spoiled(content: bytes, kind: int, draw: np.random.Generator) -> bytes:
    """A video's bytes made bad: some kinds still have frames, and those count as videos."""
    middle = len(content) // 2
    noise = draw.integers(0, 256, len(content), dtype=np.uint8).tobytes()
    return (
        b"",
        b"no video at all\n" * 20,
        content[: len(content) // 3],
        noise,
        content[:40],
        content.replace(b"moov", b"xxxx"),
        content[:middle] + noise[: len(content) - middle],
        content.replace(b"avc1", b"zzzz").replace(b"mp4v", b"zzzz"),
    )[kind]


def run(archive: Path, output: Path, kill_at: int | None) -> Run:
    """Embed, until it ends or until the table has `kill_at` rows; then it is killed."""
    command = [sys.executable, "-m", "zeroshot", "embed", str(archive), "--output", str(output)]
    begun, watched = time.monotonic(), Run()
    with subprocess.Popen(
        [*command, "--model", MODEL, "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        for rows, _ in enumerate(process.stdout, start=1):
            if rows % 25 == 0:
                watched.memory.append((rows, resident(process.pid)))
            if rows == kill_at:
                process.send_signal(signal.SIGKILL)
                break
    watched.status = process.returncode
    watched.seconds = time.monotonic() - begun
    return watched


def killed_runs(folder: Path, count: int, kills: int, draw: random.Random) -> tuple[int, list[Run]]:
    """Runs on one output, each killed at a random row but the last; gives how many were, and the runs."""
    runs = []
    for left in range(kills, -1, -1):
        there = num_rows(folder / "broken")
        ahead = max(1, int((count - there) / (left + 1) * draw.uniform(0.4, 1.4)))
        runs.append(run(folder / "archive", folder / "broken", ahead if left else None))
        how = "killed" if runs[-1].status < 0 else "ended"
        print(f"  {how} with {num_rows(folder / 'broken')} rows written", flush=True)
    return sum(each.status == -signal.SIGKILL for each in runs), runs


def num_rows(folder: Path) -> int:
    """Rows that are written."""
    return sum(pq.read_metadata(part).num_rows for part in folder.glob("part-*.parquet"))


def resident(pid: int) -> float:
    """MiB of a process and its children; 0 where it has ended."""
    total, pids = 0, [pid]
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(entry.read_text().rpartition(")")[2].split()[1]) == pid:
                pids.append(int(entry.parent.name))
        except OSError:
            continue
    for each in pids:
        try:
            total += int(Path(f"/proc/{each}/statm").read_text().split()[1])
        except OSError:
            continue
    return total * 4096 / 2**20


def tell(folder: Path, count: int, bad: int, whole: Run, broken: list[Run], kills: int) -> bool:
    """Print what came of it; gives whether all is as it should be."""
    one, other = contents(folder / "unbroken"), contents(folder / "broken")
    inputs = {str(path) for path in (folder / "archive").iterdir()}
    complete = one.keys() == other.keys() == inputs
    errors_agree = all(one[path][1] == other[path][1] for path in inputs) if complete else False
    gaps = [
        np.abs(one[path][0] - other[path][0]).max() for path in inputs if complete and one[path][1] is None
    ]
    failed = sum(error is not None for _, error in one.values())
    sizes = [size for _, size in whole.memory]
    early, late = np.median(sizes[len(sizes) // 5 : len(sizes) // 2]), np.median(sizes[-len(sizes) // 5 :])
    flat = late < 1.05 * early + 16
    rate = count / whole.seconds
    print(
        f"unbroken: {whole.seconds:.0f} s, {rate:.1f} files a second; {failed} errors ({bad} files spoiled)"
    )
    print(f"killed {kills} times, {sum(each.seconds for each in broken):.0f} s in {len(broken)} runs")
    print(f"every input has one row in both tables: {complete}; errors are the same: {errors_agree}")
    print(f"largest difference of an embedding's element: {max(gaps, default=0.0):.1e}")
    print(f"memory, MiB: {early:.0f} early, {late:.0f} late, {max(sizes):.0f} most; flat: {flat}")
    return bool(complete and errors_agree and max(gaps, default=0.0) < 1e-6 and flat)


def contents(folder: Path) -> dict[str, tuple[np.ndarray | None, str | None]]:
    """Path → embedding and error; a path that has two rows is an error."""
    found: dict[str, tuple[np.ndarray | None, str | None]] = {}
    for row in (row for part in read_rows(folder) for row in part):
        if row.path in found:
            raise SystemExit(f"{row.path} has two rows in {folder}")
        found[row.path] = (row.embedding, row.error)
    return found


if __name__ == "__main__":
    main()
