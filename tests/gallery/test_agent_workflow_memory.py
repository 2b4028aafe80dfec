"""Agent Workflow Memory: a task that went well leaves a workflow, which later tasks follow."""

from __future__ import annotations

from pathlib import Path

import pytest

from archgraph.runtime import agent as agents
from tests.gallery import conversation
from tests.gallery.conversation import BEGIN, Message

TASK = "First weigh the parcel, then print the label, then bring it to the post office."
FILLER = ["My dog is called Rex.", "He is seven years old.", "It rains today."]
QUESTION = "What do I do after I weigh the parcel?"


def talk(reaction: str) -> list[Message]:
    texts = [TASK, reaction, *FILLER, QUESTION]
    return [Message(BEGIN + 180.0 * n, text) for n, text in enumerate(texts)]


def played(
    tmp_path: Path, *overrides: str, reaction: str = "Thank you, that worked."
) -> agents.Agent:
    agent = conversation.begin(
        "agent_workflow_memory", "stores.window.capacity=2", *overrides, tmp_path=tmp_path
    )
    return conversation.tell(agent, talk(reaction))


def workflows(agent: agents.Agent) -> list[str]:
    store = agent.stores.get("workflows")
    return [record.content for record in store.records.select()] if store else []


def distinguishing(agent: agents.Agent) -> None:
    """A success induces one workflow, and it stands whole in the prompt of later tasks."""
    (induced,) = workflows(agent)
    assert "print the label" in induced
    last = conversation.steps(agent, "main")[-1]
    assert induced in conversation.system(agent, last)
    assert "label" in conversation.replies(agent)[QUESTION]


def test_a_success_becomes_a_workflow_that_is_followed(tmp_path: Path) -> None:
    distinguishing(played(tmp_path))


@pytest.mark.parametrize("without", ["inducer=null", "workflows=null"])
def test_without_it_nothing_is_learnt(tmp_path: Path, without: str) -> None:
    agent = played(tmp_path, without)
    with pytest.raises((AssertionError, ValueError)):
        distinguishing(agent)
    assert "label" not in conversation.replies(agent)[QUESTION]


def test_a_failure_teaches_nothing(tmp_path: Path) -> None:
    agent = played(tmp_path, reaction="No, that did not work.")
    assert workflows(agent) == []


def test_the_same_success_is_not_kept_twice(tmp_path: Path) -> None:
    agent = played(tmp_path)
    again = [Message(said.at + 86_400, said.text) for said in talk("Thank you, that worked.")]
    conversation.tell(agent, again)
    assert len(workflows(agent)) == 1
    decisions = agent.db.all("SELECT payload FROM event WHERE name = 'inducer.resolve'")
    assert ["add" in decisions[0][0], "noop" in decisions[1][0]] == [True, True]
