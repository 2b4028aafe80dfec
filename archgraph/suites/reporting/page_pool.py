"""Pools of JSON values for the page: each once, in deflated blocks. Called by `page_pack`.

Long texts have a pool of their own, so that a reply, the message that repeats it and the argument
of a call share one. A value refers to a text as `{"$": d}`: d further than the text that was
referred to before in its block, or than 0. Numbers told as distances repeat, and what repeats
deflates to nothing.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_BLOCK = 400_000
"""About how many letters of JSON a block holds; what one click has to open."""
_LONG = 16
"""Letters from which on a text is an entry of its own."""
_WORST = 0.7
"""Bytes in the page for a letter of JSON, at the worst that texts come to."""


@dataclass
class Pool:
    """Values by number. `starts` say with which number each block begins."""

    texts: Pool | None = None
    """Where long texts within values go."""
    blocks: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])
    _open: list[str] = field(default_factory=list)
    _letters: int = 0
    _closed: int = 0
    _last: int = 0
    _known: dict[Any, int] = field(default_factory=dict)

    @property
    def taken(self) -> float:
        """Bytes in the page."""
        return self._closed + _WORST * self._letters

    @property
    def end(self) -> int:
        """The number of the next new value."""
        return self.starts[-1] + len(self._open)

    def add(self, value: Any) -> int:
        """The number of a value that is kept once."""
        key = _key(value)
        number = self._known.get(key)
        if number is None:
            number = self._known[key] = self.append(value)
        return number

    def append(self, value: Any) -> int:
        """The number of a value that is kept as it is, equal to another or not."""
        number = self.end
        told = dumped(value if self.texts is None else self._lean(value, self.texts))
        self._open.append(told)
        self._letters += len(told)
        if self._letters > _BLOCK:
            self.close()
        return number

    def close(self) -> None:
        """End the open block."""
        if self._open:
            self.blocks.append(squeezed(f"[{','.join(self._open)}]"))
            self._closed += len(self.blocks[-1])
            self.starts.append(self.end)
            self._open, self._letters, self._last = [], 0, 0

    def _lean(self, value: Any, texts: Pool) -> Any:
        """The value with references for its long texts."""
        if isinstance(value, str):
            if len(value) < _LONG:
                return value
            before, self._last = self._last, texts.add(value)
            return {"$": self._last - before}
        if isinstance(value, Mapping):
            return {str(key): self._lean(each, texts) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._lean(each, texts) for each in value]
        return value


def _key(value: Any) -> Any:
    """What makes two values the same; quick for texts and for plain messages, which are many."""
    if isinstance(value, str):
        return value
    if type(value) is dict and len(value) == 2 and "role" in value:
        content = value.get("content")
        if isinstance(content, str):
            return value["role"], content
    return dumped(value), None


def dumped(value: Any) -> str:
    """A value as compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def squeezed(words: str) -> str:
    """A text, deflated (RFC 1950) and as base64."""
    return base64.b64encode(zlib.compress(words.encode("utf-8", "replace"), 9)).decode("ascii")
