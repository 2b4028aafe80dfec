"""A scene as an SVG that stands on its own: no script, no font and no picture from elsewhere.

Called by `draw`. Composes what `layout` has placed and `paint` colours. Knows no plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape

from archgraph.graph import layout, order, paint, scene, ways

_TITLE_SIZE, _ABOUT_SIZE, _LINE = 18, 11.5, 16
_LEAST_WIDTH, _ABOUT_WIDTH = 420, 560
_LEGEND_STEP, _SAMPLE = 18, 24

# Public functions


def svg(shown: scene.Scene) -> str:
    """The picture of a scene."""
    found = order.arrange(layout.task(shown))
    placed = layout.place(shown, 0, _LEAST_WIDTH, found)
    room = max(_ABOUT_WIDTH, placed.width) - 2 * layout.MARGIN
    about = wrapped(shown.about, room, _ABOUT_SIZE)
    top = layout.MARGIN + 22 + _LINE * len(about) + 14
    placed = layout.place(shown, top, room + 2 * layout.MARGIN if about else _LEAST_WIDTH, found)
    legend = _legend(shown, placed.height, placed.width)
    width, height = placed.width, placed.height + (legend[1] + layout.MARGIN if legend[0] else 0)
    body = [
        paint.text(shown.name, layout.MARGIN, layout.MARGIN + 14, _TITLE_SIZE, "ag-name"),
        *(
            paint.text(line, layout.MARGIN, layout.MARGIN + 34 + n * _LINE, _ABOUT_SIZE, "ag-quiet")
            for n, line in enumerate(about)
        ),
        *(_way(way) for way in placed.ways),
        *(_card(card) for card in placed.cards),
        *(_box(box) for box in placed.boxes),
        *legend[0],
    ]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" class="ag-svg" role="img" '
        f'aria-labelledby="ag-title ag-desc" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}">',
        f'<title id="ag-title">{escape(shown.name)}</title>',
        f'<desc id="ag-desc">{escape(description(shown))}</desc>',
        paint.style(),
        paint.tips(),
        '<rect class="ag-page" width="100%" height="100%" fill="#ffffff"/>',
        *body,
        "</svg>",
        "",
    ])  # fmt: skip


def description(shown: scene.Scene) -> str:
    """The picture in words, for those who do not see it: all links, after the architecture."""
    cards = ", ".join(card.name for card in shown.cards)
    boxes = ", ".join(f"{box.name} ({box.type})" for box in shown.boxes)
    links = "; ".join(link.about for link in shown.links)
    return f"{shown.about} Threads: {cards}. Stores: {boxes}. {links}.".strip()


def wrapped(text: str, width: float, size: float) -> list[str]:
    """A text in lines that are no wider than `width` pixels."""
    lines: list[str] = []
    for word in text.split():
        if lines and layout.width_of(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


# Private functions


def _group(css: str, parts: Iterable[str], about: str, mark: str = "") -> str:
    gone = " ag-gone" if mark == "removed" else ""
    title = f"<title>{escape(about)}</title>" if about else ""
    return f'<g class="{css}{gone}">{title}{"".join(parts)}</g>'


def _way(way: ways.Way) -> str:
    link = way.link
    if way.curve:
        (a, b, c, d) = way.points
        path = f"M{_at(a)} C{_at(b)} {_at(c)} {_at(d)}"
    else:
        path = _rounded(way.points)
    late = " ag-late" if link.background else ""
    css = f"ag-line ag-{link.mark or link.kind}{late}"
    dash = paint.KINDS[link.kind][3]
    if link.mark and not late:
        css += f" ag-{link.kind}" if dash and link.mark == "changed" else ""
    if link.mark == "removed":
        late = ' stroke-dasharray="3 3"'
    else:
        late = f' stroke-dasharray="{dash}"' if link.mark and dash else ""
    tip = f"ag-tip-{link.mark}" if link.mark else f"ag-{link.kind}"
    start = f' marker-start="url(#{tip})"' if link.kind == "both" else ""
    line = f'<path class="{css}"{late} d="{path}"{start} marker-end="url(#{tip})"/>'
    # a wide line that nobody sees makes the thin one easy to point at
    wide = f'<path d="{path}" fill="none" stroke="transparent" stroke-width="9"/>'
    sign = f"{paint.MARKS[link.mark]} " if link.mark else ""
    return _group("ag-link", (line, wide), sign + link.about)


def _at(point: ways.Point) -> str:
    return f"{point[0]:.1f},{point[1]:.1f}"


def _rounded(points: Sequence[ways.Point]) -> str:
    """A way of three straight pieces, out and back, with round corners."""
    (ax, ay), (x, _), _, (_, by) = points
    r = min(6.0, abs(by - ay) / 2, abs(x - ax))
    out = r if x > ax else -r
    down = r if by > ay else -r
    return (
        f"M{ax:.1f},{ay:.1f} H{x - out:.1f} Q{x:.1f},{ay:.1f} {x:.1f},{ay + down:.1f} "
        f"V{by - down:.1f} Q{x:.1f},{by:.1f} {x - out:.1f},{by:.1f} H{ax:.1f}"
    )


def _card(placed: layout.Card) -> str:
    card, x, y = placed.card, placed.x, placed.y
    css = f"ag-card ag-{card.mark}" if card.mark else "ag-card"
    dash = ' stroke-dasharray="2 4"' if card.background else ""
    head = layout.HEAD + layout.NOTE * len(card.notes) + 2
    frame = f'<rect class="{css}"{dash} x="{x:.1f}" y="{y:.1f}" width="{placed.width:.1f}" '
    frame += f'height="{placed.height:.1f}" rx="10" stroke-width="1.3"/>'
    band = f'<path class="ag-head" d="M{x + 0.7:.1f},{y + head:.1f} v{10 - head:.1f} '
    band += f"a9.3,9.3 0 0 1 9.3,-9.3 h{placed.width - 20:.1f} a9.3,9.3 0 0 1 9.3,9.3 "
    band += f'v{head - 10:.1f} z"/>'
    left = x + layout.PAD
    parts = [frame, band, *_sign(card.mark, left, y + 18)]
    indent = 14 if card.mark else 0
    parts.append(paint.text(card.name, left + indent, y + 18, layout.NAME_SIZE, "ag-name"))
    if card.background:
        right = x + placed.width - layout.PAD
        parts.append(paint.text("background", right, y + 18, layout.NOTE_SIZE, "ag-quiet", "end"))
        wide = layout.width_of("background", layout.NOTE_SIZE)
        parts.append(paint.icon("moon", right - wide - 6, y + 14))
    for n, note in enumerate(card.notes):
        at = y + layout.HEAD + 5 + n * layout.NOTE
        parts.append(paint.text(note, left, at, layout.NOTE_SIZE, "ag-quiet"))
    parts += [_line(line, placed) for line in placed.lines]
    return _group("ag-thread", parts, card.about, card.mark)


def _line(line: layout.Line, card: layout.Card) -> str:
    row, x, y = line.row, line.x, line.y
    parts = []
    if row.mark:
        parts.append(f'<rect class="ag-{row.mark}-row" x="{card.x + 2:.1f}" y="{y - 9.5:.1f}" '
                     f'width="{card.width - 4:.1f}" height="19" rx="4"/>')  # fmt: skip
    if row.section == scene.CALLS:
        parts.append(f'<rect class="ag-pill" x="{x:.1f}" y="{y - 8:.1f}" '
                     f'width="{line.width:.1f}" height="16.5" rx="8.2"/>')  # fmt: skip
    indent = 9 if row.section == scene.CALLS else 2
    parts += _sign(row.mark, x + indent, y + 4)
    indent += 13 if row.mark else 0
    parts.append(paint.text(row.text, x + indent, y + 4, layout.TEXT_SIZE))
    if row.note:
        right = x + line.width - (8 if row.section == scene.CALLS else 0)
        parts.append(paint.text(row.note, right, y + 4, layout.NOTE_SIZE, "ag-quiet", "end"))
    if row.icon:
        late = " ag-late" if row.background else ""
        parts.append(paint.icon(row.icon, card.x - layout.ICON + 12, y))
        parts.append(f'<path class="ag-line ag-trigger{late}" d="M{card.x - 22:.1f},{y:.1f} '
                     f'H{card.x:.1f}" marker-end="url(#ag-trigger)"/>')  # fmt: skip
    head = ""
    if line.first:
        head = paint.text(row.section, card.x + layout.PAD, y + 3.5, layout.HEAD_SIZE, "ag-quiet")
    return _group("ag-row", parts, row.about, row.mark) + head


def _box(placed: layout.Box) -> str:
    box, x, y = placed.box, placed.x, placed.y
    parts = [paint.store(box.type, x, y, placed.width, placed.height)]
    if box.mark:
        parts.append(f'<rect class="ag-{box.mark}" fill="none" x="{x - 3:.1f}" y="{y - 3:.1f}" '
                     f'width="{placed.width + 6:.1f}" height="{placed.height + 6:.1f}" rx="4"/>'
                     )  # fmt: skip
    top = y + placed.height / 2 - (layout.NOTE * (len(box.notes) + 1)) / 2 + 5
    top += 4 if box.type == "collection" else -2 if box.type == "log" else 0
    left = x + 10
    indent = 14 if box.mark else 0
    parts += _sign(box.mark, left, top)
    parts.append(paint.text(box.name, left + indent, top, layout.NAME_SIZE, "ag-name"))
    for n, note in enumerate((box.type, *box.notes)):
        at = top + layout.NOTE * (n + 1)
        parts.append(paint.text(note, left, at, layout.NOTE_SIZE, "ag-quiet"))
    return _group(f"ag-store ag-{paint.kind_of(box.type)}-store", parts, box.about, box.mark)


def _sign(mark: str, x: float, y: float) -> list[str]:
    if not mark:
        return []
    return [paint.text(paint.MARKS[mark], x, y, 13, f"ag-name ag-{mark}-sign")]


def _legend(shown: scene.Scene, top: float, width: float) -> tuple[list[str], float]:
    """The samples of the kinds of links that are there, and the height that they take."""
    present = {link.kind for link in shown.links}
    if any(row.section == scene.DUE for card in shown.cards for row in card.rows):
        present.add("trigger")
    samples = [(kind, words) for kind, words in paint.LEGEND.items() if kind in present]
    if any(row.background for card in shown.cards for row in card.rows):
        samples.insert(1, ("late", "in the background"))
    if shown.compared:
        samples += [(mark, mark) for mark in paint.MARKS]
    parts: list[str] = []
    x, y = float(layout.MARGIN), top + 4
    for kind, words in samples:
        wide = _SAMPLE + 6 + layout.width_of(words, layout.NOTE_SIZE) + 14
        if x > layout.MARGIN and x + wide > width:
            x, y = float(layout.MARGIN), y + _LEGEND_STEP
        parts.append(_sample(kind, x, y))
        parts.append(
            paint.text(words, x + _SAMPLE + 6, y + 4, layout.NOTE_SIZE, "ag-quiet ag-legend")
        )
        x += wide
    return parts, y - top + 8


def _sample(kind: str, x: float, y: float) -> str:
    if kind in paint.MARKS:
        return "".join(_sign(kind, x + _SAMPLE - 10, y + 4))
    late = " ag-late" if kind == "late" else ""
    kind = "trigger" if late else kind
    start = f' marker-start="url(#ag-{kind})"' if kind == "both" else ""
    return (
        f'<path class="ag-line ag-{kind}{late}" d="M{x:.1f},{y:.1f} h{_SAMPLE}"{start} '
        f'marker-end="url(#ag-{kind})"/>'
    )
