"""What travels between steps: for what it was made, how much at once, and what is empty."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archgraph import api
from archgraph.operators import reading, values
from archgraph.runtime import bench
from archgraph.spec import load
from archgraph.storage import journal
from tests.helpers import call
from tests.runtime import test_pipelines as piped

ONE = "      - {read: {store: recall, since: last_run, most: 1, where: {role: user}}, as: said}\n"
NOTED = ONE + piped.EXTRACT + "      - {write: {to: facts, items: found}, as: kept}\n"
SUM = "      - {summarize: {prompt: sum.jinja2, of: item}, each: kept, as: texts}\n"


def test_one_record_at_once_and_the_rest_in_further_runs(tmp_path: Path) -> None:
    model = piped.Model(piped.facts("a"), piped.facts("b"), piped.facts("c"))
    due = "    triggers: [{every: 3, of: agent.message, mode: background}]\n    steps:\n"
    agent = piped.opened(tmp_path, ONE + piped.EXTRACT + piped.WRITE, model, due)
    for text in ("One.", "Two.", "Three."):
        agent.observe(text)
    agent.work()
    assert [piped.body(each).split("user: ")[1].split("\n")[0] for each in model.asked] == [
        "One.", "Two.", "Three.",
    ]  # fmt: skip
    assert piped.held(agent, "facts") == ["a", "b", "c"]


def test_how_many_at_once_needs_a_range() -> None:
    with pytest.raises(ValueError, match="`most` needs `since: last_run`"):
        reading.Read.Options(store="recall", most=1)


def test_a_text_made_for_a_record_is_written_back_to_it(tmp_path: Path) -> None:
    update = "      - {update: {in: facts, items: texts, content: '{{ item.content }}'}}\n"
    model = piped.Model(piped.facts("a", "b"), "A.", "B.")
    agent = piped.opened(tmp_path, NOTED + SUM + update, model)
    agent.send("Hello.")
    agent.work()
    assert sorted(piped.held(agent, "facts")) == ["A.", "B."]


def test_fields_and_links_made_for_a_record(tmp_path: Path) -> None:
    steps = (
        "      - extract: {prompt: ask.jinja2, of: item, one: true, fields: {mood: text}}\n"
        "        each: kept\n        as: moods\n"
        "      - {update: {in: facts, items: moods}}\n"
        "      - {link: {in: facts, from: moods, to: kept, kind: beside}}\n"
    )
    model = piped.Model(piped.facts("a", "b"), call("answer", mood="x"), call("answer", mood="y"))
    agent = piped.opened(tmp_path, NOTED + steps, model)
    agent.send("Hello.")
    agent.work()
    store: Any = agent.stores["facts"]
    assert {r.content: r.fields["mood"] for r in store.select()} == {"a": "x", "b": "y"}
    assert store.measure("links") == 2


def test_what_has_an_id_of_its_own_keeps_it() -> None:
    assert values.made_for({"id": "a"}, {"id": "b"}) == {"id": "b"}
    assert values.made_for({"id": "a"}, [{"x": 1}, {"id": "c"}]) == [
        {"x": 1, "_for": "a"}, {"id": "c"},
    ]  # fmt: skip
    assert values.made_for("text", {"x": 1}) == {"x": 1}
    assert values.made_for({"id": "a"}, {}) == {}


def test_parts_of_what_was_left_out_are_empty(tmp_path: Path) -> None:
    steps = (
        "      - {extract: {prompt: ask.jinja2, of: none_found, one: true, fields: {mood: text}},"
        " as: verdict}\n"
        "      - {write: {to: facts, content: 'seen {{ verdict.mood }}|{{ verdict.a.b }}'}}\n"
        "      - {write: {to: facts, content: never}, when: verdict.mood}\n"
    )
    read = "      - {read: {store: facts}, as: none_found}\n"
    agent = piped.opened(tmp_path, read + steps, piped.Model())
    agent.send("Hello.")
    agent.work()
    assert piped.held(agent, "facts") == ["seen |"]


def test_nothing_is_false_and_prints_nothing() -> None:
    nothing = bench.Nothing()
    assert not nothing and not nothing["a"]["b"] and str(nothing["a"]) == ""


def test_a_text_of_several_lines_is_one_record() -> None:
    item = {"id": "a1", "content": "one\ntwo", "time": "now", "_row": ["facts", 1]}
    assert values.line(item) == "- [a1] now | one\n  two"


def test_a_merge_that_the_model_wrote_is_taken_as_it_is(tmp_path: Path) -> None:
    resolve = (
        "      - {resolve: {into: facts, prompt: ask.jinja2, ops: [add, merge]}, each: found}\n"
    )

    def merge(request: Any) -> Any:
        id = piped.body(request).split("[")[1].split("]")[0]
        return call("answer", decision="merge", id=id, content="tea with milk")

    model = piped.Model(piped.facts("tea"), piped.facts("tea, milk"), merge)
    agent = piped.opened(tmp_path, piped.READ + piped.EXTRACT + resolve, model)
    for text in ("Tea.", "Milk."):
        agent.send(text)
        agent.work()
    assert piped.held(agent, "facts") == ["tea with milk"]


def test_a_step_goes_with_what_its_condition_or_choice_was_about() -> None:
    found = load.load("think_in_memory", ["thoughts=null"])
    assert [step.operator for step in found.spec.steps["post_think"]] == ["read", "extract"]
    assert not [each for each in found.problems if each.severity == "error"]


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ("{write: {to: facts, content: '{{ said[0].nothing }}'}}", "step 2, write: "),
        (
            "{write: {to: facts, content: x}, when: 'said[7].a'}",
            "step 2, write: `said[7].a` cannot",
        ),
        ("{write: {to: facts, set: {importance: much}}, each: said}", "step 2, write: importance"),
    ],
)
def test_a_failure_names_the_step(tmp_path: Path, step: str, says: str) -> None:
    agent = piped.opened(tmp_path, f"{piped.READ}      - {step}\n", piped.Model())
    agent.send("Hello.")
    agent.work()
    failed = [row.reason for row in journal.steps(agent.db, "status = 'failed'")]
    assert [reason[: len(says)] for reason in failed] == [says], failed


@pytest.mark.parametrize("killed", [False, True])
def test_what_a_function_adds_to_an_item_stays(tmp_path: Path, killed: bool) -> None:
    (tmp_path / "my_steps.py").write_text(
        "def rated(said):\n"
        "    return [{**one, 'importance': 7, 'mood': 'glad', 'content': one['content'] + '!'}\n"
        "            for one in said]\n"
    )
    agent = piped.opened(tmp_path, piped.READ + piped.STEP.format("rated"), piped.Model())
    agent.send("Hello.")
    if killed:
        agent.work(should_yield=lambda: True)
        agent.close()
        agent = api.open_agent(tmp_path / "a.db", gateway=piped.Model())
    agent.work()
    (kept,) = agent.stores["facts"].records.select()
    assert (kept.content, kept.importance, kept.fields["mood"]) == ("Hello.!", 7, "glad")
    (id,) = kept.derived_from
    said = agent.stores["recall"].records.get(id)
    assert said is not None and said.content == "Hello."
