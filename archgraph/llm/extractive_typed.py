"""Answers a typed call: one tool named `answer` whose arguments are the result.

Called by the offline policy (`extractive.Extractive`). It reads what each field asks for by its
words (`extractive_fields`), decides what the answer or each of its items is about, and fills the
fields from the material. Nothing here depends on an architecture; the rules are listed in
docs/explanation/offline-policy.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archgraph.llm import base
from archgraph.llm import extractive_choosing as choosing
from archgraph.llm import extractive_deciding as deciding
from archgraph.llm import extractive_fields as fields
from archgraph.llm import extractive_focus as focusing
from archgraph.llm import extractive_materials as materials
from archgraph.llm import extractive_tasks as tasks
from archgraph.llm import extractive_triples as triples
from archgraph.llm import extractive_values as values
from archgraph.llm.extractive_fields import Field
from archgraph.llm.extractive_focus import Focus
from archgraph.llm.extractive_materials import Materials, Record
from archgraph.llm.extractive_reading import Unit

ANSWER = "answer"
"""The name of the one tool of a typed call."""


def wanted(request: base.Request) -> Mapping[str, Any] | None:
    """The schema that a request wants an answer by, None if it is no typed call."""
    if len(request.tools) != 1 or request.tool_choice in ("none", "auto"):
        return None
    function: Mapping[str, Any] = request.tools[0].get("function", request.tools[0])
    parameters = function.get("parameters") or {}
    named = function.get("name") == ANSWER and parameters.get("properties")
    shown = next((m for m in request.messages if m.get("role") == "user"), None)
    packed = shown is not None and str(shown.get("content")).startswith('{"type"')
    return parameters if named and not packed else None


def answer(request: base.Request, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the answer: valid by the schema, "" or [] where nothing is found."""
    material = materials.read(request.messages)
    listed = _listed(schema)
    if listed is None:
        units = materials.units_of(material.new)
        return _filled(fields.read(schema), _whole(fields.read(schema), units, material), material)
    name, given = listed
    found = fields.read(given["items"])
    most = int(given.get("maxItems") or 0)
    items = [_filled(found, focus, material) for focus in _foci(found, material, most)]
    items = _once(items)[: most or None]
    while len(items) < int(given.get("minItems") or 0):
        items.append(_filled(found, Focus(()), material))
    return {name: items}


def _listed(schema: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """The one property that lists the results, if the schema is of many."""
    properties = schema.get("properties") or {}
    for name, given in properties.items():
        items = given.get("items") or {}
        if len(properties) == 1 and items.get("type") == "object" and items.get("properties"):
            return name, given
    return None


def _once(items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [item for n, item in enumerate(items) if item not in items[:n]]


def _filled(found: Sequence[Field], focus: Focus, material: Materials) -> dict[str, Any]:
    filled: dict[str, Any] = {}
    for field in found:
        value = values.fill(field, focus, material)
        if field.required or value not in ("", [], None):
            filled[field.name] = _empty(field) if value is None and not field.nullable else value
    if focus.how == triples.APART or _adds(found, filled):
        _untie(found, filled, material)
    return filled


def _empty(field: Field) -> Any:
    return {"array": [], "object": {}, "boolean": False, "integer": 0, "number": 0}.get(
        field.type, ""
    )


def _adds(found: Sequence[Field], filled: Mapping[str, Any]) -> bool:
    chosen = [filled.get(f.name) for f in found if f.meaning == fields.DECISION]
    return any(fields.operation(str(value)) == "add" for value in chosen)


def _untie(found: Sequence[Field], filled: dict[str, Any], material: Materials) -> None:
    """Take the target away from what is to be added: there is none."""
    if not any(f.meaning == fields.DECISION for f in found):
        return
    for field in found:
        if field.type != "string" or not focusing.names_records(field, material):
            continue
        if not field.enum or "" in field.enum:
            filled[field.name] = ""
            if not field.required:
                del filled[field.name]


# --- what an answer is about ---------------------------------------------------------------------


def _whole(found: Sequence[Field], units: list[Unit], material: Materials) -> Focus:
    """One answer: about all that is new; over the older record that stands closest to it."""
    near = deciding.nearest(material.told, material.old) if _compares(found, material) else None
    over, how = near or (None, triples.APART)
    return Focus(tuple(units), material.new, over=over, how=how, whole=True)


def _compares(found: Sequence[Field], material: Materials) -> bool:
    """Whether an answer is about the new beside the old: it decides, or it names a record."""
    named = any(focusing.names_records(f, material) for f in found if f.type == "string")
    decides = any(f.meaning == fields.DECISION for f in found)
    return decides or (named and material.question is None)


def _foci(found: Sequence[Field], material: Materials, most: int) -> list[Focus]:
    """What each item is about: a triple, a statement, an older record, a question, or a name."""
    meanings = {field.meaning for field in found}
    if meanings >= {fields.SUBJECT, fields.OBJECT}:
        return _triples(found, material)
    by_id = [f for f in found if f.type != "array" and focusing.names_records(f, material)]
    if any(f.meaning == fields.STEPS and f.type == "array" for f in found):
        steps = choosing.statements(next(f for f in found if f.meaning == fields.STEPS), material)
        return [_whole(found, steps, material)] if steps else []
    if fields.STATEMENT in meanings or fields.STEPS in meanings:
        return _statements(found, material, most)
    if by_id:
        return _records(found, by_id[0], material, most)
    if meanings & {fields.QUESTION, fields.QUERY}:
        return _names(found, material, most)
    if meanings & {fields.TITLE, fields.ENTITIES, fields.SUBJECT}:
        return _names(found, material, most)
    return _statements(found, material, most)


def _source(unit: Unit, records: Sequence[Record]) -> tuple[Record, ...]:
    """The record that a sentence or clause comes from."""
    held = (r for r in records if any((u.raw, u.at) == (unit.raw, unit.at) for u in r.units))
    return tuple(held)[:1]


def _statements(found: Sequence[Field], material: Materials, most: int) -> list[Focus]:
    driver = next((f for f in found if f.meaning in (fields.STATEMENT, fields.STEPS)), None)
    units = choosing.statements(driver, material, most)
    return [_stated(found, unit, material) for unit in units]


def _stated(
    found: Sequence[Field], unit: Unit, material: Materials, triple: triples.Triple | None = None
) -> Focus:
    near = deciding.nearest([unit], material.old) if _compares(found, material) else None
    over, how = near or (None, triples.APART)
    return Focus((unit,), _source(unit, material.records), triple, over, how)


def _triples(found: Sequence[Field], material: Materials) -> list[Focus]:
    driver = next((f for f in found if f.meaning == fields.STATEMENT), None)
    units = choosing.statements(driver, material)
    return [_stated(found, unit, material, triple) for triple, unit in triples.of_units(units)]


def _records(found: Sequence[Field], by_id: Field, material: Materials, most: int) -> list[Focus]:
    """The older records that a question asks for, or that the new ones touch."""
    allowed = {str(value) for value in by_id.enum}
    known = [r for r in material.records if r.id and (not allowed or r.id in allowed)]
    if not allowed:
        known = [r for r in known if r in material.old] or known
    units = [u for u in material.told if u not in materials.units_of(known)]
    meanings = {field.meaning for field in found}
    if meanings & {fields.RELEVANCE, fields.IMPORTANCE}:
        chosen = known
    elif material.question is not None and fields.DECISION not in meanings:
        chosen = choosing.for_question(material.question, known, most)
    else:
        chosen = [record for record in known if deciding.nearest(units, [record])]
    foci = []
    for record in chosen:
        near = deciding.nearest(units, [record])
        how = near[1] if near else triples.APART
        beside = tuple(u for u in units if near and deciding.nearest([u], [record]))
        own = (record,)
        foci.append(Focus(record.units, own, over=record, how=how, of_old=True, beside=beside))
    return foci


def _names(found: Sequence[Field], material: Materials, most: int) -> list[Focus]:
    """The entities that the material is about, each with the sentences that mention it."""
    units = materials.units_of(material.new)
    field = next(f for f in found if f.meaning in _NAMING)
    asked = tasks.count(f"{field.said}\n{material.instructions}", 0)
    if field.meaning in (fields.QUESTION, fields.QUERY):
        names = choosing.subjects(units, asked or min(most or 3, 3))
    elif field.meaning == fields.TITLE and field.words not in ("name", "entity name"):
        names = choosing.subjects(units, asked or most or 3)
    else:
        names = choosing.entities(units)[: most or None]
    foci = []
    for name in names:
        said = tuple(u for u in units if name.lower() in f"{u.speaker}: {u.text}".lower())
        source = tuple(r for r in material.records if set(r.units) & set(said))
        foci.append(Focus(said, source, name=name))
    return foci


_NAMING = (fields.QUESTION, fields.QUERY, fields.TITLE, fields.ENTITIES, fields.SUBJECT)
