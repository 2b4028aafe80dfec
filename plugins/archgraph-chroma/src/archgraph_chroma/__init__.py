"""A back-end of archgraph's `collection` in Chroma: one folder, one Chroma collection a store.

Vectors come from the agent's embedder. Lists and filters are read record by record, which suits
tens of thousands of records. What it cannot promise, being outside the agent's file, `lost` says.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import chromadb

from archgraph import errors
from archgraph.stores import backends, base, retrieval, upkeep

_WORD = re.compile(r"\w+")
_EVERYTHING = retrieval.Filter()
_EDGE = ("source", "target", "kind")


class ChromaBackend:
    """Records in a Chroma database on disk; words and vectors are searched by Chroma.

    Raises:
        InputError: no path is given.
        EmbedderMismatch: the folder was written with another embedder.
    """

    lost: ClassVar[Sequence[str]] = (
        "roll-back with the commit",
        "versions",
        "forks of their own",
        "blame",
        "readers beside a writer",
    )
    problems: Sequence[str] = ()

    def __init__(self, name: str, options: Any, context: base.Context) -> None:
        if not options.path:
            raise errors.InputError(f"store {name!r}: the chroma back-end needs `path`, a folder")
        self._context = context
        self._kinds = tuple(options.index)
        self._vectors = upkeep.Embeddings(context.embedder, lambda: False)
        folder = Path(context.db.path).parent / options.path
        settings = chromadb.Settings(anonymized_telemetry=False)
        client = chromadb.PersistentClient(path=str(folder), settings=settings)
        self._held = client.get_or_create_collection(
            f"archgraph-{name}",
            embedding_function=None,
            metadata={"hnsw:space": "cosine", "embedder": self._vectors.embedder.id},
        )
        self._check_embedder(name)
        self._last = max((record.seq for record, _ in self._all()), default=0)

    def add(self, record: base.Record) -> base.Record:
        """Keep a new record."""
        db = self._writable()
        id = record.id or db.new_id()
        while not record.id and self.get(id):  # another agent with the same seed wrote here
            id = db.new_id()
        self._last += 1
        dated = dataclasses.replace(
            record,
            id=id,
            seq=self._last,
            created=record.created or db.now(),
            thread=record.thread or db.actor.thread,
        )
        self._put(dated, [])
        return dated

    def update(self, record: base.Record, **changes: Any) -> base.Record:
        """Put a changed form in a record's place; its links stay."""
        self._writable()
        changed = dataclasses.replace(record, **changes)
        self._put(changed, self._links(record.id))
        return changed

    def remove(self, record: base.Record) -> None:
        """Drop a record and its links."""
        self._writable()
        for link in self.links(record.id):
            self.unlink(link)
        self._held.delete(ids=[record.id])

    def get(self, id: str) -> base.Record | None:
        """The record of that id."""
        found = list(self._all([id])) if id else []
        return found[0][0] if found else None

    def page(
        self, only: retrieval.Filter, *, limit: int, offset: int = 0, newest: bool = False
    ) -> list[base.Record]:
        """Records by time."""
        found = [record for record, _ in self._all() if only.passes(record)]
        found.sort(key=lambda record: (record.created, record.seq), reverse=newest)
        return found[offset : offset + limit]

    def count(self, only: retrieval.Filter = _EVERYTHING) -> int:
        """How many records pass a filter."""
        if only == _EVERYTHING:
            return int(self._held.count())
        return sum(only.passes(record) for record, _ in self._all())

    def total(self, column: str) -> float:
        """The sum of a numeric column."""
        return float(sum(getattr(record, column) or 0 for record, _ in self._all()))

    def search(
        self,
        query: str,
        policy: retrieval.Retrieval,
        *,
        limit: int,
        offset: int = 0,
        only: retrieval.Filter = _EVERYTHING,
    ) -> tuple[list[retrieval.Hit], int]:
        """A part of the ranking by words and vectors, and its length."""
        only = retrieval.narrowed(only, policy, self._context.db.now())
        found: dict[int, base.Record] = {}
        lists: dict[str, retrieval.Scores] = {}
        for source, search in (("vector", self._near), ("text", self._worded)):
            if source in self._kinds:
                pairs = [pair for pair in search(query, policy.depth) if only.passes(pair[0])]
                found |= {record.seq: record for record, _ in pairs}
                lists[source] = {record.seq: score for record, score in pairs}
        ranked = retrieval.ordered(retrieval.fuse(lists, policy), policy)
        hits = [
            retrieval.Hit(found[seq], score, tuple(name for name in lists if seq in lists[name]))
            for seq, score in ranked[offset : offset + limit]
        ]
        return hits, len(ranked)

    def link(self, link: backends.Link) -> backends.Link:
        """Keep a relation beside its source; its former form goes."""
        self._writable()
        dated = dataclasses.replace(link, created=link.created or self._context.db.now())
        kept = [each for each in self._links(link.source) if _edge(each) != _edge(link)]
        self._relink(link.source, [*kept, dated])
        return dated

    def unlink(self, link: backends.Link) -> None:
        """Drop a relation."""
        self._writable()
        kept = [each for each in self._links(link.source) if _edge(each) != _edge(link)]
        self._relink(link.source, kept)

    def links(self, id: str) -> list[backends.Link]:
        """Relations from and to a record, oldest first."""
        held = (link for _, links in self._all() for link in links)
        found = [link for link in held if id in (link.source, link.target)]
        return sorted(found, key=lambda link: link.created)

    def prepare(self, query: str = "", texts: Sequence[str] = ()) -> None:
        """Embed what a coming commit will ask or write."""
        self._vectors.of([text for text in (query, *texts) if text.strip()])

    def _near(self, query: str, depth: int) -> Iterator[tuple[base.Record, float]]:
        most = min(depth, int(self._held.count()))
        if not most or not query.strip():
            return
        vector = self._vectors.of([query])[0].tolist()
        said = self._held.query(
            query_embeddings=[vector], n_results=most, include=["metadatas", "distances"]
        )
        for meta, distance in zip(said["metadatas"][0], said["distances"][0], strict=True):
            yield _taken(meta)[0], max(0.0, 1.0 - float(distance))

    def _worded(self, query: str, depth: int) -> Iterator[tuple[base.Record, float]]:
        words = sorted(set(_WORD.findall(query.lower())))[:64]
        if not words:
            return
        pattern = f"(?i)\\b({'|'.join(map(re.escape, words))})\\b"
        said = self._held.get(where_document={"$regex": pattern}, include=["metadatas"])
        found = [_taken(meta)[0] for meta in said["metadatas"]]
        pairs = [(record, _shared(words, record.content)) for record in found]
        pairs = [pair for pair in pairs if pair[1]]
        yield from sorted(pairs, key=lambda pair: (-pair[1], pair[0].seq))[:depth]

    def _all(
        self, ids: list[str] | None = None
    ) -> Iterator[tuple[base.Record, list[backends.Link]]]:
        for meta in self._held.get(ids=ids, include=["metadatas"])["metadatas"]:
            yield _taken(meta)

    def _links(self, id: str) -> list[backends.Link]:
        return next((links for _, links in self._all([id])), [])

    def _relink(self, id: str, links: list[backends.Link]) -> None:
        record = self.get(id)
        if record is not None:
            self._held.update(ids=[id], metadatas=[_kept(record, links)])

    def _put(self, record: base.Record, links: list[backends.Link]) -> None:
        self._held.upsert(
            ids=[record.id],
            embeddings=[self._vectors.of([record.content])[0].tolist()],
            documents=[record.content],
            metadatas=[_kept(record, links)],
        )

    def _writable(self) -> Any:
        if not self._context.db.writable:
            raise errors.AgentFileError(f"{self._context.db.path} was opened for reading only")
        return self._context.db

    def _check_embedder(self, name: str) -> None:
        before, now = (self._held.metadata or {}).get("embedder"), self._vectors.embedder.id
        if before != now:
            raise errors.EmbedderMismatch(
                f"store {name!r} was written to Chroma with the embedder {before!r}, not with "
                f"{now!r}; open it with the former, or move the folder away"
            )


def _kept(record: base.Record, links: list[backends.Link]) -> dict[str, Any]:
    """A record and its links as Chroma's metadata, which holds plain values only."""
    body = {"record": dataclasses.asdict(record), "links": [dataclasses.asdict(x) for x in links]}
    return {"archgraph": json.dumps(body)}


def _taken(meta: Mapping[str, Any]) -> tuple[base.Record, list[backends.Link]]:
    body = json.loads(meta["archgraph"])
    given = {**body["record"], "derived_from": tuple(body["record"]["derived_from"])}
    return base.Record(**given), [backends.Link(**link) for link in body["links"]]


def _edge(link: backends.Link) -> tuple[str, ...]:
    return tuple(getattr(link, end) for end in _EDGE)


def _shared(words: Sequence[str], text: str) -> float:
    """The share of the words that a text holds."""
    held = set(_WORD.findall(text.lower()))
    return sum(word in held for word in words) / len(words)
