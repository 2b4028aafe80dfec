"""Rules about the graph as a whole: circles, and nodes that nothing reaches.

They run when every part is right on its own, over the plan's edges.
"""

from __future__ import annotations

from collections.abc import Iterable

from archgraph import prompts
from archgraph.graph import build, design, plan, rules_pipelines
from archgraph.spec import tree

_DAMPED = ("pressure", "evicted", "opened", "case_end")
"""Events that cannot fire again at once: pressure is re-armed by eviction, evictions and cases
are bounded by what came in."""
_EACH = 10
"""Items that a step with `each` is taken for, as far as circles of triggers are concerned."""


def trigger_cycles(found: design.Design, built: plan.Plan) -> None:
    """Threads do not make each other due without a bound."""
    causes = list(_causes(built))
    gains: dict[tuple[str, str], float] = {}
    for source, target, gain, _ in causes:
        gains[source, target] = max(gain, gains.get((source, target), 0.0))
    for circle in build.runaway(gains):
        cause, target = next((i, t) for s, t, _, i in causes if s in circle and t in circle)
        message = f"{' and '.join(circle)} make each other due for ever"
        if len(circle) == 1:
            message = f"{circle[0]} makes itself due for ever"
        remedy = "count events with `every: N, of:`, listen to another event, or tell it with "
        remedy += "`mode: note`, which makes nothing due"
        path: tree.Path = ("threads", target, "triggers", cause)
        if isinstance(cause, str):
            path, remedy = ("tools", cause), "take the tool from one of them"
        found.report("trigger-cycle", message, remedy, path)


def overflow_cycles(found: design.Design, built: plan.Plan) -> None:
    """What is evicted from a store does not come back to it."""
    pairs = [(name, target) for name in built.stores for target in found.references(name).values()]
    for group in build.cycles(pairs):
        message = f"{' and '.join(group)} overflow into each other"
        remedy = "let one of them drop what it evicts"
        found.report("overflow-cycle", message, remedy, ("stores", group[0]), key=True)


def unread_and_unwritten(found: design.Design, built: plan.Plan) -> None:
    """A store is both written and read, or it is of no use."""
    read, written = _used(found, built)
    read |= _counted(found)
    for name in found.types:
        path: tree.Path = ("stores", name)
        if name not in read and name not in written:
            message = f"nothing names the store {name!r}"
            found.warn("unused-store", message, "use it or delete it", path, key=True)
        elif name not in read:
            message = f"{name!r} is written and never read"
            remedy = "show it in a context, or give a thread a tool that reads it"
            found.warn("never-read", message, remedy, path, key=True)
        elif name not in written and not _begins_full(found, name):
            message = f"{name!r} is read and never written, so it stays empty"
            remedy = "give a thread a tool that writes it, or give it a first text"
            found.warn("never-written", message, remedy, path, key=True)


def unreachable(found: design.Design, built: plan.Plan) -> None:
    """Every thread can become due, and every tool is offered by a thread."""
    offered = {tool for thread in built.threads.values() for tool in thread.tools}
    for name in built.tools:
        if name not in offered:
            message = f"no thread offers the tool {name!r}"
            remedy = "add it to a thread's `tools`, or delete it"
            found.warn("unused-tool", message, remedy, ("tools", name), key=True)
    alive = _alive(built)
    for name, thread in built.threads.items():
        if name in alive:
            continue
        message = f"nothing makes the thread {name!r} due"
        remedy = "give it a trigger, for example user_message"
        if thread.triggers:
            message = f"what makes {name!r} due can never happen"
            remedy = "let it listen to something that happens"
        found.warn("unreachable-thread", message, remedy, ("threads", name), key=True)


def _causes(built: plan.Plan) -> Iterable[tuple[str, str, float, int | str]]:
    """Which thread makes which thread due: source, target, runs of it per run, and by what.

    By what is the place of the trigger, or the name of the tool that calls.
    """
    for thread in built.threads.values():
        for index, trigger in enumerate(thread.triggers):
            if trigger.mode != "note":  # that tells the thread something, and makes it not due
                for source, gain in _causing(built, trigger):
                    yield source, thread.name, gain, index
        for other, tool in _callers(built, thread.name):
            if tool.verb == plan.SIGNAL:  # who asks waits, so that its circles end
                yield other.name, thread.name, _steps(other), tool.name


def _causing(built: plan.Plan, trigger: plan.TriggerPlan) -> Iterable[tuple[str, float]]:
    """The threads that can make a trigger fire, and how often in a run."""
    node, _, event = trigger.event.partition(".")
    if trigger.kind in ("event", "every") and event not in _DAMPED:
        writers = trigger.where.get("thread")
        for source in _sources(built, node):
            if writers is None or source in writers:
                most = 1 if event in ("turn", "run") else _steps(built.threads[source])
                yield source, most / trigger.count
    elif trigger.kind == "signal":
        for other in built.threads.values():
            if trigger.event in other.tools:
                yield other.name, _steps(other)


def _callers(built: plan.Plan, name: str) -> Iterable[tuple[plan.ThreadPlan, plan.ToolPlan]]:
    """The threads that may call a thread, and by which tool."""
    for thread in built.threads.values():
        for tool in thread.tools:
            if name in built.tools[tool].threads:
                yield thread, built.tools[tool]


def _steps(thread: plan.ThreadPlan) -> int:
    """The most steps, and so replies and writes that count as one event, of a run."""
    if thread.pipeline:
        return len(thread.steps) * (_EACH if any(step.each for step in thread.steps) else 1)
    beat = thread.heartbeat
    return beat.max_steps if beat.when or beat.while_open else 1


def _sources(built: plan.Plan, node: str) -> list[str]:
    """The threads that can cause an event of a node."""
    if node in built.threads:
        return [node]
    return [
        thread.name
        for thread in built.threads.values()
        if thread.log == node
        or any(node in built.tools[t].stores and built.tools[t].writes for t in thread.tools)
        or any((node, "writes") in build.step_stores(built, step) for step in thread.steps)
    ]


def _used(found: design.Design, built: plan.Plan) -> tuple[set[str], set[str]]:
    """The stores that are read, and those that are written."""
    written = {thread.log for thread in built.threads.values() if thread.log}
    read = set(written)  # a run sees its own messages
    read |= {item.store for thread in built.threads.values() for item in thread.context}
    for thread in built.threads.values():
        for tool in (built.tools[name] for name in thread.tools):
            read |= set(tool.stores) if tool.reads or not tool.writes else set()
            written |= set(tool.stores) if tool.writes else set()
        touched = [use for step in thread.steps for use in build.step_stores(built, step)]
        read |= {store for store, use in touched if use == "reads"}
        written |= {store for store, use in touched if use == "writes"}
        read |= {thread.heartbeat.while_open}
        read |= {t.measure.partition(".")[0] for t in thread.triggers if t.measure}
    for name in found.types:
        for option, target in found.references(name).items():
            if option.startswith(("evict", "overflow")):
                written.add(target)
            else:
                read.add(target)
                written |= {name} if target in written else set()
    return read, written


def _counted(found: design.Design) -> set[str]:
    """The stores of which a template or an expression asks how many records there are."""
    texts = [each.source for each in found.templates.values() if not each.missing]
    for _, step, options, _ in rules_pipelines.known_steps(found):
        texts += options.expressions().values()
        texts += ["{{ " + each + " }}" for each in (step.when, step.each) if each]
    return {each.name for text in texts for each in prompts.attributes(text, "counts")}


def _begins_full(found: design.Design, name: str) -> bool:
    """Whether a store has something to show without being written."""
    options = found.options(name)
    return bool(getattr(options, "text", "") or getattr(options, "path", ""))


def _alive(built: plan.Plan) -> set[str]:
    """The threads that can become due, by what comes from outside or from each other."""
    alive: set[str] = set()
    while True:
        more = {
            thread.name
            for thread in built.threads.values()
            if any(_can_fire(built, trigger, alive) for trigger in thread.triggers)
            or any(other.name in alive for other, _ in _callers(built, thread.name))
        }
        if more == alive:
            return alive
        alive = more


def _can_fire(built: plan.Plan, trigger: plan.TriggerPlan, alive: set[str]) -> bool:
    if trigger.mode == "note":
        return False
    if trigger.kind in ("user_message", "timer", "at", "idle", "crosses"):
        return True
    if trigger.kind == "signal":
        return any(trigger.event in built.threads[name].tools for name in alive)
    node, _, event = trigger.event.partition(".")
    if node in built.threads:
        modes = {each.background for each in built.threads[node].triggers if each.mode != "note"}
        never = {"turn": {True}, "run": {False}}  # a run in the background ends no turn
        return node in alive and modes != never.get(event)
    return event in _DAMPED or node == "agent" or bool(set(_sources(built, node)) & alive)
