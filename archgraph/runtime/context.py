"""The context window of one step: stores and template in, messages out.

Called by `step` before each model call. Reads stores, writes nothing. What has not changed since
the thread's last step is not rendered or counted again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from archgraph import clock, prompts
from archgraph.graph import plan as plans
from archgraph.llm import base as llm
from archgraph.messages import Wire
from archgraph.runtime import tick
from archgraph.storage import database, journal
from archgraph.stores import base

PROMPT_OVERHEAD = 7
"""Tokens around a system prompt and before the answer (OpenAI cookbook: 4 + 3)."""


@dataclass(frozen=True, slots=True)
class Window:
    """All that one step sends.

    `rows` are the log rows of the messages after the system prompt; `tokens` the size of the
    whole prompt, tool schemas included; `prefix` the share of it that repeats the thread's last
    request from its start. `upto` is where the run's ranges are frozen, `seen` the commit at
    which each store was last shown to the thread. `span` names the log if the messages are one
    unbroken stretch of it as the thread sees it.
    """

    system: str
    messages: list[Wire]
    rows: list[int]
    tokens: int
    fixed: int
    prefix: float
    upto: Mapping[str, int]
    seen: Mapping[str, int]
    span: str


@dataclass(slots=True)
class _Remembered:
    """What a thread was sent last, for what need not be done again."""

    key: Any = None
    system: str = ""
    system_tokens: int = 0
    rows: list[int] = field(default_factory=list)
    seen: Mapping[str, int] = field(default_factory=dict)
    run: int = -1
    moved: int = -1
    prompt: int = 0
    request: int = 0


class Renderer:
    """Builds context windows for the threads of one agent."""

    def __init__(
        self,
        plan: plans.Plan,
        stores: Mapping[str, base.Store],
        db: database.Database,
        count: Callable[[str], int],
    ) -> None:
        self.plan, self.stores, self.db, self.count = plan, stores, db, count
        self.schemas = {name: plan.schemas(thread) for name, thread in plan.threads.items()}
        self._schema_tokens = {
            name: count(json.dumps(schemas)) if schemas else 0
            for name, schemas in self.schemas.items()
        }
        self._last = {name: _Remembered() for name in plan.threads}
        self._spans = {name: self._span(thread) for name, thread in plan.threads.items()}
        self._guarded = {
            name
            for name, store in stores.items()
            if getattr(store.options, "consistency", "last_write") != "last_write"
        }

    def build(self, thread: plans.ThreadPlan, state: tick.ThreadState) -> Window:
        """The window of the thread's next step."""
        last = self._last[thread.name]
        before = (last.system, last.rows)
        upto = dict(state.upto)
        self._refresh(thread, state, last, upto)
        messages = self._messages(thread, state)
        tokens = sum([message.tokens for message in messages])
        fixed = last.system_tokens + self._schema_tokens[thread.name] + PROMPT_OVERHEAD
        last.rows = rows = [message.seq for message in messages]
        prefix = self._prefix(before, last, messages, fixed) if before[0] else 0.0
        wires: list[Wire] = [{"role": "system", "content": last.system}]
        wires += [message.wire for message in messages]
        return Window(
            last.system,
            wires,
            rows,
            fixed + tokens,
            fixed,
            prefix,
            upto,
            last.seen,
            self._spans[thread.name],
        )

    def prompt_number(self, thread: str) -> int:
        """The journal's number of the thread's system prompt; within a commit."""
        last = self._last[thread]
        if not last.prompt:
            last.prompt = journal.intern_prompt(self.db, last.system)
        return last.prompt

    def request_number(
        self, thread: str, request: llm.Request, fixed_part: Callable[[llm.Request], str]
    ) -> int:
        """The journal's number of what repeats in the thread's requests; within a commit."""
        last = self._last[thread]
        if not last.request:
            last.request = journal.intern_chunk(self.db, fixed_part(request))
        return last.request

    def forget(self) -> None:
        """Drop what is remembered: stores have changed behind our back."""
        for name in self._last:
            self._last[name] = _Remembered()

    def shown_queues(self, thread: plans.ThreadPlan) -> list[str]:
        """The queues over a log that stand in a thread's window."""
        return [
            item.store
            for item in thread.context
            if item.mode == "show" and self.stores[item.store].shows_messages
            and hasattr(self.stores[item.store], "victims")
        ]  # fmt: skip

    def view(self, thread: plans.ThreadPlan, state: tick.ThreadState) -> base.View:
        """How a thread looks at the stores that it shows."""
        return base.View(thread=thread.name, turn=state.turn)

    def _refresh(
        self,
        thread: plans.ThreadPlan,
        state: tick.ThreadState,
        last: _Remembered,
        upto: dict[str, int],
    ) -> None:
        """Render the system prompt again if `refresh` allows it and a store in it has changed.

        `counts` and `now` in a template are as of that rendering: they alone do not change it,
        so that providers can reuse the prompt's prefix (MemGPT rebuilds likewise, agent.py).
        """
        texts = self._texts(thread, state, upto)
        key = tuple(texts.items())
        if key == last.key or not self._due(thread, state, last):
            return
        last.key, last.run, last.prompt = key, state.run, 0
        last.system = self._render(thread, texts)
        last.system_tokens = self.count(last.system)
        last.seen = {name: self.db.version for name in texts if name in self._guarded}
        last.moved = self._eviction_mark(thread)

    def _due(self, thread: plans.ThreadPlan, state: tick.ThreadState, last: _Remembered) -> bool:
        if last.key is None or thread.refresh == "step":
            return True
        if thread.refresh == "turn":
            return last.run != state.run
        return last.moved != self._eviction_mark(thread)

    def _eviction_mark(self, thread: plans.ThreadPlan) -> int:
        return sum(cast(Any, self.stores[name]).after for name in self.shown_queues(thread))

    def _texts(
        self, thread: plans.ThreadPlan, state: tick.ThreadState, upto: dict[str, int]
    ) -> dict[str, str]:
        """What each part of the context that is text reads as now."""
        texts: dict[str, str] = {}
        for item in thread.context:
            store = self.stores[item.store]
            if item.mode == "search":
                texts[item.store] = self._found(thread, item)
            elif item.mode == "since" and item.since == "last_run":
                texts[item.store] = self._since(item, state, upto)
            elif item.mode == "show" and not store.shows_messages:
                texts[item.store] = store.render(base.View(thread=thread.name, cap=item.cap))
        return texts

    def _since(self, item: plans.ContextItem, state: tick.ThreadState, upto: dict[str, int]) -> str:
        """What came into a store since the thread's last run; the range is frozen for the run."""
        store = self.stores[item.store]
        view = base.View(
            thread=item.of, cap=item.cap, after=state.cursor.get(item.store, 0),
            upto=upto.get(item.store),
        )  # fmt: skip
        if hasattr(store, "transcript"):
            text, end = store.transcript(view)
        else:
            text, end = store.render(view), self.db.value("SELECT max(seq) FROM record") or 0
        upto.setdefault(item.store, end)
        return cast(str, text)

    def _found(self, thread: plans.ThreadPlan, item: plans.ContextItem) -> str:
        """What a search for the user's last message finds, before the model is asked."""
        query = self._last_user(thread)
        store = cast(Any, self.stores[item.store])
        lines = store.lines(query, item.k) if query else []
        return base.cut("\n".join(lines), item.cap, self.count)

    def _last_user(self, thread: plans.ThreadPlan) -> str:
        found = self.db.value(
            "SELECT content FROM record WHERE store = ? AND died IS NULL "
            "AND json_extract(fields, '$.kind') = 'user' ORDER BY seq DESC LIMIT 1",
            (thread.log,),
        )
        return str(found or "")

    def _render(self, thread: plans.ThreadPlan, texts: Mapping[str, str]) -> str:
        source = self.plan.prompts[thread.prompt]
        names = prompts.variables(source)
        values: dict[str, Any] = dict(texts)
        values |= {"thread": thread.name, "tools": [self.plan.tools[n] for n in thread.tools]}
        if "now" in names:
            values["now"] = clock.stamp(self.db.now())
        if "counts" in names:
            values["counts"] = {name: int(s.measure("count")) for name, s in self.stores.items()}
        system = prompts.render(source, values).strip()
        rest = [f"## {name}\n{text}" for name, text in texts.items() if name not in names and text]
        return "\n\n".join([system, *rest])

    def _messages(
        self, thread: plans.ThreadPlan, state: tick.ThreadState
    ) -> list[base.WindowMessage]:
        """The chat messages of the window: what the context shows, then the run's own."""
        shown: list[base.WindowMessage] = []
        view, shows_log = self.view(thread, state), False
        for item in thread.context:
            store = cast(Any, self.stores[item.store])
            if item.mode == "since" and item.since == "turn":
                shown += store.window(0, thread=thread.name, turn=state.turn)
                shows_log = shows_log or item.store == thread.log
            elif item.mode == "show" and store.shows_messages:
                over = getattr(store.options, "over", "")
                shown += store.window(view) if over else store.window(0, thread=thread.name)
                shows_log = shows_log or thread.log in (over, item.store)
        if not shows_log:
            start = state.upto.get(tick.RUN_START, 0)
            log = cast(Any, self.stores[thread.log])
            shown += [m for m in log.window(start, thread=thread.name) if self._own(m, thread)]
        return shown

    def _span(self, thread: plans.ThreadPlan) -> str:
        """The log whose rows the window shows in one stretch, if it shows one queue over it."""
        queues = self.shown_queues(thread)
        others = [item for item in thread.context if item.mode == "since" and item.since == "turn"]
        if len(queues) != 1 or others:
            return ""
        options = cast(Any, self.stores[queues[0]].options)
        return str(options.over) if options.over == thread.log and not options.of else ""

    def _own(self, message: base.WindowMessage, thread: plans.ThreadPlan) -> bool:
        sql = "SELECT thread FROM record WHERE seq = ?"
        return bool(self.db.value(sql, (message.seq,)) == thread.name)

    def _prefix(
        self,
        before: tuple[str, list[int]],
        last: _Remembered,
        messages: list[base.WindowMessage],
        fixed: int,
    ) -> float:
        """The share of the prompt's tokens that repeats the last request from its start."""
        system, rows = before
        total = fixed + sum([message.tokens for message in messages])
        if system != last.system:
            return self.count(_common(system, last.system)) / total
        same = len(_common(rows, last.rows))
        return (fixed + sum([message.tokens for message in messages[:same]])) / total


def _common(first: Any, second: Any) -> Any:
    """The longest common beginning of two texts or lists."""
    least = min(len(first), len(second))
    if first[:least] == second[:least]:
        return first[:least]
    return first[: next(i for i in range(least) if first[i] != second[i])]
