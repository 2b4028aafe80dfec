"""Findings and rows as CSV, in long form, for R, pandas or a spreadsheet.

Numbers are shares of 1 at full precision; what does not exist is an empty field. Wall times are
left out, because a run that was resumed has others. Knows no layout.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from archgraph.suites import findings as found
from archgraph.suites import record, results
from archgraph.suites.reporting import reading, wording

_BAD = ("failed", "cut", "broken")


def cells(findings: found.Findings) -> str:
    """One line for each cell, scorer, axis and group."""
    header = ["dataset", "arm", "scorer", "primary", "axis", "group", "score", "low", "high",
              "level", "method", "n", "clusters", "trials", *_BAD]  # fmt: skip
    rows = [
        [c.dataset, c.arm, c.scorer, int(findings.primary.get(c.dataset) == c.scorer), c.axis,
         c.group, c.score.value, c.score.low, c.score.high, c.score.level, c.score.method, c.n,
         c.clusters, c.trials, *(c.bad.get(name, 0) for name in _BAD)]
        for c in findings.cells
    ]  # fmt: skip
    return _written(header, rows)


def costs(findings: found.Findings) -> str:
    """One line for each cost: per question, by thread, by store, and the totals of all ingests."""
    header = ["dataset", "arm", "trials", "of", "name", "metric", "value"]
    rows = [[c.dataset, c.arm, c.trials, *line] for c in findings.costs for line in _taken(c)]
    return _written(header, rows)


def _taken(cost: found.Cost) -> Iterator[list[Any]]:
    yield from (["question", "", name, value] for name, value in cost.metrics.items())
    for thread, spent in cost.by_thread.items():
        yield from (["thread", thread, name, value] for name, value in spent.items())
    yield from (["store", name, "window_tokens", value] for name, value in cost.by_store.items())
    yield from (["ingest", "", name, value] for name, value in cost.ingest.items())


def differences(findings: found.Findings) -> str:
    """One line for each comparison, ablations included."""
    header = ["dataset", "arm", "baseline", "scorer", "difference", "low", "high", "level",
              "method", "p", "adjusted", "test", "mcnemar", "n", "clusters", "wins", "losses",
              "verdict", "needed", "detectable", "ablated"]  # fmt: skip
    there = [(d, "") for d in findings.differences]
    there += [(each.difference, each.node) for each in findings.ablations]
    rows = [
        [d.dataset, d.arm, d.baseline, d.scorer, d.difference.value, d.difference.low,
         d.difference.high, d.difference.level, d.difference.method, d.p, d.adjusted, d.test,
         d.mcnemar, d.n, d.clusters, d.wins, d.losses, d.verdict, d.needed, d.detectable, node]
        for d, node in there
    ]  # fmt: skip
    return _written(header, rows)


def trials(run: results.Results) -> str:
    """One line for each trial: identity, status, scores, metrics, losses, threads, stores."""
    scorers = _named(run.scorers, (row.scores for row in run.rows))
    metrics = _named(results.METRICS, (row.metrics for row in run.rows))
    losses = _named((*record.LOSSES, record.REACHED), (row.losses for row in run.rows))
    threads = sorted({name for row in run.rows for name in row.by_thread})
    stores = sorted({name for row in run.rows for name in row.by_store})
    header = ["trial", "arm", "dataset", "case", "cluster", "category", "ingest_seed",
              "answer_seed", "judge_seed", "status", "reason"]  # fmt: skip
    rows = [
        [*row[: len(header)], *(row.scores.get(n) for n in scorers),
         *(row.metrics.get(n) for n in metrics), *(row.losses.get(n, 0) for n in losses),
         *(row.by_thread.get(t, {}).get(n) for t in threads for n in results.SPENT),
         *(row.by_store.get(n) for n in stores)]
        for row in run.rows
    ]  # fmt: skip
    named = [f"score {n}" for n in scorers] + metrics + [f"gold {n}" for n in losses]
    named += [f"thread {t} {n}" for t in threads for n in results.SPENT]
    named += [f"store {n}" for n in stores]
    return _written([*header, *named], rows)


def _named(first: Iterable[str], there: Iterable[Mapping[str, Any]]) -> list[str]:
    used = dict.fromkeys(name for each in there for name in each)
    return [n for n in reading.unique([*first, *used]) if n in used]


def _written(header: list[str], rows: Iterable[Iterable[Any]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_field(each) for each in row] for row in rows)
    return wording.encodable(file.getvalue())


def _field(value: Any) -> Any:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return value
