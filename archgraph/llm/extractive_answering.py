"""Understands a question, weighs evidence for it, and cuts a short answer from the evidence.

Called by the offline policy. It extracts and never composes: an answer is a span, a sentence, a
date resolved from one, or an admission that there is none. Knows no messages and no tools.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from archgraph.llm import extractive_dates as dates
from archgraph.llm import extractive_grammar as grammar
from archgraph.llm import extractive_words as words
from archgraph.llm.extractive_reading import AGENT, Unit

UNKNOWN = "I don't know; there is no information available about that."

_ANONYMOUS = ("", "user", "memory", "human")

_ASKING = re.compile(
    r"^(?:(?:and|so|but|then|now|also|please|ok|hey|hi|well|[a-z]+,)\s+)*(?:who|whom|whose|what|when|"
    r"where|which|why|how|is|are|was|were|do|does|did|can|could|will|would|has|have|had|should|"
    r"tell me|look up|find|give me|name|list|remind me|recall)\b",
    re.I,
)
_REQUEST = re.compile(r"^(?:please\s+)?(?:look up|find out|tell me|remind me|give me)\b", re.I)
"""A question in the form of a command, which answers none."""
_CHAINED = re.compile(
    r"\b(?:itself|in turn|nested|chain|recursive\w*|until|again and again|so on|keep (?:looking|"
    r"going|searching)|follow (?:the|each|every|it|any))\b",
    re.I,
)
_CHAINED_PROMPT = re.compile(
    r"\b(?:value|answer|result|entry|record)\b[^.\n]{0,80}\b(?:is not a key|(?:is|be) itself|"
    r"look (?:it|that|this) up in turn|another (?:key|entry|record|reference))",
    re.I,
)
_KINDS = [
    (
        "when",
        re.compile(r"\bwhen\b|\bwhat (?:date|day|month|year|time)\b|\bwhich (?:day|month|year)"),
    ),
    ("count", re.compile(r"\bhow (?:many|much|often|old|long|far|tall)\b")),
    ("where", re.compile(r"\bwhere\b")),
    ("who", re.compile(r"\bwho(?:m|se)?\b|\b(?:which|what) (?:person|people)\b")),
    ("yes", re.compile(r"^(?:is|are|was|were|do|does|did|can|could|will|would|has|have|had)\b")),
]
_QUOTED = re.compile(r"[\"“«`]([^\"”»`]{1,200})[\"”»`]|(?<!\w)'([^']{2,200})'(?!\w)")


@dataclass(frozen=True, slots=True)
class Question:
    """A question, understood.

    `terms` are its content words as written, `stems` their bases, `names` those that are proper
    names. `subjects` are the phrases that it may ask the value of. `chained` says that a value
    found is to be looked up in turn. `keyed` says that it asks for the value of a term.
    """

    text: str
    kind: str
    terms: tuple[str, ...]
    stems: tuple[str, ...]
    names: frozenset[str]
    subjects: tuple[str, ...]
    chained: bool
    keyed: bool


@functools.lru_cache(maxsize=4_000)
def question_in(message: str) -> Question | None:
    """The question that a message asks, None where it asks none.

    A question about nothing (`How are you?`) asks none.
    """
    asked = [s for s in words.sentences(message) if s.rstrip("\"')").endswith(("?", "？"))]  # noqa: RUF001
    if not asked:
        asked = [s for s in words.sentences(message) if _ASKING.match(s)][:1]
    asked = [s for s in asked if not _to_agent(s)]
    if not asked:
        return None
    text = " ".join(asked)
    return _understand(text, bool(_CHAINED.search(message)))


@functools.lru_cache(maxsize=64)
def says_to_follow(prompt: str) -> bool:
    """Whether instructions tell to look a found value up in turn."""
    return bool(_CHAINED_PROMPT.search(prompt))


def _to_agent(sentence: str) -> bool:
    """Small talk to the listener: nothing in it could be looked up."""
    content = words.terms(sentence)
    about_you = re.search(r"\b(?:you|your|yours|u)\b", sentence, re.I)
    about_us = re.search(r"\b(?:I|me|my|we|our|us|mine)\b", sentence)
    named = any(word[:1].isupper() for word in content)
    if any(words.opaque(word) for word in sentence.split()):
        return False
    if not content or (len(content) < 2 and not _ASKING.match(sentence)):
        return True
    return bool(about_you and not about_us and not named)


def _understand(text: str, chained: bool) -> Question:
    terms = words.terms(text)
    lower = text.lower()
    kind = next((kind for kind, pattern in _KINDS if pattern.search(lower)), "what")
    quoted = tuple(a or b for a, b in _QUOTED.findall(text))
    keyed = bool(quoted) or bool(
        re.search(r"\b(?:key|value|entry|record|stored|code|identifier|mapped)\b", lower)
    )
    rest = _subject(text) or " ".join(terms[:1])
    ids = tuple(w for w in (part.strip("\"'.,;:?!()") for part in text.split()) if words.opaque(w))
    subjects = dict.fromkeys((*quoted, rest, *ids))
    first = words.WORD.search(text)
    names = frozenset(
        words.root(term)
        for term in terms
        if term[:1].isupper() and not (first and term == first.group(0))
    )
    return Question(
        text=text,
        kind=kind,
        terms=terms,
        stems=tuple(dict.fromkeys(words.root(term) for term in terms)),
        names=names,
        subjects=tuple(subject for subject in subjects if subject),
        chained=chained,
        keyed=keyed,
    )


def _subject(text: str) -> str:
    """What is left of a question without its asking words at both ends."""
    tokens = text.split()

    def empty(token: str) -> bool:
        bare = token.strip("\"'“”.,;:?!()").lower().removesuffix("'s")
        return not bare or bare in words.STOP or bare in words.META

    while tokens and empty(tokens[0]) and tokens[0] != "May":
        tokens.pop(0)
    while tokens and empty(tokens[-1]):
        tokens.pop()
    return " ".join(tokens).strip("\"'“”.,;:?!() ")


# --- weighing ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Weighed:
    """Evidence with the share of the question's weight that it covers, 0 to 1."""

    score: float
    unit: Unit


def weigh(question: Question, units: Sequence[Unit]) -> list[Weighed]:
    """The evidence that shares words with the question, best first, later before earlier.

    A word weighs by its rarity in the evidence; half of a word's weight is given when it stands
    in the same record only. What says that a state has begun counts as a word for the state
    (`grammar.BEGINNING`). Questions and the agent's own words count half.
    """
    wanted = question.stems
    if not wanted:
        return []
    counts = {stem: 0 for stem in wanted}
    hits: list[Unit] = []
    for unit in units:
        shared = unit.around.intersection(wanted) | _begun(question, unit)
        if shared:
            hits.append(unit)
            for stem in shared:
                counts[stem] += 1
    base = max(len(units), 20)
    weights = {stem: math.log(1 + base / (1 + count)) for stem, count in counts.items()}
    total = sum(weights.values())
    asked = words.flat(question.text)
    weighed = []
    for unit in hits:
        begun = _begun(question, unit)
        own = sum(weights[stem] for stem in wanted if stem in unit.stems or stem in begun)
        near = sum(weights[stem] for stem in wanted if stem in unit.around or stem in begun)
        score = (own + near) / 2 / total * _doubt(question, unit, asked)
        weighed.append(Weighed(score, unit))
    weighed.reverse()
    return sorted(weighed, key=lambda item: -item.score)


def _begun(question: Question, unit: Unit) -> set[str]:
    """The states that a question asks for and that a sentence says to have begun."""
    asked = grammar.BEGINNING.keys() & question.stems
    return {stem for stem in asked if grammar.BEGINNING[stem].search(unit.text)}


def _doubt(question: Question, unit: Unit, asked: str) -> float:
    if asked in words.flat(unit.text):
        return 0.0
    asks = unit.text.endswith("?") or _REQUEST.match(unit.text)
    doubt = 0.5 if asks or unit.speaker == AGENT else 1.0
    if question.names and not question.names & unit.around:
        return doubt * 0.6
    if unit.speaker in _ANONYMOUS or words.root(unit.speaker) in question.names:
        return doubt
    return doubt * 0.75 if question.names else doubt


# --- cutting an answer ---------------------------------------------------------------------------

_NUMBER = re.compile(
    r"\b(?:\d[\d,.]*|" + "|".join(dates.NUMBERS[1:]) + r"|once|twice|thrice)\b", re.I
)
_PLACE = re.compile(
    r"\b(?:in|at|to|from|near|into|through|around)\s+((?:the |a |an |my |our )?[^\W\d_][\w'-]*(?:"
    r"\s(?!and\b|but\b|with\b|for\b|to\b|last\b|when\b|where\b|on\b|this\b|next\b)[\w'-]+){0,3})"
)
_PROPER = re.compile(r"\b[^\W\d_a-z][\w'-]*(?: (?:of |the )?[^\W\d_a-z][\w'-]*)*")
_CLAUSE = re.compile(
    r"[;:!?]|\s[-–—]\s|\.(?=\s|$)|,?\s(?:but|because|so|which|when|while)\s|"  # noqa: RUF001
    r",?\s(?:and\s)?(?:I|he|she|it|they|we|you)(?:'\w+)?\s"
)
_NEGATION = re.compile(r"\b(?:not|no|never|n't|nobody|none)\b|n't\b", re.I)


def answer(question: Question, unit: Unit) -> str:
    """The short answer that a unit gives to a question."""
    if question.kind == "when":
        text = dates.when(unit.text, unit.at) or dates.when(unit.raw, unit.at)
        return text or (dates.spell(unit.at) if unit.at is not None else _span(question, unit))
    if question.kind == "yes":
        return "No" if _NEGATION.search(unit.text) else "Yes"
    cut = {"count": _count, "where": _where, "who": _who}.get(question.kind)
    return (cut(question, unit) if cut else "") or _span(question, unit)


def _count(question: Question, unit: Unit) -> str:
    found = [match.group(0) for match in _NUMBER.finditer(unit.text)]
    fresh = [number for number in found if words.root(number) not in question.stems]
    return fresh[0] if fresh else ""


def _where(question: Question, unit: Unit) -> str:
    found = [m for m in _PLACE.finditer(unit.text) if words.stems(m[1]) - set(question.stems)]
    if not re.search(r"\bfrom\b", question.text, re.I):  # where one came from is asked for by name
        found.sort(key=lambda match: match[0].lower().startswith("from "))
    return found[0][1] if found else ""


def _who(question: Question, unit: Unit) -> str:
    for match in _PROPER.finditer(unit.text):
        stems = words.stems(match.group(0))
        if stems and not stems & set(question.stems):
            return match.group(0)
    named = unit.speaker not in (AGENT, *_ANONYMOUS)
    return unit.speaker if named and words.root(unit.speaker) not in question.stems else ""


def _span(question: Question, unit: Unit) -> str:
    """What follows the last word of the question in the sentence, to the end of the clause."""
    text = unit.text.strip()
    last = None
    for match in words.WORD.finditer(text):
        if words.root(match.group(0)) in question.stems:
            last = match
    if last:
        whole = re.match(r"\s+(?:of|for)\s", text[last.end() :])
        rest = text[last.start() if whole else last.end() :]
        end = _CLAUSE.search(rest, 2)
        span = (rest[: end.start()] if end else rest).strip(" .,;:!?\"'")
        if words.stems(span):
            return _trimmed(span)
    return words.shorten(text, 18).rstrip(".!")


def _trimmed(span: str) -> str:
    """A span without the small words at its front."""
    tokens = span.split()
    while len(tokens) > 1 and words.is_stop(tokens[0]) and words.stems(" ".join(tokens[1:])):
        tokens.pop(0)
    return " ".join(tokens[:12])
