"""In which order nodes stand so that few lines cross.

Called by `layout`. Two columns face each other: cards, each a list of ports, and boxes. Lines
between the columns cross where their ends stand in opposite orders; lines within a column run
beside it and cross where they interleave. Deterministic: the search begins at the given order, at
some that are made from it, and at orders drawn from a fixed seed, and takes only what is better.
Knows neither coordinates nor what the nodes are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, permutations

from archgraph import clock

Pair = tuple[str, str]

_ROUNDS = 12
_STRIDES = (2, 3, 5)
_SEED = 1
_DRAWS = 40
"""At most so many orders by chance to begin at."""

_PATIENCE = 2500
"""Boxes and cards, squared, times the orders by chance: bounds the time of large tasks."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be ordered.

    `cards`: for each card its groups of ports, from top to bottom, each with whether its ports may
    change places. `lines` lead from port to box; `left` from port to port beside the cards;
    `right` from box to box beside the boxes.
    """

    cards: Mapping[str, tuple[tuple[tuple[str, ...], bool], ...]]
    boxes: tuple[str, ...]
    lines: tuple[Pair, ...]
    left: tuple[Pair, ...] = ()
    right: tuple[Pair, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """An answer: cards, all ports (within their cards), and boxes, each from top to bottom."""

    cards: tuple[str, ...]
    ports: Mapping[str, tuple[str, ...]]
    boxes: tuple[str, ...]


# Public functions


def given(task: Task) -> Order:
    """The order in which things came."""
    ports = {
        name: tuple(port for group, _ in groups for port in group)
        for name, groups in task.cards.items()
    }
    return Order(tuple(task.cards), ports, task.boxes)


def arrange(task: Task) -> Order:
    """An order with few crossings: from many starts, single moves and exchanges while they help."""
    first = given(task)
    found = (_improved(task, start) for start in (*_starts(task, first), *_drawn(task, first)))
    return min((first, *found), key=lambda each: cost(task, each))


def crossings(task: Task, order: Order) -> int:
    """How often lines cross."""
    ports, boxes = _places(order)
    count = _inversions([(ports[port], boxes[box]) for port, box in task.lines])
    count += _interleaved([(ports[a], ports[b]) for a, b in task.left])
    return count + _interleaved([(boxes[a], boxes[b]) for a, b in task.right])


def cost(task: Task, order: Order) -> tuple[int, int, float]:
    """Crossings first, then cards out of their given order, then how far lines reach."""
    ports, boxes = _places(order)
    scale = max(len(ports), 1) / max(len(boxes), 1)
    reach = sum(abs(ports[port] - boxes[box] * scale) for port, box in task.lines)
    reach += sum(abs(ports[a] - ports[b]) for a, b in task.left)
    reach += sum(abs(boxes[a] - boxes[b]) * scale for a, b in task.right)
    given_place = {card: place for place, card in enumerate(task.cards)}
    moved = sum(given_place[one] > given_place[two] for one, two in combinations(order.cards, 2))
    return crossings(task, order), moved, round(reach, 6)


# Private functions: counting


def _places(order: Order) -> tuple[dict[str, int], dict[str, int]]:
    ports = [port for card in order.cards for port in order.ports[card]]
    return (
        {port: place for place, port in enumerate(ports)},
        {box: place for place, box in enumerate(order.boxes)},
    )


def _inversions(pairs: Sequence[tuple[int, int]]) -> int:
    """Pairs of lines whose ends stand in opposite orders."""
    count, seen = 0, list[int]()
    waiting: list[int] = []
    last = None
    for left, right in sorted(pairs):
        if left != last:  # lines from one port do not cross each other
            for each in waiting:
                insort(seen, each)
            waiting, last = [], left
        count += len(seen) - bisect_right(seen, right)
        waiting.append(right)
    return count


def _interleaved(pairs: Sequence[tuple[int, int]]) -> int:
    spans = sorted((min(pair), max(pair)) for pair in pairs)
    return sum(
        low < begin < high < end
        for number, (low, high) in enumerate(spans)
        for begin, end in spans[number + 1 :]
    )


# Private functions: searching


def _starts(task: Task, first: Order) -> list[Order]:
    """Where the search begins: as given, swept, turned over, and in strides through the boxes."""
    swept = first
    for _ in range(3):
        swept = _sorted_ports(task, _sorted_boxes(task, swept))
    turned = _sorted_cards(task, swept)
    found = [first, swept, _sorted_ports(task, _sorted_boxes(task, turned))]
    names, cards = first.boxes, first.cards[::-1]
    found.append(_sorted_ports(task, _sorted_boxes(task, replace(first, cards=cards))))
    for stride in _STRIDES:
        far = [
            names[place] for start in range(stride) for place in range(start, len(names), stride)
        ]
        found.append(replace(first, boxes=tuple(far)))
    return found


def _drawn(task: Task, first: Order) -> Iterator[Order]:
    """Orders by chance, the same each time; fewer where each takes longer to improve."""
    chance = clock.derive_random(_SEED, 0, 0)
    size = len(first.boxes) ** 2 + len(first.cards) ** 2
    for _ in range(min(_DRAWS, _PATIENCE // max(size, 1))):
        cards = chance.sample(first.cards, len(first.cards))
        boxes = chance.sample(first.boxes, len(first.boxes))
        yield replace(first, cards=tuple(cards), boxes=tuple(boxes))


def _mean(places: Sequence[int], otherwise: float) -> float:
    return sum(places) / len(places) if places else otherwise


def _sorted_boxes(task: Task, order: Order) -> Order:
    ports, boxes = _places(order)
    total, count = max(len(ports), 1), max(len(boxes), 1)

    def middle(box: str) -> float:
        own = boxes[box] * total / count
        return _mean([ports[port] for port, each in task.lines if each == box], own)

    return replace(order, boxes=tuple(sorted(order.boxes, key=middle)))


def _sorted_ports(task: Task, order: Order) -> Order:
    loose = [
        (card, groups)
        for card, groups in task.cards.items()
        if any(free and len(group) > 1 for group, free in groups)
    ]
    if not loose:
        return order
    boxes = {box: place for place, box in enumerate(order.boxes)}
    near: dict[str, list[int]] = {}
    for port, box in task.lines:
        near.setdefault(port, []).append(boxes[box])
    ports = dict(order.ports)
    for card, groups in loose:
        placed: list[str] = []
        for group, free in groups:
            now = sorted(group, key=order.ports[card].index)
            placed += _untangled(now, near) if free else now
        ports[card] = tuple(placed)
    return replace(order, ports=ports)


def _untangled(group: Sequence[str], near: Mapping[str, list[int]]) -> list[str]:
    """Ports by the mean place of their boxes, then neighbours swapped while that helps.

    Ports without lines come last.
    """
    found = sorted((each for each in group if each in near), key=lambda each: _mean(near[each], 0))
    swapped = True
    while swapped:
        swapped = False
        for at in range(len(found) - 1):
            one, two = near[found[at]], near[found[at + 1]]
            if _over(two, one) < _over(one, two):
                found[at], found[at + 1] = found[at + 1], found[at]
                swapped = True
    return found + [each for each in group if each not in near]


def _over(upper: Sequence[int], lower: Sequence[int]) -> int:
    """Crossings of the lines of two ports, the one above the other."""
    lower = sorted(lower)
    return sum(bisect_left(lower, place) for place in upper)


def _sorted_cards(task: Task, order: Order) -> Order:
    _, boxes = _places(order)

    def middle(card: str) -> float:
        own = set(order.ports[card])
        return _mean([boxes[box] for port, box in task.lines if port in own], 0)

    return replace(order, cards=tuple(sorted(order.cards, key=middle)))


def _improved(task: Task, order: Order) -> Order:
    """Move and exchange boxes and cards wherever that helps, until nothing gets better."""
    best = min(order, _sorted_ports(task, order), key=lambda each: cost(task, each))
    for _ in range(_ROUNDS):
        before = best
        best = _stepped(task, best, best.boxes, lambda each, names: replace(each, boxes=names))
        best = _stepped(task, best, best.cards, lambda each, names: replace(each, cards=names))
        if best is before:
            break
    return best


def _stepped(
    task: Task,
    best: Order,
    names: tuple[str, ...],
    put: Callable[[Order, tuple[str, ...]], Order],
) -> Order:
    """Try each step once, from the best order so far."""
    least = cost(task, best)
    for step, one, two in _steps(len(names)):
        tried = step(names, one, two)
        found = _sorted_ports(task, put(best, tried))
        if crossings(task, found) <= least[0] and (now := cost(task, found)) < least:
            best, least, names = found, now, tried
    return best


def _steps(
    count: int,
) -> Iterator[tuple[Callable[[tuple[str, ...], int, int], tuple[str, ...]], int, int]]:
    """Each to every other place; then each two exchanged: what no move of a single one can do."""
    for one, two in permutations(range(count), 2):
        yield _moved, one, two
    for one, two in combinations(range(count), 2):
        if two - one > 1:  # neighbours change places by a move, too
            yield _exchanged, one, two


def _moved(names: tuple[str, ...], at: int, to: int) -> tuple[str, ...]:
    rest = names[:at] + names[at + 1 :]
    return (*rest[:to], names[at], *rest[to:])


def _exchanged(names: tuple[str, ...], one: int, two: int) -> tuple[str, ...]:
    found = list(names)
    found[one], found[two] = found[two], found[one]
    return tuple(found)
