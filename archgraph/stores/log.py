"""`log`: an append-only record of messages, the recall storage of MemGPT.

It keeps what was said and done in order, shows it as chat messages, and searches it by text,
vector and date with true totals. The runtime writes it; threads only read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import pydantic

from archgraph import clock, errors
from archgraph.messages import Wire
from archgraph.stores import base, indexes
from archgraph.stores import retrieval as ranking

KINDS = ("user", "assistant", "result", "alert", "heartbeat", "login")
"""Kinds of message, which events carry as `kind`."""
SPOKEN = ("user", "assistant")
"""Kinds of message that searches look at: what people and agent said, not machinery."""

MESSAGE_OVERHEAD = 4
"""Tokens that a chat format adds to each message (OpenAI cookbook, num_tokens_from_messages)."""

_NOTHING = -1
"""For `cut`: of this result only its length is shown, without an envelope."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A message to be logged.

    kind: `user`, `assistant`, `result` (of a tool call), `alert`, `heartbeat` or `login`.
    `calls` are an assistant's tool calls as (id, name, raw arguments); `call` and `ok` belong to
    a result; `spoken` is what the user heard, where that is not `text`. `most` bounds the tokens
    that it takes in a window below the log's own cap.
    """

    kind: str
    text: str
    name: str = ""
    at: float | None = None
    calls: tuple[tuple[str, str, str], ...] = ()
    call: str = ""
    ok: bool = True
    spoken: str | None = None
    key: str = ""
    most: int = 0


class Log(base.Store):
    """Append-only messages with search."""

    events = ("write",)
    measures = ("count", "tokens")
    shows_messages = True

    class Options(base.Options):
        """Keys of a `log` store."""

        index: list[Literal["text", "vector"]] = pydantic.Field(default=["text", "vector"])
        """What searches use: `text` (full-text), `vector` (embeddings), or both."""
        retrieval: ranking.Retrieval = ranking.Retrieval()
        """How search ranks; the default was chosen by measurement."""
        page_size: int = pydantic.Field(default=5, gt=0, le=100)
        """Records on one page of search results."""
        message_cap: int = pydantic.Field(default=600, gt=0)
        """The most tokens of one message in a context window; more is cut with a visible mark."""
        result_cap: int = pydantic.Field(default=100, gt=0)
        """The most tokens of one record in a page of search results."""
        envelope: Literal["json", "text"] = "json"
        """`json` packs messages as MemGPT does, with type and time; `text` sends them bare."""

        def token_cap(self) -> int:
            """Tokens of one message at most; a window of n messages takes n times as much."""
            return self.message_cap + MESSAGE_OVERHEAD

    options: Options

    def __init__(self, name: str, options: Any, context: base.Context) -> None:
        super().__init__(name, options, context)
        self._count: int | None = None
        self.index = indexes.SearchIndex(
            context.db, name, context.embedder, tuple(self.options.index), form, as_of=context.as_of
        )

    def write(self, entry: Entry) -> base.Record:
        """Append a message."""
        draft = self._draft(entry)
        tokens, room = self._size(draft), min(self.options.token_cap(), entry.most or 1 << 30)
        if tokens > room and not entry.calls:
            draft.fields["cut"] = self._fitting(draft, room)
            tokens = self._size(draft)
        if self._count is not None:
            self._count += 1
        record = self.records.add(replace(draft, tokens=tokens))
        self.wrote(kind=entry.kind, name=entry.name)
        return record

    def size(self, entry: Entry) -> int:
        """The tokens that a coming message will take in a window, within the log's cap."""
        return min(self._size(self._draft(entry)), self.options.token_cap())

    def window(
        self, after: int, *, thread: str = "", turn: int | None = None, upto: int | None = None
    ) -> list[base.WindowMessage]:
        """Messages after a row, oldest first; with `thread`, those of users and of that thread."""
        where: list[str] = ["seq > ?"]
        values: list[Any] = [after]
        for condition, value in (
            ("(thread IS NULL OR thread = ?)", thread or None),
            ("turn = ?", turn),
            ("seq <= ?", upto),
        ):
            if value is not None:
                where.append(condition)
                values.append(value)
        found = self.records.select(" AND ".join(where), values)
        return [base.WindowMessage(r.seq, self.wire(r), r.tokens) for r in found]

    def wire(self, record: base.Record) -> Wire:
        """A record as the chat API takes it; depends on nothing but the row and the envelope."""
        fields, text = record.fields, record.content
        kind = fields["kind"]
        if "cut" in fields:
            text = f"{text[: max(0, fields['cut'])]}... [cut: {len(text)} characters in all]"
        if kind == "assistant":
            return _assistant(text, fields.get("calls", ()))
        if kind == "result":
            bare = fields.get("cut") == _NOTHING
            body = text if bare else self._packed(fields["ok"], text, record.created)
            return {"role": "tool", "tool_call_id": fields["call"], "content": body}
        if self.options.envelope == "text":
            named = f"{fields['name']}: {text}" if fields.get("name") else text
            return {"role": "user", "content": named}
        return {"role": "user", "content": _packed_input(kind, text, record)}

    def render(self, view: base.View) -> str:
        """A transcript, one line a message, as a thread reads another's conversation."""
        return self.transcript(view)[0]

    def transcript(self, view: base.View) -> tuple[str, int]:
        """The spoken messages after `view.after`, as many as `view.cap` holds, and the last row.

        With `view.thread`, those of users and of that thread. What does not fit is left for the
        next reading, so that nothing is lost.
        """
        upto = view.upto if view.upto is not None else 1 << 62
        who = "(thread IS NULL OR thread = ?)" if view.thread else "?"
        where, values = f"seq > ? AND seq <= ? AND {who}", (view.after, upto, view.thread or 1)
        lines: list[str] = []
        last, room = view.after, view.cap or 1 << 30
        longest = min(self.options.message_cap, room - 1)
        for record in self.records.select(where, values):
            line = base.cut(self.line(record), longest, self.context.count)
            if line:
                room -= self.context.count(line) + 1
                if room < 0 and lines:
                    break
                lines.append(line)
            last = record.seq
        return "\n".join(lines), last

    def line(self, record: base.Record) -> str:
        """One record as a line of a transcript; empty for machinery."""
        kind = record.fields.get("kind", "")
        text = record.fields.get("spoken", record.content)
        if kind not in SPOKEN or not text:
            return ""
        who = record.fields.get("name") or kind
        return f"- {clock.stamp(record.created)} | {who}: {text}"

    def as_item(self, record: base.Record) -> dict[str, Any] | None:
        """Who said it, and the words that were heard; None for machinery."""
        text = form(record)
        if not text:
            return None
        kind = record.fields["kind"]
        who = record.fields.get("name") or kind
        return {"who": who, "role": kind, "content": text, "_named": False}

    def keep(self, content: str, **envelope: Any) -> base.Record:
        """Append what a pipeline says, as its thread's message."""
        kind = str(envelope.get("fields", {}).get("kind", "assistant"))
        return self.write(Entry(kind if kind in (*SPOKEN, "alert") else "assistant", content))

    def find_for(
        self, query: str, k: int, *, where: Mapping[str, Any], policy: Any = None
    ) -> list[tuple[base.Record, float]]:
        """The k best messages for a query, best first."""
        only = ranking.Filter(where)
        hits, _ = self.index.search(query, policy or self.options.retrieval, limit=k, only=only)
        return [(hit.record, hit.score) for hit in hits]

    def measure(self, name: str) -> float:
        """`count` is kept in memory, so that a long history costs nothing."""
        if name != "count" or self.context.as_of is not None:
            return super().measure(name)
        if self._count is None:
            self._count = self.records.count()
        return self._count

    @base.verb(reads=True)
    def search(self, query: str, page: int = 0) -> str:
        """Search earlier messages of the conversation, also those no longer in view.

        Args:
            query: Words to look for.
            page: Page of the results, from 0.
        """
        size = self.options.page_size
        hits, total = self.index.search(
            query, self.options.retrieval, limit=size, offset=max(0, page) * size
        )
        if total:
            base.pages(total, page, size)
        return base.listing([self._result(hit.record) for hit in hits], total, page, size)

    @base.verb(reads=True)
    def search_dates(self, start_date: str, end_date: str, page: int = 0) -> str:
        """List earlier messages between two dates, both days included.

        Args:
            start_date: First day, as YYYY-MM-DD.
            end_date: Last day, as YYYY-MM-DD.
            page: Page of the results, from 0.
        """
        try:
            since = clock.parse_moment(start_date)
            until = clock.parse_moment(end_date) + 86400
        except ValueError as error:
            raise errors.ToolError("dates must be written as YYYY-MM-DD") from error
        spoken = "json_extract(fields, '$.kind') IN ('user', 'assistant')"
        where = f"created >= ? AND created < ? AND {spoken}"
        total, size = self.records.count(where, (since, until)), self.options.page_size
        offset, _ = base.pages(total, page, size)
        found = self.records.select(where, (since, until), limit=size, offset=offset)
        return base.listing([self._result(record) for record in found], total, page, size)

    def prepare(self, verb_name: str, arguments: Mapping[str, Any]) -> None:
        """Embed a coming query, and what is not yet indexed, before the commit begins."""
        if verb_name == "search":
            self.index.prepare(str(arguments.get("query", "")))

    def lines(self, query: str, k: int) -> list[str]:
        """The `k` best messages for a query, as lines, oldest first."""
        hits, _ = self.index.search(query, self.options.retrieval, limit=k)
        return [self._result(r) for r in sorted((h.record for h in hits), key=lambda r: r.seq)]

    def refresh(self) -> None:
        """The count is read again."""
        self._count = None

    def _result(self, record: base.Record) -> str:
        return base.cut(self.line(record), self.options.result_cap, self.context.count)

    def _draft(self, entry: Entry) -> base.Record:
        fields: dict[str, Any] = {"kind": entry.kind}
        if entry.name:
            fields["name"] = entry.name
        if entry.calls:
            fields["calls"] = entry.calls
        if entry.kind == "result":
            fields |= {"call": entry.call, "ok": entry.ok}
        if entry.spoken is not None:
            fields["spoken"] = entry.spoken
        if entry.key:
            fields["key"] = entry.key
        now = self.context.db.now() if entry.at is None else entry.at
        return base.Record(id="", content=entry.text, fields=fields, created=now)

    def _size(self, record: base.Record) -> int:
        wire = self.wire(record)
        body = wire["content"] or ""
        calls = "".join(f"{name}{raw}" for _, name, raw in record.fields.get("calls", ()))
        return self.context.count(body + calls) + MESSAGE_OVERHEAD

    def _fitting(self, record: base.Record, room: int) -> int:
        """How many characters of a too long message still fit; `_NOTHING` if its frame does not."""
        low, high = 0, len(record.content)
        while low < high:
            record.fields["cut"] = middle = (low + high + 1) // 2
            low, high = (middle, high) if self._size(record) <= room else (low, middle - 1)
        record.fields["cut"] = low
        return low if low or self._size(record) <= room else _NOTHING

    def _packed(self, ok: bool, text: str, at: float) -> str:
        if self.options.envelope == "text":
            return text if ok else f"Failed: {text}"
        status = "OK" if ok else "Failed"
        body = {"status": status, "message": text, "time": clock.stamp(at)}
        return json.dumps(body, ensure_ascii=False)


def form(record: base.Record) -> str:
    """What the search index sees of a message; empty for machinery."""
    if record.fields.get("kind") not in SPOKEN:
        return ""
    return str(record.fields.get("spoken", record.content))


def _assistant(text: str, calls: Sequence[Sequence[str]]) -> Wire:
    wire: Wire = {"role": "assistant", "content": text}
    if calls:
        wire["content"] = text or None
        wire["tool_calls"] = [
            {"id": id, "type": "function", "function": {"name": name, "arguments": raw}}
            for id, name, raw in calls
        ]
    return wire


def _packed_input(kind: str, text: str, record: base.Record) -> str:
    """The envelopes of MemGPT (letta/system.py): type, message, time."""
    time = clock.stamp(record.created)
    body: dict[str, Any]
    if kind == "heartbeat":
        body = {"type": "heartbeat", "reason": text, "time": time}
    elif kind == "login":
        body = {"type": "login", "last_login": text, "time": time}
    else:
        label = "user_message" if kind == "user" else "system_alert"
        body = {"type": label, "message": text, "time": time}
        if record.fields.get("name"):
            body["name"] = record.fields["name"]
    return json.dumps(body, ensure_ascii=False)
