"""The judge's own test: once in a run, paid and recorded like any call, told in the report."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from archgraph import comparisons, errors
from archgraph.llm import base as llm
from archgraph.messages import Completion, Usage
from archgraph.suites import analysis, plan
from archgraph.suites.planning import identity
from archgraph.suites.reporting import page_pack
from archgraph.suites.running import coordinator, recordings
from archgraph.suites.running import ledger as ledgers
from archgraph.suites.scoring import judge
from tests.suites import made_plans
from tests.suites.test_page import Unpacked

GENEROUS = plan.ScorerPlan("judge", "judge", {"variant": "lenient", "probe": 3})


class Judge:
    """Says that everything is right; counts what it grades, and may fail by a rule."""

    def __init__(self, fail: Exception | None = None) -> None:
        self.graded: list[str] = []
        self._fail = fail

    def open(self, model: str, options: Mapping[str, Any]) -> Any:
        return self

    def complete(self, request: llm.Request) -> Completion:
        question = str(request.messages[-1]["content"])
        if self._fail is not None and self.vague(question):
            raise self._fail
        self.graded.append(question)
        return Completion("RIGHT", usage=Usage(7, 3, 0, 0.01))

    @staticmethod
    def vague(question: str) -> bool:
        return "Something to do with" in question

    @property
    def probed(self) -> int:
        return sum(self.vague(each) for each in self.graded)


def made(**more: Any) -> plan.RunPlan:
    given = {"scorers": (GENEROUS,), "judge": "fake/judge", **more}
    return made_plans.plan_of(**given)


def run(folder: Path, given: plan.RunPlan, judging: Any, workers: int = 0, **more: Any) -> Any:
    return coordinator.run(
        given, folder, coordinator.Options(workers=workers, open_gateway=judging, **more)
    )


def notes(folder: Path) -> list[str]:
    with ledgers.Ledger.open(folder, readonly=True) as ledger:
        return list(analysis.analyse(ledger.results()).notes)


SAID = (
    "The lenient judge accepted 3 of 3 deliberately vague wrong answers (published for a lenient "
    "prompt: 62.8 %)."
)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_judge_is_tested_once_and_the_report_says_how_it_did(
    tmp_path: Path, workers: int
) -> None:
    model = Judge()
    end = run(tmp_path, made(), model.open, workers)
    assert end.state == "complete" and model.probed == 3
    assert SAID in notes(tmp_path)
    told = json.loads((tmp_path / recordings.MANIFEST).read_text())["manifest"]["probes"]["judge"]
    assert (told["asked"], told["accepted"]) == (3, 3)
    assert told["sha256"] == judge.digest("lenient") and len(told["verdicts"]) == 3
    run(tmp_path, made(), model.open, workers)  # nothing is left to do
    run(tmp_path, made(talks=3), model.open, workers)  # some of the questions are the same
    assert 3 <= model.probed <= 6


def test_a_probe_is_replayed(tmp_path: Path) -> None:
    run(tmp_path / "run", made(), Judge().open, record=tmp_path / "rec")
    end = run(tmp_path / "again", made(), made_plans.unreachable, replay=tmp_path / "rec",
              record=tmp_path / "rec2")  # fmt: skip
    assert end.notes == () and SAID in notes(tmp_path / "again")
    for name in (recordings.RECORDING, recordings.MANIFEST):
        assert (tmp_path / "rec" / name).read_bytes() == (tmp_path / "rec2" / name).read_bytes()


def test_a_probe_keeps_within_the_limits_and_never_costs_a_trial(tmp_path: Path) -> None:
    model = Judge()
    trials = len(made().trials)
    needed = 6  # two arms of which one pays
    limited = made(limits=plan.Limits(max_calls=needed + 1))
    end = run(tmp_path, limited, model.open)
    assert end.state == "complete" and end.done == trials
    assert len(model.graded) <= needed + 1
    assert any("could not be tested: 7 model calls are made" in note for note in notes(tmp_path))


@pytest.mark.parametrize("error", [
    errors.GatewayError("the judge is down"), errors.ContextOverflow("too long"),
])  # fmt: skip
def test_a_judge_that_fails_is_told_of(tmp_path: Path, error: Exception) -> None:
    end = run(tmp_path, made(), Judge(error).open)
    assert end.state == "complete"
    said = f"The scorer judge itself could not be tested: {error}."
    assert said in notes(tmp_path)


def test_no_judge_and_no_wish_ask_nothing(tmp_path: Path) -> None:
    model = Judge()
    off = dataclasses.replace(GENEROUS, options={"variant": "lenient", "probe": 0})
    run(tmp_path / "off", made(scorers=(off,)), model.open)
    run(tmp_path / "none", made_plans.plan_of(), made_plans.unreachable)
    assert model.probed == 0
    for folder in ("off", "none"):
        told = json.loads((tmp_path / folder / recordings.MANIFEST).read_text())
        assert "probes" not in told["manifest"]


def test_a_scorer_that_is_gone_leaves_no_note(tmp_path: Path) -> None:
    run(tmp_path, made(), Judge().open)
    run(tmp_path, made_plans.plan_of(), made_plans.unreachable)
    assert SAID not in notes(tmp_path)


def test_how_often_a_judge_is_tested_is_no_part_of_a_trial() -> None:
    def part(**options: Any) -> str:
        scorer = plan.ScorerPlan("judge", "judge", options)
        return identity.scorer(identity.Book(), scorer, judge.Judge)[0]

    assert part() == part(probe=0) == part(probe=9)
    assert part() != part(votes=3)


def test_the_page_shows_what_a_judge_said_of_a_reply(tmp_path: Path) -> None:
    run(tmp_path, made(talks=1), Judge().open)
    rows, shown = comparisons.read(tmp_path)
    page = Unpacked(comparisons.page(tmp_path, rows, shown))
    assert {trial["notes"]["judge"] for trial in page.trials} == {"right: RIGHT"}


def test_a_verdict_is_shown_with_its_note_and_its_point() -> None:
    votes = [{"verdict": "wrong", "answers": ["Hm.", "No\n" + 500 * "x"], "point": "say why"}]
    said = page_pack._why({"note": "1 of 1", "details": {"votes": votes}})
    assert said == f"1 of 1 | wrong (say why): No {397 * 'x'}…"
    assert page_pack._why({"note": "", "details": {"found": 3}}) == ""
