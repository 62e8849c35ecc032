"""Texts cut where they end: the embeddings of the library itself, for every kind of text tower."""

from __future__ import annotations

import open_clip
import pytest
import torch

from zeroshot.model.networks.open_clip_towers import short_texts

VISION = {"image_size": 16, "patch_size": 8, "width": 16, "layers": 1, "head_width": 8}
TEXT = {"context_length": 40, "vocab_size": 100, "width": 16, "heads": 2, "layers": 3}


def network(custom: bool = False, **text) -> torch.nn.Module:
    kind = open_clip.CustomTextCLIP if custom else open_clip.CLIP
    with torch.random.fork_rng():
        torch.manual_seed(1)
        module = kind(embed_dim=12, vision_cfg=VISION, text_cfg={**TEXT, **text}).eval()
        for parameter in module.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=parameter.shape[-1] ** -0.5)
    return module


def ids(*lengths: int) -> torch.Tensor:
    """Texts of so many tokens, between a token that begins and the largest, which ends; zeros after it."""
    draw = torch.Generator().manual_seed(0)
    rows = torch.zeros(len(lengths), TEXT["context_length"], dtype=torch.long)
    for row, length in zip(rows, lengths, strict=True):
        row[: length + 1] = torch.randint(2, 90, (length + 1,), generator=draw)
        row[length + 1] = 99
    return rows


@pytest.mark.parametrize("custom", [False, True])
@pytest.mark.parametrize(
    "text", [{}, {"pool_type": "eos", "eos_id": 99}, {"proj_type": "none", "width": 12}, {"proj_bias": True}]
)
def test_the_rest_of_the_context_changes_nothing(custom, text):
    module = network(custom, **text)
    tokens = ids(3, 1, 12, 5)
    with torch.inference_mode():
        short, whole = short_texts(module, tokens), module.encode_text(tokens)
    assert short is not None
    torch.testing.assert_close(short, whole, rtol=1e-5, atol=1e-6)


def test_as_many_tokens_are_read_as_the_longest_text_needs():
    module, seen = network(), []
    module.transformer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[1]))
    with torch.inference_mode():
        short_texts(module, ids(3, 1))
        short_texts(module, ids(3, 7))
    assert seen == [8, 16]
    assert short_texts(module, ids(37, 1)) is None, "a text that fills the context is the library's own work"


@pytest.mark.parametrize(
    ("custom", "text"),
    [
        (True, {"no_causal_mask": True}),
        (True, {"embed_cls": True}),
        (True, {"pool_type": "last"}),
        (False, {"pool_type": "first"}),
    ],
)
def test_towers_that_see_the_padding_read_all_of_it(custom, text):
    assert short_texts(network(custom, **text), ids(3, 1)) is None


def test_a_mask_over_the_padding_needs_the_padding():
    module = network(custom=True)
    module.text.use_pad_mask = True
    assert short_texts(module, ids(3, 1)) is None
