"""Threads that ask and signal each other: who waits, who hears, and what a death leaves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archgraph import errors
from archgraph.graph import plan as plans
from archgraph.llm import base as llm
from archgraph.runtime import agent as agents
from archgraph.runtime import tick
from archgraph.storage import journal
from tests import helpers
from tests.helpers import Answers, Death, call

BEAT = plans.HeartbeatPlan(when=("requested", "failed"), max_steps=6)
ASK = call("ask", message="How deep is it?", request_heartbeat=False)
SAID = call("say", message="40 metres")
DONE = call("say", message="It is 40 metres deep.")
SIGNAL = call("signal", message="look at this", request_heartbeat=False)


def three(within: float = 0.0, mode: str = "", **of_main: Any) -> plans.Plan:
    """A thread that talks, an expert that it asks or signals, and one that may ask back."""
    every = {"diary": {"type": "log"}, "notes": {"type": "log"}}
    tools = {"say": ("reply",), "ask": ("ask",), "signal": ("signal",), "rest": ("wait",)}
    main = helpers.thread(tools=("say", "ask", "signal", "rest"), heartbeat=BEAT, **of_main)
    expert = helpers.thread(
        "expert", log="diary", context=(), triggers=(), tools=("say",), heartbeat=BEAT
    )
    other = helpers.thread(
        "other", log="notes", context=(), tools=("say", "ask"), heartbeat=BEAT,
        triggers=(plans.TriggerPlan("signal", event="rest"),),
    )  # fmt: skip
    made = helpers.plan(main, expert, other, stores=every, tools=tools)
    calls = {
        "ask": replace(made.tools["ask"], threads=("expert",), within=within),
        "signal": replace(made.tools["signal"], threads=("expert",), mode=mode),
    }
    return replace(made, tools={**made.tools, **calls})


def by_thread(**answers: list[Any]) -> Answers:
    """Answers of each thread in its own order, whatever the order of the steps."""

    def answer(request: llm.Request) -> Any:
        name = helpers.system(request).removeprefix("You are ").rstrip(".")
        assert answers.get(name), f"{name} has nothing left to answer"
        item = answers[name].pop(0)
        return item(request) if callable(item) else item

    return Answers(answer)


def steps(agent: agents.Agent) -> list[str]:
    return [row.thread for row in journal.steps(agent.db) if row.kind == "step"]


def test_the_asker_goes_on_with_the_answer_which_the_user_does_not_hear() -> None:
    gateway = by_thread(main=[ASK, DONE], expert=[SAID])
    agent = helpers.opened(three(), gateway)
    turn = agent.send("How deep is the lake?")
    assert turn.replies == ("It is 40 metres deep.",)
    assert steps(agent) == ["main", "expert", "main"]
    asked, last = gateway.requests[1], gateway.requests[2]
    assert "How deep is it?" in asked.messages[-1]["content"]
    assert '"name": "main"' in asked.messages[-1]["content"]
    assert helpers.text_of(last.messages[-1]) == "expert answers: 40 metres"
    assert agent.state.threads["expert"].question == ("", "")


def test_plain_text_is_an_answer_too_and_silence_is_told() -> None:
    quiet = replace(three(), threads={
        **three().threads, "expert": replace(three().threads["expert"], tools=()),
    })  # fmt: skip
    gateway = by_thread(main=[ASK, DONE], expert=["40, I think"])
    agent = helpers.opened(quiet, gateway)
    agent.send("How deep?")
    assert helpers.text_of(gateway.requests[-1].messages[-1]) == "expert answers: 40, I think"
    gateway = by_thread(main=[ASK, DONE], expert=[""])
    agent = helpers.opened(quiet, gateway)
    agent.send("How deep?")
    assert "(no answer: expert ended without one)" in helpers.sent(gateway.requests[-1])[-1]


def test_a_failing_expert_fails_neither_asker_nor_turn() -> None:
    def gone(request: llm.Request) -> Any:
        raise errors.GatewayError("no such model")

    gateway = by_thread(main=[ASK, DONE], expert=[gone])
    agent = helpers.opened(three(), gateway)
    turn = agent.send("How deep?")
    assert turn.status == "done" and turn.replies == ("It is 40 metres deep.",)
    assert "(no answer: no such model)" in helpers.sent(gateway.requests[-1])[-1]


def test_two_questions_in_one_step_are_answered_one_by_one() -> None:
    gateway = by_thread(main=[[ASK, ASK], DONE], expert=[SAID, call("say", message="cold")])
    agent = helpers.opened(three(), gateway)
    agent.send("How deep and how warm?")
    assert steps(agent) == ["main", "expert", "expert", "main"]
    told = helpers.sent(gateway.requests[-1])
    assert told[-2:] == ["expert answers: 40 metres", "expert answers: cold"]


def test_an_expert_asked_by_two_threads_answers_each_in_a_run_of_its_own() -> None:
    rest = call("rest", minutes=1, request_heartbeat=False)
    gateway = by_thread(
        main=[rest, ASK, DONE], other=[ASK, call("say", message="ok")],
        expert=[SAID, call("say", message="41")],
    )  # fmt: skip
    agent = helpers.opened(three(), gateway)
    agent.send("Go")
    asked = {helpers.system(r): helpers.sent(r)[-1] for r in gateway.requests}
    assert agent.state.threads["expert"].runs == 2
    assert asked["You are main."].startswith("expert answers: ")
    assert asked["You are other."].startswith("expert answers: ")
    assert all(not t.asking and not t.inbox for t in agent.state.threads.values())


def test_a_busy_expert_ends_its_run_first_and_does_not_mix_the_answers() -> None:
    """Two signals' worth of work, then the question: the answer is only what its own run said."""
    more = call("say", message="for the signal")
    gateway = by_thread(main=[[SIGNAL, ASK], DONE], expert=[more, SAID])
    agent = helpers.opened(three(), gateway)
    turn = agent.send("Go")
    assert turn.replies == ("for the signal", "It is 40 metres deep.")
    assert agent.state.threads["expert"].runs == 2
    assert helpers.sent(gateway.requests[-1])[-1] == "expert answers: 40 metres"


def circle(within: float) -> plans.Plan:
    made = three(within)
    back = replace(made.tools["ask"], name="back", threads=("main",))
    expert = replace(made.threads["expert"], tools=("say", "back"))
    return replace(
        made, tools={**made.tools, "back": back}, threads={**made.threads, "expert": expert}
    )


def test_asking_back_ends_when_the_time_is_over() -> None:
    back = call("back", message="What do you mean?", request_heartbeat=False)
    gateway = by_thread(main=[ASK, DONE], expert=[back, SAID])
    agent = helpers.opened(circle(60.0), gateway)
    before = agent.db.now()
    turn = agent.send("How deep?")
    assert turn.replies == ("It is 40 metres deep.",) and agent.db.now() == before + 60
    told = [text for request in gateway.requests for text in helpers.sent(request)]
    assert "main has not answered within 1m." in told  # to the expert, whose question is withdrawn
    assert agent.state.threads["main"].runs == 1


def test_an_answer_that_comes_too_late_is_noted_and_not_told() -> None:
    def slow(request: llm.Request) -> Any:
        agent.db.clock.sleep(120.0)
        return call("look", request_heartbeat=True)  # no such tool: another step follows

    gateway = by_thread(main=[ASK, DONE], expert=[slow, SAID])
    agent = helpers.opened(three(60.0), gateway)
    turn = agent.send("How deep?")
    assert turn.replies == ("It is 40 metres deep.",)
    told = [r.content for r in agent.stores["recall"].records.select()]
    assert "expert has not answered within 1m." in told
    assert not any("40 metres" in text and "expert" in text for text in told)
    events = [each.name for each in journal.events(agent.db)]
    assert "answer.late" in events and not agent.state.threads["main"].asking


def test_a_signal_makes_due_without_waiting_and_carries_its_message() -> None:
    gateway = by_thread(main=[[SIGNAL, DONE]], expert=[call("say", message="seen")])
    agent = helpers.opened(three(mode="background"), gateway)
    turn = agent.send("Go")
    assert turn.replies == ("It is 40 metres deep.",) and steps(agent) == ["main"]
    agent.work()
    assert steps(agent) == ["main", "expert"]
    assert helpers.sent(gateway.requests[-1]) == ["look at this"]


def test_a_signal_from_the_foreground_is_done_before_the_turn_returns() -> None:
    gateway = by_thread(main=[[SIGNAL, DONE]], expert=[call("say", message="seen")])
    agent = helpers.opened(three(), gateway)
    assert agent.send("Go").replies == ("It is 40 metres deep.", "seen")


def test_what_falls_due_during_an_asked_run_has_a_run_of_its_own() -> None:
    made = three()
    hears = replace(made.threads["expert"], triggers=(plans.TriggerPlan("signal", event="say"),))
    gateway = by_thread(main=[[ASK, call("say", message="wait")], DONE], expert=[SAID, SAID, SAID])
    agent = helpers.opened(replace(made, threads={**made.threads, "expert": hears}), gateway)
    turn = agent.send("Go")
    assert turn.replies[:2] == ("wait", "It is 40 metres deep.")
    assert helpers.sent(gateway.requests[2])[-1] == "expert answers: 40 metres"
    assert turn.replies[2:] and set(turn.replies[2:]) == {"40 metres"}


@pytest.mark.parametrize("dies_in", range(6))
def test_no_question_and_no_answer_is_lost_or_doubled_by_a_death(
    dies_in: int, tmp_path: Path
) -> None:
    """A death at every model call, before its answer is kept and after."""
    place, count = tmp_path / "agent.db", [0]
    left = {"main": [ASK, DONE], "expert": [SAID]}

    def answer(request: llm.Request) -> Any:
        count[0] += 1
        name = helpers.system(request).removeprefix("You are ").rstrip(".")
        if count[0] == dies_in // 2 + 1 and dies_in % 2 == 0:
            raise Death
        return left[name].pop(0)

    gateway = Answers(answer)
    agent = helpers.opened(three(), gateway, place)
    if dies_in % 2:
        dying(agent, dies_in // 2 + 1)
    with pytest.raises(Death):
        agent.send("How deep?")
    helpers.die(agent)
    again = helpers.reopened(place, gateway)
    again.resume()
    assert steps(again) == ["main", "expert", "main"] and not any(left.values())
    log = [r.content for r in again.stores["recall"].records.select()]
    assert log.count("expert answers: 40 metres") == 1
    diary = [r.content for r in again.stores["diary"].records.select()]
    assert diary.count("How deep is it?") == 1
    assert not again.state.turn


def dying(agent: agents.Agent, step: int) -> None:
    """Let the process die in the second commit of a step: its answer is kept, its calls are not."""
    done, close = [0], journal.close_step

    def closing(*given: Any) -> None:
        done[0] += 1
        if done[0] == step:
            journal.close_step = close
            raise Death
        close(*given)

    journal.close_step = closing  # undone above


def test_the_state_of_a_question_survives_json() -> None:
    state = tick.ThreadState(
        run=2, asking=(("main:1:1:0", "expert"),), question=("x", "other"), answer=("a", "b"),
        inbox=(("y", "main", "text"),), base={"notes.count": 3.0},
    )  # fmt: skip
    assert tick.thread_from_plain(json.loads(json.dumps(tick.to_plain(state)))) == state


def test_a_message_to_a_thread_that_waits_in_the_background_is_heard_with_the_answer() -> None:
    """The user types while the asked thread has not answered: the turn waits for both."""
    made = three()
    timer = helpers.wait(60.0)
    main = replace(made.threads["main"], triggers=(helpers.USER, timer))
    gateway = by_thread(main=[ASK, call("say", message="after all")], expert=[SAID])
    agent = helpers.opened(replace(made, threads={**made.threads, "main": main}), gateway)
    agent.db.clock.advance_to(agent.db.now() + 60)  # type: ignore[attr-defined]
    looks = iter([False, False, True])
    agent.work(should_yield=lambda: next(looks))
    assert steps(agent) == ["main"] and agent.state.threads["main"].asking
    turn = agent.send("Hello?")
    assert turn.status == "done" and turn.replies == ("after all",)
    told = helpers.sent(gateway.requests[-1])
    assert "Hello?" in told and "expert answers: 40 metres" in told
