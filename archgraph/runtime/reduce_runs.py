"""How a run of a thread begins, waits and goes on; pure, as the whole reducer.

Called by `reduce` and `reduce_events`. Knows no event by name and no tool.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from archgraph.graph import plan as plans
from archgraph.runtime import tick
from archgraph.runtime.tick import AgentState, Command, ThreadState, Tick

MAX_TURN_STEPS = 200
"""Foreground steps of one turn over all threads; a turn that needs more ends as failed."""

TOO_LONG = f"the turn took {MAX_TURN_STEPS} steps"

Result = tuple[AgentState, list[Command]]


def make_due(
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
    silent = bool(says) or trigger.quiet or trigger.kind == "user_message"
    if trigger.mode == "note":
        return put(state, name, replace(thread, says=thread.says + says)), []
    if not thread.run:
        if turn and not trigger.background and state.turn_steps >= MAX_TURN_STEPS:
            failed = tick.Note("run.failed", {"thread": name, "reason": TOO_LONG})
            return replace(state, failed=TOO_LONG), [failed]
        state, commands = begin(state, name, turn, background=trigger.background)
        commands += [tick.Say(name, *said) for said in says]
        if not commands and not silent:
            commands.append(tick.Append("heartbeat", _cause(trigger), thread=name))
        return state, [*commands, next_step(state, name, now)]
    if trigger.busy == "skip":
        return state, []
    later = trigger.busy == "queue" and trigger.kind != "user_message"
    if thread.question[0] or later or _frozen(thread):
        entry = (trigger.say, "" if silent and not says else _event_of(trigger), trigger.mode)
        every = later or bool(thread.question[0])
        return put(state, name, replace(thread, queued=_queued(thread, entry, every))), []
    commands = []
    if not silent and not thread.again:
        commands = [tick.Append("heartbeat", _cause(trigger), thread=name)]
    thread = replace(thread, says=thread.says + says, again=True)
    if thread.background and not trigger.background:
        thread = replace(thread, background=False, turn=turn)
        state = put(state, name, thread)
        if thread.at_work:
            commands += [tick.Cancel(name, tick.STEP), next_step(state, name, now)]
    return put(state, name, thread), commands


def _queued(
    thread: tick.ThreadState, entry: tuple[str, str, str], every: bool
) -> tuple[tuple[str, str, str], ...]:
    """The runs that wait, and this one; unless `every`, one with the same to tell is enough."""
    same = any(mode == entry[2] and entry[0] in ("", say) for say, _, mode in thread.queued)
    return thread.queued if same and not every else (*thread.queued, entry)


def _frozen(thread: tick.ThreadState) -> bool:
    """Whether a run has fixed what it reads: what came later is for another run."""
    return any(store not in tick.MARKS for store in thread.upto)


def begin(
    state: AgentState,
    name: str,
    turn: int | None,
    *,
    background: bool,
    question: tuple[str, str] = ("", ""),
) -> Result:
    """A new run of a resting thread, with what it was to be told; its first step is not due yet."""
    thread = state.threads[name]
    begun = replace(
        thread, run=thread.runs + 1, runs=thread.runs + 1, turn=turn, steps=0, failures=0,
        repeats=0, last_failed="", called={}, last_call="", last_branch="", background=background,
        says=(), again=False, question=question, answer=(),
    )  # fmt: skip
    return put(state, name, begun), [tick.Say(name, *said) for said in thread.says]


def begin_queued(plan: plans.Plan, state: AgentState, name: str, now: float) -> Result:
    """The run that has waited longest for a thread to rest."""
    (say, cause, mode), rest = state.threads[name].queued[0], state.threads[name].queued[1:]
    state = put(state, name, replace(state.threads[name], queued=rest))
    trigger = plans.TriggerPlan("event", event=cause, say=say, mode=mode, quiet=not cause)
    turn = None if trigger.background else state.turn or None
    return make_due(plan, state, name, trigger, turn, now)


def wait(
    plan: plans.Plan, state: AgentState, name: str, thread: ThreadState, minutes: int, now: float
) -> Result:
    """The thread goes on when the others are done, or when the time is over."""
    until = now + 60 * minutes
    state = put(state, name, replace(thread, waiting_until=until))
    wake = Tick(tick.WAKE, name, until, thread.background, thread.turn)
    return wake_waiting(state, [tick.Schedule(wake)], now)


def wake_waiting(state: AgentState, commands: list[Command], now: float) -> Result:
    """When no other thread is at work, whoever waited goes on."""
    if any(thread.at_work for thread in state.threads.values()):
        return state, commands
    for name, thread in list(state.threads.items()):
        if thread.run and thread.waiting_until:
            state, more = resume(state, name, now)
            commands = [*commands, tick.Cancel(name, tick.WAKE), *more]
    return state, commands


def resume(state: AgentState, name: str, now: float) -> Result:
    """A thread that waited goes on; what it was to be told is told first."""
    thread = state.threads[name]
    told: list[Command] = [tick.Say(name, *said) for said in thread.says]
    state = put(state, name, replace(thread, waiting_until=0.0, says=(), again=False))
    return state, [*told, next_step(state, name, now)]


def _event_of(trigger: plans.TriggerPlan) -> str:
    """What made a trigger fire, by name: an event, a tool, a measure, else the trigger's kind."""
    return trigger.event or trigger.measure or trigger.kind


def _cause(trigger: plans.TriggerPlan) -> str:
    """What a thread reads as the reason why it runs."""
    cause = _event_of(trigger)
    known = {"idle": "Nobody has written for a while"}
    known |= dict.fromkeys(("timer", "at"), "Automated timer")
    return known.get(cause, f"Event: {cause}")


def next_step(state: AgentState, name: str, now: float) -> tick.Schedule:
    """The tick of a thread's next step."""
    thread = state.threads[name]
    return tick.Schedule(Tick(tick.STEP, name, now, thread.background, thread.turn))


def put(state: AgentState, name: str, thread: ThreadState) -> AgentState:
    """The state with another state of one thread."""
    return replace(state, threads={**state.threads, name: thread})


def triggers(
    plan: plans.Plan, kinds: tuple[str, ...]
) -> Iterator[tuple[str, int, plans.TriggerPlan]]:
    """All triggers of some kinds: thread, position, trigger."""
    for name, thread in plan.threads.items():
        for index, trigger in enumerate(thread.triggers):
            if trigger.kind in kinds:
                yield name, index, trigger
