"""Plots with two axes: scores by group, and cost against score. Called by the page.

Pure functions from numbers to SVG; see `plots_marks` for why they are our own. A plot is drawn for
a width: the page holds a wide one and a narrow one, so that texts stay readable on a phone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from archgraph.suites import findings as found
from archgraph.suites.reporting import plots_marks as marks
from archgraph.suites.reporting import wording

NARROW = 500
"""Below this width, names stand in a legend under the plot instead of beside the lines."""
_LABEL_GAP = 16


@dataclass(frozen=True, slots=True)
class Series:
    """An arm's score in each group, None where it has none; `look` picks colour, marker, dash."""

    name: str
    look: int
    values: Sequence[found.Interval | None]


@dataclass(frozen=True, slots=True)
class Spot:
    """An arm by cost and score. `front`: no other is both cheaper and better."""

    name: str
    look: int
    cost: float
    score: found.Interval
    front: bool = False


@dataclass(frozen=True, slots=True)
class _Frame:
    left: float
    top: float
    right: float
    bottom: float


def lines(
    series: Sequence[Series], groups: Sequence[str], axis: str, words: str, width: int = 720,
    *, ordered: bool = True,
) -> str:  # fmt: skip
    """Scores with their intervals by group; joined by lines where the groups are a quantity.

    Args:
        series: the arms.
        groups: the groups, in order.
        axis: what the groups are: depth, category, position.
        words: what the plot shows, for those who cannot see it.
        width: pixels.
        ordered: whether groups that are numbers are a quantity, and not only names.
    """
    ordered = ordered and all(_number(group) for group in groups) and len(groups) > 1
    narrow = width < NARROW
    names = max((marks.wide(s.name) for s in series), default=0)
    room = 14 if narrow else min(names + 40, width * 0.3)
    height = max(250, (len(series) + 1) * _LABEL_GAP)
    frame = _Frame(38, 12, width - room, 12 + height)
    scale = marks.Scale(0, 1, frame.bottom, frame.top)
    slot = (frame.right - frame.left) / max(1, len(groups))
    drawn = [*_score_axis(frame, scale), *_group_axis(frame, groups, axis, slot)]
    ends = []
    for number, each in enumerate(series):
        shift = (number - (len(series) - 1) / 2) * min(7.0, slot * 0.7 / max(1, len(series)))
        places = [frame.left + slot * (i + 0.5) + shift for i in range(len(groups))]
        drawn.append(_series(each, groups, places, scale, joined=ordered))
        last = [(x, v) for x, v in zip(places, each.values, strict=True) if _there(v)]
        if last and last[-1][1] is not None:
            ends.append((each, last[-1][0], scale.at(last[-1][1].value)))
    if narrow:
        keys = [(_key(s.look), s.name) for s in series]
        shown, end = marks.legend(keys, width, frame.bottom + 58)
        return marks.picture(width, end, words, [*drawn, *shown])
    drawn += _end_labels(ends, frame, width)
    return marks.picture(width, frame.bottom + 46, words, drawn)


def _there(value: found.Interval | None) -> bool:
    return value is not None and math.isfinite(value.value)


def _number(words: str) -> bool:
    """Whether a group is a number or a range of percents."""
    if re.fullmatch(r"\d+-\d+ %", words):
        return True
    try:
        return math.isfinite(float(words))
    except ValueError:
        return False


def _score_axis(frame: _Frame, scale: marks.Scale) -> list[str]:
    drawn = []
    for tick in (0, 0.25, 0.5, 0.75, 1):
        y = scale.at(tick)
        drawn.append(marks.line(frame.left, y, frame.right, y, "g" if tick else "z"))
        drawn.append(marks.text(f"{100 * tick:g}", frame.left - 7, y + 4, "q", "end"))
    return drawn


def _group_axis(frame: _Frame, groups: Sequence[str], axis: str, slot: float) -> list[str]:
    drawn = []
    for number, group in enumerate(groups):
        x = frame.left + slot * (number + 0.5)
        shown = marks.cut(group, max(slot - 6, 14), 11.5)
        label = marks.text(shown, x, frame.bottom + 18, "q", "middle")
        drawn.append(label if shown == group else marks.group([label], "", group))
    middle = (frame.left + frame.right) / 2
    return [*drawn, marks.text(axis, middle, frame.bottom + 37, "q", "middle")]


def _series(
    each: Series,
    groups: Sequence[str],
    places: Sequence[float],
    scale: marks.Scale,
    *,
    joined: bool,
) -> str:
    drawn, points = [], []
    for group, x, value in zip(groups, places, each.values, strict=True):
        if value is None or not math.isfinite(value.value):
            continue
        y = scale.at(value.value)
        points.append(f"{x:.1f},{y:.1f}")
        mark = [marks.marker(x, y, each.look)]
        if math.isfinite(value.low) and math.isfinite(value.high):
            mark.insert(0, marks.error_bar(x, scale.at(value.high), scale.at(value.low)))
        drawn.append(marks.group(mark, "", f"{each.name}, {group}: {wording.score(value)}"))
    if joined and len(points) > 1:
        drawn.insert(0, marks.path("M" + "L".join(points), "line", marks.dash(each.look)))
    return f'<g class="{marks.colour(each.look)}">{"".join(drawn)}</g>'


def _end_labels(
    ends: Sequence[tuple[Series, float, float]], frame: _Frame, width: float
) -> list[str]:
    drawn = []
    heights = marks.spread([y for _, _, y in ends], _LABEL_GAP, frame.top, frame.bottom)
    for (each, x, y), at in zip(ends, heights, strict=True):
        label = frame.right + 22
        drawn.append(marks.path(f"M{x + 7:.1f},{y:.1f}L{label - 12:.1f},{at:.1f}", "lead"))
        drawn.append(f'<g class="{marks.colour(each.look)}">'
                     f"{marks.marker(label - 5, at, each.look, size=4)}</g>")  # fmt: skip
        words = marks.text(marks.cut(each.name, width - label - 6), label + 4, at + 4)
        drawn.append(marks.group([words], "", each.name))
    return drawn


def _key(look: int) -> str:
    return f'<g class="{marks.colour(look)}">{marks.marker(0, 0, look)}</g>'


def scatter(spots: Sequence[Spot], axis: str, words: str, width: int = 720) -> str:
    """Cost against score; a dashed line joins the arms that no other beats in both.

    Args:
        spots: the arms.
        axis: what the cost is.
        words: what the plot shows, for those who cannot see it.
        width: pixels.
    """
    spots = [s for s in spots if math.isfinite(s.cost) and math.isfinite(s.score.value)]
    narrow = width < NARROW
    frame = _Frame(38, 12, width - 18, 300)
    score = marks.Scale(0, 1, frame.bottom, frame.top)
    cost, marked = _cost_scale(spots, frame)
    drawn = _score_axis(frame, score)
    for tick in marked:
        x = cost.at(tick)
        drawn.append(marks.line(x, frame.top, x, frame.bottom, "g"))
        drawn.append(marks.text(f"{tick:,.0f}", x, frame.bottom + 18, "q", "middle"))
    title = f"{axis}, log scale" if cost.log else axis
    drawn.append(
        marks.text(title, (frame.left + frame.right) / 2, frame.bottom + 37, "q", "middle")
    )
    drawn.append(_front(spots, cost, score, frame))
    drawn += [_spot(s, cost.at(s.cost), score) for s in spots]
    if narrow:
        shown, end = marks.legend([(_key(s.look), s.name) for s in spots], width, frame.bottom + 58)
        return marks.picture(width, end, words, [*drawn, *shown])
    drawn += _spot_labels(spots, cost, score, frame)
    return marks.picture(width, frame.bottom + 46, words, drawn)


def _cost_scale(spots: Sequence[Spot], frame: _Frame) -> tuple[marks.Scale, list[float]]:
    costs = [s.cost for s in spots] or [1.0]
    low, high = min(costs), max(costs)
    if low > 0 and high / low > 20:
        low, high = low / 1.6, high * 1.6
        scale = marks.Scale(low, high, frame.left, frame.right, log=True)
        return scale, marks.log_ticks(low, high, int((frame.right - frame.left) / 60))
    high = high * 1.15 or 1.0
    return marks.Scale(0, high, frame.left, frame.right), marks.ticks(0, high)


def _front(spots: Sequence[Spot], cost: marks.Scale, score: marks.Scale, frame: _Frame) -> str:
    best = sorted((s for s in spots if s.front), key=lambda s: (s.cost, s.score.value))
    if not best:
        return ""
    steps = f"M{cost.at(best[0].cost):.1f},{frame.bottom:.1f}"
    for spot in best:
        steps += f"H{cost.at(spot.cost):.1f}V{score.at(spot.score.value):.1f}"
    return marks.path(f"{steps}H{frame.right:.1f}", "front")


def _spot(spot: Spot, x: float, score: marks.Scale) -> str:
    drawn = [marks.marker(x, score.at(spot.score.value), spot.look, size=5.5)]
    if math.isfinite(spot.score.low) and math.isfinite(spot.score.high):
        drawn.insert(0, marks.error_bar(x, score.at(spot.score.high), score.at(spot.score.low)))
    tip = f"{spot.name}: {wording.score(spot.score)}, {wording.amount(spot.cost)}"
    return marks.group(drawn, marks.colour(spot.look), tip)


def _spot_labels(
    spots: Sequence[Spot], cost: marks.Scale, score: marks.Scale, frame: _Frame
) -> list[str]:
    """Names beside their spots, where they cover neither a spot nor another name."""
    at = [(cost.at(s.cost), score.at(s.score.value)) for s in spots]
    taken = [(x - 7, y - 7, x + 7, y + 7) for x, y in at]
    drawn = []
    for spot, (x, y) in zip(spots, at, strict=True):
        name = marks.cut(spot.name, 200)
        box = _free(x, y, marks.wide(name), taken, frame)
        taken.append(box)
        if math.hypot((box[0] + box[2]) / 2 - x, (box[1] + box[3]) / 2 - y) > 26 + marks.wide(name):
            drawn.append(marks.line(x, y, box[0], (box[1] + box[3]) / 2, "lead"))
        drawn.append(marks.text(name, box[0] + 1, box[3] - 4, "halo"))
    return drawn


def _free(
    x: float, y: float, long: float, taken: list[tuple[float, float, float, float]], frame: _Frame
) -> tuple[float, float, float, float]:
    tried = [(x + 10, y + dy) for dy in (-8, -18, 4)] + [
        (x - 10 - long, y + dy) for dy in (-8, -18, 4)
    ]
    tried += [(x + side, y + dy) for dy in (18, -34, 34, -50, 50, 66, -66, 82, -82, 98, -98)
              for side in (10, -10 - long, -long / 2)]  # fmt: skip
    boxes = [(left, top, left + long, top + 16) for left, top in tried]
    inside = [b for b in boxes if b[0] >= frame.left and b[2] <= frame.right + 14
              and b[1] >= frame.top - 8 and b[3] <= frame.bottom]  # fmt: skip
    free = (b for b in inside if not any(
        b[0] < t[2] and t[0] < b[2] and b[1] < t[3] and t[1] < b[3] for t in taken))  # fmt: skip
    return next(free, (inside or boxes)[0])
