"""A back-end of archgraph's `collection` in PostgreSQL: vectors by pgvector, words by tsvector.

Two tables a store, in the first schema of the search path. Lists without a filter and both
searches are done by the server; other filters are applied record by record. What it cannot
promise, being outside the agent's file, `lost` says. A write is committed at once.
"""

from __future__ import annotations

import dataclasses
import json
import re
import weakref
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import psycopg
from psycopg import sql

from archgraph import errors
from archgraph.stores import backends, base, retrieval, upkeep

_WORD = re.compile(r"\w+")
_EVERYTHING = retrieval.Filter()
_LINK = "source, target, kind, weight, created, valid_from, valid_to"
_TABLES = """
CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;
CREATE TABLE IF NOT EXISTS {table} (
  seq bigserial PRIMARY KEY, id text NOT NULL UNIQUE, content text NOT NULL,
  envelope text NOT NULL, created double precision NOT NULL, tokens double precision,
  importance double precision, strength double precision, embedding vector({dimension}) NOT NULL,
  words tsvector GENERATED ALWAYS AS (to_tsvector('simple', content)) STORED);
CREATE INDEX IF NOT EXISTS {near} ON {table} USING hnsw (embedding vector_cosine_ops);
CREATE INDEX IF NOT EXISTS {worded} ON {table} USING gin (words);
CREATE TABLE IF NOT EXISTS {link} (
  seq bigserial, source text, target text, kind text, weight double precision,
  created double precision, valid_from double precision, valid_to double precision,
  PRIMARY KEY (source, target, kind));
"""


class PgvectorBackend:
    """Records in PostgreSQL with the extension pgvector.

    Raises:
        MachineError: the server cannot be reached, or refuses.
        EmbedderMismatch: the table was written with another embedder.
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
        self._context = context
        self._kinds = tuple(options.index)
        self._vectors = upkeep.Embeddings(context.embedder, lambda: False)
        self._names = {
            "table": sql.Identifier(f"archgraph_{name}"),
            "link": sql.Identifier(f"archgraph_{name}_link"),
            "near": sql.Identifier(f"archgraph_{name}_near"),
            "worded": sql.Identifier(f"archgraph_{name}_words"),
            "dimension": sql.Literal(self._vectors.embedder.dimension),
        }
        try:
            self._connection = psycopg.connect(options.path, autocommit=True, connect_timeout=10)
        except psycopg.Error as error:
            raise errors.MachineError(
                f"store {name!r}: PostgreSQL cannot be reached: {error}; name the server in `path` "
                "or by PGHOST, PGUSER, PGDATABASE and PGPASSWORD"
            ) from error
        weakref.finalize(self, self._connection.close)
        for statement in _TABLES.split(";\n"):
            if statement.strip():
                self._run(statement)
        self._check_embedder(name)

    def add(self, record: base.Record) -> base.Record:
        """Keep a new record."""
        db = self._writable()
        id = record.id or db.new_id()
        while not record.id and self.get(id):  # another agent with the same seed wrote here
            id = db.new_id()
        created = record.created or db.now()
        thread = record.thread or db.actor.thread
        dated = dataclasses.replace(record, id=id, created=created, thread=thread)
        self._run(
            "INSERT INTO {table} (content, envelope, created, tokens, importance, strength, "
            "embedding, id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            *self._row(dated),
        )
        return self.get(id) or dated

    def update(self, record: base.Record, **changes: Any) -> base.Record:
        """Put a changed form in a record's place."""
        self._writable()
        changed = dataclasses.replace(record, **changes)
        self._run(
            "UPDATE {table} SET content = %s, envelope = %s, created = %s, tokens = %s, "
            "importance = %s, strength = %s, embedding = %s WHERE id = %s",
            *self._row(changed),
        )
        return changed

    def remove(self, record: base.Record) -> None:
        """Drop a record and its links."""
        self._writable()
        self._run("DELETE FROM {link} WHERE source = %s OR target = %s", record.id, record.id)
        self._run("DELETE FROM {table} WHERE id = %s", record.id)

    def get(self, id: str) -> base.Record | None:
        """The record of that id."""
        rows = self._records("WHERE id = %s", id) if "\0" not in id else iter(())
        return next(rows, None)

    def page(
        self, only: retrieval.Filter, *, limit: int, offset: int = 0, newest: bool = False
    ) -> list[base.Record]:
        """Records by time."""
        order = "ORDER BY created DESC, seq DESC" if newest else "ORDER BY created, seq"
        if only == _EVERYTHING:
            return list(self._records(f"{order} LIMIT %s OFFSET %s", limit, offset))
        found = [record for record in self._records(order) if only.passes(record)]
        return found[offset : offset + limit]

    def count(self, only: retrieval.Filter = _EVERYTHING) -> int:
        """How many records pass a filter."""
        if only == _EVERYTHING:
            return int(self._run("SELECT count(*) FROM {table}")[0][0])
        return sum(only.passes(record) for record in self._records(""))

    def total(self, column: str) -> float:
        """The sum of a numeric column."""
        if column not in ("tokens", "importance", "strength"):
            raise ValueError(f"no numeric column {column!r}")
        return float(self._run(f"SELECT coalesce(sum({column}), 0) FROM {{table}}")[0][0])

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
        """Keep a relation; its former form goes."""
        self.unlink(link)
        dated = dataclasses.replace(link, created=link.created or self._context.db.now())
        marks = ", ".join(["%s"] * 7)
        self._run(f"INSERT INTO {{link}} ({_LINK}) VALUES ({marks})", *_ends(dated))
        return dated

    def unlink(self, link: backends.Link) -> None:
        """Drop a relation."""
        self._writable()
        condition = "source = %s AND target = %s AND kind = %s"
        self._run(f"DELETE FROM {{link}} WHERE {condition}", link.source, link.target, link.kind)

    def links(self, id: str) -> list[backends.Link]:
        """Relations from and to a record, oldest first."""
        condition = "source = %s OR target = %s ORDER BY created, seq"
        rows = self._run(f"SELECT {_LINK} FROM {{link}} WHERE {condition}", id, id)
        return [backends.Link(*row) for row in rows]

    def prepare(self, query: str = "", texts: Sequence[str] = ()) -> None:
        """Embed what a coming commit will ask or write."""
        self._vectors.of([text for text in (query, *texts) if text.strip()])

    def _near(self, query: str, depth: int) -> Iterator[tuple[base.Record, float]]:
        if query.strip():
            vector = _literal(self._vectors.of([query])[0])
            order = "ORDER BY embedding <=> %s::vector, seq LIMIT %s"
            yield from self._scored("greatest(0, 1 - (embedding <=> %s::vector))", order, vector,
                                    vector, depth)  # fmt: skip

    def _worded(self, query: str, depth: int) -> Iterator[tuple[base.Record, float]]:
        words = " or ".join(sorted(set(_WORD.findall(query)))[:64])
        asked = "websearch_to_tsquery('simple', %s)"
        if words:
            order = f"WHERE words @@ {asked} ORDER BY 3 DESC, seq LIMIT %s"
            yield from self._scored(f"ts_rank_cd(words, {asked})", order, words, words, depth)

    def _scored(self, score: str, rest: str, *values: Any) -> Iterator[tuple[base.Record, float]]:
        rows = self._run(f"SELECT seq, envelope, {score} FROM {{table}} {rest}", *values)
        for seq, envelope, said in rows:
            yield _taken(seq, envelope), float(said)

    def _records(self, rest: str, *values: Any) -> Iterator[base.Record]:
        for seq, envelope in self._run(f"SELECT seq, envelope FROM {{table}} {rest}", *values):
            yield _taken(seq, envelope)

    def _row(self, record: base.Record) -> tuple[Any, ...]:
        if "\0" in record.content:
            raise errors.ToolError("PostgreSQL keeps no text with a NUL character (U+0000) in it")
        numbers = (record.created, record.tokens, record.importance, record.strength)
        vector = _literal(self._vectors.of([record.content])[0])
        kept = json.dumps(dataclasses.asdict(record))
        return (record.content, kept, *numbers, vector, record.id)

    def _run(self, statement: str, *values: Any) -> list[Any]:
        made = sql.SQL(statement).format(**self._names)  # type: ignore[arg-type]
        try:
            cursor = self._connection.execute(made, values or None)
            return cursor.fetchall() if cursor.description else []
        except psycopg.DataError as error:
            raise errors.ToolError(f"PostgreSQL cannot take this: {error}") from error
        except psycopg.Error as error:
            raise errors.MachineError(f"PostgreSQL refuses: {error}") from error

    def _writable(self) -> Any:
        if not self._context.db.writable:
            raise errors.AgentFileError(f"{self._context.db.path} was opened for reading only")
        return self._context.db

    def _check_embedder(self, name: str) -> None:
        """The table's comment says whose vectors it holds."""
        table, now = self._names["table"], self._vectors.embedder.id
        place = table.as_string(self._connection)
        before = self._run("SELECT obj_description(to_regclass(%s))", place)[0][0]
        if before is None:
            self._names["now"] = sql.Literal(now)
            self._run("COMMENT ON TABLE {table} IS {now}")
        elif before != now:
            raise errors.EmbedderMismatch(
                f"store {name!r} was written to PostgreSQL with the embedder {before!r}, not with "
                f"{now!r}; open it with the former, or drop the table {place}"
            )


def _taken(seq: int, envelope: str) -> base.Record:
    given = json.loads(envelope)
    return base.Record(**{**given, "derived_from": tuple(given["derived_from"]), "seq": seq})


def _ends(link: backends.Link) -> tuple[Any, ...]:
    return tuple(getattr(link, name) for name in _LINK.split(", "))


def _literal(vector: Any) -> str:
    """A vector as pgvector reads it."""
    return "[" + ",".join(repr(float(number)) for number in vector) + "]"
