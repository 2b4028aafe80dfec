"""What happens around threads, and which of them it makes due; pure, as the whole reducer.

Called by `reduce`: events of threads and stores, measures that cross, timers. Begins runs by
`reduce_runs` and ends none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from archgraph.graph import plan as plans
from archgraph.runtime import cron, reduce_runs, tick
from archgraph.runtime.reduce_runs import Result
from archgraph.runtime.tick import AgentState, Command, Tick


def happened(
    plan: plans.Plan,
    state: AgentState,
    name: str,
    payload: Mapping[str, Any],
    now: float,
    commands: list[Command],
) -> Result:
    """Count an event for every trigger that waits for it."""
    for thread, index, trigger in reduce_runs.triggers(plan, ("event", "every", "signal")):
        if trigger.event != name or not _wanted(trigger, payload):
            continue
        present, mark = state.threads[thread], str(index)
        count = present.counters.get(mark, 0) + 1
        fires = count >= trigger.count
        counters = {**present.counters, mark: 0 if fires else count}
        state = reduce_runs.put(state, thread, replace(present, counters=counters))
        if fires:
            turn = None if trigger.background else state.turn or None
            state, more = reduce_runs.make_due(plan, state, thread, trigger, turn, now)
            commands = commands + more
    for thread, index, trigger in (
        reduce_runs.triggers(plan, ("idle",)) if name == "agent.message" else ()
    ):
        commands = [*commands, tick.Cancel(thread, tick.TIMER, index)]
        commands.append(_timer_tick(thread, index, trigger, now + trigger.seconds))
    return state, commands


def reported(plan: plans.Plan, state: AgentState, event: Tick, now: float) -> Result:
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
        state = reduce_runs.put(state, thread, replace(present, disarmed=rest))
    return happened(plan, state, name, payload, now, [])


def measured(plan: plans.Plan, state: AgentState, event: Tick, now: float) -> Result:
    """Values of measures after a commit: `crosses` fires on the way up, re-arms on the way down."""
    commands: list[Command] = []
    state = _rebased(plan, state, event.payload)
    for name, index, trigger in reduce_runs.triggers(plan, ("crosses",)):
        value = event.payload.get(trigger.measure)
        if value is None:
            continue
        mark, thread = f"crosses:{index}", state.threads[name]
        if trigger.since:
            if thread.run:
                continue  # what is written during a run of the thread does not count
            value -= thread.base.get(trigger.measure, 0.0)
        if value <= trigger.over:
            rest = tuple(item for item in thread.disarmed if item != mark)
            state = reduce_runs.put(state, name, replace(thread, disarmed=rest))
        elif mark not in thread.disarmed:
            state = reduce_runs.put(state, name, replace(thread, disarmed=(*thread.disarmed, mark)))
            turn = None if trigger.background else state.turn or None
            state, more = reduce_runs.make_due(plan, state, name, trigger, turn, now)
            commands += more
    return state, commands


def _rebased(plan: plans.Plan, state: AgentState, values: Mapping[str, float]) -> AgentState:
    """Take the measures from which `since: last_run` counts, of threads whose run has ended.

    After a run that failed the old base stays, and the trigger is armed again at a higher value
    only: at once it would fail for ever.
    """
    for name, index, trigger in reduce_runs.triggers(plan, ("crosses",)):
        thread, mark = state.threads[name], f"crosses:{index}"
        if not trigger.since or trigger.measure not in values:
            continue
        value, tried = values[trigger.measure], f"tried:{trigger.measure}"
        rest = tuple(item for item in thread.disarmed if item != mark)
        if thread.rebase == "done":
            base = {**thread.base, trigger.measure: value}
            base.pop(tried, None)
            state = reduce_runs.put(state, name, replace(thread, base=base, disarmed=rest))
        elif thread.rebase:
            base = {**thread.base, tried: value}
            state = reduce_runs.put(state, name, replace(thread, base=base))
        elif not thread.run and value > thread.base.get(tried, math.inf):
            state = reduce_runs.put(state, name, replace(thread, disarmed=rest))
    for name, thread in state.threads.items():
        if thread.rebase:
            state = reduce_runs.put(state, name, replace(thread, rebase=""))
    return state


def _wanted(trigger: plans.TriggerPlan, payload: Mapping[str, Any]) -> bool:
    """Whether an event's fields have the values that `where` demands."""
    for key, allowed in trigger.where.items():
        value = payload.get(key)
        given = value if isinstance(value, (list, tuple)) else [value]
        if not any(each in allowed for each in given):
            return False
    return True


def timer(plan: plans.Plan, state: AgentState, event: Tick, now: float) -> Result:
    """A timer is due: it makes its thread due, unless that pauses or somebody has just written."""
    index = int(event.payload["trigger"])
    trigger = plan.threads[event.thread].triggers[index]
    resting = state.last_input + trigger.seconds
    if trigger.kind == "idle" and resting > now:
        return state, [_timer_tick(event.thread, index, trigger, resting)]
    commands: list[Command] = []
    if trigger.kind != "idle":
        commands += next_time(event.thread, index, trigger, now)
    if state.threads[event.thread].paused_until > now:
        return state, [*commands, tick.Note("heartbeat.paused", {"thread": event.thread})]
    turn = None if trigger.background else state.turn or None
    state, more = reduce_runs.make_due(plan, state, event.thread, trigger, turn, now)
    return state, commands + more


def next_time(name: str, index: int, trigger: plans.TriggerPlan, now: float) -> list[tick.Command]:
    """When a timer fires next; never, if its cron time never comes."""
    if not trigger.cron:
        return [_timer_tick(name, index, trigger, now + trigger.seconds)]
    due = cron.following(trigger.cron, now)
    return [_timer_tick(name, index, trigger, due)] if due else []


def _timer_tick(name: str, index: int, trigger: plans.TriggerPlan, due: float) -> tick.Schedule:
    return tick.Schedule(Tick(tick.TIMER, name, due, True, None, {"trigger": index}))
