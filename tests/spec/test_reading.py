"""YAML 1.2 values with places; hostile text is refused before it is built."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from archgraph.spec import reading, tree, writing


def value(text: str) -> Any:
    node, problems = reading.parse_text(text, "f.yaml")
    assert problems == []
    assert node is not None
    return tree.plain(node)


def refused(data: str | bytes) -> tuple[str, int]:
    raw = data.encode() if isinstance(data, str) else data
    node, problems = reading.parse(raw, "f.yaml")
    assert node is None
    return problems[-1].code, problems[-1].line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes", "yes"),
        ("off", "off"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("12:30:00", "12:30:00"),
        ("2020-01-01", "2020-01-01"),
        ("0123", 123),
        ("0x1f", "0x1f"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("-5", -5),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        (".inf", ".inf"),
        ("1e999", "1e999"),
        ("9" * 400, "9" * 400),
        ("'5'", "5"),
        ("<<", "<<"),
    ],
)
def test_scalars(text: str, expected: Any) -> None:
    found = value(f"k: {text}")["k"]
    assert found == expected
    assert type(found) is type(expected)


def test_keys_stay_text() -> None:
    assert value("on: 1\n5: 2\ntrue: 3\nno: 4") == {"on": 1, "5": 2, "true": 3, "no": 4}


def test_places() -> None:
    node, _ = reading.parse_text("a:\n  b: [1, é, {c: x}]\n", "f.yaml")
    assert node is not None
    assert tree.place(node, ("a", "b", 2, "c")) == tree.Origin("f.yaml", 2, 17)
    assert tree.place(node, ("a", "b", 2, "c"), key=True).column == 14
    assert tree.place(node, ("a", "b", 9)).column == 6


def test_aliases_stand_for_their_value() -> None:
    assert value("a: &x {b: [1, 2]}\nc: *x") == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}}


def test_duplicate_keys_name_both_lines_and_keep_on() -> None:
    node, problems = reading.parse_text("a: 1\nb: {c: 1, c: 2}\na: 3\n", "f.yaml")
    assert node is not None
    assert [(p.code, p.line) for p in problems] == [("duplicate-key", 2), ("duplicate-key", 3)]
    assert "line 1" in problems[1].message


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("", ("empty-file", 1)),
        ("# only a comment\n", ("empty-file", 1)),
        ("a: 1\n---\nb: 2\n", ("many-documents", 2)),
        ("a: &x [*x]\n", ("yaml-recursion", 1)),
        ("a: !!python/object/apply:os.system [ls]\n", ("yaml-tag", 1)),
        ("a: !custom 1\n", ("yaml-tag", 1)),
        ("a: !!binary aGk=\n", ("yaml-tag", 1)),
        (b"\xff\xfea\x00", ("not-utf8", 1)),
        (b"a: 1\nb: \xe9\n", ("not-utf8", 2)),
        (b"\x7fELF\x02\x01\x00", ("yaml-syntax", 1)),
        ("a: \x07\n", ("yaml-syntax", 1)),
        ("[" * 10_000, ("too-deep", 1)),
        ("a:\n" + "".join(" " * i + "- \n" for i in range(1, 200)), ("too-deep", 1)),
        ("x" * 10_000_000, ("file-too-large", 0)),
    ],
)
def test_refused(data: str | bytes, expected: tuple[str, int]) -> None:
    code, line = refused(data)
    if code == "too-deep":
        assert expected[0] == code
    else:
        assert (code, line) == expected


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, levels):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]")
    return "\n".join(lines)


def test_a_billion_laughs_are_counted_and_not_built() -> None:
    assert refused(bomb(10))[0] == "yaml-alias"


class CountedEvents:
    """Stands in front of yaml.parse and counts what is taken from it."""

    def __init__(self) -> None:
        self.taken = 0
        self._real = yaml.parse

    def __call__(self, text: str, Loader: Any) -> Any:
        for event in self._real(text, Loader=Loader):
            self.taken += 1
            yield event


@pytest.mark.parametrize(
    "text", [bomb(30), "- x\n" * 240_000, "[" * 900_000, "? " * 400_000, "a: {" * 200_000]
)
def test_work_and_memory_are_bounded(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = CountedEvents()
    monkeypatch.setattr(yaml, "parse", counted)
    tracemalloc.start()
    try:
        refused(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert counted.taken <= reading.MAX_VALUES + 10
    assert peak < 60_000_000


def test_without_libyaml_the_answer_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: {b: [1, yes]}\nc: &x 1\nd: *x\na: 2\n"
    fast = reading.parse_text(text, "f.yaml")
    monkeypatch.delattr(yaml, "CSafeLoader")
    assert reading.parse_text(text, "f.yaml") == fast


texts = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=12)
plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | texts,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(alphabet="abcdefg_é", min_size=1, max_size=6), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(plain_values)
@example("0E0")  # a text to YAML 1.1, which PyYAML writes, and a number to YAML 1.2
@example("-1.5e3")
def test_what_is_written_is_read_back(data: Any) -> None:
    node, problems = reading.parse_text(writing.text({"x": data}), "f.yaml")
    assert node is not None, problems
    assert tree.plain(node) == {"x": data}
