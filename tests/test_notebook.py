"""A ranking in a notebook: every word escaped, pictures inside, no script."""

from __future__ import annotations

import base64
import pickle
from html.parser import HTMLParser

from zeroshot.types import Prediction, Predictions, Ranking


class Reader(HTMLParser):
    """Tags, attributes and text of a piece of HTML; every tag that is opened must be closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


NASTY = '<script>alert("x")</script> & "quoted"\x1b[2J'


def test_labels_and_paths_are_text_and_nothing_else():
    shown = Reader(Predictions([Prediction(NASTY, 0.2, 0.75)], f"{NASTY}.mp4", (b"jpeg",))._repr_html_())
    assert {tag for tag, _ in shown.tags} == {"div", "img"}
    assert shown.words == [NASTY.replace("\x1b", r"\x1b") + ".mp4", NASTY.replace("\x1b", r"\x1b"), "75.0%"]
    assert all(set(attributes) <= {"style", "src", "alt"} for _, attributes in shown.tags)


def test_pictures_are_inside():
    shown = Reader(Predictions([Prediction("a", 0.2, 0.75)], "v.mp4", (b"one", b"two"))._repr_html_())
    sources = [attributes["src"] for tag, attributes in shown.tags if tag == "img"]
    assert [base64.b64decode(source.partition(",")[2]) for source in sources] == [b"one", b"two"]
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)


def test_bars_are_as_long_as_shares():
    html = Predictions([Prediction("a", 0.2, 0.75), Prediction("b", 0.1, 0.25)], "v.mp4")._repr_html_()
    widths = [
        attributes["style"] for _, attributes in Reader(html).tags if "width:" in (attributes["style"] or "")
    ]
    assert [style.partition("%")[0].rpartition("width:")[2] for style in widths if "%" in style] == [
        "75.0",
        "25.0",
    ]


def test_a_row_of_many_and_its_error():
    row = Reader(Ranking("v.mp4", (Prediction("a", 0.2, 1.0),))._repr_html_())
    assert row.words == ["v.mp4", "a", "100.0%"]
    failed = Reader(Ranking("v.mp4", (), f"cannot decode v.mp4: {NASTY}")._repr_html_())
    assert failed.words[1].startswith("cannot decode v.mp4: <script>")


def test_predictions_are_a_list():
    one = Prediction("a", 0.2, 1.0)
    made = Predictions([one], "v.mp4", (b"x",))
    assert made == [one]
    assert isinstance(made, list)
    again = pickle.loads(pickle.dumps(made))
    assert (again, again.path, again.thumbnails) == (made, "v.mp4", (b"x",))
