"""Everything a user of videos does, once: rank, many files, vectors, a timeline, a saved index.

python examples/tour.py [VIDEO …] [--model puppet-tiny] [--labels puppet_actions]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import zeroshot

CLIPS = Path(__file__).parent / "clips"


def main() -> None:
    """Print what each call gives."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("videos", nargs="*", default=sorted(map(str, CLIPS.glob("*.mp4"))))
    parser.add_argument("--model", default="puppet-tiny")
    parser.add_argument("--labels", default="puppet_actions")
    options = parser.parse_args()

    classifier = zeroshot.load(options.model, labels=options.labels)
    first = options.videos[0]
    print(f"The three best of {len(classifier.labels)} labels for {first}:")
    for prediction in classifier.rank(first, k=3):
        print(f"  {prediction.probability:7.1%}  {prediction.label}")

    print("The best label of each; a file that cannot be read costs its own row:")
    for ranking in classifier.rank_many([*options.videos, "missing.mp4"], k=1):
        print(f"  {ranking.path}: {ranking.predictions[0].label if ranking.predictions else ranking.error}")

    print(f"What happens when in {first}:")
    for segment in classifier.timeline(first, window_seconds=1.0, k=1):
        times = f"{segment.start_seconds:.1f}-{segment.end_seconds:.1f} s"
        print(f"  {times}  {segment.predictions[0].label}")

    vectors = classifier.model.embed_videos(options.videos)
    print(f"Vectors: {vectors.shape} {vectors.dtype}; the most alike to the first, itself aside:")
    print(f"  {options.videos[1 + int((vectors[1:] @ vectors[0]).argmax())]}")

    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "labels.index"
        classifier.index.save(saved)
        again = zeroshot.load(classifier.model, index=saved)
        print(f"The same answer from a saved index: {again.rank(first) == classifier.rank(first)}")


if __name__ == "__main__":
    main()
