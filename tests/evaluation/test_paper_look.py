"""`evaluate --as PAPER` against a plain loop over frames, written from what the papers' code does.

Covers: model/clip_queue by views, evaluation/prepare's texts beside templates.
"""

from __future__ import annotations

import json
import math
import re
from itertools import pairwise
from pathlib import Path

import layouts
import numpy as np
import pytest
import torch
from tiny_world import write_checkpoint
from torch.nn import functional as F

from zeroshot.checkpoint import load_model
from zeroshot.datasets.paper_settings import LINEAGES, lineage_named
from zeroshot.errors import LabelError
from zeroshot.evaluation.paper_look import look_of, mean_probabilities, preprocess_of
from zeroshot.evaluation.prepare import EvaluationSettings
from zeroshot.evaluation.run import evaluate
from zeroshot.video.decoders.all_frames import read_film
from zeroshot.video.sampling import Sampling
from zeroshot.video.transform import Preprocess
from zeroshot.video.write import write_video

CLIPS = sorted((Path(__file__).parents[2] / "examples" / "clips").glob("*.mp4"))
PROMPTS = Path(__file__).parents[2] / "prompts"
CLIP_LEVELS = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
IMAGENET_LEVELS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIDE = 32  # of the network; 224 in the papers
MEDIA = ("photo", "video", "example", "demonstration")
PHRASES = (
    "", "a person ", "a person using ", "a person doing ", "a person during ", "a person performing ",
    "a person practicing ",
)  # fmt: skip
KINETICS = [f"a {medium} of {phrase}NAME." for medium in MEDIA for phrase in PHRASES]


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> str:
    return str(write_checkpoint(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.fixture(scope="module")
def model(network):
    with load_model(network) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def puppets(tmp_path_factory) -> list[Path]:
    """Puppets, small, of 90 to 180 frames, at 30 and 25 a second."""
    folder = tmp_path_factory.mktemp("puppets")
    paths = []
    for number, clip in enumerate(CLIPS[:6]):
        film = read_film(clip, math.inf, 60).clip.frames
        count = 90 + 18 * number
        frames = film[np.linspace(0, len(film) - 1, count).astype(int)]
        small = F.interpolate(torch.from_numpy(np.ascontiguousarray(frames)).float(), size=(46, 60))
        paths.append(folder / f"{number}.mp4")
        write_video(paths[-1], small.byte().numpy(), 25.0 if number % 2 else 30.0)
    return paths


@pytest.fixture(scope="module")
def official(tmp_path_factory, puppets) -> dict[str, Path]:
    """The puppets laid out as data sets lie on disk."""
    root = tmp_path_factory.mktemp("official")
    layouts.ucf101(root / "ucf101", puppets)
    layouts.hmdb51(root / "hmdb51", puppets)
    layouts.hmdb_lists(root / "hmdb51" / "splits")
    rows = [(label, f"id{n}", n, "val") for n, label in enumerate(("abseiling", "archery", "zumba"))]
    layouts.kinetics(root / "kinetics400", puppets, rows, flat=True)
    layouts.ssv2(root / "ssv2", puppets)
    layouts.diving48(root / "diving48", puppets)
    layouts.activitynet(root / "activitynet", puppets)
    return {path.name: path for path in root.iterdir()}


PROTOCOL = {
    "ucf101": "ucf101-full", "hmdb51": "hmdb51-full", "kinetics400": "k400", "ssv2": "ssv2",
    "diving48": "diving48", "activitynet": "activitynet200",
}  # fmt: skip


def numbers_of(name: str, count: int, fps: float) -> list[list[int]]:
    """Frames of each view, by a line's own formula."""
    if name in {"open-vclip", "froster"}:
        size = 8 * 16 / 30 * fps
        begins = [view * math.floor(round(max(count - size, 0) / 2, 6)) for view in range(3)]
        return [
            torch.linspace(begin, begin + size - 1, 8).clamp(0, count - 1).long().tolist() for begin in begins
        ]
    if name == "tc-clip":
        drawn = np.random.default_rng([0, count]).integers(count // 16, size=(2, 16))
        return [[place * (count // 16) + int(more) for place, more in enumerate(view)] for view in drawn]
    frames = {"bike": 8, "pe": 8, "siglip2": 8, "internvideo2": 8, "videoprism": 16}.get(name, 32)
    frames = 4 if name in {"plain", "mteb"} else frames
    if name in {"bike", "videoprism"}:
        return [[int(count / frames * place) for place in range(frames)]]
    if name == "internvideo2":
        edges = np.linspace(0, count, frames + 1).astype(int)
        return [[(int(a) + int(b) - 1) // 2 for a, b in pairwise(edges)]]
    return [[int(place * count / frames + count / frames / 2) for place in range(frames)]]


def pixels_of(name: str, image: np.ndarray) -> torch.Tensor:
    """(3, h, w) what the network reads of a frame, by a line's own steps, with 32 for 224."""
    height, width = image.shape[:2]
    short, levels = min(height, width), CLIP_LEVELS
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    if name in {"open-vclip", "froster"}:
        size = (SIDE, math.floor(width / height * SIDE))
        resized = F.interpolate(tensor, size=size, mode="bilinear", align_corners=False)
        left = math.ceil((size[1] - SIDE) / 2)
        cut = resized[0, :, :, left : left + SIDE]
    elif name in {"x-clip", "vifi-clip", "tc-clip"}:
        size = tuple(int(side * (SIDE * 256 // 224 / short) + 0.5) for side in (height, width))
        resized = F.interpolate(tensor, size=size, mode="bilinear", align_corners=False).round()
        top, left = (size[0] - SIDE) // 2, (size[1] - SIDE) // 2
        cut, levels = resized[0, :, top : top + SIDE, left : left + SIDE], IMAGENET_LEVELS
    elif name == "internvideo2":
        cut = F.interpolate(tensor, size=(SIDE, SIDE), mode="bicubic", align_corners=False)[0]
        cut = cut.round().clamp(0, 255)
    else:  # BIKE has no margin beside other networks than 224; the others leave it to the network
        size = (SIDE, int(SIDE * width / height))
        # PIL rounds some levels otherwise, which video/test_transform.py bounds.
        whole = torch.from_numpy(image).permute(2, 0, 1)[None]
        resized = F.interpolate(whole, size=size, mode="bicubic", antialias=True)
        left = round((size[1] - SIDE) / 2)
        cut = resized[0, :, :, left : left + SIDE].float()
    mean, std = (torch.tensor(each)[:, None, None] for each in levels)
    return (cut / 255 - mean) / std


def texts_of(name: str, label: str, published: str, data: str) -> list[str]:
    """Sentences of a label."""
    words = published if data == "ucf101" and name in {"x-clip", "vifi-clip"} else label
    if data == "ucf101" and name in {"tc-clip", "open-vclip", "froster"}:
        words = re.sub(r"(?<!^)([A-Z])", r" \1", published)
        words = "Yoyo" if words == "Yo Yo" and name != "tc-clip" else words
    sentences = {
        "vifi-clip": ["a photo of a NAME."], "tc-clip": ["a photo of a NAME."],
        "bike": ["This is a video about NAME"], "mteb": ["a video of NAME"],
        "videoprism": ["a video of NAME."],
        "internvideo2": [
            line.replace("{}", "NAME")
            for line in (PROMPTS / "templates" / "actionclip16.txt").read_text().splitlines()
            if not line.startswith("#")
        ],
        "x-clip": ["NAME"], "plain": ["NAME"],
    }.get(name, KINETICS)  # fmt: skip
    return [sentence.replace("NAME", words) for sentence in sentences]


def loop(name: str, model, plan) -> np.ndarray:
    """(n, K) scores of the videos that are there with all labels of the first round, one frame at a time."""
    module, scale = model.backbone._network.module, model.logit_scale
    rows = []
    for label in plan.rounds[0].labels:
        texts = model.backbone.encode_texts(
            texts_of(name, label, plan.published.get(label, label), plan.data)
        )
        rows.append(F.normalize(F.normalize(texts, dim=-1).mean(0), dim=-1))
    labels = torch.stack(rows)
    scores = []
    for video in plan.rounds[0].videos:
        if not Path(video.path).exists():
            continue
        film = read_film(video.path, math.inf, 10_000)
        images = film.clip.frames.transpose(0, 2, 3, 1)
        views = []
        for numbers in numbers_of(name, len(images), film.fps):
            with torch.inference_mode():
                frames = torch.stack(
                    [module.encode_image(pixels_of(name, images[number])[None])[0] for number in numbers]
                )
            if name in {"plain", "mteb", "open-vclip", "froster"}:
                mean = F.normalize(frames, dim=-1).mean(0)
                mean = F.normalize(mean, dim=-1) if name in {"plain", "mteb"} else mean
            else:
                mean = F.normalize(frames.mean(0), dim=-1)
            cosines = labels @ mean
            is_shares = name in {"x-clip", "vifi-clip", "tc-clip", "bike"}
            views.append((scale * cosines.double()).softmax(-1) if is_shares else cosines)
        scores.append(torch.stack(views).mean(0).numpy())
    return np.stack(scores)


CASES = [(name, data) for name in LINEAGES if "/" not in name for data in PROTOCOL]
QUICK = {("vifi-clip", "ucf101"), ("open-vclip", "hmdb51"), ("tc-clip", "kinetics400")}


@pytest.mark.parametrize(
    ("name", "data"),
    [pytest.param(*case, marks=() if case in QUICK else pytest.mark.slow) for case in CASES],
)
def test_evaluate_as_a_paper_is_a_plain_loop_over_frames(official, model, name, data, tmp_path):
    settings = EvaluationSettings(name, cache=str(tmp_path))
    report = evaluate(official[data], model, protocol=PROTOCOL[data], settings=settings)
    found = report.models[0].figures.outcomes[0].scores
    expected = loop(name, model, report.plan)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    again = evaluate(official[data], model, protocol=PROTOCOL[data], settings=settings)
    np.testing.assert_array_equal(again.models[0].figures.outcomes[0].scores, found)
    assert len(list(tmp_path.glob("*/_manifest.json"))) == 1


def test_one_folder_of_embeddings_holds_every_line_apart(official, model, tmp_path):
    scores = {}
    for name in ("plain", "pe", "bike", "open-vclip"):
        settings = EvaluationSettings(name, cache=str(tmp_path), templates="video", num_frames=8, num_views=2)
        report = evaluate(official["hmdb51"], model, protocol="hmdb51-full", settings=settings)
        scores[name] = report.models[0].figures.outcomes[0].scores
    assert len(list(tmp_path.glob("*/_manifest.json"))) == 4
    kept = json.loads(next(tmp_path.glob("*/_manifest.json")).read_text())
    assert "sampling" in str(kept)
    for name, found in scores.items():
        settings = EvaluationSettings(name, templates="video", num_frames=8, num_views=2)
        fresh = evaluate(official["hmdb51"], model, protocol="hmdb51-full", settings=settings)
        np.testing.assert_allclose(fresh.models[0].figures.outcomes[0].scores, found, atol=1e-6)


def test_the_report_says_all_of_a_line(official, model, tmp_path):
    settings = EvaluationSettings("tc-clip", num_frames=8)
    report = evaluate(
        official["hmdb51"], model, protocol="hmdb51-full", output=tmp_path / "out", settings=settings
    )
    page = (tmp_path / "out" / "report.md").read_text()
    for line in lineage_named("tc-clip").lines():
        assert f"tc-clip has {line}".replace("|", "\\|")[:60] in page
    assert report.settings["lineage_says"] == list(lineage_named("tc-clip").lines())
    assert report.settings["changed"] == {"num_frames": 8}
    facts = report.models[0].facts
    assert facts["sampling"]["placement"] == "random"
    assert facts["preprocess"]["antialias"] is False
    assert (facts["pooling"], facts["average"]) == ("raw views", "probabilities")
    assert report.models[0].figures.outcomes[0].scores.sum(1) == pytest.approx(1)


def test_texts_of_a_language_model_stand_beside_the_templates_and_once_alone(official, model, tmp_path):
    said = {
        "0": "Brush hair: A person is using a brush", "20": "Kick: A foot hits something",
        "21": "Kick ball: A foot hits a ball", "45": "Sword exercise: Forms with a sword",
    }  # fmt: skip
    named = {"brush_hair": "A person is using a brush"}
    for number, texts in enumerate((said, named)):
        (tmp_path / f"{number}.json").write_text(json.dumps(texts))
    settings = EvaluationSettings("froster", texts=str(tmp_path / "0.json"))
    report = evaluate(official["hmdb51"], model, protocol="hmdb51-full", settings=settings)
    assert report.settings["example_prompts"][0] == (
        "a photo of Brush hair. Brush hair: A person is using a brush"
    )
    label = "brush hair"
    sentences = [f"{text.replace('NAME', 'Brush hair')} {said['0']}" for text in KINETICS] + [said["0"]]
    assert len(sentences) == 29
    vector = F.normalize(model.backbone.encode_texts(sentences).mean(0), dim=-1).numpy()
    outcome, plan = report.models[0].figures.outcomes[0], report.plan
    clip = look_of(
        lineage_named("froster"), lineage_named("froster").sampling, model.backbone.preprocess, whole=False
    )
    with model.prepared_as(clip.preprocess) as prepared:
        ((_, views),) = prepared.embed_streams(
            [plan.videos[0].path], sampling=clip.sampling, pooling=clip.pooling
        )
    assert outcome.scores[0, plan.labels.index(label)] == pytest.approx(
        float(views.mean(0) @ vector), abs=1e-5
    )
    settings = EvaluationSettings("froster", texts=str(tmp_path / "1.json"))
    report = evaluate(official["hmdb51"], model, protocol="hmdb51-full", settings=settings)
    assert report.settings["example_prompts"][0] == "a photo of brush hair. A person is using a brush"
    (tmp_path / "2.json").write_text(json.dumps({"0": "Nothing: that is there"}))
    with pytest.raises(LabelError, match="describes none of the 51 labels"):
        evaluate(
            official["hmdb51"], model, protocol="hmdb51-full",
            settings=EvaluationSettings("froster", texts=str(tmp_path / "2.json")),
        )  # fmt: skip


def test_a_network_keeps_its_own_size_and_levels_that_are_not_clips():
    vifi = lineage_named("vifi-clip").pixels
    clip = preprocess_of(vifi, Preprocess((336, 336), *CLIP_LEVELS))
    assert (clip.size, clip.resize_size) == ((336, 336), (384, 384))
    assert (clip.mean, clip.std) == IMAGENET_LEVELS
    siglip = preprocess_of(vifi, Preprocess((224, 224), (0.5,) * 3, (0.5,) * 3))
    assert (siglip.resize_size, siglip.mean) == ((256, 256), (0.5,) * 3)
    bike = lineage_named("bike").pixels
    assert preprocess_of(bike, Preprocess((224, 224), *CLIP_LEVELS)).resize_size == (256, 256)
    assert preprocess_of(bike, Preprocess((336, 336), *CLIP_LEVELS)).resize_size is None


def test_probabilities_are_of_the_labels_that_compete():
    rng = np.random.default_rng(0)
    scores = rng.uniform(-1, 1, (5, 2, 7)).astype(np.float32)
    found = mean_probabilities(scores[:, :, [1, 3, 6]], 20.0)
    for row in range(5):
        shares = []
        for view in range(2):
            powers = [math.exp(20.0 * float(scores[row, view, column])) for column in (1, 3, 6)]
            shares.append([power / sum(powers) for power in powers])
        assert found[row] == pytest.approx(np.mean(shares, axis=0))


def test_views_of_an_adapter_are_those_of_its_video(puppets):
    with load_model("puppet-tiny") as adapted:
        sampling = Sampling(adapted.adapter.config.num_frames, 3, placement="random", seed=1)
        ((_, video),) = adapted.embed_streams([str(puppets[0])], sampling=sampling)
        ((_, views),) = adapted.embed_streams([str(puppets[0])], sampling=sampling, pooling="raw views")
    assert views.shape == (9, video.shape[1])
    means = views.reshape(3, 3, -1).mean(1)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_allclose(means, video, atol=1e-5)


def test_names_that_a_paper_exchanges_are_exchanged_back_and_both_figures_told(official, model, tmp_path):
    settings = EvaluationSettings("vifi-clip", cache=str(tmp_path))
    report = evaluate(
        official["hmdb51"], model, protocol="hmdb51-full", output=tmp_path / "out", settings=settings
    )
    twins = {"kick": "kick ball", "kick ball": "kick", "sword": "sword exercise", "sword exercise": "sword"}
    (outcome,), labels = report.models[0].figures.outcomes, report.plan.labels
    asked = [report.plan.videos[row].label for row in outcome.rows]
    answered = [labels[answer] for answer in outcome.answers]
    hits = sum(twins.get(label, label) == answer for label, answer in zip(asked, answered, strict=True))
    found = report.models[0].facts["exchanged"]
    assert (found["value"], found["n"]) == (pytest.approx(hits / len(asked)), len(asked))
    assert (
        f"labels exchanged: top-1 {100 * hits / len(asked):.1f} %" in (tmp_path / "out/report.md").read_text()
    )
    for name, data in (("vifi-clip", "ucf101"), ("open-vclip", "hmdb51")):
        other = evaluate(official[data], model, protocol=f"{data}-full", settings=EvaluationSettings(name))
        assert other.models[0].facts["exchanged"] is None
