"""For tests of architectures and plugins: a scripted model, a frozen clock, a store's contract.

    class TestMine(testing.StoreContract):
        store_type = Mine

        def write(self, store, i):
            store.note(self.text(i))

runs the conformance suite under pytest. Each failure names the guarantee that does not hold. Our
own types pass the same suite. Knows no store type.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from archgraph import clock, errors
from archgraph.llm import embedders, scripted
from archgraph.storage import database, rewind
from archgraph.stores import base

ScriptedGateway = scripted.Scripted
FrozenClock = clock.VirtualClock

MOMENT = 1_700_000_000.0
"""When the tests of the contract take place: 2023-11-14 22:13:20 UTC."""
TEXTS = (
    "Zo\u00eb na\u00efvely keeps \u201cquotes\u201d and 'apostrophes'; -- DROP TABLE record",
    "\u65e5\u672c\u8a9e\u306e\u6587\u7ae0",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "\U0001f469\u200d\U0001f680 \U0001f1e8\U0001f1ed e\u0301",
    'NEAR("a" b) AND * ^ {c}: \\ %s {{ braces }}',
)
"""What text must survive: accents, quotes, other scripts, emoji, syntax of queries."""


def count_tokens(text: str) -> int:
    """A stand-in for a tokenizer: one token for each four characters begun."""
    return -(-len(text) // 4)


class StoreContract:
    """What a store type promises. Subclass it and set `store_type`; override `write` if needed.

    `options` are the store's options; `lost` names guarantees that a store outside the agent's
    file says that it cannot give (`rollback`, `versions`, `fork`, `readers`).
    """

    store_type: ClassVar[type[base.Store]]
    options: ClassVar[Mapping[str, Any]] = {}
    lost: ClassVar[frozenset[str]] = frozenset()

    def write(self, store: Any, i: int) -> None:
        """Write the i-th thing; by default through the verb `insert` or `append`."""
        verb = getattr(store, "insert", None) or getattr(store, "append", None)
        assert verb, "override write(): the type has neither the verb `insert` nor `append`"
        verb(self.text(i))

    def text(self, i: int) -> str:
        """The i-th text: short, different from all others, and with the word `item`."""
        return f"item {i}: {TEXTS[i % len(TEXTS)]}"

    def argument(self, name: str) -> Any:
        """What a reading verb is given for a required argument."""
        known = {"query": "item", "start_date": "1990-01-01", "end_date": "2090-01-01"}
        return known.get(name, "item")

    def open(self, db: database.Database, *, as_of: int | None = None) -> Any:
        """The store over a database."""
        self.emitted: list[str] = []
        context = base.Context(
            db=db,
            count=count_tokens,
            embedder=embedders.Hashed,
            peer=self.peer,
            emit=lambda store, event, payload: self.emitted.append(event),
            as_of=as_of,
        )
        options = self.store_type.Options(**self.options)
        return self.store_type("mine", options, context)

    def peer(self, name: str) -> base.Store:
        """Another store that the options name."""
        raise AssertionError(f"override peer(): the store asks for another store, {name!r}")

    # The suite

    def test_it_describes_itself(self) -> None:
        """Docstring, options with schema, a docstring and checked arguments for every verb."""
        assert self.store_type.__doc__, "description: the class has no docstring"
        self.store_type.Options.model_json_schema()
        for name, verb in base.verbs(self.store_type).items():
            assert verb.description, f"description: the verb {name!r} has no docstring"
            for argument, schema in verb.parameters["properties"].items():
                assert schema.get("description"), (
                    f"description: the docstring of {name!r} says nothing of {argument!r}"
                )

    def test_writes_are_durable(self, tmp_path: Path) -> None:
        """What was committed is there when the file is opened again."""
        path = str(tmp_path / "agent.db")
        with self._agent(path) as (db, store):
            self._write(db, store, 5)
            before = self._state(store)
        with self._reopened(path) as (_, store):
            after = self._state(store)
        assert after == before, f"durability: lost by closing and opening: {_unlike(before, after)}"

    def test_writing_changes_it_and_is_told(self, tmp_path: Path) -> None:
        """A write shows in the state and emits the event `write`."""
        with self._agent(str(tmp_path / "agent.db")) as (db, store):
            before = self._state(store)
            self._write(db, store, 1)
            assert self._state(store) != before, "write: it leaves no trace in render or measures"
            assert "write" in self.emitted, "events: a write did not emit `write` (call wrote())"

    def test_rollback_leaves_nothing(self, tmp_path: Path) -> None:
        """A commit that fails takes the store's writes with it."""
        self._unless_lost("rollback")
        with self._agent(str(tmp_path / "agent.db")) as (db, store):
            self._write(db, store, 3)
            self._read(store)
            before = self._state(store)
            with contextlib.suppress(_Undo), db.transaction():
                self.write(store, 3)
                self._read(store)
                raise _Undo
            _forget(store)
            after = self._state(store)
            assert after == before, f"rollback: undone writes remain: {_unlike(before, after)}"
            self._write(db, store, 1, start=4)
            assert self._state(store) != before, "rollback: the store takes no writes afterwards"

    def test_an_earlier_commit_can_be_read(self, tmp_path: Path) -> None:
        """Reading as of a commit shows what was there then."""
        self._unless_lost("versions")
        with self._agent(str(tmp_path / "agent.db")) as (db, store):
            self._write(db, store, 2)
            then, version = self._state(store), db.version
            self._write(db, store, 3, start=2)
            earlier = self._state(self.open(db, as_of=version))
            assert earlier == then, f"versions: read as of earlier: {_unlike(then, earlier)}"

    def test_a_fork_has_its_own_memory(self, tmp_path: Path) -> None:
        """A copy begins equal, then goes its own way; a copy of an earlier step has that memory."""
        self._unless_lost("fork")
        with self._agent(str(tmp_path / "agent.db")) as (db, store):
            self._write(db, store, 2)
            then, version = self._state(store), db.version
            self._write(db, store, 2, start=2)
            now = self._state(store)
            other = database.copy(db, str(tmp_path / "fork.db"))
            other.clock = db.clock
            fork = self.open(other)
            assert self._state(fork) == now, "fork: the copy does not hold the same"
            self._write(other, fork, 1, start=4)
            assert self._state(store) == now, "fork: writing to the copy changed the original"
            rewind.rewind(other, version)
            back = self._state(self.open(other))
            other.close()
            assert back == then, f"fork: memory of an earlier step: {_unlike(then, back)}"

    def test_equal_runs_are_equal(self, tmp_path: Path) -> None:
        """The same seed, time and writes give the same rows and the same text."""
        runs = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            with self._agent(str(tmp_path / name / "agent.db")) as (db, store):
                self._write(db, store, 4)
                runs.append((self._state(store), self._read(store), database.dump(db)))
        assert runs[0] == runs[1], f"determinism: two equal runs differ: {_unlike(*runs)}"

    def test_unicode_survives(self, tmp_path: Path) -> None:
        """Every script, quote and emoji comes back as it was written."""
        path = str(tmp_path / "agent.db")
        with self._agent(path) as (db, store):
            self._write(db, store, 1)
            kept = "item 0" in self._shown(store)
        if not kept:
            return  # the type does not keep texts as they are
        for i in range(len(TEXTS)):
            (tmp_path / str(i)).mkdir()
            with self._agent(str(tmp_path / str(i) / "agent.db")) as (db, store):
                self._write(db, store, 1, start=i)
                shown = self._shown(store)
                assert TEXTS[i] in shown, f"unicode: {TEXTS[i]!r} came back as {shown!r}"

    def test_it_keeps_to_its_caps(self, tmp_path: Path) -> None:
        """Rendering stays within the declared cap, and within a reader's own."""
        with self._agent(str(tmp_path / "agent.db")) as (db, store):
            self._write(db, store, 60)
            cap = store.options.token_cap()
            if store.shows_messages or not cap:
                return
            taken = count_tokens(store.render(base.View()))
            assert taken <= cap, f"limits: it renders {taken} tokens, its token_cap() is {cap}"

    def test_pages_are_complete(self, tmp_path: Path) -> None:
        """Pages of a listing together hold as many different results as the total says."""
        with self._agent(str(tmp_path / "agent.db")) as (db, store):
            self._write(db, store, 13)
            for name, verb in base.verbs(self.store_type).items():
                if verb.reads and "page" in verb.parameters["properties"]:
                    self._check_pages(store, name, verb.parameters["required"])

    def test_bad_arguments_are_told_to_the_model(self, tmp_path: Path) -> None:
        """A verb that cannot do what is asked raises ToolError, and nothing else."""
        with self._agent(str(tmp_path / "agent.db")) as (db, store):
            self._write(db, store, 1)
            for name, verb in base.verbs(self.store_type).items():
                for value in ("", "no such thing", "x" * 100_000):
                    given = _strange(verb.parameters, value)
                    store.prepare(name, given)
                    try:
                        with db.transaction():
                            getattr(store, name)(**given)
                    except errors.ToolError:
                        _forget(store)
                    except Exception as error:
                        raise AssertionError(
                            f"errors: {name}({value[:20]!r}) raised {type(error).__name__}: "
                            f"{error}; a model can only be told a ToolError"
                        ) from error

    def test_others_read_while_it_writes(self, tmp_path: Path) -> None:
        """A reader of the file sees the last commit, is not held up, and cannot write."""
        self._unless_lost("readers")
        path = str(tmp_path / "agent.db")
        with self._agent(path) as (db, store):
            self._write(db, store, 3)
            committed = self._state(store)
            reader = database.open_file(path, readonly=True)
            reader.clock = db.clock
            with db.transaction():
                self.write(store, 3)
                mine = self.open(reader)
                seen = self._state(mine)
                self._read(mine)
            reader.close()
            assert seen == committed, f"readers: not the last commit: {_unlike(committed, seen)}"

    # How it is done

    @contextlib.contextmanager
    def _agent(self, path: str) -> Iterator[tuple[database.Database, Any]]:
        db = database.create(path, seed=7)
        db.clock = FrozenClock(MOMENT)
        try:
            store = self.open(db)
            with db.transaction():
                store.start()
            yield db, store
        finally:
            db.close()

    @contextlib.contextmanager
    def _reopened(self, path: str) -> Iterator[tuple[database.Database, Any]]:
        db = database.open_file(path)
        db.clock = FrozenClock(MOMENT)
        try:
            yield db, self.open(db)
        finally:
            db.close()

    def _write(self, db: database.Database, store: Any, times: int, start: int = 0) -> None:
        """One commit for each write. A full store may refuse."""
        for i in range(start, start + times):
            db.clock.sleep(60)
            with contextlib.suppress(errors.ToolError), db.transaction():
                self.write(store, i)

    def _state(self, store: Any) -> dict[str, Any]:
        state = {name: store.measure(name) for name in store.measures}
        return {"render": store.render(base.View()), "first page": self._read(store), **state}

    def _read(self, store: Any) -> dict[str, str]:
        """What every verb that only reads says, errors included."""
        said = {}
        for name, verb in base.verbs(self.store_type).items():
            if verb.reads and not verb.writes:
                given = {key: self.argument(key) for key in verb.parameters["required"]}
                if not store.context.db.in_transaction:
                    store.prepare(name, given)
                try:
                    said[name] = str(getattr(store, name)(**given))
                except errors.ToolError as error:
                    said[name] = f"ToolError: {error}"
                except errors.PluginError:
                    said[name] = ""  # nothing was prepared within this commit
        return said

    def _shown(self, store: Any) -> str:
        contents = [record.content for record in store.records.select()]
        return "\n".join([store.render(base.View()), *self._read(store).values(), *contents])

    def _check_pages(self, store: Any, name: str, required: list[str]) -> None:
        given = {key: self.argument(key) for key in required}
        store.prepare(name, given)
        first = getattr(store, name)(**given)
        head = re.match(r"Showing \d+ of (\d+) results \(page 0/(\d+)", first)
        if head is None:
            return  # nothing was found, or the type has a form of its own
        total, last = int(head.group(1)), int(head.group(2))
        lines = [
            line
            for page in range(last + 1)
            for line in getattr(store, name)(**given, page=page).splitlines()[1:]
        ]
        assert len(lines) == len(set(lines)) == total, (
            f"paging: {name!r} says {total} results; its {last + 1} pages hold {len(lines)} "
            f"lines, {len(set(lines))} of them different"
        )
        try:
            getattr(store, name)(**given, page=last + 1)
        except errors.ToolError:
            return
        raise AssertionError(f"paging: {name!r} takes page {last + 1}, beyond the last, {last}")

    def _unless_lost(self, guarantee: str) -> None:
        if guarantee in self.lost:
            import pytest

            pytest.skip(f"the type says that it does not give: {guarantee}")


class _Undo(Exception):
    """Makes a commit fail."""


def _forget(store: Any) -> None:
    """What the runtime calls after a roll-back."""
    forget = getattr(store, "forget", None)
    if forget is not None:
        forget()


def _strange(parameters: Mapping[str, Any], value: str) -> dict[str, Any]:
    """Arguments of the right types that mean nothing."""
    kinds = {"string": value, "integer": -1, "number": -1.0, "boolean": False}
    return {
        name: schema["enum"][0] if "enum" in schema else kinds.get(schema["type"], [])
        for name, schema in parameters["properties"].items()
    }


def _unlike(expected: Any, found: Any) -> str:
    """The first difference of two states, in words."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in expected:
            if expected[key] != found.get(key):
                return f"{key}: expected {expected[key]!r:.300}, found {found.get(key)!r:.300}"
    return f"expected {expected!r:.300}, found {found!r:.300}"
