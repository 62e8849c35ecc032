"""What lets strangers in is not begun. Covers: app/settings, app/served_files."""

from __future__ import annotations

import os

import pytest

import zeroshot
from zeroshot.app.served_files import by_last_name, served_video
from zeroshot.errors import OptionError


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "videos.example", ""])
def test_others_are_let_in_with_a_token_alone(host):
    with pytest.raises(OptionError, match="ZEROSHOT_TOKEN"):
        zeroshot.Serving(host=host)
    assert zeroshot.Serving(host=host, token="a" * 16).token
    with pytest.raises(OptionError, match="15 characters"):
        zeroshot.Serving(host=host, token="a" * 15)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_needs_none(host):
    assert zeroshot.Serving(host=host).is_loopback


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"port": 65_536}, "port is 65536"),
        ({"most_waiting": 0}, "most_waiting is 0"),
        ({"time_limit_seconds": 0.0}, "time_limit_seconds is 0.0"),
        ({"time_limit_seconds": float("nan")}, "time_limit_seconds is nan"),
        ({"most_upload_bytes": 0.5}, "most_upload_bytes is 0.5"),
        ({"folders": ["nowhere"]}, "nowhere is no folder"),
        ({"embeddings": "nowhere"}, "nowhere is no folder"),
    ],
)
def test_what_makes_no_sense_is_one_line(wrong, words):
    with pytest.raises(OptionError) as error:
        zeroshot.Serving(**wrong)
    assert words in str(error.value)


def test_a_file_may_not_take_the_time_of_those_behind_it():
    assert zeroshot.Serving(time_limit_seconds=30).file_limit_seconds == 10
    assert zeroshot.Serving(time_limit_seconds=1000).file_limit_seconds == 60


def test_a_library_that_is_missing_is_told_with_its_remedy(monkeypatch):
    monkeypatch.setattr("zeroshot.resources.find_spec", lambda name: None if name == "mcp" else object())
    with pytest.raises(OptionError, match=r"serving needs mcp.*\[serve\]"):
        zeroshot.asgi_app(None)


def test_folders_of_one_name_are_told_apart(tmp_path):
    folders = [tmp_path / "a" / "x", tmp_path / "b" / "x", tmp_path / "c" / "x", tmp_path / "y"]
    assert by_last_name(folders) == dict(zip(["x", "x-2", "x-3", "y"], folders, strict=True))


def test_the_first_folder_that_has_a_video_serves_it(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.mp4").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    serving = zeroshot.Serving(folders=[tmp_path / "link", tmp_path / "b"])
    for name in ("a", "b"):
        assert os.fspath(served_video(f"{name}.mp4", serving)) == str(tmp_path / name / f"{name}.mp4")
        assert served_video(f"{name}.mp4", serving).name == f"{name}.mp4"
