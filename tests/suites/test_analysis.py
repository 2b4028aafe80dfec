"""Rows in, findings out: scores, verdicts, notes, and that nothing depends on the rows' order."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest

from archgraph import clock, errors
from archgraph.suites import (
    analysis,
    analysis_rows,
    analysis_verdicts,
    findings,
    results,
)
from archgraph.suites.stats import intervals, paired
from tests.suites import made


def difference(found: findings.Findings, arm: str) -> findings.Difference:
    (one,) = [each for each in found.differences if each.arm == arm]
    return one


def binary(pairs: str) -> results.Results:
    """One letter a case: `b` both right, `w` only the new arm, `l` only the old one, `n` none."""
    rows = []
    for place, letter in enumerate(pairs):
        rows.append(made.row("old", f"{place:03}", float(letter in "bl")))
        rows.append(made.row("new", f"{place:03}", float(letter in "bw")))
    return made.results_of(rows)


def test_a_clear_difference_is_claimed_in_points() -> None:
    found = difference(analysis.analyse(binary("w" * 40 + "b" * 30 + "l" * 5 + "n" * 5)), "new")
    assert (found.n, found.clusters, found.wins, found.losses) == (80, 80, 40, 5)
    assert found.difference.value == pytest.approx(35 / 80)
    assert found.test == "McNemar's exact test"
    assert found.p == found.adjusted == found.mcnemar == paired.mcnemar(40, 5)
    assert found.verdict == findings.A_BETTER
    assert found.needed == 0
    low, high = 100 * found.difference.low, 100 * found.difference.high
    assert found.sentence == f"new is better than old by 43.8 points [{low:.1f}, {high:.1f}]"


def test_the_other_way_round_it_is_worse_by_as_much() -> None:
    rows = binary("w" * 40 + "b" * 30 + "l" * 5 + "n" * 5)
    found = difference(analysis.analyse(rows, baseline="new"), "old")
    assert found.verdict == findings.B_BETTER
    assert "old is worse than new by 43.8 points [" in found.sentence


def test_what_is_not_decided_says_how_many_conversations_would() -> None:
    found = difference(analysis.analyse(binary("w" * 10 + "b" * 30 + "l" * 6 + "n" * 10)), "new")
    assert found.verdict == findings.INCONCLUSIVE
    assert found.needed > found.clusters
    assert found.sentence.startswith(
        "no difference can be claimed between new and old: +7.1 points"
    )
    assert "more conversations would decide" in found.sentence


def test_equal_arms_on_many_cases_are_equivalent_and_on_few_are_not() -> None:
    many = difference(analysis.analyse(binary("bn" * 100)), "new")
    assert many.verdict == findings.EQUIVALENT
    assert many.sentence.startswith(
        "new and old are equivalent within 5 points: 0.0, 90% interval ["
    )
    few = difference(analysis.analyse(binary("bn" * 10)), "new")
    assert few.verdict == findings.INCONCLUSIVE
    assert few.needed > 20


def test_a_claim_takes_both_the_test_and_the_interval() -> None:
    """Six conversations, all won: the flips' p is small enough, and the interval says so too."""
    six = difference(analysis.analyse(binary("w" * 6)), "new")
    assert six.p == pytest.approx(0.03125)
    assert six.difference.low > 0
    assert six.verdict == findings.A_BETTER
    five = difference(analysis.analyse(binary("w" * 5)), "new")
    assert five.verdict == findings.INCONCLUSIVE
    assert "5 conversations are too few for any claim" in five.sentence
    assert math.isnan(five.detectable)


def test_cases_of_one_conversation_are_not_counted_as_independent() -> None:
    """One conversation in ten decides everything: McNemar is sure, the verdict is not."""
    rows = []
    for talk in range(10):
        for case in range(20):
            name, cluster = f"{talk}/{case:02}", str(talk)
            rows.append(made.row("old", name, 0.0, cluster=cluster))
            rows.append(made.row("new", name, float(talk == 0), cluster=cluster))
    found = difference(analysis.analyse(made.results_of(rows)), "new")
    assert found.mcnemar < 1e-5
    assert found.test == "sign flips of conversations"
    assert found.verdict == findings.INCONCLUSIVE


def test_graded_scores_are_flipped_case_by_case() -> None:
    rows = made.run({"old": 0, "new": 0.2}, conversations=40, cases=1,
                    score=lambda arm, *_: _[-1].random() * 0.5 + 0.3 * (arm == "new"))  # fmt: skip
    graded = {"right": made.scorer(binary=False, primary_of=["talks"])}
    found = difference(analysis.analyse(dataclasses.replace(rows, scorers=graded)), "new")
    assert found.test == "sign flips of cases"
    assert math.isnan(found.mcnemar)
    assert found.verdict == findings.A_BETTER


def test_seeds_are_averaged_within_a_case_before_anything_else() -> None:
    """Repeats make a case surer, they do not make more cases."""
    once = made.run({"old": 0.5, "new": 0.6}, conversations=20, repeats=1)
    again = [row._replace(ingest_seed=seed) for row in once.rows for seed in range(4)]
    one, four = analysis.analyse(once), analysis.analyse(made.results_of(again))
    assert one.differences == four.differences
    assert [c.score for c in one.cells] == [c.score for c in four.cells]
    assert four.cells[0].trials == 4 * one.cells[0].trials


def test_holm_counts_the_family_that_the_suite_names() -> None:
    arms = {"old": 0.5, "new": 0.7, "other": 0.5}
    rows = [*made.run(arms, cases=1, dataset="talks").rows,
            *made.run(arms, cases=1, dataset="jobs", seed=1).rows]  # fmt: skip
    given = made.results_of(rows)
    by_dataset = analysis.analyse(given)
    of_run = analysis.analyse(dataclasses.replace(given, suite={**given.suite, "family": "run"}))
    assert min(d.adjusted / d.p for d in by_dataset.differences if d.adjusted < 1) >= 1
    least = min(by_dataset.differences, key=lambda d: d.p)
    assert least.adjusted == pytest.approx(min(1.0, 2 * least.p))
    assert min(of_run.differences, key=lambda d: d.p).adjusted == pytest.approx(
        min(1.0, 4 * least.p)
    )
    assert "on jobs" in by_dataset.differences[-1].sentence


def family(pairs: str, others: int) -> findings.Difference:
    """`new` against `old` where so many more arms, like `old` itself, are compared as well."""
    given = binary(pairs)
    more = [row._replace(arm=f"more {n}", trial=f"{n} {row.trial}")
            for n in range(others) for row in given.rows if row.arm == "old"]  # fmt: skip
    return difference(analysis.analyse(made.results_of([*given.rows, *more])), "new")


def test_what_one_comparison_may_claim_a_family_may_not() -> None:
    pairs = "w" * 12 + "l" * 3 + "b" * 20
    assert family(pairs, 0).verdict == findings.A_BETTER
    many = family(pairs, 3)
    assert many.difference.low > 0
    assert many.p < 0.05 < many.adjusted
    assert many.verdict == findings.INCONCLUSIVE


def test_equivalence_too_is_harder_to_claim_in_a_family() -> None:
    pairs = "w" * 2 + "l" * 2 + "b" * 78
    assert family(pairs, 0).verdict == findings.EQUIVALENT
    assert family(pairs, 20).verdict == findings.INCONCLUSIVE


def test_what_would_decide_counts_the_family() -> None:
    pairs = "w" * 10 + "l" * 5 + "b" * 20
    alone, many = family(pairs, 0), family(pairs, 9)
    assert alone.needed < many.needed
    assert alone.detectable < many.detectable


def test_mcnemars_test_is_named_only_where_scores_are_nought_and_one() -> None:
    rows = [made.row(arm, f"{n:02}", float((n + seed * (arm == "new")) % 3 > 0), ingest_seed=seed)
            for arm in ("old", "new") for n in range(30) for seed in range(2)]  # fmt: skip
    assert difference(analysis.analyse(made.results_of(rows)), "new").test == "sign flips of cases"


def test_a_trial_that_was_cut_before_it_replied_is_wrong() -> None:
    rows = [made.row("old", "a", 1.0), made.row("new", "a", None, status="cut")]
    found = analysis.analyse(made.results_of(rows))
    assert [(c.arm, c.score.value) for c in found.cells] == [("old", 1.0), ("new", 0.0)]


def test_trials_that_broke_or_failed_are_wrong_and_counted() -> None:
    given = binary("bbbbbbbb")
    status = dict(zip(range(1, 9, 2), ("failed", "broken", "cut", "done"), strict=True))
    rows = [
        row._replace(status=status.get(place, "done"),
                     scores={"right": None if status.get(place) == "broken" else 1.0})
        for place, row in enumerate(given.rows)
    ]  # fmt: skip
    found = analysis.analyse(made.results_of(rows))
    cell = next(c for c in found.cells if c.arm == "new")
    assert cell.score.value == pytest.approx(6 / 8)  # the one that was cut had replied
    assert cell.bad == {"failed": 1, "broken": 1, "cut": 1}
    assert cell.n == 8
    assert [each["status"] for each in found.failures] == ["failed", "broken", "cut"]
    assert "new: 1 trial failed and counts as wrong." in found.notes


def test_a_scorer_that_does_not_apply_to_a_case_does_not_make_it_wrong_where_it_broke() -> None:
    rows = [
        made.row("old", "a", None), made.row("old", "b", 1.0),
        made.row("new", "a", 0.0, status="broken"), made.row("new", "b", 1.0),
    ]  # fmt: skip
    found = analysis.analyse(made.results_of(rows))
    assert [(c.arm, c.n, c.score.value) for c in found.cells] == [("old", 1, 1.0), ("new", 1, 1.0)]


def test_a_scorer_without_a_wrong_value_leaves_broken_trials_out() -> None:
    rows = [made.row("old", "a", 1.0), made.row("old", "b", None, status="broken")]
    given = made.results_of(rows, scorers={"right": made.scorer(wrong=None, primary_of=["talks"])})
    assert analysis.analyse(given).cells[0].n == 1


def test_arms_are_compared_on_the_cases_that_both_have() -> None:
    given = made.run({"old": 0.5, "new": 0.9}, conversations=30, cases=2)
    rows = [r for r in given.rows if r.arm == "old" or int(r.cluster) < 20]
    partial = dataclasses.replace(given, rows=rows, stopped="the spend limit was reached")
    found = analysis.analyse(partial)
    assert difference(found, "new").n == 40
    assert "new and old are compared on the 40 of 60 cases of talks that both have." in found.notes
    assert found.notes[0] == ("20 of 120 trials are missing: the spend limit was reached. What is "
                              "shown is of a run that is not complete.")  # fmt: skip
    apart = [r for r in given.rows if (r.arm == "old") == (int(r.cluster) < 20)]
    found = analysis.analyse(dataclasses.replace(given, rows=apart))
    assert "new and old share no case of talks." in found.notes
    assert difference(found, "new").sentence.endswith("they have no case in common")


def test_the_order_of_rows_changes_nothing() -> None:
    given = made.run({"old": 0.5, "new": 0.6, "last": 0.55}, conversations=25, repeats=2)
    first = analysis.analyse(given)
    rows = list(given.rows)
    clock.derive_random(0, 1, 2).shuffle(rows)
    second = analysis.analyse(dataclasses.replace(given, rows=rows))
    assert json.dumps(analysis.plain(first)) == json.dumps(analysis.plain(second))


def test_an_offline_model_is_the_first_thing_said() -> None:
    given = binary("bwln" * 4)
    arms = {name: made.arm(name, model="offline/extractive") for name in given.arms}
    found = analysis.analyse(dataclasses.replace(given, arms=arms))
    assert "check of plumbing, not a finding" in found.notes[0]
    half = {**arms, "new": made.arm("new")}
    assert "Some arms ran on an offline policy" in analysis.analyse(
        dataclasses.replace(given, arms=half)
    ).notes[0]  # fmt: skip


def test_data_are_described_and_few_conversations_are_said_to_be_few() -> None:
    def notes(count: int, **about: Any) -> str:
        given = made.run({"old": 0.5, "new": 0.5}, conversations=count)
        return "\n".join(
            analysis.analyse(dataclasses.replace(given, datasets={"talks": about})).notes
        )

    assert "talks: held out data." in notes(30, split="held out")
    assert "talks: your own data; whether anything was tuned" in notes(30, split="own")
    assert "development data" in notes(30, split="dev")
    assert "sha256" in notes(30, split="held out", provenance={"verified": False})
    assert "sha256" not in notes(30, split="held out", provenance={"verified": True})
    assert "too few to claim any difference" in notes(4)
    assert "may cover too little, and no equivalence is claimed; a true" in notes(8)
    assert "talks has 10 conversations: a true difference of 36.1 points is found" in notes(10)
    assert "4 times in 5" not in notes(11)
    assert "No difference can be claimed." in notes(11)


@pytest.mark.parametrize(
    ("wrong", "fate"), [(0.0, "these count as wrong"), (None, "these have no score")]
)
def test_a_scorer_that_broke_is_told_before_any_number(wrong: float | None, fate: str) -> None:
    given = made.results_of([made.row(arm, str(n), 0.0) for arm in "ab" for n in range(30)])
    broke = {"count": 60, "of": 60, "note": "the scorer broke: KeyError: 'boom' (badsc.py:4)"}
    scorer = {**given.scorers["right"], "broke": broke, "wrong": wrong}
    noted = analysis.analyse(dataclasses.replace(given, scorers={"right": scorer})).notes
    told = f"The scorer right broke in 60 of 60 trials, and {fate}: KeyError: 'boom' (badsc.py:4)."
    assert told in noted
    assert not any("broke" in note for note in analysis.analyse(given).notes)


def test_what_the_plan_left_out_is_said() -> None:
    left = {"unremovable": {"memgpt without recall": "window needs it"},
            "unscored": ["locomo: judge needs a judge"]}  # fmt: skip
    notes = analysis.analyse(dataclasses.replace(binary("bw"), manifest=left)).notes
    assert "memgpt without recall could not be made: window needs it" in notes
    assert "Not scored: locomo: judge needs a judge." in notes


def test_categories_are_cells_of_their_own_in_the_order_of_numbers() -> None:
    rows = [made.row("old", f"{n}", 1.0, category=str(n)) for n in (10, 2, 1)]
    found = analysis.analyse(made.results_of(rows))
    assert [(c.axis, c.group) for c in found.cells] == [
        ("all", ""), ("category", "1"), ("category", "2"), ("category", "10"),
    ]  # fmt: skip


def test_a_cell_is_the_interval_of_its_case_means() -> None:
    given = made.run({"old": 0.6}, conversations=12, cases=4)
    scores = [row.scores["right"] for row in given.rows]
    expected = intervals.mean(np.array(scores, float), [row.cluster for row in given.rows])
    assert analysis.analyse(given).cells[0].score == expected


def test_ablations_are_ranked_by_what_they_cost() -> None:
    given = made.run({"window": 0.1, "memgpt": 0.9, "memgpt without recall": 0.8,
                      "memgpt without archival": 0.3})  # fmt: skip
    arms = dict(given.arms)
    for node in ("recall", "archival"):
        name = f"memgpt without {node}"
        arms[name] = made.arm(name, of="memgpt", ablated=node)
    found = analysis.analyse(dataclasses.replace(given, arms=arms))
    assert [each.node for each in found.ablations] == ["archival", "recall"]
    assert {each.difference.baseline for each in found.ablations} == {"memgpt"}
    assert len(found.differences) == 3  # five comparisons share alpha
    least = min([*found.differences, *(a.difference for a in found.ablations)], key=lambda d: d.p)
    assert least.adjusted == pytest.approx(5 * least.p)


def test_an_ablation_of_the_baseline_is_one_comparison_and_not_two() -> None:
    given = made.run({"memgpt": 0.9, "cut": 0.3})
    arms = {"memgpt": made.arm("memgpt"), "cut": made.arm("cut", of="memgpt", ablated="recall")}
    found = analysis.analyse(dataclasses.replace(given, arms=arms))
    assert found.ablations[0].difference == found.differences[0]
    assert found.differences[0].adjusted == found.differences[0].p


def test_costs_are_means_and_the_front_is_marked() -> None:
    rows = []
    for arm, tokens, right in (("cheap", 50.0, 0.0), ("dear", 500.0, 0.0), ("good", 90.0, 1.0)):
        for case in range(4):
            rows.append(made.row(arm, str(case), right,
                                 metrics={"prompt_tokens": tokens + case, "completion_tokens": 0.0},
                                 times={"model": float(case)}))  # fmt: skip
    ingest = results.Ingest("i", "good", "talks", "0", 0, "done", "", {"prompt_tokens": 7.0}, {}, 9)
    found = analysis.analyse(made.results_of(rows, ingests=[ingest, ingest._replace(id="j")]))
    assert [(c.arm, c.pareto) for c in found.costs] == [
        ("cheap", True), ("dear", False), ("good", True),
    ]  # fmt: skip
    good = found.costs[-1]
    assert good.metrics["prompt_tokens"] == 91.5
    assert good.times["model"] == pytest.approx((1.5, 2.85))
    assert good.ingest == {"prompt_tokens": 14.0, "histories": 2.0, "store_bytes": 18.0}


def test_the_waterfall_sums_gold_items_by_fate() -> None:
    rows = [made.row("old", "a", 1.0, losses={"reached": 2, "evicted": 1}),
            made.row("old", "b", 0.0, losses={"never written": 1})]  # fmt: skip
    (loss,) = analysis.analyse(made.results_of(rows)).losses
    assert loss.gold == 4
    assert next(iter(loss.fates)) == "never written"
    assert (loss.fates["reached"], loss.fates["evicted"], loss.fates["ignored"]) == (2, 1, 0)


def test_variance_is_split_by_the_seeds_that_there_are() -> None:
    given = made.run({"old": 0.5}, conversations=40, repeats=3)
    (found,) = analysis.analyse(given).variances
    assert set(found.components) == {"case", "ingest"}
    assert sum(found.components.values()) == pytest.approx(1)


def test_unknown_names_are_told_with_those_that_there_are() -> None:
    with pytest.raises(errors.UnknownName, match="no arm 'nwe'"):
        analysis.analyse(binary("bw"), baseline="nwe")
    with pytest.raises(errors.UnknownName, match="no scorer 'wrong'"):
        analysis.analyse(binary("bw"), scorers=["wrong"])


def test_another_scorer_may_decide() -> None:
    rows = [row._replace(scores={**row.scores, "f1": 0.5}) for row in binary("bw" * 20).rows]
    found = analysis.analyse(made.results_of(rows), scorers=["f1"])
    assert {each.scorer for each in found.differences} == {"f1"}
    assert found.primary == {"talks": "f1"}


@pytest.mark.parametrize("by", ["cluster", "case"])
def test_an_arm_against_itself_is_rarely_claimed_to_differ(by: Any) -> None:
    given = made.run({"old": 0.6, "new": 0.9}, conversations=40, repeats=4)
    assert analysis.false_claims(given, "old", by=by) <= 0.08
    assert 0 < analysis.false_claims(given, "old", "new", by=by) <= 0.08


def test_an_arm_against_itself_is_half_of_its_seeds_against_the_other() -> None:
    rows = [made.row("old", "a", float(seed == 3), ingest_seed=seed) for seed in range(4)]
    columns = analysis_rows.columns(made.results_of(rows))
    pair = analysis_verdicts.Pair("old", "old", "talks", "right")
    assert analysis_verdicts.gaps(columns, pair).tolist() == [0.5]


def test_findings_are_json_without_numbers_that_json_lacks() -> None:
    found = analysis.analyse(binary("w"))
    data = json.loads(json.dumps(analysis.plain(found), allow_nan=False))
    assert data["differences"][0]["difference"]["low"] is None
    assert data["differences"][0]["clusters"] == 1


@pytest.mark.parametrize("rows", [[], [made.row("old", "a", None)], [made.row("old", "a", 1.0)]])
def test_next_to_nothing_is_no_fault(rows: list[results.Row]) -> None:
    found = analysis.analyse(made.results_of(rows, arms=["old", "new"], planned=9))
    assert found.differences[0].verdict == findings.INCONCLUSIVE
    assert "missing" in found.notes[0]


def test_two_hundred_thousand_rows_are_analysed() -> None:
    given = made.run({f"arm {n}": 0.5 for n in range(4)}, conversations=100, cases=10, repeats=50)
    assert len(given.rows) == 200_000
    found = analysis.analyse(given)
    assert {cell.trials for cell in found.cells if cell.axis == "all"} == {50_000}


def placed(places: list[float], items: int = 50, arms: str = "ab") -> results.Results:
    """Cases whose evidence stands at these places; right where it stands in the first half."""
    rows = [
        made.row(arm, f"{n:03}", float(place < 0.5),
                 metrics={"prompt_tokens": 1.0, "items": float(items), "position": place})
        for arm in arms for n, place in enumerate(places)
    ]  # fmt: skip
    return made.results_of(rows)


def by_position(found: findings.Findings) -> list[tuple[str, str, float, int]]:
    return [(c.arm, c.group, c.score.value, c.n) for c in found.cells if c.axis == "position"]


def test_accuracy_by_position_has_five_equal_groups() -> None:
    found = analysis.analyse(placed([0.0, 0.1, 0.2, 0.39, 0.45, 0.5, 0.8, 1.0], arms="a"))
    assert by_position(found) == [
        ("a", "0-20 %", 1.0, 2), ("a", "20-40 %", 1.0, 2), ("a", "40-60 %", 0.5, 2),
        ("a", "80-100 %", 0.0, 2),
    ]  # fmt: skip
    assert sum(n for _, _, _, n in by_position(found)) == 8


def test_positions_in_short_histories_or_in_one_group_tell_nothing() -> None:
    spread = [0.1, 0.5, 0.9] * 4
    assert by_position(analysis.analyse(placed(spread, 21)))
    assert not by_position(analysis.analyse(placed(spread, 20)))
    assert not by_position(analysis.analyse(placed([0.81, 0.9, 1.0] * 4)))
    assert not by_position(analysis.analyse(binary("wlbn")))


def test_positions_are_of_the_scorers_that_decide() -> None:
    rows = [row._replace(scores={"right": 1.0, "other": 0.0}) for row in placed([0.1, 0.9]).rows]
    given = made.results_of(rows)
    assert {c.scorer for c in analysis.analyse(given).cells if c.axis == "position"} == {"right"}
    chosen = analysis.analyse(given, scorers=["other"])
    assert {c.scorer for c in chosen.cells if c.axis == "position"} == {"other"}


def test_threads_add_up_to_what_a_question_takes() -> None:
    spent = {"prompt_tokens": 60.0, "completion_tokens": 6.0, "calls": 1.0, "cost": 0.5}
    rows = [
        made.row("a", "0", 1.0, by_thread={"main": spent, "aside": spent},
                 by_store={"core": 10.0, "recall": 5.0}),
        made.row("a", "1", 1.0, by_thread={"main": spent}, by_store={"recall": 15.0}),
        made.row("a", "2", 0.0, status="broken"),
        made.row("b", "0", 0.0),
    ]  # fmt: skip
    one, other = analysis.analyse(made.results_of(rows)).costs
    assert one.by_thread["main"]["prompt_tokens"] == 40 and one.by_thread["aside"]["calls"] == 1 / 3
    assert one.by_thread["aside"]["cached_tokens"] == 0
    assert list(one.by_thread) == ["aside", "main"]
    assert one.by_store == {"core": 5, "recall": 10}  # a trial without a window is left out
    assert other.by_thread == {} and other.by_store == {}
    assert analysis.analyse(made.results_of(rows[::-1], ["a", "b"])).costs == [one, other]


def test_the_family_is_carried() -> None:
    given = binary("wwllbn")
    assert analysis.analyse(given).family == "dataset"
    run = dataclasses.replace(given, suite={**given.suite, "family": "run"})
    assert analysis.analyse(run).family == "run"
