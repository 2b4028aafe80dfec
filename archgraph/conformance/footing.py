"""Whether the suite can write to a type at all, asked once before a hundred checks say the same.

Also how it writes unless it is told otherwise. Called by `kit`, about an agent that `kit` makes.
Knows no check.
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from archgraph import errors
from archgraph.stores import base

NO_WAY = "override write(): the type has no writing verb with one required text"


def unwritable(agent: Callable[[], Any], write: Callable[[Any, int], None]) -> str:
    """Why the suite's first write fails; empty if it does not.

    Args:
        agent: opens a new agent with the store: a context of (database, store).
        write: the contract's own.
    """
    why = ""
    with contextlib.suppress(Exception), agent() as (db, store), db.transaction():
        try:
            write(store, 0)
        except errors.ToolError as error:
            why = f"its first write is refused: {error}"
        except AssertionError as fault:
            why = str(fault)
        except Exception as error:  # the type's own
            why = f"its first write raises {type(error).__name__}: {error}{_place(error)}"
    return why


def way(kind: type[base.Store]) -> tuple[str, str] | None:
    """A writing verb with one required text, and the name of that argument."""
    ways = {}
    for name, verb in base.verbs(kind).items():
        needed = verb.parameters["required"]
        if verb.writes and len(needed) == 1 and needed[0] != "id":
            schema = verb.parameters["properties"][needed[0]]
            if schema.get("type") == "string" and "enum" not in schema:
                ways[name] = needed[0]
    for name in ("insert", "append", *ways):
        if name in ways:
            return name, ways[name]
    return None


def fitting(schema: Mapping[str, Any], value: Any) -> Any:
    """The value, or one of the right type where a schema wants another."""
    others = {"integer": 1, "number": 1.0, "boolean": True, "array": [], "object": {}}
    return schema["enum"][0] if "enum" in schema else others.get(schema["type"], value)


def _place(error: Exception) -> str:
    """Where in the type's own code something was raised."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f" ({frame.filename}:{frame.lineno})"
