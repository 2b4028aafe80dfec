"""Confidence intervals of a mean of bounded scores and of a paired difference, by cluster.

The defaults were chosen by measuring what covers (docs/explanation/statistics.md). Called by
`analysis` and by benchmarks. Knows no arm and no scorer.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from archgraph.suites import findings
from archgraph.suites.stats import clusters as clustering

Interval = findings.Interval

SCORE = "score interval, CR2 error by conversation, Satterthwaite df"
STUDENT = "t interval, CR2 error by conversation, Satterthwaite df"
CONSTANT = (
    "where all conversations score alike: the exact (Clopper-Pearson) bound from how many there are"
)
ONE = "one conversation: no spread to judge by"
NONE = "no cases"


def mean(values: npt.ArrayLike, clusters: npt.ArrayLike, level: float = 0.95) -> Interval:
    """The mean of scores between 0 and 1.

    Wilson's (1927) score interval with the variance scaled by what was observed: solve
    (m - q)^2 = t^2 error^2 q(1 - q) / (m(1 - m)) for q. It stays within [0, 1] and is asymmetric
    near the ends, where the symmetric one covers too little.
    """
    found = clustering.estimate(values, clusters)
    simple = _simple(found, level, (0.0, 1.0))
    if simple is not None:
        return simple
    centre = found.value
    t = quantile(found.df, level)
    scores = np.asarray(values)
    if scores.min() < 0 or scores.max() > 1:  # a scorer that does not keep to its contract
        return Interval(centre, centre - t * found.error, centre + t * found.error, level, STUDENT)
    spread = t * t * found.error**2 / (centre * (1 - centre))
    middle = (centre + spread / 2) / (1 + spread)
    half = math.sqrt(spread * centre * (1 - centre) + spread**2 / 4) / (1 + spread)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Interval(centre, low, high, level, SCORE)


def difference(values: npt.ArrayLike, clusters: npt.ArrayLike, level: float = 0.95) -> Interval:
    """The mean of paired differences between -1 and 1, one for each case."""
    found = clustering.estimate(values, clusters)
    simple = _simple(found, level, (-1.0, 1.0))
    if simple is not None:
        return simple
    half = quantile(found.df, level) * found.error
    low, high = max(-1.0, found.value - half), min(1.0, found.value + half)
    return Interval(found.value, low, high, level, STUDENT)


def quantile(df: float, level: float) -> float:
    """Student's quantile for a two-sided interval."""
    from scipy import special

    return float(special.stdtrit(df, (1 + level) / 2))


def unseen(count: int, level: float = 0.95) -> float:
    """How large the share of conversations may be that differ, when none of `count` did.

    Clopper & Pearson (1934) at zero. A bounded score whose mean is u above a constant differs
    from it in at least a share u of its range, so the bound holds for graded scores too.
    """
    return float(1 - ((1 - level) / 2) ** (1 / count))


def _simple(
    found: clustering.Estimate, level: float, bounds: tuple[float, float]
) -> Interval | None:
    """The interval where there is nothing to estimate a spread from, else None."""
    if found.clusters < 2:
        why = ONE if found.clusters else NONE
        return Interval(found.value, math.nan, math.nan, level, why)
    if found.error > 0:
        return None
    return alike(found.value, found.clusters, level, bounds)


def alike(
    value: float, count: int, level: float = 0.95, bounds: tuple[float, float] = (-1.0, 1.0)
) -> Interval:
    """The interval of a mean when all `count` conversations have the same score, by `unseen`."""
    centre = min(max(value, bounds[0]), bounds[1])
    share = unseen(count, level)
    low = centre - share * (centre - bounds[0])
    high = centre + share * (bounds[1] - centre)
    return Interval(centre, low, high, level, CONSTANT)


def wilson(share: float, n: float, level: float = 0.95) -> Interval:
    """Wilson's score interval of a share of n independent cases."""
    from scipy import special

    z = float(special.ndtri((1 + level) / 2))
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half), level, "Wilson")


def exact(count: int, n: int, level: float = 0.95) -> Interval:
    """Clopper and Pearson's exact interval of `count` out of `n` independent cases."""
    from scipy import special

    tail = (1 - level) / 2
    low = float(special.betaincinv(count, n - count + 1, tail)) if count else 0.0
    high = float(special.betaincinv(count + 1, n - count, 1 - tail)) if count < n else 1.0
    return Interval(count / n, low, high, level, "Clopper-Pearson")
