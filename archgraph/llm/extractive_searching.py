"""Finds an answer: in the window, by following references, by searching and paging on.

Called by the offline policy. What has been searched is read from the window; no search is made
twice, and their number is bounded. Knows no names of tools.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from archgraph.llm import extractive_answering as answering
from archgraph.llm import extractive_dates as dates
from archgraph.llm import extractive_lookup as lookup
from archgraph.llm import extractive_tools as tools
from archgraph.llm import extractive_words as words
from archgraph.llm.extractive_reading import Attempt, Unit, Window

CONFIDENT = 0.8
"""Share of a question's weight that evidence must cover to be answered without a search."""

ENOUGH = 0.45
"""Share that is enough for an answer once the searches are done."""

PROMISING = 0.25
"""Share on a page of results from which it is worth to read the next page."""

MOST_SEARCHES = 5
MOST_PAGES = 3
MOST_PAGES_FOR_A_TERM = 8

_PAGES = re.compile(r"page\s+(\d+)\s*(?:/|of)\s*(\d+)", re.I)
_TOTAL = re.compile(r"(\d+)\s+of\s+(\d+)\s+(?:results|matches|records|items|messages)", re.I)


@dataclass(frozen=True, slots=True)
class Search:
    """A search to make: `given` are arguments by the fields of `tools.Tool`."""

    tool: tools.Tool
    given: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Trail:
    """The values found by looking up a question's term and what that led to.

    `value` is the last value, `unit` the record that gave it.
    """

    value: str
    unit: Unit
    steps: int


def conclude(question: answering.Question, window: Window) -> str:
    """The best answer that the window gives now, or the admission that there is none."""
    evidence = window.evidence()
    trail = follow(question, window, evidence)
    if trail:
        return trail.value
    best = answering.weigh(question, evidence)[:1]
    if not best or best[0].score < ENOUGH:
        return answering.UNKNOWN
    return answering.answer(question, best[0].unit)


def next_search(question: answering.Question, window: Window, kit: tools.Kit) -> Search | None:
    """The next search worth making, None when the window suffices or all is tried."""
    evidence = window.evidence()
    trail = follow(question, window, evidence)
    made = _Made(window.since_asked, kit)
    if trail:
        return _verify(question, trail, made) if _to_follow(question, trail, window) else None
    best = answering.weigh(question, evidence)[:1]
    if best and best[0].score >= CONFIDENT and not question.keyed:
        return None
    if made.count >= (MOST_PAGES_FOR_A_TERM if question.keyed else MOST_SEARCHES):
        return None
    return _plan(question, made)


# --- following references ------------------------------------------------------------------------


def follow(question: answering.Question, window: Window, evidence: Sequence[Unit]) -> Trail | None:
    """Look a question's term up in the evidence, and what it leads to as long as that goes on."""
    units = [unit for unit in evidence if words.flat(question.text) not in words.flat(unit.raw)]
    weak = question.keyed or len(question.terms) == 1
    for subject in question.subjects:
        found = lookup.look_up(subject, units, weak)
        if found is None:
            continue
        trail = Trail(found.value, found.unit, 1)
        seen = {words.flat(subject)}
        while _to_follow(question, trail, window) and words.flat(trail.value) not in seen:
            seen.add(words.flat(trail.value))
            found = lookup.look_up(trail.value, units, weak=False)
            if found is None or words.flat(found.value) in seen:
                break
            trail = Trail(found.value, found.unit, trail.steps + 1)
        return trail
    return None


def _to_follow(question: answering.Question, trail: Trail, window: Window) -> bool:
    """Whether a value may be a reference: the prompt says so, or it is an identifier."""
    told = question.chained or answering.says_to_follow(window.system)
    return len(trail.value.split()) <= 8 and (told or words.opaque(trail.value))


def _verify(question: answering.Question, trail: Trail, made: _Made) -> Search | None:
    """Search for a found value, to see whether something is stored under it in turn.

    Further pages are read while the last record of a page still holds the value: then the results
    are not ranked, or there are more that hold it.
    """
    source = made.source_of(trail.unit)
    for tool in [source] if source else made.searches:
        if not made.has(tool, trail.value):
            return Search(tool, {"text": trail.value})
        following = made.next_page(tool, trail.value, MOST_PAGES_FOR_A_TERM)
        if following and lookup.mentioned(trail.value, following.last.units[-1:]):
            return following.search
    return None


# --- searching -----------------------------------------------------------------------------------


def _plan(question: answering.Question, made: _Made) -> Search | None:
    day = dates.parse(question.text)
    for tool in made.dated if day is not None else ():
        if not made.has_any(tool):
            return Search(tool, {"start": dates.iso(day or 0), "end": dates.iso(day or 0)})
    for query in _queries(question):
        for tool in made.searches:
            if not made.has(tool, query):
                return Search(tool, {"text": query})
            pages = MOST_PAGES_FOR_A_TERM if question.keyed else MOST_PAGES
            following = made.next_page(tool, query, pages)
            if following and _promises(question, query, following.last):
                return following.search
    return None


def _queries(question: answering.Question) -> Iterator[str]:
    """What to search for, best first: the term asked for, all content words, the rarer ones."""
    if question.keyed:
        yield from question.subjects[:2]
    everything = " ".join(question.terms)
    yield everything
    narrow = [term for term in question.terms if words.root(term) not in question.names]
    longest = sorted(narrow, key=len, reverse=True)[:2]
    if longest and " ".join(longest) != everything:
        yield " ".join(term for term in narrow if term in longest)


def _promises(question: answering.Question, query: str, last: Attempt) -> bool:
    if question.keyed:
        return lookup.mentioned(query, last.units)
    best = answering.weigh(question, last.units)[:1]
    return bool(best) and best[0].score >= PROMISING


@dataclass(frozen=True, slots=True)
class _Following:
    search: Search
    last: Attempt


class _Made:
    """The searches that were made since the user's message."""

    def __init__(self, attempts: Sequence[Attempt], kit: tools.Kit) -> None:
        self.searches = kit.of(tools.SEARCH)
        self.dated = kit.of(tools.DATES)
        named = {tool.name: tool for tool in (*self.searches, *self.dated)}
        self._made = [(named[a.name], a) for a in attempts if a.name in named]
        self.count = len(self._made)

    def has_any(self, tool: tools.Tool) -> bool:
        """Whether the tool was called at all."""
        return any(made is tool for made, _ in self._made)

    def has(self, tool: tools.Tool, query: str) -> bool:
        """Whether the tool was given this query."""
        return bool(self._of(tool, query))

    def source_of(self, unit: Unit) -> tools.Tool | None:
        """The search tool whose result holds a unit."""
        found = [tool for tool, attempt in self._made if unit in attempt.units]
        return next((tool for tool in reversed(found) if tool in self.searches), None)

    def next_page(self, tool: tools.Tool, query: str, most: int) -> _Following | None:
        """The search for the page after the last one seen, if the result says there is one."""
        made = self._of(tool, query)
        if not tool.page or not made or len(made) >= most or not made[-1].ok:
            return None
        last = made[-1]
        page = int(last.arguments.get(tool.page) or tool.first_page)
        if not _has_more(last, page, tool.first_page):
            return None
        return _Following(Search(tool, {"text": query, "page": page + 1}), last)

    def _of(self, tool: tools.Tool, query: str) -> list[Attempt]:
        wanted = words.flat(query)
        return [
            attempt
            for made, attempt in self._made
            if made is tool and words.flat(str(attempt.arguments.get(tool.text, ""))) == wanted
        ]


def _has_more(attempt: Attempt, page: int, first: int) -> bool:
    """Whether a result speaks of further pages, or of more results than it has shown."""
    text = (attempt.text or "")[:200]
    pages = _PAGES.search(text)
    if pages:
        return int(pages[1]) < int(pages[2])
    total = _TOTAL.search(text)
    return bool(total) and int(total[1]) * (page - first + 1) < int(total[2]) if total else False
