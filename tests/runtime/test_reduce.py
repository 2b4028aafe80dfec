"""The pure reducer: what must hold for every history of ticks."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from archgraph.graph import plan as plans
from archgraph.runtime import reduce, reduce_runs, tick
from archgraph.runtime.tick import AgentState, Call, Outcome, Tick
from tests import helpers

BEAT = plans.HeartbeatPlan(when=("requested", "failed"), max_steps=4)


def trigger(kind: str, **more: Any) -> plans.TriggerPlan:
    return plans.TriggerPlan(kind, **more)


def two_threads(busy: str = "coalesce", mode: str = "foreground") -> plans.Plan:
    main = helpers.thread(
        triggers=(
            helpers.USER,
            trigger("event", event="window.pressure", say="p", busy=busy),
            trigger("timer", seconds=60.0, mode="background", busy=busy),
            trigger("event", event="helper.run", say="done", mode="note"),
        ),
        heartbeat=BEAT,
    )
    helper = helpers.thread(
        "helper",
        triggers=(
            trigger("every", event="main.turn", count=2, mode=mode, busy=busy),
            trigger("idle", seconds=30.0, mode="background"),
            trigger("crosses", measure="notes.count", over=3.0, mode=mode),
            trigger("signal", event="ask", mode=mode, say="asked"),
        ),
        heartbeat=BEAT,
    )
    return helpers.plan(main, helper, tools={"say": ("reply",), "ask": ("finish",)})


def begun(plan: plans.Plan, now: float = 0.0) -> tuple[AgentState, list[tick.Command]]:
    return reduce.reduce(plan, AgentState(), Tick(tick.OPENED, payload={"first": True}), now)


def kinds(commands: list[tick.Command], kind: type) -> list[Any]:
    return [command for command in commands if isinstance(command, kind)]


def steps(commands: list[tick.Command]) -> list[Tick]:
    due = [each.tick for each in kinds(commands, tick.Schedule)]
    return [each for each in due if each.kind == tick.STEP]


def hear(plan: plans.Plan, state: AgentState, text: str = "hi", now: float = 1.0) -> Any:
    return reduce.reduce(plan, state, Tick(tick.MESSAGE, payload={"text": text}), now)


def after(plan: plans.Plan, state: AgentState, name: str, *calls: Call, **more: Any) -> Any:
    outcome = Outcome(tuple(calls), not calls, **more)
    payload = {"outcome": outcome, "open": {}}
    return reduce.reduce(plan, state, Tick(tick.STEPPED, name, payload=payload), 2.0)


SAID = Call("say", "reply", True)
AGAIN = Call("look", "search", True, heartbeat=True)
ASKED = Call("ask", "search", True, heartbeat=True)


def bad(tool: str = "look", arguments: str = "{}") -> Call:
    return Call(tool, "search", False, signature=f"{tool}:{arguments}")


# Turns and runs


def test_a_message_opens_a_turn_logs_its_text_and_makes_its_hearers_due() -> None:
    plan = two_threads()
    state, commands = hear(plan, begun(plan)[0])
    assert [type(each) for each in commands[:2]] == [tick.OpenTurn, tick.Append]
    assert [each.thread for each in steps(commands)] == ["main"]
    assert state.turn == 1


def test_a_turn_closes_when_its_last_foreground_run_ends() -> None:
    plan = two_threads()
    state, _ = hear(plan, begun(plan)[0])
    state, commands = after(plan, state, "main", AGAIN)
    assert not kinds(commands, tick.CloseTurn)
    state, commands = after(plan, state, "main", SAID)
    assert kinds(commands, tick.CloseTurn) == [tick.CloseTurn(1, "done", "")]


def test_a_foreground_thread_that_a_turn_causes_belongs_to_that_turn() -> None:
    plan = two_threads()
    state, _ = hear(plan, begun(plan)[0])
    state, _ = after(plan, state, "main", SAID)
    state, _ = hear(plan, state)
    state, commands = after(plan, state, "main", SAID)
    assert [(each.thread, each.turn) for each in steps(commands)] == [("helper", 2)]
    assert state.turn == 2
    state, commands = after(plan, state, "helper", SAID)
    assert kinds(commands, tick.CloseTurn) == [tick.CloseTurn(2, "done", "")]


def test_a_background_thread_does_not_hold_a_turn_open() -> None:
    plan = two_threads(mode="background")
    state = begun(plan)[0]
    for _ in range(2):
        state, _ = hear(plan, state)
        state, commands = after(plan, state, "main", SAID)
    assert [each.background for each in steps(commands)] == [True]
    assert kinds(commands, tick.CloseTurn)


def test_a_fault_of_the_model_ends_the_turn_as_failed() -> None:
    plan = two_threads()
    state, _ = hear(plan, begun(plan)[0])
    fault = Tick(tick.FAILED, "main", payload={"reason": "429"})
    state, commands = reduce.reduce(plan, state, fault, 2.0)
    assert kinds(commands, tick.CloseTurn) == [tick.CloseTurn(1, "failed", "429")]
    state, commands = hear(plan, state)
    assert steps(commands), "the agent stays usable"


def test_a_turn_of_threads_that_wake_each_other_ends_at_a_bound() -> None:
    ping = helpers.thread(triggers=(helpers.USER, trigger("event", event="pong.turn")))
    pong = helpers.thread("pong", triggers=(trigger("event", event="main.turn"),))
    plan = helpers.plan(ping, pong, tools=helpers.TALK)
    state, commands = hear(plan, begun(plan)[0])
    for _ in range(reduce_runs.MAX_TURN_STEPS + 1):
        due = steps(commands)
        if not due:
            break
        state, commands = after(plan, state, due[0].thread, SAID)
    closed = kinds(commands, tick.CloseTurn)
    assert [each.status for each in closed] == ["failed"]
    assert str(reduce_runs.MAX_TURN_STEPS) in closed[0].reason


def test_steps_outside_of_turns_do_not_use_up_the_steps_of_a_turn() -> None:
    timed = replace(helpers.wait(60.0, mode="foreground"))
    plan = helpers.plan(helpers.thread(triggers=(helpers.USER, timed)), tools=helpers.TALK)
    state = begun(plan)[0]
    due = Tick(tick.TIMER, "main", payload={"trigger": 1})
    for _ in range(reduce_runs.MAX_TURN_STEPS + 5):
        state, commands = reduce.reduce(plan, state, due, 1.0)
        assert steps(commands)
        state, _ = after(plan, state, "main", AGAIN)
        assert state.threads["main"].run, "the run was broken off by a turn that is not open"
        state, _ = after(plan, state, "main", SAID)


# Triggers


def test_every_n_counts_events_and_starts_anew() -> None:
    plan, due = two_threads(), []
    state = begun(plan)[0]
    for _ in range(6):
        state, _ = hear(plan, state)
        state, commands = after(plan, state, "main", SAID)
        due.append(bool(steps(commands)))
        if due[-1]:
            state, _ = after(plan, state, "helper", SAID)
    assert due == [False, True, False, True, False, True]


def test_crosses_fires_on_the_way_up_and_is_armed_again_on_the_way_down() -> None:
    plan, fired = two_threads(mode="background"), []
    state = begun(plan)[0]
    for value in (1, 3, 4, 5, 3, 4):  # over 3: at 3 nothing, at or below it armed again
        measured = Tick(tick.MEASURED, payload={"notes.count": float(value)})
        state, commands = reduce.reduce(plan, state, measured, 1.0)
        fired.append(bool(steps(commands)))
        if fired[-1]:
            state, _ = after(plan, state, "helper", SAID)
    assert fired == [False, False, True, False, False, True]


def test_a_signal_is_a_successful_call_of_a_tool() -> None:
    plan = two_threads(mode="background")
    state, _ = hear(plan, begun(plan)[0])
    failing, _ = after(plan, state, "main", replace(bad("ask"), verb="finish"))
    assert not failing.threads["helper"].run
    state, commands = after(plan, state, "main", Call("ask", "finish", True))
    assert "helper" in [each.thread for each in steps(commands)]


def test_a_note_is_told_at_the_next_step_but_makes_nobody_due() -> None:
    plan = two_threads()
    state, commands = begun(plan)
    ran = Tick(tick.EVENT, payload={"name": "helper.run"})
    state, commands = reduce.reduce(plan, state, ran, 1.0)
    assert commands == [] and not state.threads["main"].run
    state, commands = hear(plan, state)
    assert kinds(commands, tick.Say) == [tick.Say("main", "done", "helper.run")]


def test_a_note_during_a_run_does_not_prolong_it_and_is_not_lost() -> None:
    plan = two_threads()
    state, _ = hear(plan, begun(plan)[0])
    ran = Tick(tick.EVENT, payload={"name": "helper.run"})
    state, _ = reduce.reduce(plan, state, ran, 1.0)
    state, commands = after(plan, state, "main", SAID)
    assert not steps(commands), "a note made its thread due"
    state, commands = hear(plan, state)
    assert kinds(commands, tick.Say) == [tick.Say("main", "done", "helper.run")]


def test_pressure_fires_once_per_period_and_is_armed_again_by_eviction() -> None:
    plan, told = two_threads(), []
    state, _ = hear(plan, begun(plan)[0])
    marks = []
    for name in ("pressure", "evicted", "pressure"):
        event = Tick(tick.EVENT, payload={"name": f"window.{name}", "thread": "main"})
        state, _ = reduce.reduce(plan, state, event, 1.0)
        marks.append("pressure:window" in state.threads["main"].disarmed)
        told.append(len(state.threads["main"].says))
    assert marks == [True, False, True]
    assert told == [1, 1, 2]


# Time


def test_timers_start_when_the_agent_is_first_opened_and_go_on() -> None:
    plan = two_threads()
    state, commands = begun(plan, now=100.0)
    assert [each.tick.due for each in kinds(commands, tick.Schedule)] == [160.0]
    due = Tick(tick.TIMER, "main", payload={"trigger": 2})
    _, commands = reduce.reduce(plan, state, due, 160.0)
    assert [each.tick.due for each in kinds(commands, tick.Schedule)] == [220.0, 160.0]


def test_an_idle_timer_counts_from_the_last_message_and_spares_other_timers() -> None:
    both = (helpers.USER, helpers.wait(60.0), trigger("idle", seconds=30.0, mode="background"))
    plan = helpers.plan(helpers.thread(triggers=both), tools=helpers.TALK)
    _, commands = hear(plan, begun(plan)[0], now=10.0)
    gone = kinds(commands, tick.Cancel)
    assert [(each.kind, each.trigger) for each in gone] == [(tick.TIMER, 2)]
    timers = [s.tick for s in kinds(commands, tick.Schedule) if s.tick.kind == tick.TIMER]
    assert [(each.due, each.payload["trigger"]) for each in timers] == [(40.0, 2)]


def test_a_cron_time_that_never_comes_is_no_endless_loop() -> None:
    never = trigger("at", cron="0 0 30 2 *", mode="background")
    plan = helpers.plan(helpers.thread(triggers=(never,)), tools=helpers.TALK)
    _, commands = begun(plan, now=100.0)
    assert not kinds(commands, tick.Schedule)


def test_pause_heartbeats_silences_timers_until_it_is_over() -> None:
    plan = two_threads()
    state, _ = hear(plan, begun(plan)[0])
    state, _ = after(plan, state, "main", SAID, pause_minutes=5)
    due, runs = Tick(tick.TIMER, "main", payload={"trigger": 2}), []
    for now in (60.0, 300.0, 303.0):  # the pause began at 2.0
        state, commands = reduce.reduce(plan, state, due, now)
        runs.append(bool(steps(commands)))
        assert next(s.tick.due for s in kinds(commands, tick.Schedule)) == now + 60
    assert runs == [False, False, True]


# Busy


def busy_timer(busy: str) -> tuple[AgentState, list[tick.Command], list[tick.Command]]:
    """A timer that falls due in a run: what happens at once, and when the run ends."""
    plan = two_threads(busy)
    state, _ = hear(plan, begun(plan)[0])
    due = Tick(tick.TIMER, "main", payload={"trigger": 2})
    state, now = reduce.reduce(plan, state, due, 60.0)
    state, later = after(plan, state, "main", SAID)
    return state, [c for c in now if not isinstance(c, tick.Schedule)], later


def test_busy_skip_forgets_what_falls_due_in_a_run() -> None:
    state, now, later = busy_timer("skip")
    assert now == [] and not steps(later) and not state.threads["main"].run


def test_busy_coalesce_lets_the_run_go_on_by_one_step_that_knows_why() -> None:
    state, now, later = busy_timer("coalesce")
    assert [each.kind for each in kinds(now, tick.Append)] == ["heartbeat"]
    assert len(steps(later)) == 1 and state.threads["main"].run == 1


def test_busy_queue_begins_a_run_of_its_own_when_this_one_is_over() -> None:
    state, now, later = busy_timer("queue")
    assert now == [] and state.threads["main"].run == 2
    assert [each.background for each in steps(later)] == [True], "background work stays so"
    assert kinds(later, tick.CloseTurn), "and does not hold the user's turn"


def test_a_message_takes_a_background_run_of_its_thread_into_the_foreground() -> None:
    plan = two_threads()
    state, _ = begun(plan)
    due = Tick(tick.TIMER, "main", payload={"trigger": 2})
    state, commands = reduce.reduce(plan, state, due, 60.0)
    assert steps(commands)[0].background
    state, commands = hear(plan, state)
    assert [(each.background, each.turn) for each in steps(commands)] == [(False, 1)]
    assert tick.Cancel("main", tick.STEP) in commands


# Waiting


def test_a_waiting_thread_goes_on_when_the_other_has_finished() -> None:
    plan = two_threads(mode="background")
    state, _ = hear(plan, begun(plan)[0])
    state, _ = after(plan, state, "main", ASKED)
    assert state.threads["helper"].run
    state, commands = after(plan, state, "main", Call("rest", "wait", True), wait_minutes=5)
    assert [(t.kind, t.due) for t in (s.tick for s in kinds(commands, tick.Schedule))] == [
        (tick.WAKE, 302.0)
    ]
    state, commands = after(plan, state, "helper", SAID)
    assert [each.thread for each in steps(commands)] == ["main"]
    assert tick.Cancel("main", tick.WAKE) in commands


def test_a_waiting_thread_goes_on_when_its_time_is_over() -> None:
    plan = two_threads(mode="background")
    state, _ = hear(plan, begun(plan)[0])
    state, _ = after(plan, state, "main", ASKED)
    state, _ = after(plan, state, "main", Call("rest", "wait", True), wait_minutes=5)
    state, commands = reduce.reduce(plan, state, Tick(tick.WAKE, "main"), 302.0)
    assert [each.thread for each in steps(commands)] == ["main"]


def test_waiting_again_and_again_ends_at_max_steps() -> None:
    plan = two_threads()
    state, commands = hear(plan, begun(plan)[0])
    for _ in range(BEAT.max_steps):
        assert steps(commands)
        state, commands = after(plan, state, "main", Call("rest", "wait", True), wait_minutes=1)
    assert kinds(commands, tick.CloseTurn)[0].status == "failed"


# Cursors


def consumed(**ending: Any) -> dict[str, int]:
    """The cursor after a run that froze its range at row 9 and ended in some way."""
    plan = two_threads()
    state, _ = hear(plan, begun(plan)[0])
    frozen = replace(state.threads["main"], upto={"recall": 9, tick.RUN_START: 5})
    state = replace(state, threads={**state.threads, "main": frozen})
    if "reason" in ending:
        fault = Tick(tick.FAILED, "main", payload=ending)
        state, _ = reduce.reduce(plan, state, fault, 2.0)
    else:
        for call in ending["calls"]:
            state, _ = after(plan, state, "main", call)
    assert not state.threads["main"].run and not state.threads["main"].upto
    return dict(state.threads["main"].cursor)


def test_a_cursor_moves_only_when_the_run_has_ended_well() -> None:
    assert consumed(calls=[SAID]) == {"recall": 9}
    assert consumed(calls=[AGAIN, SAID]) == {"recall": 9}
    assert consumed(reason="the provider is down") == {}
    assert consumed(calls=[bad(), bad()]) == {}, "broken off by the same failing call"
    assert consumed(calls=[AGAIN] * BEAT.max_steps) == {}, "broken off by max_steps"


# Every history


@dataclass
class Fate:
    """A world around the reducer that keeps the queue and checks what must always hold."""

    plan: plans.Plan

    def __post_init__(self) -> None:
        self.now, self.state, self.seq = 0.0, AgentState(), 0
        self.queue: list[Tick] = []
        self.open: set[int] = set()
        self.closed: list[int] = []
        self.owed: list[str] = []
        self.log: list[tick.Command] = []
        self.feel(Tick(tick.OPENED, payload={"first": True}))

    def feel(self, event: Tick) -> None:
        before, told = copy.deepcopy(self.state), self.state
        state, commands = reduce.reduce(self.plan, told, event, self.now)
        assert told == before, "the reducer changed what it was given"
        assert (state, commands) == reduce.reduce(self.plan, told, event, self.now)
        self.state = state
        self.log += commands
        for command in commands:
            self.obey(command)
        self.check()

    def obey(self, command: tick.Command) -> None:
        match command:
            case tick.Schedule(due):
                self.seq += 1
                self.queue.append(replace(due, seq=self.seq))
            case tick.Cancel():
                self.queue = [each for each in self.queue if not self.hit(each, command)]
            case tick.OpenTurn():
                assert not self.open, "two turns were open"
                self.open.add(command.turn)
            case tick.CloseTurn():
                self.open.remove(command.turn)
                self.closed.append(command.turn)
            case _:
                pass

    def hit(self, due: Tick, cancel: tick.Cancel) -> bool:
        index = getattr(cancel, "trigger", None)
        same = (due.thread, due.kind) == (cancel.thread, cancel.kind)
        return same and (index is None or due.payload.get("trigger") == index)

    def check(self) -> None:
        for name, thread in self.state.threads.items():
            waiting = [t for t in self.queue if t.thread == name and t.kind == tick.STEP]
            resting = bool(thread.waiting_until) or not thread.run
            assert len(waiting) == (0 if resting else 1), f"{name} would run twice, or never"
            assert all(t.background == thread.background for t in waiting)
        working = any(t.run and not t.background for t in self.state.threads.values())
        assert bool(self.state.turn) == bool(self.open)
        assert not self.open or working, "a turn stays open although nobody works for it"
        timers = [(t.thread, t.payload["trigger"]) for t in self.queue if t.kind == tick.TIMER]
        assert len(timers) == len(set(timers))

    def take(self, foreground: bool, outcome: Outcome | None) -> None:
        """Do the next due tick; a step comes to `outcome`, or fails at the model."""
        due = sorted(self.queue, key=lambda t: (t.background, t.due, t.seq))
        due = [t for t in due if t.due <= self.now and not (foreground and t.background)]
        if not due:
            return
        event = due[0]
        if event.kind != tick.STEP:
            self.queue.remove(event)
            self.feel(event)
            return
        self.queue.remove(event)
        if outcome is None:
            self.feel(Tick(tick.FAILED, event.thread, payload={"reason": "fault"}))
        else:
            payload = {"outcome": outcome, "open": {}}
            self.feel(Tick(tick.STEPPED, event.thread, payload=payload))

    def settle(self) -> None:
        """Let every run come to its end."""
        for _ in range(2000):
            if not any(thread.run for thread in self.state.threads.values()):
                return
            steps = [t for t in self.queue if t.kind in (tick.STEP, tick.WAKE)]
            self.now = max(self.now, min(t.due for t in steps))
            self.take(False, Outcome((SAID,)))
        raise AssertionError("the agent never comes to rest")


CALLS = st.sampled_from(
    [SAID, AGAIN, bad(), bad("other"), Call("ask", "finish", True), Call("look", "search", True)]
)
OUTCOMES = st.one_of(
    st.none(),
    st.builds(
        lambda calls, wait, pause: Outcome(tuple(calls), not calls, pause, wait),
        st.lists(CALLS, max_size=3),
        st.sampled_from([0, 0, 0, 1]),
        st.sampled_from([0, 0, 2]),
    ),
)
HAPPENINGS = st.lists(
    st.one_of(
        st.tuples(st.just("message"), st.none()),
        st.tuples(st.just("observe"), st.none()),
        st.tuples(st.just("pressure"), st.none()),
        st.tuples(st.just("measure"), st.integers(0, 5)),
        st.tuples(st.just("time"), st.integers(1, 90)),
        st.tuples(st.just("foreground"), OUTCOMES),
        st.tuples(st.just("any"), OUTCOMES),
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(
    HAPPENINGS,
    st.sampled_from(["coalesce", "skip", "queue"]),
    st.sampled_from(["foreground", "background"]),
)
def test_whatever_happens_no_thread_runs_twice_and_every_turn_closes(
    happenings: list[Any], busy: str, mode: str
) -> None:
    fate = Fate(two_threads(busy, mode))
    for what, value in happenings:
        if what in ("message", "observe"):
            if not fate.state.turn:  # input waits until the open turn is over
                kind = tick.MESSAGE if what == "message" else tick.OBSERVE
                fate.feel(Tick(kind, payload={"text": "hi"}))
        elif what == "pressure":
            name = {"name": "window.pressure", "thread": "main"}
            fate.feel(Tick(tick.EVENT, payload=name))
        elif what == "measure":
            fate.feel(Tick(tick.MEASURED, payload={"notes.count": float(value)}))
        elif what == "time":
            fate.now += value
        else:
            fate.take(what == "foreground", value)
    fate.settle()
    assert not fate.open and not fate.state.turn
    assert fate.closed == sorted(set(fate.closed))


@settings(max_examples=200, deadline=None)
@given(HAPPENINGS)
def test_coalescing_never_loses_a_say(happenings: list[Any]) -> None:
    """Each `window.pressure` that is reported puts its text into the log exactly once."""
    fate, reported = Fate(two_threads()), 0
    for what, value in happenings:
        if what == "message" and not fate.state.turn:
            fate.feel(Tick(tick.MESSAGE, payload={"text": "hi"}))
        elif what == "pressure":
            reported += 1
            name = {"name": "window.pressure", "thread": "main"}
            fate.feel(Tick(tick.EVENT, payload=name))
        elif what == "time":
            fate.now += value
        elif what in ("any", "foreground"):
            fate.take(what == "foreground", value)
    fate.settle()
    said = [each for each in kinds(fate.log, tick.Say) if each.template == "p"]
    kept = [each for each in fate.state.threads["main"].says if each[0] == "p"]
    assert len(said) + len(kept) == reported


def test_a_template_is_told_which_measure_crossed() -> None:
    crosses = trigger("crosses", measure="notes.count", over=3.0, say="full")
    plan = helpers.plan(helpers.thread(triggers=(helpers.USER, crosses)), tools={"say": ("reply",)})
    state, _ = begun(plan)
    event = Tick(tick.MEASURED, payload={"notes.count": 4.0})
    _, commands = reduce.reduce(plan, state, event, 1.0)
    assert kinds(commands, tick.Say) == [tick.Say("main", "full", "notes.count")]
