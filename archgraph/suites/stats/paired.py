"""Tests of a paired difference: McNemar's, and sign flips by conversation.

Called by `analysis`. Knows no arm and no scorer.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from archgraph.suites.stats import clusters as clustering

DRAWS = 9999
STATES = 1 << 16
"""The most distinct outcomes that are counted exactly; beyond it they are drawn."""

Numbers = clustering.Numbers


def mcnemar(wins: int, losses: int) -> float:
    """McNemar's exact two-sided p: are `wins` and `losses` of discordant cases a fair coin's?

    McNemar (1947), Psychometrika 12(2), with the binomial in the place of chi squared. It takes
    cases for independent: with several cases in a conversation it claims too often.
    """
    from scipy import special

    count = wins + losses
    return min(1.0, 2 * float(special.bdtr(min(wins, losses), count, 0.5))) if count else 1.0


def sign_flip(
    differences: npt.ArrayLike, clusters: npt.ArrayLike, *, draws: int = DRAWS, seed: int = 0
) -> float:
    """Two-sided p of the mean difference when the arms of each whole conversation may be swapped.

    Fisher's randomisation test: if the arms do not differ, swapping them in a conversation changes
    nothing, so each cluster's sum of differences keeps its size and takes either sign. All cases of
    a cluster flip together. Exact where that can be counted, otherwise `draws` seeded draws with
    (b + 1)/(m + 1) (Phipson & Smyth 2010). For binary scores with one case a cluster this is
    McNemar's exact test.
    """
    sums, _ = clustering.totals(differences, clusters)
    return flip_sums(sums, draws=draws, seed=seed)


def flip_sums(sums: Numbers, *, draws: int = DRAWS, seed: int = 0) -> float:
    """`sign_flip` for the sums of clusters."""
    scale = float(np.abs(sums).max(initial=0.0))
    if scale <= 1e-12:
        return 1.0
    sizes = np.round(np.abs(sums) / scale, 10)
    sizes = np.sort(sizes[sizes > 0])
    observed = abs(float((sums / scale).sum())) - 1e-8
    levels, counts = np.unique(sizes, return_counts=True)
    if np.log2(counts + 1.0).sum() <= np.log2(STATES):
        return _counted(levels, counts, observed)
    hits = _drawn(sizes, observed, draws, seed)
    return (hits + 1) / (draws + 1)


def smallest(count: int) -> float:
    """The least p that sign flips of `count` conversations can give: 2 of 2^count."""
    return min(1.0, 2.0 ** (1 - count))


def _counted(levels: Numbers, counts: npt.NDArray[np.int64], observed: float) -> float:
    """The exact share: k of c equal sums are positive with a binomial's chance."""
    from scipy import special

    totals, chances = np.zeros(1), np.ones(1)
    for level, count in zip(levels, counts, strict=True):
        k = np.arange(count + 1)
        chance = special.binom(count, k) * 0.5 ** float(count)
        totals = (totals[:, None] + level * (2 * k - count)).ravel()
        chances = (chances[:, None] * chance).ravel()
    return min(1.0, float(chances[np.abs(totals) >= observed].sum()))


def _drawn(sizes: Numbers, observed: float, draws: int, seed: int) -> int:
    chance = np.random.default_rng(seed)
    hits, left = 0, draws
    rows = max(1, 2_000_000 // len(sizes))
    while left > 0:
        take = min(rows, left)
        signs = chance.integers(0, 2, (take, len(sizes)), dtype=np.int8)
        totals = 2 * (signs.astype(np.float64) @ sizes) - sizes.sum()
        hits += int((np.abs(totals) >= observed).sum())
        left -= take
    return hits
