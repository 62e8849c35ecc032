"""A value of the wrong kind, wherever people give one, is refused in one line of the package's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import zeroshot
from zeroshot.errors import ZeroshotError
from zeroshot.losses.independence import IndependenceConfig
from zeroshot.synthetic.surroundings import Surroundings
from zeroshot.training.config import ChoiceConfig, OptimizerConfig

CLIP = sorted((Path(__file__).parents[1] / "examples" / "clips").glob("*.mp4"))[0]
GREY = np.zeros((8, 32, 32), np.uint8)


@pytest.fixture(scope="module")
def classifier():
    with zeroshot.load("puppet-tiny", "waving,jumping", device="cpu", num_workers=1) as classifier:
        yield classifier


def told(call, *given) -> str:
    """The one line that a call ends with."""
    with pytest.raises(ZeroshotError) as raised:
        call(*given)
    line = str(raised.value)
    assert "\n" not in line
    return line


NUMBERS = {
    "k of rank": lambda it, wrong: it.rank(CLIP, wrong),
    "k of rank_many": lambda it, wrong: it.rank_many(CLIP, wrong),
    "k of rank_vectors": lambda it, wrong: it.rank_vectors(it.index.embeddings, wrong),
    "k of timeline": lambda it, wrong: it.timeline(CLIP, k=wrong),
    "k of an index": lambda it, wrong: it.index.search(it.index.embeddings, wrong),
    "k of classify": lambda it, wrong: zeroshot.classify(CLIP, "a,b", model=it.model, k=wrong),
    "k of search": lambda _, wrong: zeroshot.search("waving", "nowhere", wrong),
    "window": lambda it, wrong: it.timeline(CLIP, wrong),
    "num_frames": lambda _, wrong: zeroshot.Sampling(num_frames=wrong),
    "num_views": lambda _, wrong: zeroshot.Sampling(num_views=wrong),
    "start": lambda _, wrong: zeroshot.Sampling(start_seconds=wrong),
    "stretch": lambda _, wrong: zeroshot.Stretch("a.mp4", wrong, 2),
    "batch_size": lambda _, wrong: zeroshot.load("puppet-tiny", "a,b", batch_size=wrong),
    "num_workers": lambda _, wrong: zeroshot.load_model("puppet-tiny", num_workers=wrong),
    "num_videos": lambda _, wrong: zeroshot.synthesize("nowhere", wrong),
    "seed": lambda _, wrong: zeroshot.synthesize("nowhere", 1, seed=wrong),
    "coupling": lambda _, wrong: zeroshot.synthesize("nowhere", 1, coupling=wrong),
    "persons": lambda _, wrong: Surroundings(persons=wrong),
    "learning_rate": lambda _, wrong: OptimizerConfig(learning_rate=wrong),
    "num_folds": lambda _, wrong: ChoiceConfig(num_folds=wrong),
    "queue_size": lambda _, wrong: IndependenceConfig(queue_size=wrong),
    "epochs": lambda _, wrong: zeroshot.TrainingConfig(epochs=wrong),
    "num_samplings": lambda _, wrong: zeroshot.Preparation(num_samplings=wrong),
    "motion_share": lambda _, wrong: zeroshot.BiasRecipe(motion_share=wrong),
    "seen_cost": lambda it, wrong: zeroshot.evaluate(
        "nowhere", it.model, settings=zeroshot.EvaluationSettings(seen_cost=wrong)
    ),
}  # fmt: skip


@pytest.mark.parametrize("wrong", ["3", None, float("nan")], ids=repr)
@pytest.mark.parametrize("call", NUMBERS.values(), ids=NUMBERS.keys())
def test_what_is_no_number(classifier, tmp_path, monkeypatch, call, wrong):
    monkeypatch.chdir(tmp_path)
    line = told(call, classifier, wrong)
    assert f"is {wrong!r}; expected" in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "call",
    [
        lambda it: it.rank(CLIP, 2.0),
        lambda _: zeroshot.load("puppet-tiny", "a,b", batch_size=2.5),
        lambda _: zeroshot.Sampling(num_frames=8.0),
    ],
)
def test_a_broken_number_where_it_is_whole(classifier, call):
    assert "expected a whole number" in told(call, classifier)


MODELS = {
    "load": lambda wrong: zeroshot.load(wrong, ["a", "b"]),
    "load_model": zeroshot.load_model,
    "show": zeroshot.show,
    "classify": lambda wrong: zeroshot.classify(CLIP, "a,b", model=wrong),
    "timeline": lambda wrong: zeroshot.timeline(CLIP, "a,b", model=wrong),
    "embed": lambda wrong: zeroshot.embed(CLIP, "nowhere", model=wrong),
    "build_index": lambda wrong: zeroshot.build_index("a,b", model=wrong),
    "evaluate": lambda wrong: zeroshot.evaluate("nowhere", wrong),
    "evaluate several": lambda wrong: zeroshot.evaluate("nowhere", ["puppet-tiny", wrong]),
    "score_bias": lambda wrong: zeroshot.score_bias("nowhere", [wrong]),
}


@pytest.mark.parametrize("call", MODELS.values(), ids=MODELS.keys())
def test_what_is_no_model(classifier, tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    assert "a Classifier is no model (its `model` is)" in told(call, classifier)
    assert "int is no model; expected a name" in told(call, 3)


def test_searches_and_trainings_ask_for_a_model_too(classifier, tmp_path):
    folder = tmp_path / "rows"
    zeroshot.embed(CLIP, folder, model=classifier.model)
    assert "is no model" in told(lambda: zeroshot.search("waving", folder, model=classifier))
    clips = CLIP.parent / "clips.csv"
    assert "is no model" in told(lambda: zeroshot.train(clips, tmp_path / "out", classifier))
    split = zeroshot.read_split(clips)
    assert "is no model" in told(lambda: zeroshot.probe_streams(split, classifier, tmp_path / "cache"))
    assert "is the name" in told(lambda: zeroshot.probe_streams(split, "puppet-tiny", tmp_path / "cache"))


@pytest.mark.parametrize("wrong", [8, "even", zeroshot.Sampling(64, 65)], ids=["int", "str", "too many"])
def test_what_is_no_sampling(classifier, wrong):
    words = "too many" if isinstance(wrong, zeroshot.Sampling) else "expected Sampling"
    assert words in told(lambda: zeroshot.load("puppet-tiny", "a,b", sampling=wrong))
    assert words in told(lambda: zeroshot.load_model("puppet-tiny", sampling=wrong))
    assert words in told(lambda: classifier.model.embed_videos(CLIP, sampling=wrong))


def test_what_is_no_text(classifier):
    assert told(lambda: classifier.model.embed_texts([1])) == "texts[0] is 1; expected a list of strings"
    assert "texts[1] is None" in told(lambda: zeroshot.search(["waving", None], "nowhere"))


@pytest.mark.parametrize(
    ("videos", "words"),
    [
        ("", "the path of a video is empty"),
        ([str(CLIP)], "a list of paths is one video, of pictures"),
        (3, "an int is no video"),
        (GREY, "has no colours"),
        ("file://elsewhere/a.mp4", "file"),
    ],
    ids=["blank", "list", "int", "grey", "another computer's"],
)
def test_what_is_no_video(classifier, videos, words):
    assert words in told(classifier.rank, videos)


def test_an_address_of_a_file_is_its_path(classifier, tmp_path):
    copy = tmp_path / "a b.mp4"
    copy.write_bytes(CLIP.read_bytes())
    assert classifier.rank(copy.as_uri()) == classifier.rank(copy)
    (only,) = zeroshot.classify(copy.as_uri(), "waving,jumping", model=classifier.model)
    assert only.error is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"stages": 3}, "stages are of type int"),
        ({"templates": 3}, "templates are of type int"),
        ({"stages": {"a": {"start": "x"}}}, "stages, entry 1"),
        ({"templates": "a {} {x}"}, "has '{' beside the {}"),
    ],
)
def test_messages_name_what_was_given(classifier, given, words):
    assert words in told(lambda: classifier.with_labels("a,b", **given))


def test_a_folder_is_no_label(classifier, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "edir").mkdir()
    assert "'edir' is a folder" in told(lambda: classifier.with_labels("edir"))
    assert classifier.with_labels("edir,").labels == ("edir",)


@pytest.mark.parametrize(("window", "stride"), [(1e-9, None), (1.0, 0.001), (0, None), (1.0, -1)])
def test_windows_without_end(classifier, window, stride):
    assert "0.01 s or more" in told(lambda: classifier.timeline(CLIP, window, stride))
