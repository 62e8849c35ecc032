"""Networks that read clips as a whole, against the library's own output; and what they do not give.

Covers: model/networks/processors, model/networks/pretrained, model/networks/from_hub.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import transformers
from checkpoint_folders import changed, small_tokenizer
from tiny_networks import TEXT_SIDE, TOKEN_IDS, VISION_SIDE, scatter
from video_networks import FOLDERS, pe_audio_video_folder, pe_video_folder, videoprism_folder

import zeroshot
from zeroshot.checkpoint import load_model
from zeroshot.errors import ModelError, OptionError
from zeroshot.model.backbone import load_backbone
from zeroshot.video.sampling import Sampling
from zeroshot.video.write import write_video
from zeroshot.waist.writer import waist_settings

TEXTS = ["a person waving", "a person jumping", "waving"]
NUM_FRAMES = {"xclip": 4, "videoprism": 6, "pe_video": 16}


def clip(number: int, seed: int = 0, height: int = 45, width: int = 60) -> np.ndarray:
    """(T, 3, H, W) uint8: blocks of colour."""
    blocks = np.random.default_rng(seed).integers(0, 256, (number, 3, 5, 6), np.uint8)
    return blocks.repeat(height // 5, axis=2).repeat(width // 6, axis=3)


def unit(rows: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(rows, dim=-1).numpy()


@pytest.fixture(scope="module", params=FOLDERS)
def tower(request, tmp_path_factory):
    """Type of network, its folder, and ours."""
    folder = FOLDERS[request.param](tmp_path_factory.mktemp(request.param) / "tower")
    with load_model(f"hf:{folder}", device="cpu") as model:
        yield request.param, folder, model


def theirs(kind: str, folder, pixels: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors of the library's own forward pass, of clips and of `TEXTS`."""
    module = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    pads = {"padding": True} if kind == "pe_video" else {"padding": "max_length", "max_length": 9}
    inputs = tokenizer(TEXTS, return_tensors="pt", truncation=True, **pads)
    named = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    with torch.inference_mode():
        if kind == "pe_video":
            output = module(pixel_values_videos=pixels, **named)
            return unit(output.video_embeds), unit(output.text_video_embeds)
        name = "pixel_values" if kind == "xclip" else "pixel_values_videos"
        videos = module.get_video_features(**{name: pixels}).pooler_output.flatten(1)
        return unit(videos), unit(module.get_text_features(**named).pooler_output)


def test_videos_and_texts_have_the_librarys_own_vectors(tower):
    kind, folder, model = tower
    clips = np.stack([clip(NUM_FRAMES[kind], seed) for seed in range(3)])
    if kind == "xclip":
        processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
        pixels = torch.stack([processor(list(one), return_tensors="pt").pixel_values for one in clips])
        pixels = pixels.reshape(*clips.shape[:2], 3, 32, 32)
    else:
        processor = transformers.AutoVideoProcessor.from_pretrained(folder)
        options = {"do_normalize": False} if kind == "videoprism" else {}
        pixels = processor(list(map(torch.from_numpy, clips)), return_tensors="pt", **options)
        pixels = pixels.pixel_values_videos
    prepared = torch.stack([model.backbone.prepare_frames(one) for one in clips])
    assert (prepared - pixels).abs().max() < 0.02  # a level or less between PIL and torch
    videos, texts = theirs(kind, folder, prepared)
    assert np.abs(model.embed_videos(clips) - videos).max() < 1e-5
    assert np.abs(model.embed_texts(TEXTS) - texts).max() < 1e-5
    assert np.abs(videos - videos[0]).max() > 1e-3  # videos are told apart
    assert model.sampling.num_frames == NUM_FRAMES[kind]
    assert np.abs(model.embed_videos(clips[:1]) - model.embed_videos(clips[:1, ::-1])).max() > 1e-4


def test_another_number_of_frames_is_refused_where_the_network_reads_one(tower):
    kind, _, model = tower
    if kind == "pe_video":
        assert model.embed_videos(clip(5), sampling=Sampling(5)).shape == (1, model.embedding_dim)
        return
    with pytest.raises(OptionError, match=f"clips have 5 frames; .* reads {NUM_FRAMES[kind]}: leave"):
        model.embed_videos(clip(9), sampling=Sampling(5))


def test_what_needs_frames_apart_is_refused_in_one_line(tower):
    _, _, model = tower
    with pytest.raises(ModelError, match="frames at once and has no vector or token of a single one"):
        model.embed_frames(clip(2))
    with pytest.raises(ModelError, match="frames at once"):
        list(model.embed_many([clip(4)], drifts=True))
    with pytest.raises(ModelError, match="frames at once"):
        model.backbone.encode_tokens(clip(2))


def test_every_verb_works_on_whole_clips(tower, tmp_path):
    kind, _, model = tower
    path = tmp_path / "clip.mp4"
    write_video(path, clip(40), fps=10)
    with_views = model.embed_videos(path, sampling=Sampling(NUM_FRAMES[kind], num_views=2))
    assert np.linalg.norm(with_views, axis=1) == pytest.approx([1.0])
    classifier = zeroshot.load(model, labels=TEXTS)
    segments = classifier.timeline(path, window_seconds=1.0)
    assert (len(segments), segments[-1].end_seconds) == (4, pytest.approx(4.0))
    assert {each.label for each in classifier.rank(path, k=3)} == set(TEXTS)
    clips = model.clips_of(path)
    one_by_one = np.concatenate([model.embed_clips([one]) for one in (*clips, *clips)])
    assert np.abs(model.embed_clips([*clips, *clips]) - one_by_one).max() < 1e-6
    with pytest.raises(ModelError, match="frames at once"):
        waist_settings(model.backbone, model.sampling)
    told = {"xclip": "X-CLIP fits", "videoprism": "no factor on cosines", "pe_video": "of any length"}
    assert told[kind] in " ".join(model.notes)


def test_the_number_of_frames_of_pe_is_its_processors(tmp_path, capsys):
    folder = pe_video_folder(tmp_path / "pe", num_frames=5)
    capsys.readouterr()
    with load_model(f"hf:{folder}", device="cpu") as model:
        assert model.sampling.num_frames == 5
    assert capsys.readouterr() == ("", "")  # of what the library prints as it makes the module
    changed(folder / "video_preprocessor_config.json", num_frames="many")
    with pytest.raises(ModelError, match="takes many frames; expected 1 or more"):
        load_model(f"hf:{folder}", device="cpu")


def test_of_a_network_for_sounds_too_the_part_for_videos_is_read(tmp_path):
    folder = pe_audio_video_folder(tmp_path / "pe")
    module = transformers.AutoModel.from_pretrained(folder).eval()
    inputs = transformers.AutoTokenizer.from_pretrained(folder)(TEXTS[:2], return_tensors="pt", padding=True)
    named = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    clips = np.stack([clip(3), clip(3, 1)])
    with load_model(f"hf:{folder}", device="cpu") as model:
        pixels = torch.stack([model.backbone.prepare_frames(one) for one in clips])
        with torch.inference_mode():
            output = module.video_model(pixel_values_videos=pixels, **named)
        assert np.abs(model.embed_videos(clips) - unit(output.video_embeds)).max() < 1e-5
        assert np.abs(model.embed_texts(TEXTS[:2]) - unit(output.text_video_embeds)).max() < 1e-5
        assert model.sampling.num_frames == 3


def test_a_config_that_does_not_belong_to_the_weights_is_refused(tmp_path):
    folder = videoprism_folder(tmp_path / "tower")
    content = json.loads((folder / "config.json").read_text())
    for name, value, message in [
        ("num_spatial_layers", 100_000, "asks for 100000 layers"),
        ("image_size", 64, r"position_embeddings of \(1, 64, 24\), its weights have \(1, 16, 24\)"),
    ]:
        vision = content["vision_config"] | {name: value}
        (folder / "config.json").write_text(json.dumps(content | {"vision_config": vision}))
        with pytest.raises(ModelError, match=message):
            load_model(f"hf:{folder}", device="cpu")
    (folder / "config.json").write_text(json.dumps(content))
    changed(folder / "video_preprocessor_config.json", size={"height": 40, "width": 40})
    with pytest.raises(ModelError, match="its network reads 32×32"):
        load_model(f"hf:{folder}", device="cpu")


def test_a_type_that_is_not_known_is_told_those_that_are(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "llava"}')
    with pytest.raises(
        ModelError, match=r"type 'llava'.*known are aimv2, align, .*videoprism, xclip"
    ) as caught:
        load_model(f"hf:{tmp_path}", device="cpu")
    assert "\n" not in str(caught.value)


def test_siglip2_keeps_the_shape_of_frames(tmp_path):
    small_tokenizer(tmp_path)
    transformers.Siglip2ImageProcessor(patch_size=8, max_num_patches=16).save_pretrained(tmp_path)
    vision = {name: value for name, value in VISION_SIDE.items() if name != "image_size"}
    config = transformers.Siglip2Config(
        text_config=TEXT_SIDE | TOKEN_IDS | {"hidden_size": 48, "projection_size": 48},
        vision_config=vision | {"num_patches": 16},
    )
    scatter(transformers.Siglip2Model(config)).save_pretrained(tmp_path)
    ours = load_backbone(f"hf:{tmp_path}", "cpu")
    module = transformers.AutoModel.from_pretrained(tmp_path).eval()
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path)
    # Through two ways of resizing, which round levels apart on processors without wide vectors.
    for height, width in [(45, 60), (90, 30), (40, 42)]:
        picture = torch.from_numpy(clip(3, 1, height, width))
        with torch.inference_mode():
            output = module.get_image_features(**processor(list(picture), return_tensors="pt"))
        assert np.abs(ours.encode_frames(picture).numpy() - unit(output.pooler_output)).max() < 0.01
    with load_model(f"hf:{tmp_path}", device="cpu") as model:
        rows = model.embed_videos([clip(3), clip(3, 1, 90, 30)])  # of two shapes, in one batch
    assert rows.shape == (2, 48)
    with pytest.raises(ModelError, match="form no one grid"):
        ours.encode_tokens(clip(2))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "processor"),
    [
        (
            transformers.CLIPSegConfig(
                text_config=TEXT_SIDE | TOKEN_IDS, vision_config=VISION_SIDE, projection_dim=20
            ),
            transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32),
        ),
        (
            transformers.Aimv2Config(
                text_config=TEXT_SIDE | TOKEN_IDS, vision_config=VISION_SIDE, projection_dim=20
            ),
            transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32),
        ),
    ],
    ids=["clipseg", "aimv2"],
)
def test_other_networks_like_clip(config, processor, tmp_path):
    small_tokenizer(tmp_path)
    processor.save_pretrained(tmp_path)
    scatter(transformers.AutoModel.from_config(config)).save_pretrained(tmp_path)
    ours = load_backbone(f"hf:{tmp_path}", "cpu")
    module = transformers.AutoModel.from_pretrained(tmp_path).eval()
    pixels = ours.prepare_frames(clip(3))
    inputs = transformers.AutoTokenizer.from_pretrained(tmp_path)(
        TEXTS, padding="max_length", max_length=14, return_tensors="pt"
    )
    with torch.inference_mode():
        frames = module.get_image_features(pixel_values=pixels).pooler_output
        texts = module.get_text_features(**inputs).pooler_output
    assert np.abs(ours.encode_pixels(pixels).numpy() - unit(frames)).max() < 1e-5
    assert np.abs(ours.encode_texts(TEXTS).numpy() - unit(texts)).max() < 1e-5
