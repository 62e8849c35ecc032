"""Data sets as they lie on disk: nested, flat, re-encoded; lists of every format; what is wrong is named.

Covers: datasets/charades, datasets/kinetics_ssv2_diving, datasets/ucf_hmdb.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from pathlib import Path

import layouts
import pytest

from zeroshot.datasets.files_on_disk import bundled_lines
from zeroshot.datasets.protocols import plan_for
from zeroshot.datasets.registry import DATASETS, detect, read_dataset
from zeroshot.datasets.ucf_hmdb import _bundled_hmdb, _bundled_ucf
from zeroshot.datasets.units import pool_key
from zeroshot.errors import DatasetError, OptionError, ZeroshotError
from zeroshot.text.prompts import read_labels
from zeroshot.video.identity import content_key, file_stamp
from zeroshot.video.source import Stretch


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    return layouts.tiny_video(tmp_path_factory.mktemp("video") / "one.mp4")


def there(listing) -> list[str]:
    return sorted(Path(video.path).name for video in listing.videos if Path(video.path).exists())


@pytest.mark.parametrize(("flat", "suffix"), [(False, ".avi"), (True, ".avi"), (False, ".mp4")])
def test_ucf101_by_the_bundled_lists(tmp_path, video, flat, suffix):
    layouts.ucf101(tmp_path, video, flat=flat, suffix=suffix)
    listing = read_dataset(tmp_path, "ucf101")
    assert [len(rows) for rows in listing.tests] == [3783, 3734, 3696]
    assert len(listing.videos) == 13320
    assert len(there(listing)) == 12
    found = {Path(v.path).stem: v.label for v in listing.videos if Path(v.path).exists()}
    assert found["v_HandStandPushups_g01_c01"] == "handstand pushups"
    assert listing.published[listing.labels.index("handstand pushups")] == "HandstandPushups"
    missing = next(v.path for v in listing.videos if v.path.endswith("v_Archery_g02_c01.avi"))
    assert missing == str(tmp_path / "Archery" / "v_Archery_g02_c01.avi")


def test_ucf101_clips_outside_the_lists_count_in_full(tmp_path, video):
    layouts.ucf101(tmp_path, video, groups=(1, 25))
    listing = read_dataset(tmp_path, "ucf101")
    assert len(listing.videos) == 13320
    assert len(there(listing)) == 8


def test_ucf101_by_its_own_lists(tmp_path, video):
    layouts.ucf101(tmp_path / "UCF-101", video)
    lists = tmp_path / "ucfTrainTestlist"
    lists.mkdir()
    (lists / "testlist01.txt").write_text(
        "ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi\r\nHandstandPushups/v_HandStandPushups_g01_c01.avi\r\n"
    )
    (lists / "testlist02.txt").write_text("Archery/v_Archery_g08_c01.avi\nArchery/v_Archery_g09_c01.avi\n")
    (lists / "trainlist01.txt").write_text("Archery/v_Archery_g08_c01.avi 3\n")
    listing = read_dataset(tmp_path, "ucf101")
    assert [len(rows) for rows in listing.tests] == [2, 2]
    assert "2 lists on disk (first: testlist01.txt)" in listing.sources[0]
    second = [Path(listing.videos[row].path) for row in listing.tests[1]]
    assert [path.exists() for path in second] == [True, False]


def test_lists_of_file_and_index(tmp_path, video):
    layouts.ucf101(tmp_path / "videos", video, flat=True)
    given = tmp_path / "ucf_test_split1.txt"
    given.write_text("v_ApplyEyeMakeup_g01_c01.avi 0\nv_Archery_g01_c01.avi 2\n")
    listing = read_dataset(tmp_path / "videos", "ucf101", lists=[given])
    assert [listing.videos[row].label for row in listing.tests[0]] == ["apply eye makeup", "archery"]


@pytest.mark.parametrize("flat", [False, True])
def test_hmdb51_by_its_own_lists(tmp_path, video, flat):
    layouts.hmdb51(tmp_path / "videos", video, flat=flat)
    layouts.hmdb_lists(tmp_path / "testTrainMulti_7030_splits")
    listing = read_dataset(tmp_path, "hmdb51")
    assert len(there(listing)) == len(listing.videos) == 8
    tested = [[listing.videos[row] for row in rows] for rows in listing.tests]
    assert [len(rows) for rows in tested] == [4, 4]
    assert sorted(v.label for v in tested[0]) == ["brush hair", "kick", "kick ball", "sword exercise"]
    for number, rows in enumerate(tested):
        assert all(Path(v.path).stem.endswith(f"_{number}") for v in rows)


def test_hmdb51_by_the_bundled_lists(tmp_path, video):
    names = [stem for stem, _ in _bundled_hmdb()["kick_ball"][:3]]
    layouts.put(tmp_path, [f"kick_ball/{name}.avi" for name in names], video)
    listing = read_dataset(tmp_path, "hmdb51")
    assert [len(rows) for rows in listing.tests] == [1530, 1530, 1530]
    assert {v.label for v in listing.videos if Path(v.path).exists()} == {"kick ball"}
    assert Counter(listing.videos[row].label for row in listing.tests[2]) == Counter(
        dict.fromkeys(listing.labels, 30)
    )


def test_bundled_hmdb51_classes_are_those_in_the_names():
    for name, rows in _bundled_hmdb().items():
        for stem, which in rows:
            assert re.search(rf"_{name}_[a-z]_[a-z]{{2}}_np\d+_", stem), stem
            assert which <= {1, 2, 3}
            assert which


def test_bundled_ucf101_groups():
    tests = _bundled_ucf([line.split() for line in bundled_lines("ucf101_test")])
    assert len(set().union(*map(set, tests.values()))) == 3783 + 3734 + 3696
    assert "v_YoYo_g21_c05" in tests[3]


def test_training_clips_that_no_list_names_count_as_missing(tmp_path, video):
    layouts.ucf101(tmp_path / "u", video, groups=(1, 25))
    layouts.put(tmp_path / "h", [f"kick_ball/{layouts.hmdb_name('kick_ball', 3)}.avi"], video)
    for root, name, clips, tested in (("u", "ucf101", 13320, 11213), ("h", "hmdb51", 6766, 4243)):
        listing = read_dataset(tmp_path / root, name)
        assert len(listing.videos) == clips
        counts = dict(line.split() for line in bundled_lines(f"{name}_counts"))
        found = Counter(video.label for video in listing.videos)
        assert [found[label] for label in listing.labels] == [int(counts[each]) for each in listing.published]
        unnamed = [video for video in listing.videos if str(video.path).endswith("unnamed")]
        there = {"ucf101": 4, "hmdb51": 1}[name]
        assert len(unnamed) == clips - tested - there
        assert len({video.path for video in unnamed}) == len(unnamed)
        assert f"{len(unnamed):,} training clips that no list here names" in listing.sources[1]
    tested = next(line.split()[1] for line in bundled_lines("ucf101_test") if line.startswith("Archery "))
    lacking = 145 - sum(map(int, tested)) - 1
    archery = tmp_path / "u" / "Archery" / f"training clip 1 of {lacking} unnamed"
    assert str(archery) in {video.path for video in read_dataset(tmp_path / "u", "ucf101").videos}


def test_hmdb51_by_all_of_its_own_lists_names_each_clip(tmp_path, video):
    """All 51 lists of a split, 30 clips tested, 70 trained on, the others in no split."""
    lists = tmp_path / "lists"
    lists.mkdir()
    counts = dict(line.split() for line in bundled_lines("hmdb51_counts"))
    for name, clips in counts.items():
        for split in (1, 2, 3):
            order = [(number + 30 * split) % 100 if number < 100 else 100 for number in range(int(clips))]
            uses = [2 if place < 30 else 1 if place < 100 else 0 for place in order]
            lines = [f"{layouts.hmdb_name(name, number)}.avi {use} " for number, use in enumerate(uses)]
            (lists / f"{name}_test_split{split}.txt").write_text("\n".join(lines) + "\n")
    layouts.hmdb51(tmp_path / "videos", video)
    listing = read_dataset(tmp_path, "hmdb51")
    assert len(listing.videos) == 6766
    assert [len(rows) for rows in listing.tests] == [1530] * 3
    assert [len(rows) for rows in listing.trains] == [3570] * 3
    assert not any("unnamed" in str(video.path) for video in listing.videos)
    for tested, trained in zip(listing.tests, listing.trains, strict=True):
        assert not set(tested) & set(trained)


def test_training_lists_of_ucf101(tmp_path, video):
    layouts.ucf101(tmp_path / "videos", video, groups=(1, 8, 25))
    listing = read_dataset(tmp_path, "ucf101")
    first = {Path(listing.videos[row].path).stem for row in listing.trains[0]}
    assert len(first) == 3734 + 3696 + 4  # what is not tested on is trained on, as far as it is known
    assert {"v_Archery_g08_c01", "v_Archery_g25_c01"} <= first
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "trainlist01.txt").write_text(
        "Archery/v_Archery_g22_c01.avi 3\nArchery/v_Archery_g25_c01.avi 3\n"
    )
    listing = read_dataset(tmp_path, "ucf101")
    named = [Path(listing.videos[row].path).stem for row in listing.trains[0]]
    assert named == ["v_Archery_g22_c01", "v_Archery_g25_c01"]
    assert len(listing.trains) == 3
    assert len(listing.videos) == 13320
    assert str(tmp_path / "Archery" / "v_Archery_g22_c01.avi") in {video.path for video in listing.videos}


def test_few_shot_lists_lie_with_the_data_set_or_are_given(tmp_path, video):
    layouts.ucf101(tmp_path / "videos", video)
    lists = tmp_path / "lists"
    lists.mkdir()
    for shots in (2, 16):
        (lists / f"train1_few_shot_{shots}.txt").write_text("v_Archery_g08_c01.avi 2\n")
    given = lists / "train1_few_shot_2.txt"
    assert [path.name for path in read_dataset(tmp_path, "ucf101").few_shot] == [
        "train1_few_shot_16.txt",
        "train1_few_shot_2.txt",
    ]
    listing = read_dataset(tmp_path / "videos", "ucf101", lists=[given])
    assert listing.few_shot == (given,)
    assert [len(rows) for rows in listing.tests] == [3783, 3734, 3696]


def test_charades(tmp_path, video):
    layouts.charades(tmp_path, video)
    assert detect(tmp_path) == "charades"
    listing = read_dataset(tmp_path)
    assert listing.labels == ("Holding some clothes", "Putting clothes somewhere", "Closing a door")
    assert [(Path(video.path).name, video.labels) for video in listing.videos] == [
        ("AAAAA.mp4", ("Holding some clothes", "Closing a door")),
        ("BBBBB.mp4", ("Putting clothes somewhere",)),
        ("DDDDD.mp4", ("Closing a door",)),
    ]
    assert there(listing) == ["AAAAA.mp4", "DDDDD.mp4"]
    assert listing.notes == ("1 video without an action left out",)
    table = tmp_path / "Charades_v1_test.csv"
    text = table.read_text()
    for old, new, named in (
        ("c001 0.00 9.00", "c999 0.00 9.00", "line 3: 'c999 0.00 9.00'; expected one of 3 actions"),
        ("c001 0.00 9.00", "c001", "line 3: 'c001'; expected"),
        (",actions,", ",doings,", "has no column 'actions'"),
    ):
        table.write_text(text.replace(old, new))
        with pytest.raises(DatasetError, match=named):
            read_dataset(tmp_path, "charades")
    table.write_text(text)
    classes = tmp_path / "Charades_v1_classes.txt"
    for words, named in (("clothes\n", "line 1: 'clothes'; expected"), ("\n", "names no action")):
        classes.write_text(words)
        with pytest.raises(DatasetError, match=named):
            read_dataset(tmp_path, "charades")
    classes.unlink()
    with pytest.raises(DatasetError, match=r"no Charades_v1_classes.txt in"):
        read_dataset(tmp_path, "charades")


def test_mimetics(tmp_path, video):
    layouts.mimetics(tmp_path, video)
    assert detect(tmp_path) == "mimetics"
    listing = read_dataset(tmp_path)
    assert listing.labels == ("archery", "playing piano")
    assert [video.label for video in listing.videos] == ["archery", "playing piano", "archery"]
    assert len(there(listing)) == 3
    among = plan_for("mimetics-k400", listing)
    assert (len(among.labels), len(among.videos)) == (400, 3)
    assert plan_for("mimetics", listing).labels == listing.labels


def test_the_training_videos_of_ssv2(tmp_path, video):
    layouts.ssv2(tmp_path, video)
    assert read_dataset(tmp_path, "ssv2").training == ()
    rows = [{"id": "1", "template": "Spinning [something] so it continues spinning"}]
    (tmp_path / "labels" / "train.json").write_text(json.dumps(rows))
    listing = read_dataset(tmp_path, "ssv2")
    assert [(Path(v.path).name, v.label) for v in listing.training] == [
        ("1.webm", "Spinning something so it continues spinning")
    ]
    assert len(listing.videos) == 3
    plan = plan_for("few-shot-2", listing)
    assert (len(plan.examples), len(plan.videos)) == (1, 3)
    assert "; 173 of 174 labels have no training video" in plan.notes[0]


def test_a_table_may_be_ranked_among_more_labels_than_it_has_videos_of(tmp_path):
    path = tmp_path / "some.csv"
    path.write_text("path,label\na.mp4,riding bike\nb.mp4,Zumba\n")
    among = read_dataset(path, labels=["zumba", "Riding_bike", "archery"])
    assert among.labels == ("zumba", "Riding_bike", "archery")
    assert [video.label for video in among.videos] == ["Riding_bike", "zumba"]
    assert [len(one.labels) for one in plan_for("csv", among).rounds] == [3]
    with pytest.raises(DatasetError, match="has videos of 'Zumba', which is none of the 2 labels; add it"):
        read_dataset(path, labels=["riding bike", "archery"])
    assert read_dataset(path).labels == ("Zumba", "riding bike")


def test_kinetics(tmp_path, video):
    rows = [
        ("abseiling", "-0A_b", 5, "val"),
        ("petting animal (not cat)", "xyz", 120, "val"),
        ("zumba", "q", 0, "train"),
    ]
    layouts.kinetics(tmp_path, video, rows)
    (tmp_path / "val" / "abseiling" / "-0A_b_000005_000015.mp4").unlink()
    listing = read_dataset(tmp_path, "kinetics400")
    assert [v.label for v in listing.videos] == ["abseiling", "petting animal (not cat)"]
    assert there(listing) == ["xyz_000120_000130.mp4"]
    assert listing.videos[0].path == str(tmp_path / "abseiling" / "-0A_b_000005_000015.mp4")
    assert listing.sources == ("annotations.csv: 2 rows",)


def test_kinetics_flat_by_a_list_given_and_by_id_alone(tmp_path, video):
    path = layouts.kinetics(tmp_path / "lists", video, [("zumba", "q", 0, "train")])
    layouts.put(tmp_path / "videos", ["q.mkv"], video)
    listing = read_dataset(tmp_path / "videos", "kinetics400", lists=[path])
    assert [video.path for video in listing.videos] == [Stretch(str(tmp_path / "videos" / "q.mkv"), 0, 10)]


def test_two_stretches_of_a_whole_video_of_kinetics_are_two_videos(tmp_path, video):
    rows = [("zumba", "q", 0, "val"), ("zumba", "q", 30, "val")]
    path = layouts.kinetics(tmp_path / "lists", video, rows)
    layouts.put(tmp_path / "videos", ["q.mkv"], video)
    first, second = read_dataset(tmp_path / "videos", "kinetics400", lists=[path]).videos
    assert (first.path.start_seconds, second.path.end_seconds) == (0, 40)
    assert pool_key(first) != pool_key(second)
    assert content_key(first.path) != content_key(second.path) != content_key(second.path.path)
    assert file_stamp(first.path) != file_stamp(second.path) != ""


def test_ssv2(tmp_path, video):
    layouts.ssv2(tmp_path, video)
    listing = read_dataset(tmp_path, "ssv2")
    assert [v.label for v in listing.videos] == [
        "Spinning something so it continues spinning",
        "Pretending to put something on a surface",
        "Pretending to put something on a surface",
    ]
    assert there(listing) == ["116154.webm", "74225.webm"]


def test_diving48(tmp_path, video):
    layouts.diving48(tmp_path, video)
    by_index = read_dataset(tmp_path, "diving48")
    assert [v.label for v in by_index.videos] == list(read_labels("diving48")[:2])
    published = (Path(__file__).parents[2] / "prompts" / "labels" / "diving48.txt").read_text()
    assert "forward takeoff, dive, no twist, pike position" in published
    vocabulary = [_parts(label) for label in reversed(read_labels("diving48"))]
    (tmp_path / "Diving48_vocab.json").write_text(json.dumps(vocabulary))
    by_vocabulary = read_dataset(tmp_path, "diving48")
    assert [v.label for v in by_vocabulary.videos] == list(read_labels("diving48")[:-3:-1])
    (tmp_path / "Diving48_vocab.json").write_text(
        json.dumps([*vocabulary[:-1], ["Back", "9som", "1Twis", "FREE"]])
    )
    with pytest.raises(DatasetError, match="is not the vocabulary of Diving48: back takeoff, 9 somersaults"):
        read_dataset(tmp_path, "diving48")


def _parts(label: str) -> list[str]:
    """The code of a dive, from its words."""
    takeoff, turns, twists, position = label.split(", ")
    som = "Dive" if turns == "dive" else turns.split()[0].replace(".", "") + "som"
    twis = "NoTwis" if twists == "no twist" else twists.split()[0].replace(".", "") + "Twis"
    short = {"free": "FREE", "pike": "PIKE", "tuck": "TUCK", "straight": "STR"}[position.split()[0]]
    return [takeoff.split()[0].capitalize(), som, twis, short]


def test_activitynet(tmp_path, video):
    layouts.activitynet(tmp_path, video)
    listing = read_dataset(tmp_path, "activitynet200")
    assert [(Path(v.path).name, v.label) for v in listing.videos] == [
        ("v_aa_0.mp4", "Long jump"),
        ("v_aa_1.mp4", "High jump"),
        ("v_bb_0.mp4", "Long jump"),
    ]


def test_folders(tmp_path, video):
    layouts.put(
        tmp_path, ["riding_bike/a.mp4", "riding_bike/day 2/b.mp4", "Archery/c.mp4", ".hidden/d.mp4"], video
    )
    listing = read_dataset(tmp_path, "folders")
    assert listing.labels == ("Archery", "riding bike")
    assert [(Path(v.path).name, v.label) for v in listing.videos] == [
        ("c.mp4", "Archery"),
        ("a.mp4", "riding bike"),
        ("b.mp4", "riding bike"),
    ]
    ordered = read_dataset(tmp_path, "folders", labels=["riding bike", "bowling", "archery"])
    assert ordered.labels == ("riding bike", "bowling", "archery")
    with pytest.raises(
        DatasetError, match=r"lies in the folder 'riding_bike', which is none of the 2 labels"
    ):
        read_dataset(tmp_path, "folders", labels=["bowling", "archery"])


def test_what_lies_there_is_told(tmp_path, video):
    layouts.ucf101(tmp_path / "a", video, flat=True)
    layouts.hmdb51(tmp_path / "b", video)
    layouts.ssv2(tmp_path / "c", video)
    layouts.diving48(tmp_path / "d", video)
    layouts.activitynet(tmp_path / "e", video)
    layouts.put(tmp_path / "f", ["x/1.mp4", "y/1.mp4"], video)
    layouts.put(tmp_path / "kinetics-600", ["1.mp4"], video)
    (tmp_path / "g.csv").write_text("path,label\n")
    kinds = [detect(tmp_path / name) for name in ("a", "b", "c", "d", "e", "f", "kinetics-600", "g.csv")]
    assert kinds == [
        "ucf101",
        "hmdb51",
        "ssv2",
        "diving48",
        "activitynet200",
        "folders",
        "kinetics600",
        "csv",
    ]
    layouts.put(tmp_path / "h", ["1.mp4"], video)
    with pytest.raises(DatasetError, match="cannot tell which data set"):
        detect(tmp_path / "h")


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("ucf101", "holds none of the videos of ucf101: looked through 1 video files"),
        ("hmdb51", "for names such as #122_Cleaning"),
        ("kinetics400", "looked for CSV files with label, youtube_id, time_start, time_end"),
        ("ssv2", "no validation.json"),
        ("diving48", "no Diving48_V2_test.json"),
        ("activitynet200", "no activity_net.v1-3.min.json"),
        ("folders", "odd.mp4 lies in no class folder"),
        ("csv", "cannot read"),
    ],
)
def test_a_wrong_root_says_what_was_looked_for(tmp_path, video, kind, named):
    layouts.put(tmp_path, ["odd.mp4"], video)
    with pytest.raises(ZeroshotError, match=named) as error:
        read_dataset(tmp_path, kind)
    assert "\n" not in str(error.value)
    if kind != "csv":
        with pytest.raises(DatasetError, match="does not exist; expected the folder"):
            read_dataset(tmp_path / "none", kind)
        with pytest.raises(DatasetError, match="is a file; expected the folder"):
            read_dataset(tmp_path / "odd.mp4", kind)


def test_no_such_kind(tmp_path):
    with pytest.raises(OptionError, match="data set 'ucf'; expected one of ucf101, hmdb51"):
        read_dataset(tmp_path, "ucf")
    with pytest.raises(OptionError, match="ucf101 has labels of its own"):
        read_dataset(tmp_path, "ucf101", labels=["a"])
    assert all(kind.about for kind in DATASETS.values())


def test_lists_that_contradict_themselves(tmp_path, video):
    layouts.hmdb51(tmp_path / "videos", video)
    given = tmp_path / "hmdb_test_split1.txt"
    kick, ball = (layouts.hmdb_name(name, 0) for name in ("kick", "kick_ball"))
    given.write_text(f"{kick}.avi 20\n{ball}.avi 20\n")
    with pytest.raises(
        DatasetError, match="line 2: index 20 stands for 'kick ball' here and for 'kick' in line 1"
    ):
        read_dataset(tmp_path / "videos", "hmdb51", lists=[given])
    given.write_text(f"{kick}.avi 20\n{layouts.hmdb_name('kick', 1)}.avi 21\n")
    with pytest.raises(DatasetError, match="'kick' has the index 20 in line 1 and 21 in line 2"):
        read_dataset(tmp_path / "videos", "hmdb51", lists=[given])
    given.write_text("nonsense.avi 3\n")
    with pytest.raises(DatasetError, match=r"line 1: 'nonsense.avi' names no class"):
        read_dataset(tmp_path / "videos", "hmdb51", lists=[given])
    (tmp_path / "kick_test_split1.txt").write_text(f"{kick}.avi 7\n")
    with pytest.raises(DatasetError, match=r"expected `file.avi 2`, 1 or 0"):
        read_dataset(tmp_path / "videos", "hmdb51", lists=[tmp_path / "kick_test_split1.txt"])


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("juggling,q,0,10,val", "line 2: 'juggling' is no label of kinetics400"),
        ("zumba,q,x,10,val", "line 2: time 'x'; expected seconds"),
        ("zumba,q,0,10,train", "has no rows of a validation or test set"),
        ("zumba,q,0,10,val", "holds none of the videos of kinetics400"),
    ],
)
def test_odd_kinetics_lists(tmp_path, row, named):
    (tmp_path / "list.csv").write_text(f"label,youtube_id,time_start,time_end,split\n{row}\n")
    with pytest.raises(DatasetError, match=named):
        read_dataset(tmp_path, "kinetics400")


def test_odd_json(tmp_path, video):
    layouts.ssv2(tmp_path, video)
    path = tmp_path / "labels" / "validation.json"
    for text, named in (
        ("{", "is not JSON"),
        ("[]", "is no list of videos"),
        ('[{"id": "1"}]', "entry 0: no id or template"),
        ('[{"id": "1", "template": "Flying"}]', "video 1 has the template 'Flying', not one of 174"),
        ('[{"id": "1", "template": "Holding [something]"}]', "holds none of the videos of ssv2"),
    ):
        path.write_text(text)
        with pytest.raises(DatasetError, match=named):
            read_dataset(tmp_path, "ssv2")
    (tmp_path / "something-validation.json").write_text("[]")
    with pytest.raises(DatasetError, match="say which with --list"):
        read_dataset(tmp_path, "ssv2")


def test_a_pipe_is_a_list(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert detect(tmp_path / "pipe") == "csv"


def test_the_message_counts_labels_that_a_list_lacks(tmp_path):
    (tmp_path / "x.csv").write_text("path,label\na.mp4,run\nb.mp4,walk\nc.mp4,sit\n")
    with pytest.raises(
        DatasetError, match="videos of 'run', which is none of the 2 labels, nor is 1 other; add it"
    ):
        read_dataset(tmp_path / "x.csv", labels=["walk", "fly"])
    assert read_dataset(tmp_path / "x.csv", labels=["walk", "run", "sit", "fly"]).labels[3] == "fly"
