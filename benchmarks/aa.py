"""An architecture against itself: how often is a difference claimed that is not there?

    python -m benchmarks.aa RUN [--times 1000]     of a run that is there, made with `seeds:`
    python -m benchmarks.aa --fresh FOLDER         makes that run first, with faults as noise

Three shares for each arm and dataset, all at the suite's alpha and all to be at most 8 %:

- *conversations* and *cases*: the labels of one half of the seeds and the other are swapped at
  random, by whole conversation or by case (`analysis.false_claims`). The first can hardly exceed
  alpha, because the test itself swaps conversations.
- *verdicts*: for every case its seeds are dealt anew into two arms, and the verdict that a table
  would print of them is read. This is the check that could fail.

`vary` is the share of cases whose seeds do not all score alike: where it is 0, nothing was tested.
Where cases vary, `spread` is the standard deviation of the difference of a case's two halves.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

import archgraph
from archgraph import comparisons
from archgraph.suites import analysis, analysis_rows, analysis_verdicts, findings, results

SUITE = """\
suite: against-itself
architectures: [memgpt]
datasets:
  - nested_kv: {depths: [0, 1, 2, 3], orderings: 10}
  - persona_chat: {chats: 10, questions_per_chat: 6}
seeds: {answer: %d}
faults: {rate: %g}
"""
CLAIMED = (findings.A_BETTER, findings.B_BETTER)
MOST = 0.08

Places = Sequence[Sequence[results.Row]]
"""The rows of each case."""


def fresh(folder: Path, rate: float, answers: int) -> results.Results:
    """Run the suite; what the folder holds already is not run again."""
    folder.mkdir(parents=True, exist_ok=True)
    suite = folder / "against-itself.yaml"
    suite.write_text(SUITE % (answers, rate))
    return archgraph.run_suite(suite, folder=folder / "run").results


def by_case(rows: Sequence[results.Row]) -> Places:
    """The rows of each case that has two seeds or more."""
    found: dict[str, list[results.Row]] = collections.defaultdict(list)
    for row in rows:
        found[row.case].append(row)
    return [each for each in found.values() if len(each) > 1]


def dealt(given: results.Results, cases: Places, dice: random.Random) -> results.Results:
    """Two arms out of one: each case's seeds are dealt at random, half to either."""
    rows: list[results.Row] = []
    for each in cases:
        order = dice.sample(range(len(each)), len(each))
        half = len(each) // 2
        for arm, places in (("one", order[:half]), ("other", order[half : 2 * half])):
            rows += [each[place]._replace(arm=arm) for place in places]
    about = next(iter(given.arms.values()))
    dataset = rows[0].dataset
    return dataclasses.replace(
        given,
        rows=rows,
        arms={"one": about, "other": about},
        datasets={dataset: given.datasets[dataset]},
        planned=len(rows),
    )


def verdicts(given: results.Results, cases: Places, times: int, seed: int) -> float:
    """The share of deals after which the table claims a difference."""
    dice = random.Random(seed)
    claims = 0
    for _ in range(times):
        made = dealt(given, cases, dice)
        dataset = next(iter(made.datasets))
        pair = analysis_verdicts.Pair("one", "other", dataset, given.primary[dataset])
        rules = analysis_verdicts.Rules(alpha_of(given), 0.05, "dataset", seed, several=False)
        columns = analysis_rows.columns(made)
        [judged] = analysis_verdicts.compare(columns, made, [pair], rules).values()
        claims += judged.verdict in CLAIMED
    return claims / times


def alpha_of(given: results.Results) -> float:
    return float(given.suite.get("alpha") or 0.05)


def measured(given: results.Results, arm: str, dataset: str, times: int, seed: int
             ) -> Mapping[str, float]:  # fmt: skip
    """The three shares, and how much noise there is."""
    scorer = given.primary[dataset]
    pair = analysis_verdicts.Pair(arm, arm, dataset, scorer)
    gaps = analysis_verdicts.gaps(analysis_rows.columns(given), pair)
    chosen = [row for row in given.rows if (row.arm, row.dataset) == (arm, dataset)]
    cases = by_case([row for row in chosen if row.scores.get(scorer) is not None])
    return {
        "cases": len(cases),
        "conversations": len({each[0].cluster for each in cases}),
        "vary": sum(len({row.scores[scorer] for row in each}) > 1 for each in cases) / len(cases),
        "spread": float(np.nanstd(gaps)),
        "by conversation": analysis.false_claims(
            given, arm, dataset=dataset, by="cluster", times=times, seed=seed
        ),
        "by case": analysis.false_claims(
            given, arm, dataset=dataset, by="case", times=times, seed=seed
        ),
        "by verdict": verdicts(given, cases, times, seed),
    }


def repeated(given: results.Results) -> Iterator[tuple[str, str]]:
    """The arms and datasets that have cases with more than one seed."""
    for dataset in given.datasets:
        for arm in given.arms:
            rows = [row for row in given.rows if (row.arm, row.dataset) == (arm, dataset)]
            if by_case([row for row in rows if row.scores.get(given.primary[dataset]) is not None]):
                yield arm, dataset


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", nargs="?", help="a run's folder, or a name in runs/")
    parser.add_argument("--fresh", type=Path, metavar="FOLDER", help="make the run in here")
    parser.add_argument("--times", type=int, default=1000, help="random swaps and deals")
    parser.add_argument("--rate", type=float, default=0.4, help="of faults, in a fresh run")
    parser.add_argument("--answers", type=int, default=6, help="seeds of a case, in a fresh run")
    parser.add_argument("--seed", type=int, default=0, help="of swaps and deals")
    asked = parser.parse_args()
    if asked.fresh:
        given = fresh(asked.fresh, asked.rate, asked.answers)
    else:
        given, _ = comparisons.read(comparisons.find(asked.run))
    print(f"| arm | dataset | cases/conversations | vary | spread | swaps of conversations "
          f"| swaps of cases | verdicts | at most {MOST:.0%} |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|")
    for arm, dataset in repeated(given):
        each = measured(given, arm, dataset, asked.times, asked.seed)
        shares = [each[name] for name in ("by conversation", "by case", "by verdict")]
        print(f"| {arm} | {dataset} | {each['cases']}/{each['conversations']} "
              f"| {each['vary']:.0%} | {each['spread']:.3f} "
              f"| {' | '.join(f'{share:.1%}' for share in shares)} "
              f"| {'yes' if max(shares) <= MOST else 'NO'} |")  # fmt: skip


if __name__ == "__main__":
    main()
