"""A graph of nodes and edges as a self-contained SVG, laid out in layers.

Called by `draw`. Events, threads, tools and stores stand in columns from left to right, told
apart by shape and colour. Knows the plain form of a graph, and no plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

COLUMNS = ("event", "thread", "tool", "store")
COLOURS = {
    "event": ("#fde9c8", "#b7791f"),
    "thread": ("#d6e4ff", "#2b5cb8"),
    "tool": ("#e6e6e6", "#555555"),
    "store": ("#d3f0dc", "#2b7a4b"),
}
"""Fill and outline of each kind of node."""
_EDGE_COLOURS = {
    "writes": "#b83232",
    "reads": "#2b7a4b",
    "uses": "#2b7a4b",
    "shows": "#2b5cb8",
    "logs": "#7a4bb8",
    "offers": "#888888",
    "over": "#2b7a4b",
    "evicts_into": "#b83232",
}
_HEIGHT, _GAP, _SPACE, _MARGIN, _TOP = 40, 16, 110, 24, 48
_CHARACTER = 7.2  # width in pixels of a character at the font size below
_HEADS = {"event": "triggers", "thread": "threads", "tool": "tools", "store": "stores"}


@dataclass(frozen=True, slots=True)
class _Box:
    kind: str
    x: float
    y: float
    width: float
    lines: tuple[str, ...]

    @property
    def middle(self) -> float:
        return self.y + _HEIGHT / 2


# Public functions


def svg(graph: Mapping[str, Any]) -> str:
    """The picture of a graph as `build.plain` gives it."""
    boxes = _laid_out(graph["nodes"], graph["edges"])
    width = max((box.x + box.width for box in boxes.values()), default=200) + _MARGIN + _SPACE / 2
    height = max((box.y + _HEIGHT for box in boxes.values()), default=100) + _MARGIN
    body = [_head(kind, boxes.values()) for kind in COLUMNS]
    body += [_edge(edge, boxes[edge["from"]], boxes[edge["to"]]) for edge in graph["edges"]]
    body += [_node(box) for box in boxes.values()]
    name = escape(str(graph["name"]))
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" aria-label="{name}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="12">',
        f"<title>{name}</title>",
        _markers(),
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        *filter(None, body),
        "</svg>",
        "",
    ])  # fmt: skip


def label(node: Mapping[str, Any]) -> str:
    """What stands in a node: its name, and below it its type, verb or model."""
    if node["label"] in ("", node["name"]):
        return str(node["name"])
    return f"{node['name']}\n{node['label']}"


def dashed(edge: Mapping[str, Any]) -> bool:
    """Whether an edge is a trigger, or background work."""
    return bool(edge["background"]) or edge["type"] in ("triggers", "emits")


# Private functions


def _laid_out(
    nodes: Sequence[Mapping[str, Any]], edges: Sequence[Mapping[str, Any]]
) -> dict[str, _Box]:
    columns = {kind: [n for n in nodes if n["kind"] == kind] for kind in COLUMNS}
    columns["tool"] = _by_neighbours(columns["tool"], columns["thread"], edges)
    columns["store"] = _by_neighbours(columns["store"], columns["tool"], edges)
    columns["event"] = _by_neighbours(columns["event"], columns["thread"], edges)
    tallest = max((len(column) for column in columns.values()), default=0) * (_HEIGHT + _GAP)
    boxes: dict[str, _Box] = {}
    x: float = _MARGIN
    for kind, column in columns.items():
        if not column:
            continue
        texts = [tuple(label(node).split("\n")) for node in column]
        width = max(len(line) for lines in texts for line in lines) * _CHARACTER + 28
        y = _TOP + (tallest - len(column) * (_HEIGHT + _GAP)) / 2
        for node, lines in zip(column, texts, strict=True):
            boxes[node["name"]] = _Box(kind, x, y, width, lines)
            y += _HEIGHT + _GAP
        x += width + _SPACE
    return boxes


def _by_neighbours(
    column: list[Mapping[str, Any]],
    before: Sequence[Mapping[str, Any]],
    edges: Sequence[Mapping[str, Any]],
) -> list[Mapping[str, Any]]:
    """A column sorted by the mean place of its neighbours, which keeps edges from crossing."""
    place = {node["name"]: index for index, node in enumerate(before)}

    def mean(node: Mapping[str, Any]) -> float:
        near = [
            place[other]
            for edge in edges
            for one, other in ((edge["from"], edge["to"]), (edge["to"], edge["from"]))
            if one == node["name"] and other in place
        ]
        return sum(near) / len(near) if near else len(place)

    return sorted(column, key=mean)


def _node(box: _Box) -> str:
    fill, stroke = COLOURS[box.kind]
    style = f'fill="{fill}" stroke="{stroke}" stroke-width="1.5"'
    x, y, right, bottom = box.x, box.y, box.x + box.width, box.y + _HEIGHT
    if box.kind == "store":
        shape = (
            f'<path d="M{x:.1f},{y + 5:.1f} v{_HEIGHT - 10} a{box.width / 2:.1f},5 0 0 0 '
            f"{box.width:.1f},0 v-{_HEIGHT - 10} a{box.width / 2:.1f},5 0 0 0 -{box.width:.1f},0 "
            f'a{box.width / 2:.1f},5 0 0 0 {box.width:.1f},0" {style}/>'
        )
    elif box.kind == "thread":
        points = [(x, box.middle), (x + 12, y), (right - 12, y), (right, box.middle)]
        points += [(right - 12, bottom), (x + 12, bottom)]
        shape = f'<polygon points="{_points(points)}" {style}/>'
    elif box.kind == "event":
        points = [(x, y), (right - 12, y), (right, box.middle), (right - 12, bottom), (x, bottom)]
        shape = f'<polygon points="{_points(points)}" {style}/>'
    else:
        shape = f'<rect x="{x:.1f}" y="{y:.1f}" width="{box.width:.1f}" height="{_HEIGHT}" rx="8" '
        shape += f"{style}/>"
    return f'<g class="{box.kind}">{shape}{_words(box)}</g>'


def _words(box: _Box) -> str:
    middle = box.x + box.width / 2
    first = box.middle + (4 if len(box.lines) == 1 else -2)
    first += 4 if box.kind == "store" else 0  # below the cylinder's lid
    text = f'<text x="{middle:.1f}" y="{first:.1f}" text-anchor="middle">{escape(box.lines[0])}'
    text += "</text>"
    if len(box.lines) > 1:
        text += f'<text x="{middle:.1f}" y="{first + 13:.1f}" text-anchor="middle" '
        text += f'font-size="10" fill="#555555">{escape(box.lines[1])}</text>'
    return text


def _edge(edge: Mapping[str, Any], source: _Box, target: _Box) -> str:
    kind = str(edge["type"])
    dash = ' stroke-dasharray="5 4"' if dashed(edge) else ""
    line = f'fill="none" stroke="{_colour(kind)}" stroke-width="1.2"{dash}'
    title = f"<title>{escape(edge['from'])} {kind} {escape(edge['to'])}</title>"
    return f'<path d="{_way(source, target)}" {line} marker-end="url(#{_tip(kind)})">{title}</path>'


def _way(source: _Box, target: _Box) -> str:
    """A curve from box to box: forward, backward, or around within one column."""
    if source.x == target.x:
        side = source.x + source.width
        bend = side + _SPACE / 2
        return (
            f"M{side:.1f},{source.middle:.1f} C{bend:.1f},{source.middle:.1f} "
            f"{bend:.1f},{target.middle + 6:.1f} {side:.1f},{target.middle + 6:.1f}"
        )
    forward = source.x < target.x
    start = source.x + source.width if forward else source.x
    end = target.x if forward else target.x + target.width
    reach = (_SPACE if forward else -_SPACE) / 2
    down = 0 if forward else 8
    return (
        f"M{start:.1f},{source.middle + down:.1f} C{start + reach:.1f},{source.middle + down:.1f} "
        f"{end - reach:.1f},{target.middle + down:.1f} {end:.1f},{target.middle + down:.1f}"
    )


def _head(kind: str, boxes: Any) -> str:
    column = [box for box in boxes if box.kind == kind]
    if not column:
        return ""
    middle = column[0].x + column[0].width / 2
    return (
        f'<text x="{middle:.1f}" y="28" text-anchor="middle" font-weight="bold" '
        f'fill="{COLOURS[kind][1]}">{_HEADS[kind]}</text>'
    )


def _markers() -> str:
    colours = sorted({*_EDGE_COLOURS.values(), COLOURS["event"][1]})
    tips = [
        f'<marker id="tip-{colour[1:]}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        f'markerHeight="7" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="{colour}"/></marker>'
        for colour in colours
    ]
    return f"<defs>{''.join(tips)}</defs>"


def _colour(kind: str) -> str:
    return _EDGE_COLOURS.get(kind, COLOURS["event"][1])


def _tip(kind: str) -> str:
    return f"tip-{_colour(kind)[1:]}"


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
