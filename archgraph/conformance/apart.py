"""Checks of what a store shares with others: other stores, other readers, the file around it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from archgraph import errors
from archgraph.conformance import kit
from archgraph.storage import database

_OWN = "write through `self.records` only"
_READ = "read through `self.context.db` at each call; write nothing while reading"
READERS = 3
"""Threads that read while one writes."""


class Apart(kit.Ground):
    """A store keeps to itself."""

    @kit.check("isolation", "name the store in every query of your own", "own file")
    def test_two_stores_are_apart(self, tmp_path: Path) -> None:
        """Writing to one store of the type does not change another of the same agent."""
        with self._filled(tmp_path, 2) as (db, store):
            other = self._begin(db, "other")
            mine, theirs = self._state(store), self._state(other)
            self._write(db, other, 2)
            kit.same(mine, self._state(store), "writing to another store changed this one")
            kit.must(self._state(other) != theirs, "a second store of the type takes no writes")

    @kit.check("isolation", _OWN, "own file")
    def test_it_writes_its_own_rows_only(self, tmp_path: Path) -> None:
        """Everything that it writes carries its name, and no other table changes."""
        with self._agent(tmp_path) as (db, store):
            before = database.dump(db)
            self._write(db, store, 4)
            after = database.dump(db)
            for table in after:
                new = set(after[table]) - set(before.get(table, ()))
                if table in ("record", "link", "access"):
                    fine = all('"mine"' in row for row in new)
                    kit.must(fine, f"it wrote rows of `{table}` in another store's name")
                elif table != "meta":
                    kit.must(not new, f"it wrote to `{table}`, which is the agent's")

    @kit.check(
        "isolation", "keep everything in the agent's file, or declare what is lost", "own file"
    )
    def test_it_writes_no_other_files(self, tmp_path: Path) -> None:
        """Nothing is written beside the agent's file."""
        with self._filled(tmp_path, 3) as (_, store):
            self._state(store)
            beside = {p.name for p in tmp_path.rglob("*") if not p.name.startswith("agent.db")}
        kit.must(not beside, f"it wrote files beside the agent's: {sorted(beside)}")

    @kit.check("isolation", "let `db.new_id()` make ids")
    def test_its_ids_are_unique(self, tmp_path: Path) -> None:
        """No two living records have one id."""
        with self._filled(tmp_path, 20) as (_, store):
            self._uses_records(store)
            ids = [record.id for record in store.records.select()]
            kit.must(len(ids) == len(set(ids)), f"{len(ids)} records have {len(set(ids))} ids")
            kit.must(all(ids), "a record has an empty id")

    # Readers

    @kit.check("readers", _READ, "readers")
    def test_others_read_while_it_writes(self, tmp_path: Path) -> None:
        """A reader of the file sees the last commit, and is not held up."""
        with self._filled(tmp_path, 3) as (db, store):
            committed = self._state(store)
            with db.transaction():
                self.write(store, 3)
                with self._reopened(tmp_path, readonly=True) as (reader, mine):
                    reader.clock = db.clock
                    seen = self._state(mine)
            kit.same(committed, seen, "a reader beside the writer does not see the last commit")

    @kit.check("readers", _READ, "readers")
    def test_a_reader_sees_new_commits(self, tmp_path: Path) -> None:
        """A reader that stays open sees what is committed meanwhile."""
        with (
            self._filled(tmp_path, 2) as (db, store),
            self._reopened(tmp_path, readonly=True) as (reader, mine),
        ):
            reader.clock = db.clock
            self._state(mine)
            self._write(db, store, 2, start=2)
            mine.refresh()
            kit.same(
                _lines(self._state(store)),
                _lines(self._state(mine)),
                "an open reader misses new commits",
            )

    @kit.check("readers", _OWN, "readers")
    def test_a_reader_cannot_write(self, tmp_path: Path) -> None:
        """A file that was opened for reading takes no writes."""
        with self._filled(tmp_path, 2) as (_, store):
            before = self._state(store)
            with self._reopened(tmp_path, readonly=True) as (db, mine):
                try:
                    with db.transaction():
                        self.write(mine, 2)
                except errors.AgentFileError:
                    kit.same(before, self._state(store), "a reader wrote")
                    return
        raise kit.Fault("a file that was opened for reading takes writes")

    @kit.check("readers", "do not write, not even a cache in the file, when it is read", "readers")
    def test_reading_needs_no_writing(self, tmp_path: Path) -> None:
        """Everything can be read in a file that cannot be written."""
        with self._filled(tmp_path, 4) as (_, store):
            self._state(store)
        with self._reopened(tmp_path, readonly=True) as (_, mine):
            kit.must(self._state(mine)["render"] is not None, "it cannot be read without writing")

    @kit.check("readers", f"{_READ}; share nothing between objects", "readers")
    def test_threads_read_while_it_writes(self, tmp_path: Path) -> None:
        """Readers in other threads see one commit or another, never a mixture, never an error."""
        seen: list[str] = []
        faults: list[str] = []
        with self._filled(tmp_path, 2) as (db, store):
            self._state(store)
            done = threading.Event()
            threads = [
                threading.Thread(target=self._watch, args=(tmp_path, done, seen, faults))
                for _ in range(READERS)
            ]
            for thread in threads:
                thread.start()
            known = {_signature(self, store)}
            for i in range(6):
                self._write(db, store, 1, start=i + 2)
                known.add(_signature(self, store))
            done.set()
            for thread in threads:
                thread.join()
        kit.must(not faults, f"a reader in another thread failed: {faults[:1]}")
        kit.must(set(seen) <= known, "a reader in another thread saw what was never committed")

    def _watch(
        self, folder: Path, done: threading.Event, seen: list[str], faults: list[str]
    ) -> None:
        """Read until the writer is done, at least once."""
        try:
            with self._reopened(folder, readonly=True) as (db, mine):
                while True:
                    mine.refresh()
                    with _snapshot(db):
                        seen.append(_signature(self, mine))
                    if done.is_set():
                        return
        except Exception as error:  # told by the check, on its own thread
            faults.append(f"{type(error).__name__}: {error}")


class _snapshot:
    """Reads of several queries as of one moment."""

    def __init__(self, db: Any) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.connection.execute("BEGIN")

    def __exit__(self, *_: Any) -> None:
        self._db.connection.execute("ROLLBACK")


def _lines(state: dict[str, Any]) -> dict[str, Any]:
    """A state without the order of search results, which a reader ranks for itself."""
    said = {name: sorted(text.split("\n")) for name, text in state["read"].items()}
    return {**state, "read": said}


def _signature(contract: Any, store: Any) -> str:
    from archgraph.stores import base

    measures = [store.measure(name) for name in store.measures]
    return f"{measures} {store.render(base.View())}"
