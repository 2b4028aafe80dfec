"""The pieces of the page: escaped texts, tables, figures, links to trials. Called by `page_...`.

Every text from outside passes `clean`; nothing else makes HTML out of it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from urllib.parse import urlencode

from archgraph.suites.reporting import sheets

Cell = Callable[[int, int, str], str | None]
"""Gives a cell's HTML by row and column, None where its text will do."""
_MINUS = re.compile(r"(?<![\w.)])-(?=[\d.$])")
_UNBROKEN = 24
"""Letters of a name that stays on one line."""
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


def clean(words: object) -> str:
    """A text as HTML shows it, in one line or many; nothing in it is markup."""
    told = "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in str(words))
    return html.escape(told)


def number(words: str) -> str:
    """A number as HTML, with a real minus sign and a dash for what does not exist."""
    told = clean(words.strip())
    return "&ndash;" if told == "-" else _MINUS.sub("\N{MINUS SIGN}", told)


def breakable(words: str) -> str:
    """A name as HTML that may be broken behind its underscores, where there is little room."""
    return clean(words).replace("_", "_<wbr>")


def tag(name: str, content: str, **attributes: str | bool) -> str:
    """An element. `css` stands for class, a final underscore is dropped."""
    told = ""
    for key, value in attributes.items():
        called = {"css": "class"}.get(key, key.rstrip("_").replace("_", "-"))
        if value is not False:
            told += f" {called}" if value is True else f' {called}="{clean(value)}"'
    return f"<{name}{told}>{content}</{name}>"


def paragraphs(texts: Iterable[str], css: str = "") -> str:
    """Each text as a paragraph."""
    return "".join(tag("p", number(each), css=css or False) for each in texts)


def listing(texts: Iterable[str], css: str = "") -> str:
    """A list of pieces of HTML."""
    return tag("ul", "".join(tag("li", each) for each in texts), css=css or False)


def section(key: str, title: str, *content: str, level: int = 2) -> str:
    """A part of the page with its heading."""
    heading = tag(f"h{level}", clean(title), id=f"{key}-title")
    return tag("section", heading + "".join(content), id=key, aria_labelledby=f"{key}-title")


def table(sheet: sheets.Sheet, cell: Cell | None = None, *, first: int = 0) -> str:
    """A table: caption, headers with scope, notes below; it scrolls inside itself if need be.

    Args:
        sheet: what to show.
        cell: gives some cells another form.
        first: the column that names the row.
    """
    head = "".join(
        tag("th", breakable(column.title), scope="col",
            css="num" if column.numeric else False)
        for column in sheet.columns
    )  # fmt: skip
    body = "".join(tag("tr", _row(sheet, r, row, cell, first)) for r, row in enumerate(sheet.rows))
    if not sheet.rows:
        body = f'<tr><td colspan="{len(sheet.columns)}">nothing</td></tr>'
    drawn = (
        tag("caption", tag("span", number(sheet.title)))
        + tag("thead", tag("tr", head))
        + tag("tbody", body)
    )
    framed = tag("div", tag("table", drawn), css="scroll", tabindex="0", role="region",
                 aria_label=sheet.title)  # fmt: skip
    return tag("div", framed + paragraphs(sheet.notes, "note"), css="table")


def _row(sheet: sheets.Sheet, r: int, row: Sequence[str], cell: Cell | None, first: int) -> str:
    drawn = []
    for c, words in enumerate(row):
        column = sheet.columns[c]
        shown = (cell(r, c, words) if cell else None) or (
            number(words) if column.numeric else clean(words)
        )
        css = "num" if column.numeric else "long" if column.long else False
        named = "th" if c == first else "td"
        if c == first:
            css = "" if len(words) > _UNBROKEN else "short"
        drawn.append(tag(named, shown, css=css, scope="row" if c == first else False))
    return "".join(drawn)


def figure(plots: Sequence[str], caption: str) -> str:
    """A plot with its words: first the wide drawing, then the one for phones."""
    css = ("wide", "narrow") if len(plots) == 2 else ("",)
    drawn = "".join(
        tag("div", plot, css=f"plot {each}".strip()) for plot, each in zip(plots, css, strict=True)
    )
    return tag("figure", drawn + tag("figcaption", number(caption)))


def trials(words: str, wanted: Mapping[str, str], css: str = "") -> str:
    """A link to the trials behind a number; `words` is HTML."""
    return tag("a", words, href=f"#/trials?{urlencode(wanted)}", css=css or "drill")


def fold(summary: str, content: str, *, opened: bool = False, css: str = "") -> str:
    """What opens at a click."""
    return tag("details", tag("summary", summary) + content, open=opened, css=css or False)


def drawings(svgs: Mapping[str, str], room: int = 1_500_000) -> tuple[dict[str, str], int]:
    """Pictures for one page: their ids are made different, equal style sheets are kept once.

    Args:
        svgs: the pictures by name.
        room: bytes for all of them together.

    Returns:
        The pictures, and how many were left out for want of room.
    """
    seen: set[str] = set()
    kept: dict[str, str] = {}
    for place, (name, svg) in enumerate(svgs.items()):
        if len(svg) > room:
            continue
        room -= len(svg)
        kept[name] = _apart(_once(svg, seen), f"d{place}-")
    return kept, len(svgs) - len(kept)


def _once(svg: str, seen: set[str]) -> str:
    def only(match: re.Match[str]) -> str:
        if match[1] in seen:
            return ""
        seen.add(match[1])
        return match[0]

    return _STYLE.sub(only, re.sub(r"<\?xml.*?\?>\s*", "", svg))


def _apart(svg: str, prefix: str) -> str:
    """The same picture with other ids, wherever they are used."""
    ids = set(re.findall(r'\bid="([^"]+)"', svg))

    def renamed(match: re.Match[str]) -> str:
        named = [f"{prefix}{word}" if word in ids else word for word in match[2].split(" ")]
        return f'{match[1]}"{" ".join(named)}"'

    svg = re.sub(r'(\b(?:id|aria-labelledby|aria-describedby)=)"([^"]*)"', renamed, svg)
    return re.sub(
        r"(url\(#|href=\"#)([^)\"]+)",
        lambda m: m[1] + (prefix if m[2] in ids else "") + m[2], svg,
    )  # fmt: skip
