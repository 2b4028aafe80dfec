"""Where everything of a scene stands: cards at the left, stores at the right, lines between.

Called by `picture`. Lengths are in pixels. The lines between cards and stores run through an empty
channel, those from card to card in tracks at the left of the cards, those from store to store in
tracks at the right of the stores; so no line runs through a box. Knows no colours and no SVG.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from archgraph.graph import order, scene, ways

MARGIN, PAD, ROW, HEAD, SECTION, NOTE = 16, 10, 20, 27, 6, 14
GUTTER = 50
"""Room at the left within a card for the names of its sections."""
NAME_SIZE, TEXT_SIZE, NOTE_SIZE, HEAD_SIZE = 13.5, 12.0, 10.5, 9.5
GAP, BOX_GAP, TRACK, PORT = 22, 18, ways.TRACK, ways.PORT
ICON = 44
"""Room at the left of a card for what makes it due from outside."""
_LEAST_CHANNEL, _MOST_CHANNEL = 92, 190
_NARROW, _WIDE = set("fijlrtI.,:;'|!()[] -"), set("mwMWGOQ%@—…")

Point = ways.Point


@dataclass(frozen=True, slots=True)
class Line:
    """A row in its place: `y` is its middle; `x` and `width` are those of what is drawn.

    `first`: it is the first of its section, whose name stands beside it.
    """

    row: scene.Row
    x: float
    y: float
    width: float
    first: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """A card in its place."""

    card: scene.Card
    x: float
    y: float
    width: float
    height: float
    lines: tuple[Line, ...]

    def middle(self, row: str) -> float:
        """The height of a row, or of the name."""
        return next((each.y for each in self.lines if each.row.key == row), self.y + HEAD / 2)


@dataclass(frozen=True, slots=True)
class Box:
    """A store in its place."""

    box: scene.Box
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything in its place."""

    cards: tuple[Card, ...]
    boxes: tuple[Box, ...]
    ways: tuple[ways.Way, ...]
    width: float
    height: float


# Public functions


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """An upper bound of a text's width: fonts differ, so it is that of a wide one."""
    units = sum(
        0.36 if c in _NARROW else 0.98 if c in _WIDE else 0.72 if c.isupper() else
        1.05 if ord(c) > 0x2E80 else 0.63
        for c in text
    )  # fmt: skip
    return units * size * (1.09 if bold else 1.0)


def task(shown: scene.Scene) -> order.Task:
    """What is to be ordered so that few lines cross."""
    boxes = {each.name for each in shown.boxes}
    linked = {end for link in shown.links for end in (link.source, link.target)}
    cards = {}
    for card in shown.cards:
        groups: list[tuple[tuple[str, ...], bool]] = [((_port((card.name, "")),), False)]
        for section in scene.SECTIONS:
            rows = [row for row in card.rows if row.section == section]
            # what has no line stands at the end, several in a line
            rows.sort(key=lambda row: _packed(card, row, linked))
            keys = tuple(_port((card.name, row.key)) for row in rows)
            groups.append((keys, section == scene.CALLS))
        cards[card.name] = tuple(groups)
    lines, left, right = [], [], []
    for link in shown.links:
        ends = (link.source, link.target)
        inside = [end[0] in boxes for end in ends]
        if all(inside):
            right.append((ends[0][0], ends[1][0]))
        elif not any(inside):
            left.append((_port(ends[0]), _port(ends[1])))
        else:
            port, box = ends if inside[1] else ends[::-1]
            lines.append((_port(port), box[0]))
    return order.Task(
        cards, tuple(each.name for each in shown.boxes), tuple(lines), tuple(left), tuple(right)
    )


def place(
    shown: scene.Scene, top: float, least: float = 0, found: order.Order | None = None
) -> Layout:
    """Everything in its place.

    Args:
        shown: the scene.
        top: the height at which cards and stores begin.
        least: the least width.
        found: the order of nodes, if it is known already.
    """
    found = found or order.arrange(task(shown))
    boxes = {each.name: each for each in shown.boxes}
    sideways = [link for link in shown.links if {link.source[0], link.target[0]}.isdisjoint(boxes)]
    linked = {end for link in shown.links for end in (link.source, link.target)}
    x = MARGIN + ICON + TRACK * len(sideways)
    cards = _cards(shown, found, linked, x, top)
    across = sum((link.source[0] in boxes) != (link.target[0] in boxes) for link in shown.links)
    channel = min(max(_LEAST_CHANNEL, 60 + 4 * across), _MOST_CHANNEL)
    right = max((card.x + card.width for card in cards), default=x)
    placed = _boxes(shown, found, cards, right + channel, top)
    found_ways = ways.ways(shown.links, _rows(cards), _frames(placed), ICON + 4)
    ends = [point for way in found_ways for point in way.points]
    ends += [(box.x + box.width, box.y + box.height) for box in placed.values()]
    ends += [(card.x + card.width, card.y + card.height) for card in cards]
    width = max([least, *(x for x, _ in ends)]) + MARGIN
    height = max((y for _, y in ends), default=top) + MARGIN
    return Layout(tuple(cards), tuple(placed.values()), tuple(found_ways), width, height)


# Private functions: cards


def _port(end: tuple[str, str]) -> str:
    return f"{end[0]}\n{end[1]}"


def _packed(card: scene.Card, row: scene.Row, linked: Iterable[tuple[str, str]]) -> bool:
    return row.section == scene.CALLS and (card.name, row.key) not in linked


def row_width(row: scene.Row) -> float:
    """What a row needs."""
    note = width_of(row.note, NOTE_SIZE) + 8 if row.note else 0
    pill = 18 if row.section == scene.CALLS else 4
    return width_of(row.text, TEXT_SIZE) + note + pill + (12 if row.mark else 0)


def _card_width(card: scene.Card) -> float:
    widths = [GUTTER + row_width(row) for row in card.rows]
    widths += [width_of(note, NOTE_SIZE) for note in card.notes]
    sign = 14 if card.mark else 0
    moon = width_of("background", NOTE_SIZE) + 14 if card.background else 0
    return max([150, width_of(card.name, NAME_SIZE, bold=True) + sign + moon, *widths]) + 2 * PAD


def _cards(
    shown: scene.Scene,
    found: order.Order,
    linked: set[tuple[str, str]],
    x: float,
    top: float,
) -> list[Card]:
    cards = {card.name: card for card in shown.cards}
    width = max((_card_width(card) for card in shown.cards), default=0)
    placed, y = [], top
    for name in found.cards:
        rows = {_port((name, row.key)): row for row in cards[name].rows}
        ordered = [rows[port] for port in found.ports[name] if port in rows]
        placed.append(_card(cards[name], ordered, linked, (x, y), width))
        y += placed[-1].height + GAP
    return placed


def _card(
    card: scene.Card,
    rows: Sequence[scene.Row],
    linked: set[tuple[str, str]],
    at: Point,
    width: float,
) -> Card:
    x, y = at[0] + PAD + GUTTER, at[1] + HEAD + NOTE * len(card.notes) + 2
    right, section, packing = at[0] + width - PAD, "", False
    lines: list[Line] = []
    for row in rows:
        first = row.section != section
        if first:
            y += SECTION
            section, packing = row.section, False
        wide = row_width(row)
        packed = _packed(card, row, linked)
        before = lines[-1] if lines else None
        if packing and packed and before and before.x + before.width + 6 + wide <= right:
            lines.append(Line(row, before.x + before.width + 6, before.y, wide))
            continue
        lines.append(Line(row, x, y + ROW / 2, wide if packed else right - x, first))
        packing = packed
        y += ROW
    return Card(card, at[0], at[1], width, y + 8 - at[1], tuple(lines))


# Private functions: stores


def _boxes(
    shown: scene.Scene, found: order.Order, cards: Sequence[Card], x: float, top: float
) -> dict[str, Box]:
    """Stores in their order, each as near to the middle of its lines as the others let it."""
    known = {box.name: box for box in shown.boxes}
    at = {card.card.name: card for card in cards}
    ends: dict[str, list[float]] = {name: [] for name in found.boxes}
    for link in shown.links:
        for one, other in ((link.source, link.target), (link.target, link.source)):
            if one[0] in ends and other[0] in at:
                ends[one[0]].append(at[other[0]].middle(other[1]))
    width = max((_box_width(box) for box in shown.boxes), default=0)
    heights = [_box_height(known[name], len(ends[name])) for name in found.boxes]
    wanted = [
        sum(ends[name]) / len(ends[name]) - height / 2 if ends[name] else None
        for name, height in zip(found.boxes, heights, strict=True)
    ]
    tops = _spread(wanted, heights, top)
    return {
        name: Box(known[name], x, y, width, height)
        for name, y, height in zip(found.boxes, tops, heights, strict=True)
    }


def _box_width(box: scene.Box) -> float:
    name = width_of(box.name, NAME_SIZE, bold=True) + (14 if box.mark else 0)
    return max([110, name, *(width_of(each, NOTE_SIZE) for each in (box.type, *box.notes))]) + 30


def _box_height(box: scene.Box, ports: int) -> float:
    lid = 8 if box.type == "collection" else 0
    return max(42 + NOTE * len(box.notes) + lid, PORT * ports + 12)


def _spread(wanted: Sequence[float | None], heights: Sequence[float], top: float) -> list[float]:
    """Tops that keep order and gaps and lie as near as they can to what is wanted.

    Neighbours that want to overlap are joined to a run, which stands where they want on average.
    """
    runs: list[tuple[float, int, float]] = []  # top of the run, members, height
    last = top
    for want, height in zip(wanted, heights, strict=True):
        size = height + BOX_GAP
        start, count, total = (last if want is None else max(want, top)), 1, size
        while runs and runs[-1][0] + runs[-1][2] > start:
            before, members, tall = runs.pop()
            # each member of the later run wants to stand `tall` below the earlier run's top
            start = max(top, (before * members + (start - tall) * count) / (members + count))
            count, total = members + count, tall + total
        runs.append((start, count, total))
        last = start + total
    tops: list[float] = []
    for start, count, _ in runs:
        y = start
        for _ in range(count):
            tops.append(y)
            y += heights[len(tops) - 1] + BOX_GAP
    return tops


def _rows(cards: Sequence[Card]) -> dict[tuple[str, str], ways.Row]:
    """Where lines may leave a card: its left and right edge, and the height of each row."""
    found = {}
    for card in cards:
        right = card.x + card.width
        found[card.card.name, ""] = (card.x, right, card.y + HEAD / 2)
        for line in card.lines:
            found[card.card.name, line.row.key] = (card.x, right, line.y)
    return found


def _frames(boxes: dict[str, Box]) -> dict[str, ways.Frame]:
    return {name: (box.x, box.x + box.width, box.y + box.height / 2) for name, box in boxes.items()}
