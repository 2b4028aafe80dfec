"""What the threads that answer can reach: by search, and by what stands in their windows.

Used by `losses`. Read off the plan alone. Knows no record.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from archgraph import registry
from archgraph.graph import plan as plans


@dataclass(slots=True)
class Access:
    """Stores by how they are reached.

    `searched`: by tools that read, searches of a context, and what pipelines look up. `shown`:
    text in a window. `queues`: views over a log, the log by the queue. `logs`: logs that stand in
    a window as a whole. `feeds`: what came since a thread's last run.
    """

    threads: tuple[str, ...]
    searched: set[str] = field(default_factory=set)
    shown: set[str] = field(default_factory=set)
    queues: dict[str, str] = field(default_factory=dict)
    logs: set[str] = field(default_factory=set)
    feeds: set[str] = field(default_factory=set)

    @property
    def reached(self) -> set[str]:
        """All stores that can be read in some way; messages of the present turn do not count."""
        return {*self.searched, *self.shown, *self.queues.values(), *self.logs, *self.feeds}


def access(plan: plans.Plan, answering: Iterable[str]) -> Access:
    """What the threads that answered can reach, with those that they ask and lean on."""
    found = Access(tuple(_helped(plan, answering)))
    for name in found.threads:
        thread = plan.threads[name]
        for item in thread.context:
            _from_context(plan, item, found)
        for tool in (plan.tools[each] for each in thread.tools):
            if tool.reads and not tool.writes:
                found.searched.update(tool.stores)
        for step in thread.steps:
            _from_operator(step, found)
    return found


def _helped(plan: plans.Plan, answering: Iterable[str]) -> list[str]:
    """The threads, those that hear the user if none answered, and all whose work they use."""
    named = dict.fromkeys(answering)
    for name, thread in plan.threads.items():
        hears = any(trigger.kind == "user_message" for trigger in thread.triggers)
        foreground = any(not trigger.background for trigger in thread.triggers)
        if (hears and not named) or (thread.pipeline and foreground):
            named[name] = None
    waiting = list(named)
    while waiting:
        thread = plan.threads[waiting.pop()]
        for other in (o for tool in thread.tools for o in plan.tools[tool].threads):
            if other not in named:
                named[other] = None
                waiting.append(other)
    return list(named)


def _from_context(plan: plans.Plan, item: plans.ContextItem, found: Access) -> None:
    part = plan.stores[item.store]
    over = part.options.get("over") if part.type == "queue" else ""
    if item.mode == "search":
        found.searched.add(item.store)
    elif item.mode == "since":
        if item.since != "turn":
            found.feeds.add(str(over or item.store))
    elif over:
        found.queues[item.store] = str(over)
    elif registry.get("stores", part.type).shows_messages:
        found.logs.add(item.store)
    else:
        found.shown.add(item.store)


def _from_operator(step: plans.StepPlan, found: Access) -> None:
    """What a pipeline looks up; what it reads only to change it does not count."""
    kind: Any = registry.get("operators", step.operator)
    options = kind.Options.model_validate(step.options)
    read = set(options.reads().values()) - set(options.writes().values())
    since = getattr(options, "since", None)
    if since == "last_run":
        found.feeds |= read
    elif since is None:
        found.searched |= read
