"""Golden trace: both threads hear every message; the one that talks may wait for the other."""

from __future__ import annotations

from pathlib import Path

from archgraph.runtime import agent as agents
from archgraph.storage import journal
from tests.gallery import conversation as talk

NAME = "split_thread"
BLIND = (
    "stores.window.capacity=3", "conversation_search=null", "conversation_search_date=null",
    "archival_memory_search=null",
)  # fmt: skip
"""The conversation thread sees the newest message and its own last step, and looks nothing up."""


def in_haste(*overrides: str, tmp_path: Path) -> agents.Agent:
    """A fact and a question about it, sent before the memory thread has had its turn."""
    agent = talk.begin(NAME, *BLIND, *overrides, tmp_path=tmp_path)
    agent.send("My cat is called Pepper and she is nine years old.")
    agent.send("What is my cat called?")
    return agent


def test_both_threads_hear_every_message(tmp_path: Path) -> None:
    agent = talk.play(NAME, tmp_path=tmp_path)
    for log in ("recall", "notes"):
        assert list(talk.replies(agent, log)) == [said.text for said in talk.TALK]
    answered = {row.turn for row in talk.steps(agent, "main") if row.turn}
    kept = {row.turn for row in talk.steps(agent, "memory")}
    assert answered == kept == set(range(1, 13))


def test_one_writes_and_the_other_talks(tmp_path: Path) -> None:
    agent = talk.play(NAME, *BLIND, tmp_path=tmp_path)
    assert "send_message" not in agent.plan.threads["memory"].tools
    written = [call.name for call in talk.calls(agent, "memory")]
    assert written.count("core_memory_append") == 7, "seven facts"
    assert not any(agent.plan.tools[n].writes for n in agent.plan.threads["main"].tools)
    assert "What is my cat called?" in talk.right(agent), "answered from the block"


def test_it_may_wait_until_memory_is_up_to_date(tmp_path: Path) -> None:
    agent = in_haste(tmp_path=tmp_path)
    made = [call.name for call in talk.calls(agent, "main")]
    assert made == ["send_message", "wait_for_memory_update", "send_message"]
    assert talk.replies(agent)["What is my cat called?"] == "Pepper"
    order = [row.thread for row in sorted(_all(agent), key=lambda row: row.id)]
    assert order[:2] == ["main", "main"] and order[-1] == "main" and "memory" in order


def test_without_waiting_it_answers_from_stale_memory(tmp_path: Path) -> None:
    agent = in_haste("wait_for_memory_update=null", tmp_path=tmp_path)
    assert "don't know" in talk.replies(agent)["What is my cat called?"]


def test_without_the_memory_thread_waiting_does_not_help(tmp_path: Path) -> None:
    agent = in_haste("memory=null", tmp_path=tmp_path)
    assert "don't know" in talk.replies(agent)["What is my cat called?"]


def _all(agent: agents.Agent) -> list[journal.StepRow]:
    return talk.steps(agent, "main") + talk.steps(agent, "memory")
