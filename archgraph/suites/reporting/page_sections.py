"""The parts of the page, each made from findings alone; all of it is there without script.

Called by `page`. Order and wording are for a reader who doubts: what must be known stands before
the numbers, and every number says its n, its interval and its test.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from archgraph.suites import findings as found
from archgraph.suites.reporting import page_figures as figures
from archgraph.suites.reporting import page_html as h
from archgraph.suites.reporting import plots_marks as marks
from archgraph.suites.reporting import reading, repeating, sheets, sheets_cost, wording

_ORDER = (found.A_BETTER, found.B_BETTER, found.EQUIVALENT, found.INCONCLUSIVE)
_SIGNS = {found.A_BETTER: "▲", found.B_BETTER: "▼", found.EQUIVALENT: "=", found.INCONCLUSIVE: "?"}
_LONGEST = 400


def head(findings: found.Findings) -> str:
    """The title, the question, and the run in numbers."""
    datasets = reading.datasets(findings)
    cells = [c for c in findings.cells if c.axis == "all"]
    clusters = {c.dataset: c.clusters for c in cells}
    cases = {d: max((c.n for c in cells if c.dataset == d), default=0) for d in datasets}
    figures_of = [
        (f"{len(reading.arms(findings)):,}", "arms"), (f"{len(datasets):,}", "datasets"),
        (f"{sum(cases.values()):,}", "cases"), (f"{sum(clusters.values()):,}", "conversations"),
        (f"{findings.present:,}", f"of {findings.planned:,} trials"),
        (f"{len(findings.failures):,}", "trials not done"),
    ]  # fmt: skip
    strip = "".join(
        h.tag("div", h.tag("dt", h.clean(name)) + h.tag("dd", value)) for value, name in figures_of
    )
    question = h.tag("p", h.clean(findings.question), css="lede") if findings.question else ""
    return h.tag(
        "header", h.tag("p", "archgraph report", css="eyebrow")
        + h.tag("h1", h.clean(findings.name)) + question + h.tag("dl", strip, css="strip"),
    )  # fmt: skip


def claims(findings: found.Findings) -> str:
    """The verdicts in words, dataset by dataset."""
    parts = []
    for dataset in reading.datasets(findings):
        there = reading.differences(findings, dataset)
        primary = [d for d in there if d.scorer == reading.primary(findings, dataset)] or there
        if primary:
            parts.append(h.tag("h3", h.clean(dataset)) + _verdicts(primary))
    if not parts:
        parts = [h.paragraphs(["Nothing was compared."])]
    return h.section("claims", "What can be claimed", *parts)


def _verdicts(there: list[found.Difference]) -> str:
    said = []
    if not reading.claimed(there):
        said.append(h.tag("p", sheets.CLAIM_NONE, css="none"))
    ranked = sorted(there, key=lambda d: _ORDER.index(d.verdict) if d.verdict in _ORDER else 9)
    rows = []
    for d in ranked:
        sign = h.tag("span", _SIGNS.get(d.verdict, "?"), css="sign", aria_hidden="true")
        words = d.sentence or f"{d.arm} against {d.baseline}: {d.verdict}."
        css = {found.A_BETTER: "good", found.B_BETTER: "bad"}.get(d.verdict, "even")
        rows.append(h.tag("li", sign + h.tag("span", h.number(words)), css=css))
    return "".join(said) + h.tag("ul", "".join(rows), css="verdicts")


def before(findings: found.Findings) -> str:
    """What must be known before any number is read."""
    notes = [h.number(note) for note in reading.notes(findings)] or ["Nothing was noted."]
    return h.section("before", "Before you read the numbers", h.listing(notes, "notes"))


def measured(findings: found.Findings) -> str:
    """How the numbers were made: n, split, intervals, tests, what differs besides the factors."""
    facts = h.tag("dl", "".join(_facts(findings)), css="facts")
    return h.section("measured", "How it was measured", facts)


def _facts(findings: found.Findings) -> Iterator[str]:
    def fact(name: str, words: str) -> str:
        return h.tag("div", h.tag("dt", h.clean(name)) + h.tag("dd", h.number(words)))

    missing = reading.missing(findings)
    bad: dict[str, int] = {}
    for each in findings.failures:
        bad[str(each.get("status"))] = bad.get(str(each.get("status")), 0) + 1
    yield fact("Trials", f"{findings.present:,} of {findings.planned:,} planned are in; "
               f"{f'{missing:,} are missing' if missing else 'none is missing'}. "
               f"{wording.tally(bad) or 'None failed'}"
               f"{'; they count as wrong.' if bad else '.'}")  # fmt: skip
    for dataset in reading.datasets(findings):
        cells = [c for c in findings.cells if (c.dataset, c.axis) == (dataset, "all")]
        n = max((c.n for c in cells), default=0)
        clusters = max((c.clusters for c in cells), default=0)
        size = f"{wording.counted(n, 'case')} in {wording.counted(clusters, 'conversation')}"
        yield fact(dataset, f"{sheets.described(findings, dataset)}; {size}; "
                   f"primary scorer {reading.primary(findings, dataset) or 'none'}")  # fmt: skip
    yield fact("Models", ", ".join(reading.unique(
        str(a.get("model") or "?") for a in findings.arms.values())) or "none")  # fmt: skip
    judged = [name for name, s in findings.scorers.items() if s.get("judged")]
    yield fact("Judged by a model", ", ".join(judged) or "no score is")
    for name, words in repeating.conditions(findings):
        yield fact(name, words)
    cells = [c for c in findings.cells if c.axis == "all"]
    yield fact("Intervals", sheets.intervals(c.score for c in cells))
    tests = reading.unique(d.test for d in findings.differences)
    if tests:
        over = reading.corrected(findings, findings.differences)
        yield fact("Tests", f"{', '.join(tests)}, on the same cases; p after Holm's correction "
                   f"{over}; alpha {findings.alpha:g}")  # fmt: skip
        yield fact("Equivalent", f"means: within {wording.points(findings.margin)} points, by two "
                   "one-sided tests")  # fmt: skip
    many = wording.counted(len(findings.confounds), "difference")
    yield fact("Differs besides the factors", f"{many}, named above" if findings.confounds
               else "nothing that was looked for: model, embedder, judge, k, window, prompt size, "
               "data, retries")  # fmt: skip


def arms(findings: found.Findings) -> str:
    """The arms: what they are, and their graphs."""
    rows = []
    for arm, about in findings.arms.items():
        overrides = about.get("overrides") or ()
        factors = about.get("factors") or {}
        rows.append((
            arm, str(about.get("architecture", "")), str(about.get("model", "")),
            "; ".join([*map(str, overrides), *(f"{k}: {v}" for k, v in factors.items())]),
            "; ".join(map(str, about.get("warnings") or ())),
        ))  # fmt: skip
    columns = [sheets.ARM, sheets.Column("architecture", numeric=False),
               sheets.Column("model", numeric=False),
               sheets.Column("differs by", numeric=False, long=True),
               sheets.Column("warnings", numeric=False, long=True)]  # fmt: skip
    shown = [i for i in range(len(columns)) if i < 3 or any(row[i] for row in rows)]
    sheet = sheets.Sheet(
        "arms", "Arms by architecture and model", tuple(columns[i] for i in shown),
        tuple(tuple(row[i] for i in shown) for row in rows),
    )  # fmt: skip
    table = h.table(sheet, lambda r, c, words: _keyed(findings, words) if c == 0 else None)
    return h.section("arms", "The arms", table, _drawings(findings))


def _keyed(findings: found.Findings, arm: str) -> str:
    """An arm's name with its mark."""
    look = figures.looks(findings).get(arm, 0)
    mark = f'<g class="{marks.colour(look)}">{marks.marker(7, 7, look)}</g>'
    key = f'<svg class="pl key" viewBox="0 0 14 14" aria-hidden="true">{mark}</svg>'
    return key + h.breakable(arm)


def _drawings(findings: found.Findings) -> str:
    kept, left = h.drawings(findings.drawings)
    drawn = "".join(
        h.tag("figure", h.tag("figcaption", h.tag(
            "label", f'<input type="checkbox"> {_keyed(findings, arm)} <span class=q>enlarge</span>'
        )) + h.tag("div", svg, css="graph"), css="drawing")
        for arm, svg in kept.items()
    )  # fmt: skip
    words = [f"{left:,} more drawings did not fit; archgraph show draws them."] if left else []
    return h.tag("div", drawn, css="drawings") + h.paragraphs(words, "note") if drawn else ""


def results(findings: found.Findings, dataset: str) -> str:
    """A dataset: the main table, groups, differences."""
    scorer = reading.primary(findings, dataset)
    parts = [_main(findings, dataset)]
    for axis in reading.axes(findings, dataset, scorer):
        sheet = sheets.groups(findings, dataset, axis)
        table = h.table(sheet, _by_group(findings, dataset, axis, sheet))
        parts.append(figures.by_group(findings, dataset, axis) + _as_table(table))
    compared = reading.differences(findings, dataset)
    for name in reading.unique(d.scorer for d in compared):
        table = h.table(sheets.differences(findings, dataset, name, full=True))
        parts.append(figures.compared(findings, dataset, name) + table)
    return h.section(f"results-{key(dataset)}", f"Results: {dataset}", *parts)


def _as_table(table: str) -> str:
    return h.fold("The same as a table", table, css="quiet")


def key(words: str) -> str:
    """A name as an id may be."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in words)
    return kept if kept == words else f"{kept}-{zlib.crc32(words.encode()):x}"


def _main(findings: found.Findings, dataset: str) -> str:
    sheet = sheets.main(findings, dataset, full=True)
    scorer = reading.primary(findings, dataset)

    def cell(r: int, c: int, words: str) -> str | None:
        arm = sheet.rows[r][0]
        if c == 0:
            return _keyed(findings, arm)
        there = reading.cell(findings, arm, dataset, scorer)
        if c == 1 and there is not None:
            return _bar(there.score, figures.looks(findings).get(arm, 0)) + h.trials(
                h.number(words), {"arm": arm, "dataset": dataset}
            )
        if c == 3 and there is not None and words != "0":
            bad = f"{sum(there.bad.values()):,}"
            return h.trials(bad, {"arm": arm, "dataset": dataset, "status": "bad"})
        return None

    return h.table(sheet, cell)


def _bar(score: found.Interval, look: int) -> str:
    """A score and its interval on a line from 0 to 100."""
    ends = [v if v == v else score.value for v in (score.low, score.high)]
    if score.value != score.value:
        return ""
    low, at, high = (5 + 90 * min(1.0, max(0.0, v)) for v in (ends[0], score.value, ends[1]))
    drawn = marks.line(5, 8, 95, 8, "g") + marks.line(low, 8, high, 8, "line")
    drawn += marks.marker(at, 8, look, size=3.5)
    css = f"pl bar {marks.colour(look)}"
    return (f'<svg class="{css}" viewBox="0 0 100 16" aria-hidden="true">'
            f'<g class="{marks.colour(look)}">{drawn}</g></svg>')  # fmt: skip


def _by_group(findings: found.Findings, dataset: str, axis: str, sheet: sheets.Sheet) -> h.Cell:
    names = reading.groups(findings, dataset, reading.primary(findings, dataset), axis)

    def cell(r: int, c: int, words: str) -> str | None:
        if c == 0:
            return _keyed(findings, words)
        wanted = {"arm": sheet.rows[r][0], "dataset": dataset, axis: names[c - 1]}
        wanted = {"category" if k in ("category", "depth") else k: v for k, v in wanted.items()}
        known = set(wanted) <= {"arm", "dataset", "category"}
        return h.trials(h.number(words), wanted) if known and words != "-" else None

    return cell


def costs(findings: found.Findings) -> str:
    """Tokens, money and time."""
    parts = []
    for dataset in reading.datasets(findings):
        if not any(c.dataset == dataset for c in findings.costs):
            continue
        drawn = [h.tag("h3", h.clean(dataset)), figures.against_cost(findings, dataset)]
        drawn.append(h.table(sheets_cost.costs(findings, dataset), _arm_cell(findings)))
        if sheets_cost.stores(findings, dataset):
            drawn.append(figures.in_window(findings, dataset))
            drawn.append(_as_table(h.table(sheets_cost.windows(findings, dataset))))
        if any(c.by_thread for c in findings.costs if c.dataset == dataset):
            drawn.append(h.table(sheets_cost.threads(findings, dataset), _arm_cell(findings)))
        if sheets_cost.parts(findings, dataset):
            drawn.append(figures.timed(findings, dataset))
            drawn.append(_as_table(h.table(sheets_cost.timing(findings, dataset))))
        parts.append("".join(drawn))
    return h.section("costs", "Cost and time", *parts) if parts else ""


def _arm_cell(findings: found.Findings) -> h.Cell:
    return lambda r, c, words: _keyed(findings, words) if c == 0 else None


def losses(findings: found.Findings) -> str:
    """Why arms forgot."""
    parts = []
    for dataset in reading.datasets(findings):
        if any(x.dataset == dataset and x.gold for x in findings.losses):
            sheet = sheets.losses(findings, dataset)
            table = h.table(sheet, _lost(findings, dataset, sheet))
            parts.append(h.tag("h3", h.clean(dataset)) + figures.lost(findings, dataset) + table)
    return h.section("losses", "Why did it forget?", *parts) if parts else ""


def _lost(findings: found.Findings, dataset: str, sheet: sheets.Sheet) -> h.Cell:
    def cell(r: int, c: int, words: str) -> str | None:
        if c == 0:
            return _keyed(findings, words)
        if c < 2 or words == "0":
            return None
        fate = sheet.columns[c].title
        return h.trials(words, {"arm": sheet.rows[r][0], "dataset": dataset, "fate": fate})

    return cell


def ablations(findings: found.Findings) -> str:
    """What each node is worth."""
    if not findings.ablations:
        return ""
    table = h.table(sheets.ablations(findings))
    return h.section("ablations", "Ablations", figures.ablated(findings), table)


def variances(findings: found.Findings) -> str:
    """Where scores vary from."""
    if not findings.variances:
        return ""
    table = _as_table(h.table(sheets.variances(findings)))
    return h.section("variance", "Variance", figures.varied(findings), table)


def failures(findings: found.Findings) -> str:
    """The trials that are not done."""
    if not findings.failures:
        words = [f"Every trial that is present is done (0 of {findings.present:,} bad)."]
        return h.section("failures", "Failures", h.paragraphs(words))
    sheet = sheets.failures(findings)

    def cell(r: int, c: int, words: str) -> str | None:
        _, arm, dataset, status, _ = sheet.rows[r]
        wanted = {"arm": arm, "dataset": dataset, "status": status}
        return h.trials(words, wanted) if c == 0 else None

    said = (f"{len(findings.failures):,} of {findings.present:,} trials are not done. They count "
            "as wrong in every score.")  # fmt: skip
    return h.section("failures", "Failures", h.paragraphs([said]), h.table(sheet, cell, first=1))


def provenance(findings: found.Findings) -> str:
    """What the run was made from, and how to make it again."""
    tree = _tree(findings.manifest) if findings.manifest else h.paragraphs(["No manifest."])
    commands = repeating.commands(findings)
    told = str(findings.manifest.get("command") or "")
    if told:
        commands.insert(0, (told, "made this run"))
    listed = "".join(
        h.tag("div", h.tag("dt", h.tag("code", h.clean(c))) + h.tag("dd", h.clean(words)))
        for c, words in commands
    )
    again = h.tag("h3", "To repeat it") + h.tag("dl", listed, css="commands")
    suite = repeating.suite(findings)
    if suite:
        again += h.fold(f"The suite, {h.clean(findings.name)}.yaml", h.tag("pre", h.clean(suite)))
    return h.section("provenance", "Provenance", tree, again)


def _tree(values: Mapping[str, Any]) -> str:
    rows = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            inner = _tree(value) if value else "none"
            many = f"{h.clean(key)} <span class=q>({len(value):,})</span>"
            rows.append(h.tag("div", h.fold(many, inner, opened=len(value) <= 3), css="branch"))
            continue
        if isinstance(value, list | tuple):
            value = ", ".join(map(str, value))
        told = str(value)
        shown = told if len(told) <= _LONGEST else f"{told[:_LONGEST]} … ({len(told):,} letters)"
        rows.append(h.tag("div", h.tag("dt", h.clean(key)) + h.tag("dd", h.clean(shown))))
    return h.tag("dl", "".join(rows), css="tree")
