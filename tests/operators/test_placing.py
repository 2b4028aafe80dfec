"""`place`: where records go in a tree, what becomes of leaves, and what it needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archgraph.graph import check
from tests.gallery import conversation as talk

PIANO, NIGHT = "My cat sleeps on the piano.", "My cat sleeps on the piano at night."
FACTS = f"{PIANO} {NIGHT} My brother Ole plays the cello."


def shape(tmp_path: Path, *overrides: str) -> dict[str, list[str]]:
    """The tree that one message with three facts becomes: parents to children."""
    agent = talk.begin("memtree", *overrides, tmp_path=tmp_path)
    agent.send(FACTS)
    agent.work()
    store: Any = agent.stores["tree"]
    held = {record.id: record for record in store.select()}
    found: dict[str, list[str]] = {}
    for id in held:
        for link in store.links(id):
            if link.source == id:
                found.setdefault(held[id].content, []).append(held[link.target].content)
    return found


def test_records_of_one_run_are_placed_one_after_the_other(tmp_path: Path) -> None:
    """The first finds no tree, though the others are written; the second finds the first."""
    (summary,) = shape(tmp_path)
    assert summary.splitlines() == [PIANO, NIGHT]


def test_a_leaf_that_gets_a_child_keeps_its_text(tmp_path: Path) -> None:
    ((_, children),) = shape(tmp_path).items()
    assert sorted(children) == sorted([PIANO, NIGHT])


def test_without_splitting_it_has_one_child(tmp_path: Path) -> None:
    step = "{place: {in: tree, items: leaves, split: false}, as: path}"
    file = tmp_path / "unsplit.yaml"
    steps = (
        "{read: {store: recall, since: last_run, where: {role: user}}, as: messages}",
        "{extract: {prompt: memtree/extract.jinja2, of: messages, fields: {fact: text}},"
        " as: facts}",
        "{write: {to: tree, items: facts}, as: leaves}",
        step,
    )
    listed = "".join(f"      - {each}\n" for each in steps)
    head = "extends: memtree\nname: unsplit\nthreads:\n  grow:\n    steps:\n"
    file.write_text(head + listed)
    agent = talk.begin(file, tmp_path=tmp_path)
    agent.send(FACTS)
    agent.work()
    assert agent.stores["tree"].measure("count") == 3
    assert agent.stores["tree"].measure("links") == 1


def test_a_tree_needs_vectors() -> None:
    only_text = ["stores.tree.index=[text]", "stores.tree.retrieval=null"]
    told = [str(each) for each in check.check("memtree", only_text)]
    assert any("'tree' has no vectors to compare" in each for each in told), told


def test_a_tree_needs_a_collection() -> None:
    told = [str(each) for each in check.check("memtree", ["stores.tree={type: queue}"])]
    assert any("'tree' is a queue, which cannot do that" in each for each in told), told
