"""The only door for time and chance.

Every module that needs the time, an id or a random draw asks here, so that a virtual clock and a
seed make a run repeatable to the byte. Knows nothing of agents.
"""

from __future__ import annotations

import hashlib
import random
import time
from datetime import UTC, datetime
from typing import Protocol

Dice = random.Random
"""What `derive_random` makes, for those who pass it on."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WEEKDAYS = frozenset({"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"})


class Clock(Protocol):
    """Tells the agent's time, in seconds since 1970 (UTC)."""

    virtual: bool

    def now(self) -> float:
        """The agent's present time in seconds since 1970."""

    def sleep(self, seconds: float) -> None:
        """Let `seconds` of the agent's time pass."""


class WallClock:
    """The machine's own time."""

    virtual = False

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Block for `seconds`."""
        time.sleep(max(0.0, seconds))


class VirtualClock:
    """A clock that moves only when it is told to; it never runs backwards."""

    virtual = True

    def __init__(self, now: float = 0.0) -> None:
        self._now = float(now)

    def now(self) -> float:
        """Seconds since 1970."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Advance by `seconds` at once."""
        self._now += max(0.0, seconds)

    def advance_to(self, moment: float) -> None:
        """Move to `moment` if it lies ahead."""
        self._now = max(self._now, float(moment))


def elapsed() -> float:
    """A reading of the machine's monotonic clock in seconds, for durations only."""
    return time.perf_counter()


def pause(seconds: float) -> None:
    """Block this process for `seconds` of real time (a provider asked us to wait)."""
    time.sleep(max(0.0, seconds))


def stamp(moment: float) -> str:
    """A moment as people and models read it: `2023-05-08 13:56:00 Mon`, UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S %a")


def parse_moment(text: str) -> float:
    """Seconds since 1970 of an ISO 8601 date or date-time (UTC unless it says otherwise).

    A weekday behind it, as `stamp` writes one, may stand there.

    Raises:
        ValueError: the text is not a date.
    """
    date, _, last = text.strip().rpartition(" ")
    moment = datetime.fromisoformat(date if last in _WEEKDAYS else text.strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def later(moment: str | float, wait: str) -> str:
    """The stamp of a moment so long after another; `-2d` is two days before.

    Args:
        moment: a date or date-time as `parse_moment` takes it, or seconds since 1970.
        wait: a whole number and `s`, `m`, `h` or `d`.

    Raises:
        ValueError: one of them is not what it should be.
    """
    unit = _UNITS.get(wait[-1:], 0)
    if not unit:
        raise ValueError(f"{wait!r} is not a time such as 30s, 10m, 2h or 1d")
    begun = parse_moment(moment) if isinstance(moment, str) else moment
    return stamp(begun + int(wait[:-1]) * unit)


def new_seed() -> int:
    """A fresh seed for an agent that was given none."""
    return random.SystemRandom().getrandbits(48)


def derive_id(seed: int, version: int, ordinal: int, prefix: str = "") -> str:
    """An id that depends on nothing but the agent's seed, the commit and the ordinal in it."""
    digest = hashlib.blake2b(f"{seed}/{version}/{ordinal}".encode(), digest_size=8).hexdigest()
    return f"{prefix}{digest}"


def derive_random(seed: int, version: int, ordinal: int) -> random.Random:
    """A random generator that depends on nothing but seed, commit and ordinal."""
    return random.Random(f"{seed}/{version}/{ordinal}")
