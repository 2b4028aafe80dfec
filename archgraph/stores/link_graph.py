"""Plain functions over links: steps away, PageRank, communities, the way down a tree, shapes.

Links are (source, target, weight) by record id. Used by `scoring` and `keeping`, and by whoever
brings links of their own. Knows no store; numpy is imported when it is needed.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Edge = tuple[str, str, float]
Direction = Literal["both", "out", "in"]
Shape = Literal["any", "none", "tree", "chain"]


@dataclass(frozen=True, slots=True)
class Tree:
    """How alike a text must be to a node to go below it: base * e^(growth * d / deepest) at d.

    The threshold of MemTree (Rezazadeh et al., 2024, arXiv:2410.14052). `deepest` is the depth
    that the tree has unless given, as in MemEngine's code.
    """

    base: float = 0.4
    growth: float = 0.5
    deepest: int = 0

    def threshold(self, depth: int) -> float:
        """The least cosine at a depth; 0 above the roots."""
        return self.base * math.exp(self.growth * depth / max(self.deepest, 1))


def turned(edges: Iterable[Edge], direction: Direction) -> list[Edge]:
    """Edges as they may be walked: as they are, backwards, or both ways."""
    found: list[Edge] = []
    for source, target, weight in edges:
        if direction in ("both", "out"):
            found.append((source, target, weight))
        if direction in ("both", "in"):
            found.append((target, source, weight))
    return found


def hops(
    start: Iterable[str],
    most: int,
    beside: Callable[[Sequence[str]], Iterable[Edge]],
    direction: Direction = "both",
) -> dict[str, int]:
    """Steps from the nearest start, breadth first, by id; a start has 0.

    `beside` gives the links of some records, in either direction.
    """
    found = dict.fromkeys(start, 0)
    border = list(found)
    for step in range(1, most + 1):
        inside, reached = set(border), []
        for source, target, _ in turned(beside(border), direction):
            if source in inside and target not in found:
                found[target] = step
                reached.append(target)
        border = reached
    return found


def pagerank(
    edges: Iterable[Edge],
    reset: Mapping[str, float],
    *,
    damping: float = 0.85,
    direction: Direction = "both",
    tolerance: float = 1e-10,
    rounds: int = 500,
) -> dict[str, float]:
    """Personalised PageRank by power iteration; the ranks add up to 1.

    A walker follows a link with probability `damping`, chosen by weight, and else starts again at
    a record chosen by `reset` (Page et al., 1999; HippoRAG, arXiv:2405.14831, with damping 0.5
    over links that go both ways). From a record without a link it starts again.
    """
    import numpy as np

    walked = turned(edges, direction)
    names = sorted({name for edge in walked for name in edge[:2]} | set(reset))
    number = {name: place for place, name in enumerate(names)}
    begin = np.array([max(0.0, reset.get(name, 0.0)) for name in names])
    if not names or begin.sum() <= 0:
        return {}
    begin /= begin.sum()
    sources = np.array([number[source] for source, _, _ in walked], np.int64)
    targets = np.array([number[target] for _, target, _ in walked], np.int64)
    weights = np.array([weight for _, _, weight in walked], np.float64)
    leaving = np.bincount(sources, weights, len(names))
    shares = weights / leaving[sources] if len(weights) else weights
    stuck = leaving == 0
    ranks = begin
    for _ in range(rounds):
        flow = np.bincount(targets, shares * ranks[sources], len(names))
        flow = flow + ranks[stuck].sum() * begin
        last, ranks = ranks, damping * flow + (1 - damping) * begin
        if np.abs(ranks - last).sum() < tolerance:
            break
    return dict(zip(names, ranks.tolist(), strict=True))


def communities(edges: Iterable[Edge], rounds: int = 100) -> list[list[str]]:
    """Groups of records that are linked among each other, by label propagation.

    Each record takes the label that weighs most among its neighbours, one after the other in the
    order of their ids, until nothing changes (Raghavan et al., 2007; Graphiti builds its
    communities so). Of equal labels the present one stays, else the smallest wins, so that the
    result does not depend on chance.
    """
    beside: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for source, target, weight in edges:
        if source != target:
            beside[source][target] += weight
            beside[target][source] += weight
    label = {name: name for name in beside}
    for _ in range(rounds):
        changed = False
        for name in sorted(beside):
            weights: dict[str, float] = defaultdict(float)
            for other, weight in beside[name].items():
                weights[label[other]] += weight
            most = max(weights.values())
            best = [each for each, weight in weights.items() if weight == most]
            if label[name] not in best:
                label[name], changed = min(best), True
        if not changed:
            break
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted(label):
        groups[label[name]].append(name)
    return sorted(groups.values())


def descend(
    roots: Sequence[str],
    children: Callable[[str], Sequence[str]],
    alike: Callable[[str], float],
    threshold: Callable[[int], float],
) -> list[str]:
    """The way of a new text down a tree, from a root to the node under which it belongs.

    At each level it goes to the child that is most alike, while that is at least `threshold` of
    the depth (0 above the roots). Empty: it becomes a root itself.
    """
    way: list[str] = []
    level = list(roots)
    while level:
        best = max(level, key=lambda name: (alike(name), name))
        if alike(best) < threshold(len(way)) or best in way:
            break
        way.append(best)
        level = list(children(best))
    return way


def levels(roots: Sequence[str], children: Callable[[str], Sequence[str]]) -> int:
    """How many levels a tree has, roots counted."""
    found, level = 0, list(roots)
    while level:
        found, level = found + 1, [below for name in level for below in children(name)]
    return found


def fault(edges: Iterable[tuple[str, str]], source: str, target: str, shape: Shape) -> str:
    """Why a new link would break a shape, as half a sentence; empty if it does not.

    In a `tree` a record has one link to it at most, in a `chain` also one from it; neither has a
    circle. `edges` are the links of the same kind.
    """
    if shape == "none":
        return "takes no links"
    if shape == "any":
        return ""
    others = [edge for edge in edges if edge != (source, target)]
    if parent := next((start for start, end in others if end == target), ""):
        return f"is a {shape}, and {target} has a link from {parent} already"
    if shape == "chain" and (after := next((end for start, end in others if start == source), "")):
        return f"is a chain, and {source} has a link to {after} already"
    parents = {end: start for start, end in others}
    above: str | None = source
    while above is not None:
        if above == target:
            return f"is a {shape}, and {target} lies above {source} already"
        above = parents.get(above)
    return ""
