"""The default back-end of `collection`: rows in the agent's own file, with all its guarantees.

Writes join the commit of the step, every version stays readable, and a copy of the file is a copy
of the records. Made by the collection through the registry; `file_backend` works over one in
memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from archgraph.storage import database, records
from archgraph.stores import backends, base, indexes, links, retrieval


class SqliteBackend:
    """Records, links and search index of one collection in a database."""

    lost: ClassVar[Sequence[str]] = ()
    problems: Sequence[str] = ()

    def __init__(
        self,
        name: str,
        options: Any,
        context: base.Context,
        *,
        db: database.Database | None = None,
    ) -> None:
        self.db = db or context.db
        self.name = name
        as_of = None if db else context.as_of
        self.records = records.Records(self.db, name, as_of)
        searched = tuple(options.searched)
        self.index = indexes.SearchIndex(
            self.db, name, context.embedder, tuple(options.index),
            lambda record: backends.form(record, searched), as_of=as_of,
        )  # fmt: skip
        self._links = links.Links(self.db, name, self.records.live)

    def add(self, record: base.Record) -> base.Record:
        """Keep a new record."""
        return self.records.add(record)

    def update(self, record: base.Record, **changes: Any) -> base.Record:
        """Write a changed form; the old row stays for history."""
        return self.records.update(record, **changes)

    def remove(self, record: base.Record) -> None:
        """Let a record and its links die; their rows stay for history."""
        self.records.remove(record)
        self._links.remove_of(record.id)

    def get(self, id: str) -> base.Record | None:
        """The living record of that id."""
        return self.records.get(id)

    def page(
        self, only: retrieval.Filter, *, limit: int, offset: int = 0, newest: bool = False
    ) -> list[base.Record]:
        """Living records by time."""
        condition, values = only.sql()
        order = "created DESC, seq DESC" if newest else "created, seq"
        return self.records.select(
            condition or "1", values, order=order, limit=limit, offset=offset
        )

    def count(self, only: retrieval.Filter = indexes.NO_FILTER) -> int:
        """How many living records pass a filter."""
        condition, values = only.sql()
        return self.records.count(condition or "1", values)

    def total(self, column: str) -> float:
        """The sum of a numeric column over living records."""
        return self.records.total(column)

    def search(
        self,
        query: str,
        policy: retrieval.Retrieval,
        *,
        limit: int,
        offset: int = 0,
        only: retrieval.Filter = indexes.NO_FILTER,
    ) -> tuple[list[retrieval.Hit], int]:
        """A part of the ranking and its length."""
        return self.index.search(query, policy, limit=limit, offset=offset, only=only)

    def find(
        self, query: str, k: int, policy: retrieval.Retrieval, only: retrieval.Filter
    ) -> list[retrieval.Hit]:
        """The k best, without counting the rest."""
        return self.index.find(query, k, policy, only)

    def link(self, link: backends.Link) -> backends.Link:
        """Keep a relation; its former form dies."""
        return self._links.add(link)

    def unlink(self, link: backends.Link) -> None:
        """Let a relation die."""
        self._links.remove(link)

    def links(self, id: str) -> list[backends.Link]:
        """Living relations from and to a record."""
        return self._links.of(id)

    def all_links(self) -> list[backends.Link]:
        """Every living relation, oldest first."""
        return self._links.all()

    def all_active(self) -> bool:
        """Whether no record has ended, so that history need not be left out."""
        return self.records.all_active()

    def recalls(self, ids: Sequence[str]) -> dict[str, records.Recall]:
        """When records were read."""
        return self.records.recalls(ids)

    def touch(self, record: base.Record, gain: float) -> None:
        """Note that a record was read."""
        self.records.touch([record], gain)

    def prepare(self, query: str = "", texts: Sequence[str] = ()) -> None:
        """Embed what a coming commit will ask or write."""
        self.index.prepare(query, texts)
