"""The bench of a pipeline's run: the values so far, kept in the agent's file, and its stores.

Made by `pipeline` for each run; handed to the operators (`operators.base.Bench`). What was read
from a store is kept as row numbers, so that a run that is interrupted goes on with the same
values, and the file does not keep texts twice. Calls no model and runs no operator.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from archgraph import prompts
from archgraph.graph import plan as plans
from archgraph.operators import values
from archgraph.runtime import tick, world
from archgraph.stores import base as stores
from archgraph.tools import python

NOTHING = ""
"""The value of a step that was left out: false, empty, and printable."""


class Nothing(dict[str, Any]):
    """How an expression sees a value that is empty: so are its parts, whatever their names."""

    def __missing__(self, key: str) -> Nothing:
        return self

    def __str__(self) -> str:
        return NOTHING


class Bench:
    """The values and stores of one run of a pipeline."""

    def __init__(self, w: world.World, thread: plans.ThreadPlan, state: tick.ThreadState) -> None:
        self.w, self.plan, self.state = w, thread, state
        self.thread = thread.name
        self.item: Any = None
        self.place = ""
        self.step = 0
        self.listed: list[Any] = []
        self.prepared: Any = None
        self.upto = dict(state.upto)
        self._values: dict[str, Any] = {}
        self._results = {step.result for step in thread.steps} - {""}

    def value(self, name: str) -> Any:
        """A value by name, path or expression, or what a store shows."""
        if name.isidentifier() and name in self.w.stores and name not in self._results:
            return self._shown(name)
        if name == "item":
            return self.item
        if name.isidentifier() and name in self._results:
            return self.kept(name)
        return prompts.evaluate(name, self._names(prompts.names_in(name)))

    def template(self, source: str, **names: Any) -> Any:
        """A text with `{{ }}` filled in; the value itself where the text is one expression."""
        if not isinstance(source, str) or ("{{" not in source and "{%" not in source):
            return source
        inner = source.strip()
        whole = inner.startswith("{{") and inner.endswith("}}") and inner.count("{{") == 1
        if whole:
            inner = inner[2:-2].strip()
            return prompts.evaluate(inner, {**self._names(prompts.names_in(inner)), **names})
        return prompts.render(source, {**self._names(prompts.variables(source)), **names})

    def rendered(self, source: str, names: Mapping[str, Any]) -> str:
        """A prompt template; it sees values, the stores that it names, and what threads' see."""
        return prompts.render(source, {**self._names(prompts.variables(source)), **names})

    def true(self, expression: str) -> bool:
        """Whether a condition holds."""
        return bool(prompts.evaluate(expression, self._names(prompts.names_in(expression))))

    def store(self, name: str) -> stores.Store:
        """A store of the agent."""
        return self.w.stores[name]

    def function(self, target: str) -> Callable[..., Any]:
        """A function of the user's own; see `operators.base.Bench`."""
        folders = next((step.folders for step in self.plan.steps if step.folders), ())
        return python.function(target, folders)

    def since(self, store: str, cap: int, most: int | None = None) -> list[values.Item]:
        """What came into a store since the last good run; see `operators.base.Bench`."""
        start, end = self.state.cursor.get(store, 0), self.upto.get(store)
        held, new = self.store(store).records, "seq > ? AND thread IS NOT ?"
        if end is not None:
            return self.items(store, held.select(f"{new} AND seq <= ?", (start, self.thread, end)))
        records = held.select(new, (start, self.thread))
        found = self.items(store, records)
        kept = values.fitted(found[:most], cap, self.count)
        whole = len(kept) == len(found)
        if most is not None and not whole:
            self.upto[tick.UNREAD] = 1
        last = records[-1].seq if records else start
        self.upto[store] = last if whole else kept[-1]["_row"][1]
        return kept

    def turn(self, store: str) -> list[values.Item]:
        """What came into a store in the present turn."""
        if self.state.turn is None:
            return []
        records = self.store(store).records.select("turn = ?", (self.state.turn,))
        return self.items(store, records)

    def items(self, store: str, records: Sequence[stores.Record]) -> list[values.Item]:
        """Records as values, without the machinery of logs."""
        found = []
        for record in records:
            own = self.store(store).as_item(record)
            if own is not None:
                found.append(values.item(record, store, own))
        return found

    def now(self) -> float:
        """The agent's time, seconds since 1970."""
        return self.w.db.now()

    def count(self, text: str) -> int:
        """Tokens of a text, as the agent's first model counts them."""
        return self.w.count(text)

    # What the pipeline keeps

    def kept(self, key: str) -> Any:
        """A value that an earlier step of this run has made; `NOTHING` if it was left out."""
        if key not in self._values:
            sql = "SELECT value FROM state WHERE key = ? ORDER BY born DESC LIMIT 1"
            text = self.w.db.value(sql, (f"value:{self.thread}:{key}",))
            found = json.loads(text) if text else {}
            mine = found.get("run") == self.state.run
            self._values[key] = self._decoded(found["value"]) if mine else NOTHING
        return self._values[key]

    def keep(self, key: str, value: Any) -> None:
        """Keep a value for later steps of this run, within a commit."""
        self._values[key] = value = self._settled(value)
        body = {"run": self.state.run, "value": self._encoded(value)}
        db = self.w.db
        db.execute(
            "INSERT OR REPLACE INTO state(key, born, value) VALUES (?, ?, ?)",
            (f"value:{self.thread}:{key}", db.version, json.dumps(body, ensure_ascii=False)),
        )

    def _names(self, wanted: set[str]) -> dict[str, Any]:
        """What templates and expressions see: the values, `item`, and stores that are named."""
        found: dict[str, Any] = {"thread": self.thread}
        if "item" in wanted:
            found["item"] = self.item if self.item is not None else NOTHING
        if "now" in wanted:
            found["now"] = values.stamp(self.now())
        if "counts" in wanted:
            found["counts"] = {n: int(s.measure("count")) for n, s in self.w.stores.items()}
        for name in wanted & self._results:
            kept = self.kept(name)
            found[name] = Nothing() if kept in (NOTHING, {}) else kept
        for name in (wanted & set(self.w.stores)) - self._results:
            found[name] = self._shown(name)
        return found

    def _shown(self, store: str) -> str:
        """What a store shows: the bare text of a block, else as in a context window."""
        held = self.w.stores[store]
        text = getattr(held, "text", None)
        return text if isinstance(text, str) else held.render(stores.View(thread=self.thread))

    def _settled(self, value: Any) -> Any:
        """A value as later steps find it: an item that a step changed is no longer what was read.

        It is a thing that was made of the record, so that what was added to it stays.
        """
        if isinstance(value, list):
            return [self._settled(part) for part in value]
        if not _from_file(value):
            return value
        store, seq = value["_row"]
        if value == self._row(store, seq, value.get("score")):
            return value
        made = {name: part for name, part in value.items() if name != "_row"}
        return {**made, "_from": [value["id"]]}

    def _encoded(self, value: Any) -> Any:
        """Items as row numbers with their scores; everything else as it is."""
        if isinstance(value, list) and value and all(_from_file(part) for part in value):
            return {"rows": [[*part["_row"], part.get("score")] for part in value]}
        if _from_file(value):
            return {"row": [*value["_row"], value.get("score")]}
        return {"plain": value}

    def _decoded(self, kept: Mapping[str, Any]) -> Any:
        if "rows" in kept:
            return [self._row(*row) for row in kept["rows"]]
        return self._row(*kept["row"]) if "row" in kept else kept["plain"]

    def _row(self, store: str, seq: int, score: float | None) -> values.Item:
        record = self.store(store).records.row(seq)
        own = self.store(store).as_item(record) or {}
        added = {} if score is None else {"score": score}
        return {**values.item(record, store, own), **added}


def _from_file(value: Any) -> bool:
    """Whether a value is a record of the agent's own file, which keeps it for ever."""
    read = isinstance(value, Mapping) and "_row" in value and value["_row"][1] > 0
    return read and not {"decision", "target"} & set(value)
