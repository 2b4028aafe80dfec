"""What each arm took on each dataset: tokens, money and time, by thread and by store.

Called by `analysis`. Knows no uncertainty: costs are means, totals and quantiles.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence

from archgraph.suites import analysis_rows, findings, record, results
from archgraph.suites.stats import summary


def costs(
    given: results.Results,
    columns: analysis_rows.Columns,
    cells: Sequence[findings.Cell],
    primary: Mapping[str, Sequence[str]],
) -> Iterator[findings.Cost]:
    """The costs of every arm on every dataset, and which arms no other beats."""
    score = {(c.arm, c.dataset, c.scorer): c.score.value for c in cells if c.axis == "all"}
    for dataset in given.datasets:
        arms = [arm for arm in given.arms if len(columns.parts[arm, dataset].rows)]
        made = [_cost(given, columns.parts[arm, dataset]) for arm in arms]
        scorer = next(iter(primary.get(dataset, ())), "")
        tokens = [_tokens(each.metrics) for each in made]
        scores = [score.get((arm, dataset, scorer), math.nan) for arm in arms]
        for each, best in zip(made, summary.front(tokens, scores), strict=True):
            yield dataclasses.replace(each, pareto=best)


def _cost(given: results.Results, part: analysis_rows.Part) -> findings.Cost:
    rows = [given.rows[place] for place in part.rows.tolist()]
    metrics = {}
    for name in results.METRICS:
        found = [row.metrics[name] for row in rows if name in row.metrics]
        if found:
            metrics[name] = math.fsum(found) / len(found)
    times = {}
    for name in record.TIMES:
        found = [row.times[name] for row in rows if name in row.times]
        if found:
            times[name] = summary.quantiles(found)
    ingest = _ingest([each for each in given.ingests
                      if (each.arm, each.dataset) == (part.arm, part.dataset)])  # fmt: skip
    return findings.Cost(
        part.arm, part.dataset, len(rows), metrics, ingest, times, False,
        by_thread=_by_thread(rows), by_store=_by_store(rows),
    )  # fmt: skip


def _by_thread(rows: Sequence[results.Row]) -> dict[str, dict[str, float]]:
    """Means over all trials, so that the threads of an arm add up to what a question takes."""
    found: dict[str, list[Mapping[str, float]]] = {}
    for row in rows:
        for thread in row.by_thread:
            found.setdefault(thread, []).append(row.by_thread[thread])
    return {
        thread: {name: math.fsum(each.get(name, 0.0) for each in found[thread]) / len(rows)
                 for name in results.SPENT}
        for thread in sorted(found)
    }  # fmt: skip


def _by_store(rows: Sequence[results.Row]) -> dict[str, float]:
    """Means over the trials that have a last window; one without a store counts as zero there."""
    found: dict[str, list[float]] = {}
    windows = 0
    for row in rows:
        windows += bool(row.by_store)
        for store in row.by_store:
            found.setdefault(store, []).append(row.by_store[store])
    return {store: math.fsum(found[store]) / windows for store in sorted(found)}


def _ingest(ingests: Sequence[results.Ingest]) -> dict[str, float]:
    """Totals of what histories took, with their number."""
    names = sorted({name for each in ingests for name in each.spent})
    total = {name: math.fsum(each.spent.get(name, 0.0) for each in ingests) for name in names}
    total["histories"] = float(len(ingests))
    total["store_bytes"] = float(sum(each.store_bytes for each in ingests))
    return total


def _tokens(metrics: Mapping[str, float]) -> float:
    if "prompt_tokens" not in metrics:
        return math.nan
    return metrics["prompt_tokens"] + metrics.get("completion_tokens", 0.0)
