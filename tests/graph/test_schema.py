"""The JSON Schema is valid, and agrees with the validator on what a file says on its own."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archgraph import registry
from archgraph.graph import check, schema
from archgraph.spec import load
from tests.spec import good

SCHEMA = schema.schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
CROSS = (
    "unknown-param", "unused-param", "bad-override", "dangling", "nothing-to-remove",
    "duplicate-name", "extends-not-found",
)  # fmt: skip
"""Codes of what no schema can say: it would need to look at two places at once."""

GOOD = yaml.safe_load(good.GOOD)


def test_it_is_a_schema_of_2020_12() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


def test_every_store_type_and_verb_is_in_it() -> None:
    for name in registry.names("stores"):
        assert SCHEMA["$defs"][f"store.{name}"]["properties"]["type"] == {"const": name}
    verbs = SCHEMA["$defs"]["tool"]["properties"]["verb"]["anyOf"][0]["enum"]
    assert {"reply", "append", "search", "insert"} <= set(verbs)


@pytest.mark.parametrize("name", load.names())
def test_shipped_files_are_valid(name: str) -> None:
    text = load.find(name).read_text(encoding="utf-8")
    assert list(VALIDATOR.iter_errors(yaml.safe_load(text))) == []


@pytest.mark.parametrize(
    ("layer", "valid"),
    [
        ({"extends": "memgpt"}, True),
        ({"extends": "memgpt", "stores": {"persona": None}}, True),
        ({"extends": "memgpt", "stores": {"persona": {"limit": 5}}}, True),
        ({"extends": "memgpt", "stores": {"persona": {"limt": 5}}}, False),
        ({"extends": "memgpt", "threads": {"main": {"log": None}}}, True),
        ({"extends": "memgpt", "threads": {"main": {"lgo": "x"}}}, False),
        ({"stores": {}}, False),
    ],
)
def test_layers(layer: Any, valid: bool) -> None:
    assert VALIDATOR.is_valid(layer) is valid


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(data, dict):
        for key, value in data.items():
            found += places(value, (*path, key))
    if isinstance(data, list):
        for index, value in enumerate(data):
            found += places(value, (*path, index))
    return found


PLACES = [path for path in places(GOOD) if path[0] not in ("params", "archgraph")]
VALUES: list[Any] = [
    7, -3, 0, 2.5, True, "word", "two words", "10m", "x.jinja2", "persona", "main.turn",
    "user_message", "all", "never", "drop", "", [], ["persona"], {}, {"store": "persona"}
]  # fmt: skip


def changed(path: tuple[Any, ...], how: str, value: Any) -> Any:
    data = copy.deepcopy(GOOD)
    parent = data
    for step in path[:-1]:
        parent = parent[step]
    last = path[-1]
    if how == "drop" and not isinstance(parent, list):
        del parent[last]
    elif how == "misspell" and isinstance(parent, dict):
        parent[f"{last}x"] = parent.pop(last)
    else:
        parent[last] = value
    return data


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(PLACES), st.sampled_from(["drop", "misspell", "put"]), st.sampled_from(VALUES)
)  # fmt: skip
def test_it_agrees_with_the_validator(
    tmp_path: Path, path: tuple[Any, ...], how: str, value: Any
) -> None:
    data = changed(path, how, value)
    file = good.write(tmp_path, yaml.safe_dump(data, sort_keys=False))
    found = [e for e in load.read(file).problems if e.code not in CROSS]
    if path[-1] == "verb":
        found += [e for e in check.check(file) if e.code == "unknown-verb"]
    complaints = [error.message for error in VALIDATOR.iter_errors(data)]
    assert bool(complaints) == bool(found), (path, how, value, found, complaints)
