"""Full-text index of one store: FTS5 with the Porter stemmer, over rows known by number.

The text itself is not kept a second time (the table is contentless). Rows are added and never
removed: a dead row stays findable for those who read an earlier commit. Used by `indexes`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from archgraph.storage import database

WORD = re.compile(r"[^\W_]+")

_STOP_WORDS = """
a about am an and any are as at be been being but by can could d did do does doing don for from
had has have having he her here hers him his how i if in into is it its just ll m may me might
mine must my no nor not of on or our ours re s shall she should so some t than that the their
theirs them then there these they this those to too us ve very was we were what when where which
while who whom whose why will with would you your yours
"""
STOP = frozenset(_STOP_WORDS.split())
"""Words that carry no content in a question. FTS5 has no list of its own."""

FEW_ROWS = 2_000
"""Up to this many rows every word is looked up: nothing would be saved by leaving some out."""
COMMON = 0.05
"""A word in more than this share of the rows is left out while two rarer ones remain."""
SCORED = 5_000
"""About how many rows one query may score; the rarest words come first."""


def words(text: str) -> list[str]:
    """The different words of a text, lower case, in order, without stop words.

    A text of stop words only keeps them: "to be or not to be" can be looked for.
    """
    found = list(dict.fromkeys(WORD.findall(text.lower())))
    return [word for word in found if word not in STOP] or found


class TextIndex:
    """The FTS5 table of one store. `schema` is `temp` for what a reader indexes for itself."""

    def __init__(self, db: database.Database, store: str, schema: str = "main") -> None:
        self.db = db
        self.name = f"fts_{store}"
        self.table = f'{schema}."{self.name}"'
        self.schema = schema
        self._frequencies: dict[str, tuple[int, int]] = {}

    def exists(self) -> bool:
        """Whether the table has been made."""
        sql = f"SELECT 1 FROM {self.schema}.sqlite_master WHERE name = ?"
        return self.db.value(sql, (self.name,)) is not None

    def create(self) -> None:
        """Make the table."""
        self.db.execute(
            f"CREATE VIRTUAL TABLE {self.table} USING fts5("
            "author, body, content='', tokenize='porter unicode61')"
        )

    def drop(self) -> None:
        """Remove the table."""
        self.db.execute(f"DROP TABLE IF EXISTS {self.table}")
        self.recount()

    def recount(self) -> None:
        """Forget how frequent words are: rows were indexed that were counted as if they were."""
        self._frequencies.clear()

    def add(self, rows: Iterable[tuple[int, str, str]]) -> None:
        """Index rows of (number, author, text)."""
        self.db.executemany(f"INSERT INTO {self.table}(rowid, author, body) VALUES (?, ?, ?)", rows)

    def match(
        self, kept: Sequence[str], limit: int, condition: str = "", values: Sequence[object] = ()
    ) -> list[tuple[int, float]]:
        """The best rows for any of the words: (row, BM25 score, larger is better).

        `condition` is SQL over the row `r` of the `record` table.
        """
        if not kept:
            return []
        join = f"JOIN record r ON r.seq = f.rowid AND {condition}" if condition else ""
        rows = self.db.execute(
            f'SELECT f.rowid, bm25("{self.name}") AS score FROM {self.table} f {join} '
            f'WHERE "{self.name}" MATCH ? ORDER BY score, f.rowid LIMIT ?',
            (*values, _any(kept), limit),
        )
        return [(row, -score) for row, score in rows]

    def matches(self, kept: Sequence[str], condition: str, values: Sequence[object] = ()) -> int:
        """How many rows that fulfil a condition hold any of the words."""
        if not kept:
            return 0
        sql = (
            f"SELECT count(*) FROM {self.table} f JOIN record r ON r.seq = f.rowid AND {condition} "
            f'WHERE "{self.name}" MATCH ?'
        )
        return int(self.db.value(sql, (*values, _any(kept))))

    def keep(self, found: Sequence[str], rows: int, settled: int) -> list[str]:
        """The words worth looking up among so many rows, by how rare they are.

        Depends on the indexed rows alone, never on what was asked before. `settled` is the last
        row that no roll-back can take away.
        """
        if rows <= FEW_ROWS or len(found) <= 2:
            return list(found)
        counts = {word: self._frequency(word, settled) for word in found}
        ranked = sorted((count, place) for place, count in enumerate(counts.values()) if count)
        kept: set[int] = set()
        scored = 0
        for count, place in ranked:
            scored += count
            if len(kept) >= 2 and (count > COMMON * rows or scored > SCORED):
                break
            kept.add(place)
        return [word for place, word in enumerate(found) if place in kept]

    def _frequency(self, word: str, settled: int) -> int:
        """In how many rows a word stands; counted on from what was counted before."""
        known, upto = self._frequencies.get(word, (0, 0))
        sql = f'SELECT count(*) FROM {self.table} WHERE "{self.name}" MATCH ? AND rowid > ?'
        if settled > upto:
            bounded = f"{sql} AND rowid <= ?"
            known += int(self.db.value(bounded, (_any([word]), upto, settled)))
            upto = settled
            self._frequencies[word] = (known, upto)
        return known + int(self.db.value(sql, (_any([word]), upto)))


def _any(kept: Sequence[str]) -> str:
    """An FTS5 query for any of the words; quoted, so that nothing in them is syntax."""
    return " OR ".join(f'"{word}"' for word in kept)
