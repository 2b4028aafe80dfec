"""What is drawn and compared is the plan's graph, whole and unharmed by odd texts."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from archgraph import api
from archgraph.graph import build, diff, draw
from archgraph.graph import compile as compiling
from archgraph.graph import plan as plans
from archgraph.spec import load
from tests.spec import good

SVG = "{http://www.w3.org/2000/svg}"


def planned(folder: Path, *settings: str) -> plans.Plan:
    return compiling.compile(load.load(good.write(folder), settings)).plan


def test_edges_are_where_one_node_names_another(tmp_path: Path) -> None:
    edges = {(e["from"], e["type"], e["to"]) for e in draw.plain(planned(tmp_path))["edges"]}
    assert {
        ("window", "over", "recall"),
        ("window", "evicts_into", "summary"),
        ("core_append", "writes", "persona"),
        ("archival_search", "reads", "archival"),
        ("main", "logs", "recall"),
        ("main", "shows", "window"),
        ("main", "offers", "send_message"),
        ("user_message", "triggers", "main"),
        ("window", "emits", "window.pressure"),
        ("window.pressure", "triggers", "main"),
        ("every 5 main.turn", "triggers", "tender"),
        ("idle 10m", "triggers", "tender"),
    } <= edges


def test_background_edges_are_marked(tmp_path: Path) -> None:
    edges = draw.plain(planned(tmp_path))["edges"]
    background = {(e["from"], e["to"]) for e in edges if e["background"]}
    assert ("idle 10m", "tender") in background
    assert ("user_message", "main") not in background


def test_the_graph_is_networkx(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    graph = build.graph(plan, build.references(plan))
    kinds = {kind for _, kind in graph.nodes(data="kind")}
    assert kinds == {"store", "tool", "thread", "event"}
    assert graph.is_multigraph() and graph.is_directed()


@pytest.mark.parametrize("name", load.names())
def test_pictures_are_whole(name: str) -> None:
    plan = compiling.compile(load.load(name)).plan
    graph = draw.plain(plan)
    root = ElementTree.fromstring(draw.svg(plan))
    assert len(root.findall(f"{SVG}g")) == len(graph["nodes"])
    arrows = [each for each in root.findall(f"{SVG}path") if each.get("marker-end")]
    assert len(arrows) == len(graph["edges"])
    dashed = [each for each in arrows if each.get("stroke-dasharray")]
    assert len(dashed) == sum(
        e["background"] or e["type"] in ("triggers", "emits") for e in graph["edges"]
    )
    assert "http" not in draw.svg(plan).replace("http://www.w3.org/2000/svg", "")
    lines = draw.mermaid(plan).splitlines()
    assert sum("-->" in line or "-.->" in line for line in lines) == len(graph["edges"])
    assert sum(bool(re.search(r":::\w+$", line)) for line in lines) == len(graph["nodes"])


def test_no_two_boxes_overlap(tmp_path: Path) -> None:
    root = ElementTree.fromstring(draw.svg(planned(tmp_path)))
    places = [
        (text.get("x"), text.get("y"))
        for group in root.findall(f"{SVG}g")
        for text in group.findall(f"{SVG}text")[:1]
    ]
    assert len(set(places)) == len(places)


def test_odd_texts_do_no_harm(tmp_path: Path) -> None:
    plan = planned(tmp_path, 'model=a<b>&"c"#d', "threads.main.options=null")
    root = ElementTree.fromstring(draw.svg(plan))
    assert any('a<b>&"c"#d' in (text.text or "") for text in root.iter(f"{SVG}text"))
    assert "#lt;b#gt;" in draw.mermaid(plan)


def test_text_names_everything(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    text = draw.text(plan)
    for name in [
        *plan.stores,
        *plan.threads,
        *(t for each in plan.threads.values() for t in each.tools),
    ]:
        assert name in text
    assert "recall since last_run of main" in text
    assert "always, until finish" in text


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
