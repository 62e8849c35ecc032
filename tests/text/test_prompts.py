"""Label lists and templates: what is read, what is refused and with which line, and names in words."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zeroshot.errors import LabelError
from zeroshot.text.prompts import make_prompts, prompts_digest, read_labels, read_templates

untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture
def write(tmp_path):
    """Writes bytes or text to a file with the given name and returns its path."""

    def written(content, name="labels.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


def refusal(function, *arguments, **options) -> str:
    """The one line with which a call is refused."""
    with pytest.raises(LabelError) as caught:
        function(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


# Files


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("last", ["", "\n", "\n\n\n"])
def test_text_file(write, end, mark, last):
    text = mark + "# a comment\narchery\n# another\nplaying cello, slowly\n  弓道  \n🏹 archery 🏹" + last
    path = write(text.replace("\n", end))
    labels = ("archery", "playing cello, slowly", "弓道", "🏹 archery 🏹")
    assert read_labels(path) == read_labels(str(path)) == labels


def test_marks_inside_a_label_do_not_end_it(write):
    assert read_labels(write("one\u2028half\ntwo\n")) == ("one half", "two")
    assert read_labels(write("one\u2028half\ntwo\n"), spaced=False) == ("one\u2028half", "two")


def test_list_of_one_and_of_ten_thousand(write):
    assert read_labels(write("archery")) == ("archery",)
    many = [f"action number {i}" for i in range(10_000)]
    assert read_labels(write("\n".join(many))) == read_labels(",".join(many)) == tuple(many)


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        ("archery\n\nbowling\n", 2, "blank"),
        ("\narchery\n", 1, "blank"),
        ("# head\narchery\n   \t\nbowling", 3, "blank"),
        ("archery\n\u200b\u200d\nbowling", 2, "blank"),
        ("a\nb\na\n", 3, "line 1"),
        ("# head\nArchery\nb\n archery \n", 4, "line 2"),
        ("brush hair\nb\nbrush_hair\n", 3, "line 1"),
        ("yoga\nYOGA\n", 2, "'yoga'"),
        ("caf\u00e9\ncafe\u0301\n", 2, "line 1"),
        ("a\nb\x1b[31m\n", 2, r"'\x1b'"),
        (b"archery\nbowling\ncaf\xe9\n", 3, "UTF-8"),
    ],
)
def test_refused_lines(write, content, line, what):
    path = write(content)
    message = refusal(read_labels, path)
    assert f"{path}, line {line} " in message or f"{path}, line {line}:" in message
    assert what in message


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "no label"),
        (b"# only a comment\n\n", "no label"),
        (b"a\0b\n", "binary"),
        ("archery\n".encode("utf-16"), "UTF-16"),
    ],
)
def test_refused_files(write, content, what):
    path = write(content)
    message = refusal(read_labels, path)
    assert what in message
    assert str(path) in message


def test_huge_file_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "video.mp4"
    with path.open("wb") as file:
        file.truncate((64 << 20) + 1)
    assert "larger than 64 MiB" in refusal(read_labels, path)


def test_missing_file_and_folder(tmp_path):
    assert "cannot find the file" in refusal(read_labels, str(tmp_path / "missing.txt"))
    assert "No such file" in refusal(read_labels, tmp_path / "missing")
    assert "directory" in refusal(read_labels, tmp_path)
    assert "directory" in refusal(read_labels, str(tmp_path))


def test_unreadable_file(write):
    path = write("archery\n")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read every file")
    assert "Permission denied" in refusal(read_labels, path)


# Which of file, bundled list and comma list a text names


def test_comma_list():
    assert read_labels("archery, playing cello ,弓道") == ("archery", "playing cello", "弓道")
    assert read_labels("archery") == read_labels("archery,") == ("archery",)
    assert read_labels("AC/DC, opera") == ("AC/DC", "opera")
    assert "item 2" in refusal(read_labels, "a,,b")
    assert "item 3" in refusal(read_labels, "a,b,A")
    assert all("item 1" in refusal(read_labels, source) for source in ("", " , "))


def test_bundled_list_by_name():
    assert len(read_labels("kinetics400")) == 400
    assert read_labels("Kinetics-400") == read_labels("kinetics400")


def test_bundled_list_comes_before_a_file_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ucf101").write_text("mine\n")
    assert len(read_labels("ucf101")) == 101
    assert read_labels("./ucf101") == ("mine",)


def test_file_without_suffix_and_folder_of_a_labels_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").write_text("archery\nbowling\n")
    (tmp_path / "archery").mkdir()
    assert read_labels("mine") == ("archery", "bowling")
    assert "'archery' is a folder" in refusal(read_labels, "archery")
    assert read_labels("archery,") == ("archery",)


@pytest.mark.parametrize("name", ["kinetcs400", "kinetics", "kinetics400.txt", "lists/kinetics400"])
def test_near_misses_of_bundled_names(name):
    assert "kinetics400" in refusal(read_labels, name).split("did you mean")[1]


def test_a_label_that_resembles_a_bundled_name():
    assert "'diving,'" in refusal(read_labels, "diving")
    assert read_labels("diving,") == ("diving",)


# Python


def test_sequences():
    assert read_labels(["archery", " brush_hair"]) == ("archery", "brush hair")
    assert read_labels(("#1 fan", "a, b")) == ("#1 fan", "a, b")
    assert read_labels(label for label in ("a", "b")) == ("a", "b")


@pytest.mark.parametrize("source", [5, None, b"archery", {"archery"}, frozenset({"archery"}), object()])
def test_what_is_no_list(source):
    assert "expected a list" in refusal(read_labels, source)


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ([], "no label"),
        ({}, "no label"),
        (["a", 3], "labels[1]"),
        (["a", "  "], "labels[1]"),
        (["a", "b", "A"], "labels[2]"),
        (["a", "b\nc"], r"'\n'"),
        (["a", "b\ud800"], r"'\ud800'"),
    ],
)
def test_refused_sequences(source, what):
    assert what in refusal(read_labels, source)


# Tables and descriptions


def test_csv(write):
    assert read_labels(write('id,name\n0,brush hair\n1,"a, b"\n', "a.csv")) == ("brush hair", "a, b")
    assert read_labels(write("label,scene\r\nYoYo,street\r\n\r\n", "b.CSV")) == ("yo yo",)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "no column"),
        ("archery\nbowling\n", "no column"),
        ("id,name\n0,a\n2,b\n", "line 3 has id '2'; expected 1"),
        ("id,name\n0,a\n\n1,b\n", "line 3 has 0 fields"),
        ("id,name\n0,a\n1\n", "line 3 has 1 fields"),
        ("id,name\n0,a\n1, \n", "line 3 is blank"),
        ("id,name\n0,a\n1,A\n", "line 3"),
        ('name\n"a"b\n', "not CSV"),
        ("name\n", "no label"),
    ],
)
def test_refused_csv(write, content, what):
    path = write(content, "labels.csv")
    message = refusal(read_labels, path)
    assert what in message
    assert str(path) in message


def test_descriptions(write):
    told = {
        "archery": ["a person draws a bow", "{} outdoors"],
        "bowling": [],
        "brush_hair": "hair is brushed",
        "弓道": None,
    }
    prompts = make_prompts(told, "a video of {}.")
    assert prompts.labels == ("archery", "bowling", "brush hair", "弓道")
    assert prompts.texts == (
        ("a person draws a bow", "archery outdoors"),
        ("a video of bowling.",),
        ("hair is brushed",),
        ("a video of 弓道.",),
    )
    path = write(json.dumps(told), "labels.json")
    assert make_prompts(path, "a video of {}.") == make_prompts(str(path), "a video of {}.") == prompts
    assert read_labels(path) == prompts.labels


def test_json_list(write):
    assert read_labels(write('["archery", "a, b"]', "labels.json")) == ("archery", "a, b")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ('{"a": ["x"],\n "b": [}', "line 2 is not JSON"),
        ('{"a": ["x"], "a": ["y"]}', "entry 2"),
        ('{"a": "x", "A": "y"}', "entry 2"),
        ('{"a": 3}', "entry 1"),
        ('{"a": ["x", 3]}', "entry 1"),
        ('{"a": {"b": "c"}}', "entry 1"),
        ('{"a": ["x", " "]}', "blank description"),
        ('{"a": ["{} {}"]}', "two {}"),
        ('["a", 3]', "[1] is 3"),
        ('"archery"', "expected a list"),
        ("3", "expected a list"),
        ("[]", "no label"),
        ("{}", "no label"),
        ("[" * 100_000, "JSON"),
        ("", "line 1 is not JSON"),
    ],
)
def test_refused_json(write, content, what):
    path = write(content, "labels.json")
    message = refusal(read_labels, path)
    assert what in message
    assert str(path) in message


def test_refused_mapping_key():
    assert "entry 1 is 3" in refusal(read_labels, {3: "x"})


# Templates


def test_templates(write):
    assert read_templates(None) == read_templates("none") == ("{}",)
    assert read_templates("a video of {}.") == ("a video of {}.",)
    assert len(read_templates("kinetics28")) == 28
    path = write("# mine\na {} b\nc {}\n", "mine.txt")
    assert (
        read_templates(path)
        == read_templates(str(path))
        == read_templates(["a {} b", "c {}"])
        == ("a {} b", "c {}")
    )


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("a {label}", "0 {}"),
        ("{} and {}", "2 {}"),
        (["{}", "no place"], "templates[1]"),
        (["{}", "{}"], "templates[1]"),
        ([], "no template"),
        ("vidoe", "did you mean video"),
        ("a video", "bundled set"),
        ("missing.txt", "cannot find"),
        (3, "expected a list"),
    ],
)
def test_refused_templates(source, what):
    assert what in refusal(read_templates, source)


@pytest.mark.parametrize(
    ("content", "line"),
    [("a {}\n\nb {}\n", 2), ("a {}\nb\n", 2), ("a {}\n# c\nb {} {}\n", 3), ("a {}\na {}\n", 2)],
)
def test_refused_template_lines(write, content, line):
    assert f"line {line}" in refusal(read_templates, write(content, "templates.txt"))


# Prompts


def test_prompts_are_labels_times_templates():
    prompts = make_prompts("ucf101", "ucf48")
    assert len(prompts.labels) == 101
    assert all(len(texts) == len(set(texts)) == 48 for texts in prompts.texts)
    assert all(
        label in text for label, texts in zip(prompts.labels, prompts.texts, strict=True) for text in texts
    )


def test_braces_in_a_label_are_kept():
    assert make_prompts(["{} {0} {x}"], "a video of {}").texts == (("a video of {} {0} {x}",),)


def test_spacing_can_be_refused():
    names = "ApplyEyeMakeup,brush_hair"
    assert make_prompts(names).labels == ("apply eye makeup", "brush hair")
    assert make_prompts(names, spaced=False).texts == (("ApplyEyeMakeup",), ("brush_hair",))
    assert read_labels("brush hair,brush_hair", spaced=False) == ("brush hair", "brush_hair")


def test_digest_changes_with_every_word():
    digests = [
        prompts_digest(prompts)
        for prompts in (
            make_prompts("a,b"),
            make_prompts("b,a"),
            make_prompts("a,B"),
            make_prompts("a,b", "a {}"),
            make_prompts("a,b", ["a {}", "{}"]),
            make_prompts("a,b", ["{}", "a {}"]),
            make_prompts({"a": "b", "b": "a"}),
            make_prompts("弓道,b"),
        )
    ]
    assert len(set(digests)) == len(digests)
    assert prompts_digest(make_prompts(["a", "b"])) == digests[0]
    # Written here once, so that files made by one version are known to the next.
    assert digests[0] == "46a86ed4e674d986"


# Anything at all


def labels_or_line(read, source) -> tuple[str, ...] | str:
    """What is read, or the message with which it is refused."""
    try:
        return read(source)
    except LabelError as error:
        return str(error)


@untimed
@given(st.lists(st.text(), max_size=5))
def test_any_texts_give_labels_or_one_line(source):
    answer = labels_or_line(read_labels, source)
    assert "\n" not in answer if isinstance(answer, str) else len(answer) == len(source)


@pytest.mark.parametrize("read", [read_labels, read_templates])
@untimed
@given(text=st.text() | st.text(st.sampled_from("a\n/,.{}~\0\\"), max_size=8))
def test_any_text_gives_labels_or_one_line(read, text):
    answer = labels_or_line(read, text)
    assert answer
    assert isinstance(answer, tuple) or "\n" not in answer


@pytest.mark.parametrize("name", ["labels.txt", "labels.json", "labels.csv"])
@untimed
@given(content=st.binary(max_size=60) | st.text(st.sampled_from('[]{}",:ab\n\\u0')).map(str.encode))
def test_any_bytes_give_labels_or_one_line(tmp_path_factory, name, content):
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(content)
    answer = labels_or_line(read_labels, path)
    assert isinstance(answer, tuple) or "\n" not in answer
