"""Threads that call threads: questions that wait for an answer, and signals that do not.

Called by `reduce` after a step that sent something, when a run ends, and when a time is over. A
question is one run of the asked thread; what that run says goes to the asker, not to the user.
Pure, as the whole reducer: all of it is in the state, so that no kill loses a question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archgraph.graph import build
from archgraph.graph import plan as plans
from archgraph.runtime import reduce_runs, tick
from archgraph.runtime.reduce_runs import Result
from archgraph.runtime.tick import AgentState, Command, Tick


def deliver(
    plan: plans.Plan, state: AgentState, caller: str, sent: Sequence[tick.Sent], now: float
) -> Result:
    """Put to other threads what a step sent, in its order; the caller waits for all answers."""
    commands: list[Command] = []
    for ordinal, each in enumerate(sent):
        put = _question if each.waits else _signal
        state, more = put(plan, state, caller, each, ordinal, now)
        commands += more
    if any(each.waits for each in sent):
        state, more = reduce_runs.wake_waiting(state, [], now)
        commands += more
    return state, commands


def next_question(state: AgentState, name: str, now: float) -> Result:
    """Begin the run that answers the oldest waiting question, if the thread rests."""
    thread = state.threads[name]
    if thread.run or not thread.inbox:
        return state, []
    (id, asker, message), rest = thread.inbox[0], thread.inbox[1:]
    state = reduce_runs.put(state, name, replace(thread, inbox=rest))
    by = state.threads[asker]
    state, commands = reduce_runs.begin(
        state, name, by.turn, background=by.background, question=(id, asker)
    )
    commands.append(tick.Append("user", message, thread=name, name=asker))
    return state, [*commands, reduce_runs.next_step(state, name, now)]


def answer(
    state: AgentState, name: str, question: tuple[str, str], text: str, now: float
) -> Result:
    """The run that answered a question has ended: its asker is told, and goes on."""
    id, asker = question
    if (id, name) not in state.threads[asker].asking:
        return state, [tick.Note("answer.late", {"thread": name, "asker": asker})]
    return _settle(state, asker, id, f"{name} answers: {text}", now)


def time_over(state: AgentState, event: Tick, now: float) -> Result:
    """A question was not answered in time: it is withdrawn, and its asker goes on."""
    id, asker = event.payload["question"], event.thread
    target = dict(state.threads[asker].asking).get(id)
    if target is None:
        return state, []
    asked = state.threads[target]
    left = tuple(each for each in asked.inbox if each[0] != id)
    state = reduce_runs.put(state, target, replace(asked, inbox=left))
    within = build.duration(event.payload["within"])
    return _settle(state, asker, id, f"{target} has not answered within {within}.", now)


def _signal(
    plan: plans.Plan, state: AgentState, caller: str, sent: tick.Sent, ordinal: int, now: float
) -> Result:
    """The called thread is due, with the message in its log."""
    own = "background" if state.threads[caller].background else "foreground"
    mode = plan.tools[sent.tool].mode or own
    trigger = plans.TriggerPlan("signal", event=sent.tool, mode=mode, quiet=True)
    turn = None if trigger.background else state.turn or None
    state, commands = reduce_runs.make_due(plan, state, sent.thread, trigger, turn, now)
    return state, [tick.Append("user", sent.message, thread=sent.thread, name=caller), *commands]


def _question(
    plan: plans.Plan, state: AgentState, caller: str, sent: tick.Sent, ordinal: int, now: float
) -> Result:
    """The question waits for the asked thread to rest, and is then a run of that thread."""
    present = state.threads[caller]
    id = f"{caller}:{present.run}:{present.steps}:{ordinal}"
    asking = (*present.asking, (id, sent.thread))
    state = reduce_runs.put(state, caller, replace(present, asking=asking))
    asked = state.threads[sent.thread]
    inbox = (*asked.inbox, (id, caller, sent.message))
    state = reduce_runs.put(state, sent.thread, replace(asked, inbox=inbox))
    state, commands = next_question(state, sent.thread, now)
    if within := plan.tools[sent.tool].within:
        payload = {"question": id, "within": within}
        over = Tick(tick.WAKE, caller, now + within, present.background, present.turn, payload)
        commands.append(tick.Schedule(over))
    return state, commands


def _settle(state: AgentState, asker: str, id: str, text: str, now: float) -> Result:
    present = state.threads[asker]
    left = tuple(each for each in present.asking if each[0] != id)
    state = reduce_runs.put(state, asker, replace(present, asking=left))
    commands: list[Command] = [tick.Append("alert", text, thread=asker)]
    if not left:
        state, more = reduce_runs.resume(state, asker, now)
        commands += [tick.Cancel(asker, tick.WAKE), *more]
    return state, commands
