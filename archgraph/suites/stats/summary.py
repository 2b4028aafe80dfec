"""Quantiles, and which arms no other arm beats on both cost and score. Called by `analysis`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def quantiles(values: npt.ArrayLike) -> tuple[float, float]:
    """Median and 95th percentile, NaN of nothing."""
    data = np.asarray(values, dtype=np.float64)
    if not len(data):
        return float("nan"), float("nan")
    middle, high = np.quantile(data, [0.5, 0.95])
    return float(middle), float(high)


def front(costs: Sequence[float], scores: Sequence[float]) -> list[bool]:
    """Which points no other point beats: none is as good in both and better in one.

    A point with a NaN is on no front and beats nobody.
    """
    cost, score = np.asarray(costs, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    known = ~(np.isnan(cost) | np.isnan(score))
    cheaper = cost[None, :] <= cost[:, None]
    better = score[None, :] >= score[:, None]
    strict = (cost[None, :] < cost[:, None]) | (score[None, :] > score[:, None])
    beaten = (cheaper & better & strict & known[None, :]).any(axis=1)
    return [bool(each) for each in known & ~beaten]
