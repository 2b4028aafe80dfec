"""Reads a typed call: the instructions, and the sections of material with their records.

Called by the `extractive_typed` side of the offline policy. A section is `## name` with lines; a
line may be a record such as `- [id] 2024-05-01 10:00 | Ann: text`. Knows no schemas.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from archgraph.llm import extractive_answering as answering
from archgraph.llm import extractive_dates as dates
from archgraph.llm import extractive_reading as reading
from archgraph.llm import extractive_words as words
from archgraph.llm.extractive_reading import AGENT, Unit
from archgraph.messages import Wire

NEW, OLD, ASKED = "new", "old", "asked"

_ASKED = re.compile(r"\b(?:question|query|asked|asks?|request|wanted)\b", re.I)
_NEW = re.compile(
    r"\b(?:new|messages?|latest|recent|conversation|dialog(?:ue)?|transcript|since|input|note|fact|"
    r"statement|item|episode|turns?|text|observations?|said|exchange|trial|trajectory|incoming|"
    r"this|attempt|log|feedback)\b",
    re.I,
)
_OLD = re.compile(
    r"\b(?:candidates?|neighbou?rs?|existing|memories|related|known|retrieved|similar|previous|"
    r"earlier|past|old|stored|current|profile|summary|index|pages?|gists?|nearby|found|results?|"
    r"background|history|evidence|links?|kept|archive|persona|human|facts|notes|core|beliefs?|"
    r"state|before|so far|context|present|already|guidance|last|instructions|prompt)\b",
    re.I,
)
_HEADING = re.compile(r"^#{2,3}\s+(\S.*?)\s*#*$")
_FENCE = re.compile(r"^\s*(?:```|~~~)")
_CODE = re.compile(r"^[ \t]*(?:```|~~~)[\w+-]*[ \t]*\n(.*?)^[ \t]*(?:```|~~~)", re.S | re.M)
_BULLET = re.compile(r"^\s*[-*•]\s+")
_TAIL = re.compile(r"\s\((?:[a-z][a-z_ ]{0,30}: [^;()]*;\s)*[a-z][a-z_ ]{0,30}: [^;()]*\)$")
_ID = re.compile(r"^\s*\[([^\]\s]{1,80})\]\s*")


@dataclass(frozen=True, slots=True)
class Record:
    """One line of material. `id` is empty where the line shows none."""

    id: str
    raw: str
    units: tuple[Unit, ...]

    @property
    def speaker(self) -> str:
        """Who said it, empty if unknown."""
        return self.units[0].speaker if self.units else ""

    @property
    def at(self) -> float | None:
        """When it was said, in seconds since 1970."""
        return self.units[0].at if self.units else None

    @property
    def text(self) -> str:
        """What it says, without its time and speaker."""
        return " ".join(unit.text for unit in self.units)

    @property
    def content(self) -> frozenset[str]:
        """The bases of its content words, without its speaker's name."""
        return content(self.text)


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the material. `place` says what it is to the call: new, old or asked."""

    name: str
    text: str
    place: str
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Materials:
    """All that a typed call shows. `complaint` is the answer to a wrong answer before."""

    instructions: str
    sections: tuple[Section, ...]
    complaint: str = ""

    @property
    def new(self) -> tuple[Record, ...]:
        """What the call is about."""
        return self._of(NEW) or self._of(ASKED)

    @property
    def old(self) -> tuple[Record, ...]:
        """What was known before: candidates, neighbours, a profile, a summary."""
        return self._of(OLD)

    @property
    def records(self) -> tuple[Record, ...]:
        """All records, in their order."""
        return tuple(record for section in self.sections for record in section.records)

    @property
    def question(self) -> answering.Question | None:
        """The question that the material asks: of a section for it, else of the last message."""
        asked = " ".join(s.text for s in self.sections if s.place == ASKED)
        if asked:
            return answering.question_in(asked) or answering.question_in(f"{asked.rstrip('.')}?")
        heard = [record for record in self.new if record.speaker != AGENT]
        return answering.question_in(heard[-1].text) if heard else None

    @property
    def told(self) -> list[Unit]:
        """The sentences of the new material that are no questions."""
        return [u for u in units_of(self.new) if not u.text.rstrip("\"')").endswith("?")]

    @property
    def shown(self) -> list[Unit]:
        """The sentences that may answer the question: all but those that ask it."""
        asked = words.flat(self.question.text) if self.question else ""
        units = units_of(r for s in self.sections if s.place != ASKED for r in s.records)
        return [
            u for u in units if u.text.rstrip("\"')")[-1:] != "?" and words.flat(u.text) != asked
        ]

    @property
    def code(self) -> tuple[str, ...]:
        """The fenced pieces of code."""
        return tuple(code.rstrip() for s in self.sections for code in _CODE.findall(s.text))

    def _of(self, place: str) -> tuple[Record, ...]:
        return tuple(r for s in self.sections if s.place == place for r in s.records)

    def barred(self, value: str) -> bool:
        """Whether the complaint quotes a value as wrong."""
        return bool(value) and any(f"{q}{value}{q}" in self.complaint for q in "'\"`")


def units_of(records: Iterable[Record]) -> list[Unit]:
    """The sentences of records."""
    return [unit for record in records for unit in record.units]


@functools.lru_cache(maxsize=8_000)
def content(text: str) -> frozenset[str]:
    """The bases of the words of a text that say something; words of record keeping do not."""
    return words.stems(text) - _KEEPING


_KEEPING = frozenset(words.root(word) for word in words.META) | {"user", "assist"}


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """How much two texts share of their content words, 0 to 1 (Dice's coefficient)."""
    return 2 * len(one & other) / (len(one) + len(other)) if one and other else 0.0


# --- reading -------------------------------------------------------------------------------------


def read(messages: Sequence[Wire]) -> Materials:
    """Read the messages of a typed call."""
    told = [reading.plain(m.get("content")) for m in messages if m.get("role") in _TOLD]
    shown = [reading.plain(m.get("content")) for m in messages if m.get("role") == "user"]
    wrong = [reading.plain(m.get("content")) for m in messages if m.get("role") == "tool"]
    named = _split(shown[0] if shown else "")
    wrong += [text for name, text in named if _REFUSED.match(name)]
    named = [(name, _EMPTY.sub("", text)) for name, text in named if not _REFUSED.match(name)]
    places = _places([name for name, text in named], "\n".join(told))
    found = (
        Section(name, text, place, records(text))
        for (name, text), place in zip(named, places, strict=True)
    )
    return Materials("\n".join(told), tuple(found), "\n".join((*wrong, *shown[1:])))


_TOLD = ("system", "developer")
_REFUSED = re.compile(r"^(?:correction|complaint|error|refused|wrong)\b", re.I)
_EMPTY = re.compile(r"^\s*\(?(?:none|nothing|empty)\)?\s*$", re.I)


def _split(text: str) -> list[tuple[str, str]]:
    """The sections of a text; a heading within a fence is code."""
    found: list[tuple[str, list[str]]] = []
    fenced = False
    for line in text.splitlines():
        fenced ^= bool(_FENCE.match(line))
        heading = None if fenced else _HEADING.match(line)
        if heading:
            found.append((heading[1], []))
        elif found:
            found[-1][1].append(line)
        elif line.strip():
            found.append(("", [line]))
    return [(name, "\n".join(lines).strip("\n")) for name, lines in found]


def _places(names: Sequence[str], told: str) -> list[str]:
    """What each section is, by the words of its name; what is neither stands with the new.

    Beside other new material, sections of the latest messages, and those of which the instructions
    say that they are only there to understand the rest, are old.
    """
    spaced = [re.sub(r"[_\-.]+", " ", name).lower() for name in names]
    found = [_place(name) for name in spaced]
    for n, name in enumerate(spaced):
        if found[n] == NEW and found.count(NEW) > 1 and _only_context(name, told):
            found[n] = OLD
    if NEW not in found:
        found = [NEW if place == "" else place for place in found]
    if NEW not in found and OLD in found:
        found[found.index(OLD)] = NEW
    return [place or OLD for place in found]


CONTEXT = re.compile(
    r"\b(?:only (?:there |here |given |meant )?(?:to understand|for|as)|for context|as (?:context|"
    r"background)|take nothing from)\b",
    re.I,
)
"""Instructions that say of material that it is there to understand the rest."""


def _only_context(name: str, told: str) -> bool:
    said = [s for s in words.sentences(told) if CONTEXT.search(s)]
    named = any(
        re.search(rf"\b{re.escape(name)}\b", s.split(" understand ")[0], re.I) for s in said
    )
    return named or bool(re.match(r"(?:latest|recent)\b", name))


def _place(name: str) -> str:
    if _ASKED.search(name):
        return ASKED
    if re.search(r"\bnew\b", name, re.I):
        return NEW
    if _OLD.search(name):
        return OLD
    return NEW if _NEW.search(name) else ""


@functools.lru_cache(maxsize=1_000)
def records(text: str) -> tuple[Record, ...]:
    """The records of a section: its list items, or its lines; code is none."""
    items: list[str] = []
    for line in _CODE.sub("", text).splitlines():
        if not line.strip():
            continue
        if items and _BULLET.match(items[-1]) and line[:1].isspace() and not _BULLET.match(line):
            items[-1] += f"\n{line.strip()}"
        else:
            items.append(line)
    return tuple(record for item in items if (record := _record(item)) and record.raw)


def _record(item: str) -> Record:
    line = _BULLET.sub("", item)
    match = _ID.match(line)
    if match and dates.parse(match[1]) is None:
        rest = line[match.end() :].strip()
        return Record(match[1], rest, _units(rest))
    rest = line.strip()
    return Record("", rest, _units(rest))


def _units(line: str) -> tuple[Unit, ...]:
    """The sentences of a line, without the fields that are shown in brackets at its end."""
    said = _TAIL.sub("", line)
    return reading.records(f"- {said}") if said else ()
