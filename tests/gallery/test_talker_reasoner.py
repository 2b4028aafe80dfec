"""Golden trace: the talker answers at once from a belief, stale as it may be, or waits for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from archgraph.runtime import agent as agents
from archgraph.storage import journal
from tests.gallery import conversation as talk

NAME = "talker_reasoner"
FACT, QUESTION = "My cat is called Pepper and she is nine years old.", "What is my cat called?"


def in_haste(*overrides: str, tmp_path: Path) -> agents.Agent:
    """A fact and a question about it, sent before the reasoner has had its turn."""
    agent = talk.begin(NAME, *overrides, tmp_path=tmp_path)
    agent.send(FACT)
    agent.send(QUESTION)
    return agent


def belief(agent: agents.Agent) -> dict[str, Any]:
    """The belief as it is now."""
    store: Any = agent.stores["belief"]
    return dict(json.loads(store.text))


def test_the_reasoner_writes_the_belief_field_by_field(tmp_path: Path) -> None:
    agent = talk.play(NAME, tmp_path=tmp_path)
    assert {call.name for call in talk.calls(agent, "reasoner")} == {"set_belief", "end_reasoning"}
    assert not any(agent.plan.tools[n].writes for n in agent.plan.threads["talker"].tools)
    held = belief(agent)
    assert set(held) == {"user_name", "goal", "facts"}, "as its schema says"
    assert "Dana" in held["user_name"] and any("Trondheim" in fact for fact in held["facts"])


def test_the_talker_answers_at_once_and_the_belief_follows(tmp_path: Path) -> None:
    agent = talk.begin(NAME, tmp_path=tmp_path)
    assert agent.send(FACT).steps == 1, "it did not wait"
    assert not belief(agent)["facts"], "stale"
    agent.work()
    assert "Pepper" in belief(agent)["facts"][0]
    turn = agent.send(QUESTION)
    assert turn.reply == "Pepper" and turn.steps == 1, "from the belief alone"


def test_where_the_belief_does_not_suffice_it_waits(tmp_path: Path) -> None:
    agent = in_haste(tmp_path=tmp_path)
    made = [call.name for call in talk.calls(agent, "talker")]
    assert made == ["reply_to_user", "wait_for_reasoner", "reply_to_user"]
    assert talk.replies(agent)[QUESTION] == "Pepper"


def test_without_waiting_it_answers_from_stale_belief(tmp_path: Path) -> None:
    agent = in_haste("wait_for_reasoner=null", tmp_path=tmp_path)
    assert "don't know" in talk.replies(agent)[QUESTION]


def test_in_the_foreground_the_belief_is_never_stale(tmp_path: Path) -> None:
    agent = in_haste("wait_for_reasoner=null", "reasoning=foreground", tmp_path=tmp_path)
    assert talk.replies(agent)[QUESTION] == "Pepper"
    assert {row.turn for row in talk.steps(agent, "reasoner")} == {1, 2}, "each turn waited for it"


def test_without_the_reasoner_nothing_is_believed(tmp_path: Path) -> None:
    agent = talk.play(NAME, "reasoner=null", tmp_path=tmp_path)
    assert not talk.right(agent)
    assert not journal.steps(agent.db, "thread = 'reasoner'")
