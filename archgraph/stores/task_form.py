"""How tasks are kept as records, read as text, and how what a model writes of them is checked.

Used by the `tasks` store. Pure functions; what waits for what is the affair of `agenda`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from archgraph import clock, errors
from archgraph.stores import agenda, base

Task = agenda.Task

_DAY = 86_400
_SHORT = 40
"""Characters that are shown back to whoever mistyped them."""
_NAMED = 5
"""Ids that are listed one by one."""


# Records


def task(record: base.Record) -> Task:
    """A record as a task."""
    kept = dict(record.fields)
    kept["after"] = tuple(kept.get("after", ()))
    return Task(record.id, record.content, record.status, **kept)


def fields(task: Task) -> dict[str, Any]:
    """What a record keeps of a task besides text and state."""
    kept: dict[str, Any] = {"order": task.order}
    for name in ("priority", "parent", "result"):
        if getattr(task, name):
            kept[name] = getattr(task, name)
    if task.after:
        kept["after"] = list(task.after)
    if task.due is not None:
        kept["due"] = task.due
    return kept


def searched(record: base.Record) -> str:
    """What the search index sees: the task, and what came of it."""
    return f"{record.content} {record.fields.get('result', '')}".rstrip()


# What a model writes


def moment(due: str) -> float | None:
    """When a task is due, in seconds since 1970; a day without a time means its end.

    Raises:
        ToolError: it is no date.
    """
    text = due.strip()
    if not text:
        return None
    try:
        return clock.parse_moment(text) + (_DAY - 1 if len(text) <= len("YYYY-MM-DD") else 0)
    except (ValueError, OverflowError) as error:
        shape = "as YYYY-MM-DD or YYYY-MM-DD HH:MM"
        raise errors.ToolError(f"due must be written {shape}, not {text[:_SHORT]!r}") from error


def check(text: str, what: str, limit: int, *, empty: bool = False) -> None:
    """Refuse a text that is empty (unless it may be), too long, or no whole characters.

    Raises:
        ToolError: the text tells the model what to do.
    """
    if not empty and not text.strip():
        raise errors.ToolError(f"the {what} is empty; nothing was changed")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise errors.ToolError(f"the {what} holds half a character (a lone surrogate)")
    if len(text) > limit:
        raise errors.ToolError(
            f"the {what} has {len(text)} characters and may have {limit}; "
            "say it shorter, or keep the details elsewhere"
        )


def short(id: str) -> str:
    """A mistyped id, as it is shown back."""
    return repr(id[:_SHORT])


# What a model reads


def named(ids: Iterable[str]) -> str:
    """Ids as prose, the first few of them."""
    held = list(ids)
    shown = held[:_NAMED] + ([f"{len(held) - _NAMED} more"] if len(held) > _NAMED else [])
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def line(task: Task, waits: Sequence[str] = (), now: float = 0.0) -> str:
    """A task in a list; on one line, whatever its text holds."""
    notes = [] if task.state == agenda.OPEN else [task.state]
    notes += [f"priority {task.priority}"] if task.priority else []
    if task.due is not None and task.alive:
        notes.append(f"due {clock.stamp(task.due)}{late(task, now)}")
    notes += [f"part of {task.parent}"] if task.parent else []
    notes += [f"waits for {named(waits)}"] if waits else []
    told = f" ({', '.join(notes)})" if notes else ""
    result = f" -> {' '.join(task.result.split())}" if task.result else ""
    return f"- [{task.id}]{told} {' '.join(task.text.split())}{result}"


def late(task: Task, now: float) -> str:
    """A remark on a task whose due time has passed."""
    overdue = task.alive and task.due is not None and task.due < now
    return ", overdue" if overdue else ""


def none_ready(held: agenda.Agenda, ends: Mapping[str, int]) -> str:
    """Why no task can be taken; `ends` are the numbers of closed tasks by state."""
    doing, blocked = held.doing(), held.blocked()
    if doing:
        ids = named(task.id for task in doing)
        verb = "is" if len(doing) == 1 else "are"
        return f"No task is ready: {ids} {verb} being worked on; finish or fail what you began."
    if blocked:
        why = "; ".join(f"{t.id} waits for {named(held.waiting[t.id])}" for t in blocked[:3])
        return f"No task is ready: all {len(blocked)} open tasks are blocked ({why})."
    told = ", ".join(f"{count} {state}" for state, count in ends.items() if count)
    return f"No task is left: {told}." if told else "No task is left: the list is empty."


def fitted(head: str, lines: Sequence[str], tail: str, fits: Any) -> str:
    """As many lines as `fits` allows between head and tail, with a mark where some are cut."""
    for kept in range(len(lines), -1, -1):
        more = [] if kept == len(lines) else ["... [cut: more than fits here]"]
        text = "\n".join([head, *lines[:kept], *more, tail])
        if fits(text):
            return text
    return head
