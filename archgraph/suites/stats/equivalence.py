"""Are two arms the same within a margin? Two one-sided tests. Called by `analysis`.

What is claimed is by `cautious` and `interval`, from `FLOOR` conversations on: a rare conversation
with a large difference may not be among few, and then their spread says nothing of it.
"""

from __future__ import annotations

import math

import numpy.typing as npt

from archgraph.suites import findings
from archgraph.suites.stats import clusters as clustering
from archgraph.suites.stats import intervals

FLOOR = 10
"""Conversations below which no equivalence is claimed (docs/explanation/statistics.md)."""


def cautious(differences: npt.ArrayLike, clusters: npt.ArrayLike, margin: float) -> float:
    """The p of `tost`, or of the bound for conversations that all score alike where it is larger.

    At most alpha exactly where `interval` at the level 1 - 2 alpha lies within the margin.
    """
    found = clustering.estimate(differences, clusters)
    if found.clusters < 2:
        return math.nan
    return max(tost(differences, clusters, margin), _constant(found, margin - abs(found.value)))


def interval(
    differences: npt.ArrayLike, clusters: npt.ArrayLike, level: float = 0.9
) -> findings.Interval:
    """The wider of the t interval and the bound for conversations that all score alike."""
    found = intervals.difference(differences, clusters, level)
    if math.isnan(found.low):
        return found
    count = clustering.estimate(differences, clusters).clusters
    other = intervals.alike(found.value, count, level)
    low, high = min(found.low, other.low), max(found.high, other.high)
    named = found.method if (low, high) == (found.low, found.high) else other.method
    return findings.Interval(found.value, low, high, level, named)


def tost(differences: npt.ArrayLike, clusters: npt.ArrayLike, margin: float) -> float:
    """The p of the claim that the mean difference lies within +-margin.

    The larger p of two one-sided t tests (Schuirmann 1987, J. Pharmacokinetics and
    Biopharmaceutics 15(6)) with the cluster-robust error; at most alpha exactly where the
    interval of level 1 - 2 alpha lies within the margin. NaN with one conversation.
    """
    from scipy import special

    found = clustering.estimate(differences, clusters)
    if found.clusters < 2:
        return math.nan
    room = margin - abs(found.value)
    if found.error <= 0:
        return _constant(found, room)
    return float(special.stdtr(found.df, -room / found.error))


def equivalent(
    differences: npt.ArrayLike, clusters: npt.ArrayLike, margin: float, alpha: float = 0.05
) -> bool:
    """Whether the interval of level 1 - 2 alpha lies within +-margin."""
    found = intervals.difference(differences, clusters, 1 - 2 * alpha)
    return bool(found.low >= -margin and found.high <= margin)


def _constant(found: clustering.Estimate, room: float) -> float:
    """All conversations alike: alpha at which `intervals.difference` just touches the margin."""
    if room <= 0:
        return 1.0
    if abs(found.value) >= 1:
        return 0.0
    share = min(1.0, room / (1 - abs(found.value)))
    return float((1 - share) ** found.clusters)
