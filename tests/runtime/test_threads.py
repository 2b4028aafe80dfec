"""Threads beside each other: what one sees of the other, cursors, consistency, foreground first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archgraph import errors
from archgraph.graph import plan as plans
from archgraph.runtime import agent as agents
from archgraph.storage import journal
from archgraph.stores import block
from tests import helpers
from tests.helpers import Answers, Death, Script, call

BEAT = plans.HeartbeatPlan(when=("requested", "failed"), max_steps=4)
UNTIL = plans.HeartbeatPlan(when=("always",), until="done", max_steps=4)
TOOLS = {
    "say": ("reply",),
    "done": ("finish",),
    "note": ("append", "human"),
    "rewrite": ("rewrite", "human"),
    "rest": ("wait",),
}


def pair(
    every: int = 1, mode: str = "background", cap: int = 0, consistency: str = "last_write",
    **changes: Any,
) -> plans.Plan:  # fmt: skip
    """A conscious thread that talks and a subconscious one that reads it and writes a block."""
    main = helpers.thread(
        context=(plans.ContextItem("human"), plans.ContextItem("recall")),
        tools=("say", "note", "rewrite", "rest"),
        heartbeat=BEAT,
        **changes,
    )
    since = plans.ContextItem("recall", "since", since="last_run", of="main", cap=cap)
    under = helpers.thread(
        "under",
        prompt="under",
        log="diary",
        context=(plans.ContextItem("human"), since),
        tools=("note", "rewrite", "done"),
        triggers=(plans.TriggerPlan("every", event="main.turn", count=every, mode=mode),),
        heartbeat=UNTIL,
    )
    return helpers.plan(
        main,
        under,
        stores={
            "diary": {"type": "log", "index": ["text"]},
            "human": {"type": "block", "consistency": consistency},
        },
        tools=TOOLS,
        prompts={
            "main": "MAIN\n{{ human }}",
            "under": "UNDER\n{{ human }}\nNEW:\n{{ recall }}",
        },
    )


class Two(Answers):
    """Answers each thread from a script of its own."""

    def __init__(self, main: list[Any], under: list[Any]) -> None:
        super().__init__(self._answer)
        self.scripts = {"MAIN": main, "UNDER": under}

    def _answer(self, request: Any) -> Any:
        script = self.scripts[helpers.system(request).split("\n")[0]]
        assert script, f"nothing left for {helpers.system(request)}"
        item = script.pop(0)
        return item(request) if callable(item) else item

    def of(self, name: str) -> list[Any]:
        return [each for each in self.requests if helpers.system(each).startswith(name)]

    def new(self) -> list[list[str]]:
        """What each step of the subconscious was shown as new, without times."""
        shown = [helpers.system(each).partition("NEW:\n")[2] for each in self.of("UNDER")]
        return [[line.partition(" | ")[2] for line in each.splitlines()] for each in shown]


def said(text: str) -> Any:
    return call("say", message=text, request_heartbeat=False)


FINISH = call("done")


def note(text: str) -> Any:
    return call("note", content=text, request_heartbeat=True)


def jot(text: str) -> Any:
    """A note of the subconscious, which goes on until it is done."""
    return call("note", content=text)


def text(agent: agents.Agent) -> str:
    human = agent.stores["human"]
    assert isinstance(human, block.Block)
    return human.text


# Foreground and background


def test_foreground_threads_finish_before_the_turn_returns() -> None:
    gateway = Two([said("hi")], [jot("seen"), FINISH])
    agent = helpers.opened(pair(mode="foreground"), gateway)
    turn = agent.send("hello")
    assert turn.steps == 3 and text(agent) == "seen"


def test_background_threads_step_after_the_turn_has_returned() -> None:
    gateway = Two([said("hi")], [jot("seen"), FINISH])
    agent = helpers.opened(pair(), gateway)
    assert agent.send("hello").steps == 1 and text(agent) == ""
    agent.work()
    assert text(agent) == "seen"
    assert [row.turn for row in journal.steps(agent.db)] == [1, None, None]


def test_background_work_yields_to_an_arriving_message_at_a_steps_end() -> None:
    gateway = Two([said("one"), said("two")], [jot("a"), jot("b"), FINISH])
    agent = helpers.opened(pair(every=1), gateway)
    agent.send("hello")
    arrived = iter([False, True])
    agent.work(should_yield=lambda: next(arrived))
    assert text(agent) == "a", "one step, then it gave way"
    assert agent.send("again").replies == ("two",)
    assert text(agent) == "a", "the message went first"
    agent.work()
    assert text(agent) == "a\nb"


def test_a_thread_sees_anothers_writes_from_its_next_step_on() -> None:
    gateway = Two([said("one"), said("two")], [jot("Ana lives in Oslo"), FINISH])
    agent = helpers.opened(pair(every=2), gateway)
    agent.send("hello")
    agent.send("again")
    assert "Oslo" not in helpers.system(gateway.of("MAIN")[-1])
    agent.work()
    gateway.scripts["MAIN"].append(said("three"))
    agent.send("third")
    assert "Ana lives in Oslo" in helpers.system(gateway.of("MAIN")[-1])


def test_a_threads_own_messages_are_never_in_the_others_window() -> None:
    gateway = Two([said("hi"), said("ho")], [jot("secret"), FINISH])
    agent = helpers.opened(pair(every=2), gateway)
    for each in ("a", "b"):
        agent.send(each)
    agent.work()
    roles = [m["role"] for m in gateway.of("UNDER")[-1].messages]
    assert roles == ["system", "user", "assistant", "tool"], "its own step, not the conversation"


# since: last_run


def test_since_last_run_gives_each_message_once_and_freezes_its_range_at_the_first_step() -> None:
    def meanwhile(request: Any) -> Any:
        agent.observe("overheard")
        return jot("x")

    gateway = Two([said("A"), said("B")], [meanwhile, FINISH, FINISH])
    agent = helpers.opened(pair(), gateway)
    agent.send("a")
    agent.work()
    agent.send("b")
    agent.work()
    first, second, third = gateway.new()
    assert first == second == ["user: a", "assistant: A"], "frozen for the whole run"
    assert third == ["user: overheard", "user: b", "assistant: B"]


def test_a_failed_run_is_given_its_range_again() -> None:
    gateway = Two(
        [said("A"), said("B"), said("C")],
        [errors.GatewayFault("down"), jot("x"), errors.GatewayFault("down"), FINISH],
    )
    agent = helpers.opened(pair(), gateway)
    for each in ("a", "b", "c"):
        agent.send(each)
        agent.work()
    lengths = [len(each) for each in gateway.new()]
    assert lengths == [2, 4, 4, 6]
    assert gateway.new()[-1][0] == "user: a"


def test_a_run_that_is_broken_off_is_given_its_range_again() -> None:
    gateway = Two([said("A"), said("B")], [*[jot("x")] * UNTIL.max_steps, FINISH])
    agent = helpers.opened(pair(), gateway)
    for each in ("a", "b"):
        agent.send(each)
        agent.work()
    assert gateway.new()[-1] == ["user: a", "assistant: A", "user: b", "assistant: B"]
    (event,) = journal.events(agent.db, "name = 'run.failed'")
    assert "max_steps" in event.payload["reason"]


def test_what_does_not_fit_the_cap_is_delivered_by_further_runs() -> None:
    """They follow at once: a reader that is shown little must not fall behind for ever."""
    texts = [f"message {n} with some more words in it" for n in range(4)]
    gateway = Two([said(f"ok {n}") for n in range(4)], [FINISH] * 9)
    agent = helpers.opened(pair(every=4, cap=60), gateway)
    for each in texts:
        agent.send(each)
    agent.work()
    told = [line for lines in gateway.new() for line in lines]
    assert len(gateway.new()) > 1, "the cap was never reached"
    assert told == [line for n in range(4) for line in (f"user: {texts[n]}", f"assistant: ok {n}")]


def test_one_line_that_is_longer_than_the_cap_is_cut_not_passed_over() -> None:
    gateway = Two([said("ok")], [FINISH, FINISH])
    agent = helpers.opened(pair(cap=60), gateway)
    agent.send("word " * 400)
    agent.work()
    lines, rest = gateway.new()
    assert rest == ["assistant: ok"]
    assert "[cut:" in lines[0] and agent.world.count(lines[0]) <= 60


def test_no_refresh_policy_keeps_a_new_range_from_a_run() -> None:
    for refresh in ("step", "turn", "eviction"):
        made = pair()
        threads = {**made.threads}
        under = threads["under"]
        threads["under"] = replace(under, refresh=refresh)
        gateway = Two([said("A"), said("B")], [FINISH, FINISH])
        agent = helpers.opened(replace(made, threads=threads), gateway)
        for each in ("a", "b"):
            agent.send(each)
            agent.work()
        assert gateway.new() == [["user: a", "assistant: A"], ["user: b", "assistant: B"]]


# refresh


@pytest.mark.parametrize(
    ("refresh", "shown"),
    [("step", [0, 1, 2, 3]), ("turn", [0, 0, 2, 2]), ("eviction", [0, 0, 0, 0])],
)
def test_refresh_says_when_the_system_prompt_is_rendered_again(
    refresh: str, shown: list[int]
) -> None:
    script = [note("x"), note("x"), note("x"), said("hi")]
    gateway = Two([script[0], call("note", content="x", request_heartbeat=False)] * 2, [])
    agent = helpers.opened(pair(every=99, refresh=refresh), gateway)
    agent.send("one")
    agent.send("two")
    assert [helpers.system(each).count("x\n") for each in gateway.requests] == shown


def test_the_share_of_the_prompt_that_repeats_the_last_request_is_recorded() -> None:
    gateway = Two([note("x"), said("hi"), said("ho")], [])
    agent = helpers.opened(pair(every=99, refresh="turn"), gateway)
    agent.send("one")
    agent.send("two")
    first, second, third = [row.prefix for row in journal.steps(agent.db)]
    assert first == 0.0
    assert 0.5 < second < 1.0, "the prompt of the same turn grows at its end"
    assert 0.0 < third < second, "the block has changed, so little is equal"


def test_looking_at_the_next_window_changes_nothing() -> None:
    dumps = []
    for look in (False, True):
        gateway = Two([note("x"), said("hi"), said("ho")], [])
        agent = helpers.opened(pair(every=99), gateway)
        agent.send("one")
        if look:
            agent.next_window("main")
        agent.send("two")
        dumps.append(journal.steps(agent.db))
    assert dumps[0] == dumps[1]


# Consistency


def conflict(consistency: str) -> tuple[str, list[str]]:
    """Two rewrites of a block, the second by a thread that saw the text before the first."""
    gateway = Two([said("a")], [call("rewrite", content="old\ntheirs"), FINISH])
    made = pair(consistency=consistency, refresh="eviction")
    agent = helpers.opened(made, gateway)
    with agent._scheduler.commit():
        agent.stores["human"].put("old")  # type: ignore[attr-defined]
    agent.send("one")  # main is shown `old`, and keeps that rendering
    agent.work()  # under writes
    gateway.scripts["MAIN"] += [
        call("rewrite", content="old\nmine", request_heartbeat=True), said("done"),
    ]  # fmt: skip
    agent.send("two")
    results = [c.result for s in journal.steps(agent.db) for c in journal.calls(agent.db, s.id)]
    return text(agent), results


def test_last_write_takes_every_write() -> None:
    assert conflict("last_write")[0] == "old\nmine"


def test_reject_refuses_a_write_by_a_thread_that_saw_an_older_text() -> None:
    held, results = conflict("reject")
    assert held == "old\ntheirs"
    assert any("'under'" in each and "theirs" in each for each in results), "it is told why"


def test_merge_keeps_what_both_have_added() -> None:
    assert sorted(conflict("merge")[0].split("\n")) == ["mine", "old", "theirs"]


def test_reject_lets_a_thread_write_that_has_seen_the_newest_text() -> None:
    gateway = Two([said("a"), note("b"), said("c")], [jot("theirs"), FINISH])
    agent = helpers.opened(pair(every=1, consistency="reject"), gateway)
    agent.send("one")
    agent.work()
    agent.send("two")
    assert text(agent) == "theirs\nb"


# Waiting


def test_wait_lets_a_thread_go_on_when_the_others_have_finished() -> None:
    waits = call("rest", minutes=3, request_heartbeat=False)
    gateway = Two([said("a"), waits, said("b")], [jot("seen"), FINISH])
    agent = helpers.opened(pair(), gateway)
    agent.send("one")  # makes the subconscious due
    turn = agent.send("two")
    assert turn.replies == ("b",) and text(agent) == "seen"
    assert "seen" in helpers.system(gateway.of("MAIN")[-1])
    assert agent.db.now() == helpers.START, "no time had to pass"


def test_wait_alone_goes_on_at_once_and_ends_at_its_bound() -> None:
    waits = call("rest", minutes=3, request_heartbeat=False)
    agent = helpers.opened(pair(), Two([waits] * BEAT.max_steps, []))
    turn = agent.send("one")
    assert turn.status == "failed" and "max_steps" in turn.reason


def test_a_wait_survives_the_death_of_the_process(tmp_path: Path) -> None:
    def dies(request: Any) -> Any:
        raise Death

    waits = call("rest", minutes=3, request_heartbeat=False)
    agent = helpers.opened(pair(), Two([said("a"), waits], [dies]), tmp_path / "a.db")
    agent.send("one")
    with pytest.raises(Death):
        agent.send("two")
    helpers.die(agent)
    again = helpers.reopened(tmp_path / "a.db", Two([said("b")], [jot("seen"), FINISH]))
    again.resume()
    assert [turn.status for turn in journal.turns(again.db)] == ["done", "done"]
    assert text(again) == "seen"


# A recorded reply of a background run that a message takes over


def test_a_message_takes_over_a_background_run_with_its_recorded_reply(tmp_path: Path) -> None:
    timed = (helpers.USER, helpers.wait(60.0))
    made = helpers.plan(
        helpers.thread(triggers=timed), stores={"human": {"type": "block"}},
        tools={"say": ("reply",), "note": ("append", "human")},
    )  # fmt: skip
    agent = helpers.opened(made, Script(note("once")), tmp_path / "a.db")
    held: Any = agent.stores["human"]
    real = held.append

    def dies(**arguments: Any) -> Any:
        real(**arguments)
        raise Death

    held.append = dies
    with pytest.raises(Death):
        agent.advance_to(helpers.START + 60)
    helpers.die(agent)
    again = helpers.reopened(tmp_path / "a.db", Script(said("hello to you")))
    assert again.send("hello").replies == ("hello to you",)
    assert text(again) == "once"
    assert [row.status for row in journal.steps(again.db)] == ["done", "done"]
