"""How far a run is: what the command line draws while it waits."""

from __future__ import annotations

import collections
from dataclasses import dataclass, field

_WINDOW = 30.0
"""Seconds over which the rate is taken."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A run at a moment.

    `done` counts all trials that are over, `failed`, `cut` and `broken` among them; `before` those
    that an earlier session did. `calls` and `cost` (US dollars) are what was bought so far. `rate`
    is trials per second, `left` seconds until the end at this rate (None while nobody knows).
    `arms` are those that workers are at.
    """

    total: int
    done: int
    before: int
    failed: int
    cut: int
    broken: int
    calls: int
    cost: float
    elapsed: float
    rate: float
    left: float | None
    workers: int
    arms: tuple[str, ...]


@dataclass(slots=True)
class Pace:
    """Takes the rate from what was done lately."""

    seen: collections.deque[tuple[float, int]] = field(default_factory=collections.deque)

    def rate(self, now: float, done: int) -> float:
        """Trials per second."""
        self.seen.append((now, done))
        while len(self.seen) > 2 and now - self.seen[0][0] > _WINDOW:
            self.seen.popleft()
        since, before = self.seen[0]
        return (done - before) / (now - since) if now > since else 0.0
