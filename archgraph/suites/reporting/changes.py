"""Two runs compared: what was changed between them, and how each score moved.

Scores of two runs are compared unpaired unless the rows of both are given and hold the same cases;
then the difference is taken case by case. Called by the table and the page; knows no format.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archgraph.suites import findings as found
from archgraph.suites import results
from archgraph.suites.reporting import reading, sheets, wording
from archgraph.suites.stats import intervals

UNPAIRED = "unpaired (square and add)"
PAIRED = "paired by case"
_SHOWN = 60


Rows = tuple[results.Results, results.Results]
"""The rows of both runs."""


@dataclass(frozen=True, slots=True)
class Change:
    """One cell in two runs. `moved` is the second minus the first."""

    arm: str
    dataset: str
    scorer: str
    before: found.Cell
    after: found.Cell
    moved: found.Interval
    paired: int
    """Cases that both runs have, where it is paired; 0 where it is not."""


def cells(a: found.Findings, b: found.Findings, rows: Rows | None = None) -> list[Change]:
    """Every cell that both runs have, over all cases."""
    later = {(c.arm, c.dataset, c.scorer): c for c in b.cells if c.axis == "all"}
    made = []
    for before in a.cells:
        after = later.get((before.arm, before.dataset, before.scorer))
        if before.axis == "all" and after is not None:
            made.append(_change(before, after, rows))
    return made


def _change(before: found.Cell, after: found.Cell, rows: Rows | None) -> Change:
    moved, paired = unpaired(before.score, after.score), 0
    if rows is not None:
        first, second = (_scores(each, before) for each in rows)
        if first and first.keys() == second.keys():
            moved, paired = case_by_case(first, second), len(first)
    return Change(before.arm, before.dataset, before.scorer, before, after, moved, paired)


def unpaired(a: found.Interval, b: found.Interval) -> found.Interval:
    """`b - a` with an interval out of the two intervals.

    The square-and-add rule: Newcombe, Statistics in Medicine 17 (1998), method 10; for any two
    estimates: Zou and Donner, Statistics in Medicine 27 (2008).
    """
    moved = b.value - a.value
    low = moved - math.hypot(b.value - b.low, a.high - a.value)
    high = moved + math.hypot(b.high - b.value, a.value - a.low)
    return found.Interval(moved, low, high, a.level, UNPAIRED)


def case_by_case(
    first: Mapping[str, tuple[str, float]], second: Mapping[str, tuple[str, float]]
) -> found.Interval:
    """The mean difference over cases, as within a run: clustered by conversation."""
    moved = [second[case][1] - score for case, (_, score) in first.items()]
    interval = intervals.difference(moved, [cluster for cluster, _ in first.values()])
    return dataclasses.replace(interval, method=f"{PAIRED}, {interval.method}")


def _scores(rows: results.Results, cell: found.Cell) -> dict[str, tuple[str, float]]:
    """Each case's conversation and mean score."""
    found_scores: dict[str, tuple[str, list[float]]] = {}
    for row in rows.headline:
        value = row.scores.get(cell.scorer)
        if (row.arm, row.dataset) == (cell.arm, cell.dataset) and value is not None:
            found_scores.setdefault(row.case, (row.cluster, []))[1].append(value)
    return {case: (c, math.fsum(v) / len(v)) for case, (c, v) in found_scores.items()}


def notes(a: found.Findings, b: found.Findings, rows: Rows | None = None) -> list[str]:
    """What must be read before the numbers."""
    changed = cells(a, b, rows)
    said = []
    if any(not c.paired for c in changed):
        said.append(
            "Two runs are compared unpaired here: their cases differ or their rows are not at "
            "hand. The intervals are wider than those within a run."
        )
    elif changed:
        said.append("Both runs have the same cases; differences are taken case by case.")
    said += [f"Only in {name}: {wording.listed(only)}." for name, only in
             (("A", _only(a, b)), ("B", _only(b, a))) if only]  # fmt: skip
    said.append(
        "A difference between runs can come from anything that was changed; see the list below. "
        "These intervals are not corrected for the number of cells."
    )
    for name, run in (("A", a), ("B", b)):
        said += [f"{name}: {note}" for note in reading.notes(run)]
    return reading.unique(said)


def _only(one: found.Findings, other: found.Findings) -> list[str]:
    there = {(c.arm, c.dataset) for c in other.cells}
    return reading.unique(
        f"{c.arm} on {c.dataset}" for c in one.cells if (c.arm, c.dataset) not in there
    )


def sheets_of(a: found.Findings, b: found.Findings, rows: Rows | None = None) -> list[sheets.Sheet]:
    """The tables: the change of every cell by dataset, then what was changed."""
    changed = cells(a, b, rows)
    tables = [_moved(dataset, [c for c in changed if c.dataset == dataset])
              for dataset in reading.unique(c.dataset for c in changed)]  # fmt: skip
    return [*tables, inputs(a, b, rows)]


def _moved(dataset: str, changed: Sequence[Change]) -> sheets.Sheet:
    columns = (
        sheets.ARM, sheets.Column("scorer", numeric=False), sheets.Column("A"),
        sheets.Column("B"), sheets.Column("B - A"), sheets.Column("n A, B"),
    )  # fmt: skip
    rows = tuple(
        (c.arm, c.scorer, wording.score(c.before.score), wording.score(c.after.score),
         wording.difference(c.moved), f"{c.before.n:,}, {c.after.n:,}")
        for c in changed
    )  # fmt: skip
    note = f"B - A: {sheets.intervals(c.moved for c in changed)}."
    if not any(c.moved.low > 0 or c.moved.high < 0 for c in changed):
        note += f" {sheets.CLAIM_NONE}"
    title = f"{dataset}: from A to B, in points"
    return sheets.Sheet(f"changes-{dataset}", title, columns, rows, (note,))


def inputs(a: found.Findings, b: found.Findings, rows: Rows | None = None) -> sheets.Sheet:
    """What differs in suite and manifest, value by value."""
    suites = [each.suite for each in rows] if rows else [{}, {}]
    first, second = _inputs(a, suites[0]), _inputs(b, suites[1])
    differ = [key for key in {**first, **second} if first.get(key) != second.get(key)]
    told = tuple((key, first.get(key, "absent"), second.get(key, "absent")) for key in differ)
    columns = (
        sheets.Column("what", numeric=False, long=True),
        sheets.Column("A", numeric=False, long=True), sheets.Column("B", numeric=False, long=True),
    )  # fmt: skip
    more = f"... and {len(told) - _SHOWN:,} more" if len(told) > _SHOWN else ""
    notes_of = (more,) if more else () if told else ("Nothing that was recorded.",)
    return sheets.Sheet(
        "inputs", "Inputs that differ between A and B", columns, told[:_SHOWN], notes_of
    )


def _inputs(run: found.Findings, suite: Mapping[str, Any]) -> dict[str, str]:
    manifest = {name: each for name, each in run.manifest.items() if name != "digest"}
    whole = {"suite": suite, "manifest": manifest, "arms": run.arms, "datasets": run.datasets}
    return dict(_leaves(whole, ""))


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _leaves(each, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple) and any(isinstance(e, Mapping) for e in value):
        for number, each in enumerate(value):
            yield from _leaves(each, f"{path}[{number}]")
    else:
        yield path, str(value)
