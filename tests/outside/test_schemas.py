"""Schemas of foreign tools: without references, and compared without their prose."""

from __future__ import annotations

from typing import Any

import pytest

from archgraph import errors
from archgraph.runtime import outside as calling
from archgraph.tools import base, outside


def test_references_are_put_in_place() -> None:
    schema = {
        "$defs": {"Point": {"type": "object", "title": "Point", "properties": {
            "title": {"type": "string", "title": "Title"}, "next": {"$ref": "#/$defs/Point"},
        }}},
        "type": "object",
        "title": "arguments",
        "properties": {"at": {"$ref": "#/$defs/Point", "description": "Where."},
                       "all": {"type": "array", "items": {"$ref": "#/$defs/Point"}}},
        "required": ["at"],
    }  # fmt: skip
    point = {"type": "object", "properties": {"title": {"type": "string"},
                                              "next": {"type": "object"}}}  # fmt: skip
    assert outside.inlined(schema) == {
        "type": "object",
        "properties": {"at": {**point, "description": "Where."},
                       "all": {"type": "array", "items": point}},
        "required": ["at"],
    }  # fmt: skip


def test_a_reference_to_nothing_is_an_object() -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/Gone"}}}
    assert outside.inlined(schema)["properties"] == {"a": {"type": "object"}}


@pytest.mark.parametrize(
    ("schema", "value", "complaint"),
    [
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 3, ""),
        ({"type": ["string", "null"]}, 3, ""),
        ({"enum": ["a", "b"]}, "a", ""),
        ({"type": "integer"}, "3", "must be of type integer"),
        ({"type": "array", "items": {"anyOf": [{}]}}, [1, "x"], ""),
    ],
)
def test_what_is_not_understood_is_left_to_the_server(
    schema: dict[str, Any], value: Any, complaint: str
) -> None:
    whole = {"properties": {"x": schema}, "required": ["x"]}
    if not complaint:
        assert base.check_arguments({"x": value}, whole) == {"x": value}
        return
    with pytest.raises(errors.ToolError, match=complaint):
        base.check_arguments({"x": value}, whole)


def test_prose_may_change_and_names_may_not() -> None:
    before = {"properties": {"description": {"type": "string", "description": "A text."}}}
    reworded = {"properties": {"description": {"type": "string", "description": "Any text."}}}
    renamed = {"properties": {"text": {"type": "string", "description": "A text."}}}
    assert calling._shape(before) == calling._shape(reworded)
    assert calling._shape(before) != calling._shape(renamed)


@pytest.mark.parametrize(
    ("value", "text"),
    [("as it is", "as it is"), (None, "Done."), ({"ä": 1}, '{"ä": 1}'), ([1, 2], "[1, 2]"),
     (b"x", '"b\'x\'"'), ({1, }, '"{1}"')],
)  # fmt: skip
def test_what_a_function_returns_becomes_text(value: Any, text: str) -> None:
    assert outside.text_of(value) == text
