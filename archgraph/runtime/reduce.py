"""The pure heart: (plan, state, tick, now) -> (state, commands).

It decides which thread is due, when a run goes on, when a turn is over. It reads no store, asks
no clock and calls no model; the scheduler performs its commands. Called by the scheduler for each
tick, within the commit that records it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from archgraph.graph import plan as plans
from archgraph.runtime import cron, heartbeat, tick
from archgraph.runtime.tick import AgentState, Command, ThreadState, Tick

MAX_TURN_STEPS = 200
"""Foreground steps of one turn over all threads; a turn that needs more ends as failed."""

_TOO_LONG = f"the turn took {MAX_TURN_STEPS} steps"

Result = tuple[AgentState, list[Command]]


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
        return _event(plan, state, "agent.message", {}, now, [replace(append, kind=kind)])
    state = replace(state, turn=state.turns, turn_steps=0, failed="")
    state, told = _tell_notes(plan, state)
    commands: list[Command] = [tick.OpenTurn(state.turn, event.kind), *told, append]
    for name, thread in plan.threads.items():
        for trigger in thread.triggers:
            if trigger.kind == "user_message":
                state, more = _make_due(plan, state, name, trigger, state.turn, now)
                commands += more
    return _event(plan, state, "agent.message", {}, now, commands)


def _tell_notes(plan: plans.Plan, state: AgentState) -> Result:
    """What resting threads were to be told (a login, say) comes before the message they hear."""
    commands: list[Command] = []
    for name, thread in plan.threads.items():
        present = state.threads[name]
        if not present.run and any(trigger.kind == "user_message" for trigger in thread.triggers):
            commands += [tick.Say(name, *said) for said in present.says]
            state = _put(state, name, replace(present, says=())) if present.says else state
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
    if verdict.go_on and counts and state.turn_steps >= MAX_TURN_STEPS:
        verdict = heartbeat.Verdict(False, _TOO_LONG)
    if outcome.wait_minutes and verdict.go_on:
        return _wait(plan, state, name, after, outcome.wait_minutes, now)
    commands: list[Command] = []
    if verdict.go_on:
        commands += [tick.Say(name, *said) for said in after.says]
        if verdict.nudge:
            commands.append(tick.Append("alert", verdict.nudge, thread=name))
        state = _put(state, name, replace(after, says=(), again=False))
        commands.append(_next_step(state, name, now))
    else:
        state, commands = _end_run(plan, _put(state, name, after), name, verdict.reason, now)
    names = [call.tool for call in outcome.calls if call.ok]  # `signal` triggers name a tool
    for event_name in [*names, f"{name}.step"]:
        state, more = _event(plan, state, event_name, {}, now, [])
        commands += more
    if any(call.verb == plans.REPLY and call.ok for call in outcome.calls) or (
        outcome.text and not heartbeat.must_call(plan, thread)
    ):
        state, more = _event(plan, state, f"{name}.reply", {}, now, [])
        commands += more
    return state, commands


def _failed(plan: plans.Plan, state: AgentState, event: Tick, now: float) -> Result:
    """The model could not answer: the run ends, its input is kept, its range is given again."""
    return _end_run(plan, state, event.thread, str(event.payload["reason"]), now, failed=True)


def _timer(plan: plans.Plan, state: AgentState, event: Tick, now: float) -> Result:
    index = int(event.payload["trigger"])
    trigger = plan.threads[event.thread].triggers[index]
    resting = state.last_input + trigger.seconds
    if trigger.kind == "idle" and resting > now:
        return state, [_timer_tick(event.thread, index, trigger, resting)]
    commands: list[Command] = []
    if trigger.kind != "idle":
        commands += _next_time(event.thread, index, trigger, now)
    if state.threads[event.thread].paused_until > now:
        return state, [*commands, tick.Note("heartbeat.paused", {"thread": event.thread})]
    turn = None if trigger.background else state.turn or None
    state, more = _make_due(plan, state, event.thread, trigger, turn, now)
    return state, commands + more


def _wake(plan: plans.Plan, state: AgentState, event: Tick, now: float) -> Result:
    """A waiting thread's time is over."""
    thread = state.threads[event.thread]
    if not thread.waiting_until:
        return state, []
    return _resume(state, event.thread, now)


def _opened(plan: plans.Plan, state: AgentState, event: Tick, now: float) -> Result:
    """The agent was opened; the first time (or with a new plan), its timers begin to run."""
    commands: list[Command] = []
    if event.payload["first"]:
        known = {name: state.threads.get(name, ThreadState()) for name in plan.threads}
        rest = {n: ThreadState(runs=t.runs, cursor=t.cursor) for n, t in known.items()}
        state = replace(state, turn=0, failed="", last_input=now, threads=rest)
        for name, index, trigger in _triggers(plan, ("timer", "at")):
            commands += _next_time(name, index, trigger, now)
    return _event(plan, state, "agent.opened", event.payload, now, commands)


def _reduce_event(plan: plans.Plan, state: AgentState, event: Tick, now: float) -> Result:
    """A store or the scheduler reports something; pressure fires once, eviction re-arms it."""
    payload = dict(event.payload)
    name = str(payload.pop("name"))
    store, _, what = name.partition(".")
    mark = f"pressure:{store}"
    for thread, present in state.threads.items() if what in ("pressure", "evicted") else ():
        rest = tuple(item for item in present.disarmed if item != mark)
        if what == "pressure" and payload.get("thread") == thread:
            rest = (*rest, mark)
        elif what == "pressure":
            continue
        state = _put(state, thread, replace(present, disarmed=rest))
    return _event(plan, state, name, payload, now, [])


def _measured(plan: plans.Plan, state: AgentState, event: Tick, now: float) -> Result:
    """Values of measures after a commit: `crosses` fires on the way up, re-arms on the way down."""
    commands: list[Command] = []
    for name, index, trigger in _triggers(plan, ("crosses",)):
        value = event.payload.get(trigger.measure)
        if value is None:
            continue
        mark, thread = f"crosses:{index}", state.threads[name]
        if value <= trigger.over:
            rest = tuple(item for item in thread.disarmed if item != mark)
            state = _put(state, name, replace(thread, disarmed=rest))
        elif mark not in thread.disarmed:
            state = _put(state, name, replace(thread, disarmed=(*thread.disarmed, mark)))
            turn = None if trigger.background else state.turn or None
            state, more = _make_due(plan, state, name, trigger, turn, now)
            commands += more
    return state, commands


def _event(
    plan: plans.Plan,
    state: AgentState,
    name: str,
    payload: Mapping[str, object],
    now: float,
    commands: list[Command],
) -> Result:
    """Count an event for every trigger that waits for it."""
    for thread, index, trigger in _triggers(plan, ("event", "every", "signal")):
        if trigger.event != name:
            continue
        present, mark = state.threads[thread], str(index)
        count = present.counters.get(mark, 0) + 1
        fires = count >= trigger.count
        counters = {**present.counters, mark: 0 if fires else count}
        state = _put(state, thread, replace(present, counters=counters))
        if fires:
            turn = None if trigger.background else state.turn or None
            state, more = _make_due(plan, state, thread, trigger, turn, now)
            commands = commands + more
    for thread, index, trigger in _triggers(plan, ("idle",)) if name == "agent.message" else ():
        commands = [*commands, tick.Cancel(thread, tick.TIMER, index)]
        commands.append(_timer_tick(thread, index, trigger, now + trigger.seconds))
    return state, commands


def _make_due(
    plan: plans.Plan,
    state: AgentState,
    name: str,
    trigger: plans.TriggerPlan,
    turn: int | None,
    now: float,
) -> Result:
    """A trigger fired: begin a run, or do what `busy` says when one is going on."""
    thread = state.threads[name]
    says = ((trigger.say, _event_of(trigger)),) if trigger.say else ()
    if trigger.mode == "note":
        return _put(state, name, replace(thread, says=thread.says + says)), []
    if not thread.run:
        if turn and not trigger.background and state.turn_steps >= MAX_TURN_STEPS:
            failed = tick.Note("run.failed", {"thread": name, "reason": _TOO_LONG})
            return replace(state, failed=_TOO_LONG), [failed]
        begun = replace(
            thread, run=thread.runs + 1, runs=thread.runs + 1, turn=turn, steps=0, failures=0,
            repeats=0, last_failed="", called={}, last_call="", background=trigger.background,
            says=(), again=False,
        )  # fmt: skip
        commands: list[Command] = [tick.Say(name, *said) for said in thread.says + says]
        if not commands and trigger.kind != "user_message":
            commands.append(tick.Append("heartbeat", _cause(trigger), thread=name))
        state = _put(state, name, begun)
        return state, [*commands, _next_step(state, name, now)]
    if trigger.busy == "skip":
        return state, []
    if trigger.busy == "queue" and trigger.kind != "user_message":
        kept = (*thread.queued, (trigger.say, _event_of(trigger), trigger.mode))
        return _put(state, name, replace(thread, queued=kept)), []
    commands = []
    if not says and not thread.again and trigger.kind != "user_message":
        commands = [tick.Append("heartbeat", _cause(trigger), thread=name)]
    thread = replace(thread, says=thread.says + says, again=True)
    if thread.background and not trigger.background:
        thread = replace(thread, background=False, turn=turn)
        state = _put(state, name, thread)
        if not thread.waiting_until:
            commands += [tick.Cancel(name, tick.STEP), _next_step(state, name, now)]
    return _put(state, name, thread), commands


def _end_run(
    plan: plans.Plan, state: AgentState, name: str, reason: str, now: float, failed: bool = False
) -> Result:
    """A run is over. Its range counts as consumed only when it ended well, else it comes again."""
    thread = state.threads[name]
    ended = replace(thread, run=0, again=False, waiting_until=0.0, upto={}, turn=None)
    if not failed and not reason:
        consumed = {store: row for store, row in thread.upto.items() if store != tick.RUN_START}
        ended = replace(ended, cursor={**thread.cursor, **consumed})
    state = _put(state, name, ended)
    if reason and not thread.background:
        state = replace(state, failed=reason)
    commands: list[Command] = []
    if reason:
        commands.append(tick.Note("run.failed", {"thread": name, "reason": reason}))
    if not failed:
        event = f"{name}.turn" if thread.turn and not thread.background else f"{name}.run"
        state, commands = _event(plan, state, event, {}, now, commands)
    if not ended.run and ended.queued:
        (say, cause, mode), rest = ended.queued[0], ended.queued[1:]
        state = _put(state, name, replace(state.threads[name], queued=rest))
        trigger = plans.TriggerPlan("event", event=cause, say=say, mode=mode)
        turn = None if trigger.background else state.turn or None
        state, more = _make_due(plan, state, name, trigger, turn, now)
        commands += more
    return _wake_waiting(state, commands, now)


def _wait(
    plan: plans.Plan, state: AgentState, name: str, thread: ThreadState, minutes: int, now: float
) -> Result:
    """The thread goes on when the others are done, or when the time is over."""
    until = now + 60 * minutes
    state = _put(state, name, replace(thread, waiting_until=until))
    wake = Tick(tick.WAKE, name, until, thread.background, thread.turn)
    return _wake_waiting(state, [tick.Schedule(wake)], now)


def _wake_waiting(state: AgentState, commands: list[Command], now: float) -> Result:
    """When no other thread is at work, whoever waited goes on."""
    if any(thread.run and not thread.waiting_until for thread in state.threads.values()):
        return state, commands
    for name, thread in list(state.threads.items()):
        if thread.run and thread.waiting_until:
            state, more = _resume(state, name, now)
            commands = [*commands, tick.Cancel(name, tick.WAKE), *more]
    return state, commands


def _resume(state: AgentState, name: str, now: float) -> Result:
    state = _put(state, name, replace(state.threads[name], waiting_until=0.0))
    return state, [_next_step(state, name, now)]


def _close_turn(state: AgentState, commands: list[Command]) -> Result:
    """A turn ends when no foreground run that belongs to it is left."""
    if not state.turn:
        return state, commands
    if any(t.run and not t.background for t in state.threads.values()):
        return state, commands
    status = "failed" if state.failed else "done"
    closing = tick.CloseTurn(state.turn, status, state.failed)
    return replace(state, turn=0, failed=""), [*commands, closing]


def _event_of(trigger: plans.TriggerPlan) -> str:
    """What made a trigger fire, by name: an event, a tool, a measure, else the trigger's kind."""
    return trigger.event or trigger.measure or trigger.kind


def _cause(trigger: plans.TriggerPlan) -> str:
    """What a thread reads as the reason why it runs."""
    cause = _event_of(trigger)
    known = {"idle": "Nobody has written for a while"}
    known |= dict.fromkeys(("timer", "at"), "Automated timer")
    return known.get(cause, f"Event: {cause}")


def _next_step(state: AgentState, name: str, now: float) -> tick.Schedule:
    thread = state.threads[name]
    return tick.Schedule(Tick(tick.STEP, name, now, thread.background, thread.turn))


def _next_time(name: str, index: int, trigger: plans.TriggerPlan, now: float) -> list[tick.Command]:
    """When a timer fires next; never, if its cron time never comes."""
    if not trigger.cron:
        return [_timer_tick(name, index, trigger, now + trigger.seconds)]
    due = cron.following(trigger.cron, now)
    return [_timer_tick(name, index, trigger, due)] if due else []


def _timer_tick(name: str, index: int, trigger: plans.TriggerPlan, due: float) -> tick.Schedule:
    return tick.Schedule(Tick(tick.TIMER, name, due, True, None, {"trigger": index}))


def _triggers(
    plan: plans.Plan, kinds: tuple[str, ...]
) -> Iterator[tuple[str, int, plans.TriggerPlan]]:
    for name, thread in plan.threads.items():
        for index, trigger in enumerate(thread.triggers):
            if trigger.kind in kinds:
                yield name, index, trigger


def _put(state: AgentState, name: str, thread: ThreadState) -> AgentState:
    return replace(state, threads={**state.threads, name: thread})


_BY_KIND: dict[str, Callable[[plans.Plan, AgentState, Tick, float], Result]] = {
    tick.MESSAGE: _message,
    tick.OBSERVE: _message,
    tick.STEP: _step,
    tick.STEPPED: _stepped,
    tick.FAILED: _failed,
    tick.TIMER: _timer,
    tick.WAKE: _wake,
    tick.OPENED: _opened,
    tick.EVENT: _reduce_event,
    tick.MEASURED: _measured,
}
