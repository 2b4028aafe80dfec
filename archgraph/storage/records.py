"""The records of one store: rows that all share one envelope and are never overwritten.

A change writes a new row and marks the old one as died at this commit, so that history, forks and
`blame` come for free to every store type. Used by the stores. Knows nothing of what they mean.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from archgraph.storage import database

_COLUMNS = (
    "seq, id, content, fields, created, expired, valid_from, valid_to, thread, turn, step, "
    "importance, strength, status, derived_from, tokens, born, died"
)


ANEW = float("-inf")
"""The gain of an access from which counting begins anew."""


@dataclass(frozen=True, slots=True)
class Record:
    """One item of a store, with the envelope that every kind of record has.

    Times are seconds since 1970. `created` and `expired` are when the agent learnt and dropped it
    (transaction time); `valid_from` and `valid_to` when it is true in the world. `thread`, `turn`
    and `step` tell who wrote it; `derived_from` the ids of the records that it was made from;
    `born` and `died` the commits between which it lives. A new record needs no `id`: it gets one
    as it is added.
    """

    id: str = ""
    content: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    created: float = 0.0
    expired: float | None = None
    valid_from: float | None = None
    valid_to: float | None = None
    thread: str | None = None
    turn: int | None = None
    step: int | None = None
    importance: float | None = None
    strength: float | None = None
    status: str = "active"
    derived_from: tuple[str, ...] = ()
    tokens: int = 0
    seq: int = 0
    born: int = 0
    died: int | None = None


@dataclass(frozen=True, slots=True)
class Recall:
    """When a record was read, in order, and how much strength that gave it in all.

    `reset` is when the count began anew, if it did.
    """

    moments: tuple[float, ...] = ()
    gain: float = 0.0
    reset: float | None = None

    def with_access(self, at: float, gain: float) -> Recall:
        """One access later."""
        if gain == ANEW:
            return Recall(reset=at)
        return Recall((*self.moments, at), self.gain + gain, self.reset)


class Records:
    """The rows of one store. `as_of` reads them as they were after that commit.

    `live` is the SQL condition that a row is alive then.
    """

    def __init__(self, db: database.Database, store: str, as_of: int | None = None) -> None:
        self.db = db
        self.store = store
        self.as_of = as_of
        self.live = "died IS NULL"
        if as_of is not None:
            self.live = f"born <= {int(as_of)} AND (died IS NULL OR died > {int(as_of)})"

    def add(self, record: Record) -> Record:
        """Write a new record; id, times, writer and commit are filled in where they are empty."""
        actor = self.db.actor
        now = self.db.now()
        return self._insert(
            replace(
                record,
                id=record.id or self.db.new_id(),
                created=record.created or now,
                thread=record.thread or actor.thread,
                turn=record.turn if record.turn is not None else actor.turn,
                step=record.step if record.step is not None else actor.step,
                born=self.db.version,
            )
        )

    def update(self, record: Record, **changes: Any) -> Record:
        """Write a changed form of a record; the old row dies and stays readable."""
        self._bury(record.seq)
        actor = self.db.actor
        who = {"thread": actor.thread, "turn": actor.turn, "step": actor.step}
        return self._insert(replace(record, **{**who, **changes, "born": self.db.version}))

    def remove(self, record: Record) -> None:
        """Let a record die; its row stays for history."""
        self._bury(record.seq)

    def get(self, id: str) -> Record | None:
        """The living record of that id."""
        found = self.select("id = ?", (id,), limit=1)
        return found[0] if found else None

    def select(
        self,
        where: str = "1",
        parameters: Sequence[Any] = (),
        *,
        order: str = "seq",
        limit: int = -1,
        offset: int = 0,
    ) -> list[Record]:
        """Living records that fulfil a condition, in order."""
        sql = (
            f"SELECT {_COLUMNS} FROM record WHERE store = ? AND {self.live} AND ({where}) "
            f"ORDER BY {order} LIMIT ? OFFSET ?"
        )
        rows = self.db.execute(sql, (self.store, *parameters, limit, offset))
        return [_record(row) for row in rows]

    def rows_after(self, seq: int, limit: int) -> list[Record]:
        """Every row after a number, the dead too, in order: what a search index takes in."""
        sql = f"SELECT {_COLUMNS} FROM record WHERE store = ? AND seq > ? ORDER BY seq LIMIT ?"
        return [_record(row) for row in self.db.execute(sql, (self.store, seq, limit))]

    def by_seq(self, seqs: Sequence[int]) -> dict[int, Record]:
        """Living records by their row number."""
        found: dict[int, Record] = {}
        for start in range(0, len(seqs), 500):
            part = seqs[start : start + 500]
            marks = ",".join("?" * len(part))
            sql = f"SELECT {_COLUMNS} FROM record WHERE seq IN ({marks}) AND {self.live}"
            found |= {row[0]: _record(row) for row in self.db.execute(sql, part)}
        return found

    def by_id(self, ids: Sequence[str]) -> dict[str, Record]:
        """Living records by their id."""
        found: dict[str, Record] = {}
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            some = self.select(f"id IN ({','.join('?' * len(part))})", part)
            found |= {record.id: record for record in some}
        return found

    def all_active(self) -> bool:
        """Whether no record was ever superseded, made invalid or otherwise set aside."""
        sql = "SELECT 1 FROM record WHERE store = ? AND status <> 'active' LIMIT 1"
        return self.db.value(sql, (self.store,)) is None

    def row(self, seq: int) -> Record:
        """A record by its row number, living or not."""
        sql = f"SELECT {_COLUMNS} FROM record WHERE seq = ? AND store = ?"
        return _record(self.db.one(sql, (seq, self.store)))

    def count(self, where: str = "1", parameters: Sequence[Any] = ()) -> int:
        """How many living records fulfil a condition."""
        sql = f"SELECT count(*) FROM record WHERE store = ? AND {self.live} AND ({where})"
        return int(self.db.value(sql, (self.store, *parameters)))

    def total(self, column: str) -> float:
        """The sum of a numeric column (`tokens`, `importance`, `strength`) over living records."""
        if column not in ("tokens", "importance", "strength"):
            raise ValueError(f"no numeric column {column!r}")
        sql = f"SELECT coalesce(sum({column}), 0) FROM record WHERE store = ? AND {self.live}"
        return float(self.db.value(sql, (self.store,)))

    def history(self, id: str) -> list[Record]:
        """Every form that a record has had, oldest first."""
        sql = f"SELECT {_COLUMNS} FROM record WHERE store = ? AND id = ? ORDER BY seq"
        return [_record(row) for row in self.db.execute(sql, (self.store, id))]

    def touch(self, records: Iterable[Record], gain: float = 0.0) -> None:
        """Note that records were read; each reading adds `gain` to their strength.

        A gain of `ANEW` begins the count anew instead.
        """
        now, version = self.db.now(), self.db.version
        self.db.executemany(
            "INSERT INTO access(store, id, at, born, gain) VALUES (?, ?, ?, ?, ?)",
            [(self.store, record.id, now, version, gain) for record in records],
        )

    def accesses(self, id: str) -> tuple[int, float | None]:
        """Access count and last access of a record."""
        found = self.recalls([id]).get(id)
        return (len(found.moments), found.moments[-1]) if found and found.moments else (0, None)

    def recalls(self, ids: Sequence[str]) -> dict[str, Recall]:
        """When records were read, by id; those that never were are left out."""
        bound = "" if self.as_of is None else f" AND born <= {int(self.as_of)}"
        found: dict[str, Recall] = {}
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            marks = ",".join("?" * len(part))
            sql = f"SELECT id, at, gain FROM access WHERE store = ? AND id IN ({marks}){bound}"
            for id, at, gain in self.db.execute(f"{sql} ORDER BY seq", (self.store, *part)):
                found[id] = found.get(id, Recall()).with_access(at, gain)
        return found

    def _insert(self, record: Record) -> Record:
        cursor = self.db.execute(
            "INSERT INTO record(store, id, content, fields, created, expired, valid_from, valid_to,"
            " thread, turn, step, importance, strength, status, derived_from, tokens, born)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self.store,
                record.id,
                record.content,
                json.dumps(record.fields, ensure_ascii=False) if record.fields else "{}",
                record.created,
                record.expired,
                record.valid_from,
                record.valid_to,
                record.thread,
                record.turn,
                record.step,
                record.importance,
                record.strength,
                record.status,
                json.dumps(record.derived_from) if record.derived_from else None,
                record.tokens,
                record.born,
            ),
        )
        return replace(record, seq=int(cursor.lastrowid), died=None)

    def _bury(self, seq: int) -> None:
        self.db.execute("UPDATE record SET died = ? WHERE seq = ?", (self.db.version, seq))


def _record(row: Sequence[Any]) -> Record:
    return Record(
        seq=row[0],
        id=row[1],
        content=row[2],
        fields=json.loads(row[3]) if row[3] != "{}" else {},
        created=row[4],
        expired=row[5],
        valid_from=row[6],
        valid_to=row[7],
        thread=row[8],
        turn=row[9],
        step=row[10],
        importance=row[11],
        strength=row[12],
        status=row[13],
        derived_from=tuple(json.loads(row[14])) if row[14] else (),
        tokens=row[15],
        born=row[16],
        died=row[17],
    )
