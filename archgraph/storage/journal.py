"""The journal: turns, steps, calls and events, append-only, and what each step was sent.

Texts that repeat (system prompts by paragraph, tool schemas) are kept once, so that a step costs
a few hundred bytes however long its prompt is. Written by the runtime, read by the commands.
Knows rows and texts, not agents.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archgraph import errors
from archgraph.storage import database

_STEP_COLUMNS = (
    "id, turn, thread, run, kind, tick, at, prompt, window, request, reply, status, reason, "
    "prompt_tokens, completion_tokens, cached_tokens, cost, window_tokens, prefix, born, closed"
)


TIMINGS_TOGETHER = 64
"""Steps whose timings are written at once; a killed process loses those that were not."""


@dataclass(frozen=True, slots=True)
class StepRow:
    """One model call and what followed. `status` is `replied`, `done` or `failed`.

    `window` lists the messages that were sent after the system prompt, as row numbers; with
    `span`, the name of a log, they are all of its rows between the first and the last that the
    thread sees, and only their bounds are kept. `prefix` is the share of the prompt's tokens that
    repeats the thread's previous request from its start.
    `born` is the commit that recorded the reply, `closed` the one that applied its tool calls.
    """

    id: int
    turn: int | None
    thread: str
    run: int
    kind: str
    tick: int
    at: float
    prompt: int | None
    window: Sequence[int]
    request: int
    reply: Mapping[str, Any] | None
    status: str
    reason: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    cost: float | None = None
    window_tokens: int = 0
    prefix: float = 0.0
    born: int = 0
    closed: int | None = None
    span: str = ""


@dataclass(frozen=True, slots=True)
class TurnRow:
    """From one input until no foreground tick that it caused was due."""

    id: int
    cause: str
    started: float
    ended: float | None
    status: str
    reason: str
    born: int
    closed: int | None


@dataclass(frozen=True, slots=True)
class CallRow:
    """A tool call of a step and what came of it."""

    step: int
    ordinal: int
    name: str
    ok: bool
    result: str


@dataclass(frozen=True, slots=True)
class EventRow:
    """Something that happened: `window.pressure`, `window.evicted`, `run.failed`..."""

    seq: int
    at: float
    name: str
    turn: int | None
    step: int | None
    thread: str | None
    payload: Mapping[str, Any] = field(default_factory=dict)
    born: int = 0


def intern_chunk(db: database.Database, body: str) -> int:
    """The number of a text that is kept once."""
    digest = hashlib.blake2b(body.encode(), digest_size=12).hexdigest()
    found = db.value("SELECT id FROM chunk WHERE digest = ?", (digest,))
    if found is None:
        sql = "INSERT INTO chunk(digest, body) VALUES (?, ?)"
        found = db.execute(sql, (digest, body)).lastrowid
    return int(found)


def chunk(db: database.Database, id: int) -> str:
    """The text of that number."""
    return str(db.value("SELECT body FROM chunk WHERE id = ?", (id,)))


def intern_prompt(db: database.Database, text: str) -> int:
    """The number of a system prompt, kept by paragraphs so that versions share what is equal."""
    digest = hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
    found = db.value("SELECT id FROM prompt WHERE digest = ?", (digest,))
    if found is None:
        chunks = json.dumps([intern_chunk(db, part) for part in text.split("\n\n")])
        sql = "INSERT INTO prompt(digest, chunks) VALUES (?, ?)"
        found = db.execute(sql, (digest, chunks)).lastrowid
    return int(found)


def prompt(db: database.Database, id: int) -> str:
    """The system prompt of that number."""
    chunks = json.loads(db.value("SELECT chunks FROM prompt WHERE id = ?", (id,)))
    return "\n\n".join(chunk(db, part) for part in chunks)


def add_step(db: database.Database, row: StepRow) -> int:
    """Record a step with its reply (commit 1), or one that failed."""
    reply = (
        None
        if row.reply is None
        else json.dumps(row.reply, ensure_ascii=False, separators=(",", ":"))
    )
    cursor = db.execute(
        "INSERT INTO step(turn, thread, run, kind, tick, at, prompt, window, request, reply,"
        " status, reason, prompt_tokens, completion_tokens, cached_tokens, cost, window_tokens,"
        " prefix, born, closed) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            row.turn, row.thread, row.run, row.kind, row.tick, row.at, row.prompt,
            _packed(row), row.request, reply, row.status, row.reason, row.prompt_tokens,
            row.completion_tokens, row.cached_tokens, row.cost, row.window_tokens,
            round(row.prefix, 4), db.version, row.closed,
        ),
    )  # fmt: skip
    return int(cursor.lastrowid)


def close_step(db: database.Database, id: int, status: str, reason: str = "") -> None:
    """Record that a step's tool calls have been applied (commit 2)."""
    sql = "UPDATE step SET status = ?, reason = ?, closed = ? WHERE id = ?"
    db.execute(sql, (status, reason, db.version, id))


def add_calls(db: database.Database, rows: Sequence[CallRow]) -> None:
    """Record what the tool calls of a step came to."""
    db.executemany(
        "INSERT INTO call(step, ordinal, name, ok, result) VALUES (?, ?, ?, ?, ?)",
        [(row.step, row.ordinal, row.name, int(row.ok), row.result) for row in rows],
    )


def add_event(db: database.Database, name: str, payload: Mapping[str, Any]) -> None:
    """Record that something happened."""
    actor, now = db.actor, db.now()
    db.execute(
        "INSERT INTO event(at, name, turn, step, thread, payload, born) VALUES (?,?,?,?,?,?,?)",
        (now, name, actor.turn, actor.step, actor.thread, json.dumps(payload), db.version),
    )


def add_timing(db: database.Database, step: int, times: tuple[float, float, float]) -> None:
    """Note the milliseconds of rendering, model and tools; written together with later ones."""
    db.timings.append((step, *times))
    if len(db.timings) >= TIMINGS_TOGETHER:
        write_timings(db)


def write_timings(db: database.Database) -> None:
    """Write the timings that are still in memory; within a commit."""
    db.executemany("INSERT OR REPLACE INTO timing VALUES (?, ?, ?, ?)", db.timings)
    db.timings.clear()


def open_step(db: database.Database, thread: str, run: int | None, kind: str) -> StepRow | None:
    """A step of that run (of any, if None) whose reply is recorded and not yet applied."""
    where = "thread = ? AND run = coalesce(?, run) AND kind = ? AND status = 'replied'"
    found = steps(db, where, (thread, run, kind))
    return found[-1] if found else None


def open_threads(db: database.Database) -> set[str]:
    """The threads that have a step whose reply is recorded but whose calls are not applied."""
    return {row[0] for row in db.all("SELECT DISTINCT thread FROM step WHERE status = 'replied'")}


def last_asked(db: database.Database, thread: str) -> StepRow | None:
    """The newest step of a thread that was answered."""
    sql = (
        "SELECT id FROM step WHERE thread = ? AND kind = 'step' AND prompt IS NOT NULL "
        "ORDER BY id DESC LIMIT 1"
    )
    found = db.value(sql, (thread,))
    return None if found is None else steps(db, "id = ?", (found,))[0]


def steps(
    db: database.Database, where: str = "1", parameters: Sequence[Any] = (), limit: int = -1
) -> list[StepRow]:
    """Steps that fulfil a condition, oldest first."""
    sql = f"SELECT {_STEP_COLUMNS} FROM step WHERE {where} ORDER BY id LIMIT ?"
    return [_step(db, row) for row in db.all(sql, (*parameters, limit))]


def turns(db: database.Database, where: str = "1", parameters: Sequence[Any] = ()) -> list[TurnRow]:
    """Turns that fulfil a condition, oldest first."""
    columns = "id, cause, started, ended, status, reason, born, closed"
    sql = f"SELECT {columns} FROM turn WHERE {where} ORDER BY id"
    return [TurnRow(*row) for row in db.all(sql, parameters)]


def calls(db: database.Database, step: int) -> list[CallRow]:
    """The tool calls of a step, in order."""
    sql = "SELECT step, ordinal, name, ok, result FROM call WHERE step = ? ORDER BY ordinal"
    return [CallRow(row[0], row[1], row[2], bool(row[3]), row[4]) for row in db.all(sql, (step,))]


def events(
    db: database.Database, where: str = "1", parameters: Sequence[Any] = ()
) -> list[EventRow]:
    """Events that fulfil a condition, oldest first."""
    names = ("seq", "at", "name", "turn", "step", "thread", "payload", "born")
    sql = f"SELECT {', '.join(names)} FROM event WHERE {where} ORDER BY seq"
    rows = db.all(sql, parameters)
    return [
        EventRow(**{**dict(zip(names, row, strict=True)), "payload": json.loads(row[6])})
        for row in rows
    ]


def failures(db: database.Database) -> list[str]:
    """The runs in the background that failed so far: thread and reason, oldest first."""
    found = events(db, "name = 'run.failed' AND turn IS NULL")
    return [f"{each.payload['thread']}: {each.payload['reason']}" for each in found]


def pack(rows: Sequence[int]) -> str:
    """Row numbers as text, runs shortened: `3-9,12`."""
    parts: list[list[int]] = []
    for row in rows:
        if parts and row == parts[-1][1] + 1:
            parts[-1][1] = row
        else:
            parts.append([row, row])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)


def unpack(text: str) -> list[int]:
    """The row numbers that `pack` wrote."""
    found: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def _packed(row: StepRow) -> str:
    if not row.span or not row.window:
        return pack(row.window)
    return f"{row.span}:{row.window[0]}-{row.window[-1]}/{len(row.window)}"


def _unpacked(db: database.Database, thread: str, text: str) -> tuple[list[int], str]:
    span, colon, rest = text.partition(":")
    if not colon:
        return unpack(text), ""
    bounds, _, count = rest.partition("/")
    first, _, last = bounds.partition("-")
    sql = (
        "SELECT seq FROM record WHERE store = ? AND seq BETWEEN ? AND ? "
        "AND (thread IS NULL OR thread = ?) ORDER BY seq"
    )
    rows = [row[0] for row in db.all(sql, (span, int(first), int(last), thread))]
    if len(rows) != int(count):
        raise errors.AgentFileError(f"{db.path}: a step's window of {count} rows has {len(rows)}")
    return rows, span


def _step(db: database.Database, row: Sequence[Any]) -> StepRow:
    values = list(row)
    values[8], span = _unpacked(db, values[2], values[8])
    values[10] = None if values[10] is None else json.loads(values[10])
    names = _STEP_COLUMNS.split(", ")
    return StepRow(**dict(zip(names, values, strict=True)), span=span)
