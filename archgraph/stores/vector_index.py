"""Vector index of one store: a vec0 table in the file, and a mirror of it in memory.

The table is the truth. The mirror is derived from it and makes searches fast: the vectors
themselves up to `FLOATS` rows, above that their bits, whose best candidates are scored again from
the table. Rows are added and never removed. Used by `indexes`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from archgraph.storage import database
from archgraph.stores import bits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FLOATS = 20_000
"""Up to this many rows the mirror holds the vectors themselves (31 MB at 384 dimensions)."""
OVERSAMPLE = 16
"""Candidates by bits that are scored exactly, for each wanted result."""
RESCORED = 200
"""The most candidates that are scored exactly, unless more results are wanted."""
CHUNK = 32
"""Rows that vec0 allocates at once. Its own 1024 would make an agent with one passage 1.5 MB large;
32 inserts as fast, and looks single rows up ten times faster (measured, 384 dimensions)."""
FEW = 2_000
"""Up to this many new rows are fetched one by one, more by reading the whole table."""
TOGETHER = 4096
"""Vectors that are taken into the mirror at once, which bounds the memory it takes."""


class VectorIndex:
    """The vec0 table of one store and its mirror."""

    def __init__(self, db: database.Database, store: str) -> None:
        self.db = db
        self.store = store
        self.name = f"vec_{store}"
        self.mirror = Mirror()

    def exists(self) -> bool:
        """Whether the table has been made."""
        found = self.db.value("SELECT 1 FROM sqlite_master WHERE name = ?", (self.name,))
        return found is not None

    def create(self, dimension: int) -> None:
        """Make the table. L2 on unit vectors orders as cosine does, and vec0 is fastest at it."""
        self.db.execute(
            f'CREATE VIRTUAL TABLE "{self.name}" USING vec0('
            f"embedding float[{dimension}] distance_metric=L2, chunk_size={CHUNK})"
        )

    def drop(self) -> None:
        """Remove the table and forget the mirror."""
        self.db.execute(f'DROP TABLE IF EXISTS "{self.name}"')
        self.mirror = Mirror()

    def add(self, rows: Sequence[int], vectors: Sequence[NDArray[np.float32]]) -> None:
        """Add unit vectors. The caller holds a savepoint: a failed insert leaves half a row."""
        sql = f'INSERT INTO "{self.name}"(rowid, embedding) VALUES (?, ?)'
        pairs = zip(rows, vectors, strict=True)
        self.db.executemany(sql, ((row, vector.tobytes()) for row, vector in pairs))

    def refresh(self, rows: Sequence[int]) -> None:
        """Bring new rows of the table, in ascending order, into the mirror."""
        import numpy as np

        for part in self._parts(rows) if rows else ():
            if part:
                self.mirror.add(list(part), np.stack(list(part.values())))

    def _parts(self, rows: Sequence[int]) -> Iterator[dict[int, Any]]:
        """Vectors by row, `TOGETHER` at most: 100,000 at once would take 300 MB."""
        if len(rows) <= FEW:
            yield self.vectors(rows)
            return
        low, high = rows[0], rows[-1]
        found = self.db.execute(f'SELECT rowid, embedding FROM "{self.name}"')
        while some := found.fetchmany(TOGETHER):
            yield {row: _vector(blob) for row, blob in some if low <= row <= high}

    def vectors(self, rows: Sequence[int]) -> dict[int, Any]:
        """Vectors by row; rows without one are left out."""
        # One look-up at a time: vec0 answers `rowid IN (...)` ten times slower.
        sql = f'SELECT embedding FROM "{self.name}" WHERE rowid = ?'
        found = {}
        for row in rows:
            blob = self.db.value(sql, (row,))
            if blob is not None:
                found[row] = _vector(blob)
        return found

    def nearest(
        self,
        query: NDArray[np.float32],
        limit: int,
        among: NDArray[np.int64] | None = None,
    ) -> list[tuple[int, float]]:
        """The rows nearest to a unit vector: (row, cosine similarity), best first.

        `among` restricts the search to some rows.
        """
        mirror = self.mirror
        if mirror.floats is not None:
            found = mirror.exact(query, limit, among)
        else:
            wanted = max(min(OVERSAMPLE * limit, RESCORED), 2 * limit)
            rows = mirror.candidates(query, wanted, among)
            vectors = mirror.held | self.vectors([row for row in rows if row not in mirror.held])
            found = [(row, float(vectors[row] @ query)) for row in rows if row in vectors]
        found = [(row, round(score, 6)) for row, score in found]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:limit]

    def scan(self, query: NDArray[np.float32], limit: int) -> list[tuple[int, float]]:
        """The same by vec0's own exact search, without the mirror: slow, for comparison."""
        sql = f'SELECT rowid, distance FROM "{self.name}" WHERE embedding MATCH ? AND k = ?'
        rows = self.db.execute(sql, (query.tobytes(), limit))
        return [(row, 1 - distance * distance / 2) for row, distance in rows]


class Mirror:
    """Row numbers and vectors (or their bits) in memory; `held` are vectors not in the table."""

    def __init__(self) -> None:
        self.held: dict[int, Any] = {}
        self.floats: Any = None
        self._bits: Any = None
        self._rows: Any = None
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def rows(self) -> Any:
        """Row numbers, ascending."""
        import numpy as np

        return np.empty(0, np.int64) if self._rows is None else self._rows[: self._size]

    def add(self, rows: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """Append rows that are all larger than those before."""
        import numpy as np

        fresh = self._bits is None
        total = self._size + len(rows)
        self._rows = _grown(self._rows, self._size, total, (), np.int64)
        self._rows[self._size : total] = rows
        if total <= FLOATS and (self.floats is not None or fresh):
            self.floats = _grown(self.floats, self._size, total, vectors.shape[1:], np.float32)
            self.floats[self._size : total] = vectors
        else:
            self._to_bits()
            words = bits.signs(vectors)
            self._bits = _grown(self._bits, self._size, total, words.shape[1:], np.uint64)
            self._bits[self._size : total] = words
        self._size = total

    def hold(self, rows: Sequence[int], vectors: Sequence[NDArray[np.float32]]) -> None:
        """Append rows that are not in the table; their vectors stay in memory."""
        import numpy as np

        if rows:
            self.held |= dict(zip(rows, vectors, strict=True))
            self.add(rows, np.stack(vectors))

    def copy(self, upto: int) -> Mirror:
        """Another of the rows up to a number; both share the arrays until one adds to them."""
        found = Mirror()
        found._rows, found.floats, found._bits = self._rows, self.floats, self._bits
        for array in (found._rows, found.floats, found._bits):
            if array is not None:
                array.flags.writeable = False  # `_grown` copies what may not be written
        found._size = self._size
        found.cut(upto)
        return found

    def cut(self, upto: int) -> None:
        """Forget rows after a number."""
        import numpy as np

        self._size = int(np.searchsorted(self.rows, upto, side="right"))

    def exact(self, query: Any, limit: int, among: Any) -> list[tuple[int, float]]:
        """Nearest rows by the vectors themselves."""
        import numpy as np

        # Not `@`: BLAS would share it among threads, which costs 27 times as much on busy cores.
        scores = np.vecdot(self.floats[: self._size], query)
        rows, scores = _restrict(self.rows, scores, among)
        if len(rows) > limit:
            best = np.argpartition(-scores, limit)[:limit]
            rows, scores = rows[best], scores[best]
        return list(zip(rows.tolist(), scores.tolist(), strict=True))

    def candidates(self, query: Any, limit: int, among: Any) -> list[int]:
        """Rows with the fewest differing signs."""
        import numpy as np

        if self._bits is None:
            return []
        wanted = bits.signs_of_one(query)
        distance = bits.distances(self._bits[: self._size], wanted)
        rows, distance = _restrict(self.rows, distance, among)
        if len(rows) > limit:
            rows = rows[np.argpartition(distance, limit)[:limit]]
        found: list[int] = rows.tolist()
        return found

    def _to_bits(self) -> None:
        if self.floats is not None:
            self._bits = bits.signs(self.floats[: self._size])
            self.floats = None


def _restrict(rows: Any, scores: Any, among: Any) -> tuple[Any, Any]:
    if among is None:
        return rows, scores
    import numpy as np

    mask = np.isin(rows, among, assume_unique=True)
    return rows[mask], scores[mask]


def _grown(array: Any, used: int, wanted: int, inner: tuple[int, ...], kind: Any) -> Any:
    """An array with room for `wanted` rows, grown by half so that appending stays cheap."""
    import numpy as np

    if array is not None and len(array) >= wanted and array.flags.writeable:
        return array
    shape = (wanted if array is None else wanted * 3 // 2, *inner)
    larger: Any = np.empty(shape, dtype=kind, order="F" if kind == np.uint64 else "C")
    if array is not None:
        larger[:used] = array[:used]
    return larger


def _vector(blob: bytes) -> Any:
    import numpy as np

    return np.frombuffer(blob, np.float32)
