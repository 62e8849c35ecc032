"""Makes odd video files whose every frame carries its own number, so that tests can tell which they got."""

from __future__ import annotations

import shutil
import struct
import subprocess
import zlib
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, HEIGHT, BLOCK = 160, 96, 32
BITS = 10  # of the number; the other five blocks hold a checksum


def ffmpeg_exe() -> str:
    """The ffmpeg on PATH, else the one that imageio-ffmpeg brings."""
    found = shutil.which("ffmpeg")
    if found:
        return found
    import imageio_ffmpeg

    return imageio_ffmpeg.get_ffmpeg_exe()


def ffmpeg(*words: object, stdin: bytes | None = None) -> None:
    """Run ffmpeg quietly; what it says on failure becomes the test's failure."""
    command = [ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-y", *map(str, words)]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr.decode(errors='replace')}"


def picture(index: int) -> np.ndarray:
    """(96, 160, 3) uint8: fifteen blocks, ten bits of the index and its remainder by 31."""
    code = index | (index % 31) << BITS
    bits = np.array([code >> bit & 1 for bit in range(15)], dtype=np.uint8).reshape(3, 5)
    grey = np.kron(bits * 190 + 32, np.ones((BLOCK, BLOCK), dtype=np.uint8))
    noise = np.random.default_rng(index).integers(0, 12, grey.shape, dtype=np.uint8)
    return np.stack([grey, grey + noise, grey], axis=-1)


def index_of(frame: np.ndarray) -> int:
    """The number that a frame (3, H, W) of any size carries; -1 where the checksum is wrong."""
    height, width = frame.shape[1:]
    rows = [int((row + 0.5) * height / 3) for row in range(3)]
    columns = [int((column + 0.5) * width / 5) for column in range(5)]
    bits = [
        int(frame[:, row - 3 : row + 3, column - 3 : column + 3].mean() > 127)
        for row in rows
        for column in columns
    ]
    code = sum(bit << place for place, bit in enumerate(bits))
    index, check = code & (1 << BITS) - 1, code >> BITS
    return index if check == index % 31 else -1


def indices_of(frames: np.ndarray) -> list[int]:
    """The numbers that frames (T, 3, H, W) carry."""
    return [index_of(frame) for frame in frames]


def encode(path: Path, *words: object, num_frames: int = 75, fps: object = 25, audio: bool = False) -> Path:
    """Frames 0..num_frames-1 at `fps`, encoded as `words` say (else h264, a key frame every 12)."""
    raw = b"".join(picture(index).tobytes() for index in range(num_frames))
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", fps, "-i", "pipe:0"]
    if audio:
        source += ["-f", "lavfi", "-i", f"sine=frequency=300:duration={num_frames / 25}", "-c:a", "aac"]
    ffmpeg(*source, *(words or H264), path, stdin=raw)
    return path


H264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "12", "-threads", "1")
LONG_GOP = (*H264[:-4], "-g", "250", "-bf", "3", "-threads", "1")
MPEG4 = ("-c:v", "mpeg4", "-q:v", "3", "-g", "12", "-bf", "2")


def plain(folder: Path) -> Path:
    """75 frames, 25 a second, h264 in mp4 with B-frames."""
    return encode(folder / "plain.mp4", *H264)


def offset_start(folder: Path, suffix: str = ".mkv") -> Path:
    """The same, the first frame at 5 s."""
    return encode(folder / f"offset{suffix}", *H264, "-output_ts_offset", "5")


def variable_rate(folder: Path, suffix: str = ".mp4") -> Path:
    """75 frames, of which each stays on longer than the one before: frame n comes at n (n + 9) / 500 s."""
    filters = ("-vf", "settb=1/1000,setpts=N*(N+9)*2", "-fps_mode", "passthrough", "-enc_time_base", "1:1000")
    return encode(folder / f"vfr{suffix}", *filters, *H264)


def rotated(folder: Path, degrees: int = 90) -> Path:
    """A display matrix in the header: a player turns the frames by so many degrees clockwise."""
    data = bytearray(encode(folder / "straight.mp4", *H264).read_bytes())
    cosine, sine = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    place = data.index(b"tkhd") + 44  # the matrix stands 44 bytes behind the box's name
    data[place : place + 36] = np.array(
        [cosine << 16, sine << 16, 0, -sine << 16, cosine << 16, 0, 0, 0, 1 << 30], dtype=">i4"
    ).tobytes()
    path = folder / f"rotated{degrees}.mp4"
    path.write_bytes(bytes(data))
    return path


def cut_without_encoding(folder: Path, seconds: float) -> Path:
    """The plain clip cut at a frame that is no key frame: the mp4 gets an edit list."""
    whole = encode(
        folder / "whole.mp4", *LONG_GOP[:-4], "-g", "40", "-bf", "3", "-threads", "1", num_frames=200
    )
    path = folder / f"cut{seconds}.mp4"
    ffmpeg("-ss", seconds, "-i", whole, "-c", "copy", path)
    return path


def avi_with_b_frames(folder: Path) -> Path:
    """MPEG-4 with two B-frames between the others and a key frame every twelve, in AVI."""
    return encode(folder / "bframes.avi", *MPEG4, num_frames=100)


def truncated(source: Path, part: float, name: str) -> Path:
    """The first `part` of a file's bytes."""
    path = source.with_name(name)
    data = source.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    return path


def damaged(source: Path, name: str, seed: int = 0, *, begin: float = 0.45, end: float = 0.55) -> Path:
    """Random bytes in the stretch from `begin` to `end` of a file."""
    path = source.with_name(name)
    data = bytearray(source.read_bytes())
    first, last = int(len(data) * begin), int(len(data) * end)
    data[first:last] = np.random.default_rng(seed).integers(0, 256, last - first, dtype=np.uint8).tobytes()
    path.write_bytes(bytes(data))
    return path


def without_moov(folder: Path) -> Path:
    """An mp4 whose index, at the end of the file, is missing."""
    return truncated(encode(folder / "tail.mp4", *H264), 0.7, "nomoov.mp4")


def audio_only(folder: Path) -> Path:
    """An mp4 with sound and no picture."""
    path = folder / "sound.mp4"
    ffmpeg("-f", "lavfi", "-i", "sine=frequency=300:duration=1", "-c:a", "aac", path)
    return path


def with_matrix(source: Path, matrix: tuple[int, int, int, int], name: str) -> Path:
    """An mp4 or mov with a display matrix: (x, y) goes to (m0 x + m2 y, m1 x + m3 y)."""
    data = bytearray(source.read_bytes())
    a, b, c, d = (number << 16 for number in matrix)
    place = data.index(b"tkhd") + 44
    data[place : place + 36] = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], dtype=">i4").tobytes()
    path = source.with_name(name)
    path.write_bytes(bytes(data))
    return path


def joined(path: Path, *parts: Path) -> Path:
    """Files one behind the other, byte for byte, as copied discs and downloads in pieces are."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def frames_by_ffmpeg(path: Path, width: int, height: int) -> np.ndarray:
    """(T, H, W, 3): every frame that ffmpeg's command line shows of a file, errors ignored."""
    command = [ffmpeg_exe(), "-v", "quiet", "-i", str(path), "-fps_mode", "passthrough"]
    command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    shown = subprocess.run(command, capture_output=True, check=False).stdout
    return np.frombuffer(shown, dtype=np.uint8).reshape(-1, height, width, 3)


@cache
def png_that_claims(width: int, height: int) -> bytes:
    """A grey PNG of a few kilobytes, all of one level."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(height * (1 + (width + 7) // 8)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
