"""Models of both libraries against the libraries' own results; names, folders and every way to fail.

Covers: model/tokens, model/networks/fetch, model/networks/network, model/networks/transformers.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from copy import deepcopy

import numpy as np
import open_clip
import pytest
import torch
import transformers
from checkpoint_folders import small_tokenizer, transformers_folder
from PIL import Image
from safetensors.torch import save_file
from tiny_networks import TEXT_SIDE, TINY, TOKEN_IDS, VISION_SIDE, scatter

from zeroshot.errors import ModelError, OptionError
from zeroshot.model.backbone import Backbone, choose_device, load_backbone
from zeroshot.model.networks.open_clip import tagged_names
from zeroshot.model.networks.published import is_cached
from zeroshot.model.speed.precision import exact_and_fast

TEXTS = ["a person waving", "走る人 🏃", "", "jumping " * 40]
WORDS = ["a", "person", "wav", "ing"]


def frames(number: int = 5, height: int = 45, width: int = 60, seed: int = 0) -> np.ndarray:
    """(B, 3, H, W) uint8: blocks of colour, so that resizing matters little and content much."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (number, 3, 5, 6), np.uint8)
    return blocks.repeat(height // 5, axis=2).repeat(width // 6, axis=3)


def unit(rows: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(rows, dim=-1)


@pytest.fixture(scope="module")
def architecture(tmp_path_factory) -> str:
    """A small architecture that open_clip knows by name in this process."""
    folder = tmp_path_factory.mktemp("architectures")
    (folder / "tiny-test.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(folder)
    return "tiny-test"


@pytest.fixture(scope="module")
def theirs(architecture) -> torch.nn.Module:
    """open_clip's own model of that architecture."""
    return scatter(open_clip.create_model(architecture)).eval()


@pytest.fixture(scope="module")
def weights(theirs, tmp_path_factory):
    """Its weights as safetensors."""
    path = tmp_path_factory.mktemp("weights") / "tiny weights.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in theirs.state_dict().items()}, path)
    return path


@pytest.fixture(scope="module")
def backbone(architecture, weights) -> Backbone:
    return load_backbone(f"{architecture}/{weights}", "cpu")


def write_checkpoint(folder, module, *, half=False, **changes):
    """A folder in the package's own format."""
    folder.mkdir(exist_ok=True)
    state = {name: tensor.half() if half else tensor for name, tensor in module.state_dict().items()}
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, folder / "model.safetensors")
    config = {"format": 1, "name": "tiny", "model_cfg": TINY, "preprocess_cfg": {"size": 32}, "num_frames": 4}
    (folder / "config.json").write_text(json.dumps(config | changes))
    return folder


# Against open_clip


def test_weights_file_gives_open_clips_own_embeddings(backbone, theirs, architecture):
    picture = frames()
    pixels = backbone.prepare_frames(picture)
    with torch.inference_mode():
        images = unit(theirs.encode_image(pixels))
        texts = unit(theirs.encode_text(open_clip.get_tokenizer(architecture)(TEXTS)))
    assert (backbone.encode_pixels(pixels) - images).abs().max() < 1e-5
    assert (backbone.encode_frames(picture) - images).abs().max() < 1e-5
    assert (backbone.encode_texts(TEXTS) - texts).abs().max() < 1e-5
    assert backbone.logit_scale == pytest.approx(theirs.logit_scale.exp().item())
    assert (backbone.embedding_dim, backbone.token_dim, backbone.grid) == (24, 48, (4, 4))
    assert not backbone.is_random


def test_pickled_weights_are_read_as_tensors_alone(theirs, architecture, backbone, tmp_path):
    torch.save({"state_dict": theirs.state_dict()}, tmp_path / "tiny.pt")
    other = load_backbone(f"{architecture}/{tmp_path / 'tiny.pt'}", "cpu")
    assert torch.equal(other.encode_frames(frames()), backbone.encode_frames(frames()))


def test_different_inputs_give_different_embeddings(backbone):
    similar = backbone.encode_frames(frames()) @ backbone.encode_frames(frames()).T
    assert (similar - torch.eye(5)).max() < 0.99


def test_open_clip_folder(theirs, backbone, tmp_path):
    save_file(theirs.state_dict(), tmp_path / "open_clip_model.safetensors")
    preprocess = {"mean": [0.5] * 3, "std": [0.25] * 3, "interpolation": "bilinear", "resize_mode": "squash"}
    config = {"model_cfg": TINY, "preprocess_cfg": preprocess}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    module, _, transform = open_clip.create_model_and_transforms(f"local-dir:{tmp_path}")
    ours = load_backbone(str(tmp_path), "cpu")
    image = Image.fromarray(frames(1)[0].transpose(1, 2, 0))
    with torch.inference_mode():
        expected = unit(module.eval().encode_image(transform(image)[None]))
    assert ours.preprocess.resize_mode == "squash"
    assert (ours.encode_frames(frames(1)) * expected).sum() > 0.9995
    assert ours.fingerprint != backbone.fingerprint


def test_own_checkpoint_folder(theirs, backbone, tmp_path):
    ours = load_backbone(str(write_checkpoint(tmp_path / "a b", theirs)), "cpu")
    assert torch.equal(ours.encode_frames(frames()), backbone.encode_frames(frames()))
    assert torch.equal(ours.encode_texts(TEXTS), backbone.encode_texts(TEXTS))
    assert (ours.num_frames, backbone.num_frames) == (4, 8)
    assert ours.fingerprint == backbone.fingerprint


def test_half_precision_on_disk_runs_in_float32(theirs, tmp_path):
    ours = load_backbone(str(write_checkpoint(tmp_path, theirs, half=True)), "cpu")
    rounded = deepcopy(theirs).half().float()
    with torch.inference_mode():
        expected = unit(rounded.encode_image(ours.prepare_frames(frames())))
    assert (ours.encode_frames(frames()) - expected).abs().max() < 1e-5


def test_own_merges_file(tmp_path):
    with gzip.open(tmp_path / "merges.txt.gz", "wt") as file:
        file.write("#version\na n\nan d</w>\n")
    config = deepcopy(TINY)
    config["text_cfg"] |= {"vocab_size": 517, "tokenizer_kwargs": {"bpe_path": "merges.txt.gz"}}
    module = scatter(open_clip.CLIP(**deepcopy(config)))
    write_checkpoint(tmp_path, module, model_cfg=config)
    tokenizer = open_clip.SimpleTokenizer(bpe_path=str(tmp_path / "merges.txt.gz"), context_length=12)
    with torch.inference_mode():
        expected = unit(module.eval().encode_text(tokenizer(TEXTS)))
    ours = load_backbone(str(tmp_path), "cpu")
    assert (ours.encode_texts(TEXTS) - expected).abs().max() < 1e-5
    config["text_cfg"]["vocab_size"] = 500
    write_checkpoint(tmp_path, open_clip.CLIP(**deepcopy(config)), model_cfg=config)
    with pytest.raises(ModelError, match=r"token 516, the network knows 500"):
        load_backbone(str(tmp_path), "cpu").encode_texts(TEXTS)


def test_published_tag_from_the_cache(theirs, architecture, hub_cache, monkeypatch):
    folder = hub_cache("org/tiny")
    save_file(theirs.state_dict(), folder / "open_clip_model.safetensors")
    published = {
        "hf_hub": "org/tiny/", "quick_gelu": True, "mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6),
        "interpolation": "bilinear", "resize_mode": "squash",
    }  # fmt: skip
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, architecture, {"tagged": published})
    ours = load_backbone(f"{architecture}/tagged", "cpu")
    assert (ours.preprocess.mean, ours.preprocess.interpolation) == ((0.1, 0.2, 0.3), "bilinear")
    quick = open_clip.create_model(architecture, force_quick_gelu=True).eval()
    quick.load_state_dict(theirs.state_dict())
    with torch.inference_mode():
        expected = unit(quick.encode_image(ours.prepare_frames(frames())))
    assert (ours.encode_frames(frames()) - expected).abs().max() < 1e-5
    with pytest.raises(ModelError, match=r"no pretrained weights 'taged'; close: tagged"):
        load_backbone(f"{architecture}/taged", "cpu")


def test_weights_file_takes_the_preprocessing_of_its_architecture():
    from zeroshot.model.networks.open_clip import _usual_preprocessing

    assert _usual_preprocessing("PE-Core-B-16")["resize_mode"] == "squash"
    assert _usual_preprocessing("ViT-B-16-SigLIP")["mean"] == (0.5, 0.5, 0.5)


# Patch tokens


@pytest.mark.parametrize(
    "vision", [{}, {"pool_type": "avg"}, {"pool_type": "avg", "final_ln_after_pool": True}]
)
def test_pooled_token_times_projection_is_the_embedding(vision, tmp_path):
    config = deepcopy(TINY)
    config["vision_cfg"] |= vision
    module = scatter(open_clip.CLIP(**deepcopy(config)))
    ours = load_backbone(str(write_checkpoint(tmp_path, module, model_cfg=config)), "cpu")
    tokens, embeddings = ours.encode_tokens(frames())
    assert tokens.shape == (5, 17, 48)
    assert (unit(tokens[:, 0] @ module.visual.proj) - embeddings).abs().max() < 1e-6
    assert (embeddings - ours.encode_frames(frames())).abs().max() < 1e-6
    # The last norm was applied to every token: undone, each has mean 0 over its channels.
    assert torch.allclose(tokens[:, 1:].mean(-1), torch.zeros(()), atol=1e-4)


@pytest.mark.parametrize(
    ("timm_name", "pool", "projection", "width", "side"),
    [  # a class token as in EVA, an attention pool without projection as in SigLIP, PE-Core itself
        ("test_vit", "token", "linear", 64, 10),
        ("test_vit3", "map", "none", 96, 10),
        ("vit_pe_core_tiny_patch16_384", "map", None, 192, 24),
    ],
)
def test_timm_towers(timm_name, pool, projection, width, side, tmp_path):
    config = deepcopy(TINY)
    config["embed_dim"] = width if projection == "none" else 24
    config["vision_cfg"] = {
        "image_size": side * 16, "timm_model_name": timm_name, "timm_pool": pool, "timm_proj": projection,
    }  # fmt: skip
    module = scatter(open_clip.CLIP(**deepcopy(config)))
    ours = load_backbone(str(write_checkpoint(tmp_path, module, model_cfg=config)), "cpu")
    tokens, embeddings = ours.encode_tokens(frames(1))
    assert ours.grid == (side, side)
    assert tokens.shape == (1, 1 + side * side, width)
    assert (embeddings - ours.encode_frames(frames(1))).abs().max() < 1e-6
    visual = module.eval().visual
    project = {"linear": visual.head, None: visual.trunk.head, "none": torch.nn.Identity()}[projection]
    assert (unit(project(tokens[:, 0])) - embeddings).abs().max() < 1e-6


def test_tokens_lie_row_by_row(backbone):
    picture = np.zeros((1, 3, 32, 32), np.uint8)
    picture[:, :, :8, 24:] = 255
    changed = backbone.encode_tokens(picture)[0] - backbone.encode_tokens(np.zeros_like(picture))[0]
    assert changed[0, 1:].norm(dim=-1).argmax() == 3


def test_convolutional_network_has_no_tokens(tmp_path):
    config = deepcopy(TINY)
    config["vision_cfg"] = {
        "image_size": 32,
        "layers": [1, 1, 1, 1],
        "width": 8,
        "patch_size": None,
        "head_width": 8,
    }
    module = open_clip.CLIP(**deepcopy(config))
    ours = load_backbone(str(write_checkpoint(tmp_path, module, model_cfg=config)), "cpu")
    assert (ours.grid, ours.token_dim) == (None, None)
    assert ours.encode_frames(frames()).shape == (5, 24)
    with pytest.raises(ModelError, match="no patch tokens"):
        ours.encode_tokens(frames())


# Against transformers


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory):
    return transformers_folder(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def siglip_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("siglip")
    small_tokenizer(folder)
    transformers.SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    config = transformers.SiglipConfig(
        text_config=TEXT_SIDE | TOKEN_IDS | {"hidden_size": 48, "projection_size": 48},
        vision_config=VISION_SIDE,
    )
    scatter(transformers.SiglipModel(config)).save_pretrained(folder)
    return folder


def vector(output) -> torch.Tensor:
    return unit(output if isinstance(output, torch.Tensor) else output.pooler_output)


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_save_pretrained_gives_transformers_own_embeddings(kind, clip_folder, siglip_folder):
    folder = {"clip": clip_folder, "siglip": siglip_folder}[kind]
    ours = load_backbone(f"hf:{folder}", "cpu")
    module = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
    images = [Image.fromarray(frame.transpose(1, 2, 0)) for frame in frames()]
    pixels = processor(images=images, return_tensors="pt")["pixel_values"]
    inputs = tokenizer(TEXTS, padding="max_length", truncation=True, max_length=14, return_tensors="pt")
    with torch.inference_mode():
        expected_images = vector(module.get_image_features(pixel_values=pixels))
        expected_texts = vector(module.get_text_features(**inputs))
    assert (ours.encode_pixels(pixels) - expected_images).abs().max() < 1e-5
    assert (ours.encode_texts(TEXTS) - expected_texts).abs().max() < 1e-5
    assert (ours.encode_frames(frames()) * expected_images).sum(-1).min() > 0.9995
    assert ours.logit_scale == pytest.approx(module.logit_scale.exp().item())
    assert (ours.preprocess.size, ours.preprocess.crop_offset) == ((32, 32), "floored")


def test_transformers_tokens(clip_folder, siglip_folder):
    clip = load_backbone(f"hf:{clip_folder}", "cpu")
    tokens, embeddings = clip.encode_tokens(frames())
    module = transformers.AutoModel.from_pretrained(clip_folder).eval()
    assert (tokens.shape, clip.grid) == ((5, 17, 48), (4, 4))
    assert (unit(module.visual_projection(tokens[:, 0])) - embeddings).abs().max() < 1e-6
    assert (embeddings - clip.encode_frames(frames())).abs().max() < 1e-6
    assert torch.allclose(tokens[:, 1:].mean(-1), torch.zeros(()), atol=1e-4)
    siglip = load_backbone(f"hf:{siglip_folder}", "cpu")
    tokens, embeddings = siglip.encode_tokens(frames())
    assert (unit(tokens[:, 0]) - embeddings).abs().max() < 1e-6
    assert tokens.shape == (5, 17, 48)


def test_hub_name_is_read_from_the_cache_without_a_network(clip_folder, hub_cache):
    folder = hub_cache("org/small-clip")
    for file in clip_folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    cached = load_backbone("hf:org/small-clip", "cpu")
    local = load_backbone(f"hf:{clip_folder}", "cpu")
    assert torch.equal(cached.encode_frames(frames()), local.encode_frames(frames()))
    assert cached.fingerprint == local.fingerprint


def test_a_revision_on_the_hub(clip_folder, hub_cache):
    folder = hub_cache("org/small-clip")
    for file in clip_folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    pinned = f"hf:org/small-clip@{folder.name}"
    local = load_backbone(f"hf:{clip_folder}", "cpu")
    assert load_backbone(pinned, "cpu").fingerprint == local.fingerprint
    assert is_cached(pinned)
    assert not is_cached("hf:org/small-clip@elsewhere")
    with pytest.raises(ModelError, match="'a b' is no revision"):
        load_backbone("hf:org/small-clip@a b", "cpu")


def test_transformers_folder_needs_no_prefix(clip_folder):
    assert load_backbone(str(clip_folder), "cpu").embedding_dim == 20


# What a backbone promises


def test_results_do_not_depend_on_the_batch_size(backbone):
    picture = frames(7)
    whole = backbone.encode_frames(picture), backbone.encode_texts(TEXTS), *backbone.encode_tokens(picture)
    backbone.batch_size = 3
    parts = backbone.encode_frames(picture), backbone.encode_texts(TEXTS), *backbone.encode_tokens(picture)
    backbone.batch_size = 32
    for one, other in zip(whole, parts, strict=True):
        assert (one - other).abs().max() < 1e-5


def test_numpy_tensor_views_and_read_only_frames_agree(backbone):
    picture = frames()
    expected = backbone.encode_frames(picture)
    locked = picture.copy()
    locked.flags.writeable = False
    channels_last = np.ascontiguousarray(picture.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    for same in (torch.from_numpy(picture), locked, channels_last, picture[:, ::-1].copy()[:, ::-1]):
        assert (backbone.encode_frames(same) - expected).abs().max() < 1e-6


def test_nothing_in_nothing_out(backbone):
    assert backbone.encode_frames(frames()[:0]).shape == (0, 24)
    assert backbone.encode_texts([]).shape == (0, 24)
    tokens, embeddings = backbone.encode_tokens(frames()[:0])
    assert (tokens.shape, embeddings.shape) == ((0, 17, 48), (0, 24))


def test_one_string_is_no_list_of_texts(backbone):
    with pytest.raises(OptionError, match="expected a list of strings"):
        backbone.encode_texts("waving")


def test_random_weights_are_the_same_each_time(architecture):
    before = torch.random.get_rng_state()
    first, second = (load_backbone(f"{architecture}/random", "cpu") for _ in range(2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert first.fingerprint == second.fingerprint
    assert first.is_random


@pytest.mark.slow
def test_random_weights_are_the_same_in_every_process():
    program = (
        "from zeroshot.model.backbone import load_backbone; print(load_backbone('RN50/random').fingerprint)"
    )
    runs = {
        subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout for _ in "ab"
    }
    assert len(runs) == 1


def test_fingerprint_changes_with_weights_and_preprocessing(theirs, backbone, tmp_path):
    changed = deepcopy(theirs)
    with torch.no_grad():
        changed.visual.proj[0, 0] += 1e-3
    assert load_backbone(str(write_checkpoint(tmp_path, changed)), "cpu").fingerprint != backbone.fingerprint
    config = write_checkpoint(tmp_path, theirs, preprocess_cfg={"size": 32, "resize_mode": "squash"})
    assert load_backbone(str(config), "cpu").fingerprint != backbone.fingerprint


def test_precision_setting_is_put_back():
    before = torch.get_float32_matmul_precision()
    with exact_and_fast(torch.device("cpu")):
        a, b = torch.randn(300, 512), torch.randn(512, 400)
        assert ((a @ b).double() - a.double() @ b.double()).abs().max() < 1e-3
    with pytest.raises(ZeroDivisionError), exact_and_fast(torch.device("cpu")):
        1 / 0  # noqa: B018
    assert torch.get_float32_matmul_precision() == before


def test_convolutions_on_a_gpu_keep_their_digits_and_the_setting_is_put_back(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    with exact_and_fast(torch.device("cuda")):
        assert not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.allow_tf32


@pytest.mark.slow
def test_real_clips_agree_with_the_pil_pipeline(real_clips):
    import av

    ours = load_backbone("ViT-B-32/random", "cpu")
    module, _, transform = open_clip.create_model_and_transforms("ViT-B-32")
    module.load_state_dict(ours._network.module.state_dict())
    for path in real_clips:
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0)).to_ndarray(format="rgb24")
        with torch.inference_mode():
            expected = unit(module.eval().encode_image(transform(Image.fromarray(frame))[None]))
        assert (ours.encode_frames(frame.transpose(2, 0, 1)[None]) * expected).sum() > 0.9995, path.name


# Names


def test_pretrained_names():
    assert "PE-Core-B-16/meta" in tagged_names()


# Files that cannot be used


@pytest.mark.parametrize("content", [b"", b"not weights at all", b"\x80\x04\x95"])
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_damaged_weights(content, suffix, architecture, tmp_path):
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="damaged") as caught:
        load_backbone(f"{architecture}/{path}", "cpu")
    assert "\n" not in str(caught.value)


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_code_in_weights_is_never_run(architecture, tmp_path):
    torch.save({"weight": Trap(tmp_path / "sprung")}, tmp_path / "trap.pt")
    with pytest.raises(ModelError, match=r"trap\.pt"):
        load_backbone(f"{architecture}/{tmp_path / 'trap.pt'}", "cpu")
    assert not (tmp_path / "sprung").exists()


def test_weights_of_another_architecture(weights):
    with pytest.raises(ModelError, match=r"holds no weights for ViT-S-32-alt") as caught:
        load_backbone(f"ViT-S-32-alt/{weights}", "cpu")
    assert "\n" not in str(caught.value)


def test_folders_that_are_no_models(theirs, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ModelError, match="no model's folder"):
        load_backbone(str(empty))
    (empty / "config.json").write_text("{")
    with pytest.raises(ModelError, match="expected a JSON object"):
        load_backbone(str(empty))
    (empty / "config.json").write_text("[]")
    with pytest.raises(ModelError, match="holds a list"):
        load_backbone(str(empty))
    (empty / "config.json").write_text(json.dumps({"format": 1, "model_cfg": TINY}))
    with pytest.raises(ModelError, match="no weights in"):
        load_backbone(str(empty))
    for changes, message in [
        ({"format": 2}, "reads format 1"),
        ({"model_cfg": None}, "no model_cfg"),
        ({"model_cfg": {"embed_dim": 4}}, "cannot build"),
        ({"num_frames": 0}, "num_frames 0"),
        ({"preprocess_cfg": {"interpolation": "lanczos"}}, "known are bicubic"),
        ({"model_cfg": TINY | {"text_cfg": TINY["text_cfg"] | {"width": 64}}}, "its weights have"),
    ]:
        folder = write_checkpoint(tmp_path / "changed", theirs, **changes)
        with pytest.raises(ModelError, match=message) as caught:
            load_backbone(str(folder))
        assert "\n" not in str(caught.value)


def test_missing_merges_file(theirs, tmp_path):
    config = deepcopy(TINY)
    config["text_cfg"]["tokenizer_kwargs"] = {"bpe_path": "nowhere.gz"}
    ours = load_backbone(str(write_checkpoint(tmp_path, theirs, model_cfg=config)), "cpu")
    with pytest.raises(ModelError, match="cannot build the model's tokenizer"):
        ours.encode_texts(TEXTS)


def test_transformers_folders_that_lack_something(clip_folder, tmp_path):
    def copy_without(*names):
        folder = tmp_path / "-".join(names)
        folder.mkdir()
        for file in clip_folder.iterdir():
            if file.name not in names:
                (folder / file.name).write_bytes(file.read_bytes())
        return folder

    with pytest.raises(ModelError, match="no weights in"):
        load_backbone(f"hf:{copy_without('model.safetensors')}")
    with pytest.raises(ModelError, match="image processor"):
        load_backbone(f"hf:{copy_without('preprocessor_config.json')}")
    with pytest.raises(ModelError, match=r"config\.json"):
        load_backbone(f"hf:{copy_without('config.json')}")
    words = [file.name for file in clip_folder.iterdir() if "token" in file.name or "vocab" in file.name]
    silent = load_backbone(f"hf:{copy_without('merges.txt', *words)}")
    assert silent.encode_frames(frames()).shape == (5, 20)
    with pytest.raises(ModelError, match="tokenizer") as caught:
        silent.encode_texts(TEXTS)
    assert "\n" not in str(caught.value)


def test_incomplete_transformers_weights(clip_folder, tmp_path):
    from safetensors.torch import load_file

    for file in clip_folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    state = load_file(clip_folder / "model.safetensors")
    del state["visual_projection.weight"]
    save_file(state, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 weights, visual_projection\.weight"):
        load_backbone(f"hf:{tmp_path}")


def test_model_that_is_not_like_clip(tmp_path, clip_folder):
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=32
    )
    transformers.ViTModel(config).save_pretrained(tmp_path)
    transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="'vit', which does not compare images with texts"):
        load_backbone(f"hf:{tmp_path}")


# Devices and the network


def test_devices():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in {"cpu", "cuda", "mps"}
    for name, message in [
        ("tpu", "unknown"),
        ("cuda:", "unknown"),
        ("cuda:x", "unknown"),
        ("cuda:77", "not there"),
    ]:
        with pytest.raises(ModelError, match=message):
            choose_device(name)
    with pytest.raises(ModelError, match="is not there"):
        load_backbone("ViT-B-32/random", "cuda:77")


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    """Makes folders of an otherwise empty hub cache, with the network switched off as by HF_HUB_OFFLINE=1."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))

    def make(repository):
        folder = tmp_path / "cache" / ("models--" + repository.replace("/", "--"))
        (folder / "refs").mkdir(parents=True)
        (folder / "refs" / "main").write_text("0" * 40)
        (folder / "snapshots" / ("0" * 40)).mkdir(parents=True)
        return folder / "snapshots" / ("0" * 40)

    return make


@pytest.mark.parametrize(
    "name", ["ViT-B-16/openai", "hf:openai/clip-vit-base-patch32", "roberta-ViT-B-32/random"]
)
def test_without_a_network_one_line_says_what_to_do(name, hub_cache, capfd):
    with pytest.raises(ModelError) as caught:
        load_backbone(name, "cpu")
    message = str(caught.value)
    assert "\n" not in message
    for part in (name, "ARCH/weights-file", "hf:FOLDER", "checkpoint folder", "puppet-tiny works offline"):
        assert part in message
    assert capfd.readouterr() == ("", "")


def test_partly_cached_model(hub_cache):
    hub_cache("timm/vit_base_patch32_clip_224.openai")
    with pytest.raises(ModelError, match="puppet-tiny works offline"):
        load_backbone("ViT-B-32/openai", "cpu")
    hub_cache("org/empty")
    with pytest.raises(ModelError, match=r"no config\.json came"):
        load_backbone("hf:org/empty", "cpu")


def test_transformers_tokenizer_beside_the_weights(theirs, clip_folder, hub_cache, tmp_path):
    config = deepcopy(TINY)
    config["text_cfg"]["hf_tokenizer_name"] = "org/words"
    folder = write_checkpoint(tmp_path / "whole", theirs, model_cfg=config)
    with pytest.raises(ModelError, match="cannot fetch the tokenizer org/words"):
        load_backbone(str(folder), "cpu").encode_texts(TEXTS)
    hub_cache("org/words")
    with pytest.raises(ModelError, match="no tokenizer in org/words"):
        load_backbone(str(folder), "cpu").encode_texts(TEXTS)
    transformers.AutoTokenizer.from_pretrained(clip_folder).save_pretrained(folder)
    tokens = open_clip.tokenizer.HFTokenizer(str(folder), context_length=12)(TEXTS)
    with torch.inference_mode():
        expected = unit(theirs.encode_text(tokens))
    assert (load_backbone(str(folder), "cpu").encode_texts(TEXTS) - expected).abs().max() < 1e-5


def test_videos_do_without_a_tokenizer_that_cannot_be_fetched(theirs, hub_cache, tmp_path):
    config = deepcopy(TINY)
    config["text_cfg"]["hf_tokenizer_name"] = "org/words"
    from zeroshot.model.networks.open_clip import OpenClipNetwork, _read_preprocess

    network = OpenClipNetwork(deepcopy(theirs), config, _read_preprocess({}, 32), None)
    ours = Backbone("tiny", network, device=torch.device("cpu"))
    assert ours.encode_frames(frames()).shape == (5, 24)
    with pytest.raises(ModelError, match="cannot fetch the tokenizer org/words"):
        ours.encode_texts(TEXTS)
