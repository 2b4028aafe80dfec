"""What an agent's records hold of a history, ended forms included: verbatim, and made of it.

Made once per ingested agent by `trial`, brought up to a fork by `losses`. Every form that a record
has had is a row, and knows between which commits it lived. Knows no plan and no verdict.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
        self._rows = list(self._read(agent.db, 0))
        self._places = {row.seq: place for place, row in enumerate(self._rows)}
        self._upto = max(self._places, default=0)
        self._version = agent.db.version
        self._holding: dict[str, list[int]] = {}
        for place, row in enumerate(self._rows):
            for id in row.reading.items:
                self._holding.setdefault(id, []).append(place)

    def of(self, fork: agents.Agent) -> Present:
        """All rows as they are in a fork."""
        rows = list(self._rows)
        sql = "SELECT seq, died FROM record WHERE died > ? AND seq <= ?"
        for seq, died in fork.db.all(sql, (self._version, self._upto)):
            place = self._places.get(seq)
            if place is not None:
                rows[place] = dataclasses.replace(rows[place], died=died)
        new = list(self._read(fork.db, self._upto))
        return Present([*rows, *new], len(rows), self._holding)

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


@dataclass(frozen=True, slots=True)
class Present:
    """The rows of a fork, oldest first; the first `known` of them it has from its agent."""

    rows: Sequence[Row]
    known: int
    places: Mapping[str, Sequence[int]]

    def holding(self, id: str) -> list[Row]:
        """The rows in which an item stands verbatim."""
        found = [self.rows[place] for place in self.places.get(id, ())]
        return [*found, *(row for row in self.rows[self.known :] if id in row.reading.items)]

    def saying(self, answers: Iterable[str]) -> list[Row]:
        """The rows that contain one of some normalised texts and are no messages of a user."""
        found: dict[int, Row] = {}
        for answer in answers:
            some = (row for row in self.rows if answer in row.reading.normal)
            found |= {row.seq: row for row in some if row.kind != "user"}
        return [found[seq] for seq in sorted(found)]

    def successor(self, row: Row) -> Row | None:
        """The form that took the place of a row; None if the record was removed, or lives."""
        if row.died is None:
            return None
        same = (each for each in self.rows if each.id == row.id and each.store == row.store)
        return next((each for each in same if each.born == row.died), None)
