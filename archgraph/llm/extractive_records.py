"""Works on records that a window shows with their ids: fills, changes, links and opens them.

Called by the offline policy where a thread has tools for it. What was tried is seen in the window,
so that nothing is opened or changed twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from archgraph.llm import extractive_answering as answering
from archgraph.llm import extractive_choosing as choosing
from archgraph.llm import extractive_deciding as deciding
from archgraph.llm import extractive_fields as fields
from archgraph.llm import extractive_focus as focusing
from archgraph.llm import extractive_materials as materials
from archgraph.llm import extractive_reading as reading
from archgraph.llm import extractive_record_tools as record_tools
from archgraph.llm import extractive_tools as tools
from archgraph.llm import extractive_triples as triples
from archgraph.llm import extractive_values as values
from archgraph.llm import extractive_words as words
from archgraph.llm.extractive_materials import Record
from archgraph.llm.extractive_moves import Call, Move
from archgraph.llm.extractive_reading import Attempt, Unit, Window

MOST_OPENED = 3
"""Records opened for one question."""

_STORED = re.compile(r"\(id ([^\s)]+)\)")
_OUTDATES = (triples.CHANGED, triples.DENIED, triples.EXTENDS)


def listed(window: Window) -> list[Record]:
    """The records that sections and results show with ids; the latest showing of each."""
    texts = [block.text for block in window.blocks]
    texts += [e.text for e in window.events if e.kind in ("result", "note", "transcript")]
    found = {r.id: r for text in texts for r in materials.records(text) if r.id and r.units}
    return list(found.values())


# --- writing -------------------------------------------------------------------------------------


def write(window: Window, tool: tools.Tool, news: Sequence[str], again: bool, store: str) -> Move:
    """Write facts with a tool that takes fields beside the text: a call for each fact."""
    calls = []
    for fact in news:
        given = {"text": fact, **({"store": store} if store else {})}
        arguments = tools.arguments(tool, again, "This is worth keeping.", **given)
        calls.append(Call(tool, arguments | _beside(window, tool, fact)))
    return Move(tuple(calls))


def _beside(window: Window, tool: tools.Tool, fact: str) -> dict[str, Any]:
    """The fields beside the text, filled as those of a typed answer are; empty ones left out."""
    at = window.message.at if window.message else None
    units = reading.records(f"- {fact}", "", at)
    news = Record("", fact, units)
    old = materials.Section("existing", "", materials.OLD, tuple(listed(window)))
    new = materials.Section("new", fact, materials.NEW, (news,))
    material = materials.Materials("", (new, old))
    near = deciding.nearest(units, old.records)
    over, how = near or (None, triples.APART)
    focus = focusing.Focus(units, (news,), over=over, how=how)
    schema = {"properties": tool.more, "required": [n for n in tool.more if n in tool.required]}
    filled: dict[str, Any] = {}
    for field in fields.read(schema):
        value = values.fill(field, focus, material)
        if value not in ("", [], None) and (field.required or field.type != "boolean"):
            filled[field.name] = value
    return filled


def change(window: Window, kit: tools.Kit, news: Sequence[str]) -> Move | None:
    """Change the record that a fact outdates; look for it first where none is in view."""
    update, remove = kit.one(record_tools.UPDATE), kit.one(record_tools.REMOVE)
    if update is None and remove is None:
        return None
    known = listed(window)
    for fact in news:
        units = reading.records(f"- {fact}")
        near = deciding.nearest(units, known)
        if near and near[1] in _OUTDATES:
            move = _outdate(window, update, remove, fact, near)
            if move:
                return move
        elif near is None and _corrects(units):
            search = kit.one(tools.SEARCH)
            if search and not any(a.name == search.name for a in window.since_asked):
                query = " ".join(words.terms(fact))
                thought = "What did I know of this before?"
                return Move((Call(search, tools.arguments(search, True, thought, text=query)),))
    return None


def _outdate(
    window: Window,
    update: tools.Tool | None,
    remove: tools.Tool | None,
    fact: str,
    near: tuple[Record, str],
) -> Move | None:
    record, how = near
    tool = update or (remove if how != triples.EXTENDS else None)
    if tool is None or _made(window, tool, record.id):
        return None
    arguments = tools.arguments(tool, True, "This has changed.", id=record.id, text=fact)
    more = _beside(window, tool, fact) if tool is update else {}
    return Move((Call(tool, {**more, **arguments}),))


def _corrects(units: Sequence[Unit]) -> bool:
    """Whether a fact says that something is no longer as it was."""
    return any(triples.CORRECTION.search(unit.text) for unit in units)


def _made(window: Window, tool: tools.Tool, value: str) -> bool:
    """Whether a tool was called with an id since the user's message."""
    made = [a for a in window.since_asked if a.name == tool.name]
    return any(str(a.arguments.get(tool.id)) == value for a in made)


def relate(window: Window, kit: tools.Kit) -> Move | None:
    """Link the record just written with the one in view that it has most in common with."""
    tool = kit.one(record_tools.LINK)
    if tool is None or any(a.name == tool.name for a in window.since_asked):
        return None
    for attempt in reversed(window.since_asked):
        writer, stored = kit.named(attempt.name), _STORED.search(attempt.text or "")
        if writer is None or writer.role != tools.WRITE or not stored or not attempt.ok:
            continue
        fact = reading.records(f"- {attempt.arguments.get(writer.text, '')}")
        others = [record for record in listed(window) if record.id != stored[1]]
        near = choosing.alike(fact, others)[:1]
        if near:
            given = {"id": stored[1], "target": near[0].id, "text": "related to"}
            return Move(
                (Call(tool, tools.arguments(tool, True, "These belong together.", **given)),)
            )
    return None


# --- opening -------------------------------------------------------------------------------------


def open_next(question: answering.Question, window: Window, kit: tools.Kit) -> Move | None:
    """Open the record, shown in short in a section, that a question's words match best."""
    tool = kit.one(record_tools.READ)
    if tool is None:
        return None
    opened = _opened(window, kit)
    if len(opened) >= MOST_OPENED:
        return None
    shown = [r for block in window.blocks for r in materials.records(block.text) if r.id]
    results = [u for attempt in opened for u in attempt.units]
    if deciding.answers(question, results):
        return None
    chosen = choosing.for_question(question, shown, MOST_OPENED)
    record = next((r for r in chosen if not _made(window, tool, r.id)), None)
    if record is None:
        return None
    given: Mapping[str, str] = {"id": record.id}
    return Move((Call(tool, tools.arguments(tool, True, "I read this again.", **given)),))


def _opened(window: Window, kit: tools.Kit) -> list[Attempt]:
    readers = {tool.name for tool in kit.of(record_tools.READ)}
    return [attempt for attempt in window.since_asked if attempt.name in readers and attempt.ok]


def in_full(window: Window, kit: tools.Kit) -> Window:
    """The window with each opened record in place of its short form.

    What the short form speaks of, the whole text speaks of too.
    """
    events, blocks = list(window.events), list(window.blocks)
    for attempt in _opened(window, kit):
        tool = kit.named(attempt.name)
        mark = f"[{attempt.arguments.get(tool.id) if tool else ''}]"
        short = [unit for block in blocks for unit in block.units if unit.raw.startswith(mark)]
        around = frozenset[str]().union(*(unit.stems for unit in short))
        blocks = [
            replace(block, units=tuple(u for u in block.units if u not in short))
            for block in blocks
        ]
        for n, event in enumerate(events):
            if event.units == attempt.units and event.kind == "result":
                units = (replace(unit, around=unit.around | around) for unit in event.units)
                events[n] = replace(event, units=tuple(units))
    return replace(window, blocks=tuple(blocks), events=tuple(events))
