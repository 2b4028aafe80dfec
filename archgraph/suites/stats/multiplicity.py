"""Several comparisons at once: p values that stay honest. Called by `analysis`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from archgraph.suites.stats import clusters as clustering

Numbers = clustering.Numbers


def holm(values: npt.ArrayLike) -> Numbers:
    """Adjusted p values: the chance of any false claim in the family stays below alpha.

    Holm (1979), Scandinavian Journal of Statistics 6(2). NaN stays NaN and is not counted.
    """
    return _stepped(values, lambda p: np.maximum.accumulate(p * np.arange(len(p), 0, -1)))


def benjamini_hochberg(values: npt.ArrayLike) -> Numbers:
    """Adjusted p values: the expected share of false claims among the claims stays below alpha.

    Benjamini & Hochberg (1995), JRSS B 57(1).
    """

    def step(p: Numbers) -> Numbers:
        raised = p * len(p) / np.arange(1, len(p) + 1)
        return np.asarray(np.minimum.accumulate(raised[::-1])[::-1])

    return _stepped(values, step)


def _stepped(values: npt.ArrayLike, step) -> Numbers:  # type: ignore[no-untyped-def]
    given = np.asarray(values, dtype=np.float64)
    out = np.full(given.shape, np.nan)
    there = np.flatnonzero(~np.isnan(given))
    order = there[np.argsort(given[there], kind="stable")]
    out[order] = np.minimum(1.0, step(given[order]))
    return out
