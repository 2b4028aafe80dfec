"""Mem0 with a graph: entities are used again, contradicted relations are marked, not deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archgraph.runtime import agent as agents
from tests.gallery import conversation

MOVED = conversation.TALK[6].at


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> agents.Agent:
    return conversation.play("mem0_graph", tmp_path=tmp_path_factory.mktemp("mem0_graph"))


def held(agent: agents.Agent, kind: str, status: str = "active") -> dict[str, Any]:
    """Records of a kind by what they say."""
    graph: Any = agent.stores["graph"]
    found = graph.select({"kind": kind}, status=[status])
    return {record.content: record for record in found}


def ends(agent: agents.Agent, relation: str) -> set[str]:
    """The entities that a relation is linked with."""
    graph: Any = agent.stores["graph"]
    everything = graph.select(status=["active", "superseded"])
    (record,) = (each for each in everything if each.content == relation)
    return {graph.records.get(link.target).content for link in graph.links(record.id)}


def contradicted_is_marked(agent: agents.Agent) -> None:
    """The old home stays as history, true until the move was told; the new one counts."""
    (old,) = held(agent, "relation", "superseded").values()
    assert old.content == "I live in Bergen."
    assert old.fields["relation"] == "lives in"
    assert (old.valid_to, old.expired) == (MOVED, MOVED)
    new = held(agent, "relation")["I moved from Bergen to Trondheim."]
    assert (new.fields["subject"], new.fields["object"]) == ("user", "Trondheim")


def test_a_contradicted_relation_is_marked_and_kept(played: agents.Agent) -> None:
    contradicted_is_marked(played)
    assert conversation.right(played) == set(conversation.ANSWERS)


def test_where_only_adding_is_allowed_both_homes_count(tmp_path: Path) -> None:
    agent = conversation.play("mem0_graph", "ops=[add]", tmp_path=tmp_path)
    with pytest.raises(ValueError, match="not enough values"):
        contradicted_is_marked(agent)
    assert {"I live in Bergen.", "I moved from Bergen to Trondheim."} <= held(
        agent, "relation"
    ).keys()


def test_relations_are_linked_with_entities_which_are_used_again(played: agents.Agent) -> None:
    assert ends(played, "I moved from Bergen to Trondheim.") == {"user", "Trondheim"}
    assert ends(played, "I live in Bergen.") == {"user", "Bergen"}
    assert len([name for name in held(played, "entity") if name == "user"]) == 1
    assert held(played, "entity")["Bergen"].fields["type"] == "place"


def test_the_threshold_says_which_entities_are_one(tmp_path: Path) -> None:
    """From a cosine of 0.3 on, what only shares a word with a known entity is that entity."""
    agent = conversation.play("mem0_graph", "threshold=0.3", tmp_path=tmp_path)
    assert "user's cat" not in held(agent, "entity")
    with pytest.raises(AssertionError):
        assert ends(agent, "I live in Bergen.") == {"user", "Bergen"}


def test_what_shares_no_word_with_the_question_is_found_along_links(
    played: agents.Agent, tmp_path: Path
) -> None:
    """The relation of the move says nothing of living, but joins the same user as others do."""
    question = "Where do I live now?"
    assert question in conversation.right(played)
    sources = "stores.graph.retrieval.sources=[text, vector]"
    agent = conversation.play("mem0_graph", sources, tmp_path=tmp_path)
    assert conversation.right(agent) == set(conversation.ANSWERS) - {question}


def test_entities_lead_to_relations_and_are_no_results_themselves(played: agents.Agent) -> None:
    graph: Any = played.stores["graph"]
    found = graph.find("Ole", 10)
    assert found and {hit.record.fields["kind"] for hit in found} == {"relation"}


@pytest.mark.parametrize("node", ["graph", "remember"])
def test_without_the_graph_old_things_are_forgotten(node: str, tmp_path: Path) -> None:
    agent = conversation.play("mem0_graph", f"{node}=null", tmp_path=tmp_path)
    assert not conversation.right(agent) & {"What am I allergic to?", "What does my brother play?"}
