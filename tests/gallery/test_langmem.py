"""Golden trace: memory is formed once a talk has settled; fault found changes the instructions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from archgraph.runtime import agent as agents
from archgraph.storage import journal
from tests.gallery import conversation as talk

NAME = "langmem"
MORNING = [message.at for message in talk.TALK[:6]]
"""When the six messages of the first day came: 09:01 to 09:16, three minutes apart."""
FAULT = "That is wrong, always say the full name of my cat."
BLIND = "stores.window.capacity=1"


def held(agent: agents.Agent, store: str) -> Any:
    """The text of a block, or the texts of a collection."""
    found: Any = agent.stores[store]
    return found.text if hasattr(found, "text") else [r.content for r in found.select()]


def formed(agent: agents.Agent, thread: str = "manager") -> list[float]:
    """When runs of a pipeline began."""
    return [row.at for row in journal.events(agent.db) if row.name == f"{thread}.read"]


def debounced(agent: agents.Agent) -> None:
    """LangMem's executor: six messages in quick succession cause one run, ten minutes later."""
    assert formed(agent) == [MORNING[-1] + 600.0]


def found_fault(*overrides: str, tmp_path: Path) -> agents.Agent:
    """A talk in which the user finds fault with an answer, and comes back the next day."""
    texts = ("My cat is called Pepper.", "What is my cat called?", FAULT)
    said = [talk.Message(MORNING[n], text) for n, text in enumerate(texts)]
    later = talk.Message(talk.TALK[6].at, "What is my cat called?")
    return talk.tell(talk.begin(NAME, *overrides, tmp_path=tmp_path), [*said, later])


def optimized(agent: agents.Agent) -> None:
    """The instructions hold what the user found wrong, and the next answer is given by them."""
    assert held(agent, "instructions") == f"Answer in one or two short sentences.\n{FAULT}"
    first, *_, last = talk.steps(agent, "main")
    assert FAULT not in talk.system(agent, first) and FAULT in talk.system(agent, last)


def test_memory_is_formed_when_the_talk_has_settled(tmp_path: Path) -> None:
    agent = talk.play(NAME, BLIND, tmp_path=tmp_path)
    debounced(agent)
    assert "My brother Ole plays the cello in an orchestra." in held(agent, "memories")
    assert talk.replies(agent)["What is my cat called?"].startswith("I don't know"), "too early"
    assert {"What does my brother play?", "What am I allergic to?"} <= talk.right(agent)


def test_with_a_short_wait_each_message_causes_a_run(tmp_path: Path) -> None:
    agent = talk.play(NAME, "debounce=1m", tmp_path=tmp_path)
    assert formed(agent)[:6] == [at + 60.0 for at in MORNING]
    with pytest.raises(AssertionError):
        debounced(agent)


def test_what_changed_is_updated(tmp_path: Path) -> None:
    agent = talk.play(NAME, "debounce=1m", tmp_path=tmp_path)
    assert not [text for text in held(agent, "memories") if "live in Bergen" in text]
    assert [text for text in held(agent, "memories") if "Trondheim" in text]
    assert talk.right(agent) == set(talk.ANSWERS)


def test_without_updates_both_are_kept(tmp_path: Path) -> None:
    agent = talk.play(NAME, "debounce=1m", "ops=[add, noop]", tmp_path=tmp_path)
    assert "I live in Bergen." in held(agent, "memories")


def test_the_profile_has_a_schema_and_one_value_a_field(tmp_path: Path) -> None:
    agent = talk.play(NAME, tmp_path=tmp_path)
    profile = json.loads(held(agent, "profile"))
    assert set(profile) == {"name", "home", "job"}
    assert "Dana" in profile["name"] and "harbour museum" in profile["job"]


def test_fault_found_changes_the_instructions(tmp_path: Path) -> None:
    optimized(found_fault(tmp_path=tmp_path))


@pytest.mark.parametrize("ablated", ["optimizer=null", "instructions=null"])
def test_without_the_optimizer_it_learns_no_manner(tmp_path: Path, ablated: str) -> None:
    agent = found_fault(ablated, tmp_path=tmp_path)
    with pytest.raises((AssertionError, KeyError)):
        optimized(agent)


def test_facts_change_no_instructions(tmp_path: Path) -> None:
    agent = talk.play(NAME, "debounce=1m", tmp_path=tmp_path)
    assert held(agent, "instructions") == "Answer in one or two short sentences."
    assert formed(agent, "optimizer")


def test_without_the_manager_yesterday_is_gone(tmp_path: Path) -> None:
    agent = talk.play(NAME, BLIND, "manager=null", tmp_path=tmp_path)
    assert not held(agent, "memories")
    assert "What am I allergic to?" not in talk.right(agent)
