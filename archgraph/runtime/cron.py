"""Cron times on the agent's clock: minute, hour, day of month, month, day of week (UTC).

Used by the reducer and by the checks through `parse`. Supports `*`, numbers, lists, ranges and
steps; Sunday is 0 or 7, as in crontab(5).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_HORIZON_DAYS = 366 * 8


def parse(text: str) -> tuple[frozenset[int], ...]:
    """The allowed values of each field.

    Raises:
        ValueError: says which field is wrong.
    """
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise ValueError("a cron time has five fields: minute hour day month weekday")
    return tuple(_field(part, *spec) for part, spec in zip(parts, _FIELDS, strict=True))


def following(text: str, moment: float) -> float:
    """The first time after `moment` (seconds since 1970), to the minute; 0.0 if there is none."""
    minutes, hours, days, months, weekdays = parse(text)
    weekdays = frozenset(day % 7 for day in weekdays)
    either = "*" not in text.split()[2] and "*" not in text.split()[4]
    start = datetime.fromtimestamp(moment, UTC).replace(second=0, microsecond=0)
    start += timedelta(minutes=1)
    for ahead in range(_HORIZON_DAYS):
        day = (start + timedelta(days=ahead)).date()
        fits_day, fits_week = day.day in days, (day.weekday() + 1) % 7 in weekdays
        fits = fits_day or fits_week if either else fits_day and fits_week
        if day.month not in months or not fits:
            continue
        for hour in sorted(hours):
            for minute in sorted(minutes):
                found = datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
                if found >= start:
                    return found.timestamp()
    return 0.0


def _field(text: str, name: str, low: int, high: int) -> frozenset[int]:
    values: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        try:
            first, last = _span(span, low, high, bool(step))
            values |= set(range(first, last + 1, int(step or 1)))
        except ValueError as error:
            raise ValueError(f"the {name} {part!r} is wrong") from error
        if first < low or last > high or first > last:
            raise ValueError(f"the {name} {part!r} is outside {low} to {high}")
    return frozenset(values)


def _span(text: str, low: int, high: int, stepped: bool) -> tuple[int, int]:
    if text == "*":
        return low, high
    first, dash, last = text.partition("-")
    return int(first), int(last) if dash else high if stepped else int(first)
