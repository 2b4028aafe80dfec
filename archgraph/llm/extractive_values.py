"""Fills one field of a typed answer from what the answer, or its item, is about.

Called by `extractive_typed`, and by the policy for tools with many arguments. A value always fits
its field: of its type, among its allowed values, within its bounds. Knows no messages.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from archgraph.llm import extractive_answering as answering
from archgraph.llm import extractive_choosing as choosing
from archgraph.llm import extractive_deciding as deciding
from archgraph.llm import extractive_facts as facts
from archgraph.llm import extractive_fields as fields
from archgraph.llm import extractive_focus as focusing
from archgraph.llm import extractive_judging as judging
from archgraph.llm import extractive_materials as materials
from archgraph.llm import extractive_tasks as tasks
from archgraph.llm import extractive_texts as texts
from archgraph.llm import extractive_words as words
from archgraph.llm.extractive_fields import Field
from archgraph.llm.extractive_focus import Focus
from archgraph.llm.extractive_materials import Materials

_KEYWORDS = 5


def fill(field: Field, focus: Focus, material: Materials) -> Any:
    """The value of a field. None, where that is not allowed, says that there is none."""
    if field.type == "array":
        return _bounded(_listed(field, focus, material), field)
    if field.type == "boolean":
        return deciding.verdict(field, material, focus.units)
    if field.type in ("integer", "number"):
        return _number(field, focus, material)
    if field.type == "object":
        return {}
    if field.enum:
        return _chosen(field, focus, material)
    text = texts.write(field, focus, material)
    return None if field.nullable and not text else _cut(text, field.most)


# --- enumerations and ids ------------------------------------------------------------------------


def _chosen(field: Field, focus: Focus, material: Materials) -> Any:
    if field.meaning == fields.DECISION:
        return deciding.decide(field, focus.how, focus.of_old)
    if focusing.names_records(field, material):
        found = focusing.ids(field, focus, material, 1)
        named = found or ([""] if "" in field.enum else [])
        if named:
            return next(value for value in field.enum if str(value) == named[0])
        return None if field.nullable else field.enum[0]
    if focus.name:
        sort = judging.sort_of(focus.name, focus.units)
        named = [v for v in field.enum if re.search(rf"\b(?:{sort})", fields.spaced(str(v)))]
        if sort and named:
            return named[0]
    units = focus.units or tuple(materials.units_of(material.new))
    ranked = judging.kinds(field, units)
    return ranked[0][1]


# --- lists ---------------------------------------------------------------------------------------


def _listed(field: Field, focus: Focus, material: Materials) -> list[Any]:
    most = field.most or tasks.count(field.said, 0)
    if focusing.names_records(field, material):
        named = focusing.ids(field, focus, material, most)
        return [v for name in named for v in field.enum if str(v) == name] if field.enum else named
    if field.enum:
        ranked = judging.kinds(field, focus.units)
        fitting = [value for score, value in ranked if score >= 1]
        return fitting or [value for _, value in ranked[: field.fewest]]
    if field.meaning in (fields.ENTITIES, fields.SPEAKER, fields.SUBJECT, fields.OBJECT):
        return choosing.entities(focus.units)
    if field.meaning in (fields.KEYWORDS, fields.TITLE, fields.KIND, fields.PREDICATE):
        found = choosing.keywords((*focus.units, *focus.beside), most or _KEYWORDS)
        return [word.lower() for word in found] if "tag" in field.words else found
    if field.meaning in (fields.QUESTION, fields.QUERY):
        return focusing.questions(field, focus.units, material)
    if field.meaning == fields.CODE:
        return list(material.code)
    units = list(focus.units)
    if focus.whole:
        units = choosing.statements(field, material, most)
    return [facts.noted(unit) for unit in units]


def _bounded(values: list[Any], field: Field) -> list[Any]:
    """A list without repetitions, within its bounds."""
    found = [v for v in dict.fromkeys(values) if not (isinstance(v, str) and not v.strip())]
    found = found[: field.most] if field.most else found
    spare = list(field.enum) or [""]
    while len(found) < field.fewest:
        found.append(spare[len(found) % len(spare)])
    return found


# --- numbers -------------------------------------------------------------------------------------

_SCALE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:to|-|–|and|\.\.)\s*(\d+(?:\.\d+)?)")  # noqa: RUF001


def _number(field: Field, focus: Focus, material: Materials) -> float | int | None:
    if field.enum:
        first: float = field.enum[0]
        return first
    low, high = _scale(field)
    shares: dict[str, Callable[[], float]] = {
        fields.IMPORTANCE: lambda: judging.importance(focus.units),
        fields.CONFIDENCE: lambda: judging.confidence(focus.units),
        fields.RELEVANCE: lambda: _relevance(focus, material),
    }
    if field.meaning in shares:
        value: float = low + shares[field.meaning]() * (high - low)
    else:
        named = focusing.ids(field, focus, material, 1) if field.meaning == fields.ID else []
        told = float(named[0]) if named and named[0].isdigit() else _told_number(field, focus)
        if told is None and field.nullable:
            return None
        value = told or 0.0
    value = max(value, field.low) if field.low is not None else value
    value = min(value, field.high) if field.high is not None else value
    if field.type == "number":
        return round(value, 3) if _within(round(value, 3), field) else value
    whole = round(value)
    if field.low is not None and whole < field.low:
        whole = math.ceil(field.low)
    if field.high is not None and whole > field.high:
        whole = math.floor(field.high)
    return whole


def _within(value: float, field: Field) -> bool:
    low = field.low is None or value >= field.low
    return low and (field.high is None or value <= field.high)


def _scale(field: Field) -> tuple[float, float]:
    """The ends of a scale: the field's bounds, else those its description says, else usual ones."""
    said = _SCALE.search(field.said)
    low, high = (float(said[1]), float(said[2])) if said else (0.0, 0.0)
    if low >= high:
        whole = field.type == "integer" and field.meaning != fields.CONFIDENCE
        low, high = (1.0, 10.0) if whole else (0.0, 1.0)
    low = field.low if field.low is not None else low
    high = field.high if field.high is not None else max(high, low)
    return low, high


def _relevance(focus: Focus, material: Materials) -> float:
    """The share of the question that is covered, else the likeness to the nearest older record."""
    if material.question is not None:
        best = answering.weigh(material.question, focus.units)[:1]
        return best[0].score if best else 0.0
    rest = material.new if focus.of_old else material.old
    told = [materials.content(unit.text) for unit in focus.units]
    return max((materials.likeness(t, r.content) for t in told for r in rest), default=0.0)


def _told_number(field: Field, focus: Focus) -> float | None:
    """The number nearest to the field's words in the first sentence that has one."""
    found: list[tuple[int, float]] = []
    wanted = words.stems(field.words)
    for unit in focus.units:
        for match in re.finditer(r"(?<![\w.-])\d+(?:\.\d+)?(?![\w-])", unit.text):
            shared = -len(wanted & unit.stems)
            found.append((shared, float(match.group(0))))
    return min(found, key=lambda pair: pair[0])[1] if found else None


def _cut(text: str, most: int) -> str:
    """A text within a number of characters, cut between words."""
    if not most or len(text) <= most:
        return text
    cut = text[:most].rsplit(maxsplit=1)
    return (cut[0] if len(cut) > 1 else text[:most]).rstrip()
