"""Clocks and timers on a living agent; observing; order of ticks; chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archgraph import clock, errors
from archgraph.graph import plan as plans
from archgraph.runtime import agent as agents
from archgraph.runtime import cron
from archgraph.storage import database, journal
from tests import helpers
from tests.helpers import START, Answers, Script, call

TOOLS = {"say": ("reply",), "pause": ("pause_heartbeats",), "note": ("append", "human")}
HUMAN = {"human": {"type": "block"}}


def made(*triggers: plans.TriggerPlan, **changes: Any) -> plans.Plan:
    main = helpers.thread(triggers=(helpers.USER, *triggers), **changes)
    return helpers.plan(main, stores=HUMAN, tools=TOOLS, prompts={"why": "Because of {{ event }}."})


def says() -> Answers:
    return Answers(lambda request: call("say", message="hi"))


def times(agent: agents.Agent) -> list[float]:
    """When steps were taken, in seconds since the start."""
    return [row.at - START for row in journal.steps(agent.db)]


# Clocks


def test_a_virtual_clock_moves_only_when_it_is_told_and_timers_fire_in_between() -> None:
    gateway = says()
    agent = helpers.opened(made(helpers.wait(60.0)), gateway)
    agent.send("hello")
    agent.work()
    assert times(agent) == [0.0]
    agent.advance_to(START + 200)
    assert times(agent) == [0.0, 60.0, 120.0, 180.0], "each at its own time"
    assert agent.db.now() == START + 200
    assert helpers.sent(gateway.requests[-1], "user")[-1] == "Automated timer"


def test_time_never_runs_backwards() -> None:
    agent = helpers.opened(made(helpers.wait(60.0)), says())
    agent.advance_to(START + 100)
    agent.advance_to(START)
    assert agent.db.now() == START + 100 and times(agent) == [60.0]


def test_the_wall_clock_fires_what_is_overdue_once_and_starts_anew(tmp_path: Path) -> None:
    agent = helpers.opened(made(helpers.wait(60.0)), says(), tmp_path / "a.db", wall=True)
    began = agent.db.now()
    agent.advance_to(began + 1000)
    assert not journal.steps(agent.db), "nobody can move the wall clock"
    agent.close()

    class Later(clock.WallClock):
        def now(self) -> float:
            return super().now() + 1000

    again = helpers.reopened(tmp_path / "a.db", says(), clock=Later())
    again.work()
    assert len(journal.steps(again.db)) == 1, "not once per missed interval"
    assert again.db.value("SELECT min(due) FROM tick WHERE died IS NULL") >= began + 1060


def test_a_reopened_agent_knows_its_virtual_time(tmp_path: Path) -> None:
    agent = helpers.opened(made(helpers.wait(60.0)), says(), tmp_path / "a.db")
    agent.advance_to(START + 90)
    agent.send("hello")
    agent.close()
    again = helpers.reopened(tmp_path / "a.db", says())
    assert again.db.clock.virtual and again.db.now() == START + 90
    again.advance_to(START + 120)
    assert times(again) == [60.0, 90.0, 120.0]


# Timers


def test_pause_heartbeats_really_pauses_and_the_pause_ends() -> None:
    pause = call("pause", minutes=5, request_heartbeat=False)
    gateway = Script(pause, *[call("say", message="x")] * 3)
    agent = helpers.opened(made(helpers.wait(120.0)), gateway)
    agent.send("leave me alone for a while")
    agent.advance_to(START + 600)
    assert times(agent) == [0.0, 360.0, 480.0, 600.0]
    silent = journal.events(agent.db, "name = 'heartbeat.paused'")
    assert [event.at - START for event in silent] == [120.0, 240.0]


def test_a_message_is_answered_during_a_pause() -> None:
    pause = call("pause", minutes=60, request_heartbeat=False)
    agent = helpers.opened(made(helpers.wait(60.0)), Script(pause, call("say", message="yes")))
    agent.send("pause")
    agent.advance_to(START + 120)
    assert agent.send("hello").replies == ("yes",)


def test_a_pause_is_at_most_six_hours() -> None:
    pause = call("pause", minutes=10_000, request_heartbeat=False)
    agent = helpers.opened(
        made(helpers.wait(3600.0)), Script(pause, *[call("say", message="x")] * 9)
    )
    agent.send("pause")
    agent.advance_to(START + 8 * 3600)
    assert times(agent) == [0.0, 6 * 3600.0, 7 * 3600.0, 8 * 3600.0]
    (row,) = journal.calls(agent.db, 1)
    assert "360 minutes" in row.result


def test_idle_fires_once_when_nobody_has_written_for_so_long() -> None:
    idle = plans.TriggerPlan("idle", seconds=300.0, mode="background")
    agent = helpers.opened(made(idle, helpers.wait(1000.0)), says())
    agent.send("a")
    agent.advance_to(START + 200)
    agent.send("b")
    agent.advance_to(START + 1900)
    assert times(agent) == [0.0, 200.0, 500.0, 1000.0], "and other timers live on"


def test_cron_fires_at_its_times_of_the_agents_clock() -> None:
    at = plans.TriggerPlan("at", cron="30 6 * * *", mode="background")
    agent = helpers.opened(made(at), says())
    agent.advance_to(START + 2 * 86400)
    fired = [clock.stamp(START + each)[:16] for each in times(agent)]
    assert fired == ["2023-11-15 06:30", "2023-11-16 06:30"]


@pytest.mark.parametrize(
    ("text", "start", "expected"),
    [
        ("*/15 * * * *", "2024-01-01 00:00", "2024-01-01 00:15"),
        ("0 9 * * 1-5", "2024-01-05 09:00", "2024-01-08 09:00"),
        ("0 0 29 2 *", "2024-03-01 00:00", "2028-02-29 00:00"),
        ("0 12 13 * 5", "2024-01-01 00:00", "2024-01-05 12:00"),  # crontab(5): day or weekday
        ("5 4 * * 7", "2024-01-01 00:00", "2024-01-07 04:05"),
        ("0 0 31 12 *", "2024-12-31 00:00", "2025-12-31 00:00"),
        ("10-20/5 1 * * *", "2024-01-01 01:10", "2024-01-01 01:15"),
    ],
)
def test_cron_times_are_those_of_crontab(text: str, start: str, expected: str) -> None:
    found = cron.following(text, clock.parse_moment(start))
    assert found == clock.parse_moment(expected)


def test_an_impossible_cron_time_never_comes() -> None:
    assert cron.following("0 0 30 2 *", START) == 0.0


@pytest.mark.parametrize(
    "text", ["", "* * * *", "60 * * * *", "x * * * *", "5-1 * * * *", "*/0 * * * *"]
)
def test_a_wrong_cron_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"cron|minute"):
        cron.parse(text)


@pytest.mark.parametrize(
    ("busy", "runs"), [("skip", [1, 1]), ("coalesce", [1, 1, 1]), ("queue", [1, 1, 2])]
)
def test_a_timer_that_falls_due_while_its_thread_is_busy_follows_busy(
    busy: str, runs: list[int]
) -> None:
    def slow(request: Any) -> Any:
        agent.db.clock.sleep(40)  # the second timer falls due in this step of the first
        return call("note", content="x", request_heartbeat=True)

    gateway = Script(slow, *[call("say", message="hi")] * 2)
    agent = helpers.opened(made(helpers.wait(60.0), helpers.wait(90.0, busy=busy)), gateway)
    agent.advance_to(START + 110)
    assert [row.run for row in journal.steps(agent.db)] == runs


def test_a_timer_that_falls_due_in_a_turn_waits_for_its_end() -> None:
    def slow(request: Any) -> Any:
        agent.db.clock.sleep(90)
        return call("note", content="x", request_heartbeat=True)

    gateway = Script(slow, *[call("say", message="hi")] * 2)
    agent = helpers.opened(made(helpers.wait(60.0)), gateway)
    assert agent.send("hello").steps == 2
    agent.work()
    assert [(row.run, row.turn) for row in journal.steps(agent.db)] == [(1, 1), (1, 1), (2, None)]


def test_input_that_arrives_in_a_turn_waits_until_the_turn_is_over() -> None:
    def interrupted(request: Any) -> Any:
        agent._scheduler.accept("message", {"text": "second"})
        return call("note", content="x", request_heartbeat=True)

    gateway = Script(interrupted, *[call("say", message="hi")] * 2)
    agent = helpers.opened(made(), gateway)
    agent.send("first")
    heard = [helpers.sent(request, "user") for request in gateway.requests]
    assert heard == [["first"], ["first"], ["first", "second"]]
    assert [(row.turn, row.run) for row in journal.steps(agent.db)] == [(1, 1), (1, 1), (2, 2)]


def test_two_timers_that_fall_due_together_are_one_run() -> None:
    gateway = Script(*[call("say", message="x")] * 2)
    agent = helpers.opened(made(helpers.wait(60.0), helpers.wait(60.0)), gateway)
    agent.advance_to(START + 60)
    assert [row.run for row in journal.steps(agent.db)] == [1, 1], "coalesced into one run"
    assert helpers.sent(gateway.requests[-1], "user") == ["Automated timer"] * 2


# Order


def test_among_due_ticks_foreground_is_first_then_due_time_then_sequence() -> None:
    order: list[str] = []

    def told(request: Any) -> Any:
        order.append(helpers.system(request))
        return call("say", message="x")

    def head(name: str, *triggers: plans.TriggerPlan) -> plans.ThreadPlan:
        return helpers.thread(name, prompt=name, triggers=triggers)

    plan = helpers.plan(
        head("late", helpers.wait(50.0, mode="background")),
        head("early", helpers.wait(40.0, mode="background")),
        head("same", helpers.wait(40.0, mode="background")),
        head("front", helpers.wait(60.0, mode="foreground")),
        tools={"say": ("reply",)},
        prompts={name: name for name in ("late", "early", "same", "front")},
    )
    gateway = Answers(told)
    agent = helpers.opened(plan, gateway)
    agent.db.clock.sleep(60)  # all of them fall due at once, as after a long absence
    agent.work()
    assert order == ["front", "early", "same", "late"]


# Events and notes


def test_crosses_is_edge_triggered_and_armed_again() -> None:
    crosses = plans.TriggerPlan(
        "crosses", measure="human.chars", over=5.0, say="why", mode="background"
    )
    gateway = Script(*[call("say", message="x")] * 9)
    agent = helpers.opened(made(crosses), gateway)
    human: Any = agent.stores["human"]
    counts = []
    for text in ("abc", "abcdef", "abcdefgh", "ab", "abcdefg"):
        gateway.items.insert(0, lambda r, t=text: (human.put(t), call("say", message="x"))[1])
        gateway.db = None
        with agent._scheduler.commit():
            human.put(text)
            agent._scheduler._reduce_all(agent._scheduler._caused())
        del gateway.items[0]
        agent.work()
        counts.append(len(journal.steps(agent.db)))
    assert counts == [0, 1, 1, 1, 2]


def test_a_say_template_is_put_into_the_log_when_its_trigger_fires() -> None:
    gateway = says()
    opened = plans.TriggerPlan("event", event="agent.opened", say="why", mode="note")
    agent = helpers.opened(made(opened), gateway)
    assert not gateway.requests, "a note makes nobody due"
    agent.send("hello")
    heard = [m["content"] for m in gateway.requests[0].messages[1:]]
    assert '"type": "login"' in heard[0] and "Because of" in heard[0]
    assert '"type": "user_message"' in heard[1]


# Observe and converse


def test_observe_appends_to_the_log_and_fires_event_triggers_only() -> None:
    every = plans.TriggerPlan("every", event="recall.write", count=2, mode="background")
    aside = helpers.thread("aside", log="diary", context=(), triggers=(every,))
    diary = {"diary": {"type": "log", "index": ["text"]}}
    plan = helpers.plan(helpers.thread(), aside, stores=diary, tools={"say": ("reply",)})
    agent = helpers.opened(plan, says())
    agent.observe("one", name="Ana", at=START - 5)
    agent.work()
    assert not journal.steps(agent.db), "a message that is overheard is not answered"
    agent.observe("two", name="Ben", role="assistant")
    agent.work()
    assert len(journal.steps(agent.db)) == 1
    assert agent.db.value("SELECT count(*) FROM turn") == 0
    rows = agent.db.all("SELECT content, created, json_extract(fields, '$.kind') FROM record"
                        " WHERE store = 'recall' ORDER BY seq LIMIT 2")  # fmt: skip
    assert rows == [("one", START - 5, "user"), ("two", START, "assistant")]


# Chance


def test_ids_depend_on_seed_commit_and_ordinal_alone(tmp_path: Path) -> None:
    def lived(path: Any, seed: int = 7) -> dict[str, list[str]]:
        gateway = Script(
            *[call("note", content="x", request_heartbeat=True), call("say", message="y")] * 2
        )
        setup = agents.Setup(clock=clock.VirtualClock(START), gateway=gateway)
        agent = agents.create(made(helpers.wait(60.0)), str(path), seed=seed, setup=setup)
        agent.send("hello")
        agent.send("again")
        found = database.dump(agent.db)
        agent.close()
        return found

    first, second, other = lived(":memory:"), lived(tmp_path / "b.db"), lived(":memory:", 8)
    assert first == second
    assert first["record"] != other["record"]
    assert [r for r in first["step"]] == [r for r in other["step"]]


def test_an_input_clock_that_lies_ahead_of_the_file_is_taken(tmp_path: Path) -> None:
    agent = helpers.opened(made(helpers.wait(60.0)), says(), tmp_path / "a.db")
    agent.close()
    again = helpers.reopened(tmp_path / "a.db", says(), clock=clock.VirtualClock(START + 500))
    again.work()
    assert times(again) == [500.0]


def test_a_fault_in_the_background_is_journalled_and_disturbs_no_turn() -> None:
    def down(request: Any) -> Any:
        raise errors.GatewayFault("down")

    agent = helpers.opened(made(helpers.wait(60.0)), Script(down, call("say", message="hi")))
    agent.advance_to(START + 60)
    (event,) = journal.events(agent.db, "name = 'run.failed'")
    assert event.payload == {"thread": "main", "reason": "down"}
    assert agent.send("hello").status == "done"
