"""Typed, weighted and dated relations between the records of one store, in the agent's file.

Versioned like records: a link that goes stays readable for those who look at an earlier commit.
Used by the back-end that keeps them and by the search that walks along them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

from archgraph.storage import database

_COLUMNS = "source, target, kind, weight, created, valid_from, valid_to"


@dataclass(frozen=True, slots=True)
class Link:
    """A typed, weighted and dated relation between two records, by id. Times as in `Record`."""

    source: str
    target: str
    kind: str
    weight: float = 1.0
    created: float = 0.0
    valid_from: float | None = None
    valid_to: float | None = None


class Links:
    """The links of one store; `live` is the SQL condition that a row is alive."""

    def __init__(self, db: database.Database, store: str, live: str = "died IS NULL") -> None:
        self.db = db
        self.store = store
        self.live = live

    def add(self, link: Link) -> Link:
        """Keep a relation; its former form dies."""
        self.remove(link)
        link = replace(link, created=link.created or self.db.now())
        self.db.execute(
            f"INSERT INTO link(store, {_COLUMNS}, born) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (self.store, *astuple(link), self.db.version),
        )
        return link

    def remove(self, link: Link) -> None:
        """Let a relation die."""
        self._bury("source = ? AND target = ? AND kind = ?", link.source, link.target, link.kind)

    def remove_of(self, id: str) -> None:
        """Let all relations of a record die."""
        self._bury("(source = ? OR target = ?)", id, id)

    def of(self, id: str) -> list[Link]:
        """Living relations from and to a record, oldest first."""
        return self.select("(source = ? OR target = ?)", id, id)

    def beside(
        self, ids: Sequence[str], kinds: Sequence[str] = (), at: float | None = None
    ) -> list[Link]:
        """Living relations from and to some records; of some kinds and true at a moment, if given.

        `ids` may be any number.
        """
        found: dict[tuple[str, str, str], Link] = {}
        for start in range(0, len(ids), 400):
            part = ids[start : start + 400]
            marks = ",".join("?" * len(part))
            some = self.all(
                kinds, at, f"(source IN ({marks}) OR target IN ({marks}))", *part, *part
            )
            found |= {(link.source, link.target, link.kind): link for link in some}
        return list(found.values())

    def all(
        self, kinds: Sequence[str] = (), at: float | None = None, where: str = "1", *values: Any
    ) -> list[Link]:
        """All living relations; of some kinds and true at a moment, if given."""
        bound = list(values)
        if kinds:
            where += f" AND kind IN ({','.join('?' * len(kinds))})"
            bound += kinds
        if at is not None:
            where += " AND coalesce(valid_from, created) <= ? AND coalesce(valid_to, 1e18) > ?"
            bound += [at, at]
        return self.select(where, *bound)

    def select(self, where: str, *values: Any) -> list[Link]:
        """Living relations that fulfil a condition, oldest first."""
        sql = f"SELECT {_COLUMNS} FROM link WHERE store = ? AND {self.live} AND {where}"
        rows = self.db.execute(f"{sql} ORDER BY seq", (self.store, *values))
        return [Link(*row) for row in rows]

    def count(self) -> int:
        """How many relations live."""
        sql = f"SELECT count(*) FROM link WHERE store = ? AND {self.live}"
        return int(self.db.value(sql, (self.store,)))

    def degrees(self, ids: Sequence[str]) -> dict[str, int]:
        """How many relations each of some records has; those without any are left out."""
        found: dict[str, int] = {}
        wanted = set(ids)
        for link in self.beside(list(ids)):
            for id in {link.source, link.target} & wanted:
                found[id] = found.get(id, 0) + 1
        return found

    def _bury(self, where: str, *values: Any) -> None:
        self.db.execute(
            f"UPDATE link SET died = ? WHERE store = ? AND died IS NULL AND {where}",
            (self.db.version, self.store, *values),
        )
