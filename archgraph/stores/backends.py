"""The seam behind `collection`: what must be able to keep and find its records.

A plugin implements `Backend` and registers it in the entry-point group `archgraph.backends`; the
built-in ones are `sqlite` (in the agent's own file) and `file` (JSON lines, edited by hand). It is
called by the collection only, which checks limits first. Knows no verb.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from archgraph.stores import base, retrieval


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
