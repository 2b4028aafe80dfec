import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archgraph.suites import record
from archgraph.suites.scoring import evidence, ranking
from tests.suites import outcomes

IDS = st.lists(st.sampled_from("abcdef"), max_size=8)
GOLD = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4)


def score(kind, gold=("a", "b"), searches=(), window=(), fates=(), **options):
    scorer = kind(kind.Options(**options))
    of = outcomes.case("blue", evidence=tuple(gold))
    made = outcomes.outcome(
        "", of, searches=tuple(map(tuple, searches)), window=tuple(window), gold=tuple(fates)
    )
    found = scorer.score(made, outcomes.nobody)
    return None if found is None else found.value


def test_k_counts_distinct_items_over_all_calls_in_order():
    searches = ["xa", "xy", "b"]  # distinct: x a y b
    assert score(evidence.EvidenceRecall, searches=searches, k=3) == 0.5
    assert score(evidence.EvidenceRecall, searches=searches, k=4) == 1.0
    assert score(evidence.EvidenceAll, searches=searches, k=3) == 0.0
    assert score(evidence.EvidenceAll, searches=searches, k=4) == 1.0


def test_nothing_found_is_zero_and_no_gold_is_no_score():
    for kind in (evidence.EvidenceRecall, evidence.EvidenceAll, evidence.EvidenceNdcg,
                 evidence.WindowRecall):  # fmt: skip
        assert score(kind) == 0.0
        assert score(kind, gold=()) is None
        assert score(kind, gold=(), empty="one") == 1.0


def test_ndcg_by_hand():
    # gold a, b; found x a b: 1/log2(3) + 1/log2(4) over 1 + 1/log2(3)
    third = 1 / math.log2(3)
    expected = (third + 0.5) / (1 + third)
    assert score(evidence.EvidenceNdcg, searches=["xab"]) == pytest.approx(expected)
    # LongMemEval's: ranks 1 and 2 in full, rank 3 / log2(3): (1 + third) / (1 + 1)
    value = score(evidence.EvidenceNdcg, searches=["xab"], discount="longmemeval")
    assert value == pytest.approx((1 + third) / 2)
    # the ideal reaches only as far as k
    assert score(evidence.EvidenceNdcg, searches=["ab"], k=1) == 1.0


@given(GOLD, IDS, st.integers(1, 8))
def test_measures_of_ranking_agree_with_each_other(gold, found, k):
    found = ranking.distinct([found])
    recall = ranking.recall(gold, found, k)
    assert ranking.every(gold, found, k) == float(recall == 1.0)
    for discount in (ranking.standard, ranking.longmemeval):
        value = ranking.ndcg(gold, found, k, discount)
        assert 0 <= value <= 1 + 1e-12
        assert (value > 0) == (recall > 0)
        best = ranking.distinct([gold, found])
        assert ranking.ndcg(gold, best, k, discount) == pytest.approx(1.0)
    assert ranking.recall(gold, found, k + 1) >= recall


def test_window_recall_is_verbatim_unless_derived_is_asked_for():
    fates = (
        record.Gold("a", record.REACHED),
        record.Gold("b", record.REACHED, derived=True),
        record.Gold("c", "not retrieved"),
    )
    assert score(evidence.WindowRecall, "abc", window="a", fates=fates) == pytest.approx(1 / 3)
    value = score(evidence.WindowRecall, "abc", window="a", fates=fates, derived=True)
    assert value == pytest.approx(2 / 3)
    assert score(evidence.WindowRecall, "ab", window="ba") == 1.0


def test_the_short_form_of_an_option_is_k():
    assert evidence.EvidenceRecall.Options.short == "k"
    assert evidence.EvidenceRecall.Options().k == 10
