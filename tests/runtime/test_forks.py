"""Stores as of any step, and forks that have the memory of a step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archgraph import errors
from archgraph.graph import plan as plans
from archgraph.runtime import agent as agents
from archgraph.runtime import world
from archgraph.storage import database, journal
from archgraph.stores import block, collection
from tests import helpers
from tests.helpers import START, Answers, call

TOOLS = {
    "say": ("reply",),
    "note": ("append", "human"),
    "keep": ("insert", "archival"),
    "look": ("search", "archival"),
}


def made() -> plans.Plan:
    context = (
        plans.ContextItem("human"), plans.ContextItem("summary"), plans.ContextItem("window"),
    )  # fmt: skip
    window = {
        "type": "queue", "over": "recall", "warn_at": 0.6, "evict_to": 0.4,
        "evict": {"summarize": "summary", "prompt": "sum"},
    }  # fmt: skip
    return helpers.plan(
        helpers.thread(context=context, context_window=1400, triggers=(
            helpers.USER, helpers.wait(600.0),
            plans.TriggerPlan("event", event="window.pressure", say="pressed"),
        )),
        stores={
            "human": {"type": "block"}, "summary": {"type": "block", "limit": 300},
            "archival": {"type": "collection"}, "window": window,
        },
        tools=TOOLS,
        prompts={"sum": "SUM", "pressed": "save", "main": "{{ counts.recall }}\n{{ human }}"},
    )  # fmt: skip


def story() -> Answers:
    """Saves, keeps, looks and answers in turns, by what it sees."""

    def rule(request: Any) -> Any:
        if helpers.system(request) == "SUM":
            return f"sum of {len(request.messages[1]['content'])}"
        results = sum(m["role"] == "tool" for m in request.messages)
        last = helpers.text_of(request.messages[-1])
        if request.messages[-1]["role"] == "user":
            return call("note", content=f"n{len(last)}", request_heartbeat=True)
        if last == "Appended.":
            return call("keep", content=f"passage {results} {last}", request_heartbeat=True)
        if last.startswith("Stored"):
            return call("look", query="passage", request_heartbeat=True)
        return call("say", message=f"answer {results} " + "word " * 30)

    return Answers(rule)


def feed(agent: agents.Agent, first: int, last: int) -> None:
    for number in range(first, last):
        agent.advance_to(START + 450 * number)
        agent.send(f"message {number}", key=str(number))


def alive(path: Any = ":memory:") -> agents.Agent:
    return helpers.opened(made(), story(), path)


LENGTH = 5


def whole() -> agents.Agent:
    agent = alive()
    feed(agent, 0, LENGTH)
    return agent


def test_the_story_has_all_that_a_fork_must_carry() -> None:
    agent = whole()
    rows = journal.steps(agent.db)
    assert {row.kind for row in rows} == {"step", "evict"} and len(rows) > 25
    assert {None} < {row.turn for row in rows}, "timers fired as well"


def test_a_fork_goes_on_identically_from_every_step(tmp_path: Path) -> None:
    agent = whole()
    expected = database.dump(agent.db)
    rows = journal.steps(agent.db)
    for row in rows[:: max(1, len(rows) // 12)]:
        path = tmp_path / f"{row.id}.db"
        branch = agent.fork(str(path), at=row.id, setup=agents.Setup(gateway=story()))
        branch.resume()
        feed(branch, 0, LENGTH)  # what it has had is not taken again
        found = database.dump(branch.db)
        for table in expected:
            assert found[table] == expected[table], (row.id, table)
        branch.close()


def test_a_fork_at_a_step_equals_an_agent_that_stopped_there(tmp_path: Path) -> None:
    agent, short = whole(), alive()
    feed(short, 0, 2)
    last = journal.steps(short.db)[-1]
    branch = agent.fork(str(tmp_path / "f.db"), at=last.id)
    assert database.dump(branch.db) == database.dump(short.db)
    assert branch.state == short.state
    assert branch.db.now() == short.db.now(), "time is that of the step as well"


def test_a_fork_lives_apart_from_its_origin(tmp_path: Path) -> None:
    agent = whole()
    before = database.dump(agent.db)
    branch = agent.fork(str(tmp_path / "f.db"), setup=agents.Setup(gateway=story()))
    branch.send("only here")
    assert database.dump(agent.db) == before
    assert agents.open_file  # the origin is still open for writing
    assert "only here" not in str(before)


def mirrored(agent: agents.Agent) -> int:
    index = agent.stores["archival"].search_index()
    return len(index.vectors.mirror)


def test_a_fork_of_now_shares_what_is_not_written_and_searches_on_its_own() -> None:
    agent = whole()
    held = agent.stores["archival"]
    held.search_index().catch_up()
    found = held.lines("passage", 50)
    branch = agent.fork(":memory:", setup=agents.Setup(gateway=story()))
    assert branch.plan is agent.plan
    assert branch.world.renderer.schemas is agent.world.renderer.schemas
    assert mirrored(branch) == mirrored(agent) > 0, "nothing is read anew"
    branch.send("only here")
    own = branch.stores["archival"]
    assert len(own.lines("passage", 50)) > len(found) == len(held.lines("passage", 50))
    assert held.lines("passage", 50) == found
    agent.send("only in the origin, and longer than there")
    assert len(held.lines("passage", 50)) > len(found)
    alone = agent.fork(":memory:", at=journal.steps(agent.db)[-1].id)
    assert mirrored(alone) == 0, "a fork of the past reads its own file"
    assert alone.stores["archival"].lines("passage", 50) == held.lines("passage", 50)


def test_forks_of_one_plan_have_what_the_file_would_tell(tmp_path: Path) -> None:
    agent = whole()
    path = tmp_path / "f.db"
    with agent.fork(str(path)) as branch:
        mine = branch.plan
    with agents.open_file(str(path), readonly=True) as again:
        assert again.plan == mine and again.plan is not mine


def test_a_fork_of_now_keeps_the_time_of_now() -> None:
    agent = whole()
    agent.advance_to(agent.db.now() + 100)
    assert agent.fork(":memory:").db.now() == agent.db.now()


def test_a_fork_needs_a_finished_step() -> None:
    with pytest.raises(errors.InputError, match="no finished step 999"):
        whole().fork(":memory:", at=999)


def test_any_store_can_be_read_as_of_any_step() -> None:
    agent = whole()
    seen: list[str] = []
    for row in journal.steps(agent.db, "kind = 'step'"):
        past = world.World(
            agent.plan, agent.db, agent._gateway, agent._open_embedder, as_of=row.closed
        )
        branch = agent.fork(":memory:", at=row.id)
        human, held = past.stores["human"], branch.stores["human"]
        assert isinstance(human, block.Block) and isinstance(held, block.Block)
        assert human.text == held.text
        for name in ("archival", "recall"):
            assert past.stores[name].measure("count") == branch.stores[name].measure("count")
        archival = past.stores["archival"]
        assert isinstance(archival, collection.Collection)
        seen.append(human.text)
        if row.id > 8:
            break
    assert len(set(seen)) > 2, "the block has changed on the way"


def test_a_fork_into_another_architecture_keeps_what_has_the_same_name_and_type() -> None:
    agent = whole()
    human = agent.stores["human"]
    assert isinstance(human, block.Block)
    other = helpers.plan(
        helpers.thread(
            context=(plans.ContextItem("human"), plans.ContextItem("recall")),
            context_window=20_000,
            triggers=(helpers.USER, helpers.wait(60.0)),
        ),
        stores={"human": {"type": "block"}, "fresh": {"type": "block", "text": "new"}},
        tools={"say": ("reply",)},
    )
    gateway = Answers(lambda request: call("say", message="hi"))
    branch = agent.fork(":memory:", plan=other, setup=agents.Setup(gateway=gateway))
    kept, fresh = branch.stores["human"], branch.stores["fresh"]
    assert isinstance(kept, block.Block) and isinstance(fresh, block.Block)
    assert (kept.text, fresh.text) == (human.text, "new")
    assert branch.send("hello").replies == ("hi",)
    assert "You are main." in helpers.system(gateway.requests[0]), "its own prompt, not the old one"
    branch.advance_to(branch.db.now() + 60)
    assert len(gateway.requests) == 2, "its own timers have begun"


@pytest.mark.parametrize("step", range(1, 5))
def test_a_fork_into_another_architecture_in_the_middle_of_a_turn_is_usable(step: int) -> None:
    agent = whole()
    other = helpers.plan(helpers.thread(context_window=20_000), tools={"say": ("reply",)})
    gateway = Answers(lambda request: call("say", message="hi"))
    branch = agent.fork(":memory:", at=step, plan=other, setup=agents.Setup(gateway=gateway))
    assert branch.send("hello").replies == ("hi",)
    statuses = [turn.status for turn in journal.turns(branch.db)]
    assert "open" not in statuses and statuses[-1] == "done"
    assert not journal.open_threads(branch.db)
