"""Paired tests, several at once, equivalence: against scipy and statsmodels, and by algebra."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats import contingency_tables, multitest, weightstats

from archgraph.suites.stats import equivalence, intervals, labels, multiplicity, paired

CLOSE = {"rel": 1e-9, "abs": 1e-12}
CHANCES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_scipys_and_statsmodels(wins: int, losses: int) -> None:
    found = paired.mcnemar(wins, losses)
    if wins + losses:
        assert found == pytest.approx(scipy.stats.binomtest(wins, wins + losses).pvalue, **CLOSE)
    table = [[5, wins], [losses, 9]]
    assert found == pytest.approx(
        min(1.0, contingency_tables.mcnemar(table, exact=True).pvalue), **CLOSE
    )


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=200))
def test_sign_flips_of_binary_scores_are_mcnemars_test(gaps: list[float]) -> None:
    found = paired.sign_flip(gaps, np.arange(len(gaps)))
    assert found == pytest.approx(paired.mcnemar(gaps.count(1.0), gaps.count(-1.0)), **CLOSE)


def scipy_flips(sums: np.ndarray) -> float:
    """scipy's exact permutation test of pairs; it swaps the two halves of each."""
    found = scipy.stats.permutation_test(
        (sums, np.zeros_like(sums)), lambda x, y, axis: np.abs((x - y).sum(axis=axis)),
        permutation_type="samples", n_resamples=np.inf, alternative="greater", vectorized=True,
    )  # fmt: skip
    return float(found.pvalue)


@pytest.mark.parametrize("seed", range(5))
def test_exact_sign_flips_are_scipys(seed: int) -> None:
    gaps = np.random.default_rng(seed).normal(0.3, 1.0, 11)
    assert paired.sign_flip(gaps, np.arange(11)) == pytest.approx(scipy_flips(gaps), **CLOSE)


@pytest.mark.parametrize("seed", range(3))
def test_conversations_flip_whole(seed: int) -> None:
    chance = np.random.default_rng(seed)
    codes = np.repeat(np.arange(9), chance.integers(1, 6, 9))
    gaps = chance.normal(0.2, 1.0, len(codes))
    sums = np.bincount(codes, weights=gaps)
    assert paired.sign_flip(gaps, codes) == pytest.approx(scipy_flips(sums), **CLOSE)


def test_drawn_flips_are_near_the_exact_ones() -> None:
    sums = np.random.default_rng(1).normal(0.4, 1.0, 16)
    exact = paired.flip_sums(sums)
    sizes = np.sort(np.abs(sums))
    hits = paired._drawn(sizes, abs(sums.sum()) - 1e-9, 99_999, seed=4)
    assert (hits + 1) / 100_000 == pytest.approx(exact, abs=4 * math.sqrt(exact / 1e5))


def test_drawn_flips_are_never_nought_and_the_same_for_a_seed() -> None:
    gaps = np.random.default_rng(0).uniform(0.5, 1.0, 100)
    assert paired.sign_flip(gaps, np.arange(100), draws=999) == 0.001
    mixed = np.random.default_rng(0).normal(0.1, 1.0, 100)
    first = paired.sign_flip(mixed, np.arange(100), seed=3)
    assert first == paired.sign_flip(mixed[::-1], np.arange(100), seed=3)
    assert first != paired.sign_flip(mixed, np.arange(100), seed=4)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=10), st.integers(0, 99))
def test_flips_do_not_care_for_order_or_for_who_is_first(gaps: list[float], seed: int) -> None:
    codes = np.random.default_rng(seed).integers(0, 4, len(gaps))
    found = paired.sign_flip(gaps, codes)
    assert 0 < found <= 1
    assert found == pytest.approx(paired.sign_flip(np.negative(gaps), codes))
    order = np.random.default_rng(seed).permutation(len(gaps))
    assert found == pytest.approx(paired.sign_flip(np.array(gaps)[order], codes[order]))


def test_equal_arms_have_p_1() -> None:
    assert paired.sign_flip(np.zeros(9), np.arange(9)) == 1.0
    assert paired.mcnemar(0, 0) == 1.0


@pytest.mark.parametrize("count", [1, 2, 5, 6, 10])
def test_few_conversations_bound_p_from_below(count: int) -> None:
    assert paired.sign_flip(np.ones(count), np.arange(count)) == paired.smallest(count)


@given(CHANCES)
def test_holm_and_benjamini_hochberg_are_statsmodels(values: list[float]) -> None:
    for mine, method in ((multiplicity.holm, "holm"),
                         (multiplicity.benjamini_hochberg, "fdr_bh")):  # fmt: skip
        theirs = multitest.multipletests(values, method=method)[1]
        assert mine(values) == pytest.approx(theirs, **CLOSE)
    assert (multiplicity.holm(values) >= np.array(values)).all()


def test_a_comparison_that_cannot_be_made_does_not_count_in_the_family() -> None:
    found = multiplicity.holm([0.01, math.nan, 0.04])
    assert found[[0, 2]] == pytest.approx([0.02, 0.04])
    assert math.isnan(found[1])


@given(st.integers(3, 60), st.integers(0, 1000), st.floats(0.01, 0.9))
def test_tost_is_statsmodels_for_independent_cases(count: int, seed: int, margin: float) -> None:
    gaps = np.random.default_rng(seed).uniform(-1, 1, count)
    theirs = weightstats.ttost_paired(gaps, np.zeros(count), -margin, margin)[0]
    assert equivalence.tost(gaps, np.arange(count), margin) == pytest.approx(theirs, **CLOSE)


@given(st.integers(0, 2000), st.floats(0.01, 0.6), st.booleans())
def test_the_interval_and_the_test_of_equivalence_agree(
    seed: int, margin: float, constant: bool
) -> None:
    chance = np.random.default_rng(seed)
    codes = chance.integers(0, 15, 60)
    gaps = np.full(60, chance.uniform(-1, 1)) if constant else chance.normal(0, 0.3, 60)
    gaps = np.clip(gaps, -1, 1)
    by_p = equivalence.tost(gaps, codes, margin) <= 0.05
    assert equivalence.equivalent(gaps, codes, margin) == by_p


def test_one_conversation_is_equivalent_to_nothing() -> None:
    assert math.isnan(equivalence.tost([0.0, 0.0], [1, 1], 0.05))
    assert not equivalence.equivalent([0.0, 0.0], [1, 1], 0.05)


def arms(seed: int, conversations: int, cases: int, shift: float = 0.0) -> tuple[np.ndarray, ...]:
    """Paired binary scores of two arms whose differences within a conversation are alike."""
    chance = np.random.default_rng(seed)
    codes = np.repeat(np.arange(conversations), cases)
    taste = chance.normal(0, 0.8, conversations)[codes]
    a = chance.normal(0, 1, len(codes)) + taste + shift > 0
    b = chance.normal(0, 1, len(codes)) - taste > 0
    return a.astype(float) - b.astype(float), codes


@pytest.mark.parametrize("by", ["cluster", "case"])
def test_swapped_labels_are_rarely_claimed_to_differ(by: str) -> None:
    gaps, codes = arms(2, 40, 5, shift=1.0)
    assert labels.claims(gaps, codes)
    share = labels.false_claims(gaps, codes, by=by, times=1000)
    assert 0.01 < share <= 0.08


def test_cases_of_one_conversation_make_mcnemars_test_claim_too_often() -> None:
    """The reason why it does not decide where a conversation has several cases."""
    mcnemar = flips = 0
    for seed in range(300):
        gaps, codes = arms(seed, 15, 12)
        mcnemar += paired.mcnemar(int((gaps > 0).sum()), int((gaps < 0).sum())) <= 0.05
        flips += labels.claims(gaps, codes)
    assert mcnemar / 300 > 0.2
    assert flips / 300 < 0.08


def test_a_claim_never_contradicts_its_interval() -> None:
    """Seven won conversations, most of the weight in one: p is small, the interval is wide."""
    sizes = [30, 1, 1, 1, 1, 1, 1]
    codes, gaps = np.repeat(np.arange(7), sizes), np.repeat([0.2, *[0.9] * 6], sizes)
    assert paired.sign_flip(gaps, codes) < 0.05
    assert intervals.difference(gaps, codes).low < 0
    assert not labels.claims(gaps, codes)
