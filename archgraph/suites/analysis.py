"""Rows in, findings out: every number that a report shows is made here.

Called by the doors with the results of a run. Deterministic: equal rows in any order give equal
findings. Knows no ledger and no format.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from archgraph import errors
from archgraph.suites import (
    analysis_costs,
    analysis_notes,
    analysis_rows,
    analysis_verdicts,
    findings,
    record,
    results,
)
from archgraph.suites.stats import clusters as clustering
from archgraph.suites.stats import intervals, labels, variance

FATES = (*record.LOSSES, record.REACHED)


def analyse(
    given: results.Results, *, baseline: str = "", scorers: Sequence[str] = (), seed: int = 0
) -> findings.Findings:
    """Everything that the rows of a run show.

    Args:
        given: the rows, complete or not.
        baseline: the arm to compare with, instead of the suite's.
        scorers: what to compare by, instead of each dataset's primary scorer.
        seed: of the draws of permutation tests that are too large to count.

    Raises:
        UnknownName: `baseline` is no arm, or one of `scorers` no scorer of the run.
    """
    base = _baseline(given, baseline)
    primary = _primary(given, scorers)
    rules = _rules(given, seed)
    columns = analysis_rows.columns(given)
    main, ablated = analysis_verdicts.pairs(given, base, primary)
    compared = analysis_verdicts.compare(columns, given, [*main, *ablated], rules)
    cells = list(_cells(columns, 1 - rules.alpha, primary))
    differences = [compared[pair] for pair in main]
    return findings.Findings(
        name=given.name,
        question=str(given.suite.get("question") or "") or _question(given, base),
        notes=analysis_notes.notes(given, columns, list(compared.values())),
        arms=given.arms,
        datasets=given.datasets,
        scorers=given.scorers,
        primary={dataset: names[0] for dataset, names in primary.items() if names},
        baseline=base,
        alpha=rules.alpha,
        margin=rules.margin,
        cells=cells,
        differences=differences,
        variances=list(_variances(given, columns)),
        losses=list(_losses(given, columns)),
        costs=list(analysis_costs.costs(given, columns, cells, primary)),
        ablations=_ablations(given, compared, ablated),
        failures=list(_failures(given, columns)),
        confounds=list(given.manifest.get("confounds") or ()),
        planned=given.planned,
        present=len(given.rows),
        manifest=given.manifest,
        drawings=given.drawings,
        family=rules.family,
        suite=given.suite,
        apart={name: work.apart for name, work in columns.work.items() if work.mixed},
    )


def false_claims(
    given: results.Results,
    one: str,
    other: str = "",
    *,
    dataset: str = "",
    by: Literal["cluster", "case"] = "cluster",
    times: int = 1000,
    seed: int = 0,
) -> float:
    """How often a difference is claimed when the labels of two arms are swapped at random.

    Args:
        given: the rows of a run.
        one: an arm.
        other: another arm; left out, the trials of `one` with its other seeds.
        dataset: where; left out, the first. The primary scorer decides.
        by: swap whole conversations, or each case.
        times: how many random swaps.
        seed: of the swaps.
    """
    place = dataset or next(iter(given.datasets))
    columns = analysis_rows.columns(given)
    pair = analysis_verdicts.Pair(one, other or one, place, given.primary[place])
    gaps = analysis_verdicts.gaps(columns, pair)
    known = ~np.isnan(gaps)
    alpha = float(given.suite.get("alpha") or 0.05)
    clusters = columns.work[place].clusters[known]
    return labels.false_claims(gaps[known], clusters, by=by, times=times, alpha=alpha, seed=seed)


def plain(value: Any) -> Any:
    """Findings as JSON can hold them; a number that does not exist is null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


# What is compared


def _rules(given: results.Results, seed: int) -> analysis_verdicts.Rules:
    suite = given.suite
    return analysis_verdicts.Rules(
        alpha=float(suite.get("alpha") or 0.05),
        margin=float(suite.get("margin") or 0.05),
        family=str(suite.get("family") or "dataset"),
        seed=seed,
        several=len(given.datasets) > 1,
    )


def _baseline(given: results.Results, wanted: str) -> str:
    arms = list(given.arms)
    name = wanted or str(given.suite.get("baseline") or given.manifest.get("baseline") or "")
    if name in given.arms:
        return name
    of_architecture = [arm for arm in arms if given.arms[arm].get("architecture") == name]
    if of_architecture:
        return of_architecture[0]
    if wanted:
        raise errors.UnknownName("arm", wanted, arms)
    return arms[0] if arms else ""


def _primary(given: results.Results, wanted: Sequence[str]) -> dict[str, list[str]]:
    for name in wanted:
        if name not in given.scorers:
            raise errors.UnknownName("scorer", name, list(given.scorers))
    usual = given.primary
    if not wanted:
        return {dataset: [usual[dataset]] for dataset in given.datasets if dataset in usual}
    used = {(row.dataset, name) for row in given.rows for name in row.scores}
    return {d: [name for name in wanted if (d, name) in used] for d in given.datasets}


def _question(given: results.Results, base: str) -> str:
    others = [arm for arm in given.arms if arm != base]
    if not others:
        return f"How does {base} do on {_listed(list(given.datasets))}?"
    return f"Does {_listed(others, 'or')} do better than {base} on {_listed(list(given.datasets))}?"


def _listed(names: Sequence[str], word: str = "and") -> str:
    *first, last = names or [""]
    return f"{', '.join(first)} {word} {last}" if first else last


# Scores


def _cells(
    columns: analysis_rows.Columns, level: float, primary: Mapping[str, Sequence[str]]
) -> Iterator[findings.Cell]:
    """All scores; those by position only where there are any, by the scorers that decide."""
    for (_, dataset), part in columns.parts.items():
        work = columns.work[dataset]
        names = sorted(set(work.categories), key=_natural)
        codes = np.array([names.index(each) for each in work.categories], dtype=np.int64)
        for scorer, scores in part.scores.items():
            there = ~np.isnan(scores)
            if not there.any():
                continue
            told = there & work.headline[part.cases]
            if told.any():
                yield _cell(part, work, scorer, told, level)
            if work.mixed:
                yield from _by_answer(part, work, scorer, there, level)
            for code, name in enumerate(names):
                here = there & (codes[part.cases] == code)
                if len(names) > 1 and here.any():
                    cell = _cell(part, work, scorer, here, level)
                    yield dataclasses.replace(cell, axis="category", group=name)
            if scorer in primary.get(dataset, ()):
                yield from _by_position(part, work, scorer, told, level)


def _by_answer(
    part: analysis_rows.Part, work: analysis_rows.Work, scorer: str, there: Any, level: float
) -> Iterator[findings.Cell]:
    """Abstaining is right where there is no answer, so an arm without memory is right there."""
    has = work.answerable[part.cases]
    for name, kept in zip(findings.ANSWERS, (has, ~has, has | ~has), strict=True):
        if (here := there & kept).any():
            cell = _cell(part, work, scorer, here, level)
            yield dataclasses.replace(cell, axis="answers", group=name)


def _by_position(
    part: analysis_rows.Part, work: analysis_rows.Work, scorer: str, there: Any, level: float
) -> Iterator[findings.Cell]:
    for code, name in enumerate(findings.POSITIONS):
        here = there & (work.positions[part.cases] == code)
        if here.any():
            cell = _cell(part, work, scorer, here, level)
            yield dataclasses.replace(cell, axis="position", group=name)


def _cell(
    part: analysis_rows.Part,
    work: analysis_rows.Work,
    scorer: str,
    there: Any,
    level: float,
) -> findings.Cell:
    means = clustering.means_of(part.scores[scorer][there], part.cases[there], len(work.cases))
    known = ~np.isnan(means)
    clusters = work.clusters[known]
    counts = np.bincount(part.status[there], minlength=len(analysis_rows.STATUSES))
    bad = {s: int(c) for s, c in zip(analysis_rows.STATUSES, counts, strict=True) if c}
    bad.pop("done", None)
    return findings.Cell(
        arm=part.arm,
        dataset=part.dataset,
        scorer=scorer,
        score=intervals.mean(means[known], clusters, level),
        n=int(known.sum()),
        clusters=len(np.unique(clusters)),
        trials=int(there.sum()),
        bad=bad,
    )


def _natural(name: str) -> tuple[bool, float, str]:
    """Numbers by value, before words."""
    try:
        return False, float(name), name
    except ValueError:
        return True, 0.0, name


def _variances(
    given: results.Results, columns: analysis_rows.Columns
) -> Iterator[findings.Variance]:
    for dataset in given.datasets:
        for arm in given.arms:
            part = columns.parts[arm, dataset]
            told = columns.work[dataset].headline[part.cases]
            for scorer, scores in part.scores.items():
                there = ~np.isnan(scores) & told
                if not there.any():
                    continue
                keys = {"case": part.cases[there]}
                keys |= {name: seeds[there] for name, seeds in part.seeds.items()}
                found = variance.shares(scores[there], keys)
                if found:
                    yield findings.Variance(arm, dataset, scorer, found)


# Memory, failures


def _losses(given: results.Results, columns: analysis_rows.Columns) -> Iterator[findings.Loss]:
    """Gold of a case without an answer is left out: it is a bait, and to lose it is no loss."""
    for dataset in given.datasets:
        for arm in given.arms:
            counts = dict.fromkeys(FATES, 0)
            part = columns.parts[arm, dataset]
            for place in part.rows[columns.work[dataset].answerable[part.cases]].tolist():
                for fate, count in given.rows[place].losses.items():
                    counts[fate] = counts.get(fate, 0) + int(count)
            if gold := sum(counts.values()):
                yield findings.Loss(arm, dataset, gold, counts)


def _ablations(
    given: results.Results,
    compared: Mapping[analysis_verdicts.Pair, findings.Difference],
    pairs: Sequence[analysis_verdicts.Pair],
) -> list[findings.Ablation]:
    """Within each dataset, what costs most to remove first."""
    order = list(given.datasets)
    made = [
        findings.Ablation(str(given.arms[pair.arm]["ablated"]), compared[pair]) for pair in pairs
    ]

    def rank(each: findings.Ablation) -> tuple[int, float, str, str]:
        value = each.difference.difference.value
        place = order.index(each.difference.dataset)
        return place, math.inf if math.isnan(value) else value, each.node, each.difference.arm

    return sorted(made, key=rank)


def _failures(
    given: results.Results, columns: analysis_rows.Columns
) -> Iterator[Mapping[str, Any]]:
    for dataset in given.datasets:
        for arm in given.arms:
            part = columns.parts[arm, dataset]
            for place in part.rows[part.status != 0].tolist():
                row = given.rows[place]
                yield {"trial": row.trial, "arm": arm, "dataset": dataset, "case": row.case,
                       "status": row.status, "reason": row.reason}  # fmt: skip
