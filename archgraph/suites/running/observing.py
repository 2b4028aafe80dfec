"""What a question did, read off the fork that it was asked in: a `record.Outcome`.

Called by `trial`. Windows are what the gateway was sent; calls, tokens and states come from the
fork's journal and records. The *answering* steps are those of the question's own turn: their
windows count as "the window", those of background threads, operators and summaries do not.

- `spent` counts every model call of the fork, `by_thread` the same from the journal.
- `by_store`: tokens that each store takes in the last answering window, messages under their log.
- `searches`: searches for a context, by pipelines and by search tools, in order; an item counts
  where its text stands whole in what the search returned.
- `times` of a step are what the journal keeps: `render`, `model`, `tools`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archgraph.runtime import agent as agents
from archgraph.storage import database, journal
from archgraph.stores import base as stores
from archgraph.suites import record
from archgraph.suites.datasets import case as cases
from archgraph.suites.running import items, models, retrieved, timing
from archgraph.suites.scoring import text as scoring

CLOSED = ("done", "failed", "dropped")
"""States of a task that has come to an end."""


@dataclass(frozen=True, slots=True)
class Before:
    """Where an agent stood before a question: its last step and row, and what its records take."""

    step: int
    row: int
    store_bytes: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A fork after its question; `turn` is what came of it."""

    fork: agents.Agent
    case: cases.Case
    turn: agents.Turn
    before: Before
    meter: models.Meter
    searches: retrieved.Searches
    items: items.Items

    @property
    def status(self) -> str:
        """`done`, `failed` or `cut`."""
        if self.meter.refused:
            return "cut"
        return "done" if self.turn.status == "done" else "failed"


@dataclass(frozen=True, slots=True)
class Shown:
    """A message of an answering window: where it stood, and what was found in it.

    `evidence` is false for what the agent was asked and what it said itself since.
    """

    step: int
    role: str
    reading: items.Reading
    evidence: bool


@dataclass(frozen=True, slots=True)
class View:
    """What is looked at of a fork: its steps since the question, what was sent, called and shown.

    `sent` and `calls` are by step; `window` holds the messages of the answering windows.
    """

    seen: Seen
    rows: Sequence[journal.StepRow]
    sent: Mapping[int, models.Exchange]
    calls: Mapping[int, Sequence[journal.CallRow]]
    window: Sequence[Shown]

    def answering(self) -> list[journal.StepRow]:
        """The steps of the question's turn in which a model saw a window."""
        return [row for row in self.rows if _answers(self.seen, row)]


def before(agent: agents.Agent) -> Before:
    """Where an agent stands now."""
    step, row = (
        int(agent.db.value(f"SELECT coalesce(max({column}), 0) FROM {table}"))
        for column, table in (("id", "step"), ("seq", "record"))
    )
    return Before(step, row, size(agent.db))


def look(seen: Seen) -> View:
    """Read a fork after its question."""
    rows = journal.steps(seen.fork.db, "id > ?", (seen.before.step,))
    answered = [row.id for row in rows if row.reply is not None]
    made = seen.meter.exchanges
    if len(answered) != len(made):
        raise RuntimeError(f"{len(made)} calls of models, but {len(answered)} in the journal")
    sent = dict(zip(answered, made, strict=True))
    calls = {row.id: journal.calls(seen.fork.db, row.id) for row in rows if row.reply is not None}
    return View(seen, rows, sent, calls, list(_shown(seen, rows, sent)))


def observe(view: View, times: Mapping[str, float]) -> record.Outcome:
    """All that a scorer may look at; where the gold went is added by `losses`."""
    seen, rows = view.seen, view.rows
    found = dict.fromkeys(id for each in view.window for id in each.reading.items)
    return record.Outcome(
        case=seen.case,
        reply=seen.turn.reply,
        status=seen.status,
        reason=seen.meter.refused or _reason(seen),
        steps=tuple(_step(view, row) for row in rows),
        searches=tuple(_searches(view)),
        window=tuple(found),
        answered_in_window=answered(seen.case, view.window),
        state=states(seen.fork),
        store_bytes=seen.before.store_bytes + size(seen.fork.db, seen.before.row),
        spent=seen.meter.spent,
        by_thread=_by_thread(rows),
        by_store=_by_store(view),
        times=times,
    )


def _answers(seen: Seen, row: journal.StepRow) -> bool:
    return row.kind == "step" and row.turn == seen.turn.id and row.reply is not None


def _shown(
    seen: Seen, rows: Iterable[journal.StepRow], sent: Mapping[int, models.Exchange]
) -> Iterator[Shown]:
    """The messages of the answering windows, each once, in order."""
    known: set[int] = set()  # a message that stays in view is the same object at every step
    number = 0
    for row in rows:
        number += 1
        if not _answers(seen, row):
            continue
        messages = sent[row.id].request.messages
        asked = _place_of_question(seen, messages)
        for place, message in enumerate(messages):
            if id(message) in known:
                continue
            known.add(id(message))
            role = str(message["role"])
            own = place == asked or (place > asked and role == "assistant")
            yield Shown(number, role, seen.items.read_message(message), not own)


def _place_of_question(seen: Seen, messages: Sequence[Mapping[str, Any]]) -> int:
    """Where the question stands in a window; behind its end if it does not."""
    for place in range(len(messages) - 1, -1, -1):
        message = messages[place]
        if message["role"] == "user":
            said = items.unpacked(message.get("content"))
            if seen.case.question in (said, said.partition(" | ")[2]):  # behind its time
                return place
    return len(messages)


def answered(case: cases.Case, window: Iterable[Shown]) -> bool:
    """Whether an answer stands in a window as whole words, but for the question and the reply."""
    wanted = answers(case)
    asked = scoring.normalise(case.question)
    texts = [each.reading.normal.replace(asked, "") for each in window if each.evidence]
    return any(answer in text for answer in wanted for text in texts)


def answers(case: cases.Case) -> list[str]:
    """The answers as they are looked for in normalised texts, between spaces."""
    normal = (scoring.normalise(answer) for answer in case.answers)
    return [f" {answer} " for answer in normal if answer]


def size(db: database.Database, after: int = 0) -> int:
    """Bytes of the texts and fields of all records, former forms included, behind a row.

    Neither journal nor search indexes count: they tell of prompts and embedders, not of memory.
    """
    sql = (
        "SELECT coalesce(sum(length(CAST(content AS BLOB)) + length(CAST(fields AS BLOB))), 0)"
        " FROM record WHERE seq > ?"
    )
    return int(db.value(sql, (after,)))


def states(agent: agents.Agent) -> dict[str, list[dict[str, Any]]]:
    """The tasks that stores of type `tasks` hold, in order of their making.

    A task is `{id, content, status, fields, created, finished, finished_seq}`: `finished` is when
    it was closed (None while it is not), `finished_seq` its place among all that was written, for
    what ends at the same moment.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for name, part in agent.plan.stores.items():
        if part.type == "tasks":
            held = agent.stores[name].records
            found[name] = [_task(agent.db, held, each) for each in held.select()]
            found[name].sort(key=lambda task: task["fields"].get("order", 0))
    return found


def _task(db: database.Database, held: Any, task: stores.Record) -> dict[str, Any]:
    made = held.history(task.id)
    closed = None
    if task.status in CLOSED:  # the first form of the last stretch in which it was closed
        for form in reversed(made):
            if form.status != task.status:
                break
            closed = form
    at = None
    if closed is not None:
        at = db.value("SELECT at FROM step WHERE id = ?", (closed.step,))
        at = made[0].created if at is None else at
    return {
        "id": task.id, "content": task.content, "status": task.status,
        "fields": dict(task.fields), "created": made[0].created, "finished": at,
        "finished_seq": None if closed is None else closed.seq,
    }  # fmt: skip


def _reason(seen: Seen) -> str:
    if seen.status == "done":
        return ""
    return seen.turn.reason or f"the turn was left {seen.turn.status}"


# --- steps ----------------------------------------------------------------------------------------


def _step(view: View, row: journal.StepRow) -> record.Step:
    seen, sent = view.seen, view.sent.get(row.id)
    reply = {name: part for name, part in (row.reply or {}).items() if name != "frozen"}
    thread = seen.fork.plan.threads.get(row.thread)
    offered = [str(t.get("function", t)["name"]) for t in sent.request.tools] if sent else []
    if thread is not None and thread.protocol == "text" and row.kind == "step":
        offered = list(thread.tools)  # they stand in the system prompt
    called = view.calls.get(row.id, ())
    return record.Step(
        thread=row.thread,
        kind=row.kind,
        at=row.at,
        model=sent.request.model if sent else (thread.model if thread else ""),
        status=row.status,
        reason=row.reason,
        messages=tuple(sent.request.messages) if sent else (),
        tools=tuple(offered),
        reply=reply,
        calls=tuple(_called(seen, reply, each) for each in called),
        prompt_tokens=row.prompt_tokens or 0,
        completion_tokens=row.completion_tokens or 0,
        cached_tokens=row.cached_tokens or 0,
        cost=row.cost,
        window_tokens=row.window_tokens,
        prefix=row.prefix,
        times=_times(seen.fork.db, row.id, sent),
    )


def _called(seen: Seen, reply: Mapping[str, Any], call: journal.CallRow) -> record.Called:
    asked = reply.get("tool_calls", ())
    arguments = asked[call.ordinal][2] if call.ordinal < len(asked) else ""
    tool = seen.fork.plan.tools.get(call.name)
    if tool is None:
        return record.Called(call.name, "", (), arguments, call.ok, call.result)
    bound = tool.stores
    if tool.store_argument and tool.stores:
        chosen = _argument(arguments, tool.store_argument)
        bound = (chosen,) if chosen in tool.stores else tool.stores
    return record.Called(call.name, tool.verb, bound, arguments, call.ok, call.result)


def _argument(arguments: str, name: str) -> str:
    try:
        return str(json.loads(arguments).get(name, ""))
    except (ValueError, AttributeError):
        return ""


def _times(db: database.Database, step: int, sent: models.Exchange | None) -> dict[str, float]:
    names = (timing.RENDER, timing.MODEL, timing.TOOLS)
    kept = next((row[1:] for row in db.timings if row[0] == step), None)
    kept = kept or db.one("SELECT render, model, tools FROM timing WHERE step = ?", (step,))
    if kept is not None:
        return {name: round(part, 3) for name, part in zip(names, kept, strict=True)}
    return {timing.MODEL: round(sent.milliseconds, 3)} if sent else {}


# --- searches -------------------------------------------------------------------------------------


def _searches(view: View) -> Iterator[tuple[str, ...]]:
    """The items that each search returned, best first, in the order of the searches."""
    seen = view.seen
    waiting = [made for made in seen.searches.made if made.by != retrieved.TOOL]
    answered = 0
    for row in view.rows:
        while waiting and waiting[0].after <= answered:
            yield _selected(seen, waiting.pop(0))
        answered += row.reply is not None
        for call in view.calls.get(row.id, ()):
            tool = seen.fork.plan.tools.get(call.name)
            if tool is not None and timing.searches(tool) and call.ok:
                yield seen.items.read(items.unpacked(call.result)).items
    for made in waiting:
        yield _selected(seen, made)


def _selected(seen: Seen, made: retrieved.Search) -> tuple[str, ...]:
    """Items of a search whose ranking is known; of those, where there is a text, what is in it."""
    ranked = [id for each in made.records for id in seen.items.read(each.content).items]
    if made.by == retrieved.CONTEXT:
        given = seen.items.read(made.text).items
        ranked = [id for id in ranked if id in given] or list(given)
    return tuple(dict.fromkeys(ranked))


# --- what it took ---------------------------------------------------------------------------------


def _by_thread(rows: Iterable[journal.StepRow]) -> dict[str, record.Spent]:
    found: dict[str, record.Spent] = {}
    for row in rows:
        if row.reply is None:
            continue
        so_far = found.get(row.thread, record.Spent())
        found[row.thread] = record.Spent(
            so_far.prompt_tokens + (row.prompt_tokens or 0),
            so_far.completion_tokens + (row.completion_tokens or 0),
            so_far.cached_tokens + (row.cached_tokens or 0),
            so_far.calls + 1,
            so_far.cost + (row.cost or 0.0),
        )
    return found


def _by_store(view: View) -> dict[str, int]:
    """Tokens by store in the last answering window; blocks as they stand after it."""
    answering, seen = view.answering(), view.seen
    if not answering:
        return {}
    last, fork = answering[-1], seen.fork
    found: dict[str, int] = {}
    for item in fork.plan.threads[last.thread].context:
        store = fork.stores[item.store]
        if item.mode == "show" and not store.shows_messages:
            text = store.render(stores.View(thread=last.thread, cap=item.cap))
            found[item.store] = fork.world.count(text)
        elif item.mode == "search":
            given = [m.text for m in seen.searches.made if m.store == item.store and m.text]
            found[item.store] = fork.world.count(given[-1]) if given else 0
    if last.window:
        marks = ",".join(map(str, last.window))
        sql = f"SELECT store, sum(tokens) FROM record WHERE seq IN ({marks}) GROUP BY store"
        for name, tokens in fork.db.all(sql):
            found[name] = found.get(name, 0) + int(tokens)
    return found
