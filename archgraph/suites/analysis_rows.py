"""The rows of a run as columns: numbers in arrays, names as codes, in one canonical order.

Called by `analysis` and the files beside it. Says what a score is: a trial that broke, failed or
was cut counts, it is never left out. Knows no statistics.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from archgraph.suites import findings, results

Numbers = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

STATUSES = ("done", "failed", "cut", "broken")
LOST = ("failed", "broken")
"""Trials that are wrong whatever a scorer made of them; one that was cut has its reply scored."""

SEARCHED = ("evidence_recall", "evidence_all", "evidence_ndcg")
"""Scorers of what search calls returned: of an arm that never searches they say nothing."""

LONG = 20
"""Items that half of a dataset's histories must pass before positions in them tell anything."""


@dataclass(frozen=True, slots=True)
class Part:
    """The trials of one arm on one dataset.

    `cases` are codes into the dataset's list of cases, `rows` places in `Results.rows`.
    """

    arm: str
    dataset: str
    rows: Codes
    cases: Codes
    status: Codes
    seeds: Mapping[str, Codes]
    scores: Mapping[str, Numbers]


@dataclass(frozen=True, slots=True)
class Work:
    """The cases of one dataset: the conversation (a code) and the category of each.

    `positions` has the place in `findings.POSITIONS` of each case's evidence, -1 where it has none
    or where the dataset is not looked at by position.
    """

    cases: Sequence[str]
    clusters: Codes
    categories: Sequence[str]
    positions: Codes
    answerable: npt.NDArray[np.bool_]
    """Which cases have an answer; of the others, abstaining is right."""

    @property
    def mixed(self) -> bool:
        """Whether some cases have an answer and some have none."""
        return bool(self.answerable.any() and not self.answerable.all())

    @property
    def headline(self) -> npt.NDArray[np.bool_]:
        """The cases that claims are about: those with an answer where there are both kinds."""
        return self.answerable if self.mixed else np.ones(len(self.cases), dtype=np.bool_)

    @property
    def apart(self) -> list[str]:
        """The categories in which no case has an answer."""
        told = list(zip(self.categories, self.answerable.tolist(), strict=True))
        return sorted({name for name, has in told if not has} - {name for name, has in told if has})


@dataclass(frozen=True, slots=True)
class Columns:
    """All of a run: parts by (arm, dataset), and the cases of each dataset."""

    parts: Mapping[tuple[str, str], Part]
    work: Mapping[str, Work]


def columns(given: results.Results) -> Columns:
    """Sort and encode the rows of a run; equal rows in another order give equal columns."""
    rows = given.rows
    by_dataset: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        by_dataset.setdefault(row.dataset, []).append(place)
    parts: dict[tuple[str, str], Part] = {}
    work: dict[str, Work] = {}
    for dataset in given.datasets:
        places = by_dataset.get(dataset, [])
        chosen = [rows[place] for place in places]
        work[dataset], cases = _work(chosen)
        arms, order = _ordered(given, chosen, cases)
        scores = _scores(given.scorers, chosen, cases)
        status = _encode([row.status for row in chosen], STATUSES)
        seeds = {
            "ingest": _whole(row.ingest_seed for row in chosen),
            "answer": _whole(row.answer_seed for row in chosen),
            "judge": _whole(row.judge_seed for row in chosen),
        }
        where = np.asarray(places, dtype=np.int64)
        for code, arm in enumerate(given.arms):
            mine = order[arms[order] == code]
            parts[arm, dataset] = Part(
                arm,
                dataset,
                where[mine],
                cases[mine],
                status[mine],
                {name: each[mine] for name, each in seeds.items()},
                _looked(
                    given,
                    [rows[place] for place in where[mine].tolist()],
                    {name: each[mine] for name, each in scores.items()},
                ),
            )
    return Columns(parts, work)


def _looked(
    given: results.Results, rows: Sequence[results.Row], scores: dict[str, Numbers]
) -> dict[str, Numbers]:
    """The scores of an arm; what searches found has none where it never made any."""
    if not rows or any(row.metrics.get("searches", 1.0) for row in rows):
        return scores
    return {
        name: np.full(len(rows), np.nan) if given.scorers[name].get("type") in SEARCHED else each
        for name, each in scores.items()
    }


def _work(rows: Sequence[results.Row]) -> tuple[Work, Codes]:
    """The cases that occur, in the order of their ids, and the code of each row's case."""
    known = {row.case: row for row in rows}
    names = sorted(known)
    clusters = [known[name].cluster for name in names]
    categories = [str(known[name].category) for name in names]
    codes = _encode([row.case for row in rows], names)
    positions = _positions([known[name].metrics for name in names])
    answerable = np.array([known[n].metrics.get("answerable", 1.0) > 0 for n in names], dtype=bool)
    return Work(names, _encode(clusters, sorted(set(clusters))), categories, positions,
                answerable), codes  # fmt: skip


def _positions(metrics: Sequence[Mapping[str, float]]) -> Codes:
    """The group of each case's position; none of a dataset whose cases have short histories."""
    places = np.array([each.get("position", np.nan) for each in metrics], dtype=np.float64)
    there = ~np.isnan(places)
    codes = np.full(len(places), -1, dtype=np.int64)
    many = len(findings.POSITIONS)
    codes[there] = np.minimum(many - 1, (places[there] * many).astype(np.int64))
    items = [each.get("items", 0.0) for each, is_ in zip(metrics, there, strict=True) if is_]
    if not items or np.median(items) <= LONG or len(np.unique(codes[there])) < 2:
        codes[:] = -1
    return codes


def _ordered(
    given: results.Results, rows: Sequence[results.Row], cases: Codes
) -> tuple[Codes, Codes]:
    arms = _encode([row.arm for row in rows], list(given.arms))
    keys = [
        _encode(trials, sorted(trials)) if (trials := [row.trial for row in rows]) else cases,
        _whole(row.judge_seed for row in rows),
        _whole(row.answer_seed for row in rows),
        _whole(row.ingest_seed for row in rows),
        cases,
        arms,
    ]
    return arms, np.lexsort(keys).astype(np.int64)


def _scores(
    scorers: Mapping[str, Mapping[str, Any]], rows: Sequence[results.Row], cases: Codes
) -> dict[str, Numbers]:
    """The score of each row by scorer; NaN where it has none."""
    lost = np.array([row.status in LOST for row in rows], dtype=bool)
    cut = np.array([row.status == "cut" for row in rows], dtype=bool)
    done = ~lost & ~cut
    out = {}
    for name, about in scorers.items():
        found = np.array([_number(row.scores.get(name)) for row in rows], dtype=np.float64)
        wrong = about.get("wrong")
        if wrong is not None and (lost.any() or cut.any()):
            fits = _applicable(found, done, cases)
            found = np.where(lost, np.where(fits, wrong, np.nan), found)
            found = np.where(cut & np.isnan(found) & fits, wrong, found)
        out[name] = found
    return out


def _applicable(found: Numbers, done: npt.NDArray[np.bool_], cases: Codes) -> Any:
    """For each row, whether the scorer applies to its case.

    A trial that was done says so for all arms. Where none was, any score does.
    """
    count = int(cases.max(initial=-1)) + 1
    there = ~np.isnan(found)
    finished = np.bincount(cases, weights=done, minlength=count) > 0
    by_done = np.bincount(cases, weights=done & there, minlength=count) > 0
    by_any = np.bincount(cases, weights=there, minlength=count) > 0
    return np.where(finished, by_done, by_any)[cases]


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _whole(values: Iterable[int]) -> Codes:
    return np.fromiter(values, dtype=np.int64)


def _encode(values: Sequence[str], names: Sequence[str]) -> Codes:
    """The place of each value in `names`, -1 where it is none of them."""
    places = {name: place for place, name in enumerate(names)}
    return np.fromiter((places.get(value, -1) for value in values), dtype=np.int64)
