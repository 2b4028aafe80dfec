"""Checks of copies: a fork begins equal, goes its own way, and can be of an earlier commit."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from archgraph.conformance import kit
from archgraph.storage import database, rewind

_RECORDS = "keep all state in `self.records`: no files, no memory of the process"


class Forks(kit.Ground):
    """A copy of an agent has the memory that it was copied with, and its own from then on."""

    @kit.check("fork", _RECORDS, "fork")
    def test_a_fork_has_its_own_memory(self, tmp_path: Path) -> None:
        """A copy begins equal."""
        with self._filled(tmp_path, 4) as (db, store):
            now = self._state(store)
            with self._fork(db, tmp_path) as (_, fork):
                kit.same(now, self._state(fork), "lost after a fork")

    @kit.check("fork", _RECORDS, "fork")
    def test_a_fork_leaves_the_original(self, tmp_path: Path) -> None:
        """Writing to the copy does not change the original."""
        with self._filled(tmp_path, 3) as (db, store):
            now = self._state(store)
            with self._fork(db, tmp_path) as (other, fork):
                self._write(other, fork, 2, start=3)
            kit.same(now, self._state(store), "writing to a fork changed the original")
            kit.same(now, self._state(self.open(db)), "writing to a fork changed the original")

    @kit.check("fork", _RECORDS, "fork")
    def test_the_original_leaves_the_fork(self, tmp_path: Path) -> None:
        """Writing to the original does not change the copy."""
        with self._filled(tmp_path, 3) as (db, store), self._fork(db, tmp_path) as (other, fork):
            then = self._state(fork)
            self._write(db, store, 2, start=3)
            kit.same(then, self._state(fork), "writing to the original changed its fork")
            kit.same(then, self._state(self.open(other)), "writing to the original changed a fork")

    @kit.check("fork", _RECORDS, "fork", "versions")
    def test_a_fork_of_an_earlier_step(self, tmp_path: Path) -> None:
        """A copy of an earlier commit has that commit's memory."""
        with self._filled(tmp_path, 2) as (db, store):
            then, version = self._state(store), db.version
            self._write(db, store, 3, start=2)
            with self._fork(db, tmp_path) as (other, _):
                rewind.rewind(other, version)
                back = self._state(self.open(other))
            kit.same(then, back, "a fork of an earlier step remembers otherwise than that step")

    @kit.check("fork", _RECORDS, "fork", "versions")
    def test_a_fork_of_an_earlier_step_goes_on(self, tmp_path: Path) -> None:
        """A copy of an earlier commit goes on as if the later ones had never been."""
        with self._filled(tmp_path / "twin", 4) as (_, twin):
            expected = self._state(twin)
        with self._filled(tmp_path / "agent", 2) as (db, store):
            version, moment = db.version, db.now()
            self._write(db, store, 4, start=7)
            with self._fork(db, tmp_path) as (other, _):
                rewind.rewind(other, version)
                other.clock = type(db.clock)(moment)
                fork = self.open(other)
                self._write(other, fork, 2, start=2)
                kit.same(expected, self._state(fork), "what a fork left behind shows in it later")

    @kit.check("fork", _RECORDS, "fork", "versions")
    def test_a_fork_has_the_history(self, tmp_path: Path) -> None:
        """A copy can be read as of commits before it was made."""
        with self._filled(tmp_path, 2) as (db, store):
            then, version = self._state(store), db.version
            self._write(db, store, 2, start=2)
            with self._fork(db, tmp_path) as (other, _):
                earlier = self._state(self.open(other, as_of=version))
                kit.same(then, earlier, "a fork has lost the versions from before it")

    @kit.check("fork", _RECORDS, "fork")
    def test_a_fork_of_a_fork(self, tmp_path: Path) -> None:
        """A copy can be copied, and both go on."""
        with self._filled(tmp_path, 2) as (db, _), self._fork(db, tmp_path) as (child, fork):
            self._write(child, fork, 1, start=2)
            now = self._state(fork)
            with self._fork(child, tmp_path, "second.db") as (_, second):
                kit.same(now, self._state(second), "lost after a fork of a fork")

    @kit.check("fork", _RECORDS, "fork")
    def test_a_copied_file_is_the_agent(self, tmp_path: Path) -> None:
        """The closed file alone, moved elsewhere, holds everything."""
        with self._filled(tmp_path, 4) as (_, store):
            before = self._state(store)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        shutil.copy(tmp_path / "agent.db", elsewhere)
        with self._reopened(elsewhere) as (_, store):
            kit.same(before, self._state(store), "lost by copying the agent's file elsewhere")

    @contextlib.contextmanager
    def _fork(self, db: Any, folder: Path, name: str = "fork.db") -> Iterator[tuple[Any, Any]]:
        other = database.copy(db, str(folder / name))
        other.clock = type(db.clock)(db.now())
        try:
            yield other, self.open(other)
        finally:
            other.close()
