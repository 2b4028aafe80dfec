"""What a number of conversations can show, before a run and after it.

Called by `planning` (what may be detected) and by `analysis` (how many more would decide). All
numbers are for a two-sided paired t test on cluster means, which the sign flips agree with to
within a few percent. Knows no arm and no scorer.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from archgraph.suites.stats import equivalence, paired

MOST = 1_000_000
"""The most conversations that are asked for."""

CORRELATION = 0.25
"""How alike two arms' right and wrong answers usually are: 0.25 to 0.45 on published LoCoMo grades
(docs/explanation/statistics.md)."""

ICC = 0.005
"""How alike differences within one conversation usually are: 0 to 0.0045 on the same grades."""


def power(effect: float, error: float, df: float, alpha: float = 0.05) -> float:
    """The chance that a two-sided paired t test at `alpha` claims a difference of `effect`.

    By the noncentral t distribution (Cohen 1988, ch. 2). `error` is the standard error.
    """
    from scipy import special

    if not error > 0:
        return 1.0 if effect else 0.0
    bound = float(special.stdtrit(df, 1 - alpha / 2))
    shift = abs(effect) / error
    if shift > bound + 12:
        return 1.0
    above = 1 - float(special.nctdtr(df, shift, bound))
    below = float(special.nctdtr(df, shift, -bound))
    if math.isnan(below):  # what scipy says of a tail that is too far out
        below = 0.0
    return min(1.0, max(0.0, above + below))


def detectable(
    clusters: int,
    cases_per_cluster: float = 1.0,
    *,
    sd: float,
    icc: float = ICC,
    alpha: float = 0.05,
    power: float = 0.8,
) -> float:
    """The smallest difference that a run of this size shows with a chance of `power`.

    NaN where none can be claimed: with 5 conversations the least p of sign flips is 0.0625.

    Args:
        clusters: conversations.
        cases_per_cluster: questions about each, on average.
        sd: the standard deviation of the paired differences of cases; see `paired_sd`.
        icc: how alike differences within one conversation are; of no effect with one case.
        alpha: the risk of a false claim, after a correction for several comparisons.
        power: the chance of seeing it.
    """
    if clusters < 2 or paired.smallest(clusters) > alpha:
        return math.nan
    error = sd * math.sqrt((1 + (cases_per_cluster - 1) * icc) / (clusters * cases_per_cluster))
    return smallest_effect(error, clusters - 1.0, alpha, power)


def smallest_effect(error: float, df: float, alpha: float = 0.05, chance: float = 0.8) -> float:
    """The effect that is claimed with a chance of `chance` at this standard error.

    More than 1, which no difference of scores can be, means that nothing can be shown: NaN.
    """
    from scipy import optimize

    if not (error > 0 and df > 0):
        return math.nan
    found = optimize.brentq(lambda x: power(x * error, error, df, alpha) - chance, 0.0, 1e4)
    effect = float(found) * error
    return effect if effect <= 1 else math.nan


def paired_sd(share: float = 0.5, correlation: float = CORRELATION) -> float:
    """The standard deviation of the difference of two binary scores.

    Both right in about `share` of cases, with `correlation` between them. At 0.5, and for graded
    scores too, it is the largest that this correlation allows.
    """
    return math.sqrt(2 * share * (1 - share) * (1 - correlation))


def needed(
    difference: float,
    error: float,
    clusters: int,
    *,
    alpha: float = 0.05,
    margin: float = 0.05,
    chance: float = 0.8,
) -> int:
    """How many conversations would decide, if they went on as those observed.

    Decided is: the difference is claimed, or equivalence within `margin` is, whichever takes
    fewer, with a chance of `chance`. 0 where nothing can be said (one conversation). More than
    `MOST` is given as `MOST`.
    """
    if clusters < 2 or math.isnan(error):
        return 0
    unit = error * math.sqrt(clusters)

    def decides(count: int) -> bool:
        if paired.smallest(count) > alpha:
            return False
        if unit <= 0:
            return _constant_decides(difference, count, alpha, margin)
        at = unit / math.sqrt(count)
        return bool(
            power(difference, at, count - 1, alpha) >= chance
            or (_unseen_fits(difference, count, alpha, margin)
                and _equivalence_power(difference, at, count - 1, alpha, margin) >= chance)
        )  # fmt: skip

    return _first(decides, clusters + 1)


def _first(decides: Callable[[int], bool], least: int) -> int:
    """The least number from `least` on that decides; doubling, then halving."""
    high = least
    while not decides(high):
        if high >= MOST:
            return MOST
        high = min(MOST, 2 * high)
    low = max(least, high // 2)
    while low < high:
        middle = (low + high) // 2
        if decides(middle):
            high = middle
        else:
            low = middle + 1
    return high


def _equivalence_power(
    effect: float, error: float, df: float, alpha: float, margin: float
) -> float:
    """The chance that both one-sided tests succeed (Phillips 1990), by central t."""
    from scipy import special

    bound = float(special.stdtrit(df, 1 - alpha))
    above = special.stdtr(df, (margin - effect) / error - bound)
    below = special.stdtr(df, (margin + effect) / error - bound)
    return max(0.0, float(above + below - 1))


def _constant_decides(difference: float, count: int, alpha: float, margin: float) -> bool:
    """Whether `count` conversations that are all alike decide, by `intervals.unseen`."""
    size = abs(difference)
    differs = 1 - (alpha / 2) ** (1 / count)
    return size - differs * (1 + size) > 0 or _unseen_fits(difference, count, alpha, margin)


def _unseen_fits(difference: float, count: int, alpha: float, margin: float) -> bool:
    """Whether what `count` conversations may have left unseen is within the margin."""
    size = abs(difference)
    same = 1 - alpha ** (1 / count)
    return count >= equivalence.FLOOR and size + same * (1 - size) <= margin
