"""Rules about threads that call threads, and about the fields of events that triggers filter by."""

from __future__ import annotations

from collections.abc import Mapping

from archgraph import errors
from archgraph.graph import build, design, plan, rules_names
from archgraph.spec import architecture, tree
from archgraph.stores import log

_CALLS = (plan.ASK, plan.SIGNAL)
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "log.write": ("kind", "name", "thread"),
    "agent.message": ("role", "name"),
    "agent.opened": ("first",),
}
"""The fields of events where they are always the same; a record's own fields are not known here."""


def called_threads(found: design.Design) -> None:
    """`ask` and `signal` call threads that keep messages; other verbs call none."""
    for name, tool in found.spec.tools.items():
        path: tree.Path = ("tools", name)
        calls = tool.verb in _CALLS
        if calls and not _written(found, (*path, "threads")):
            message = f"the verb {tool.verb!r} calls a thread, and the tool names none"
            near = next(iter(found.spec.threads), "main")
            found.report("needs-thread", message, f"add `threads: [{near}]`", (*path, "verb"))
        _only(found, name, tool)
        node = tree.get(found.loaded.root, (*path, "threads"))
        for index, thread in enumerate(tool.threads):
            listed = node is not None and isinstance(node.value, list)
            place = (*path, "threads", index) if listed else (*path, "threads")
            if rules_names.refer(found, "threads", thread, place) and calls:
                _hears(found, thread, place)


def ask_cycles(found: design.Design, built: plan.Plan) -> None:
    """Threads that ask each other in a circle would wait for each other for ever."""
    asked: dict[tuple[str, str], str] = {}
    for thread in built.threads.values():
        for tool in (built.tools[name] for name in thread.tools):
            for target in tool.threads if tool.verb == plan.ASK else ():
                if target == thread.name:
                    message = f"{thread.name!r} asks itself with {tool.name!r}"
                    remedy = "ask another thread, or take the tool from this one"
                    found.report("ask-cycle", message, remedy, ("tools", tool.name, "threads"))
                elif not tool.within:
                    asked[thread.name, target] = tool.name
    for circle in build.cycles(asked):
        tool_name = next(tool for (a, b), tool in asked.items() if a in circle and b in circle)
        message = f"{' and '.join(circle)} ask each other, and may wait for each other for ever"
        remedy = f"bound the waiting: `within: 5m` at {tool_name}"
        found.report("ask-cycle", message, remedy, ("tools", tool_name), key=True)


def conditions(found: design.Design) -> None:
    """`where` names fields that the event has, with values that they can take."""
    for thread, index, trigger in found.triggers():
        path: tree.Path = ("threads", thread, "triggers", index, "where")
        event = design.event_of(trigger)
        known = _fields_of(found, event)
        for field, value in (trigger.where or {}).items():
            if known is not None and field not in known:
                message = f"the event {event!r} has no field {field!r}"
                remedy = errors.suggest(field, known) if known else "delete `where`"
                found.report("unknown-field", message, remedy, (*path, field), key=True)
                continue
            values = value if isinstance(value, list) else [value]
            _values(found, event, field, [str(each) for each in values], (*path, field))


# Private functions


def _only(found: design.Design, name: str, tool: architecture.Tool) -> None:
    """`threads`, `within` and `mode` stand only beside the verbs that they belong to."""
    verbs = {"threads": _CALLS, "within": (plan.ASK,), "mode": (plan.SIGNAL,)}
    for key, allowed in verbs.items():
        if tool.verb not in allowed and getattr(tool, key):
            message = f"`{key}` belongs to the verb {' or '.join(allowed)}, not to {tool.verb!r}"
            found.report("no-thread", message, f"delete `{key}`", ("tools", name, key), key=True)


def _hears(found: design.Design, thread: str, path: tree.Path) -> None:
    if not isinstance(found.spec.threads[thread], architecture.Thread):
        message = f"{thread!r} is a pipeline, which reads no messages"
        remedy = "give the pipeline a trigger, for example {signal: <tool>} or {event: main.turn}"
        found.report("wrong-kind", message, remedy, path)


def _written(found: design.Design, path: tree.Path) -> bool:
    node = tree.get(found.loaded.root, path)
    return node is not None and bool(tree.plain(node))


def _fields_of(found: design.Design, event: str) -> tuple[str, ...] | None:
    """The fields of an event; None where they are not known."""
    node, _, name = event.partition(".")
    if node in found.spec.threads:
        return ()
    if node in found.types and found.keeps_messages(node) and name == "write":
        return _FIELDS["log.write"]
    declared = getattr(found.options(node), "fields", {}) if node in found.types else {}
    if declared and name == "write":
        return ("verb", "id", "thread", *declared)
    return _FIELDS.get(event)


def _values(
    found: design.Design, event: str, field: str, values: list[str], path: tree.Path
) -> None:
    node = event.partition(".")[0]
    known: tuple[str, ...] = ()
    if field == "thread" and node in found.types:
        known = tuple(found.spec.threads)
    elif field == "kind" and found.keeps_messages(node):
        known = log.KINDS
    for value in values if known else ():
        if value and value not in known:
            message = f"the field {field!r} of {event!r} is never {value!r}"
            found.report("unknown-field", message, errors.suggest(value, known), path)
