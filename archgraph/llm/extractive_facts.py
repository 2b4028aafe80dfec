"""Picks out what is worth keeping: facts of a message, and the weightiest sentences of a text.

Called by the offline policy when it saves, consolidates and summarises. Knows no tools.
"""

from __future__ import annotations

import collections
import math
import re
from collections.abc import Iterable, Sequence

from archgraph.llm import extractive_dates as dates
from archgraph.llm import extractive_words as words
from archgraph.llm.extractive_reading import AGENT, Block, Unit, Window

_FIRST_PERSON = re.compile(r"\b(?:I|me|my|mine|we|our|us|I'm|I've)\b")
_DEFINITE = re.compile(r"\d|[=:→]|\b(?:is|are|was|were|has|have|had)\b|(?<=[\w,] )[^\W\d_a-z]\w+")
_LONGEST = 60
_ANONYMOUS = ("", "user", "memory", "human", "tool")


def of_units(units: Iterable[Unit]) -> list[str]:
    """The facts that units state, as one would note them: with speaker and resolved date."""
    found = dict.fromkeys(noted(unit) for unit in units if tells(unit) and _lasts(unit))
    return list(found)


def _lasts(unit: Unit) -> bool:
    """Whether a sentence says something of someone or something, rather than reacting."""
    return personal(unit) or bool(_DEFINITE.search(unit.text))


def tells(unit: Unit) -> bool:
    """Whether a sentence states something: no question, no small talk, not the agent's own."""
    if unit.speaker == AGENT or unit.text.rstrip("\"')").endswith(("?", "？")):  # noqa: RUF001
        return False
    own = words.root(unit.speaker) if unit.speaker else ""
    return len(unit.stems - {own}) >= 2 or any(words.opaque(part) for part in unit.text.split())


def personal(unit: Unit) -> bool:
    """Whether a sentence speaks of its speaker."""
    return bool(_FIRST_PERSON.search(unit.text))


def noted(unit: Unit) -> str:
    """A sentence as a note that can stand alone."""
    text = words.shorten(unit.text.strip(), _LONGEST)
    if unit.speaker not in _ANONYMOUS and not text.startswith(f"{unit.speaker}:"):
        text = f"{unit.speaker}: {text}"
    relative = unit.at is not None and dates.parse(unit.text) is None
    moment = dates.when(unit.text, unit.at) if relative else ""
    if moment and words.flat(moment) not in words.flat(text):
        text = f"{text.rstrip('.')} ({moment})"
    return text


def unsaved(facts: Sequence[str], window: Window) -> list[str]:
    """The facts that no section of the prompt and no successful write in the window shows."""
    kept = [block for block in window.blocks if not _spoken(block)]
    shown = words.flat(" ".join(block.text for block in kept)) + " " + window.written
    stems = [unit.stems for block in kept for unit in block.units]
    return [fact for fact in facts if not _shown(fact, shown, stems)]


def _spoken(block: Block) -> bool:
    """Whether a section is a transcript rather than kept memory."""
    return any(unit.at is not None for unit in block.units)


def _shown(fact: str, shown: str, stems: Iterable[frozenset[str]]) -> bool:
    if words.flat(fact) in shown:
        return True
    wanted = words.stems(fact)
    return any(len(wanted & held) >= 0.9 * len(wanted) for held in stems)


def superseded(fact: str, blocks: Iterable[Block]) -> tuple[Block, str] | None:
    """The line of a section that a fact says anew in other words, if there is one."""
    wanted = _content(fact)
    for block in blocks:
        if _spoken(block):
            continue
        for line in dict.fromkeys(unit.raw for unit in block.units):
            held = _content(line)
            shared, union = len(wanted & held), len(wanted | held)
            if shared >= 2 and shared >= 0.6 * union and wanted != held:
                return block, line
    return None


def _content(text: str) -> frozenset[str]:
    return words.stems(text) - {words.root(word) for word in words.META}


def weightiest(units: Sequence[Unit], most_words: int, most: int = 1_000) -> list[Unit]:
    """The units that say most, in their order, within a number of words and of units.

    A unit weighs the number of its content words that other units share, damped by its length;
    names and numbers weigh double.
    """
    counts = collections.Counter(stem for unit in units for stem in unit.stems)
    order = sorted(range(len(units)), key=lambda n: -_weight(units[n], counts))
    room, seen = most_words, set[str]()
    taken: list[int] = []
    for index in order:
        note = noted(units[index])
        size = len(note.split())
        if size > room or words.flat(note) in seen or len(taken) >= most:
            continue
        seen.add(words.flat(note))
        room -= size
        taken.append(index)
    return [units[index] for index in sorted(taken)]


def _weight(unit: Unit, counts: collections.Counter[str]) -> float:
    length = max(4, len(unit.text.split()))
    marked = len(re.findall(r"(?<!^)\b[A-Z]\w+|\d+", unit.text))
    shared = sum(min(counts[stem], 4) for stem in unit.stems)
    factor = (1.0 if _lasts(unit) else 0.5) if tells(unit) else 0.2
    return factor * (shared + 2 * marked + len(unit.stems)) / math.sqrt(length)
