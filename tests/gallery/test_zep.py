"""Zep: dated facts with four times; what is contradicted ends; search along links, ranks fused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archgraph import clock
from archgraph.runtime import agent as agents
from archgraph.storage import journal
from archgraph.stores import features
from tests.gallery import conversation

TOLD, MOVED = conversation.TALK[0].at, conversation.TALK[6].at


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> agents.Agent:
    return conversation.play("zep", tmp_path=tmp_path_factory.mktemp("zep"))


def graph(agent: agents.Agent, kind: str, *status: str) -> dict[str, Any]:
    """Records of a kind by what they say."""
    store: Any = agent.stores["graph"]
    return {each.content: each for each in store.select({"kind": kind}, status=status)}


def contradicted_fact_ended(agent: agents.Agent) -> None:
    """The four times: created and expired (what was believed), valid from and to (what was so)."""
    (old,) = graph(agent, "fact", "superseded").values()
    assert old.content == "I live in Bergen."
    assert (old.created, old.expired) == (TOLD, MOVED)
    assert (old.valid_from, old.valid_to) == (TOLD, MOVED)
    new = graph(agent, "fact")["I moved from Bergen to Trondheim."]
    assert (new.valid_from, new.valid_to, new.expired) == (MOVED, None, None)


def test_a_contradicted_fact_ends_where_the_new_one_begins(played: agents.Agent) -> None:
    contradicted_fact_ended(played)
    assert conversation.right(played) == set(conversation.ANSWERS)


@pytest.mark.parametrize("ablation", ["ops=[add]", "remember=null"])
def test_without_the_comparison_no_fact_ends(ablation: str, tmp_path: Path) -> None:
    agent = conversation.play("zep", ablation, tmp_path=tmp_path)
    with pytest.raises(ValueError, match="not enough values"):
        contradicted_fact_ended(agent)


def test_what_was_true_then_and_what_was_believed_then_can_be_asked(played: agents.Agent) -> None:
    store: Any = played.stores["graph"]

    def homes(**moment: float) -> set[str]:
        found = store.find("live Bergen Trondheim", 20, where={"kind": "fact"}, **moment)
        texts = {hit.record.content for hit in found}
        return texts & {"I live in Bergen.", "I moved from Bergen to Trondheim."}

    assert homes(valid_at=TOLD + 60) == {"I live in Bergen."}
    assert homes(known_at=MOVED - 60) == {"I live in Bergen."}
    assert homes(valid_at=MOVED + 60) == homes() == {"I moved from Bergen to Trondheim."}


def test_a_day_that_is_told_is_when_a_fact_begins(played: agents.Agent) -> None:
    """Said on Monday, 4 March 2024: on Friday is the 8th."""
    (job,) = (each for text, each in graph(played, "fact").items() if "museum" in text)
    assert job.valid_from == clock.parse_moment("2024-03-08")
    assert job.created < job.valid_from


def test_facts_lead_back_to_their_episode_and_to_their_entities(played: agents.Agent) -> None:
    store: Any = played.stores["graph"]
    fact = graph(played, "fact")["I am allergic to peanuts, so I never eat satay."]
    episodes = [played.stores["recall"].records.get(id) for id in fact.derived_from]
    assert [each.content for each in episodes if each] == [
        "I am allergic to peanuts, so I never eat satay.", "I see.",
    ]  # fmt: skip
    joined = {store.records.get(link.target).content for link in store.links(fact.id)}
    assert joined == {"user", "peanuts"}


def test_ranks_are_fused_as_in_the_released_code(played: agents.Agent) -> None:
    """First of three lists and second of one: 1/1 + 1/1 + 1/1 against 1/2, rank_const counting
    from 0: 3.0 and 0.5."""
    told = played.stores["graph"].options.retrieval
    table = {"text": {1: 9.0, 2: 4.0}, "vector": {1: 0.8}, "distance": {1: 0.5}}
    fused = features.combined(table, told.features, told.fusion, told.rrf_k)
    assert fused == {1: 3.0, 2: 0.5}


def test_what_shares_no_word_with_the_question_is_found_along_links(tmp_path: Path) -> None:
    sources = "stores.graph.retrieval.sources=[text]"
    agent = conversation.play("zep", sources, tmp_path=tmp_path)
    assert "What am I allergic to?" in conversation.right(agent)
    assert "Where do I live now?" not in conversation.right(agent)


def test_an_answer_sees_since_when_facts_are_true(played: agents.Agent) -> None:
    prompts = [conversation.system(played, row) for row in conversation.steps(played, "main")]
    assert "- 2024-03-05 to now | I moved from Bergen to Trondheim." in prompts[-1]
    facts = prompts[-1].split("Facts, with the days")[1]
    assert "I live in Bergen." not in facts


def test_communities_are_found_anew_and_summarised(played: agents.Agent, tmp_path: Path) -> None:
    """By label propagation over what is true: the home that has ended is in none of them."""
    rounds = [row.payload for row in journal.events(played.db)
              if row.name == "rebuild_communities.group"]  # fmt: skip
    assert len(rounds) == 2, "after five turns and after ten"
    held: Any = played.stores["communities"]
    texts = [record.content for record in held.select()]
    assert any("allergic to peanuts" in text and "Trondheim" in text for text in texts)
    assert not any("I live in Bergen." in text for text in texts)
    members = {id for record in held.select() for id in record.derived_from}
    assert members <= {
        each.id for kind in ("fact", "entity") for each in graph(played, kind).values()
    }
    agent = conversation.play("zep", "communities=null", tmp_path=tmp_path)
    assert "What belongs together" not in conversation.system(
        agent, conversation.steps(agent, "main")[-1]
    )
    contradicted_fact_ended(agent)


def test_without_the_graph_old_things_are_forgotten(tmp_path: Path) -> None:
    agent = conversation.play("zep", "graph=null", tmp_path=tmp_path)
    assert not conversation.right(agent) & {"What am I allergic to?", "What does my brother play?"}
