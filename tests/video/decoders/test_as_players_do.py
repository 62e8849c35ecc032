"""What a person sees: square pixels, an ordinary screen's range, no noise of encrypted files; all of it.

Covers: video/decoders/animated, video/decoders/encryption, video/decoders/orientation.
"""

from __future__ import annotations

import numpy as np
import odd_files as odd
import pytest
from PIL import Image

from zeroshot.errors import VideoError
from zeroshot.video.decoders import decord as decord_reader
from zeroshot.video.decoders import tone
from zeroshot.video.decoders.all_frames import read_film
from zeroshot.video.decoders.by_name import DECODERS
from zeroshot.video.decoders.decode import probe, read_clips
from zeroshot.video.decoders.tone import standard_range
from zeroshot.video.sampling import Sampling


def centred_cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of all pixels."""
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


@pytest.mark.parametrize(("aspect", "width"), [("64/45", 228), ("2", 320), ("1/2", 80), ("1001/1000", 160)])
def test_pixels_become_square(tmp_path, aspect, width):
    path = odd.encode(tmp_path / "wide.mp4", "-vf", f"setsar={aspect}", *odd.H264, num_frames=20)
    clip = read_clips(path, Sampling(4))[0]
    assert clip.frames.shape == (4, 3, 96, width)
    assert (probe(path).width, probe(path).height) == (width, 96)
    assert odd.indices_of(clip.frames) == [2, 7, 12, 17]
    stored = read_clips(path, Sampling(4), decoder="raw")[0]
    assert stored.frames.shape == (4, 3, 96, 160)
    assert read_film(path, 60, 999).clip.frames.shape == (20, 3, 96, width)


@pytest.mark.skipif(not decord_reader.is_installed(), reason="decord has no wheel here")
def test_decord_is_not_let_near(tmp_path):
    wide = odd.encode(tmp_path / "wide.mp4", "-vf", "setsar=2", *odd.H264, num_frames=20)
    mirrored = odd.with_matrix(odd.encode(tmp_path / "a.mp4", num_frames=20), (-1, 0, 0, 1), "mirrored.mp4")
    for path, word in ((wide, "not square"), (mirrored, "mirrored")):
        with pytest.raises(VideoError, match=word):
            read_clips(path, Sampling(4), decoder="decord")


def signal_of(light: np.ndarray, transfer: int) -> np.ndarray:
    """The PQ (16) or HLG (18) signal of light in nits on a screen of 1,000, by the formulas of BT.2100."""
    if transfer == 16:
        power = (light / 10000) ** 0.1593017578125
        return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
    grey = (light / 1000) ** (1 / 1.2)
    upper = 0.17883277 * np.log(np.maximum(12 * grey - 0.28466892, 1e-9)) + 0.55991073
    return np.where(grey <= 1 / 12, np.sqrt(3 * grey), upper)


@pytest.mark.parametrize("transfer", [16, 18])
def test_high_dynamic_range_on_an_ordinary_screen(transfer):
    levels = np.arange(256)
    light = 203 * (levels / 255) ** 2.4
    signal = np.rint(65535 * signal_of(light, transfer)).astype(np.uint16)
    shown = standard_range(np.repeat(signal[None, :, None], 3, axis=2), transfer, 9)[0].astype(int)
    assert np.abs(shown[:240] - levels[:240, None]).max() <= 2
    assert (np.diff(shown[:, 0]) >= 0).all()
    bright = np.rint(65535 * signal_of(np.array([203.0, 400.0, 1000.0]), transfer)).astype(np.uint16)
    highlights = standard_range(np.repeat(bright[None, :, None], 3, axis=2), transfer, 9)[0, :, 1].tolist()
    assert 245 <= highlights[0] < highlights[1] <= highlights[2] <= 255


def test_saturated_colours_of_hlg_come_back():
    """The screen's part of HLG goes by luminance (BT.2100); by channel, hues would be off by 80 levels."""
    shown = np.random.default_rng(0).integers(0, 230, (64, 64, 3))
    light = np.maximum(203 * (shown / 255) ** 2.4 @ np.linalg.inv(tone._TO_709.astype(float)).T, 0)
    luminance = light @ np.array([0.2627, 0.6780, 0.0593])
    scene = light / 1000 * ((luminance / 1000)[..., None]) ** (1 / 1.2 - 1)
    upper = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    signal = np.rint(65535 * np.where(scene <= 1 / 12, np.sqrt(3 * scene), upper)).astype(np.uint16)
    assert np.abs(standard_range(signal, 18, 9).astype(int) - shown).max() <= 2


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_a_film_of_high_dynamic_range_looks_like_its_original(tmp_path, transfer):
    plain = odd.encode(tmp_path / "plain.mp4", *odd.H264, num_frames=12)
    path = tmp_path / "hdr.mp4"
    linear = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709,zscale=t=linear:npl=203,"
    coding = f"format=gbrpf32le,zscale=p=bt2020:t={transfer}:m=bt2020nc:npl=203,format=yuv420p10le"
    try:
        odd.ffmpeg(
            "-i", plain, "-vf", linear + coding, "-c:v", "libx265", "-x265-params", "log-level=error:crf=10",
            "-color_trc", transfer, "-color_primaries", "bt2020", "-colorspace", "bt2020nc", path,
        )  # fmt: skip
    except AssertionError:
        pytest.skip("ffmpeg has no zscale or libx265 here")
    true, seen = (read_clips(each, Sampling(4))[0].frames.astype(float) for each in (plain, path))
    assert centred_cosine(true, seen) > 0.99
    assert np.abs(true.mean() - seen.mean()) < 4
    raw = read_clips(path, Sampling(4), decoder="raw")[0].frames.astype(float)
    assert np.abs(true - raw).mean() > 3 * np.abs(true - seen).mean()


@pytest.mark.parametrize("suffix", [".mp4", ".ts", ".vob"])
def test_encrypted_files_are_refused_by_name(tmp_path, suffix):
    if suffix == ".mp4":
        key = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "0" * 32, "-encryption_kid", "1" * 32)
        path = odd.encode(tmp_path / "locked.mp4", *odd.H264, *key)
    else:
        path = odd.encode(tmp_path / f"locked{suffix}", "-c:v", "mpeg2video", "-q:v", "3")
        data = bytearray(path.read_bytes())
        if suffix == ".ts":
            for place in range(0, len(data), 188):
                if data[place + 1 : place + 3][0] & 0x1F == 1 and data[place + 2] == 0:
                    data[place + 3] |= 0x80
        else:
            place = data.find(b"\0\0\1\xe0")
            while place >= 0:
                data[place + 6] |= 0x10
                place = data.find(b"\0\0\1\xe0", place + 4)
        path.write_bytes(bytes(data))
    for decoder in ("auto", "raw"):
        with pytest.raises(VideoError, match=rf"locked\{suffix}: its pictures are encrypted"):
            read_clips(path, Sampling(4), decoder=decoder)


def test_an_animated_webp_is_a_clip(tmp_path):
    frames = [Image.fromarray(odd.picture(number)) for number in range(20)]
    path = tmp_path / "moving.webp"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=40, lossless=True)
    clip = read_clips(path, Sampling(5))[0]
    assert odd.indices_of(clip.frames) == [2, 6, 10, 14, 18]
    assert clip.seconds == pytest.approx([0.08, 0.24, 0.4, 0.56, 0.72])
    info = probe(path)
    assert (info.duration_seconds, info.fps, info.width) == (pytest.approx(0.8), pytest.approx(25), 160)
    assert len(read_film(path, 0.4, 999).clip.frames) == 10
    assert odd.indices_of(read_clips(path, Sampling(5), decoder="raw")[0].frames) == [2, 6, 10, 14, 18]


@pytest.mark.parametrize("how", ["whole frames", "laid over", "cleared", "another cover"])
@pytest.mark.parametrize("suffix", [".apng", ".png"])
def test_an_animated_png_shows_what_ffmpeg_shows(tmp_path, how, suffix):
    """Whatever its name ends with, with partial frames, transparency and frames of different lengths."""
    levels = np.full((10, 96, 160, 4), 40, np.uint8)
    for number, level in enumerate(levels):
        level[20:50, 10 + 6 * number : 40 + 6 * number, :3] = 200 + number
        level[60:, :, 3] = 10 * number
    first, *others = [Image.fromarray(level) for level in levels]
    more = {
        "whole frames": {"disposal": 0},
        "laid over": {"disposal": 1, "blend": 1},
        "cleared": {"disposal": [0] + [2] * 9},
        "another cover": {"default_image": True},
    }[how]
    path = tmp_path / f"moving{suffix}"
    lengths = ([40] * 5 + [120] * 5)[: 10 - (how == "another cover")]
    first.save(path, "PNG", save_all=True, append_images=others, duration=lengths, **more)
    film = read_film(path, 60, 999)
    theirs = odd.frames_by_ffmpeg(path, 160, 96)
    assert np.array_equal(film.clip.frames.transpose(0, 2, 3, 1), theirs)
    assert film.clip.seconds == pytest.approx(np.cumsum([0, *lengths[:-1]]) / 1000)


def every(path, threads: int) -> tuple[list[int], list[float]]:
    """Numbers and seconds of all frames."""
    decoder = DECODERS["auto"](path, num_threads=threads)
    frames = list(decoder.every_frame(1e9))
    decoder.close()
    return odd.indices_of(np.stack([p.transpose(2, 0, 1) for _, p in frames])), [s for s, _ in frames]


@pytest.mark.parametrize("kind", ["growing fragments", "hole", "damage", "cut", "damaged avi", "cut ts"])
def test_the_same_frames_with_any_number_of_threads(tmp_path, kind):
    fragments = ("-movflags", "frag_keyframe+empty_moov")
    if kind == "growing fragments":
        path = odd.truncated(odd.encode(tmp_path / "w.mp4", *odd.H264, *fragments), 0.68, "grows.mp4")
    elif kind == "damaged avi":
        path = odd.damaged(odd.encode(tmp_path / "w.avi", *odd.MPEG4), "d.avi")
    elif kind == "cut ts":
        path = odd.truncated(odd.encode(tmp_path / "w.ts", *odd.H264), 0.6, "cut.ts")
    else:
        whole = odd.encode(tmp_path / "w.mp4", *odd.H264, "-movflags", "+faststart")
        data = whole.read_bytes()
        path = tmp_path / "odd.mp4"
        if kind == "damage":
            path = odd.damaged(whole, "odd.mp4")
        else:
            end = int(len(data) * 0.6)
            path.write_bytes(data[:end] + bytes(len(data) - end) * (kind == "hole"))
    alone = every(path, 1)
    assert len(alone[0]) == len(odd.frames_by_ffmpeg(path, 160, 96))
    clip = read_clips(path, Sampling(8), num_threads=1)[0]
    for threads in (2, 4):
        assert every(path, threads) == alone
        again = read_clips(path, Sampling(8), num_threads=threads)[0]
        assert np.array_equal(again.frames, clip.frames)
        assert np.array_equal(again.seconds, clip.seconds)
    if kind in {"hole", "cut"}:
        assert clip.end_seconds == pytest.approx(alone[1][-1] + 0.04, abs=0.2)
        assert clip.seconds[-1] < clip.end_seconds < 2.9
        assert (np.diff(clip.seconds) > 0).all()
