"""The values that travel along a pipeline, and how a model reads them.

A value is a text, a number, a dict, or a list of these; what was read from a store is a list of
items. Used by the operators and by the runtime's bench. Knows no store type.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from archgraph import clock
from archgraph.stores import base as stores

Item = dict[str, Any]
"""A record as a value: its fields, and over them `id`, `content`, `at` (seconds since 1970),
`time` (text), `valid_from`, `valid_to`, `importance`, `strength`, `status`; `_row` is its place in
the agent's file, `_named` says whether models are shown its id. Messages have `who` and `role`.
What a model made is an item without `_row`; `_from` lists the ids of the records that it was made
of, `_for` is the id of the record of `each` that it was made for."""

ENVELOPE = ("importance", "strength", "valid_from", "valid_to", "status")
"""Parts of the envelope that an item may set when it is written."""
DATES = ("valid_from", "valid_to")
_TEXTS = ("content", "text", "fact", "note", "memory", "statement", "thought", "insight", "summary")
_CALENDAR = 253_402_300_800.0
"""Seconds from 1970 to the end of the year 9999, behind which there are no dates."""
MOST_SOURCES = 50
"""Ids that `derived_from` keeps of a record made of many."""


def item(record: stores.Record, store: str, own: Mapping[str, Any]) -> Item:
    """A record as a value; `own` is what its store lets be seen of it."""
    found: Item = {"content": record.content, **own, "id": record.id, "at": record.created}
    found["time"] = clock.stamp(record.created)
    for name in ENVELOPE:
        held = getattr(record, name)
        if held is not None and (name, held) != ("status", "active"):
            found[name] = held
    found["_row"] = [store, record.seq]
    return found


def content(value: Any) -> str:
    """The text of a value: that of an item is its content, or the first of its texts."""
    if isinstance(value, Mapping):
        for name in _TEXTS:
            if isinstance(value.get(name), str) and value[name].strip():
                return str(value[name]).strip()
        texts = (part for name, part in value.items() if not name.startswith("_"))
        return next((part.strip() for part in texts if isinstance(part, str) and part.strip()), "")
    if isinstance(value, list | tuple):
        return "\n".join(filter(None, (content(part) for part in value)))
    return "" if value is None else str(value).strip()


def fields(value: Any, omit: Sequence[str] = (), *, all: bool = False) -> dict[str, Any]:
    """What of an item goes into the fields of a record: its parts without the envelope.

    The part that is its text goes elsewhere, unless `all` are wanted.
    """
    if not isinstance(value, Mapping):
        return {}
    text = "" if all else content(value)
    hidden = {*ENVELOPE, *omit, "id", "at", "time", "content", "score", "role"}
    return {
        name: part
        for name, part in value.items()
        if name not in hidden and not name.startswith("_") and part not in ("", None, [])
        and part != text
    }  # fmt: skip


def sources(*parts: Any) -> tuple[str, ...]:
    """The ids of the records that values are, or were made of, without repetition."""
    found: list[str] = []
    for part in parts:
        if isinstance(part, Mapping):
            found += [str(part["id"])] if "_row" in part else list(part.get("_from", ()))
        elif isinstance(part, list | tuple):
            found += sources(*part)
    return tuple(dict.fromkeys(found))[:MOST_SOURCES]


def shown(value: Any) -> str:
    """A value as a model reads it: an item a line, other dicts as `name: value`, texts as is."""
    if isinstance(value, Mapping):
        return line(value)
    if isinstance(value, list | tuple):
        return "\n".join(
            line(part) if isinstance(part, Mapping) else f"- {shown(part)}" for part in value
        )
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def line(value: Mapping[str, Any]) -> str:
    """`- [id] time | who: text (field: value; ...)`, as far as the item has these."""
    known = "_row" in value
    head = f"[{value['id']}] " if known and value.get("_named", True) and value["id"] else ""
    head += f"{value['time']} | " if known else ""
    text = content(value)
    who = value.get("who") or value.get("name")
    head += f"{who}: " if who and who != text else ""
    rest = fields(value, omit=("who", "name"))
    rest |= {name: stamp(value[name]) for name in DATES if value.get(name)}
    more = "; ".join(f"{name}: {_short(part)}" for name, part in rest.items())
    return f"- {head}{stores.indented(text)}" + (f" ({more})" if more else "")


def made_for(item: Any, result: Any) -> Any:
    """What a step made of one item of `each`; what has no id of its own keeps the item's."""
    id = str(item.get("id") or "") if isinstance(item, Mapping) else ""
    if not id:
        return result
    if isinstance(result, list):
        return [made_for(item, part) for part in result]
    made = isinstance(result, Mapping) and result and not result.get("id")
    return {**result, "_for": id} if made else result


def stamp(moment: Any) -> str:
    """A moment as text; texts stay."""
    return clock.stamp(float(moment)) if isinstance(moment, int | float) else str(moment)


def moment(value: Any) -> float | None:
    """A date as a model or a template writes it, as seconds since 1970; None if it is none."""
    if value is None or isinstance(value, bool) or value == "":
        return None
    if isinstance(value, int | float):
        return float(value) if abs(value) < _CALENDAR else None
    try:
        return clock.parse_moment(str(value))
    except ValueError:
        return None


def fitted(items: list[Any], cap: int, count: Callable[[str], int]) -> list[Any]:
    """As many of the first items as take at most `cap` tokens where a model reads them.

    The first stays in any case: a model reads it cut.
    """
    room = cap
    kept: list[Any] = []
    for each in items:
        room -= count(shown([each])) + 1
        if room < 0 and kept:
            break
        kept.append(each)
    return kept


def _short(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
