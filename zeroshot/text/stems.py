"""Stems of English action words: riding, rides, rode and ride are one."""

from __future__ import annotations

import re

_FORMS = """
run ran; ride rode ridden; swim swam swum; throw threw thrown; catch caught; sit sat; stand stood; drink
drank drunk; eat ate eaten; fall fell fallen; shoot shot; swing swung; spin spun; sing sang sung; write
wrote written; speak spoke spoken; drive drove driven; dive dove; fly flew flown flies; hold held; fight
fought; win won; blow blew blown; draw drew drawn; shake shook shaken; break broke broken; tear tore
torn; ring rang rung; sleep slept; sell sold; buy bought; teach taught; sweep swept; weep wept; light
lit; take took taken; give gave given; get got gotten; go goes going went gone; come came; do does doing
did done; use uses using used; kneel knelt; leap leapt; dig dug; hang hung; bend bent; lead led; feed
fed; make made; build built; hide hid hidden; bite bit bitten; slide slid; stick stuck; strike struck;
swear swore sworn; wake woke woken; wear wore worn; weave wove woven; bring brought; creep crept; cling
clung; fling flung; grind ground; lay laid; lend lent; lose lost; meet met; pay paid; rise rose risen;
see seen; seek sought; send sent; shear shorn; shine shone; shrink shrank shrunk; sink sank sunk; sling
slung; spit spat; spring sprang sprung; steal stole stolen; sting stung; string strung; sew sewn; saw
sawn; tell told; think thought; tie tying ties tied; lie lying lies; die dies died dying dye dyes dyed
dyeing; have had has; man men; woman women; person people persons; child children; foot feet; tooth
teeth; goose geese; mouse mice; knife knives; leaf leaves; loaf loaves; half halves; scarf scarves; shelf
shelves; wolf wolves; calf calves; potato potatoes; tomato tomatoes; axe axes; shoe shoes; ski skis skied
skiing; be is are was were being
"""
_ENDINGS = ("ing", "ed", "es", "s", "e")
_SHORTEST = 3  # letters that a stem keeps
_BASE = {form: line.split()[0] for line in _FORMS.split(";") for form in line.split()}


def stem(word: str) -> str:
    """What the forms of a word in lower case have in common; no word itself, and only to be compared.

    Endings (-ing, -ed, -es, -s, -e) go, a doubled last letter counts once, y is i, and irregular forms are
    looked up. Words of one stem may be different words (hoping, hopping), which labels rarely tell apart.

    >>> [stem(word) for word in ("riding", "rode", "carries", "carry", "rolling", "roll", "tying")]
    ['rid', 'rid', 'carri', 'carri', 'rol', 'rol', 'ti']
    """
    word = _BASE.get(word, word)
    before = ""
    while before != word:
        before, word = word, _shorter(word)
    return word


def _shorter(word: str) -> str:
    """A word without its last ending, if it has one."""
    for old in ("ies", "ied", "ie", "y"):
        if word.endswith(old) and len(word) > len(old):
            return f"{word.removesuffix(old)}i"
    for ending in _ENDINGS:
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= _SHORTEST and re.search(r"[aeiouy]", rest):
            return _BASE.get(rest, rest)
    if len(word) > _SHORTEST and word[-1] == word[-2]:
        return word[:-1]
    return word
