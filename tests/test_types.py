"""The nouns refuse what they cannot be, and say what JSON carries."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from zeroshot.errors import LabelError, OptionError, VideoError
from zeroshot.types import Clip, Closes, Losses, Prediction, Prompts, Ranking, Segment, Streams


def test_a_clip_is_frames_of_three_channels_each_with_its_time():
    frames, seconds = np.zeros((2, 3, 4, 5), np.uint8), np.arange(2.0)
    assert Clip(frames, seconds).end_seconds is None
    with pytest.raises(VideoError, match=r"expected \(T, 3, H, W\)"):
        Clip(frames[:, :1], seconds)
    with pytest.raises(VideoError, match="expected uint8"):
        Clip(frames.astype(float), seconds)
    with pytest.raises(VideoError, match=r"expected \(2,\)"):
        Clip(frames, np.arange(3.0))
    with pytest.raises(VideoError, match="moved_seconds"):
        Clip(frames, seconds, np.arange(3.0))


def test_every_label_has_a_text():
    with pytest.raises(LabelError, match="empty"):
        Prompts((), ())
    with pytest.raises(LabelError, match="no text"):
        Prompts(("a", "b"), (("a",), ()))
    with pytest.raises(LabelError, match="texts for 1"):
        Prompts(("a", "b"), (("a",),))


def test_rows_of_json_say_only_what_there_is():
    prediction = Prediction("a", 0.5, 1.0)
    assert prediction.as_dict() == {"label": "a", "score": 0.5, "probability": 1.0}
    assert Prediction("a", 0.5, 1.0, 512).as_dict()["compared"] == 512
    row = {"path": "x.mp4", "predictions": [prediction.as_dict()], "error": None}
    assert Ranking("x.mp4", (prediction,)).as_dict() == row
    assert Ranking("x.mp4", (prediction,), None, 1.5).as_dict() == {**row, "breaks_off_seconds": 1.5}
    with pytest.raises(OptionError, match=r"from 2\.0 to 1\.0"):
        Segment(2.0, 1.0, ())


def test_streams_are_of_one_shape_and_losses_scalars():
    rows = torch.zeros(2, 3)
    with pytest.raises(OptionError, match="dynamic stream"):
        Streams(rows, rows[:1], rows)
    with pytest.raises(OptionError, match="anchor"):
        Streams(rows, rows, rows, anchor=rows[:1])
    with pytest.raises(OptionError, match="scalar"):
        Losses(rows, {})
    assert Losses(torch.tensor(2.0), {"a": torch.tensor(1.0)}).as_dict() == {"total": 2.0, "a": 1.0}


def test_what_closes_is_closed_at_the_end_whatever_happens():
    class Held(Closes):
        closed = 0

        def close(self):
            self.closed += 1

    held = Held()
    with pytest.raises(ValueError, match="in between"), held:
        raise ValueError("in between")
    assert held.closed == 1
    assert held.__enter__() is held
