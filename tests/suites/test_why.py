"""What a result depends on, and what changed, in words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from archgraph.suites import plan as plans
from archgraph.suites.planning import arguments, build, load
from archgraph.suites.reporting import why

TASK = ("nested_kv:depths=[0],orderings=1,pairs=5",)


class Held:
    """A ledger that holds plans, the last one being the present one."""

    def __init__(self, *held: plans.RunPlan) -> None:
        self.held = held

    def trials(self) -> list[Mapping[str, Any]]:
        found = {}
        for plan in self.held:
            for t in plan.trials:
                found[t.id] = {
                    "id": t.id, "history": t.history, "arm": t.arm, "dataset": t.dataset,
                    "case": t.case, "ingest_seed": t.ingest_seed, "answer_seed": t.answer_seed,
                    "judge_seed": t.judge_seed, "status": "done",
                    "planned": t.id in {each.id for each in self.held[-1].trials},
                }  # fmt: skip
        return list(found.values())

    def parts(self, id: str) -> Mapping[str, str]:
        return next(plan.parts[id] for plan in self.held if id in plan.parts)

    def inputs(self, digests: Iterable[str]) -> Mapping[str, str]:
        known = {key: text for plan in self.held for key, text in plan.inputs.items()}
        return {each: known[each] for each in digests if each in known}


def planned(*sets: str, scorers: tuple[str, ...] = ()) -> plans.RunPlan:
    given = arguments.Given(sets=sets, scorers=scorers)
    return build.plan(load.from_arguments(["memgpt"], TASK, given=given))


def test_a_new_trial_lists_all_that_it_depends_on() -> None:
    plan = planned()
    lines = why.told(Held(plan), plan.trials[0].id)
    assert lines[0].startswith(f"{plan.trials[0].id}: memgpt on kv-uuid-d0-000 of nested_kv")
    assert "it depends on" in lines[1]
    text = "\n".join(lines)
    assert "prompt memgpt/main.jinja2:" in text
    assert "model of main: offline/extractive" in text
    assert "question: What is the value" in text
    assert all(len(line) < 130 for line in lines)


def test_what_changed_is_named_with_its_values() -> None:
    before, after = planned(), planned("core_limit=500", "max_steps=9")
    lines = why.told(Held(before, after), after.trials[0].id)
    assert lines[1].startswith("3 of ")
    assert before.trials[0].id in lines[1]
    assert lines[2:] == [
        "  store persona changed: limit 2000 -> 500",
        "  store human changed: limit 2000 -> 500",
        "  thread main changed: heartbeat.max_steps 20 -> 9",
    ]
    old = why.told(Held(before, after), before.trials[0].id)
    assert "no longer in the plan" in old[0]
    assert "limit 500 -> 2000" in old[2]


ROWS = [("a", "I live in Oslo."), ("b", "I like tea."), ("c", "Bye.")]


def of_own_data(folder: Path, rows: Sequence[tuple[str, str]]) -> plans.RunPlan:
    row = {"history": [{"id": id, "text": text} for id, text in rows], "question": "Where?",
           "answer": "Oslo"}  # fmt: skip
    path = folder / "mine.jsonl"
    path.write_text(json.dumps(row))
    return build.plan(load.from_arguments(["no_memory"], [f"jsonl={path}"]))


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([ROWS[0], ("b", "I like milk."), ROWS[2]], "b changed"),
        ([*ROWS[1:], ("d", "Hm.")], "d added, a removed"),
        (ROWS[::-1], "their order"),
        ([(f"n{n}", "x") for n in range(4)],
         "n0 added, n1 added, n2 added, n3 added, a removed and 2 more"),
    ],
)  # fmt: skip
def test_items_that_changed_are_named(
    tmp_path: Path, rows: list[tuple[str, str]], told: str
) -> None:
    before, after = of_own_data(tmp_path, ROWS), of_own_data(tmp_path, rows)
    lines = why.told(Held(before, after), after.trials[0].id)
    assert lines[2] == f"  items changed: {told}"
    alone = why.told(Held(before), before.trials[0].id)
    assert any(line.startswith("  items: row-1: 3 items [") for line in alone), alone


def test_no_more_digests_are_kept_than_are_worth_it(tmp_path: Path) -> None:
    many = [(f"i{n}", "x") for n in range(1001)]
    before = of_own_data(tmp_path, many)
    after = of_own_data(tmp_path, [*many[:-1], ("i1000", "y")])
    assert max(map(len, after.inputs.values())) < 3000
    lines = why.told(Held(before, after), after.trials[0].id)
    assert lines[2] == "  items changed"


def test_a_scorer_that_came_or_went_is_named() -> None:
    before, after = planned(scorers=("exact",)), planned(scorers=("exact", "f1"))
    lines = why.told(Held(before, after), after.trials[0].id)
    assert len(lines) == 3
    assert lines[2].startswith("  scorer f1: only here (")
    assert why.told(Held(after, before), before.trials[0].id)[2].startswith(
        "  scorer f1: no longer"
    )


def test_equal_inputs_mean_that_a_result_is_reused() -> None:
    parts = {"a": "1", "b": "2"}
    assert why.explain(parts, {}, dict(parts), "x") == [
        "all 2 inputs are equal to those of x: the result is reused"
    ]


def test_the_nearest_form_is_the_one_to_compare_with() -> None:
    parts = {"a": "1", "b": "2", "c": "3"}
    far, near = {"a": "0", "b": "0", "c": "3"}, {"a": "1", "b": "0", "c": "3"}
    assert why.nearest(parts, {"far": far, "near": near}) == "near"
    assert why.nearest(parts, {"first": near, "last": dict(near)}) == "last"
    assert why.nearest(parts, {}) == ""


def test_descriptions_that_are_no_json_are_shown_as_they_are() -> None:
    lines = why.explain({"x": "1"}, {"1": "new", "2": "old"}, {"x": "2"})
    assert lines[1] == "  x changed: old -> new"
    assert why.explain({"x": "1"}, {}, {"x": "2"})[1] == "  x changed"


def test_a_trial_of_another_case_or_seed_is_no_other_form() -> None:
    given = arguments.Given(more={"seeds": {"answer": 2}})
    plan = build.plan(load.from_arguments(["memgpt"], TASK, given=given))
    assert "it depends on" in why.told(Held(plan), plan.trials[0].id)[1]
