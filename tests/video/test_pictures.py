"""Folders and lists of pictures: read in a child, within bounds, whatever is in the files."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import odd_files as odd
import pytest
from PIL import Image

from zeroshot.errors import VideoError
from zeroshot.video.pictures import images_in, rgb, stacked_files
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.sampling import Sampling
from zeroshot.video.source import clips_from_frames

if TYPE_CHECKING:
    from zeroshot.types import Clip

EIGHT = Sampling(8)
SUFFIXES = (".png", ".jpg", ".bmp", ".webp", ".tiff", ".ppm")


@pytest.fixture(scope="module")
def reader():
    with ClipReader(1) as shared:
        yield shared


def written(folder: Path, count: int = 8, pattern: str = "{:03d}.png", first: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    for number in range(count):
        Image.fromarray(odd.picture(first + number)).save(folder / pattern.format(number))
    return folder


def shown(clips: tuple[Clip, ...]) -> list[int]:
    return odd.indices_of(clips[0].frames)


def test_folders_and_lists_of_paths_are_read_in_a_child(reader, tmp_path, monkeypatch):
    folder = written(tmp_path / "frames", 16)
    paths = sorted(folder.iterdir())
    monkeypatch.setattr(Image, "open", None)  # nobody can open a picture here
    assert shown(reader.read(folder, EIGHT)) == [1, 3, 5, 7, 9, 11, 13, 15]
    assert shown(reader.read(paths, EIGHT)) == [1, 3, 5, 7, 9, 11, 13, 15]
    assert shown(reader.read([str(path) for path in reversed(paths)], EIGHT)) == [14, 12, 10, 8, 6, 4, 2, 0]
    [[film, by_paths]] = reader.read_films([(folder, paths)], 60, 999)
    assert shown((film.clip,)) == shown((by_paths.clip,)) == list(range(16))


def test_a_list_names_what_is_wrong_as_it_was_named(reader, tmp_path, monkeypatch):
    monkeypatch.chdir(written(tmp_path / "frames", 2))
    Path("bad.png").write_text("no picture")
    with pytest.raises(VideoError, match=r"^cannot read the frame bad\.png: "):
        reader.read(["000.png", "bad.png"], EIGHT)
    with pytest.raises(VideoError, match=r"^cannot read the frame absent\.png: No such file"):
        reader.read(["absent.png"], EIGHT)


def test_a_pipe_among_the_frames_is_one_line(reader, tmp_path):
    folder = written(tmp_path / "frames")
    (folder / "000.png").unlink()
    os.mkfifo(folder / "000.png")
    with pytest.raises(VideoError, match=r"000\.png: it is no file; remove it"):
        reader.read(folder, EIGHT)


def test_small_pictures_that_claim_to_be_huge_take_no_memory(reader, tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(8):
        (folder / f"{number}.png").write_bytes(odd.png_that_claims(9001, 9007))
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1 << 20
    with pytest.raises(VideoError, match=r"are 9001×9007; 8 of them at once may have 34 million pixels each"):
        reader.read(folder, EIGHT)
    (folder / "0.png").write_bytes(odd.png_that_claims(60000, 60000))
    with pytest.raises(VideoError, match=r"0\.png: .*exceeds limit"):
        reader.read(folder, EIGHT)


def test_what_is_sampled_twice_is_decoded_once(tmp_path, monkeypatch):
    folder = written(tmp_path / "frames", 2)
    opened = []
    real = Image.open
    monkeypatch.setattr(Image, "open", lambda path, *rest: opened.append(path) or real(path, *rest))
    [clip] = clips_from_frames(folder, EIGHT)
    assert odd.indices_of(clip.frames) == [0] * 4 + [1] * 4
    assert len(opened) == 4, "each for its size and for its pixels"
    assert stacked_files([folder / "000.png"], "x").shape == (1, 3, 96, 160)


def test_sixteen_bits_of_grey_keep_their_upper_eight(tmp_path):
    levels = (np.arange(96 * 160, dtype=np.uint16).reshape(96, 160) * 4).astype(np.uint16)
    Image.fromarray(levels).save(tmp_path / "0.png")
    with Image.open(tmp_path / "0.png") as image:
        assert np.array_equal(rgb(image)[..., 1], levels >> 8)
        [clip] = clips_from_frames([image, image], Sampling(2))
    assert np.array_equal(clip.frames[0, 0], levels >> 8)
    [clip] = clips_from_frames([str(tmp_path / "0.png")], Sampling(1))
    assert np.array_equal(clip.frames[0, 2], levels >> 8)


@pytest.mark.parametrize("suffix", [".webp", ".png"])
def test_an_animation_among_stills_is_refused_by_name(reader, tmp_path, suffix):
    folder = written(tmp_path / "frames", 8, f"{{:03d}}{suffix}")
    first, *others = [Image.fromarray(odd.picture(number)) for number in range(5)]
    first.save(folder / f"003{suffix}", save_all=True, append_images=others)
    words = rf"003\{suffix}: it is an animation of 5 frames, which is a video; name it by itself"
    with pytest.raises(VideoError, match=words):
        reader.read(folder, EIGHT)
    assert len(set(shown(reader.read(folder / f"003{suffix}", Sampling(5))))) == 5, "by itself it is a video"


def test_further_pictures_that_are_no_animation_are_left_aside(reader, tmp_path):
    folder = written(tmp_path / "frames", 2, "{:03d}.tiff")
    page, thumbnail = (Image.fromarray(odd.picture(number)) for number in (1, 9))
    page.save(folder / "001.tiff", save_all=True, append_images=[thumbnail])
    assert shown(reader.read(folder, Sampling(2))) == [0, 1]


def test_several_series_in_a_folder_are_refused_by_name_or_one_is_chosen(reader, tmp_path):
    folder = written(tmp_path / "frames", 8, "img_{:05d}.jpg")
    written(folder, 8, "flow_x_{:05d}.jpg", first=100)
    (folder / "poster.jpg").write_bytes((folder / "img_00000.jpg").read_bytes())
    words = (
        r"holds 2 series of numbered images, flow_x_\* \(8\), img_\* \(8\); choose one with --series 'flow"
    )
    with pytest.raises(VideoError, match=words):
        reader.read(folder, EIGHT)
    assert shown(reader.read(folder, Sampling(8, series="img_*"))) == list(range(8))
    assert shown(reader.read(folder, Sampling(8, series="flow_x_*"))) == list(range(100, 108))
    with pytest.raises(VideoError, match=r"no image in it is called depth_\*"):
        reader.read(folder, Sampling(8, series="depth_*"))


def test_times_and_numbers_of_several_parts_are_one_series(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for name in (
        "2024-01-01_10-00-59.png",
        "2024-01-01_10-01-00.png",
        "2024-01-01_10-01-01.png",
        "cover.png",
    ):
        (folder / name).touch()
    assert [path.name for path in images_in(folder)][:2] == [
        "2024-01-01_10-00-59.png",
        "2024-01-01_10-01-00.png",
    ]
    assert len(images_in(folder)) == 4


def mutated(path: Path, draw: random.Random) -> None:
    """Change a file as damage and malice do."""
    data = bytearray(path.read_bytes())
    kind = draw.randrange(8)
    if kind == 0:
        data = data[: draw.randrange(len(data))]
    elif kind == 1:
        data = bytearray(draw.randbytes(draw.randrange(400)))
    elif kind == 2:
        place = draw.randrange(min(64, len(data)))
        data[place : place + 4] = draw.choice([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"])
    elif kind == 3:
        path.unlink()
        draw.choice(
            [os.mkfifo, Path.mkdir, lambda at: at.symlink_to("nowhere"), lambda at: at.symlink_to(at)]
        )(path)
        return
    else:
        for _ in range(draw.randrange(1, 40)):
            data[draw.randrange(len(data))] = draw.randrange(256)
    path.write_bytes(data)


def fuzzed(folder: Path, number: int) -> tuple[Path, dict[str, np.ndarray]]:
    """A folder with some damaged frames; of its files those that are sound, as they should look."""
    draw = random.Random(number)
    folder.mkdir()
    suffix = draw.choice(SUFFIXES)
    truth = {}
    for place in range(6):
        path = folder / f"{place}{suffix}"
        Image.fromarray(odd.picture(place)).save(path)
        if draw.random() < 0.5:
            mutated(path, draw)
        else:
            with Image.open(path) as image:
                truth[path.name] = np.asarray(image.convert("RGB"))
    if not list(folder.iterdir()):
        Image.fromarray(odd.picture(0)).save(folder / f"0{suffix}")
    return folder, truth


def fuzz(tmp_path: Path, numbers: range) -> None:
    """Every folder is read in time, or gets one line; sound frames look right; nothing is written."""
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    failed = 0
    with ClipReader(2, time_limit_seconds=10.0) as reader:
        pairs = [fuzzed(inside / str(number), number) for number in numbers]
        before = sorted(str(path) for path in tmp_path.rglob("*"))
        truths = dict(pairs)
        for folder, outcome in reader.read_many([folder for folder, _ in pairs], Sampling(6)):
            if isinstance(outcome, VideoError):
                failed += 1
                assert str(outcome).isprintable()
                assert str(folder) in str(outcome)
                continue
            names = sorted(path.name for path in folder.iterdir())
            assert len(names) == 6, "a frame is missing without a word"
            for place, name in enumerate(names):
                if name in truths[folder]:
                    assert np.array_equal(outcome[0].frames[place].transpose(1, 2, 0), truths[folder][name])
    assert before == sorted(str(path) for path in tmp_path.rglob("*"))
    assert 0 < failed < len(pairs)


def test_forty_damaged_folders(tmp_path):
    fuzz(tmp_path, range(40))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_five_hundred_damaged_folders(tmp_path):
    fuzz(tmp_path, range(40, 600))
