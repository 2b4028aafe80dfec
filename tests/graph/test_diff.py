"""What two architectures differ in: as data, in words by consequence, and as one drawing."""

from __future__ import annotations

import itertools
from pathlib import Path
from xml.etree import ElementTree

import pytest

from archgraph import api
from archgraph.graph import compile as compiling
from archgraph.graph import contrast, diff, draw, explain, scene
from archgraph.graph import plan as plans
from archgraph.spec import load
from tests.spec import good


def planned(folder: Path, *settings: str) -> plans.Plan:
    return compiling.compile(load.load(good.write(folder), settings)).plan


def test_a_plan_does_not_differ_from_itself(tmp_path: Path) -> None:
    assert diff.diff(planned(tmp_path), planned(tmp_path)) == []
    assert diff.text([]) == "no differences"


def test_differences_are_told_by_node_edge_and_key(tmp_path: Path) -> None:
    before = planned(tmp_path)
    after = planned(tmp_path, "archival=null", "core_limit=500")
    told = [(each.how, each.kind, each.name) for each in diff.diff(before, after)]
    assert ("removed", "store", "archival") in told
    assert ("removed", "tool", "archival_search") in told
    assert ("changed", "store", "persona") in told
    assert ("removed", "edge", "archival_search reads archival") in told
    assert not [each for each in told if each[0] == "added"]
    persona = next(each for each in diff.diff(before, after) if each.name == "persona")
    assert persona.keys == (("options.limit", 1000, 500),)
    assert "options.limit: 1000 -> 500" in str(persona)


def test_a_difference_read_backwards_is_its_reverse(tmp_path: Path) -> None:
    before, after = planned(tmp_path), planned(tmp_path, "archival=null")
    there = {(each.how, each.kind, each.name) for each in diff.diff(before, after)}
    back = {(each.how, each.kind, each.name) for each in diff.diff(after, before)}
    flip = {"added": "removed", "removed": "added", "changed": "changed"}
    assert back == {(flip[how], kind, name) for how, kind, name in there}


def test_changed_prompts_tell_the_lines(tmp_path: Path) -> None:
    before = planned(tmp_path)
    file = good.write(tmp_path, templates={**good.TEMPLATES, "summary": "Say it shorter.\n"})
    after = compiling.compile(load.load(file)).plan
    (change,) = diff.diff(before, after)
    assert (change.kind, change.name) == ("prompt", "pair/summary.jinja2")
    assert change.keys == (("line 1", "Say it in fewer words.", "Say it shorter."),)


def test_of_two_lists_only_the_items_that_went_and_came_are_told() -> None:
    told = str(diff.Change("changed", "thread", "main", (("tools", ("a", "b"), ("b", "c")),)))
    assert told.splitlines()[1:] == ["    tools: - a", "    tools: + c"]
    told = str(diff.Change("changed", "thread", "main", (("tools", ("a", "b"), ("b", "a")),)))
    assert told.splitlines()[1:] == ["    tools: in another order: b, a"]


def test_a_list_of_which_something_is_left_is_not_told_to_be_nothing() -> None:
    before, after = api.compile("memgpt"), api.compile("fixed_window")
    (main,) = (each for each in diff.diff(before, after) if each.name == "main")
    assert "context: + store window" not in str(main)  # both show it
    assert "context: - store persona" in str(main) and "-> nothing" not in str(main)


def explained(before: plans.Plan, after: plans.Plan) -> explain.Explanation:
    return explain.explain(before, after)


def test_a_plan_explained_against_itself_says_nothing(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    assert explained(plan, plan) == explain.Explanation((), {})


def test_an_added_thread_is_told_by_when_it_runs_and_what_it_can_do(tmp_path: Path) -> None:
    after = planned(tmp_path)
    head = " ".join(explained(planned(tmp_path, "tender=null"), after).head)
    assert "adds the thread tender" in head
    assert "in the background every 5 turns of main or after 10m without input" in head
    assert "append to persona, insert into archival and finish" in head
    assert "has no thread tender" in explained(after, planned(tmp_path, "tender=null")).head[0]


def test_consequences_stand_under_their_headings(tmp_path: Path) -> None:
    told = explained(
        planned(tmp_path),
        planned(
            tmp_path, "archival=null", "core_limit=500", "context_window=6000",
            "threads.main.heartbeat.max_steps=3", "threads.main.context=[summary, persona, window]",
        ),
    )  # fmt: skip
    groups = {name: "\n".join(lines) for name, lines in told.groups.items()}
    assert "limit of persona: 1000 → 500" in groups[explain.SEES]
    assert "main sees the same in another order: summary, persona, window" in groups[explain.SEES]
    assert "main can no longer search archival (archival_search)" in groups[explain.MAY]
    assert "at most 8 steps → requested, failed; at most 3 steps" in groups[explain.RUNS]
    assert "archival goes: a collection" in groups[explain.KEEPS]
    assert "context_window of main: 8192 → 6000" in groups[explain.COSTS]
    assert any("core_limit 1000 → 500" in line for line in told.head)


def test_costs_add_up_to_the_difference_of_the_sums(tmp_path: Path) -> None:
    file = good.write(tmp_path)
    sums = api.budgets(file), api.budgets(file, ["core_limit=500", "archival=null"])
    told = explain.explain(planned(tmp_path), planned(tmp_path, "core_limit=500"), sums)
    lines = told.groups[explain.COSTS]
    start = next(n for n, line in enumerate(lines) if line.startswith("main: at most"))
    parts = list(itertools.takewhile(lambda line: line.startswith("  "), lines[start + 1 :]))
    moved = sum(int(line.split()[0].replace(",", "")) for line in parts)
    assert moved == sums[1][0].total - sums[0][0].total != 0


def test_a_changed_prompt_is_told_as_a_short_diff(tmp_path: Path) -> None:
    before = planned(tmp_path)
    file = good.write(tmp_path, templates={**good.TEMPLATES, "main": "You talk well.\n"})
    told = explained(before, compiling.compile(load.load(file)).plan).groups[explain.SEES]
    assert "template pair/main.jinja2, lines: 1 added, 4 removed" in told
    assert "  - You talk." in told and "  + You talk well." in told


def test_every_difference_is_told_somewhere(tmp_path: Path) -> None:
    """Nothing that `--json` lists is lost in the words."""
    before = planned(tmp_path)
    for setting in (
        "threads.main.refresh=turn", "threads.main.log=diary", "threads.main.max_tokens=100",
        "threads.main.options={temperature: 0.9}", "threads.main.thoughts=none",
        "threads.main.heartbeat.max_repeats=5", "tools.archival_search.fixed={page: 1}",
        "tools.archival_search.about=Look it up.", "stores.window.keep_last=2",
        "threads.main.heartbeat={when: failed, rules: {last: [send_message]}}",
        "threads.tender.triggers=[{idle: 5m}]",
    ):  # fmt: skip
        assert explained(before, planned(tmp_path, setting)).groups, setting


def test_a_drawn_difference_marks_what_differs_and_nothing_else(tmp_path: Path) -> None:
    before, after = planned(tmp_path), planned(tmp_path, "archival=null")
    both = contrast.contrast(scene.scene(before), scene.scene(after))
    assert {box.name: box.mark for box in both.boxes if box.mark} == {"archival": "removed"}
    rows = {row.text: row.mark for card in both.cards for row in card.rows if row.mark}
    assert rows == {"archival_search": "removed", "archival_insert": "removed"}
    assert {link.mark for link in both.links} == {"", "removed"}
    same = contrast.contrast(scene.scene(before), scene.scene(before))
    parts = [*same.boxes, *same.cards, *same.links, *(row for c in same.cards for row in c.rows)]
    assert {each.mark for each in parts} == {""}


@pytest.mark.parametrize("form", ["svg", "mermaid"])
def test_differences_can_be_drawn(form: str, tmp_path: Path) -> None:
    before, after = planned(tmp_path, "tender=null"), planned(tmp_path)
    drawn = draw.compared(before, after, form)
    if form == "svg":
        ElementTree.fromstring(drawn)
    assert "added" in drawn and "tender" in drawn


def test_of_any_two_architectures_the_drawing_is_whole(tmp_path: Path) -> None:
    """Every link of the common scene has both of its ends."""
    one = scene.scene(planned(tmp_path))
    for name in load.names():
        both = contrast.contrast(one, scene.scene(compiling.compile(load.load(name)).plan))
        ends = {(card.name, row.key) for card in both.cards for row in card.rows}
        ends |= {(each.name, "") for each in (*both.cards, *both.boxes)}
        assert {end for link in both.links for end in (link.source, link.target)} <= ends
