"""Reads texts out of a tool call's arguments while they are still arriving.

Used by `voice` to stream thoughts and replies. Knows JSON strings, not tools.
"""

from __future__ import annotations

import json
import re

_FIELD = re.compile(r'(?:^\s*\{|,)\s*"((?:[^"\\]|\\.)*)"\s*:\s*"((?:[^"\\]|\\.)*)("?)', re.DOTALL)
_UNIT = r"\\(?:u[0-9a-fA-F]{0,3})?"
_HALF = re.compile(rf"{_UNIT}$|\\u[dD][89abAB][0-9a-fA-F]{{2}}(?:{_UNIT})?$")
"""An escape of which the end is missing, or the first half of a surrogate pair."""


class Arguments:
    """The arguments of one call, piece by piece."""

    def __init__(self) -> None:
        self._text = ""
        self._given: dict[str, int] = {}

    @property
    def complete(self) -> bool:
        """Whether the whole object has arrived, so that a next piece belongs to another call."""
        if not self._text.rstrip().endswith("}"):
            return False
        try:
            json.loads(self._text)
        except ValueError:
            return False
        return True

    def add(self, piece: str) -> list[tuple[str, str]]:
        """Take a piece; what text fields have grown by it, as (field, new text)."""
        self._text += piece
        grown = []
        for name, text in strings(self._text).items():
            known = self._given.get(name, 0)
            if len(text) > known:
                grown.append((name, text[known:]))
                self._given[name] = len(text)
        return grown


def strings(partial: str) -> dict[str, str]:
    """The text fields of a JSON object of which only the beginning may be there."""
    found: dict[str, str] = {}
    at = 0
    while match := _FIELD.search(partial, at):
        name, raw, closed = match.groups()
        if not closed:
            raw = _HALF.sub("", raw)
        try:
            found[json.loads(f'"{name}"', strict=False)] = json.loads(f'"{raw}"', strict=False)
        except ValueError:
            return found
        at = match.end()
    return found
