"""The figures of the page: which numbers of the findings go into which plot, and their captions.

Each figure is drawn twice, for a wide and for a narrow reader. Called by `page_sections`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from archgraph.suites import findings as found
from archgraph.suites import record
from archgraph.suites.reporting import (
    page_html,
    plots,
    plots_rows,
    reading,
    sheets,
    sheets_cost,
    wording,
)  # fmt: skip

WIDTHS = (720, 340)
MOST = 12
"""Arms in one plot."""


def looks(findings: found.Findings) -> dict[str, int]:
    """The look of each arm: the same in every figure."""
    return {arm: number for number, arm in enumerate(reading.arms(findings))}


def chosen(findings: found.Findings, dataset: str) -> tuple[list[str], str]:
    """The arms of a plot; and a remark where some are left out, ablated ones before others."""
    there = reading.arms(findings, dataset)
    if len(there) <= MOST:
        return there, ""
    scorer = reading.primary(findings, dataset)

    def worth(arm: str) -> tuple[bool, bool, float]:
        cell = reading.cell(findings, arm, dataset, scorer)
        ablated = bool(findings.arms.get(arm, {}).get("ablated"))
        return (arm != findings.baseline, ablated, -(cell.score.value if cell else 0))

    best = sorted(there, key=worth)[:MOST]
    kept = [arm for arm in there if arm in best]
    return kept, f" Shown: {MOST} of {len(there)} arms, the baseline and the best."


def _twice(draw: Callable[[int], str], caption: str) -> str:
    return page_html.figure([draw(width) for width in WIDTHS], caption)


def by_group(findings: found.Findings, dataset: str, axis: str) -> str:
    """The score of every arm in every group of an axis."""
    scorer = reading.primary(findings, dataset)
    names = reading.groups(findings, dataset, scorer, axis)
    if axis == reading.POSITION:
        names = list(found.POSITIONS)  # those without a case, too, so that places are to scale
    cells = reading.slices(findings, dataset, scorer, axis)
    places = {(c.arm, c.group): c.score for c in cells}
    arms, left = chosen(findings, dataset)
    look = looks(findings)
    series = [plots.Series(arm, look[arm], [places.get((arm, name)) for name in names])
              for arm in arms]  # fmt: skip
    if not any(v and math.isfinite(v.value) for each in series for v in each.values):
        return ""
    called = reading.axis_name(findings, dataset, axis)
    words = f"{scorer} on {dataset} by {called}, in points, for {wording.listed(arms)}"
    ordered = reading.is_ordered(findings, dataset, axis)
    caption = (f"{scorer} on {dataset} by {called}, in points of 100; bars are "
               f"{sheets.intervals(c.score for c in cells)}; {_sizes(cells)}.{left}")  # fmt: skip

    def draw(width: int) -> str:
        return plots.lines(series, names, called, words, width, ordered=ordered)

    named = reading.names(findings, dataset, axis)
    return _twice(draw, caption + (f" Categories: {', '.join(named)}." if named else ""))


def _sizes(cells: Sequence[found.Cell]) -> str:
    low, high = min(c.n for c in cells), max(c.n for c in cells)
    return f"n = {low:,}{'' if low == high else f' to {high:,}'} cases a point"


def against_cost(findings: found.Findings, dataset: str) -> str:
    """Cost against score."""
    scorer = reading.primary(findings, dataset)
    arms, left = chosen(findings, dataset)
    look = looks(findings)
    spots = []
    for arm in arms:
        cell = reading.cell(findings, arm, dataset, scorer)
        spent = reading.cost(findings, arm, dataset)
        if cell is not None and spent is not None:
            spots.append(
                plots.Spot(arm, look[arm], reading.tokens(spent), cell.score, spent.pareto)
            )
    if not any(math.isfinite(s.cost) and math.isfinite(s.score.value) for s in spots):
        return ""
    words = f"Tokens per question against {scorer} on {dataset}, for {wording.listed(arms)}"
    caption = (f"{scorer} on {dataset} against the tokens of a question, ingest left out. Dashed: "
               f"arms that no other arm beats in both.{left}")  # fmt: skip
    axis = "tokens per question, in and out"
    return _twice(lambda width: plots.scatter(spots, axis, words, width), caption)


def compared(findings: found.Findings, dataset: str, scorer: str) -> str:
    """Differences to the baseline as a forest."""
    there = [d for d in reading.differences(findings, dataset) if d.scorer == scorer]
    bases = reading.unique(d.baseline for d in there)
    one = bases[0] if len(bases) == 1 else ""
    rows = [plots_rows.Effect(d.arm if one else f"{d.arm} - {d.baseline}", d.difference,
                              d.verdict, d.sentence) for d in there]  # fmt: skip
    against = one or "the baseline"
    words = f"Differences to {against} on {dataset} by {scorer}, in points"
    caption = (f"{scorer} minus that of {against} on the same cases of {dataset}, in points; bars "
               f"are {sheets.intervals(d.difference for d in there)}, without correction for the "
               f"number of comparisons. {_BAND}")  # fmt: skip
    sides = f"worse than {against}|better than {against}"
    return _twice(
        lambda width: plots_rows.forest(rows, findings.margin, words, width, sides), caption
    )


_BAND = "Band: the margin of equivalence. Filled: a verdict; open: inconclusive."


def ablated(findings: found.Findings) -> str:
    """What the removal of each node did."""
    several = len({(a.difference.baseline, a.difference.dataset) for a in findings.ablations}) > 1
    rows = []
    for each in findings.ablations:
        d = each.difference
        name = f"{each.node} ({d.baseline}, {d.dataset})" if several else each.node
        rows.append(plots_rows.Effect(name, d.difference, d.verdict, d.sentence))
    caption = ("What happens to the score when a node is taken out, in points; below zero, the "
               f"node helps. {_BAND}")  # fmt: skip
    words = "Effect of the removal of each node, in points"
    sides = "the node helps|it is better without"
    return _twice(
        lambda width: plots_rows.forest(rows, findings.margin, words, width, sides), caption
    )


def lost(findings: found.Findings, dataset: str) -> str:
    """The way of the gold items: what reached a window, what was lost and where."""
    arms, left = chosen(findings, dataset)
    there = [x for x in findings.losses if x.dataset == dataset and x.arm in arms and x.gold]
    fates = [record.REACHED, *reversed(record.LOSSES)]
    bars = [plots_rows.Bar(x.arm, [x.fates.get(f, 0) for f in fates]) for x in there]
    words = f"Where gold items of {dataset} were lost, for {wording.listed(arms)}"
    caption = (f"What became of the gold items of {dataset}, as shares of all of an arm's: from "
               "those that stood in a context window, back along a fact's way to those that were "
               f"never written. The numbers are items.{left}")  # fmt: skip
    return _twice(
        lambda width: plots_rows.stacked(bars, fates, wording.amount, words, width, whole=True),
        caption,
    )


def timed(findings: found.Findings, dataset: str) -> str:
    """Wall time by part, p50 and p95."""
    arms, left = chosen(findings, dataset)
    parts = sheets_cost.parts(findings, dataset)
    bars = []
    for each in (c for c in findings.costs if c.dataset == dataset and c.arm in arms):
        for place, mark in enumerate(("p50", "p95")):
            values = [each.times.get(part, (0.0, 0.0))[place] for part in parts]
            bars.append(plots_rows.Bar("" if place else each.arm, values, mark))
    words = f"Wall time per question on {dataset} by part, p50 and p95, for {wording.listed(arms)}"
    caption = (f"Wall time of a question on {dataset} by part. Percentiles are those of each part; "
               f"their sum is not the percentile of the whole.{left}")  # fmt: skip
    return _twice(
        lambda width: plots_rows.stacked(bars, parts, wording.milliseconds, words, width), caption
    )


def in_window(findings: found.Findings, dataset: str) -> str:
    """Tokens by store in the last window."""
    arms, left = chosen(findings, dataset)
    stores = sheets_cost.stores(findings, dataset)
    shown, rest = (stores, []) if len(stores) <= _STORES else (stores[:_STORES], stores[_STORES:])
    bars = []
    for each in (c for c in findings.costs if c.dataset == dataset and c.arm in arms):
        values = [each.by_store.get(store, 0.0) for store in shown]
        values += [sum(each.by_store.get(store, 0.0) for store in rest)] if rest else []
        bars.append(plots_rows.Bar(each.arm, values))
    parts = [*shown, *(["other stores"] if rest else [])]
    words = f"Tokens of the last window on {dataset} by store, for {wording.listed(arms)}"
    caption = (f"Tokens that each store takes in the last window of a question on {dataset}, on "
               "average; a message counts for the log that holds it. The system prompt and the "
               f"tools come on top.{left}")  # fmt: skip
    return _twice(
        lambda width: plots_rows.stacked(bars, parts, wording.amount, words, width), caption
    )


_STORES = 7
"""Stores with a colour of their own."""


def varied(findings: found.Findings) -> str:
    """Where scores vary from."""
    names = reading.unique(n for v in findings.variances for n in v.components)
    bars = [plots_rows.Bar(f"{v.arm} ({v.dataset})", [v.components.get(n, 0) for n in names])
            for v in findings.variances[:MOST]]  # fmt: skip
    words = "Shares of the variance of single trials by source"
    caption = "Where the scores of single trials vary from, as shares of each cell's variance."

    def write(share: float) -> str:
        return f"{100 * share:.0f}%"

    return _twice(
        lambda width: plots_rows.stacked(bars, names, write, words, width, whole=True), caption
    )
