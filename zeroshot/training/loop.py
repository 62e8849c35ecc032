"""The loop over cached tokens: `fit` trains an adapter in memory and writes snapshots alone, if asked."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from zeroshot.adapter.adapter import TwoStreamAdapter, mean_embedding
from zeroshot.errors import OptionError
from zeroshot.losses.objective import DYNAMIC_ANSWERS, Objective
from zeroshot.losses.scene import scene_directions
from zeroshot.losses.step import Sizes, Targets, spread
from zeroshot.model.speed.threads import MeasuredThreads
from zeroshot.training.accelerator import Machine, on_machine
from zeroshot.training.batches import generator_for, read_batch
from zeroshot.training.config import adapter_config
from zeroshot.training.folds import class_folds, fusing_by_folds, fusings
from zeroshot.training.history import EpochRecord, Fitted, Watcher
from zeroshot.training.label_targets import Scenes
from zeroshot.training.training_run import plan_run
from zeroshot.training.validation import look
from zeroshot.waist.streams import read_streams

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zeroshot.losses.step import Batch
    from zeroshot.training.config import TrainingConfig
    from zeroshot.training.label_targets import LabelTexts
    from zeroshot.training.snapshot import Snapshots
    from zeroshot.training.training_run import TrainingRun
    from zeroshot.types import Streams
    from zeroshot.waist.waist import Waist

_CALIBRATION_CLIPS = 256
_ROWS_AT_ONCE = 512


class Trainee(nn.Module):
    """Adapter and objective as one module, so that one wrapper serves both."""

    def __init__(self, adapter: TwoStreamAdapter, objective: Objective) -> None:
        super().__init__()
        self.adapter = adapter
        self.objective = objective

    def forward(
        self, batch: Batch, texts: Tensor, logit_scale: float, progress: float, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The total and its terms for a batch."""

        def read(tokens: Tensor, embeddings: Tensor) -> Streams:
            streams: Streams = self.adapter(tokens, embeddings, generator)
            return streams

        head = self.adapter.dynamic.head
        losses = self.objective(batch, texts, logit_scale, progress, read, head)
        return losses.total, dict(losses.terms)


def fit(
    train: Waist,
    held_out: Waist | None,
    texts: LabelTexts,
    config: TrainingConfig,
    *,
    scenes: Scenes | None = None,
    device: str = "auto",
    snapshots: Snapshots | None = None,
    watcher: Watcher | None = None,
) -> Fitted:
    """An adapter trained on a waist, from the epoch that serves held-out videos best.

    Args:
        train: training videos.
        held_out: videos of the same labels, and of labels that `train` lacks, if novel ones are to be
            watched; never test videos. None takes the last epoch and a fused weight of 1.
        texts: every label of both; those that `train` lacks are not trained on.
        config: every setting.
        scenes: where the videos happen (`given_scenes`, `guessed_scenes`); None trains without scene losses.
        device: auto, cpu or cuda; several GPUs through `accelerate launch`.
        snapshots: where to save the state and to go on from; None saves nothing.
        watcher: is told of every step.

    Raises:
        OptionError: data or settings that nothing can be learned from, or a loss that is no longer a number.
        LabelError: labels without videos, or fewer than two.
        OutputError: a state of another run.
    """
    plan = plan_run(train, held_out, texts, config, scenes)
    watcher = watcher or Watcher()
    for note in plan.notes:
        watcher.note(note)
    # Without its cross-entropy nothing teaches a stream's head.
    computed = set(plan.config.objective.computed)
    unused = not (computed & DYNAMIC_ANSWERS and "static_classification" in computed)
    with on_machine(device, config.precision, unused=unused) as machine:
        run = Run(plan, machine, snapshots)
        run.go(watcher)
        fitted = run.result()
        if not config.choice.num_folds:
            return fitted
        known = texts.only(torch.unique(texts.rows(train.labels)))
        note = _weigh(run, fitted.adapter, train, known, scenes, watcher)
    watcher.note(note)
    return replace(fitted, notes=(*fitted.notes, note))


def _weigh(
    whole: Run,
    adapter: TwoStreamAdapter,
    train: Waist,
    texts: LabelTexts,
    scenes: Scenes | None,
    watcher: Watcher,
) -> str:
    """Give a run's adapter the fused weight that serves labels left out best; one line on that."""
    config, machine = whole.plan.config, whole.machine
    try:
        folds = class_folds(train, config.choice.num_folds, config.seed)
    except OptionError as error:
        return f"{error}: the fused weight is chosen on held-out videos of seen labels"

    watcher.note(
        f"{len(folds)} trainings more, each without other labels, choose how far the fused stream goes"
    )

    def learn(rows: Sequence[int]) -> TwoStreamAdapter:
        part = train.subset(rows)
        inner = None if scenes is None else Scenes(scenes.names, scenes.train[list(rows)])
        known = texts.only(torch.unique(texts.rows(part.labels)))
        run = Run(plan_run(part, None, known, config, inner), machine, None)
        run.threads = whole.threads  # chosen once, so that a run that was killed here ends with the same bits
        run.go(Watcher())
        return run.result().adapter.to(machine.device)

    offered = fusings(config.choice, has_excess=adapter.known_texts is not None)
    chosen, harmonic = fusing_by_folds(train, texts, offered, folds, learn)
    adapter.set_fused_weight(chosen.weight)
    told = f"fused weight {chosen.weight:g}"
    if chosen.excess is not None:
        adapter.set_fused_excess(chosen.excess)
        told += f", excess {chosen.excess:g}"
    return (
        f"{told}: harmonic mean {harmonic:.1%} of seen labels and of labels left out, over {len(folds)} folds"
    )


@dataclass(eq=False)
class Best:
    """The best epoch so far: its weights, on the CPU."""

    epoch: int = 0
    value: float | None = None
    loss: float = 0.0
    fused_weight: float = 1.0
    weights: dict[str, Tensor] = field(default_factory=dict)


class Run:
    """One run: everything that changes from step to step.

    Attributes:
        step: steps done.
        history: records of the epochs done.
    """

    def __init__(self, plan: TrainingRun, machine: Machine, snapshots: Snapshots | None) -> None:
        _refuse_thin_batches(plan.config, machine.count)
        self.plan, self.machine, self.snapshots = plan, machine, snapshots
        self.step, self.history, self.best = 0, list[EpochRecord](), Best()
        self.threads = _threads_for(machine)
        self._sums: dict[str, float] = {}
        config = plan.config
        choices = dict(config.adapter)
        if choices.get("fusion") == "residual":
            choices["num_known_labels"] = len(plan.texts.labels)
        adapter = TwoStreamAdapter(adapter_config(plan.train.settings, choices), config.seed)
        if adapter.known_texts is not None:
            adapter.set_known_texts(plan.texts.embeddings)
        adapter.calibrate(plan.train.batch(spread(len(plan.train), _CALIBRATION_CLIPS))[0])
        if plan.scenes is not None:
            adapter.set_scene_directions(scene_directions(_averaged(plan.train), plan.scenes))
        sizes = Sizes(
            adapter.config.dynamic_dim,
            adapter.config.static_dim,
            adapter.config.embedding_dim,
            len(plan.texts.labels),
            plan.num_scenes,
            adapter.config.code_dim,
        )
        self.trainee = Trainee(adapter, Objective(config.objective, sizes, config.seed))
        groups = _groups(self.trainee, config.optimizer.weight_decay)
        optimizer = torch.optim.AdamW(groups, lr=config.optimizer.learning_rate, fused=True)
        self.wrapped, self.optimizer = machine.prepare(self.trainee, optimizer)
        self._texts = plan.texts.embeddings.float().to(machine.device)
        if snapshots is not None and (state := snapshots.load()):
            self._resume(state)

    def go(self, watcher: Watcher) -> None:
        """All steps that are left."""
        draws = self.plan.draws
        watcher.begin(self.step, draws.total_steps, self.history)
        while self.step < draws.total_steps:
            with self.threads.step():
                self._advance()
            ended = self.step % draws.steps_per_epoch == 0
            if ended:
                self._end_epoch()
                watcher.epoch(self.history[-1])
            if self.snapshots is not None and (ended or self.step % self.snapshots.each == 0):
                self._save()
            watcher.step(self.step, draws.total_steps)

    def result(self) -> Fitted:
        """The best epoch's adapter, and how it came about."""
        adapter = TwoStreamAdapter(self.trainee.adapter.config)
        adapter.load_state_dict(self.best.weights)
        adapter.set_fused_weight(self.best.fused_weight)
        notes = (*self.plan.notes, *filter(None, [self.threads.note]))
        return Fitted(adapter.eval(), tuple(self.history), self.best.epoch, notes)

    def _batch(self) -> Batch:
        plan, machine = self.plan, self.machine
        rows, clips, labels = plan.draws.at(self.step)
        targets = Targets(labels, None if plan.scenes is None else plan.scenes[rows])
        batch = read_batch(plan.train, rows, clips, targets, plan.config.objective.computed)
        return batch.share(machine.rank, machine.count).to(machine.device)

    def _advance(self) -> None:
        """One step."""
        plan, machine, optimizer = self.plan, self.machine, self.plan.config.optimizer
        share = schedule(self.step, plan.draws.total_steps, optimizer.warmup_share)
        for group in self.optimizer.param_groups:
            group["lr"] = optimizer.learning_rate * share
        place = self.step * machine.count + machine.rank
        generator = generator_for(plan.config.seed, "dropout", place, machine.device)
        self.wrapped.train()
        progress = self.step / plan.draws.total_steps
        try:
            total, terms = self.wrapped(
                self._batch(), self._texts, plan.texts.logit_scale, progress, generator
            )
        except OptionError as error:
            raise OptionError(f"step {self.step + 1} of {plan.draws.total_steps}: {error}") from error
        norm = machine.learn(total, self.wrapped, self.optimizer, optimizer.max_norm)
        if not math.isfinite(norm) and plan.config.precision != "fp16":
            raise OptionError(
                f"step {self.step + 1} of {plan.draws.total_steps}: the gradient is {norm} though every "
                "loss is a number; lower the learning rate"
            )
        for name, value in {"total": total.detach(), **terms}.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value)
        self.step += 1

    def _end_epoch(self) -> None:
        """Record the epoch, look at the held-out videos, keep the weights if they are the best."""
        plan = self.plan
        epoch = self.step // plan.draws.steps_per_epoch
        means = {name: value / plan.draws.steps_per_epoch for name, value in self._sums.items()}
        losses = self.machine.mean(means)
        self._sums = {}
        last = epoch == plan.config.epochs
        looked = last or epoch % plan.config.choice.evaluate_each == 0
        found = look(
            self.trainee.adapter, plan.held_out if looked else None, plan.config.choice, self.machine.device
        )
        rate = float(self.optimizer.param_groups[0]["lr"])
        record = EpochRecord(epoch, self.step, rate, losses, found.metrics, found.fused_weight, found.value)
        self.history.append(record)
        better = found.value is not None and (
            self.best.value is None or (found.value, -found.loss) > (self.best.value, -self.best.loss)
        )
        if better or (last and self.best.value is None):
            weights = {
                name: value.detach().cpu().clone()
                for name, value in self.trainee.adapter.state_dict().items()
            }
            self._refuse_broken(epoch)
            self.best = Best(epoch, found.value, found.loss, found.fused_weight, weights)

    def _refuse_broken(self, epoch: int) -> None:
        """The last step of all is followed by no loss that would tell: so look at some videos."""
        rows = list(range(min(8, len(self.plan.train))))
        found = read_streams(self.trainee.adapter, self.plan.train.subset(rows), self.machine.device)
        if not all(bool(part.isfinite().all()) for part in (found.static, found.dynamic, found.fused)):
            raise OptionError(f"epoch {epoch}: the streams are no numbers any more; lower the learning rate")

    def _save(self) -> None:
        if self.snapshots is None or self.machine.rank != 0:
            return
        history = json.dumps([record.as_dict() for record in self.history])
        self.snapshots.save(
            {
                "step": self.step,
                "sums": self._sums,
                "history": history,
                "trainee": self.trainee.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "scaler": self.machine.scaler_state(),
                "best": dict(self.best.__dict__),
                "threads": self.threads.chosen,
            }
        )

    def _resume(self, state: dict[str, Any]) -> None:
        self.trainee.load_state_dict(state["trainee"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.machine.load_scaler(state["scaler"])
        self.step, self._sums = state["step"], dict(state["sums"])
        self.history = [EpochRecord(**record) for record in json.loads(state["history"])]
        self.best = Best(**state["best"])
        self.threads = _threads_for(self.machine, state.get("threads"))


def _threads_for(machine: Machine, chosen: int | None = None) -> MeasuredThreads:
    """How many threads a step takes: measured on a processor, where another number may change last digits."""
    return MeasuredThreads(chosen if machine.device.type == "cpu" else torch.get_num_threads())


def schedule(step: int, total: int, warmup_share: float) -> float:
    """Share of the full learning rate at a step: up along a line, then down along a cosine to 0."""
    warmup = round(total * warmup_share)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


def _refuse_thin_batches(config: TrainingConfig, processes: int) -> None:
    """Each process compares the videos of its own share of the batch."""
    videos = config.batch_size // processes
    found = f"a batch of {config.batch_size} gives each of {processes} processes {videos} videos"
    config.objective.refuse_fewer(videos, found)


def _groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameters by whether they decay: matrices do, scales, biases and places of one axis do not."""
    parameters = list(module.parameters())
    return [
        {"params": [each for each in parameters if each.ndim >= 2], "weight_decay": weight_decay},
        {"params": [each for each in parameters if each.ndim < 2], "weight_decay": 0.0},
    ]


def _averaged(waist: Waist) -> Tensor:
    """(n, D) each video as CLIP averages it over frames."""
    parts = torch.split(torch.arange(len(waist)), _ROWS_AT_ONCE)
    return torch.cat([mean_embedding(waist.batch(rows)[1]) for rows in parts])
