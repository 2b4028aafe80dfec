"""Power, variance components, fronts and quantiles: against statsmodels, simulation and hand."""

from __future__ import annotations

import itertools
import math

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats import power as theirs

from archgraph.suites.stats import intervals, paired, power, summary, variance


@given(st.floats(0.01, 1.5), st.integers(3, 300), st.sampled_from([0.01, 0.05, 0.1]))
def test_power_is_statsmodels(effect: float, count: int, alpha: float) -> None:
    error = 1 / math.sqrt(count)
    expected = theirs.TTestPower().power(effect, count, alpha)
    hypothesis.assume(not math.isnan(expected))  # scipy has no far tails
    assert power.power(effect, error, count - 1, alpha) == pytest.approx(expected, abs=1e-9)


def test_what_is_detectable_has_the_power_that_was_asked_for() -> None:
    for count in (10, 50, 500):
        effect = power.detectable(count, 1, sd=0.5, power=0.8)
        assert power.power(effect, 0.5 / math.sqrt(count), count - 1) == pytest.approx(0.8)
        solved = theirs.TTestPower().solve_power(None, nobs=count, alpha=0.05, power=0.8)
        assert effect == pytest.approx(0.5 * solved, rel=1e-6)


def test_what_is_detectable_is_detected_in_simulation() -> None:
    chance = np.random.default_rng(1)
    effect = power.detectable(40, 5, sd=0.5, icc=0.2)
    codes, hits = np.repeat(np.arange(40), 5), 0
    for _ in range(400):
        shared = chance.normal(0, 0.5 * math.sqrt(0.2), 40)[codes]
        gaps = effect + shared + chance.normal(0, 0.5 * math.sqrt(0.8), 200)
        hits += paired.sign_flip(gaps, codes, draws=499) <= 0.05
    assert hits / 400 == pytest.approx(0.8, abs=0.07)


@given(st.integers(6, 400), st.integers(1, 50), st.floats(0.1, 0.6), st.floats(0, 0.5))
def test_more_conversations_show_smaller_differences(
    count: int, cases: int, sd: float, icc: float
) -> None:
    few = power.detectable(count, cases, sd=sd, icc=icc)
    many = power.detectable(2 * count, cases, sd=sd, icc=icc)
    alike = power.detectable(count, cases, sd=sd, icc=min(1.0, icc + 0.3))
    assert math.isnan(few) or many < few <= 1
    assert cases == 1 or math.isnan(alike) or few < alike


def test_five_conversations_can_show_nothing() -> None:
    assert math.isnan(power.detectable(5, 1000, sd=0.1))
    assert not math.isnan(power.detectable(6, 1000, sd=0.1))


def test_ten_conversations_of_locomo_show_what_published_grades_say() -> None:
    """153 questions each; a paired error of 1.35 points was measured on published grades."""
    found = power.detectable(10, 153, sd=power.paired_sd(0.75))
    assert 0.035 < found < 0.075


def test_the_deviation_of_a_binary_difference_follows_from_its_table() -> None:
    right, correlation = 0.7, 0.4
    both = right**2 + correlation * right * (1 - right)
    discordant = 2 * (right - both)
    assert power.paired_sd(right, correlation) == pytest.approx(math.sqrt(discordant))


def test_needed_is_the_least_number_that_decides() -> None:
    found = power.needed(0.1, 0.1, 20)
    at = 0.1 * math.sqrt(20)
    assert power.power(0.1, at / math.sqrt(found), found - 1) >= 0.8
    assert power.power(0.1, at / math.sqrt(found - 1), found - 2) < 0.8


@given(st.floats(-0.5, 0.5), st.floats(0.001, 0.3), st.integers(2, 200))
def test_needed_is_more_than_there_are_and_the_same_for_either_side(
    gap: float, error: float, count: int
) -> None:
    found = power.needed(gap, error, count)
    assert count < found <= power.MOST
    assert found == power.needed(-gap, error, count)


def test_needed_may_be_for_equivalence() -> None:
    """A difference of a tenth of a point would take ever so many conversations to claim."""
    found = power.needed(0.001, 0.03, 20, margin=0.05)
    assert 20 < found < 100
    assert power.needed(0.001, 0.03, 20, margin=0.0) > 10_000


def test_equal_arms_need_conversations_for_equivalence() -> None:
    found = power.needed(0.0, 0.0, 10, margin=0.05)
    assert intervals.difference(np.zeros(found), np.arange(found), 0.9).high <= 0.05
    assert intervals.difference(np.zeros(found - 1), np.arange(found - 1), 0.9).high > 0.05
    assert power.needed(0.0, 0.1, 10, margin=0.0) == power.MOST
    assert power.needed(0.1, math.nan, 1) == 0


def balanced(cases: int, ingests: int, answers: int, seed: int = 0) -> tuple[np.ndarray, dict]:
    chance = np.random.default_rng(seed)
    shape = (cases, ingests, answers)
    scores = (
        chance.normal(0, 3, (cases, 1, 1))
        + chance.normal(0, 2, (cases, ingests, 1))
        + chance.normal(0, 1, shape)
    )
    case, ingest, answer = np.indices(shape)
    keys = {"case": case.ravel(), "ingest": ingest.ravel(), "answer": answer.ravel(),
            "judge": np.zeros(scores.size)}  # fmt: skip
    return scores.ravel(), keys


def test_balanced_components_are_the_textbooks() -> None:
    scores, keys = balanced(30, 4, 3)
    table = scores.reshape(30, 4, 3)
    low = table.var(axis=2, ddof=1).mean()
    middle = 3 * table.mean(axis=2).var(axis=1, ddof=1).mean()
    high = 12 * table.mean(axis=(1, 2)).var(ddof=1)
    expected = np.array([(high - middle) / 12, (middle - low) / 3, low])
    found = variance.shares(scores, keys)
    assert list(found) == ["case", "ingest", "answer"]
    assert list(found.values()) == pytest.approx(expected / expected.sum(), rel=1e-9)


def test_true_shares_come_out_of_much_data() -> None:
    found = variance.shares(*balanced(2000, 3, 2))
    assert list(found.values()) == pytest.approx([9 / 14, 4 / 14, 1 / 14], abs=0.03)


def test_unbalanced_expectations_are_those_of_the_matrices() -> None:
    """E[y' Q y] = trace(Q V) for each sum of squares, with V of known components."""
    chance = np.random.default_rng(3)
    case = np.sort(chance.integers(0, 5, 24))
    ingest = case * 3 + chance.integers(0, 3, 24)
    levels = [np.zeros(24, int), case, ingest, np.arange(24)]
    truth = np.array([2.0, 0.7, 0.3])

    def project(codes: np.ndarray) -> np.ndarray:
        same = (codes[:, None] == codes[None, :]).astype(float)
        return same / same.sum(axis=1, keepdims=True)

    whole = sum(t * (c[:, None] == c[None, :]) for t, c in zip(truth, levels[1:], strict=True))
    expected = [np.trace((project(b) - project(a)) @ whole)
                for a, b in itertools.pairwise(levels)]  # fmt: skip
    weights = np.array([[variance._weight(o, i) for i in levels[1:]] for o in levels])
    assert np.diff(weights, axis=0) @ truth == pytest.approx(expected)


@given(st.integers(0, 500))
def test_shares_sum_to_one_and_are_never_negative(seed: int) -> None:
    chance = np.random.default_rng(seed)
    scores, keys = balanced(6, 3, 2, seed)
    kept = chance.random(len(scores)) < 0.7
    found = variance.shares(
        np.round(chance.random(kept.sum())), {name: each[kept] for name, each in keys.items()}
    )
    if found:
        assert sum(found.values()) == pytest.approx(1)
        assert min(found.values()) >= 0


def test_what_does_not_vary_has_no_shares() -> None:
    scores, keys = balanced(6, 1, 1)
    assert variance.shares(scores, keys) == {}
    scores, keys = balanced(1, 3, 2)
    assert variance.shares(scores, keys) == {}
    _, keys = balanced(6, 3, 1)
    assert variance.shares(np.ones(18), keys) == {}


def test_the_front_is_what_nothing_beats() -> None:
    costs, scores = [1.0, 2.0, 2.0, 3.0, math.nan], [0.5, 0.7, 0.6, 0.7, 1.0]
    assert summary.front(costs, scores) == [True, True, False, False, False]
    assert summary.front([1.0, 1.0], [0.5, 0.5]) == [True, True]
    assert summary.front([], []) == []


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_someone_is_always_on_the_front(points: list[tuple[int, int]]) -> None:
    costs, scores = [float(c) for c, _ in points], [float(s) for _, s in points]
    best = summary.front(costs, scores)
    for mine, (cost, score) in zip(best, points, strict=True):
        beaten = any(c <= cost and s >= score and (c, s) != (cost, score) for c, s in points)
        assert mine == (not beaten)


def test_quantiles_of_nothing_are_nothing() -> None:
    assert summary.quantiles([1.0, 2.0, 3.0]) == pytest.approx((2.0, 2.9))
    assert all(math.isnan(each) for each in summary.quantiles([]))
