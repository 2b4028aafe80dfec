"""Paired statistics on per-question LoCoMo grades that others have published.

Nothing of these files is shipped (CC BY-NC-SA 4.0, Apache-2.0 and CC BY-NC 4.0, of data that is
non-commercial): take your own copies and name the folder that holds them, under these paths:

    zep.json            getzep/zep-papers: kg_architecture_agent_memory/locomo_eval/data/zep_locomo_grades.json
    memobase-0.0.32.json  memodb-io/memobase: docs/experiments/locomo-benchmark/fixture/memobase/memobase_eval_0503_3000.json
    memobase-0.0.37.json  the same folder: memobase_eval_0710_3000.json
    gpt-4o-mini-memos.json, gpt-4o-mini-cot.json, gpt-4.1-mini-memos.json, gpt-4.1-mini-cot.json
                        dial481/locomo-audit: fc-baseline/results/<name>/eval_results.json

    python -m benchmarks.published_grades FOLDER

A question that stands twice in a conversation counts once, with its last grade. Where there are
several verdicts of the judge, the majority of them is the grade.
"""  # noqa: E501

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from archgraph.suites.stats import bootstrap, clusters, intervals, paired, power

PAIRS = (
    ("memobase-0.0.37", "zep"),
    ("zep", "gpt-4o-mini-memos"),
    ("gpt-4o-mini-cot", "zep"),
    ("memobase-0.0.37", "memobase-0.0.32"),
    ("gpt-4.1-mini-cot", "gpt-4.1-mini-memos"),
)
Grades = dict[tuple[int, str], float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.published_grades",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="where the files are")
    folder = parser.parse_args(arguments).folder
    names = list(dict.fromkeys(name for pair in PAIRS for name in pair))
    missing = [name for name in names if not (folder / f"{name}.json").is_file()]
    if missing:
        print(f"{folder} lacks {', '.join(f'{each}.json' for each in missing)}", file=sys.stderr)
        return 1
    table({name: grades(folder / f"{name}.json") for name in names})
    return 0


def grades(path: Path) -> Grades:
    """The grade of each question, by conversation and text."""
    data = json.loads(path.read_text(encoding="utf-8"))
    found: Grades = {}
    for name, rows in data.get("detailed_results", data).items():
        (number,) = re.findall(r"\d+$", name)
        for row in rows:
            found[int(number), row["question"].strip()] = _grade(row)
    return found


def _grade(row: dict[str, Any]) -> float:
    if "grade" in row:
        return float(row["grade"])
    if "llm_score" in row:
        return float(row["llm_score"])
    verdicts = list(row["llm_judgments"].values())
    return float(2 * sum(verdicts) > len(verdicts))


def table(found: dict[str, Grades]) -> None:
    """One row a comparison."""
    keys = sorted(set.intersection(*(set(each) for each in found.values())))
    talks = np.array([talk for talk, _ in keys])
    print(f"{len(keys):,} questions, {len(set(talks.tolist()))} conversations; points of 100\n")
    print("| comparison | difference | paired / unpaired error | wins, losses | McNemar p "
          "| p by conversation | 95 % interval (CR2) | 95 % cluster bootstrap | correlation | icc "
          "| detectable |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for one, other in PAIRS:
        a, b = (np.array([found[name][key] for key in keys]) for name in (one, other))
        print("| " + " | ".join([f"{one} - {other}", *row(a, b, talks)]) + " |")


def row(a: np.ndarray, b: np.ndarray, talks: np.ndarray) -> list[str]:
    """The cells of one comparison."""
    gaps, n = a - b, len(a)
    wins, losses = int((gaps > 0).sum()), int((gaps < 0).sum())
    unpaired = float(np.sqrt((a.var() + b.var()) / n))
    robust, drawn = intervals.difference(gaps, talks), bootstrap.interval(gaps, talks)
    estimate = clusters.estimate(gaps, talks)
    return [
        f"{100 * gaps.mean():+.2f}",
        f"{100 * gaps.std(ddof=1) / n**0.5:.2f} / {100 * unpaired:.2f}",
        f"{wins}, {losses}",
        f"{paired.mcnemar(wins, losses):.2g}",
        f"{paired.sign_flip(gaps, talks):.2g}",
        f"[{100 * robust.low:+.1f}, {100 * robust.high:+.1f}]",
        f"[{100 * drawn.low:+.1f}, {100 * drawn.high:+.1f}]",
        f"{np.corrcoef(a, b)[0, 1]:.2f}",
        f"{clusters.icc(gaps, talks):.4f}",
        f"{100 * power.smallest_effect(estimate.error, estimate.df):.1f}",
    ]


if __name__ == "__main__":
    sys.exit(main())
