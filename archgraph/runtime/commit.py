"""One commit of an agent: file, state and caches change together or not at all.

Used by the scheduler. Also reads the state back when an agent opens.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Protocol

from archgraph.runtime import tick, world
from archgraph.runtime.tick import AgentState
from archgraph.storage import database


class Living(Protocol):
    """What a commit changes: the scheduler."""

    w: world.World
    state: AgentState


class Commit:
    """One commit of the agent: file, state and caches change together or not at all."""

    def __init__(self, scheduler: Living) -> None:
        self._s = scheduler
        self._state = scheduler.state
        self._inner = scheduler.w.db.transaction()

    def __enter__(self) -> None:
        self._inner.__enter__()
        self._s.w.db.actor = database.Actor()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        s = self._s
        try:
            if kind is None:
                _save(s.w.db, self._state, s.state)
            self._inner.__exit__(kind, error, trace)
        except BaseException:
            s.state = self._state
            s.w.forget()
            raise
        if kind is not None:
            s.state = self._state
            s.w.forget()


def _save(db: database.Database, before: AgentState, after: AgentState) -> None:
    rows: list[tuple[str, int, str]] = []
    plain = tick.to_plain(after)
    if plain != tick.to_plain(before) or db.version <= 1:
        rows.append(("agent", db.version, json.dumps(plain)))
    for name, thread in after.threads.items():
        if before.threads.get(name) is not thread:
            rows.append(
                (
                    f"thread:{name}",
                    db.version,
                    json.dumps(tick.to_plain(thread), separators=(",", ":")),
                )
            )
    if db.clock.virtual and db.now() != db.saved_time:
        db.saved_time = db.now()
        rows.append(("clock", db.version, json.dumps({"now": db.now()})))
    db.executemany("INSERT OR REPLACE INTO state(key, born, value) VALUES (?, ?, ?)", rows)


def load_state(db: database.Database, threads: Iterable[str]) -> AgentState:
    """The state as of the last commit of the file."""
    found = {name: tick.thread_from_plain(_newest(db, f"thread:{name}")) for name in threads}
    return AgentState(**_newest(db, "agent"), threads=found)


def load_time(db: database.Database) -> float:
    """The last time that a virtual clock showed in the file; 0.0 if it never did."""
    return float(_newest(db, "clock").get("now", 0.0))


def _newest(db: database.Database, key: str) -> dict[str, Any]:
    sql = "SELECT value FROM state WHERE key = ? ORDER BY born DESC LIMIT 1"
    value = db.value(sql, (key,))
    return {} if value is None else dict(json.loads(value))
