"""Speed levels: how near each stays to the library's float32, and what happens where one does not."""

from __future__ import annotations

import json
import re
import sys
from copy import deepcopy
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
import transformers
from safetensors.torch import save_file
from tiny_networks import TEXT_SIDE, TINY, TOKEN_IDS, VISION_SIDE, scatter

from zeroshot import checkpoint
from zeroshot.batch.table import settings_of
from zeroshot.cli.main import main
from zeroshot.errors import ModelError, OptionError
from zeroshot.model.backbone import load_backbone
from zeroshot.model.speed import precision
from zeroshot.model.speed import products as arithmetic
from zeroshot.model.speed.precision import PROMISES
from zeroshot.model.speed.products import PRODUCTS
from zeroshot.video.decoders.decode import read_clips
from zeroshot.video.sampling import Sampling

CLIPS = Path(__file__).parents[3] / "examples" / "clips"
ARITHMETICS = tuple(PRODUCTS)


@pytest.fixture(scope="module")
def real_frames() -> np.ndarray:
    """(10, 3, H, W): five frames of each of two videos that lie beside the code."""
    videos = sorted(CLIPS.glob("*.mp4"))[:2]
    return np.concatenate([read_clips(video, Sampling(5), num_threads=1)[0].frames for video in videos])


def needs(name: str) -> None:
    """Skips where this processor has no kernel for an arithmetic: it is then never chosen."""
    if name not in arithmetic.product_seconds():
        pytest.skip(f"this processor has no {name}")


@pytest.fixture
def quick_at(monkeypatch):
    """Makes this processor one that is quick at the arithmetics named, in that order."""

    def choose(*names: str) -> None:
        for name in names:
            needs(name)
        seconds = {"float32": 1.0} | {name: (place + 1) / 10 for place, name in enumerate(names)}
        monkeypatch.setattr(precision, "product_seconds", lambda: seconds)

    return choose


def write_model(folder, vision: dict, **changes) -> str:
    """A checkpoint folder with a network of scattered weights; its name."""
    config = deepcopy(TINY)
    config["vision_cfg"] |= vision
    config |= changes
    module = scatter(open_clip.CLIP(**deepcopy(config)))
    save_file(
        {name: value.contiguous() for name, value in module.state_dict().items()},
        folder / "model.safetensors",
    )
    (folder / "config.json").write_text(json.dumps({"format": 1, "name": "tiny", "model_cfg": config}))
    return str(folder)


def cosines(rows: torch.Tensor, others: torch.Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(rows.double(), others.double(), dim=-1).min())


def library_rows(backbone, frames) -> torch.Tensor:
    """Embeddings by open_clip's or transformers' own module, in float32."""
    with torch.inference_mode():
        return backbone._network.embed_pixels(backbone.prepare_frames(frames))


@pytest.mark.parametrize("name", ARITHMETICS)
@pytest.mark.parametrize("activation", arithmetic.ACTIVATIONS)
def test_a_product_is_near_a_linear_layer(name, activation):
    needs(name)
    generator = torch.Generator().manual_seed(1)
    weight, bias, x = (torch.randn(shape, generator=generator) for shape in ((48, 80), (48,), (3, 7, 80)))
    dtype = torch.bfloat16 if name == "bfloat16" else torch.float32
    with torch.inference_mode():
        product = PRODUCTS[name](weight, bias, activation)(x.to(dtype))
        without_bias = PRODUCTS[name](weight, None, activation)(x.to(dtype))
    linear = torch.nn.functional.linear(x, weight, bias)
    theirs = {
        "none": lambda values: values,
        "gelu": torch.nn.functional.gelu,
        "gelu_tanh": lambda values: torch.nn.functional.gelu(values, approximate="tanh"),
        "silu": torch.nn.functional.silu,
    }[activation]
    assert product.shape == (3, 7, 48)
    allowed = {"float32": 1e-5, "bfloat16": 0.3, "int8": 0.6}[name]  # of values up to 30
    assert (product - theirs(linear)).abs().max() < allowed
    assert (without_bias - theirs(linear - bias)).abs().max() < allowed


def test_int8_is_right_for_rows_of_any_size():
    needs("int8")
    weight = torch.randn((16, 64), generator=torch.Generator().manual_seed(0))
    x = torch.randn((4, 64), generator=torch.Generator().manual_seed(2))
    sizes = torch.tensor([[1e-12], [1.0], [1e6], [0.0]])
    with torch.inference_mode():
        rows = PRODUCTS["int8"](weight, None, "none")(x * sizes)
    assert cosines(rows[:3] / sizes[:3], (x @ weight.T)[:3]) > 0.999
    assert torch.equal(rows[3], torch.zeros(16))


def test_every_arithmetic_is_timed_or_left_out():
    seconds = arithmetic.product_seconds()
    assert "float32" in seconds
    assert all(0 < taken < 10 for taken in seconds.values())


def test_exact_does_not_wait_for_arithmetics_that_it_never_takes(monkeypatch):
    def refuse() -> None:
        raise AssertionError("all were timed")

    monkeypatch.setattr(precision, "product_seconds", refuse)
    backbone = load_backbone("puppet-tiny", "cpu")
    backbone.encode_frames(np.zeros((1, 3, 64, 64), np.uint8))
    has = "float32" in arithmetic.product_seconds()
    assert backbone.precision.note.startswith(
        "precision exact: float32, weights laid out once" if has else "precision exact: the library's own"
    )


def test_8_bit_products_that_would_overflow_are_left_out(monkeypatch):
    """Processors without VNNI add pairs of them up in 16 bits; ordinary numbers may never show it."""
    monkeypatch.setattr(arithmetic, "_adds_exactly", lambda: False)
    assert "int8" not in arithmetic.product_seconds.__wrapped__()
    with pytest.raises(RuntimeError, match="adds 8-bit products up in 16 bits"):
        PRODUCTS["int8"](torch.ones(4, 4), None, "none")


def test_an_arithmetic_without_a_kernel_is_left_out(monkeypatch):
    def refuse(*_: object):
        raise RuntimeError("no kernel")

    def crawl(*_: object):
        def product(x):
            deadline = torch.cat([x] * 4)
            for _ in range(3000):
                deadline = deadline + 1
            return deadline

        return product

    products = {"float32": PRODUCTS["float32"], "bfloat16": refuse, "int8": crawl}
    monkeypatch.setattr(arithmetic, "PRODUCTS", products)
    assert set(arithmetic.product_seconds.__wrapped__()) == {"float32"}


TOWERS = {
    "class token": {},
    "mean": {"pool_type": "avg"},
    "mean, norm after": {"pool_type": "avg", "final_ln_after_pool": True},
    "layer scale": {"ls_init_value": 0.5},
    "tanh": {"act_kwargs": {"approximate": "tanh"}},
    "no first norm": {"no_ln_pre": True},
    "own blocks": {"block_type": "custom", "qk_norm": True},
    "timm": {"timm_model_name": "test_vit", "timm_pool": "token", "timm_proj": "linear", "image_size": 64},
    "timm map": {
        "timm_model_name": "test_vit3",
        "timm_pool": "map",
        "timm_proj": "linear",
        "image_size": 160,
    },
}


@pytest.mark.parametrize("name", ARITHMETICS)
@pytest.mark.parametrize(
    ("tower", "quick_gelu"),
    [
        pytest.param(tower, quick, marks=pytest.mark.slow if quick and tower != "class token" else ())
        for tower in TOWERS
        for quick in (False, True)
    ],
)
def test_towers_of_open_clip_keep_their_promise(
    tower, name, quick_gelu, tmp_path, quick_at, real_frames, monkeypatch
):
    quick_at(name)
    if name == "int8":  # sums over so few channels average less of the rounding out than those of real models
        monkeypatch.setitem(PROMISES, "fastest", 0.99)
    changes = {"quick_gelu": True} if quick_gelu else {}
    if quick_gelu and tower == "tanh":
        pytest.skip("QuickGELU has no variants")
    folder = write_model(tmp_path, TOWERS[tower], **changes)
    level = "exact" if name == "float32" else "fastest"
    backbone = load_backbone(folder, "cpu", level)
    theirs = library_rows(backbone, real_frames)
    ours = backbone.encode_frames(real_frames)
    tokens, again = backbone.encode_tokens(real_frames)
    expected_tokens, _ = backbone._network.embed_tokens(backbone.prepare_frames(real_frames))
    assert (backbone.precision.level, backbone.precision.arithmetic) == (level, name), backbone.precision.note
    assert tokens.dtype == ours.dtype == torch.float32
    assert cosines(ours, theirs) >= PROMISES[level]
    assert cosines(again, theirs) >= PROMISES[level]
    assert cosines(tokens.flatten(1), expected_tokens.flatten(1)) >= PROMISES[level]
    assert cosines(theirs[:5], theirs[5:]) < 0.95, "frames whose embeddings differ"


@pytest.mark.parametrize("name", ARITHMETICS)
@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_towers_of_transformers_keep_their_promise(kind, name, tmp_path, quick_at, real_frames):
    quick_at(name)
    if kind == "clip":
        sizes = {"size": {"shortest_edge": 36}, "crop_size": {"height": 32, "width": 32}}
        transformers.CLIPImageProcessor(**sizes).save_pretrained(tmp_path)
        text = TEXT_SIDE | TOKEN_IDS
        config = transformers.CLIPConfig(text_config=text, vision_config=VISION_SIDE, projection_dim=20)
        scatter(transformers.CLIPModel(config)).save_pretrained(tmp_path)
    else:
        transformers.SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
        text = TEXT_SIDE | TOKEN_IDS | {"hidden_size": 48, "projection_size": 48}
        config = transformers.SiglipConfig(text_config=text, vision_config=VISION_SIDE)
        scatter(transformers.SiglipModel(config)).save_pretrained(tmp_path)
    level = "exact" if name == "float32" else "fastest"
    backbone = load_backbone(f"hf:{tmp_path}", "cpu", level)
    theirs = library_rows(backbone, real_frames)
    ours = backbone.encode_frames(real_frames)
    tokens, again = backbone.encode_tokens(real_frames)
    expected_tokens, _ = backbone._network.embed_tokens(backbone.prepare_frames(real_frames))
    assert (backbone.precision.level, backbone.precision.arithmetic) == (level, name), backbone.precision.note
    assert cosines(ours, theirs) >= PROMISES[level]
    assert cosines(again, theirs) >= PROMISES[level]
    assert cosines(tokens.flatten(1), expected_tokens.flatten(1)) >= PROMISES[level]


@pytest.mark.parametrize("level", PROMISES)
def test_the_bundled_model_at_every_level(level, real_frames):
    backbone = load_backbone("puppet-tiny", "cpu", level)
    theirs = library_rows(backbone, real_frames)
    assert cosines(backbone.encode_frames(real_frames), theirs) >= PROMISES[level]
    assert f"precision {backbone.precision.level}" in backbone.precision.note
    assert backbone.fingerprint == load_backbone("puppet-tiny", "cpu").fingerprint
    texts = backbone.encode_texts(["a person waving"])
    assert torch.equal(texts, load_backbone("puppet-tiny", "cpu").encode_texts(["a person waving"]))


@pytest.mark.parametrize("name", ARITHMETICS)
def test_no_frame_changes_anothers_embedding(name, quick_at, real_frames):
    quick_at(name)
    backbone = load_backbone("puppet-tiny", "cpu", "exact" if name == "float32" else "fastest")
    backbone.precision.settle(backbone.prepare_frames(real_frames))
    together = backbone.encode_frames(real_frames)
    alone = torch.cat([backbone.encode_frames(real_frames[row : row + 1]) for row in range(len(real_frames))])
    # 8-bit products are exact sums; bfloat16 rounds what differs in its last digit.
    assert (together - alone).abs().max() < {"float32": 1e-6, "int8": 1e-6, "bfloat16": 2e-3}[name]
    assert backbone.precision.arithmetic == name


def test_a_level_that_does_not_keep_its_promise_falls_back_with_a_word(quick_at, monkeypatch, real_frames):
    quick_at("int8", "bfloat16")
    monkeypatch.setitem(PROMISES, "fastest", 1.01)  # no cosine reaches it, however a processor rounds
    backbone = load_backbone("puppet-tiny", "cpu", "fastest")
    assert (backbone.precision.level, backbone.precision.arithmetic) == ("fastest", "int8")
    ours = backbone.encode_frames(real_frames)
    assert (backbone.precision.level, backbone.precision.arithmetic) == ("exact", "float32")
    assert cosines(ours, library_rows(backbone, real_frames)) >= PROMISES["exact"]
    assert "precision exact instead of fastest" in backbone.precision.note
    for words in ("8-bit integers ", "bfloat16 ", "float32 "):
        assert re.search(rf"{words}[01]\.\d{{6}}", backbone.precision.note)
    assert "\n" not in backbone.precision.note
    # Settled: what comes later changes nothing.
    before = backbone.precision.note
    backbone.encode_frames(real_frames[::-1])
    assert backbone.precision.note == before


def test_a_level_that_was_written_down_does_not_change(quick_at, monkeypatch, real_frames, tmp_path):
    quick_at("int8")
    monkeypatch.setitem(PROMISES, "fastest", 1.01)
    model = checkpoint.load_model("puppet-tiny", precision="fastest")
    assert settings_of(model)["precision"] == "fastest"
    with pytest.raises(ModelError, match=r"fastest is not kept .*integers [01]\.\d+.*choose precision exact"):
        model.embed_frames(real_frames)
    (tmp_path / "bad.mp4").write_text("no video")
    videos = [str(tmp_path / "bad.mp4"), str(sorted(CLIPS.glob("*.mp4"))[0])]
    with checkpoint.load_model("puppet-tiny", precision="fastest") as model:
        assert model.settle(videos) == "exact"
        assert settings_of(model)["precision"] == "exact"
        assert not isinstance(dict(model.embed_many(videos))[videos[1]], Exception)


def test_the_library_itself_is_the_last_resort(quick_at, monkeypatch, real_frames):
    quick_at("int8")
    monkeypatch.setitem(PROMISES, "exact", 1.1)
    backbone = load_backbone("puppet-tiny", "cpu")
    rows, (tokens, _) = backbone.encode_frames(real_frames), backbone.encode_tokens(real_frames)
    assert "the library's own float32" in backbone.precision.note
    assert cosines(rows, library_rows(backbone, real_frames)) > 1 - 1e-6
    expected_tokens, _ = backbone._network.embed_tokens(backbone.prepare_frames(real_frames))
    assert cosines(tokens.flatten(1), expected_tokens.flatten(1)) > 1 - 1e-6


def test_not_a_number_is_no_promise_kept(quick_at, monkeypatch, real_frames):
    quick_at("int8")
    broken = lambda weight, bias, activation: PRODUCTS["float32"](weight * torch.nan, bias, activation)  # noqa: E731
    monkeypatch.setattr("zeroshot.model.speed.products.PRODUCTS", {**PRODUCTS, "int8": broken})
    backbone = load_backbone("puppet-tiny", "cpu", "fast")
    assert not backbone.encode_frames(real_frames).isnan().any()
    assert (backbone.precision.level, backbone.precision.arithmetic) == ("exact", "float32")
    assert "8-bit integers nan" in backbone.precision.note


def test_networks_without_blocks_keep_the_librarys_arithmetic(tmp_path, real_frames):
    vision = {"layers": [1, 1, 1, 1], "width": 8, "patch_size": None, "head_width": 8}
    backbone = load_backbone(write_model(tmp_path, vision), "cpu", "fastest")
    rows = backbone.encode_frames(real_frames)
    assert (backbone.precision.level, backbone.precision.arithmetic) == ("exact", "float32")
    assert cosines(rows, library_rows(backbone, real_frames)) > 1 - 1e-6
    assert "precision exact instead of fastest" in backbone.precision.note


def test_an_unknown_level_is_refused_before_anything_is_loaded():
    with pytest.raises(OptionError, match="precision is 'quick'; expected one of exact, fast, fastest"):
        load_backbone("no/such/model", precision="quick")
    with pytest.raises(OptionError, match="precision is 'quick'"):
        checkpoint.load_model("puppet-tiny", precision="quick")


def test_adapters_read_tokens_of_every_level(quick_at):
    quick_at("int8")
    video = str(sorted(CLIPS.glob("*.mp4"))[0])
    with (
        checkpoint.load_model("puppet-tiny") as exact,
        checkpoint.load_model("puppet-tiny", precision="fast") as fast,
    ):
        assert exact.adapter is not None
        first, second = exact.embed_videos([video]), fast.embed_videos([video])
        assert (exact.precision, fast.precision) == ("exact", "fast"), fast.notes
    assert float((first * second).sum()) > 0.995
    assert not np.array_equal(first, second)


def test_the_command_says_what_it_chose(capsys, monkeypatch):
    video = str(sorted(CLIPS.glob("*.mp4"))[0])
    words = ["zeroshot", "classify", video, "--labels", "waving, running", "--model", "puppet-tiny"]
    monkeypatch.setattr(sys, "argv", [*words, "--precision", "fast"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    said = capsys.readouterr().err
    assert "zeroshot: precision " in said
    tried = "precision exact instead of fast: float32, weights laid out once\n" not in said
    assert said.count("cosine to the library's float32 on the first frames") == int(tried)
    monkeypatch.setattr(sys, "argv", [*words, "--precision", "quick"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == "zeroshot: precision is 'quick'; expected one of exact, fast, fastest\n"
