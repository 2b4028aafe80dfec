"""Golden trace: a text goes down the tree to what it is like, and the summaries above it follow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archgraph.runtime import agent as agents
from archgraph.storage import journal
from tests.gallery import conversation as talk

NAME = "memtree"
PIANO = "My cat Pepper sleeps on the piano."
NIGHT = "My cat Pepper sleeps on the piano at night."
NINE = "My cat Pepper is nine years old."
OLE = "My brother Ole plays the cello."
WHERE = "Where do I live now?"

Tree = dict[str, Any]


def told(*texts: str, overrides: tuple[str, ...] = (), tmp_path: Path) -> agents.Agent:
    """An agent that was told texts one by one, each placed before the next."""
    agent = talk.begin(NAME, *overrides, tmp_path=tmp_path)
    for text in texts:
        agent.send(text)
        agent.work()
    return agent


def tree(agent: agents.Agent) -> Tree:
    """The tree as nested mappings from a node's text to what hangs below it."""
    store: Any = agent.stores["tree"]
    held = {record.id: record.content for record in store.select()}
    links = [link for id in held for link in store.links(id) if link.source == id]

    def below(id: str) -> Tree:
        return {held[x.target]: below(x.target) for x in links if x.source == id}

    roots = [id for id in held if all(x.target != id for x in links)]
    return {held[id]: below(id) for id in roots}


def summarised(agent: agents.Agent) -> None:
    """The paper's event: what is alike hangs together, below a summary of both."""
    assert tree(agent) == {f"{PIANO}\n{NIGHT}": {PIANO: {}, NIGHT: {}}, OLE: {}}
    kinds = {record.content: record.fields["kind"] for record in nodes(agent)}
    assert kinds == {f"{PIANO}\n{NIGHT}": "summary", PIANO: "leaf", NIGHT: "leaf", OLE: "leaf"}


def nodes(agent: agents.Agent) -> list[Any]:
    """All nodes of the tree."""
    store: Any = agent.stores["tree"]
    return list(store.select())


def test_like_texts_hang_together_below_their_summary(tmp_path: Path) -> None:
    agent = told(PIANO, OLE, NIGHT, tmp_path=tmp_path)
    summarised(agent)
    made = [row.name for row in journal.events(agent.db) if row.name.startswith("grow.")]
    assert made.count("grow.place") == 3
    assert made.count("grow.summarize") == 1, "only one of three had something above it"


@pytest.mark.parametrize("ablated", ["base=1.0", "grow=null"])
def test_without_descending_all_are_roots(tmp_path: Path, ablated: str) -> None:
    agent = told(PIANO, OLE, NIGHT, overrides=(ablated,), tmp_path=tmp_path)
    with pytest.raises(AssertionError):
        summarised(agent)
    assert not any(tree(agent).values())


def test_the_threshold_rises_with_depth(tmp_path: Path) -> None:
    """0.4 at the root, 0.4 e^(0.5 * 1/2) = 0.5136 one level below it in a tree of two levels.

    The third text is like the summary by 0.47 and like its best child by 0.49.
    """
    agent = told(PIANO, NIGHT, NINE, tmp_path=tmp_path)
    (children,) = tree(agent).values()
    assert children == {PIANO: {}, NIGHT: {}, NINE: {}}
    (summary,) = tree(agent)
    assert summary.splitlines() == [PIANO, NIGHT, NINE], "the summary above it was written anew"


def test_a_threshold_that_does_not_rise_lets_it_go_deeper(tmp_path: Path) -> None:
    agent = told(PIANO, NIGHT, NINE, overrides=("growth=0.0",), tmp_path=tmp_path)
    (children,) = tree(agent).values()
    assert {PIANO: {}, NINE: {}} in children.values()


def shown(agent: agents.Agent, question: str) -> str:
    """The system prompt of the step that answered a question."""
    rows = talk.steps(agent, "main")
    return next(
        talk.system(agent, row) for row in rows
        if question in agent.window(row.id)["messages"][-1]["content"]
    )  # fmt: skip


def test_a_summary_leads_to_what_a_leaf_does_not(tmp_path: Path) -> None:
    """The move shares no word with the question; the cosine with `I live in Bergen.` is 0.39."""
    assert "Trondheim" in shown(talk.play(NAME, "base=0.35", tmp_path=tmp_path), WHERE)


def test_without_the_tree_it_is_not_found(tmp_path: Path) -> None:
    assert "Trondheim" not in shown(talk.play(NAME, "base=1.0", tmp_path=tmp_path), WHERE)


def test_what_the_tree_holds_is_answered(tmp_path: Path) -> None:
    agent = talk.play(NAME, tmp_path=tmp_path)
    assert talk.right(agent) == set(talk.ANSWERS) - {WHERE}
    assert all(turn.status == "done" for turn in journal.turns(agent.db))


def test_without_the_pipeline_nothing_is_known(tmp_path: Path) -> None:
    assert not talk.right(talk.play(NAME, "grow=null", tmp_path=tmp_path))
