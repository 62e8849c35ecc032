"""Label lists that come again are not encoded again, and those of long ago are forgotten."""

from __future__ import annotations

import pytest

from zeroshot.app.label_cache import LabelCache, num_texts
from zeroshot.text.prompts import make_prompts
from zeroshot.types import Prompts, Stages


@pytest.fixture
def made(monkeypatch):
    """Labels of each classifier that was made."""
    found: list[tuple[str, ...]] = []

    def make(model, prompts: Prompts, index):
        found.append(prompts.labels)
        return object()

    monkeypatch.setattr("zeroshot.app.label_cache.classifier_of", make)
    return found


def test_a_list_is_encoded_once(made):
    cache = LabelCache(None, 100)
    first = cache.classifier(make_prompts(["a", "b"]))
    assert cache.classifier(make_prompts(["a", "b"])) is first
    assert cache.classifier(make_prompts(["a", "b"], "the {}")) is not first
    assert made == [("a", "b"), ("a", "b")]


def test_lists_asked_for_longest_ago_go_first(made):
    cache = LabelCache(None, 4)
    lists = [make_prompts([name + "1", name + "2"]) for name in "abc"]
    for each in (lists[0], lists[1], lists[0], lists[2], lists[0]):
        cache.classifier(each)
    assert [labels[0] for labels in made] == ["a1", "b1", "c1"]
    cache.classifier(lists[1])
    assert [labels[0] for labels in made] == ["a1", "b1", "c1", "b1"]
    assert cache.num_texts == 4


def test_a_list_larger_than_the_cache_is_kept_until_the_next(made):
    cache = LabelCache(None, 1)
    first = cache.classifier(make_prompts(["a", "b"]))
    assert cache.classifier(make_prompts(["a", "b"])) is first
    cache.classifier(make_prompts(["c"]))
    assert cache.num_texts == 1


def test_texts_of_stages_count():
    stages = (Stages(("x",), ("y", "z")), None)
    assert num_texts(Prompts(("a", "b"), (("a",), ("b", "c")), stages)) == 6
