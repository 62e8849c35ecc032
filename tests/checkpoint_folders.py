"""Checkpoint folders that are small, and what a stranger could have put into one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import open_clip
import transformers
from tiny_networks import TEXT_SIDE, TOKEN_IDS, VISION_SIDE, scatter

PUPPET = Path(__file__).parents[1] / "checkpoints" / "puppet-tiny"

# Python that shows, by a file, that it ran.
CODE = """
from pathlib import Path
Path({marker!r}).write_text("ran")
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, PreTrainedTokenizer
class Evil(CLIPModel): pass
class EvilConfig(CLIPConfig): pass
class EvilProcessor(CLIPImageProcessor): pass
class EvilTokenizer(PreTrainedTokenizer): pass
"""
AUTO_MAP = {
    "AutoConfig": "evil.EvilConfig",
    "AutoModel": "evil.Evil",
    "AutoImageProcessor": "evil.EvilProcessor",
    "AutoTokenizer": ["evil.EvilTokenizer", "evil.EvilTokenizer"],
}


def small_tokenizer(folder: Path) -> None:
    """A CLIP tokenizer of bytes and a few words."""
    letters = list(open_clip.tokenizer.bytes_to_unicode().values())
    merges = ["p e", "pe r", "per s", "pers o", "perso n</w>", "w a", "wa v", "i n", "in g</w>"]
    vocabulary = (
        letters + [letter + "</w>" for letter in letters] + ["".join(pair.split()) for pair in merges]
    )
    vocabulary += ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: row for row, word in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    tokenizer = transformers.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    tokenizer.save_pretrained(folder)


def transformers_folder(folder: Path) -> Path:
    """As `save_pretrained` writes a small CLIP."""
    folder.mkdir(parents=True, exist_ok=True)
    small_tokenizer(folder)
    sizes = {"size": {"shortest_edge": 36}, "crop_size": {"height": 32, "width": 32}}
    transformers.CLIPImageProcessor(**sizes).save_pretrained(folder)
    config = transformers.CLIPConfig(
        text_config=TEXT_SIDE | TOKEN_IDS, vision_config=VISION_SIDE, projection_dim=20
    )
    scatter(transformers.CLIPModel(config)).save_pretrained(folder)
    return folder


def own_folder(folder: Path) -> Path:
    """The bundled checkpoint, with its adapter."""
    shutil.copytree(PUPPET, folder)
    return folder


def open_clip_folder(folder: Path) -> Path:
    """The bundled network as open_clip's own tools write folders."""
    folder.mkdir(parents=True)
    config = json.loads((PUPPET / "config.json").read_text(encoding="utf-8"))
    kept = {name: config[name] for name in ("model_cfg", "preprocess_cfg")}
    (folder / "open_clip_config.json").write_text(json.dumps(kept))
    shutil.copy(PUPPET / "model.safetensors", folder / "open_clip_model.safetensors")
    shutil.copy(PUPPET / "merges.txt.gz", folder)
    return folder


def with_code(folder: Path, marker: Path) -> Path:
    """The folder with Python in it, and every file that can asking for it to be run."""
    (folder / "evil.py").write_text(CODE.format(marker=str(marker)))
    for name in ("config.json", "preprocessor_config.json", "tokenizer_config.json"):
        if (folder / name).exists():
            changed(folder / name, auto_map=AUTO_MAP, trust_remote_code=True)
        elif name == "tokenizer_config.json":
            (folder / name).write_text(json.dumps({"auto_map": AUTO_MAP, "tokenizer_class": "EvilTokenizer"}))
    return folder


def changed(path: Path, **fields: object) -> None:
    """Put fields into a JSON object."""
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | fields), encoding="utf-8")
