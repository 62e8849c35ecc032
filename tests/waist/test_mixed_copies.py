"""StillMix: the ends of the mixture, how it is drawn, which frames are in the bank, and rows that come of it.

Covers: waist/copies, waist/settings.
"""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

from zeroshot.adapter.adapter import TwoStreamAdapter
from zeroshot.adapter.config import AdapterConfig
from zeroshot.errors import OptionError, OutputError
from zeroshot.video.sampling import Sampling
from zeroshot.waist import mixed_copies
from zeroshot.waist.mixed_copies import BETA, QUANTILE, FrameMixer, bank_of, mixed, read_bank
from zeroshot.waist.settings import Copies
from zeroshot.waist.waist import EMPTIED, MIXED, SWAPPED, Waist
from zeroshot.waist.writer import write_waist

EVERY = Copies(mirrored=True, swapped=True, mixed=True, emptied=True)
DRAW = np.random.default_rng(0)
CLIP = torch.from_numpy(DRAW.integers(0, 256, (4, 3, 32, 32), dtype=np.uint8))
FRAME = torch.from_numpy(DRAW.integers(0, 256, (3, 32, 32), dtype=np.uint8))


@pytest.fixture(scope="module")
def written(model, videos, tmp_path_factory):
    """A folder of tokens with every kind of copy."""
    folder = tmp_path_factory.mktemp("tokens") / "t"
    return folder, write_waist(model, videos, folder, sampling=Sampling(4), copies=EVERY)


def test_all_of_the_clip_is_the_clip_and_nothing_of_it_stands_still(model):
    assert torch.equal(mixed(CLIP, FRAME, 1.0), CLIP)
    still = mixed(CLIP, FRAME, 0.0)
    assert torch.equal(still, FRAME.expand_as(CLIP))
    half = mixed(CLIP, FRAME, 0.5)
    assert (half.float() - (CLIP.float() + FRAME.float()) / 2).abs().max() <= 0.5
    tokens, embeddings = model.backbone.encode_seen_tokens(still)
    adapter = TwoStreamAdapter(AdapterConfig(48, 24, 4, (4, 4), hidden_dim=16)).eval()
    assert not adapter(tokens[None], embeddings[None]).dynamic.any()
    tokens, embeddings = model.backbone.encode_seen_tokens(half)
    assert adapter(tokens[None], embeddings[None]).dynamic.any()


def test_shares_have_the_moments_of_the_beta_distribution():
    a, b = BETA
    shares = np.array([mixed_copies._draws(f"video {row}", 0).beta(a, b) for row in range(3000)])
    variance = a * b / ((a + b) ** 2 * (a + b + 1))
    assert shares.mean() == pytest.approx(a / (a + b), abs=4 * (variance / 3000) ** 0.5)
    assert shares.var() == pytest.approx(variance, rel=0.15)


@pytest.mark.parametrize("most", [7, 1000])
def test_the_bank_holds_no_frame_below_the_quantile(most):
    scores = np.random.default_rng(2).random(200)
    places = bank_of(scores, most)
    assert scores[places].min() >= np.quantile(scores, QUANTILE)
    assert len(places) == len(set(places.tolist())) == min(most, 100)
    assert np.array_equal(places, bank_of(scores, most))


def test_a_clip_is_mixed_with_another_videos_frame_the_same_each_time(monkeypatch):
    frames = torch.stack([torch.full((3, 2, 2), level, dtype=torch.uint8) for level in (0, 100, 200)])
    mixer = FrameMixer(("a", "b", "b"), frames)
    monkeypatch.setattr(mixed_copies, "BETA", (1e-9, 1e9))  # nothing of the clip is left

    class Shot:
        def __init__(self, key, number):
            self.key, self.number, self.seen = key, number, torch.zeros(1, 2, 3, 2, 2, dtype=torch.uint8)

    seen = {int(mixer.copy(Shot("a", number))[0, 0, 0, 0]) for number in range(20)}
    assert seen == {100, 200}
    assert torch.equal(mixer.copy(Shot("c", 1)), mixer.copy(Shot("c", 1)))
    with pytest.raises(OptionError, match="frames of other videos; expected 2 videos or more"):
        FrameMixer(("a", "a"), frames[:2]).copy(Shot("a", 0))


def test_copies_are_rows_or_lie_beside(written, model, videos):
    folder, waist = written
    kinds = [row.key.removeprefix(row.video) for row in waist.rows]
    assert kinds == [""] * 6 + [SWAPPED] * 6 + [MIXED] * 6
    assert [row.is_copy for row in waist.rows] == [False] * 6 + [True] * 12
    assert [row.label for row in waist.rows] == 3 * [video.label for video in videos]
    assert [row.scene for row in waist.rows[12:]] == [video.scene for video in videos]
    keys = [row.key for row in waist.rows[:6]]
    filmed, _ = waist.batch(range(6), 0)
    for ending in (SWAPPED, MIXED, EMPTIED):
        for clip in (0, 1):
            tokens, embeddings = waist.of_keys([key + ending for key in keys], clip)
            assert not torch.equal(tokens, filmed)
            assert embeddings.isfinite().all()
    # What is mixed is the mixture of a frame of the bank, seen by the backbone.
    bank = read_bank(folder)
    assert len(bank) == 12
    assert write_waist(model, videos, folder, sampling=Sampling(4), copies=EVERY).rows == waist.rows
    with pytest.raises(OptionError, match="'luck' is not there"):
        waist.of_keys(["luck"])


def test_emptied_clips_hardly_move(written):
    _, waist = written
    keys = [row.key for row in waist.rows[:6]]
    moved = [
        (tokens.float() - tokens.float().mean(1, keepdim=True)).square().mean()
        for tokens in (waist.of_keys(keys, 0)[0], waist.of_keys([key + EMPTIED for key in keys], 0)[0])
    ]
    assert moved[1] < 0.3 * moved[0]


def test_figures_are_where_the_person_is(written):
    _, waist = written
    assert Waist.open(written[0]).digest == waist.digest
    rows = list(range(18))
    shares = waist.figures(rows, 0)
    assert shares.shape == (18, 4, 17)
    assert (shares[..., 0] == 1).all()  # the class token
    assert torch.equal(shares[:6], shares[6:12])  # of a video and of its copy elsewhere
    assert (shares[12:] == 1).all()  # of mixed ones nobody knows
    assert 0 < shares[:6, :, 1:].mean() < 0.8
    mirrored = waist.figures(rows[:6], 1)[..., 1:].unflatten(-1, (4, 4)).flip(-1).flatten(-2)
    assert torch.allclose(mirrored, shares[:6, :, 1:], atol=2 / 255)
    assert torch.equal(waist.figures(rows, ~0), shares.flip(1))
    right = waist.rows.index(next(row for row in waist.rows if row.label == "going right"))
    columns = shares[right, :, 1:].unflatten(-1, (4, 4)).sum(1) @ torch.arange(4.0)
    weight = shares[right, :, 1:].sum(1)
    assert columns[-1] / weight[-1] > columns[0] / weight[0] + 0.5  # goes right


def test_more_copies_are_added_by_another_folder_alone(written, model, videos, tmp_path):
    folder, _ = written
    with pytest.raises(OutputError, match=r"holds tokens with mixed true, not false"):
        write_waist(model, videos, folder, sampling=Sampling(4), copies=Copies(mirrored=True, swapped=True))
    other = shutil.copytree(folder, tmp_path / "t")
    with pytest.raises(OutputError, match=r"holds copies before the places of .* not among these"):
        write_waist(model, videos[:2], other, sampling=Sampling(4), copies=EVERY)
    (other / "bank.json").write_text(json.dumps([1]))
    with pytest.raises(OutputError, match=r"bank.json is damaged"):
        read_bank(other)


def test_frames_that_are_gone_are_told(written, model, videos, tmp_path):
    folder = shutil.copytree(written[0], tmp_path / "t")
    (folder / "shard-00000.safetensors").unlink()  # so that copies are made again
    (folder / "bank.json").write_text(json.dumps([[row.key, 99] for row in written[1].rows[:2]]))
    with pytest.raises(OutputError, match=r"mixed with frames of 2 videos that cannot be read any more"):
        write_waist(model, videos, folder, sampling=Sampling(4), copies=EVERY)


def test_one_video_cannot_be_mixed(model, videos, tmp_path):
    with pytest.raises(OptionError, match="frames of other videos"):
        write_waist(model, videos[:1], tmp_path / "t", sampling=Sampling(4), copies=Copies(mixed=True))
