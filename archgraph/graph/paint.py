"""Colours and shapes of a picture: a style sheet for light, dark and paper, store shapes, icons.

Called by `picture`. The hues are those of Okabe and Ito, which people of any colour vision can
tell apart; arrowheads and dashes tell the same without colour.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

KINDS = {
    "context": ("#0072B2", "#6db9ee", "2", ""),
    "reads": ("#00795b", "#3ccfa5", "1.4", ""),
    "writes": ("#C24A00", "#ff9a5c", "1.4", ""),
    "both": ("#C24A00", "#ff9a5c", "1.4", ""),
    "log": ("#9a4f7d", "#dfa3c8", "1.4", "1.5 3.5"),
    "trigger": ("#7a5c00", "#f0c24b", "1.4", "6 4"),
    "call": ("#1b1f24", "#e6edf3", "1.4", ""),
    "view": ("#57606a", "#9da7b3", "1.2", ""),
    "evicts": ("#C24A00", "#ff9a5c", "1.2", ""),
    "refers": ("#57606a", "#9da7b3", "1.2", "2 3"),
}
"""Of each kind of link: colour in light, colour in dark, width, dashes."""
LEGEND = {
    "trigger": "makes due", "context": "in the window", "reads": "reads", "writes": "writes",
    "both": "reads, writes", "log": "keeps messages", "call": "calls", "view": "view over",
    "evicts": "evicts into", "refers": "refers to",
}  # fmt: skip
"""What the legend says of each kind."""
MARKS = {"added": "+", "removed": "−", "changed": "~"}  # noqa: RUF001 (a real minus sign)
"""The sign of what differs where two architectures are drawn as one."""
_MARK_COLOURS = {
    "added": ("#00795b", "#3ccfa5", "#d9f2ea", "#12382e"),
    "removed": ("#b3261e", "#ff8a80", "#fbe3e1", "#421d1b"),
    "changed": ("#7a5c00", "#f0c24b", "#fbf0cf", "#3a3010"),
}
_STORES = {
    "block": ("#fff6d6", "#33301c"), "log": ("#dff0fb", "#152c3d"),
    "queue": ("#dcf3ec", "#14332a"), "collection": ("#f6e4ee", "#38222f"),
    "tasks": ("#fde6d8", "#3d2618"), "other": ("#ececec", "#2a2d31"),
}  # fmt: skip
"""The fill of each store type in light and in dark."""
FONT = "system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"


def kind_of(store_type: str) -> str:
    """The shape of a store type; plugins' types share one."""
    return store_type if store_type in _STORES else "other"


def style() -> str:
    """The style sheet."""
    light = _rules(0, "#ffffff", "#1b1f24", "#57606a", "#f6f8fa", "#ffffff")
    dark = _rules(1, "#0d1117", "#e6edf3", "#9da7b3", "#161b22", "#21262d")
    fixed = [f".ag-svg{{font-family:{FONT};max-width:100%;height:auto}}",
             ".ag-name{font-weight:600}.ag-line{fill:none}",
             ".ag-gone text{text-decoration:line-through}",
             ".ag-gone .ag-removed-sign{text-decoration:none}"]  # fmt: skip
    fixed += [
        f".ag-{kind}{{stroke-width:{width}{f';stroke-dasharray:{dash}' if dash else ''}}}"
        for kind, (_, _, width, dash) in KINDS.items()
    ]
    fixed.append(".ag-late{stroke-dasharray:2 4}")
    query = "@media screen and (prefers-color-scheme:dark)"
    return f"<style>{''.join(fixed)}{light}{query}{{{dark}}}</style>"


def _rules(mode: int, page: str, ink: str, quiet: str, card: str, pill: str) -> str:
    rules = [
        f".ag-page{{fill:{page}}}",
        f".ag-svg text{{fill:{ink}}}.ag-svg .ag-quiet{{fill:{quiet}}}",
        f".ag-card{{fill:{card};stroke:{quiet}}}.ag-pill{{fill:{pill};stroke:{quiet}}}",
        f".ag-icon{{fill:none;stroke:{KINDS['trigger'][mode]}}}",
    ]
    for kind, colours in KINDS.items():
        rules.append(f".ag-{kind}{{stroke:{colours[mode]}}}.ag-tip-{kind}{{fill:{colours[mode]}}}")
    rules.append(f".ag-head{{fill:{('#dbeafa', '#12314d')[mode]};stroke:none}}")
    for kind, fills in _STORES.items():
        rules.append(f".ag-is-{kind}{{fill:{fills[mode]};stroke:{quiet}}}")
    for mark, colours in _MARK_COLOURS.items():
        stroke, fill = colours[mode], colours[2 + mode]
        rules.append(f".ag-svg .ag-{mark}-sign{{fill:{stroke}}}.ag-{mark}-row{{fill:{fill}}}")
        rules.append(f".ag-{mark}{{stroke:{stroke};stroke-width:2}}")
    return "".join(rules)


def tips() -> str:
    """The arrowheads, one for each kind of link."""
    tip = '<path class="{}" d="M0,0 L8,4 L0,8 z"/></marker>'
    marker = (
        '<marker id="ag-{}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" '
        'markerHeight="7" markerUnits="userSpaceOnUse" orient="auto-start-reverse">'
    )
    kinds = [*((kind, f"ag-tip-{kind}") for kind in KINDS)]
    kinds += [(f"tip-{mark}", f"ag-{mark}-sign") for mark in MARKS]
    return f"<defs>{''.join(marker.format(name) + tip.format(css) for name, css in kinds)}</defs>"


def store(store_type: str, x: float, y: float, width: float, height: float) -> str:
    """The outline of a store."""
    kind = kind_of(store_type)
    css = f'class="ag-is-{kind}" stroke-width="1.2"'
    right, low, far = x + width, y + height, x + width - 12
    path = {
        "block": f"M{x:.1f},{y:.1f} H{far:.1f} L{right:.1f},{y + 12:.1f} V{low:.1f} H{x:.1f} Z "
        f"M{far:.1f},{y:.1f} V{y + 12:.1f} H{right:.1f}",
        "log": f"M{x:.1f},{y:.1f} H{right:.1f} V{low:.1f} q{-width / 4:.1f},-9 {-width / 2:.1f},-3 "
        f"t{-width / 2:.1f},0 Z",
        "queue": f"M{x:.1f},{y:.1f} H{right:.1f} V{low:.1f} H{x:.1f} Z M{right - 6:.1f},{y:.1f} "
        f"V{low:.1f} M{right - 12:.1f},{y:.1f} V{low:.1f}",
        "collection": f"M{x:.1f},{y + 5:.1f} V{low - 5:.1f} a{width / 2:.1f},5 0 0 0 {width:.1f},0 "
        f"V{y + 5:.1f} a{width / 2:.1f},5 0 0 0 {-width:.1f},0 a{width / 2:.1f},5 0 0 0 "
        f"{width:.1f},0",
        "tasks": f"M{x:.1f},{y:.1f} H{right:.1f} V{low:.1f} H{x:.1f} Z M{right - 18:.1f},"
        f"{y + 11:.1f} l4,4 l7,-8",
    }.get(kind, f"M{x:.1f},{y:.1f} H{far:.1f} L{right:.1f},{y + 12:.1f} V{low - 12:.1f} "
                f"L{far:.1f},{low:.1f} H{x:.1f} Z")  # fmt: skip
    return f'<path {css} d="{path}"/>'


def icon(name: str, x: float, y: float) -> str:
    """A small drawing, 16 pixels wide, around its middle: `user`, `clock`, `event`, `moon`."""
    drawn = {
        "user": f'<circle cx="{x:.1f}" cy="{y - 3.5:.1f}" r="3.5"/>'
        f'<path d="M{x - 6.5:.1f},{y + 7.5:.1f} a6.5,6.5 0 0 1 13,0"/>',
        "clock": f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7"/>'
        f'<path d="M{x:.1f},{y - 4:.1f} V{y:.1f} l3,2"/>',
        "event": f'<path d="M{x + 2:.1f},{y - 7.5:.1f} l-6,8.5 h4 l-2,6.5 l6,-8.5 h-4 z"/>',
        "moon": f'<path d="M{x + 2:.1f},{y - 5:.1f} a5,5 0 1 0 3,8 a4.4,4.4 0 0 1 -3,-8 z"/>',
    }[name]
    return f'<g class="ag-icon" stroke-width="1.3" stroke-linejoin="round">{drawn}</g>'


def text(words: str, x: float, y: float, size: float, css: str = "", anchor: str = "start") -> str:
    """A line of text that stands on `y`."""
    end = f' text-anchor="{anchor}"' if anchor != "start" else ""
    told = f' class="{css}"' if css else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}"{told}{end}>{escape(words)}</text>'
