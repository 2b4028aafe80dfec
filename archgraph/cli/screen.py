"""Where commands write: styled on a terminal, plain text in a pipe, JSON when it was asked for.

Used by every command. Respects NO_COLOR. Knows nothing of what it shows.
"""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

import click

STYLES: dict[str, dict[str, Any]] = {
    "": {},
    "dim": {"dim": True},
    "bold": {"bold": True},
    "name": {"fg": "cyan"},
    "good": {"fg": "green"},
    "warn": {"fg": "yellow"},
    "bad": {"fg": "red"},
}
"""What a style looks like on a terminal with colours."""

_GAP = "  "
_NAMES = 26
"""A first column that is no wider holds names, which are not broken."""


class Screen:
    """One of the two streams of a command."""

    def __init__(self, *, err: bool = False) -> None:
        self.err = err
        self.stream = sys.stderr if err else sys.stdout
        self.terminal = self.stream.isatty()
        dumb = os.environ.get("TERM") == "dumb" or bool(os.environ.get("NO_COLOR"))
        self.coloured = self.terminal and not dumb

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        return os.get_terminal_size(self.stream.fileno()).columns or 80 if self.terminal else 100

    def style(self, text: str, style: str) -> str:
        """The text with the codes of a style, if this is a terminal that shows them."""
        return (
            click.style(text, **STYLES[style]) if self.coloured and style and text.strip() else text
        )

    def line(self, text: str = "", style: str = "") -> None:
        """Write a line."""
        click.echo(self.style(text, style), err=self.err, color=self.coloured)

    def piece(self, text: str, style: str = "") -> None:
        """Write a piece of a line at once."""
        click.echo(self.style(text, style), nl=False, err=self.err, color=self.coloured)
        self.stream.flush()

    def json(self, value: Any) -> None:
        """Write a value as JSON."""
        self.line(json.dumps(value, ensure_ascii=False, indent=2, default=str))

    def table(self, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Write a table: fitted to the terminal, or with all of its text where there is none."""
        cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
        if self.terminal:
            self._rich_table(head, cells)
            return
        widths = [max(map(columns, column)) for column in zip(head, *cells, strict=True)]
        for row in (list(head), *cells):
            padded = [
                cell + " " * (width - columns(cell))
                for cell, width in zip(row, widths, strict=True)
            ]
            self.line(_GAP.join(padded).rstrip())

    def _rich_table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        from rich import console, table, text

        shown = table.Table(box=None, pad_edge=False, header_style="bold" if self.coloured else "")
        names = max([columns(row[0]) for row in rows], default=0) <= _NAMES
        for n, title in enumerate(head):
            style = "cyan" if n == 0 and names and self.coloured else ""
            shown.add_column(title, overflow="fold", no_wrap=n == 0 and names, style=style)
        for row in rows:
            shown.add_row(*[text.Text(cell) for cell in row])
        out = console.Console(file=self.stream, no_color=not self.coloured, highlight=False)
        out.print(shown)


def columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def clean(text: str) -> str:
    """A text without characters that would steer a terminal."""
    return "".join(each if each.isprintable() or each in "\n\t" else "\ufffd" for each in text)


def short(text: str, width: int) -> str:
    """A text as one line of at most `width` characters."""
    flat = " ".join(clean(text).split())
    return flat if len(flat) <= width else flat[: max(1, width - 1)] + "…"


def plural(number: int, noun: str) -> str:
    """`1 step`, `2 steps`, `3 replies`."""
    many = noun[:-1] + "ies" if noun.endswith("ly") else noun + "s"
    return f"{number:,} {noun if number == 1 else many}"
