"""How much order matters: a model that reads order loses it, one that does not loses nothing."""

from __future__ import annotations

import json
import shutil
import sys

import numpy as np
import pytest
import torch
from report_schemas import assert_fits
from tiny_world import LABELS, write_checkpoint, write_videos

from zeroshot.adapter.adapter import TwoStreamAdapter
from zeroshot.adapter.config import AdapterConfig
from zeroshot.checkpoint import load_model
from zeroshot.cli.main import main
from zeroshot.datasets.splits import Split, write_split
from zeroshot.errors import LabelError, OptionError
from zeroshot.model.adapter_files import save_adapter
from zeroshot.probes.frame_order import accuracy_drop, rearrange
from zeroshot.probes.report import document
from zeroshot.probes.run import probe_streams
from zeroshot.probes.subject import Clips, ModelSubject
from zeroshot.reports.files import write_report
from zeroshot.waist.writer import write_waist


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A tiny network with an adapter whose streams differ, and 24 videos."""
    folder = tmp_path_factory.mktemp("order")
    write_checkpoint(folder / "network")
    split = write_videos(folder / "videos", 24)
    write_split(folder / "videos.csv", split)
    with load_model(str(folder / "network"), device="cpu") as model:
        adapter = TwoStreamAdapter(AdapterConfig(48, 24, num_frames=4, hidden_dim=16, num_layers=1), seed=1)
        adapter.set_fused_weight(1.0)
        save_adapter(folder / "adapted", adapter, model.backbone)
    return folder, split


@pytest.fixture(scope="module")
def model(place):
    with load_model(str(place[0] / "adapted"), device="cpu") as opened:
        yield opened


@pytest.fixture(scope="module")
def report(place, model, tmp_path_factory):
    return probe_streams(place[1], model, tmp_path_factory.mktemp("tokens") / "t")


def test_the_static_stream_does_not_know_the_order(report):
    static = report.streams["static"]
    for order in ("shuffled", "reversed"):
        assert static.orders[order].count == static.intact
        assert static.orders[order].drop.value == 0


def test_a_frozen_clip_is_nothing_to_the_dynamic_stream(report):
    """Its row is zero, so the first label wins: chance, whatever it knew before."""
    assert report.streams["dynamic"].orders["frozen"].count.hits == 8
    assert report.streams["dynamic"].intact.total == 24


def test_counts_are_those_of_each_video_by_itself(place, model, report, tmp_path):
    """Second implementation: one video, one order at a time, through the adapter itself."""
    _, split = place
    waist = write_waist(model, split.videos, tmp_path / "t")
    texts = model.embed_texts(list(split.labels))
    orders = ("intact", "shuffled", "reversed", "frozen")
    hits = {stream: dict.fromkeys(orders, 0) for stream in report.streams}
    for row in range(len(waist)):
        tokens, embeddings = waist.batch([row])
        for order in orders:
            pair = (tokens, embeddings)
            if order != "intact":
                pair = tuple(rearrange(each, order) for each in pair)
            with torch.no_grad():
                streams = model.adapter(*pair)
            for stream, counts in hits.items():
                scores = getattr(streams, stream).numpy()[0] @ texts.T
                counts[order] += split.labels[int(np.argmax(scores))] == waist.labels[row]
    for stream, probe in report.streams.items():
        found = {order: each.count.hits for order, each in probe.orders.items()}
        assert {"intact": probe.intact.hits, **found} == hits[stream]
        for each in probe.orders.values():
            assert each.drop.value == pytest.approx((probe.intact.hits - each.count.hits) / 24)
            assert each.drop.low <= each.drop.value <= each.drop.high


def test_nothing_is_decoded_twice(place, model, tmp_path, monkeypatch):
    _, split = place
    first = probe_streams(split, model, tmp_path / "t")
    monkeypatch.setattr("zeroshot.video.processes.reader.ClipReader._begin", None)
    assert probe_streams(split, model, tmp_path / "t") == first


def test_scenes_and_dependence(report, place, model, tmp_path):
    for probe in report.streams.values():
        assert probe.scene.count.total == 24
        assert probe.scene.chance == 0.5
    assert report.streams["static"].scene.accuracy.value > 0.9  # a dark and a light wall
    assert report.dependence.n == 24
    bare = Split.of("bare", [type(video)(video.path, video.label) for video in place[1].videos])
    without = probe_streams(bare, model, tmp_path / "t")
    assert without.notes == ("no scene probe: no video has a scene",)
    assert without.streams["static"].scene is None
    assert without.streams["static"].intact == report.streams["static"].intact


def test_without_an_adapter_there_is_one_stream(place, tmp_path):
    with load_model(str(place[0] / "network"), device="cpu") as plain:
        report = probe_streams(place[1], plain, tmp_path / "t")
    assert list(report.streams) == ["clip"]
    assert report.streams["clip"].orders["reversed"].drop.value == 0
    assert report.dependence is None


def test_rows_of_streams_are_the_model_s_own(place, model, tmp_path):
    waist = write_waist(model, place[1].videos[:3], tmp_path / "t")
    texts = model.embed_texts(list(LABELS))
    rows = Clips.of_waist(waist, LABELS).ask(ModelSubject(model, texts, waist).units)
    paths = [video.path for video in place[1].videos[:3]]
    for stream, found in rows.items():
        with load_model(str(place[0] / "adapted"), device="cpu", stream=stream) as alone:
            assert found == pytest.approx(alone.embed_videos(paths), abs=1e-5)


def test_bad_input(place, model, tmp_path):
    _, split = place
    one = Split.of("one", [video for video in split.videos if video.label == LABELS[0]])
    with pytest.raises(LabelError, match="needs 2 or more"):
        probe_streams(one, model, tmp_path / "t")
    waist = write_waist(model, split.videos[:3], tmp_path / "t")
    with pytest.raises(LabelError, match="is not among the 2 ranked"):
        Clips.of_waist(waist, ("a", "b"))
    write_checkpoint(tmp_path / "other", seed=9)
    other = load_model(str(tmp_path / "other"), device="cpu")
    with pytest.raises(OptionError, match="the tokens are of the backbone"):
        ModelSubject(other, np.zeros((2, 24), np.float32), waist)


def test_the_command(place, tmp_path, monkeypatch, capsys):
    folder, _ = place
    shutil.copytree(folder / "videos", tmp_path / "videos")
    (tmp_path / "videos" / "00.mp4").write_bytes(b"broken")
    table = (folder / "videos.csv").read_text()
    (tmp_path / "videos.csv").write_text(table)
    words = ["zeroshot", "bias", "probe", str(tmp_path / "videos.csv"), "--model", str(folder / "adapted")]
    words += ["--cache", str(tmp_path / "t"), "--device", "cpu"]
    for more in ((), ("--json",)):
        monkeypatch.setattr(sys, "argv", [*words, *more])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert ended.value.code == 1
        assert err.splitlines()[-1] == "zeroshot: 1 of 24 videos failed"
        assert "00.mp4" in err
        if more:
            report = assert_fits(json.loads(out), "probe")
            assert report["streams"]["static"]["orders"]["reversed"]["drop"]["value"] == 0
            assert report["streams"]["fused"]["scene"]["videos"] == 23
        else:
            assert "lost shuffled" in out
            assert "scene (chance" in out


def test_the_report_as_three_files(report, tmp_path):
    write_report(tmp_path, report.as_dict(), document(report))
    found = json.loads((tmp_path / "report.json").read_text())
    assert found == json.loads(json.dumps(report.as_dict()))
    assert len(found["record"]["videos"]) == len(found["record"]["prompts"]) == 16
    assert found["record"]["seed"] == 0
    assert found["record"]["versions"]["torch"]
    text, page = ((tmp_path / name).read_text() for name in ("report.md", "report.html"))
    hits = report.streams["static"].intact
    for words in (
        f"{100 * hits.share:.1f} [",
        found["record"]["videos"],
        "lost frozen",
        "24 videos, 4 frames each",
    ):
        assert words in text
        assert words in page
    assert len([line for line in text.splitlines() if line.startswith("| ")]) == 2 + 1 + 2 * 3 + 1
    assert "<svg" in page
    assert "http" not in page.replace("http://www.w3.org", "")


class TestOrder:
    def test_rearrangements(self):
        x = torch.arange(12.0).reshape(2, 6)
        assert rearrange(x, "reversed")[0].tolist() == [5, 4, 3, 2, 1, 0]
        assert rearrange(x, "frozen")[1].tolist() == [9] * 6
        shuffled = rearrange(x, "shuffled")
        assert sorted(shuffled[0].tolist()) == x[0].tolist()
        assert shuffled[0].tolist() not in ([0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0])

    @pytest.mark.parametrize("order", ["shuffled", "reversed", "frozen"])
    def test_batches_do_not_matter(self, order):
        x = torch.randn(5, 4, 3, 2, generator=torch.Generator().manual_seed(0))
        one_by_one = torch.cat([rearrange(x[i : i + 1], order, seed=2) for i in range(5)])
        assert torch.equal(rearrange(x, order, seed=2), one_by_one)

    @pytest.mark.parametrize("seed", range(6))
    def test_shuffled_is_never_the_order_itself(self, seed):
        x = torch.arange(2)[None]
        assert rearrange(x, "shuffled", seed).tolist() == [[1, 0]]
        assert rearrange(x[:, :1], "shuffled", seed).tolist() == [[0]]

    def test_drop(self):
        intact = np.arange(100) < 80
        drop = accuracy_drop(intact, np.arange(100) < 50)
        assert drop.value == pytest.approx(0.3)
        assert 0.15 < drop.low < 0.3 < drop.high < 0.45
        none = accuracy_drop(intact, intact)
        assert none.value == 0
        assert -none.low == pytest.approx(none.high)
        assert 0.02 < none.high < 0.04, "that 100 videos did not differ is no proof that none does"

    def test_bad_input(self):
        with pytest.raises(OptionError, match="order is 'sorted'"):
            rearrange(torch.zeros(1, 2), "sorted")
        with pytest.raises(OptionError, match=r"\(B, T, …\)"):
            rearrange(torch.zeros(3), "frozen")
        with pytest.raises(OptionError, match="same videos"):
            accuracy_drop(np.array([True]), np.array([True, False]))
