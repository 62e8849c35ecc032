"""What stands for a video besides a file, and finding files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import odd_files as odd
import pytest
from PIL import Image

from zeroshot.errors import OptionError, VideoError
from zeroshot.types import Clip
from zeroshot.video.find import find_videos
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.sampling import Sampling
from zeroshot.video.source import FRAMES_FPS, clips_from_frames, is_path, name_of

FRAMES = np.stack([odd.picture(number) for number in range(32)])  # (T, H, W, 3)
MIDDLES = [2, 6, 10, 14, 18, 22, 26, 30]


def tensor(array: np.ndarray):
    torch = pytest.importorskip("torch")
    return torch.from_numpy(array.copy())


SOURCES = {
    "channels last": lambda: FRAMES,
    "channels first": lambda: FRAMES.transpose(0, 3, 1, 2),
    "floats": lambda: FRAMES.astype(np.float32) / 255,
    "doubles": lambda: FRAMES.transpose(0, 3, 1, 2) / 255,
    "tensor": lambda: tensor(FRAMES),
    "float tensor": lambda: tensor(FRAMES.transpose(0, 3, 1, 2)).float() / 255,
    "list of arrays": lambda: list(FRAMES),
    "tuple of arrays": lambda: tuple(FRAMES.transpose(0, 3, 1, 2)),
    "list of tensors": lambda: list(tensor(FRAMES)),
    "list of images": lambda: [Image.fromarray(frame) for frame in FRAMES],
    "list of images with alpha": lambda: [Image.fromarray(frame).convert("RGBA") for frame in FRAMES],
    "clip": lambda: Clip(FRAMES.transpose(0, 3, 1, 2), np.arange(32) / FRAMES_FPS),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_frames_in_memory(kind):
    [clip] = clips_from_frames(SOURCES[kind](), Sampling(8))
    assert odd.indices_of(clip.frames) == MIDDLES
    assert np.array_equal(clip.frames, FRAMES[MIDDLES].transpose(0, 3, 1, 2))
    assert clip.seconds == pytest.approx(np.array(MIDDLES) / FRAMES_FPS)


def test_low_precision_tensors():
    torch = pytest.importorskip("torch")
    [clip] = clips_from_frames(tensor(FRAMES).to(torch.bfloat16) / 255, Sampling(8))
    assert odd.indices_of(clip.frames) == MIDDLES


def test_views_and_windows_of_frames():
    first, second = clips_from_frames(FRAMES, Sampling(4, num_views=2))
    assert odd.indices_of(first.frames) == [2, 10, 18, 26]
    assert odd.indices_of(second.frames) == [6, 14, 22, 30]
    [window] = clips_from_frames(FRAMES, Sampling(2, start_seconds=0.4, end_seconds=0.8))
    assert odd.indices_of(window.frames) == [12, 17]
    with pytest.raises(OptionError, match="but the video lasts"):
        clips_from_frames(FRAMES, Sampling(start_seconds=9.0))


def test_a_clip_keeps_its_own_times():
    clip = Clip(FRAMES.transpose(0, 3, 1, 2), 3.0 + np.arange(32) ** 2 / 100)
    [again] = clips_from_frames(clip, Sampling(8))
    shown = np.array(odd.indices_of(again.frames))
    assert again.seconds == pytest.approx(3.0 + shown**2 / 100)
    assert shown[0] > 2, "slow at the end: the first frames go by in a moment"


def test_fewer_frames_than_asked_for_are_repeated():
    [clip] = clips_from_frames(FRAMES[:2], Sampling(8))
    assert odd.indices_of(clip.frames) == [0, 0, 0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (FRAMES[:0], "no frames"),
        ([], "no frames"),
        (FRAMES[0], "is one frame"),
        (FRAMES[..., 0], "has no colours"),
        (FRAMES[..., :2], r"expected \(T, H, W, 3\)"),
        (FRAMES.astype(np.int64), "is int64; expected uint8"),
        (FRAMES.astype(np.float32), "values from 32 to 2"),
        (FRAMES / 255 * np.nan, "values from nan"),
        ([Image.new("RGB", (8, 8)), Image.new("RGB", (9, 7))], r"several sizes \(8×8, 9×7\); resize"),
        ([FRAMES[0], FRAMES[0, :50]], r"several sizes \(160×50, 160×96\)"),
        ([FRAMES[0], "x.png"], "hold a str"),
        ([FRAMES], "hold an array"),
        (42, "an int is no video"),
        (None, "a NoneType is no video"),
    ],
)
def test_what_is_no_batch_of_frames_gets_one_line(source, words):
    with pytest.raises(VideoError, match=words) as raised:
        clips_from_frames(source, Sampling(8))
    assert "\n" not in str(raised.value)


@pytest.fixture
def images(tmp_path) -> Path:
    """A folder of 32 frames, whose names sort wrongly by letters, and a few other files."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, frame in enumerate(FRAMES):
        Image.fromarray(frame).save(folder / f"frame{number}.png")
    (folder / "notes.txt").write_text("not a frame")
    (folder / ".hidden.png").write_text("not a frame")
    return folder


def test_a_folder_of_frames(images):
    [clip] = clips_from_frames(images, Sampling(8))
    assert odd.indices_of(clip.frames) == MIDDLES
    with ClipReader(1) as reader:
        [(_, (same,))] = reader.read_many([str(images)], Sampling(8))
    assert np.array_equal(same.frames, clip.frames)


def test_a_folder_with_a_bad_frame(images):
    (images / "frame6.png").write_text("no image")
    with pytest.raises(VideoError, match=r"cannot read the frame .*frame6\.png"):
        clips_from_frames(images, Sampling(8))
    Image.new("RGB", (5, 5)).save(images / "frame6.png")
    with pytest.raises(VideoError, match=r"the images in .*frames have several sizes \(5×5, 160×96\)"):
        clips_from_frames(images, Sampling(8))


def test_a_folder_without_frames(tmp_path):
    with pytest.raises(VideoError, match=r"holds no frame images .*\.png"):
        clips_from_frames(tmp_path, Sampling(8))


def test_names():
    assert name_of("a/b.mp4") == "a/b.mp4"
    assert name_of(Path("a/b.mp4")) == "a/b.mp4"
    assert name_of(FRAMES) == "<ndarray (32, 96, 160, 3)>"
    assert name_of(list(FRAMES)) == "<32 frames>"
    assert name_of(Clip(FRAMES.transpose(0, 3, 1, 2), np.arange(32.0))) == "<clip of 32 frames>"
    assert is_path("x")
    assert is_path(Path("x"))
    assert not is_path(FRAMES)


@pytest.fixture
def tree(tmp_path, monkeypatch) -> Path:
    """A folder with videos at several depths; only names count."""
    names = (
        "v10.mp4 v2.MP4 clip[1].mp4 notes.txt .hidden.mp4 data.bin deep/a.mkv deep/deeper/b.webm "
        "deep/cover.jpg .cache/c.mp4 frames/f1.png frames/f2.png it's/q.avi"
    )
    for name in names.split():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(*inputs: str) -> list[str]:
    return [path.as_posix() for path in find_videos(inputs)]


def test_a_folder_is_searched_through_and_through(tree):
    assert found(".") == [
        "clip[1].mp4", "v2.MP4", "v10.mp4", "deep/a.mkv", "deep/deeper/b.webm", "frames", "it's/q.avi",
    ]  # fmt: skip
    assert found(str(tree / "deep")) == [str(tree / "deep/a.mkv"), str(tree / "deep/deeper/b.webm")]


def test_files_are_kept_whatever_they_are(tree):
    assert found("notes.txt", "absent.mp4", ".hidden.mp4") == ["notes.txt", "absent.mp4", ".hidden.mp4"]


def test_patterns(tree):
    assert found("*.mp4") == ["clip[1].mp4", "v10.mp4"]
    assert found("v*") == ["v2.MP4", "v10.mp4"]
    assert found("**/*.mkv") == ["deep/a.mkv"]
    assert found("**/*.webm", "d*") == ["deep/deeper/b.webm", "deep/a.mkv"]
    assert found("*.bin") == ["data.bin"]
    assert found("v[0-9].MP4") == ["v2.MP4"]


def test_names_that_look_like_patterns(tree):
    assert found("clip[1].mp4") == ["clip[1].mp4"]


def test_nothing_twice(tree):
    assert found("v10.mp4", "*.mp4", "./v10.mp4", str(tree / "v10.mp4")) == ["v10.mp4", "clip[1].mp4"]


def test_a_folder_of_images_is_one_video(tree):
    assert found("frames") == ["frames"]
    assert found("frames/*.png") == ["frames/f1.png", "frames/f2.png"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("empty", r"no videos in empty: looked for .*\.mp4"),
        ("*.xyz", r"no video matches \*\.xyz"),
        (".cache/*.avi", "no"),
    ],
)
def test_nothing_found_gets_one_line(tree, text, words):
    with pytest.raises(VideoError, match=words):
        find_videos(["v10.mp4", text])


def test_no_inputs():
    assert find_videos([]) == []
