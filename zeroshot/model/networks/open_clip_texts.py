"""Texts without the empty rest of their context: the same embeddings from a tenth of the work."""

from __future__ import annotations

from typing import Any

import torch

_STEP = 8
"""Lengths are rounded up to a multiple of so many tokens, so that few shapes occur."""


def short_texts(module: Any, token_ids: torch.Tensor) -> torch.Tensor | None:  # noqa: ANN401 - open_clip's module
    """Embeddings (n, D), not normalized, of token ids (n, L) that end before L; None where all is needed.

    A causal text tower reads the embedding off the token that ends the text, and no token sees what comes
    after it: the padding, nine tenths of the context for a label, changes nothing. A label of six tokens then
    costs a tenth of a full context of 77.

    Args:
        module: one of open_clip's; others than its own causal transformers give None.
        token_ids: of the tokenizer, padded to the context length.
    """
    import open_clip

    text: Any = module if type(module) is open_clip.CLIP else getattr(module, "text", None)
    own = text is module or type(text) is open_clip.transformer.TextTransformer
    ends = _ends(text, token_ids) if own and _is_causal(text) else None
    if ends is None:
        return None
    length = min(token_ids.shape[1], -(-(int(ends.max()) + 1) // _STEP) * _STEP)
    if length == token_ids.shape[1]:
        return None
    x = text.token_embedding(token_ids[:, :length]).to(text.transformer.get_cast_dtype())
    x = x + text.positional_embedding[:length].to(x.dtype)
    x = text.transformer(x, attn_mask=text.attn_mask[:length, :length])
    x = text.ln_final(x)[torch.arange(len(x), device=x.device), ends]
    projection = text.text_projection
    if projection is not None:
        x = projection(x) if isinstance(projection, torch.nn.Linear) else x @ projection
    embeddings: torch.Tensor = x
    return embeddings


def _is_causal(text: Any) -> bool:  # noqa: ANN401
    """Whether each token sees those before it alone, all of them, and nothing is appended."""
    plain = getattr(text, "cls_emb", None) is None and not getattr(text, "use_pad_mask", False)
    return bool(plain and getattr(text, "attn_mask", None) is not None)


def _ends(text: Any, token_ids: torch.Tensor) -> torch.Tensor | None:  # noqa: ANN401
    """(n,) place of the token that each embedding is read off; None where that is not the end of the text."""
    kind = getattr(text, "text_pool_type", None) or getattr(text, "pool_type", None)
    if kind == "argmax":
        return token_ids.argmax(dim=1)
    end = getattr(text, "text_eos_id", None) or getattr(text, "eos_id", None)
    if kind == "eos" and end is not None:
        places: torch.Tensor = (token_ids == end).int().argmax(dim=1)
        return places
    return None
