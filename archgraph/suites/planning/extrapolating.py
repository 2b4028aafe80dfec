"""From a few measured cases to a total over all, with an interval. Pure arithmetic.

Called by `estimate`. Knows no model, no arm and no file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_T = (63.66, 9.925, 5.841, 4.604, 4.032, 3.707, 3.499, 3.355, 3.250, 3.169, 3.106, 3.055, 3.012,
      2.977, 2.947, 2.921, 2.898, 2.878, 2.861, 2.845)  # fmt: skip
"""The 99.5 % points of Student's t for 1 to 20 degrees of freedom (any table). 99 % intervals are
taken, because a few cases hide how skewed tokens are: 95 of 100 totals shall lie inside."""
_T_MANY = 2.8

SLACK = 0.05
"""The least half width of an interval, as a share of its value: the cases that were measured may
be alike, and the others not."""

UNSEEN = 0.5
"""What cases of a kind that was not measured may take more than expected, as a share of what the
dearest measured one did. Of n measured cases none may be of a kind that 3 in n are (the rule of
three, Hanley and Lippman-Hand 1983). Chosen so that simulated runs with rare, dear cases lie inside
in 95 of 100 (tests/suites/test_estimate.py)."""

EXPLAINED = 0.5
"""The share of variance from which on a line through history sizes is believed."""


ALIKE = 0.01
"""The least half width where something was drawn that the pilot cannot have seen, as faults and
further seeds are, as a share of the value. A guess, and small: it only keeps an interval from being
a point."""


@dataclass(frozen=True, slots=True)
class Range:
    """An estimate and the interval that it lies in."""

    value: float
    low: float
    high: float

    def __add__(self, other: Range) -> Range:
        return Range(self.value + other.value, self.low + other.low, self.high + other.high)

    def times(self, factor: float) -> Range:
        """Every number multiplied."""
        return Range(self.value * factor, self.low * factor, self.high * factor)

    def widened(self, factor: float) -> Range:
        """The interval made wider by a factor on both sides."""
        return Range(self.value, self.low / factor, self.high * factor)

    def clipped(self, bounds: Range) -> Range:
        """The interval cut at bounds; a bound that the value, which was seen, passes is none."""
        low = max(self.low, bounds.low) if bounds.low <= self.value else self.low
        high = min(self.high, bounds.high) if bounds.high >= self.value else self.high
        return Range(self.value, low, high)

    def within(self, bounds: Range) -> Range:
        """The interval cut at bounds that hold in any case."""
        low = min(max(self.low, bounds.low), bounds.high)
        high = max(min(self.high, bounds.high), bounds.low)
        return Range(min(max(self.value, low), high), low, high)


NOTHING = Range(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Unit:
    """A case, or a history: its size, its stratum, and what was measured, None if it was not."""

    size: float
    stratum: str
    measured: float | None = None


@dataclass(frozen=True, slots=True)
class Noise:
    """How far repeats of one unit lie apart.

    `pairs` are units that were measured twice. `rate` is the share of calls that go wrong and
    `calls` how many a unit makes on average: a call that goes wrong is made again or is the last,
    so that their number varies at least as of so many coins, by `sqrt(rate (1 - rate) / calls)` of
    itself; tokens follow calls.
    """

    pairs: Sequence[tuple[float, float]] = ()
    rate: float = 0.0
    calls: float = 0.0

    def error(self, known: Sequence[Unit]) -> float:
        """A bound on the error of one repeat that stands for another."""
        if not known:
            return 0.0
        mean = sum(each.measured or 0.0 for each in known) / len(known)
        least = mean * math.sqrt(self.rate * (1 - self.rate) / max(1.0, self.calls))
        if not self.pairs:
            return _T_MANY * least
        # two draws of one variance: half their squared difference is an unbiased estimate of it
        seen = math.sqrt(sum((a - b) ** 2 for a, b in self.pairs) / (2 * len(self.pairs)))
        return max(_T_MANY * least, _quantile(len(self.pairs)) * seen)


# Public functions


def total(units: Sequence[Unit]) -> Range:
    """The sum over all units, those that were not measured by what the others showed.

    A line through sizes is taken where sizes explain what was measured, as for an arm that sends
    the whole history; else the mean of each stratum. With one measured unit of several the
    interval reaches from a quarter to four times: nothing is known of the spread.
    """
    known = [each for each in units if each.measured is not None]
    done = sum(each.measured or 0.0 for each in known)
    rest = [each for each in units if each.measured is None]
    if not known or not rest:
        return Range(done, done, done)
    fit = _fitted(known)
    value = done + sum(max(0.0, fit.at(each)) for each in rest)
    if fit.freedom < 1:
        return Range(value, done + (value - done) / 4, done + (value - done) * 4)
    # each prediction errs by its own spread, and all of them together by that of the fit
    error = fit.spread * math.sqrt(len(rest) + len(rest) ** 2 / len(known))
    half = max(_quantile(fit.freedom) * error, SLACK * (value - done))
    more = UNSEEN * min(1.0, 3 / len(known)) * len(rest) * fit.dearest
    return Range(value, max(done, value - half), value + half + more)


def repeated(units: Sequence[Unit], times: int, noise: Noise, *, drawn: bool = False) -> Range:
    """The sum over all units, each done several times with other seeds.

    What was measured of a unit once stands for its other repeats, too, so that it errs by the
    spread between repeats: with n units done R times by `sqrt(n R (R - 1))` of it, because the
    R n draws of the run are predicted by n draws, each counted R times, which are among them.

    Args:
        units: as for `total`; what was measured twice, as its mean.
        times: repeats in the run.
        noise: what is known of the spread between repeats.
        drawn: chance is in the run that the pilot did not see, even without repeats.
    """
    found = total(units).times(times)
    known = [each for each in units if each.measured is not None]
    half = noise.error(known) * math.sqrt(times * (times - 1) * len(known))
    if times > 1 or drawn:
        half = max(half, ALIKE * found.value)
    return Range(found.value, max(0.0, found.low - half), found.high + half)


def spaced(count: int, wanted: int) -> list[int]:
    """At most `wanted` of the numbers below `count`, evenly spaced, both ends among them."""
    if count <= wanted:
        return list(range(count))
    if wanted == 1:
        return [count // 2]
    return sorted({round(place * (count - 1) / (wanted - 1)) for place in range(wanted)})


# Private functions


@dataclass(frozen=True, slots=True)
class _Fit:
    """What was measured, put as a line through sizes or as the mean of each stratum.

    `spread` is around it, `dearest` how far the dearest unit lies above it.
    """

    start: float
    slope: float
    means: Mapping[str, float]
    spread: float
    dearest: float
    freedom: int

    def at(self, unit: Unit) -> float:
        """What a unit takes by it."""
        return self.means.get(unit.stratum, self.start) + self.slope * unit.size


def _fitted(known: Sequence[Unit]) -> _Fit:
    line = _line(known)
    if line is not None:
        return line
    values = [each.measured or 0.0 for each in known]
    mean = sum(values) / len(values)
    spread = math.sqrt(sum((v - mean) ** 2 for v in values) / max(1, len(values) - 1))
    strata: dict[str, list[float]] = {}
    for each in known:
        strata.setdefault(each.stratum, []).append(each.measured or 0.0)
    means = {stratum: sum(found) / len(found) for stratum, found in strata.items()}
    return _Fit(mean, 0.0, means, spread, max(values) - mean, len(values) - 1)


def _line(known: Sequence[Unit]) -> _Fit | None:
    """A line through at least four units, if sizes explain enough."""
    count = len(known)
    if count < 4 or len({each.size for each in known}) < 3:
        return None
    x = [each.size for each in known]
    y = [each.measured or 0.0 for each in known]
    mean_x, mean_y = sum(x) / count, sum(y) / count
    square = sum((a - mean_x) ** 2 for a in x)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / square
    start = mean_y - slope * mean_x
    left = [b - start - slope * a for a, b in zip(x, y, strict=True)]
    error, whole = sum(each**2 for each in left), sum((b - mean_y) ** 2 for b in y)
    if whole == 0 or 1 - error / whole < EXPLAINED:
        return None
    return _Fit(start, slope, {}, math.sqrt(error / (count - 2)), max(left), count - 2)


def _quantile(freedom: int) -> float:
    return _T[freedom - 1] if freedom <= len(_T) else _T_MANY
