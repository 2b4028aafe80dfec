"""Which records may be found, whatever ranks them; and what was found.

Used by every search and by the back-ends, as SQL or record by record. Knows no ranking.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

import pydantic

from archgraph import clock, errors
from archgraph.storage import records

_MOST = 2**63 - 1
"""The greatest whole number that a file holds."""


def allowed(name: str, wanted: Any) -> list[Any]:
    """The values of which a field must have one, from a value or a list of them.

    Raises:
        ToolError: one is no text, number, true or false.
    """
    listed = list(wanted) if isinstance(wanted, list | tuple | set) else [wanted]
    for each in listed:
        plain = each is None or isinstance(each, str | float)
        if not plain and not (isinstance(each, int) and abs(each) <= _MOST):
            raise errors.ToolError(
                f"`where.{name}` compares a field with {str(each)[:60]!r}; "
                "it must be a text, a number, true or false, or a list of these"
            )
    return listed


def _comparable(where: dict[str, Any]) -> dict[str, Any]:
    for name, wanted in where.items():
        try:
            allowed(name, wanted)
        except errors.ToolError as error:
            raise ValueError(str(error)) from None
    return where


Where = Annotated[dict[str, Any], pydantic.AfterValidator(_comparable)]
"""Fields that a record must have, as a file gives them: a value, or a list of allowed ones."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records may be found.

    `where` are fields with a value or a list of values; `since` (inclusive) and `until`
    (exclusive) bound `created`; `thread` is the writer; `valid_at` the moment in the world at
    which the record must be true; `known_at` the moment at which the agent believed it; `status`
    what it may be (any, if empty). Moments are seconds since 1970.
    """

    where: Mapping[str, Any] = field(default_factory=dict)
    since: float | None = None
    until: float | None = None
    thread: str | None = None
    valid_at: float | None = None
    known_at: float | None = None
    status: tuple[str, ...] = ()

    def passes(self, record: records.Record) -> bool:
        """Whether a record may be found, for a back-end that has no SQL."""
        true_from = record.created if record.valid_from is None else record.valid_from
        at, known = self.valid_at, self.known_at
        return (
            fits(record, self.where)
            and (self.since is None or record.created >= self.since)
            and (self.until is None or record.created < self.until)
            and self.thread in (None, record.thread)
            and (at is None or (true_from <= at and (record.valid_to or at + 1) > at))
            and (known is None or (record.created <= known < (record.expired or known + 1)))
            and (not self.status or record.status in self.status)
        )

    def sql(self) -> tuple[str, list[Any]]:
        """A condition over the columns of `record`, and its values; empty if all may be found."""
        parts: list[str] = []
        values: list[Any] = []
        for name, wanted in self.where.items():
            known = allowed(name, wanted)
            parts.append(f"json_extract(fields, ?) IN ({','.join('?' * len(known))})")
            values += [json_path(name), *known]
        if self.status:
            parts.append(f"status IN ({','.join('?' * len(self.status))})")
            values += self.status
        for condition, bound in (
            ("created >= ?", self.since),
            ("created < ?", self.until),
            ("thread = ?", self.thread),
            ("coalesce(valid_from, created) <= ?", self.valid_at),
            ("(valid_to IS NULL OR valid_to > ?)", self.valid_at),
            ("created <= ?", self.known_at),
            ("(expired IS NULL OR expired > ?)", self.known_at),
        ):
            if bound is not None:
                parts.append(condition)
                values.append(bound)
        return " AND ".join(parts), values


def fits(record: records.Record, where: Mapping[str, Any]) -> bool:
    """Whether a record has some fields: each a value, or one of a list of values."""
    return all(
        record.fields.get(name) in (each if isinstance(each, list | tuple | set) else [each])
        for name, each in where.items()
    )


class Bounds(TypedDict, total=False):
    """What of a `Filter` a search in Python may say."""

    where: Mapping[str, Any] | None
    since: float | None
    until: float | None
    thread: str | None
    valid_at: float | None
    known_at: float | None


def bounded(bounds: Bounds) -> Filter:
    """The filter that bounds come to."""
    return Filter(
        where=bounds.get("where") or {},
        since=bounds.get("since"),
        until=bounds.get("until"),
        thread=bounds.get("thread"),
        valid_at=bounds.get("valid_at"),
        known_at=bounds.get("known_at"),
    )


@dataclass(frozen=True, slots=True)
class Hit:
    """A found record, its score (comparable within one search only), and who found it."""

    record: records.Record
    score: float
    sources: tuple[str, ...] = ()


def json_path(name: str) -> str:
    """A field's path as SQLite's JSON functions take it."""
    return f"$.{json.dumps(name, ensure_ascii=False)}"


def day_end(date: str) -> float:
    """The last moment of a day as a model writes it.

    Raises:
        ToolError: the date cannot be read.
    """
    return day_range(date, date, clock.parse_moment)[1] - 1e-6


def day_range(start_date: str, end_date: str, parse: Callable[[str], float]) -> tuple[float, float]:
    """Two dates as a model writes them, both days included: seconds, end exclusive.

    Raises:
        ToolError: a date cannot be read, or the range is empty.
    """
    try:
        since, until = parse(start_date), parse(end_date)
    except ValueError as error:
        raise errors.ToolError(f"dates must be written as YYYY-MM-DD: {error!s:.80}") from error
    if len(end_date.strip()) <= 10:
        until += 86400
    if until <= since:
        raise errors.ToolError(f"start_date {start_date} lies after end_date {end_date}")
    return since, until
