"""Fields that a collection declares: arguments of its verbs, checked, shown and masked."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest

from archgraph import clock, errors
from archgraph.stores import collection, declared_fields
from archgraph.tools import base as tools
from tests.stores import shop

OPTIONS: dict[str, Any] = {
    "index": ["text"],
    "fields": {
        "subject": "text",
        "mood": {"type": "text", "one_of": ["good", "bad"], "about": "How it felt."},
        "tags": "list",
        "since": "date",
        "importance": "integer",
        "valid_from": "date",
        "pin": {"type": "text", "secret": True},
    },
    "show": ["subject", "pin"],
}


def verb(name: str, **options: Any) -> tools.Verb:
    kind = collection.Collection
    return kind.verbs_for(kind.Options.model_validate({**OPTIONS, **options}))[name]


def test_verbs_take_the_declared_fields() -> None:
    parameters = verb("insert", key=["subject"], conflict="ask").parameters
    assert list(parameters["properties"]) == ["content", *OPTIONS["fields"]]
    assert parameters["required"] == ["content", "subject"]
    assert parameters["properties"]["mood"] == {
        "type": "string", "enum": ["good", "bad"], "description": "How it felt.",
    }  # fmt: skip
    assert parameters["properties"]["importance"] == {"type": "integer"}
    assert parameters["properties"]["tags"] == {"type": "array", "items": {"type": "string"}}
    assert verb("update").parameters["required"] == ["id", "content"]
    assert "as_of" not in verb("search").parameters["properties"]
    facts = verb("search", key=["subject"], conflict="newest_valid")
    assert "as_of" in facts.parameters["properties"]


def test_a_plain_collection_offers_what_it_always_did() -> None:
    kind = collection.Collection
    assert list(kind.verbs_for(kind.Options())["insert"].parameters["properties"]) == ["content"]


def test_fields_and_envelope_are_kept_and_shown() -> None:
    store = shop.collect(shop.database_at(), **OPTIONS)
    with store.context.db.transaction():
        store.insert(
            "Ann felt fine", subject="Ann", mood="good", tags=["a", "b"], since="2024-05-08",
            importance=7, valid_from="2024-05-01", pin="1234",
        )  # fmt: skip
    (record,) = store.select()
    assert record.fields == {
        "subject": "Ann", "mood": "good", "tags": ["a", "b"], "since": "2024-05-08", "pin": "1234",
    }  # fmt: skip
    assert record.importance == 7.0
    assert record.valid_from == clock.parse_moment("2024-05-01")
    assert "| Ann felt fine (subject: Ann; pin: ****)" in store.search("Ann")
    assert "1234" not in store.read(record.id)
    with store.context.db.transaction():
        store.update(record.id, "Ann felt ill", mood="bad")
    (record,) = store.select()
    assert (record.fields["mood"], record.fields["subject"]) == ("bad", "Ann")


def test_wrong_fields_are_told() -> None:
    store = shop.collect(shop.database_at(), **OPTIONS)
    for given, message in (
        ({"subjct": "Ann"}, 'no field .subjct.*"subject"'),
        ({"since": "soon"}, "since must be a date such as 2024-05-08"),
    ):
        with pytest.raises(errors.ToolError, match=message), store.context.db.transaction():
            store.insert("x", **given)
    small = shop.collect(shop.database_at(), **OPTIONS, limit=10)
    with pytest.raises(errors.ToolError, match="has 12 characters"), small.context.db.transaction():
        small.insert("1234567", subject="12345")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"content": "text"}, "cannot be the name"),
        ({"two words": "text"}, "cannot be the name"),
        ({"valid_from": "text"}, "is a date, not a text"),
        ({"mood": {"type": "integer", "one_of": ["a"]}}, "needs `type: text`"),
        ({"mood": "txt"}, "text"),
    ],
)
def test_nonsense_is_told(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=message):
        collection.Collection.Options.model_validate({"fields": fields})


def test_revise_merges_fields_and_dates_what_ends() -> None:
    store = shop.collect(shop.database_at(), index=["text"])
    (record,) = shop.fill(store, "x", fields={"a": 1, "b": 2})
    with store.context.db.transaction():
        changed = store.revise(record.id, fields={"b": None, "c": 3}, importance=4.0)
        assert (changed.fields, changed.importance) == ({"a": 1, "c": 3}, 4.0)
        ended = store.revise(record.id, status="invalid", valid_to=5.0)
        assert (ended.expired, ended.valid_to) == (store.context.db.now(), 5.0)
        assert store.select() == []
        back = store.revise(record.id, status="active", valid_to=None)
    assert back.expired is None
    assert store.measure("count") == 1


def test_a_moment_of_a_pipeline_is_shown_as_a_day() -> None:
    told = collection.Collection.Options.model_validate({"fields": {"on": "date", "n": "number"}})
    shown = declared_fields.shown(told.fields, {"on": 1709510400.0, "n": 1709510400.0})
    assert shown == {"on": "2024-03-04", "n": "1709510400.0"}
    assert declared_fields.shown(told.fields, {"on": "2024-03"}) == {"on": "2024-03"}
