"""None of these: which score tells puppets of known actions from others, and what calibrations promise.

    python benchmarks/reject.py [--worlds 4] [--per-action 6] [--output DIR]

Half of the 32 actions, drawn anew in each world, are the labels; puppets of the other half, and places
without any puppet, are to be answered with "none of these". The bundled puppet-tiny has been trained on all
32, as a network from the web has met much that is not on a user's list. Worlds of the validation seeds choose
the score of `zeroshot/rejection/scores.py`; worlds of fresh seeds give the figures. Writes reject.md.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from facts import machine_facts, mean_cell

from zeroshot.checkpoint import load_model
from zeroshot.rejection.background import background_labels
from zeroshot.rejection.rule import AUTO
from zeroshot.rejection.scores import CALIBRATED, CHOSEN, SCORES, energy
from zeroshot.statistics.conformal import lower_threshold
from zeroshot.statistics.open_set import auroc, false_positives, risk_coverage
from zeroshot.statistics.temperature import calibration_error, fit_temperature
from zeroshot.synthetic.render import render_many
from zeroshot.synthetic.world import ACTIONS, SCENES, View
from zeroshot.text.prompts import make_prompts

HERE = Path(__file__).resolve().parent
VALIDATION, FRESH = 31_000, 41_000
"""First seeds: of worlds that choose, and of those that give figures; no other benchmark draws the latter."""
BANKS = {"names": "names of the unknown actions among it", "no names": "without these"}
ERROR = 0.1


@dataclass(frozen=True, eq=False)
class World:
    """One seed's videos as a model sees them, and which actions are labels.

    Attributes:
        known: (m, K) logits of videos of labels, and (m,) rows of these labels.
        targets: of known videos.
        others: kind → (n, K) logits of videos that show none of the labels.
        background: bank → kind → (n, M) logits of background labels.
    """

    known: np.ndarray
    targets: np.ndarray
    others: dict[str, np.ndarray]
    background: dict[str, dict[str, np.ndarray]]

    def score(self, name: str, bank: str, kind: str) -> np.ndarray:
        """(n,) of the videos of a kind."""
        logits = self.known if kind == "known" else self.others[kind]
        return SCORES[name](logits, self.background[bank][kind])


@dataclass(frozen=True, eq=False)
class Look:
    """One seed's videos as a model sees them: (n, D) of each kind, and the (n,) actions of puppets."""

    seed: int
    puppets: np.ndarray
    actions: np.ndarray
    empty: np.ndarray


def look_at(model, seed: int, per_action: int) -> Look:  # noqa: ANN001 - a Model
    """Videos of every action in scenes drawn at random, and of places without a puppet."""
    draw = np.random.default_rng(seed)
    actions = np.repeat(np.arange(len(ACTIONS)), per_action)
    scenes = draw.integers(len(SCENES), size=len(actions))
    seeds = (seed * 1000 + np.arange(len(actions))).tolist()
    videos = render_many(actions.tolist(), scenes.tolist(), seeds, View())
    empty = [video.background for video in videos[:: max(1, per_action // 2)]]
    puppets = model.embed_videos([video.frames for video in videos])
    return Look(seed, puppets, actions, model.embed_videos(empty))


def world_of(look: Look, model, num_labels: int) -> World:  # noqa: ANN001 - a Model
    """The world in which so many actions, drawn by its seed, are labels."""
    chosen = np.sort(np.random.default_rng(look.seed).permutation(len(ACTIONS))[:num_labels])
    names = [ACTIONS[row] for row in chosen]
    is_known = np.isin(look.actions, chosen)
    kinds = {
        "known": look.puppets[is_known],
        "unknown actions": look.puppets[~is_known],
        "no person": look.empty,
    }

    def logits(labels) -> dict[str, np.ndarray]:  # noqa: ANN001 - texts
        texts = model.embed_prompts(make_prompts(labels))
        return {kind: (model.logit_scale * rows @ texts.T).astype(np.float64) for kind, rows in kinds.items()}

    own = logits(names)
    banks = {"names": background_labels(names), "no names": background_labels(ACTIONS)}
    background = {bank: logits(labels) for bank, labels in banks.items()}
    known = own.pop("known")
    return World(known, np.searchsorted(chosen, look.actions[is_known]), own, background)


def compared(worlds: list[World]) -> list[str]:
    """A Markdown table of scores: areas and false positives, mean over worlds ± half a 95 % interval."""
    rows = [
        "| score | background | AUROC, unknown | AUROC, no person | FPR95, unknown | FPR95, no person |",
        "|---|---|---|---|---|---|",
    ]
    for name in SCORES:
        for bank in BANKS if name.endswith("background") else ("names",):
            cells = []
            for figure in (auroc, false_positives):
                for kind in ("unknown actions", "no person"):
                    values = [
                        100 * figure(world.score(name, bank, "known"), world.score(name, bank, kind)).value
                        for world in worlds
                    ]
                    cells.append(cell(values))
            shown = BANKS[bank] if name.endswith("background") else "–"
            rows.append(f"| {name} | {shown} | {' | '.join(cells)} |")
    return rows


def promised(worlds: list[World]) -> list[str]:
    """A Markdown table of what is kept where thresholds come from half of the known videos of each world."""
    lines: dict[str, list[tuple[float, ...]]] = {}
    for number, world in enumerate(worlds):
        first = half_of(world, number)
        for bank, about in BANKS.items():
            for how, name in {"auto": CHOSEN, f"quantile, error {ERROR:g}": CALIBRATED}.items():
                known = world.score(name, bank, "known")
                cut = np.log(AUTO / (1 - AUTO)) if how == "auto" else lower_threshold(known[first], ERROR)
                told = [(known[~first] < cut).mean()]
                told += [(world.score(name, bank, kind) < cut).mean() for kind in world.others]
                lines.setdefault(f"{how} | {about}", []).append((*told, np.nan, np.nan))
            lines.setdefault(f"sets, error {ERROR:g} | {about}", []).append(_sets(world, bank, first))
    rows = [
        "| threshold | background | known rejected | unknown rejected | places rejected | missed | a set |",
        "|---|---|---|---|---|---|---|",
    ]
    for how, figures in lines.items():
        columns = list(zip(*figures, strict=True))
        cells = [cell([100 * value for value in column]) for column in columns[:4]]
        rows.append(f"| {how} | {' | '.join([*cells, cell(columns[4])])} |")
    return rows


def half_of(world: World, number: int) -> np.ndarray:
    """(m,) which of the known videos are those that thresholds and temperatures come from."""
    return np.random.default_rng(number).permutation(len(world.known)) < len(world.known) // 2


def _sets(world: World, bank: str, first: np.ndarray) -> tuple[float, ...]:
    """Shares of empty sets among known and others, of missed labels, and the mean size of known sets."""
    kinds = {"known": world.known, **world.others}
    shares = {
        kind: logits - (energy(logits) + np.logaddexp(0, -world.score(CHOSEN, bank, kind)))[:, None]
        for kind, logits in kinds.items()
    }
    own = np.take_along_axis(shares["known"], world.targets[:, None], 1)[:, 0]
    cut = lower_threshold(own[first], ERROR)
    sets = {kind: table >= cut for kind, table in shares.items()}
    sets["known"] = sets["known"][~first]
    empty = [1 - sets[kind].any(1).mean() for kind in ("known", "unknown actions", "no person")]
    return (*empty, (own[~first] < cut).mean(), sets["known"].sum(1).mean())


def probabilities(worlds: list[World]) -> list[str]:
    """What is right among the surest; how honest probabilities are, with the temperature of other videos."""
    found: dict[str, list[float]] = {}
    for number, world in enumerate(worlds):
        first = half_of(world, number)
        heat = fit_temperature(world.known[first], world.targets[first])
        test, rows = world.known[~first], world.targets[~first]
        right = test.argmax(1) == rows
        found.setdefault("temperature", []).append(heat)
        for name, factor in (("ECE before, %", 1.0), ("ECE after, %", 1 / heat)):
            surest = np.exp(factor * test.max(1) - energy(factor * test))
            found.setdefault(name, []).append(100 * calibration_error(surest, right))
        others = world.score(CHOSEN, "no names", "unknown actions")
        scores = np.concatenate([world.score(CHOSEN, "no names", "known")[~first], others])
        curve = risk_coverage(scores, np.concatenate([right, np.zeros(len(others), bool)]))
        for share in (1.0, 0.5, 0.25):
            name = f"right among the surest {share:.0%} of known and unknown, %"
            found.setdefault(name, []).append(100 * curve.at(share))
    return ["| figure | mean over worlds |", "|---|---|"] + [
        f"| {name} | {cell(values)} |" for name, values in found.items()
    ]


def cell(values: list[float]) -> str:
    """Mean ± half a 95 % interval (Student's t); a dash of nothing."""
    return "–" if np.isnan(values).any() else mean_cell(values)


def main() -> None:
    """Validation worlds, then fresh ones."""
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--worlds", type=int, default=4)
    words.add_argument("--per-action", type=int, default=6)
    words.add_argument("--output", type=Path, default=HERE / "results")
    chosen = words.parse_args()
    facts, model = machine_facts(), load_model("puppet-tiny")
    validation, fresh = (
        [
            world_of(look_at(model, first + number, chosen.per_action), model, len(ACTIONS) // 2)
            for number in range(chosen.worlds)
        ]
        for first in (VALIDATION, FRESH)
    )
    parts = [
        "# None of these",
        f"`python benchmarks/reject.py --worlds {chosen.worlds} --per-action {chosen.per_action}`. {facts}.",
        "## Validation worlds: the score is chosen here",
        "\n".join(compared(validation)),
        "## Fresh worlds",
        "\n".join(compared(fresh)),
        f"## Fresh worlds: what is rejected, %, by `{CHOSEN}`, quantiles by `{CALIBRATED}`",
        "\n".join(promised(fresh)),
        "## Fresh worlds: probabilities",
        "\n".join(probabilities(fresh)),
    ]
    text = "\n\n".join(parts) + "\n"
    (chosen.output / "reject.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
