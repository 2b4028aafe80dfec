"""Does without tools what a prompt asks for: summarise, extract, reflect, rank, rate.

Called by the offline policy for requests that carry no tools. Everything is extractive: sentences
are chosen, none is written.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence

from archgraph.llm import extractive_answering as answering
from archgraph.llm import extractive_facts as facts
from archgraph.llm import extractive_materials as materials
from archgraph.llm import extractive_reading as reading
from archgraph.llm import extractive_searching as searching
from archgraph.llm import extractive_words as words
from archgraph.llm.extractive_reading import Unit, Window

_LEAD = (
    r"(?:^|[.!?:;\n]\s*)(?:please\s+|now\s+|you\s+(?:must|should|will|are (?:to|asked to))\s+|"
    r"your (?:task|job|role) is to\s+|first,?\s+)*"
)
_MAKE = r"(?:write|produce|give|make|create|update|return|reply with|answer with|draft|provide)"
_TASKS = [
    ("rate", re.compile(rf"{_LEAD}(?:rate|score|grade)\b|on a scale (?:of|from)", re.I)),
    (
        "rank",
        re.compile(
            rf"{_LEAD}(?:rank|order|sort|choose|select|pick)\b|{_LEAD}{_MAKE}\b[^.\n]{{0,40}}\brank",
            re.I,
        ),
    ),
    (
        "extract",
        re.compile(
            rf"{_LEAD}(?:extract|list|collect|identify|pull out)\b|{_LEAD}{_MAKE}\b[^.\n]{{0,40}}"
            rf"\b(?:facts|list|items)\b",
            re.I,
        ),
    ),
    (
        "reflect",
        re.compile(
            rf"{_LEAD}(?:reflect|infer|think about|conclude)\b|{_LEAD}{_MAKE}\b[^.\n]{{0,40}}"
            rf"\b(?:insights?|reflections?|conclusions?)\b",
            re.I,
        ),
    ),
    (
        "summarise",
        re.compile(
            rf"{_LEAD}(?:summari[sz]e|condense|compress|shorten|sum up)\b|"
            rf"{_LEAD}{_MAKE}\b[^.\n]{{0,60}}\bsummary\b",
            re.I,
        ),
    ),
]
_WORDS = re.compile(r"(\d[\d,]*)[\s-]*words?\b", re.I)
_SIZES = [(re.compile(r"(\d[\d,]*)[\s-]*characters?\b", re.I), 7), (
    re.compile(r"(\d[\d,]*)[\s-]*tokens?\b", re.I), 2)]  # fmt: skip
_ITEMS = re.compile(
    r"(?:at most|up to|no more than|top|exactly|the)\s+(\d{1,3}|three|five|ten)\b(?!\s*words)", re.I
)
_NUMBERED = re.compile(r"^\s*[\[(]?(\d{1,3})[\]).:]\s*(.+)$", re.M)
_SPELT = {"three": 3, "five": 5, "ten": 10}
DEFAULT_WORDS = 100


def task_of(window: Window) -> str:
    """What the prompt asks for, empty if it asks for no text task.

    The instruction may stand in the system prompt or in the last user message.
    """
    for text in (window.system, _edges(window)):
        for name, pattern in _TASKS:
            if pattern.search(text):
                return name
    found = _sectioned(window)
    if found is None:
        return ""
    asks = any(section.place == materials.ASKED for section in found.sections)
    return "answer" if asks and found.question else "summarise"


def _sectioned(window: Window) -> materials.Materials | None:
    """The material of a message made of sections `## name`, None where it is another message."""
    asked = [e.text for e in window.events if e.kind in ("user", "transcript", "note")]
    if not asked or not asked[0].startswith("## "):
        return None
    told = {"role": "system", "content": window.system}
    return materials.read([told, {"role": "user", "content": asked[0]}])


def _edges(window: Window) -> str:
    """The first and last lines of the last message: where an instruction about a text stands."""
    asked = [e.text for e in window.events if e.kind in ("user", "transcript", "note")]
    lines = [line for line in asked[-1].splitlines() if line.strip()] if asked else []
    return "\n".join(lines if len(lines) < 5 else lines[:2] + lines[-2:])


def perform(task: str, window: Window) -> str:
    """Do a text task on what the window shows."""
    asked = _instruction(window)
    if task == "answer":
        return _answer(window)
    units = _material(window)
    if task == "rate":
        return _rate(units, asked)
    if task == "rank":
        ranked = _rank(window)
        if ranked:
            return _listed(ranked, asked) if "json" in asked.lower() else ", ".join(ranked)
    most_words = room(asked)
    if task in ("extract", "reflect", "rank"):
        most = count(asked, 10 if task == "extract" else 5)
        told = [unit for unit in units if facts.tells(unit)]
        notes = [facts.noted(unit) for unit in facts.weightiest(told, most_words, most)]
        return _listed(notes, asked)
    chosen = facts.weightiest(units, most_words)
    return "\n".join(_sentence(facts.noted(unit)) for unit in chosen)


def _answer(window: Window) -> str:
    found = _sectioned(window)
    if found is None or found.question is None:
        return ""
    best = answering.weigh(found.question, found.shown)[:1]
    if not best or best[0].score < searching.ENOUGH:
        return answering.UNKNOWN
    return answering.answer(found.question, best[0].unit)


def _instruction(window: Window) -> str:
    return f"{window.system}\n{_edges(window)}"


def _material(window: Window) -> list[Unit]:
    """The text to work on: transcripts and messages, without the instruction itself."""
    units: list[Unit] = []
    parts = _sectioned(window)
    for event in window.events:
        if parts and event.text.startswith("## "):
            units.extend(materials.units_of(parts.records))
        elif event.kind in ("transcript", "user", "note", "result"):
            units.extend(reading.records(event.text, event.name, event.at))
        elif event.kind == "said" and len(event.text.split()) > 3:
            units.extend(reading.records(event.text, reading.AGENT))
    if not any(not _instructs(unit) for unit in units):
        units = [unit for block in window.blocks for unit in block.units]
    return [unit for unit in units if not _instructs(unit) and not _machinery(unit)]


def _machinery(unit: Unit) -> bool:
    """Headings, empty marks, tool calls and their results, and an agent's "I see": no material."""
    nods = len(unit.stems) <= 2 or unit.text.startswith("calls ")
    called = unit.speaker == reading.AGENT and nods
    mark = unit.text.endswith(":") or unit.text.strip("().- ").lower() in ("", "none", "empty")
    return called or mark or unit.speaker == "tool" or not unit.stems


def _instructs(unit: Unit) -> bool:
    return any(pattern.search(unit.text) for _, pattern in _TASKS) or bool(
        _WORDS.search(unit.text) and len(unit.text.split()) < 25
    )


def room(asked: str, default: int = DEFAULT_WORDS) -> int:
    """The words that the answer may have."""
    limits = [int(n.replace(",", "")) for n in _WORDS.findall(asked)]
    for pattern, divisor in _SIZES:
        limits += [int(n.replace(",", "")) // divisor for n in pattern.findall(asked)]
    return max(1, min(limits)) if limits else default


def count(asked: str, default: int) -> int:
    """The items that the answer may have."""
    match = _ITEMS.search(asked)
    if not match:
        return default
    return _SPELT.get(match[1].lower()) or max(1, int(match[1]))


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _listed(notes: Sequence[str], asked: str) -> str:
    """One note a line, or JSON in the shape that the prompt shows."""
    if "json" not in asked.lower():
        return "\n".join(f"- {note}" for note in notes)
    key = re.search(r"\{\s*\"(\w+)\"\s*:\s*\[", asked)
    return json.dumps({key[1]: list(notes)} if key else list(notes), ensure_ascii=False)


def _rate(units: Sequence[Unit], asked: str) -> str:
    """A whole number on the scale that was asked for: how much the text states."""
    scale = re.search(r"(\d+)\s*(?:to|-|–|and)\s*(\d+)", asked)  # noqa: RUF001
    low, high = (int(scale[1]), int(scale[2])) if scale else (1, 10)
    told = set[str]().union(*(unit.stems for unit in units if facts.tells(unit)))
    return str(min(high, low + len(told) * (high - low) // 25))


def _rank(window: Window) -> list[str]:
    """The numbers of a numbered list, best first by the words shared with the rest of the text."""
    text = next((e.text for e in reversed(window.events) if e.kind in ("user", "transcript")), "")
    items = _NUMBERED.findall(text)
    if len(items) < 2:
        return []
    wanted = words.stems(_NUMBERED.sub("", text))

    def shared(item: tuple[str, str]) -> float:
        stems = words.stems(item[1])
        return -len(stems & wanted) / math.sqrt(1 + len(stems))

    return [number for number, _ in sorted(items, key=shared)]
