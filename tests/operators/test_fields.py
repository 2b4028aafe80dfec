"""The fields of a typed answer: their short forms, the schema, and what is kept of an answer."""

from __future__ import annotations

from typing import Any

import jsonschema
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archgraph.operators import asking, fields, values
from archgraph.stores import base as stores

FORMS = {
    "fact": "text",
    "tags": {"type": "texts", "most": 3},
    "importance": {"type": "integer", "least": 1, "most": 10},
    "sure": "boolean",
    "since": "date",
    "kind": ["person", "place"],
    "same_as": {"one_of": "known"},
    "near": {"some_of": "known"},
    "remark": {"optional": True},
}


def wanted(forms: dict[str, Any]) -> dict[str, fields.Field]:
    told = asking.Extract.Options(prompt="x.jinja2", fields=forms)  # type: ignore[arg-type]
    return told.fields


def schema(forms: dict[str, Any], many: int = 0) -> dict[str, Any]:
    return fields.schema(wanted(forms), lambda name: ["a1", "b2"], many=many)


def test_every_form_has_its_schema() -> None:
    found = schema(FORMS)
    jsonschema.Draft202012Validator.check_schema(found)
    kinds = {name: part["type"] for name, part in found["properties"].items()}
    assert kinds == {
        "fact": "string", "tags": "array", "importance": "integer", "sure": "boolean",
        "since": "string", "kind": "string", "same_as": "string", "near": "array",
        "remark": "string",
    }  # fmt: skip
    assert found["properties"]["same_as"]["enum"] == ["", "a1", "b2"]
    assert found["properties"]["near"]["items"]["enum"] == ["a1", "b2"]
    assert found["properties"]["importance"]["maximum"] == 10
    assert "remark" not in found["required"]


def test_many_are_items_of_a_list() -> None:
    found = schema({"fact": "text"}, many=4)
    assert found["properties"]["items"]["maxItems"] == 4
    assert found["properties"]["items"]["items"] == schema({"fact": "text"})


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ("txet", "text"),
        ({"type": "text", "least": 1}, "bound numbers"),
        ({"one_of": "known", "some_of": "known"}, "exclude each other"),
        ({"type": "integer", "one_of": ["a"]}, "has no `type`"),
        ({"about": "x", "typo": 1}, "typo"),
    ],
)
def test_nonsense_is_refused(form: Any, says: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=says):
        wanted({"fact": form})


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ({"fact": "x", "n": 3}, ""),
        ({"fact": "x"}, "missing argument 'n'"),
        ({"fact": 3, "n": 3}, "must be of type string"),
        ({"fact": "x", "n": "three"}, "must be of type integer"),
        ({"fact": "x", "n": 3, "more": 1}, "unknown argument 'more'"),
        ([1], "an object was expected"),
    ],
)
def test_what_does_not_fit_is_told(answer: Any, complaint: str) -> None:
    found = fields.complaint(answer, schema({"fact": "text", "n": "integer"}))
    assert complaint in found
    assert bool(found) == bool(complaint)


def test_the_item_that_does_not_fit_is_named() -> None:
    many = schema({"fact": "text"}, many=3)
    told = fields.complaint({"items": [{"fact": "x"}, {"fcat": "y"}]}, many)
    assert told.startswith("item 2: ")
    assert fields.complaint({"items": "x"}, many) == "`items` must be a list"


def test_what_is_kept_is_clean() -> None:
    told = wanted(FORMS)
    given_ = {
        "fact": "  x ", "tags": ["a", "a", " ", "b"], "importance": 99, "sure": False,
        "since": "1970-01-02", "kind": "person", "same_as": "", "near": [], "odd": 1,
    }  # fmt: skip
    assert fields.cleaned(given_, told) == {
        "fact": "x", "tags": ["a", "b"], "importance": 10, "sure": False, "since": 86400.0,
        "kind": "person", "same_as": "", "near": [],
    }  # fmt: skip
    assert fields.cleaned({"since": "some day"}, told) == {}


LINES = st.lists(st.text("ab \n", max_size=30).map(lambda text: {"content": text}), max_size=8)


@given(LINES, st.integers(1, 40))
def test_what_fits_is_the_longest_beginning(items: list[Any], cap: int) -> None:
    kept = values.fitted(items, cap, len)
    assert kept == items[: len(kept)]
    assert len(kept) >= min(1, len(items))
    sizes = [len(values.shown([item])) + 1 for item in items]
    assert len(kept) <= 1 or sum(sizes[: len(kept)]) <= cap
    assert len(kept) == len(items) or sum(sizes[: len(kept) + 1]) > cap


def record(**parts: Any) -> stores.Record:
    return stores.Record(id="r1", content="Ann lives in Bergen", seq=7, **parts)


def test_an_item_is_shown_as_a_line() -> None:
    found = values.item(record(created=86400.0, importance=3.0), "facts", {"subject": "Ann"})
    assert (
        values.line(found) == "- [r1] 1970-01-02 00:00:00 Fri | Ann lives in Bergen (subject: Ann)"
    )
    assert values.line({"fact": "Ann moved", "tags": ["a", "b"]}) == "- Ann moved (tags: a, b)"
    message = values.item(record(), "recall", {"who": "Ann", "role": "user", "_named": False})
    assert values.line(message).endswith("| Ann: Ann lives in Bergen")
    assert "r1" not in values.line(message)


def test_sources_are_the_records_that_something_was_made_of() -> None:
    one = values.item(record(), "facts", {})
    made = {"fact": "x", "_from": ["r1", "r2"]}
    assert values.sources(one, [made, {"fact": "y"}], "text") == ("r1", "r2")


def test_fields_of_a_record_are_what_is_neither_text_nor_envelope() -> None:
    made = {"fact": "Ann moved", "importance": 3, "tags": ["a"], "odd": "", "_from": []}
    assert values.content(made) == "Ann moved"
    assert values.fields(made) == {"tags": ["a"]}
