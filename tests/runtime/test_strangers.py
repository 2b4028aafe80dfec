"""What a stranger stumbled over, each once."""

from __future__ import annotations

from pathlib import Path

import pytest

import archgraph
from archgraph import api, clock
from archgraph.llm import scripted
from archgraph.storage import journal

RAG = """\
archgraph: 1
name: rag
stores:
  recall: {type: log}
  facts: {type: collection, index: [text]}
threads:
  main:
    model: offline/extractive
    context_window: 8192
    prompt: plain/main.jinja2
    log: recall
    context: [{store: facts, search: {k: 2}}, {store: recall, since: turn}]
    triggers: [user_message]
"""
MONTH = 30 * 86400.0
CALL = scripted.call


def test_a_collection_can_be_searched_into_the_window(tmp_path: Path) -> None:
    file = tmp_path / "rag.yaml"
    file.write_text(RAG)
    gateway = scripted.Scripted(["yes"])
    with archgraph.open_agent(file, gateway=gateway, seed=1) as agent:
        with agent.db.transaction():
            for text in ("Bruno is a dog", "Ana lives in Oslo", "the sea is blue"):
                agent.stores["facts"].add(text)
        agent.world.take_events()
        agent.send("Where does Ana live?")
    assert "Ana lives in Oslo" in gateway.requests[0].messages[0]["content"]
    assert "the sea is blue" not in gateway.requests[0].messages[0]["content"]


def test_observing_fires_no_timers() -> None:
    gateway = scripted.Scripted([])
    rows = [api.Row("one", at=0.0, key="1"), api.Row("two", at=MONTH, key="2")]
    with archgraph.open_agent(
        "memgpt", gateway=gateway, clock=clock.VirtualClock(), seed=1
    ) as agent:
        assert api.feed(agent, rows, mode="observe") == 2
        assert agent.db.now() == MONTH
    assert gateway.requests == []


def test_with_nothing_to_do_the_policy_rests_as_long_as_it_may() -> None:
    with archgraph.open_agent("memgpt", clock=clock.VirtualClock(), seed=1) as agent:
        agent.send("Hello")
        agent.advance_to(86400.0)
        steps = journal.steps(agent.db, "turn IS NULL")
        paused = journal.events(agent.db, "name = 'heartbeat.paused'")
    assert 3 <= len(steps) <= 6
    assert len(paused) >= 40


@pytest.mark.parametrize("minutes", [0, -5])
def test_a_pause_of_no_time_is_refused(minutes: int) -> None:
    pause = CALL("pause_heartbeats", inner_thoughts="", minutes=minutes)
    reply = CALL("send_message", inner_thoughts="", message="ok")
    with archgraph.open_agent("memgpt", gateway=scripted.Scripted([pause, reply]), seed=1) as agent:
        assert agent.send("hi").reply == "ok"
        assert [call.ok for call in journal.calls(agent.db, 1)] == [False]


def test_blame_tells_when_a_line_was_written() -> None:
    append = CALL("core_memory_append", inner_thoughts="", name="human", content="likes tea",
                  request_heartbeat=False)  # fmt: skip
    virtual = clock.VirtualClock(1000.0)
    gateway = scripted.Scripted([append])
    with archgraph.open_agent(
        "memgpt", overrides=["timer=400d"], gateway=gateway, clock=virtual, seed=1
    ) as agent:
        agent.advance_to(5000.0)
        agent.send("I like tea")
        found = {each.line: each.at for each in api.blame(agent, "human")}
    assert found["likes tea"] == 5000.0


def test_a_fault_while_the_window_is_made_ends_the_run_and_not_the_agent() -> None:
    with archgraph.open_agent("memgpt", seed=1) as agent:
        human = agent.stores["human"]
        kept, human.render = human.render, None  # type: ignore[assignment]
        turn = agent.send("hello")
        assert turn.status == "failed"
        assert "window cannot be made" in turn.reason
        human.render = kept  # type: ignore[method-assign]
        assert agent.send("hello again").status == "done"
