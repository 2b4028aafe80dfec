"""What a typed answer or one of its items is about, and which records it may name.

Called by `extractive_typed`, `extractive_values` and `extractive_texts`. Knows fields by their
words, and no schemas.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from archgraph.llm import extractive_choosing as choosing
from archgraph.llm import extractive_deciding as deciding
from archgraph.llm import extractive_fields as fields
from archgraph.llm import extractive_tasks as tasks
from archgraph.llm import extractive_triples as triples
from archgraph.llm.extractive_fields import Field
from archgraph.llm.extractive_materials import Materials, Record
from archgraph.llm.extractive_reading import Unit

_QUESTIONS = 3


@dataclass(frozen=True, slots=True)
class Focus:
    """What an answer or one of its items is about.

    `units` are its sentences, `source` the records that they come from. `over` is the older record
    that it concerns and `how` it stands to that one; `of_old` says that the item is that record.
    `name` is an entity, where the item is one. `whole` says that it is about all that is new.
    `beside` are new sentences that touch the older record of an item.
    """

    units: tuple[Unit, ...]
    source: tuple[Record, ...] = ()
    triple: triples.Triple | None = None
    over: Record | None = None
    how: str = triples.APART
    of_old: bool = False
    name: str = ""
    whole: bool = False
    beside: tuple[Unit, ...] = ()


def names_records(field: Field, material: Materials) -> bool:
    """Whether the allowed values of a field are ids of records, or it asks for ids freely."""
    ids = {record.id for record in material.records if record.id}
    allowed = {str(value) for value in field.enum} - {""}
    if field.enum:
        return bool(allowed & ids) or (not allowed)
    return field.meaning == fields.ID


_OWN = re.compile(r"evidence|source|based on|cites?|supports?|derived|origin|message|said in", re.I)


def ids(field: Field, focus: Focus, material: Materials, most: int) -> list[str]:
    """The ids of the records that a field asks for, best first."""
    allowed = {str(value) for value in field.enum} - {""}
    known = [r for r in material.records if r.id and not material.barred(r.id)]
    known = [r for r in known if r.id in allowed] if field.enum else known
    own = {record.id for record in focus.source}
    if focus.of_old and focus.over:
        return [focus.over.id] if focus.over in known else []
    picked = _picked(field, focus, material, known)
    if picked is not None:
        return [record.id for record in picked][: most or None]
    if focus.whole and material.question is not None:
        return _named([], material, known, most)
    if _OWN.search(field.words) or (allowed and allowed <= {r.id for r in material.new}):
        mine = [r for r in known if r.id in own and not focus.whole]
        rest = [r for r in choosing.alike(focus.units, known) if r not in mine]
        return _named([*mine, *rest], material, known, most)
    if focus.over is not None and most == 1:
        return [focus.over.id] if focus.over in known else []
    others = [r for r in known if r.id not in own or focus.whole]
    if not field.enum:
        others = [r for r in others if r in material.old] or others
    found = choosing.alike(focus.units, [r for r in others if r not in focus.source])
    return [record.id for record in found][: most or None]


_ENDS = re.compile(r"contradict|conflict|invalid|supersede|outdated|stale|obsolete|replaces")
_AGAIN = re.compile(r"duplicate|same|redundant")


def _picked(
    field: Field, focus: Focus, material: Materials, known: Sequence[Record]
) -> list[Record] | None:
    """The records that the new ends or says already, or those to drop or keep; None if not asked.

    Of a list about all that is new, the records that a later one says again or changes go too.
    """
    does = fields.operation(field.words.split(" ")[-1]) or fields.operation(field.words)
    picks = does in ("delete", "invalidate", "keep") and field.type == "array" and focus.whole
    ends, again = _ENDS.search(field.words), _AGAIN.search(field.words)
    if not picks and not ends and not again:
        return None
    wanted = (triples.SAME,) if again else (triples.CHANGED, triples.DENIED)
    units = material.told if focus.whole else focus.units
    gone = [
        record
        for record in known
        if record in material.old and (found := deciding.nearest(units, [record]))
        if found[1] in wanted
    ]
    if focus.whole and field.type == "array":
        gone += [r for r in deciding.superseded(known) if r not in gone]
    return [r for r in known if r not in gone] if does == "keep" else gone


def _named(
    first: Sequence[Record], material: Materials, known: Sequence[Record], most: int
) -> list[str]:
    """Ids of records, then of those that a question asks for if there are none."""
    found = [record.id for record in first]
    if not found and material.question is not None:
        chosen = choosing.for_question(material.question, known, most)
        found = [record.id for record in chosen]
    return found[: most or None]


def questions(field: Field, units: Sequence[Unit], material: Materials) -> list[str]:
    """Questions about what sentences are most about; search words where those are asked for."""
    most = field.most or tasks.count(f"{field.said}\n{material.instructions}", _QUESTIONS)
    named = choosing.subjects(units, most)
    if field.meaning == fields.QUERY:
        asked = [" ".join(material.question.terms)] if material.question else []
        return (asked + named)[:most]
    return [question_about(name) for name in named]


def question_about(name: str) -> str:
    """The question that asks for what is known of something."""
    return f"What is known about {name}?"
