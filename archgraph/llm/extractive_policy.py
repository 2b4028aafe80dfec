"""Decides what to do next: the rules of the offline policy, in their order.

Called by `extractive.Extractive` with a read window and the tools that were sent. A decision
depends on these two and on nothing else; what was tried before is seen in the window, so that no
call is made twice and every search ends.

In order: a text task where there are no tools; saving under memory pressure; a job where there is
a list of tasks; background work of a thread that cannot reply; then the user's message, whose
facts are saved before it is answered.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from archgraph.llm import extractive_answering as answering
from archgraph.llm import extractive_code as code
from archgraph.llm import extractive_facts as facts
from archgraph.llm import extractive_jobs as jobs
from archgraph.llm import extractive_obeying as obeying
from archgraph.llm import extractive_records as records
from archgraph.llm import extractive_searching as searching
from archgraph.llm import extractive_tasks as tasks
from archgraph.llm import extractive_tending as tending
from archgraph.llm import extractive_tools as tools
from archgraph.llm import extractive_words as words
from archgraph.llm.extractive_moves import Call, Move
from archgraph.llm.extractive_reading import Event, Unit, Window

MOST_CALLS = 30
"""Calls per user message after which the policy answers with what it has."""

_TENDS = (tools.WRITE, tools.REWRITE, tools.FIELD, tools.NOTE)
_MOST_SAVES = 4
_MOST_RELIEF = 2
_NOTE_WORDS = 150
_RELIEF_CHARACTERS = 600
_LONGEST_GOAL = 400
_REMEMBERED, _HEARD, _GREETING = "I'll remember that.", "I see.", "Hello! How can I help you?"


def decide(window: Window, kit: tools.Kit, must_call: bool = False) -> Move:
    """The next move. With `must_call` it has a call, be it one that changes nothing."""
    if not kit.tools:
        return Move(text=code.verdict(window) or _without_tools(window))
    move = _told_to_call(window, kit) or _choose(window, kit)
    return _idle(window, kit) if must_call and not move.calls else move


def _choose(window: Window, kit: tools.Kit) -> Move:
    if window.message is None:
        window = _recalled(window, kit)
    work = jobs.next_move(window, kit, _hands(window, kit))
    if window.alerted > window.asked:
        relief = _relieve(window, kit)
        if relief and not (work and relief.rests):
            return relief
    if work:
        return work
    if _in_background(window, kit):
        return _consolidate(window, kit)
    if window.message is None:
        return _unasked(window, kit)
    if _answered(window, kit):
        return _end(window, kit)
    coded = code.next_move(window, kit, lambda text: _reply(window, kit, text))
    return coded or _attend(window, kit, window.message)


def _hands(window: Window, kit: tools.Kit) -> jobs.Hands:
    """How a job is carried out: what it needs of these rules."""
    return jobs.Hands(
        write=lambda seen, fact: _write(seen, kit, [fact], again=True),
        reply=lambda text: _reply(window, kit, text),
        answered=_answered(window, kit),
    )


_GOAL = "I look this up to answer: "


def _recalled(window: Window, kit: tools.Kit) -> Window:
    """The window with the user's message taken from an own thought, if it has left the view.

    An eviction in mid-turn can take the question away while the search for it goes on.
    """
    replies = {tool.name for tool in kit.of(tools.REPLY)}
    last = max((n for n, call in enumerate(window.made) if call.name in replies), default=-1)
    since = window.made[last + 1 :]
    thoughts = [v for call in since for v in call.arguments.values() if isinstance(v, str)]
    goal = next((v.removeprefix(_GOAL) for v in thoughts if v.startswith(_GOAL)), "")
    if not goal:
        return window
    events = (Event("user", goal), *window.events)
    alerted = window.alerted + 1 if window.alerted >= 0 else -1
    return replace(window, events=events, asked=0, alerted=alerted, since_asked=since)


def _without_tools(window: Window) -> str:
    task = tasks.task_of(window)
    if task:
        return tasks.perform(task, window)
    if window.message is None:
        return ""
    question = answering.question_in(window.message.text)
    if question is None:
        return _small_talk(window.message, False)
    return searching.conclude(question, window)


# --- the user's message --------------------------------------------------------------------------


def _answered(window: Window, kit: tools.Kit) -> bool:
    replies = {tool.name for tool in kit.of(tools.REPLY)}
    if not replies:
        return bool(window.told)
    tried = [attempt for attempt in window.since_asked if attempt.name in replies]
    return any(attempt.ok for attempt in tried) or len(tried) > 1


def _unasked(window: Window, kit: tools.Kit) -> Move:
    """No user has said anything: greet one who has come, once, else rest."""
    greeted = any(event.kind in ("said", "result") for event in window.events)
    if not greeted and any(event.name == "login" for event in window.events):
        return _reply(window, kit, _GREETING)
    return _end(window, kit)


def _attend(window: Window, kit: tools.Kit, message: Event) -> Move:
    """Save what a message tells, then answer it; what others have answered is passed on."""
    saving = _save_message(window, kit, message)
    if saving and (saving.calls[0].tool.heartbeat or saving.calls[0].tool.role != tools.WRITE):
        return saving
    then = _respond(window, kit, message, bool(saving))
    if saving:
        return Move(saving.calls + then.calls, then.text)
    return then


def _respond(window: Window, kit: tools.Kit, message: Event, saving: bool) -> Move:
    if answer := obeying.passed_on(window):
        return _reply(window, kit, answer)
    question = answering.question_in(message.text)
    if question is None or len(window.since_asked) >= MOST_CALLS:
        done = saving or any(_is_write(kit, attempt.name) for attempt in window.since_asked)
        if question is None:
            return _reply(window, kit, _small_talk(message, done))
        return _reply(window, kit, searching.conclude(question, window))
    opened = records.open_next(question, window, kit)
    if opened:
        return opened
    window = records.in_full(window, kit)
    search = searching.next_search(question, window, kit)
    if search is None:
        found = searching.conclude(question, window)
        return (_wait(window, kit) if found == answering.UNKNOWN else None) or _reply(
            window, kit, found
        )
    thought = f"{_GOAL}{message.text[:_LONGEST_GOAL]}"
    arguments = tools.arguments(search.tool, True, thought, **search.given)
    return Move((Call(search.tool, arguments),))


def _wait(window: Window, kit: tools.Kit) -> Move | None:
    """Before giving up, wait once for those who tend the memory."""
    tool = kit.one(tools.WAIT)
    if tool is None or any(attempt.name == tool.name for attempt in window.since_asked):
        return None
    return Move((Call(tool, tools.arguments(tool, True, "The memory may lag behind.")),))


def _small_talk(message: Event, saved: bool) -> str:
    if saved:
        return _REMEMBERED
    return _HEARD if len(words.terms(message.text)) > 1 else _GREETING


def _reply(window: Window, kit: tools.Kit, text: str) -> Move:
    tool = kit.one(tools.REPLY)
    if tool is None:
        return Move(text=text)
    arguments = tools.arguments(tool, False, "I answer the user.", text=text)
    return Move((Call(tool, arguments),))


def _end(window: Window, kit: tools.Kit) -> Move:
    """Nothing is left to do: finish where there is a tool for that, else rest."""
    tool = kit.one(tools.FINISH)
    if tool is None or any(a.name == tool.name and a.ok for a in window.attempts):
        return Move()
    return Move((Call(tool, tools.arguments(tool, False, "Nothing is left to do.")),))


def _idle(window: Window, kit: tools.Kit) -> Move:
    """A call that changes nothing, where a call is demanded and nothing is left to do."""
    harmless = (tools.FINISH, tools.PAUSE, tools.SEARCH, tools.REPLY)
    tool = next((tool for role in harmless for tool in kit.of(role)), None)
    if tool is None:
        return Move()
    text = _HEARD if tool.role == tools.REPLY else "anything new"
    given = {"text": text} if tool.text else {}
    arguments = tools.arguments(tool, False, "Nothing is left to do.", **given)
    if tool.role == tools.PAUSE:  # with nothing to do, rest for as long as one may
        arguments |= tools.longest(tool)
    return Move((Call(tool, arguments),))


def _told_to_call(window: Window, kit: tools.Kit) -> Move | None:
    """Obey a message, just received, that names tools which must be called, or alone may be."""
    tool = obeying.demanded(window, kit)
    if tool is None:
        return None
    said = window.message.text if window.message else "Nothing new."
    text = " ".join(words.terms(said)) if tool.role == tools.SEARCH else said
    if tool.role == tools.REPLY:
        return _respond(window, kit, window.message, False) if window.message else None
    given = {"text": text, **({"store": tools.best_store(tool, text)} if tool.stores else {})}
    return Move((Call(tool, tools.arguments(tool, True, "I was told to.", **given)),))


# --- saving --------------------------------------------------------------------------------------


def _is_write(kit: tools.Kit, name: str) -> bool:
    tool = kit.named(name)
    written = (tools.WRITE, tools.REWRITE, tools.REPLACE, tools.FIELD)
    return tool is not None and tool.role in written


def _save_message(window: Window, kit: tools.Kit, message: Event) -> Move | None:
    written = [a for a in window.since_asked if _is_write(kit, a.name)]
    if sum(a.ok for a in written) or len(written) >= _MOST_SAVES:
        return records.relate(window, kit)
    units = message.units
    if answering.question_in(message.text):  # what else such a message says is mostly instruction
        units = tuple(unit for unit in units if facts.personal(unit))
    news = facts.unsaved(facts.of_units(units), window)
    return _write(window, kit, news, again=True)


def _write(window: Window, kit: tools.Kit, news: Sequence[str], again: bool) -> Move | None:
    """Save facts: over the line that they supersede, else where there is room."""
    if not news:
        return None
    changed = _change(window, kit, news[0], again) if len(news) == 1 else None
    changed = changed or records.change(window, kit, news)
    if changed:
        return changed
    text = "\n".join(news)
    place = _place(window, kit, text)
    if place is None:
        return None
    tool, store = place
    if tool.more:
        return records.write(window, tool, news, again, store)
    given = {"text": text, **({"store": store} if store else {})}
    return Move((Call(tool, tools.arguments(tool, again, "This is worth keeping.", **given)),))


def _change(window: Window, kit: tools.Kit, fact: str, again: bool) -> Move | None:
    tool = kit.one(tools.REPLACE)
    if tool is None or any(a.name == tool.name for a in window.attempts):
        return None
    open_blocks = [b for b in window.blocks if not tool.stores or b.label in tool.stores]
    found = facts.superseded(fact, open_blocks)
    if found is None:
        return None
    block, line = found
    given = {"old": line, "new": fact, "store": block.label}
    return Move((Call(tool, tools.arguments(tool, again, "This has changed.", **given)),))


def _place(window: Window, kit: tools.Kit, text: str) -> tuple[tools.Tool, str] | None:
    """The first write tool, and its store, that is neither full nor has failed just now."""
    shown = {block.label for block in window.blocks}
    writers = sorted(kit.of(tools.WRITE), key=lambda tool: not shown & set(tool.stores))
    for tool in writers:
        failed = _failed(tool, window, len(text))
        if not tool.stores:
            if not failed:
                return tool, ""
            continue
        barred = {str(arguments.get(tool.store)) for arguments in failed}
        barred |= {b.label for b in window.blocks if b.limit and b.used + len(text) + 1 > b.limit}
        store = tools.best_store(tool, text, frozenset(barred | tending.own(tool)))
        if store:
            return tool, store
    return None


def _failed(tool: tools.Tool, window: Window, size: int) -> list[Mapping[str, Any]]:
    """Arguments of calls that failed with no more text; a much shorter text may still fit."""
    return [
        attempt.arguments
        for attempt in window.made
        if attempt.name == tool.name
        and not attempt.ok
        and len(str(attempt.arguments.get(tool.text, ""))) <= 2 * size
    ]


# --- pressure ------------------------------------------------------------------------------------


def _relieve(window: Window, kit: tools.Kit) -> Move | None:
    """Save what would be lost, oldest first; None when that is done and an answer is due.

    While a user waits, one note is enough: what is saved takes room in the window too.
    """
    waiting = window.message is not None and not _answered(window, kit)
    since = window.since_asked if waiting else window.attempts
    writes = [attempt.ok for attempt in since if _is_write(kit, attempt.name)]
    if sum(writes) < (1 if waiting else _MOST_RELIEF) and len(writes) <= _MOST_SAVES:
        earlier = [e for n, e in enumerate(window.events) if not waiting or n != window.asked]
        told = [u for e in earlier if e.kind in ("user", "transcript") for u in e.units]
        news = facts.unsaved(facts.of_units(_weighty(told)), window)
        batch = _first(news, _RELIEF_CHARACTERS)
        more = len(batch) < len(news) and sum(writes) + 1 < _MOST_RELIEF
        move = _write(window, kit, batch, again=waiting or more)
        if move:
            return move
    return None if waiting else _end(window, kit)


def _first(news: Sequence[str], characters: int) -> list[str]:
    """As many of the first facts as fit."""
    sizes = itertools.accumulate(len(fact) + 1 for fact in news)
    return [fact for fact, size in zip(news, sizes, strict=True) if size <= characters]


def _weighty(units: Sequence[Unit]) -> list[Unit]:
    return facts.weightiest([unit for unit in units if facts.tells(unit)], _NOTE_WORDS)


# --- background ----------------------------------------------------------------------------------


def _in_background(window: Window, kit: tools.Kit) -> bool:
    """Whether this thread has no way to reply, and was not addressed by a user."""
    if kit.of(tools.REPLY):
        return False
    return bool(kit.of(tools.FINISH)) or (window.message is None and bool(kit.of(*_TENDS)))


def _consolidate(window: Window, kit: tools.Kit) -> Move:
    """Save what the transcript tells, leave a note for others, and finish."""
    units = _transcript(window)
    news = facts.unsaved(facts.of_units(_weighty(units)), window)
    tried = {attempt.name for attempt in window.attempts}
    calls = len(window.attempts)
    if news and calls < _MOST_SAVES:
        move = (
            _rewrite(window, kit, news, tried, roomy=True)
            or _write(window, kit, news, again=True)
            or _rewrite(window, kit, news, tried, roomy=False)
        )
        if move:
            return move
    note = next((tool for tool in kit.of(tools.NOTE) if tool.name not in tried), None)
    told = facts.of_units(facts.weightiest([u for u in units if facts.tells(u)], 30, 1))
    if note and told and calls < _MOST_SAVES:
        text = f"Keep in mind: {told[0]}"
        return Move((Call(note, tools.arguments(note, True, "Others should know.", text=text)),))
    return _end(window, kit)


def _transcript(window: Window) -> list[Unit]:
    """What was said by others: messages, transcripts, and sections whose lines carry times."""
    said = [u for e in window.events if e.kind in ("user", "transcript", "note") for u in e.units]
    return said + [unit for b in window.blocks for unit in b.units if unit.at is not None]


def _rewrite(
    window: Window, kit: tools.Kit, news: Sequence[str], tried: set[str], roomy: bool
) -> Move | None:
    """Bring a section up to date: its fields where it has some, else the whole of it anew."""
    tool = next((t for t in kit.of(tools.FIELD, tools.REWRITE) if t.name not in tried), None)
    if tool is None:
        return None
    if tool.role == tools.FIELD:
        changes = tending.fields(window, tool, news)
    else:
        made = tending.rewritten(window, tool, news, roomy)
        changes = [made] if made else []
    thought = "I bring this up to date."
    calls = tuple(Call(tool, tools.arguments(tool, True, thought, **given)) for given in changes)
    return Move(calls) if calls else None
