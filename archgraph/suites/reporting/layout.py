"""Tables as lines of text of a fixed width. Called by `table`. Knows no findings.

Columns that do not fit go to a block below, under the first column again; long names and titles
are broken into lines. Wide letters count as two columns, combining marks as none.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Sequence

from archgraph.suites.reporting import sheets

_GAP = "  "
_NARROWEST = 12


def render(sheet: sheets.Sheet, width: int = 100) -> str:
    """A table as lines; columns that do not fit go to a block below, under the first column."""
    lines = [*_filled(sheet.title, width)]
    if not sheet.rows:
        return "\n".join([*lines, "  (nothing)"])
    for number, block in enumerate(_blocks(sheet, width)):
        lines += ["", *_block(sheet, block, width)] if number else _block(sheet, block, width)
    for note in sheet.notes:
        lines += _filled(note, width)
    return "\n".join(lines)


def _blocks(sheet: sheets.Sheet, width: int) -> list[list[int]]:
    first = min(_widest(sheet, 0), _name_room(width))
    blocks, room = [[0]], width - first
    for at in range(1, len(sheet.columns)):
        needed = len(_GAP) + (_NARROWEST * 2 if sheet.columns[at].long else _widest(sheet, at))
        if needed > room and len(blocks[-1]) > 1:
            blocks.append([0])
            room = width - first
        blocks[-1].append(at)
        room -= needed
    return blocks


def _block(sheet: sheets.Sheet, block: Sequence[int], width: int) -> list[str]:
    widths = {at: _widest(sheet, at) for at in block}
    for at in block:
        if sheet.columns[at].long:
            others = sum(len(_GAP) + widths[i] for i in block if i != at)
            widths[at] = max(_NARROWEST, min(widths[at], width - others))
    if 0 in widths and sheet.columns[0].long and len(block) > 1:
        widths[0] = min(widths[0], _name_room(width))
    titles = {at: _broken(sheet.columns[at].title, widths[at]) for at in block}
    height = max(len(each) for each in titles.values())
    titles = {at: [""] * (height - len(lines)) + lines for at, lines in titles.items()}
    rule = _GAP.join("-" * widths[at] for at in block)
    body = [
        line for row in sheet.rows
        for line in _lines(sheet, widths, {at: _broken(row[at], widths[at]) for at in block})
    ]  # fmt: skip
    return [*_lines(sheet, widths, titles), rule, *body]


def _name_room(width: int) -> int:
    return max(_NARROWEST, width // 3)


def _lines(sheet: sheets.Sheet, widths: dict[int, int], cells: dict[int, list[str]]) -> list[str]:
    lines = []
    for level in range(max(len(each) for each in cells.values())):
        parts = []
        for at, words_of in cells.items():
            words = words_of[level] if level < len(words_of) else ""
            blank = " " * (widths[at] - columns(words))
            parts.append(blank + words if sheet.columns[at].numeric else words + blank)
        lines.append(_GAP.join(parts).rstrip())
    return lines


def _widest(sheet: sheets.Sheet, at: int) -> int:
    title = max(map(columns, _parts(_plain(sheet.columns[at].title))))
    return max([title, *(columns(_plain(row[at])) for row in sheet.rows)])


def _parts(words: str) -> list[str]:
    """Where a text may be broken: at spaces, and behind the underscores of a name."""
    return re.findall(r"[^ _]*_+| +|[^ _]+", words) or [""]


def _broken(words: str, width: int) -> list[str]:
    words = _plain(words)
    if columns(words) <= width:
        return [words]
    lines, line = [], ""
    for part in _parts(words):
        if columns(line + part) <= width:
            line += part
            continue
        lines += [line.rstrip()] if line.strip() else []
        *full, line = _pieces(part.lstrip(), width)
        lines += full
    return [*lines, line]


def _pieces(word: str, width: int) -> list[str]:
    pieces: list[str] = []
    piece = ""
    for char in word:
        if columns(piece + char) > width and piece:
            pieces, piece = [*pieces, piece], ""
        piece += char
    return [*pieces, piece]


def columns(words: str) -> int:
    """How many columns of a terminal a text takes: wide letters two, combining marks none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in words
    )


def _plain(words: str) -> str:
    """A text on one line, without characters that would move the cursor."""
    return "".join(" " if c.isspace() else c if c.isprintable() else "\ufffd" for c in words)


def wrapped(words: str, width: int, hanging: str = "") -> str:
    """A text as lines; what follows the first line begins with `hanging`."""
    return textwrap.fill(
        _plain(words), width, subsequent_indent=hanging,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _filled(words: str, width: int) -> list[str]:
    return wrapped(words, width).split("\n")
