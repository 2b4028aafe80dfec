"""Mem0: a model decides over each new fact and those near it; a fact is updated in place."""

from __future__ import annotations

from pathlib import Path

import pytest

from archgraph.runtime import agent as agents
from archgraph.storage import journal
from tests.gallery import conversation
from tests.helpers import Answers, call


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> agents.Agent:
    return conversation.play("mem0", tmp_path=tmp_path_factory.mktemp("mem0"))


def facts(agent: agents.Agent) -> list[str]:
    return [record.content for record in agent.stores["facts"].records.select()]


def decisions(agent: agents.Agent, decision: str) -> list[str]:
    """The targets of one kind of decision, in order."""
    rows = [row.payload for row in journal.events(agent.db) if row.name == "remember.resolve"]
    return [str(row.get("target", "")) for row in rows if row.get("decision") == decision]


def questions(agent: agents.Agent, thread: str) -> list[str]:
    """What the model of a pipeline was shown, below the instructions."""
    rows = journal.steps(agent.db, "thread = ? AND kind = 'operator'", (thread,))
    return [str(agent.window(row.id)["messages"][1]["content"]) for row in rows]


def updated_in_place(agent: agents.Agent) -> None:
    """The move changes the record of the home, which keeps its id and gains a source."""
    (target,) = decisions(agent, "update")
    rows = "SELECT content, died FROM record WHERE store = 'facts' AND id = ? ORDER BY seq"
    (before, ended), (after, living) = agent.db.all(rows, (target,))
    assert ("Bergen" in before, "Trondheim" in after) == (True, True)
    assert (ended is not None, living) == (True, None)
    held = agent.stores["facts"].records.get(target)
    assert held is not None and len(held.derived_from) == 4, "two exchanges of two messages"
    assert not [fact for fact in facts(agent) if "Bergen" in fact]


def test_a_fact_is_updated_in_place_and_answers_later(played: agents.Agent) -> None:
    updated_in_place(played)
    assert conversation.right(played) == set(conversation.ANSWERS)


@pytest.mark.parametrize("ablation", ["ops=[add]", "remember=null"])
def test_without_the_decision_nothing_is_updated(ablation: str, tmp_path: Path) -> None:
    """`ops=[add]` is what the released code does since 2026: the old home stays beside the new."""
    agent = conversation.play("mem0", ablation, tmp_path=tmp_path)
    with pytest.raises((AssertionError, ValueError)):
        updated_in_place(agent)
    homes = [fact for fact in facts(agent) if "Bergen" in fact]
    assert len(homes) == (2 if ablation == "ops=[add]" else 0)


def test_the_extraction_sees_summary_latest_messages_and_the_exchange(
    played: agents.Agent,
) -> None:
    shown = [text for text in questions(played, "remember") if "## exchange" in text]
    assert len(shown) == len(conversation.TALK), "one for each exchange, after the reply"
    last = shown[-1]
    summary, rest = last.split("## latest_messages")
    latest, exchange = rest.split("## exchange")
    assert "Bergen" in summary, "the refresher has written it"
    assert latest.count("\n- ") == 10 and exchange.count("\n- ") == 2
    assert "Bergen" not in latest, "m = 10 messages, and no more"


def test_each_fact_is_decided_over_at_most_s_known_ones(tmp_path: Path) -> None:
    for most in (1, 3):
        folder = tmp_path / str(most)
        folder.mkdir()
        agent = conversation.play("mem0", f"similar={most}", tmp_path=folder)
        over = [text for text in questions(agent, "remember") if "## candidates" in text]
        assert max(text.split("## candidates")[1].count("\n- ") for text in over) == most


def test_what_is_contradicted_may_be_deleted(tmp_path: Path) -> None:
    """With a model that says so: the fourth of the paper's operations."""

    def answer(request: object) -> object:
        text = str(request.messages)  # type: ignore[attr-defined]
        if "## candidates" in text:
            id = text.split("## candidates\\n- [")[1].split("]")[0]
            return call("answer", decision="delete", id=id)
        if "## exchange" in text:
            said = "no cat" if "gone" in text.split("## exchange")[1] else "a cat"
            return call("answer", items=[{"fact": f"Dana has {said}"}])
        return "Yes."

    agent = conversation.begin("mem0", tmp_path=tmp_path, gateway=Answers(answer))
    for text in ("I have a cat.", "The cat is gone."):
        agent.send(text)
        agent.work()
    assert facts(agent) == []
    assert len(decisions(agent, "delete")) == 1


def test_without_the_refresher_there_is_no_summary(tmp_path: Path) -> None:
    agent = conversation.play("mem0", "refresher=null", tmp_path=tmp_path)
    assert all("## summary\n(none)" in text for text in questions(agent, "remember")
               if "## exchange" in text)  # fmt: skip
    updated_in_place(agent)


def test_without_facts_old_things_are_forgotten(tmp_path: Path) -> None:
    agent = conversation.play("mem0", "facts=null", tmp_path=tmp_path)
    assert "What am I allergic to?" not in conversation.right(agent)
