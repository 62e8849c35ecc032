"""A decoder is a class and a line of a dict."""

from __future__ import annotations

import re

import numpy as np
import pytest
from typer.testing import CliRunner

from zeroshot.cli.main import app
from zeroshot.video.decoders.by_name import DECODERS
from zeroshot.video.decoders.decode import read_clips, read_windows
from zeroshot.video.decoders.decoder import KeyFrame, Shown
from zeroshot.video.decoders.probe import VideoInfo
from zeroshot.video.sampling import Sampling


class Grey:
    """Two seconds, ten frames a second; the n-th is of the grey n, key frames at every half second."""

    def __init__(self, path, *, num_threads):
        del num_threads
        self.info = VideoInfo(str(path), 2.0, 4, 3, 10.0, "grey", "none", 0, 0.0)
        self.closed = False

    def frames_at(self, seconds, shorter_side=None):
        del shorter_side
        numbers = [min(19, int(10 * moment + 1e-6)) for moment in seconds]
        return Shown([n / 10 for n in numbers], [np.full((3, 4, 3), n, np.uint8) for n in numbers])

    def every_frame(self, end_seconds):
        return ((n / 10, np.full((3, 4, 3), n, np.uint8)) for n in range(20) if n / 10 < end_seconds)

    def key_frame_near(self, seconds):
        near = min(1.5, round(2 * seconds) / 2)
        return KeyFrame(near, lambda _: np.full((3, 4, 3), round(10 * near), np.uint8))

    def close(self):
        self.closed = True


def test_a_toy_decoder_reads_clips_and_windows(monkeypatch):
    monkeypatch.setitem(DECODERS, "grey", Grey)
    clip = read_clips("none", Sampling(4), decoder="grey")[0]
    assert clip.frames[:, 0, 0, 0].tolist() == [2, 7, 12, 17]
    clip = read_clips("none", Sampling(4, frames="keyframes"), decoder="grey")[0]
    assert clip.frames[:, 0, 0, 0].tolist() == [0, 10, 10, 15] or clip.moved_seconds is not None
    clips = read_windows("none", [(0.0, 1.0), (1.0, 2.0)], 2, decoder="grey")
    assert [clip.frames[:, 0, 0, 0].tolist() for clip in clips] == [[2, 7], [12, 17]]


@pytest.mark.parametrize("verb", ["classify", "embed"])
def test_help_lists_the_decoders(verb):
    text = CliRunner().invoke(app, [verb, "--help"], env={"COLUMNS": "200"}).output
    assert ", ".join(DECODERS) in re.sub(r"\s+", " ", text)
