"""Where scores vary from: cases, ingests, answers or the judge. Called by `analysis`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from archgraph.suites.stats import clusters as clustering

LEVELS = ("case", "ingest", "answer", "judge")
"""From the outermost to the innermost."""

Numbers = clustering.Numbers


def shares(values: npt.ArrayLike, keys: Mapping[str, npt.ArrayLike]) -> dict[str, float]:
    """The share of each level in the variance; they sum to 1.

    Each level is nested in the one before: ingest seeds in cases, answer seeds in ingests. Levels
    that never have two values within the level above are left out: what they do is then part of
    the level above. Empty where nothing varies, and where every case has one trial. Negative
    components become 0.

    Args:
        values: one score a trial.
        keys: for each of `LEVELS`, the case or the seed of each trial.
    """
    codes, names = _nested(keys)
    if len(names) < 2 or not codes[0].any():
        return {}
    found = np.maximum(components(values, codes), 0.0)
    total = float(found.sum())
    if total <= 1e-15:
        return {}
    return {name: float(each / total) for name, each in zip(names, found, strict=True)}


def components(values: npt.ArrayLike, codes: Sequence[npt.NDArray[np.int64]]) -> Numbers:
    """Variance components of a fully nested random-effects model, by the method of moments.

    Henderson's method I: the sums of squares of every level are set equal to their expectations
    under the sizes that are there, so unbalanced data are no obstacle (Searle, Casella & McCulloch
    1992, Variance Components, ch. 5). For balanced data it is the textbook analysis of variance.
    They may be negative. `codes` name the unit of each trial at each level, outermost first; the
    innermost level need not be one trial, what is below it is then left in it.
    """
    scores = np.asarray(values, dtype=np.float64)
    n = len(scores)
    levels = [np.zeros(n, dtype=np.int64), *codes[:-1], np.arange(n)]
    squares = np.array([_squares(scores, each) for each in levels])
    weights = np.array(
        [[_weight(outer, inner) for inner in levels[1:]] for outer in levels], dtype=np.float64
    )
    found = np.linalg.solve(np.diff(weights, axis=0), np.diff(squares))
    return np.asarray(found, dtype=np.float64)


def _squares(scores: Numbers, codes: npt.NDArray[np.int64]) -> float:
    """The sum over units of size times mean squared."""
    sizes = np.bincount(codes)
    sums = np.bincount(codes, weights=scores)
    there = sizes > 0
    return float((sums[there] ** 2 / sizes[there]).sum())


def _weight(outer: npt.NDArray[np.int64], inner: npt.NDArray[np.int64]) -> float:
    """How often the variance of `inner` units is in the expected `_squares` of `outer` units."""
    most = int(inner.max()) + 1
    pairs, sizes = np.unique(outer * most + inner, return_counts=True)
    whole = np.bincount(outer)
    return float((sizes**2 / whole[pairs // most]).sum())


def _nested(keys: Mapping[str, npt.ArrayLike]) -> tuple[list[npt.NDArray[np.int64]], list[str]]:
    """The codes of the levels that have at least two values somewhere within the one above."""
    _, above = np.unique(np.asarray(keys["case"]), return_inverse=True)
    codes, names = [above.astype(np.int64)], ["case"]
    for name in LEVELS[1:]:
        if name not in keys:
            continue
        _, seed = np.unique(np.asarray(keys[name]), return_inverse=True)
        _, below = np.unique(codes[-1] * (seed.max(initial=0) + 1) + seed, return_inverse=True)
        if below.max(initial=0) > codes[-1].max(initial=0):
            codes.append(below.astype(np.int64))
            names.append(name)
    return codes, names
