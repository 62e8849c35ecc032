"""Trains small CLIPs on puppets whose actions are made of parts, some combinations of which are kept back.

    python examples/train_compositional.py --output work/compositional --seeds 1 2 3

Each seed is a network of its own: folders `seed1`, `seed2`, … of weights, each as `zeroshot.load_model` takes
them. A training that was stopped goes on where its last snapshot stands (`seed1.pt`, beside the folder); one
that is finished is measured once more. A seed trains for 15 minutes (`--minutes`); rendering and measuring
take a few more. How many steps that makes is up to the machine: leave it idle. The bundled `puppet-tiny` is
seed 1, trained for 28 minutes on one core.

Frames come from two worlds: today's (32 actions with names of their own) and the compositional one
(`zeroshot.synthetic.grammar`), of which no clip and no caption of a combination in `grammar.UNSEEN` is ever
shown. Captions name the action, the scene, both, or the postures; a still is only given its action's name
when the movement is well under way, as a photographer presses the button: without that, nothing would tell
"raising" from "lowering".

Two losses of texts alone make them a language instead of codes: every caption's words can be read off its
embedding, and exchanging a verb is the same change whatever the limb ("parallels"; of seen names alone).

At the end it prints what the instrument is worth: the cosine of the same change in two limbs (raising minus
lowering), which must be 0.7 at least, or nothing that is measured with it says anything of unseen actions;
accuracies on combinations never seen; and order pairs, which averaged frames cannot tell apart.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from open_clip.model import CLIP
from open_clip.tokenizer import SimpleTokenizer
from torch import Tensor
from torch.nn import functional as F
from train_named_puppets import (
    MODEL,
    NUM_PATCHES,
    PLACES,
    TEMPLATES,
    augment,
    contrast,
    every_caption,
    look,
    normalize,
    write_checkpoint,
    write_merges,
)
from train_named_puppets import (
    measure as measure_today,
)

from zeroshot.synthetic.compositional import render_composed
from zeroshot.synthetic.coupling import COMPOSED_HOMES, sample_pairs
from zeroshot.synthetic.grammar import (
    ARMS,
    COMPOSED,
    LEGS,
    PACES,
    POSTURES,
    SEEN,
    TIMES,
    UNSEEN,
    VERBS,
    Action,
)
from zeroshot.synthetic.render import render_many
from zeroshot.synthetic.skeleton import JOINTS
from zeroshot.synthetic.surroundings import Surroundings
from zeroshot.synthetic.world import ACTIONS, SCENES, View

BARE = tuple(dict.fromkeys(action.bare for action in SEEN))
"""Seen actions without their manner, which no still shows."""

MANNERS_OF = {bare: [action.manner for action in SEEN if action.bare == bare] for bare in BARE}
SURROUNDINGS = (Surroundings(), Surroundings(camera=0.5), Surroundings(2, 1, 0.5), Surroundings(3, 3, 1.0))
"""Of stills, in turn: half of them show one person alone, whose joints are the only ones to be found."""

NUM_WORDINGS = 8
WEIGHTS = {
    "action": 1.0, "old action": 0.5, "scene": 0.3, "both": 0.8, "old both": 0.8,
    "words": 0.3, "parallels": 1.0,
}  # fmt: skip
POSTURE_WEIGHT = 0.4
UNDER_WAY = (0.4, 0.98)
"""How much must have changed in a still that is given its action's name."""

SELDOM, EACH = ("both", "old both"), 4
"""Kinds with so many captions that they are asked for in one step of a few."""

NUM_PARALLELS = 6
LEAST_COSINE = 0.7
"""Of the same change in two limbs: below it names are codes that nothing can be carried over from."""


def find_parallels() -> list[tuple[str, ...]]:
    """Two verbs with one limb or side, and with another: in manners that all four were seen in, and bare."""
    found = []
    for here, there in itertools.combinations(
        dict.fromkeys(action.part for action in SEEN if action.part), 2
    ):
        verbs = [verb for verb in VERBS if {here, there} <= set(VERBS[verb].parts)]
        for one, other in itertools.permutations(verbs, 2):
            for manner in dict.fromkeys((*TIMES, *PACES)):
                four = [Action(verb, part, manner) for part in (here, there) for verb in (one, other)]
                if set(four) <= set(SEEN):
                    found += [tuple(action.name for action in four), tuple(action.bare for action in four)]
    return list(dict.fromkeys(found))


PARALLELS = find_parallels()


def posture_kinds() -> dict[str, list[str]]:
    """Kind of posture → what a still may show of it."""
    kinds = {limb: [f"{limb} {state}" for state in POSTURES["arm"]] for limb in ARMS}
    kinds |= {limb: [f"{limb} {state}" for state in POSTURES["leg"]] for limb in LEGS}
    pairs = itertools.product(POSTURES["arm"], repeat=2)
    kinds["arms"] = [
        f"both arms {left}" if left == right else f"left arm {left} and right arm {right}"
        for left, right in pairs
    ]
    return kinds | {kind: list(POSTURES[kind]) for kind in ("trunk", "face", "place")}


def captions() -> dict[str, list[list[str]]]:
    """Kind → for every fact of that kind its wordings, as many for each of a kind."""
    found = {
        "action": [[wording(bare, number) for number in range(NUM_WORDINGS)] for bare in BARE],
        "old action": [[text.format(name) for text in TEMPLATES["action"]] for name in ACTIONS],
        "scene": [
            [text.format(scene=name, place=PLACES[name]) for text in TEMPLATES["scene"]] for name in SCENES
        ],
        "both": [
            [text.format(a, place=PLACES[s]) for text in TEMPLATES["both"]] for a in BARE for s in SCENES
        ],
        "old both": [
            [text.format(a, place=PLACES[s]) for text in TEMPLATES["both"]] for a in ACTIONS for s in SCENES
        ],
    }
    for kind, names in posture_kinds().items():
        found[kind] = [[text.format(name) for text in TEMPLATES["posture"]] for name in names]
    return found


def wording(bare: str, number: int) -> str:
    """One of a few sentences for an action; half of them name a manner in which it was seen."""
    manners = MANNERS_OF[bare]
    named = bare if number % 2 else f"{bare} {manners[number // 2 % len(manners)]}"
    return TEMPLATES["action"][number % len(TEMPLATES["action"])].format(named)


def name_postures(joints: np.ndarray) -> np.ndarray:
    """(N, 8) places in `posture_kinds`, −1 where there is none, from (N, J, 3) joints in 64 × 64 pixels."""
    at = {name: joints[:, index] for index, name in enumerate(JOINTS)}
    spine = at["neck"] - at["hips"]
    scale = 0.32 / np.linalg.norm(spine, axis=1).clip(1)  # statures a pixel
    lean = spine * scale[:, None] / 0.32
    gaze = ((at["r_eye"] + at["l_eye"]) / 2 - at["head"]) * scale[:, None] / 0.075
    face = np.select([gaze[:, 0] < -0.6, gaze[:, 0] > 0.6, gaze[:, 2] > 0], [1, 2, 0], 3)
    drop = np.stack([at[f"{s}_ankle"][:, 1] - at[f"{s}_hip"][:, 1] for s in "rl"], 1) * scale[:, None]
    aside = np.isin(face, (1, 2))
    broad = np.hypot(*(at["r_shoulder"] - at["l_shoulder"])[:, :2].T) * scale
    bowed = (-lean[:, 1] < 0.75) & (aside | (broad < 0.22))
    crouching = (drop < 0.34).all(1)
    trunk = np.select([crouching, bowed, lean[:, 0] < -0.3, lean[:, 0] > 0.3], [2, 1, 3, 4], 0)
    place = np.select([at["hips"][:, 0] < 25, at["hips"][:, 0] > 39], [1, 2], 0)
    limbs = []
    for kind in ("arm", "leg"):
        top, tip = ("shoulder", "hand") if kind == "arm" else ("hip", "ankle")
        states = np.stack([limb_state(at, f"{s}_{top}", f"{s}_{tip}", scale) for s in "lr"], 1)
        across = (at[f"r_{top}"][:, 0] - at[f"l_{top}"][:, 0]) * scale
        states = np.where((across < 0)[:, None], states[:, ::-1], states)
        least = 0.13 if kind == "arm" else 0.07
        limbs.append(np.where((np.abs(across) < least)[:, None] | aside[:, None], -1, states))
    arms, legs = limbs
    pair = np.where((arms < 0).any(1), -1, arms[:, 0] * len(POSTURES["arm"]) + arms[:, 1])
    return np.column_stack([arms, legs, pair, trunk, face, place])


def limb_state(at: dict[str, np.ndarray], top: str, tip: str, scale: np.ndarray) -> np.ndarray:
    """(N,) place in POSTURES of an arm or a leg."""
    run = (at[tip] - at[top])[:, :2] * scale[:, None]
    length, drop, out = np.hypot(run[:, 0], run[:, 1]), run[:, 1], np.abs(run[:, 0])
    if tip.endswith("hand"):
        return np.select([drop < -0.16, length < 0.25, out > 0.22], [2, 3, 1], 0)
    return np.select([length < 0.37, out > 0.2], [2, 1], 0)


@dataclass(frozen=True)
class Stills:
    """N frames (N, 3, 64, 64), what captions may say of them: kind → (N,), −1 nothing; joints (N, J, 2)."""

    frames: Tensor
    facts: dict[str, Tensor]
    joints: Tensor


def render_stills(num_videos: int, frames_each: int, coupling: float, seed: int) -> Stills:
    """Two of five videos come from today's world."""
    num_old = 2 * num_videos // 5
    view = View(num_frames=frames_each, size=(64, 64), fps=frames_each / 2)
    frames: list[np.ndarray] = []
    joints: list[np.ndarray] = []
    rows: list[np.ndarray] = []
    seen = [COMPOSED.index(action) for action in SEEN]
    for world in ("old", "composed"):
        count = num_old if world == "old" else num_videos - num_old
        if world == "old":
            pairs = sample_pairs(count, coupling=coupling, seed=seed)
        else:
            pairs = sample_pairs(count, coupling=coupling, seed=seed, actions=seen, homes=COMPOSED_HOMES)
        for number, start in enumerate(range(0, count, 96)):
            part = slice(start, start + 96)
            seeds = [seed * 1_000_003 + row + (world == "old") * 500_000 for row in range(count)[part]]
            if world == "old":
                videos = render_many(pairs[0][part], pairs[1][part], seeds, view)
            else:
                around = SURROUNDINGS[number % len(SURROUNDINGS)]
                videos = render_composed(pairs[0][part], pairs[1][part], seeds, view, around)
            for video in videos:
                frames.append(video.frames)
                joints.append(video.joints)
                rows.append(named(video, world, frames_each))
    every, where = np.concatenate(rows), np.concatenate(joints)
    kinds = ("action", "old action", "scene", "both", "old both")
    facts = dict(zip(kinds, every.T, strict=True)) | dict(
        zip(posture_kinds(), name_postures(where).T, strict=True)
    )
    facts = {kind: torch.from_numpy(np.ascontiguousarray(values)).long() for kind, values in facts.items()}
    return Stills(torch.from_numpy(np.concatenate(frames)), facts, torch.from_numpy(where[..., :2] / 32 - 1))


def named(video, world: str, count: int) -> np.ndarray:  # noqa: ANN001 - a video of either world
    """(T, 5) action, old action, scene, both, old both."""
    row = np.full((count, 5), -1)
    row[:, 2] = video.scene
    if world == "old":
        row[:, 1], row[:, 4] = video.action, video.action * len(SCENES) + video.scene
        return row
    way = (video.done >= UNDER_WAY[0]) & (video.done <= UNDER_WAY[1])
    if VERBS[COMPOSED[video.action].verb].stages is None:
        way[:] = True
    action = BARE.index(COMPOSED[video.action].bare)
    row[way, 0], row[way, 3] = action, action * len(SCENES) + video.scene
    return row


@dataclass
class Run:
    """A training under way: all that a snapshot holds."""

    model: CLIP
    pointer: torch.nn.Linear
    reader: torch.nn.Linear
    optimizer: torch.optim.Optimizer
    seconds: float = 0.0
    step: int = 0
    losses: list[float] = field(default_factory=list)

    def state(self) -> dict:
        """What `load` takes."""
        parts = {
            name: getattr(self, name).state_dict() for name in ("model", "pointer", "reader", "optimizer")
        }
        return {**parts, "seconds": self.seconds, "step": self.step, "losses": self.losses}

    def load(self, state: dict) -> None:
        """Go on from a snapshot."""
        for name in ("model", "pointer", "reader", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.seconds, self.step, self.losses = state["seconds"], state["step"], state["losses"]


def start(model_cfg: dict, seed: int, rate: float) -> Run:
    """A run at its first step."""
    torch.manual_seed(seed)
    model = CLIP(**model_cfg)
    pointer = torch.nn.Linear(model_cfg["vision_cfg"]["width"], len(JOINTS))
    reader = torch.nn.Linear(model_cfg["embed_dim"], model_cfg["text_cfg"]["vocab_size"])
    every = [*model.parameters(), *pointer.parameters(), *reader.parameters()]
    groups = [
        {"params": [weights for weights in every if weights.ndim >= 2], "weight_decay": 0.05},
        {"params": [weights for weights in every if weights.ndim < 2], "weight_decay": 0.0},
    ]
    return Run(model, pointer, reader, torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98)))


def rate_at(share: float, highest: float) -> float:
    """The learning rate when that share of the time is over: up in its first tenth, then down as a cosine."""
    if share < 0.08:
        return highest * (0.05 + 0.95 * share / 0.08)
    return highest * (0.5 + 0.5 * float(np.cos(np.pi * min(1.0, (share - 0.08) / 0.92))))


def words_loss(run: Run, ids: Tensor, texts: Tensor) -> Tensor:
    """How badly the words of (U, L) captions can be read off their (U, D) embeddings."""
    end = run.reader.out_features - 2
    content = (ids > 0) & (ids < end)
    logs = run.reader(texts * 8.0).log_softmax(1)
    return -(logs.gather(1, ids) * content).sum(1).div(content.sum(1).clamp(min=1)).mean()


def read_texts(model: CLIP, tokens: Tensor) -> Tensor:
    """(U, D) unit rows of (U, L) tokens: what `encode_text` gives, without reading what pads the longest."""
    length = int((tokens > 0).sum(1).max())
    tokens = tokens[:, :length]
    x = model.token_embedding(tokens) + model.positional_embedding[:length]
    x = model.ln_final(model.transformer(x, attn_mask=model.attn_mask[:length, :length]))
    ends = x[torch.arange(len(x)), tokens.argmax(1)]
    return F.normalize((ends @ model.text_projection).float(), dim=1)


def parallels_loss(texts: Tensor) -> Tensor:
    """How far the same exchange of verbs is from the same change, from (4n, D) embeddings of `PARALLELS`."""
    one, other, there, beside = texts.unflatten(0, (-1, 4)).unbind(1)
    return (1 - F.cosine_similarity(one - other, there - beside, dim=1)).mean()


def pick(batch: Stills, step: int, ids: dict[str, Tensor], generator: torch.Generator) -> dict[str, tuple]:
    """Kind → rows that it says something of, (n, U) which of U captions is true of each, and their tokens."""
    picked = {}
    for kind, fact in batch.facts.items():
        rows = (fact >= 0).nonzero()[:, 0]
        names = fact[rows].unique()
        if len(names) < 2 or (kind in SELDOM and step % EACH):
            continue
        wordings = torch.randint(ids[kind].shape[1], (1,), generator=generator).item()
        picked[kind] = rows, (fact[rows][:, None] == names).float(), ids[kind][names, wordings]
    return picked


def losses_of(run: Run, batch: Stills, ids: dict[str, Tensor], num_patches: int) -> dict[str, Tensor]:
    """The terms of one step's loss, each already weighted."""
    model = run.model
    generator = torch.Generator().manual_seed(run.step * 1009 + 7)
    picked = pick(batch, run.step, ids, generator)
    drawn = torch.randint(len(ids["parallels"]), (NUM_PARALLELS,), generator=generator)
    every = [tokens for *_, tokens in picked.values()] + [ids["parallels"][drawn].flatten(0, 1)]
    with torch.autocast("cpu", torch.bfloat16):
        pixels, places = augment(batch.frames, batch.joints, generator)
        images, patches, holders = look(model, pixels, places.float(), num_patches)
        texts = read_texts(model, torch.cat(every))
    parts = texts.split([len(tokens) for tokens in every])
    terms = {
        "joints": F.cross_entropy(run.pointer(patches.float()), holders),
        "words": WEIGHTS["words"] * words_loss(run, torch.cat(every), texts),
        "parallels": WEIGHTS["parallels"] * parallels_loss(parts[-1]),
    }
    for (kind, (rows, true, _)), part in zip(picked.items(), parts[:-1], strict=True):
        term = contrast(model.logit_scale.exp() * images[rows] @ part.T, true)
        terms[kind] = WEIGHTS.get(kind, POSTURE_WEIGHT) * term
    return terms


def train(
    run: Run, tokens: SimpleTokenizer, stills: Stills, options: argparse.Namespace, snapshot: Path
) -> None:
    """Train in place until the minutes are over; a snapshot every other minute."""
    ids = {kind: torch.stack([tokens(wordings) for wordings in rows]) for kind, rows in captions().items()}
    ids["parallels"] = torch.stack([tokens(list(names)) for names in PARALLELS])
    generator = torch.Generator()
    told: Counter[str] = Counter()
    whole, saved = 60 * options.minutes, run.seconds
    while run.seconds < whole:
        begin, share = time.monotonic(), run.seconds / whole
        generator.manual_seed(run.step * 1009 + options.seed)
        rows = torch.randint(len(stills.frames), (options.batch,), generator=generator)
        facts = {kind: fact[rows] for kind, fact in stills.facts.items()}
        batch = Stills(stills.frames[rows], facts, stills.joints[rows])
        for group in run.optimizer.param_groups:
            group["lr"] = rate_at(share, options.rate)
        run.step += 1
        in_turn = run.step % len(NUM_PATCHES) if share < 0.85 else -1
        terms = losses_of(run, batch, ids, NUM_PATCHES[in_turn])
        loss = torch.stack(list(terms.values())).sum()
        told.update({kind: term.item() for kind, term in terms.items()})
        run.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(run.model.parameters(), 1.0)
        run.optimizer.step()
        run.model.logit_scale.data.clamp_(max=np.log(100))
        run.losses.append(loss.item())
        run.seconds += time.monotonic() - begin
        if run.step % 50 == 0:
            line = "  ".join(f"{kind} {value / 50:.3f}" for kind, value in told.items())
            print(f"step {run.step}, {run.seconds:.0f} s  {line}", flush=True)
            told.clear()
        if run.seconds - saved > 120:
            saved = run.seconds
            save(run, snapshot)


def save(run: Run, snapshot: Path) -> None:
    """Write a snapshot, whole or not at all."""
    part = snapshot.with_suffix(".part")
    torch.save(run.state(), part)
    part.replace(snapshot)


def embed(model: CLIP, tokens: SimpleTokenizer, texts: list[str]) -> Tensor:
    """(n, D) unit rows."""
    return F.normalize(model.encode_text(tokens(texts)), dim=1)


@torch.inference_mode()
def cosines(model: CLIP, tokens: SimpleTokenizer) -> dict[str, float]:
    """Cosines of the same change in two limbs: such as raising minus lowering."""
    found: dict[str, list[float]] = {}
    for verb in ("raise", "bend"):
        other = VERBS[verb].reversal or ""
        for manner in TIMES:
            pairs = [[Action(name, limb, manner) for name in (verb, other)] for limb in VERBS[verb].parts]
            texts = embed(model, tokens, [action.name for pair in pairs for action in pair])
            change = F.normalize(texts[0::2] - texts[1::2], dim=1)
            for i, j in itertools.combinations(range(len(pairs)), 2):
                kind = "unseen" if {pairs[i][0], pairs[j][0]} & set(UNSEEN) else "seen"
                found.setdefault(f"{verb}, {kind}", []).append(float(change[i] @ change[j]))
    told = {f"cosine of {key}, least": min(values) for key, values in found.items()}
    told |= {f"cosine of {key}, mean": sum(values) / len(values) for key, values in found.items()}
    return {key: round(value, 3) for key, value in sorted(told.items())}


@torch.inference_mode()
def measure(
    model: CLIP, tokens: SimpleTokenizer, around: Surroundings, each: int, seed: int
) -> dict[str, float]:
    """Zero-shot accuracies in percent on fresh videos of 8 frames, averaged; the scene tells nothing."""
    model.eval()
    actions = [index for index in range(len(COMPOSED)) for _ in range(each)]
    scenes = [(7 * row + seed) % len(SCENES) for row in range(len(actions))]
    frames = []
    for begin in range(0, len(actions), 96):
        part = slice(begin, begin + 96)
        seeds = [seed * 1_000_003 + row for row in range(len(actions))[part]]
        videos = render_composed(actions[part], scenes[part], seeds, View(8, (64, 64), 4.0), around)
        pixels = normalize(torch.from_numpy(np.concatenate([video.frames for video in videos])).float() / 255)
        frames.append(model.encode_image(pixels, normalize=True).unflatten(0, (-1, 8)))
    each_frame = torch.cat(frames)
    video = F.normalize(each_frame.mean(1), dim=1)
    moments = torch.linspace(-1, 1, 8)[:, None] / 8
    drift = (each_frame * moments).sum(1)
    names = embed(model, tokens, [action.name for action in COMPOSED])
    bare = list(dict.fromkeys(action.bare for action in COMPOSED))
    short = embed(model, tokens, bare)
    truth = torch.tensor(actions)
    which = torch.tensor([bare.index(COMPOSED[index].bare) for index in actions])
    guess = (video @ short.T).argmax(1)
    free = torch.tensor([COMPOSED[index].reversed is None for index in actions])
    unseen = torch.tensor([COMPOSED[index] in UNSEEN for index in actions])
    rows = torch.tensor([COMPOSED.index(action) for action in UNSEEN])
    found = {
        "seen": ((video @ names.T).argmax(1) == truth)[~unseen],
        "bare, seen": (guess == which)[~unseen],
        "bare, unseen": (guess == which)[unseen],
        "bare, unseen and order-free": (guess == which)[unseen & free],
        "unseen among unseen": (rows[(video[unseen] @ names[rows].T).argmax(1)] == truth[unseen]),
        "order-free unseen among unseen": (rows[(video @ names[rows].T).argmax(1)] == truth)[unseen & free],
    }
    found |= order_pairs((video, drift), (names, model, tokens), truth, unseen)
    places = embed(model, tokens, list(SCENES))
    found["scene"] = (video @ places.T).argmax(1) == torch.tensor(scenes)
    return {name: round(100 * hits.float().mean().item(), 1) for name, hits in found.items()}


def order_pairs(
    videos: tuple[Tensor, Tensor], words: tuple[Tensor, CLIP, SimpleTokenizer], truth: Tensor, unseen: Tensor
) -> dict[str, Tensor]:
    """Whether each video of an order pair is nearer to its own name than to its reversal's, in three ways."""
    (video, drift), (names, model, tokens) = videos, words
    back = [COMPOSED[index].reversed for index in truth.tolist()]
    rows = torch.tensor([row for row, other in enumerate(back) if other is not None])
    others = torch.tensor([COMPOSED.index(other) for other in back if other is not None])
    change = names[truth[rows]] - names[others]
    stages = [COMPOSED[index].stages or ("", "") for index in truth[rows].tolist()]
    ends = embed(model, tokens, [stage[1] for stage in stages]) - embed(model, tokens, [s[0] for s in stages])
    scores = {
        "order pairs, averaged": (video[rows] * change).sum(1),
        "order pairs, drift along the names": (drift[rows] * change).sum(1),
        "order pairs, stages": (drift[rows] * ends).sum(1),
    }
    found = {name: score > 0 for name, score in scores.items()}
    return found | {f"{name}, unseen": score[unseen[rows]] > 0 for name, score in scores.items()}


def read_options() -> argparse.Namespace:
    """What the command line asks for."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--output", type=Path, required=True, help="folder of the checkpoints")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument(
        "--minutes", type=float, default=15.0, help="of training, a seed; rendering comes on top"
    )
    parser.add_argument("--videos", type=int, default=16000, help="videos rendered for a training")
    parser.add_argument("--frames-each", type=int, default=4, help="frames taken of each")
    parser.add_argument("--coupling", type=float, default=0.8, help="share of videos put in their home scene")
    parser.add_argument("--batch", type=int, default=128, help="frames a step")
    parser.add_argument("--rate", type=float, default=2e-3, help="largest learning rate")
    parser.add_argument("--test-each", type=int, default=4, help="fresh videos an action")
    parser.add_argument("--name", help="what the checkpoint calls itself; default: compositional-SEED")
    return parser.parse_args()


def new_config(folder: Path) -> tuple[dict, SimpleTokenizer]:
    """The network's settings and its tokenizer, whose merges are written to a folder."""
    merges = folder / "merges.txt.gz"
    texts = [text for kind in captions().values() for wordings in kind for text in wordings]
    texts += [*every_caption(), *(action.name for action in COMPOSED)]
    words = {"vocab_size": write_merges(merges, texts), "tokenizer_kwargs": {"bpe_path": merges.name}}
    config = {**MODEL, "text_cfg": {**MODEL["text_cfg"], **words}}
    return config, SimpleTokenizer(str(merges), context_length=MODEL["text_cfg"]["context_length"])


def main() -> None:
    """Render, train, measure, write: one seed after the other."""
    options = read_options()
    for seed in options.seeds:
        options.seed = seed
        folder, snapshot = options.output / f"seed{seed}", options.output / f"seed{seed}.pt"
        folder.mkdir(parents=True, exist_ok=True)
        config, tokens = new_config(folder)
        run = start(config, seed, options.rate)
        if snapshot.is_file():
            run.load(torch.load(snapshot))
        begin = time.monotonic()
        if run.seconds < 60 * options.minutes:
            stills = render_stills(options.videos, options.frames_each, options.coupling, seed)
            print(f"rendered {len(stills.frames)} frames in {time.monotonic() - begin:.0f} s", flush=True)
            train(run, tokens, stills, options, snapshot)
            save(run, snapshot)
        found = judge(run.model, tokens, options.test_each, seed)
        settings = {
            name: value for name, value in vars(options).items() if name not in ("output", "seeds", "name")
        }
        losses = [round(float(np.mean(part)), 4) for part in np.array_split(run.losses, 50) if len(part)]
        training = {"recipe": "examples/train_compositional.py", "settings": settings, "steps": run.step,
                    "seconds": round(run.seconds), "losses": losses, "metrics_percent": found}  # fmt: skip
        write_checkpoint(folder, run.model, config, training, options.name or f"compositional-{seed}")


def judge(model: CLIP, tokens: SimpleTokenizer, each: int, seed: int) -> dict[str, object]:
    """What a network is worth; printed as well."""
    model.eval()
    cosine = cosines(model, tokens)
    found: dict[str, object] = {**cosine}
    for around in (SURROUNDINGS[0], SURROUNDINGS[-1]):
        found[f"persons {around.persons}"] = measure(model, tokens, around, each, 900 + seed)
    # As `train_named_puppets.py --measure` does it: what the bundled clips and README's examples need.
    found["today's world"] = [
        measure_today(model, tokens, coupling, 80 * each, 900 + seed) for coupling in (0.0, 0.8)
    ]
    print(json.dumps(found, indent=1))
    least = min(cosine.values())
    verdict = "it can be measured with" if least >= LEAST_COSINE else "it MEASURES NOTHING"
    print(f"seed {seed}: least cosine {least} (needed: {LEAST_COSINE}): {verdict}", flush=True)
    return found


if __name__ == "__main__":
    main()
