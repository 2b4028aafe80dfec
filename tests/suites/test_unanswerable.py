"""Cases without an answer stand apart, and what few conversations or no search cannot show."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from archgraph.suites import analysis, findings, record, results, search
from archgraph.suites.datasets import case as cases
from archgraph.suites.reporting import changes, markdown, reading, sheets, sheets_cost, table
from archgraph.suites.running import rows as packed_rows
from archgraph.suites.stats import equivalence, intervals
from tests.suites import made

TALKS, ASKED = 20, 8


def mixed(*, none: int = 3, **changed: Any) -> results.Results:
    """`idle` abstains always; `reader` answers three in four, and where it must abstain does not.

    The last `none` of the eight questions of each conversation have no answer.
    """
    rows = []
    for talk in range(TALKS):
        for case in range(ASKED):
            bait = case >= ASKED - none
            told = {"cluster": f"{talk:02}", "category": "5" if bait else "1",
                    "losses": {record.REACHED: 1}}  # fmt: skip
            metrics = {"prompt_tokens": 10.0, "answerable": float(not bait), "searches": 0.0}
            name = f"{talk:02}/{case}"
            rows.append(made.row("idle", name, float(bait), metrics=metrics, **told))
            right = float(not bait and (talk + case) % 4 > 0)
            metrics = {**metrics, "prompt_tokens": 90.0, "searches": 1.0}
            rows.append(made.row("reader", name, right, metrics=metrics, **told))
    return made.results_of(rows, **changed)


def cell(found: findings.Findings, arm: str, axis: str, group: str = "") -> findings.Cell:
    (one,) = [c for c in found.cells if (c.arm, c.axis, c.group) == (arm, axis, group)]
    return one


def test_what_is_claimed_is_about_the_cases_that_have_an_answer() -> None:
    found = analysis.analyse(mixed())
    (difference,) = found.differences
    assert difference.n == 5 * TALKS and (difference.wins, difference.losses) == (75, 0)
    assert difference.difference.value == pytest.approx(0.75)
    assert difference.verdict == findings.A_BETTER
    assert cell(found, "idle", "all").score.value == 0
    assert cell(found, "reader", "all").n == 5 * TALKS
    pareto = {cost.arm: cost.pareto for cost in found.costs}
    assert pareto == {"idle": True, "reader": True}


def test_cases_without_an_answer_are_a_group_of_their_own() -> None:
    found = analysis.analyse(mixed())
    expected = {"answerable": 0.0, "unanswerable": 1.0, "all": 3 / 8}
    for group, score in expected.items():
        assert cell(found, "idle", "answers", group).score.value == pytest.approx(score)
    assert cell(found, "idle", "category", "5").score.value == 1
    assert reading.groups(found, "talks", "right", "answers") == list(expected)
    assert found.apart == {"talks": ["5"]}
    assert ("talks: claims are about the 100 questions that have an answer; the 60 that have none "
            "(category 5) stand apart.") in found.notes  # fmt: skip


@pytest.mark.parametrize("none", [0, ASKED])
def test_a_dataset_with_one_kind_of_case_is_as_before(none: int) -> None:
    found = analysis.analyse(mixed(none=none))
    bare = [row._replace(metrics={"prompt_tokens": 10.0}) for row in mixed(none=none).rows]
    assert found.differences == analysis.analyse(made.results_of(bare)).differences
    assert {c.axis for c in found.cells} == {"all"}
    assert not found.apart and "stand apart" not in "\n".join(found.notes)
    assert [c.title for c in sheets.main(found, "talks").columns][3:5] == ["bad", "tokens/q"]


def test_the_main_table_has_both_kinds_side_by_side() -> None:
    found = analysis.analyse(mixed())
    sheet = sheets.main(found, "talks")
    titles = [column.title for column in sheet.columns]
    assert titles[:6] == ["arm", "right", "n", "bad", "unanswerable", "all"]
    idle = dict(zip(titles, sheet.rows[0], strict=True))
    assert idle["right"].startswith("0.0 [") and idle["n"] == "100/20"
    assert (idle["unanswerable"], idle["all"]) == ("100.0", "37.5")
    notes = " ".join(sheet.notes)
    assert "the 100 cases that have an answer, which claims are about" in notes
    assert "unanswerable (category 5): cases without one, where abstaining is right" in notes
    told = " ".join(sheets.groups(found, "talks", "category").notes)
    assert "Category 5 stands apart" in told
    for form in (table.text, markdown.text):
        assert "with an answer and without" in form(found)


def test_gold_of_a_case_without_an_answer_is_no_loss() -> None:
    found = analysis.analyse(mixed())
    assert [loss.gold for loss in found.losses] == [5 * TALKS, 5 * TALKS]
    assert "Cases without an answer are left out" in sheets.losses(found, "talks").notes[0]
    assert not analysis.analyse(mixed(none=ASKED)).losses


def test_two_runs_and_a_search_look_at_the_same_cases() -> None:
    given = mixed()
    found = analysis.analyse(given)
    moved = {c.arm: c for c in changes.cells(found, found, (given, given))}
    assert moved["idle"].paired == moved["reader"].paired == 5 * TALKS
    alone = dataclasses.replace(given, rows=[row for row in given.rows if row.arm == "idle"])
    assert search.scores_of(alone).mean == 0 and len(search.scores_of(alone).scores) == 5 * TALKS


@pytest.mark.parametrize("answers", [("a",), ()])
def test_a_trial_keeps_whether_its_case_has_an_answer(answers: tuple[str, ...]) -> None:
    case = cases.Case("q", "c", (), "who?", answers)
    numbers = packed_rows.numbers(record.Outcome(case, "x", "done"))
    metrics = packed_rows.Metrics(packed_rows.packed(numbers, []))
    assert metrics["answerable"] == len(answers)


# No search


def test_an_arm_that_never_searches_has_no_score_of_what_was_found() -> None:
    given = mixed(none=0)
    rows = [row._replace(scores={**row.scores, "evidence_recall": 0.0}) for row in given.rows]
    scorers = {"right": given.scorers["right"],
               "evidence_recall": made.scorer(type="evidence_recall", k=7)}  # fmt: skip
    found = analysis.analyse(made.results_of(rows, scorers=scorers))
    sheet = sheets.main(found, "talks")
    at = [column.title for column in sheet.columns].index("evidence_recall@7")
    assert [row[at] for row in sheet.rows] == ["-", "0.0"]
    assert any(note.startswith("-: the arm made no search") for note in sheet.notes)


def test_a_scorer_of_fewer_cases_has_its_number_in_the_notes() -> None:
    given = mixed(none=0)
    rows = [row._replace(scores={**row.scores, "some": 1.0 if row.case < "10" else None})
            for row in given.rows]  # fmt: skip
    found = analysis.analyse(made.results_of(rows))
    (told,) = [note for note in sheets.main(found, "talks").notes if note.startswith("n:")]
    assert "n: cases/conversations of right (some has 80/10)." in told


def test_the_note_of_a_table_of_costs_explains_only_its_columns() -> None:
    notes = " ".join(sheets_cost.costs(analysis.analyse(mixed()), "talks").notes)
    assert notes == "Means per question."


# Few conversations


def alike(count: int, *, margin: float = 0.05, rivals: int = 0) -> findings.Difference:
    arms = ["old", "new", *(f"rival{n}" for n in range(rivals))]
    rows = [made.row(arm, f"{n:03}", float(n % 2)) for arm in arms for n in range(count)]
    suite = {"alpha": 0.05, "margin": margin, "baseline": "old"}
    return analysis.analyse(made.results_of(rows, suite=suite)).differences[0]


def test_equivalence_takes_ten_conversations() -> None:
    assert alike(9, margin=0.9).verdict == findings.INCONCLUSIVE
    assert alike(10, margin=0.9).verdict == findings.EQUIVALENT


def test_equivalence_takes_as_many_conversations_as_a_difference() -> None:
    """Ten could be claimed at 0.05 / 25 and not at 0.05 / 26: 2 of 1,024 is 0.00195."""
    assert alike(10, margin=0.9, rivals=24).verdict == findings.EQUIVALENT
    assert alike(10, margin=0.9, rivals=25).verdict == findings.INCONCLUSIVE


def test_a_small_spread_among_few_is_no_equivalence() -> None:
    """Twelve conversations of 100 cases, all within a point: what was not drawn may differ."""
    chance = np.random.default_rng(3)
    gaps, talks = chance.normal(0, 0.05, 1200), np.repeat(np.arange(12), 100)
    assert equivalence.tost(gaps, talks, 0.05) < 0.001
    assert equivalence.cautious(gaps, talks, 0.05) > 0.5
    within = equivalence.interval(gaps, talks)
    bound = intervals.alike(float(gaps.mean()), 12, 0.9)
    assert (within.low, within.high) == (bound.low, bound.high)


def test_the_interval_beside_equivalence_lies_within_the_margin() -> None:
    found = alike(70)
    assert found.verdict == findings.EQUIVALENT and found.within is not None
    assert found.difference.high > 0.05 > found.within.high
    assert found.within.level == pytest.approx(0.9)
    rows = [made.row(arm, f"{n:03}", float(n % 2)) for arm in ("old", "new") for n in range(70)]
    sheet = sheets.differences(analysis.analyse(made.results_of(rows)), "talks", "right")
    assert sheet.rows[0][-1] == "equivalent, 90% [-4.2, +4.2]"
    notes = " ".join(sheet.notes)
    assert "A claim needs both: an adjusted p of at most 0.05 and an interval that" in notes
    assert "judged by the 90% interval beside the verdict" in notes
