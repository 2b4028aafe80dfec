"""What is drawn is the plan's graph, whole, with few crossings, and unharmed by odd texts."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from archgraph import api, clock
from archgraph.graph import build, draw, layout, order, scene, ways, wording
from archgraph.graph import compile as compiling
from archgraph.graph import plan as plans
from archgraph.spec import load
from tests.spec import good

SVG = "{http://www.w3.org/2000/svg}"
DRAWN = ("shows", "logs", "reads", "writes", "uses", "calls", "over", "evicts_into", "refers")


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
    """Everything of the graph is in the scene, and everything of the scene in the pictures."""
    plan = compiling.compile(load.load(name)).plan
    graph, shown = draw.plain(plan), scene.scene(plan)
    nodes = {node["name"] for node in graph["nodes"] if node["kind"] != "event"}
    rows = {row.key.removeprefix("tool ") for card in shown.cards for row in card.rows}
    assert nodes <= {card.name for card in shown.cards} | {box.name for box in shown.boxes} | rows
    edges = {edge for link in shown.links for edge in link.edges}
    assert not [
        edge
        for edge in graph["edges"]
        if edge["type"] in DRAWN and (edge["from"], edge["to"], edge["type"]) not in edges
    ]
    root = ElementTree.fromstring(draw.svg(plan))
    assert len(root.findall(f"{SVG}g[@class='ag-link']")) == len(shown.links)
    assert len(root.findall(f"{SVG}g[@class='ag-thread']")) == len(shown.cards)
    words = [text.text for text in root.iter(f"{SVG}text")]
    for card in shown.cards:
        assert {card.name, *card.notes, *(row.text for row in card.rows)} <= set(words)
    chart = draw.mermaid(plan)
    arrows = re.findall(r"^  [ts][0-9_]+ .*(?:-->|-\.->|===).* [ts]\d+$", chart, re.MULTILINE)
    styled = [n for line in re.findall(r"linkStyle ([\d,]+)", chart) for n in line.split(",")]
    assert sorted(map(int, styled)) == list(range(len(arrows)))


@pytest.mark.parametrize("name", load.names())
def test_nothing_in_a_picture_lies_over_something_else(name: str) -> None:
    shown = scene.scene(compiling.compile(load.load(name)).plan)
    placed = layout.place(shown, 40)
    frames = [(each.x, each.y, each.width, each.height) for each in (*placed.cards, *placed.boxes)]
    for one, two in itertools.combinations(frames, 2):
        assert apart(one, two)
    for way in placed.ways:
        for point in points_of(way):
            assert not [frame for frame in frames if inside(point, frame)]
    for card in placed.cards:
        for line in card.lines:
            assert line.x + line.width <= card.x + card.width
            assert layout.row_width(line.row) <= line.width + 0.01
    assert all(x + w <= placed.width and y + h <= placed.height for x, y, w, h in frames)
    icons = [(line.y, card.x) for card in placed.cards for line in card.lines if line.row.icon]
    tracks = [
        way.points for way in placed.ways if not way.curve and way.points[0][0] <= icons[0][1]
    ]
    assert not [
        (y, track)
        for y, x in icons
        for track in tracks
        if abs(track[1][0] - (x - layout.ICON + 12)) < 8
        and min(track[0][1], track[3][1]) < y < max(track[0][1], track[3][1])
    ]


Frame = tuple[float, float, float, float]


def apart(one: Frame, two: Frame) -> bool:
    across = one[0] + one[2] <= two[0] or two[0] + two[2] <= one[0]
    return across or one[1] + one[3] <= two[1] or two[1] + two[3] <= one[1]


def inside(point: tuple[float, float], frame: Frame) -> bool:
    (x, y), (left, top, width, height) = point, frame
    return left + 0.1 < x < left + width - 0.1 and top + 0.1 < y < top + height - 0.1


def points_of(way: ways.Way) -> list[tuple[float, float]]:
    """Points along a way, near enough to each other that none of them could skip a box."""
    steps = [n / 40 for n in range(41)]
    if not way.curve:
        return [
            (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t)
            for a, b in itertools.pairwise(way.points)
            for t in steps
        ]
    weights = [((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3) for t in steps]
    return [
        (
            sum(w * p[0] for w, p in zip(each, way.points, strict=True)),
            sum(w * p[1] for w, p in zip(each, way.points, strict=True)),
        )
        for each in weights
    ]


@pytest.mark.parametrize("name", load.names())
def test_fewer_lines_cross_than_in_the_best_of_many_random_orders(name: str) -> None:
    task = layout.task(scene.scene(compiling.compile(load.load(name)).plan))
    chance = clock.derive_random(7, 0, 0)
    found = order.crossings(task, order.arrange(task))
    assert found <= order.crossings(task, order.given(task))
    assert found <= min(order.crossings(task, shuffled(task, chance)) for _ in range(300))


def shuffled(task: order.Task, chance: Any) -> order.Order:
    """An order by chance, among those that are allowed."""
    cards, boxes = list(task.cards), list(task.boxes)
    chance.shuffle(cards)
    chance.shuffle(boxes)
    ports = {}
    for card, groups in task.cards.items():
        placed: list[str] = []
        for group, free in groups:
            placed += chance.sample(group, len(group)) if free else group
        ports[card] = tuple(placed)
    return order.Order(tuple(cards), ports, tuple(boxes))


def test_crossings_are_those_that_one_sees() -> None:
    """Counted pair by pair over the drawn ends, and by the faster way."""
    chance = clock.derive_random(3, 0, 0)
    for _ in range(50):
        ports = tuple(f"p{n}" for n in range(6))
        lines = tuple((chance.choice(ports), f"b{chance.randrange(5)}") for _ in range(12))
        boxes = tuple(f"b{n}" for n in range(5))
        task = order.Task({"card": ((ports, True),)}, boxes, lines)
        slow = sum(
            (ports.index(a) - ports.index(c)) * (boxes.index(b) - boxes.index(d)) < 0
            for (a, b), (c, d) in itertools.combinations(lines, 2)
        )
        assert order.crossings(task, order.given(task)) == slow


def test_what_can_be_drawn_without_a_crossing_is() -> None:
    ports, boxes = tuple(f"p{n}" for n in range(7)), tuple(f"b{n}" for n in range(7))
    lines = tuple((f"p{n}", f"b{(n * 3) % 7}") for n in range(7))
    task = order.Task({"card": ((ports, True),)}, boxes, lines)
    assert order.crossings(task, order.given(task)) > 0
    assert order.crossings(task, order.arrange(task)) == 0


def test_a_picture_is_the_same_each_time_and_stands_alone(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    drawn = draw.svg(plan)
    assert drawn == draw.svg(planned(tmp_path))
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "")
    assert "<script" not in drawn and "prefers-color-scheme:dark" in drawn
    root = ElementTree.fromstring(drawn)
    assert root.findtext(f"{SVG}title") == "pair" and "tender" in str(root.findtext(f"{SVG}desc"))


def test_background_and_what_it_waits_for_can_be_seen(tmp_path: Path) -> None:
    root = ElementTree.fromstring(draw.svg(planned(tmp_path)))
    late = [e for e in root.iter(f"{SVG}path") if "ag-late" in e.get("class", "")]
    assert len(late) == 3  # every 5 turns, idle 10m, and the legend
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert {"every 5 turns of main", "idle 10m", "background"} <= set(words)
    assert "every 5 turns of main, background" in draw.mermaid(planned(tmp_path))


def test_pointing_at_a_part_tells_its_options_and_share(tmp_path: Path) -> None:
    file = good.write(tmp_path)
    sums = api.budgets(file)
    root = ElementTree.fromstring(draw.svg(planned(tmp_path), draw.shares(sums)))
    titles = "\n".join(title.text or "" for title in root.iter(f"{SVG}title"))
    assert "limit 800, readonly" in titles
    assert "consistency" not in titles  # has its default
    line = next(each for each in sums[0].lines if each.node == "persona")
    assert f"at most {line.tokens:,} of 8,192 tokens" in titles


def test_odd_texts_do_no_harm(tmp_path: Path) -> None:
    plan = planned(tmp_path, 'model=a<b>&"c"#d', "threads.main.options=null")
    root = ElementTree.fromstring(draw.svg(plan))
    assert any('a<b>&"c"#d' in (text.text or "") for text in root.iter(f"{SVG}text"))
    assert "a#lt;b#gt;#amp;#quot;c#quot;#35;d" in draw.mermaid(plan)


def test_text_names_everything(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    text = draw.text(plan)
    for name in [
        *plan.stores,
        *plan.threads,
        *(t for each in plan.threads.values() for t in each.tools),
    ]:
        assert name in text
    assert "recall since last run of main" in text
    assert "always, until finish" in text


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        (plans.TriggerPlan("user_message"), "user message"),
        (plans.TriggerPlan("every", event="main.turn", count=5), "every 5 turns of main"),
        (plans.TriggerPlan("every", event="main.turn", count=1), "main.turn"),
        (plans.TriggerPlan("every", event="agent.message", count=2), "every 2 messages"),
        (plans.TriggerPlan("event", event="agent.case_end"), "agent case end"),
        (plans.TriggerPlan("event", event="window.pressure"), "window.pressure"),
        (plans.TriggerPlan("timer", seconds=1800), "every 30m"),
        (plans.TriggerPlan("idle", seconds=7200), "idle 2h"),
        (plans.TriggerPlan("at", cron="0 3 * * *"), "at 0 3 * * *"),
        (plans.TriggerPlan("crosses", measure="facts.count", over=150), "facts.count > 150"),
        (plans.TriggerPlan("signal", event="wake"), "signal wake"),
    ],
)
def test_triggers_are_told_as_people_say_them(trigger: plans.TriggerPlan, words: str) -> None:
    assert wording.trigger(trigger) == words


def test_text_tells_who_calls_a_thread_and_in_which_order() -> None:
    shown = draw.text(compiling.compile(load.load("blackboard")).plan)
    assert "due        when control calls turn_to_lookup" in shown
    assert "rules      Your first call must be next_bid." in shown
