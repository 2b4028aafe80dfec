"""Reports in Markdown, to be pasted into a paper's supplement or an issue. Knows no run."""

from __future__ import annotations

import re

from archgraph.suites import findings as found
from archgraph.suites.reporting import reading, repeating, sheets, sheets_cost, wording


def text(findings: found.Findings) -> str:
    """The report of a run in GitHub's Markdown, without wall times."""
    parts = [f"# {_escaped(findings.name)}", _escaped(findings.question)]
    parts.append("\n".join(f"> - {_escaped(note)}" for note in reading.notes(findings)))
    counts = f"{findings.present:,} of {findings.planned:,} trials; baseline {findings.baseline}"
    parts.append(
        f"{_escaped(counts)}; alpha {findings.alpha:g}; margin of equivalence "
        f"{wording.points(findings.margin)} points."
    )
    for dataset in reading.datasets(findings):
        parts += [f"## {_escaped(dataset)}", *_dataset(findings, dataset)]
    if findings.ablations:
        parts += ["## Ablations", table(sheets.ablations(findings))]
    if findings.variances:
        parts += ["## Variance", table(sheets.variances(findings))]
    parts += ["## Failures", _failures(findings), *_suite(findings)]
    if findings.manifest.get("digest"):
        parts.append(f"Digest of this run: `{findings.manifest['digest']}`.")
    return "\n\n".join(part for part in parts if part) + "\n"


def _dataset(findings: found.Findings, dataset: str) -> list[str]:
    parts = [table(sheets.main(findings, dataset, full=True))]
    for axis in reading.axes(findings, dataset, reading.primary(findings, dataset)):
        parts.append(table(sheets.groups(findings, dataset, axis)))
    compared = reading.differences(findings, dataset)
    for name in reading.unique(d.scorer for d in compared):
        parts.append(table(sheets.differences(findings, dataset, name)))
        said = [d.sentence for d in compared if d.scorer == name and d.sentence]
        parts.append("\n".join(f"- {_escaped(each)}" for each in said))
    if any(loss.dataset == dataset for loss in findings.losses):
        parts.append(table(sheets.losses(findings, dataset)))
    if any(c.dataset == dataset for c in findings.costs):
        parts.append(table(sheets_cost.costs(findings, dataset)))
        parts += map(table, sheets_cost.tokens(findings, dataset, whole=True))
    return parts


def _suite(findings: found.Findings) -> list[str]:
    """The suite, so that the run can be made again, and what it let go wrong or bounded."""
    text = repeating.suite(findings)
    if not text:
        return []
    said = [f"- {_escaped(f'{name}: {words}')}" for name, words in repeating.conditions(findings)]
    command, _ = repeating.commands(findings)[0]
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    block = f"{fence}yaml\n{text}{fence}"
    return ["## Suite", "\n".join(said), f"{_escaped(command)} makes the run again from:", block]


def _failures(findings: found.Findings) -> str:
    if not findings.failures:
        return f"Every trial that is present is done (0 of {findings.present:,} bad)."
    said = f"{len(findings.failures):,} of {findings.present:,} trials are not done."
    return f"{said} They count as wrong.\n\n{table(sheets.failures(findings))}"


def table(sheet: sheets.Sheet) -> str:
    """A table with its title above and its notes below."""
    rules = ["---:" if column.numeric else ":---" for column in sheet.columns]
    lines = [f"**{_escaped(sheet.title)}**", "", _row([c.title for c in sheet.columns])]
    lines += [f"| {' | '.join(rules)} |", *(_row(row) for row in sheet.rows)]
    if sheet.notes:
        lines += ["", " ".join(map(_escaped, sheet.notes))]
    return "\n".join(lines)


def _row(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(_escaped(cell.strip()) for cell in cells)} |"


def _escaped(words: str) -> str:
    """A text in which nothing is markup: neither Markdown's nor HTML's."""
    one = "".join(c for c in " ".join(words.split()) if c.isprintable())
    for char in "\\`*_|#~$":
        one = one.replace(char, f"\\{char}")
    return one.replace("&", "&amp;").replace("<", "&lt;").replace("[", "\\[").replace("]", "\\]")
