"""How the search index of a store keeps up with its rows.

Appending costs nothing; the rows that came since are indexed before the next search, embedded
outside of any commit. Everything here is derived from the `record` table and can be made again.
Used by `indexes`. Knows nothing of ranking.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from archgraph import errors
from archgraph.storage import database, records
from archgraph.stores import text_index, timeline, vector_index

if TYPE_CHECKING:
    from archgraph.llm import base as llm

Form = Callable[[records.Record], str]
"""What the index sees of a record; an empty text keeps the record out of it."""

BATCH = 256
"""Rows that are embedded and committed together."""
CACHED = 4 * BATCH
"""Embeddings kept in memory, so that a commit finds those that were prepared for it."""

_SPEAKER = """coalesce(json_extract(fields, '$.name'), json_extract(fields, '$.kind'),
 json_extract(fields, '$.role'), '')"""


class Embeddings:
    """An embedder with a memory. While `locked()`, in a commit, only the memory answers."""

    def __init__(self, opened: Callable[[], llm.Embedder], locked: Callable[[], bool]) -> None:
        self.locked = locked
        self._open = opened
        self._known: OrderedDict[str, Any] = OrderedDict()

    @property
    def embedder(self) -> llm.Embedder:
        """The embedder itself."""
        return self._open()

    def knows(self, text: str) -> bool:
        """Whether a text can be embedded within a commit."""
        return text in self._known

    def of(self, texts: Sequence[str]) -> list[Any]:
        """Vectors of texts.

        Raises:
            PluginError: the embedder breaks its contract, or would have to run within a commit.
        """
        unknown = list(dict.fromkeys(text for text in texts if text not in self._known))
        found = {text: self._known[text] for text in texts if text in self._known}
        if unknown:
            if self.locked():
                raise errors.PluginError(
                    "an embedder may not run while the agent's file is locked; "
                    "call the store's prepare() before the commit begins"
                )
            found |= dict(zip(unknown, self._run(unknown), strict=True))
        for text, vector in found.items():
            self._known[text] = vector
            self._known.move_to_end(text)
        while len(self._known) > CACHED:
            self._known.popitem(last=False)
        return [found[text] for text in texts]

    def _run(self, texts: Sequence[str]) -> Any:
        import numpy as np

        embedder = self._open()
        vectors = np.asarray(embedder.embed(texts), np.float32)
        wanted = (len(texts), embedder.dimension)
        if vectors.shape != wanted or not np.isfinite(vectors).all():
            raise errors.PluginError(
                f"embedder {embedder.id!r} must give finite vectors of shape {wanted}; "
                f"it gave shape {vectors.shape}"
            )
        return vectors


class Upkeep:
    """The derived tables of one store and what is mirrored of them in memory.

    Raises:
        EmbedderMismatch: the vectors in the file were made by another embedder.
    """

    def __init__(
        self,
        db: database.Database,
        store: str,
        embedder: Callable[[], llm.Embedder],
        kinds: Sequence[str],
        form: Form,
        as_of: int | None,
    ) -> None:
        self.db = db
        self.store = store
        self.kinds = tuple(kinds)
        self.form = form
        self.records = records.Records(db, store, as_of)
        self.text = text_index.TextIndex(db, store)
        self.vectors = vector_index.VectorIndex(db, store)
        self.timeline = timeline.Timeline()
        self.scanned = text_index.TextIndex(db, store, "temp")
        self.embeddings = Embeddings(embedder, lambda: db.in_transaction)
        self._settled = 0  # the last mirrored row that no roll-back can take away
        self._base = 0  # a reader's: the last row of the file's index, behind which its own begins
        self._verify()

    def backlog(self) -> int:
        """How many rows wait to be indexed."""
        sql = "SELECT count(*) FROM record WHERE store = ? AND seq > ?"
        return int(self.db.value(sql, (self.store, self.upto())))

    def upto(self) -> int:
        """The last row that is indexed in the file."""
        sql = "SELECT upto FROM indexed WHERE store = ?"
        return int(self.db.value(sql, (self.store,)) or 0)

    def catch_up(self) -> None:
        """Index the rows that came since; outside a commit, embedding holds no lock.

        Within a commit it indexes only what was embedded before, up to the first row that was
        not: that row and those after it wait for the next search. A reader of the file indexes
        for itself, in memory.
        """
        if not self.db.writable:
            upto = self.upto()
            if upto != self._base:
                self._drop_tail(upto)
            self._mirror(upto)
            self._scan()
            return
        if not self._settled:
            self._begin_afresh_if_incomplete()
        upto = self.upto()
        while rows := self.records.rows_after(upto, BATCH):
            upto = self._index(rows)
            if upto < rows[-1].seq:
                break
        self._mirror(upto)

    def adopt(self, other: Upkeep) -> None:
        """Take over what another index of the same store mirrors, instead of reading it anew.

        For a fork of the present, whose file is a copy of the other's: both must have indexed the
        same rows, and of those only what no roll-back can take away is taken over. Neither sees
        what is added to the other from then on.
        """
        upto = other._settled
        if not upto or self._settled or self.kinds != other.kinds or other.db.in_transaction:
            return
        if not (self.db.writable and other.db.writable):
            return  # a reader mirrors rows that are not in the file
        if not upto <= self.upto() == other.upto():
            return
        shown = other.timeline.copy(upto)
        if shown is None:
            return
        self.timeline = shown
        self.vectors.mirror = other.vectors.mirror.copy(upto)
        self._settled = upto

    def reindex(self) -> None:
        """Forget all that is indexed; the next search embeds and indexes every row again."""
        with self._write():
            self.text.drop()
            self.vectors.drop()
            self.db.execute("DELETE FROM indexed WHERE store = ?", (self.store,))
        self.timeline = timeline.Timeline()
        self._settled = 0

    def embed_ahead(self, texts: Sequence[str]) -> None:
        """Embed texts that a coming commit will index."""
        if "vector" in self.kinds and texts:
            self.embeddings.of([text for text in texts if text])

    def _verify(self) -> None:
        sql = "SELECT embedder, dimension FROM indexed WHERE store = ?"
        row = self.db.one(sql, (self.store,))
        if row is None or "vector" not in self.kinds or not row[0]:
            return
        now = self.embeddings.embedder
        if (now.id, now.dimension) != tuple(row):
            count = self.records.count()
            raise errors.EmbedderMismatch(
                f"store {self.store!r} was indexed with the embedder {row[0]!r} ({row[1]} "
                f"dimensions), not with {now.id!r} ({now.dimension}); open it with the former, or "
                f"re-embed its {count} records: "
                "`archgraph reindex AGENT.db`, or open_agent(..., reembed=True)"
            )

    def _begin_afresh_if_incomplete(self) -> None:
        """Start afresh where the file lacks a table that this index needs."""
        missing = [
            index
            for kind, index in (("text", self.text), ("vector", self.vectors))
            if kind in self.kinds and not index.exists()
        ]
        if missing and self.upto():
            self.reindex()

    def _index(self, rows: Sequence[records.Record]) -> int:
        """Index a batch of rows; the number of the last one that could be done."""
        forms = [(row, self.form(row)) for row in rows]
        if self.embeddings.locked() and "vector" in self.kinds:
            stop = next(
                (
                    n
                    for n, (_, text) in enumerate(forms)
                    if text and not self.embeddings.knows(text)
                ),
                len(forms),
            )
            forms = forms[:stop]
        if not forms:
            return self.upto()
        seen = [(row, text) for row, text in forms if text]
        vectors = self.embeddings.of([text for _, text in seen]) if "vector" in self.kinds else []
        with self._write():
            self._insert(seen, vectors)
            self._note(forms[-1][0].seq)
        return forms[-1][0].seq

    def _insert(self, seen: Sequence[tuple[records.Record, str]], vectors: Sequence[Any]) -> None:
        if "text" in self.kinds:
            if not self.text.exists():
                self.text.create()
            self.text.add((row.seq, _name(row), text) for row, text in seen)
        if vectors:
            if not self.vectors.exists():
                self.vectors.create(self.embeddings.embedder.dimension)
            self.vectors.add([row.seq for row, _ in seen], vectors)

    def _note(self, upto: int) -> None:
        name, dimension = "", 0
        if "vector" in self.kinds:
            embedder = self.embeddings.embedder
            name, dimension = embedder.id, embedder.dimension
        self.db.execute(
            "INSERT OR REPLACE INTO indexed(store, upto, embedder, dimension) VALUES (?, ?, ?, ?)",
            (self.store, upto, name, dimension),
        )

    @contextmanager
    def _write(self) -> Iterator[None]:
        """A commit that is no step of the journal, or a savepoint of the commit in progress."""
        own = not self.db.in_transaction
        if own:
            self.db.execute("BEGIN IMMEDIATE")
        self.db.execute("SAVEPOINT upkeep")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK TO upkeep")
            self.db.execute("RELEASE upkeep")
            if own:
                self.db.execute("ROLLBACK")
            raise
        self.db.execute("RELEASE upkeep")
        if own:
            self.db.execute("COMMIT")

    def _mirror(self, upto: int) -> None:
        """Bring what the file has up to a row into memory; nothing of an open commit stays."""
        if self.timeline.upto > self._settled:
            self.timeline.cut(self._settled)
            self.vectors.mirror.cut(self._settled)
        if upto <= self._settled:
            return
        rows = array("q")
        for row in self._rows(self._settled, upto):
            self.timeline.add(*row)
            rows.append(row[0])
        if "vector" in self.kinds:
            self.vectors.refresh(rows)
        self._settled = upto
        if self.db.in_transaction:
            sql = (
                "SELECT seq FROM record WHERE store = ? AND seq <= ? AND born < ? "
                "ORDER BY seq DESC LIMIT 1"
            )
            self._settled = self.db.value(sql, (self.store, upto, self.db.version)) or 0

    def _rows(self, after: int, upto: int) -> Iterator[tuple[int, float, str, str]]:
        """Indexed rows: number, time, speaker, name."""
        columns = f"seq, created, {_SPEAKER}, coalesce(json_extract(fields, '$.name'), '')"
        where = "store = ? AND seq > ? AND seq <= ?"
        if "text" in self.kinds:
            if not self.text.exists():
                return
            where += f" AND seq IN (SELECT rowid FROM {self.text.table} WHERE rowid > {after})"
        sql = f"SELECT {columns} FROM record WHERE {where} ORDER BY seq"
        for row, time, speaker, name in self.db.execute(sql, (self.store, after, upto)):
            yield row, time, str(speaker), str(name)

    def _drop_tail(self, upto: int) -> None:
        """Forget what a reader indexed for itself: the writer has indexed on, or anew.

        Were it kept, a row would stand in both indexes, with two scores.
        """
        self._settled = self._base if self._base < upto else 0
        self._base = upto
        self.timeline.cut(self._settled)
        self.vectors.mirror.cut(self._settled)
        self.vectors.mirror.held.clear()
        self.text.recount()
        self.scanned.drop()

    def _scan(self) -> None:
        """Index for a reader, in memory, what the writer has not indexed yet."""
        while rows := self.records.rows_after(self._settled, BATCH):
            seen = [(row, text) for row in rows if (text := self.form(row))]
            if "vector" in self.kinds and seen:
                vectors = self.embeddings.of([text for _, text in seen])
                self.vectors.mirror.hold([row.seq for row, _ in seen], vectors)
            if "text" in self.kinds:
                if not self.scanned.exists():
                    self.scanned.create()
                self.scanned.add((row.seq, _name(row), text) for row, text in seen)
            for row, _ in seen:
                speaker = row.fields.get("kind") or row.fields.get("role") or ""
                name = _name(row)
                self.timeline.add(row.seq, row.created, name or str(speaker), name)
            self._settled = rows[-1].seq


def _name(record: records.Record) -> str:
    return str(record.fields.get("name") or "")
