"""What a transcript may say: one JSON object a line.

Called by `api` for `feed`. Knows no agent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archgraph import clock, errors

_KEYS = ("text", "role", "name", "time")
_TIMES = (clock.parse_moment("0001-01-02"), clock.parse_moment("9999-12-30"))
"""The times that can be shown as a date in every time zone."""

_MOST = 10
"""Wrong lines that are told; the others are counted."""


@dataclass(frozen=True, slots=True)
class Row:
    """One message of a transcript. `at` is in seconds since 1970."""

    text: str
    role: str = "user"
    name: str = ""
    at: float | None = None
    key: str = ""


def read(path: str | Path) -> list[Row]:
    """Read a JSONL transcript: objects with `text`, and `role`, `name`, `time` if known.

    Raises:
        InputError: names the lines that are wrong, and how.
    """
    place = Path(path)
    try:
        lines = place.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise errors.InputError(f"cannot read {place}: {error}") from error
    rows: list[Row] = []
    wrong: list[str] = []
    latest: float | None = None
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                row = _row(line.strip(), f"{place.name}:{number}", latest)
            except ValueError as error:
                wrong.append(f"{place}:{number}: {error}")
            else:
                rows.append(row)
                latest = row.at if row.at is not None else latest
    if wrong:
        raise errors.InputError(_told(wrong))
    return rows


def _told(wrong: list[str]) -> str:
    more = [f"and {len(wrong) - _MOST:,} more lines"] if len(wrong) > _MOST else []
    return "\n".join([*wrong[:_MOST], *more])


def _row(line: str, origin: str, latest: float | None) -> Row:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(data, dict) or not isinstance(data.get("text"), str):
        raise ValueError("each line must be an object with a `text`")
    for key in data:
        if key not in _KEYS:
            raise ValueError(f"unknown key {key!r}; {errors.suggest(key, _KEYS)}")
    if not data["text"].strip():
        raise ValueError("its text is empty; leave the line out")
    role, name = data.get("role", "user"), data.get("name", "")
    if role not in ("user", "assistant"):
        raise ValueError(f"role must be user or assistant, not {role!r}")
    if not isinstance(name, str):
        raise ValueError(f"name must be a text, not {name!r}")
    at = _moment(data)
    if at is not None and latest is not None and at < latest:
        told = f"{clock.stamp(at)} comes after {clock.stamp(latest)}"
        raise ValueError(f"time runs backwards, {told}; put the lines in the order of their times")
    # the line's own digest: another transcript of that name is not taken for this one
    key = f"{origin}:{hashlib.blake2b(line.encode(), digest_size=6).hexdigest()}"
    return Row(data["text"], role, name, at, key)


def _moment(data: Mapping[str, Any]) -> float | None:
    time = data.get("time")
    if time is None:
        return None
    try:
        numeric = isinstance(time, int | float) and not isinstance(time, bool)
        moment = float(time) if numeric else clock.parse_moment(str(time))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"time must be ISO 8601 or seconds, not {time!r}") from error
    if not _TIMES[0] <= moment <= _TIMES[1]:  # what is no number is refused too
        raise ValueError(f"time must be seconds since 1970, in the years 1 to 9999, not {time!r}")
    return moment
