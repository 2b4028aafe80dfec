"""The vectors that a run has bought, in its ledger: one row for each embedder and text.

Part of `ledger`, which holds the connection, the lock and the transactions. A vector is kept as
float32, four bytes a number.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from archgraph.suites.running import embedding

_AT_ONCE = 500
"""Texts in one statement."""


class Vectors:
    """Bought vectors by embedder and SHA-256 of the text."""

    def __init__(self, db: Any, lock: threading.RLock, writing: Callable[[], Any]) -> None:
        self._db, self._lock, self._writing = db, lock, writing

    def known(self, embedder: str, texts: Sequence[bytes]) -> set[bytes]:
        """Those of the texts that are there."""
        with self._lock:
            return {row[0] for row in self._select("text", embedder, texts)}

    def get(
        self, embedder: str, texts: Sequence[bytes], user: str = ""
    ) -> dict[bytes, embedding.Vector]:
        """The vectors of those texts that are there; notes that `user` has them, too."""
        with self._lock:
            rows = list(self._select("text, n, data, cost", embedder, texts))
            costly = [(n, user) for _, n, _, cost in rows if cost and user]
            if costly:
                with self._writing():
                    self._db.executemany("INSERT OR IGNORE INTO vector_use VALUES (?, ?)", costly)
        return {text: embedding.Vector(data, cost) for text, _, data, cost in rows}

    def keep(self, embedder: str, found: Mapping[bytes, embedding.Vector]) -> None:
        """Keep the vectors of one request."""
        with self._lock, self._writing():
            sql = "SELECT coalesce(max(request), 0) + 1 FROM vector"
            request = self._db.execute(sql).fetchone()[0]
            self._db.executemany(
                "INSERT OR IGNORE INTO vector(embedder, text, request, cost, data) "
                "VALUES (?, ?, ?, ?, ?)",
                ((embedder, text, request, each.cost, each.data) for text, each in found.items()),
            )

    def dimension(self, embedder: str) -> int:
        """Length of an embedder's vectors, 0 if none was bought."""
        with self._lock:
            sql = "SELECT length(data) / 4 FROM vector WHERE embedder = ? LIMIT 1"
            row = self._db.execute(sql, (embedder,)).fetchone()
        return int(row[0]) if row else 0

    def spent(self) -> tuple[int, float]:
        """How many requests were made, and what they cost in US dollars."""
        with self._lock:
            sql = "SELECT coalesce(max(request), 0), coalesce(sum(cost), 0.0) FROM vector"
            requests, cost = self._db.execute(sql).fetchone()
        return int(requests), float(cost)

    def all(self) -> list[tuple[str, bytes, embedding.Vector]]:
        """Embedder, text and vector of all, in an order that does not depend on time."""
        with self._lock:
            sql = "SELECT embedder, text, data, cost FROM vector ORDER BY embedder, text"
            return [(name, text, embedding.Vector(data, cost))
                    for name, text, data, cost in self._db.execute(sql)]  # fmt: skip

    def _select(self, what: str, embedder: str, texts: Sequence[bytes]) -> Iterator[Any]:
        for start in range(0, len(texts), _AT_ONCE):
            some = texts[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(some))
            sql = f"SELECT {what} FROM vector WHERE embedder = ? AND text IN ({marks})"
            yield from self._db.execute(sql, (embedder, *some))
