"""What long videos cost: a timeline against embedded windows, files without times, one large video.

    python benchmarks/long_videos.py [--repeats 3] [--against FOLDER] [--model ViT-B-32/random]

Makes its videos with ffmpeg in a temporary folder. Each figure comes of a process of its own, this package
as it is and another copy of it, if a folder of one is named, in turn. Prints Markdown: medians of seconds,
by the wall and of the processor, that of decoding processes among it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from facts import ROOT, machine_facts

WORK = """
import json, resource, sys, time
import zeroshot
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.sampling import Window

def spent():
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in both)

def read(path):
    with ClipReader(2, shorter_side=224) as reader:
        for group in reader.read_many_windows([path], Window(4.0, 4.0), 8):
            assert not isinstance(group.outcome, Exception), group.outcome

what, path, name = sys.argv[1:]
if what != "read":
    classifier = zeroshot.load(name, ["a", "b", "c"], device="cpu")
    classifier.rank(path)  # kernels and children are there
work = {
    "read": lambda: read(path),
    "timeline": lambda: classifier.timeline(path),
    "events": lambda: list(classifier.events(path)),
    "embed": lambda: list(classifier.model.embed_windows([path], Window(4.0, 4.0))),
    "rank": lambda: classifier.rank(path),
}[what]
begun = time.perf_counter(), spent()
work()
wall = time.perf_counter() - begun[0]
if what != "read":
    classifier.close()  # children are counted once they have ended
print(json.dumps([wall, spent() - begun[1]]))
"""
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-threads", "1")


def made(folder: Path) -> dict[str, tuple[str, Path]]:
    """What is measured, by its name: the work, and the video."""

    def film(name: str, size: str, seconds: int, *words: object) -> Path:
        path = folder / name
        source = ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25", "-t", seconds)
        command = ["ffmpeg", "-v", "error", "-y", *source, *(words or H264), "-g", 100, path]
        subprocess.run([*map(str, command)], check=True)
        return path

    hd = film("hd.mp4", "1280x720", 60)
    works = {f"{verb}, 60 s of 720p": (verb, hd) for verb in ("embed", "timeline", "events")}
    for seconds in (60, 120, 240):
        raw = film(f"raw{seconds}.h264", "320x240", seconds)
        works[f"windows of raw h264, {seconds} s"] = ("read", raw)
    works["windows of mp4, 240 s"] = ("read", film("small.mp4", "320x240", 240))
    works["rank, one video of 1080p"] = ("rank", film("large.mp4", "1920x1080", 20))
    return works


def seconds_of(folder: str, what: str, path: Path, model: str) -> tuple[float, float]:
    """Wall and processor seconds of one work, in a process of its own.

    Args:
        folder: that the package is imported from.
        what: the work.
        path: of the video.
        model: by name.
    """
    environment = {**os.environ, "PYTHONPATH": folder}
    words = [sys.executable, "-c", WORK, what, str(path), model]
    ended = subprocess.run(words, check=True, capture_output=True, env=environment, cwd=os.sep, text=True)
    wall, processor = json.loads(ended.stdout.splitlines()[-1])
    return wall, processor


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--model", default="ViT-B-32/random")
    parser.add_argument("--against", help="folder of another copy of the package, run as well")
    parser.add_argument("--only", default="", help="works whose name holds this")
    options = parser.parse_args()
    ways = {"as it is": str(ROOT)}
    if options.against:
        ways["before"] = str(Path(options.against).resolve())
    print(f"{machine_facts()}\n\n| wall / processor, s | {' | '.join(ways)} |\n|---|{'---|' * len(ways)}")
    with tempfile.TemporaryDirectory() as folder:
        for name, (what, path) in made(Path(folder)).items():
            if options.only not in name:
                continue
            rounds = [
                [seconds_of(each, what, path, options.model) for each in ways.values()]
                for _ in range(options.repeats)
            ]
            cells = [
                [statistics.median(each[place][unit] for each in rounds) for unit in (0, 1)]
                for place in range(len(ways))
            ]
            shown = " | ".join(f"{wall:.2f} / {spent:.2f}" for wall, spent in cells)
            print(f"| {name} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
