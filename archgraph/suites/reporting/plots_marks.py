"""The pieces of plots: scales, ticks, markers, texts, error bars. Called by the other `plots_...`.

Plots are drawn by a few hundred lines of our own: pure functions from numbers to SVG text. They
are static, give equal bytes for equal numbers, follow the reader's dark mode, need no script in
the page, and spare a plotting library of a hundred megabytes.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from xml.sax.saxutils import escape

COLOURS = 8
_DASHES = ("", "7 3", "2 3", "9 3 2 3")
_SHAPES = (
    "M{l},{y}a{r},{r} 0 1 0 {d},0a{r},{r} 0 1 0 -{d},0z",
    "M{l},{t}h{d}v{d}h-{d}z",
    "M{x},{tt}L{rr},{b}H{ll}z",
    "M{x},{tt}L{rr},{y}L{x},{bb}L{ll},{y}z",
    "M{x},{bb}L{rr},{t}H{ll}z",
    "M{l},{t}L{r2},{t}L{x},{y}L{r2},{b}L{l},{b}L{x},{y}z",
    "M{x},{tt}L{rr},{t2}L{r3},{b}H{l3}L{ll},{t2}z",
)
"""Circle, square, triangle, diamond, triangle down, hourglass, pentagon."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A mapping of numbers to pixels, logarithmic where `log`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The pixel of a value, held within the axis."""
        low, high, there = self.low, self.high, value
        if self.log:
            low, high, there = (math.log(max(each, 1e-9)) for each in (low, high, value))
        share = (there - low) / (high - low) if high != low else 0.5
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers from `low` to `high`, about as many as wanted."""
    if not high > low:
        return [low]
    raw = (high - low) / max(1, wanted)
    size = 10 ** math.floor(math.log10(raw))
    step = next(size * m for m in (1, 2, 2.5, 5, 10) if size * m >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first
    return [round((first + i) * step, 10) for i in range(count + 1)]


def log_ticks(low: float, high: float, most: int = 9) -> list[float]:
    """The numbers 1, 2, 5 of each power of ten from `low` to `high`, or only the powers."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    there = [m * 10.0**p for p in powers for m in (1, 2, 5) if low <= m * 10.0**p <= high]
    return there if len(there) <= most else [t for t in there if f"{t:e}".startswith("1")]


def wide(words: str, size: float = 12) -> float:
    """About how many pixels a text takes."""
    return sum(_letter(char) for char in words) * size


def _letter(char: str) -> float:
    if unicodedata.combining(char):
        return 0
    if unicodedata.east_asian_width(char) in "WF":
        return 1.05
    if char in "iljtf.,:;'|! []()/":
        return 0.35
    return 0.86 if char in "mwMW@<>=+~&%" else 0.62


def cut(words: str, room: float, size: float = 12) -> str:
    """A text that fits into so many pixels, cut in the middle, where names are most alike."""
    if wide(words, size) <= room or len(words) <= 4:
        return words
    kept = len(words)
    while kept > 3 and wide(words[:kept], size) + size > room:
        kept -= 1
    tail = kept // 3
    return f"{words[: kept - tail]}…{words[len(words) - tail :]}"


def text(words: str, x: float, y: float, css: str = "", anchor: str = "start") -> str:
    """A line of text that stands on `y`."""
    told = f' class="{css}"' if css else ""
    end = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{told}{end}>{clean(words)}</text>'


def clean(words: str) -> str:
    """A text as XML may hold it: no markup, no control characters."""
    return escape("".join(c if c.isprintable() else " " for c in words))


def path(points: str, css: str, extra: str = "") -> str:
    """A path."""
    return f'<path class="{css}" d="{points}"{extra}/>'


def line(x: float, y: float, x2: float, y2: float, css: str) -> str:
    """A straight line."""
    return path(f"M{x:.1f},{y:.1f}L{x2:.1f},{y2:.1f}", css)


def rect(x: float, y: float, width: float, height: float, css: str) -> str:
    """A box."""
    return (f'<rect class="{css}" x="{x:.1f}" y="{y:.1f}" width="{max(0, width):.1f}" '
            f'height="{height:.1f}"/>')  # fmt: skip


def marker(x: float, y: float, look: int, css: str = "m", size: float = 4.5) -> str:
    """A marker; its shape tells series apart where colour does not."""
    r = size * (1.0, 0.9, 1.0, 1.1, 1.0, 1.0, 1.0)[look % len(_SHAPES)]
    places = {
        "x": x, "y": y, "r": r, "d": 2 * r, "l": x - r, "t": y - r, "b": y + r, "r2": x + r,
        "tt": y - 1.2 * r, "bb": y + 1.2 * r, "ll": x - 1.2 * r, "rr": x + 1.2 * r,
        "t2": y - 0.3 * r, "l3": x - 0.75 * r, "r3": x + 0.75 * r,
    }  # fmt: skip
    shape = _SHAPES[look % len(_SHAPES)]
    return path(shape.format(**{k: f"{v:.1f}" for k, v in places.items()}), css)


def error_bar(x: float, top: float, bottom: float) -> str:
    """An upright error bar."""
    caps = f"M{x - 3:.1f},{top:.1f}h6M{x - 3:.1f},{bottom:.1f}h6"
    return path(f"M{x:.1f},{top:.1f}V{bottom:.1f}{caps}", "err")


def colour(look: int) -> str:
    """The class that gives a series its colour."""
    return f"s{look % COLOURS}"


def dash(look: int) -> str:
    """The attribute that gives a series its dashes."""
    pattern = _DASHES[look // COLOURS % len(_DASHES)] or _DASHES[look % 3]
    return f' stroke-dasharray="{pattern}"' if pattern else ""


def group(content: Iterable[str], css: str, tip: str) -> str:
    """Marks that belong together, with the words that the pointer shows."""
    return f'<g class="{css}"><title>{clean(tip)}</title>{"".join(content)}</g>'


def picture(width: float, height: float, words: str, content: Iterable[str]) -> str:
    """A whole plot; `words` say what it shows, for those who cannot see it."""
    label = clean(words).replace('"', "&quot;")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="pl" role="img" aria-label="{label}" '
        f'viewBox="0 0 {width:g} {height:.0f}">{"".join(content)}</svg>'
    )


def legend(names: Sequence[tuple[str, str]], width: float, y: float) -> tuple[list[str], float]:
    """Names with their marks in rows that fit; and where they end.

    Args:
        names: pairs of a mark (drawn around 0, 0) and a name.
        width: the room there is.
        y: where the first row stands.
    """
    drawn, x = [], 8.0
    for mark, name in names:
        shown = cut(name, width - 40)
        needed = wide(shown) + 30
        if x + needed > width and x > 8:
            x, y = 8.0, y + 18
        drawn.append(f'<g transform="translate({x + 5:.1f},{y - 4:.1f})">{mark}</g>')
        drawn.append(text(shown, x + 14, y))
        x += needed
    return drawn, y + 10


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places moved as little as needed so that neighbours are `gap` apart, within the bounds."""
    order = sorted(range(len(places)), key=lambda i: (places[i], i))
    moved = [0.0] * len(places)
    last = low - gap
    for i in order:
        last = moved[i] = max(places[i], last + gap)
    over = high
    for i in reversed(order):
        over = moved[i] = min(moved[i], over)
        over -= gap
    return moved


def style() -> str:
    """The style sheet that every plot needs, once in a page."""
    assets = resources.files("archgraph.suites.reporting") / "assets"
    return (assets / "plots.css").read_text(encoding="utf-8")


def standalone(plot: str) -> str:
    """A plot as a file of its own."""
    head, tag, rest = plot.partition(">")
    return f"{head}{tag}<style>{style()}</style>{rest}"
