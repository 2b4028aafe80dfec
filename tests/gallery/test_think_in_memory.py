"""Golden trace: thoughts are recalled before the answer; after it they are put in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archgraph.runtime import agent as agents
from archgraph.storage import journal
from tests.gallery import conversation as talk

NAME = "think_in_memory"
CELLO = "My brother Ole plays the cello."
ORCHESTRA = "My brother Ole plays the cello in an orchestra."


def thoughts(agent: agents.Agent) -> dict[str, tuple[str, ...]]:
    """What is thought: text to head, relation and tail."""
    store: Any = agent.stores["thoughts"]
    parts = ("head", "relation", "tail")
    return {r.content: tuple(r.fields.get(part, "") for part in parts) for r in store.select()}


def told(*texts: str, overrides: tuple[str, ...] = (), tmp_path: Path) -> agents.Agent:
    """An agent that was told texts one by one, and has thought about each."""
    agent = talk.begin(NAME, *overrides, tmp_path=tmp_path)
    for text in texts:
        agent.send(text)
        agent.work()
    return agent


def forgotten(agent: agents.Agent) -> None:
    """A thought that a new one contradicts is forgotten; the new one is inserted."""
    held = thoughts(agent)
    assert not any("live in Bergen" in text for text in held)
    assert held["I moved from Bergen to Trondheim."] == ("user", "moved to", "Trondheim")


def test_a_thought_is_a_relation_of_two_things(tmp_path: Path) -> None:
    agent = told(CELLO, tmp_path=tmp_path)
    assert thoughts(agent) == {CELLO: ("user's brother Ole", "plays", "cello")}


def test_contradicted_thoughts_are_forgotten(tmp_path: Path) -> None:
    agent = talk.play(NAME, tmp_path=tmp_path)
    forgotten(agent)
    asked = [row for row in journal.events(agent.db) if row.name == "post_think.forget"]
    assert len(asked) == 1
    removed = "SELECT count(*) FROM record WHERE store = 'thoughts' AND died IS NOT NULL"
    assert agent.db.value(removed) == 1


def test_without_forgetting_and_merging_both_stay(tmp_path: Path) -> None:
    agent = talk.play(NAME, "forgetting=false", "ops=[add, noop]", tmp_path=tmp_path)
    with pytest.raises(AssertionError):
        forgotten(agent)
    assert "I live in Bergen." in thoughts(agent)


def test_like_thoughts_of_one_head_are_merged(tmp_path: Path) -> None:
    agent = told(CELLO, ORCHESTRA, CELLO, tmp_path=tmp_path)
    assert list(thoughts(agent)) == [ORCHESTRA]


def test_without_merging_they_stay_apart(tmp_path: Path) -> None:
    agent = told(CELLO, ORCHESTRA, overrides=("ops=[add, noop]",), tmp_path=tmp_path)
    assert list(thoughts(agent)) == [CELLO, ORCHESTRA]


def test_an_answer_recalls_thoughts_not_messages(tmp_path: Path) -> None:
    agent = talk.play(NAME, tmp_path=tmp_path)
    last = talk.steps(agent, "main")[-1]
    assert "harbour museum" in talk.system(agent, last), "recalled before the answer"
    assert not any("harbour" in m["content"] for m in agent.window(last.id)["messages"][1:])
    assert talk.right(agent) == set(talk.ANSWERS) - {"Where do I live now?"}


def test_thinking_follows_the_answer(tmp_path: Path) -> None:
    agent = talk.begin(NAME, tmp_path=tmp_path)
    agent.send(CELLO)
    assert not thoughts(agent)
    agent.work()
    assert thoughts(agent)


@pytest.mark.parametrize("ablated", ["post_think=null", "thoughts=null"])
def test_without_thoughts_nothing_is_known(tmp_path: Path, ablated: str) -> None:
    assert not talk.right(talk.play(NAME, ablated, tmp_path=tmp_path))
