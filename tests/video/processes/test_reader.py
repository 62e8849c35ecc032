"""Decoding in processes that can be killed: order, limits, deaths of every kind, and nothing left behind.

Covers: video/processes/messages, video/processes/windows.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from itertools import count
from pathlib import Path

import numpy as np
import odd_files as odd
import pytest
from processes import children, gone

from zeroshot.errors import OptionError, VideoError
from zeroshot.types import Clip
from zeroshot.video.decoders import decode
from zeroshot.video.processes import pool
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.sampling import Sampling
from zeroshot.video.source import Stretch

ROOT = Path(__file__).parents[3]
EIGHT = Sampling(8)

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("worker")


@pytest.fixture(scope="module")
def plain(folder) -> Path:
    return odd.plain(folder)


@pytest.fixture(scope="module")
def reader():
    with ClipReader(2) as shared:
        yield shared


def test_clips_are_those_read_here(reader, plain):
    here = decode.read_clips(plain, Sampling(4, num_views=2))
    there = reader.read(plain, Sampling(4, num_views=2))
    assert len(there) == 2
    for ours, theirs in zip(here, there, strict=True):
        assert np.array_equal(ours.frames, theirs.frames)
        assert np.array_equal(ours.seconds, theirs.seconds)


def test_windows_and_information_are_those_read_here(reader, plain):
    windows = [(0.0, 1.0), (1.0, 3.0)]
    here = decode.read_windows(plain, windows, 3)
    there = reader.read_windows(plain, windows, 3)
    assert [odd.indices_of(clip.frames) for clip in there] == [odd.indices_of(clip.frames) for clip in here]
    assert reader.probe(plain) == decode.probe(plain)


def mixture(folder: Path, plain: Path) -> list[object]:
    """Sources of all kinds, every third of them bad."""
    text = folder / "text.mp4"
    text.write_text("no video\n" * 100)
    array = np.stack([odd.picture(number) for number in range(16)])
    return [
        plain,
        text,
        array,
        str(plain),
        folder / "missing.mp4",
        Clip(array.transpose(0, 3, 1, 2), np.arange(16.0)),
    ]


def test_many_come_in_order_and_errors_take_their_place(reader, folder, plain):
    sources = mixture(folder, plain) * 2
    results = list(reader.read_many(sources, EIGHT))
    assert [id(source) for source, _ in results] == [id(source) for source in sources]
    failed = [isinstance(result, VideoError) for _, result in results]
    assert failed == [False, True, False, False, True, False] * 2
    for source, result in results:
        if isinstance(result, VideoError):
            assert str(source) in str(result)
            assert "\n" not in str(result)


def test_the_number_of_children_changes_nothing(folder, plain):
    sources = [plain, *mixture(folder, plain)[3:]]
    answers = []
    for num_workers in (1, 3):
        with ClipReader(num_workers) as reader:
            answers.append([result for _, result in reader.read_many(sources, Sampling(5, seed=7))])
    for one, three in zip(*answers, strict=True):
        assert type(one) is type(three)
        if not isinstance(one, VideoError):
            assert np.array_equal(one[0].frames, three[0].frames)


def test_sources_are_taken_as_places_become_free(reader, plain):
    taken = []

    def endless():
        for number in count():
            taken.append(number)
            yield plain

    stream = reader.read_many(endless(), EIGHT)
    next(stream)
    assert len(taken) <= 2 * reader.num_workers + 1
    stream.close()
    assert reader.read(plain, EIGHT)


def test_errors_name_the_file_as_it_was_named(reader, folder, plain, monkeypatch):
    monkeypatch.chdir(folder)
    Path("bad one's.mp4").write_bytes(b"")
    with pytest.raises(VideoError, match=r"^cannot decode bad one's\.mp4: the file is empty"):
        reader.read("bad one's.mp4", EIGHT)
    assert reader.probe("plain.mp4").path == "plain.mp4"
    with pytest.raises(VideoError, match=r"^cannot read absent\.mp4: no such file"):
        reader.read("absent.mp4", EIGHT)


@pytest.mark.parametrize(
    "name", ["a\nb.mp4", "\udcff.mp4", "x" * 300 + ".mp4", "a\0b.mp4", "{}.mp4", "", "no/where.mp4"]
)
def test_errors_are_one_line_whatever_the_name(reader, folder, name, monkeypatch):
    monkeypatch.chdir(folder)
    [(source, error)] = reader.read_many([name], EIGHT)
    assert source == name
    assert isinstance(error, VideoError)
    assert str(error).isprintable()


def test_a_stretch_is_a_video_of_its_own(reader, plain):
    part = Stretch(str(plain), 1.0, 2.0)
    assert odd.indices_of(reader.read(part, Sampling(5))[0].frames) == [27, 32, 37, 42, 47]
    [(source, (clip,))] = reader.read_many([part], Sampling(5))
    assert source is part
    assert odd.indices_of(clip.frames) == [27, 32, 37, 42, 47]
    cut_out_already = Stretch(str(plain), 50.0, 60.0)
    whole = reader.read(plain, EIGHT)[0].frames
    assert np.array_equal(reader.read(cut_out_already, EIGHT)[0].frames, whole)
    with pytest.raises(VideoError, match=r"absent\.mp4"):
        reader.read(Stretch("absent.mp4", 0.0, 1.0), EIGHT)
    with pytest.raises(OptionError, match=r"has no stretch 2–1 s"):
        Stretch("x.mp4", 2.0, 1.0)


def test_a_window_behind_the_end(reader, plain):
    late = Sampling(start_seconds=50.0)
    with pytest.raises(OptionError, match="but the video lasts"):
        reader.read(plain, late)
    [(_, error)] = reader.read_many([plain], late)
    assert isinstance(error, VideoError)
    assert str(plain) in str(error)


@on_linux
def test_a_child_that_hangs_costs_one_error(plain):
    with ClipReader(1, time_limit_seconds=1.0) as reader:
        reader.read(plain, EIGHT)
        [child] = children() & {driver._child._process.pid for driver in reader._crew._drivers}
        os.kill(child, signal.SIGSTOP)
        with pytest.raises(VideoError, match=r"plain\.mp4 took longer than 1 s; raise time_limit_seconds"):
            reader.read(plain, EIGHT)
        assert gone({child})
        assert odd.indices_of(reader.read(plain, EIGHT)[0].frames)[0] == 4


@on_linux
def test_a_busy_machine_costs_no_healthy_file(plain):
    """A child that gets a sixth of a core needs six times as long by the clock, and is let be."""
    with ClipReader(1, time_limit_seconds=1.0) as reader:
        reader.read(plain, EIGHT)
        child = reader._crew._drivers[0]._child._process.pid
        ended = threading.Event()

        def starve() -> None:
            while not ended.is_set():
                os.kill(child, signal.SIGSTOP)
                time.sleep(0.05)
                os.kill(child, signal.SIGCONT)
                time.sleep(0.01)

        starving = threading.Thread(target=starve)
        starving.start()
        began = time.monotonic()
        try:
            for _ in range(2):
                assert reader.read(plain, Sampling(75, num_views=20, seed=1))
        finally:
            ended.set()
            starving.join()
        assert time.monotonic() - began > 1.0


@on_linux
def test_a_child_that_works_for_ever_costs_one_error(plain, monkeypatch):
    spent = count()
    monkeypatch.setattr(pool, "processor_seconds", lambda _pid: next(spent) * 0.2)
    with ClipReader(1, time_limit_seconds=1.0) as reader:
        reader.read(plain, EIGHT)
        os.kill(reader._crew._drivers[0]._child._process.pid, signal.SIGSTOP)
        with pytest.raises(VideoError, match=r"plain\.mp4 took longer than 1 s; raise time_limit_seconds"):
            reader.read(plain, EIGHT)


@on_linux
def test_nothing_takes_for_ever_even_if_it_moves(plain, monkeypatch):
    spent = count()
    monkeypatch.setattr(pool, "processor_seconds", lambda _pid: next(spent) * 1e-9)
    monkeypatch.setattr(pool, "_PATIENCE", 2)
    with ClipReader(1, time_limit_seconds=1.0) as reader:
        reader.read(plain, EIGHT)
        os.kill(reader._crew._drivers[0]._child._process.pid, signal.SIGSTOP)
        with pytest.raises(VideoError, match="took longer than 1 s"):
            reader.read(plain, EIGHT)


@on_linux
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSEGV])
def test_a_child_that_dies_costs_one_error(plain, sign):
    with ClipReader(1) as reader:
        reader.read(plain, EIGHT)
        child = reader._crew._drivers[0]._child._process.pid
        os.kill(child, signal.SIGSTOP)  # so that it is in the middle of the next file
        killer = threading.Timer(0.3, lambda: (os.kill(child, sign), os.kill(child, signal.SIGCONT)))
        killer.start()
        results = [result for _, result in reader.read_many([plain, plain, plain], EIGHT)]
        killer.join()
    assert isinstance(results[0], VideoError)
    assert sign.name in str(results[0])
    assert str(plain) in str(results[0])
    assert [type(result) for result in results[1:]] == [tuple, tuple]


@on_linux
def test_a_child_that_died_between_files_is_replaced(plain):
    with ClipReader(1) as reader:
        reader.read(plain, EIGHT)
        child = reader._crew._drivers[0]._child._process
        os.kill(child.pid, signal.SIGKILL)
        child.wait(timeout=30)
        assert reader.read(plain, EIGHT)


@on_linux
def test_nothing_is_left_after_closing(plain):
    before = children()
    reader = ClipReader(2)
    assert children() <= before, "nothing starts before the first file"
    list(reader.read_many([plain] * 4, EIGHT))
    started = children() - before
    assert started
    reader.close()
    assert not started & children()
    assert reader.read(plain, EIGHT), "a closed reader starts anew"
    reader.close()
    assert children() <= before


@on_linux
def test_closing_does_not_wait_for_a_file_that_hangs(plain):
    with ClipReader(1) as reader:
        reader.read(plain, EIGHT)
        os.kill(reader._crew._drivers[0]._child._process.pid, signal.SIGSTOP)
        stream = reader.read_many([plain] * 3, EIGHT)
        waiting = threading.Timer(0.3, reader.close)
        waiting.start()
        assert [type(result) for _, result in stream] == [VideoError] * 3
        waiting.join()


def test_a_picture_too_large_for_the_memory_allowed(folder, plain):
    large = folder / "large.mp4"
    odd.ffmpeg(
        "-f", "lavfi", "-i", "testsrc=s=3840x2160:d=0.1", "-c:v", "libx264", "-preset", "ultrafast", large
    )
    with ClipReader(1, memory_limit_bytes=1 << 29) as reader:
        if sys.platform.startswith("linux"):
            with pytest.raises(VideoError, match=r"large\.mp4"):
                reader.read(large, Sampling(64))
        assert reader.read(plain, EIGHT)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_workers": 0}, "num_workers is 0"),
        ({"num_workers": 100_000}, "num_workers is 100000; expected 1 to 256"),
        ({"time_limit_seconds": 0.0}, "time_limit_seconds is 0.0"),
        ({"decoder": "vlc"}, "decoder is 'vlc'"),
        ({"memory_limit_bytes": 1}, "memory_limit_bytes is 1"),
    ],
)
def test_nonsense_is_refused(options, words):
    with pytest.raises(OptionError, match=words):
        ClipReader(**options)


def script(folder: Path, body: str) -> list[str]:
    """A user's script without a main guard, which finds the package only by what it does to sys.path."""
    path = folder / "script.py"
    head = f"import os, sys, signal, time\nsys.path.insert(0, {str(ROOT)!r})\n"
    imports = "from zeroshot.video.processes.reader import ClipReader\n"
    imports += "from zeroshot.video.sampling import Sampling\n"
    path.write_text(head + imports + textwrap.dedent(body))
    return [sys.executable, str(path)]


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@pytest.mark.parametrize("ending", ["reader.close()", "", "raise SystemExit(0)"])
def test_a_script_without_a_main_guard_prints_what_it_prints(folder, plain, ending):
    noisy = odd.damaged(plain, "noisy.mp4", seed=1)
    command = script(
        folder,
        f"""
        reader = ClipReader(2)
        for source, result in reader.read_many([{str(plain)!r}, {str(noisy)!r}], Sampling(8)):
            print(os.path.basename(source), type(result).__name__)
        print('torch' in sys.modules)
        {ending}
        """,
    )
    done = subprocess.run(
        command, capture_output=True, text=True, cwd="/", env=clean_environment(), timeout=60, check=False
    )
    assert done.stderr == ""
    assert done.returncode == 0
    first, second, third = done.stdout.splitlines()
    assert first == "plain.mp4 tuple"
    assert second.startswith("noisy.mp4")
    assert third == "False"


@on_linux
def test_children_die_with_a_parent_that_is_killed(folder, plain):
    command = script(
        folder,
        f"""
        reader = ClipReader(2)
        list(reader.read_many([{str(plain)!r}] * 4, Sampling(8)))
        print('ready', flush=True)
        time.sleep(60)
        """,
    )
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environment()) as parent:
        assert parent.stdout.readline() == "ready\n"
        left = children(parent.pid)
        assert left
        parent.kill()
    assert gone(left)


@on_linux
def test_ctrl_c_is_clean(folder, plain):
    command = script(
        folder,
        f"""
        try:
            with ClipReader(1) as reader:
                reader.read({str(plain)!r}, Sampling(8))
                os.kill(reader._crew._drivers[0]._child._process.pid, signal.SIGSTOP)
                print('ready', flush=True)
                reader.read({str(plain)!r}, Sampling(8))
        except KeyboardInterrupt:
            print('interrupted', flush=True)
        """,
    )
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
        start_new_session=True,
        # Background jobs of a shell ignore Ctrl-C, and their children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as parent:
        assert parent.stdout.readline() == "ready\n"
        left = children(parent.pid)
        time.sleep(0.3)
        os.killpg(parent.pid, signal.SIGINT)
        out, err = parent.communicate(timeout=30)
    assert (out, err, parent.returncode) == ("interrupted\n", "", 0)
    assert gone(left)
