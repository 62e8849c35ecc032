"""Codes of frame embeddings: free of what stands still to the bit, and nothing of a clip that does."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from zeroshot.adapter.adapter import TwoStreamAdapter, mean_embedding
from zeroshot.adapter.config import AdapterConfig
from zeroshot.adapter.streams import DynamicStream

B, T, D = 5, 4, 16


def config(**changes):
    return AdapterConfig(8, D, T, (2, 2), reads="embeddings", **changes)


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def eighths(*shape, seed):
    """Numbers whose sums are exact in float32."""
    return torch.randint(-16, 17, shape, generator=torch.Generator().manual_seed(seed)) / 8


def read(adapter, embeddings, seed=0):
    tokens = torch.zeros(len(embeddings), T, 5, 8)
    return adapter(tokens, embeddings, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("reference", ["mean", "first", "random"])
def test_in_an_additive_world_codes_are_free_of_what_stays_to_the_bit(reference, training):
    adapter = TwoStreamAdapter(config(reference=reference), seed=1).train(training)
    motion, first, second = eighths(B, T, D, seed=1), eighths(B, 1, D, seed=2), eighths(B, 1, D, seed=3)
    found = [read(adapter, place + motion) for place in (first, second)]
    assert torch.equal(found[0].dynamic_hidden, found[1].dynamic_hidden)
    assert torch.equal(found[0].dynamic, found[1].dynamic)
    assert not torch.equal(found[0].static_hidden, found[1].static_hidden)


@pytest.mark.parametrize("reference", ["mean", "first", "random"])
def test_codes_of_a_still_clip_do_not_depend_on_what_it_shows(reference):
    adapter = TwoStreamAdapter(config(reference=reference), seed=1)
    still = drawn(B, 1, D).expand(B, T, D)
    for part in (adapter.train(), adapter.eval()):
        streams = read(part, still)
        assert not streams.dynamic_hidden.any()  # mean 0 and log variance 0 of every number
        assert not streams.dynamic.any()
    assert read(adapter, drawn(B, T, D)).dynamic.any(1).all()


def test_without_subtraction_they_would():
    """The tests above can fail."""
    adapter = TwoStreamAdapter(config(reference="none"), seed=1).eval()
    found = read(adapter, drawn(B, 1, D).expand(B, T, D)).dynamic_hidden
    assert not torch.allclose(found[0], found[1])


def test_a_random_reference_is_the_mean_once_it_has_learned():
    embeddings = drawn(B, T, D)
    codes = {}
    for reference in ("mean", "random"):
        adapter = TwoStreamAdapter(config(reference=reference, dropout=0.0), seed=1)
        learned = [read(adapter.train(), embeddings, seed).dynamic_hidden for seed in (0, 1)]
        assert torch.allclose(*learned) == (reference == "mean")
        codes[reference] = read(adapter.eval(), embeddings, 0).dynamic_hidden
    assert torch.equal(codes["mean"], codes["random"])


def test_tokens_have_a_random_reference_too():
    made = AdapterConfig(8, D, T, (2, 2), hidden_dim=16, reference="random")
    stream, tokens = DynamicStream(made), drawn(B, T, 5, 8)
    places = torch.tensor([0, 3, 1, 2, 2])
    change, rows = stream.change(tokens, places), torch.arange(B)
    sized = F.layer_norm(tokens, tokens.shape[-1:])
    torch.testing.assert_close(change, sized - sized[rows, places][:, None])
    torch.testing.assert_close(stream.change(tokens), sized - sized.mean(1, keepdim=True), rtol=0, atol=1e-5)
    learned = [stream(tokens, torch.Generator().manual_seed(seed))[0] for seed in (0, 1)]
    assert not torch.allclose(*learned)


def test_untrained_it_is_clip_and_its_config_rebuilds_it():
    embeddings = F.normalize(drawn(B, T, D), dim=-1)
    adapter = TwoStreamAdapter(config(), seed=1).eval()
    streams = read(adapter, embeddings)
    assert torch.equal(streams.static, mean_embedding(embeddings))
    assert streams.static_hidden.shape == (B, 128)
    assert streams.dynamic_hidden.shape == (B, T * 64)
    again = TwoStreamAdapter(AdapterConfig.from_dict(adapter.config.as_dict()))
    again.load_state_dict(adapter.state_dict())
    assert torch.equal(read(again.eval(), embeddings).dynamic, streams.dynamic)
    assert torch.equal(read(adapter.towards_clip(0.0), embeddings).fused, mean_embedding(embeddings))


def test_answers_are_of_means_alone():
    adapter = TwoStreamAdapter(config(), seed=1)
    hidden = drawn(B, T * 64)
    widths = hidden.unflatten(1, (T, 64)).clone()
    widths[..., 32:] = 7.0
    assert torch.equal(adapter.dynamic.head(hidden), adapter.dynamic.head(widths.flatten(1)))
