"""The context window of one step: stores and template in, messages out.

Called by `step` before each model call. Reads stores, writes nothing. What has not changed since
the thread's last step is not rendered or counted again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from archgraph import clock, prompts
from archgraph.graph import plan as plans
from archgraph.graph import tool_rules
from archgraph.llm import base as llm
from archgraph.messages import Wire
from archgraph.runtime import fitting, prepared, tick
from archgraph.storage import database, journal
from archgraph.stores import base

PROMPT_OVERHEAD = 7
"""Tokens around a system prompt and before the answer (OpenAI cookbook: 4 + 3)."""


@dataclass(frozen=True, slots=True)
class Window:
    """All that one step sends.

    `rows` are the log rows of the messages after the system prompt; `tokens` the size of the
    whole prompt, tool schemas included; `whole` what it would be if no message of the run had
    left it; `prefix` the share of it that repeats the thread's last request from its start.
    `upto` is where the run's ranges are frozen. `span` names the log if the messages are one
    unbroken stretch of it as the thread sees it.
    """

    rendering: Rendering
    messages: list[Wire]
    rows: list[int]
    tokens: int
    whole: int
    fixed: int
    prefix: float
    upto: Mapping[str, int]
    span: str

    def frozen(self, state: tick.ThreadState) -> dict[str, Any]:
        """What the thread must remember of this window and does not know yet."""
        shown = self.rendering
        changes = {"upto": self.upto, "seen": shown.seen, "shown": shown.mark}
        return {name: v for name, v in changes.items() if v != getattr(state, name)}


@dataclass(frozen=True, slots=True)
class Rendering:
    """A system prompt as it was rendered.

    `mark` is a digest of what it was made from, the run that it was made in, and how far its
    queues had been evicted; `seen` the commit at which each guarded store was shown.
    """

    system: str
    tokens: int
    mark: tuple[str, int, int]
    seen: Mapping[str, int]


@dataclass(slots=True)
class _Sent:
    """What a thread was sent last, for what need not be done again; numbers of the journal."""

    rendering: Rendering | None = None
    rows: Sequence[int] = ()
    prompt: int = 0
    request: int = 0


class Renderer:
    """Builds context windows for the threads of one agent."""

    def __init__(
        self, ready: prepared.Prepared, stores: Mapping[str, base.Store], db: database.Database
    ) -> None:
        plan = ready.plan
        self.plan, self.stores, self.db, self.count = plan, stores, db, ready.count
        self.schemas, self._ready = ready.schemas, ready
        self._last = {name: _Sent() for name in plan.threads}
        self._spans = {name: self._span(thread) for name, thread in plan.threads.items()}
        self._guarded = {
            name
            for name, store in stores.items()
            if getattr(store.options, "consistency", "last_write") != "last_write"
        }

    def build(self, thread: plans.ThreadPlan, state: tick.ThreadState) -> Window:
        """The window of the thread's next step."""
        last = self._last[thread.name]
        if last.rendering is None and state.shown[0]:
            self._remember(thread, state, last)
        upto = dict(state.upto)
        shown = self._rendering(thread, state, last, upto)
        fixed = shown.tokens + self._ready.schema_tokens[thread.name] + PROMPT_OVERHEAD
        messages, hidden = self._messages(thread, state, fixed)
        tokens = sum([message.tokens for message in messages])
        wires: list[Wire] = [{"role": "system", "content": shown.system}]
        wires += [message.wire for message in messages]
        return Window(
            rendering=shown,
            messages=wires,
            rows=[message.seq for message in messages],
            tokens=fixed + tokens,
            whole=fixed + tokens + hidden,
            fixed=fixed,
            prefix=self._prefix(last, shown, messages, fixed),
            upto=upto,
            span=self._spans[thread.name],
        )

    def sent(self, thread: str, window: Window, prompt: int) -> None:
        """Remember that a window was sent and answered; `prompt` is its prompt's number."""
        last = self._last[thread]
        last.rendering, last.rows, last.prompt = window.rendering, window.rows, prompt

    def say_values(self, thread: plans.ThreadPlan, source: str, event: str) -> dict[str, Any]:
        """What a trigger's template sees: the event, and what a thread's own prompt sees."""
        values = self._common_values(thread, prompts.variables(source))
        shown = {item.store for item in thread.context if item.mode == "show"}
        for name in shown & prompts.variables(source):
            values[name] = self.stores[name].render(base.View(thread=thread.name))
        return {**values, "event": event}

    def _common_values(self, thread: plans.ThreadPlan, names: set[str]) -> dict[str, Any]:
        tools = [self.plan.tools[name] for name in thread.tools]
        values: dict[str, Any] = {"thread": thread.name, "tools": tools}
        if "rules" in names:
            values["rules"] = prompts.Lines(tool_rules.describe(thread.heartbeat.rules))
        if "now" in names:
            values["now"] = clock.stamp(self.db.now())
        if "counts" in names:
            values["counts"] = {name: int(s.measure("count")) for name, s in self.stores.items()}
        return values

    def prompt_number(self, thread: str, window: Window) -> int:
        """The journal's number of the window's system prompt; within a commit."""
        last = self._last[thread]
        if last.prompt and last.rendering is window.rendering:
            return last.prompt
        return journal.intern_prompt(self.db, window.rendering.system)

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
            self._last[name] = _Sent()

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

    def _remember(self, thread: plans.ThreadPlan, state: tick.ThreadState, last: _Sent) -> None:
        """Read back what the thread was sent last: a new process goes on as the old one would."""
        row = journal.last_asked(self.db, thread.name)
        if row is None or row.prompt is None:
            return
        system = journal.prompt(self.db, row.prompt)
        last.rendering = Rendering(system, self.count(system), state.shown, state.seen)
        last.rows, last.prompt = row.window, row.prompt

    def _rendering(
        self,
        thread: plans.ThreadPlan,
        state: tick.ThreadState,
        last: _Sent,
        upto: dict[str, int],
    ) -> Rendering:
        """The system prompt, made anew if `refresh` allows it and a store in it has changed.

        `counts` and `now` in a template are as of that rendering: they alone do not change it,
        so that providers can reuse the prompt's prefix (MemGPT rebuilds likewise, agent.py).
        """
        texts = self._texts(thread, state, upto)
        made = hashlib.blake2b(self._ready.made[thread.name], digest_size=8)
        made.update(json.dumps(texts).encode())
        digest, moved = made.hexdigest(), self._eviction_mark(thread)
        if last.rendering is not None:
            before = last.rendering.mark
            if digest == before[0] or not _due(thread, state.run, moved, before):
                return last.rendering
        system = self._render(thread, texts)
        seen = {name: self.db.version for name in texts if name in self._guarded}
        return Rendering(system, self.count(system), (digest, state.run, moved), seen)

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
                texts[item.store] = _drawn(store, base.View(thread=thread.name, cap=item.cap))
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
        if item.store not in upto:
            upto[item.store] = end
            if self._unread(item, end):
                upto[tick.UNREAD] = 1
        return cast(str, text)

    def _unread(self, item: plans.ContextItem, end: int) -> bool:
        """Whether a range ended before all that there is, because of its cap."""
        sql = "SELECT 1 FROM record WHERE store = ? AND seq > ? AND died IS NULL"
        if not item.of:
            return self.db.value(f"{sql} LIMIT 1", (item.store, end)) is not None
        sql += " AND (thread IS NULL OR thread = ?) LIMIT 1"
        return self.db.value(sql, (item.store, end, item.of)) is not None

    def _found(self, thread: plans.ThreadPlan, item: plans.ContextItem) -> str:
        """What a search for the user's last message finds, before the model is asked."""
        query = self._last_user(thread)
        lines = self.stores[item.store].lines(query, item.k) if query else []
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
        values = {**texts, **self._common_values(thread, names)}
        system = prompts.render(source, values).strip()
        rest = [f"## {name}\n{text}" for name, text in texts.items() if name not in names and text]
        return "\n\n".join([system, *rest])

    def _messages(
        self, thread: plans.ThreadPlan, state: tick.ThreadState, fixed: int
    ) -> tuple[list[base.WindowMessage], int]:
        """The chat messages of the window, and the tokens of those that found no room.

        First what the context shows, then the run's own. Queues are bounded by eviction; what
        nothing evicts is shown as far as it fits.
        """
        shown: list[base.WindowMessage] = []
        own: list[base.WindowMessage] = []
        view, shows_log = self.view(thread, state), False
        for item in thread.context:
            store = cast(Any, self.stores[item.store])
            if item.mode == "since" and item.since == "turn":
                start = 0 if state.turn else state.upto.get(tick.RUN_START, 0)
                part = store.window(start, thread=thread.name, turn=state.turn)
                own += part
                shown += part
                shows_log = shows_log or item.store == thread.log
            elif item.mode == "show" and store.shows_messages:
                over = getattr(store.options, "over", "")
                shown += store.window(view) if over else store.window(0, thread=thread.name)
                shows_log = shows_log or thread.log in (over, item.store)
        if not shows_log:
            part = self._of_run(thread, state)
            own, shown = own + part, shown + part
        return _fitted(thread, shown, own, fixed)

    def _of_run(
        self, thread: plans.ThreadPlan, state: tick.ThreadState
    ) -> list[base.WindowMessage]:
        """The messages that a thread has put into its log in the present run."""
        start = state.upto.get(tick.RUN_START, 0)
        sql = "SELECT seq FROM record WHERE store = ? AND seq > ? AND thread = ?"
        written = {row[0] for row in self.db.all(sql, (thread.log, start, thread.name))}
        log = cast(Any, self.stores[thread.log])
        return [m for m in log.window(start, thread=thread.name) if m.seq in written]

    def _span(self, thread: plans.ThreadPlan) -> str:
        """The log whose rows the window shows in one stretch, if it shows one queue over it."""
        queues = self.shown_queues(thread)
        others = [item for item in thread.context if item.mode == "since" and item.since == "turn"]
        if len(queues) != 1 or others:
            return ""
        options = cast(Any, self.stores[queues[0]].options)
        return str(options.over) if options.over == thread.log and not options.of else ""

    def _prefix(
        self,
        last: _Sent,
        shown: Rendering,
        messages: list[base.WindowMessage],
        fixed: int,
    ) -> float:
        """The share of the prompt's tokens that repeats the last request from its start."""
        if last.rendering is None:
            return 0.0
        total = fixed + sum([message.tokens for message in messages])
        if last.rendering.system != shown.system:
            return self.count(_common(last.rendering.system, shown.system)) / total
        same = len(_common(list(last.rows), [message.seq for message in messages]))
        return (fixed + sum([message.tokens for message in messages[:same]])) / total


def _fitted(
    thread: plans.ThreadPlan,
    shown: list[base.WindowMessage],
    own: list[base.WindowMessage],
    fixed: int,
) -> tuple[list[base.WindowMessage], int]:
    """What is shown without the messages of the run that found no room, and the tokens of these."""
    if not own or thread.overflow == "fail":
        return shown, 0
    room = thread.context_window - thread.max_tokens - fixed
    others = sum([m.tokens for m in shown]) - sum([m.tokens for m in own])
    stay = {message.seq for message in fitting.kept(own, room - others)}
    gone = {message.seq for message in own} - stay
    hidden = sum(message.tokens for message in own if message.seq in gone)
    return [message for message in shown if message.seq not in gone] if gone else shown, hidden


def _due(thread: plans.ThreadPlan, run: int, moved: int, before: tuple[str, int, int]) -> bool:
    """Whether `refresh` allows a new rendering. A run is always shown what is new to it."""
    _, last_run, last_moved = before
    new = any(item.mode == "search" or item.since == "last_run" for item in thread.context)
    if thread.refresh == "step" or (new and last_run != run):
        return True
    return last_run != run if thread.refresh == "turn" else last_moved != moved


def _common(first: Any, second: Any) -> Any:
    """The longest common beginning of two texts or lists."""
    least = min(len(first), len(second))
    if first[:least] == second[:least]:
        return first[:least]
    return first[: next(i for i in range(least) if first[i] != second[i])]


def _drawn(store: base.Store, view: base.View) -> str:
    """A store as text; what goes wrong inside says in which store it did."""
    try:
        return store.render(view)
    except Exception as error:
        error.add_note(f"store {store.name}")
        raise
