"""Eviction: the oldest messages leave a queue before the step that needs the room.

A journalled step of its own, with its own model call when the queue summarises. If that call
fails the messages are evicted without a summary, and the journal says so. Called by the scheduler.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from archgraph import errors, prompts
from archgraph.graph import plan as plans
from archgraph.llm import base as llm
from archgraph.messages import Completion
from archgraph.runtime import context, fitting, step, tick, world
from archgraph.storage import database, journal
from archgraph.stores import base, block, queue

TRANSCRIPT_SHARE = 0.75
"""The most of the summariser's window that evicted messages may take (MemGPT, memory.py)."""


@dataclass(frozen=True, slots=True)
class Need:
    """What the window of the next step asks for: an eviction, a warning, or nothing."""

    queue: str = ""
    victims: tuple[base.WindowMessage, ...] = ()
    warn: str = ""
    overflow: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """What an eviction is about to apply: the rows that go, and what became of their summary.

    `step` is the recorded model call, 0 if there was none; `failed` says why it gave no summary.
    """

    rows: Sequence[int]
    step: int = 0
    text: str = ""
    failed: str = ""


def need(
    w: world.World,
    thread: plans.ThreadPlan,
    state: tick.ThreadState,
    window: context.Window,
    *,
    warns: bool = True,
    left: str = "",
) -> Need:
    """Measure the prompt about to be sent against the thresholds of the queues it shows.

    Without `warns` no warning is due. The queue `left` is over its threshold in any case.
    """
    limit = thread.context_window - thread.max_tokens
    for name in w.renderer.shown_queues(thread):
        shown = cast(queue.Queue, w.stores[name])
        at = shown.options.evict_at
        line = limit if at == 1.0 else min(limit, tokens_of(at, thread))
        if (window.whole > line or name == left) and thread.overflow != "fail":
            messages = shown.window(w.renderer.view(thread, state))
            victims = _victims(shown, messages, window, limit)
            victims = _sparing(victims, state.upto.get(tick.RUN_START, 0), window.whole - line)
            if victims:
                return Need(queue=name, victims=tuple(victims))
        warn = shown.options.warn_at
        armed = f"pressure:{name}" not in state.disarmed
        if warns and warn is not None and armed and window.tokens >= tokens_of(warn, thread):
            return Need(warn=name)
    if window.tokens > limit:
        text = (
            f"the prompt takes {window.tokens} tokens, the window holds {limit} besides the answer"
        )
        return Need(overflow=text)
    return Need()


def _victims(
    shown: queue.Queue, messages: list[base.WindowMessage], window: context.Window, limit: int
) -> list[base.WindowMessage]:
    """What must leave a queue for its share of the room, and for the prompt to fit at all."""
    taken = sum(message.tokens for message in messages)
    room = _kept(shown.options.evict_to, limit - window.fixed)
    room = min(room, limit - (window.tokens - taken))
    victims = shown.victims(messages, int(room))
    excess = window.tokens - sum(message.tokens for message in victims) - limit
    return messages[: fitting.further(messages, len(victims), excess)]


def tokens_of(threshold: float, thread: plans.ThreadPlan) -> float:
    """A threshold in tokens: up to 1 it is a fraction of the thread's context window."""
    return threshold * thread.context_window if threshold <= 1 else threshold


def _sparing(
    victims: list[base.WindowMessage], start: int, needed: float
) -> list[base.WindowMessage]:
    """The victims from before the present run, if they free enough: a run keeps its input."""
    earlier = [message for message in victims if message.seq <= start]
    return earlier if sum(message.tokens for message in earlier) >= needed > 0 else victims


def _kept(evict_to: float, room: int) -> float:
    """Tokens that messages may take after eviction: a share of the room that they have, or tokens.

    The room is what the window leaves beside system prompt, tool schemas and answer. A share of
    the whole window would leave the prompt above the warning threshold right after an eviction.
    """
    return evict_to * room if evict_to <= 1 else min(evict_to, room)


def summarise(
    w: world.World,
    thread: plans.ThreadPlan,
    state: tick.ThreadState,
    event: tick.Tick,
    wanted: Need,
) -> Summary:
    """Ask for the summary of the victims and record it (commit 1 of the eviction)."""
    options = cast(queue.Queue, w.stores[wanted.queue]).options
    rows = [message.seq for message in wanted.victims]
    if options.evict == "drop":
        return Summary(rows)
    rule = options.evict
    model = rule.model or thread.model
    request, rows = _request(w, thread, rule, model, wanted)
    try:
        completion = step.answer(w, thread, request, shown=False)
    except errors.GatewayError as error:
        return Summary(rows, failed=step.text_of(error))
    with w.db.transaction():
        w.db.actor = database.Actor(thread.name, event.turn, None)
        id = journal.add_step(w.db, _row(w, thread, state, event, request, completion, rows))
    return Summary(rows, id, completion.text)


def resume(w: world.World, thread: plans.ThreadPlan) -> Summary | None:
    """An eviction that was interrupted after its summary was recorded, within a run or before."""
    row = journal.open_step(w.db, thread.name, None, "evict")
    if row is None or row.reply is None:
        return None
    return Summary(row.window, row.id, str(row.reply.get("text", "")))


def queue_of(w: world.World, thread: plans.ThreadPlan, rows: Sequence[int]) -> str:
    """The queue in the thread's window over the log that holds these rows."""
    store = w.db.value("SELECT store FROM record WHERE seq = ?", (rows[0],))
    queues = w.renderer.shown_queues(thread)
    return next(name for name in queues if w.plan.stores[name].options["over"] == store)


def apply(
    w: world.World,
    thread: plans.ThreadPlan,
    state: tick.ThreadState,
    event: tick.Tick,
    name: str,
    summary: Summary,
) -> None:
    """Move the window and write the summary, within commit 2 of the eviction."""
    id, text, rows = summary.step, summary.text, summary.rows
    shown = cast(queue.Queue, w.stores[name])
    rule = shown.options.evict
    if not id:
        row = step.failed_row(w, thread, state, event, "evict", summary.failed, rows)
        id = journal.add_step(w.db, row)
    if rule != "drop" and text:
        target = cast(block.Block, w.stores[rule.summarize])
        target.put(_fitting(text, target, w.count))
    shown.evict(w.renderer.view(thread, state), max(*rows, shown.after))  # it may be shared
    if not summary.failed:
        journal.close_step(w.db, id, "done")
    journal.add_event(w.db, f"{name}.evicted", {"messages": len(rows), "summarised": bool(text)})


def _fitting(text: str, target: block.Block, count: Callable[[str], int]) -> str:
    """A summary cut to the limits of its block, with a visible mark."""
    limit, mark = target.options.limit, f"... [cut: {len(text)} characters in all]"
    if len(text) > limit:
        text = text[: max(0, limit - len(mark))] + mark
    return base.cut(text, target.options.text_cap(), count, mark)[:limit]


def _request(
    w: world.World,
    thread: plans.ThreadPlan,
    rule: queue.Summarize,
    model: str,
    wanted: Need,
) -> tuple[llm.Request, list[int]]:
    """The request for a summary of as many of the oldest victims as fit its window."""
    old = cast(block.Block, w.stores[rule.summarize])
    source = w.plan.prompts[rule.prompt]
    system = prompts.render(source, {"limit": old.options.limit, "thread": thread.name})
    room = TRANSCRIPT_SHARE * thread.context_window - w.count(system) - rule.max_tokens
    rows: list[int] = []
    lines = [f"Summary so far:\n{old.text or '(none)'}\n\nMessages:"]
    room -= w.count(lines[0])
    for message in wanted.victims:
        line = _line(message)
        room -= w.count(line) + 1
        if room < 0 and rows:
            break
        lines.append(line)
        rows.append(message.seq)
    rows = _whole(wanted.victims, rows)
    messages = [
        {"role": "system", "content": system.strip()},
        {"role": "user", "content": "\n".join(lines)},
    ]
    request = llm.Request(model, messages, max_tokens=rule.max_tokens, options=thread.options)
    return request, rows


def _whole(victims: Sequence[base.WindowMessage], rows: list[int]) -> list[int]:
    """Take tool results along with the call that they answer."""
    taken = len(rows)
    while taken < len(victims) and victims[taken].wire["role"] == "tool":
        taken += 1
    return [message.seq for message in victims[:taken]]


def _line(message: base.WindowMessage) -> str:
    wire: dict[str, Any] = message.wire
    body = wire.get("content") or ""
    made = "; ".join(
        f"calls {c['function']['name']}({c['function']['arguments']})"
        for c in wire.get("tool_calls", ())
    )
    return f"{wire['role']}: {' '.join(filter(None, (body, made)))}"


def _row(
    w: world.World,
    thread: plans.ThreadPlan,
    state: tick.ThreadState,
    event: tick.Tick,
    request: llm.Request,
    completion: Completion,
    rows: Sequence[int],
) -> journal.StepRow:
    usage = completion.usage
    sent = json.dumps(
        {**json.loads(step.fixed_part(request)), "messages": list(request.messages)},
        ensure_ascii=False,
    )
    return journal.StepRow(
        id=0, turn=event.turn, thread=thread.name, run=state.run, kind="evict", tick=event.seq,
        at=w.db.now(), prompt=None, window=rows, request=journal.intern_chunk(w.db, sent),
        reply=completion.to_json(), status="replied", prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens, cached_tokens=usage.cached_tokens,
        cost=usage.cost,
    )  # fmt: skip
