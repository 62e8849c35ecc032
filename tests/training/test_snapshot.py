"""A run that is killed goes on, and ends as one that was not."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from training_world import CONFIG, LONG, TRAIN, changed, same, weights, world_and_scenes

from zeroshot.errors import OutputError
from zeroshot.training.history import Watcher
from zeroshot.training.loop import fit
from zeroshot.training.snapshot import Snapshots


class Stop(Watcher):
    """Ends a run after some steps, as a kill does."""

    def __init__(self, after: int) -> None:
        self.after, self.seen = after, 0

    def step(self, done: int, total: int) -> None:
        self.seen += 1
        if self.seen == self.after:
            raise KeyboardInterrupt


@pytest.mark.parametrize("after", [pytest.param(1, marks=pytest.mark.slow), 7])
def test_a_broken_run_ends_as_an_unbroken_one(world, scenes, tmp_path, after):
    config = changed(CONFIG, objective={"minimax": 0.5, "conditional_adversary": 0.1})
    unbroken = fit(*world, config, scenes=scenes)
    snapshots = Snapshots(tmp_path, 3, {"run": 1})
    with pytest.raises(KeyboardInterrupt):
        fit(*world, config, scenes=scenes, snapshots=snapshots, watcher=Stop(after))
    resumed = fit(*world, config, scenes=scenes, snapshots=snapshots)
    assert same(weights(unbroken), weights(resumed))
    assert unbroken.history == resumed.history
    assert unbroken.best_epoch == resumed.best_epoch
    assert same(
        weights(unbroken), weights(fit(*world, config, scenes=scenes, snapshots=snapshots))
    )  # already over


def test_a_state_of_another_run_or_a_damaged_one_is_refused(world, scenes, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fit(*world, CONFIG, scenes=scenes, snapshots=Snapshots(tmp_path, 1, {"a": {"b": 1}}), watcher=Stop(2))
    with pytest.raises(
        OutputError, match=r"holds training with a.b 1, this run has 2; choose another output"
    ):
        fit(*world, CONFIG, scenes=scenes, snapshots=Snapshots(tmp_path, 1, {"a": {"b": 2}}))
    state = tmp_path / "state.pt"
    for content in (b"", state.read_bytes()[:-100], b"x" * 100):
        state.write_bytes(content)
        with pytest.raises(
            OutputError, match=r"state.pt is damaged; delete it and train again from the start"
        ):
            fit(*world, CONFIG, scenes=scenes, snapshots=Snapshots(tmp_path, 1, {"a": {"b": 1}}))


CHILD = """
import json, sys, torch
from pathlib import Path
from training_world import changed, LONG, world_and_scenes
from zeroshot.training.loop import fit
from zeroshot.training.snapshot import Snapshots
torch.set_num_threads(1)
parts, scenes = world_and_scenes()
fit(*parts, LONG, scenes=scenes, device="cpu", snapshots=Snapshots(Path(sys.argv[1]), 1, {"run": 1}))
"""


def kill_at_random(command, state, seconds: float) -> None:
    """Starts a run and kills it with SIGKILL some time after it has saved a first state."""
    shared = str(Path(__file__).parents[1])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONPATH": shared}
    run = subprocess.Popen(command, env=environment, cwd=Path(__file__).parent, stdout=subprocess.DEVNULL)
    while run.poll() is None and not state.exists():
        time.sleep(0.001)
    time.sleep(random.Random().uniform(0, seconds))
    run.send_signal(signal.SIGKILL)
    run.wait()


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_with_the_same_weights(tmp_path):
    parts, scenes = world_and_scenes()
    unbroken = fit(*parts, LONG, scenes=scenes, device="cpu")
    kill_at_random([sys.executable, "-c", CHILD, tmp_path], tmp_path / "state.pt", 0.7)
    snapshots = Snapshots(tmp_path, 50, {"run": 1})
    assert snapshots.load()["step"] >= 1
    resumed = fit(*parts, LONG, scenes=scenes, device="cpu", snapshots=snapshots)
    assert same(weights(unbroken), weights(resumed))
    assert unbroken.history == resumed.history


@pytest.mark.slow
def test_the_command_is_killed_again_and_again(place, trained, tmp_path):
    unbroken, _ = trained
    output = tmp_path / "killed"
    (tmp_path / "settings.json").write_text(json.dumps(TRAIN.as_dict()))
    command = [sys.executable, "-m", "zeroshot", "train", place / "split.csv", "--output", output]
    command += ["--model", place / "tiny", "--device", "cpu", "--config", tmp_path / "settings.json"]
    command += ["--no-mirrored", "--no-swapped"]
    for _ in range(5):
        kill_at_random(command, output / "tokens", 2)
    shared = str(Path(__file__).parents[1])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONPATH": shared}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (output / "model.safetensors").read_bytes() == (unbroken / "model.safetensors").read_bytes()
    assert (output / "log.csv").read_bytes() == (unbroken / "log.csv").read_bytes()
    assert not (output / "state.pt").exists()


def test_every_flipped_bit_of_a_state_is_noticed(tmp_path):
    snapshots = Snapshots(tmp_path, 1, {"run": 1})
    snapshots.save({"step": 3, "weights": torch.arange(50.0)})
    data, draw = snapshots.path.read_bytes(), random.Random(0)
    for _ in range(200):
        spoiled = bytearray(data)
        spoiled[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        snapshots.path.write_bytes(spoiled)
        with pytest.raises(OutputError, match=r"state.pt is damaged; delete it and train again"):
            snapshots.load()
    snapshots.path.write_bytes(data)
    assert snapshots.load()["step"] == 3
