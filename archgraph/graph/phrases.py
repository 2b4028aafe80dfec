"""Nodes of a plan in words, as parts of sentences: what a thread does, what a tool lets it do.

Called by `explain`. Knows no difference and no screen.
"""

from __future__ import annotations

from collections.abc import Sequence

from archgraph.graph import build, plan, scene, wording

_VERBS = {
    "append": "append to", "insert": "insert into", "replace": "replace in", "search": "search",
    "search_dates": "search by date in", "reply": "reply to the user", "finish": "finish",
    "pause_heartbeats": "pause its timers", "wait": "wait", "push": "push to", "pop": "pop from",
    "list": "list", "ask": "ask", "signal": "signal",
}  # fmt: skip


def listed(names: Sequence[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


def tool(found: plan.ToolPlan) -> str:
    """What a tool lets a thread do: `rewrite persona and human`."""
    verb = _VERBS.get(found.verb, found.verb.replace("_", " "))
    if found.outside:
        return f"call {found.outside.target}"
    return f"{verb} {listed((*found.stores, *found.threads))}".strip()


def due(trigger: plan.TriggerPlan) -> str:
    """When a thread is due: `every 5 turns of main, in the background`."""
    how = {"background": " in the background", "note": " (only told)"}.get(trigger.mode, "")
    return _when(trigger) + how


def _when(trigger: plan.TriggerPlan) -> str:
    words = wording.trigger(trigger)
    if trigger.kind == "user_message":
        words = "on a user message"
    elif trigger.kind == "every" and trigger.count == 1:
        node, _, event = trigger.event.partition(".")
        words = f"after each {event} of {node}"
    elif trigger.kind in ("event", "crosses", "signal"):
        words = f"on {words}"
    elif trigger.kind == "idle":
        words = f"after {words.removeprefix('idle ')} without input"
    return words


def thread(built: plan.Plan, found: plan.ThreadPlan) -> str:
    """What a thread is: when it runs, what it sees, what it can do."""
    times = listed([due(each) for each in found.triggers], "or")
    if len(found.triggers) > 1 and all(each.background for each in found.triggers):
        times = "in the background " + listed([_when(each) for each in found.triggers], "or")
    told = [f"which runs {times or 'never'}"]
    if found.context:
        told.append(f"sees {listed([wording.item(each) for each in found.context])}")
    if found.tools:
        told.append(f"can {listed([tool(built.tools[name]) for name in found.tools])}")
    if found.steps:
        told.append(f"takes the steps {listed([each.operator for each in found.steps])}")
    return listed(told) if len(told) < 3 else f"{', '.join(told[:-1])}, and {told[-1]}"


def step(number: int, found: plan.StepPlan) -> str:
    """A step of a pipeline: its operator with its options."""
    more = [f"as {found.result}"] if found.result else []
    more += [f"for each of {found.each}"] if found.each else []
    more += [f"when {found.when}"] if found.when else []
    return " ".join([f"{number} {found.operator}", wording.pairs(found.options), *more]).strip()


def store(built: plan.Plan, name: str) -> str:
    """What a store is, and who uses it."""
    found = built.stores[name]
    told = [", ".join((f"a {found.type}", *scene.store_notes(found)))]
    users: dict[str, list[str]] = {}
    for source, target, kind, _ in build.edges(built, build.references(built)):
        if target == name:
            users.setdefault(kind, []).append(source)
    words = {"shows": "seen by", "reads": "read by", "writes": "written by", "logs": "the log of",
             "uses": "used by", "over": "shown through", "evicts_into": "filled by"}  # fmt: skip
    told += [f"{words[kind]} {listed(names)}" for kind, names in users.items() if kind in words]
    return "; ".join(told)
