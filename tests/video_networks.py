"""Small networks of transformers that read clips as a whole, as `save_pretrained` writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import transformers
from checkpoint_folders import small_tokenizer
from tiny_networks import TEXT_SIDE, TOKEN_IDS, VISION_SIDE, scatter

if TYPE_CHECKING:
    from pathlib import Path

WORDS = ["<pad>", "</s>", "<unk>", "▁", "▁a", "▁person", "▁waving", "▁jumping", "ing"]


def xclip_folder(folder: Path, num_frames: int = 4) -> Path:
    """X-CLIP."""
    folder.mkdir(parents=True, exist_ok=True)
    small_tokenizer(folder)
    sizes = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    transformers.VideoMAEImageProcessor(**sizes).save_pretrained(folder)
    mit = {"mit_hidden_size": 20, "mit_intermediate_size": 24, "mit_num_attention_heads": 2}
    config = transformers.XCLIPConfig(
        text_config=TEXT_SIDE | TOKEN_IDS,
        vision_config=VISION_SIDE | mit | {"num_frames": num_frames},
        projection_dim=20,
        prompt_num_attention_heads=2,
    )
    scatter(transformers.XCLIPModel(config)).save_pretrained(folder)
    return folder


def videoprism_folder(folder: Path) -> Path:
    """VideoPrism, of 6 frames."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = [(word, -1.0 * row) for row, word in enumerate(WORDS)]
    transformers.VideoPrismTokenizer(vocab=vocabulary).save_pretrained(folder)
    transformers.LlavaOnevisionVideoProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    sizes = {"hidden_size": 24, "intermediate_size": 32, "num_attention_heads": 2}
    vision = {"num_spatial_layers": 1, "num_temporal_layers": 1, "num_auxiliary_layers": 1}
    config = transformers.VideoPrismConfig(
        text_config=sizes | {"num_hidden_layers": 1, "vocab_size": len(WORDS), "max_position_embeddings": 9},
        vision_config=sizes | vision | {"image_size": 32, "num_frames": 6, "tubelet_size": [1, 8, 8]},
    )
    scatter(transformers.VideoPrismClipModel(config)).save_pretrained(folder)
    return folder


def pe_video_folder(folder: Path, **processor: object) -> Path:
    """The video tower of PE."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder.mkdir(parents=True, exist_ok=True)
    words = Tokenizer(
        models.WordLevel({word.strip("▁"): row for row, word in enumerate(WORDS)}, unk_token="<unk>")
    )
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", unk_token="<unk>"
    ).save_pretrained(folder)
    levels = {"do_resize": True, "do_rescale": True, "do_normalize": True}
    levels |= {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "size": {"height": 160, "width": 160}}
    transformers.PeVideoVideoProcessor(**levels, **processor).save_pretrained(folder)
    sizes = {"hidden_size": 24, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1}
    tokens = dict.fromkeys(("pad_token_id", "eos_token_id", "bos_token_id", "cls_token_id"), 0)
    config = transformers.PeVideoConfig(
        text_config=sizes
        | tokens
        | {"model_type": "modernbert", "vocab_size": 9, "sep_token_id": 0, "max_position_embeddings": 40},
        video_config=sizes
        | {
            "head_dim": 12,
            "vision_config": {"model_type": "timm_wrapper", "architecture": "test_vit", "num_labels": 2},
        },
    )
    module = scatter(transformers.PeVideoModel(config))
    module.text_video_logit_scale.data.fill_(9.0)
    module.save_pretrained(folder)
    return folder


def pe_audio_video_folder(folder: Path) -> Path:
    """PE for sounds and videos, of 3 frames."""
    small = transformers.PeVideoConfig.from_pretrained(pe_video_folder(folder, num_frames=3))
    sizes = {"hidden_size": 24, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1}
    codec = {"encoder_hidden_size": 4, "decoder_hidden_size": 16, "n_codebooks": 1, "codebook_size": 8}
    sizes |= {"head_dim": 12}
    towers = {"video_config": small.video_config.to_dict(), "audio_config": sizes | {"dac_config": codec}}
    config = transformers.PeAudioVideoConfig(
        text_config=small.text_config.to_dict(), audio_video_config=sizes | towers
    )
    scatter(transformers.PeAudioVideoModel(config)).save_pretrained(folder)
    return folder


FOLDERS = {"xclip": xclip_folder, "videoprism": videoprism_folder, "pe_video": pe_video_folder}
