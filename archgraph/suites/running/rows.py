"""The numbers of a trial: read off its outcome, kept as one packed string, read back in bulk.

A row of the ledger holds metrics, losses, times and scores as little-endian doubles, in the order
of the names below; what each thread and store took is in `shares`. Called by `worker`, `ledger`
and `reading`.
"""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Iterator, Mapping
from typing import ClassVar

from archgraph.suites import record, results
from archgraph.suites.datasets import case as cases

FATES = (*record.LOSSES, record.REACHED)
"""What may become of a gold item, in the order of the packed counts."""

_FIXED = len(results.METRICS) + len(FATES) + len(record.TIMES)
_ONE = struct.Struct("<d")
_PAID_AT = 8 * results.METRICS.index("paid")
NOT_SCORED = NOTHING = math.nan
"""Stands in a packed row where a scorer does not apply, and where a metric does not exist."""


def numbers(outcome: record.Outcome) -> list[float]:
    """Metrics, losses and times of an outcome, in the order in which they are packed."""
    fates = [each.fate for each in outcome.gold]
    metrics = _metrics(outcome)
    times = outcome.times
    return [
        *(float(metrics[name]) for name in results.METRICS),
        *(float(fates.count(fate)) for fate in FATES),
        *(float(times.get(name, 0.0)) for name in record.TIMES),
    ]


def _metrics(outcome: record.Outcome) -> dict[str, float]:
    steps, spent, gold = outcome.steps, outcome.spent, outcome.gold
    return {
        "prompt_tokens": spent.prompt_tokens,
        "completion_tokens": spent.completion_tokens,
        "cached_tokens": spent.cached_tokens,
        "calls": spent.calls,
        "cost": spent.cost,
        "paid": spent.paid,
        "steps": len(steps),
        "searches": len(outcome.searches),
        "prefix": sum(each.prefix for each in steps) / len(steps) if steps else 0.0,
        "store_bytes": outcome.store_bytes,
        "window_tokens": max((each.window_tokens for each in steps), default=0),
        "answered_in_window": outcome.answered_in_window,
        "gold": len(gold),
        "gold_reached": sum(each.fate == record.REACHED and not each.derived for each in gold),
        "gold_derived": sum(each.fate == record.REACHED and each.derived for each in gold),
        "items": len(outcome.case.history),
        "position": _position(outcome.case),
        "answerable": bool(outcome.case.answers),
    }


def _position(case: cases.Case) -> float:
    """Where the gold items stand on average: 0 the first item of the history, 1 the last."""
    gold = set(case.evidence)
    places = [place for place, item in enumerate(case.history) if item.id in gold]
    last = len(case.history) - 1
    return sum(places) / len(places) / last if places and last else NOTHING


def packed(fixed: list[float], scores: list[float]) -> bytes:
    """The numbers of a trial as one string."""
    if len(fixed) != _FIXED:
        raise ValueError(f"{len(fixed)} numbers instead of {_FIXED}")
    return struct.pack(f"<{_FIXED + len(scores)}d", *fixed, *scores)


def with_paid(data: bytes, paid: float) -> bytes:
    """The same numbers with what was really paid for the trial."""
    return data[:_PAID_AT] + _ONE.pack(paid) + data[_PAID_AT + _ONE.size :]


def scores(data: bytes) -> tuple[float, ...]:
    """The packed scores, by the number of their scorer."""
    return _tail(len(data)).unpack_from(data, _FIXED * 8)


@functools.cache
def _tail(size: int) -> struct.Struct:
    return struct.Struct(f"<{size // 8 - _FIXED}d")


class _Packed(Mapping[str, float]):
    """Some numbers of a packed row by name; unpacked when they are asked for."""

    __slots__ = ("_data",)
    names: ClassVar[Mapping[str, int]] = {}

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __getitem__(self, name: str) -> float:
        value: float = _ONE.unpack_from(self._data, self.names[name])[0]
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return repr(dict(self))


def _offsets(names: tuple[str, ...], first: int) -> dict[str, int]:
    return {name: 8 * (first + place) for place, name in enumerate(names)}


class Metrics(_Packed):
    """A trial's metrics, without those that do not exist."""

    __slots__ = ()
    names = _offsets(results.METRICS, 0)

    def __getitem__(self, name: str) -> float:
        value: float = _ONE.unpack_from(self._data, self.names[name])[0]
        if value != value:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return (name for name in self.names if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Times(_Packed):
    """A trial's times in milliseconds."""

    __slots__ = ()
    names = _offsets(record.TIMES, len(results.METRICS) + len(FATES))


_COUNTS = struct.Struct(f"<{len(FATES)}d")
_COUNTS_AT = 8 * len(results.METRICS)
_NO_COUNTS = bytes(_COUNTS.size)
_NONE: dict[str, int] = {}
_RIGHT = 0.5


def losses(data: bytes) -> dict[str, int]:
    """How many gold items met which fate; empty where there is no gold."""
    if data[_COUNTS_AT : _COUNTS_AT + _COUNTS.size] == _NO_COUNTS:
        return _NONE
    counts = _COUNTS.unpack_from(data, _COUNTS_AT)
    return {fate: int(count) for fate, count in zip(FATES, counts, strict=True) if count}


def judged(losses: dict[str, int], score: float | None) -> dict[str, int]:
    """The fates of a trial's gold once its primary score is known; see `losses.with_score`.

    Not kept in the ledger: which scorer is primary may change without a trial being done again.
    """
    if score is None or score >= _RIGHT or len(losses) != 1 or record.REACHED not in losses:
        return losses
    return {record.LOSSES[-1]: losses[record.REACHED]}
