"""Looks things up in findings in the order in which reports show them. Called by every format.

Knows no layout and computes nothing that is not in the findings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from archgraph.suites import findings as found


def primary(findings: found.Findings, dataset: str) -> str:
    """The scorer that decides on a dataset."""
    chosen = findings.primary.get(dataset, "")
    return chosen or next((c.scorer for c in findings.cells if c.dataset == dataset), "")


def datasets(findings: found.Findings) -> list[str]:
    """All datasets: those that are declared, then those that only cells name."""
    return unique([*findings.datasets, *(cell.dataset for cell in findings.cells)])


def arms(findings: found.Findings, dataset: str = "") -> list[str]:
    """The arms, in the suite's order; of one dataset, those with a cell on it."""
    named = unique([*findings.arms, *(cell.arm for cell in findings.cells)])
    if not dataset:
        return named
    there = {cell.arm for cell in findings.cells if cell.dataset == dataset}
    return [arm for arm in named if arm in there]


def scorers(findings: found.Findings, dataset: str) -> list[str]:
    """The scorers of a dataset, the primary one first."""
    there = {cell.scorer for cell in findings.cells if cell.dataset == dataset}
    named = unique([primary(findings, dataset), *findings.scorers, *sorted(there)])
    return [name for name in named if name in there]


def titled(findings: found.Findings, scorer: str) -> str:
    """A scorer's name with how many results count: `evidence_recall@10`."""
    k = findings.scorers.get(scorer, {}).get("k")
    return f"{scorer}@{k}" if k and "@" not in scorer else scorer


def cell(findings: found.Findings, arm: str, dataset: str, scorer: str) -> found.Cell | None:
    """The cell over all cases."""
    return next(
        (c for c in findings.cells
         if (c.arm, c.dataset, c.scorer, c.axis) == (arm, dataset, scorer, "all")), None,
    )  # fmt: skip


def axes(findings: found.Findings, dataset: str, scorer: str) -> list[str]:
    """The groupings that a dataset's cells have, without `all`."""
    return unique(
        c.axis for c in findings.cells
        if c.dataset == dataset and c.scorer == scorer and c.axis != "all"
    )  # fmt: skip


def axis_name(findings: found.Findings, dataset: str, axis: str) -> str:
    """What an axis is called: the categories of some datasets have a name of their own."""
    kind = str(about(findings, dataset).get("type", ""))
    if axis == POSITION:
        return "place of the evidence in the history"
    if axis != "category":
        return axis
    return str(about(findings, dataset).get("category_name") or _CATEGORIES.get(kind, axis))


def is_ordered(findings: found.Findings, dataset: str, axis: str) -> bool:
    """Whether the groups of an axis are a quantity, which may be joined by a line."""
    there = about(findings, dataset)
    return axis != "category" or bool(there.get("ordered", there.get("type") in _CATEGORIES))


def names(findings: found.Findings, dataset: str, axis: str) -> list[str]:
    """Groups that are numbers with what they are called: `1 multi-hop`."""
    named = about(findings, dataset).get("category_names") or {}
    there = unique(c.group for c in findings.cells if (c.dataset, c.axis) == (dataset, axis))
    if axis != "category":
        return []
    return [str(named[group]) for group in sorted(there, key=rank) if group in named]


POSITION = "position"
ANSWERS = "answers"
_CATEGORIES = {"nested_kv": "depth"}


def groups(findings: found.Findings, dataset: str, scorer: str, axis: str) -> list[str]:
    """The groups of an axis in reading order: numbers by value, words by name."""
    there = unique(c.group for c in slices(findings, dataset, scorer, axis))
    if axis == ANSWERS:
        return [name for name in found.ANSWERS if name in there]
    return sorted(there, key=rank)


def slices(findings: found.Findings, dataset: str, scorer: str, axis: str) -> list[found.Cell]:
    """All cells of one axis."""
    return [c for c in findings.cells
            if (c.dataset, c.scorer, c.axis) == (dataset, scorer, axis)]  # fmt: skip


def cost(findings: found.Findings, arm: str, dataset: str) -> found.Cost | None:
    """What an arm took on a dataset."""
    return next((c for c in findings.costs if (c.arm, c.dataset) == (arm, dataset)), None)


def tokens(spent: found.Cost | None) -> float:
    """Tokens per question, in and out; NaN where they are not known."""
    if spent is None:
        return float("nan")
    there = [spent.metrics[name] for name in ("prompt_tokens", "completion_tokens")
             if name in spent.metrics]  # fmt: skip
    return sum(there) if there else float("nan")


def differences(findings: found.Findings, dataset: str) -> list[found.Difference]:
    """The comparisons of a dataset, those by the primary scorer first."""
    of = [d for d in findings.differences if d.dataset == dataset]
    return sorted(of, key=lambda d: d.scorer != primary(findings, dataset))


def claimed(differences: Iterable[found.Difference]) -> bool:
    """Whether any of them allows to claim a difference."""
    return any(d.verdict in (found.A_BETTER, found.B_BETTER) for d in differences)


def corrected(findings: found.Findings, there: Iterable[found.Difference]) -> str:
    """Over which comparisons the p values of some differences are corrected, in words."""
    counts: dict[str, int] = {}
    for d in {(d.arm, d.baseline, d.dataset, d.scorer): d for d in _all(findings)}.values():
        if d.p == d.p:
            counts[d.dataset] = counts.get(d.dataset, 0) + 1
    if findings.family == "run":
        return f"over {_comparisons(sum(counts.values()), 'all ')} of the run"
    shown = unique(d.dataset for d in there)
    return "; ".join(f"over {_comparisons(counts.get(d, 0), 'the ')} on {d}" for d in shown)


def _all(findings: found.Findings) -> Iterator[found.Difference]:
    yield from findings.differences
    yield from (each.difference for each in findings.ablations)


def _comparisons(number: int, which: str) -> str:
    return "the one comparison" if number == 1 else f"{which}{number:,} comparisons"


def missing(findings: found.Findings) -> int:
    """Trials of the plan that have no row."""
    return max(0, findings.planned - findings.present)


def notes(findings: found.Findings) -> list[str]:
    """What must be read first: the notes, and the confounds that the notes do not hold."""
    told = "\n".join(findings.notes)
    return unique([*findings.notes, *(each for each in findings.confounds if each not in told)])


def about(findings: found.Findings, dataset: str) -> dict[str, Any]:
    """What is known of a dataset: type, split, licence, provenance, mode."""
    return dict(findings.datasets.get(dataset, {}))


def unique(words: Iterable[str]) -> list[str]:
    """Each word once, in the order of its first appearance."""
    return list(dict.fromkeys(words))


def rank(text: str) -> tuple[Sequence[float], str]:
    """A sort key that puts `2` before `10`, and `depth 2` before `depth 10`."""
    numbers = [float(each) for each in re.findall(r"\d+(?:\.\d+)?", text)]
    return (numbers if re.match(r"\D*\d", text) else [float("inf")], text)
