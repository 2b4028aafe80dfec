"""Reading our own Markdown pages: their sections, fenced blocks and links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#+) +(.+?)\s*$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block. `info` is all that follows the language: `title=x.yaml`, `exit=1`."""

    language: str
    info: str
    text: str
    line: int

    def option(self, name: str) -> str:
        found = re.search(rf"\b{name}=(\S+)", self.info)
        return found.group(1) if found else ""


def all_pages() -> list[Path]:
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path) -> list[Block]:
    source = text_of(page)
    found = []
    for match in _FENCE.finditer(source):
        language, _, info = match["info"].strip().partition(" ")
        line = source.count("\n", 0, match.start()) + 1
        found.append(Block(language, info, match["text"], line))
    return found


def prose(page: Path) -> str:
    """A page without its fenced blocks; what is left of a block are its line breaks."""
    return _FENCE.sub(lambda match: "\n" * match.group().count("\n"), text_of(page))


def sections(page: Path) -> dict[str, str]:
    """Heading -> its text, deeper headings included; heading markup is taken off."""
    source = text_of(page)
    bare = prose(page)
    heads = [(m.start(), len(m[1]), m[2].replace("`", "")) for m in _HEADING.finditer(bare)]
    lines = source.splitlines(keepends=True)
    found: dict[str, str] = {}
    for index, (start, level, title) in enumerate(heads):
        later = [begin for begin, depth, _ in heads[index + 1 :] if depth <= level]
        first = bare.count("\n", 0, start)
        last = bare.count("\n", 0, later[0]) if later else len(lines)
        found[title] = "".join(lines[first:last])
    return found


def words_in_code(text: str) -> set[str]:
    """Everything that stands between back-ticks."""
    return set(re.findall(r"`([^`\n]+)`", text))


def links(page: Path) -> list[str]:
    return [target for target in _LINK.findall(prose(page)) if "://" not in target]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    titles = [match[2] for match in _HEADING.finditer(prose(page))]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
