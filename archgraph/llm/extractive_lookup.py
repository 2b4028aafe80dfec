"""Looks up what a record says about a term: `term: value`, `key = term, value = v`, `term is v`.

Called by the offline policy. A term is any text (an identifier, words, a date); nothing here is
shaped like a data set. Knows no messages and no tools.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from archgraph.llm import extractive_words as words
from archgraph.llm.extractive_reading import Unit

_VALUE = r"(?:value|val|content|contents|answer|result|target|definition|meaning|output|entry)"
_STRONG = re.compile(
    rf"""["'`”’)\]]*\s*(?:
        (?:[:=]+>?|[-–—]*[>→⇒]+|\|)
        | [,;]?\s*(?:and\s+|with\s+)?(?:its\s+|the\s+)?["'`]?{_VALUE}["'`]?\s*(?:[:=]+>?|\s+is\b|\s)
        | \s(?:maps?|points?|refers?|leads?|resolves?|corresponds?|translates?)\s+to\b
        | \s(?:has|holds|contains|means|stores|gives|equals)\s+(?:the\s+{_VALUE}\s*:?)?
    )\s*""",  # noqa: RUF001
    re.I | re.X,
)
_WEAK = re.compile(r"[\"'`”’]*\s+(?:is|are|was|were|am)\s+(?:called |named |now )?", re.I)  # noqa: RUF001
_VALUE_BEFORE = re.compile(rf"\b{_VALUE}\W{{0,3}}\s*[:=>]+\s*[\"'`]?$|[=→>]\s*[\"'`]?$", re.I)
_KEY_BEFORE = re.compile(r"\b(?:key|name|term|id|identifier|label|record|entry)\W*[=:]\W*$", re.I)
_CUT = re.compile(r"[\n;]|,(?=\s*\W?[\w ]{1,30}\W?\s*[:=])|(?<=\S)\.(?=\s|$)")
_TRUNCATED = re.compile(r"(?:…|\[?\b(?:truncated|cut)\b.{0,40})\]?\s*$", re.I)
_NEXT_CLAUSE = re.compile(
    r",?\s(?:and|but|so|because|while)\s(?:I|he|she|it|they|we|you|my|our)(?:'\w+)?\s"
)
_LONGEST = 24


@dataclass(frozen=True, slots=True)
class Found:
    """A value, and the record that gives it."""

    value: str
    unit: Unit


def look_up(term: str, units: Iterable[Unit], weak: bool) -> Found | None:
    """The value of a term in the newest record that gives one.

    `weak` also accepts "term is value", which prose has everywhere.
    """
    wanted = words.flat(term)
    best: tuple[tuple[bool, float, int], Found] | None = None
    seen: set[str] = set()
    for order, unit in enumerate(units):
        if unit.raw in seen or wanted not in words.flat(unit.raw):
            continue
        seen.add(unit.raw)
        if unit.at is not None and wanted == words.flat(unit.speaker):
            continue  # "Ann: hello" said at some time is speech, not an entry
        value = value_of(term, unit.raw, weak)
        if value:
            rank = (unit.at is not None, unit.at or 0.0, order)
            if best is None or rank >= best[0]:
                best = (rank, Found(value, unit))
    return best[1] if best else None


@functools.lru_cache(maxsize=20_000)
def value_of(term: str, record: str, weak: bool) -> str:
    """What a record gives as the value of a term; empty where it gives none."""
    record = " ".join(record.split(" "))
    for match in _occurrences(term, record):
        before, after = record[: match.start()], record[match.end() :]
        if _VALUE_BEFORE.search(before) and not _KEY_BEFORE.search(before):
            continue
        entry = _STRONG.match(after)
        link = entry or (_WEAK.match(after) if weak else None)
        if link:
            value = _value(after[link.end() :])
            if not entry:  # prose: a value ends where the next clause begins
                value = _NEXT_CLAUSE.split(value, maxsplit=1)[0].rstrip(" ,")
            if value and words.flat(value) != words.flat(term):
                return value
    return ""


def _occurrences(term: str, record: str) -> Iterable[re.Match[str]]:
    pattern = r"\s+".join(re.escape(part) for part in term.split())
    return re.finditer(rf"(?<![\w-]){pattern}(?![\w-])", record, re.I)


def _value(text: str) -> str:
    quote = re.match(r"[\"'`“]", text)
    if quote:
        closing = {"“": "”"}.get(quote.group(0), quote.group(0))
        end = text.find(closing, 1)
        return text[1:end].strip() if end > 0 else text[1:].strip()
    if _TRUNCATED.search(text.split("\n")[0]):
        return ""  # half a value is worse than none
    cut = _CUT.search(text)
    value = (text[: cut.start()] if cut else text).strip(" \t\"'`{}[]|").rstrip(".,")
    return value if len(value.split()) <= _LONGEST else ""


def mentioned(term: str, units: Iterable[Unit]) -> bool:
    """Whether any record holds the term verbatim."""
    wanted = words.flat(term)
    return any(wanted in words.flat(unit.raw) for unit in units)
