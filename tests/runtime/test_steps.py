"""A step: window, one request, commit 1, its calls in order, commit 2; and what a death leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from archgraph import errors
from archgraph.graph import plan as plans
from archgraph.llm import embedders
from archgraph.messages import Completion, ToolCall, Usage
from archgraph.runtime import agent as agents
from archgraph.storage import database, journal
from archgraph.stores import block, collection
from tests import helpers
from tests.helpers import Answers, Death, Script, call

MEMORY = {"human": {"type": "block"}, "archival": {"type": "collection"}}
TOOLS = {
    "say": ("reply",),
    "note": ("append", "human"),
    "keep": ("insert", "archival"),
    "look": ("search", "archival"),
}


def memory_plan(**changes: Any) -> plans.Plan:
    context = (plans.ContextItem("human"), plans.ContextItem("recall"))
    return helpers.plan(
        helpers.thread(context=context, **changes),
        stores=MEMORY,
        tools=TOOLS,
        prompts={"main": "You are {{ thread }}. {{ counts.recall }} messages.\n{{ human }}"},
    )


def noted(text: str, more: bool = True) -> ToolCall:
    return call("note", content=text, request_heartbeat=more)


# Order


def test_a_step_commits_its_reply_then_its_calls_messages_and_next_ticks_together() -> None:
    script = Script([noted("one", False), noted("two", False), call("say", message="hi")])
    agent = helpers.opened(memory_plan(), script)
    agent.send("hello")
    (row,) = journal.steps(agent.db)
    assert row.closed == row.born + 1 and row.status == "done"
    at = {row.closed}
    assert {r[0] for r in agent.db.all("SELECT born FROM record WHERE step = 1")} == at
    assert {r[0] for r in agent.db.all("SELECT died FROM tick WHERE kind = 'step'")} == at
    assert {t.closed for t in journal.turns(agent.db)} == at


def test_the_calls_of_a_step_are_carried_out_in_their_order() -> None:
    script = Script([noted("one", False), noted("two", False), call("say", message="hi")])
    agent = helpers.opened(memory_plan(), script)
    assert agent.send("hello").replies == ("hi",)
    assert agent.stores["human"].render.__self__.text == "one\ntwo"  # type: ignore[attr-defined]
    names = [each.name for each in journal.calls(agent.db, 1)]
    assert names == ["note", "note", "say"]


def test_no_write_lock_is_held_while_a_model_or_an_embedder_works() -> None:
    class Watching(embedders.Hashed):
        def embed(self, texts: Any) -> Any:
            assert not agent.db.in_transaction, "the write lock was held while an embedder worked"
            seen.append(list(texts))
            return super().embed(texts)

    seen: list[list[str]] = []
    script = Script(
        call("keep", content="Ana lives in Oslo", request_heartbeat=True),
        call("look", query="Where does Ana live?", request_heartbeat=True),
        [call("look", query="Ana"), call("look", query="Oslo", request_heartbeat=True)],
        call("say", message="Oslo"),
    )
    agent = helpers.opened(memory_plan(), script, embedder=Watching())
    assert agent.send("Where is Ana?").status == "done"
    assert seen, "nothing was embedded"
    assert all("Oslo" in each.result for each in journal.calls(agent.db, 2))


def test_the_journal_keeps_the_exact_request_of_every_step() -> None:
    gateway = Script(noted("a fact"), call("say", message="hi"))
    agent = helpers.opened(memory_plan(), gateway)
    agent.send("héllo \u2603")
    for number, request in enumerate(gateway.requests, 1):
        kept = agent.window(number)
        assert json.dumps(kept["messages"]) == json.dumps(list(request.messages))
        assert kept["tools"] == list(request.tools)


# What a death leaves


def test_a_message_is_in_the_file_before_the_model_is_asked(tmp_path: Path) -> None:
    def dies(request: Any) -> Any:
        raise Death

    agent = helpers.opened(memory_plan(), Script(dies), tmp_path / "a.db")
    with pytest.raises(Death):
        agent.send("do not lose me")
    helpers.die(agent)
    script = Script(call("say", message="here"))
    again = helpers.reopened(tmp_path / "a.db", script)
    again.resume()
    assert helpers.sent(script.requests[0], "user") == ["do not lose me"]
    assert [turn.status for turn in journal.turns(again.db)] == ["done"]


def test_a_recorded_reply_is_used_after_a_death_not_asked_again(tmp_path: Path) -> None:
    agent = helpers.opened(memory_plan(), Script(noted("once")), tmp_path / "a.db")
    dying(agent, "human", "append")
    with pytest.raises(Death):
        agent.send("hello")
    helpers.die(agent)
    script = Script(call("say", message="noted"))
    again = helpers.reopened(tmp_path / "a.db", script)
    again.resume()
    assert text(again) == "once", "the write was applied exactly once"
    assert [row.status for row in journal.steps(again.db)] == ["done", "done"]
    assert len(script.requests) == 1, "only the second step was asked for"


def dying(agent: agents.Agent, store: str, verb: str) -> None:
    """The next call of a store's verb ends the process, after it has written."""
    held: Any = agent.stores[store]
    real = getattr(held, verb)

    def dies(**arguments: Any) -> str:
        real(**arguments)
        raise Death

    setattr(held, verb, dies)


def text(agent: agents.Agent) -> str:
    human = agent.stores["human"]
    assert isinstance(human, block.Block)
    return human.text


def story() -> Answers:
    """A model that saves, searches and answers, by what it has seen; the same in any process."""

    def rule(request: Any) -> Any:
        last = request.messages[-1]
        results = sum(m["role"] == "tool" for m in request.messages)
        if last["role"] == "user":
            return noted(f"fact {results}")
        if results % 4 == 1:
            return call("keep", content=f"passage {results}", request_heartbeat=True)
        if results % 4 == 2:
            return call("look", query="passage", request_heartbeat=True)
        return call("say", message=f"answer {results}")

    return Answers(rule)


def unkilled(path: Path, **changes: Any) -> dict[str, list[str]]:
    agent = helpers.opened(memory_plan(**changes), story(), path)
    for number in range(3):
        agent.send(f"message {number}", key=str(number))
    found = database.dump(agent.db)
    agent.close()
    return found


@pytest.mark.parametrize("refresh", ["step", "turn", "eviction"])
@pytest.mark.parametrize("moment", range(24))
def test_a_death_at_any_commit_leaves_the_same_file_as_no_death(
    moment: int, refresh: str, tmp_path: Path
) -> None:
    """Die just before or just after commit number `moment`, reopen, and let the feed go on."""
    agent = helpers.opened(memory_plan(refresh=refresh), story(), tmp_path / "a.db")
    mortal(agent, moment)
    with pytest.raises(Death):
        for number in range(3):
            agent.send(f"message {number}", key=str(number))
    helpers.die(agent)
    again = helpers.reopened(tmp_path / "a.db", story())
    for number in range(3):
        again.send(f"message {number}", key=str(number))
    expected = unkilled(tmp_path / "b.db", refresh=refresh)
    found = database.dump(again.db)
    for table, rows in expected.items():
        assert found[table] == rows, table


def mortal(agent: agents.Agent, moment: int) -> None:
    """Let the process die at a commit: even numbers before it is done, odd numbers after."""
    connection, left = agent.db.connection, [moment]

    class Mortal:
        def execute(self, sql: str, *values: Any) -> Any:
            if sql == "COMMIT":
                left[0] -= 2
                if left[0] == -2:
                    raise Death
                found = connection.execute(sql, *values)
                if left[0] == -1:
                    raise Death
                return found
            return connection.execute(sql, *values)

        def __getattr__(self, name: str) -> Any:
            return getattr(connection, name)

    agent.db.connection = Mortal()


def test_a_reopened_agent_is_told_of_a_login_but_not_of_its_own_death(tmp_path: Path) -> None:
    triggers = (
        helpers.USER,
        plans.TriggerPlan("event", event="agent.opened", say="in", mode="note"),
    )
    made = helpers.plan(
        helpers.thread(triggers=triggers), tools=helpers.TALK, prompts={"in": "welcome"}
    )
    script = Script(*[call("say", message="hi")] * 3)
    agent = helpers.opened(made, script, tmp_path / "a.db")
    agent.send("one")
    helpers.die(agent)
    agent = helpers.reopened(tmp_path / "a.db", script)
    agent.send("two")
    agent.close()
    agent = helpers.reopened(tmp_path / "a.db", script)
    agent.send("three")
    heard = helpers.sent(script.requests[-1], "user")
    assert heard == ["welcome", "one", "two", "welcome", "three"]


def test_an_agent_that_died_in_its_making_is_finished_when_it_is_opened(tmp_path: Path) -> None:
    def dies(self: block.Block) -> None:
        raise Death

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block.Block, "start", dies)
        with pytest.raises(Death):
            helpers.opened(memory_plan(), Script(), tmp_path / "a.db")
    lock = tmp_path / "a.db-lock"
    lock.unlink(missing_ok=True)
    again = helpers.reopened(tmp_path / "a.db", Script())
    assert again.db.value("SELECT count(*) FROM record WHERE store = 'human'") == 1


def test_an_input_of_the_same_key_is_taken_once() -> None:
    agent = helpers.opened(memory_plan(), Script(*[call("say", message="hi")] * 2))
    agent.send("hello", key="k1")
    agent.send("hello", key="k1")
    assert agent.send("other", key="k2").steps == 1
    assert agent.db.value("SELECT count(*) FROM turn") == 2
    assert agent.accepted("k1") and not agent.accepted("k3")


# Faults of models and of tools


def test_a_fault_ends_the_turn_as_failed_keeps_the_input_and_leaves_the_agent_usable() -> None:
    script = Script(errors.GatewayFault("429 too many"), call("say", message="hi"))
    agent = helpers.opened(memory_plan(), script)
    turn = agent.send("first")
    assert (turn.status, turn.reason) == ("failed", "429 too many")
    assert agent.send("second").replies == ("hi",)
    assert helpers.sent(script.requests[1], "user") == ["first", "second"]
    assert [row.status for row in journal.steps(agent.db)] == ["failed", "done"]


def test_a_fault_after_some_steps_keeps_what_they_did() -> None:
    agent = helpers.opened(memory_plan(), Script(noted("kept"), errors.GatewayError("gone")))
    assert agent.send("hello").status == "failed"
    assert text(agent) == "kept"


def test_a_fault_of_the_embedder_is_a_failed_result_that_the_model_reads() -> None:
    class Down(embedders.Hashed):
        def embed(self, texts: Any) -> Any:
            raise errors.GatewayFault("the embedder is down")

    gateway = Script(
        [call("keep", content="x"), call("look", query="x", request_heartbeat=True)],
        call("say", message="I cannot search"),
    )
    agent = helpers.opened(memory_plan(), gateway, embedder=Down())
    turn = agent.send("find x")
    assert turn.status == "done" and turn.replies == ("I cannot search",)
    assert "the embedder is down" in helpers.sent(gateway.requests[1], "tool")[-1]


def test_a_bug_in_a_store_is_a_failed_result_and_its_half_write_is_undone() -> None:
    agent = helpers.opened(memory_plan(), Script(noted("half"), call("say", message="sorry")))
    held: Any = agent.stores["human"]
    real = held.append

    def bug(**arguments: Any) -> str:
        real(**arguments)
        raise KeyError("a bug")

    held.append = bug
    assert agent.send("hello").replies == ("sorry",)
    assert text(agent) == ""
    (made,) = journal.calls(agent.db, 1)
    assert not made.ok and "KeyError" in made.result


def test_a_reply_is_streamed_to_an_observer_and_then_told_with_its_calls() -> None:
    reply = Completion("hmm", (call("say", message="hi"),), Usage(10, 2, 0, None))
    agent = helpers.opened(memory_plan(), Script(reply))
    heard: list[tuple[str, str]] = []
    agent.send("hello", watch=lambda notice: heard.append((notice.kind, notice.text)))
    kinds = [kind for kind, _ in heard]
    assert kinds == ["delta", "delta", "call", "result", "reply"]


def test_an_insert_is_searchable_in_the_next_step_and_by_python() -> None:
    script = Script(call("keep", content="Ana lives in Oslo"))
    agent = helpers.opened(memory_plan(), script)
    agent.send("hello")
    archival = agent.stores["archival"]
    assert isinstance(archival, collection.Collection)
    assert archival.find("Oslo")[0].record.content == "Ana lives in Oslo"
