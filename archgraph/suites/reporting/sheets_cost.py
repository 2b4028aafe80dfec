"""Costs and wall times as tables without a format. Called by every format; knows none."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from archgraph.suites import findings as found
from archgraph.suites import record
from archgraph.suites.reporting import reading, sheets, wording


def _share(share: float) -> str:
    return f"{100 * share:.0f}%"


_WRITERS: dict[str, tuple[str, Callable[[float], str]]] = {
    "prompt_tokens": ("tokens in", wording.amount),
    "completion_tokens": ("out", wording.amount),
    "prefix": ("prefix kept", _share),
    "cached_tokens": ("cached", _share),
    "calls": ("calls", wording.amount),
    "steps": ("steps", wording.amount),
    "searches": ("searches", wording.amount),
    "window_tokens": ("largest window", wording.amount),
    "store_bytes": ("store bytes", wording.amount),
    "cost": ("cost", wording.money),
    "paid": ("paid", wording.money),
}


_MEANINGS = {
    "cost": "cost: as if every arm had bought its calls alone.",
    "paid": "paid: what was really bought.",
    "prefix": "prefix kept: the mean share of a prompt that repeats the request before.",
    "cached_tokens": "cached: the share of the tokens in that the provider took from its cache.",
}


def costs(findings: found.Findings, dataset: str) -> sheets.Sheet:
    """Means per question, and what the ingests took."""
    there = [c for c in findings.costs if c.dataset == dataset]
    shown = [name for name in _WRITERS if any(c.metrics.get(name) for c in there)]
    spent = [n for n in ("prompt_tokens", "calls", "cost") if any(c.ingest.get(n) for c in there)]
    columns = [sheets.ARM, *(sheets.Column(_WRITERS[name][0]) for name in shown)]
    columns += [sheets.Column(f"ingest {_WRITERS[name][0]}") for name in spent]
    rows = []
    for each in there:
        values = [_written(name, _value(each, name)) for name in shown]
        values += [_written(name, each.ingest.get(name)) for name in spent]
        rows.append((each.arm, *values))
    there_are = {*shown, *spent}
    said = ["Means per question" + ("; ingest: totals over all histories." if spent else ".")]
    said += [words for name, words in _MEANINGS.items() if name in there_are]
    return sheets.Sheet(
        f"costs-{dataset}", f"{dataset}: cost", tuple(columns), tuple(rows), (" ".join(said),)
    )


def _value(cost: found.Cost, name: str) -> float | None:
    value = cost.metrics.get(name)
    if name == "cached_tokens" and value is not None:
        return value / (cost.metrics.get("prompt_tokens") or math.nan)
    return value


def threads(findings: found.Findings, dataset: str, *, several: bool = False) -> sheets.Sheet:
    """Where the tokens go: what each thread takes, per question.

    Args:
        findings: what to show.
        dataset: which one.
        several: leave out arms with a single thread.
    """
    there = [c for c in findings.costs
             if c.dataset == dataset and len(c.by_thread) > int(several)]  # fmt: skip
    lines = [(cost, name) for cost in there for name in _ranked(cost)]
    shown = [n for n in ("prompt_tokens", "completion_tokens", "cached_tokens", "calls", "cost")
             if any(cost.by_thread[name].get(n) for cost, name in lines)]  # fmt: skip
    rows = []
    for cost, name in lines:
        spent = cost.by_thread[name]
        whole = sum(map(_tokens, cost.by_thread.values()))
        share = _share(_tokens(spent) / whole) if whole else wording.NOTHING
        part = found.Cost("", "", 0, spent, {}, {}, pareto=False)
        rows.append((cost.arm, name, share, *(_written(n, _value(part, n)) for n in shown)))
    columns = [sheets.ARM, sheets.Column("thread", numeric=False), sheets.Column("share")]
    columns += [sheets.Column(_WRITERS[name][0]) for name in shown]
    note = "Means per question, ingest left out; share: of the tokens of all threads, in and out."
    return sheets.Sheet(f"threads-{dataset}", f"{dataset}: where the tokens go, by thread",
                        tuple(columns), tuple(rows), (note,))  # fmt: skip


def _ranked(cost: found.Cost) -> list[str]:
    """An arm's threads, those that take most first."""
    return sorted(cost.by_thread, key=lambda name: (-_tokens(cost.by_thread[name]), name))


def _tokens(spent: Mapping[str, float]) -> float:
    return spent.get("prompt_tokens", 0.0) + spent.get("completion_tokens", 0.0)


def stores(findings: found.Findings, dataset: str) -> list[str]:
    """The stores that take tokens in a window of any arm, those that take most first."""
    total: dict[str, float] = {}
    for cost in findings.costs:
        for name, tokens in cost.by_store.items() if cost.dataset == dataset else ():
            total[name] = total.get(name, 0.0) + tokens
    return sorted((name for name in total if total[name]), key=lambda name: (-total[name], name))


def windows(findings: found.Findings, dataset: str) -> sheets.Sheet:
    """Where the tokens go: what each store takes in the last window."""
    named = stores(findings, dataset)
    there = [c for c in findings.costs if c.dataset == dataset and c.by_store]
    rows = tuple(
        (c.arm, *(wording.amount(c.by_store.get(name)) for name in named),
         wording.amount(sum(c.by_store.values())))
        for c in there
    )  # fmt: skip
    columns = (sheets.ARM, *map(sheets.Column, named), sheets.Column("together"))
    note = ("Mean tokens in the last window of a question; a message counts for the log that holds "
            "it. The system prompt and the tools come on top.")  # fmt: skip
    return sheets.Sheet(f"windows-{dataset}", f"{dataset}: where the tokens go, by store", columns,
                        rows, (note,))  # fmt: skip


def tokens(findings: found.Findings, dataset: str, *, whole: bool) -> list[sheets.Sheet]:
    """The tables of where the tokens go; without `whole` only threads, where there are several."""
    made = [threads(findings, dataset, several=not whole)]
    made += [windows(findings, dataset)] if whole else []
    return [sheet for sheet in made if sheet.rows]


def _written(name: str, value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return wording.NOTHING
    return _WRITERS[name][1](value)


def parts(findings: found.Findings, dataset: str) -> list[str]:
    """The parts of the wall time that any arm spent time in."""
    there = [c for c in findings.costs if c.dataset == dataset]
    named = reading.unique([*record.TIMES, *(p for c in there for p in c.times)])
    return [p for p in named if p != "total" and any(sum(c.times.get(p, ())) for c in there)]


def timing(findings: found.Findings, dataset: str) -> sheets.Sheet:
    """Wall time by part, p50 and p95 per question."""
    there = [c for c in findings.costs if c.dataset == dataset]
    shown = parts(findings, dataset)
    shown += ["total"] if any("total" in c.times for c in there) else []
    rows = tuple(
        (c.arm, *(" / ".join(map(wording.milliseconds, c.times[p])) if p in c.times
                  else wording.NOTHING for p in shown))
        for c in there
    )  # fmt: skip
    note = ("p50 / p95 per question, on the machine of this run. Percentiles of parts do not add "
            "up to the percentile of the whole.")  # fmt: skip
    columns = (sheets.ARM, *(sheets.Column(p) for p in shown))
    return sheets.Sheet(f"timing-{dataset}", f"{dataset}: wall time", columns, rows, (note,))
