"""The mean of scores that are not independent, and its standard error.

Cases of one conversation share a history, so the conversation is what was drawn at random. Called
by the other files here. Knows no arm and no scorer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over cases with its cluster-robust standard error and degrees of freedom.

    `error` and `df` are NaN where there is one cluster; `error` is 0 where no cluster differs.
    """

    value: float
    error: float
    df: float
    n: int
    clusters: int


def totals(values: npt.ArrayLike, clusters: npt.ArrayLike) -> tuple[Numbers, Numbers]:
    """The sum of the values and the number of values in each cluster, in a canonical order.

    The order depends on what is in a cluster only, not on its name or place, so that whatever is
    computed from it by resampling is the same for any order of cases.
    """
    scores = np.asarray(values, dtype=np.float64)
    _, codes = np.unique(np.asarray(clusters), return_inverse=True)
    order = np.lexsort((scores, codes))
    sums = np.asarray(np.bincount(codes[order], weights=scores[order]), dtype=np.float64)
    sizes = np.bincount(codes).astype(np.float64)
    by = np.lexsort((sizes, sums))
    return sums[by], sizes[by]


def estimate(values: npt.ArrayLike, clusters: npt.ArrayLike) -> Estimate:
    """The mean with its CR2 standard error and Satterthwaite degrees of freedom.

    CR2 is the bias-reduced linearisation of Bell & McCaffrey (2002), Survey Methodology 28(2); for
    a mean it has a closed form. Degrees of freedom as in Imbens & Kolesár (2016), REStat 98(4),
    with cases of one cluster taken as alike (working correlation 1): of the choices measured in
    docs/explanation/statistics.md it is the one that still covers with ten unequal clusters. With
    one case in each cluster it is the ordinary mean, s/sqrt(n) and n - 1.
    """
    sums, sizes = totals(values, clusters)
    count, n = len(sums), int(sizes.sum())
    if not count:
        return Estimate(math.nan, math.nan, math.nan, 0, 0)
    mean = float(sums.sum() / n)
    if count == 1:
        return Estimate(mean, math.nan, math.nan, n, 1)
    return Estimate(mean, _cr2(sums, sizes, mean), _satterthwaite(sizes), n, count)


def _cr2(sums: Numbers, sizes: Numbers, mean: float) -> float:
    n = sizes.sum()
    residuals = sums - sizes * mean
    if np.all(np.abs(residuals) <= 1e-12 * np.maximum(1.0, sizes)):
        return 0.0
    return float(np.sqrt((residuals**2 / (1 - sizes / n)).sum()) / n)


def _satterthwaite(sizes: Numbers) -> float:
    """(trace B)^2 / trace(B^2), B the covariance of the adjusted cluster residual sums."""
    n = sizes.sum()
    adjust = 1 / np.sqrt(1 - sizes / n)
    spread = sizes**2  # the variance of a cluster's sum where its cases are alike
    total = spread.sum()
    own, share = adjust * spread, adjust * sizes
    # B = diag(d) - (own share' + share own')/n + share share' total/n^2
    d = adjust**2 * spread
    trace = (d - 2 * own * share / n + share**2 * total / n**2).sum()
    oo, os, ss = own @ own, own @ share, share @ share
    square = (
        d @ d
        + 2 * (oo * ss + os**2) / n**2
        + (total / n**2 * ss) ** 2
        - 4 * (d * own) @ share / n
        + 2 * total / n**2 * (d * share) @ share
        - 4 * total / n**3 * os * ss
    )
    return float(trace**2 / square)


def robust_error(values: npt.ArrayLike, clusters: npt.ArrayLike, *, small: bool = True) -> float:
    """The plain cluster-robust standard error of a mean, for comparison with other software.

    CR1 with `small` (the factor G/(G-1), Stata's and statsmodels'), CR0 without (Liang & Zeger).
    """
    sums, sizes = totals(values, clusters)
    count, n = len(sums), sizes.sum()
    if count < 2:
        return math.nan
    residuals = sums - sizes * (sums.sum() / n)
    factor = count / (count - 1) if small else 1.0
    return float(np.sqrt(factor * (residuals**2).sum()) / n)


def icc(values: npt.ArrayLike, clusters: npt.ArrayLike) -> float:
    """The intraclass correlation by one-way analysis of variance, not below 0.

    NaN where every cluster has one case, or all cases are equal. Donner (1986), International
    Statistical Review 54(1).
    """
    scores = np.asarray(values, dtype=np.float64)
    sums, sizes = totals(scores, clusters)
    count, n = len(sums), sizes.sum()
    if count < 2 or n <= count:
        return math.nan
    mean = sums.sum() / n
    squares = float((scores**2).sum())
    between = float((sums**2 / sizes).sum() - n * mean**2)
    within = max(0.0, squares - float((sums**2 / sizes).sum()))
    usual = (n - (sizes**2).sum() / n) / (count - 1)
    high, low = between / (count - 1), within / (n - count)
    below = high + (usual - 1) * low
    return max(0.0, (high - low) / below) if below > 1e-15 else math.nan


def means_of(values: npt.ArrayLike, keys: npt.ArrayLike, count: int) -> Any:
    """The mean of the values of each key 0..count-1, NaN where it has none."""
    codes = np.asarray(keys)
    number = np.bincount(codes, minlength=count)
    total = np.bincount(codes, weights=np.asarray(values, dtype=np.float64), minlength=count)
    return np.divide(total, number, out=np.full(count, np.nan), where=number > 0)
