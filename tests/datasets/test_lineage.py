"""Lines of papers: names by their own tables, what is said of each, and what each asks of a network.

Covers: datasets/paper_settings.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from zeroshot.datasets.files_on_disk import bundled_lines
from zeroshot.datasets.lineage import Lineage, Pixels, split_at_capitals
from zeroshot.datasets.paper_settings import LINEAGES, lineage_named, lineages_in_lines
from zeroshot.errors import OptionError
from zeroshot.text.prompts import read_labels, read_templates

UCF_PUBLISHED = [line.split()[0] for line in bundled_lines("ucf101_test")]
UCF = dict(zip(read_labels("ucf101"), UCF_PUBLISHED, strict=True))
HMDB = {label: label.replace(" ", "_") for label in read_labels("hmdb51")}
# Of their own tables, the names that are easily had wrong.
OPEN_VCLIP = {
    "apply eye makeup": "Apply Eye Makeup", "clean and jerk": "Clean And Jerk", "jump rope": "Jump Rope",
    "handstand pushups": "Handstand Pushups", "yo yo": "Yoyo", "typing": "Typing",
}  # fmt: skip
X_CLIP = {"apply eye makeup": "ApplyEyeMakeup", "yo yo": "YoYo", "handstand pushups": "HandstandPushups"}
TC_CLIP = {"apply eye makeup": "Apply Eye Makeup", "yo yo": "Yo Yo", "tai chi": "Tai Chi"}


@pytest.mark.parametrize(
    ("names", "table"),
    [
        (("x-clip", "vifi-clip", "vifi-clip/raw"), X_CLIP),
        (("open-vclip", "froster"), OPEN_VCLIP),
        (("tc-clip", "tc-clip/raw"), TC_CLIP),
    ],
)
def test_names_of_ucf101_are_those_of_the_line(names, table):
    for name in names:
        lineage = lineage_named(name)
        assert {label: lineage.spelled(label, UCF[label], "ucf101") for label in table} == table
        assert len({lineage.spelled(label, UCF[label], "ucf101") for label in UCF}) == 101


@pytest.mark.parametrize("name", LINEAGES)
def test_no_line_has_underscores_in_the_names_of_hmdb51(name):
    lineage = lineage_named(name)
    spelled = [lineage.spelled(label, published, "hmdb51") for label, published in HMDB.items()]
    assert spelled == list(HMDB)
    assert "brush hair" in spelled
    assert "brush_hair" not in spelled


def test_the_trained_and_the_raw_row_of_a_line_differ_in_words_alone():
    for name in ("vifi-clip", "tc-clip"):
        trained, raw = lineage_named(name), lineage_named(f"{name}/raw")
        assert read_templates(trained.templates) == ("a photo of a {}.",)
        assert read_templates(raw.templates) == ("{}",)
        assert (raw.sampling, raw.pixels, raw.pooling) == (trained.sampling, trained.pixels, trained.pooling)
    assert set(LINEAGES) >= {"bike", "pe", "siglip2", "mteb", "internvideo2", "videoprism"}
    with pytest.raises(OptionError, match="--as 'x-clip/raw'; expected one of plain, x-clip, vifi-clip"):
        lineage_named("x-clip/raw")


@pytest.mark.parametrize("name", LINEAGES)
def test_a_line_says_everything(name):
    lineage = lineage_named(name)
    lines = list(lineage.lines())
    kinds = [line.partition(":")[0] for line in lines]
    assert kinds[:5] == ["names", "templates", "frames", "pixels", "averaged"]
    if name != "plain":
        assert {"its videos", "known fault", "expected difference"} <= set(kinds)
    if name not in {"plain", "bike"}:
        assert "published" in kinds
    assert read_templates(lineage.templates)
    assert lineage.as_dict()["name"] == name
    assert all(line.isprintable() for line in lines)
    assert lineage.about.isprintable()


def test_what_stands_in_those_lines():
    clip, tc = (list(lineage_named(name).lines()) for name in ("open-vclip", "tc-clip"))
    assert any("8 × 3 views × 1 crop" in line and "begin, middle and end" in line for line in clip)
    assert any("spans 4.267 s" in line for line in clip)
    assert any("bilinear without antialiasing, levels not rounded" in line for line in clip)
    assert any("logits summed over views" in line for line in clip)
    assert any("a draw, seed 0" in line for line in tc)
    assert any("exchanges kick with kick ball" in line for line in tc)
    assert any("51 labels" in line for line in lineage_named("mteb").lines())
    assert "squashed to a square" in Pixels(squash=True).words()


def test_every_line_in_one_line():
    lines = lineages_in_lines()
    assert [line.split()[0] for line in lines] == list(LINEAGES)
    assert all(len(line) <= 120 for line in lines)


def test_the_page_of_protocols_names_every_line():
    page = (Path(__file__).parents[2] / "docs" / "concepts" / "protocols.md").read_text()
    assert all(f"`{name}`" in page for name in LINEAGES if "/" not in name)


def test_spelling_and_pooling():
    assert (
        split_at_capitals("throwing ball (not American football)") == "throwing ball (not American football)"
    )
    made = Lineage("mine", "one", names={"ucf101": "published"})
    assert made.spelled("yo yo", "YoYo", "ucf101") == "YoYo"
    assert made.spelled("yo yo", "YoYo", "folders") == "yo yo"
    assert made.pooling == "video"
    assert Lineage("mine", "one", views="logits").pooling == "views"
    assert Lineage("mine", "one", frames="raw").pooling == "raw views"
