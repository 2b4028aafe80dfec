"""A back-end of `collection` in a text file: one record a line, JSON, made to be edited by hand.

Each line is an object with `content`; `id`, `created` (ISO 8601) and the other fields of a record
are optional. A line with `source`, `target` and `kind` is a link. What was edited by hand counts
from the next opening on; a broken line is reported by its number, kept as it is, and costs nothing
else.

What it cannot promise, being outside the agent's file: a write stays when the agent's commit is
rolled back or its process killed before the commit; there are no versions, so no `blame` and no
reading as of an earlier commit; forks and copies of the agent share the file; accesses are not
counted. Each write replaces
the whole file at once (a crash leaves the old or the new one), which suits thousands of records,
not millions. Searching is done by an index in memory, made at opening.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archgraph import clock, errors
from archgraph.storage import database
from archgraph.stores import backends, base, sqlite_backend

_MOMENTS = ("created", "expired", "valid_from", "valid_to")
_NUMBERS = ("importance", "strength")
_TEXTS = ("thread", "status")
_RECORD = {"id", "content", "fields", "derived_from", *_MOMENTS, *_NUMBERS, *_TEXTS}
_LINK = {"source", "target", "kind", "weight", "created", "valid_from", "valid_to"}


class FileBackend(sqlite_backend.SqliteBackend):
    """Records in a JSON-lines file, mirrored in a database in memory for search.

    Raises:
        InputError: no path is given, or the file is not text or cannot be read.
    """

    lost = ("roll-back with the commit", "versions", "forks of their own", "blame", "access counts")

    def __init__(self, name: str, options: Any, context: base.Context) -> None:
        if not options.path:
            raise errors.InputError(f"store {name!r}: the file back-end needs `path`")
        folder = Path(context.db.path).parent if context.db.path != ":memory:" else Path()
        self.path = folder / options.path
        self._context = context
        self._broken: list[str] = []
        self.problems: list[str] = []
        super().__init__(name, options, context, db=database.create(":memory:", seed=0))
        self.index.embeddings.locked = lambda: context.db.in_transaction
        self._seen = self._stat()
        self._read()
        for problem in self.problems:
            warnings.warn(problem, UserWarning, stacklevel=2)

    def add(self, record: base.Record) -> base.Record:
        """Keep a new record and write the file."""
        db = self._context.db
        actor = db.actor
        id = record.id or db.new_id()
        while not record.id and self.get(id):  # another agent with the same seed wrote here
            id = db.new_id()
        dated = replace(
            record,
            id=id,
            created=record.created or db.now(),
            thread=record.thread or actor.thread,
        )
        with self._rewrite():
            return super().add(dated)

    def update(self, record: base.Record, **changes: Any) -> base.Record:
        """Change a record and write the file."""
        with self._rewrite():
            return super().update(record, **changes)

    def remove(self, record: base.Record) -> None:
        """Drop a record with its links and write the file."""
        with self._rewrite():
            super().remove(record)

    def link(self, link: backends.Link) -> backends.Link:
        """Keep a relation and write the file."""
        dated = replace(link, created=link.created or self._context.db.now())
        with self._rewrite():
            return super().link(dated)

    def unlink(self, link: backends.Link) -> None:
        """Drop a relation and write the file."""
        with self._rewrite():
            super().unlink(link)

    def touch(self, record: base.Record, gain: float) -> None:
        """Accesses are not kept in the file."""

    @contextmanager
    def _rewrite(self) -> Iterator[None]:
        """A change in memory and then in the file; undone in memory if the file refuses."""
        if not self._context.db.writable:
            raise errors.AgentFileError(f"{self._context.db.path} was opened for reading only")
        if self._stat() != self._seen:
            raise errors.AgentFileError(
                f"{self.path} was edited while the agent was open; close the agent and open it "
                "again to take the edits in"
            )
        self.db.clock = self._context.db.clock
        with self.db.transaction():
            yield
            self._save()

    def _save(self) -> None:
        lines = [_record_line(record) for record in self.records.select()]
        lines += [_link_line(link) for link in self.all_links()]
        beside = self.path.with_name(f".{self.path.name}.new")
        try:
            beside.parent.mkdir(parents=True, exist_ok=True)
            with beside.open("w", encoding="utf-8") as file:
                file.write("".join(f"{line}\n" for line in [*lines, *self._broken]))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path)
        except OSError as error:
            raise errors.MachineError(f"cannot write {self.path}: {error.strerror}") from error
        self._seen = self._stat()

    def _stat(self) -> tuple[int, int] | None:
        """Size and time of the file's last change; None if there is none."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_size, found.st_mtime_ns

    def _read(self) -> None:
        try:
            text = self.path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as error:
            raise errors.InputError(f"{self.path} cannot be read as UTF-8 text: {error}") from error
        self.db.clock = self._context.db.clock
        with self.db.transaction():
            for number, line in enumerate(text.split("\n"), 1):
                if line.strip():
                    self._take(number, line.rstrip("\r"))

    def _take(self, number: int, line: str) -> None:
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError("the line is not a JSON object")
            if "source" in row:
                self._take_link(row)
            else:
                self._take_record(row)
        except (ValueError, TypeError, RecursionError) as error:
            self._broken.append(line)
            self.problems.append(
                f"{self.path}:{number}: {error}; the line is kept, but not used until it is mended"
            )

    def _take_record(self, row: Mapping[str, Any]) -> None:
        record = _record(row)
        digest = hashlib.blake2b(record.content.encode(), digest_size=8).hexdigest()
        record = replace(
            record,
            id=record.id or digest,
            created=record.created or self._context.db.now(),
            tokens=self._context.count(record.content),
        )
        if self.get(record.id):
            raise ValueError(f"the id {record.id!r} stands on an earlier line already")
        super().add(record)

    def _take_link(self, row: Mapping[str, Any]) -> None:
        _only(row, _LINK)
        ends = {key: row.get(key) for key in ("source", "target", "kind")}
        if not all(isinstance(end, str) and end for end in ends.values()):
            raise ValueError("a link needs `source`, `target` and `kind`, all text")
        given: dict[str, Any] = {"weight": float(row.get("weight", 1.0)), **ends}
        given |= {key: _moment(row[key], key) for key in _MOMENTS if row.get(key) is not None}
        super().link(backends.Link(**given))


def _record(row: Mapping[str, Any]) -> base.Record:
    """A record from a line; only `content` must be there."""
    _only(row, _RECORD)
    content, fields = row.get("content"), row.get("fields", {})
    if not isinstance(content, str) or not content.strip():
        raise ValueError("a record needs `content`, a text")
    if not isinstance(fields, dict):
        raise ValueError("`fields` must be an object")
    texts = {key: str(row[key]) for key in ("id", *_TEXTS) if row.get(key) is not None}
    numbers = {key: float(row[key]) for key in _NUMBERS if row.get(key) is not None}
    moments = {key: _moment(row[key], key) for key in _MOMENTS if row.get(key) is not None}
    derived = tuple(str(id) for id in row.get("derived_from", ()))
    given: dict[str, Any] = {"id": "", **texts, **numbers, **moments}
    return base.Record(content=content, fields=fields, derived_from=derived, **given)


def _only(row: Mapping[str, Any], known: set[str]) -> None:
    for key in row:
        if key not in known:
            raise ValueError(f"unknown key {key!r}; {errors.suggest(key, known)}")


def _moment(value: Any, key: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        return clock.parse_moment(value)
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"`{key}` must be a date such as 2023-05-08T13:56:00") from error


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


def _record_line(record: base.Record) -> str:
    row: dict[str, Any] = {"id": record.id, "created": _iso(record.created)}
    row["content"] = record.content
    if record.fields:
        row["fields"] = record.fields
    if record.derived_from:
        row["derived_from"] = record.derived_from
    for key in (*_MOMENTS[1:], *_NUMBERS, *_TEXTS):
        value = getattr(record, key)
        if value is not None and (key, value) != ("status", "active"):
            row[key] = _iso(value) if key in _MOMENTS else value
    return json.dumps(row, ensure_ascii=False)


def _link_line(link: backends.Link) -> str:
    row: dict[str, Any] = {"source": link.source, "target": link.target, "kind": link.kind}
    row |= {"weight": link.weight, "created": _iso(link.created)}
    row |= {key: _iso(value) for key in _MOMENTS[2:] if (value := getattr(link, key)) is not None}
    return json.dumps(row, ensure_ascii=False)
