"""What a pipeline does with values that do not fit: it says which and why, and the agent lives on.

Each of these once reached a store or Python's own error text.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from archgraph.graph import check
from archgraph.runtime import agent as agents
from archgraph.storage import journal
from tests.helpers import call
from tests.runtime import test_pipelines as piped

READ, EXTRACT, WRITE = piped.READ, piped.EXTRACT, piped.WRITE


def reason(agent: agents.Agent) -> str:
    """Why the pipeline's last step failed."""
    failed = journal.steps(agent.db, "thread = 'digest' AND status = 'failed'")
    return str(failed[-1].reason)


def failed(folder: Path, steps: str, *answers: Any) -> str:
    agent = piped.opened(folder, steps, piped.Model(*answers))
    with agent:
        assert agent.send("I live in Bergen.").reply == "Yes."
        agent.work()
        found = reason(agent)
        agent.send("And I have a cat.")  # the next run fails likewise, or not at all
    assert "failed inside" not in found
    return found


def test_an_id_that_is_there_already_is_refused(tmp_path: Path) -> None:
    steps = READ + "      - {write: {to: facts, items: said, set: {id: one}}}\n" * 2
    assert "holds a record 'one' already" in failed(tmp_path, steps)


def test_a_filter_by_a_list_of_records_is_refused(tmp_path: Path) -> None:
    where = "{kind: '{{ said }}'}"
    steps = READ + f"      - {{retrieve: {{from: facts, query: said, where: {where}}}, as: x}}\n"
    steps += "      - {write: {to: facts, items: said}}\n"
    agent = piped.opened(tmp_path, steps, piped.Model())
    with agent:
        agent.send("I live in Bergen.")
        agent.work()
        assert "`where.kind` compares a field with" in reason(agent)


def test_a_filter_that_compares_with_a_mapping_is_a_problem(tmp_path: Path) -> None:
    steps = READ + "      - {retrieve: {from: facts, query: x, where: {kind: {a: 1}}}, as: y}\n"
    found = [each for each in check.check(piped.write(tmp_path, steps)) if "kind" in str(each)]
    assert found and found[0].code == "wrong-value"


def test_a_part_that_records_lack_is_named(tmp_path: Path) -> None:
    each = "        each: said|map(attribute='colour')|list\n"
    steps = READ + "      - write: {to: facts}\n" + each
    assert "has no attribute 'colour'" in failed(tmp_path, steps)


def test_parts_need_not_be_made_a_list(tmp_path: Path) -> None:
    each = "        each: said|map(attribute='content')\n"
    agent = piped.opened(tmp_path, READ + "      - write: {to: facts}\n" + each, piped.Model())
    with agent:
        agent.send("I live in Bergen.")
        agent.work()
        assert piped.held(agent, "facts") == ["I live in Bergen."]


@pytest.mark.parametrize("each", ["said[0].content", "said[0].at", "recall"])
def test_each_takes_a_list(tmp_path: Path, each: str) -> None:
    steps = READ + f"      - write: {{to: facts}}\n        each: {each}\n"
    steps += "      - {write: {to: facts, items: said}}\n"
    assert "`each` takes a list" in failed(tmp_path, steps)


def test_each_of_one_record_is_that_record(tmp_path: Path) -> None:
    steps = READ + "      - write: {to: facts}\n        each: said[0]\n"
    agent = piped.opened(tmp_path, steps, piped.Model())
    with agent:
        agent.send("I live in Bergen.")
        agent.work()
        assert piped.held(agent, "facts") == ["I live in Bergen."]


@pytest.mark.parametrize("number", [float("inf"), float("nan")])
def test_a_number_that_is_none_is_refused_and_asked_for_again(
    tmp_path: Path, number: float
) -> None:
    extract = EXTRACT.replace("fact: text", "fact: text, importance: number")
    wrong = call("answer", items=[{"fact": "Ann lives in Bergen", "importance": number}])
    right = call("answer", items=[{"fact": "Ann lives in Bergen", "importance": 3}])
    agent = piped.opened(tmp_path, READ + extract + WRITE, piped.Model(wrong, right))
    with agent:
        agent.send("I am Ann. I live in Bergen.")
        agent.work()
        kept = agent.stores["facts"].records.select()
        assert [(record.content, record.importance) for record in kept] == [
            ("Ann lives in Bergen", 3.0)
        ]


def test_a_date_that_no_calendar_has_is_left_out(tmp_path: Path) -> None:
    extract = EXTRACT.replace("fact: text", "fact: text, valid_from: date")
    answer = call("answer", items=[{"fact": "Ann lives in Bergen", "valid_from": "9" * 30}])
    agent = piped.opened(tmp_path, READ + extract + WRITE, piped.Model(answer))
    with agent:
        agent.send("I am Ann. I live in Bergen.")
        agent.work()
        assert piped.held(agent, "facts") == ["Ann lives in Bergen"]


def test_a_field_may_be_called_items(tmp_path: Path) -> None:
    extract = EXTRACT.replace("fact: text}", "items: texts}, one: true")
    content = "\"{{ item['items']|join(' ') }}\""
    steps = READ + extract + f"      - {{write: {{to: facts, items: found, content: {content}}}}}\n"
    agent = piped.opened(tmp_path, steps, piped.Model(call("answer", items=["tea", "milk"])))
    with agent:
        agent.send("I need tea and milk.")
        agent.work()
        assert piped.held(agent, "facts") == ["tea milk"]


def test_a_query_that_is_no_template_is_a_problem(tmp_path: Path) -> None:
    steps = READ + "      - {retrieve: {from: facts, query: '{{ said'}, as: found}\n" + WRITE
    codes = [each.code for each in check.check(piped.write(tmp_path, steps))]
    assert "template-syntax" in codes


@pytest.mark.parametrize(
    "body",
    [
        "return object()", "return {1, 2}", "return float('nan')", "x = []; x.append(x); return x",
        r"return '\ud800'", "return {(1, 2): 3}", "return (x for x in [1])", "return b'x'",
    ],
)  # fmt: skip
def test_a_function_returns_plain_data(
    body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_steps.py").write_text(f"def f(said):\n    {body}\n")
    monkeypatch.delitem(sys.modules, "my_steps", raising=False)
    assert "my_steps:f returned what is no plain data" in failed(
        tmp_path, READ + piped.STEP.format("f")
    )


def test_a_function_that_leaves_ends_its_run_and_not_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_steps.py").write_text("def f(said):\n    raise SystemExit(3)\n")
    monkeypatch.delitem(sys.modules, "my_steps", raising=False)
    agent = piped.opened(tmp_path, READ + piped.STEP.format("f"), piped.Model())
    with agent:
        agent.send("I live in Bergen.")
        agent.work()
        assert "SystemExit" in reason(agent)
