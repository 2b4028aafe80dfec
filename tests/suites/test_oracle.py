"""The oracle arm lives through the evidence of a question, and through nothing else."""

from __future__ import annotations

from pathlib import Path

import archgraph
from archgraph import comparisons

DATA = ("nested_kv:depths=[1],orderings=2,pairs=12",)


def test_an_oracle_is_fed_the_evidence_of_each_case() -> None:
    plan = comparisons.planned(comparisons.Asked(["oracle_evidence", "fixed_window"], DATA))
    fed = plan.fed("oracle_evidence", "nested_kv")
    assert [[item.id for item in each.items] for each in fed] == [
        sorted(each.cases[0].evidence, key=[i.id for i in whole.items].index)
        for each, whole in zip(fed, plan.fed("fixed_window", "nested_kv"), strict=True)
    ]
    assert all(len(each.items) == 12 for each in plan.fed("fixed_window", "nested_kv"))
    assert {each.cluster for each in plan.trials} == {each.cases[0].cluster for each in fed}


def test_an_oracle_answers_what_a_window_has_lost(tmp_path: Path) -> None:
    run = archgraph.run_suite(
        ["oracle_evidence", "no_memory"], datasets=DATA, folder=tmp_path, workers=0
    )
    scores = {(row.arm, row.case): row.scores["contains"] for row in run.results.rows}
    assert {arm: value for (arm, _), value in scores.items()} == {
        "oracle_evidence": 1.0, "no_memory": 0.0,
    }  # fmt: skip
    assert len(scores) == 4


def test_the_plan_says_in_the_report_what_else_differs(tmp_path: Path) -> None:
    run = archgraph.run_suite(["memgpt", "no_memory"], datasets=DATA, folder=tmp_path, workers=0)
    assert any("prompt size" in each for each in run.findings.confounds)
