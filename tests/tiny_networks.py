"""Sizes of networks that are built in milliseconds, and weights that tell inputs apart."""

from __future__ import annotations

import torch

TINY = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 48, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}
TEXT_SIDE = {"vocab_size": 523, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1}
TEXT_SIDE |= {"num_attention_heads": 2, "max_position_embeddings": 14}
VISION_SIDE = {"hidden_size": 48, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 3}
VISION_SIDE |= {"image_size": 32, "patch_size": 8}
TOKEN_IDS = {"bos_token_id": 521, "eos_token_id": 522, "pad_token_id": 522}


def scatter(module: torch.nn.Module) -> torch.nn.Module:
    """The module with weights large enough for different inputs to give different embeddings."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1:
                parameter.copy_(
                    torch.randn(parameter.shape, generator=generator) * parameter.shape[-1] ** -0.5
                )
    return module
