"""The collection: limits before writes, pages with true totals, filters, links, versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from archgraph import errors
from archgraph.storage import database
from archgraph.stores import base, collection
from archgraph.tools import base as tools
from tests.stores import shop


def test_results_are_dated_and_paged_with_true_totals() -> None:
    store = shop.collect(shop.database_at(), index=["text"])
    shop.fill(store, *(f"note {i} about cheese" for i in range(12)), "a note about the sea")

    first = store.search("cheese").splitlines()
    assert first[0] == "Showing 5 of 12 results (page 0/2; ask for page 1 to see more):"
    assert first[1] == "- 2023-11-14 22:14:20 Tue | note 0 about cheese"
    last = store.search("cheese", page=2).splitlines()
    assert last[0] == "Showing 2 of 12 results (page 2/2):"
    with pytest.raises(errors.ToolError, match="there is no page 3; pages run from 0 to 2"):
        store.search("cheese", page=3)
    assert store.search("submarine") == "No results found."


def test_totals_count_matches_beyond_the_ranking_depth() -> None:
    store = shop.collect(shop.database_at(), index=["text"], page_size=100)
    shop.fill(store, *(f"note {i} about cheese" for i in range(130)))
    pages = [store.search("cheese", page=page).splitlines() for page in (0, 1)]
    assert pages[0][0].startswith("Showing 100 of 130 results")
    lines = pages[0][1:] + pages[1][1:]
    assert len(set(lines)) == 130


@pytest.mark.parametrize("backend", ["sqlite", "file"])
def test_limits_hold_before_the_write(backend: str, tmp_path: Path) -> None:
    db = shop.database_at(tmp_path / "agent.db")
    store = shop.collect(db, limit=10, capacity=2, backend=backend, path="facts.jsonl")
    for content, message in (
        ("x" * 11, "has 11 characters; one record of facts may have at most 10"),
        ("  ", "the content is empty"),
        ("\ud800", "half a character"),
    ):
        with pytest.raises(errors.ToolError, match=message), db.transaction():
            store.insert(content)
    shop.fill(store, "one", "two")
    with (
        pytest.raises(errors.ToolError, match="holds 2 of at most 2 records"),
        db.transaction(),
    ):
        store.insert("three")
    assert store.measure("count") == 2
    db.close()


def test_long_records_are_cut_in_results_and_whole_when_read() -> None:
    store = shop.collect(shop.database_at(), result_cap=30)
    (record,) = shop.fill(store, "salt " * 200)
    line = store.list().splitlines()[1]
    assert "[cut: " in line
    assert store.context.count(line) <= 30
    assert "salt " * 200 in store.read(record.id)


def test_render_shows_the_latest_within_its_cap() -> None:
    store = shop.collect(shop.database_at(), cap=30)
    for i in range(9):
        shop.fill(store, f"remark number {i}")
    shown = store.render(base.View())
    assert store.context.count(shown) <= 30
    assert [line[-1] for line in shown.splitlines()] == ["7", "8"]
    assert store.render(base.View(cap=14)).count("\n") == 0


def test_find_filters_by_time_thread_and_fields() -> None:
    store = shop.collect(shop.database_at())
    db = store.context.db
    (old,) = shop.fill(store, "tea is green", fields={"kind": "drink", "n": 1})
    db.actor = database.Actor(thread="main")
    (new,) = shop.fill(store, "tea is black", fields={"kind": "drink", "n": 2})
    shop.fill(store, "tea cups are white", fields={"kind": "thing"})

    assert {h.record.id for h in store.find("tea", where={"kind": "drink"})} == {old.id, new.id}
    assert shop.contents(store.find("tea", where={"n": [2, 3]})) == ["tea is black"]
    assert shop.contents(store.find("tea", until=new.created)) == ["tea is green"]
    assert len(store.find("tea", since=new.created)) == 2
    assert len(store.find("tea", thread="main")) == 2
    assert store.find("tea", where={'odd" name': 1}) == []


def test_dates_are_days_both_included() -> None:
    store = shop.collect(shop.database_at())
    shop.fill(store, "on the fourteenth")
    assert "of 1 results" in store.search_dates("2023-11-14", "2023-11-14")
    assert store.search_dates("2023-11-15", "2023-11-20") == "No results found."
    with pytest.raises(errors.ToolError, match="YYYY-MM-DD"):
        store.search_dates("yesterday", "2023-11-14")
    with pytest.raises(errors.ToolError, match="lies after"):
        store.search_dates("2023-11-15", "2023-11-13")


def test_update_and_remove_reach_search_and_keep_history() -> None:
    store = shop.collect(shop.database_at(), ids=True)
    db = store.context.db
    one, two = shop.fill(store, "the key is under the mat", "the cat sleeps")
    version = db.version
    assert f"[{one.id}]" in store.search("key")
    with db.transaction():
        store.update(one.id, "the key hangs by the door")
        store.remove(two.id)
    assert shop.contents(store.find("where is the key")) == ["the key hangs by the door"]
    assert store.find("cat sleeps") == []
    earlier = shop.collect(db, as_of=version)
    assert shop.contents(earlier.find("key"))[0] == "the key is under the mat"
    assert shop.contents(earlier.find("cat sleeps"))[0] == "the cat sleeps"
    assert [form.content for form in store.records.history(one.id)][-1].endswith("door")
    for verb in (store.read, store.remove, lambda id: store.update(id, "x")):
        with pytest.raises(errors.ToolError, match="has no record"), db.transaction():
            verb(two.id)


@pytest.mark.parametrize("backend", ["sqlite", "file"])
def test_links_are_typed_replaced_and_die_with_their_records(backend: str, tmp_path: Path) -> None:
    db = shop.database_at(tmp_path / "agent.db")
    store = shop.collect(db, backend=backend, path="facts.jsonl")
    one, two = shop.fill(store, "first", "second")
    with db.transaction():
        store.link(one.id, two.id, "precedes")
        store.link(one.id, two.id, "precedes")
        store.link(two.id, one.id, "follows")
    assert [(link.source, link.kind) for link in store.links(one.id)] == [
        (one.id, "precedes"),
        (two.id, "follows"),
    ]
    assert f"{one.id} --precedes--> {two.id}" in store.read(two.id)
    with pytest.raises(errors.ToolError, match="has no record 'nothing'"), db.transaction():
        store.link(one.id, "nothing", "is")
    with db.transaction():
        store.remove(two.id)
    assert store.links(one.id) == []
    db.close()


def test_measures_add_up() -> None:
    store = shop.collect(shop.database_at())
    shop.fill(store, "12345678", importance=3)
    shop.fill(store, "1234", importance=0.5)
    assert [store.measure(name) for name in ("count", "tokens", "importance")] == [2, 3, 3.5]
    with pytest.raises(errors.UnknownName):
        store.measure("weight")


def test_no_embedder_runs_while_the_file_is_locked() -> None:
    db, embedder = shop.database_at(), shop.Counting()
    embedder.probe = lambda: db.in_transaction
    store = shop.collect(db, embedder)
    shop.fill(store, "an older record")
    store.prepare("insert", {"content": "a newer record"})
    store.prepare("search", {"query": "which record is newer"})
    with db.transaction():
        store.insert("a newer record")
        found = store.search("which record is newer")
    assert "a newer record" in found
    assert "an older record" in found
    assert embedder.locked
    assert not any(embedder.locked)
    assert sorted(embedder.texts) == sorted(
        {"an older record", "a newer record", "which record is newer"}
    )


def test_a_search_without_preparation_within_a_commit_is_refused() -> None:
    store = shop.collect(shop.database_at())
    shop.fill(store, "something")
    store.search("something")
    with pytest.raises(errors.PluginError, match="prepare"), store.context.db.transaction():
        store.search("something else")


def test_its_verbs_have_memgpt_argument_names() -> None:
    verbs = base.verbs(collection.Collection)
    names = {name: list(verb.parameters["properties"]) for name, verb in verbs.items()}
    assert names["insert"] == ["content"]
    assert names["search"] == ["query", "page"]
    assert names["search_dates"] == ["start_date", "end_date", "page"]
    assert isinstance(verbs["search"], tools.Verb)
    assert verbs["search"].reads
    assert not verbs["search"].writes


def test_an_unknown_backend_is_named() -> None:
    with pytest.raises(errors.UnknownName, match='did you mean "sqlite"'):
        shop.collect(shop.database_at(), backend="sqlit")
