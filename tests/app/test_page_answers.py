"""What the page asks of the verbs, without a browser.

Covers: app/page_layout.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

import zeroshot
from zeroshot.app.page_answers import Answers, Asked, Library, labels_typed, usual_window
from zeroshot.app.page_files import ShownFiles
from zeroshot.app.page_layout import Desk, Page
from zeroshot.errors import LabelError, ModelError, OutputError

CLIPS = Path(__file__).parents[2] / "examples" / "clips"
POOL = str(CLIPS / "walking_right_swimming_pool.mp4")
WORDS = "walking right\nswimming\nwaving"


@pytest.fixture(scope="module")
def answers():
    with zeroshot.load_model("puppet-tiny", num_workers=1) as model:
        yield Answers(model, "puppet_actions", ShownFiles())


@pytest.fixture(scope="module")
def library(answers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("library") / "embeddings"
    zeroshot.embed([POOL, CLIPS / "waving_beach.mp4"], folder, model=answers.model)
    return folder


def test_a_video_is_looked_at_step_by_step(answers):
    steps = list(answers.look(Asked(POOL, WORDS)))
    assert [bool(step.frames) for step in steps][:2] == [False, True]
    assert all(step.reading for step in steps[:-1])
    last = steps[-1]
    assert not last.reading
    assert last.error == ""
    assert last.name == "walking_right_swimming_pool.mp4"
    assert last.answers["dynamic"][0].label == "walking right"
    assert {lane.name for lane in last.lanes.lanes} <= set(labels_typed(WORDS))
    assert last.seconds == pytest.approx(2.0, abs=0.2)
    assert len(last.frames) == 8


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Asked(POOL, " \n"), "there are no labels"),
        (Asked(POOL, "waving\nwaving"), "waving"),
        (Asked(POOL, WORDS, "no such stages"), "no such stages"),
        (Asked(POOL, WORDS, "", 0.001), "too short for a video of 2 s"),
        (Asked(POOL, WORDS, "", -1.0), "stretches of -1 s"),
    ],
)
def test_what_cannot_be_asked_is_one_line(answers, asked, words):
    error = list(answers.look(asked))[-1].error
    assert words in error
    assert "\n" not in error


def test_a_broken_file_is_one_line_which_does_not_say_where_it_lies(answers, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0" * 100)
    last = list(answers.look(Asked(str(broken), WORDS)))[-1]
    assert "broken.mp4" in last.error
    assert str(tmp_path) not in last.error
    assert not last.reading


def test_labels_that_were_typed_are_never_a_file(answers, tmp_path):
    secret = tmp_path / "labels.txt"
    secret.write_text("one\ntwo\n")
    assert len(answers.classifier(str(secret)).labels) == 1
    assert labels_typed("puppet_actions") == ("puppet_actions",)
    with pytest.raises(LabelError, match="letters"):
        labels_typed("a" * 1_000_001)


def test_what_shows_none_of_the_labels_is_answered_with_none_of_them_by_the_share_asked_for(answers):
    def best(reject: float) -> str:
        last = list(answers.look(Asked(POOL, WORDS, reject=reject)))[-1]
        assert last.error == ""
        return last.answers[last.stream][0].label

    assert best(0.0) == best(0.01) == "walking right"
    assert best(0.999999) == "none of these"
    kept = answers.classifier(WORDS, "", 0.2), answers.classifier(WORDS, "", 0.9)
    assert kept[0].rejection.background is kept[1].rejection.background


def test_a_list_is_encoded_once(answers):
    assert answers.classifier("waving, kicking").index is answers.classifier("waving, kicking\n").index
    assert answers.classifier(answers.first_words).labels[0] == "waving"


def test_short_videos_have_some_stretches_and_long_ones_not_too_many():
    assert usual_window(2.0) == 2.0
    assert usual_window(16.0) == 2.0
    assert usual_window(300.0) == 4.0
    assert 7200 / usual_window(7200.0) <= 150


def test_words_find_videos_that_can_be_played(answers, library):
    found = Library(str(library), answers.model, answers.files).find("waving")
    assert Path(found[0].name).name == "waving_beach.mp4"
    assert all(each.address for each in found)
    with pytest.raises(OutputError):
        Library(str(library / "nowhere"), answers.model, answers.files)


def test_the_page_searches_and_says_what_cannot_be_found(answers, library, tmp_path):
    page = Page(answers, {}, tmp_path, Library(str(library), answers.model, answers.files))
    assert "waving_beach.mp4" in page.find("waving")
    assert 'role="alert"' in page.find("  ")
    assert Page(answers, {}, tmp_path).find("waving") == ""


@pytest.fixture
def page(answers, tmp_path) -> Page:
    return Page(answers, {"a pool": Path(POOL)}, tmp_path / "uploads")


def upload(page: Page, folder: Path, name: str = "mine.mp4") -> str:
    path = folder / "uploads" / "digest" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(Path(POOL).read_bytes())
    return str(path)


def test_an_upload_is_looked_at_and_goes_with_the_next_choice(page, tmp_path):
    mine, desk = upload(page, tmp_path), Desk()
    page.take_upload(mine, desk)
    assert "mine.mp4" in list(page.look(desk, WORDS, "none", 0))[-1]
    page.take_example("a pool", desk)
    assert desk.path == POOL
    assert not Path(mine).exists()
    page.leave(desk)
    assert Path(POOL).exists()


def test_an_upload_of_two_visitors_stays_until_both_are_gone(page, tmp_path):
    mine, one, other = upload(page, tmp_path), Desk(), Desk()
    page.take_upload(mine, one)
    page.take_upload(mine, other)
    page.leave(one)
    assert Path(mine).exists()
    page.leave(other)
    assert not Path(mine).exists()


def test_no_file_from_elsewhere_is_taken_for_an_upload(page, tmp_path):
    desk = Desk()
    for path in (POOL, "/etc/passwd", str(tmp_path / "uploads" / ".." / "x.mp4"), None):
        page.take_upload(path, desk)
    page.take_example("/etc/passwd", desk)
    assert desk.path == ""
    assert "Drop a video" in list(page.look(desk, WORDS, "none", None))[-1]


def test_what_was_asked_before_ends_when_something_else_is_asked(page):
    desk = Desk(POOL)
    looking = page.look(desk, WORDS, "none", 0.5)
    next(looking)
    desk.turn += 1
    assert list(looking) == []


def test_what_is_shown_already_is_not_looked_at_again_unless_it_failed(page, tmp_path):
    desk = Desk(POOL)
    assert len(list(page.look(desk, WORDS, "none", 0))) > 1
    assert list(page.look(desk, WORDS, "none", 0.0)) == []
    assert list(page.look(desk, "waving", "none", 0))
    for _ in range(2):
        assert 'role="alert">there are no labels' in list(page.look(desk, "", "none", 0))[-1]


def test_a_bundled_list_fills_the_field(page):
    assert page.list_of("puppet_actions", "").splitlines()[0] == "waving"
    assert page.list_of("/etc/passwd", "mine") == page.list_of(None, "mine") == "mine"


def test_embeddings_of_another_model_need_that_model(answers, library, monkeypatch):
    other = SimpleNamespace(fingerprint="other", name="other")
    monkeypatch.setattr("zeroshot.video_search.load_model", lambda *_, **__: answers.model)
    assert Library(str(library), other, answers.files).find("waving")
    monkeypatch.setattr("zeroshot.video_search.load_model", lambda *_, **__: other)
    with pytest.raises(ModelError, match="is another model"):
        Library(str(library), other, answers.files)
