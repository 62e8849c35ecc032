"""Clips a second, end to end, against what people run instead: same clips, same backbone size, in turn.

    python benchmarks/throughput.py --clips FOLDER [--quick] [--models ViT-B-32,ViT-B-16] [--repeats 3]
    python benchmarks/throughput.py --only network [--models ViT-B-32,ViT-B-16]

Peers: the script that everybody writes (`plain.py`), transformers' X-CLIP as its documentation runs it, and
the way of working of clip-video-encode (every frame decoded and resized, then encoded in full batches).
Networks are untrained: speed does not depend on weights. Each repeat runs every way once, one after another;
what is compared are medians over the repeats of the ratio to the plain script in the same repeat. Prints
Markdown.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from facts import machine_facts

import zeroshot
from zeroshot.model.speed.products import PRODUCTS
from zeroshot.video.decoders.decode import read_clips
from zeroshot.video.sampling import FRAMES, Sampling

if TYPE_CHECKING:
    from collections.abc import Callable

LEVELS = ("exact", "fast", "fastest")
NUM_FRAMES = 8
# Goals against the plain script, by model, sampling and level.
GOALS = {
    ("ViT-B-32", "even"): (1.7, 2.2, 3.0),
    ("ViT-B-32", "keyframes"): (2.4, 3.8, 6.0),
    ("ViT-B-16", "even"): (1.9, 2.8, 4.0),
}


@dataclass(frozen=True)
class Way:
    """One way to embed videos: its name, and what it does with paths."""

    name: str
    run: Callable[[list[str]], object]


def ffmpeg_exe() -> str:
    """The ffmpeg that imageio-ffmpeg brings."""
    import imageio_ffmpeg

    return imageio_ffmpeg.get_ffmpeg_exe()


def make_video(path: Path, size: str, seconds: int, key_seconds: float) -> str:
    """A moving test picture with noise in h264, a key frame every so many seconds, as cameras write them."""
    source = f"testsrc2=size={size}:rate=25:duration={seconds},noise=alls=12:allf=t"
    words = ["-f", "lavfi", "-i", source, "-c:v", "libx264", "-preset", "veryfast", "-crf", "26"]
    words += ["-pix_fmt", "yuv420p", "-g", str(round(25 * key_seconds)), "-sc_threshold", "0"]
    subprocess.run([ffmpeg_exe(), "-loglevel", "error", "-y", *words, str(path)], check=True)
    return str(path)


def made_videos(folder: Path, *, quick: bool) -> dict[str, list[str]]:
    """Videos that cannot be found everywhere: 320×240 to 1080p with dense key frames, and a long one."""
    sizes = ["320x240", "640x360", "1280x720"] if quick else ["320x240", "640x360", "1280x720", "1920x1080"]
    dense = [make_video(folder / f"{size}.mp4", size, 10, 1.0) for size in sizes]
    long = make_video(folder / "long.mp4", "1280x720" if quick else "1920x1080", 20 if quick else 60, 2.0)
    return {"made, a key frame a second": dense, "long": [long]}


def plain_way(architecture: str) -> Way:
    """decord, PIL and open_clip, a video at a time, with the network loaded once."""
    from plain import prepare

    return Way(
        "plain script (decord, PIL, open_clip)", prepare(["archery", "yoga"], architecture, NUM_FRAMES)
    )


def xclip_way(architecture: str) -> Way:
    """Transformers' X-CLIP of the same backbone size: frames by PyAV, its processor, one video at a time."""
    import av
    from transformers import XCLIPConfig, XCLIPModel, XCLIPVisionConfig

    patch = int(architecture.rsplit("-", 1)[1])
    vision = XCLIPVisionConfig(patch_size=patch, num_frames=NUM_FRAMES)
    model = XCLIPModel(XCLIPConfig(vision_config=vision.to_dict())).eval()
    from transformers import VideoMAEImageProcessor

    processor = VideoMAEImageProcessor(size={"shortest_edge": 224}, crop_size={"height": 224, "width": 224})

    def run(paths: list[str]) -> None:
        for path in paths:
            with av.open(path) as container:
                count = container.streams.video[0].frames or sum(1 for _ in container.decode(video=0))
            wanted = set(np.linspace(0, count - 1, NUM_FRAMES).astype(int).tolist())
            with av.open(path) as container:
                frames = [
                    frame.to_ndarray(format="rgb24")
                    for place, frame in enumerate(container.decode(video=0))
                    if place in wanted
                ]
            frames += frames[-1:] * (NUM_FRAMES - len(frames))
            inputs = processor(frames, return_tensors="pt")
            with torch.no_grad():
                model.get_video_features(**inputs)

    return Way("X-CLIP in transformers, as documented", run)


def every_frame_way(architecture: str) -> Way:
    """clip-video-encode's way: all frames decoded and resized, every n-th taken, batches of 32 encoded."""
    import av
    import open_clip

    model, _, _ = open_clip.create_model_and_transforms(architecture)
    model.eval()
    mean, std = (
        torch.tensor(values)[:, None, None] for values in ((0.481, 0.458, 0.408), (0.269, 0.261, 0.276))
    )

    def run(paths: list[str]) -> None:
        waiting: list[torch.Tensor] = []
        for path in paths:
            with av.open(path) as container:
                stream = container.streams.video[0]
                stream.thread_type = "AUTO"
                frames = [
                    torch.from_numpy(frame.to_ndarray(format="rgb24", width=224, height=224))
                    for frame in container.decode(stream)
                ]
            taken = np.linspace(0, len(frames) - 1, NUM_FRAMES).astype(int)
            waiting += [(frames[row].permute(2, 0, 1) / 255 - mean) / std for row in taken]
        with torch.no_grad():
            for part in torch.stack(waiting).split(32):
                model.encode_image(part)

    return Way("all frames, then batches (clip-video-encode's way)", run)


def our_ways(model: zeroshot.Model, level: str) -> list[Way]:
    """`Model.embed_videos` at a speed level, with either sampling."""

    def way(frames: str) -> Way:
        sampling = Sampling(NUM_FRAMES, frames=frames)
        return Way(f"zeroshot {level}, {frames}", lambda paths: model.embed_videos(paths, sampling=sampling))

    return [way(frames) for frames in FRAMES]


def seconds_of(run: Callable[[], object]) -> float:
    """Wall seconds of one run."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def interleaved(ways: list[Way], paths: list[str], repeats: int) -> dict[str, list[float]]:
    """Seconds of each way in each repeat; a first run of each, on one video, is not counted."""
    for way in ways:
        way.run(paths[:1])
    taken: dict[str, list[float]] = {way.name: [] for way in ways}
    for _ in range(repeats):
        for way in ways:
            taken[way.name].append(seconds_of(lambda way=way: way.run(paths)))
    return taken


def compare(model_name: str, sets: dict[str, list[str]], repeats: int, *, peers: bool) -> None:
    """Print the table of a model, and what our ways say of themselves."""
    models = {level: zeroshot.load_model(f"{model_name}/random", precision=level) for level in LEVELS}
    others = [xclip_way(model_name), every_frame_way(model_name)] if peers else []
    ours = [way for level, model in models.items() for way in our_ways(model, level)]
    ways = [plain_way(model_name), *others, *ours]
    print(f"\n### {model_name}/random, {NUM_FRAMES} frames a clip\n")
    print("| clips | way | clips/s | × plain | goal |\n|---|---|---|---|---|", flush=True)
    for kind, paths in sets.items():
        taken = interleaved(ways, paths, repeats)
        first = taken[ways[0].name]
        for way in ways:
            ratio = statistics.median(a / b for a, b in zip(first, taken[way.name], strict=True))
            rate = len(paths) / statistics.median(taken[way.name])
            words = (f"{kind} ({len(paths)})", way.name, f"{rate:.2f}", f"{ratio:.2f}")
            print("| " + " | ".join((*words, goal_of(model_name, way))) + " |", flush=True)
    print("\nWhat was chosen:\n")
    for model in models.values():
        print("* " + "\n* ".join(model.notes))
        model.close()


def goal_of(model_name: str, way: Way) -> str:
    """The goal of one of our ways, or nothing."""
    for (name, frames), goals in GOALS.items():
        for level, goal in zip(LEVELS, goals, strict=True):
            if name == model_name and way.name == f"zeroshot {level}, {frames}":
                return f"≥ {goal}"
    return ""


def backbone_table(model_name: str, repeats: int) -> None:
    """Frames a second of the network alone, and its share of the rate of its own matrix products."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randn((16, 3, 224, 224), generator=generator)
    print(f"\n### {model_name}/random alone, 16 frames\n")
    print("| level | arithmetic | frames/s | × library | GFLOP/s | machine's products, GFLOP/s | share |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for level in LEVELS:
        backbone = zeroshot.load_model(f"{model_name}/random", precision=level).backbone
        backbone.encode_pixels(pixels)
        library = backbone._network
        product, flops = machine_product(backbone.precision.arithmetic)
        times: list[tuple[float, float, float]] = []
        for _ in range(repeats):
            with torch.inference_mode():
                plain = seconds_of(lambda: library.embed_pixels(pixels))  # noqa: B023
            ours = seconds_of(lambda: backbone.encode_pixels(pixels))  # noqa: B023
            times.append((plain, ours, min(seconds_of(product) for _ in range(5))))
        work = 16 * flops_of(backbone)
        rate = 16 / statistics.median(ours for _, ours, _ in times)
        against = statistics.median(plain / ours for plain, ours, _ in times)
        reached = statistics.median(work / ours for _, ours, _ in times) / 1e9
        machine = statistics.median(flops / machine for _, _, machine in times) / 1e9
        share = statistics.median((work / ours) / (flops / machine) for _, ours, machine in times)
        words = (level, backbone.precision.arithmetic, f"{rate:.1f}", f"{against:.2f}", f"{reached:.0f}")
        print("| " + " | ".join((*words, f"{machine:.0f}", f"{share:.0%}")) + " |", flush=True)


def machine_product(arithmetic: str) -> tuple[Callable[[], object], float]:
    """The largest product of a ViT-B in an arithmetic, without what is around it, and its operations."""
    rows, width, wide = 400, 768, 3072
    generator = torch.Generator().manual_seed(0)
    x, weight = (torch.randn((count, width), generator=generator) for count in (rows, wide))
    if arithmetic == "int8":
        product = PRODUCTS["int8"](weight, None, "none")
        levels = torch.randint(0, 256, (rows, width), generator=generator, dtype=torch.uint8)
        packed = (product._packed, product._scales, product._zeros)
        rest = (None, 1.0, 0, torch.float32, "none", [], "")

        def run() -> None:
            torch.ops.onednn.qlinear_pointwise(levels, 1.0, 128, *packed, *rest)
    else:
        module = PRODUCTS[arithmetic](weight, None, "none")
        x = x.bfloat16() if arithmetic == "bfloat16" else x

        def run() -> None:
            with torch.inference_mode():
                module(x)

    run()
    return run, 2.0 * rows * width * wide


def flops_of(backbone: object) -> float:
    """Operations of one frame through a ViT-B, its last block for the class token alone."""
    gh, gw = backbone.grid
    tokens, width = 1 + gh * gw, backbone.token_dim
    block = 2 * tokens * 12 * width**2 + 4 * tokens**2 * width
    last = 2 * tokens * 3 * width**2 + 4 * tokens * width + 2 * 9 * width**2
    patches = 2 * (tokens - 1) * width * 3 * (224 // gh) ** 2
    return 11 * block + last + patches


def decoding_table(paths: list[str], repeats: int) -> None:
    """Milliseconds for eight frames on one thread: those at the moments, and the nearest key frames."""
    print(f"\n### Decoding {NUM_FRAMES} frames, one thread, ms\n")
    print(
        "| video | even | key frames | × | moved by, median and greatest |\n|---|---|---|---|---|", flush=True
    )
    for path in paths:
        times = []
        for _ in range(repeats):
            even = seconds_of(lambda: read_clips(path, Sampling(NUM_FRAMES), shorter_side=224, num_threads=1))  # noqa: B023
            snapped = Sampling(NUM_FRAMES, frames="keyframes")
            keys = seconds_of(lambda: read_clips(path, snapped, shorter_side=224, num_threads=1))  # noqa: B023
            times.append((even, keys))
        moved = read_clips(path, snapped, shorter_side=224)[0].moved_seconds
        words = "read exactly" if moved is None else f"{np.median(moved):.2f} s, {moved.max():.2f} s"
        even, keys = (1000 * statistics.median(column) for column in zip(*times, strict=True))
        ratio = statistics.median(a / b for a, b in times)
        print(f"| {Path(path).name} | {even:.0f} | {keys:.0f} | {ratio:.1f} | {words} |", flush=True)


def memory_of(path: str, level: str) -> int:
    """Peak MiB of a process that embeds one video with ViT-B-32, and of its decoding processes; Linux alone.

    Read from /proc: what `getrusage` says of children counts the moment between fork and exec as well, when
    they still have all of their parent's pages.
    """
    program = (
        "import os, re, sys, zeroshot\n"
        "from pathlib import Path\n"
        "model = zeroshot.load_model('ViT-B-32/random', precision=sys.argv[2])\n"
        "model.embed_videos([sys.argv[1]])\n"
        "texts = []\n"
        "for file in Path('/proc').glob('[0-9]*/status'):\n"
        "    try: texts.append(file.read_text())\n"
        "    except OSError: pass\n"
        "mine = [t for t in texts if re.search(rf'^(Pid|PPid):\\s*{os.getpid()}$', t, re.M)]\n"
        "print(sum(int(re.search(r'VmHWM:\\s*(\\d+)', t)[1]) for t in mine))\n"
        "model.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, path, level], capture_output=True, text=True, check=True
    )
    return int(done.stdout) // 1024


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, help="a folder of videos")
    parser.add_argument(
        "--only", choices=["network"], help="the networks alone, which no videos are needed for"
    )
    parser.add_argument("--models", default="ViT-B-32,ViT-B-16")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one repeat, ViT-B-32, fewer and shorter videos")
    options = parser.parse_args()
    repeats = 1 if options.quick else options.repeats
    models = ["ViT-B-32"] if options.quick else options.models.split(",")
    if options.clips is None and options.only is None:
        parser.error("--clips: a folder of videos is needed, but with --only network")
    print(machine_facts(torch=torch.__version__), flush=True)
    if options.only == "network":
        for name in models:
            backbone_table(name, 3 if options.quick else 5)
        return
    clips = sorted(str(path) for path in options.clips.iterdir())
    with tempfile.TemporaryDirectory() as folder:
        made = made_videos(Path(folder), quick=options.quick)
        dense, long = made.values()
        decoding_table([*dense, *long], max(3, repeats))
        for name in models:
            backbone_table(name, 3 if options.quick else 5)
        for name in models:
            sets = {"clips": clips[:4] if options.quick else clips, **made}
            if name != models[0]:
                sets = {"clips": clips}
            compare(name, sets, repeats, peers=name == models[0])
        print(
            "\n### Memory, ViT-B-32/random, the process and all its decoding processes at their peaks, MiB\n"
        )
        print("| video | " + " | ".join(LEVELS) + " |\n|---|---|---|---|")
        for path in (clips[0], long[0]):
            peaks = [f"{memory_of(path, level)}" for level in LEVELS]
            print(f"| {Path(path).name} | " + " | ".join(peaks) + " |", flush=True)


if __name__ == "__main__":
    main()
