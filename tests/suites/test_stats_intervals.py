"""Means, errors and intervals by conversation: against statsmodels and scipy, and by algebra."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from archgraph.suites.stats import bootstrap, clusters, intervals

CLOSE = {"rel": 1e-9, "abs": 1e-12}
SIZES = st.lists(st.integers(1, 6), min_size=2, max_size=12)


def data(sizes: list[int], seed: int, low: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(sizes)), sizes)
    return chance.uniform(low, 1.0, len(codes)), codes


def dense_cr2(values: np.ndarray, codes: np.ndarray) -> tuple[float, float]:
    """CR2 and Satterthwaite's df by the matrices of Bell & McCaffrey, working correlation 1."""
    n, names = len(values), np.unique(codes)
    one = np.ones((n, 1))
    hat = np.eye(n) - one @ one.T / n
    residuals = hat @ values
    meat, columns = 0.0, []
    for name in names:
        here = np.flatnonzero(codes == name)
        block = hat[np.ix_(here, here)]
        value, vector = np.linalg.eigh(block)
        root = np.where(value > 1e-10, 1 / np.sqrt(np.maximum(value, 1e-10)), 0.0)
        adjust = (vector * root) @ vector.T
        weight = adjust @ one[here, 0] / n
        meat += float(weight @ residuals[here]) ** 2
        columns.append(hat[:, here] @ weight)
    alike = (codes[:, None] == codes[None, :]).astype(float)
    full = np.array(columns) @ alike @ np.array(columns).T
    return math.sqrt(meat), float(np.trace(full) ** 2 / np.trace(full @ full))


@given(SIZES, st.integers(0, 1000))
def test_cr2_and_its_degrees_of_freedom_are_those_of_the_matrices(
    sizes: list[int], seed: int
) -> None:
    values, codes = data(sizes, seed)
    error, df = dense_cr2(values, codes)
    found = clusters.estimate(values, codes)
    assert found.error == pytest.approx(error, rel=1e-7)
    assert found.df == pytest.approx(df, rel=1e-7)


@given(SIZES, st.integers(0, 1000))
def test_cr0_and_cr1_are_those_of_statsmodels(sizes: list[int], seed: int) -> None:
    values, codes = data(sizes, seed)
    for small in (True, False):
        fitted = sm.OLS(values, np.ones(len(values))).fit(
            cov_type="cluster", cov_kwds={"groups": codes, "use_correction": small}
        )
        # statsmodels also multiplies by (n - 1)/(n - k), which is 1 for a mean
        found = clusters.robust_error(values, codes, small=small)
        assert found == pytest.approx(float(fitted.bse[0]), **CLOSE)


@given(st.integers(3, 40), st.integers(0, 1000))
def test_one_case_a_conversation_is_the_ordinary_t_interval(count: int, seed: int) -> None:
    values, codes = data([1] * count, seed, -1.0)
    found = intervals.difference(values, codes)
    low, high = scipy.stats.t.interval(
        0.95, count - 1, values.mean(), values.std(ddof=1) / math.sqrt(count)
    )
    assert found.low == pytest.approx(max(-1.0, low), **CLOSE)
    assert found.high == pytest.approx(min(1.0, high), **CLOSE)


def test_equal_conversations_have_one_degree_less_than_their_number() -> None:
    values, codes = data([4] * 9, 1)
    assert clusters.estimate(values, codes).df == pytest.approx(8)


def test_wilson_and_exact_are_those_of_statsmodels() -> None:
    for count in (0, 1, 7, 20):
        wilson = intervals.wilson(count / 20, 20)
        assert (wilson.low, wilson.high) == pytest.approx(
            proportion_confint(count, 20, method="wilson"), **CLOSE
        )
        exact = intervals.exact(count, 20)
        assert (exact.low, exact.high) == pytest.approx(
            proportion_confint(count, 20, method="beta"), **CLOSE
        )


def test_the_score_interval_of_independent_binary_cases_is_nearly_wilsons() -> None:
    """It differs by t for z and by the variance's n - 1, no more."""
    values = np.array([1.0] * 300 + [0.0] * 100)
    found, wilson = intervals.mean(values, np.arange(400)), intervals.wilson(0.75, 400)
    assert found.low == pytest.approx(wilson.low, abs=5e-4)
    assert found.high == pytest.approx(wilson.high, abs=5e-4)


@given(SIZES, st.integers(0, 1000), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_intervals_hold_their_value_and_stay_in_bounds(
    sizes: list[int], seed: int, level: float
) -> None:
    values, codes = data(sizes, seed)
    for scores in (values, np.round(values)):
        mean = intervals.mean(scores, codes, level)
        assert 0 <= mean.low <= mean.value <= mean.high <= 1
        gap = intervals.difference(2 * scores - 1, codes, level)
        assert -1 <= gap.low <= gap.value <= gap.high <= 1


@given(SIZES, st.integers(0, 1000))
def test_order_and_names_of_conversations_mean_nothing(sizes: list[int], seed: int) -> None:
    values, codes = data(sizes, seed)
    order = np.random.default_rng(seed).permutation(len(values))
    names = np.array([f"talk {c * 7 % 13}" for c in codes])
    assert intervals.mean(values, codes) == intervals.mean(values[order], names[order])
    for kind in ("percentile", "bca", "studentized"):
        first = bootstrap.interval(values, codes, kind=kind, draws=99)
        assert first == bootstrap.interval(values[order], names[order], kind=kind, draws=99)


@given(SIZES, st.integers(0, 1000))
def test_swapping_arms_turns_a_difference_round(sizes: list[int], seed: int) -> None:
    values, codes = data(sizes, seed, -1.0)
    one, other = intervals.difference(values, codes), intervals.difference(-values, codes)
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))
    right, wrong = intervals.mean((values + 1) / 2, codes), intervals.mean((1 - values) / 2, codes)
    assert (right.low, right.high) == pytest.approx((1 - wrong.high, 1 - wrong.low))


@given(SIZES, st.integers(0, 1000))
def test_a_higher_level_is_never_narrower(sizes: list[int], seed: int) -> None:
    values, codes = data(sizes, seed)
    for make in (intervals.mean, intervals.difference):
        wide, narrow = make(values, codes, 0.99), make(values, codes, 0.9)
        assert wide.low <= narrow.low <= narrow.high <= wide.high


@pytest.mark.parametrize("score", [0.0, 0.3, 1.0])
def test_scores_that_are_all_alike_leave_what_was_not_seen(score: float) -> None:
    found = intervals.mean(np.full(40, score), np.repeat(np.arange(10), 4))
    none = intervals.exact(0, 10)
    assert found.low == pytest.approx(score * (1 - none.high))
    assert found.high == pytest.approx(score + (1 - score) * none.high)
    assert found.method == intervals.CONSTANT


def test_differences_that_are_all_nought_are_bounded_by_the_number_of_conversations() -> None:
    found = intervals.difference(np.zeros(300), np.repeat(np.arange(30), 10))
    assert found.high == pytest.approx(intervals.exact(0, 30).high)
    assert found.low == -found.high


def test_one_conversation_and_no_case_have_no_interval_but_a_reason() -> None:
    one = intervals.mean([0.0, 1.0], [3, 3])
    assert one.value == 0.5
    assert math.isnan(one.low)
    assert math.isnan(one.high)
    assert one.method == intervals.ONE
    none = intervals.difference([], [])
    assert math.isnan(none.value)
    assert none.method == intervals.NONE


def test_scores_out_of_bounds_are_not_squeezed_into_them() -> None:
    found = intervals.mean([2.0, 3.0, 4.0], [0, 1, 2])
    assert found.low < found.value == 3 < found.high


@pytest.mark.parametrize("kind", ["percentile", "bca"])
def test_the_bootstrap_is_scipys_on_the_same_resamples(kind: str) -> None:
    """Clusters of one size: a cluster bootstrap is scipy's bootstrap of cluster means."""
    values, codes = data([5] * 15, 3)
    means = values.reshape(15, 5).mean(axis=1)
    order = np.argsort(means)  # the canonical order of `clusters.totals`
    theirs = scipy.stats.bootstrap(
        (means[order],), np.mean, n_resamples=4999, rng=np.random.default_rng(5),
        method={"percentile": "percentile", "bca": "BCa"}[kind],
    )  # fmt: skip
    drawn = np.random.default_rng(5).integers(0, 15, (4999, 15))
    counts = np.stack([np.bincount(each, minlength=15) for each in drawn]).astype(float)
    sums, sizes = clusters.totals(values, codes)
    low, high = bootstrap.limits(sums, sizes, counts, 0.95, kind)
    assert low == pytest.approx(theirs.confidence_interval.low, **CLOSE)
    assert high == pytest.approx(theirs.confidence_interval.high, **CLOSE)


def test_the_bootstrap_of_constant_scores_is_a_point_and_warns_of_nothing() -> None:
    for kind in ("percentile", "bca", "studentized"):
        found = bootstrap.interval(np.full(12, 0.5), np.repeat(np.arange(4), 3), kind=kind)
        assert (found.low, found.high) == (0.5, 0.5)
    assert math.isnan(bootstrap.interval([1.0, 0.0], [1, 1]).low)


def test_the_intraclass_correlation_is_that_of_the_analysis_of_variance() -> None:
    values, codes = data([4] * 8, 2)
    table = values.reshape(8, 4)
    high, low = 4 * table.mean(axis=1).var(ddof=1), table.var(axis=1, ddof=1).mean()
    expected = max(0.0, (high - low) / (high + 3 * low))
    assert clusters.icc(values, codes) == pytest.approx(expected)
    assert clusters.icc(np.repeat([0.0, 1.0], 3), np.repeat([0, 1], 3)) == 1.0
    assert math.isnan(clusters.icc([0.0, 1.0], [0, 1]))
    assert math.isnan(clusters.icc([1.0, 1.0, 1.0], [0, 0, 1]))
