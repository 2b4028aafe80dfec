"""What stands under the tables: how to read each of them. Called by `sheets`; knows no format."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from archgraph.suites import analysis_rows, record
from archgraph.suites import findings as found
from archgraph.suites.reporting import reading, wording

_REACHED = "reached: stood in a context window"
_IGNORED = (
    "ignored: all of a case's gold stood in the window and the answer is wrong; reached: stood in "
    "a window, and the answer is right or other gold was lost before"
)
_BAIT = " Cases without an answer are left out: what they have is a bait's evidence."


def main(findings: found.Findings, dataset: str, *, full: bool) -> tuple[str, ...]:
    """The notes of a dataset's main table."""
    scorer = reading.primary(findings, dataset)
    called = reading.titled(findings, scorer)
    cells = reading.slices(findings, dataset, scorer, "all")
    if full:
        bracketed = [c for c in findings.cells if c.dataset == dataset and c.axis == "all"]
        bracketed += reading.slices(findings, dataset, scorer, reading.ANSWERS)
    else:
        bracketed = cells
    where = "behind each" if full else f"behind {called}"
    notes = [f"Scores are points of 100, in brackets {where} "
             f"{intervals(c.score for c in bracketed)}."]  # fmt: skip
    notes += _kinds(findings, dataset, called, cells)
    n = f"n: cases/conversations of {called}"
    if any(c.trials != c.n for c in cells):
        n += ", x trials of each case"
    notes.append(f"{n}{_other_sizes(findings, dataset, cells)}. bad: trials that failed, were cut "
                 "or broke; they count as wrong.")  # fmt: skip
    notes += _unsearched(findings, dataset)
    notes.append("tokens/q: in and out, for one question; * no arm is both cheaper and better.")
    if any(not math.isfinite(c.score.low) for c in bracketed):
        notes.append("[none]: there are too few conversations for an interval.")
    return tuple(notes)


def intervals(all_of: Iterable[found.Interval]) -> str:
    """What the brackets are: `95% intervals (cluster bootstrap)`."""
    there = list(all_of)
    levels = reading.unique(f"{100 * each.level:g}%" for each in there)
    methods = reading.unique(each.method for each in there if each.method)
    named = f" ({'; '.join(methods)})" if methods else ""
    return f"{' and '.join(levels) or '95%'} intervals{named}"


def _kinds(
    findings: found.Findings, dataset: str, called: str, cells: Sequence[found.Cell]
) -> list[str]:
    if dataset not in findings.apart:
        return []
    answered = max((c.n for c in cells), default=0)
    return [f"{called} and every score not called otherwise: the "
            f"{wording.counted(answered, 'case')} that {'has' if answered == 1 else 'have'} an "
            "answer, which claims are about. "
            f"unanswerable{_named(findings, dataset)}: cases without one, where abstaining is "
            "right. all: both together."]  # fmt: skip


def _named(findings: found.Findings, dataset: str) -> str:
    names = findings.apart.get(dataset, ())
    return f" (category {', '.join(names)})" if names else ""


def apart(findings: found.Findings, dataset: str, axis: str) -> list[str]:
    """What a table by group says of cases without an answer."""
    names = findings.apart.get(dataset, ())
    if axis == reading.ANSWERS:
        return [f"answerable: what claims are about; unanswerable{_named(findings, dataset)}: "
                "abstaining is right."]  # fmt: skip
    if axis == "category" and names:
        return [f"Category {', '.join(names)} stands apart: its cases have no answer, and no claim "
                "is about them."]  # fmt: skip
    return []


def _other_sizes(findings: found.Findings, dataset: str, cells: Sequence[found.Cell]) -> str:
    """The numbers of cases of scorers that apply to others than the primary one does."""
    usual = _size(cells)
    by_size: dict[str, list[str]] = {}
    for scorer in reading.scorers(findings, dataset)[1:]:
        size = _size(reading.slices(findings, dataset, scorer, "all"))
        if size and size != usual:
            by_size.setdefault(size, []).append(reading.titled(findings, scorer))
    told = [f"{wording.listed(names)} {'has' if len(names) == 1 else 'have'} {size}"
            for size, names in by_size.items()]  # fmt: skip
    return f" ({'; '.join(told)})" if told else ""


def _size(cells: Sequence[found.Cell]) -> str:
    if not cells:
        return ""
    most = max(cells, key=lambda c: (c.n, c.clusters))
    return f"{most.n:,}/{most.clusters:,}"


def _unsearched(findings: found.Findings, dataset: str) -> list[str]:
    """Why an arm has no score of what searches found."""
    arms = reading.arms(findings, dataset)
    for scorer in reading.scorers(findings, dataset):
        kind = findings.scorers.get(scorer, {}).get("type")
        there = {c.arm for c in reading.slices(findings, dataset, scorer, "all")}
        if kind in analysis_rows.SEARCHED and there < set(arms):
            return [f"{wording.NOTHING}: the arm made no search, so that there is nothing of it "
                    "to score."]  # fmt: skip
    return []


def verdicts(findings: found.Findings, there: Sequence[found.Difference]) -> list[str]:
    """What a claim takes, and by which interval equivalence is judged."""
    said = (f"A claim needs both: an adjusted p of at most {findings.alpha:g} and an interval that "
            "leaves out 0.")  # fmt: skip
    within = next((d.within for d in there if d.verdict == found.EQUIVALENT and d.within), None)
    if within is not None:
        said += (f" Equivalence is judged by the {100 * within.level:g}% interval beside the "
                 f"verdict: it lies within {wording.points(findings.margin)} points.")  # fmt: skip
    return [said]


def losses(findings: found.Findings, dataset: str, fates: Sequence[str]) -> tuple[str, ...]:
    """How to read the table of where facts were lost."""
    told = _IGNORED if record.LOSSES[-1] in fates else _REACHED
    left = _BAIT if dataset in findings.apart else ""
    return (f"Gold items of all trials by where they were lost; {told}.{left}",)
