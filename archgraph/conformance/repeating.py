"""Checks of repeatability: equal runs are equal, here and in another process, without real time."""

from __future__ import annotations

import functools
import json
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from archgraph import registry
from archgraph.conformance import child, kit
from archgraph.storage import database
from archgraph.stores import base

_PURE = "let everything depend on the writes, the agent's clock and `db.new_id()` alone"
_GLOBALS = "keep state in `self.records`; two agents in one process share modules and classes"
_TIME = "take the time from `self.context.db.now()`"
_CHANCE = "derive ids with `db.new_id()` and chance with `archgraph.clock.derive_random`"
_CLOCKS = {"time", "time_ns", "now", "utcnow", "today", "localtime", "gmtime"}
_DICE = {"uuid1", "uuid4", "urandom", "getrandbits", "token_hex", "token_bytes", "randbits"}
_SHAPES = (int, float, str, bytes, bool, tuple, list, dict, set, frozenset)


class Repeating(kit.Ground):
    """The same writes at the same times give the same rows."""

    @kit.check("determinism", _PURE, "own file")
    def test_equal_runs_are_equal(self, tmp_path: Path) -> None:
        """The same seed, time and writes give the same rows and the same text."""
        first, second = self._run(tmp_path / "one"), self._run(tmp_path / "two")
        kit.same(first, second, "two equal runs differ")

    @kit.check(
        "determinism", f"{_PURE}; do not depend on the order of a set or on hash()", "own file"
    )
    def test_another_process_does_the_same(self, tmp_path: Path) -> None:
        """Another process, with another hash seed, writes the same rows."""
        told = child.of(self).told
        here = json.loads(json.dumps(self._run(tmp_path, child.WRITES)))
        kit.same(here, told, "another process, with another hash seed, differs")

    @kit.check("determinism", _GLOBALS, "own file")
    def test_other_agents_make_no_difference(self, tmp_path: Path) -> None:
        """A run beside another agent in one process equals a run alone."""
        alone = self._run(tmp_path / "alone")
        with (
            self._filled(tmp_path / "other", 3) as (db, store),
            self._agent(tmp_path / "beside") as (mine, beside),
        ):
            for i in range(4):
                self._write(mine, beside, 1, start=i)
                self._write(db, store, 1, start=i + 3)
            found = {"state": self._state(beside), "dump": database.dump(mine)}
        kit.same(alone, found, "another agent in the same process makes a difference")

    @kit.check("global state", _GLOBALS)
    def test_it_keeps_nothing_in_its_class(self, tmp_path: Path) -> None:
        """Writing changes neither the class nor the module of the type."""
        with self._filled(tmp_path, 1) as (db, store):
            self._state(store)
            before = _globals(self.store_type)
            self._write(db, store, 3, start=1)
            self._state(store)
            after = _globals(self.store_type)
        for place in before | after:
            kept = before.get(place) == after.get(place)
            kit.must(kept, f"{place} changed while an agent wrote; all agents share it")

    @kit.check("clock", _TIME)
    def test_it_asks_no_other_clock(self, tmp_path: Path) -> None:
        """The type asks the machine for no time."""
        for call, place in self._calls(tmp_path):
            kit.must(call not in _CLOCKS, f"it asks the machine for the time: {call}() in {place}")

    @kit.check("chance", _CHANCE)
    def test_it_throws_no_dice(self, tmp_path: Path) -> None:
        """The type asks the machine for no chance."""
        for call, place in self._calls(tmp_path):
            dice = call in _DICE or call.startswith("random.")
            kit.must(not dice, f"it asks the machine for chance: {call}() in {place}")

    @kit.check("clock", "order by `seq` where times are equal")
    def test_time_may_stand_still(self, tmp_path: Path) -> None:
        """Writes at one moment keep their order."""
        states = []
        for name in ("one", "two"):
            with self._agent(tmp_path / name) as (db, store):
                for i in range(4):
                    self._attempt(db, store, functools.partial(self.write, store, i))
                states.append(self._state(store))
        kit.same(states[0], states[1], "writes at one moment have no certain order")

    @kit.check("clock", "compare times, do not assume that they are near")
    def test_time_may_leap(self, tmp_path: Path) -> None:
        """Ten years between two writes do no harm."""
        with self._filled(tmp_path, 2) as (db, store):
            before = self._state(store)
            db.clock.sleep(10 * 365 * 86400)
            self._write(db, store, 1, start=2)
            kit.must(self._state(store) != before, "after ten years it takes no writes")

    def _run(self, folder: Path, writes: int = 4) -> dict[str, Any]:
        with self._filled(folder, writes) as (db, store):
            return {"state": self._state(store), "dump": database.dump(db)}

    def _calls(self, folder: Path) -> list[tuple[str, str]]:
        """Functions of the machine that the type's own code called while it was used."""
        found: list[tuple[str, str]] = []
        before = sys.getprofile()
        sys.setprofile(_listener(_files(self.store_type, self.options), found))
        try:
            with self._filled(folder, 3) as (_, store):
                self._state(store)
        finally:
            sys.setprofile(before)
        return found


def _files(kind: type, options: Any) -> set[str]:
    """The source files of a type: its own classes' and its back-end's, not ours below them."""
    owners = [each for each in kind.__mro__ if each not in (object, base.Store)]
    name = options.get("backend")
    if name is not None:
        owners += [each for each in registry.get("backends", name).__mro__ if each is not object]
    modules = [sys.modules.get(owner.__module__) for owner in owners]
    return {str(getattr(module, "__file__", "")) for module in modules}


def _listener(files: set[str], found: list[tuple[str, str]]) -> Callable[..., None]:
    def listen(frame: types.FrameType | None, event: str, detail: Any) -> None:
        if event == "c_call" and frame is not None:
            name = detail.__name__
        elif event == "call" and frame is not None:
            module = frame.f_globals.get("__name__", "")
            name = frame.f_code.co_name
            name = f"random.{name}" if module == "random" else name
            frame = None if module.startswith("archgraph.") else frame.f_back
        else:
            return
        while frame is not None and frame.f_globals.get("__name__") in ("random", "uuid"):
            frame = frame.f_back
        if frame is not None and frame.f_code.co_filename in files:
            bare = getattr(getattr(detail, "__self__", None), "__class__", type(None))
            name = f"random.{name}" if bare.__module__ in ("random", "_random") else name
            if name in _CLOCKS | _DICE or name.startswith("random."):
                found.append(
                    (name, f"line {frame.f_lineno} of {Path(frame.f_code.co_filename).name}")
                )

    return listen


def _globals(kind: type) -> dict[str, str]:
    """The values that are shared by all objects of a type, by their place."""
    found = {}
    for owner in kind.__mro__:
        if owner in (object, base.Store):
            continue
        for name, value in _values(vars(owner).items()):
            found[f"{owner.__name__}.{name}"] = value
        module = sys.modules.get(owner.__module__)
        for name, value in _values(vars(module).items() if module else ()):
            found[f"{owner.__module__}.{name}"] = value
    return found


def _values(items: Any) -> Iterator[tuple[str, str]]:
    for name, value in list(items):
        if not name.startswith("__") and isinstance(value, _SHAPES):
            yield name, repr(value)
