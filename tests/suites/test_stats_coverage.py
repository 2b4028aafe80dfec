"""That intervals cover and tests hold their level, in small; and what published grades say.

The whole simulation is `benchmarks/coverage.py`; its numbers stand in
docs/explanation/statistics.md.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from archgraph.suites.stats import paired
from benchmarks import coverage, published_grades

TIMES = 500


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("cases", [5, 0])
def test_intervals_cover_with_ten_conversations(graded: bool, cases: int) -> None:
    """Three standard errors of 500 data sets are 2.9 points."""
    mean = coverage.Setting(graded, cases, 0.3, (0.8,))
    assert 92 <= coverage.mean_coverage(mean, 10, TIMES) <= 98
    gap = coverage.Setting(graded, cases, 0.3, (0.8, 0.7))
    (covered,) = coverage.difference_coverage(gap, 10, TIMES)
    assert 92 <= covered <= 98


def test_the_percentile_bootstrap_does_not_cover_with_ten_conversations() -> None:
    """The reason why it is not the default."""
    setting = coverage.Setting(False, 0, 0.3, (0.8,))
    percentile, bca, studentized = coverage.bootstrap_coverage(setting, 10, TIMES)
    assert percentile < 91
    assert bca < 92
    assert studentized > percentile


def test_claims_between_equal_arms_are_rare_and_mcnemars_are_not() -> None:
    setting = coverage.Setting(False, 5, 0.3, (0.8, 0.8))
    covered, flips, claims, _ = coverage.difference_coverage(setting, 20, TIMES)
    assert covered >= 92
    assert claims <= flips <= 8


def test_the_simulation_draws_what_it_says() -> None:
    """True shares, and conversations that are alike."""
    for graded in (False, True):
        setting = coverage.Setting(graded, 5, 0.3, (0.8,))
        found = [draw.values.mean() for draw in coverage.draws(setting, 200, 50, seed=0)]
        assert np.mean(found) == pytest.approx(0.8, abs=0.01)


@pytest.mark.slow
def test_the_simulation_prints_its_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert coverage.main(["--quick"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("| n=10 | n=50 |") == 10
    assert "nan" not in shown


@pytest.mark.parametrize(("wins", "losses", "p"), [
    (218, 206, 0.59), (222, 209, 0.56), (234, 162, 3.5e-4), (205, 129, 3.8e-5), (185, 23, 1.3e-32),
])  # fmt: skip
def test_published_grades_of_locomo_give_the_published_p(wins: int, losses: int, p: float) -> None:
    """Discordant questions of 1,529, counted in the files of `benchmarks/published_grades.py`:
    Memobase 0.0.37 - Zep, Zep - full context, full context with reasoning - Zep, Memobase 0.0.37 -
    0.0.32, gpt-4.1-mini full context with reasoning - without.
    """
    assert paired.mcnemar(wins, losses) == pytest.approx(p, rel=0.02)


def test_the_three_shapes_of_published_files_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = np.random.default_rng(0)

    def rows(make: object) -> list[dict[str, object]]:
        return [{"question": f"q{n} ", **make(bool(chance.random() < 0.6))}  # type: ignore[operator]
                for n in (0, 1, 2, 3, 3)]  # fmt: skip

    shapes = {
        "zep": lambda right: {"grade": right},
        "memobase": lambda right: {"llm_score": int(right)},
        "gpt": lambda right: {"llm_judgments": {"a": right, "b": right, "c": not right}},
    }
    for name in {each for pair in published_grades.PAIRS for each in pair}:
        make = shapes[name.split("-")[0]]
        data = {f"user_{talk}": rows(make) for talk in range(3)}
        whole = {"detailed_results": data} if name.startswith("gpt") else data
        (tmp_path / f"{name}.json").write_text(json.dumps(whole))
    last = json.loads((tmp_path / "zep.json").read_text())["user_1"][-1]["grade"]
    assert published_grades.grades(tmp_path / "zep.json")[1, "q3"] == float(last)
    assert published_grades.main([str(tmp_path)]) == 0
    assert "12 questions, 3 conversations" in capsys.readouterr().out
    assert published_grades.main([str(tmp_path / "none")]) == 1
