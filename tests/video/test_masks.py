"""Masks: npz files, folders of pictures, videos; each read in a child, right or refused in one line."""

from __future__ import annotations

import io
import os
import random
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import odd_files as odd
import pytest
from PIL import Image

from zeroshot.errors import VideoError
from zeroshot.video.masks import read_mask
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.source import MaskFile
from zeroshot.video.write import write_video

if TYPE_CHECKING:
    from zeroshot.video.decoders.all_frames import Film

SHAPE = (6, 48, 64)
LEVELS = (np.random.default_rng(0).random(SHAPE) * 200).astype(np.uint8)
LEVELS[:, 10:30, 20:40] = 255
PERSON = LEVELS == 255


@pytest.fixture(scope="module")
def reader():
    with ClipReader(1, time_limit_seconds=10.0) as shared:
        yield shared


def pictures(folder: Path, levels: np.ndarray, suffix: str = ".png") -> Path:
    folder.mkdir()
    for number, level in enumerate(levels):
        Image.fromarray(level).save(folder / f"{number}{suffix}")
    return folder


def packed(path: Path, *, compressed: bool = True, **arrays: np.ndarray) -> Path:
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    return path


def outcome(reader: ClipReader, path: Path, side: int = 10_000) -> Film | VideoError:
    [[film]] = reader.read_films([[MaskFile(path)]], 60.0, side)
    return film


def test_every_kind_is_read_in_a_child(reader, tmp_path, monkeypatch):
    paths = [
        packed(tmp_path / "soft.npz", masks=LEVELS),
        packed(tmp_path / "raw.npz", compressed=False, arr_0=LEVELS),
        packed(tmp_path / "several.npz", masks=LEVELS, other=np.zeros(3)),
        packed(tmp_path / "columns.npz", masks=np.asfortranarray(LEVELS)),
        pictures(tmp_path / "folder", LEVELS),
    ]
    sure = [packed(tmp_path / "sure.npz", masks=PERSON), pictures(tmp_path / "ones", PERSON.astype(np.uint8))]
    write_video(tmp_path / "shown.mp4", (PERSON * np.uint8(255))[:, None].repeat(3, 1), 8.0, crf=None)
    monkeypatch.setattr(Image, "open", None)
    monkeypatch.setattr(np, "load", None)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    for path in paths:
        film = outcome(reader, path)
        assert np.array_equal(film.clip.frames, LEVELS[:, None].repeat(3, 1)), path
        assert film.native_size == (48, 64)
    for path in [*sure, tmp_path / "shown.mp4"]:
        assert np.array_equal(outcome(reader, path).clip.frames[:, 0], PERSON * np.uint8(255)), path
    half = outcome(reader, paths[0], 24)
    assert (half.clip.frames.shape, half.native_size) == ((6, 3, 24, 32), (48, 64))


def npz_that_claims(path: Path, shape: tuple[int, ...], words: str = "|u1", content: bytes = b"") -> Path:
    """An archive whose array's head says what is not there."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": words, "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("masks.npy", head.getvalue() + content)
    return path


HOSTILE = {
    "huge head": (
        lambda at: npz_that_claims(at / "m.npz", (10**6, 10**5, 10**5)),
        "has 1000000 frames of 100000×100000 pixels, more than fits",
    ),
    "bomb": (
        lambda at: npz_that_claims(at / "m.npz", (1 << 13, 400, 400), content=bytes(1 << 20)),
        "has 8192 frames of 400×400 pixels, more than fits",
    ),
    "negative": (lambda at: npz_that_claims(at / "m.npz", (-1, 4, 4)), "has shape (-1, 4, 4)"),
    "two axes": (lambda at: npz_that_claims(at / "m.npz", (4, 4)), "has shape (4, 4); expected (T, H, W)"),
    "no frame": (lambda at: npz_that_claims(at / "m.npz", (0, 4, 4)), "has shape (0, 4, 4)"),
    "objects": (lambda at: npz_that_claims(at / "m.npz", (1, 4, 4), "|O"), "is object; expected booleans"),
    "floats": (lambda at: packed(at / "m.npz", masks=LEVELS / 255), "is float64; expected booleans or uint8"),
    "short": (lambda at: npz_that_claims(at / "m.npz", (1, 4, 4), content=b"123"), "cannot read the mask"),
    "long": (lambda at: npz_that_claims(at / "m.npz", (1, 1, 1), content=b"123"), "longer than it says"),
    "two": (lambda at: packed(at / "m.npz", a=LEVELS, b=LEVELS), "holds 2 arrays; expected one, or one"),
    "one array": (
        lambda at: np.save(at / "m.npy", LEVELS) or (at / "m.npy").rename(at / "m.npz"),
        "is not a zip file; expected what numpy.savez wrote",
    ),
    "pipe": (lambda at: os.mkfifo(at / "m.npz"), "cannot read the mask"),
    "gone": (lambda at: at / "m.npz", "No such file"),
    "empty folder": (lambda at: (at / "m.npz").mkdir(), "holds no images; expected one a frame"),
    "pipe for a picture": (lambda at: _pipe_inside(at) or at / "m.npz", "it is no file; remove it"),
    "damaged picture": (
        lambda at: _inside(at, "9.webp", b"RIFF\x40\0\0\0WEBPVP8 \xff"),
        "cannot read the mask",
    ),
    "huge picture": (lambda at: _inside(at, "9.png", odd.png_that_claims(60_000, 60_000)), "exceeds limit"),
    "sizes": (lambda at: _inside(at, "9.png", odd.png_that_claims(9, 9)), "has images of several sizes"),
    "words": (lambda at: (at / "m.mp4").write_text("no video") and at / "m.mp4", "cannot decode"),
}


def _inside(at: Path, name: str, content: bytes) -> Path:
    (pictures(at / "m.npz", LEVELS) / name).write_bytes(content)
    return at / "m.npz"


def _pipe_inside(at: Path) -> None:
    pictures(at / "m.npz", LEVELS)
    (at / "m.npz" / "3.png").unlink()
    os.mkfifo(at / "m.npz" / "3.png")


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_mask_is_one_line(kind, reader, tmp_path):
    make, words = HOSTILE[kind]
    path = make(tmp_path)
    path = path if isinstance(path, Path) else tmp_path / "m.npz"
    said = outcome(reader, path)
    assert isinstance(said, VideoError)
    assert words in str(said)
    assert str(path) in str(said)
    assert str(said).isprintable()


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "m.npz")
    with pytest.raises(VideoError, match="no file"):
        read_mask(tmp_path / "m.npz", 60.0, 100)


def mutated(path: Path, draw: random.Random) -> None:
    """Change one file of a mask."""
    file = draw.choice(sorted(path.iterdir())) if path.is_dir() else path
    data = bytearray(file.read_bytes())
    kind = draw.randrange(6)
    if kind == 0:
        data = data[: draw.randrange(len(data))]
    elif kind == 1:
        first = draw.randrange(len(data))
        data[first : first + draw.randrange(1, 99)] = draw.randbytes(draw.randrange(99))
    elif kind == 2:
        place = draw.randrange(min(300, len(data)))  # heads of archives, of arrays, of pictures
        data[place] = draw.randrange(256)
    elif kind == 3:
        place = draw.randrange(max(1, len(data) - 120), len(data))  # the list of an archive
        data[place] = draw.randrange(256)
    else:
        for _ in range(draw.choice([1, 1, 1, 30])):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    file.write_bytes(data)


def fuzz(tmp_path: Path, numbers: range) -> tuple[int, int]:
    """So many damaged masks: the truth or one line, in time; nothing is written. How many of each."""
    seeds = [
        packed(tmp_path / "packed.npz", masks=LEVELS),
        packed(tmp_path / "raw.npz", compressed=False, masks=PERSON, other=np.arange(9)),
        pictures(tmp_path / "folder", LEVELS),
        write_video(tmp_path / "shown.mp4", (PERSON * np.uint8(255))[:, None].repeat(3, 1), 8.0, crf=None)
        or tmp_path / "shown.mp4",
    ]
    made = tmp_path / "made"
    made.mkdir()
    paths = []
    for number in numbers:
        seed = seeds[number % len(seeds)]
        paths.append(made / f"{number}{seed.suffix}")
        (shutil.copytree if seed.is_dir() else shutil.copy)(seed, paths[-1])
        mutated(paths[-1], random.Random(number))
    before = sorted(tmp_path.rglob("*"))
    read = refused = 0
    truths = {".npz": [LEVELS, PERSON * np.uint8(255)]}
    with ClipReader(2, time_limit_seconds=10.0) as reader:
        groups = ([MaskFile(path)] for path in paths)
        for path, (film,) in zip(paths, reader.read_films(groups, 60.0, 1000), strict=True):
            if isinstance(film, VideoError):
                refused += 1
                assert str(film).isprintable()
                assert str(path) in str(film)
                assert "took longer" not in str(film)
                continue
            read += 1
            levels = film.clip.frames[:, 0]
            if path.suffix in truths:
                assert any(np.array_equal(levels, truth) for truth in truths[path.suffix]), path
            elif path.is_dir():
                assert sum(np.array_equal(*pair) for pair in zip(levels, LEVELS, strict=True)) >= 5, path
            else:
                assert set(np.unique(levels)) <= {0, 255}
    assert sorted(tmp_path.rglob("*")) == before
    return read, refused


def test_forty_damaged_masks(tmp_path):
    assert min(fuzz(tmp_path, range(40))) > 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_six_hundred_damaged_masks(tmp_path):
    assert min(fuzz(tmp_path, range(40, 640))) > 0
