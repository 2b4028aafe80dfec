"""What waits for what among tasks: who is ready, who comes next, who can never go on.

Pure functions of a snapshot; used by the `tasks` store. Knows no records and no time.

A task waits for the tasks named in `after` until they are done, and for its own parts (the tasks
whose parent it is) until none of them is open. A task whose turn can never come, because it waits
for one that failed or was dropped, is *stuck*; so is what waits for a stuck task.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

OPEN, DOING, DONE, FAILED, DROPPED = STATES = ("open", "doing", "done", "failed", "dropped")
"""The states that are kept; that a task is blocked is derived."""
ALIVE = (OPEN, DOING)


@dataclass(frozen=True, slots=True)
class Task:
    """A task.

    `due` is in seconds since 1970; a higher `priority` comes first; `order` is its place among
    all tasks ever pushed; `result` is what came of it, or why it was given up.
    """

    id: str
    text: str
    state: str = OPEN
    priority: int = 0
    order: int = 0
    parent: str = ""
    after: tuple[str, ...] = ()
    due: float | None = None
    result: str = ""

    @property
    def alive(self) -> bool:
        """Whether it still has to be done."""
        return self.state in ALIVE


@dataclass(frozen=True, slots=True)
class Agenda:
    """The living tasks by id, and the closed ones that they name."""

    tasks: Mapping[str, Task]
    waiting: Mapping[str, tuple[str, ...]] = field(init=False)
    """For each living task, the ids that it waits for."""
    stuck: frozenset[str] = field(init=False)
    """The living tasks that can never become ready as things stand."""

    def __post_init__(self) -> None:
        living = sorted(self._living(), key=lambda task: task.order)
        parts: dict[str, list[str]] = {}
        for task in living:
            parts.setdefault(task.parent, []).append(task.id)
        waiting = {task.id: self._waits(task, parts.get(task.id, ())) for task in living}
        object.__setattr__(self, "waiting", waiting)
        object.__setattr__(self, "stuck", self._stuck())

    def ready(self) -> list[Task]:
        """Open tasks that wait for nothing: highest priority, then due time, then order."""
        found = [t for t in self.tasks.values() if t.state == OPEN and not self.waiting[t.id]]
        return sorted(found, key=urgency)

    def doing(self) -> list[Task]:
        """Tasks that are being worked on, by urgency."""
        return sorted((t for t in self.tasks.values() if t.state == DOING), key=urgency)

    def blocked(self) -> list[Task]:
        """Open tasks that wait for others, by urgency."""
        found = [t for t in self.tasks.values() if t.state == OPEN and self.waiting[t.id]]
        return sorted(found, key=urgency)

    def workable(self) -> int:
        """How many tasks are being worked on, are ready, or will be when others are done."""
        return sum(t.state == DOING or t.id not in self.stuck for t in self._living())

    def parts(self, id: str) -> list[Task]:
        """The living tasks below a task, at any depth, the nearest first."""
        found, level = list[Task](), {id}
        while level:
            below = [task for task in self._living() if task.parent in level]
            found += below
            level = {task.id for task in below}
        return found

    def dependents(self, ids: Iterable[str]) -> list[Task]:
        """The living tasks, other than these, that come after one of these."""
        named = set(ids)
        return [t for t in self._living() if t.id not in named and named & set(t.after)]

    def leads_to(self, start: Iterable[str], goals: Iterable[str]) -> bool:
        """Whether one of the tasks `start` is one of `goals`, or waits for one in the end."""
        wanted, seen, rest = set(goals), set[str](), list(start)
        while rest:
            id = rest.pop()
            if id in wanted:
                return True
            if id not in seen:
                seen.add(id)
                rest.extend(self.waiting.get(id, ()))
        return False

    def above(self, id: str) -> list[str]:
        """A task and all that it is a part of, from the inside out."""
        found: list[str] = []
        while id in self.tasks and id not in found:
            found.append(id)
            id = self.tasks[id].parent
        return found

    def _living(self) -> list[Task]:
        return [task for task in self.tasks.values() if task.alive]

    def _waits(self, task: Task, parts: Iterable[str]) -> tuple[str, ...]:
        known = [id for id in task.after if id in self.tasks]
        return (*(id for id in known if self.tasks[id].state != DONE), *parts)

    def _stuck(self) -> frozenset[str]:
        waiters: dict[str, list[str]] = {}
        for id, others in self.waiting.items():
            for other in others:
                waiters.setdefault(other, []).append(id)
        lost = [task.id for task in self.tasks.values() if task.state in (FAILED, DROPPED)]
        found = set[str]()
        while lost:
            for id in waiters.get(lost.pop(), ()):
                if id not in found:
                    found.add(id)
                    lost.append(id)
        return frozenset(found)


def urgency(task: Task) -> tuple[int, float, int]:
    """The key by which the next task is chosen; the smallest comes first."""
    return -task.priority, math.inf if task.due is None else task.due, task.order
