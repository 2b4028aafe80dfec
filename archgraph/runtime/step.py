"""One step: window -> one model call -> commit 1 -> its tool calls -> commit 2.

Called by the scheduler. No write lock is held while a model works. A reply that commit 1 has
recorded is never asked for again: after a crash the step goes on with it.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from archgraph import clock, errors
from archgraph.graph import plan as plans
from archgraph.llm import base as llm
from archgraph.llm import secret_options
from archgraph.messages import Completion
from archgraph.runtime import calls, context, fitting, heartbeat, tick, world
from archgraph.storage import database, journal
from archgraph.stores import log

NOT_THE_RUNS = (errors.RecordingMissing, errors.EmbedderMismatch, errors.AgentFileError,
                 errors.MachineError)  # fmt: skip
"""Trouble of the machine or the file while a window is made: the step is left to be done."""


@dataclass(frozen=True, slots=True)
class Replied:
    """A step whose reply is recorded. `frozen` is what the thread will remember of its window."""

    id: int
    completion: Completion
    frozen: Mapping[str, Any]
    render_ms: float
    model_ms: float


def ask(
    w: world.World,
    thread: plans.ThreadPlan,
    state: tick.ThreadState,
    window: context.Window,
    event: tick.Tick,
    render_ms: float,
) -> Replied:
    """Call the model and record what it answered (commit 1).

    Raises:
        GatewayError: the model could not answer; the scheduler ends the run.
    """
    schemas = w.renderer.schemas[thread.name]
    request = llm.Request(
        model=thread.model,
        messages=window.messages,
        tools=schemas,
        tool_choice=_tool_choice(w.plan, thread),
        max_tokens=thread.max_tokens,
        seed=thread.options.get("seed"),
        options=thread.options,
    )
    started = clock.elapsed()
    completion = answer(w, thread, request)
    model_ms = (clock.elapsed() - started) * 1000
    try:
        with w.db.transaction():
            w.db.actor = database.Actor(thread.name, event.turn, None)
            row = _row(w, thread, state, window, event, request, completion)
            id = journal.add_step(w.db, row)
    except BaseException:
        w.forget()
        raise
    w.renderer.sent(thread.name, window, row.prompt or 0)
    return Replied(id, completion, window.frozen(state), render_ms, model_ms)


def resume(w: world.World, thread: plans.ThreadPlan, state: tick.ThreadState) -> Replied | None:
    """The step of this run that was interrupted after commit 1, if there is one."""
    row = journal.open_step(w.db, thread.name, state.run, "step")
    if row is None or row.reply is None:
        return None
    reply = dict(row.reply)
    frozen = reply.pop("frozen", {})
    if "shown" in frozen:
        frozen["shown"] = tuple(frozen["shown"])
    return Replied(row.id, Completion.from_json(reply), frozen, 0.0, 0.0)


def answer(
    w: world.World, thread: plans.ThreadPlan, request: llm.Request, *, shown: bool = True
) -> Completion:
    """Ask the gateway; piece by piece when somebody watches and the answer is for them."""
    gateway = w.gateway(request.model, thread.options, thread.protocol)
    if w.db.in_transaction:
        raise RuntimeError("a model was called within a commit; this is a bug, please report it")
    try:
        return calls.whole(_asked(w, thread.name, gateway, request, shown))
    except errors.RecordingMissing as missing:
        raise errors.RecordingMissing(f"thread {thread.name}: {missing}") from None
    except errors.ArchgraphError:
        raise
    except Exception as error:  # a plugin's bug ends the turn, not the agent
        text = f"the gateway of {request.model} failed inside: {type(error).__name__}: {error}"
        raise errors.GatewayError(text) from error


def _asked(
    w: world.World, name: str, gateway: llm.Gateway, request: llm.Request, shown: bool
) -> Completion:
    if w.watch is None or not shown:
        return gateway.complete(request)
    try:
        return _watched(w, name, gateway.stream(request))
    except errors.GatewayFault as fault:  # a cut stream: its pieces cannot be taken back
        w.notify("retry", name, f"asking again: {fault}")
        return gateway.complete(request)


def apply(
    w: world.World,
    thread: plans.ThreadPlan,
    state: tick.ThreadState,
    replied: Replied,
    ready: Sequence[calls.Parsed],
) -> tuple[tick.Outcome, calls.Performed]:
    """Perform the tool calls that `prepare` made ready and write the messages, within commit 2."""
    completion = replied.completion
    done = calls.perform(w, thread, state, ready)
    numbered = [item.call for item in ready]
    must_call = heartbeat.must_call(w.plan, thread)
    beside = thread.thoughts == "none"  # text beside calls is for the user, not a thought
    if completion.text and (beside or not numbered) and not must_call:
        done.spoken.append(completion.text)
    target = w.log_of(thread.name)
    target.write(
        log.Entry(
            "assistant",
            completion.text,
            calls=tuple((call.id, call.name, calls.safe_arguments(call)) for call in numbered),
            spoken=None if done.spoken == [completion.text] else "\n".join(done.spoken),
        )
    )
    results = [log.Entry("result", r.text, call=r.call_id, ok=r.ok) for r in done.results]
    for entry in _bounded(target, results):
        target.write(entry)
    journal.add_calls(
        w.db,
        [
            journal.CallRow(replied.id, ordinal, result.name, result.ok, result.text)
            for ordinal, result in enumerate(done.results)
        ],
    )
    outcome = tick.Outcome(
        tuple(done.calls), not numbered, done.pause_minutes, done.wait_minutes, completion.text,
        tuple(done.spoken), tuple(done.sent),
    )  # fmt: skip
    return outcome, done


def _bounded(target: log.Log, results: list[log.Entry]) -> list[log.Entry]:
    """The results of one step, so that together they take no more than the budget proof says."""
    if len(results) < 2:
        return results
    from archgraph.graph import budget  # seldom needed, and it brings the whole checker

    total = budget.TOGETHER * target.options.token_cap()
    most = fitting.share([target.size(entry) for entry in results], total)
    return [replace(entry, most=most) for entry in results]


def prepare(
    w: world.World, thread: plans.ThreadPlan, state: tick.ThreadState, replied: Replied
) -> list[calls.Parsed]:
    """The coming calls, read and checked, their slow outside work done, before commit 2 begins."""
    numbered = calls.numbered(replied.completion, replied.id)
    return calls.prepare(w, thread, state, numbered)


def tell(w: world.World, thread: plans.ThreadPlan, replied: Replied, done: calls.Performed) -> None:
    """Tell the observer what a committed step did."""
    if w.watch is None:
        return
    for call, result in zip(replied.completion.tool_calls, done.results, strict=True):
        parsed = calls.parse(w.plan, thread, call)
        if parsed.thoughts:
            w.notify("thought", thread.name, parsed.thoughts)
        w.notify("call", thread.name, call.name, arguments=call.arguments)
        w.notify("result", thread.name, result.text, ok=result.ok, tool=call.name)
    for text in done.spoken:
        w.notify("reply", thread.name, text)


def request_of(w: world.World, row: journal.StepRow) -> dict[str, Any]:
    """The request of a recorded step as it was sent: model, messages, tools and the rest."""
    fixed = json.loads(journal.chunk(w.db, row.request))
    messages = fixed.pop("messages", None) or _window_of(w, row)  # an eviction keeps its own
    thread = w.plan.threads.get(row.thread)
    if thread is None or thread.protocol != "text":
        return {**fixed, "messages": messages}
    from archgraph.llm import text_protocol

    asked = llm.Request(row.thread, messages, fixed["tools"], fixed["tool_choice"])
    sent = text_protocol.rewrite(asked)
    return {**fixed, "tools": [], "tool_choice": sent.tool_choice, "messages": list(sent.messages)}


def _window_of(w: world.World, row: journal.StepRow) -> list[dict[str, Any]]:
    messages = (
        [{"role": "system", "content": journal.prompt(w.db, row.prompt)}] if row.prompt else []
    )
    found = w.db.all(
        f"SELECT seq, store FROM record WHERE seq IN ({','.join(map(str, row.window))})"
    )
    stores = {seq: store for seq, store in found}
    for seq in row.window:
        store = w.stores[stores[seq]]
        record = store.records.row(seq)
        messages.append(store.wire(record))  # type: ignore[attr-defined]
    return messages


def _watched(
    w: world.World, name: str, pieces: Generator[llm.Delta, None, Completion]
) -> Completion:
    while True:
        try:
            delta = next(pieces)
        except StopIteration as finished:
            return finished.value  # type: ignore[no-any-return]
        w.notify("delta", name, delta.text or delta.arguments, tool=delta.tool)


def _tool_choice(plan: plans.Plan, thread: plans.ThreadPlan) -> str:
    chosen = thread.options.get("tool_choice")
    return str(chosen or ("required" if heartbeat.must_call(plan, thread) else "auto"))


def fixed_part(request: llm.Request) -> str:
    """What of a request repeats from step to step, without secrets, as it goes to the journal."""
    options = {
        name: value
        for name, value in request.options.items()
        if name != "extra_headers" and not secret_options.is_secret(name)
    }
    part = {
        "model": request.model,
        "tools": list(request.tools),
        "tool_choice": request.tool_choice,
        "max_tokens": request.max_tokens,
        "seed": request.seed,
        "options": options,
    }
    return json.dumps(part, ensure_ascii=False)


def _row(
    w: world.World,
    thread: plans.ThreadPlan,
    state: tick.ThreadState,
    window: context.Window,
    event: tick.Tick,
    request: llm.Request,
    completion: Completion,
) -> journal.StepRow:
    usage, reply = completion.usage, completion.to_json()
    if frozen := window.frozen(state):
        reply["frozen"] = frozen
    return journal.StepRow(
        id=0, turn=event.turn, thread=thread.name, run=state.run, kind="step", tick=event.seq,
        at=w.db.now(), prompt=w.renderer.prompt_number(thread.name, window), window=window.rows,
        request=w.renderer.request_number(thread.name, request, fixed_part), reply=reply,
        status="replied", prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens, cached_tokens=usage.cached_tokens,
        cost=usage.cost, window_tokens=window.tokens, prefix=window.prefix, span=window.span,
    )  # fmt: skip


def failed_row(
    w: world.World, thread: plans.ThreadPlan, state: tick.ThreadState, event: tick.Tick,
    kind: str, reason: str, rows: Sequence[int] = (),
) -> journal.StepRow:  # fmt: skip
    """A step that got no answer, for the journal."""
    request = llm.Request(thread.model, [], options=thread.options)
    return journal.StepRow(
        id=0, turn=event.turn, thread=thread.name, run=state.run, kind=kind, tick=event.seq,
        at=w.db.now(), prompt=None, window=rows, reply=None, status="failed", reason=reason,
        request=journal.intern_chunk(w.db, fixed_part(request)), closed=w.db.version,
    )  # fmt: skip


def text_of(error: Exception) -> str:
    """Why a model could not answer, in one line."""
    return " ".join(str(error).split())[:400]
