"""Trains a small CLIP that knows 32 actions of puppets by name, on stills with the web's kind of bias.

    python examples/train_named_puppets.py --output work/named

Frames of puppet videos are rendered first, most actions in their home scene (the coupling). Then a small
CLIP in open_clip's own architecture learns which captions are true of which frame: captions name the action,
the scene, both, or the posture ("an arm up", "facing left"). Beside that, every patch token learns which
joints it shows: so small a network would not find out where to look from so few pictures. No two frames of a
video are seen together, so it reads scenes and postures, not the order of time. The same seed gives the same
data, captions and first weights; the last ones agree up to the rounding of the machine. One core takes a
quarter of an hour.

The bundled `puppet-tiny` is of `train_compositional.py`, which takes its frames and its losses from here and
adds actions made of parts. With `--measure` no network is made: the one of the folder, of either script, is
measured on today's actions. `--no-postures` leaves out posture captions and joints: what comes out reads
scenes and hardly anything else.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import platform
import re
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import open_clip
import safetensors
import torch
from open_clip.model import CLIP
from open_clip.tokenizer import SimpleTokenizer, bytes_to_unicode
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from zeroshot.synthetic.coupling import home_scenes, sample_pairs
from zeroshot.synthetic.render import render_many
from zeroshot.synthetic.skeleton import JOINTS
from zeroshot.synthetic.world import ACTIONS, ORDER_PAIRS, SCENES, View

if TYPE_CHECKING:
    from collections.abc import Iterable

MODEL = {
    "embed_dim": 128,
    "vision_cfg": {"image_size": 64, "patch_size": 8, "width": 128, "layers": 5, "head_width": 32},
    "text_cfg": {"context_length": 24, "width": 128, "heads": 4, "layers": 2},
}
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
PLACES = {
    "beach": "at the beach", "forest": "in the forest", "snow": "in the snow", "street": "on the street",
    "kitchen": "in the kitchen", "gym": "in the gym", "desert": "in the desert", "stage": "on a stage",
    "swimming pool": "in a swimming pool", "office": "in an office", "playground": "on a playground",
    "night city": "in a city at night", "mountains": "in the mountains", "library": "in a library",
    "living room": "in a living room", "farm": "on a farm",
}  # fmt: skip
POSTURES = {
    "face": ("facing left", "facing right", "facing us", "seen from behind"),
    "arms": ("arms hanging", "hands at the chest", "an arm to the left", "an arm to the right", "arms spread",
             "an arm up", "both arms up"),
    "legs": ("legs straight", "feet apart", "knees bent", "a leg up"),
    "trunk": ("upright", "bent to the left", "bent to the right", "lying flat"),
}  # fmt: skip
TEMPLATES = {
    "both": ("{} {place}", "a person {} {place}", "a puppet {} {place}", "a photo of a person {} {place}"),
    "action": ("{}", "{}", "a person {}", "a puppet {}", "a photo of {}", "a photo of a person {}",
               "a video of a person {}.", "somebody is {}"),
    "scene": ("{scene}", "a {scene}", "{place}", "a photo of a {scene}", "a person {place}",
              "a picture taken {place}."),
    "posture": ("{}", "a person, {}", "a puppet, {}", "a photo of somebody, {}"),
}  # fmt: skip
NUM_PATCHES = (24, 32, 40, 64)
"""Patches of the 64 looked at, in turn; all in the last tenth of the training."""
WEIGHTS = {"both": 0.5, "action": 1.0, "scene": 0.3, "face": 0.5, "arms": 0.5, "legs": 0.5, "trunk": 0.5}
OTHER_WORDS = (
    "this is an example of one the people someone they video clip frame image scene background with doing"
)


def all_captions() -> dict[str, list[list[str]]]:
    """Kind of caption → for every fact of that kind (an action and a scene, an action, …) its wordings."""
    actions = [[text.format(action) for text in TEMPLATES["action"]] for action in ACTIONS]
    scenes = [[text.format(scene=name, place=PLACES[name]) for text in TEMPLATES["scene"]] for name in SCENES]
    both = [[text.format(a, place=PLACES[s]) for text in TEMPLATES["both"]] for a in ACTIONS for s in SCENES]
    postures = {
        kind: [[text.format(name) for text in TEMPLATES["posture"]] for name in names]
        for kind, names in POSTURES.items()
    }
    return {"both": both, "action": actions, "scene": scenes, **postures}


def every_caption() -> list[str]:
    """All captions in all wordings."""
    return [text for kind in all_captions().values() for wordings in kind for text in wordings]


def name_postures(joints: np.ndarray) -> np.ndarray:
    """(N, 4) places in `POSTURES` that captions may name, from (N, J, 3) joints; sides are the picture's."""
    at = {name: joints[:, index] for index, name in enumerate(JOINTS)}
    spine = at["neck"] - at["hips"]
    scale = 0.32 / np.linalg.norm(spine, axis=1)  # of statures
    look = ((at["r_eye"] + at["l_eye"]) / 2 - at["head"]) * scale[:, None] / 0.075
    face = np.select([look[:, 0] < -0.5, look[:, 0] > 0.5, look[:, 2] > 0], [0, 1, 2], 3)
    hands = np.stack([at["r_hand"], at["l_hand"]], 1)
    num_up = (hands[:, :, 1] < at["head"][:, None, 1]).sum(1)
    out = (hands[:, :, 0] - at["neck"][:, None, 0]) * scale[:, None]
    left, right = out.min(1) < -0.24, out.max(1) > 0.24
    low = hands[:, :, 1].mean(1) > at["hips"][:, 1] - 0.07 / scale
    arms = np.select([num_up == 2, num_up == 1, left & right, left, right, low], [6, 5, 4, 2, 3, 0], 1)
    ankles = (at["r_ankle"] - at["l_ankle"]) * scale[:, None]
    drop = np.stack([at[f"{s}_ankle"][:, 1] - at[f"{s}_hip"][:, 1] for s in "rl"], 1).mean(1) * scale
    legs = np.select([np.abs(ankles[:, 1]) > 0.12, drop < 0.38, np.abs(ankles[:, 0]) > 0.2], [3, 2, 1], 0)
    lean = spine * scale[:, None] / 0.32
    trunk = np.select([-lean[:, 1] < 0.35, lean[:, 0] < -0.3, lean[:, 0] > 0.3], [3, 1, 2], 0)
    return np.stack([face, arms, legs, trunk], 1)


def write_merges(path: Path, captions: Iterable[str]) -> int:
    """Write byte-pair merges that make each word of the captions one token; returns the number of tokens."""
    words = sorted(set(re.findall("[a-z]+", " ".join([*captions, OTHER_WORDS]))))
    pieces = {word: (*word[:-1], word[-1] + "</w>") for word in words}
    merges = []
    while True:
        pairs = Counter(pair for parts in pieces.values() for pair in itertools.pairwise(parts))
        if not pairs:
            break
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for word, parts in pieces.items():
            joined: list[str] = []
            for part in parts:
                if joined and (joined[-1], part) == best:
                    joined[-1] += part
                else:
                    joined.append(part)
            pieces[word] = tuple(joined)
    lines = ["#version: puppet-tiny", *(" ".join(pair) for pair in merges)]
    path.write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))
    return 2 * len(bytes_to_unicode()) + len(merges) + 2


def render_pool(
    num_videos: int, frames_each: int, coupling: float, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """N = num_videos · frames_each stills.

    Returns:
        (N, 3, 64, 64) uint8 frames; (N, 6) int64 facts: action, scene, four postures; (N, J, 2) joints, where
        −1 is the left or upper edge of the picture and 1 the right or lower one.
    """
    actions, scenes = sample_pairs(num_videos, coupling=coupling, seed=seed)
    view = View(num_frames=frames_each, size=(64, 64), fps=frames_each / 2)
    frames, facts, joints = [], [], []
    for start in range(0, num_videos, 256):
        rows = slice(start, start + 256)
        seeds = [seed * 1_000_003 + row for row in range(num_videos)[rows]]
        for video in render_many(actions[rows], scenes[rows], seeds, view):
            frames.append(video.frames)
            joints.append(video.joints[..., :2] / 32 - 1)
            named = np.tile([video.action, video.scene], (frames_each, 1))
            facts.append(np.concatenate([named, name_postures(video.joints)], 1))
    return tuple(torch.from_numpy(np.concatenate(parts)) for parts in (frames, facts, joints))


def augment(frames: Tensor, joints: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """(B, 3, 64, 64) normalized: a little larger or smaller, shifted, lighter or darker; joints as well."""
    draw = torch.rand(7, len(frames), generator=generator)
    pixels = frames.float() / 255
    scale = 0.88 + 0.2 * draw[0]
    affine = torch.zeros(len(frames), 2, 3)
    affine[:, 0, 0] = affine[:, 1, 1] = scale
    affine[:, :, 2] = ((draw[1:3] - 0.5) * 0.2).T
    grid = F.affine_grid(affine, list(pixels.shape), align_corners=False)
    pixels = F.grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)
    tint = 0.85 + 0.3 * draw[3:6].T[:, :, None, None]
    light = (draw[6] - 0.5)[:, None, None, None] * 0.2
    moved = (joints - affine[:, None, :, 2]) / scale[:, None, None]
    return normalize((pixels * tint + light).clamp(0, 1)), moved


def normalize(pixels: Tensor) -> Tensor:
    """Pixels in [0, 1] as the network wants them."""
    return (pixels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def contrast(logits: Tensor, true: Tensor) -> Tensor:
    """Symmetric contrastive loss in which all true captions of a frame share its target, and vice versa."""
    rows = -(logits.log_softmax(1) * (true / true.sum(1, keepdim=True))).sum(1).mean()
    columns = -(logits.log_softmax(0) * (true / true.sum(0, keepdim=True))).sum(0).mean()
    return (rows + columns) / 2


def look(model: CLIP, pixels: Tensor, joints: Tensor, num_patches: int) -> tuple[Tensor, Tensor, Tensor]:
    """(B, D) embeddings, (B, n, C) tokens of the n patches looked at, (B, J) which of them shows each joint.

    The patches next to a joint come first, then others at random: background is worth less than its cost.
    """
    visual, side = model.visual, MODEL["vision_cfg"]["image_size"] // MODEL["vision_cfg"]["patch_size"]
    steps = (torch.arange(side) + 0.5) / side * 2 - 1
    centres = torch.stack([steps.repeat(side), steps.repeat_interleave(side)], -1)
    near = (centres[:, None] - joints[:, None]).abs().amax(-1).amin(-1) < 0.25
    kept = (near + torch.rand(near.shape)).topk(num_patches, dim=1).indices
    x = visual._embeds(pixels)
    patches = x[:, 1:].gather(1, kept[:, :, None].expand(-1, -1, x.shape[2]))
    pooled, tokens = visual._pool(visual.transformer(torch.cat([x[:, :1], patches], 1)))
    place = ((joints + 1) / 2 * side).floor().long()
    seen = ((place >= 0) & (place < side)).all(-1)
    cell = torch.where(seen, place[..., 1] * side + place[..., 0], 0)
    order = torch.full(near.shape, -100).scatter(1, kept, torch.arange(num_patches).expand_as(kept))
    return (
        F.normalize((pooled @ visual.proj).float(), dim=1),
        tokens,
        torch.where(seen, order.gather(1, cell), -100),
    )


def pick_captions(
    facts: Tensor, num_wordings: dict[str, int], generator: torch.Generator
) -> dict[str, tuple]:
    """Kind → U facts to name, the wording for all of them, and (B, U) which is true of which frame."""
    of_kind = {"both": facts[:, 0] * len(SCENES) + facts[:, 1], "action": facts[:, 0], "scene": facts[:, 1]}
    of_kind |= {kind: facts[:, 2 + column] for column, kind in enumerate(POSTURES)}
    picked = {}
    for kind, fact in of_kind.items():
        named = fact.unique()
        wording = torch.randint(num_wordings[kind], (1,), generator=generator).item()
        picked[kind] = (named, wording, (fact[:, None] == named).float())
    return picked


def train(
    model: CLIP, tokens: SimpleTokenizer, pool: tuple[Tensor, ...], options: argparse.Namespace
) -> list[float]:
    """Losses of all steps; the model is trained in place."""
    frames, facts, joints = pool
    head = torch.nn.Linear(MODEL["vision_cfg"]["width"], joints.shape[1])
    ids = {
        kind: torch.stack([tokens(wordings) for wordings in rows]) for kind, rows in all_captions().items()
    }
    decayed = [weights for weights in [*model.parameters(), *head.parameters()] if weights.ndim >= 2]
    others = [weights for weights in [*model.parameters(), *head.parameters()] if weights.ndim < 2]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=options.rate, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, options.rate, options.steps, pct_start=0.08)
    generator = torch.Generator().manual_seed(options.seed)
    order, losses, begin = torch.empty(0, dtype=torch.long), [], time.monotonic()
    terms: Counter[str] = Counter()
    for step in range(1, options.steps + 1):
        if len(order) < options.batch:
            order = torch.randperm(len(frames), generator=generator)
        chosen, order = order[: options.batch], order[options.batch :]
        picked = pick_captions(facts[chosen], {kind: rows.shape[1] for kind, rows in ids.items()}, generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
            pixels, places = augment(frames[chosen], joints[chosen], generator)
            in_turn = step % len(NUM_PATCHES) if step < 0.9 * options.steps else -1
            images, patches, holders = look(model, pixels, places, NUM_PATCHES[in_turn])
            texts = torch.cat([ids[kind][named, wording] for kind, (named, wording, _) in picked.items()])
            words = model.encode_text(texts, normalize=True).float()
        parts = words.split([len(named) for named, *_ in picked.values()])
        joints_loss = F.cross_entropy(head(patches.float()), holders)
        terms["joints"] += joints_loss.item()
        loss = joints_loss if options.postures else 0 * joints_loss
        for (kind, (*_, true)), part in zip(picked.items(), parts, strict=True):
            term = contrast(model.logit_scale.exp() * images @ part.T, true)
            terms[kind] += term.item()
            loss = loss + WEIGHTS[kind] * (options.postures or kind not in POSTURES) * term
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        model.logit_scale.data.clamp_(max=np.log(100))
        losses.append(loss.item())
        if step % 50 == 0:
            told = "  ".join(f"{kind} {value / 50:.2f}" for kind, value in terms.items())
            terms.clear()
            print(
                f"step {step}/{options.steps}  {told}  {(time.monotonic() - begin) / step:.2f} s/step",
                flush=True,
            )
    return losses


@torch.inference_mode()
def measure(
    model: CLIP, tokens: SimpleTokenizer, coupling: float, num_videos: int, seed: int
) -> dict[str, float]:
    """Zero-shot accuracies in percent on fresh videos of 8 frames whose embeddings are averaged."""
    frames, facts, _ = render_pool(num_videos, 8, coupling, seed)
    actions, scenes = facts[:, 0], facts[:, 1]
    model.eval()
    parts = [model.encode_image(normalize(part.float() / 255), normalize=True) for part in frames.split(512)]
    still = torch.cat(parts)
    video = F.normalize(still.unflatten(0, (-1, 8)).mean(1), dim=1)
    action, scene = actions[::8], scenes[::8]
    names = F.normalize(model.encode_text(tokens(list(ACTIONS))), dim=1)
    places = F.normalize(model.encode_text(tokens(list(SCENES))), dim=1)
    guess = (video @ names.T).argmax(1)
    homes = torch.tensor(home_scenes(range(len(ACTIONS)), range(len(SCENES))))
    away = homes[action] != scene
    partner = {ACTIONS.index(a): ACTIONS.index(b) for pair in ORDER_PAIRS for a, b in (pair, pair[::-1])}
    alike = guess == torch.tensor([partner.get(a, a) for a in action.tolist()])
    found = {
        "action_of_video": (guess == action),
        "action_of_video_order_forgiven": (guess == action) | alike,
        "action_of_one_frame": ((still @ names.T).argmax(1) == actions),
        "scene_of_video": ((video @ places.T).argmax(1) == scene),
        "guessed_action_at_home_in_scene_when_out_of_place": (homes[guess] == scene)[away],
    }
    rates = {name: round(100 * hits.float().mean().item(), 1) for name, hits in found.items()}
    return {"coupling": coupling, "num_videos": num_videos, "seed": seed, **rates}


def write_checkpoint(folder: Path, model: CLIP, model_cfg: dict, training: dict, name: str) -> None:
    """Write config, weights (half precision) and provenance."""
    preprocess = {"size": 64, "mode": "RGB", "mean": MEAN, "std": STD}
    preprocess |= {"interpolation": "bicubic", "resize_mode": "shortest"}
    config = {
        "format": 1,
        "name": name,
        "model_cfg": model_cfg,
        "preprocess_cfg": preprocess,
        "num_frames": 8,
        "scenes": list(SCENES),
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    weights = {name: value.detach().half().contiguous() for name, value in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "training.json").write_text(json.dumps(training, indent=2) + "\n")


def measure_folder(folder: Path, num_videos: int) -> None:
    """Print the accuracies of the weights that a folder holds, as half precision left them."""
    model_cfg = json.loads((folder / "config.json").read_text())["model_cfg"]
    model = CLIP(**model_cfg)
    weights = load_file(folder / "model.safetensors")
    model.load_state_dict({name: value.float() for name, value in weights.items()})
    merges = folder / model_cfg["text_cfg"]["tokenizer_kwargs"]["bpe_path"]
    tokens = SimpleTokenizer(str(merges), context_length=model_cfg["text_cfg"]["context_length"])
    for number, coupling in enumerate((0.0, 0.8)):
        print(json.dumps(measure(model, tokens, coupling, num_videos, 900 + number)))


def read_options() -> argparse.Namespace:
    """What the command line asks for."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--output", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--videos", type=int, default=12000, help="videos rendered for training")
    parser.add_argument("--frames-each", type=int, default=4, help="frames taken of each")
    parser.add_argument("--coupling", type=float, default=0.8, help="share of videos put in their home scene")
    parser.add_argument("--steps", type=int, default=1400)
    parser.add_argument("--batch", type=int, default=128, help="frames a step")
    parser.add_argument("--rate", type=float, default=2e-3, help="largest learning rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--test-videos", type=int, default=1600, help="fresh videos a measurement; 0: none")
    parser.add_argument("--bfloat16", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument(
        "--postures", action=argparse.BooleanOptionalAction, default=True, help="teach postures and joints"
    )
    parser.add_argument("--measure", action="store_true", help="train nothing: measure what --output holds")
    return parser.parse_args()


def main() -> None:
    """Render, train, measure, write."""
    options = read_options()
    if options.measure:
        measure_folder(options.output, options.test_videos)
        return
    options.output.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    begin = time.monotonic()
    merges = options.output / "merges.txt.gz"
    words = {
        "vocab_size": write_merges(merges, every_caption()),
        "tokenizer_kwargs": {"bpe_path": merges.name},
    }
    model_cfg = {**MODEL, "text_cfg": {**MODEL["text_cfg"], **words}}
    model = CLIP(**model_cfg)
    tokens = SimpleTokenizer(str(merges), context_length=MODEL["text_cfg"]["context_length"])
    pool = render_pool(options.videos, options.frames_each, options.coupling, options.seed)
    print(f"rendered {len(pool[0])} frames in {time.monotonic() - begin:.0f} s", flush=True)
    losses = train(model, tokens, pool, options)
    seconds = round(time.monotonic() - begin)
    tests = []
    for number, coupling in enumerate((0.0, options.coupling) if options.test_videos else ()):
        tests.append(measure(model, tokens, coupling, options.test_videos, 900 + number))
        print(json.dumps(tests[-1]))
    settings = {name: value for name, value in vars(options).items() if name not in ("output", "measure")}
    modules = {"torch": torch, "open_clip": open_clip, "safetensors": safetensors, "numpy": np}
    training = {
        "recipe": "examples/train_named_puppets.py",
        "settings": settings,
        "seconds": seconds,
        "threads": torch.get_num_threads(),
        "num_parameters": sum(value.numel() for value in model.parameters()),
        "losses": [round(float(np.mean(part)), 4) for part in np.array_split(losses, min(50, len(losses)))],
        "metrics_percent": tests,
        "versions": {name: module.__version__ for name, module in modules.items()}
        | {"python": platform.python_version()},
    }
    name = "puppet-names" if options.postures else "puppet-scenes"
    write_checkpoint(options.output, model, model_cfg, training, name)


if __name__ == "__main__":
    main()
