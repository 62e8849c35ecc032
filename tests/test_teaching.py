"""Teaching labels by a folder of videos: what is taken, what is left out, what is refused.

Covers: cli/teach.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny_world import coloured, write_checkpoint

import zeroshot
from zeroshot.errors import DatasetError, IndexFileError, LabelError, OptionError, OutputError
from zeroshot.video.write import write_video

NONSENSE = ("blorp", "quav", "zindle")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = write_checkpoint(tmp_path_factory.mktemp("model") / "tiny")
    with zeroshot.load_model(folder, num_workers=1) as model:
        yield model


def write(path: Path, label: int, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, coloured(label, seed), 12.0)
    return path


@pytest.fixture(scope="module")
def shown(tmp_path_factory) -> Path:
    """Three movements under words that nobody knows, three videos each."""
    root = tmp_path_factory.mktemp("shown")
    for label, word in enumerate(NONSENSE):
        for place in range(3):
            write(root / word / f"{place}.mp4", label, 100 * label + place)
    return root


@pytest.fixture(scope="module")
def asked(tmp_path_factory) -> list[Path]:
    root = tmp_path_factory.mktemp("asked")
    return [write(root / f"{label}.mp4", label, 1000 + label) for label in range(3)]


@pytest.fixture
def own(shown, tmp_path) -> Path:
    return Path(shutil.copytree(shown, tmp_path / "own"))


@pytest.fixture(scope="module")
def taught(model, shown, tmp_path_factory):
    output = tmp_path_factory.mktemp("out") / "my.labels"
    return zeroshot.teach(shown, output, model=model), output


def test_words_that_the_model_does_not_know_are_learned_from_three_examples(model, taught, asked):
    found, output = taught
    assert found.labels.labels == NONSENSE
    assert found.judgement.helps
    assert not found.errors
    assert not found.notes
    classifier = zeroshot.load(model, output)
    answers = [row.predictions[0].label for row in classifier.rank_many(asked, k=1)]
    assert answers == list(NONSENSE)
    vectors = model.embed_videos(asked)
    assert classifier.similarity(asked) == pytest.approx(found.labels.scores(vectors), abs=1e-6)
    ranked = [row[0].label for row in classifier.rank_vectors(vectors, 1)]
    assert ranked == answers
    (segment,) = classifier.timeline(asked[1], window_seconds=2.0, k=1)
    assert segment.predictions[0].label == "quav"
    by_index = zeroshot.load(model, index=output).rank(asked[0])
    assert by_index == classifier.rank(asked[0])
    assert classifier.rank(asked[0], labels=output) == by_index


def test_where_examples_are_from_is_kept(taught, shown):
    facts = zeroshot.show(taught[1])
    assert facts["labels"] == list(NONSENSE)
    assert [row["video"] for row in facts["examples"]][:2] == ["blorp/0.mp4", "blorp/1.mp4"]
    assert facts["examples"][0]["bytes"] == (shown / "blorp" / "0.mp4").stat().st_size
    assert len({row["digest"] for row in facts["examples"]}) == 9
    assert facts["made_with"]["stream"] == "clip"


def test_another_model_and_other_words_are_refused(taught, tmp_path):
    _, output = taught
    other = zeroshot.load_model(write_checkpoint(tmp_path / "other", seed=4))
    with pytest.raises(IndexFileError, match=r"taught labels .* was made by .*teach it again"):
        zeroshot.load(other, output)
    with pytest.raises(LabelError, match="leave templates out"):
        zeroshot.load("ViT-B-32/random", output, templates="a video of {}")
    with pytest.raises(LabelError, match="a list of words to index"):
        zeroshot.build_index(str(output), output=tmp_path / "x.index", model="ViT-B-32/random")
    with pytest.raises(LabelError, match="a list of words to teach"):
        zeroshot.teach(tmp_path, labels=str(output))


def test_a_table_shows_them_too_and_labels_without_examples_stand_beside(model, own):
    rows = [f"{word}/{place}.mp4,{word}" for word in NONSENSE[:2] for place in range(3)]
    (own / "table.csv").write_text("\n".join(["path,label", *rows]) + "\n")
    found = zeroshot.teach(own / "table.csv", model=model, labels=["Blorp", "quav", "swimming"], way="linear")
    assert found.labels.labels == ("Blorp", "quav", "swimming")
    assert found.notes == ("'swimming' has no example: told by the words alone",)
    assert found.labels.lesson.way == "linear"
    assert np.bincount(found.judgement.targets).tolist() == [3, 3]


def test_a_damaged_video_costs_one_line(model, own):
    (own / "quav" / "1.mp4").write_bytes(b"no video at all")
    (own / "zindle" / "notes.txt").write_text("not a video")
    for path in (own / "blorp").glob("*.mp4"):
        path.write_bytes(path.read_bytes()[:50] + path.name.encode())
    found = zeroshot.teach(own, model=model)
    assert sorted(Path(path).relative_to(own).as_posix() for path in found.errors) == [
        "blorp/0.mp4",
        "blorp/1.mp4",
        "blorp/2.mp4",
        "quav/1.mp4",
    ]
    assert "'blorp' has no example that can be read: told by the words alone" in found.notes
    assert len(found.judgement.targets) == 5
    for path in (own / "quav").glob("*.mp4"):
        path.write_bytes(b"neither " + path.name.encode())
    with pytest.raises(LabelError, match=r"examples of 1 label can be read; expected of two or more.*\("):
        zeroshot.teach(own, model=model)


def test_a_copy_counts_once_and_under_two_labels_it_is_refused(model, own):
    shutil.copy(own / "blorp" / "0.mp4", own / "blorp" / "copy.mp4")
    found = zeroshot.teach(own, model=model)
    assert found.notes == ("1 video of 'blorp' is a copy of others: counted once",)
    assert len(found.judgement.targets) == 9
    shutil.copy(own / "blorp" / "0.mp4", own / "quav" / "other_name.mp4")
    with pytest.raises(
        LabelError, match=r"other_name\.mp4 is given as 'quav' and, the same content, as 'blorp'"
    ):
        zeroshot.teach(own, model=model)


def test_nothing_is_followed_out_of_the_folder(model, own, asked, tmp_path):
    (own / "quav" / "linked.mp4").symlink_to(asked[0])
    (own / "linked").symlink_to(asked[0].parent)
    (own / "zindle" / "inside.mp4").symlink_to(own / "zindle" / "0.mp4")
    (own / ".hidden").mkdir()
    (own / "loose.mp4").write_bytes(b"x")
    found = zeroshot.teach(own, model=model)
    assert found.labels.labels == NONSENSE
    assert found.notes == (
        "left out linked: a link, which is not followed",
        "left out 1 file beside the folders (first: loose.mp4)",
        f"left out 1 video of 'quav': links that lead out of {own}",
        "1 video of 'zindle' is a copy of others: counted once",
    )


@pytest.mark.parametrize("name", ["$(touch owned)", "a;rm -rf b", "x\x1b[2Jy", "…/../.."])
def test_names_are_only_names(model, own, name, tmp_path):
    if "/" in name:
        name = name.replace("/", "_")
    (own / "blorp").rename(own / name)
    if not name.isprintable():
        with pytest.raises(LabelError, match="expected plain text"):
            zeroshot.teach(own, model=model)
        return
    found = zeroshot.teach(own, tmp_path / "my.labels", model=model)
    assert len(found.labels) == 3
    assert not (Path.cwd() / "owned").exists()


def test_what_is_refused_before_any_weights(own, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "zeroshot.teaching.load_model", lambda *_, **__: pytest.fail("weights were asked for")
    )
    (tmp_path / "mine.txt").write_text("somebody's")
    (tmp_path / "empty").mkdir()
    cases = [
        (DatasetError, "does not exist", {"examples": tmp_path / "gone"}),
        (DatasetError, "shows no video", {"examples": tmp_path / "empty"}),
        (OutputError, "is there and is no file of taught labels", {"output": tmp_path / "mine.txt"}),
        (OutputError, "is a folder", {"output": tmp_path}),
        (OptionError, "expected auto, cache or linear", {"way": "magic"}),
        (LabelError, "expected one", {"templates": "two {} {}"}),
        (DatasetError, "is none of the 2 labels", {"labels": "waving,kicking"}),
        (LabelError, "have stages", {"labels": {w: {"start": "a", "end": "b"} for w in NONSENSE}}),
    ]
    for kind, words, settings in cases:
        chosen = {"examples": own, "model": "ViT-B-32/random", **settings}
        with pytest.raises(kind, match=words):
            zeroshot.teach(chosen.pop("examples"), chosen.pop("output", None), **chosen)
    for word in NONSENSE[1:]:
        shutil.rmtree(own / word)
    with pytest.raises(LabelError, match="shows one label, 'blorp'; expected two"):
        zeroshot.teach(own, model="ViT-B-32/random")


def test_search_knows_them_without_a_model(model, taught, asked, shown, tmp_path):
    zeroshot.embed(asked, tmp_path / "rows", model=model)
    first = [
        found[0].path for found in zeroshot.search(list(NONSENSE), tmp_path / "rows", 1, labels=taught[1])
    ]
    assert first == [str(path) for path in asked]
    with pytest.raises(LabelError, match="'waving' is none of the 3 taught labels"):
        zeroshot.search("waving", tmp_path / "rows", labels=taught[1])
