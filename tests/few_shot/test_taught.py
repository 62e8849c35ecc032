"""Taught labels: scores by words and examples, the same in any batch, and the file that keeps them."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from zeroshot.errors import LabelError, OptionError
from zeroshot.few_shot.cache import cached
from zeroshot.few_shot.leave_one_out import Blend
from zeroshot.few_shot.taught import (
    WAYS,
    Examples,
    ExampleVideo,
    Lesson,
    TaughtLabels,
    is_taught,
    taught,
)
from zeroshot.index.index import LabelIndex, nearest_labels

LABELS = ("waving", "blorp", "zindle")
SCALE = 20.0


def unit(rows) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def drawn(seed: int, shots: int, points) -> tuple[np.ndarray, np.ndarray]:
    targets = np.repeat(np.arange(3), shots)
    noise = np.random.default_rng(seed).normal(size=(len(targets), 16))
    return unit(points[targets] + 0.15 * noise), targets


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return unit(np.random.default_rng(5).normal(size=(3, 16)))


@pytest.fixture(scope="module")
def words(points) -> LabelIndex:
    """The words know the first point alone."""
    texts = unit(np.random.default_rng(6).normal(size=(3, 16)))
    texts[0] = points[0]
    return LabelIndex(LABELS, texts, fingerprint={"model": "0123", "model_name": "tiny", "stream": "clip"})


@pytest.fixture(scope="module")
def examples(points) -> Examples:
    vectors, targets = drawn(7, 3, points)
    videos = tuple(
        ExampleVideo(f"{LABELS[row]}/{place}.mp4", "ab" * 16, 9) for place, row in enumerate(targets)
    )
    return Examples(vectors, targets, videos)


@pytest.fixture(scope="module", params=WAYS)
def labels(request, words, examples) -> TaughtLabels:
    made, found = taught(words, examples, SCALE, request.param)
    assert found.helps
    return made


def test_labels_nobody_knows_are_learned_and_those_known_are_not_hurt(labels, words, points):
    asked, targets = drawn(8, 20, points)
    plain, both = (index.scores(asked).argmax(1) == targets for index in (words, labels))
    assert plain[:20].all()
    assert both.mean() > 0.95
    assert plain.mean() < 0.9


def test_scores_are_the_same_to_the_last_bit_in_any_batch(labels, points):
    asked, _ = drawn(9, 30, points)
    whole = labels.scores(asked)
    alone = np.concatenate([labels.scores(row[None]) for row in asked])
    assert whole.tobytes() == alone.tobytes()
    assert labels.scores(asked[7:50]).tobytes() == whole[7:50].tobytes()
    assert labels.scores(np.zeros((0, 16), np.float32)).shape == (0, 3)


def test_scores_are_words_and_what_examples_add(words, examples, points):
    asked, _ = drawn(10, 2, points)
    made = TaughtLabels(words, examples, Lesson("cache", Blend(15.0, 0.5), SCALE))
    added = cached(asked @ examples.vectors.T, examples.targets, 3, 15.0)
    assert made.scores(asked) == pytest.approx(words.scores(asked) + 0.5 * added, abs=1e-5)
    still = np.zeros((1, 16), np.float32)  # the dynamic stream of a still clip is like nothing
    assert made.scores(still) == pytest.approx(np.zeros((1, 3)), abs=1e-6)


def test_search_and_ranking_are_of_these_scores(labels, points):
    asked, _ = drawn(11, 4, points)
    scores = labels.scores(asked)
    found, rows = labels.search(asked, 2)
    assert found == pytest.approx(-np.sort(-scores, axis=1)[:, :2])
    assert (rows[:, 0] == scores.argmax(1)).all()
    ranked = labels.ranked(asked, 3, SCALE)
    assert ranked.probabilities.sum(1) == pytest.approx(1)
    first = nearest_labels(labels, asked, 1, SCALE)[0][0]
    assert first.label == LABELS[scores[0].argmax()]
    assert first.probability == pytest.approx(ranked.probabilities[0, 0])


def test_of_weight_zero_the_words_answer(words, examples, points):
    asked, _ = drawn(12, 3, points)
    mixed = Examples(examples.vectors, np.array([0, 1, 2] * 3), examples.videos)
    made, found = taught(words, mixed, SCALE)
    assert (found.helps, made.num_examples) == (False, 0)
    assert made.scores(asked).tobytes() == words.scores(asked).tobytes()
    assert made.note.startswith("9 examples stand aside, the words alone answer: left out one at a time")
    forced, _ = taught(words, mixed, SCALE, force=True)
    assert forced.num_examples == 9
    assert forced.lesson.judged["forced"]


def test_a_file_gives_the_same_labels_again(labels, points, tmp_path):
    asked, _ = drawn(13, 3, points)
    path = tmp_path / "my.labels"
    labels.save(path)
    labels.save(tmp_path / "again.labels")
    assert path.read_bytes() == (tmp_path / "again.labels").read_bytes()
    assert is_taught(path)
    found = TaughtLabels.load(path, fingerprint={"model": "0123"})
    assert found.scores(asked).tobytes() == labels.scores(asked).tobytes()
    assert found.describe() == labels.describe()
    assert (found.labels, found.fingerprint, found.note) == (labels.labels, labels.fingerprint, labels.note)
    again = pickle.loads(pickle.dumps(found))
    assert again.scores(asked).tobytes() == labels.scores(asked).tobytes()
    with pytest.raises(LabelError, match="taught with another model"):
        TaughtLabels.load(path, fingerprint={"model": "4567"})


def test_a_stranger_reads_the_file_with_tools_of_his_own(labels, tmp_path):
    from safetensors import safe_open

    path = tmp_path / "my.labels"
    labels.save(path)
    with safe_open(path, "np") as file:
        told = json.loads(file.metadata()["zeroshot_taught_labels"])
        assert bytes(file.get_tensor("labels")) == "".join(LABELS).encode()
        assert file.get_tensor("examples").shape == (9, 16)
    assert told["videos"][0] == ["waving/0.mp4", "ab" * 16, 9]
    assert told["judged"] == labels.lesson.judged


@pytest.mark.parametrize("place", [40, 300, 700, -10, -2000])
def test_one_changed_byte_is_found(labels, tmp_path, place):
    path = tmp_path / "my.labels"
    labels.save(path)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(LabelError, match=r"my\.labels") as raised:
        TaughtLabels.load(path)
    assert "\n" not in str(raised.value)


def test_a_file_that_claims_what_cannot_be_is_refused(labels, tmp_path, monkeypatch):
    path = tmp_path / "my.labels"
    for name, value in {"weight": float("nan"), "way": "magic", "videos": [], "shape": -1}.items():
        with monkeypatch.context() as patch:
            from zeroshot.few_shot import taught as module

            write = module.write_arrays
            patch.setattr(
                module,
                "write_arrays",
                lambda path, form, arrays, told, name=name, value=value, write=write: write(
                    path, form, arrays, {**told, name: value}
                ),
            )
            labels.save(path)
        with pytest.raises(LabelError, match="damaged"):
            TaughtLabels.load(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(LabelError, match="damaged"):
        TaughtLabels.load(path)
    with pytest.raises(LabelError, match="cannot read"):
        TaughtLabels.load(tmp_path / "gone.labels")
    with pytest.raises(LabelError, match="no plain file"):
        TaughtLabels.load(tmp_path)
    assert not is_taught(tmp_path)
    assert not is_taught("waving\0kicking")


def test_what_cannot_be_taught(words, examples):
    with pytest.raises(OptionError, match="expected auto, cache or linear"):
        taught(words, examples, SCALE, "magic")
    one = Examples(examples.vectors[:3], examples.targets[:3], examples.videos[:3])
    with pytest.raises(LabelError, match="of 1 label; expected of two"):
        taught(words, one, SCALE)
    lesson = Lesson("cache", Blend(5.5, 1.0), SCALE)
    with pytest.raises(OptionError, match="expected a row of 16 numbers each"):
        TaughtLabels(
            words, Examples(examples.vectors[:, :4] * 0 + 0.5, examples.targets, examples.videos), lesson
        )
    with pytest.raises(OptionError, match="is of label 7; there are 3"):
        TaughtLabels(words, Examples(examples.vectors, examples.targets * 0 + 7, examples.videos), lesson)
    made = TaughtLabels(words, examples, lesson)
    assert made.with_cells() is made
    assert made.note == "9 examples of 3 of 3 labels serve: not judged"


def test_of_both_ways_the_one_serves_by_which_more_left_out_examples_are_right(words, examples):
    tried = {way: taught(words, examples, SCALE, way)[1].num_right for way in WAYS}
    made, found = taught(words, examples, SCALE)
    assert found.num_right == max(tried.values()) == tried[made.lesson.way]
    # Two labels in two lumps that one straight line does not part: the cache is right, the head is not.
    corners = unit(np.array([[1, 1, 0.2], [-1, -1, 0.2], [1, -1, 0.2], [-1, 1, 0.2]]))
    targets = np.repeat(np.array([0, 0, 1, 1]), 4)
    vectors = unit(np.repeat(corners, 4, axis=0) + 0.05 * np.random.default_rng(3).normal(size=(16, 3)))
    blank = LabelIndex(("blorp", "zindle"), unit(np.array([[1, 0, 1.0], [0, 1, 1.0]])), fingerprint={})
    videos = tuple(ExampleVideo(str(row)) for row in range(16))
    made, found = taught(blank, Examples(vectors, targets, videos), SCALE)
    assert (made.lesson.way, found.num_right) == ("cache", 16)
    assert taught(blank, Examples(vectors, targets, videos), SCALE, "linear")[1].num_right < 16
