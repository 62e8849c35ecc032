"""Every frame of a video, once and in order, whatever the container says."""

from __future__ import annotations

import numpy as np
import odd_files as odd
import pytest
from PIL import Image

from zeroshot.errors import VideoError
from zeroshot.types import Clip
from zeroshot.video.decoders.all_frames import film_from_frames, read_film, reduced
from zeroshot.video.decoders.stream import PacketStream
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.write import write_video


def counted(num_frames=9, height=36, width=48):
    """Frames of different grey, so that each can be told."""
    levels = (20 * np.arange(num_frames, dtype=np.uint8))[:, None, None, None]
    return np.broadcast_to(levels, (num_frames, 3, height, width)).copy()


def test_all_frames_with_their_times(tmp_path):
    write_video(tmp_path / "a.mp4", counted(), 12.5, crf=None)
    film = read_film(tmp_path / "a.mp4", 60, 999)
    assert np.array_equal(film.clip.frames, counted())
    assert film.clip.seconds == pytest.approx(np.arange(9) / 12.5)
    assert film.fps == pytest.approx(12.5)
    assert (film.native_size, film.whole) == ((36, 48), True)


def test_up_to_a_time_and_smaller(tmp_path):
    write_video(tmp_path / "a.mp4", counted(), 10.0, crf=None)
    film = read_film(tmp_path / "a.mp4", 0.5, 18)
    assert film.clip.frames.shape == (5, 3, 18, 24)
    assert (film.native_size, film.whole) == ((36, 48), False)
    assert film.clip.frames[:, 0, 9, 12].tolist() == [0, 20, 40, 60, 80]


def test_what_lies_before_a_stretch_is_not_decoded(tmp_path, monkeypatch):
    path = odd.encode(tmp_path / "a.mp4", *odd.H264, num_frames=200)  # a key frame every 12
    whole = read_film(path, 60, 999).clip
    given = []
    plain = PacketStream.decode

    def counted(stream, packet):
        given.append(packet)
        return plain(stream, packet)

    monkeypatch.setattr(PacketStream, "decode", counted)
    part = read_film(path, 60, 999, (6.5, 7.5)).clip
    first = odd.indices_of(part.frames)[0]
    assert odd.indices_of(part.frames) == list(range(163, 188)) == list(range(first, first + 25))
    np.testing.assert_array_equal(part.frames, whole.frames[163:188])
    np.testing.assert_allclose(part.seconds, whole.seconds[163:188] - 6.5)
    assert len(given) < 70


def test_frames_in_memory_and_folders_of_images(tmp_path):
    for number, frame in enumerate(counted()):
        Image.fromarray(frame.transpose(1, 2, 0)).save(tmp_path / f"{number}.png")
    for source in (counted(), tmp_path, Clip(counted(), np.arange(9) / 25)):
        film = film_from_frames(source, 60, 999)
        assert np.array_equal(film.clip.frames, counted())
        assert film.fps == pytest.approx(25)
        assert film_from_frames(source, 0.1, 18).clip.frames.shape == (3, 3, 18, 24)


def test_real_clips_give_as_many_frames_as_they_have(real_clips):
    for path in real_clips[:4]:
        film = read_film(path, 2.0, 64)
        assert abs(len(film.clip.frames) - 2 * film.fps) <= 2
        assert (np.diff(film.clip.seconds) > 0).all()
        assert min(film.clip.frames.shape[2:]) == 64


def test_groups_come_in_order_with_their_errors(tmp_path):
    for name, count in (("a", 3), ("b", 5)):
        write_video(tmp_path / f"{name}.mp4", counted(count), 8.0, crf=None)
    (tmp_path / "c.mp4").write_text("no video")
    a, b, c = (tmp_path / f"{name}.mp4" for name in "abc")
    with ClipReader() as reader:
        groups = list(reader.read_films([(a, b), (c,), (b, counted(2)), ()], 60, 999))
    assert [[type(film).__name__ for film in group] for group in groups] == [
        ["Film", "Film"], ["VideoError"], ["Film", "Film"], [],
    ]  # fmt: skip
    assert [len(film.clip.frames) for film in (*groups[0], *groups[2])] == [3, 5, 5, 2]
    assert "c.mp4" in str(groups[1][0])


def test_a_reduced_picture_is_the_mean_of_what_it_covers():
    picture = np.arange(64, dtype=np.uint8).reshape(8, 8).repeat(4, 0).repeat(4, 1)
    assert reduced(picture, 32) is picture
    small = reduced(picture, 8)
    assert small.shape == (8, 8)
    assert np.abs(small.astype(int) - np.arange(64).reshape(8, 8)).max() <= 3


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(VideoError, match="no such file"):
        read_film(tmp_path / "none.mp4", 60, 999)
