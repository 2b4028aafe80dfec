"""`queue`: a bounded, first-in first-out view over a log, or a short list of items of its own.

Over a log it is MemGPT's FIFO queue: what the context window still shows of the conversation,
with thresholds for the warning and for eviction. Without a log it is a mailbox between threads.
"""

from __future__ import annotations

from typing import Any, Literal, cast

import pydantic

from archgraph import clock, errors
from archgraph.stores import base

CURSOR = "cursor"
"""Id of the record that says how much of the log has been evicted."""


class Summarize(pydantic.BaseModel):
    """Evicted messages are summarised into a block, together with its former summary."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    summarize: str
    """The block that receives the summary."""
    prompt: str
    """The template that asks for the summary."""
    model: str = ""
    """The model that writes it; that of the thread under pressure unless given."""
    max_tokens: int = pydantic.Field(default=300, gt=0)
    """The most tokens of a summary."""


class Queue(base.Store):
    """A bounded window over a log, or a mailbox."""

    events = ("write", "pressure", "evicted")
    measures = ("count", "tokens")

    class Options(base.Options):
        """Keys of a `queue` store."""

        over: str = ""
        """The log whose newest messages it shows; without it the queue has items of its own."""
        of: list[str] = pydantic.Field(default=[])
        """Threads whose messages it shows, besides users'; only the reader's unless given."""
        capacity: int | None = pydantic.Field(default=None, gt=0)
        """The most items; the oldest go first."""
        warn_at: float | None = pydantic.Field(default=None, gt=0)
        """When the prompt to be sent takes this share of the context window, `pressure` fires."""
        evict_at: float = pydantic.Field(default=1.0, gt=0)
        """When the prompt to be sent takes this share, the oldest messages are evicted.
        1.0: when the prompt and the reserved answer would not fit."""
        evict_to: float = pydantic.Field(default=0.5, ge=0)
        """The share of the room for messages (the window without system prompt, tool schemas and
        answer) that they may still take after eviction."""
        keep_last: int = pydantic.Field(default=3, ge=1)
        """Messages that are never evicted."""
        evict: Literal["drop"] | Summarize = "drop"
        """What becomes of evicted messages besides leaving the window (the log keeps them)."""
        item_cap: int = pydantic.Field(default=200, gt=0)
        """The most tokens of one item of a queue without a log."""

        def token_cap(self) -> int:
            """Tokens of a mailbox when full; a queue over a log is counted by its messages."""
            return 0 if self.over else (self.capacity or 10) * (self.item_cap + 30)

        def references(self) -> dict[str, str]:
            """The log below and the block that receives summaries."""
            found = {"over": self.over} if self.over else {}
            if isinstance(self.evict, Summarize):
                found["evict.summarize"] = self.evict.summarize
            return found

    options: Options

    def __init__(self, name: str, options: Any, context: base.Context) -> None:
        super().__init__(name, options, context)
        self.shows_messages = bool(options.over)  # type: ignore[misc]
        self._cached: dict[str, list[base.WindowMessage]] = {}
        self._after = -1

    def start(self) -> None:
        """A queue over a log begins at the log's beginning."""
        if self.options.over:
            self.records.add(base.Record(id=CURSOR, content="0"))

    @property
    def after(self) -> int:
        """The log row up to which messages have been evicted."""
        if self._after < 0:
            record = self.records.get(CURSOR)
            self._after = int(record.content) if record else 0
        return self._after

    def window(self, view: base.View) -> list[base.WindowMessage]:
        """The messages in view for a thread, oldest first; only new rows are read."""
        source = cast(base.MessageSource, self.context.peer(self.options.over))
        key = "" if self.options.of else view.thread
        cached = self._cached.setdefault(key, [])
        last = cached[-1].seq if cached else self.after
        new = source.window(last, thread=key, upto=view.upto)
        if self.options.of:
            new = [message for message in new if self._shown(message.seq)]
        cached += new
        if self.options.capacity and len(cached) > self.options.capacity:
            del cached[: _clean_cut(cached, len(cached) - self.options.capacity)]
        return cached

    def evict(self, view: base.View, upto: int) -> None:
        """Let the messages up to a log row leave the window."""
        record = self.records.get(CURSOR)
        if record is not None:
            self.records.update(record, content=str(upto))
        self.refresh()
        self.context.emit(self.name, "evicted", {"upto": upto})

    def measure(self, name: str) -> float:
        """Over a log: `count` and `tokens` of the messages that have not been evicted."""
        if not self.options.over or name not in self.measures:
            return super().measure(name)
        log = self.context.peer(self.options.over)
        if name == "count":
            return log.records.count("seq > ?", (self.after,))
        return sum(record.tokens for record in log.records.select("seq > ?", (self.after,)))

    def refresh(self) -> None:
        """Drop what is cached (a commit was rolled back, or the window moved)."""
        self._cached.clear()
        self._after = -1

    def victims(self, messages: list[base.WindowMessage], room: int) -> list[base.WindowMessage]:
        """The oldest messages that must go for the rest to take at most `room` tokens.

        At least `keep_last` stay, and a tool result never loses the call that it answers.
        """
        total, cut = sum(message.tokens for message in messages), 0
        most = max(0, len(messages) - self.options.keep_last)
        while cut < most and total > room:
            total -= messages[cut].tokens
            cut += 1
        return messages[: _clean_cut(messages, cut, most)]

    def render(self, view: base.View) -> str:
        """The items of a mailbox, oldest first."""
        found = self.records.select("seq > ? AND id != ?", (view.after, CURSOR))
        return base.cut("\n".join(map(_line, found)), view.cap, self.context.count)

    def transcript(self, view: base.View) -> tuple[str, int]:
        """What came after `view.after`, as much as `view.cap` holds, and the last row of it.

        What does not fit is left for the next reading, so that nothing is lost.
        """
        if self.options.over:
            text, last = cast(Any, self.context.peer(self.options.over)).transcript(view)
            return str(text), int(last)
        upto = view.upto if view.upto is not None else 1 << 62
        where, values = "seq > ? AND seq <= ? AND id != ?", (view.after, upto, CURSOR)
        lines: list[str] = []
        last, room = view.after, view.cap or 1 << 30
        for record in self.records.select(where, values):
            line = base.cut(_line(record), room if not lines else 0, self.context.count)
            room -= self.context.count(line) + 1
            if room < -1:
                break
            lines.append(line)
            last = record.seq
        return "\n".join(lines), last

    @base.verb(writes=True)
    def insert(self, content: str) -> str:
        """Leave a note in a queue; the oldest goes when it is full.

        Args:
            content: The note.
        """
        self.keep(content)
        return "Left."

    def keep(self, content: str, **envelope: Any) -> base.Record:
        """Take a new item; the oldest goes when the queue is full.

        Raises:
            ToolError: the queue shows a log, which alone is written.
        """
        if self.options.over:
            raise errors.ToolError(f"{self.name!r} shows {self.options.over!r}; write into that")
        text = base.cut(content, self.options.item_cap, self.context.count)
        tokens = self.context.count(text)
        kept = self.records.add(base.Record(content=text, tokens=tokens, **envelope))
        overflow = self.records.count() - (self.options.capacity or 10)
        for record in self.records.select(limit=max(0, overflow)):
            self.records.remove(record)
        self.wrote()
        return kept

    def _shown(self, seq: int) -> bool:
        thread = self.context.db.value("SELECT thread FROM record WHERE seq = ?", (seq,))
        return thread is None or thread in self.options.of


def _line(record: base.Record) -> str:
    return f"- {clock.stamp(record.created)} | {base.indented(record.content)}"


def _clean_cut(messages: list[base.WindowMessage], cut: int, most: int | None = None) -> int:
    """Move a cut forward past tool results, so that none stands without its call."""
    forward = cut
    while forward < len(messages) and messages[forward].wire["role"] == "tool":
        forward += 1
    if most is None or forward <= most or cut == 0:
        return forward
    while cut > 0 and messages[cut].wire["role"] == "tool":
        cut -= 1
    return cut
