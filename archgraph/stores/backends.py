"""The seam behind `collection`: what must be able to keep and find its records.

A plugin implements `Backend` and registers it in the entry-point group `archgraph.backends`; the
built-in ones are `sqlite` (in the agent's own file) and `file` (JSON lines, edited by hand). It is
called by the collection only, which checks limits first. Knows no verb.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from archgraph.storage import records
from archgraph.stores import base, declared_fields, features, links, retrieval

Link = links.Link
ANEW = records.ANEW


class Backend(Protocol):
    """Keeps the records of one collection.

    It is made as `Backend(name, options, context)` with the options of the collection. Writes
    come within a commit of the agent, reads at any time. What a back-end outside the agent's file
    cannot promise (roll-back with the commit, versions, forks, reading as of an earlier commit),
    its docstring says.
    """

    lost: ClassVar[Sequence[str]]
    """Guarantees of the agent's own file that it cannot give, for the checks to tell."""
    problems: Sequence[str]
    """What was found wrong at opening, one sentence each."""

    def __init__(self, name: str, options: Any, context: base.Context) -> None: ...

    def add(self, record: base.Record) -> base.Record:
        """Keep a new record; id and time are filled in where they are empty."""

    def update(self, record: base.Record, **changes: Any) -> base.Record:
        """Keep a changed form of a record."""

    def remove(self, record: base.Record) -> None:
        """Drop a record and its links."""

    def get(self, id: str) -> base.Record | None:
        """The record of that id."""

    def page(
        self, only: retrieval.Filter, *, limit: int, offset: int = 0, newest: bool = False
    ) -> list[base.Record]:
        """Records by time, oldest first unless `newest`."""

    def count(self, only: retrieval.Filter = ...) -> int:
        """How many records pass a filter."""

    def total(self, column: str) -> float:
        """The sum of `tokens`, `importance` or `strength`."""

    def search(
        self,
        query: str,
        policy: retrieval.Retrieval,
        *,
        limit: int,
        offset: int = 0,
        only: retrieval.Filter = ...,
    ) -> tuple[list[retrieval.Hit], int]:
        """A part of the ranking for a query, and how many results there are in all."""

    def link(self, link: Link) -> Link:
        """Keep a relation; one of the same source, target and kind is replaced."""

    def unlink(self, link: Link) -> None:
        """Drop a relation."""

    def links(self, id: str) -> list[Link]:
        """Relations from and to a record, oldest first."""

    def prepare(self, query: str = "", texts: Sequence[str] = ()) -> None:
        """Do slow work (embedding) for a coming search or write, before a commit begins."""


# What a back-end may offer besides: those that lack it lose access counts, and are slower


def form(record: base.Record, searched: Sequence[str] = ()) -> str:
    """What a search index sees of a record: its text, and the fields that are searched too."""
    given = (record.fields.get(name) for name in searched)
    return "\n".join([record.content, *(declared_fields.text(one) for one in given if one)])


def touch(backend: Backend, record: base.Record, gain: float) -> None:
    """Note that a record was read (`backend.touch(record, gain)`), if the back-end can."""
    method = getattr(backend, "touch", None)
    if method is not None:
        method(record, gain)


def all_active(backend: Backend) -> bool:
    """Whether no record has ended (`backend.all_active()`); one that cannot tell is filtered."""
    method = getattr(backend, "all_active", None)
    return bool(method()) if method is not None else False


def all_links(backend: Backend) -> list[Link]:
    """Every relation (`backend.all_links()`), collected record by record if need be."""
    method = getattr(backend, "all_links", None)
    if method is not None:
        found: list[Link] = method()
        return found
    held = backend.page(retrieval.Filter(), limit=1 << 30)
    return [link for one in held for link in backend.links(one.id) if link.source == one.id]


def facts(backend: Backend, held: Sequence[base.Record]) -> dict[int, features.Fact]:
    """What features of records are read from, by place in `held`.

    Access counts come from `backend.recalls(ids)`; without it nothing was ever accessed.
    """
    method = getattr(backend, "recalls", None)
    recalls: dict[str, records.Recall] = method([one.id for one in held]) if method else {}
    degree: dict[str, int] = {}
    for link in all_links(backend):
        for id in {link.source, link.target}:
            degree[id] = degree.get(id, 0) + 1
    never = records.Recall()
    return {
        place: features.Fact(one, recalls.get(one.id, never), degree.get(one.id, 0))
        for place, one in enumerate(held)
    }
