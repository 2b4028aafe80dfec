"""What stands beside a trigger: `where`, `say: false`, `since: last_run`, and cases that end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from archgraph import errors
from archgraph.graph import plan as plans
from archgraph.llm import base as llm
from archgraph.runtime import agent as agents
from archgraph.storage import journal
from tests import helpers
from tests.helpers import Script, call

SAID = call("say", message="hi")
BEAT = plans.HeartbeatPlan(when=("failed",), max_steps=4)


def pair(trigger: plans.TriggerPlan, **of_main: Any) -> plans.Plan:
    """A thread that talks and stores, and one that waits for something."""
    main = helpers.thread(tools=("say", "store"), heartbeat=BEAT, **of_main)
    helper = helpers.thread(
        "helper", log="diary", context=(), triggers=(trigger,), tools=("say", "store"),
        heartbeat=BEAT,
    )  # fmt: skip
    return helpers.plan(
        main, helper,
        stores={"diary": {"type": "log"}, "facts": {"type": "collection", "index": ["text"]}},
        tools={"say": ("reply",), "store": ("insert", "facts")},
    )  # fmt: skip


def event(name: str, **more: Any) -> plans.TriggerPlan:
    return plans.TriggerPlan("event", event=name, **more)


def runs(agent: agents.Agent, name: str = "helper") -> int:
    return agent.state.threads[name].runs


def store(text: str) -> Any:
    return call("store", content=text)


def test_where_filters_a_logs_writes_by_kind_and_thread() -> None:
    for where, fires in (
        ({"kind": ("user",)}, 1),
        ({"kind": ("user", "assistant")}, 1),
        ({"kind": ("alert",)}, 0),
        ({"thread": ("main",), "kind": ("assistant",)}, 1),
        ({"thread": ("helper",)}, 0),
        ({"nothing": ("x",)}, 0),
    ):
        made = pair(event("recall.write", where=where, mode="background"))
        agent = helpers.opened(made, Script(SAID, *[SAID] * 3))
        agent.send("hello")
        assert (runs(agent) > 0) == bool(fires), where


def test_where_counts_only_what_it_lets_through() -> None:
    trigger = plans.TriggerPlan(
        "every", event="recall.write", count=2, where={"kind": ("user",)}, mode="background"
    )
    agent = helpers.opened(pair(trigger), Script(SAID, SAID, SAID))
    agent.send("one")
    assert runs(agent) == 0
    agent.send("two")
    assert runs(agent) == 1


def test_a_collections_write_carries_verb_writer_and_the_records_fields() -> None:
    where = {"verb": ("insert",), "topic": ("boats",)}
    made = pair(event("facts.write", where=where, mode="background"))
    agent = helpers.opened(made, Script(store("a"), SAID))
    agent.send("store this")
    assert runs(agent) == 0
    with agent._scheduler.commit():
        agent.stores["facts"].add("b", fields={"topic": "boats"})  # type: ignore[attr-defined]
        agent._scheduler._reduce_all(agent._scheduler._caused())
    assert runs(agent) == 1


def test_say_false_puts_nothing_into_the_log() -> None:
    for quiet in (True, False):
        agent = helpers.opened(pair(event("main.turn", quiet=quiet)), Script(SAID, SAID))
        agent.send("hello")
        kinds = [r.fields["kind"] for r in agent.stores["diary"].records.select()]
        assert ("heartbeat" in kinds) != quiet


def test_a_thread_goes_on_after_another_within_the_turn() -> None:
    """First one works, then another talks: both in the turn that the message opened."""
    made = pair(helpers.USER)
    main = replace(made.threads["main"], triggers=(event("helper.turn", quiet=True),))
    helper = replace(made.threads["helper"], log="recall", tools=("store",))
    made = replace(made, threads={"main": main, "helper": helper})
    gateway = Script(store("a fact"), SAID)
    agent = helpers.opened(made, gateway)
    turn = agent.send("hello")
    assert turn.replies == ("hi",) and turn.status == "done"
    rows = journal.steps(agent.db)
    assert [(row.thread, row.turn) for row in rows] == [("helper", 1), ("main", 1)]
    assert helpers.sent(gateway.requests[1], "user") == ["hello"]  # it sees the user, and no alert


def test_a_failed_thread_does_not_let_the_next_one_go_on() -> None:
    made = pair(event("main.turn", quiet=True))

    def gone(request: llm.Request) -> Any:
        raise errors.GatewayError("no such model")

    agent = helpers.opened(made, Script(gone))
    assert agent.send("hello").status == "failed" and runs(agent) == 0


# since: last_run


def rising(over: float = 1.0) -> plans.Plan:
    """The helper is due when more than `over` facts have come since its last run."""
    trigger = plans.TriggerPlan(
        "crosses", measure="facts.count", over=over, since="last_run", mode="background"
    )
    return pair(trigger)


def test_the_rise_since_the_last_run_counts_again_and_again() -> None:
    agent = helpers.opened(rising(), Script())
    fired = []
    for number in range(7):
        agent.setup.gateway.then(store(f"fact {number}"))  # type: ignore[union-attr]
        agent.send("keep this")
        if runs(agent) > len(fired):
            fired.append(number)
            agent.setup.gateway.then(SAID)  # type: ignore[union-attr]
        agent.work()
    assert fired == [1, 3, 5]


def test_what_a_thread_writes_itself_does_not_count() -> None:
    gateway = Script(store("1"), store("2"))
    agent = helpers.opened(rising(), gateway)
    agent.send("keep")
    agent.send("keep")
    gateway.then([store("of the helper"), store("another"), store("a third")])
    agent.work()
    assert runs(agent) == 1 and agent.state.threads["helper"].base == {"facts.count": 5.0}
    gateway.then(store("3"))
    agent.send("keep")
    agent.work()
    assert runs(agent) == 1  # the rise is 1


def test_the_base_survives_a_restart_and_a_fork(tmp_path: Path) -> None:
    place, gateway = tmp_path / "agent.db", Script(store("1"), store("2"), SAID)
    agent = helpers.opened(rising(), gateway, place)
    agent.send("keep")
    agent.send("keep")
    agent.work()
    agent.close()
    again = helpers.reopened(place, gateway)
    assert again.state.threads["helper"].base == {"facts.count": 2.0}
    forked = again.fork(str(tmp_path / "fork.db"))
    replaced = again.fork(str(tmp_path / "other.db"), plan=rising(2.0))
    for each in (again, forked, replaced):
        gateway.then(store("3"))
        each.send("keep")
        each.work()
        assert each.state.threads["helper"].run == 0  # 1 more, not 3


def test_a_failed_run_is_tried_again_at_a_higher_value_and_not_at_once() -> None:
    def gone(request: llm.Request) -> Any:
        raise errors.GatewayError("no such model")

    gateway = Script(store("1"), store("2"), gone)
    agent = helpers.opened(rising(), gateway)
    agent.send("keep")
    agent.send("keep")
    agent.work()
    assert runs(agent) == 1 and agent.state.threads["helper"].base == {"tried:facts.count": 2.0}
    gateway.then(store("3"), SAID)
    agent.send("keep")
    agent.work()
    assert runs(agent) == 2 and agent.state.threads["helper"].base == {"facts.count": 3.0}


# Cases


def test_a_case_that_ends_fires_with_its_outcome_and_its_text() -> None:
    trigger = event("agent.case_end", where={"passed": (False,)}, quiet=True, mode="background")
    agent = helpers.opened(pair(trigger), Script(SAID))
    agent.end_case("Right.", {"passed": True})
    agent.work()
    assert runs(agent) == 0
    agent.end_case("Wrong: it was 7.", {"passed": False})
    agent.work()
    assert runs(agent) == 1
    kept = [(r.fields["kind"], r.content) for r in agent.stores["recall"].records.select()]
    assert kept == [("alert", "Right."), ("alert", "Wrong: it was 7.")]


def test_agent_message_tells_who_spoke() -> None:
    trigger = event("agent.message", where={"role": ("assistant",)}, mode="background")
    agent = helpers.opened(pair(trigger), Script(SAID))
    agent.observe("I am Ana", name="Ana")
    assert runs(agent) == 0
    agent.observe("Hello Ana", role="assistant")
    assert runs(agent) == 1
