"""Words of strangers name what is bundled, and no file."""

from __future__ import annotations

import pytest

from zeroshot.errors import LabelError
from zeroshot.text.prompts import make_prompts
from zeroshot.text.strangers import labels_of_strangers, stages_of_strangers, templates_of_strangers


@pytest.fixture
def secret(tmp_path, monkeypatch):
    """A list of the server's own user, in its working folder."""
    for name in ("secret.txt", "a,secret", "{}"):
        (tmp_path / name).write_text("very\nsecret\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("text", ["secret.txt", "./secret.txt", "/etc/passwd", "~/x.json", "", "Kinetics-9"])
def test_a_file_is_not_opened(secret, text):
    for read in (labels_of_strangers, templates_of_strangers, stages_of_strangers):
        with pytest.raises(LabelError, match="bundled"):
            read(text)


def test_words_that_are_also_the_name_of_a_file_are_words(secret):
    assert make_prompts(labels_of_strangers("a,secret")).labels == ("a", "secret")
    prompts = make_prompts(labels_of_strangers("a,b,"), templates_of_strangers("{}"))
    assert prompts.texts == (("a",), ("b",))


def test_bundled_names_lists_and_mappings_pass(secret):
    labels = labels_of_strangers("puppet_actions")
    assert make_prompts(labels, templates_of_strangers("kinetics28")).labels[0] == "waving"
    told = {"waving": {"start": "an arm down", "end": "an arm up"}}
    assert make_prompts(["waving"], None, stages_of_strangers(told)).stages[0].end == ("an arm up",)
    assert stages_of_strangers("ssv2") == "ssv2"
    assert stages_of_strangers(None) is None
    assert templates_of_strangers(["a {}"]) == ["a {}"]
    assert labels_of_strangers({"a": ["b"]}) == {"a": ["b"]}
