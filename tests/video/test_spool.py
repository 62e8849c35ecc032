"""Videos that lie in no file here: what is read of them, what is refused, and that nothing is left behind.

Covers: video/processes/fetching.
"""

from __future__ import annotations

import gc
import http.server
import io
import os
import tempfile
import threading
import time
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import odd_files as odd
import pytest

from zeroshot.datasets.splits import LabeledVideo
from zeroshot.errors import VideoError
from zeroshot.video.identity import content_key
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.sampling import Sampling, Window
from zeroshot.video.source import Refused, Url, is_address, is_elsewhere, name_of, path_of
from zeroshot.video.spool import on_disk
from zeroshot.waist import writer


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    return odd.plain(tmp_path_factory.mktemp("elsewhere"))


@pytest.fixture(scope="module")
def reader():
    with ClipReader(1) as shared:
        yield shared


@pytest.fixture
def spool(tmp_path, monkeypatch) -> Path:
    """The only folder for temporary files; it must be empty again at the end."""
    folder = tmp_path / "spool"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture(scope="module")
def server(plain):
    """A web server here: `asked` are the paths that somebody wanted."""
    data = plain.read_bytes()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            if "meet" in self.path:
                both_ask.wait()
            if "locked" in self.path and self.headers["Authorization"] != "Basic bWU6c2UgY3JldA==":
                self.send_error(401)
                return
            kind = "text/html; charset=utf-8" if "page" in self.path else "video/mp4"
            if "file" in self.path:
                self.send_response(302)
                self.send_header("Location", plain.as_uri())
                self.end_headers()
                return
            if "gone" in self.path:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: 500 if "half" in self.path else None])

        def log_message(self, *_):
            pass

    asked: list[str] = []
    both_ask = threading.Barrier(2, timeout=60)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        running.asked = asked
        running.base = f"http://127.0.0.1:{running.server_port}"
        yield running
        running.shutdown()
        thread.join()


def is_left_empty(folder: Path) -> bool:
    """Whether nothing is there, a moment after the last reply at the latest."""
    for _ in range(200):
        if not list(folder.iterdir()):
            return True
        time.sleep(0.05)
    return False


def first_frames(reader: ClipReader, source: object) -> np.ndarray:
    return reader.read(source, Sampling(4))[0].frames


def test_bytes_open_files_and_addresses_are_the_file(reader, plain, spool, server):
    data = plain.read_bytes()
    expected = first_frames(reader, plain)
    with plain.open("rb") as file:
        sources = [
            data,
            bytearray(data),
            memoryview(data),
            io.BytesIO(data),
            file,
            Url(server.base + "/a.mp4"),
        ]
        for source in sources:
            np.testing.assert_array_equal(first_frames(reader, source), expected)
        for source, outcome in reader.read_many(sources, Sampling(4)):
            assert not isinstance(outcome, VideoError), name_of(source)
    assert is_left_empty(spool)


def test_an_open_file_is_read_from_its_beginning_and_left_where_it_was(reader, plain):
    file = io.BytesIO(plain.read_bytes())
    file.seek(100)
    np.testing.assert_array_equal(first_frames(reader, file), first_frames(reader, file))
    assert file.tell() == 100


def test_bytes_are_decoded_in_a_child(reader, monkeypatch, plain):
    """A decoder in this process would fail here."""
    from zeroshot.video.decoders import decode

    monkeypatch.setattr(decode, "read_clips", None)
    assert first_frames(reader, plain.read_bytes()).shape[0] == 4


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (b"", "<0 bytes> is empty; expected a video"),
        (b"no video at all " * 40, "cannot decode <640 bytes>: it is text"),
        (io.StringIO("text"), "open as text; open it with open(path, 'rb')"),
        (Url("gopher://host/a.mp4"), "gopher is no scheme that is known here"),
        (Url("file:///etc/passwd"), "file is no scheme that is known here"),
        (Url("http://127.0.0.1:9/a.mp4"), "cannot fetch http://127.0.0.1:9/a.mp4: "),
        (Url("memory://nowhere/a.mp4"), "cannot fetch memory://nowhere/a.mp4: FileNotFoundError"),
        (Refused("x", VideoError("for a reason; remedy")), "for a reason; remedy"),
    ],
)
def test_what_cannot_be_read_is_one_line_and_leaves_nothing(reader, spool, source, words):
    with pytest.raises(VideoError) as caught:
        reader.read(source, Sampling(4))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(spool) not in str(caught.value)
    assert is_left_empty(spool)


def test_several_addresses_are_fetched_at_a_time(reader, plain, spool, server):
    sources = [Url(f"{server.base}/meet{number}.mp4") for number in range(2)]  # each waits for the other
    outcomes = [outcome for _, outcome in reader.read_many(sources, Sampling(4))]
    for (clip,) in outcomes:
        np.testing.assert_array_equal(clip.frames, first_frames(reader, plain))
    assert is_left_empty(spool)


def test_films_and_windows_are_read_of_what_lies_elsewhere_too(reader, plain, spool, server):
    elsewhere = [plain.read_bytes(), Url(server.base + "/a.mp4"), Url(server.base + "/gone.mp4")]
    [[film, *films]] = reader.read_films([[str(plain), *elsewhere]], 60.0, 64)
    for other in films[:2]:
        np.testing.assert_array_equal(other.clip.frames, film.clip.frames)
    assert "answers 404" in str(films[2])
    groups = list(reader.read_many_windows([str(plain), *elsewhere], Window.of(1.0), 2))
    of_each = [[group for group in groups if group.path is path] for path in elsewhere]
    expected = [group for group in groups if group.path == str(plain)]
    for others in of_each[:2]:
        assert [group.windows for group in others] == [group.windows for group in expected]
        for other, group in zip(others, expected, strict=True):
            np.testing.assert_array_equal(other.outcome[0].frames, group.outcome[0].frames)
    assert "answers 404" in str(of_each[2][0].outcome)
    del others, other, of_each, groups, expected, group
    gc.collect()
    assert is_left_empty(spool)


def test_tokens_are_made_of_what_was_fetched_for_their_key(reader, plain, server):
    before = len(server.asked)
    rows, sources, failures = writer._rows([LabeledVideo(Url(server.base + "/a.mp4"), "waving")], {})
    assert not failures
    assert rows[0].key == content_key(plain)
    np.testing.assert_array_equal(first_frames(reader, sources[rows[0].key]), first_frames(reader, plain))
    assert len(server.asked) == before + 1


def test_a_reader_that_is_closed_answers_what_waits_for_an_address(plain, server):
    with ClipReader(1) as reader:
        future = reader._begin(Url(server.base + "/meet-closed.mp4"), Sampling(4))
    urlopen(server.base + "/meet-other.mp4").close()
    with pytest.raises(VideoError, match="the reader was closed while videos waited for it"):
        future.result(timeout=60)


def test_what_a_server_may_answer(reader, spool, server):
    for path, words in {
        "/gone.mp4": "the server answers 404",
        "/page": "is a web page, no video",
        "/half.mp4": "it broke off after 500 of",
        "/file.mp4": "cannot fetch",  # a way to a file of this computer
    }.items():
        with pytest.raises(VideoError, match=words):
            reader.read(Url(server.base + path), Sampling(4))
    assert is_left_empty(spool)


def test_a_name_and_a_password_are_sent_and_never_shown(reader, plain, server):
    place = server.base.removeprefix("http://")
    expected = first_frames(reader, plain)
    np.testing.assert_array_equal(
        first_frames(reader, Url(f"http://me:se%20cret@{place}/locked.mp4")), expected
    )
    for source in (Url(f"http://me:no@{place}/locked.mp4?key=no"), Url("http://me:no@host:no/a.mp4")):
        with pytest.raises(VideoError) as caught:
            reader.read(source, Sampling(4))
        assert "me:" not in str(caught.value)
        assert "key" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_process_leaves_the_file_alone(plain, spool):
    spooled = on_disk(plain.read_bytes())
    if child := os.fork():
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert Path(spooled).read_bytes() == plain.read_bytes()
        return
    spooled.close()
    os._exit(0)


def test_a_store_is_read_through_fsspec(reader, plain):
    import fsspec

    with fsspec.open("memory://bucket/a.mp4", "wb") as file:
        file.write(plain.read_bytes())
    np.testing.assert_array_equal(
        first_frames(reader, Url("memory://bucket/a.mp4")), first_frames(reader, plain)
    )


def test_a_store_whose_library_is_missing_names_it(reader, monkeypatch):
    import fsspec

    def missing(*_):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "open", missing)
    with pytest.raises(VideoError, match=r"s3://bucket/a.mp4 cannot be opened: Install s3fs"):
        reader.read(Url("s3://bucket/a.mp4"), Sampling(4))


def test_an_answer_without_end_is_cut_off(reader, monkeypatch, server):
    monkeypatch.setattr("zeroshot.video.spool._MOST_BYTES", 1000)
    with pytest.raises(VideoError, match="download it yourself"):
        reader.read(Url(server.base + "/a.mp4"), Sampling(4))


def test_no_room_is_one_line(reader, plain, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(VideoError, match="set TMPDIR"):
        reader.read(plain.read_bytes(), Sampling(4))


def test_an_address_that_stands_in_a_file_is_not_opened(reader, server):
    before = len(server.asked)
    address = f"{server.base}/a.mp4"
    for outcome in (outcome for _, outcome in reader.read_many([address], Sampling(4))):
        assert "opened only where you give them" in str(outcome)
    with pytest.raises(VideoError, match=r"cannot read|no such file"):
        reader.read(Path(address), Sampling(4))
    with pytest.raises(VideoError, match="cannot read"):
        content_key(address)
    assert len(server.asked) == before


def test_names_and_keys(plain, spool):
    data = plain.read_bytes()
    assert name_of(b"12345") == "<5 bytes>"
    assert name_of(io.BytesIO()) == "<BytesIO>"
    url = Url("https://me:secret@host/a.mp4?X-Amz-Signature=secret")
    assert name_of(url) == "https://host/a.mp4?…"
    assert path_of(url) == url.text
    assert content_key(data) == content_key(io.BytesIO(data)) == content_key(plain)
    assert is_left_empty(spool)


def test_what_is_an_address():
    assert all(map(is_address, ["http://x/y", "s3://b/k", "HTTPS://x"]))
    assert not any(map(is_address, ["C://x", "a/b.mp4", "http:/x", Path("http://x"), b"http://x"]))
    assert is_elsewhere(io.BytesIO())
    assert not is_elsewhere(np.zeros(3))


def test_a_file_is_gone_once_nobody_knows_of_it(plain, spool):
    spooled = on_disk(plain.read_bytes())
    assert len(list(spool.iterdir())) == 1
    del spooled
    assert is_left_empty(spool)
