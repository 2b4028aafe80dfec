"""Where the time of a trial goes: a stopwatch whose parts never overlap, and what it is put on.

Called by `trial`. The parts are `record.TIMES`, in milliseconds, and sum to the whole:

- `model`: within gateways, waits for a provider and added latency included;
- `embed`: within the embedder;
- `search`: within search verbs, searches that a context makes, and those of pipelines;
- `tools`: within the other verbs of stores and within outside tools;
- `render`: making context windows, without the searches in them;
- `commit`: SQLite's COMMIT;
- `queue`: the rest: the tick queue, the reducer, rows of journal and log, reading back calls.

Knows agents and stores, no case and no score.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from archgraph import clock
from archgraph.graph import plan as plans
from archgraph.llm import base as llm
from archgraph.llm import embedders
from archgraph.runtime import agent as agents
from archgraph.suites import record

if TYPE_CHECKING:
    from archgraph.llm.base import Vectors

OpenEmbedder = Callable[[str], llm.Embedder]

QUEUE, RENDER, EMBED, SEARCH, MODEL, TOOLS, COMMIT = record.TIMES


class Watch:
    """Counts time to one part at a time; what runs within another part is taken out of it."""

    def __init__(self) -> None:
        self._seconds = dict.fromkeys(record.TIMES, 0.0)
        self._parts: list[str] = []
        self._since = 0.0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what happens within to a part. Outside of `running` nothing is counted."""
        if not self._parts:
            yield
            return
        self._begin(name)
        try:
            yield
        finally:
            self._end()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count all that happens within; to `queue` unless a part says otherwise."""
        self._begin(QUEUE)
        try:
            yield
        finally:
            self._end()

    @property
    def times(self) -> dict[str, float]:
        """Milliseconds by part, so far."""
        return {name: round(1000 * seconds, 3) for name, seconds in self._seconds.items()}

    def timed(self, function: Callable[..., Any], part: str) -> Callable[..., Any]:
        """A function whose time is counted to a part."""

        @functools.wraps(function)
        def within(*args: Any, **kwargs: Any) -> Any:
            with self.part(part):
                return function(*args, **kwargs)

        return within

    def _begin(self, name: str) -> None:
        self._charge()
        self._parts.append(name)

    def _end(self) -> None:
        self._charge()
        self._parts.pop()

    def _charge(self) -> None:
        now = clock.elapsed()
        if self._parts:
            self._seconds[self._parts[-1]] += now - self._since
        self._since = now


class Embedding:
    """Opens an embedder when it is needed, and tells a watch how long it works."""

    def __init__(self, name: str, open_embedder: OpenEmbedder, watch: Watch) -> None:
        self._name, self._open, self._watch = name, open_embedder, watch
        self._inner: llm.Embedder | None = None

    @property
    def id(self) -> str:
        """As the embedder says."""
        return self._opened().id

    @property
    def dimension(self) -> int:
        """As the embedder says."""
        return self._opened().dimension

    @property
    def cost(self) -> float:
        """What its vectors have cost in US dollars, where the embedder is one that counts it."""
        cost = getattr(self._inner, "cost", 0.0)
        return cost if isinstance(cost, float) else 0.0

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of texts."""
        with self._watch.part(EMBED):
            return self._opened().embed(texts)

    def _opened(self) -> llm.Embedder:
        if self._inner is None:
            self._inner = self._open(self._name)
        return self._inner


@functools.cache
def opened(name: str) -> llm.Embedder:
    """The embedder of a name, once in a process."""
    return embedders.open_embedder(name)


def attach(agent: agents.Agent, watch: Watch) -> None:
    """Let an agent's parts be timed for as long as it lives."""
    agent.db.connection = _Connection(agent.db.connection, watch)
    _put(agent.world.renderer, "build", watch, RENDER)
    for store in agent.stores.values():
        for name in ("lines", "find_for"):
            _put(store, name, watch, SEARCH)
    for tool in agent.plan.tools.values():
        part = SEARCH if searches(tool) else TOOLS
        for name in tool.stores:
            _put(agent.stores[name], tool.verb, watch, part)
            if part == SEARCH:  # catching up an index, which the first search of a fork does
                _put(agent.stores[name], "prepare", watch, SEARCH)


def searches(tool: plans.ToolPlan) -> bool:
    """Whether a tool is a search: it only reads stores, and is told what to look for."""
    if not tool.reads or tool.writes or not tool.stores:
        return False
    return tool.verb.startswith("search") or "query" in tool.parameters["properties"]


def _put(target: Any, name: str, watch: Watch, part: str) -> None:
    if name not in vars(target):  # a verb that two tools offer is timed once
        setattr(target, name, watch.timed(getattr(target, name), part))


class _Connection:
    """A database connection whose commits are timed; the rest goes straight through."""

    def __init__(self, inner: Any, watch: Watch) -> None:
        self._inner, self._watch = inner, watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def execute(self, sql: str, *parameters: Any) -> Any:
        """Pass a statement on."""
        if sql != "COMMIT":
            return self._inner.execute(sql, *parameters)
        with self._watch.part(COMMIT):
            return self._inner.execute(sql)
