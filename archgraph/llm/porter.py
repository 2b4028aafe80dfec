"""The Porter stemmer (Porter, 1980), with the departures that NLTK makes by default.

Called by the scorers, which must agree with LoCoMo's published scoring to the token, and by the
offline policy. Knows nothing of either.

The departures: short words in -ies and -ied, y after a consonant, -bli, -fulli, -logi, a stem of
two letters counts as "ends vowel-consonant", and a few words are looked up.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

_LOOKED_UP = {
    word: stem
    for stem, words in {
        "sky": ("sky", "skies"),
        "die": ("dying",),
        "lie": ("lying",),
        "tie": ("tying",),
        "news": ("news",),
        "inning": ("innings", "inning"),
        "outing": ("outings", "outing"),
        "canning": ("cannings", "canning"),
        "howe": ("howe",),
        "proceed": ("proceed",),
        "exceed": ("exceed",),
        "succeed": ("succeed",),
    }.items()
    for word in words
}

_STEP_2 = (
    "ational>ate tional>tion enci>ence anci>ance izer>ize bli>ble alli>al entli>ent eli>e "
    "ousli>ous ization>ize ation>ate ator>ate alism>al iveness>ive fulness>ful ousness>ous "
    "aliti>al iviti>ive biliti>ble fulli>ful"
)
_STEP_3 = "icate>ic ative> alize>al iciti>ic ical>ic ful> ness>"
_STEP_4 = (
    "al> ance> ence> er> ic> able> ible> ant> ement> ment> ent> ion> ou> ism> ate> iti> ous> "
    "ive> ize>"
)


@functools.lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The stem of one word, lower case: `researching` becomes `research`."""
    word = word.lower()
    if word in _LOOKED_UP:
        return _LOOKED_UP[word]
    if len(word) <= 2:
        return word
    for step in (_plural, _past, _final_y, _step_2, _step_3, _step_4, _final_e, _final_ll):
        word = step(word)
    return word


def _shape(word: str) -> str:
    """One letter of `cv` per letter; a y is a vowel when a consonant stands before it."""
    shape = ""
    for index, letter in enumerate(word):
        if letter in "aeiou":
            shape += "v"
        elif letter == "y":
            shape += "v" if index and shape[-1] == "c" else "c"
        else:
            shape += "c"
    return shape


def _measure(word: str) -> int:
    return _shape(word).count("vc")


def _ends_cvc(word: str) -> bool:
    shape = _shape(word)
    return shape == "vc" or (shape.endswith("cvc") and word[-1] not in "wxy")


def _rules(text: str) -> tuple[tuple[str, str], ...]:
    pairs = (rule.split(">") for rule in text.split())
    return tuple((suffix, replacement) for suffix, replacement in pairs)


def _apply(word: str, rules: Sequence[tuple[str, str]], holds: Callable[[str, str], bool]) -> str:
    """Replace the first suffix that the word has, if the rule holds for (stem, suffix)."""
    for suffix, replacement in rules:
        if word.endswith(suffix):
            root = word[: -len(suffix)]
            return root + replacement if holds(root, suffix) else word
    return word


def _plural(word: str) -> str:
    if word.endswith("ies") and len(word) == 4:
        return word[:-1]
    return _apply(word, _rules("sses>ss ies>i ss>ss s>"), lambda root, suffix: True)


def _past(word: str) -> str:
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    for suffix in ("ed", "ing"):
        root = word.removesuffix(suffix)
        if root != word and "v" in _shape(root):
            return _mend(root)
    return word


def _mend(root: str) -> str:
    """Give back the e, or drop the doubled letter, that -ed and -ing took or brought."""
    if root.endswith(("at", "bl", "iz")):
        return root + "e"
    if len(root) > 1 and root[-1] == root[-2] and _shape(root)[-1] == "c":
        return root if root[-1] in "lsz" else root[:-1]
    return root + "e" if _measure(root) == 1 and _ends_cvc(root) else root


def _final_y(word: str) -> str:
    root = word.removesuffix("y")
    return root + "i" if root != word and len(root) > 1 and _shape(root)[-1] == "c" else word


def _step_2(word: str) -> str:
    if word.endswith("alli") and _measure(word[:-4]) > 0:
        word = word[:-2]
    if word.endswith("logi"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    return _apply(word, _RULES_2, lambda root, suffix: _measure(root) > 0)


def _step_3(word: str) -> str:
    return _apply(word, _RULES_3, lambda root, suffix: _measure(root) > 0)


def _step_4(word: str) -> str:
    def holds(root: str, suffix: str) -> bool:
        return _measure(root) > 1 and (suffix != "ion" or root[-1] in "st")

    return _apply(word, _RULES_4, holds)


def _final_e(word: str) -> str:
    root = word.removesuffix("e")
    if root == word:
        return word
    measure = _measure(root)
    return root if measure > 1 or (measure == 1 and not _ends_cvc(root)) else word


def _final_ll(word: str) -> str:
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word


_RULES_2, _RULES_3, _RULES_4 = _rules(_STEP_2), _rules(_STEP_3), _rules(_STEP_4)
