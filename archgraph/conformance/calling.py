"""Checks of calls: verbs with any arguments, the events of a write, and the measures."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from archgraph import errors
from archgraph.conformance import kit
from archgraph.storage import database
from archgraph.stores import base

_TOLD = "raise errors.ToolError for what a model can do wrong; it is told the text"
_EVENT = "call `self.wrote()` once, at the end of each write"
_MEASURE = "count what `self.records` holds; drop counts that are kept aside in `refresh()`"
EXAMPLES = 25
"""Generated calls of each verb."""


class Calling(kit.Ground):
    """A model may call any verb with anything that its schema allows."""

    @kit.check("verbs", "return a text that tells the model what happened", "verb")
    def test_its_verbs_answer_in_text(self, tmp_path: Path) -> None:
        """Every call gives text, or a ToolError."""
        with self._filled(tmp_path, 3) as (db, store):
            for name, verb in base.verbs(self.store_type).items():
                said = self._call(db, store, name, self._given(verb))
                kit.must(isinstance(said, str), f"the verb {name!r} gives {type(said).__name__}")
                kit.must(str(said).strip(), f"the verb {name!r} gives an empty text")

    @kit.check("errors", _TOLD, "argument")
    def test_bad_arguments_are_told_to_the_model(self, tmp_path: Path) -> None:
        """Arguments that mean nothing are a ToolError, and nothing else."""
        with self._filled(tmp_path, 2) as (db, store):
            for name, verb in base.verbs(self.store_type).items():
                for value in ("", "no such thing", "x" * 100_000, "\x00"):
                    self._call(db, store, name, _strange(verb.parameters, value))

    @kit.check("errors", _TOLD, "argument")
    def test_any_arguments_can_be_given(self, tmp_path: Path) -> None:
        """Whatever the schema of a verb allows, the call gives text or a ToolError."""
        try:
            import hypothesis
        except ImportError as error:
            raise kit.NotApplicable("needs hypothesis (pip install hypothesis)") from error
        with self._filled(tmp_path, 3) as (db, store):
            settings = hypothesis.settings(
                max_examples=EXAMPLES, derandomize=True, database=None, deadline=None
            )
            for name, verb in base.verbs(self.store_type).items():
                given: Any = hypothesis.given(_arguments(verb.parameters))
                settings(given(self._answering(db, store, name)))()

    def _answering(self, db: Any, store: Any, name: str) -> Callable[[dict[str, Any]], None]:
        def call(given: dict[str, Any]) -> None:
            said = self._call(db, store, name, given)
            kit.must(isinstance(said, str), f"{name}({given!r:.80}) gives no text")

        return call

    @kit.check("errors", _TOLD, "argument")
    def test_numbers_out_of_range_are_told(self, tmp_path: Path) -> None:
        """Zero, negative and huge numbers are a ToolError, or mean something."""
        with self._filled(tmp_path, 2) as (db, store):
            for name, verb in base.verbs(self.store_type).items():
                for number in (0, -1, 2**31, -(2**63), 2**64):
                    given = self._given(verb)
                    for argument, schema in verb.parameters["properties"].items():
                        if schema["type"] in ("integer", "number"):
                            given[argument] = number
                    self._call(db, store, name, given)

    @kit.check("errors", "say what is wrong and what to do, in one or two sentences", "argument")
    def test_errors_are_short(self, tmp_path: Path) -> None:
        """An error says something, and does not send a long argument back."""
        with self._filled(tmp_path, 2) as (db, store):
            for name, verb in base.verbs(self.store_type).items():
                for value in ("", "x" * 100_000):
                    said = self._call(db, store, name, _strange(verb.parameters, value))
                    failed = said.startswith("ToolError: ")
                    kit.must(
                        not failed or 12 < len(said) < 2_000 or "x" * 99 in self._shown(store),
                        f"{name!r} fails with {len(said)} characters",
                    )

    @kit.check("errors", "check before you write", "writing verb", "own file")
    def test_a_failed_call_wrote_nothing(self, tmp_path: Path) -> None:
        """A call that ends with a ToolError has written nothing and emitted nothing."""
        with self._filled(tmp_path, 2) as (db, store):
            for name, verb in base.verbs(self.store_type).items():
                for value in ("", "no such thing", "x" * 100_000):
                    before = self._rows(db)
                    self.emitted.clear()
                    given = _strange(verb.parameters, value)
                    said = self._call(db, store, name, given, goes_on=True)
                    if said.startswith("ToolError"):
                        kit.same(before, self._rows(db), f"{name!r} failed after it had written")
                        told = [event for _, event, _ in self.emitted]
                        kit.must(not told, f"{name!r} failed and emitted {told}")

    @kit.check("verbs", "mark it with writes=True, or do not write", "reading verb")
    def test_reading_writes_nothing(self, tmp_path: Path) -> None:
        """A reading verb changes nothing that can be seen, and emits nothing."""
        with self._filled(tmp_path, 3) as (db, store):
            before = self._state(store)
            self.emitted.clear()
            rows = self._rows(db)
            after = self._state(store)
            kit.same(before, after, "reading the store changed it")
            kit.same(rows, self._rows(db), "reading the store wrote to it")
            kit.must(not self.emitted, f"reading the store emitted {self.emitted}")

    @kit.check("verbs", "let `prepare` do slow outside work only, and write nothing", "verb")
    def test_preparing_writes_nothing(self, tmp_path: Path) -> None:
        """What is done before a commit changes nothing, and may be done twice."""
        with self._filled(tmp_path, 3) as (db, store):
            before = database.dump(db)
            for name, verb in base.verbs(self.store_type).items():
                for _ in range(2):
                    store.prepare(name, self._given(verb))
            kit.same(before, database.dump(db), "prepare() wrote to the agent's file")

    def _call(
        self, db: Any, store: Any, name: str, given: Mapping[str, Any], *, goes_on: bool = False
    ) -> str:
        """Call a verb as the runtime does; what it says. Anything but a ToolError is a fault.

        With `goes_on` the commit is kept although the call failed.
        """
        said: list[Any] = []

        def call() -> None:
            try:
                said.append(getattr(store, name)(**given))
            except errors.ToolError as error:
                said.append(f"ToolError: {error}")
                if not goes_on:
                    raise

        try:
            store.prepare(name, given)
            self._attempt(db, store, call)
        except errors.ToolError as error:
            said.append(f"ToolError: {error}")
        except kit.Fault:
            raise
        except Exception as error:  # the type's own: this is what is looked for
            short = {key: f"{value!r:.20}" for key, value in given.items()}
            raise kit.Fault(
                f"{name}({short}) raised {type(error).__name__}: {error!s:.200}; a model can only "
                "be told a ToolError"
            ) from error
        store.refresh()
        return said[0]  # type: ignore[no-any-return]


class Events(kit.Ground):
    """A write is told once, a failure never."""

    @kit.check("events", _EVENT)
    def test_a_write_is_told(self, tmp_path: Path) -> None:
        """A write emits the event `write`."""
        with self._filled(tmp_path, 1):
            told = [event for _, event, _ in self.emitted]
            kit.must("write" in told, "a write did not emit `write` (call wrote())")

    @kit.check("events", _EVENT)
    def test_a_write_is_told_once(self, tmp_path: Path) -> None:
        """A write emits `write` once, not for each record that it touches."""
        with self._agent(tmp_path) as (db, store):
            for i in range(8):
                self.emitted.clear()
                self._write(db, store, 1, start=i)
                told = [event for _, event, _ in self.emitted].count("write")
                kit.must(told <= 1, f"one write emitted `write` {told} times")

    @kit.check("events", "emit the names in `events` only, and add what is missing there")
    def test_it_emits_what_it_declares(self, tmp_path: Path) -> None:
        """Every event that it emits is declared, in the store's own name."""
        with self._filled(tmp_path, 12):
            for store, event, _ in self.emitted:
                known = event in self.store_type.events
                kit.must(known, f"it emits {event!r}, which `events` does not name")
                kit.must(store == "mine", f"it emits in the name of {store!r}")

    @kit.check("events", "hand `wrote` plain values: text, numbers, lists")
    def test_its_events_can_be_kept(self, tmp_path: Path) -> None:
        """What comes with an event can be written to the journal as JSON."""
        with self._filled(tmp_path, 4):
            for _, event, payload in self.emitted:
                try:
                    json.dumps(payload)
                except (TypeError, ValueError) as error:
                    raise kit.Fault(f"the payload of {event!r} is no JSON: {error}") from error

    @kit.check("events", "emit after all checks, with the write itself")
    def test_a_refused_write_is_not_told(self, tmp_path: Path) -> None:
        """A write that was refused emits nothing."""
        with self._filled(tmp_path, 1) as (db, store):
            for text in ("", "huge " * 40_000):
                self.emitted.clear()
                refused = self._write_text(db, store, text)
                fine = refused is None or not self.emitted
                kit.must(fine, f"a refused write emitted {[e for _, e, _ in self.emitted]}")

    @kit.check("events", "emit nothing when the store is opened or looked at")
    def test_looking_is_not_told(self, tmp_path: Path) -> None:
        """Opening, rendering and measuring emit nothing."""
        with self._filled(tmp_path, 3) as (db, store):
            self.emitted.clear()
            self._state(self.open(db))
            store.render(base.View())
            kit.must(not self.emitted, f"looking emitted {[e for _, e, _ in self.emitted]}")

    @kit.check("events", "emit within the write, not later or from a thread")
    def test_events_belong_to_the_commit(self, tmp_path: Path) -> None:
        """Events come while the commit that they tell of is being made."""
        with self._agent(tmp_path) as (db, store):
            inside: list[bool] = []
            emit = store.context.emit

            def listen(*given: Any) -> None:
                inside.append(db.in_transaction)
                emit(*given)

            store.context.emit = listen
            self._write(db, store, 3)
            kit.must(all(inside), "an event came outside the commit that it tells of")


class Measures(kit.Ground):
    """Measures are numbers that are true."""

    @kit.check("measures", "return a finite number that is not negative")
    def test_its_measures_are_numbers(self, tmp_path: Path) -> None:
        """Each measure is a finite number, not negative, empty and filled."""
        with self._agent(tmp_path) as (db, store):
            for _ in range(2):
                for name in store.measures:
                    value: Any = store.measure(name)
                    fine = isinstance(value, int | float) and not isinstance(value, bool)
                    kit.must(fine, f"the measure {name!r} is {value!r}, not a number")
                    fine = math.isfinite(value) and value >= 0
                    kit.must(fine, f"the measure {name!r} is {value!r}")
                self._write(db, store, 8)

    @kit.check("measures", _MEASURE)
    def test_its_measures_do_not_drift(self, tmp_path: Path) -> None:
        """After every write, measures are what a newly opened store says."""
        with self._agent(tmp_path) as (db, store):
            for i in range(10):
                self._write(db, store, 1, start=i)
                if "rollback" in self.lost:
                    continue  # a second object of a store outside is another reader of it
                fresh = self.open(db)
                for name in store.measures:
                    kept, true = store.measure(name), fresh.measure(name)
                    kit.must(kept == true, f"the measure {name!r} is {kept}; counted anew, {true}")

    @kit.check("measures", _MEASURE)
    def test_its_count_is_true(self, tmp_path: Path) -> None:
        """`count` is the number of living records."""
        with self._agent(tmp_path) as (db, store):
            for i in range(10):
                self._write(db, store, 1, start=i)
                self._uses_records(store)
                self._equals(store, "count", store.records.count())

    @kit.check("measures", _MEASURE)
    def test_its_tokens_are_true(self, tmp_path: Path) -> None:
        """`tokens` is the sum of what the living records take."""
        with self._agent(tmp_path) as (db, store):
            for i in range(10):
                self._write(db, store, 1, start=i)
                self._uses_records(store)
                self._equals(store, "tokens", store.records.total("tokens"))

    @kit.check("measures", _MEASURE)
    def test_its_tokens_are_what_it_shows(self, tmp_path: Path) -> None:
        """Records say at least half of the tokens that their text takes."""
        with self._filled(tmp_path, 5) as (_, store):
            self._uses_records(store)
            if "tokens" not in store.measures:
                raise kit.NotApplicable("the type has no measure `tokens`")
            texts = sum(self.count(record.content) for record in store.records.select())
            said = store.measure("tokens")
            kit.must(said >= texts / 2, f"`tokens` is {said:.0f}, the texts take {texts}")

    @kit.check("measures", "measure at the `as_of` of the context", "versions")
    def test_its_measures_of_the_past(self, tmp_path: Path) -> None:
        """As of an earlier commit, measures are what they were."""
        with self._filled(tmp_path, 2) as (db, store):
            then, version = {n: store.measure(n) for n in store.measures}, db.version
            self._write(db, store, 3, start=2)
            earlier = self.open(db, as_of=version)
            found = {name: earlier.measure(name) for name in store.measures}
            kit.same(then, found, "measures as of an earlier commit differ from then")

    def _equals(self, store: Any, name: str, true: float) -> None:
        if name not in store.measures:
            raise kit.NotApplicable(f"the type has no measure `{name}`")
        said = store.measure(name)
        kit.must(said == true, f"the measure {name!r} is {said}, and the records hold {true}")


def _strange(parameters: Mapping[str, Any], value: str) -> dict[str, Any]:
    """Arguments of the right types that mean nothing."""
    kinds: dict[str, Any] = {"string": value, "integer": -1, "number": -1.0, "boolean": False}
    kinds["object"] = {}
    return {
        name: schema["enum"][0] if "enum" in schema else kinds.get(schema["type"], [])
        for name, schema in parameters["properties"].items()
    }


def _arguments(parameters: Mapping[str, Any]) -> Any:
    """A hypothesis strategy for all that a verb's schema allows."""
    from hypothesis import strategies

    required = {k: _values(parameters["properties"][k]) for k in parameters["required"]}
    optional = {
        key: _values(schema)
        for key, schema in parameters["properties"].items()
        if key not in required
    }
    return strategies.fixed_dictionaries(required, optional=optional)


def _values(schema: Mapping[str, Any]) -> Any:
    from hypothesis import strategies

    if "enum" in schema:
        return strategies.sampled_from(schema["enum"])
    if schema["type"] == "array":
        return strategies.lists(_values(schema.get("items", {"type": "string"})), max_size=4)
    if schema["type"] == "object":
        return strategies.dictionaries(strategies.text(max_size=8), strategies.text(max_size=8))
    return {
        "string": strategies.text(max_size=60),
        "integer": strategies.integers(-(2**31), 2**31),
        "number": strategies.floats(allow_nan=False),
        "boolean": strategies.booleans(),
    }[schema["type"]]
