"""What each stream says of one video: the model's own among them, none where nothing moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import zeroshot
from zeroshot.errors import VideoError
from zeroshot.stream_answers import answering_stream, rank_streams

CLIP = Path(__file__).parents[1] / "examples" / "clips" / "walking_right_swimming_pool.mp4"


@pytest.fixture(scope="module")
def classifier():
    with zeroshot.load("puppet-tiny", "walking left, walking right, swimming", num_workers=1) as made:
        yield made


@pytest.mark.parametrize("stages", [None, {"swimming": {"start": "upright", "end": "lying flat"}}])
def test_the_answering_stream_says_what_rank_says(classifier, stages):
    asked = classifier.with_labels(classifier.labels, stages=stages)
    answers = rank_streams(asked, CLIP, 2)
    assert list(answers) == ["static", "dynamic", "fused", "clip"]
    assert all(len(best) == 2 for best in answers.values())
    told, own = answers[answering_stream(asked)], asked.rank(CLIP, 2)
    assert [each.label for each in told] == [each.label for each in own]
    assert [each.score for each in told] == pytest.approx([each.score for each in own], abs=1e-5)


def test_the_network_sees_the_pool_and_the_dynamic_stream_the_walk(classifier):
    answers = rank_streams(classifier, classifier.model.clips_of(CLIP)[0])
    assert answers["dynamic"][0].label == "walking right"
    assert answers["clip"][0].label != "walking right"


def test_where_nothing_moves_the_dynamic_stream_has_no_answer(classifier):
    still = np.full((8, 64, 64, 3), 90, np.uint8)
    answers = rank_streams(classifier, still)
    assert answers["dynamic"] == ()
    assert len(answers["static"]) == 3


def test_a_model_without_streams_has_the_network_alone():
    with zeroshot.load("puppet-tiny", "waving, kicking", stream="clip") as plain:
        frames = np.random.default_rng(0).integers(0, 255, (8, 64, 64, 3), np.uint8)
        assert list(rank_streams(plain, frames)) == ["clip"] == [answering_stream(plain)]


def test_a_video_that_cannot_be_read_says_so(classifier, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(VideoError, match=r"broken\.mp4"):
        rank_streams(classifier, str(tmp_path / "broken.mp4"))
