"""Golden trace: after every N turns a second agent rewrites the blocks that both agents share."""

from __future__ import annotations

from pathlib import Path

import pytest

from archgraph.runtime import agent as agents
from archgraph.storage import journal
from tests.gallery import conversation as talk

NAME = "sleeptime"
BLIND = ("stores.window.capacity=1", "conversation_search=null")
"""The primary agent sees only the newest message, and can look nothing up."""


def slept_after(agent: agents.Agent) -> list[int]:
    """The turns after which the sleep-time agent ran."""
    runs = {row.run: row for row in reversed(talk.steps(agent, "sleeper"))}
    turns = journal.turns(agent.db)
    return [max(t.id for t in turns if (t.closed or 0) < row.born) for row in runs.values()][::-1]


@pytest.mark.parametrize(("every", "turns"), [(5, [5, 10]), (3, [3, 6, 9, 12])])
def test_it_runs_after_every_n_turns(tmp_path: Path, every: int, turns: list[int]) -> None:
    agent = talk.play(NAME, f"frequency={every}", tmp_path=tmp_path)
    assert slept_after(agent) == turns
    assert all(row.turn is None for row in talk.steps(agent, "sleeper")), "in the background"


def test_it_rewrites_the_shared_block_and_the_next_reply_uses_it(tmp_path: Path) -> None:
    agent = talk.play(NAME, *BLIND, tmp_path=tmp_path)
    edits = [call.name for call in talk.calls(agent, "sleeper")]
    assert edits == ["memory_rethink", "memory_finish_edits"] * 2
    fifth, sixth = talk.steps(agent, "main")[4:6]
    assert "called Pepper" not in talk.system(agent, fifth)
    assert "called Pepper" in talk.system(agent, sixth)
    assert talk.replies(agent)["What is my cat called?"] == "Pepper"


def test_the_primary_agent_has_no_tool_to_write(tmp_path: Path) -> None:
    agent = talk.begin(NAME, tmp_path=tmp_path)
    main, sleeper = agent.plan.threads["main"], agent.plan.threads["sleeper"]
    assert not any(agent.plan.tools[name].writes for name in main.tools)
    shared = {item.store for item in main.context} & {item.store for item in sleeper.context}
    assert {"persona", "human"} <= shared


@pytest.mark.parametrize("ablated", ["sleeper=null", "frequency=99"])
def test_without_sleep_nothing_is_known(tmp_path: Path, ablated: str) -> None:
    agent = talk.play(NAME, *BLIND, ablated, tmp_path=tmp_path)
    assert not talk.right(agent)


def test_without_rethinking_it_inserts(tmp_path: Path) -> None:
    agent = talk.play(NAME, "memory_rethink=null", tmp_path=tmp_path)
    assert "memory_insert" in [call.name for call in talk.calls(agent, "sleeper")]
