"""Facts of one key: what ends, what is replaced, what is refused, what stays as history."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest

from archgraph import clock, errors
from archgraph.storage import records
from archgraph.stores import base, collection, conflict
from tests.stores import shop

FACTS: dict[str, Any] = {"index": ["text"], "key": ["subject", "predicate"]}
LIVES = {"subject": "Ann", "predicate": "lives in"}


def at(text: str) -> float:
    return clock.parse_moment(text)


def held(id: str, start: float, end: float | None = None, created: float = 50.0) -> records.Record:
    status = "active" if end is None else "superseded"
    return records.Record(id=id, valid_from=start, valid_to=end, created=created, status=status)


def spans(outcome: conflict.Outcome) -> dict[str, tuple[float, float | None]]:
    """Since and until when each record is true afterwards."""
    found = {
        one.id: (one.valid_from or 0.0, changes["valid_to"]) for one, changes in outcome.changes
    }
    new = outcome.record
    return {**found, new.id: (conflict.begin(new), new.valid_to)}


def test_a_newer_fact_ends_the_older() -> None:
    outcome = conflict.newest_valid(held("new", 9), [held("old", 3)], now=60)
    assert spans(outcome) == {"old": (3, 9), "new": (9, None)}
    assert outcome.changes[0][1] == {"valid_to": 9, "status": "superseded", "expired": 60}
    assert outcome.record.status == "active"


def test_a_fact_that_arrives_late_takes_its_place_in_history() -> None:
    """a 1-5, b 5-9 and d from 9 are known; c from 3 arrives: a 1-3, c 3-5, the others stay."""
    known = [held("a", 1, 5), held("d", 9), held("b", 5, 9)]
    outcome = conflict.newest_valid(held("c", 3), known, now=60)
    assert spans(outcome) == {"a": (1, 3), "c": (3, 5)}
    assert (outcome.record.status, outcome.record.expired) == ("superseded", 60)


def test_what_had_ended_before_is_left_alone() -> None:
    outcome = conflict.newest_valid(held("new", 9), [held("old", 3, 7)], now=60)
    assert spans(outcome) == {"new": (9, None)}


def test_of_two_facts_of_one_moment_the_one_told_last_counts() -> None:
    outcome = conflict.newest_valid(held("new", 3), [held("old", 3)], now=60)
    assert spans(outcome) == {"old": (3, 3), "new": (3, None)}


def test_an_end_that_is_known_stays_if_it_comes_first() -> None:
    """New from 2 to 4, and a later fact from 6: nothing overlaps."""
    new = records.Record(id="new", valid_from=2, valid_to=4, created=50)
    outcome = conflict.newest_valid(new, [held("b", 6)], now=60)
    assert outcome == conflict.Outcome(new)


def test_facts_are_dated_by_their_writing_unless_they_say_otherwise() -> None:
    new = records.Record(id="new", created=50)
    assert conflict.begin(new) == 50
    outcome = conflict.newest_valid(new, [records.Record(id="old", created=20)], now=60)
    assert outcome.changes[0][1]["valid_to"] == 50


def moves() -> collection.Collection:
    """Ann lives in Rome from 2020, in Oslo from 2023, and it turns out, in Paris from 2021."""
    store = shop.collect(
        shop.database_at(), **FACTS, conflict="newest_valid", dates="valid",
        fields={"subject": "text", "predicate": "text", "valid_from": "date"},
    )  # fmt: skip
    for city, since in (("Rome", "2020-01-01"), ("Oslo", "2023-01-01"), ("Paris", "2021-06-01")):
        shop.fill(store, f"Ann lives in {city}", fields=LIVES, valid_from=at(since))
    return store


def test_search_shows_what_is_true_and_history_when_asked() -> None:
    store = moves()
    assert shop.contents(store.find("Ann lives")) == ["Ann lives in Oslo"]
    for date, city in (("2020-05-01", "Rome"), ("2022-01-01", "Paris"), ("2024-01-01", "Oslo")):
        assert shop.contents(store.find("Ann lives", valid_at=at(date))) == [f"Ann lives in {city}"]
        assert f"Ann lives in {city}" in store.search("Ann lives", as_of=date)
    assert store.search("Ann").splitlines()[1] == "- 2023-01-01 to now | Ann lives in Oslo"
    older = store.search("Ann", as_of="2021-12-31")
    assert "- 2021-06-01 to 2023-01-01 | Ann lives in Paris" in older
    assert "Showing 1 of 1" in store.list()
    assert store.render(base.View()).count("\n") == 0
    assert store.measure("count") == 1
    assert len(store.select(status=["superseded"])) == 2


def test_what_the_agent_believed_then() -> None:
    store = shop.collect(shop.database_at(), **FACTS, conflict="newest_valid")
    (old,) = shop.fill(store, "Ann lives in Rome", fields=LIVES)
    (new,) = shop.fill(store, "Ann lives in Oslo", fields=LIVES)
    assert shop.contents(store.find("Ann", known_at=old.created + 1)) == ["Ann lives in Rome"]
    assert shop.contents(store.find("Ann", known_at=new.created + 1)) == ["Ann lives in Oslo"]


def test_other_keys_and_records_without_a_key_do_not_meet() -> None:
    store = shop.collect(shop.database_at(), **FACTS, conflict="newest_valid")
    shop.fill(store, "Ann lives in Rome", fields=LIVES)
    shop.fill(store, "Bob lives in Rome", fields={**LIVES, "subject": "Bob"})
    shop.fill(store, "Somebody lives in Rome", fields={"predicate": "lives in"})
    assert store.measure("count") == 3


@pytest.mark.parametrize("backend", ["sqlite", "file"])
def test_replace_keeps_the_id_and_the_history(backend: str, tmp_path: Any) -> None:
    db = shop.database_at(tmp_path / "agent.db")
    store = shop.collect(
        db, index=["text"], key=["name"], conflict="replace", backend=backend, path="s.jsonl"
    )
    (first,) = shop.fill(store, "def mine(): dig()", fields={"name": "mine", "tries": 1})
    (second,) = shop.fill(store, "def mine(): dig_better()", fields={"name": "mine"})
    assert second.id == first.id
    assert second.fields == {"name": "mine", "tries": 1}
    assert store.records.history(first.id)[0].content == "def mine(): dig()"
    assert store.measure("count") == 1
    db.close()


def test_ask_refuses_and_shows_what_is_there() -> None:
    store = shop.collect(shop.database_at(), **FACTS, conflict="ask")
    (record,) = shop.fill(store, "Ann lives in Rome", fields=LIVES)
    told = rf"subject 'Ann', predicate 'lives in' already: \[{record.id}\] 'Ann lives in Rome'"
    with pytest.raises(errors.ToolError, match=told):
        shop.fill(store, "Ann lives in Oslo", fields=LIVES)


def test_duplicates_are_dropped_and_their_sources_kept() -> None:
    store = shop.collect(shop.database_at(), index=["text"], duplicates="drop")
    (one,) = shop.fill(store, "Ann likes tea", derived_from=("m1",))
    (again,) = shop.fill(store, " Ann likes tea\n", derived_from=("m2",))
    assert (again.id, again.derived_from) == (one.id, ("m1", "m2"))
    assert store.measure("count") == 1
    with store.context.db.transaction():
        store.discard(one.id)
    shop.fill(store, "Ann likes tea")
    assert store.measure("count") == 1


def test_nonsense_is_told() -> None:
    for options, message in (
        ({"key": ["a"]}, "`key` and `conflict` need each other"),
        ({"conflict": "ask"}, "`key` and `conflict` need each other"),
        ({"key": ["sbject"], "conflict": "ask", "fields": {"subject": "text"}}, '"subject"'),
    ):
        with pytest.raises(pydantic.ValidationError, match=message):
            collection.Collection.Options.model_validate(options)
