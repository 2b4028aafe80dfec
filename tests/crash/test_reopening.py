"""Reopening after a death: the agent goes on as if nothing had happened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archgraph import clock
from archgraph.graph import plan as plans
from archgraph.runtime import agent as agents
from archgraph.storage import database
from tests import helpers

COUNTING = "You are {{ thread }}. Messages: {{ counts.recall }}. {{ facts }}"
LOGIN = plans.TriggerPlan("event", event="agent.opened", say="login", mode="note")


def counting(*triggers: plans.TriggerPlan, **changes: Any) -> plans.Plan:
    """An agent whose prompt counts its messages and shows a block."""
    context = (plans.ContextItem("facts"), plans.ContextItem("recall"))
    main = helpers.thread(triggers=(helpers.USER, *triggers), context=context, **changes)
    return helpers.plan(
        main,
        stores={"facts": {"type": "block", "limit": 500}},
        tools={"say": ("reply",), "note": ("append", "facts")},
        prompts={"main": COUNTING, "login": "The user came at {{ now }}."},
    )


def answers() -> helpers.Answers:
    """Writes a note on every third message, otherwise only replies."""

    def rule(request: Any) -> Any:
        asked = helpers.sent(request, "user")[-1]
        if "note" in asked and request.messages[-1]["role"] == "user":
            return helpers.call("note", content=asked, request_heartbeat=True)
        return helpers.call("say", message=f"heard {asked}")

    return helpers.Answers(rule)


TEXTS = ["one", "two", "note three", "four", "five", "note six", "seven"]


def told(path: Path, made: plans.Plan, *, dying: bool) -> tuple[dict[str, list[str]], list[str]]:
    """The file after all texts, and the system prompts that were sent."""
    gateway = answers()
    agent = helpers.opened(made, gateway, path)
    for number, text in enumerate(TEXTS):
        agent.send(text, at=helpers.START + number, key=text)
        if dying:
            helpers.die(agent)
            agent = helpers.reopened(path, gateway)
    agent.close()
    closed = database.open_file(str(path), readonly=True)
    return database.dump(closed), [helpers.system(request) for request in gateway.requests]


def test_deaths_between_turns_leave_no_trace(tmp_path: Path) -> None:
    whole = told(tmp_path / "whole.db", counting(LOGIN), dying=False)
    killed = told(tmp_path / "killed.db", counting(LOGIN), dying=True)
    assert killed[1] == whole[1]
    for table, rows in whole[0].items():
        assert killed[0][table] == rows, table


def test_a_prompt_is_not_rendered_again_because_of_a_death(tmp_path: Path) -> None:
    """`counts` are as of the last rendering, also in the next process."""
    _, prompts = told(tmp_path / "killed.db", counting(), dying=True)
    assert len(set(prompts)) == 3, "one at first, one for each note"


def test_looking_at_the_next_window_changes_nothing(tmp_path: Path) -> None:
    gateway = answers()
    agent = helpers.opened(counting(), gateway, tmp_path / "a.db")
    agent.send("one")
    agent.send("note three")
    looked = agent.next_window("main")[0]["content"]
    agent.send("four")
    agent.next_window("main")
    agent.send("five")
    assert helpers.system(gateway.requests[-1]) == helpers.system(gateway.requests[-2])
    assert looked != helpers.system(gateway.requests[0])


def test_a_death_is_known_without_the_lock_file(tmp_path: Path) -> None:
    """The lock file may be gone, or empty: its holder died as it became the writer."""
    path = tmp_path / "a.db"
    agent = helpers.opened(counting(LOGIN), answers(), path)
    helpers.die(agent)
    for mend in (lambda lock: lock.unlink(), lambda lock: lock.write_bytes(b"")):
        mend(tmp_path / "a.db-lock")
        agent = helpers.reopened(path, answers())
        assert agent.db.version == 2, "opening after a death is no commit"
        helpers.die(agent)


def test_a_death_while_opening_is_a_death_before(tmp_path: Path) -> None:
    """Who died before the opening was written had not opened the file."""
    path = tmp_path / "a.db"
    helpers.opened(counting(LOGIN), answers(), path).close()
    db = database.open_file(str(path))
    db.connection.close()
    db._lock.release()
    agent = helpers.reopened(path, answers())
    assert agent.db.version == 3
    agent.send("one")
    assert len(logins(agent)) == 2, "one for making the agent, one for opening it"


def test_a_clean_opening_is_told_and_a_death_is_not(tmp_path: Path) -> None:
    gateway, path = answers(), tmp_path / "a.db"
    agent = helpers.opened(counting(LOGIN), gateway, path)
    agent.send("one")
    helpers.die(agent)
    agent = helpers.reopened(path, gateway)
    agent.send("two")
    assert len(logins(agent)) == 1
    agent.close()
    agent = helpers.reopened(path, gateway)
    agent.send("four")
    assert len(logins(agent)) == 2


def logins(agent: agents.Agent) -> list[Any]:
    return agent.db.all("SELECT seq FROM record WHERE json_extract(fields, '$.kind') = 'login'")


def test_a_virtual_clock_goes_on_from_the_file(tmp_path: Path) -> None:
    gateway, path = answers(), tmp_path / "a.db"
    agent = helpers.opened(counting(), gateway, path)
    agent.advance_to(helpers.START + 500)
    agent.send("one")
    helpers.die(agent)
    earlier = clock.VirtualClock(helpers.START)
    agent = helpers.reopened(path, gateway, clock=earlier)
    assert earlier.now() == helpers.START + 500, "a clock that was given never runs backwards"


def test_pressure_within_a_background_step_leaves_one_step_waiting(tmp_path: Path) -> None:
    """A warning that takes a run into the foreground replaces its step, it does not add one."""
    pressure = plans.TriggerPlan("event", event="window.pressure", say="login")
    main = helpers.thread(
        triggers=(helpers.USER, pressure, helpers.wait(60)),
        context=(plans.ContextItem("window"),), context_window=600,
    )  # fmt: skip
    made = helpers.plan(
        main, stores={"window": {"type": "queue", "over": "recall", "warn_at": 0.4}},
        tools=helpers.TALK, prompts={"login": "It is getting full."},
    )  # fmt: skip
    waiting: list[int] = []

    def rule(request: Any) -> Any:
        sql = "SELECT count(*) FROM tick WHERE kind = 'step' AND died IS NULL"
        waiting.append(gateway.db.value(sql))
        return helpers.call("say", message="word " * 40)

    gateway = helpers.Answers(rule)
    agent = helpers.opened(made, gateway, tmp_path / "a.db")
    agent.send("one")
    for minute in range(1, 4):
        agent.advance_to(helpers.START + 60 * minute)
    assert agent.db.value("SELECT count(*) FROM event WHERE name = 'window.pressure'") >= 1
    assert set(waiting) == {1}
