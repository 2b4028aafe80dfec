"""The pure heart: (plan, state, tick, now) -> (state, commands).

It decides which thread is due, when a run goes on, when a turn is over. It reads no store, asks
no clock and calls no model; the scheduler performs its commands. Called by the scheduler for each
tick, within the commit that records it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from archgraph.graph import plan as plans
from archgraph.runtime import heartbeat, reduce_calls, reduce_events, reduce_runs, tick
from archgraph.runtime.reduce_runs import Result
from archgraph.runtime.tick import AgentState, Command, ThreadState, Tick


def reduce(plan: plans.Plan, state: AgentState, event: Tick, now: float) -> Result:
    """Decide what a tick means."""
    state, commands = _BY_KIND[event.kind](plan, state, event, now)
    return _close_turn(state, commands)


def _message(plan: plans.Plan, state: AgentState, event: Tick, now: float) -> Result:
    state = replace(state, last_input=now, turns=state.turns + 1)
    payload = event.payload
    append = tick.Append(
        "user", payload["text"], name=payload.get("name", ""), at=payload.get("at"),
        key=payload.get("key", ""),
    )  # fmt: skip
    if event.kind == tick.OBSERVE:
        kind = "assistant" if payload.get("role") == "assistant" else "user"
        told = {"role": kind, "name": append.name}
        return reduce_events.happened(
            plan, state, "agent.message", told, now, [replace(append, kind=kind)]
        )
    state = replace(state, turn=state.turns, turn_steps=0, failed="")
    state, notes = _tell_notes(plan, state)
    commands: list[Command] = [tick.OpenTurn(state.turn, event.kind), *notes, append]
    for name, thread in plan.threads.items():
        for trigger in thread.triggers:
            if trigger.kind == "user_message":
                state, more = reduce_runs.make_due(plan, state, name, trigger, state.turn, now)
                commands += more
    told = {"role": "user", "name": append.name}
    return reduce_events.happened(plan, state, "agent.message", told, now, commands)


def _case_end(plan: plans.Plan, state: AgentState, event: Tick, now: float) -> Result:
    """A case (a task, an episode) is over: threads that listen learn how it came out."""
    text = event.payload["text"]
    commands: list[Command] = [tick.Append("alert", text)] if text else []
    outcome = event.payload["outcome"]
    return reduce_events.happened(plan, state, "agent.case_end", outcome, now, commands)


def _tell_notes(plan: plans.Plan, state: AgentState) -> Result:
    """What resting threads were to be told (a login, say) comes before the message they hear."""
    commands: list[Command] = []
    for name, thread in plan.threads.items():
        present = state.threads[name]
        if not present.run and any(trigger.kind == "user_message" for trigger in thread.triggers):
            commands += [tick.Say(name, *said) for said in present.says]
            state = (
                reduce_runs.put(state, name, replace(present, says=())) if present.says else state
            )
    return state, commands


def _step(plan: plans.Plan, state: AgentState, event: Tick, now: float) -> Result:
    return state, [tick.Step(event.thread)]


def _stepped(plan: plans.Plan, state: AgentState, event: Tick, now: float) -> Result:
    """After a step that ended well: go on, wait, or end the run."""
    outcome: tick.Outcome = event.payload["outcome"]
    name, thread = event.thread, plan.threads[event.thread]
    before = state.threads[name]
    after = heartbeat.account(before, outcome, heartbeat.unheard(plan, thread, outcome))
    counts = bool(state.turn) and not after.background
    state = replace(state, turn_steps=state.turn_steps + counts)
    if outcome.pause_minutes:
        after = replace(after, paused_until=now + 60 * outcome.pause_minutes)
    verdict = heartbeat.verdict(plan, thread, after, outcome, event.payload.get("open", {}))
    if verdict.go_on and counts and state.turn_steps >= reduce_runs.MAX_TURN_STEPS:
        verdict = heartbeat.Verdict(False, reduce_runs.TOO_LONG)
    if verdict.go_on:
        state, commands = _go_on(plan, state, name, after, outcome, verdict, now)
    else:
        state, commands = _end_run(
            plan, reduce_runs.put(state, name, after), name, verdict.reason, now
        )
    sent = [each for each in outcome.sent if verdict.go_on or not each.waits]
    state, more = reduce_calls.deliver(plan, state, name, sent, now)
    commands += more
    names = [call.tool for call in outcome.calls if call.ok]  # `signal` triggers name a tool
    for event_name in [*names, f"{name}.step"]:
        state, more = reduce_events.happened(plan, state, event_name, {}, now, [])
        commands += more
    if any(call.verb == plans.REPLY and call.ok for call in outcome.calls) or (
        outcome.text and not heartbeat.must_call(plan, thread)
    ):
        state, more = reduce_events.happened(plan, state, f"{name}.reply", {}, now, [])
        commands += more
    return state, commands


def _go_on(
    plan: plans.Plan, state: AgentState, name: str, after: ThreadState, outcome: tick.Outcome,
    verdict: heartbeat.Verdict, now: float,
) -> Result:  # fmt: skip
    """A run goes on: with its next step, or when what it waits for has come."""
    if outcome.asks:
        return reduce_runs.put(state, name, after), []  # its questions are put next
    if outcome.wait_minutes:
        return reduce_runs.wait(plan, state, name, after, outcome.wait_minutes, now)
    commands: list[Command] = [tick.Say(name, *said) for said in after.says]
    if verdict.nudge:
        commands.append(tick.Append("alert", verdict.nudge, thread=name))
    state = reduce_runs.put(state, name, replace(after, says=(), again=False))
    return state, [*commands, reduce_runs.next_step(state, name, now)]


def _piped(plan: plans.Plan, state: AgentState, event: Tick, now: float) -> Result:
    """After a step of a pipeline: go on, ask again, or end the run."""
    name, thread = event.thread, plan.threads[event.thread]
    before, wrong = state.threads[name], str(event.payload["wrong"])
    counts = bool(state.turn) and not before.background
    state = replace(state, turn_steps=state.turn_steps + counts)
    failures = before.failures + 1 if wrong else 0
    after = replace(
        before, steps=before.steps + 1, place=event.payload["place"], failures=failures,
        last_failed=wrong,
    )  # fmt: skip
    state = reduce_runs.put(state, name, after)
    if failures >= thread.max_failures:
        reason = f"{failures} answers of its model could not be used; the last: {wrong}"
        return _end_run(plan, state, name, reason, now)
    if event.payload["more"] and counts and state.turn_steps >= reduce_runs.MAX_TURN_STEPS:
        return _end_run(plan, state, name, reduce_runs.TOO_LONG, now)
    if event.payload["more"]:
        return state, [reduce_runs.next_step(state, name, now)]
    state, commands = _end_run(plan, state, name, "", now)
    if before.again and not state.threads[name].run:  # it was made due while it ran
        mode = "background" if before.background else "foreground"
        trigger = plans.TriggerPlan("event", event=f"{name}.run", mode=mode)
        turn = None if trigger.background else state.turn or None
        state, more = reduce_runs.make_due(plan, state, name, trigger, turn, now)
        commands += more
    return state, commands


def _failed(plan: plans.Plan, state: AgentState, event: Tick, now: float) -> Result:
    """The model could not answer: the run ends, its input is kept, its range is given again."""
    return _end_run(plan, state, event.thread, str(event.payload["reason"]), now, failed=True)


def _wake(plan: plans.Plan, state: AgentState, event: Tick, now: float) -> Result:
    """A waiting thread's time is over."""
    thread = state.threads[event.thread]
    if "question" in event.payload:
        return reduce_calls.time_over(state, event, now)
    if not thread.waiting_until:
        return state, []
    return reduce_runs.resume(state, event.thread, now)


def _opened(plan: plans.Plan, state: AgentState, event: Tick, now: float) -> Result:
    """The agent was opened; the first time (or with a new plan), its timers begin to run."""
    commands: list[Command] = []
    if event.payload["first"]:
        known = {name: state.threads.get(name, ThreadState()) for name in plan.threads}
        rest = {n: ThreadState(runs=t.runs, cursor=t.cursor, base=t.base) for n, t in known.items()}
        state = replace(state, turn=0, failed="", last_input=now, threads=rest)
        for name, index, trigger in reduce_runs.triggers(plan, ("timer", "at")):
            commands += reduce_events.next_time(name, index, trigger, now)
    return reduce_events.happened(plan, state, "agent.opened", event.payload, now, commands)


def _end_run(
    plan: plans.Plan, state: AgentState, name: str, reason: str, now: float, failed: bool = False
) -> Result:
    """A run is over. Its range counts as consumed only when it ended well, else it comes again."""
    thread = state.threads[name]
    ended = replace(thread, run=0, again=False, waiting_until=0.0, upto={}, turn=None, place=(0, 0))
    rises = any(trigger.since for trigger in plan.threads[name].triggers)
    rebase = ("failed" if reason else "done") if rises else ""
    ended = replace(ended, question=("", ""), answer=(), rebase=rebase)
    if not failed and not reason:
        consumed = {store: row for store, row in thread.upto.items() if store not in tick.MARKS}
        ended = replace(ended, cursor={**thread.cursor, **consumed})
        if tick.UNREAD in thread.upto and not ended.queued:
            mode = "background" if thread.background else "foreground"
            ended = replace(ended, queued=(("", "unread", mode),))
    state = reduce_runs.put(state, name, ended)
    if reason and not thread.background and not thread.question[0]:  # else its asker is told
        state = replace(state, failed=reason)
    commands: list[Command] = []
    if reason:
        commands.append(tick.Note("run.failed", {"thread": name, "reason": reason}))
    if not failed:
        event = f"{name}.turn" if thread.turn and not thread.background else f"{name}.run"
        state, commands = reduce_events.happened(plan, state, event, {}, now, commands)
    if thread.question[0]:
        text = "\n".join(thread.answer) or _silence(name, reason)
        state, more = reduce_calls.answer(state, name, thread.question, text, now)
        commands += more
    state, more = reduce_calls.next_question(state, name, now)
    commands += more
    if not state.threads[name].run and state.threads[name].queued:
        state, more = reduce_runs.begin_queued(plan, state, name, now)
        commands += more
    return reduce_runs.wake_waiting(state, commands, now)


def _silence(name: str, reason: str) -> str:
    """What an asker is told when the run that it waited for said nothing."""
    return f"(no answer: {reason})" if reason else f"(no answer: {name} ended without one)"


def _close_turn(state: AgentState, commands: list[Command]) -> Result:
    """A turn ends when no foreground run that belongs to it is left."""
    if not state.turn:
        return state, commands
    if any(_holds_turn(thread) for thread in state.threads.values()):
        return state, commands
    status = "failed" if state.failed else "done"
    closing = tick.CloseTurn(state.turn, status, state.failed)
    return replace(state, turn=0, failed=""), [*commands, closing]


def _holds_turn(thread: ThreadState) -> bool:
    """Whether a thread has foreground work to do, or waiting for the end of its present run."""
    if thread.run and not thread.background:
        return True
    return bool(thread.run) and any(mode == "foreground" for _, _, mode in thread.queued)


_BY_KIND: dict[str, Callable[[plans.Plan, AgentState, Tick, float], Result]] = {
    tick.MESSAGE: _message,
    tick.OBSERVE: _message,
    tick.CASE_END: _case_end,
    tick.STEP: _step,
    tick.STEPPED: _stepped,
    tick.PIPED: _piped,
    tick.FAILED: _failed,
    tick.TIMER: reduce_events.timer,
    tick.WAKE: _wake,
    tick.OPENED: _opened,
    tick.EVENT: reduce_events.reported,
    tick.MEASURED: reduce_events.measured,
}
