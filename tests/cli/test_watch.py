"""`zeroshot watch`: a file to its end, a stream over a socket, signals, and what cannot be watched."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import imageio_ffmpeg
import pytest

from zeroshot.cli.watch import stopping

FILM = Path(__file__).parents[2] / "examples" / "film.mp4"
WORDS = ("--labels", "puppet_actions", "--model", "puppet-tiny", "--device", "cpu")


def test_a_file_is_watched_to_its_end(run):
    status, out, err = run("watch", FILM, *WORDS, "--patience", "1", "--on", "0.6", "--on", "kicking: 0.5")
    assert (status, err) == (0, "")
    rows = [json.loads(line) for line in out.splitlines()]
    assert (rows[0]["kind"], rows[-1]["kind"]) == ("connected", "stopped")
    begun = [row["label"] for row in rows if row["kind"] == "begin"]
    assert begun == [row["label"] for row in rows if row["kind"] == "end"]
    assert begun[0] == "waving"
    assert {"swimming", "climbing"} <= set(begun)
    assert rows[-1]["dropped"] == 0
    for row in rows:
        if row["kind"] == "end":
            assert row["start_seconds"] < row["seconds"] <= 16.1


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("/nowhere.ts", *WORDS), "cannot watch /nowhere.ts: no such file"),
        (("gopher://a/b", *WORDS), "gopher://a/b cannot be watched"),
        ((FILM, *WORDS, "--lag", "0"), "lag_seconds is 0"),
        ((FILM, *WORDS, "--on", "x"), "--on is x"),
        ((FILM, *WORDS, "--on", "x: 0.5"), "'x' has a threshold and is no label"),
        ((FILM, *WORDS, "--window", "0"), "must both be above 0"),
        ((FILM, "--labels", "waving", "--model", "puppet-tiny"), "'waving' is the only label"),
        ((FILM, "--model", "puppet-tiny"), "give either --labels"),
        (("tcp://127.0.0.1:9", *WORDS, "--patience", "1"), "cannot watch tcp://127.0.0.1:9: "),
    ],
)
def test_what_cannot_be_watched_is_one_line(run, words, named):
    status, out, err = run("watch", *words)
    assert (status, out) == (1, "")
    assert named in err
    assert err.count("\n") == 1


def test_the_first_signal_asks_and_the_second_ends():
    before = signal.getsignal(signal.SIGTERM)
    with stopping() as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) == before


def free_port() -> int:
    with contextlib.closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def serve(address: str, *words: str) -> subprocess.Popen:
    """ffmpeg, which sends the film at its own pace to whoever calls."""
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    form = ("-c:v", "libx264", "-g", "12", "-tune", "zerolatency", "-f", "mpegts", address)
    return subprocess.Popen([ffmpeg, "-v", "error", "-re", *words, "-i", FILM, *form])


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["tcp", "http"])
def test_a_stream_over_a_socket_is_watched_lost_and_found_again(run, scheme):
    address = f"{scheme}://127.0.0.1:{free_port()}"
    listen = ("?listen=1",) if scheme == "tcp" else ("",)
    servers = []

    def twice():
        more = ("-listen", "1") if scheme == "http" else ()
        for _ in range(2):
            ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
            form = ("-c:v", "libx264", "-g", "12", "-tune", "zerolatency", "-f", "mpegts", *more)
            words = [ffmpeg, "-v", "error", "-re", "-t", "6", "-i", FILM, *form, address + listen[0]]
            servers.append(subprocess.Popen(words))
            servers[-1].wait()

    thread = threading.Thread(target=twice)
    thread.start()
    time.sleep(2)
    try:
        status, out, err = run("watch", address, *WORDS, "--patience", "4", "--retries", "4")
    finally:
        for server in servers:
            server.kill()
        thread.join()
    assert status == 0
    rows = [json.loads(line) for line in out.splitlines()]
    kinds = [row["kind"] for row in rows]
    assert kinds.count("connected") == 2
    assert kinds.count("lost") == 6
    assert err.count("lost ") == 6
    labels = [row["label"] for row in rows if row["kind"] == "begin"]
    assert labels.count("swimming") == 2
    ends = [row for row in rows if row["kind"] == "end"]
    assert all(row["lag_seconds"] <= 11 for row in rows)
    assert all("time" in row for row in ends)
    assert [row["seconds"] for row in ends] == sorted(row["seconds"] for row in ends)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_watch_is_stopped_cleanly(number):
    address = f"tcp://127.0.0.1:{free_port()}"
    server = serve(address + "?listen=1", "-stream_loop", "-1")
    time.sleep(2)
    command = [sys.executable, "-m", "zeroshot", "watch", address, *WORDS, "--retries", "0"]
    watch = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        rows = []
        while not rows or rows[-1]["kind"] != "begin":  # a line is there as soon as it is told
            rows.append(json.loads(watch.stdout.readline()))
        watch.send_signal(number)
        rest, err = watch.communicate(timeout=60)
    finally:
        watch.kill()
        server.kill()
        server.wait()
    rows += map(json.loads, rest.splitlines())
    assert (watch.returncode, err) == (0, "")
    assert rows[-1]["kind"] == "stopped"
    assert rows[-1]["words"] == "it was stopped"
    begun = [row["label"] for row in rows if row["kind"] == "begin"]
    assert sorted(begun) == sorted(row["label"] for row in rows if row["kind"] == "end")
