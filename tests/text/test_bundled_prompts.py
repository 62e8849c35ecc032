"""The bundled lists and templates: counts, ends, order, and that their heads name a source."""

from __future__ import annotations

import pytest

from zeroshot.resources import prompts_folder
from zeroshot.text.lists import bundled_lists, bundled_templates
from zeroshot.text.prompts import make_prompts, read_labels, read_templates, spaced_name

# count, first, one in the middle by its index, last
LISTS = {
    "ucf101": (101, "apply eye makeup", (35, "hammer throw"), "yo yo"),
    "hmdb51": (51, "brush hair", (26, "pullup"), "wave"),
    "kinetics400": (400, "abseiling", (5, "archery"), "zumba"),
    "kinetics600": (600, "abseiling", (1, "acting in play"), "zumba"),
    "kinetics700": (700, "abseiling", (1, "acting in play"), "zumba"),
    "ssv2": (
        174,
        "Approaching something with your camera",
        (14, "Folding something"),
        "Wiping something off of something",
    ),
    "diving48": (
        48,
        "back takeoff, 1.5 somersaults, 0.5 twists, free position",
        (30, "forward takeoff, dive, no twist, straight position"),
        "reverse takeoff, dive, no twist, tuck position",
    ),
    "activitynet200": (200, "Applying sunscreen", (3, "BMX"), "Playing badminton"),
    "thumos14": (20, "baseball pitch", (13, "long jump"), "volleyball spiking"),
    "jester": (27, "Swiping Left", (16, "Zooming In With Full Hand"), "Doing other things"),
    "ntu60": (60, "drink water", (42, "falling"), "walking apart from each other"),
    "places365": (365, "airfield", (8, "outdoor apartment building"), "zen garden"),
    "places": (46, "beach", (5, "mountain"), "swimming pool"),
}  # fmt: skip

TEMPLATES = {
    "none": 1,
    "photo": 1,
    "video": 1,
    "person": 1,
    "kinetics28": 28,
    "ucf48": 48,
    "actionclip16": 16,
}


@pytest.mark.parametrize("name", LISTS)
def test_list(name):
    count, first, (index, middle), last = LISTS[name]
    labels = read_labels(name)
    assert len(labels) == count
    assert (labels[0], labels[index], labels[-1]) == (first, middle, last)


@pytest.mark.parametrize("name", bundled_lists())
def test_every_list_is_in_words_and_says_where_it_is_from(name):
    text = bundled_lists()[name].read_text(encoding="utf-8")
    assert text.endswith("\n")
    labels = read_labels(name, spaced=False)
    assert labels == read_labels(name)
    assert all(label == spaced_name(label) == label.strip() for label in labels)
    if bundled_lists()[name].suffix == ".json":  # groups; prompts/README.md says where they are from
        return
    assert text.startswith("# ")
    # A head of comments alone: the line number without it is the class index.
    lines = text.splitlines()
    head = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    assert tuple(lines[head:]) == labels


def test_no_list_is_forgotten():
    found = {path.stem for folder in ("labels", "scenes") for path in (prompts_folder() / folder).glob("*")}
    assert set(bundled_lists()) == found
    # The synthetic world's own lists are tested with it.
    assert {name for name in found if not name.startswith("puppet")} == set(LISTS)
    assert set(bundled_templates()) == set(TEMPLATES)


def test_kinetics_lists_are_alphabetical():
    for name in ("kinetics400", "kinetics600", "kinetics700", "hmdb51", "ssv2"):
        labels = read_labels(name)
        assert list(labels) == sorted(labels)


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates(name):
    templates = read_templates(name)
    assert len(templates) == TEMPLATES[name]
    assert bundled_templates()[name].read_text(encoding="utf-8").startswith("# ")


def test_grids_of_templates():
    media = ["photo", "video", "example", "demonstration"]
    acts = ["", "using ", "doing ", "during ", "performing ", "practicing "]
    kinetics = {f"a {m} of {{}}." for m in media} | {
        f"a {m} of a person {act}{{}}." for m in media for act in acts
    }
    ucf = {f"a {m} of {article} person {act}{{}}." for m in media for article in ("a", "the") for act in acts}
    assert set(read_templates("kinetics28")) == kinetics
    assert set(read_templates("ucf48")) == ucf


def test_diving_codes_are_spelled_without_loss():
    parts = [label.split(", ") for label in read_labels("diving48")]
    assert all(len(part) == 4 for part in parts)
    assert {part[0] for part in parts} == {
        f"{way} takeoff" for way in ("back", "forward", "inward", "reverse")
    }
    assert {part[3] for part in parts} == {
        f"{shape} position" for shape in ("free", "pike", "tuck", "straight")
    }


@pytest.mark.parametrize("name", LISTS)
def test_no_two_labels_share_a_sentence(name):
    texts = [text.casefold() for texts in make_prompts(name, "video").texts for text in texts]
    assert len(set(texts)) == len(texts)


def test_the_guide_names_every_list_and_set():
    guide = (prompts_folder() / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in guide for name in (*LISTS, *TEMPLATES))
