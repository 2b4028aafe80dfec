"""The check of the checker: shuffle the arms' labels and count the claims that remain.

An architecture against itself differs by chance only, and so do two arms whose labels have been
swapped at random. Whatever decides a verdict must then claim a difference rarely. Called by the
A/A test. Knows no arm and no scorer.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from archgraph.suites.stats import intervals, paired


def claims(differences: npt.ArrayLike, clusters: npt.ArrayLike, alpha: float = 0.05,
           *, seed: int = 0) -> bool:  # fmt: skip
    """Whether a difference is claimed: sign flips at `alpha`, and the interval excludes 0."""
    found = intervals.difference(differences, clusters, 1 - alpha)
    apart = found.low > 0 or found.high < 0
    return bool(apart and paired.sign_flip(differences, clusters, seed=seed) <= alpha)


def false_claims(
    differences: npt.ArrayLike,
    clusters: npt.ArrayLike,
    *,
    by: Literal["cluster", "case"] = "cluster",
    times: int = 1000,
    alpha: float = 0.05,
    seed: int = 0,
) -> float:
    """The share of claims among `times` random swaps of the two arms' labels.

    Args:
        differences: one for each case, of recorded trials of two arms.
        clusters: the conversation of each case.
        by: swap whole conversations, which keeps what their cases have in common, or each case.
        times: how many permutations.
        alpha: the level of each claim.
        seed: of the permutations.
    """
    values = np.asarray(differences, dtype=np.float64)
    _, codes = np.unique(np.asarray(clusters), return_inverse=True)
    units = codes if by == "cluster" else np.arange(len(values))
    chance = np.random.default_rng(seed)
    count = int(units.max(initial=-1)) + 1
    hits = 0
    for _ in range(times):
        signs = 2.0 * chance.integers(0, 2, count) - 1
        hits += claims(values * signs[units], codes, alpha, seed=seed)
    return hits / times
