"""One picture: what CLIP alone and the adapter's streams say about the same videos.

    python examples/streams.py --output examples/streams.png [VIDEO …]

Without videos it takes the bundled clips in which a puppet does something where something else is expected.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt

import zeroshot
from zeroshot.synthetic.coupling import HOME_SCENES
from zeroshot.video.decoders.decode import read_clips
from zeroshot.video.sampling import Sampling

CLIPS = Path(__file__).parent / "clips"
STREAMS = {
    "clip": "CLIP, frames averaged",
    "dynamic": "dynamic stream",
    "fused": "both streams (the default)",
}


def out_of_place() -> dict[str, str]:
    """Bundled clips whose scene is not the home of their action, and what they show."""
    with (CLIPS / "clips.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    strange = [row for row in rows if HOME_SCENES[row["label"]] != row["scene"]]
    return {str(CLIPS / row["path"]): f"{row['label']}, {row['scene']}" for row in strange}


def draw(videos: dict[str, str], answers: dict[str, list[list[zeroshot.Prediction]]], output: Path) -> None:
    """A row a video: four frames, and a bar chart a stream."""
    figure, axes = plt.subplots(
        len(videos), 4 + len(STREAMS), figsize=(14, 1.75 * len(videos)), squeeze=False
    )
    for row, (path, title) in enumerate(videos.items()):
        (clip,) = read_clips(path, Sampling(num_frames=4))
        for column, frame in enumerate(clip.frames):
            axes[row, column].imshow(frame.transpose(1, 2, 0))
            axes[row, column].axis("off")
        axes[row, 0].set_title(title, loc="left", fontsize=9)
        for column, stream in enumerate(STREAMS, start=4):
            best = answers[stream][row][::-1]
            axis = axes[row, column]
            colours = ["#2a7f62" if p.label == title.split(",")[0] else "#b0b0b0" for p in best]
            axis.barh(range(len(best)), [p.probability for p in best], color=colours)
            for place, prediction in enumerate(best):
                axis.text(0.02, place, prediction.label, va="center", fontsize=8)
            axis.set(xlim=(0, 1), yticks=[], xticks=[])
            if row == 0:
                axis.set_title(STREAMS[stream], fontsize=9)
    figure.tight_layout()
    figure.savefig(output, dpi=110)


def main() -> None:
    """Rank, draw, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("videos", nargs="*")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--model", default="puppet-tiny")
    parser.add_argument("--labels", default="puppet_actions")
    options = parser.parse_args()
    videos = {path: Path(path).name for path in options.videos} or out_of_place()
    answers = {}
    for stream in STREAMS:
        with zeroshot.load_model(options.model, stream=stream) as model:
            classifier = zeroshot.load(model, options.labels)
            answers[stream] = [classifier.rank(path, k=3) for path in videos]
    for row, title in enumerate(videos.values()):
        print(
            f"{title}: " + "; ".join(f"{stream} says {answers[stream][row][0].label}" for stream in STREAMS)
        )
    draw(videos, answers, options.output)


if __name__ == "__main__":
    main()
