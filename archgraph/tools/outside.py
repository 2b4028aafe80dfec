"""What tools outside of an agent have in common: Python functions and tools of MCP servers.

`python` and `mcp` fill these in; the checks and the runtime read them. Knows neither plan nor
agent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archgraph import errors
from archgraph.tools import base

CALL_ID = "call_id"
"""The parameter by which a Python function asks for the id of its call."""

PYTHON, MCP = "python", "mcp"
"""Kinds of outside tool; they stand where another tool has its verb."""

_DROPPED = ("$ref", "$defs", "$schema", "definitions", "title")
"""Keywords of a JSON Schema that a model does not need, once references are put in place."""


class Unusable(errors.PluginError):
    """An outside tool cannot be had; the checks tell `message` and `remedy` at its place.

    `server` says that its whole server is at fault, not the one tool.
    """

    def __init__(self, message: str, remedy: str, *, server: bool = False) -> None:
        self.message, self.server = message, server
        super().__init__(f"{message}; {remedy}", remedy)


@dataclass(frozen=True, slots=True)
class Offer:
    """What an outside tool offers to a model. `wants_id`: it is told the id of each call."""

    verb: base.Verb
    wants_id: bool = False


def text_of(value: Any) -> str:
    """What a tool returned, as the model reads it: texts as they are, all else as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return "Done."
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError):
        return str(value)


def too_slow(what: str, seconds: float) -> str:
    """What a model reads of a call that was given up."""
    return f"{what} took longer than {seconds:g} seconds and was given up; it may still have run"


def inlined(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON Schema without references: each `$ref` into its own definitions is put in place.

    A definition that holds itself becomes a plain object, for it has no end.
    """
    known = {**schema.get("definitions", {}), **schema.get("$defs", {})}

    def walk(part: Any, within: tuple[str, ...]) -> Any:
        if isinstance(part, list):
            return [walk(each, within) for each in part]
        if not isinstance(part, Mapping):
            return part
        name = str(part.get("$ref", "")).rpartition("/")[2]
        rest = {key: deeper(key, each, within) for key, each in part.items() if key not in _DROPPED}
        if not name:
            return rest
        if name in within or name not in known:
            return {"type": "object", **rest}
        return {**walk(known[name], (*within, name)), **rest}

    def deeper(key: str, part: Any, within: tuple[str, ...]) -> Any:
        if key == "properties" and isinstance(part, Mapping):  # its keys are names, not keywords
            return {name: walk(each, within) for name, each in part.items()}
        return walk(part, within)

    found: dict[str, Any] = walk(schema, ())
    return found
