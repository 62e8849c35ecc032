"""Gives `puppet-tiny` its two-stream adapter: videos of known bias, training, figures, the checkpoint.

    python examples/adapt_puppet_tiny.py --work /tmp/puppets --checkpoint checkpoints/puppet-tiny

Seven of ten training videos show an action in its home scene. The recipe is the default one of `zeroshot
train`, and no scene is annotated: the network guesses it. The figures are of fresh videos whose scenes are
independent of the action.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

import zeroshot
from zeroshot.model.adapter_files import save_adapter
from zeroshot.synthetic.coupling import home_scenes, sample_pairs
from zeroshot.synthetic.dataset import TABLE, write_puppet_videos
from zeroshot.synthetic.render import render_many
from zeroshot.synthetic.world import ACTIONS, ORDER_PAIRS, SCENES, View
from zeroshot.training.config import TrainingConfig
from zeroshot.training.history import Watcher
from zeroshot.training.prepare import Preparation

VIEW = View(num_frames=16, size=(64, 64), fps=8.0)


def measure(name: Path, stream: str, num_videos: int, seed: int) -> dict[str, float | int | str]:
    """Accuracies in percent on fresh videos in which the scene tells nothing about the action."""
    actions, scenes = sample_pairs(num_videos, coupling=0.0, seed=seed)
    model = zeroshot.load_model(str(name), device="cpu", stream=stream)
    names = torch.from_numpy(model.embed_texts(ACTIONS))
    guesses = []
    for start in range(0, num_videos, 64):
        rows = range(start, min(start + 64, num_videos))
        videos = render_many(
            [actions[r] for r in rows], [scenes[r] for r in rows], [seed * 10**6 + r for r in rows], VIEW
        )
        vectors = torch.from_numpy(model.embed_videos([video.frames for video in videos]))
        guesses += (vectors @ names.T).argmax(1).tolist()
    homes = home_scenes(range(len(ACTIONS)), range(len(SCENES)))
    away = [row for row in range(num_videos) if homes[actions[row]] != scenes[row]]
    pairs = {ACTIONS.index(a): ACTIONS.index(b) for pair in ORDER_PAIRS for a, b in (pair, pair[::-1])}
    ordered = [row for row in range(num_videos) if guesses[row] in {actions[row], pairs.get(actions[row])}]
    ordered = [row for row in ordered if actions[row] in pairs]
    share = {
        "action": [guesses[row] == actions[row] for row in range(num_videos)],
        "fooled_by_the_scene": [homes[guesses[row]] == scenes[row] for row in away],
        "order_where_the_pair_is_right": [guesses[row] == actions[row] for row in ordered],
    }
    rates = {key: round(100 * sum(hits) / max(1, len(hits)), 1) for key, hits in share.items()}
    return {"stream": stream, "num_videos": num_videos, "seed": seed, **rates}


def main() -> None:
    """Write videos, train, measure, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for videos, tokens and logs")
    parser.add_argument("--checkpoint", type=Path, required=True, help="the checkpoint that gains an adapter")
    parser.add_argument("--videos", type=int, default=4000)
    parser.add_argument("--coupling", type=float, default=0.7)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--test-videos", type=int, default=640)
    options = parser.parse_args()

    folder = options.work / "videos"
    for count, _ in enumerate(
        write_puppet_videos(folder, options.videos, coupling=options.coupling, seed=options.seed, view=VIEW),
        1,
    ):
        if count % 500 == 0:
            print(f"{count} videos written", flush=True)
    adapted = options.work / "adapted"
    fitted = zeroshot.train(
        folder / TABLE,
        adapted,
        str(options.checkpoint),
        config=TrainingConfig(seed=options.seed),
        preparation=Preparation(scenes="guess", cache=str(options.work / "tokens")),
        device="cpu",
        watcher=Watcher(),
    )
    backbone = zeroshot.load_model(str(options.checkpoint), device="cpu", stream="clip").backbone
    save_adapter(options.checkpoint, fitted.adapter, backbone)
    figures = [
        measure(options.checkpoint, stream, options.test_videos, 77)
        for stream in ("clip", "static", "dynamic", "fused")
    ]
    for row in figures:
        print(json.dumps(row))
    record = json.loads((adapted / "training.json").read_text(encoding="utf-8"))
    record = {"recipe": "examples/adapt_puppet_tiny.py", "metrics_percent": figures, **record}
    text = json.dumps(record, indent=2, ensure_ascii=False).replace(str(options.work), "WORK")
    (options.checkpoint / "adapter_training.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
