"""Texts that are read out of a tool call's arguments while they arrive."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as some

from archgraph.cli import peek

TEXT = some.text(some.characters(exclude_categories=["Cs"]), max_size=30)


@given(some.dictionaries(TEXT, TEXT | some.booleans() | some.integers(), max_size=4),
       some.booleans(), some.data())  # fmt: skip
def test_pieces_add_up_to_the_texts(
    arguments: dict[str, object], ascii_only: bool, data: some.DataObject
) -> None:
    raw = json.dumps(arguments, ensure_ascii=ascii_only)
    reader, seen = peek.Arguments(), dict[str, str]()
    while raw:
        size = data.draw(some.integers(1, len(raw)))
        piece, raw = raw[:size], raw[size:]
        for name, text in reader.add(piece):
            seen[name] = seen.get(name, "") + text
    assert seen == {
        name: text for name, text in arguments.items() if isinstance(text, str) and text
    }


def test_what_is_not_json_gives_nothing() -> None:
    for raw in ("", "{", "[1]", "nonsense", '{"a": \\', '{"a" "b"}', '"x"'):
        assert peek.strings(raw) == {}
    assert peek.strings('{"a": "bro\\q') == {}
