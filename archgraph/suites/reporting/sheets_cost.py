"""Costs and wall times as tables without a format. Called by every format; knows none."""

from __future__ import annotations

from collections.abc import Callable

from archgraph.suites import findings as found
from archgraph.suites import record
from archgraph.suites.reporting import reading, sheets, wording

_WRITERS: dict[str, tuple[str, Callable[[float], str]]] = {
    "prompt_tokens": ("tokens in", wording.amount),
    "completion_tokens": ("out", wording.amount),
    "prefix": ("prefix kept", lambda share: f"{100 * share:.0f}%"),
    "calls": ("calls", wording.amount),
    "steps": ("steps", wording.amount),
    "searches": ("searches", wording.amount),
    "window_tokens": ("largest window", wording.amount),
    "store_bytes": ("store bytes", wording.amount),
    "cost": ("cost", wording.money),
    "paid": ("paid", wording.money),
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
        values = [_written(name, each.metrics.get(name)) for name in shown]
        values += [_written(name, each.ingest.get(name)) for name in spent]
        rows.append((each.arm, *values))
    notes = ["Means per question; ingest: totals over all histories. cost: as if every arm had "
             "bought its calls alone; paid: what was really bought. prefix kept: the mean share of "
             "a prompt that repeats the request before."]  # fmt: skip
    return sheets.Sheet(
        f"costs-{dataset}", f"{dataset}: cost", tuple(columns), tuple(rows), tuple(notes)
    )


def _written(name: str, value: float | None) -> str:
    return wording.NOTHING if value is None else _WRITERS[name][1](value)


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
