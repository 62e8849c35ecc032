"""Every kind of file that both decoders are tried on: how it is made and what is right."""

from __future__ import annotations

from dataclasses import dataclass, field

import odd_files as odd


@dataclass(frozen=True)
class Odd:
    """A kind of file: how it is made, what its frames are numbered, when they are shown, and by whom."""

    make: object
    numbers: range = range(75)
    seconds: list[float] = field(default_factory=lambda: [n / 25 for n in range(75)])
    trusted: bool = False
    last_seconds: float = 0.04


def steady(count: int, first: int = 0, **more: object) -> dict[str, object]:
    """`count` frames, 25 a second, numbered from `first`."""
    return {"numbers": range(first, first + count), "seconds": [n / 25 for n in range(count)], **more}


def coded(suffix: str, *words: object, **more: object):
    """A maker of a plain clip in another format."""
    return lambda folder: odd.encode(folder / f"coded{suffix}", *words, **more)


SLOW_FRAMES = [n * (n + 9) * 0.002 for n in range(75)]
XVID = ("-c:v", "mpeg4", "-vtag", "XVID", "-q:v", "3", "-g", "40", "-bf", "2")

KINDS = {
    "mp4": Odd(odd.plain, trusted=True),
    "one key frame": Odd(
        lambda folder: odd.encode(folder / "long.mp4", *odd.LONG_GOP, num_frames=400),
        **steady(400),
        trusted=True,
    ),
    "offset mkv": Odd(odd.offset_start, trusted=True),
    "offset mp4": Odd(lambda folder: odd.offset_start(folder, ".mp4"), trusted=True),
    "offset ts": Odd(lambda folder: odd.offset_start(folder, ".ts")),
    "variable mp4": Odd(odd.variable_rate, seconds=SLOW_FRAMES, trusted=True),
    "variable mkv": Odd(lambda folder: odd.variable_rate(folder, ".mkv"), seconds=SLOW_FRAMES, trusted=True),
    "one frame": Odd(lambda folder: odd.encode(folder / "one.mp4", num_frames=1), **steady(1), trusted=True),
    "ten bits": Odd(coded(".mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p10le", "-g", "12"), trusted=True),
    "live mkv": Odd(coded(".mkv", *odd.H264, "-f", "matroska", "-live", "1")),
    "sound": Odd(coded(".mp4", *odd.H264, audio=True), trusted=True),
    "sound mkv": Odd(coded(".mkv", *odd.H264, audio=True), trusted=True),
    "gif": Odd(coded(".gif", "-vf", "format=gray")),
    "b-frames avi": Odd(odd.avi_with_b_frames, **steady(100)),
    "xvid avi": Odd(coded(".avi", *XVID, num_frames=120), **steady(120)),
    "h264 avi": Odd(coded(".avi", *odd.H264)),
    "mjpeg avi": Odd(coded(".avi", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p")),
    "cut at 1.0": Odd(lambda folder: odd.cut_without_encoding(folder, 1.0), **steady(175, 25)),
    "cut at 2.3": Odd(lambda folder: odd.cut_without_encoding(folder, 2.3), **steady(142, 58)),
    "cut at 3.5": Odd(lambda folder: odd.cut_without_encoding(folder, 3.5), **steady(112, 88)),
    "ts": Odd(coded(".ts", "-c:v", "mpeg2video", "-q:v", "3", "-g", "12", "-bf", "2")),
    "mpg": Odd(coded(".mpg", "-c:v", "mpeg2video", "-q:v", "3", "-g", "12", "-bf", "2")),
    "flv": Odd(coded(".flv", *odd.H264)),
    "vp9": Odd(
        coded(".webm", "-c:v", "libvpx-vp9", "-g", "12", "-deadline", "realtime", "-cpu-used", "8"),
        trusted=True,
    ),
    "open groups": Odd(coded(".mp4", *odd.H264, "-x264-params", "open_gop=1:scenecut=0")),
    "bare": Odd(coded(".h264", *odd.H264)),
    "fragments": Odd(coded(".mp4", *odd.H264, "-movflags", "frag_keyframe+empty_moov")),
}
OPTIONAL = {  # ffmpeg is often built without these encoders
    "hevc": Odd(
        coded(
            ".mp4", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error", "-g", "24"
        )
    ),
    "av1": Odd(coded(".mp4", "-c:v", "libsvtav1", "-preset", "12", "-crf", "20", "-g", "12")),
}
