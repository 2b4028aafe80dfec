"""What an agent's records hold of a history, ended forms included: verbatim, and made of it.

Made once per ingested agent by `trial`, brought up to a fork by `losses`. Every form that a record
has had is a row, and knows between which commits it lived. Knows no plan and no verdict.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from archgraph.runtime import agent as agents
from archgraph.storage import database
from archgraph.suites.running import items

_COLUMNS = "seq, store, id, content, status, thread, born, died, created, derived_from, fields"
_MACHINERY = ("result", "alert", "heartbeat", "login")
"""Kinds of message that no search looks at."""


@dataclass(frozen=True, slots=True)
class Row:
    """One form of a record. `kind` is that of a message; `normal` the text as scorers see it."""

    seq: int
    store: str
    id: str
    content: str
    status: str
    thread: str | None
    born: int
    died: int | None
    created: float
    derived_from: tuple[str, ...]
    kind: str
    reading: items.Reading

    @property
    def living(self) -> bool:
        """Whether it is the present form, and no history."""
        return self.died is None and self.status == "active"


class Past:
    """The rows of an ingested agent."""

    def __init__(self, agent: agents.Agent, known: items.Items) -> None:
        self._items = known
        self._rows = {row.seq: row for row in self._read(agent.db, 0)}
        self._upto = max(self._rows, default=0)
        self._version = agent.db.version

    def of(self, fork: agents.Agent) -> list[Row]:
        """All rows as they are in a fork, oldest first."""
        sql = "SELECT seq, died FROM record WHERE died > ? AND seq <= ?"
        died = dict(fork.db.all(sql, (self._version, self._upto)))
        rows = [
            dataclasses.replace(row, died=died[seq]) if seq in died else row
            for seq, row in self._rows.items()
        ]
        return [*rows, *self._read(fork.db, self._upto)]

    def _read(self, db: database.Database, after: int) -> Iterator[Row]:
        for found in db.all(f"SELECT {_COLUMNS} FROM record WHERE seq > ? ORDER BY seq", (after,)):
            *plain, derived, raw = found
            fields: dict[str, Any] = json.loads(raw)
            kind = str(fields.get("kind", ""))
            if kind in _MACHINERY:
                continue
            heard = str(fields.get("spoken", plain[3]))
            if not heard.strip():
                continue  # a step that only called tools
            made_of = tuple(json.loads(derived or "[]"))
            seq, store, id, content, status, thread, born, died, created = plain
            yield Row(
                seq, store, id, content, status, thread, born, died, created,
                made_of, kind, self._items.read(heard),
            )  # fmt: skip


def successor(row: Row, rows: Sequence[Row]) -> Row | None:
    """The form that took the place of a row; None if the record was removed, or lives."""
    if row.died is None:
        return None
    same = (each for each in rows if each.id == row.id and each.store == row.store)
    return next((each for each in same if each.born == row.died), None)
