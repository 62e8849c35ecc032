"""Batched preprocessing against the libraries' own PIL pipelines."""

from __future__ import annotations

import math

import av
import numpy as np
import pytest
import torch
from PIL import Image

from zeroshot.errors import ModelError, VideoError
from zeroshot.video.transform import Preprocess, preprocess_frames, resized_size, three_numbers

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
# (height, width): portrait, landscape, odd, smaller than the target, square, extreme, odd margins.
SIZES = [
    (240, 320), (320, 240), (341, 255), (97, 131), (224, 224), (225, 224), (223, 500), (50, 31), (720, 1280),
    (300, 301), (17, 400), (231, 238),
]  # fmt: skip


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(H, W, 3) uint8 with broad shapes, hard edges and some noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / rng.uniform(5, 60) + y / rng.uniform(5, 60) + phase) for phase in (0, 2, 4)]
    image = 127 + 100 * np.stack(waves, axis=-1) + rng.normal(0, 12, (height, width, 3))
    image[height // 4 : height // 2, width // 3 : width // 2] = rng.integers(0, 256, 3)
    return image.clip(0, 255).astype(np.uint8)


def levels(pixels: torch.Tensor, preprocess: Preprocess) -> torch.Tensor:
    """Normalized pixels back on the scale 0 to 255."""
    return (
        pixels * torch.tensor(preprocess.std)[:, None, None] + torch.tensor(preprocess.mean)[:, None, None]
    ) * 255


def assert_same_levels(
    found: torch.Tensor, expected: torch.Tensor, preprocess: Preprocess, case: object
) -> None:
    """Equal but for rounding: PIL and torch round half levels apart, and PIL may take its two passes in turn.

    A picture shifted by one pixel, or resized without antialiasing, is off by ten levels in the mean.
    """
    difference = (levels(found, preprocess) - levels(expected, preprocess)).abs().round()
    assert difference.max() <= 3, case
    assert (difference > 1).float().mean() < 1e-4, case
    assert difference.mean() < 0.3, case


def ours(image: np.ndarray, preprocess: Preprocess) -> torch.Tensor:
    return preprocess_frames(torch.from_numpy(image).permute(2, 0, 1)[None], preprocess)[0]


def theirs(image: np.ndarray, preprocess: Preprocess) -> torch.Tensor:
    from open_clip.transform import PreprocessCfg, image_transform_v2

    shared = ("size", "mean", "std", "interpolation", "resize_mode", "fill_color")
    wishes = PreprocessCfg(**{name: getattr(preprocess, name) for name in shared})
    return image_transform_v2(wishes, is_train=False)(Image.fromarray(image))


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("resize_mode", ["shortest", "squash", "longest"])
def test_agrees_with_open_clip(resize_mode, interpolation):
    preprocess = Preprocess((224, 224), MEAN, STD, interpolation, resize_mode, fill_color=9)
    for seed, (height, width) in enumerate(SIZES):
        image = picture(height, width, seed)
        assert_same_levels(ours(image, preprocess), theirs(image, preprocess), preprocess, (height, width))


@pytest.mark.parametrize("resize_mode", ["shortest", "longest"])
def test_agrees_with_open_clip_where_the_target_is_not_square(resize_mode):
    preprocess = Preprocess((192, 112), MEAN, STD, "bicubic", resize_mode)
    for seed, (height, width) in enumerate(SIZES):
        image = picture(height, width, seed)
        assert_same_levels(ours(image, preprocess), theirs(image, preprocess), preprocess, (height, width))


def test_agrees_with_transformers():
    from transformers import CLIPImageProcessorPil, SiglipImageProcessorPil

    pairs = [
        (
            Preprocess((64, 64), MEAN, STD, "bicubic", "shortest", crop_offset="floored"),
            CLIPImageProcessorPil(size={"shortest_edge": 64}, crop_size={"height": 64, "width": 64}),
        ),
        (
            Preprocess(
                (64, 64), MEAN, STD, "bicubic", "shortest", resize_size=(80, 80), crop_offset="floored"
            ),
            CLIPImageProcessorPil(size={"shortest_edge": 80}, crop_size={"height": 64, "width": 64}),
        ),
        (
            Preprocess((64, 64), (0.5,) * 3, (0.5,) * 3, "bicubic", "squash"),
            SiglipImageProcessorPil(size={"height": 64, "width": 64}),
        ),
    ]
    for preprocess, processor in pairs:
        for seed, (height, width) in enumerate(SIZES):
            image = picture(height, width, seed)
            expected = torch.as_tensor(np.array(processor(images=Image.fromarray(image))["pixel_values"][0]))
            assert_same_levels(
                ours(image, preprocess), expected, preprocess, (preprocess.size, height, width)
            )


def test_agrees_on_real_clips(real_clips):
    preprocess = Preprocess((224, 224), MEAN, STD)
    for path in real_clips:
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0)).to_ndarray(format="rgb24")
        assert_same_levels(ours(frame, preprocess), theirs(frame, preprocess), preprocess, path.name)


def test_crop_offsets_differ_by_half_a_pixel():
    assert resized_size(100, 103, Preprocess((100, 100), MEAN, STD)) == (100, 103)
    columns = torch.arange(103, dtype=torch.uint8).expand(1, 3, 100, 103)
    first = {}
    for offset in ("rounded", "floored"):
        preprocess = Preprocess((100, 100), (0.0,) * 3, (1.0,) * 3, crop_offset=offset)
        first[offset] = round(255 * preprocess_frames(columns, preprocess)[0, 0, 0, 0].item())
    assert first == {"rounded": 2, "floored": 1}


def test_batch_equals_single_frames():
    preprocess = Preprocess((96, 96), MEAN, STD)
    frames = torch.stack([torch.from_numpy(picture(120, 150, seed)).permute(2, 0, 1) for seed in range(5)])
    together = preprocess_frames(frames, preprocess)
    assert torch.equal(together, torch.cat([preprocess_frames(frame[None], preprocess) for frame in frames]))
    assert torch.equal(together, preprocess_frames(frames.contiguous(), preprocess))


def test_leaves_the_frames_alone():
    frames = torch.from_numpy(picture(64, 64)).permute(2, 0, 1)[None].contiguous()
    before = frames.clone()
    preprocess_frames(frames, Preprocess((64, 64), MEAN, STD))
    assert torch.equal(frames, before)


def test_no_frames_give_no_pixels():
    pixels = preprocess_frames(torch.zeros((0, 3, 8, 8), dtype=torch.uint8), Preprocess((6, 4), MEAN, STD))
    assert pixels.shape == (0, 3, 6, 4)


def test_nearest_agrees_with_pil():
    preprocess = Preprocess((40, 40), (0.0,) * 3, (1.0,) * 3, "nearest", "squash")
    image = picture(97, 131)
    expected = np.asarray(Image.fromarray(image).resize((40, 40), Image.Resampling.NEAREST))
    assert np.array_equal((ours(image, preprocess) * 255).round().permute(1, 2, 0).numpy(), expected)


@pytest.mark.parametrize(
    "frames",
    [
        torch.zeros((1, 3, 8, 8)),
        torch.zeros((3, 8, 8), dtype=torch.uint8),
        torch.zeros((1, 4, 8, 8), dtype=torch.uint8),
    ],
)
def test_refuses_what_is_no_frames(frames):
    with pytest.raises(VideoError, match=r"expected uint8 \(B, 3, H, W\)"):
        preprocess_frames(frames, Preprocess((8, 8), MEAN, STD))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"interpolation": "lanczos"}, "interpolation 'lanczos'; known are bicubic, bilinear, nearest"),
        ({"resize_mode": "stretch"}, "resize_mode 'stretch'"),
        ({"crop_offset": "up"}, "crop_offset 'up'"),
        ({"size": (0, 4)}, "size"),
        ({"std": (1.0, 0.0, 1.0)}, "std above 0"),
    ],
)
def test_refuses_unknown_wishes(changes, message):
    wishes = {"size": (8, 8), "mean": MEAN, "std": STD} | changes
    with pytest.raises(ModelError, match=message):
        Preprocess(**wishes)


def test_three_numbers():
    assert three_numbers(0.5) == three_numbers([0.5, 0.5, 0.5]) == (0.5, 0.5, 0.5)
    with pytest.raises(ModelError, match="3 channels"):
        three_numbers([0.5, 0.5])


def bilinear(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """(height, width, 3) float64: four pixels a pixel, however many lie between, centres in half pixels."""
    rows = np.clip((np.arange(height) + 0.5) * image.shape[0] / height - 0.5, 0, image.shape[0] - 1)
    columns = np.clip((np.arange(width) + 0.5) * image.shape[1] / width - 0.5, 0, image.shape[1] - 1)
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    below, right = np.minimum(top + 1, image.shape[0] - 1), np.minimum(left + 1, image.shape[1] - 1)
    down, across = (rows - top)[:, None, None], (columns - left)[None, :, None]
    upper = image[top][:, left] * (1 - across) + image[top][:, right] * across
    lower = image[below][:, left] * (1 - across) + image[below][:, right] * across
    return upper * (1 - down) + lower * down


@pytest.mark.parametrize("size", [(240, 320), (320, 240), (341, 255), (97, 131), (720, 1280), (231, 238)])
def test_single_pixels_as_opencv_and_slowfast_take_them(size):
    image = picture(*size)
    short = min(size)
    # SlowFast: the longer side floored, the margin ceiled, fractions of a level kept.
    kept = Preprocess(
        (224, 224), MEAN, STD, "bilinear", crop_offset="ceiled", antialias=False, whole_levels=False
    )
    longer = math.floor(max(size) / short * 224)
    height, width = (224, longer) if size[0] <= size[1] else (longer, 224)
    top, left = math.ceil((height - 224) / 2), math.ceil((width - 224) / 2)
    expected = bilinear(image, height, width)[top : top + 224, left : left + 224]
    found = levels(ours(image, kept), kept).permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found, expected, atol=2e-2)
    # mmcv: short side 256, the longer one rounded, the margin floored, whole levels.
    whole = Preprocess(
        (224, 224), MEAN, STD, "bilinear", resize_size=(256, 256), crop_offset="floored", antialias=False,
        long_side="rounded",
    )  # fmt: skip
    height, width = (int(side * (256 / short) + 0.5) for side in size)
    top, left = (height - 224) // 2, (width - 224) // 2
    expected = bilinear(image, height, width)[top : top + 224, left : left + 224]
    found = levels(ours(image, whole), whole).permute(1, 2, 0).numpy()
    assert np.abs(found - expected).max() <= 0.51
    assert whole.shorter_side is None  # no decoder may mix pixels of a large frame before


def test_256_cut_to_224_is_what_torchvision_makes_of_a_picture():
    from torchvision import transforms

    preprocess = Preprocess((224, 224), MEAN, STD, "bicubic", resize_size=(256, 256))
    made = transforms.Compose(
        [
            transforms.Resize(256, transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    for size in ((240, 320), (341, 255), (720, 1280)):
        image = picture(*size)
        assert_same_levels(ours(image, preprocess), made(Image.fromarray(image)), preprocess, size)


def test_what_no_network_asks_for_is_recorded_only_where_it_is_so():
    usual = Preprocess((8, 8), MEAN, STD)
    assert "antialias" not in usual.as_dict()
    assert usual.as_dict()["resize_size"] is None
    assert Preprocess((8, 8), MEAN, STD, antialias=False).as_dict()["antialias"] is False
    with pytest.raises(ModelError, match="long_side 'cut'; known are floored, rounded"):
        Preprocess((8, 8), MEAN, STD, long_side="cut")
