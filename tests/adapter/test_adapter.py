"""The two-stream adapter: what it must be before it has learned anything, and that it learns order."""

from __future__ import annotations

import json

import pytest
import torch
import torch.nn.functional as F

from zeroshot.adapter.adapter import TwoStreamAdapter, mean_embedding
from zeroshot.adapter.config import READINGS, STATIC_INPUTS, AdapterConfig
from zeroshot.adapter.streams import (
    SelfCorrelation,
    TemporalConvolution,
    cosine_bases,
    drop,
    root_mean_square,
    subtract_reference,
    unit_rows,
)
from zeroshot.errors import OptionError
from zeroshot.model.tokens import pool_tokens, pooled_grid
from zeroshot.types import Streams

SMALL = AdapterConfig(
    24, 16, num_frames=6, grid=(3, 2), hidden_dim=32, num_heads=2, num_queries=3, num_layers=1
)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def small(**changes) -> AdapterConfig:
    return AdapterConfig.from_dict({**SMALL.as_dict(), **changes})


def inputs(config: AdapterConfig, batch: int = 4, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    tokens = 1 + config.grid[0] * config.grid[1]
    return (
        noise(batch, config.num_frames, tokens, config.token_dim, seed=seed) * 3 + 1,
        F.normalize(noise(batch, config.num_frames, config.embedding_dim, seed=seed + 1), dim=-1),
    )


def trained(config: AdapterConfig) -> TwoStreamAdapter:
    """An adapter none of whose weights is what it began as."""
    adapter = TwoStreamAdapter(config, seed=1)
    with torch.no_grad():
        for number, parameter in enumerate(adapter.parameters()):
            parameter.add_(0.2 * noise(*parameter.shape, seed=number))
    if adapter.dynamic.detectors is not None:
        adapter.dynamic.detectors.calibrate(inputs(config, 16, seed=70)[0])
    adapter.set_fused_weight(0.7)
    directions = torch.linalg.qr(noise(config.embedding_dim, 2, seed=99)).Q.T
    adapter.set_scene_directions(directions)
    return adapter.eval()


@pytest.fixture(scope="module")
def clip_tokens() -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens and embeddings of noise through a small vision transformer of random weights: (3, 6, …)."""
    transformer = pytest.importorskip("open_clip.transformer")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = transformer.VisionTransformer(
            image_size=48,
            patch_size=8,
            width=24,
            layers=2,
            heads=2,
            mlp_ratio=2,
            output_dim=16,
            output_tokens=True,
        ).eval()
    with torch.no_grad():
        embeddings, patches = network(noise(18, 3, 48, 48))
    tokens = torch.cat([patches.mean(1, keepdim=True), patches], 1).unflatten(0, (3, 6))
    return pool_tokens(tokens, (6, 6)), embeddings.unflatten(0, (3, 6))


CLIP_CONFIG = AdapterConfig(24, 16, num_frames=6, hidden_dim=32, num_heads=2, num_layers=1)


@pytest.mark.parametrize("static_input", STATIC_INPUTS)
@pytest.mark.parametrize("training", [True, False])
def test_untrained_is_clip_averaged_over_frames(static_input, training):
    config = small(static_input=static_input)
    adapter = TwoStreamAdapter(config).train(training)
    tokens, embeddings = inputs(config)
    streams = adapter(tokens, embeddings)
    expected = mean_embedding(embeddings)
    assert torch.equal(streams.static, expected)
    assert torch.equal(streams.fused, expected)


def test_untrained_is_clip_on_tokens_of_a_network(clip_tokens):
    tokens, embeddings = clip_tokens
    streams = TwoStreamAdapter(CLIP_CONFIG)(tokens, embeddings)
    by_hand = torch.stack([sum(e / e.norm() for e in video) for video in embeddings])
    torch.testing.assert_close(streams.fused, by_hand / by_hand.norm(dim=1, keepdim=True))
    assert torch.equal(streams.fused, streams.static)


@pytest.mark.parametrize("static_input", STATIC_INPUTS)
def test_static_stream_does_not_know_the_order(static_input):
    config = small(static_input=static_input)
    adapter = trained(config)
    tokens, embeddings = inputs(config)
    for seed in range(3):
        order = torch.randperm(config.num_frames, generator=torch.Generator().manual_seed(seed))
        before, after = adapter(tokens, embeddings), adapter(tokens[:, order], embeddings[:, order])
        torch.testing.assert_close(after.static, before.static, rtol=0, atol=1e-6)
        torch.testing.assert_close(after.static_hidden, before.static_hidden, rtol=1e-5, atol=1e-5)
        assert not torch.allclose(after.dynamic, before.dynamic, atol=0.05)


def test_static_stream_does_not_know_the_order_of_real_tokens(clip_tokens):
    tokens, embeddings = clip_tokens
    adapter = trained(CLIP_CONFIG)
    back = adapter(tokens.flip(1), embeddings.flip(1))
    torch.testing.assert_close(back.static, adapter(tokens, embeddings).static, rtol=0, atol=1e-6)


@pytest.mark.parametrize("static_input", ["frame", "shuffled"])
def test_static_stream_learns_from_random_frames(static_input):
    config = small(static_input=static_input, dropout=0.0)
    adapter = trained(config).train()
    tokens, embeddings = inputs(config)
    first = adapter(tokens, embeddings, torch.Generator().manual_seed(1)).static_hidden
    again = adapter(tokens, embeddings, torch.Generator().manual_seed(1)).static_hidden
    other = adapter(tokens, embeddings, torch.Generator().manual_seed(2)).static_hidden
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


@pytest.mark.parametrize("reads", READINGS)
@pytest.mark.parametrize("reference", ["mean", "first"])
@pytest.mark.parametrize("num_frames", [2, 3, 7, 8])
def test_dynamic_stream_of_a_still_clip_is_exactly_zero(reads, reference, num_frames):
    config = small(reads=reads, reference=reference, num_frames=num_frames, stillness=0.0)
    adapter = trained(config)
    tokens, embeddings = inputs(config)
    still = tokens[:, :1].expand_as(tokens)
    for part in (adapter, adapter.train()):
        streams = part(still, embeddings)
        assert (streams.dynamic == 0).all()
        assert (streams.dynamic_hidden == 0).all()
    assert (adapter(tokens, embeddings).dynamic != 0).all()


def test_dynamic_stream_of_a_still_clip_of_a_network_is_zero(clip_tokens):
    tokens, embeddings = clip_tokens
    adapter = trained(CLIP_CONFIG)
    still = tokens[:, 2:3].expand_as(tokens)
    assert (adapter(still, embeddings).dynamic == 0).all()
    # The same frame rounded to float16 and computed in another batch differs in its last bits: still.
    rounded = (still * (1 + 1e-6 * noise(*still.shape))).half()
    assert (adapter(rounded, embeddings).dynamic == 0).all()
    assert (adapter(tokens.half(), embeddings).dynamic.norm(dim=1) > 0.99).all()


def test_without_subtraction_a_still_clip_is_not_zero():
    """The test above can fail."""
    config = small(reference="none")
    tokens, embeddings = inputs(config)
    assert (trained(config)(tokens[:, :1].expand_as(tokens), embeddings).dynamic != 0).any()


def test_nothing_on_the_dynamic_path_has_a_bias():
    names = [name for name, _ in TwoStreamAdapter(SMALL).dynamic.named_parameters()]
    assert not [name for name in names if name.endswith("bias")]


@pytest.mark.parametrize("reads", READINGS)
def test_still_clips_in_a_batch_leave_gradients_finite(reads):
    config = small(reads=reads, dropout=0.0)
    adapter = TwoStreamAdapter(config).train()
    tokens, embeddings = inputs(config)
    tokens[1] = tokens[1, :1]
    streams = adapter(tokens, embeddings)
    (
        F.cross_entropy(30 * streams.dynamic, torch.tensor([0, 1, 2, 3])) + streams.static[:, 0].sum()
    ).backward()
    gradients = [p.grad for p in adapter.parameters() if p.grad is not None]
    assert all(g.isfinite().all() for g in gradients)
    assert sum(float(g.abs().sum()) for g in gradients) > 0
    assert streams.dynamic[1].abs().max() == 0


def test_rows_have_length_one():
    streams = trained(SMALL)(*inputs(SMALL))
    for rows in (streams.static, streams.dynamic, streams.fused):
        torch.testing.assert_close(rows.norm(dim=1), torch.ones(4))


def test_dynamic_stream_forgets_the_strength_of_the_motion_and_what_stands_still():
    config = small(stillness=0.0)
    adapter = trained(config)
    x = noise(2, 6, 7, 24)
    change = adapter.dynamic.change(x)
    torch.testing.assert_close(change.mean(1), torch.zeros(2, 7, 24), atol=1e-6, rtol=0)
    torch.testing.assert_close(subtract_reference(x + 5, "first"), x - x[:, :1], atol=1e-5, rtol=0)
    torch.testing.assert_close(subtract_reference(x, "mean"), x - x.mean(1, keepdim=True), atol=1e-6, rtol=0)
    before = adapter.dynamic(x, None)
    adapter.dynamic.channel_scale.mul_(0.25)  # four times as strong
    torch.testing.assert_close(adapter.dynamic(x, None), before)


def test_correlation_does_not_change_when_channels_are_turned():
    """What it reads is where and when things change, not what they look like."""
    correlation = TwoStreamAdapter(SMALL).dynamic.correlation
    x = noise(2, 6, 7, 24)
    turn = torch.linalg.qr(noise(24, 24, seed=1)).Q
    alike = torch.ones(2, 1, 1, 24)
    read = correlation(x, alike)
    torch.testing.assert_close(correlation(x @ turn, alike), read, rtol=1e-3, atol=1e-5)
    assert not torch.allclose(correlation(x.flip(1), alike).flip(1), read, atol=1e-3)


@pytest.mark.parametrize(("frames", "lags"), [(2, 1), (6, 5), (5, 5), (9, 4), (20, 5), (17, 12)])
def test_correlation_is_that_of_its_formula(frames, lags):
    batch, tokens, width, hidden = 2, 3, 5, 4
    layer = SelfCorrelation(tokens, hidden, lags).double()
    x = noise(batch, frames, tokens, width).double()
    channels = noise(batch, 1, 1, width, seed=1).double()
    weight = layer.output.weight.detach().unflatten(1, (lags, tokens))
    expected = torch.zeros(batch, frames, tokens, hidden, dtype=torch.float64)
    for t in range(frames):
        for lag in range(min(lags, frames - t)):
            alike = torch.einsum("bnc,bc,bmc->bnm", x[:, t], channels[:, 0, 0], x[:, t + lag]) / width
            expected[:, t] += alike @ weight[:, lag].T
    torch.testing.assert_close(layer(x, channels), expected)


@pytest.mark.parametrize("shape", [(2, 7, 3, 5), (2, 7, 5), (1, 2, 3, 5)])
@pytest.mark.parametrize("size", [1, 3, 5])
def test_temporal_convolution_is_that_of_its_formula(shape, size):
    layer = TemporalConvolution(shape[-1], size).double()
    x = noise(*shape).double()
    expected = torch.zeros_like(x)
    for t in range(shape[1]):
        for place in range(size):
            if 0 <= t + place - size // 2 < shape[1]:
                expected[:, t] += x[:, t + place - size // 2] * layer.weight[place].detach()
    torch.testing.assert_close(layer(x), expected)


def test_size_of_a_clip_of_zeros_is_zero_and_its_gradient_finite():
    x = torch.stack([torch.zeros(4, 3), torch.full((4, 3), 2.0)]).requires_grad_()
    size = root_mean_square(x)
    assert size.tolist() == pytest.approx([0.0, 2.0])
    size.sum().backward()
    assert torch.equal(x.grad[0], torch.zeros(4, 3))
    torch.testing.assert_close(x.grad[1], torch.full((4, 3), 1 / 12))


def test_videos_do_not_touch_each_other():
    adapter = trained(SMALL)
    tokens, embeddings = inputs(SMALL)
    whole = adapter(tokens, embeddings)
    for row in range(4):
        alone = adapter(tokens[row : row + 1], embeddings[row : row + 1])
        torch.testing.assert_close(alone.fused[0], whole.fused[row], rtol=0, atol=1e-5)


@pytest.mark.parametrize("reads", READINGS)
def test_no_videos_give_no_rows(reads):
    streams = trained(small(reads=reads))(*inputs(SMALL, batch=0))
    assert streams.fused.shape == streams.dynamic.shape == streams.static.shape == (0, 16)


def test_fused_is_the_weighted_sum_and_interpolation_reaches_clip():
    adapter = trained(SMALL)
    tokens, embeddings = inputs(SMALL)
    streams = adapter(tokens, embeddings)
    torch.testing.assert_close(streams.fused, unit_rows(streams.anchor + 0.7 * streams.dynamic))
    assert torch.equal(adapter.towards_clip(0.0)(tokens, embeddings).fused, mean_embedding(embeddings))
    torch.testing.assert_close(adapter.towards_clip(1.0)(tokens, embeddings).fused, streams.fused)
    half = adapter.towards_clip(0.5)
    assert float(half.fused_weight) == pytest.approx(0.35)
    plain, bare = mean_embedding(embeddings), adapter(tokens, embeddings).anchor
    rows = half(tokens, embeddings).anchor
    taken = [unit_rows(each) @ adapter.scene_directions.T for each in (plain, rows, bare)]
    assert taken[0].abs().sum() > taken[1].abs().sum() > 1e3 * taken[2].abs().sum()
    assert float(adapter.fused_weight) == pytest.approx(0.7)


def test_a_residual_is_added_at_the_length_it_was_learned_with():
    config = small(fusion="residual")
    adapter, bare = trained(config), TwoStreamAdapter(config)
    tokens, embeddings = inputs(config)
    streams = adapter(tokens, embeddings)
    _, change = adapter.dynamic(tokens, None)
    torch.testing.assert_close(streams.correction, 0.1 * change)
    torch.testing.assert_close(streams.dynamic, unit_rows(change))
    torch.testing.assert_close(streams.fused, unit_rows(streams.anchor + 0.7 * 0.1 * change))
    lengths = streams.correction.detach().norm(dim=1)
    assert float(lengths.max() / lengths.min()) > 1.01, "lengths tell how much is to be changed"
    still = adapter(tokens[:, :1].expand(tokens.shape), embeddings)
    assert not still.correction.any()
    torch.testing.assert_close(still.fused, still.anchor)  # but for the last bit of a length
    assert torch.equal(bare(tokens, embeddings).fused, mean_embedding(embeddings))


def test_the_anchor_holds_nothing_along_the_scene_directions():
    adapter = trained(SMALL)
    tokens, embeddings = inputs(SMALL)
    anchor = adapter(tokens, embeddings).anchor.double()
    base = mean_embedding(embeddings).double()
    directions = adapter.scene_directions[:2].double()
    by_hand = base.clone()
    for direction in directions:
        by_hand -= (base * direction).sum(1, keepdim=True) * direction
    torch.testing.assert_close(anchor, by_hand / by_hand.norm(dim=1, keepdim=True), rtol=0, atol=1e-6)
    assert float((anchor @ directions.T).abs().max()) < 1e-6


def test_more_scene_directions_than_fit_are_cut():
    adapter = TwoStreamAdapter(small(num_scene_directions=2))
    adapter.set_scene_directions(torch.eye(SMALL.embedding_dim)[:5])
    assert torch.equal(adapter.scene_directions, torch.eye(SMALL.embedding_dim)[:2])
    with pytest.raises(OptionError, match=r"scene directions have shape \(2, 3\)"):
        adapter.set_scene_directions(torch.zeros(2, 3))


def test_fused_weight_is_saved_with_the_weights():
    adapter, other = trained(SMALL), TwoStreamAdapter(SMALL)
    other.load_state_dict(adapter.state_dict())
    tokens, embeddings = inputs(SMALL)
    assert torch.equal(other.eval()(tokens, embeddings).fused, adapter(tokens, embeddings).fused)


def test_seed_decides_the_weights_and_the_global_generator_stays():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    a, b, c = (TwoStreamAdapter(SMALL, seed=seed).dynamic.pooling.output.weight for seed in (3, 3, 4))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert torch.equal(before, torch.get_rng_state())


def test_config_rebuilds_the_adapter_from_json():
    text = json.dumps(small(static_input="shuffled", grid=(2, 5)).as_dict())
    config = AdapterConfig.from_dict({**json.loads(text), "spatial_kernel": 1})  # earlier versions wrote it
    assert config == small(static_input="shuffled", grid=(2, 5))
    adapter = trained(config)
    again = TwoStreamAdapter(AdapterConfig.from_dict(json.loads(text)))
    again.load_state_dict(adapter.state_dict())


@pytest.mark.parametrize(("width", "joint"), [(768, 512), (1024, 768)])
def test_adapter_of_vit_b_and_l_is_small(width, joint):
    assert TwoStreamAdapter(AdapterConfig(width, joint)).num_parameters() < 3_000_000


def test_calibration_brings_channels_to_one_size():
    adapter = TwoStreamAdapter(small(stillness=0.0))
    tokens, _ = inputs(SMALL, batch=16)
    tokens[..., 3] *= 30
    before = adapter.dynamic.change(tokens).flatten(0, 2).std(0)
    adapter.calibrate(tokens)
    after = (adapter.dynamic.change(tokens) / adapter.dynamic.channel_scale).flatten(0, 2).std(0)
    assert before.max() / before.min() > 10
    assert after.max() / after.min() < 1.2


def test_pooling_averages_blocks_and_keeps_the_first_token():
    tokens = noise(2, 3, 1 + 8 * 8, 5)
    pooled = pool_tokens(tokens, (8, 8))
    assert pooled.shape == (2, 3, 17, 5)
    assert torch.equal(pooled[:, :, 0], tokens[:, :, 0])
    patches = tokens[:, :, 1:].unflatten(2, (8, 8))
    torch.testing.assert_close(pooled[:, :, 1 + 4 * 1 + 2], patches[:, :, 2:4, 4:6].mean((2, 3)))
    assert pool_tokens(tokens.half(), (8, 8)).dtype == torch.float16


def test_pooling_small_and_odd_grids():
    assert pooled_grid((2, 9), 4) == (2, 4)
    assert pool_tokens(noise(1, 2, 1 + 7 * 7, 4), (7, 7)).shape == (1, 2, 17, 4)
    tokens = noise(1, 2, 5, 4)
    assert torch.equal(pool_tokens(tokens, (2, 2)), tokens)


def test_cosine_bases_are_orthonormal():
    bases = cosine_bases(5, 8)
    torch.testing.assert_close(bases @ bases.T, torch.eye(5), atol=1e-6, rtol=0)


def test_dropout_keeps_the_mean_and_follows_its_generator():
    x = torch.ones(200, 100)
    a, b = (drop(x, 0.25, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(a, b)
    assert float(a.mean()) == pytest.approx(1, abs=0.02)
    assert float((a == 0).float().mean()) == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(
    ("share", "dropped"), [(0.1, 26 / 256), (1e-4, 1 / 256), (0.5, 0.5), (0.999, 255 / 256)]
)
def test_dropout_falls_on_all_places_alike_and_on_neighbours_independently(share, dropped):
    """Eight places share a random number of 64 bits; it must not show."""
    gone = drop(torch.ones(40_000, 9), share, torch.Generator().manual_seed(2)) == 0
    assert gone.float().mean() == pytest.approx(dropped, abs=4 * (dropped * (1 - dropped) / 360_000) ** 0.5)
    lanes = gone.flatten()[: 44_000 * 8].view(-1, 8).double()
    error = (dropped * (1 - dropped) / len(lanes)) ** 0.5
    assert (lanes.mean(0) - dropped).abs().max() < 5 * error
    both = (lanes.T @ lanes / len(lanes))[~torch.eye(8, dtype=torch.bool)]
    assert (both - dropped**2).abs().max() < 6 * error * dropped**0.5 + 1e-4


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_dropout_keeps_shape_and_type(dtype):
    x = torch.ones(3, 0, 5, dtype=dtype), torch.ones(3, 7, dtype=dtype, requires_grad=True)
    for each in x:
        found = drop(each, 0.3, None)
        assert (found.shape, found.dtype) == (each.shape, dtype)
    found.sum().backward()
    assert torch.equal(x[1].grad, found.detach())


def moving(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Something of random looks crosses a random scene of 2 × 3 patches, rightward (0) or leftward (1)."""
    labels = torch.arange(count) % 2
    tokens = noise(count, 1, 7, 24, seed=seed).repeat(1, 6, 1, 1)
    looks = noise(count, 24, seed=seed + 1)
    for row in range(count):
        for t in range(6):
            tokens[row, t, 1 + 3 * (row // 2 % 2) + t // 2] = looks[row]
    backwards = labels == 1
    tokens[backwards] = tokens[backwards].flip(1)
    return tokens, F.normalize(noise(count, 6, 16, seed=seed + 2), dim=-1), labels


@pytest.mark.parametrize("reads", ["both", "correlation"])
def test_learns_the_order_of_frames_in_seconds(reads):
    """Frame averages are at 50 % here whatever they learn; test scenes and looks were never seen."""
    adapter = TwoStreamAdapter(small(reads=reads, dropout=0.0), seed=2).train()
    texts = F.normalize(noise(2, 16, seed=50), dim=-1)
    tokens, embeddings, labels = moving(128, seed=10)
    optimizer = torch.optim.AdamW(adapter.dynamic.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(40):
        rows = torch.randperm(128, generator=generator)[:64]
        streams = adapter(tokens[rows], embeddings[rows], generator)
        optimizer.zero_grad()
        F.cross_entropy(20 * streams.dynamic @ texts.T, labels[rows]).backward()
        optimizer.step()
    tokens, embeddings, labels = moving(64, seed=20)
    with torch.no_grad():
        streams = adapter.eval()(tokens, embeddings)
    assert ((streams.dynamic @ texts.T).argmax(1) == labels).float().mean() > 0.95


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: TwoStreamAdapter(SMALL)(noise(2, 8, 7, 24), noise(2, 8, 16)),
            r"reads \(B, 6, 7, 24\).*backbone",
        ),
        (lambda: TwoStreamAdapter(SMALL)(noise(2, 6, 7, 32), noise(2, 6, 16)), r"\(2, 6, 7, 32\)"),
        (lambda: TwoStreamAdapter(SMALL)(noise(2, 6, 7, 24), noise(2, 6, 17)), r"expected \(2, 6, 16\)"),
        (lambda: TwoStreamAdapter(SMALL).set_fused_weight(-1), "-1; expected a number ≥ 0"),
        (lambda: TwoStreamAdapter(SMALL).set_fused_weight(float("nan")), "nan"),
        (lambda: TwoStreamAdapter(SMALL).towards_clip(2), "share is 2"),
        (lambda: TwoStreamAdapter(SMALL).calibrate(torch.ones(2, 6, 7, 24)), "none of the 2 clips moves"),
        (lambda: pool_tokens(noise(1, 1, 50, 4), (8, 8)), "50 tokens a frame; expected 65"),
        (lambda: pooled_grid((4, 4), 0), "expected 1 or more"),
        (lambda: small(num_frames=1), "num_frames is 1"),
        (lambda: small(hidden_dim=30), "hidden_dim 30 is no multiple"),
        (lambda: small(static_input="all"), "'all'.*frame, mean, shuffled, network"),
        (lambda: small(reference="last"), "'last'.*mean, first, random, none"),
        (lambda: small(reads="nothing"), "'nothing'.*both, content, correlation"),
        (lambda: small(kernel_size=2), "kernel_size is 2; expected an odd"),
        (lambda: small(num_bases=0), "num_bases is 0"),
        (lambda: small(dropout=1.0), "dropout is 1.0"),
        (lambda: small(depth=3), "unknown fields depth"),
        (lambda: AdapterConfig.from_dict({"token_dim": 3}), "lacks embedding_dim"),
        (lambda: small(spatial_kernel=3), "has a spatial_kernel, which this version cannot read"),
        (lambda: Streams(noise(2, 3), noise(2, 4), noise(2, 3)), r"dynamic stream has shape \(2, 4\)"),
        (lambda: Streams(noise(2, 3), noise(2, 3), noise(2, 3), noise(3, 3)), r"expected \(2, H\)"),
    ],
)
def test_errors_are_one_clear_line(call, words):
    with pytest.raises(OptionError, match=words) as error:
        call()
    assert "\n" not in str(error.value)
