"""What a run shows, with its uncertainty: the values that cross from analysis to the reports.

Made by `analysis` out of `results`; every number in a table or a plot is in here. Knows no format.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

A_BETTER, B_BETTER, EQUIVALENT, INCONCLUSIVE = "better", "worse", "equivalent", "inconclusive"
"""Verdicts of an arm against a baseline."""

POSITIONS = ("0-20 %", "20-40 %", "40-60 %", "60-80 %", "80-100 %")
"""The groups of the axis `position`: where in its history a case's evidence stands."""

ANSWERS = ("answerable", "unanswerable", "all")
"""The groups of the axis `answers`, of a dataset that has cases with an answer and without one."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence interval; `low` and `high` are NaN where none can be had."""

    value: float
    low: float
    high: float
    level: float = 0.95
    method: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One arm on one dataset by one scorer, over all categories or one.

    `n` cases, `clusters` conversations, `trials` rows behind it; `bad` counts the rows by status
    (`failed`, `cut`, `broken`): they are in the score as wrong. `axis` is `all`, `category` or
    another grouping such as `position`; `group` its value. The axis `all` is what claims are about:
    all cases, or those with an answer where a dataset has both kinds; then the axis `answers` has
    each kind and both together.
    """

    arm: str
    dataset: str
    scorer: str
    score: Interval
    n: int
    clusters: int
    trials: int
    bad: Mapping[str, int] = field(default_factory=dict)
    axis: str = "all"
    group: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """An arm minus its baseline on the same cases.

    `p` is of the exact McNemar test (binary scores, a conversation for each case) or of sign flips
    by conversation (all others), `adjusted` after Holm over the family. `wins` and `losses` are
    the discordant cases. `needed` is the number of conversations that would decide, 0 where it is
    decided. `detectable` is the smallest difference that this number of cases could show (power
    0.8). `sentence` says the verdict in words.
    """

    arm: str
    baseline: str
    dataset: str
    scorer: str
    difference: Interval
    p: float
    adjusted: float
    test: str
    n: int
    clusters: int
    wins: int
    losses: int
    verdict: str
    needed: int
    detectable: float
    sentence: str
    within: Interval | None = None
    """What equivalence is judged by: the interval of level 1 - 2 alpha, or the bound for
    conversations that all score alike where that is wider."""
    mcnemar: float = math.nan
    """McNemar's exact p beside the one that decides; NaN for graded scores. It takes cases for
    independent, so it claims too often where a conversation has several."""


@dataclass(frozen=True, slots=True)
class Variance:
    """Where a cell's score varies from: shares of the total variance, which sum to 1."""

    arm: str
    dataset: str
    scorer: str
    components: Mapping[str, float]
    """`case`, `ingest`, `answer`, `judge`; those with one seed are absent."""


@dataclass(frozen=True, slots=True)
class Loss:
    """The waterfall of one arm on one dataset: gold items by fate, in the order of a fact's way."""

    arm: str
    dataset: str
    gold: int
    fates: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one arm on one dataset took: means per question unless said, and ingest apart.

    `metrics` has the names of `results.METRICS`; `ingest` the totals of all ingests; `times` maps a
    part of the wall time to its (p50, p95) in milliseconds per question. `by_thread` has the means
    of `results.SPENT` for each thread: a trial that does not use a thread counts as zero there.
    `by_store` has the mean tokens of each store in the last window of the trials that have one.
    """

    arm: str
    dataset: str
    trials: int
    metrics: Mapping[str, float]
    ingest: Mapping[str, float]
    times: Mapping[str, tuple[float, float]]
    pareto: bool
    """No other arm is both cheaper (tokens) and better (primary score)."""
    by_thread: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    by_store: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ablation:
    """What removing one node did, ranked by effect: a difference to the arm that still has it."""

    node: str
    difference: Difference


@dataclass(frozen=True)
class Findings:
    """Everything that a report shows."""

    name: str
    question: str
    notes: Sequence[str]
    """What must be read before any number: the offline policy, missing trials, splits."""
    arms: Mapping[str, Mapping[str, Any]]
    datasets: Mapping[str, Mapping[str, Any]]
    scorers: Mapping[str, Mapping[str, Any]]
    primary: Mapping[str, str]
    baseline: str
    alpha: float
    margin: float
    cells: Sequence[Cell]
    differences: Sequence[Difference]
    variances: Sequence[Variance]
    losses: Sequence[Loss]
    costs: Sequence[Cost]
    ablations: Sequence[Ablation]
    failures: Sequence[Mapping[str, Any]]
    """Every trial that is not `done`: trial, arm, dataset, case, status, reason."""
    confounds: Sequence[str]
    planned: int
    present: int
    manifest: Mapping[str, Any]
    drawings: Mapping[str, str]
    family: str = "dataset"
    """What p values are corrected over: the comparisons of each `dataset`, or all of the `run`."""
    suite: Mapping[str, Any] = field(default_factory=dict)
    """The suite in plain form; empty where the run kept none."""
    apart: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The datasets that have cases with an answer and without one, and the categories that hold
    only the latter. Claims, and cells of the axis `all`, are about the former."""
