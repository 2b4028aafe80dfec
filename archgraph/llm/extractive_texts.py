"""Writes one text field of a typed answer, out of sentences, names and days of the material.

Called by `extractive_values`. Nothing is composed but for a few fixed frames ("What is known about
...?", "Keep in mind: ..."). Knows no messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from archgraph.llm import extractive_choosing as choosing
from archgraph.llm import extractive_deciding as deciding
from archgraph.llm import extractive_facts as facts
from archgraph.llm import extractive_fields as fields
from archgraph.llm import extractive_focus as focusing
from archgraph.llm import extractive_judging as judging
from archgraph.llm import extractive_materials as materials
from archgraph.llm import extractive_searching as searching
from archgraph.llm import extractive_tasks as tasks
from archgraph.llm import extractive_triples as triples
from archgraph.llm import extractive_words as words
from archgraph.llm.extractive_fields import Field
from archgraph.llm.extractive_focus import Focus
from archgraph.llm.extractive_materials import Materials
from archgraph.llm.extractive_reading import AGENT, Event, Unit, Window

_ROOMS = ((r"gist|one line|short", 25), (r"context|description|about", 30), (r"", 60))
_EXPLAINED = re.compile(r'"""\s*(.+?)\s*(?:"""|\n)|#+[ \t]+(.+)')
_LEARNED = re.compile(r"lesson|reflection|learned|mistake|takeaway")
_JOINED = 5


def write(field: Field, focus: Focus, material: Materials) -> str:
    """The text that a field asks for; empty where there is none."""
    if focusing.names_records(field, material):
        return next(iter(focusing.ids(field, focus, material, 1)), "")
    made = _TEXTS.get(field.meaning)
    return made(field, focus, material) if made else _telling(field, focus, material)


def _statement(field: Field, focus: Focus, material: Materials) -> str:
    if renewed := _renewed(focus):
        return renewed
    if not focus.whole:
        noted = "\n".join(facts.noted(unit) for unit in focus.units)
        return noted if noted or not focus.name else focus.name
    wrong = [unit for unit in material.told if deciding.reaction(unit)]
    if wrong and not field.plural and _LEARNED.search(field.words):
        return facts.noted(wrong[-1])
    units = choosing.statements(field, material)
    if not field.plural and len(material.new) > 1:
        units = choosing.statements(field, material, 1)
    return "\n".join(facts.noted(unit) for unit in units)


_PASSED = re.compile(
    r"\bfrom ((?:\w+ ){0,3}?\w+) to ((?:(?!and|but|in|on|at|for|last|this)\w+ ){0,3}?\w+)"
    r"(?=[.,;!]|$| (?:and|but|in|on|at|for|last|this)\b)"
)


def _renewed(focus: Focus) -> str:
    """The older record with its value changed, where the new says from what to what."""
    if focus.over is None or focus.how != triples.CHANGED or focus.of_old:
        return ""
    for unit in focus.units:
        passed = _PASSED.search(unit.text)
        held = passed and re.search(rf"\b{re.escape(passed[1])}\b", focus.over.text)
        if passed and held:
            return f"{focus.over.text[: held.start()]}{passed[2]}{focus.over.text[held.end() :]}"
    return ""


def _summary(field: Field, focus: Focus, material: Materials) -> str:
    """The weightiest sentences; of a running summary, its earlier text is part of the material."""
    default = next(room for p, room in _ROOMS if re.search(p, field.said))
    room = tasks.room(field.said, tasks.room(material.instructions, default))
    units = [*focus.units, *focus.beside]
    if focus.whole and material.code:
        explained = _EXPLAINED.search("\n".join(material.code))
        if explained:
            return words.shorten((explained[1] or explained[2]).strip(), room)
    if focus.whole:
        earlier = [s for s in material.sections if s.place == materials.OLD]
        earlier = [s for s in earlier if re.search(r"summary|so far|gist|earlier", s.name, re.I)]
        units = materials.units_of(r for s in earlier for r in s.records) + units
    units = [unit for unit in units if _says(unit)] or units
    one = bool(re.search(r"\b(?:one|single|a) (?:short )?sentence\b", field.said))
    chosen = facts.weightiest(units, room, 1 if one else 1_000)
    if not chosen and units:
        chosen = units[:1]
    return words.shorten(" ".join(_ended(facts.noted(unit)) for unit in chosen), room)


def _says(unit: Unit) -> bool:
    """Whether a sentence belongs in a summary: a statement, the agent's own ones too."""
    if unit.text.rstrip("\"')").endswith("?"):
        return False
    return facts.tells(unit) or (unit.speaker == AGENT and len(unit.stems) > 2)


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…", ")")) else f"{text}."


def _title(field: Field, focus: Focus, material: Materials) -> str:
    if focus.name:
        return focus.name
    defined = re.search(r"\b(?:def|function|class)\s+(\w+)", "\n".join(material.code))
    if defined:
        return defined[1]
    found = choosing.keywords(focus.units, 3)
    if not found:
        return ""
    if re.search(r"identifier|snake|function|slug", field.said):
        return "_".join(word.lower() for word in found)
    return " ".join(found)


def _part(name: str) -> Callable[[Field, Focus, Materials], str]:
    def part(field: Field, focus: Focus, material: Materials) -> str:
        triple = focus.triple
        if triple is None and not focus.of_old:
            found = triples.of_units(focus.units)
            triple = found[0][0] if found else None
        if triple is not None:
            return str(getattr(triple, name))
        return next(iter(choosing.entities(focus.units)), "") if name == "subject" else ""

    return part


def _date(field: Field, focus: Focus, material: Materials) -> str:
    moment = choosing.moment(field, focus.units)
    if moment is None:
        return ""
    day = datetime.fromtimestamp(moment, UTC)
    if field.format == "date-time" and not re.search(
        r"yyyy-mm-dd (?:hh|or)|yyyy-mm-dd$", field.said
    ):
        return day.strftime("%Y-%m-%dT%H:%M:%SZ")
    if field.format == "date-time" and moment % 86_400:
        return day.strftime("%Y-%m-%d %H:%M:%S")
    return day.strftime("%Y-%m-%d")


def _whole(field: Field, focus: Focus, material: Materials) -> str:
    """A text written anew: what it held, superseded lines replaced, and the news after it."""
    held = [s for s in material.sections if s.place == materials.OLD]
    named = [s for s in held if words.stems(s.name) & words.stems(field.words)] or held[:1]
    lines = [record.raw for s in named for record in s.records]
    if focus.over is not None and not focus.whole:
        lines = [focus.over.text]
    units = choosing.statements(None, material) if focus.whole else list(focus.units)
    for unit in units:
        news = facts.noted(unit)
        places = [(n, _line_stands(unit, line)) for n, line in enumerate(lines)]
        if any(how == triples.SAME for _, how in places):
            continue
        changed = (triples.CHANGED, triples.DENIED, triples.EXTENDS)
        place = next((n for n, how in places if how in changed), None)
        if place is None:
            lines.append(news)
        else:
            lines[place] = news
    while field.most and len(lines) > 1 and len("\n".join(lines)) > field.most:
        lines.pop(0)
    return "\n".join(lines)


def _line_stands(unit: Unit, line: str) -> str:
    found = deciding.nearest([unit], materials.records(f"- {line}"))
    return found[1] if found else triples.APART


def _reply(field: Field, focus: Focus, material: Materials) -> str:
    question = material.question
    if question is None:
        return "I'll remember that." if judging.importance(focus.units) else "I see."
    shown = Event("note", "", units=tuple(material.shown))
    window = Window(system=material.instructions, blocks=(), events=(shown,))
    return searching.conclude(question, window)


def _guidance(field: Field, focus: Focus, material: Materials) -> str:
    wrong = [unit for unit in focus.units if deciding.reaction(unit)]
    told = [unit for unit in focus.units if facts.tells(unit)]
    chosen = wrong[-1:] or facts.weightiest(told, 60, 1)
    return f"Keep in mind: {facts.noted(chosen[0])}" if chosen else ""


def _reason(field: Field, focus: Focus, material: Materials) -> str:
    if focus.over is not None:
        return f"{focus.how}: {words.shorten(focus.over.text, 30)}"
    wrong = [unit for unit in focus.units if deciding.reaction(unit)]
    chosen = wrong[-1:] or facts.weightiest(list(focus.units), 60, 1)
    return facts.noted(chosen[0]) if chosen else ""


def _steps(field: Field, focus: Focus, material: Materials) -> str:
    units = choosing.statements(field, material) if focus.whole else focus.units
    return "\n".join(f"{n}. {facts.noted(unit)}" for n, unit in enumerate(units, 1))


def _telling(field: Field, focus: Focus, material: Materials) -> str:
    """The sentence that shares most words with what a field says of itself, else the weightiest."""
    wanted = words.stems(field.said)
    units = [unit for unit in focus.units if facts.tells(unit)]
    if not units:
        return ""
    best = max(units, key=lambda unit: len(unit.stems & wanted))
    if not best.stems & wanted:
        best = next(iter(facts.weightiest(units, 60, 1)), units[0])
    return facts.noted(best)


def _asked(field: Field, focus: Focus, material: Materials) -> str:
    if material.question is not None and not focus.name:
        return material.question.text
    names = [focus.name] if focus.name else choosing.subjects(focus.units, 1)
    return focusing.question_about(names[0]) if names else ""


def _joined(field: Field, focus: Focus, material: Materials) -> str:
    named = field.meaning == fields.ENTITIES
    found = choosing.entities(focus.units) if named else choosing.keywords(focus.units, _JOINED)
    return ", ".join(found[:_JOINED]) if field.plural else next(iter(found), "")


def _speaker(field: Field, focus: Focus, material: Materials) -> str:
    said = next((unit.speaker for unit in focus.units if unit.speaker), "")
    return said if said not in ("memory", "human") else "user"


def _query(field: Field, focus: Focus, material: Materials) -> str:
    if material.question is not None:
        return " ".join(material.question.terms)
    return " ".join(choosing.keywords(focus.units, 4))


def _code(field: Field, focus: Focus, material: Materials) -> str:
    return "\n\n".join(material.code)


_TEXTS: dict[str, Callable[[Field, Focus, Materials], str]] = {
    fields.STATEMENT: _statement, fields.SUMMARY: _summary, fields.TITLE: _title,
    fields.KEYWORDS: _joined, fields.ENTITIES: _joined, fields.QUESTION: _asked,
    fields.QUERY: _query, fields.SUBJECT: _part("subject"), fields.PREDICATE: _part("predicate"),
    fields.OBJECT: _part("object"), fields.DATE: _date, fields.SPEAKER: _speaker,
    fields.WHOLE: _whole, fields.REPLY: _reply, fields.GUIDANCE: _guidance,
    fields.STEPS: _steps, fields.REASON: _reason, fields.CODE: _code,
}  # fmt: skip
