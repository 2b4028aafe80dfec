"""Reports for a terminal: what `archgraph run` and `archgraph report` print, plain when piped.

Equal findings give equal bytes. Wall times are apart (`timing`), because a run that was resumed or
replayed has others. Called by the command line. Knows no run and no statistics.
"""

from __future__ import annotations

from collections.abc import Sequence

from archgraph.suites import findings as found
from archgraph.suites.reporting import changes, layout, reading, sheets, sheets_cost, wording

_LISTED = 20


def text(findings: found.Findings, width: int = 100, *, tokens: bool = False) -> str:
    """The report of a run, without wall times.

    Args:
        findings: what to show.
        width: columns of the terminal; a number or name that is wider still is not broken.
        tokens: say of every arm where its tokens go, not only of those with several threads.
    """
    parts = [_head(findings, width)]
    for dataset in reading.datasets(findings):
        parts += _dataset(findings, dataset, width)
        shown = sheets_cost.tokens(findings, dataset, whole=tokens)
        parts += [layout.render(sheet, width) for sheet in shown]
    if findings.ablations:
        parts.append(layout.render(sheets.ablations(findings), width))
    if findings.variances:
        parts.append(layout.render(sheets.variances(findings), width))
    parts.append(_failures(findings, width))
    return "\n\n".join(part for part in parts if part) + "\n"


def timing(findings: found.Findings, width: int = 100) -> str:
    """Wall times per question by part, for whoever asks for them."""
    shown = [sheets_cost.timing(findings, d) for d in reading.datasets(findings)]
    drawn = [layout.render(sheet, width) for sheet in shown if len(sheet.columns) > 1]
    return "\n\n".join(drawn) + "\n" if drawn else "No wall times were kept.\n"


def compare(
    a: found.Findings, b: found.Findings, rows: changes.Rows | None = None, width: int = 100
) -> str:
    """Two runs: what was changed between them, and what that did to each score.

    Args:
        a: the first run.
        b: the second run.
        rows: the rows of both; where they hold the same cases, differences are paired.
        width: columns of the terminal.
    """
    parts = [layout.wrapped(f"A: {a.name}\nB: {b.name}", width)]
    parts += [_notes(changes.notes(a, b, rows), width)]
    parts += [layout.render(sheet, width) for sheet in changes.sheets_of(a, b, rows)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(findings: found.Findings, width: int) -> str:
    lines = [layout.wrapped(findings.name, width)]
    if findings.question:
        lines.append(layout.wrapped(findings.question, width))
    noted = _notes(reading.notes(findings), width)
    counts = [f"{findings.present:,} of {findings.planned:,} trials"]
    if reading.missing(findings):
        counts.append(f"{reading.missing(findings):,} MISSING")
    counts.append(f"baseline {findings.baseline or 'none'}")
    counts.append(f"alpha {findings.alpha:g}, margin of equivalence "
                  f"{wording.points(findings.margin)} points")  # fmt: skip
    return "\n".join(
        [*lines, layout.wrapped("; ".join(counts), width), *([noted] if noted else [])]
    )


def _notes(notes: Sequence[str], width: int) -> str:
    return "\n".join(layout.wrapped(f"! {note}", width, "  ") for note in notes)


def _dataset(findings: found.Findings, dataset: str, width: int) -> list[str]:
    parts = [layout.render(sheets.main(findings, dataset), width)]
    scorer = reading.primary(findings, dataset)
    axes = reading.axes(findings, dataset, scorer)
    for axis in [a for a in axes if a != reading.POSITION] or axes:
        parts.append(layout.render(sheets.groups(findings, dataset, axis), width))
    compared = reading.differences(findings, dataset)
    for name in reading.unique(d.scorer for d in compared):
        parts.append(layout.render(sheets.differences(findings, dataset, name), width))
        said = [d.sentence for d in compared if d.scorer == name and d.sentence]
        parts.append("\n".join(layout.wrapped(f"- {each}", width, "  ") for each in said))
    if any(loss.dataset == dataset for loss in findings.losses):
        parts.append(layout.render(sheets.losses(findings, dataset), width))
    if any(c.dataset == dataset for c in findings.costs):
        parts.append(layout.render(sheets_cost.costs(findings, dataset), width))
    return parts


def _failures(findings: found.Findings, width: int) -> str:
    total = len(findings.failures)
    if not total:
        return f"Every trial that is present is done (0 of {findings.present:,} bad)."
    sheet = sheets.failures(findings)
    more = len(sheet.rows) - _LISTED
    shown = sheets.Sheet(
        sheet.key, f"{total:,} of {findings.present:,} trials are not done; they count as wrong",
        sheet.columns, sheet.rows[:_LISTED],
        (f"... and {more:,} more kinds",) if more > 0 else (),
    )  # fmt: skip
    return layout.render(shown, width)
