"""What a new record does to those that mean the same thing: plain rules over dates.

Records mean the same when the fields of a collection's `key` are equal. Called by `keeping`, which
writes what comes of it. Knows no store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from archgraph.storage import records

Rule = Literal["keep_both", "newest_valid", "replace", "ask"]

SUPERSEDED = "superseded"
"""Status of a record whose truth has ended; it is history."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The new record as it is to be kept, and what changes in which older ones."""

    record: records.Record
    changes: tuple[tuple[records.Record, dict[str, Any]], ...] = ()


def begin(record: records.Record) -> float:
    """Since when a record is true: since it was written, unless it says otherwise."""
    return record.created if record.valid_from is None else record.valid_from


def newest_valid(new: records.Record, held: Sequence[records.Record], now: float) -> Outcome:
    """The later a fact begins, the longer it counts (Graphiti's rule for contradicted edges).

    Facts that were true when the new one begins end then. The new one ends where the next later
    one begins, so that a fact that arrives late takes its place in history. What ended before or
    begins after does not change. `held` are all records of the same key, ended ones too.
    """
    start = begin(new)
    ended = []
    for record in held:
        over = record.valid_to is not None and record.valid_to <= start
        if begin(record) <= start and not over:
            ended.append((record, {"valid_to": start, **_closed(record, now)}))
    later = [begin(record) for record in held if begin(record) > start]
    if later and (new.valid_to is None or new.valid_to > min(later)):
        new = replace(new, valid_to=min(later), **_closed(new, now))
    return Outcome(new, tuple(ended))


def _closed(record: records.Record, now: float) -> dict[str, Any]:
    expired = now if record.expired is None else record.expired
    return {"status": SUPERSEDED, "expired": expired}
