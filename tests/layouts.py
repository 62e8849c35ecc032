"""Small data sets laid out as real ones lie on disk, with their official lists: one tiny video, copied."""

from __future__ import annotations

import json
import shutil
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.video.write import write_video

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

UCF = ("ApplyEyeMakeup", "Archery", "HandstandPushups", "PlayingViolin")
HMDB = ("brush_hair", "kick", "kick_ball", "sword_exercise")
DIVES = [["Forward", "Dive", "NoTwis", "PIKE"], ["Back", "15som", "05Twis", "FREE"]]


def tiny_video(path: Path, seed: int = 0) -> Path:
    """Eight frames of noise."""
    frames = np.random.default_rng(seed).integers(0, 255, (8, 3, 32, 48), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, frames, 8.0)
    return path


def put(root: Path, names: Iterable[str], video: Path | list[Path]) -> None:
    """Copies of a video, or of several in turn, under these names."""
    videos = cycle(video if isinstance(video, list) else [video])
    for name, source in zip(names, videos, strict=False):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, root / name)


def ucf_name(name: str, group: int, number: int) -> str:
    spelled = "HandStandPushups" if name == "HandstandPushups" else name
    return f"v_{spelled}_g{group:02d}_c{number:02d}"


def ucf101(root: Path, video: Path, *, flat: bool = False, suffix: str = ".avi", groups=(1, 8, 15)) -> None:
    """One clip of each class and group."""
    stems = [(name, ucf_name(name, group, 1)) for name in UCF for group in groups]
    put(root, [f"{stem}{suffix}" if flat else f"{name}/{stem}{suffix}" for name, stem in stems], video)


def hmdb_name(name: str, number: int, title: str = "Title_of_it") -> str:
    return f"{title}_{name}_u_cm_np1_fr_med_{number}"


def hmdb51(root: Path, video: Path, *, flat: bool = False) -> list[str]:
    """Two clips of each class; gives the stems."""
    stems = [hmdb_name(name, number) for name in HMDB for number in (0, 1)]
    folders = [name for name in HMDB for _ in (0, 1)]
    pairs = zip(folders, stems, strict=True)
    put(root, [f"{stem}.avi" if flat else f"{name}/{stem}.avi" for name, stem in pairs], video)
    return stems


def hmdb_lists(folder: Path) -> None:
    """The official lists: clip 0 is tested on in split 1, clip 1 in split 2."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in HMDB:
        for split in (1, 2):
            lines = [f"{hmdb_name(name, number)}.avi {2 if number == split - 1 else 1} " for number in (0, 1)]
            (folder / f"{name}_test_split{split}.txt").write_text("\n".join(lines) + "\n")


def kinetics(root: Path, video: Path, rows: list[tuple[str, str, int, str]], *, flat: bool = False) -> Path:
    """The official CSV of (label, id, start, split), and its videos under the folder of their set."""
    lines = ["label,youtube_id,time_start,time_end,split"]
    for label, name, start, part in rows:
        quoted = f'"{label}"' if "," in label else label
        lines.append(f"{quoted},{name},{start},{start + 10},{part}")
        stem = f"{name}_{start:06d}_{start + 10:06d}.mp4"
        put(
            root,
            [stem if flat else f"{part}/{label}/{stem}"],
            video[start % len(video) :] if isinstance(video, list) else video,
        )
    path = root / "annotations.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def ssv2(root: Path, video: Path) -> None:
    """Annotations in JSON, videos by number; the last one is missing."""
    rows = [
        {
            "id": "74225",
            "label": "spinning cube",
            "template": "Spinning [something] so it continues spinning",
        },
        {"id": "116154", "label": "a lid", "template": "Pretending to put [something] on a surface"},
        {"id": "198186", "label": "a lid", "template": "Pretending to put [something] on a surface"},
    ]
    put(root, [f"20bn-something-something-v2/{row['id']}.webm" for row in rows[:2]], video)
    (root / "labels").mkdir()
    (root / "labels" / "validation.json").write_text(json.dumps(rows))


def diving48(root: Path, video: Path) -> None:
    """A test list, and a vocabulary in an order of its own."""
    rows = [
        {"vid_name": "aQ_0", "label": 0, "start_frame": 0, "end_frame": 8},
        {"vid_name": "aQ_1", "label": 1, "start_frame": 0, "end_frame": 8},
    ]
    put(root, [f"rgb/{row['vid_name']}.mp4" for row in rows], video)
    (root / "Diving48_V2_test.json").write_text(json.dumps(rows))


def activitynet(root: Path, video: Path) -> None:
    """The official list: two annotations of one video, one of another; a training video does not count."""
    database = {
        "aa": {
            "subset": "validation",
            "annotations": [
                {"label": "Long jump", "segment": [0.0, 3.0]},
                {"label": "High jump", "segment": [4.0, 7.0]},
            ],
        },
        "bb": {"subset": "validation", "annotations": [{"label": "Long jump", "segment": [0.0, 3.0]}]},
        "cc": {"subset": "training", "annotations": [{"label": "Zumba", "segment": [0.0, 3.0]}]},
    }
    put(root, ["clips/v_aa_0.mp4", "clips/v_aa_1.mp4", "clips/v_bb_0.mp4"], video)
    (root / "activity_net.v1-3.min.json").write_text(json.dumps({"database": database}))


def charades(root: Path, video: Path) -> None:
    """Three videos: two actions, one, none; the second is missing."""
    classes = ["c000 Holding some clothes", "c001 Putting clothes somewhere", "c002 Closing a door"]
    rows = [
        ("AAAAA", "c000 0.00 3.10;c002 1.50 4.00;c000 5.00 6.00"),
        ("BBBBB", "c001 0.00 9.00"),
        ("CCCCC", ""),
        ("DDDDD", "c002 0.00 2.00"),
    ]
    put(root, [f"Charades_v1_480/{name}.mp4" for name in ("AAAAA", "CCCCC", "DDDDD")], video)
    (root / "Charades_v1_classes.txt").write_text("\n".join(classes) + "\n")
    lines = ["id,subject,descriptions,actions,length"]
    lines += [f'{name},S1,"a person, here",{actions},30.1' for name, actions in rows]
    (root / "Charades_v1_test.csv").write_text("\n".join(lines) + "\n")


def mimetics(root: Path, video: Path) -> None:
    """The list in the form of Kinetics; labels with underscores."""
    rows = [("archery", "aa", 3), ("playing_piano", "bb", 10), ("archery", "cc", 0)]
    lines = ["label,youtube_id,time_start,time_end,split,is_cc"]
    for label, name, start in rows:
        lines.append(f"{label},{name},{start},{start + 5},test,0")
    stems = [f"data/{label}/{name}_{start:06d}_{start + 5:06d}.mp4" for label, name, start in rows]
    put(root, stems, video)
    (root / "mimetics_v1.0.csv").write_text("\n".join(lines) + "\n")


def thumos14(root: Path, video: Path) -> None:
    """Annotations a file a label, as published; the last of three videos is missing."""
    lines = {
        "Diving": [
            "video_test_0000001  0.5 2.0",
            "video_test_0000002  4.0 6.0",
            "video_test_0000003  1.0 2.0",
        ],
        "CliffDiving": ["video_test_0000001  0.5 2.0"],
        "Ambiguous": ["video_test_0000001  3.0 4.0"],
    }
    put(root, [f"videos/video_test_000000{number}.mp4" for number in (1, 2)], video)
    folder = root / "TH14_Temporal_annotations_test" / "annotation"
    folder.mkdir(parents=True)
    for label, rows in lines.items():
        (folder / f"{label}_test.txt").write_text("\n".join(rows) + "\n")


def activitynet_untrimmed(root: Path, video: Path) -> None:
    """The list of `activitynet`, and the videos as they were before they were cut."""
    activitynet(root, video)
    put(root, ["untrimmed/v_aa.mp4", "untrimmed/v_bb.mp4"], video)
