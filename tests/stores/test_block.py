"""`block`: limits before writes, exact edits, versions, conflicts, JSON."""

from __future__ import annotations

import re
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

import archgraph
from archgraph import errors
from archgraph.storage import database
from archgraph.stores import base, block


def held(actor: database.Actor | None = None, **options: Any) -> block.Block:
    db = database.create(":memory:", seed=1)
    context = base.Context(db, lambda text: len(text.split()), None, None)  # type: ignore[arg-type]
    made = block.Block("human", block.Block.Options(**options), context)
    with db.transaction():
        made.start()
    return made


def call(made: block.Block, verb: str, thread: str | None = None, **arguments: Any) -> str:
    db = made.context.db
    with db.transaction():
        db.actor = database.Actor(thread)
        return str(getattr(made, verb)(**arguments))


def test_append_adds_a_line() -> None:
    made = held()
    assert call(made, "append", content="one") == "Appended."
    call(made, "append", content="two")
    assert made.text == "one\ntwo"


def test_a_limit_is_enforced_before_a_write_and_the_error_has_the_numbers() -> None:
    made = held(limit=10, text="12345")
    with pytest.raises(
        errors.ToolError, match=r"'human' would have 11 characters, its limit is 10"
    ):
        call(made, "append", content="67890")
    assert made.text == "12345"
    call(made, "append", content="6789")
    assert len(made.text) == 10, "the limit itself is allowed"


def test_a_block_has_a_limit_in_tokens_too() -> None:
    made = held(limit=100, tokens=3)
    with pytest.raises(errors.ToolError, match="would take 4 tokens, its limit is 3"):
        call(made, "rewrite", content="a b c d")
    assert made.text == ""


def test_replace_changes_the_exact_text_or_says_what_is_wrong() -> None:
    made = held(text="Ana lives in Rome")
    assert call(made, "replace", old_content="Rome", new_content="Oslo") == "Replaced."
    assert made.text == "Ana lives in Oslo"
    for old, why in (
        ("", "must not be empty"),
        ("rome", "does not occur"),
        ("n", "occurs 2 times"),
    ):
        with pytest.raises(errors.ToolError, match=why):
            call(made, "replace", old_content=old, new_content="x")
    assert made.text == "Ana lives in Oslo"
    call(made, "replace", old_content=" in Oslo", new_content="")
    assert made.text == "Ana lives"


def test_insert_line_takes_its_place_or_refuses() -> None:
    made = held(text="a\nc")
    call(made, "insert_line", content="b", line=1)
    call(made, "insert_line", content="d")
    call(made, "insert_line", content="0", line=0)
    assert made.text == "0\na\nb\nc\nd"
    for line in (-2, 6):
        with pytest.raises(errors.ToolError, match="the block has 5 lines"):
            call(made, "insert_line", content="x", line=line)


def test_a_readonly_block_is_written_by_the_runtime_alone() -> None:
    made = held(readonly=True)
    for verb, arguments in (("append", {"content": "x"}), ("rewrite", {"content": "x"})):
        with pytest.raises(errors.ToolError, match="read-only"):
            call(made, verb, **arguments)
    with made.context.db.transaction():
        made.put("summary")
    assert made.text == "summary"
    assert 'read_only="true"' in made.render(base.View())


def test_it_shows_its_label_description_fill_and_text() -> None:
    shown = held(limit=20, text="I am Sam.", description="Who you are.").render(base.View())
    assert shown == '<human description="Who you are." characters="9/20">\nI am Sam.\n</human>'


def test_every_version_is_kept_and_every_line_knows_who_wrote_it() -> None:
    made = held(text="a\nb")
    call(made, "append", "main", content="c")
    call(made, "replace", "under", old_content="b", new_content="B")
    history = made.records.history("human")
    assert [form.content for form in history] == ["a\nb", "a\nb\nc", "a\nB\nc"]
    owners = [(line, form.thread) for line, form in block.line_authors(history)]
    assert owners == [("a", None), ("B", "under"), ("c", "main")]


def test_an_equal_write_is_no_new_version() -> None:
    made = held(text="a")
    call(made, "rewrite", content="a")
    assert len(made.records.history("human")) == 1


def test_json_is_checked_against_its_schema_at_every_write() -> None:
    schema = {
        "type": "object", "required": ["name"],
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    }  # fmt: skip
    made = held(schema=schema, text='{"name": "Ana"}')
    call(made, "set_field", field="age", value="30")
    assert '"age": 30' in made.text
    call(made, "set_field", field="name", value="Eva")
    assert '"name": "Eva"' in made.text
    for field, value in (("age", "old"), ("colour", "red")):
        with pytest.raises(errors.ToolError, match=field):
            call(made, "set_field", field=field, value=value)
    with pytest.raises(errors.ToolError, match="JSON"):
        call(made, "rewrite", content="no json")
    with pytest.raises(errors.ToolError, match="plain text"):
        call(held(), "set_field", field="x", value="1")


def test_measures_are_of_the_present_text() -> None:
    made = held(limit=10, text="a b")
    assert [made.measure(n) for n in ("chars", "tokens", "fill", "count")] == [3, 2, 0.3, 1]


LINES = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=6)


@given(LINES, LINES)
def test_merging_keeps_what_both_sides_added(theirs: list[str], mine: list[str]) -> None:
    old = ["1", "2", "3"]
    merged = block.merge_lines(
        "\n".join(old), "\n".join(old + theirs), "\n".join(old + mine)
    ).split("\n")
    assert set(merged) == {*old, *theirs, *mine} and len(merged) == len(set(merged))
    assert [line for line in merged if line in old] == old


@given(st.sets(st.sampled_from(["1", "2", "3"])), st.sets(st.sampled_from(["1", "2", "3"])))
def test_merging_drops_what_either_side_removed(theirs: set[str], mine: set[str]) -> None:
    old = ["1", "2", "3"]

    def without(gone: set[str]) -> str:
        return "\n".join(line for line in old if line not in gone)

    merged = block.merge_lines("\n".join(old), without(theirs), without(mine)).split("\n")
    assert [line for line in merged if line] == [n for n in old if n not in theirs | mine]


def test_text_of_any_script_counts_by_characters() -> None:
    made = held(limit=5)
    call(made, "append", content="\u5317\u4eac\U0001f600ab")
    assert made.measure("chars") == 5
    assert "5/5" in made.render(base.View())


def test_merge_keeps_the_others_lines_through_a_second_rewrite() -> None:
    overrides = ["stores.human.consistency=merge"]
    with archgraph.open_agent("memgpt", overrides=overrides, seed=1) as agent:
        human = agent.stores["human"]
        assert isinstance(human, block.Block)

        def write(thread: str, verb: str, text: str) -> None:
            with agent.db.transaction():
                agent.db.actor = database.Actor(thread)
                getattr(human, verb)(text)

        write("main", "rewrite", "a\nb")
        agent.world.seen["main"] = {"human": agent.db.version}
        write("other", "append", "from them")
        write("main", "rewrite", "a\nb\nmine")
        write("main", "rewrite", "a\nb\nmine again")
        assert set(human.text.split("\n")) == {"a", "b", "from them", "mine again"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"text": '{"age": "old"}'}, "argument 'age' must be of type integer"),
        ({"text": "plain words"}, "does not fit `schema`"),
        ({"schema": {"properties": {"age": 1}}}, "`properties` must map each field"),
        ({"schema": {"properties": 3}}, "`properties` must map each field"),
        ({"schema": {"type": "object"}}, "`properties` must map each field"),
        ({"schema": {"properties": {}, "required": ["age"]}}, "missing argument 'age'"),
        ({"schema": {"properties": {}, "required": 1}}, "`required` must be a list"),
    ],
)
def test_a_first_text_that_does_not_fit_is_told_before_an_agent_opens(
    options: dict[str, object], says: str
) -> None:
    given = {"schema": {"properties": {"age": {"type": "integer"}}}, **options}
    with pytest.raises(pydantic.ValidationError, match=re.escape(says)):
        block.Block.Options.model_validate(given)
