"""Findings as tables without a format: titles, columns, rows and notes, all of them text.

The terminal, Markdown, LaTeX and the page all draw these; so they say the same. Knows no format.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from archgraph.suites import findings as found
from archgraph.suites import record
from archgraph.suites.reporting import reading, sheets_notes, wording

CLAIM_NONE = "No difference can be claimed."
_TESTS = "p: {tests}, after Holm's correction {over}."
_PLACES = ("position: where in the history the evidence of a case stands, on average where it is "
           "several items; 0 % is the first item.")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `numeric` ones align at the right; `long` ones may be broken into lines."""

    title: str
    numeric: bool = True
    long: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table. `title` says what it shows, `notes` how to read it."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def _column(title: str, *, numeric: bool = True, long: bool = False) -> Column:
    return Column(title, numeric, long)


ARM = Column("arm", numeric=False, long=True)
intervals = sheets_notes.intervals


def described(findings: found.Findings, dataset: str) -> str:
    """A dataset in a few words: its split, mode and licence, and what does not verify."""
    about = reading.about(findings, dataset)
    said = [f"split: {about.get('split') or 'not declared'}"]
    said += [str(about[key]) for key in ("mode",) if about.get(key)]
    if about.get("licence"):
        said.append(f"licence: {about['licence']}")
    source = about.get("provenance") or {}
    if source.get("verified") is False:
        said.append("data not verified")
    return "; ".join(said)


def main(findings: found.Findings, dataset: str, *, full: bool = False) -> Sheet:
    """The table of a dataset: each arm's score with its interval, and what stands beside it.

    Args:
        findings: what to show.
        dataset: which one.
        full: give every score its interval, not only the primary one.
    """
    scorer = reading.primary(findings, dataset)
    others = [s for s in reading.scorers(findings, dataset) if s != scorer]
    kinds = _kinds(findings, dataset)
    columns = [ARM, _column(reading.titled(findings, scorer)), _column("n"), _column("bad")]
    columns += [_column(name) for name in (*kinds, *(reading.titled(findings, s) for s in others))]
    columns += [_column("tokens/q"), _column("calls/q")]
    rows = []
    for arm in reading.arms(findings, dataset):
        rows.append(_arm_row(findings, arm, dataset, others, full=full))
    title = f"{dataset} ({described(findings, dataset)}), by {reading.titled(findings, scorer)}"
    notes = sheets_notes.main(findings, dataset, full=full)
    return Sheet(f"main-{dataset}", title, tuple(columns), tuple(rows), notes)


def _kinds(findings: found.Findings, dataset: str) -> list[str]:
    """The columns beside the score, where a dataset has cases with an answer and without."""
    names = reading.groups(findings, dataset, reading.primary(findings, dataset), reading.ANSWERS)
    return [name for name in names if name != found.ANSWERS[0]]


def _arm_row(
    findings: found.Findings, arm: str, dataset: str, others: list[str], *, full: bool
) -> tuple[str, ...]:
    cell = reading.cell(findings, arm, dataset, reading.primary(findings, dataset))
    spent = reading.cost(findings, arm, dataset)
    tokens = wording.amount(reading.tokens(spent))
    star = " *" if spent is not None and spent.pareto else "  "
    shown = [arm]
    if cell is None:
        shown += [wording.NOTHING] * 3
    else:
        bad = wording.tally(cell.bad) if full else f"{sum(cell.bad.values()):,}"
        shown += [wording.score(cell.score), sizes(cell), bad or "0"]
    write = wording.score if full else (lambda i: wording.points(i.value))
    scorer = reading.primary(findings, dataset)
    kinds = {c.group: c for c in reading.slices(findings, dataset, scorer, reading.ANSWERS)
             if c.arm == arm}  # fmt: skip
    beside = [kinds.get(name) for name in _kinds(findings, dataset)]
    for other in (*beside, *(reading.cell(findings, arm, dataset, name) for name in others)):
        shown.append(write(other.score) if other else wording.NOTHING)
    calls = spent.metrics.get("calls") if spent else None
    return (*shown, tokens + star, wording.amount(calls))


def sizes(cell: found.Cell) -> str:
    """How many cases, conversations and (where it is not one a case) trials."""
    repeated = f" x{cell.trials / cell.n:g}" if cell.n and cell.trials != cell.n else ""
    return f"{cell.n:,}/{cell.clusters:,}{repeated}"


def groups(findings: found.Findings, dataset: str, axis: str) -> Sheet:
    """The primary score of each arm in each group of an axis (category, depth, position)."""
    scorer = reading.primary(findings, dataset)
    cells = reading.slices(findings, dataset, scorer, axis)
    names = reading.groups(findings, dataset, scorer, axis)
    by_place = {(c.arm, c.group): c for c in cells}
    sizes_of = {name: _same([c.n for c in cells if c.group == name]) for name in names}
    columns = (ARM, *(_column(f"{name} (n={sizes_of[name]})") for name in names))
    rows = []
    for arm in reading.arms(findings, dataset):
        there = [by_place.get((arm, name)) for name in names]
        if any(there):
            rows.append((arm, *(wording.short(c.score) if c else wording.NOTHING for c in there)))
    notes = [f"Whole points of 100, {intervals(c.score for c in cells)}; n: cases."]
    notes += [_PLACES] if axis == reading.POSITION else []
    if named := reading.names(findings, dataset, axis):
        notes.append(f"Categories: {', '.join(named)}.")
    notes += sheets_notes.apart(findings, dataset, axis)
    each = "with an answer and without" if axis == reading.ANSWERS else f"each {axis}"
    title = f"{dataset}, by {reading.titled(findings, scorer)}: {each}"
    return Sheet(f"groups-{dataset}-{axis}", title, columns, tuple(rows), tuple(notes))


def _same(numbers: list[int]) -> str:
    low, high = min(numbers, default=0), max(numbers, default=0)
    return f"{low:,}" if low == high else f"{low:,}-{high:,}"


def differences(
    findings: found.Findings, dataset: str, scorer: str, *, full: bool = False
) -> Sheet:
    """Each arm against its baseline on the same cases.

    Args:
        findings: what to show.
        dataset: which one.
        scorer: by which one.
        full: show McNemar's p, too, where another test decides.
    """
    there = [d for d in reading.differences(findings, dataset) if d.scorer == scorer]
    bases = reading.unique(d.baseline for d in there)
    one = bases[0] if len(bases) == 1 else ""
    beside = full and any(d.mcnemar == d.mcnemar and "McNemar" not in d.test for d in there)
    rows = tuple(
        (d.arm if one else f"{d.arm} - {d.baseline}", *_compared(d),
         *((wording.chance(d.mcnemar),) if beside else ()))
        for d in there
    )  # fmt: skip
    called = reading.titled(findings, scorer)
    title = f"{dataset}, by {called}: difference to {one or 'the baseline'}, paired by case"
    notes = [f"Points, {intervals(d.difference for d in there)}. wins:losses: cases that only one "
             f"of the two gets right (or better)."]  # fmt: skip
    tests = reading.unique(d.test for d in there)
    notes.append(_TESTS.format(tests=", ".join(tests), over=reading.corrected(findings, there)))
    notes += sheets_notes.verdicts(findings, there)
    notes += [_MCNEMAR] if beside else []
    notes += _detectable(there)
    if not reading.claimed(there):
        notes.append(CLAIM_NONE)
    key = f"differences-{dataset}-{scorer}"
    columns = (*_DIFFERENCE_COLUMNS, *((Column("McNemar p"),) if beside else ()))
    return Sheet(key, title, columns, rows, tuple(notes))


_MCNEMAR = (
    "McNemar p: of his exact test, not corrected. It takes cases for independent, so it claims too "
    "often where a conversation has several; it decides nothing here."
)


def _detectable(there: list[found.Difference]) -> list[str]:
    known = [d.detectable for d in there if math.isfinite(d.detectable) and d.detectable > 0]
    if not known:
        return []
    low, high = wording.points(min(known)), wording.points(max(known))
    size = low if low == high else f"{low} to {high}"
    return [f"With these cases a true difference of {size} points is found 4 times in 5."]


_DIFFERENCE_COLUMNS = (
    ARM, Column("difference"), Column("p (Holm)"), Column("wins:losses"), Column("n"),
    Column("verdict", numeric=False),
)  # fmt: skip


def _compared(d: found.Difference) -> tuple[str, ...]:
    return (
        wording.difference(d.difference), wording.chance(d.adjusted), f"{d.wins:,}:{d.losses:,}",
        f"{d.n:,}/{d.clusters:,}", _verdict(d),
    )  # fmt: skip


def _verdict(d: found.Difference) -> str:
    """The verdict; of equivalence, the interval that it was judged by."""
    if d.verdict != found.EQUIVALENT or d.within is None:
        return d.verdict
    return f"{d.verdict}, {100 * d.within.level:g}% {wording.bounds(d.within, sign=True)}"


def losses(findings: found.Findings, dataset: str) -> Sheet:
    """Where gold items went, in the order of a fact's way to the answer."""
    there = [loss for loss in findings.losses if loss.dataset == dataset]
    named = reading.unique([*record.LOSSES, *(f for loss in there for f in loss.fates)])
    fates = [f for f in named if f != record.REACHED and any(x.fates.get(f) for x in there)]
    rows = tuple(
        (x.arm, f"{x.gold:,}", *(f"{x.fates.get(f, 0):,}" for f in fates),
         f"{x.fates.get(record.REACHED, 0):,}")
        for x in there
    )  # fmt: skip
    columns = (ARM, _column("gold"), *map(_column, fates), _column(record.REACHED))
    return Sheet(f"losses-{dataset}", f"{dataset}: where facts were lost", columns, rows,
                 sheets_notes.losses(findings, dataset, fates))  # fmt: skip


def ablations(findings: found.Findings) -> Sheet:
    """What the removal of each node did, the largest effect first."""
    rows = tuple(
        (each.node, each.difference.baseline, each.difference.dataset,
         *_compared(each.difference))
        for each in findings.ablations
    )  # fmt: skip
    columns = (
        Column("without", numeric=False, long=True), Column("arm", numeric=False, long=True),
        Column("dataset", numeric=False), *_DIFFERENCE_COLUMNS[1:],
    )  # fmt: skip
    there = [each.difference for each in findings.ablations]
    notes = [f"Points against the arm that has the node, {intervals(d.difference for d in there)}, "
             "ranked by size. Below zero: the node helps."]  # fmt: skip
    tests = ", ".join(reading.unique(d.test for d in there))
    notes.append(_TESTS.format(tests=tests, over=reading.corrected(findings, there)))
    notes += sheets_notes.verdicts(findings, there)
    if not reading.claimed(there):
        notes.append(CLAIM_NONE)
    return Sheet("ablations", "Ablations", columns, rows, tuple(notes))


def variances(findings: found.Findings) -> Sheet:
    """Where each cell's score varies from."""
    names = reading.unique(n for v in findings.variances for n in v.components)
    rows = tuple(
        (v.arm, v.dataset, v.scorer,
         *(f"{wording.points(v.components[n])}%" if n in v.components else wording.NOTHING
           for n in names))
        for v in findings.variances
    )  # fmt: skip
    columns = (ARM, Column("dataset", numeric=False), Column("scorer", numeric=False),
               *map(_column, names))  # fmt: skip
    note = "Shares of the variance of single trials; a part with one seed is absent."
    return Sheet("variances", "Where scores vary from", columns, rows, (note,))


def failures(findings: found.Findings) -> Sheet:
    """The trials that are not done, counted by arm, dataset, status and reason."""
    counts: dict[tuple[str, ...], int] = {}
    for each in findings.failures:
        key = tuple(str(each.get(name, "")) for name in ("arm", "dataset", "status", "reason"))
        counts[key] = counts.get(key, 0) + 1
    columns = (
        Column("trials"), ARM, Column("dataset", numeric=False),
        Column("status", numeric=False), Column("reason", numeric=False, long=True),
    )  # fmt: skip
    rows = tuple((f"{n:,}", *key) for key, n in counts.items())
    return Sheet("failures", "Trials that are not done", columns, rows)
