"""Checks of what lasts: beginnings, closing and opening, roll-back of failed calls and commits."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

from archgraph.conformance import child, kit
from archgraph.storage import database
from archgraph.stores import base

_RECORDS = "keep all state in `self.records`, and none in the object"
_WRITING = (
    "in a subclass of testing.StoreContract, override `write(self, store, i)` so that it writes "
    "`self.text(i)` (about 80 characters), and `options` where the defaults are too small for it"
)
_FORGET = "drop everything that is cached from the records in `refresh()`"


class Keeping(kit.Ground):
    """A store keeps what was committed, and nothing else."""

    # Beginnings

    @kit.check("beginning", _WRITING)
    def test_the_suite_can_write_to_it(self, tmp_path: Path) -> None:
        """The suite can write to it."""
        kit.must(not self._unwritable(), self._unwritable())

    @kit.check("beginning", "read and write nothing in `__init__`; write first contents in `start`")
    def test_opening_writes_nothing(self, tmp_path: Path) -> None:
        """To make the object changes nothing in the agent's file."""
        with self._filled(tmp_path, 2) as (db, _):
            before = database.dump(db)
            self.open(db)
            kit.same(before, database.dump(db), "opening the store wrote to the agent's file")

    @kit.check("beginning", "do what must happen once in `start`, not in `__init__`")
    def test_it_begins_once(self, tmp_path: Path) -> None:
        """What it begins with is there after reopening, once."""
        with self._agent(tmp_path) as (_, store):
            begun = self._state(store)
        for _ in range(2):
            with self._reopened(tmp_path) as (_, store):
                kit.same(begun, self._state(store), "it began anew when it was opened again")

    @kit.check("beginning", "return text for an empty store too")
    def test_it_shows_when_empty(self, tmp_path: Path) -> None:
        """An empty store renders as text."""
        with self._agent(tmp_path) as (_, store):
            for view in (base.View(), base.View(thread="main", turn=1, cap=20)):
                shown = store.render(view)
                kit.must(isinstance(shown, str), f"empty, it renders as {shown!r}, not as text")

    @kit.check("beginning", "say in words that there is nothing", "reading verb")
    def test_its_verbs_answer_when_empty(self, tmp_path: Path) -> None:
        """Reading verbs of an empty store give text or a ToolError."""
        with self._agent(tmp_path) as (_, store):
            for name, said in self._read(store).items():
                kit.must(said.strip(), f"the verb {name!r} of an empty store says nothing")

    # Durability

    @kit.check("durability", _RECORDS)
    def test_writes_are_durable(self, tmp_path: Path) -> None:
        """What was committed is there when the file is opened again."""
        with self._filled(tmp_path, 5) as (_, store):
            before = self._state(store)
        with self._reopened(tmp_path) as (_, store):
            kit.same(before, self._state(store), "lost by closing and opening")

    @kit.check("durability", _RECORDS)
    def test_it_goes_on_after_reopening(self, tmp_path: Path) -> None:
        """Closing and opening between writes makes no difference to what is kept."""
        with self._filled(tmp_path / "through", 4) as (_, store):
            through = self._state(store)
        folder = tmp_path / "cut"
        with self._filled(folder, 2):
            pass
        for i in (2, 3):
            with self._reopened(folder) as (db, store):
                db.clock.sleep(kit.PAUSE * i)
                self._write(db, store, 1, start=i)
                state = self._state(store)
        kit.same(through, state, "lost or changed by closing and opening between writes")

    @kit.check("durability", _RECORDS, "rollback")
    def test_a_second_object_sees_the_same(self, tmp_path: Path) -> None:
        """Nothing of the state lives in the object alone."""
        with self._filled(tmp_path, 5) as (db, store):
            first = self._state(store)
            kit.same(first, self._state(self.open(db)), "another object of the store misses it")

    @kit.check("durability", _RECORDS)
    def test_a_write_leaves_a_trace(self, tmp_path: Path) -> None:
        """A write shows in what the store renders, says or measures."""
        with self._agent(tmp_path) as (db, store):
            before = self._state(store)
            self._write(db, store, 1)
            kit.must(self._state(store) != before, "a write changes nothing that can be seen")

    @kit.check("durability", "do not write in `render` or `measure`")
    def test_looking_changes_nothing(self, tmp_path: Path) -> None:
        """Rendering and measuring write nothing."""
        with self._filled(tmp_path, 3) as (db, store):
            before = database.dump(db)
            for _ in range(2):
                store.render(base.View())
                for name in store.measures:
                    store.measure(name)
            kit.same(before, database.dump(db), "looking at the store changed the agent's file")

    @kit.check("kill", _RECORDS)
    def test_a_kill_loses_nothing_committed(self, tmp_path: Path) -> None:
        """What was committed before the process was killed is there."""
        with self._filled(tmp_path / "twin", child.BEFORE) as (_, twin):
            expected = self._shown(twin)
        with self._reopened(self._killed(tmp_path)) as (_, store):
            found = self._shown(store)
        for i in range(child.BEFORE):
            kept = self.text(i) in found or self.text(i) not in expected
            kit.must(kept, f"lost by a kill after the commit: {self.text(i)!r:.200}")

    @kit.check("kill", _RECORDS, "rollback")
    def test_a_kill_leaves_nothing_uncommitted(self, tmp_path: Path) -> None:
        """Nothing of a commit that the kill cut short is there."""
        with self._reopened(self._killed(tmp_path)) as (_, store):
            found = self._state(store)
        with self._filled(tmp_path, 3) as (_, twin):
            kit.same(self._state(twin), found, "an unfinished commit left something after a kill")

    @kit.check("kill", _RECORDS)
    def test_it_works_after_a_kill(self, tmp_path: Path) -> None:
        """After a kill the store takes writes again."""
        with self._reopened(self._killed(tmp_path)) as (db, store):
            before = self._state(store)
            self._write(db, store, 1, start=9)
            kit.must(self._state(store) != before, "after a kill it takes no writes")

    # Roll-back

    @kit.check("rollback", f"{_RECORDS}; {_FORGET}", "rollback")
    def test_rollback_leaves_nothing(self, tmp_path: Path) -> None:
        """A commit that fails takes the store's writes with it."""
        with self._filled(tmp_path, 3) as (db, store):
            before = self._state(store)

            def write_and_read() -> None:
                self.write(store, 3)
                self._read(store)

            self._fail(db, store, write_and_read)
            kit.same(before, self._state(store), "undone writes remain")

    @kit.check("rollback", f"{_RECORDS}; {_FORGET}", "rollback")
    def test_rollback_of_the_first_write(self, tmp_path: Path) -> None:
        """A first write that is undone leaves the store as it began."""
        with self._agent(tmp_path) as (db, store):
            before = self._state(store)
            self._fail(db, store, lambda: self.write(store, 0))
            kit.same(before, self._state(store), "an undone first write remains")

    @kit.check("rollback", _FORGET, "rollback")
    def test_rollback_clears_caches(self, tmp_path: Path) -> None:
        """After a roll-back the object says what a new one says."""
        with self._filled(tmp_path, 3) as (db, store):
            self._state(store)

            def write_and_look() -> None:
                self.write(store, 3)
                store.render(base.View())
                for name in store.measures:
                    store.measure(name)

            self._fail(db, store, write_and_look)
            fresh = self._state(self.open(db))
            kit.same(fresh, self._state(store), "it still remembers what was rolled back")

    @kit.check("rollback", _FORGET, "rollback")
    def test_rollback_between_writes(self, tmp_path: Path) -> None:
        """A run with failed commits in it ends like one without them, row by row."""
        with self._filled(tmp_path / "plain", 4) as (db, store):
            plain = (self._state(store), self._rows(db))
        with self._filled(tmp_path / "failing", 2) as (db, store):
            for number in (2, 3):
                for _ in range(2):
                    self._fail(db, store, functools.partial(self.write, store, number + 5))
                self._write(db, store, 1, start=number)
            failing = (self._state(store), self._rows(db))
        kit.same(plain, failing, "failed commits changed what came after them")

    @kit.check("rollback", f"{_RECORDS}; {_FORGET}", "rollback", "writing verb")
    def test_a_failed_call_leaves_nothing(self, tmp_path: Path) -> None:
        """Each writing verb, undone, leaves the file as it was."""
        with self._filled(tmp_path, 3) as (db, store):
            before = (self._state(store), self._rows(db))
            for name, verb in base.verbs(self.store_type).items():
                if verb.writes:
                    given = self._given(verb)
                    store.prepare(name, given)
                    self._fail(db, store, functools.partial(getattr(store, name), **given))
            kit.same(before, (self._state(store), self._rows(db)), "an undone call left a trace")

    @kit.check("rollback", "leave commits to the runtime: no BEGIN, COMMIT or transaction() inside")
    def test_it_leaves_commits_alone(self, tmp_path: Path) -> None:
        """A write neither ends nor begins a commit of the agent."""
        with self._agent(tmp_path) as (db, store), db.transaction():
            version = db.version
            self.write(store, 0)
            kit.must(db.in_transaction, "a write ended the commit that it was part of")
            kit.must(db.version == version, "a write made a commit of its own")

    def _killed(self, tmp_path: Path) -> Path:
        """The folder of an agent that died in its fourth commit; a copy, if that holds it all."""
        if self.lost:
            return child.of(self).killed
        return Path(shutil.copytree(child.of(self).killed, tmp_path / "killed"))
