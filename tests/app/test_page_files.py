"""Which files the page shows: videos that were named to it, under keys, until they are forgotten."""

from __future__ import annotations

from zeroshot.app.page_files import MOUNT, ShownFiles, media_type


def test_a_video_has_an_address_of_its_own_until_it_is_forgotten(tmp_path):
    video = tmp_path / "a b.mp4"
    video.write_bytes(b"film")
    files = ShownFiles()
    address = files.address(video)
    assert address.startswith(MOUNT)
    assert "a b" not in address
    assert files.address(str(video)) == address
    assert files.path(address.removeprefix(MOUNT)) == video
    files.forget(video)
    assert files.path(address.removeprefix(MOUNT)) is None
    assert files.path("../a b.mp4") is None


def test_what_is_no_video_by_name_has_none(tmp_path):
    (tmp_path / "passwd").write_text("root")
    (tmp_path / "a.html").write_text("<script>")
    files = ShownFiles()
    for name in ("passwd", "a.html", "gone.mp4", "."):
        assert files.address(tmp_path / name) == ""


def test_a_browser_is_never_told_that_a_file_is_a_page(tmp_path):
    assert media_type(tmp_path / "a.webm") == "video/webm"
    assert media_type(tmp_path / "a.svg") == media_type(tmp_path / "a") == "application/octet-stream"
