"""What may be watched, and what libav is told of it."""

from __future__ import annotations

import os

import pytest

from zeroshot.errors import VideoError
from zeroshot.video.live.source import LiveSource, live_source


def test_paths_devices_and_addresses_are_told_apart(tmp_path, monkeypatch):
    file = tmp_path / "a.ts"
    file.write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    assert (
        live_source("a.ts")
        == live_source(file)
        == live_source(f"file://{file}")
        == LiveSource(str(file), "file")
    )
    assert live_source("/dev/null").kind == "device"
    source = live_source("rtsp://user:secret@camera/1?key=2")
    assert source.kind == "address"
    assert source.shown == "rtsp://camera/1?…"


def test_an_address_opens_no_file_of_this_computer(tmp_path):
    for address in ("http://a/b.m3u8", "tcp://a:1", "rtsp://a/b", "udp://a:1", "rtmp://a/b", "srt://a:1"):
        _, _, options = live_source(address).opening()
        assert "file" not in options["protocol_whitelist"].split(",")
    (tmp_path / "a.ts").write_bytes(b"x")
    name, _, options = live_source(tmp_path / "a.ts").opening()
    assert (name, options["protocol_whitelist"]) == (f"file:{tmp_path / 'a.ts'}", "file")
    assert live_source("/dev/null").opening()[1] == "video4linux2"


def test_what_cannot_be_watched_is_one_line(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for given, words in (
        (tmp_path / "gone.ts", "no such file"),
        (tmp_path, "folder or a pipe"),
        (tmp_path / "pipe", "folder or a pipe"),
        ("concat://a|b", "cannot be watched; expected a path, or an address that begins with rtsp"),
        ("a\0b", "cannot watch"),
        (3, "an int cannot be watched"),
    ):
        with pytest.raises(VideoError, match=words) as caught:
            live_source(given)
        assert "\n" not in str(caught.value)
