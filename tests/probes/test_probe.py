"""The seam: a probe is a function and a line of a dict; a subject is a model, or any callable."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch
from tiny_world import LABELS, SCENES, frames, write_checkpoint, write_videos

from zeroshot.checkpoint import load_model
from zeroshot.cli.main import main
from zeroshot.datasets.splits import write_split
from zeroshot.errors import OptionError
from zeroshot.probes.callable_subject import Function
from zeroshot.probes.probe import ON_TOKENS, PROBES, Finding
from zeroshot.probes.run import ask
from zeroshot.probes.subject import Clips, ModelSubject
from zeroshot.reports.document import Bar, Bars, Table
from zeroshot.statistics.intervals import Count


def brightness(subject, clips):
    """A toy probe: how many units are brighter, so to say, than nothing."""
    rows = {layer: (units > 0).ravel() for layer, units in clips.ask(subject.units).items()}
    shares = {layer: Count.of(lit).estimate() for layer, lit in rows.items()}
    table = Table(("units", *shares), (("above zero", *(f"{share.value:.3f}" for share in shares.values())),))
    bars = Bars(tuple(Bar(f"above zero, {layer}", share) for layer, share in shares.items()))
    return Finding("Units above zero", table, bars, lines=(f"{subject.name} was asked.",))


def world(count=24, num_frames=6):
    """Clips in memory: three motions before a dark or a light wall."""
    labels, scenes = np.arange(count) % 3, np.arange(count) // 3 % 2
    videos = [frames(*pair, seed, num_frames) for seed, pair in enumerate(zip(labels, scenes, strict=True))]
    table = torch.from_numpy(np.stack(videos))
    names = tuple(SCENES[scene] for scene in scenes)
    return Clips(lambda rows: table[list(rows)], LABELS, labels, names)


def direction(clips):
    """(B, 3) scores of who follows the bright block: right, left, down."""
    light = (clips[:, :, 0] > 200).double()
    total = light.sum((2, 3))
    x = (light.sum(2) * torch.arange(light.shape[3])).sum(2) / total
    y = (light.sum(3) * torch.arange(light.shape[2])).sum(2) / total
    return torch.stack([(x[:, -1] - x[:, 0]), (x[:, 0] - x[:, -1]), (y[:, -1] - y[:, 0])], 1)


def test_a_toy_probe_is_a_function_and_a_line(tmp_path, monkeypatch, capsys):
    write_checkpoint(tmp_path / "network")
    write_split(tmp_path / "videos.csv", write_videos(tmp_path / "videos", 6))
    monkeypatch.setitem(PROBES, "brightness", brightness)
    words = ["zeroshot", "bias", "probe", str(tmp_path / "videos.csv"), "--model", str(tmp_path / "network")]
    words += ["--cache", str(tmp_path / "t"), "--device", "cpu", "--probe", "brightness", "--probe", "order"]
    monkeypatch.setattr(sys, "argv", [*words, "--output", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    out = capsys.readouterr().out
    text, page = ((tmp_path / "out" / f"report.{ending}").read_text() for ending in ("md", "html"))
    for shown in (out, text, page):
        assert "above zero" in shown
        assert "lost reversed" in shown
        assert "lost frozen" not in shown
        assert "was asked." in shown
    assert "<h2>Units above zero</h2>" in page
    found = json.loads((tmp_path / "out" / "report.json").read_text())
    assert found["tables"]["brightness"][0] == ["units", "clip"]
    assert list(found["streams"]["clip"]["orders"]) == ["shuffled", "reversed"]


def test_the_help_lists_every_probe(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["zeroshot", "bias", "probe", "--help"])
    with pytest.raises(SystemExit):
        main()
    out = " ".join(capsys.readouterr().out.split())
    assert f"Some of {', '.join(PROBES)}. Default: {', '.join(ON_TOKENS)}." in out


@pytest.mark.slow
def test_any_callable_is_a_subject():
    clips = world()
    subject = Function("block", direction, lambda x: {"corner": x[:, 0, :, 0, 0].double().numpy()})
    found = ask(subject, clips)
    assert list(found) == list(PROBES)
    order, still = found["order"].by_stream["answer"], found["still"].by_stream["answer"]
    assert order.intact.share == 1
    assert order.orders["reversed"].count.hits == 0  # right is left then, and falling is rising
    assert still.orders["frozen"].count.hits == 8  # nothing moves: the first label
    scene = found["scene"].by_stream["corner"]  # a dark and a light wall
    assert scene.accuracy.low > scene.chance == 0.5
    assert found["dependence"].by_stream == {}
    again = ask(Function("block", direction), clips, ["scene", "order"])
    assert list(again) == ["order", "scene"]
    assert again["order"] == found["order"]
    with pytest.raises(OptionError, match="probe is 'colour'; expected some of order, still"):
        ask(subject, clips, ["colour"])


def test_clips_as_filmed_are_asked_once():
    asked = []
    ask(Function("count", lambda x: asked.append(len(x)) or direction(x)), world(), ["order", "still"])
    assert asked == [24] * 4  # as filmed, shuffled, reversed, frozen


def test_a_model_on_pixels(tmp_path):
    write_checkpoint(tmp_path / "network")
    clips = world(6, num_frames=4)
    with load_model(str(tmp_path / "network"), device="cpu") as model:
        subject = ModelSubject(model, model.embed_texts(list(LABELS)))
        rows = clips.ask(subject.units)
        assert list(rows) == ["clip"]
        videos = [frames.numpy() for frames in clips.batch(range(6))]
        assert rows["clip"] == pytest.approx(model.embed_videos(videos), abs=1e-5)
        found = ask(subject, clips, ["order"])["order"].by_stream["clip"]
    assert found.orders["shuffled"].drop.value == 0
