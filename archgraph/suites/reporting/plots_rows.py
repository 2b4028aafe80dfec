"""Plots with one row for each arm: forests of differences, and bars of parts. Called by the page.

Pure functions from numbers to SVG; see `plots_marks`. On a narrow plot the name stands above its
row instead of beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from archgraph.suites import findings as found
from archgraph.suites.reporting import plots_marks as marks
from archgraph.suites.reporting import wording

NARROW = 500
_PARTS = 8
_LOOKS = {
    found.A_BETTER: ("good", 0, "m"),
    found.B_BETTER: ("bad", 3, "m"),
    found.EQUIVALENT: ("even", 1, "m"),
    found.INCONCLUSIVE: ("even", 0, "open"),
}
"""Of each verdict: colour, shape, filled or open."""


@dataclass(frozen=True, slots=True)
class Effect:
    """A row of a forest: a difference with its interval and verdict."""

    name: str
    difference: found.Interval
    verdict: str
    said: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of parts; `name` may be empty where the row above has it, `mark` tells rows apart."""

    name: str
    values: Sequence[float]
    mark: str = ""


def forest(
    effects: Sequence[Effect], margin: float, words: str, width: int = 720, sides: str = ""
) -> str:
    """Differences in points around zero; the band is the margin of equivalence.

    Args:
        effects: the rows.
        margin: half the width of the band, as a share of 1; 0: none.
        words: what the plot shows, for those who cannot see it.
        width: pixels.
        sides: what stands at the axis, such as `worse than x | better than x`.
    """
    narrow = width < NARROW
    step = 46 if narrow else 30
    names = max((marks.wide(e.name) for e in effects), default=0) + 16
    left = 14 if narrow else min(names, width * 0.36)
    right = width - (14 if narrow else 150)
    bottom = 10 + step * max(1, len(effects))
    scale = _difference_scale(effects, margin, left + 6, right - 6)
    drawn = [marks.rect(scale.at(-margin), 4, scale.at(margin) - scale.at(-margin), bottom - 4,
                        "band")] if margin else []  # fmt: skip
    for tick in marks.ticks(scale.low, scale.high, 4 if narrow else 6):
        x = scale.at(tick)
        drawn.append(marks.line(x, 4, x, bottom, "g" if tick else "z"))
        drawn.append(marks.text(_tick(tick), x, bottom + 17, "q", "middle"))
    for number, effect in enumerate(effects):
        y = 10 + step * (number + (0.72 if narrow else 0.5))
        drawn += _effect(effect, scale, y, left, right, narrow=narrow)
    below, _, above = sides.partition("|")
    zero = scale.at(0)
    if below.strip() and marks.wide(below) < zero:
        drawn.append(marks.text(f"← {below.strip()}", zero - 8, bottom + 36, "q", "end"))
    if above.strip() and marks.wide(above) < width - zero:
        drawn.append(marks.text(f"{above.strip()} →", zero + 8, bottom + 36, "q"))
    return marks.picture(width, bottom + 44, words, drawn)


def _tick(share: float) -> str:
    return wording.signed(share).removesuffix(".0").replace("-", "\N{MINUS SIGN}")


def _difference_scale(
    effects: Sequence[Effect], margin: float, start: float, end: float
) -> marks.Scale:
    numbers = [0.0, -1.4 * margin, 1.4 * margin, -0.02, 0.02]
    for effect in effects:
        there = (effect.difference.value, effect.difference.low, effect.difference.high)
        numbers += [n for n in there if math.isfinite(n)]
    pad = 0.04 * (max(numbers) - min(numbers))
    return marks.Scale(min(numbers) - pad, max(numbers) + pad, start, end)


def _effect(
    effect: Effect, scale: marks.Scale, y: float, left: float, right: float, *, narrow: bool
) -> list[str]:
    colour, shape, css = _LOOKS.get(effect.verdict, ("even", 0, "open"))
    told = wording.difference(effect.difference).replace("-", "\N{MINUS SIGN}")
    drawn = []
    if math.isfinite(effect.difference.value):
        x = scale.at(effect.difference.value)
        drawn.append(marks.marker(x, y, shape, css, 5))
        if math.isfinite(effect.difference.low) and math.isfinite(effect.difference.high):
            low, high = scale.at(effect.difference.low), scale.at(effect.difference.high)
            ends = f"M{low:.1f},{y - 3:.1f}v6M{high:.1f},{y - 3:.1f}v6"
            drawn.insert(0, marks.path(f"M{low:.1f},{y:.1f}H{high:.1f}{ends}", "line"))
    tip = f"{effect.name}: {told}, {effect.verdict}. {effect.said}"
    shown = [marks.group(drawn, colour, tip)]
    if narrow:
        name = marks.cut(effect.name, right - left - marks.wide(told) - 12)
        return [
            *shown,
            marks.text(name, left, y - 15, "halo"),
            marks.text(told, right, y - 15, "q halo", "end"),
        ]
    name = marks.text(marks.cut(effect.name, left - 14), left - 10, y + 4, "", "end")
    return [*shown, marks.group([name], "", effect.name), marks.text(told, right + 8, y + 4)]


def stacked(
    bars: Sequence[Bar], parts: Sequence[str], write: Callable[[float], str], words: str,
    width: int = 720, *, whole: bool = False,
) -> str:  # fmt: skip
    """Bars of parts, in the order given, with the value in every part that has room for it.

    Args:
        bars: the rows.
        parts: the names of the parts.
        write: how a value is written.
        words: what the plot shows, for those who cannot see it.
        width: pixels.
        whole: stretch every bar to the full width, so that shares are compared.
    """
    narrow = width < NARROW
    keys = [(f'<rect class="{part_class(i)}" x="-5" y="-5" width="10" height="10"/>', name)
            for i, name in enumerate(parts)]  # fmt: skip
    drawn, y = marks.legend(keys, width, 16)
    marked = max((marks.wide(b.mark) for b in bars), default=0)
    names = max((marks.wide(b.name) for b in bars), default=0) + marked + 24
    left = 8 + marked if narrow else min(names, width * 0.36)
    right = width - (30 if not whole else 12)
    most = max((sum(b.values) for b in bars), default=0) or 1
    for bar in bars:
        if narrow and bar.name:
            drawn.append(marks.text(marks.cut(bar.name, width - 12), 8, y + 16))
            y += 20
        elif bar.name:
            y += 6
        drawn += _bar(bar, parts, write, (left, y, (right - left) / (sum(bar.values) or 1)
                                          if whole else (right - left) / most))  # fmt: skip
        if not narrow and bar.name:
            name = marks.cut(bar.name, left - marked - 20)
            drawn.append(marks.text(name, left - marked - 14, y + 14, "", "end"))
        if bar.mark:
            drawn.append(marks.text(bar.mark, left - 6, y + 14, "q", "end"))
        y += 23
    if not whole:
        drawn += _axis(marks.Scale(0, most, left, right), write, y)
        y += 22
    return marks.picture(width, y + 6, words, drawn)


def _axis(scale: marks.Scale, write: Callable[[float], str], y: float) -> list[str]:
    drawn = [marks.line(scale.start, y + 3, scale.end, y + 3, "z")]
    for tick in marks.ticks(0, scale.high, 4):
        x = scale.at(tick)
        drawn.append(marks.line(x, y + 3, x, y + 7, "z"))
        drawn.append(marks.text(write(tick), x, y + 20, "q", "middle"))
    return drawn


def _bar(
    bar: Bar, parts: Sequence[str], write: Callable[[float], str], place: tuple[float, float, float]
) -> list[str]:
    x, y, unit = place
    drawn = []
    for number, (name, value) in enumerate(zip(parts, bar.values, strict=True)):
        if not value > 0:
            continue
        long = value * unit
        inside = [marks.rect(x, y, long, 19, f"seg {part_class(number)}")]
        if marks.wide(write(value), 11) + 8 < long:
            inside.append(
                marks.text(write(value), x + long / 2, y + 13.5, f"n n{number % _PARTS}", "middle")
            )
        drawn.append(marks.group(inside, "", f"{bar.name} {name}: {write(value)}".strip()))
        x += long
    return drawn


def part_class(number: int) -> str:
    """The class that gives a part of a bar its colour."""
    return f"p{number % _PARTS}"
