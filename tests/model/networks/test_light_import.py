"""What comes along with open_clip, and what comes when a tower needs it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from checkpoint_folders import PUPPET

CLASSIFY = """
import json, sys
import numpy as np
import zeroshot
classifier = zeroshot.load(sys.argv[1], ["waving", "kicking"], device="cpu", stream="clip")
with classifier.model:
    classifier.rank(np.zeros((8, 64, 64, 3), np.uint8))
light = [name for name in ("timm", "transformers", "torch._dynamo", "sympy") if name in sys.modules]
if len(sys.argv) < 3:
    print(json.dumps({"light": light}))
    raise SystemExit
from torchvision.ops import roi_align
answer = sys.modules["torchvision.ops.roi_align"].is_compile_supported("cpu")
import torch._dynamo.utils
assert answer == torch._dynamo.utils.is_compile_supported("cpu")
from zeroshot.model.networks.open_clip_towers import import_open_clip
import_open_clip({"vision_cfg": {"timm_model_name": "x"}, "text_cfg": {"hf_model_name": "x"}})
import open_clip
from open_clip.hf_model import HFTextEncoder, transformers
from open_clip.timm_model import TimmModel
assert open_clip.model.TimmModel is TimmModel and open_clip.model.HFTextEncoder is HFTextEncoder
tower = TimmModel("vit_tiny_patch16_224", 8)
print(json.dumps({"light": light, "grid": tower.trunk.patch_embed.grid_size, "hf": transformers is not None}))
"""


def told_by(*words: str) -> dict:
    """What a process says that classified, and with another word then built towers that need libraries."""
    command = [sys.executable, "-c", CLASSIFY, str(PUPPET), *words]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def test_a_transformer_of_open_clip_needs_no_other_library():
    assert told_by()["light"] == []


@pytest.mark.slow
def test_libraries_come_when_a_tower_needs_them():
    told = told_by("towers")
    assert told["light"] == []
    assert told["grid"] == [14, 14]
    assert told["hf"]


def test_what_is_left_out_is_left_out_for_one_thread_and_a_while():
    import threading
    from importlib import import_module

    from zeroshot.model.networks.open_clip_towers import _without

    sys.modules.pop("wave", None)
    found = []
    with _without(iter(["wave"])):
        with pytest.raises(ModuleNotFoundError, match="wave is left out"):
            import_module("wave")
        thread = threading.Thread(target=lambda: found.append(import_module("wave").__name__))
        thread.start()
        thread.join()
    assert found == ["wave"]
    sys.modules.pop("wave")
    assert import_module("wave").__name__ == "wave"
