"""How the links of a scene run between what has its place already.

Called by `layout`. Links between cards and stores are splines through the empty channel between
the two columns; those within a column run in tracks beside it, the short ones nearest. Knows
neither colours nor what cards and stores look like. Lengths are in pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from archgraph.graph import scene

TRACK, PORT = 9, 9
"""Between two tracks, and between two ends at one place."""
_FIRST = 10

Point = tuple[float, float]
Row = tuple[float, float, float]
"""The left and right edge of a card, and the height of one of its rows."""
Frame = tuple[float, float, float]
"""The left and right edge of a store, and the height of its middle."""
End = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Way:
    """A link's way. `curve`: a spline of four points; else corners, joined by straight lines."""

    link: scene.Link
    points: tuple[Point, ...]
    curve: bool


# Public functions


def ways(
    links: Sequence[scene.Link],
    rows: Mapping[End, Row],
    frames: Mapping[str, Frame],
    room: float,
) -> list[Way]:
    """The ways of all links.

    Args:
        links: the links.
        rows: where cards' rows are.
        frames: where stores are.
        room: how far from the cards the first track beside them is.
    """
    across: list[scene.Link] = []
    left: list[scene.Link] = []
    right: list[scene.Link] = []
    for link in links:
        inside = [end[0] in frames for end in (link.source, link.target)]
        (right if all(inside) else across if any(inside) else left).append(link)
    edge = min((row[0] for row in rows.values()), default=0)
    far = max((frame[1] for frame in frames.values()), default=0)
    return [
        *_across(across, rows, frames),
        *_beside(left, lambda end: rows[end][2], edge, -TRACK, room),
        *_beside(right, lambda end: frames[end[0]][2], far, TRACK, _FIRST),
    ]


# Private functions


def _across(
    links: Sequence[scene.Link], rows: Mapping[End, Row], frames: Mapping[str, Frame]
) -> list[Way]:
    """Splines through the channel; at each store they arrive in the order of their other ends."""
    arriving: dict[str, list[tuple[float, int]]] = {}
    for number, link in enumerate(links):
        port, box = _sides(link, frames)
        arriving.setdefault(box[0], []).append((rows[port][2], number))
    found = []
    for number, link in enumerate(links):
        port, box = _sides(link, frames)
        (_, right, height), (left, _, middle) = rows[port], frames[box[0]]
        queue = sorted(arriving[box[0]])
        rank = queue.index((height, number))
        y = middle + (rank - (len(queue) - 1) / 2) * PORT
        bend = (left - right) / 2
        points = ((right, height), (right + bend, height), (left - bend, y), (left, y))
        found.append(Way(link, points if link.target == box else points[::-1], True))
    return found


def _sides(link: scene.Link, frames: Mapping[str, Frame]) -> tuple[End, End]:
    """A link's end at a card, and its end at a store."""
    inside = link.target[0] in frames
    return (link.source, link.target) if inside else (link.target, link.source)


def _beside(
    links: Sequence[scene.Link],
    height: Callable[[tuple[str, str]], float],
    edge: float,
    step: float,
    first: float,
) -> list[Way]:
    """Ways beside a column, the short ones nearest to it; ends at one place are spread."""
    spans = {n: (height(link.source), height(link.target)) for n, link in enumerate(links)}
    ports = _spread_ports(links, spans)
    tracks: list[list[tuple[float, float]]] = []
    ways: dict[int, Way] = {}
    for number in sorted(spans, key=lambda n: (abs(spans[n][0] - spans[n][1]), n)):
        low, high = sorted(ports[number])
        track = next(
            (t for t, taken in enumerate(tracks) if all(high < a or b < low for a, b in taken)),
            len(tracks),
        )
        tracks += [[]] if track == len(tracks) else []
        tracks[track].append((low - 4, high + 4))
        x = edge + (first if step > 0 else -first) + step * track
        begin, end = ports[number]
        corners = ((edge, begin), (x, begin), (x, end), (edge, end))
        ways[number] = Way(links[number], corners, False)
    return [ways[number] for number in range(len(links))]


def _spread_ports(
    links: Sequence[scene.Link], spans: dict[int, tuple[float, float]]
) -> dict[int, tuple[float, float]]:
    """Heights of both ends, so that ways that share an end do not cross: up above down.

    Of those that go down the farthest leaves first, of those that go up the farthest last.
    """
    ends: dict[tuple[str, str], list[tuple[int, float, int, int]]] = {}
    for number, link in enumerate(links):
        for side, end in enumerate((link.source, link.target)):
            away = spans[number][1 - side] - spans[number][side]
            if away == 0:
                away = 1.0 if side else -1.0  # a way back to the same place
            ends.setdefault(end, []).append((1 if away > 0 else 0, -away, number, side))
    found = {number: list(span) for number, span in spans.items()}
    for group in ends.values():
        group.sort()
        for rank, (_, _, number, side) in enumerate(group):
            found[number][side] += (rank - (len(group) - 1) / 2) * PORT
    return {number: (span[0], span[1]) for number, span in found.items()}
