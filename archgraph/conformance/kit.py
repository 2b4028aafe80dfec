"""What the groups of checks stand on: how a check is declared, and an agent to run it in.

A check is a method of a contract, marked with its group, what its author should do when it fails,
and what a store type must have for it to apply. It fails with a sentence that names the fault. The
groups beside this file inherit from `Ground`; `archgraph.testing` puts them together. Knows no
store type.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import tempfile
import unittest
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from archgraph import clock, errors, registry
from archgraph.conformance import footing
from archgraph.llm import embedders
from archgraph.storage import database
from archgraph.stores import base

MOMENT = 1_700_000_000.0
"""When the checks take place: 2023-11-14 22:13:20 UTC."""
PAUSE = 60.0
"""Seconds of the agent's time between two writes."""
LOST = {
    "rollback": "roll-back with the commit",
    "versions": "versions",
    "fork": "forks of their own",
    "blame": "blame",
    "readers": "readers beside a writer",
}
"""What a store outside the agent's file may lack: the name here, and as `Backend.lost` says it."""
TEXTS = (
    "Zo\u00eb na\u00efvely keeps \u201cquotes\u201d and 'apostrophes'; -- DROP TABLE record",
    "\u65e5\u672c\u8a9e\u306e\u6587\u7ae0",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "\U0001f469\u200d\U0001f680 \U0001f1e8\U0001f1ed e\u0301",
    'NEAR("a" b) AND * ^ {c}: \\ %s {{ braces }}',
)
"""What the texts of the suite hold: accents, quotes, other scripts, emoji, syntax of queries."""
WRITABLE = "test_the_suite_can_write_to_it"
"""The check without which most others mean nothing."""


class NotApplicable(unittest.SkipTest):
    """The type lacks what a check is about; pytest shows it as skipped."""


class Fault(AssertionError):
    """A promise that the type does not keep, in words."""


@dataclass(frozen=True, slots=True)
class Check:
    """One promise: its method, its group, its words, what to do, and what it needs to apply."""

    name: str
    group: str
    promise: str
    remedy: str
    needs: tuple[str, ...]


def check(group: str, remedy: str, *needs: str) -> Callable[[Callable[..., None]], Any]:
    """Declare a method as a check. Whatever it raises names the group and the remedy."""

    def mark(method: Callable[..., None]) -> Any:
        @functools.wraps(method)
        def checked(self: Ground, *given: Any, **named: Any) -> None:
            for need in needs:
                if need not in self.capabilities():
                    raise NotApplicable(f"the type has no {need}")
            try:
                method(self, *given, **named)
            except NotApplicable:
                raise
            except Fault as fault:
                self._needs_writing(method.__name__, bool(given or named))
                raise Fault(f"{group}: {fault}. Remedy: {remedy}") from None
            except Exception as error:  # the type's own, told with a remedy
                self._needs_writing(method.__name__, bool(given or named))
                raise Fault(
                    f"{group}: {type(error).__name__}: {error}: raised where the type may raise "
                    f"nothing ({method.__name__}). Remedy: {remedy}"
                ) from error

        promise = " ".join((inspect.getdoc(method) or "").split())
        checked.archgraph_check = Check(  # type: ignore[attr-defined]
            method.__name__, group, promise, remedy, needs
        )
        return checked

    return mark


def must(kept: object, fault: str) -> None:
    """Fail a check with a sentence unless a promise was kept."""
    if not kept:
        raise Fault(fault)


def same(expected: Any, found: Any, fault: str) -> None:
    """Fail a check unless two states are equal; the sentence ends with the first difference."""
    must(expected == found, f"{fault}: {unlike(expected, found)}")


def unlike(expected: Any, found: Any) -> str:
    """The first difference of two states, in words."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in [*expected, *found]:
            if expected.get(key) != found.get(key):
                return f"{key}: {unlike(expected.get(key), found.get(key))}"
    if isinstance(expected, list | tuple) and isinstance(found, list | tuple):
        for index, (left, right) in enumerate(zip(expected, found, strict=False)):
            if left != right:
                return f"[{index}]: {unlike(left, right)}"
        if len(expected) != len(found):
            return f"expected {len(expected)} of them, found {len(found)}"
    return f"expected {expected!r:.200}, found {found!r:.200}"


def count_tokens(text: str) -> int:
    """A stand-in for a tokenizer: one token for each four characters begun."""
    return -(-len(text) // 4)


class Undo(Exception):
    """Makes a commit fail."""


class Ground:
    """What a contract is told of a type, and how it makes agents with it.

    Subclasses of the contract set `store_type` and may override the methods without underscore.
    """

    store_type: ClassVar[type[base.Store]]
    options: ClassVar[Mapping[str, Any]] = {}
    lost: ClassVar[frozenset[str]] = frozenset()
    _why_not: ClassVar[str]

    def __init_subclass__(cls, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if not hasattr(cls, "store_type"):
            return
        able = cls.capabilities()
        for item in cls.checks():
            if not set(item.needs) <= able:
                setattr(cls, item.name, None)  # pytest does not collect it
            elif getattr(cls, item.name) is None:  # a parent's options had ruled it out
                setattr(cls, item.name, cls._declared()[item.name])

    @classmethod
    def checks(cls) -> list[Check]:
        """Every check of the suite, in its order, whether it applies to this type or not."""
        return [method.archgraph_check for method in cls._declared().values()]

    @classmethod
    def _declared(cls) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for owner in cls.__mro__:
            for name, member in vars(owner).items():
                if hasattr(member, "archgraph_check"):
                    found.setdefault(name, member)
        return found

    @classmethod
    def capabilities(cls) -> frozenset[str]:
        """What the type declares, and so which checks apply to it."""
        kind = cls.store_type
        verbs = base.verbs(kind)
        known = {name for name in LOST if name not in cls.lost}
        reading = {n: v for n, v in verbs.items() if v.reads and not v.writes}
        writing = {n: v for n, v in verbs.items() if v.writes}
        for name, has in (
            ("own file", not cls.lost),
            ("verb", verbs),
            ("reading verb", reading),
            ("writing verb", writing),
            ("argument", any(verb.parameters["properties"] for verb in verbs.values())),
            ("pages", any("page" in v.parameters["properties"] for v in reading.values())),
            ("search", "search" in reading),
            ("text", not kind.shows_messages),
            ("messages", kind.shows_messages),
            ("lost guarantee", cls.lost),
        ):
            if has:
                known.add(name)
        return frozenset(known | cls._of_options())

    @classmethod
    def _of_options(cls) -> set[str]:
        with contextlib.suppress(Exception):  # what is wrong with the options, a check tells
            chosen = cls.store_type.Options(**cls.options)
            found = {f"`{n}`" for n in type(chosen).model_fields if getattr(chosen, n) is not None}
            return found | ({"token cap"} if chosen.token_cap() > 0 else set())
        return set()

    def write(self, store: Any, i: int) -> None:
        """Write the i-th thing; by default through a verb that takes one text."""
        name, argument = footing.way(type(store)) or ("", "")
        must(name, footing.NO_WAY)
        getattr(store, name)(**{argument: self.text(i)})

    def text(self, i: int) -> str:
        """The i-th text: short, different from all others, and with the word `item`."""
        return f"item {i}: {TEXTS[i % len(TEXTS)]}"

    def argument(self, name: str) -> Any:
        """What a reading verb is given for a required argument."""
        known = {"query": "item", "start_date": "1990-01-01", "end_date": "2090-01-01"}
        return known.get(name, "item")

    def count(self, text: str) -> int:
        """What the agent's model counts a text as, in tokens."""
        return count_tokens(text)

    def peer(self, name: str) -> base.Store:
        """Another store that the options name."""
        raise Fault(f"override peer(): the store asks for another store, {name!r}")

    def open(self, db: database.Database, *, as_of: int | None = None, name: str = "mine") -> Any:
        """The store over a database; what it emits goes to `self.emitted`."""
        self.emitted: list[tuple[str, str, Mapping[str, Any]]] = getattr(self, "emitted", [])

        def emit(store: str, event: str, payload: Mapping[str, Any]) -> None:
            self.emitted.append((store, event, payload))

        context = base.Context(
            db=db,
            count=self.count,
            embedder=embedders.Hashed,
            peer=self.peer,
            emit=emit,
            as_of=as_of,
        )
        return self.store_type(name, self.store_type.Options(**self.options), context)

    # For the checks

    def _unwritable(self) -> str:
        """Why the suite cannot write to the type; empty if it can. Tried once."""
        if "_why_not" not in vars(type(self)):
            with tempfile.TemporaryDirectory(prefix="archgraph-contract-") as folder:
                why = footing.unwritable(lambda: self._agent(Path(folder)), self.write)
            type(self)._why_not = why
        return type(self)._why_not

    def _needs_writing(self, name: str, agent: bool) -> None:
        """Leave a failed check to the one that tells why nothing can be written."""
        if agent and name != WRITABLE and self._unwritable():
            raise NotApplicable(f"the suite cannot write to it, as {WRITABLE} says")

    @contextlib.contextmanager
    def _agent(self, folder: Path, name: str = "agent.db") -> Iterator[tuple[Any, Any]]:
        """A new agent with one store that has begun; closed at the end."""
        folder.mkdir(exist_ok=True)
        db = database.create(str(folder / name), seed=7)
        db.clock = clock.VirtualClock(MOMENT)
        try:
            yield db, self._begin(db)
        finally:
            db.close()

    @contextlib.contextmanager
    def _filled(self, folder: Path, writes: int) -> Iterator[tuple[Any, Any]]:
        """A new agent whose store was written to some times."""
        with self._agent(folder) as (db, store):
            self._write(db, store, writes)
            yield db, store

    @contextlib.contextmanager
    def _reopened(self, folder: Path, *, readonly: bool = False) -> Iterator[tuple[Any, Any]]:
        """The agent's file as another process would open it."""
        db = database.open_file(str(folder / "agent.db"), readonly=readonly)
        db.clock = clock.VirtualClock(MOMENT)
        try:
            yield db, self.open(db)
        finally:
            db.close()

    def _begin(self, db: database.Database, name: str = "mine") -> Any:
        store = self.open(db, name=name)
        with db.transaction():
            store.start()
        self.emitted.clear()
        return store

    def _write(self, db: Any, store: Any, times: int, start: int = 0) -> None:
        """One commit for each write. A full store may refuse."""
        for i in range(start, start + times):
            db.clock.sleep(PAUSE)
            self._attempt(db, store, functools.partial(self.write, store, i))

    def _write_text(self, db: Any, store: Any, text: str) -> errors.ToolError | None:
        """Write a text of a check's own; the refusal if it was refused."""
        self.text = lambda i: text  # type: ignore[method-assign]
        try:
            return self._attempt(db, store, lambda: self.write(store, 0))
        finally:
            del self.text

    def _attempt(self, db: Any, store: Any, call: Callable[[], Any]) -> errors.ToolError | None:
        """One call in one commit, as the runtime makes it; the error if it failed."""
        try:
            with db.transaction():
                call()
        except errors.ToolError as error:
            store.refresh()
            return error
        return None

    def _fail(self, db: Any, store: Any, call: Callable[[], Any]) -> None:
        """A call in a commit that fails after it."""
        with contextlib.suppress(Undo, errors.ToolError), db.transaction():
            call()
            raise Undo
        store.refresh()

    def _state(self, store: Any) -> dict[str, Any]:
        """All that can be seen of a store from outside."""
        state = {name: store.measure(name) for name in store.measures}
        return {"render": store.render(base.View()), "read": self._read(store), **state}

    def _reading(self, store: Any) -> dict[str, Any]:
        """The verbs that only read."""
        return {n: v for n, v in base.verbs(type(store)).items() if v.reads and not v.writes}

    def _given(self, verb: Any) -> dict[str, Any]:
        """What a verb needs at least."""
        return {
            key: footing.fitting(verb.parameters["properties"][key], self.argument(key))
            for key in verb.parameters["required"]
        }

    def _read(self, store: Any) -> dict[str, str]:
        """What every verb that only reads says, errors included."""
        return {
            name: self._ask(store, name, **self._given(verb))
            for name, verb in self._reading(store).items()
        }

    def _ask(self, store: Any, name: str, /, **given: Any) -> str:
        """What a reading verb says."""
        if not store.context.db.in_transaction:
            store.prepare(name, given)
        try:
            return str(getattr(store, name)(**given))
        except errors.ToolError as error:
            return f"ToolError: {error}"
        except errors.PluginError:
            return ""  # nothing was prepared within this commit

    def _shown(self, store: Any) -> str:
        """Everything that the store shows or holds, as one text."""
        contents = [record.content for record in store.records.select()]
        return "\n".join([store.render(base.View()), *self._read(store).values(), *contents])

    def _rows(self, db: Any, store: str = "mine") -> list[tuple[Any, ...]]:
        """Every row that a store has ever written, the dead too, in order."""
        return [
            tuple(row)
            for row in db.all(
                "SELECT seq, id, content, fields, created, thread, turn, step, tokens, born, died "
                "FROM record WHERE store = ? ORDER BY seq",
                (store,),
            )
        ]

    def _keeps_texts(self, folder: Path) -> bool:
        """Whether the type shows a text as it was written."""
        with self._filled(folder, 1) as (_, store):
            return "item 0" in self._shown(store)

    def _uses_records(self, store: Any) -> None:
        if store.records.count() == 0:
            raise NotApplicable("the type keeps nothing in `self.records`")


def lost_of(kind: type[base.Store], options: Mapping[str, Any]) -> frozenset[str]:
    """What the back-end that the options name says that it cannot give."""
    name = options.get("backend")
    if name is None or "backend" not in kind.Options.model_fields:
        return frozenset()
    told = set(registry.get("backends", str(name)).lost)
    return frozenset(each for each, words in LOST.items() if words in told)
