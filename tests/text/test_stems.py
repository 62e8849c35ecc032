"""Stems of action words: forms of one verb agree, and other verbs do not."""

from __future__ import annotations

import pytest

from zeroshot.text.stems import stem

FORMS = """
ride rides riding rode ridden; run runs running ran; tie ties tying tied; carry carries carrying carried
roll rolls rolling rolled; kiss kisses kissing kissed; ski skis skiing skied; die dies dying died
dance dances dancing danced; stop stops stopping stopped; wash washes washing washed; eye eyes
throw throws throwing threw thrown; leaf leaves; knife knives; person people persons; movie movies
play plays playing played; use uses using used; box boxes boxing boxed; bobsled bobsleds bobsledding
""".replace("\n", ";")


@pytest.mark.parametrize(
    "forms", [line.split() for line in FORMS.split(";") if line.strip()], ids=lambda forms: forms[0]
)
def test_forms_of_one_word(forms):
    assert len({stem(form) for form in forms}) == 1


def test_other_words():
    words = (
        "ride read run ran_ tie carry roll role_ kiss ski sky_ dance dunk walk wall throw thread play pray"
    )
    chosen = [word for word in words.split() if not word.endswith("_")]
    assert len({stem(word) for word in chosen}) == len(chosen)


def test_short_words_stay():
    assert [stem(word) for word in ("up", "tv", "sing", "ring", "")] == ["up", "tv", "sing", "ring", ""]


def test_a_stem_is_its_own():
    for word in ("riding", "classes", "bobsledding", "skiing", "pressing", "needed"):
        assert stem(stem(word)) == stem(word)
