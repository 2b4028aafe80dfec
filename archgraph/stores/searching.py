"""What `scoring` and `expanding` ask of a search index; `indexes.SearchIndex` fulfils it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from archgraph.storage import database, records
from archgraph.stores import features, filters, links, retrieval, timeline, upkeep


class Index(Protocol):
    """The rows of one store, and what compares them with a query."""

    db: database.Database
    records: records.Records
    links: links.Links
    timeline: timeline.Timeline
    form: upkeep.Form

    def lists(
        self, query: str, policy: retrieval.Retrieval, only: filters.Filter
    ) -> dict[str, retrieval.Scores]:
        """Scores of living records from each source, those above its `floor`; not from links."""

    def matching(self, query: str, only: filters.Filter, depth: int) -> retrieval.Scores:
        """BM25 scores of the best records that share a word with the query."""

    def likeness(self, query: str, rows: Sequence[int]) -> retrieval.Scores:
        """Cosine similarities of a query and some rows; rows without a vector are left out."""

    def keyed(self, query: str, fields: Sequence[str], among: Sequence[int] | None) -> list[int]:
        """Living rows of which one of the fields stands in the query as whole words."""

    def facts(self, rows: Sequence[int]) -> dict[int, features.Fact]:
        """What the features of some living rows are read from."""

    def allowed(self, rows: Sequence[int], only: filters.Filter) -> set[int]:
        """Those rows that live and pass a filter."""

    def reordered(
        self, ranked: list[tuple[int, float]], policy: retrieval.Retrieval
    ) -> list[tuple[int, float]]:
        """A ranking with less repetition at its head, if the policy says so."""
