"""Word lists and small tests by which the offline policy cuts simple English sentences.

Called by `extractive_triples`, `extractive_choosing` and `extractive_answering`. Knows no messages.
"""

from __future__ import annotations

import re

from archgraph.llm import extractive_words as words

COMMON = """
    accept adopt agree allow appear arrive ask attend bake become begin believe belong book break
    bring build buy call care carry change choose climb collect come consist contain cook cost
    create cut dance decide design die disagree dislike draw dream drink drive drop earn eat end
    enjoy enter exercise expect fall feel fight find finish fix fly forget found get give go grow
    guide hate have hear help hire hold hope host hurt inherit invite join keep know lead learn
    leave lend like listen live lose love maintain make manage marry mean meet mention miss move
    need offer open order organise organize own paint pass pay plan plant play practise practice
    prefer prepare produce promise publish quit raise read receive recommend rent report retire
    return ride run say see sell send settle share show sing sit skip sleep smoke speak spend
    stand start stay stop study suffer suggest support swim switch take teach tell think travel
    try turn use visit volunteer wait walk want watch wear win wish work worry write hike train
    rescue divorce graduate win bear name locate base
"""

VERBS = frozenset(words.root(verb) for verb in COMMON.split())


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


BE = _set("am is are was were be been being 'm 're")
AUXILIARY = _set("has have had do does did will would can could may might must shall should")
ADVERBS = _set(
    "now also really just still already recently currently always usually often never sometimes "
    "finally actually only even probably soon once then definitely absolutely officially not "
    "both all ever since mostly mainly"
)
LINKS = _set(
    "at in to for with as on from about of into by near under over through after against like "
    "up off out back"
)
NOT_SUBJECT = _set(
    "and but or so because if when while then also yes no well please in on at after before "
    "during since for with to from by"
)
PRONOUNS = _set("i we he she they it you")
STOPPING = frozenset(words.root(word) for word in ("stop", "quit", "cancel", "leave", "end"))
UNCHANGED = _set("quit read cut cost hurt")
PASSING = frozenset(
    words.root(word) for word in _set("move relocate go travel switch change transfer convert")
)
"""Verbs of going over: what they begin with is left, what they end with holds."""

BEGINNING = {
    words.root("live"): re.compile(
        r"\b(?:mov(?:ed?|es|ing)|relocat\w+|settl(?:ed?|es|ing)|resid\w+)\s+(?:\w+\s+){0,3}?"
        r"(?:to|into|in)\b",
        re.I,
    ),
    words.root("work"): re.compile(
        r"\b(?:join(?:ed|s|ing)?|(?:hired|employed) (?:by|at)|a new job (?:at|in|with))\b", re.I
    ),
}
"""What begins a state: who moved to a place lives there."""


def is_verb(word: str) -> bool:
    """Whether a word is a common verb, in any form."""
    return words.root(word.lower()) in VERBS


def flat(token: str) -> str:
    """A word in the form in which the lists hold it."""
    return token.lower().replace("’", "'")  # noqa: RUF001
