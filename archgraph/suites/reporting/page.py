"""The report as one HTML file that needs nothing else: no network, no server, no other file.

`html` is a run, `compare` two runs. All tables and figures are plain HTML and SVG; a script of a
few hundred lines (assets/page.js) opens the trials behind the numbers, which lie deflated in the
same file. A content security policy forbids the page every request and every other script, so that
texts of a run can do no harm. Called by the command line. Knows no run and no ledger.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources

from archgraph.suites import findings as found
from archgraph.suites import results
from archgraph.suites.reporting import changes, page_pack, plots_marks, plots_rows, reading
from archgraph.suites.reporting import page_figures as figures
from archgraph.suites.reporting import page_html as h
from archgraph.suites.reporting import page_sections as sections

BUDGET = 8_500_000
"""Bytes for the trials in a page."""
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src {script}; base-uri 'none'; "
    "form-action 'none'"
)


def html(
    findings: found.Findings,
    run: results.Results | None = None,
    details: page_pack.Told | None = None,
    *,
    which: page_pack.Details = "all",
    budget: int = BUDGET,
) -> str:
    """The report of a run.

    Args:
        findings: what to show.
        run: its rows; without them the numbers lead to no trials.
        details: what each trial did, by its id: an outcome in plain form with its `case`; without
            it trials are listed but have no steps.
        which: which trials keep their steps.
        budget: bytes for the trials; a page says what it had no room for.
    """
    packed = page_pack.pack(run, details, which, budget) if run is not None else None
    parts = [sections.head(findings), sections.before(findings), sections.claims(findings)]
    parts += [sections.measured(findings), sections.arms(findings)]
    parts += [sections.results(findings, d) for d in reading.datasets(findings)]
    parts += [sections.costs(findings), sections.losses(findings), sections.ablations(findings)]
    parts += [sections.variances(findings), sections.failures(findings)]
    parts += [_trials(packed, which), sections.provenance(findings)]
    named = [("before", "Before you read"), ("claims", "Claims"), ("measured", "Measured how")]
    named.append(("arms", "Arms"))
    named += [(f"results-{sections.key(d)}", d) for d in reading.datasets(findings)]
    named += [(key, title) for key, title in _LATER if any(f'id="{key}"' in p for p in parts)]
    return _page(findings.name, parts, named, packed.blocks if packed else ())


_LATER = (
    ("costs", "Cost and time"), ("losses", "Why it forgot"), ("ablations", "Ablations"),
    ("variance", "Variance"), ("failures", "Failures"), ("trials", "Trials"),
    ("provenance", "Provenance"),
)  # fmt: skip


def compare(a: found.Findings, b: found.Findings, rows: changes.Rows | None = None) -> str:
    """Two runs side by side: what was changed, and how each score moved.

    Args:
        a: the first run.
        b: the second run.
        rows: the rows of both; where they hold the same cases, differences are paired.
    """
    title = f"{a.name} → {b.name}"
    head = h.tag("header", h.tag("p", "archgraph report, two runs", css="eyebrow")
                 + h.tag("h1", h.clean(title)) + h.tag("p", "A → B", css="lede"))  # fmt: skip
    notes = h.listing([h.number(note) for note in changes.notes(a, b, rows)], "notes")
    *moved, inputs = changes.sheets_of(a, b, rows)
    parts = [head, h.section("before", "Before you read the numbers", notes)]
    parts.append(h.section("changed", "What was changed", h.table(inputs)))
    named = [("before", "Before you read"), ("changed", "What was changed")]
    cells = changes.cells(a, b, rows)
    for sheet in moved:
        dataset = sheet.key.removeprefix("changes-")
        key = f"moved-{sections.key(dataset)}"
        there = [c for c in cells if c.dataset == dataset]
        parts.append(h.section(key, f"Scores: {dataset}", _moved(dataset, there), h.table(sheet)))
        named.append((key, dataset))
    return _page(title, parts, named, ())


def _moved(dataset: str, cells: Sequence[changes.Change]) -> str:
    rows = []
    for each in cells[: 4 * figures.MOST]:
        verdict = found.INCONCLUSIVE
        if each.moved.low > 0 or each.moved.high < 0:
            verdict = found.A_BETTER if each.moved.low > 0 else found.B_BETTER
        rows.append(plots_rows.Effect(f"{each.arm}, {each.scorer}", each.moved, verdict))
    words = f"How each score on {dataset} moved from A to B, in points"
    drawn = [plots_rows.forest(rows, 0, words, width, "worse in B|better in B")
             for width in figures.WIDTHS]  # fmt: skip
    return h.figure(drawn, f"{words}; filled where the interval leaves out zero.")


def _trials(packed: page_pack.Packed | None, which: page_pack.Details) -> str:
    if packed is None:
        words = ["The rows of the run are not in this page."]
        return h.section("trials", "Trials", h.paragraphs(words))
    said = [f"This page holds {packed.rows:,} trials, {packed.kept:,} of them with every step and "
            "its exact context window. Every score above leads to its trials."]  # fmt: skip
    if packed.kept < packed.wanted:
        said.append(f"There was no room for the steps of {packed.wanted - packed.kept:,} trials. "
                    "Cases on which the arms disagree came first.")  # fmt: skip
    if which != "all":
        said.append({"wrong": "Only trials that are not right keep their steps.",
                     "some": "Only some trials of each cell keep their steps.",
                     "none": "No trial keeps its steps."}[which])  # fmt: skip
    if packed.unlisted:
        said.append(f"{packed.unlisted:,} trials are not listed; the run's rows have them.")
    link = h.tag("p", h.trials("Browse all trials", {}, "button"))
    needs = "<noscript><p class=note>Trials can be opened with JavaScript only.</p></noscript>"
    return h.section("trials", "Trials", h.paragraphs(said), link, needs)


def asset(name: str) -> str:
    """A file of the folder `assets`."""
    folder = resources.files("archgraph.suites.reporting") / "assets"
    return (folder / name).read_text(encoding="utf-8")


def _page(
    title: str, parts: Sequence[str], named: Sequence[tuple[str, str]], blocks: Sequence[str]
) -> str:
    script = asset("page.js")
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    links = "".join(h.tag("li", h.tag("a", h.clean(name), href=f"#{key}")) for key, name in named)
    nav = h.tag("nav", h.fold("Contents", h.tag("ul", links), opened=True), aria_label="Contents")
    data = "".join(f'<script type="application/octet-stream" id="block-{i}">{block}</script>\n'
                   for i, block in enumerate(blocks))  # fmt: skip
    policy = _POLICY.format(script=f"'sha256-{allowed}'" if blocks else "'none'")
    style = asset("page.css") + plots_marks.style()
    shell = (f'<div id="frame">{nav}<main id="report" tabindex="-1">{"".join(parts)}</main></div>'
             '<main id="viewer" tabindex="-1" hidden></main>')  # fmt: skip
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{h.clean(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f'<a class="skip" href="#report">To the report</a>\n{shell}\n{data}'
        f"{f'<script>{script}</script>' if blocks else ''}\n</body>\n</html>\n"
    )
