"""What is to be done: units of work, who has which, and what waits for what.

A unit is one history with some of its questions. A history with few questions is one unit, which
ingests and asks; of a history with many the ingest is a unit of its own, and the questions follow
in portions once it is done. Pure bookkeeping without locks or time; called by `desk`.
"""

from __future__ import annotations

import collections
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from archgraph.suites import plan as plans

PORTION = 25
"""The most questions of one unit."""

_LOOKED = 64
"""Units among which one of the history at hand is looked for."""

BROKEN = "broken"
"""How an ingest ended of which nothing is left to be asked."""

DEATHS = 2
"""A trial or an ingest that so many workers died on is broken."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Work for one worker. Without `ingest` the agent comes from a snapshot.

    With `keep` the snapshot goes to the coordinator; `ends` is how the ingest ended if it did not
    end well, with `reason`: then the questions are not asked but committed as such.
    """

    number: int
    history: plans.History
    trials: tuple[plans.Trial, ...]
    ingest: bool
    keep: bool = False
    ends: str = ""
    reason: str = ""


@dataclass(slots=True)
class _Lease:
    unit: Unit
    until: float
    doing: str = ""


@dataclass(frozen=True, slots=True)
class Casualty:
    """What workers died on too often: a trial, or (without one) the ingest of a history."""

    history: plans.History
    trials: tuple[plans.Trial, ...]


@dataclass(slots=True)
class Board:
    """The open work of a run."""

    waiting: collections.deque[Unit] = field(default_factory=collections.deque)
    later: dict[str, tuple[plans.History, tuple[plans.Trial, ...], int]] = field(
        default_factory=dict
    )
    leases: dict[int, _Lease] = field(default_factory=dict)
    numbers: int = 0
    deaths: collections.Counter[str] = field(default_factory=collections.Counter)

    @classmethod
    def of(
        cls,
        histories: Sequence[plans.History],
        trials: Iterable[plans.Trial],
        ingested: Mapping[str, tuple[str, str, bool]],
        workers: int,
    ) -> Board:
        """Divide the open trials into units, in the order of the plan.

        Args:
            histories: all of the plan.
            trials: those that are open.
            ingested: histories that were ingested before: status, reason, whether there is a
                snapshot.
            workers: how many are expected.
        """
        board = cls()
        of: dict[str, list[plans.Trial]] = {}
        for each in trials:
            of.setdefault(each.history, []).append(each)
        opened = [each for each in histories if each.id in of]
        few = len(opened) < 2 * workers
        for history in opened:
            asked = tuple(of[history.id])
            portion = _portion(len(asked), workers) if few else PORTION
            status, reason, kept = ingested.get(history.id, ("", "", False))
            if status == BROKEN:
                board._add(history, asked, False, ends=status, reason=reason)
            elif kept:
                board._portions(history, asked, portion)
            elif len(asked) <= portion:
                board._add(history, asked, True)
            else:
                board.later[history.id] = (history, asked, portion)
                board._add(history, (), True, keep=True)
        return board

    @property
    def over(self) -> bool:
        """Whether nothing is waiting and nobody is at anything."""
        return not (self.waiting or self.later or self.leases)

    def take(self, until: float, had: str = "") -> Unit | None:
        """A unit for a worker, preferably of the history that it has at hand."""
        if not self.waiting:
            return None
        first = itertools.islice(self.waiting, _LOOKED if had else 0)
        near = next((each for each in first if each.history.id == had), None)
        unit = near or self.waiting[0]
        self.waiting.remove(unit)
        self.leases[unit.number] = _Lease(unit, until)
        return unit

    def busy(self, number: int, until: float, doing: str = "") -> None:
        """Note a sign of life, and the trial that the worker is at."""
        lease = self.leases.get(number)
        if lease is not None:
            lease.until, lease.doing = until, doing or lease.doing

    def committed(self, number: int, trial: str) -> None:
        """A trial of a unit is done; whoever gets the unit after this worker need not ask it."""
        lease = self.leases.get(number)
        if lease is not None:
            left = tuple(each for each in lease.unit.trials if each.id != trial)
            lease.unit, lease.doing = replace(lease.unit, trials=left), ""

    def ingested(self, history: str, ends: str = "", reason: str = "") -> None:
        """Let the questions of a history follow its ingest."""
        if history not in self.later:
            return
        found, asked, portion = self.later.pop(history)
        if ends:
            self._add(found, asked, False, ends=ends, reason=reason)
        else:
            self._portions(found, asked, portion, first=True)

    def finished(self, number: int) -> None:
        """A worker is through with its unit."""
        self.leases.pop(number, None)

    def lost(self, number: int, *, died: bool) -> Casualty | None:
        """Take a unit back whose worker is gone; tell what too many have died on."""
        lease = self.leases.pop(number, None)
        if lease is None:
            return None
        unit, casualty = lease.unit, None
        if died:
            on = lease.doing or unit.history.id
            self.deaths[on] += 1
            if self.deaths[on] >= DEATHS:
                casualty, unit = self._without(unit, lease.doing)
        if unit.trials or (unit.keep and unit.history.id in self.later):
            self.waiting.appendleft(replace(unit, number=self._next()))
        return casualty

    def expired(self, now: float) -> list[int]:
        """Units whose workers gave no sign of life for too long."""
        return [number for number, lease in self.leases.items() if lease.until < now]

    def _without(self, unit: Unit, trial: str) -> tuple[Casualty, Unit]:
        """A unit without what kills its workers."""
        on = tuple(each for each in unit.trials if each.id == trial)
        if on:
            rest = tuple(each for each in unit.trials if each.id != trial)
            return Casualty(unit.history, on), replace(unit, trials=rest)
        _, later, _ = self.later.pop(unit.history.id, (None, (), 0))
        everything = (*unit.trials, *later)
        return Casualty(unit.history, everything), replace(unit, trials=(), keep=False)

    def _portions(
        self,
        history: plans.History,
        asked: tuple[plans.Trial, ...],
        portion: int,
        *,
        first: bool = False,
    ) -> None:
        units = [Unit(self._next(), history, asked[at : at + portion], ingest=False)
                 for at in range(0, len(asked), portion)]  # fmt: skip
        if first:
            self.waiting.extendleft(reversed(units))
        else:
            self.waiting.extend(units)

    def _add(
        self,
        history: plans.History,
        asked: tuple[plans.Trial, ...],
        ingest: bool,
        *,
        keep: bool = False,
        ends: str = "",
        reason: str = "",
    ) -> None:
        self.waiting.append(Unit(self._next(), history, asked, ingest, keep, ends, reason))

    def _next(self) -> int:
        self.numbers += 1
        return self.numbers


def _portion(asked: int, workers: int) -> int:
    """Questions of a unit where there are few histories: small enough to go round."""
    return max(1, min(PORTION, -(-asked // (2 * max(1, workers)))))
