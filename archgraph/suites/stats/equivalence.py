"""Are two arms the same within a margin? Two one-sided tests. Called by `analysis`."""

from __future__ import annotations

import math

import numpy.typing as npt

from archgraph.suites.stats import clusters as clustering
from archgraph.suites.stats import intervals


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
