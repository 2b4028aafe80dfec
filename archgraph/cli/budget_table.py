"""The budget proof as a table that adds up line by line, with a bar for each share.

Used by `show --budget`. Knows how a terminal shows it, and nothing of how the sum is made.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from archgraph.cli import screen
from archgraph.graph import budget

_BAR, _WIDE, _LEAST_ROOM = 20, 100, 30
_EIGHTHS = " ▏▎▍▌▋▊▉█"

# Public functions


def tell(out: screen.Screen, sums: Sequence[budget.Budget]) -> None:
    """Show the sum of every thread."""
    for number, each in enumerate(sums):
        if number:
            out.line()
        _tell(out, each)


def plain(each: budget.Budget) -> dict[str, Any]:
    """A sum as data: its lines with their shares of the window, what is left, whether it fits."""
    return {
        "thread": each.thread,
        "model": each.model,
        "lines": [
            {"what": line.what, "tokens": line.tokens, "share": _share(line.tokens, each),
             "node": line.node, "keys": list(line.keys)}
            for line in each.lines
        ],
        "total": each.total, "window": each.window, "left": each.window - each.total,
        "fits": each.fits, "exact": each.exact, "factor": each.factor, "exempt": each.exempt,
    }  # fmt: skip


# Private functions


def _tell(out: screen.Screen, each: budget.Budget) -> None:
    counted = "exact count" if each.exact else f"estimated, safety factor {each.factor:g}"
    out.line(out.style(each.thread, "bold") + f"  {each.model}, {counted}")
    width = max(len(f"{number:,}") for number in (each.total, each.window))
    for line in each.lines:
        _row(out, each, width, line)
    out.line(f"  {'-' * width}  ------", "dim")
    _sum(out, each, width, each.total, "in all")
    left = each.window - each.total
    what = "left of" if left >= 0 else "too many for"
    what = f"{what} a context window of {each.window:,}"
    _sum(out, each, width, abs(left), what, "good" if left >= 0 else "bad")
    if each.exempt:
        out.line("  overflow: fail, so this is not required to fit", "dim")


def _row(out: screen.Screen, each: budget.Budget, width: int, line: budget.Line) -> None:
    """A summand; on a terminal with a bar, and broken rather than cut where it is long."""
    head = f"  {line.tokens:>{width},}  {_percent(line.tokens, each)}  "
    size = _bar_size(out)
    if not size:
        out.line(head + line.what)
        return
    bar = out.style(f"{_bar(line.tokens / max(each.window, each.total), size):<{size}}", "name")
    room = max(_LEAST_ROOM, out.width - len(head) - size - 2)
    first, *rest = textwrap.wrap(line.what, room)
    out.line(f"{head}{bar}  {first}")
    for more in rest:
        out.line(" " * (len(head) + size + 2) + more)


def _sum(
    out: screen.Screen, each: budget.Budget, width: int, tokens: int, what: str, style: str = "bold"
) -> None:
    size = _bar_size(out)
    gap = " " * (size + 2) if size else ""
    out.line(f"  {tokens:>{width},}  {_percent(tokens, each)}  {gap}{what}", style)


def _bar_size(out: screen.Screen) -> int:
    """Columns of a bar: fewer where there are few, none in a pipe."""
    return 0 if not out.terminal else _BAR if out.width >= _WIDE else _BAR // 2


def _share(tokens: int, each: budget.Budget) -> float:
    return round(tokens / each.window, 4)


def _percent(tokens: int, each: budget.Budget) -> str:
    return f"{tokens / each.window:6.1%}"


def _bar(share: float, size: int) -> str:
    """A share of the full length, to an eighth of a character."""
    full, rest = divmod(round(share * size * 8), 8)
    return "█" * full + _EIGHTHS[rest].strip()
