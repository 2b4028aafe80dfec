"""Everything that one living agent is made of: plan, file, stores, gateways.

Made when an agent opens; handed to the renderer, the step and the scheduler. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from archgraph import errors, registry
from archgraph.graph import plan as plans
from archgraph.llm import base as llm
from archgraph.runtime import context, prepared
from archgraph.storage import database, driver
from archgraph.stores import base, log

if TYPE_CHECKING:
    from archgraph.tools import mcp


@dataclass(frozen=True, slots=True)
class Notice:
    """What an observer is told while an agent works.

    kind: `delta` and `thought` (pieces of text), `call`, `result`, `reply`, `step`, `evict`,
    `retry` or `fault`. `text` is for people; `data` holds the details.
    """

    kind: str
    thread: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)


Watch = Callable[[Notice], None]
Approve = Callable[[str, Mapping[str, Any]], "bool | str"]
"""Asks a person whether a tool may be called with arguments: true, or why not as false or text."""


def nobody(tool: str, arguments: Mapping[str, Any]) -> bool | str:
    """The answer where there is no person to ask."""
    return "nobody can be asked here"


class World:
    """The parts of a living agent, and the small questions that all of them ask."""

    def __init__(
        self,
        plan: plans.Plan,
        db: database.Database,
        gateway_for: Callable[[str, Mapping[str, Any]], llm.Gateway],
        embedder: Callable[[], llm.Embedder],
        as_of: int | None = None,
    ) -> None:
        self.plan, self.db = plan, db
        self.watch: Watch | None = None
        self.approve: Approve = nobody
        self.emitted: list[tuple[str, Mapping[str, Any]]] = []
        self._gateway_for = gateway_for
        self._gateways: dict[str, llm.Gateway] = {}
        self.servers: dict[mcp.Address, mcp.Server] = {}
        ready = prepared.of(plan)
        self.count = ready.count
        shared = base.Context(db, self.count, embedder, self.store, self._emit, self._seen, as_of)
        self.stores: dict[str, base.Store] = {}
        for name, part in plan.stores.items():
            kind = registry.get("stores", part.type)
            try:
                self.stores[name] = kind(name, ready.options(name, kind), shared)
            except (errors.ArchgraphError, driver.driver().module.Error):
                raise
            except Exception as error:  # a plugin's bug
                text = f"the store {name!r} ({part.type}) cannot be made: {errors.inside(error)}"
                raise errors.PluginError(text, f"mend the type {part.type}") from error
        self.renderer = context.Renderer(ready, self.stores, db)
        self.seen: dict[str, Mapping[str, int]] = {}

    def store(self, name: str) -> base.Store:
        """A store by name."""
        return self.stores[name]

    def log_of(self, thread: str) -> log.Log:
        """The log that a thread keeps its messages in."""
        return cast(log.Log, self.stores[self.plan.threads[thread].log])

    def input_logs(self) -> list[log.Log]:
        """The logs of the threads that hear the user, each once; every log if none does."""
        hearing = [
            thread.log
            for thread in self.plan.threads.values()
            if any(trigger.kind == "user_message" for trigger in thread.triggers)
        ]
        kept = [name for name in dict.fromkeys(hearing) if name]  # a pipeline has no log
        kept = kept or list(dict.fromkeys(t.log for t in self.plan.threads.values() if t.log))
        return [cast(log.Log, self.stores[name]) for name in kept]

    def gateway(self, model: str, options: Mapping[str, Any], protocol: str) -> llm.Gateway:
        """The gateway to a model, opened once."""
        key = f"{protocol}:{model}"
        if key not in self._gateways:
            gateway = self._gateway_for(model, options)
            if protocol == "text":
                from archgraph.llm import text_protocol

                gateway = text_protocol.TextProtocol(gateway)
            self._gateways[key] = gateway
        return self._gateways[key]

    def close(self) -> None:
        """End what outside tools have opened."""
        while self.servers:
            self.servers.popitem()[1].close()

    def open_items(self) -> dict[str, float]:
        """The `open` measures that `while` rules look at, by store."""
        named = {p.heartbeat.while_open for p in self.plan.threads.values()} - {""}
        return {name: self.stores[name].measure("open") for name in named}

    def measured(self, paths: Iterable[str]) -> dict[str, float]:
        """The present values of measures, each named `store.measure`."""
        split = {path: path.partition(".") for path in paths}
        return {path: self.stores[name].measure(what) for path, (name, _, what) in split.items()}

    def notify(self, kind: str, thread: str, text: str, **data: Any) -> None:
        """Tell the observer, if there is one."""
        if self.watch is not None:
            self.watch(Notice(kind, thread, text, data))

    def take_events(self) -> list[tuple[str, Mapping[str, Any]]]:
        """The events that stores reported since the last call."""
        taken, self.emitted = self.emitted, []
        return taken

    def forget(self) -> None:
        """Drop every cache: a commit was rolled back."""
        self.emitted = []
        self.renderer.forget()
        for store in self.stores.values():
            store.refresh()

    def forget_calls(self) -> None:
        """Drop what stores cache: one call was rolled back, the commit goes on."""
        for store in self.stores.values():
            store.refresh()

    def _emit(self, store: str, event: str, payload: Mapping[str, Any]) -> None:
        by = self.db.actor.thread or ""
        self.emitted.append((f"{store}.{event}", {"thread": by, **payload}))

    def _seen(self, thread: str, store: str) -> int:
        return self.seen.get(thread, {}).get(store, 0)
