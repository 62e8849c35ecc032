"""Frames written as mp4 come back: as many, as large, as fast, looking the same."""

from __future__ import annotations

import av
import numpy as np
import pytest

from zeroshot.errors import OptionError, OutputError, VideoError
from zeroshot.video.write import write_video


def ramp(num_frames=6, height=48, width=64):
    """Frames that differ in time, along both axes and in colour."""
    t, y, x = np.meshgrid(np.arange(num_frames), np.arange(height), np.arange(width), indexing="ij")
    return np.stack([x * 3, y * 4, 40 * t], 1).clip(0, 255).astype(np.uint8)


def read(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        facts = (stream.average_rate, stream.codec_context.name, stream.codec_context.pix_fmt)
        return np.stack(pictures).transpose(0, 3, 1, 2), facts


def test_frames_come_back(tmp_path):
    frames = ramp()
    write_video(tmp_path / "a.mp4", frames, 8.0, crf=10)
    back, facts = read(tmp_path / "a.mp4")
    assert back.shape == frames.shape
    assert np.abs(back.astype(int) - frames).mean() < 4
    assert facts == (8, "h264", "yuv420p")


@pytest.mark.parametrize("size", [(48, 64), (31, 33), (1, 1)])
def test_without_loss_every_bit_comes_back(tmp_path, size):
    noise = np.random.default_rng(0).integers(0, 256, (5, 3, *size), np.uint8)
    write_video(tmp_path / "a.mp4", noise, 8.0, crf=None)
    back, facts = read(tmp_path / "a.mp4")
    assert np.array_equal(back, noise)
    assert facts[:2] == (8, "h264")
    write_video(tmp_path / "b.mp4", noise, 8.0, crf=None)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_presets_trade_time_for_size(tmp_path):
    for preset in ("veryfast", "medium"):
        write_video(tmp_path / f"{preset}.mp4", ramp(), 8.0, crf=10, preset=preset)
        assert np.abs(read(tmp_path / f"{preset}.mp4")[0].astype(int) - ramp()).mean() < 4
    with pytest.raises(OptionError, match="preset 'warp'; expected one of ultrafast"):
        write_video(tmp_path / "a.mp4", ramp(), 8.0, preset="warp")


@pytest.mark.parametrize("fps", [1, 12.5, 24, 29.97, 30000 / 1001, 60])
def test_rate(tmp_path, fps):
    write_video(tmp_path / "a.mp4", ramp(), fps)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        seconds = [float(frame.pts * stream.time_base) for frame in container.decode(stream)]
    assert seconds == pytest.approx([n / fps for n in range(6)], abs=1e-3)


@pytest.mark.parametrize("size", [(47, 64), (48, 63), (31, 33), (1, 1), (2, 2), (16, 300)])
def test_odd_sizes_gain_a_line(tmp_path, size):
    frames = ramp(3, *size)
    write_video(tmp_path / "a.mp4", frames, 10)
    back, _ = read(tmp_path / "a.mp4")
    assert back.shape == (3, 3, size[0] + size[0] % 2, size[1] + size[1] % 2)


def test_one_frame(tmp_path):
    write_video(tmp_path / "a.mp4", ramp(1), 8)
    assert read(tmp_path / "a.mp4")[0].shape[0] == 1


def test_same_frames_same_bytes_and_nothing_left_over(tmp_path):
    for name in ("a b.mp4", "ü'.mp4"):
        write_video(tmp_path / name, ramp(), 8)
    write_video(tmp_path / "a b.mp4", ramp(), 8)
    assert (tmp_path / "a b.mp4").read_bytes() == (tmp_path / "ü'.mp4").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"a b.mp4", "ü'.mp4"}


def test_rights_are_those_of_a_new_file(tmp_path):
    write_video(tmp_path / "a.mp4", ramp(), 8)
    (tmp_path / "b").touch()
    assert (tmp_path / "a.mp4").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OutputError, match=r"cannot write .*none/a\.mp4: No such file") as caught:
        write_video(tmp_path / "none" / "a.mp4", ramp(), 8)
    assert "\n" not in str(caught.value)


def test_a_target_that_is_a_folder_keeps_its_files(tmp_path):
    (tmp_path / "a.mp4").mkdir()
    (tmp_path / "a.mp4" / "kept").touch()
    with pytest.raises(OutputError, match=r"a\.mp4"):
        write_video(tmp_path / "a.mp4", ramp(), 8)
    assert [path.name for path in tmp_path.rglob("*")] == ["a.mp4", "kept"]


@pytest.mark.parametrize(
    "frames", [ramp().transpose(0, 2, 3, 1), ramp()[0], ramp()[:0], ramp().astype(float)]
)
def test_not_frames(tmp_path, frames):
    with pytest.raises(VideoError, match="expected"):
        write_video(tmp_path / "a.mp4", frames, 8)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("fps", "crf"), [(0, 20), (-1, 20), (float("nan"), 20), (float("inf"), 20), (8, 52), (8, -1)]
)
def test_impossible_numbers(tmp_path, fps, crf):
    with pytest.raises(OptionError, match="expected"):
        write_video(tmp_path / "a.mp4", ramp(), fps, crf=crf)
