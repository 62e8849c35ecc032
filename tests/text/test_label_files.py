"""Lists as they lie on disks: numbered, as tables, in other encodings; and words that look the same."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import zeroshot
from zeroshot.cli.main import main
from zeroshot.errors import LabelError
from zeroshot.text.prompts import make_prompts, read_labels, read_templates

TWO = ("waving", "brush hair")
FILES = {
    "classInd.txt": "1 waving\n2 BrushHair\n",
    "from_zero.txt": "0 waving\n1 BrushHair\n",
    "colon.yaml": "0: waving\n1: BrushHair\n",
    "dots.txt": "1. waving\r\n2. BrushHair\r\n",
    "brackets.txt": "1) waving\n2) BrushHair",
    "tabs.txt": "0\twaving\n1\tBrushHair\n",
    "commas.txt": "0,waving\n1,BrushHair\n",
    "number_last.txt": "waving\t0\nBrushHair\t1\n",
    "commented.txt": "# classes\n1 waving\n2 BrushHair\n",
    "table.tsv": "id\tname\n0\twaving\n1\tBrushHair\n",
    "one_column.tsv": "label\nwaving\nBrushHair\n",
    "table.csv": "id,name\n0,waving\n1,BrushHair\n",
    "comma_table.txt": "id,name\n0,waving\n1,BrushHair\n",
    "tab_table.txt": "Label\tcount\nwaving\t17\nBrushHair\t5\n",
    "semicolons.txt": "class;action\n0;waving\n1;BrushHair\n".replace("class;", "number;"),
}


@pytest.mark.parametrize("name", FILES)
def test_lists_are_read_as_what_they_are(name, tmp_path):
    (tmp_path / name).write_text(FILES[name], encoding="utf-8")
    assert read_labels(tmp_path / name) == TWO
    assert read_labels(str(tmp_path / name)) == TWO


@pytest.mark.parametrize(
    "text", ["100 metres\n200 metres", "2 person lift\n1 person lift", "3 point shot", "yoga\n1 arm push-up"]
)
def test_numbers_that_belong_to_labels_stay(text, tmp_path):
    (tmp_path / "x.txt").write_text(text)
    assert read_labels(tmp_path / "x.txt") == tuple(text.split("\n"))


def test_templates_are_no_numbered_list(tmp_path):
    (tmp_path / "x.txt").write_text("1 video of {}\n2 videos of {}\n")
    assert read_templates(tmp_path / "x.txt") == ("1 video of {}", "2 videos of {}")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.txt", "0: waving\n2: kicking\n", "line 2 has number 2; expected numbers in front of labels"),
        ("x.txt", "waving\tfast\nkicking\tslow\n", "line 1 has a tab; a table has a column"),
        ("x.yaml", "- waving\n- kicking\n", "line 1 is YAML"),
        ("x.yml", "names:\n  0: waving\n  1: kicking\n", "line 1 is YAML"),
        ("x.tsv", "waving\tfast\n", "has no column 'label' or 'name'"),
        ("x.csv", "0,waving\n1,kicking\n", "has no column 'label' or 'name'"),
        ("x.txt", "\u3164\nwaving", "line 1 is blank"),
    ],
)
def test_other_files_get_one_clear_line(name, text, message, tmp_path):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(LabelError, match=message) as caught:
        read_labels(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_encodings_are_named(encoding, marked, tmp_path):
    text = ("\ufeff" if marked else "") + "waving\nkicking\n"
    (tmp_path / "x.txt").write_bytes(text.encode(encoding))
    with pytest.raises(LabelError, match=rf"is {encoding[:6].upper()} text; save it as UTF-8"):
        read_labels(tmp_path / "x.txt")


SAME = {
    "zero width": ("waving", "wav\u200bing"),
    "joiner": ("waving", "wav\u200ding"),
    "soft hyphen": ("softball", "soft\u00adball"),
    "no-break space": ("brush hair", "brush\u00a0hair"),
    "thin space": ("brush hair", "brush\u2009hair"),
    "word joiner": ("waving", "waving\u2060"),
    "mark of byte order": ("waving", "\ufeffwaving"),
    "decomposed": ("caf\u00e9", "cafe\u0301"),
    "full width": ("waving", "\uff57aving"),
    "selector": ("\u2764 dance", "\u2764\ufe0f dance"),
    "case": ("Waving", "waving"),
}


@pytest.mark.parametrize("pair", SAME.values(), ids=SAME)
def test_labels_that_look_the_same_are_refused(pair):
    with pytest.raises(LabelError, match=r"stands in labels\[0\] already as .*what nobody sees; remove one"):
        read_labels(list(pair))


@pytest.mark.parametrize("pair", [("caf\u00e9", "cafe"), ("\u0440\u0430\u0437", "\u0440\u0430")])
def test_labels_that_look_apart_are_not(pair):
    assert read_labels(list(pair)) == pair


def test_descriptions_that_are_the_same_are_refused():
    with pytest.raises(LabelError, match=r"entry 2: 'b' has the same descriptions as 'a'"):
        make_prompts({"a": ["one thing", "another"], "b": ["Another", "one\u00a0thing"]})
    with pytest.raises(LabelError, match=r"'a'\) has a description twice"):
        make_prompts({"a": ["one thing", "one  thing\u200b"]})
    assert make_prompts({"a": ["a {}"], "b": ["a {}"]}).texts == (("a a",), ("a b",))
    assert make_prompts({"a": ["one", "two"], "b": ["one"], "c": [], "d": []}).labels == ("a", "b", "c", "d")


LONG = "a person who walks to the left and then to the right and then waves with both hands and at last "


@pytest.fixture(scope="module")
def model() -> zeroshot.Model:
    return zeroshot.load_model("puppet-tiny", device="cpu")


@pytest.mark.parametrize(
    "labels",
    [
        [LONG + "sits down", "waving", LONG + "jumps"],
        {"a": ["short", LONG + "sits"], "b": [LONG + "jumps"]},
    ],
)
def test_texts_that_are_equal_once_they_are_cut_are_refused(labels, model, tmp_path):
    for output in (None, tmp_path / "x.index"):
        with pytest.raises(LabelError, match="are equal once they are cut at 24 tokens"):
            zeroshot.build_index(labels, model=model, output=output)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(LabelError, match="equal once they are cut"):
        zeroshot.load(model, labels)


def test_a_template_that_is_cut_before_its_label_is_refused(model):
    with pytest.raises(LabelError, match="'waving' and 'kicking' have texts that are equal"):
        zeroshot.load(model, ["waving", "kicking"], templates=LONG + "does {}")


def test_a_text_that_only_just_fits_is_told_from_a_longer_one(model):
    words = LONG.split()
    lengths = [int((model.backbone.token_ids([" ".join(words[:n])], 96) != 0).sum()) for n in range(1, 22)]
    fits = max(n for n, length in enumerate(lengths, 1) if length <= 24)
    full, longer = " ".join(words[:fits]), " ".join(words[: fits + 3])
    zeroshot.build_index([full, "waving"], model=model)
    assert full[:30] not in model.cut_note
    zeroshot.build_index([longer, "waving"], model=model)
    assert longer[:30] in model.cut_note


def test_a_label_that_is_cut_is_said_once(tmp_path, capsys, monkeypatch):
    clip = sorted((Path(__file__).parents[2] / "examples" / "clips").glob("*.mp4"))[0]
    (tmp_path / "labels.txt").write_text(f"{LONG}sits\nwaving\n")
    words = ["--labels", str(tmp_path / "labels.txt"), "--model", "puppet-tiny"]
    commands = (
        ["classify", str(clip), *words],
        ["index", str(tmp_path / "labels.txt"), "--model", "puppet-tiny", "--output", str(tmp_path / "x")],
    )
    for command in commands:
        monkeypatch.setattr(sys, "argv", ["zeroshot", *command])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr().err
        assert not ended.value.code
        assert said.count("1 text of labels exceeds the 24 tokens that puppet-tiny reads") == 1, said
