"""Numbers as reports write them: points, intervals, p values, counts. Called by every format.

Scores are shares of 1 inside and points of 100 on paper, with one decimal. What does not exist is
a dash, never a zero. Knows no layout.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from archgraph.suites import findings as found

NOTHING = "-"
"""What stands for a number that there is not."""


def points(share: float, digits: int = 1) -> str:
    """A score in points: 0.9333 is `93.3`."""
    if not math.isfinite(share):
        return NOTHING
    written = f"{100 * share:.{digits}f}"
    return written[1:] if float(written) == 0 and written.startswith("-") else written


def signed(share: float) -> str:
    """A difference in points, with its sign."""
    written = points(share)
    return written if written.startswith("-") or float(written) == 0 else f"+{written}"


def bounds(interval: found.Interval, *, sign: bool = False, digits: int = 1) -> str:
    """The two ends of an interval in points: `[85.1, 97.2]`; `[none]` where it has none."""
    if not (math.isfinite(interval.low) and math.isfinite(interval.high)):
        return "[none]"
    low, high = (signed(e) if sign else points(e, digits) for e in (interval.low, interval.high))
    return f"[{low}, {high}]"


def score(interval: found.Interval) -> str:
    """A score with its interval: `93.3 [85.1, 97.2]`."""
    if not math.isfinite(interval.value):
        return NOTHING
    return f"{points(interval.value)} {bounds(interval)}"


def short(interval: found.Interval) -> str:
    """A score with its interval in whole points, for tables of many groups: `93 [85,97]`."""
    if not math.isfinite(interval.value):
        return NOTHING
    return f"{points(interval.value, 0)} {bounds(interval, digits=0).replace(', ', ',')}"


def difference(interval: found.Interval) -> str:
    """A difference with its interval: `+8.0 [+2.1, +13.9]`."""
    if not math.isfinite(interval.value):
        return NOTHING
    return f"{signed(interval.value)} {bounds(interval, sign=True)}"


def chance(p: float) -> str:
    """A p value: three decimals, `<0.001` below."""
    if not math.isfinite(p):
        return NOTHING
    return "<0.001" if p < 0.0005 else f"{p:.3f}"


def amount(value: float | None) -> str:
    """A count or a mean of counts: no decimals from 100 on, with thousands marked."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}"


def money(value: float | None) -> str:
    """US dollars, with as many decimals as a small sum needs."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if value == 0:
        return "0"
    return f"${value:,.2f}" if abs(value) >= 1 else f"${value:.2g}"


def milliseconds(value: float) -> str:
    """A duration that was given in milliseconds."""
    if not math.isfinite(value):
        return NOTHING
    if value >= 1000:
        return f"{value / 1000:.1f} s"
    return f"{value:.0f} ms" if value >= 10 or value == 0 else f"{value:.1f} ms"


def counted(number: int, noun: str) -> str:
    """`1 case`, `1,000 cases`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def tally(counts: Mapping[str, int]) -> str:
    """What there is of each, without the zeros: `3 failed, 1 broken`."""
    return ", ".join(f"{n:,} {name}" for name, n in counts.items() if n)


def encodable(text: str) -> str:
    """A text that any file can take: half a character, which a model may write, is a mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def listed(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
