"""Key frames in place of the frames at the moments: which come, when, how far they moved, and where not."""

from __future__ import annotations

from dataclasses import asdict, replace

import av
import numpy as np
import odd_files as odd
import pytest
from odd_kinds import KINDS

from zeroshot.batch.table import settings_of
from zeroshot.checkpoint import load_model
from zeroshot.cli.main import main
from zeroshot.errors import OptionError
from zeroshot.types import Clip
from zeroshot.video.decoders.decode import probe, read_clips, read_windows
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.processes.reading_notes import SnapTally
from zeroshot.video.sampling import Sampling, frame_times, reach_seconds

KEYS = Sampling(4, frames="keyframes")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A file of some of the kinds that decoding is tested with, a key frame every 12 frames or so."""
    folder = tmp_path_factory.mktemp("key frames")
    made = {}
    for number, name in enumerate(SNAPPED + EXACT):
        place = folder / str(number)
        place.mkdir()
        made[name] = MAKERS.get(name, lambda place, name=name: KINDS[name].make(place))(place)
    return made


def cut_short(folder):
    return odd.truncated(
        odd.encode(folder / "whole.mp4", *odd.H264, "-movflags", "+faststart"), 0.5, "half.mp4"
    )


def damaged_key(folder):
    return odd.damaged(odd.encode(folder / "whole.mkv", *odd.H264), "damaged.mkv", begin=0.3, end=0.7)


SNAPPED = ["mp4", "offset mkv", "offset mp4", "variable mp4", "ten bits", "sound", "sound mkv", "flv"]
SNAPPED += ["open groups"]
EXACT = ["h264 avi", "one key frame", "gif", "b-frames avi", "xvid avi", "ts", "mpg", "bare", "one frame"]
EXACT += ["cut short", "damaged key", "cut at 2.3"]
MAKERS = {"cut short": cut_short, "damaged key": damaged_key}


def keys_of(path) -> list[int]:
    """The numbers of a file's key frames, by decoding all of it."""
    with av.open(str(path)) as container:
        return [number for number, frame in enumerate(container.decode(video=0)) if frame.key_frame]


@pytest.mark.parametrize("name", SNAPPED)
def test_the_nearest_key_frames_at_their_true_times(files, name):
    """Against a full decoding: the frames' own numbers, and their seconds."""
    (every,) = read_clips(files[name], Sampling(2000), num_threads=1)
    seconds, places = np.unique(every.seconds, return_index=True)
    assert odd.indices_of(every.frames[places]) == list(range(75))
    keys = np.array(keys_of(files[name]))
    times = frame_times(KEYS, probe(files[name]).duration_seconds)[0]
    nearest = [int(keys[np.abs(seconds[keys] - time).argmin()]) for time in times]
    (clip,) = read_clips(files[name], KEYS, num_threads=1)
    assert len(keys) > 4
    assert odd.indices_of(clip.frames) == nearest
    assert np.array_equal(clip.seconds, seconds[nearest])
    assert clip.moved_seconds == pytest.approx(np.abs(seconds[nearest] - times))
    assert np.array_equal(clip.frames, every.frames[places][nearest])


@pytest.mark.parametrize("name", EXACT)
def test_where_key_frames_will_not_do_the_exact_frames_come(files, name):
    sampling = Sampling(3 if name == "damaged key" else 4, frames="keyframes")
    (clip,) = read_clips(files[name], sampling, num_threads=1)
    (exact,) = read_clips(files[name], replace(sampling, frames="even"), num_threads=1)
    assert np.array_equal(clip.frames, exact.frames)
    assert np.array_equal(clip.seconds, exact.seconds)
    assert clip.moved_seconds is None


def test_a_key_frame_stands_for_a_moment_only_within_its_own_part(files):
    """Key frames lie 0.48 s apart: segments of 0.6 s have one each near enough, of 0.3 s not."""
    (wide,) = read_clips(files["mp4"], Sampling(5, frames="keyframes"), num_threads=1)
    (narrow,) = read_clips(files["mp4"], Sampling(10, frames="keyframes"), num_threads=1)
    assert wide.moved_seconds is not None
    assert wide.moved_seconds.max() <= 0.3
    assert len(set(wide.seconds.tolist())) == 5
    assert narrow.moved_seconds is None
    assert reach_seconds(np.array([0.3, 0.9, 1.5]), 9.0) == pytest.approx(0.3)
    assert reach_seconds(np.array([1.5]), 3.0) == 1.5


def test_views_are_all_of_one_kind(files):
    clips = read_clips(files["mp4"], Sampling(4, num_views=2, frames="keyframes"), num_threads=1)
    assert len({clip.moved_seconds is None for clip in clips}) == 1


def test_windows_are_decided_one_by_one(files):
    windows = [(0.0, 3.0), (0.0, 0.4), (0.5, 3.0)]
    together = read_windows(files["mp4"], windows, 3, frames="keyframes", num_threads=1)
    assert [clip.moved_seconds is None for clip in together] == [False, True, False]
    for window, clip in zip(windows, together, strict=True):
        (alone,) = read_windows(files["mp4"], [window], 3, frames="keyframes", num_threads=1)
        assert np.array_equal(clip.frames, alone.frames)
        assert np.array_equal(clip.seconds, alone.seconds)


def test_the_reader_counts_how_far_frames_moved(files):
    names = [files["mp4"], files["one key frame"]]
    with ClipReader(1) as reader:
        outcomes = [clips for _, clips in reader.read_many([str(name) for name in names], KEYS)]
        assert [clips[0].moved_seconds is None for clips in outcomes] == [False, True]
        (window,) = reader.read_windows(names[0], [(0.0, 3.0)], 4, "keyframes")
        assert window.moved_seconds is not None
        assert (reader.snaps.num_snapped, reader.snaps.num_exact) == (2, 1)
        note = reader.snaps.note()
        assert "2 of 3 clips, moved by 0." in note
        assert "1 read exactly, as key frames are too far apart or unknown (long.mp4)" in note
        before = reader.snaps.note()
        list(reader.read_many([str(names[0])], Sampling(4)))
        assert reader.snaps.note() == before, "even sampling moves nothing"


def test_a_tally_against_its_definition():
    rng = np.random.default_rng(0)
    tally, moved = SnapTally(), rng.uniform(0, 2, (50, 8))
    assert tally.note() == ""
    for row in moved:
        tally.add("a.mp4", [Clip(np.zeros((8, 3, 2, 2), np.uint8), np.zeros(8), row)])
    assert tally.median_seconds == pytest.approx(np.median(moved), abs=0.02)
    assert tally.greatest_seconds == pytest.approx(moved.max(), abs=0.006)
    for number in range(5):
        tally.add(f"x/{number}.mp4", [Clip(np.zeros((8, 3, 2, 2), np.uint8), np.zeros(8))])
    assert "50 of 55 clips" in tally.note()
    assert "(0.mp4, 1.mp4, 2.mp4, …)" in tally.note()


def test_frames_in_memory_are_read_as_they_are():
    frames = np.stack([odd.picture(number) for number in range(20)])
    with ClipReader(1) as reader:
        ((_, (clip,)),) = reader.read_many([frames], KEYS)
    assert clip.moved_seconds is None


def test_settings_tell_samplings_apart(tmp_path):
    assert asdict(KEYS) != asdict(Sampling(4))
    with pytest.raises(OptionError, match="sampling is 'keys'; expected one of even, keyframes"):
        Sampling(frames="keys")
    even, keys = (
        load_model("puppet-tiny"),
        load_model("puppet-tiny", sampling=Sampling(8, frames="keyframes")),
    )
    assert settings_of(even) != settings_of(keys)


def run(capsys, monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["zeroshot", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code or 0, capsys.readouterr()


def test_commands_say_what_key_frames_did(files, tmp_path, capsys, monkeypatch):
    dense = odd.encode(tmp_path / "dense.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "4")
    videos = [dense, files["one key frame"], "--model", "puppet-tiny", "--sampling", "keyframes"]
    code, printed = run(capsys, monkeypatch, "classify", *videos, "--labels", "waving, running")
    assert code == 0
    assert "zeroshot: sampling keyframes: 1 of 2 clips, moved by 0.0" in printed.err
    assert "(long.mp4)" in printed.err
    table = ["--output", tmp_path / "table"]
    code, printed = run(capsys, monkeypatch, "embed", *videos, *table)
    assert code == 0
    assert "sampling keyframes: 1 of 2 clips" in printed.err
    # Neither another sampling nor another precision goes into the same folder.
    for other in (["--sampling", "even"], ["--sampling", "keyframes", "--precision", "fast"]):
        code, printed = run(capsys, monkeypatch, "embed", dense, "--model", "puppet-tiny", *other, *table)
        # Where no arithmetic is quicker, fast is exact, says so, and nothing is mixed.
        assert code == int("precision exact instead of fast" not in printed.err)
        assert "precision" in printed.err or "sampling" in printed.err
    code, printed = run(capsys, monkeypatch, "classify", dense, "--labels", "a,b", "--sampling", "keys")
    assert (code, printed.err) == (1, "zeroshot: sampling is 'keys'; expected one of even, keyframes\n")
