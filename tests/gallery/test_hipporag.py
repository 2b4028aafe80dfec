"""HippoRAG: triples become a graph; personalised PageRank finds passages that are links away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archgraph.runtime import agent as agents
from archgraph.stores import backends, link_graph
from tests.gallery import conversation
from tests.gallery.conversation import BEGIN, Message

HOPS = [
    "Nora works at the Almanac Institute.",
    "Erik works at Vega.",
    "Vega stands in Turku.",
    "My neighbour works at night.",
    "The Almanac Institute stands in Lund.",
]
QUESTION = "Where does Nora work?"
FAR = "The Almanac Institute stands in Lund."
"""It shares no word with the question: it is reached by way of the institute."""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> agents.Agent:
    return conversation.play("hipporag", tmp_path=tmp_path_factory.mktemp("hipporag"))


def told(folder: Path, *texts: str, overrides: tuple[str, ...] = ()) -> agents.Agent:
    agent = conversation.begin("hipporag", *overrides, tmp_path=folder)
    return conversation.tell(
        agent, [Message(BEGIN + 60 * n, text) for n, text in enumerate(texts, 1)]
    )


def nodes(agent: agents.Agent, kind: str) -> dict[str, str]:
    """Texts of a kind of node, by id."""
    store: Any = agent.stores["memory"]
    return {each.id: each.content for each in store.select({"kind": kind})}


def edges(agent: agents.Agent) -> set[tuple[str, str, str]]:
    store: Any = agent.stores["memory"]
    text = nodes(agent, "phrase") | nodes(agent, "passage")
    return {(text[x.source], x.kind, text[x.target]) for x in backends.all_links(store.backend)}


def found(agent: agents.Agent, query: str, k: int) -> list[str]:
    store: Any = agent.stores["memory"]
    return [hit.record.content for hit in store.find(query, k)]


def test_a_passage_becomes_phrases_that_are_linked_with_it_and_each_other(tmp_path: Path) -> None:
    agent = told(tmp_path, "Vega stands in Turku.")
    passage = "Vega stands in Turku."
    assert edges(agent) == {
        ("Vega", "stands in", "Turku"),
        (passage, "mentions", "Vega"),
        (passage, "mentions", "Turku"),
    }


def test_pagerank_of_that_graph_is_what_a_hand_computes(tmp_path: Path) -> None:
    """A triangle, started at one corner with damping 1/2: each other has x = (a + x) / 4, so
    x = a / 3, and a + 2x = 1: a = 3/5, x = 1/5."""
    agent = told(tmp_path, "Vega stands in Turku.")
    store: Any = agent.stores["memory"]
    links = [(x.source, x.target, x.weight) for x in backends.all_links(store.backend)]
    start = next(id for id, text in nodes(agent, "phrase").items() if text == "Vega")
    damping = store.options.retrieval.links.damping
    ranks = link_graph.pagerank(links, {start: 1.0}, damping=damping)
    rest = [rank for id, rank in ranks.items() if id != start]
    assert [ranks[start], *rest] == pytest.approx([3 / 5, 1 / 5, 1 / 5], abs=1e-9)


def reached(agent: agents.Agent) -> None:
    """The passage that shares no word with the question comes right after the one that does."""
    assert found(agent, QUESTION, 2) == [HOPS[0], FAR]


def test_a_passage_two_links_away_is_found(tmp_path: Path) -> None:
    reached(told(tmp_path, *HOPS))


@pytest.mark.parametrize(
    "ablation",
    [
        "stores.memory.retrieval={sources: [vector], features: {vector: 1}, keep: {kind: passage}}",
        "damping=0.001",
    ],
)
def test_without_the_walk_it_is_not(ablation: str, tmp_path: Path) -> None:
    """By likeness alone, or where a walker always starts again, other work comes first."""
    agent = told(tmp_path, *HOPS, overrides=(ablation,))
    with pytest.raises(AssertionError):
        reached(agent)


def test_phrases_that_mean_the_same_are_linked(tmp_path: Path) -> None:
    near = ("Nora paints sailing boats.", "Erik sells sailing boat.")
    pair = {"sailing boats", "sailing boat"}
    with told(tmp_path, *near) as agent:
        joined = [{a, b} for a, kind, b in edges(agent) if kind == "synonym"]
        assert pair in joined
    folder = tmp_path / "strict"
    folder.mkdir()
    with told(folder, *near, overrides=("synonym=0.999",)) as agent:
        assert not [kind for _, kind, _ in edges(agent) if kind == "synonym"]


def test_passages_are_answers_and_phrases_only_lead_there(played: agents.Agent) -> None:
    passages = set(nodes(played, "passage").values())
    assert set(found(played, "What does my brother play?", 5)) <= passages
    assert conversation.right(played) == set(conversation.ANSWERS) - {"Where do I live now?"}


def test_the_newer_home_is_in_view_where_more_passages_are(tmp_path: Path) -> None:
    """Passages are never corrected: the newer one is there, and comes after five others."""
    agent = conversation.play("hipporag", "found=10", tmp_path=tmp_path)
    assert conversation.right(agent) == set(conversation.ANSWERS)


@pytest.mark.parametrize("node", ["index", "memory"])
def test_without_the_index_old_things_are_forgotten(node: str, tmp_path: Path) -> None:
    agent = conversation.play("hipporag", f"{node}=null", tmp_path=tmp_path)
    assert not conversation.right(agent) & {"What am I allergic to?", "What does my brother play?"}
