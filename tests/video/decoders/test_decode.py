"""Both decoders on files of every odd kind: which frames come, when they are shown, and what is refused.

Covers: video/decoders/packets, video/decoders/pyav.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import odd_files as odd
import pytest
from odd_kinds import KINDS, OPTIONAL, Odd
from PIL import Image

from zeroshot.errors import OptionError, VideoError
from zeroshot.video.decoders import decord as decord_reader
from zeroshot.video.decoders import stream
from zeroshot.video.decoders.decode import probe, read_clips, read_windows
from zeroshot.video.decoders.picture import box_mean, reduction
from zeroshot.video.sampling import Sampling, frame_times

if TYPE_CHECKING:
    from pathlib import Path

needs_decord = pytest.mark.skipif(not decord_reader.is_installed(), reason="decord has no wheel here")

SAMPLINGS = {
    "eight": Sampling(8),
    "views": Sampling(3, num_views=3),
    "random": Sampling(8, seed=3),
    "stride": Sampling(6, stride_seconds=0.09, num_views=2),
    "dense": Sampling(60),
    "window": Sampling(5, start_seconds=0.5, end_seconds=1.4),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    """One file of each kind."""
    made = {}
    for number, (name, kind) in enumerate((KINDS | OPTIONAL).items()):
        try:
            made[name] = kind.make(tmp_path_factory.mktemp(f"odd{number}"))
        except AssertionError:
            if name not in OPTIONAL:
                raise
    return made


def file_of(files: dict[str, Path], name: str) -> Path:
    if name not in files:
        pytest.skip(f"ffmpeg has no encoder for {name}")
    return files[name]


def expected(kind: Odd, sampling: Sampling) -> tuple[list[int], list[float]]:
    """Numbers and seconds of the frames that are shown at a sampling's moments, from first principles."""
    times = frame_times(sampling, kind.seconds[-1] + kind.last_seconds).reshape(-1)
    rows = [max(n for n, shown in enumerate(kind.seconds) if shown <= time + 1e-6) for time in times]
    return [kind.numbers[row] for row in rows], [kind.seconds[row] for row in rows]


def seen(clips) -> tuple[list[int], list[float]]:
    """Numbers and seconds of the frames of some clips."""
    numbers = [number for clip in clips for number in odd.indices_of(clip.frames)]
    return numbers, [second for clip in clips for second in clip.seconds.tolist()]


def fits(name: str, sampling: Sampling) -> bool:
    return not (name == "one frame" and sampling.start_seconds > 0)


@pytest.mark.parametrize("name", [*KINDS, *OPTIONAL])
@pytest.mark.parametrize("decoder", ["pyav", "auto"])
def test_the_frames_shown_at_each_moment(files, name, decoder):
    path, kind = file_of(files, name), (KINDS | OPTIONAL)[name]
    if name.startswith("variable"):
        kind = Odd(
            kind.make,
            kind.numbers,
            kind.seconds,
            last_seconds=probe(path).duration_seconds - kind.seconds[-1],
        )
    for sampling in SAMPLINGS.values():
        if fits(name, sampling):
            numbers, seconds = seen(read_clips(path, sampling, decoder=decoder))
            assert (numbers, pytest.approx(seconds, abs=6e-4)) == expected(kind, sampling)


@needs_decord
@pytest.mark.parametrize("name", [*KINDS, *OPTIONAL])
def test_decord_shows_the_same_frames_or_is_not_let_near(files, name):
    path, kind = file_of(files, name), (KINDS | OPTIONAL)[name]
    if not kind.trusted:
        with pytest.raises(VideoError, match=r"decord can.* use the decoder pyav"):
            read_clips(path, Sampling(8), decoder="decord")
        return
    for sampling in SAMPLINGS.values():
        if fits(name, sampling):
            ours = read_clips(path, sampling, decoder="pyav")
            theirs = read_clips(path, sampling, decoder="decord")
            assert seen(theirs) == seen(ours)
            if name != "ten bits":  # each dithers in its own way
                assert all(np.array_equal(a.frames, b.frames) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("decoder", ["pyav", pytest.param("decord", marks=needs_decord)])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_is_applied(tmp_path, degrees, decoder):
    path = odd.rotated(tmp_path, degrees)
    straight = read_clips(tmp_path / "straight.mp4", Sampling(4))[0].frames
    turned = read_clips(path, Sampling(4), decoder=decoder)[0].frames
    assert np.array_equal(np.rot90(turned, degrees // 90, axes=(2, 3)), straight)
    info = probe(path)
    assert (info.height, info.width) == turned.shape[2:]
    assert info.rotation == (360 - degrees) % 360


def test_rotation_is_that_of_ffmpeg(tmp_path):
    path = odd.rotated(tmp_path, 90)
    odd.ffmpeg("-i", path, "-frames:v", "1", tmp_path / "first.png")
    shown = np.asarray(Image.open(tmp_path / "first.png").convert("RGB")).transpose(2, 0, 1)
    ours = read_clips(path, Sampling(1, end_seconds=0.01))[0].frames[0]
    assert np.abs(shown.astype(int) - ours).max() <= 2


@pytest.mark.parametrize("decoder", ["pyav", pytest.param("decord", marks=needs_decord)])
@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
def test_colours_follow_the_matrix_in_the_header(tmp_path, matrix, decoder):
    pixels = np.empty((96, 160, 3), dtype=np.uint8)
    pixels[:, :80], pixels[:, 80:] = (40, 200, 40), (200, 40, 40)
    tag = {"bt601": "smpte170m", "bt709": "bt709"}[matrix]
    path = tmp_path / "flat.mp4"
    source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "160x96", "-i", "pipe:0")
    coding = ("-pix_fmt", "yuv420p", "-colorspace", tag, "-c:v", "libx264", "-crf", "5")
    odd.ffmpeg(*source, "-vf", f"scale=out_color_matrix={matrix}", *coding, path, stdin=pixels.tobytes() * 3)
    frame = read_clips(path, Sampling(1), decoder=decoder)[0].frames[0].astype(int)
    assert np.abs(frame[:, 50, 40] - (40, 200, 40)).max() <= 4
    assert np.abs(frame[:, 50, 120] - (200, 40, 40)).max() <= 4


def test_what_a_file_says_of_itself(files):
    info = probe(files["offset mkv"])
    assert (info.width, info.height, info.codec, info.rotation) == (160, 96, "h264", 0)
    assert info.fps == pytest.approx(25)
    assert info.start_seconds == pytest.approx(5)
    assert info.duration_seconds == pytest.approx(3)
    assert info.path == str(files["offset mkv"])


def test_windows_are_read_like_clips_of_their_own(files):
    windows = [(0.0, 1.0), (0.5, 1.5), (2.0, 9.0)]
    clips = read_windows(files["mp4"], windows, 4)
    for (start, end), clip in zip(windows, clips, strict=True):
        alone = read_clips(files["mp4"], Sampling(4, start_seconds=start, end_seconds=end))[0]
        assert seen([clip]) == seen([alone])


def test_a_window_behind_the_end_is_refused(files):
    with pytest.raises(OptionError, match="but the video lasts"):
        read_clips(files["mp4"], Sampling(start_seconds=30.0))
    with pytest.raises(OptionError, match="but the video lasts"):
        read_windows(files["mp4"], [(0.0, 1.0), (30.0, 31.0)], 4)


def test_eight_frames_of_a_long_file_are_not_decoded_from_the_start(tmp_path, monkeypatch):
    path = odd.encode(tmp_path / "long.mp4", *odd.H264, num_frames=1000)
    decoded = 0
    original = stream.PacketStream.decode

    def counting(self, packet):
        nonlocal decoded
        decoded += packet is not None
        return original(self, packet)

    monkeypatch.setattr(stream.PacketStream, "decode", counting)
    numbers, _ = seen(read_clips(path, Sampling(8), decoder="pyav"))
    assert numbers == [62, 187, 312, 437, 562, 687, 812, 937]
    assert decoded <= 8 * 12 + 40  # a group of pictures each, and the first frame


@pytest.mark.parametrize(("suffix", "tolerance"), [(".ts", 0), (".flv", 0), (".mkv", 0), (".avi", 3)])
def test_long_files_of_other_containers_are_sought_through(tmp_path, suffix, tolerance):
    path = odd.encode(tmp_path / f"long{suffix}", *odd.H264, num_frames=700, fps=5)
    assert probe(path).duration_seconds == pytest.approx(140.0)
    for sampling in (Sampling(8), Sampling(4, num_views=2, stride_seconds=0.8)):
        numbers, _ = seen(read_clips(path, sampling))
        true = np.floor(frame_times(sampling, 140.0) * 5 + 1e-4).reshape(-1)
        assert np.abs(numbers - true).max() <= tolerance  # AVI: times are guesses behind a seek


def test_an_unknown_decoder_is_refused(files):
    with pytest.raises(OptionError, match="decoder is 'opencv'"):
        read_clips(files["mp4"], Sampling(8), decoder="opencv")


@pytest.mark.parametrize(
    "name",
    [
        "a b.mp4",
        'it\'s "quoted".mp4',
        "a:b.mp4",
        "100%d.mp4",
        "ビデオ.mp4",
        "-i.mp4",
        "a\nb.mp4",
        "\udcff.mp4",
    ],
)
def test_names_are_taken_literally(tmp_path, name, monkeypatch):
    odd.encode(tmp_path / "plain.mp4", num_frames=5).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert seen(read_clips(name, Sampling(5)))[0] == [0, 1, 2, 3, 4]


def test_reduced_frames_resize_to_the_same_picture(tmp_path):
    rows, columns = np.mgrid[0:1080, 0:1920]
    rng = np.random.default_rng(0)
    smooth = np.stack([rows / 6, columns / 9, (rows + columns) / 14], axis=-1)
    rough = np.kron(rng.integers(0, 80, (135, 240, 3)), np.ones((8, 8, 1)))
    pixels = (smooth + rough).clip(0, 255).astype(np.uint8)
    path = tmp_path / "large.mp4"
    source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "1920x1080", "-i", "pipe:0")
    odd.ffmpeg(
        *source,
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
        path,
        stdin=pixels.tobytes(),
    )
    native = read_clips(path, Sampling(1))[0].frames[0]
    small = read_clips(path, Sampling(1), shorter_side=224)[0].frames[0]
    assert native.shape == (3, 1080, 1920)
    assert small.shape == (3, 540, 960)
    ends = [
        np.asarray(
            Image.fromarray(frame.transpose(1, 2, 0)).resize((398, 224), Image.Resampling.BICUBIC),
            dtype=float,
        )
        for frame in (native, small)
    ]
    assert np.abs(ends[0] - ends[1]).mean() < 0.5


def test_reduction_keeps_twice_the_side_and_divides_evenly():
    assert reduction(1080, 1920, 224) == 2
    assert reduction(2160, 3840, 224) == 4
    assert reduction(720, 1280, 224) == 1
    assert reduction(1081, 1920, 224) == 1
    assert reduction(1080, 1920, None) == 1
    pixels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    means = pixels.reshape(2, 2, 3, 2, 3).mean(axis=(1, 3))
    assert np.abs(box_mean(pixels, 2) - means).max() <= 0.5


@needs_decord
def test_decoders_agree_on_real_clips(real_clips):
    compared = 0
    for path in real_clips:
        ours = read_clips(path, Sampling(8), decoder="pyav")[0]
        assert ours.frames.shape[0] == 8
        assert (np.diff(ours.seconds) > 0).all()
        try:
            theirs = read_clips(path, Sampling(8), decoder="decord")[0]
        except VideoError as refusal:
            squared = "its pixels are not square" in str(refusal)
            assert squared or path.suffix in {".avi", ".mpg"}, f"decord was refused {path}"
            continue
        compared += 1
        assert np.array_equal(ours.frames, theirs.frames)
        assert np.array_equal(ours.seconds, theirs.seconds)
    assert compared


def test_seeking_shows_what_decoding_from_the_start_shows(real_clips):
    import av

    for path in real_clips:
        clip = read_clips(path, Sampling(6), decoder="raw")[0]
        with av.open(str(path)) as container:
            rate = float(container.streams.video[0].average_rate)
            shown = [(frame.time, frame) for frame in container.decode(video=0)]
        if path.suffix == ".avi":  # its times are guesses, and come in disorder
            shown = [(index / rate, frame) for index, (_, frame) in enumerate(shown)]
        start = shown[0][0]
        for second, frame in zip(clip.seconds, clip.frames, strict=True):
            _, true = min(shown, key=lambda pair, moment=start + second: abs(pair[0] - moment))
            assert np.array_equal(true.to_ndarray(format="rgb24").transpose(2, 0, 1), frame)


def test_decoding_needs_no_torch():
    modules = "zeroshot.video.processes.child, zeroshot.video.processes.reader"
    program = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
