"""Long videos with annotated times, as THUMOS14 and ActivityNet publish them."""

from __future__ import annotations

import json
from pathlib import Path

import layouts
import pytest

from zeroshot.datasets.untrimmed import (
    LOCALIZATION,
    Happening,
    localization_named,
    read_activitynet_untrimmed,
    read_thumos14,
)
from zeroshot.errors import DatasetError, OptionError
from zeroshot.text.prompts import read_labels


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    return layouts.tiny_video(tmp_path_factory.mktemp("video") / "one.mp4")


def test_thumos14(tmp_path, video):
    layouts.thumos14(tmp_path, video)
    data = read_thumos14(str(tmp_path))
    assert data.labels == read_labels("thumos14")
    assert set(data.labels) < set(read_labels("ucf101"))
    assert [Path(one.path).name for one in data.videos] == [f"video_test_000000{n}.mp4" for n in (1, 2, 3)]
    assert [Path(one.path).exists() for one in data.videos] == [True, True, False]
    assert data.videos[0].happenings == (
        Happening("cliff diving", 0.5, 2.0),
        Happening("diving", 0.5, 2.0),
    )
    assert data.sources == ("2 annotation files of test videos",)
    assert len(data.notes) == 18
    given = sorted(tmp_path.rglob("CliffDiving_test.txt"))
    assert len(read_thumos14(str(tmp_path), given).videos) == 1


def test_activitynet_uncut(tmp_path, video):
    layouts.activitynet_untrimmed(tmp_path, video)
    data = read_activitynet_untrimmed(str(tmp_path))
    assert [(Path(one.path).name, one.happenings) for one in data.videos] == [
        ("v_aa.mp4", (Happening("Long jump", 0.0, 3.0), Happening("High jump", 4.0, 7.0))),
        ("v_bb.mp4", (Happening("Long jump", 0.0, 3.0),)),
    ]
    path = tmp_path / "activity_net.v1-3.min.json"
    table = json.loads(path.read_text())
    table["database"]["bb"]["annotations"].append({"label": "Zumba", "segment": [2.0, 2.0]})
    path.write_text(json.dumps(table))
    assert read_activitynet_untrimmed(str(tmp_path)).notes == ("1 annotation without any length left out",)
    table["database"]["bb"]["annotations"][0]["segment"] = [5.0]
    path.write_text(json.dumps(table))
    with pytest.raises(DatasetError, match=r"bb: '5.0'; expected a start and a later end, in seconds"):
        read_activitynet_untrimmed(str(tmp_path))


def test_odd_annotations(tmp_path, video):
    with pytest.raises(DatasetError, match=r"no annotations in .*looked for BaseballPitch_test.txt"):
        read_thumos14(str(tmp_path))
    layouts.thumos14(tmp_path, video)
    path = next(tmp_path.rglob("CliffDiving_test.txt"))
    for line in ("video_test_0000001 5.0 2.0", "video_test_0000001 x 2.0", "video_test_0000001", "v 1 2 3"):
        path.write_text(f"{line}\n")
        with pytest.raises(
            DatasetError, match=r"CliffDiving_test.txt, line 1: .*expected a start and a later"
        ):
            read_thumos14(str(tmp_path))
    path.write_text("\n")
    for each in (tmp_path / "videos").iterdir():
        each.unlink()
    with pytest.raises(DatasetError, match="holds none of the videos of thumos14"):
        read_thumos14(str(tmp_path))


def test_protocols_by_name():
    assert LOCALIZATION["thumos14"].thresholds == (0.3, 0.4, 0.5, 0.6, 0.7)
    assert LOCALIZATION["activitynet"].thresholds == pytest.approx([0.5 + 0.05 * n for n in range(10)])
    assert all(protocol.about for protocol in LOCALIZATION.values())
    with pytest.raises(OptionError, match="protocol 'thumos'; expected one of thumos14, activitynet"):
        localization_named("thumos")
