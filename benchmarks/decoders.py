"""decord against PyAV on the same clips: processor time, and whether they show the same frames.

    python benchmarks/decoders.py --clips FOLDER [--repeats 5]

Eight frames of each video, one thread, in this process, interleaved; medians. Prints Markdown.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np

from zeroshot.errors import VideoError
from zeroshot.video.decoders.decode import read_clips
from zeroshot.video.sampling import Sampling


def processor_ms(path: Path, decoder: str) -> float:
    """Milliseconds of processor time that eight frames cost."""
    start = time.process_time()
    read_clips(path, Sampling(), decoder=decoder, num_threads=1)
    return 1000 * (time.process_time() - start)


def compare(path: Path, repeats: int) -> tuple[str, str, str, str]:
    """A row of the table."""
    (by_pyav,) = read_clips(path, Sampling(), decoder="pyav", num_threads=1)
    try:
        (by_decord,) = read_clips(path, Sampling(), decoder="decord", num_threads=1)
    except VideoError as error:
        reason = str(error).split(": ")[-1].split(";")[0]
        return path.name, f"{processor_ms(path, 'pyav'):.0f}", "refused", reason
    times = [(processor_ms(path, "pyav"), processor_ms(path, "decord")) for _ in range(repeats)]
    pyav, decord = (statistics.median(column) for column in zip(*times, strict=True))
    same = np.array_equal(by_pyav.seconds, by_decord.seconds)
    levels = np.abs(by_pyav.frames.astype(int) - by_decord.frames.astype(int)).max()
    return path.name, f"{pyav:.0f}", f"{decord:.0f}", f"same moments: {same}; greatest difference {levels}"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    print("| clip | PyAV ms | decord ms | |\n|---|---|---|---|")
    for path in sorted(options.clips.iterdir()):
        print("| " + " | ".join(compare(path, options.repeats)) + " |", flush=True)


if __name__ == "__main__":
    main()
