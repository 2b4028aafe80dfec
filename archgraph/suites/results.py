"""The rows of a run: what statistics and reports read. Made by `running.ledger`; knows no file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

METRICS = (
    "prompt_tokens", "completion_tokens", "cached_tokens", "calls", "cost", "paid", "steps",
    "searches", "prefix", "store_bytes", "window_tokens", "answered_in_window",
    "gold", "gold_reached", "gold_derived", "items", "position", "answerable",
)  # fmt: skip
"""Numbers of every trial that do not depend on the machine it ran on.

`prefix`: mean share of a prompt that repeats the thread's previous request; `window_tokens`: the
largest window; `gold*`: how many gold items a case has, had verbatim in a window, or derived;
`items`: how long its history is; `position`: where in it the gold items stand on average, 0 at the
first item and 1 at the last, absent where there is no gold or a single item; `answerable`: 1 where
the case has an answer, 0 where abstaining is right.
"""

SPENT = ("prompt_tokens", "completion_tokens", "cached_tokens", "calls", "cost")
"""What a row knows of each thread."""


class Row(NamedTuple):
    """One trial. `status` is `done`, `failed`, `cut` or `broken`; `scores` by scorer's name.

    A score is None where the scorer does not apply to the case. `losses` counts the gold items of
    a trial by their fate; it is empty where the case has no gold. `times` are milliseconds.
    `by_thread` has the numbers of `SPENT` of each thread, `by_store` the tokens of each store in
    the last answering window.
    """

    trial: str
    arm: str
    dataset: str
    case: str
    cluster: str
    category: str
    ingest_seed: int
    answer_seed: int
    judge_seed: int
    status: str
    reason: str
    scores: Mapping[str, float | None]
    metrics: Mapping[str, float]
    losses: Mapping[str, int]
    times: Mapping[str, float]
    by_thread: Mapping[str, Mapping[str, float]] = MappingProxyType({})
    by_store: Mapping[str, float] = MappingProxyType({})


class Ingest(NamedTuple):
    """One ingested history, and what that took. `spent` as in `record.Spent`, in plain form."""

    id: str
    arm: str
    dataset: str
    conversation: str
    seed: int
    status: str
    reason: str
    spent: Mapping[str, float]
    times: Mapping[str, float]
    store_bytes: int


@dataclass(frozen=True)
class Results:
    """All rows of a run, ordered by dataset, arm, case and seeds; never by when they ended.

    `suite` is the suite in plain form, `manifest` what the run was made from. `arms` are in the
    suite's order: name -> {architecture, overrides, model, factors, of, ablated, warnings}.
    `datasets`: name -> {type, split, licence, provenance, mode, category_name,
    ordered, category_names}. `scorers`: name -> {type,
    binary, judged, wrong, primary_of}, `k` where only so many results count, and where it could not
    score some trials `broke`: {count, of, note}, the note being that of the first. `planned` counts
    the trials of the plan, so that `planned - len(rows)` are missing.
    """

    name: str
    suite: Mapping[str, Any]
    manifest: Mapping[str, Any]
    arms: Mapping[str, Mapping[str, Any]]
    datasets: Mapping[str, Mapping[str, Any]]
    scorers: Mapping[str, Mapping[str, Any]]
    rows: Sequence[Row]
    ingests: Sequence[Ingest]
    planned: int
    stopped: str = ""
    """Why the run is not complete; empty if it is."""
    drawings: Mapping[str, str] = field(default_factory=dict)
    """The SVG of each arm's graph, by arm."""

    @property
    def primary(self) -> dict[str, str]:
        """The primary scorer's name by dataset."""
        return {d: name for name, each in self.scorers.items() for d in each["primary_of"]}

    @property
    def headline(self) -> list[Row]:
        """The rows that claims are about.

        Where a dataset has cases with an answer and cases without one, only the former: an arm that
        abstains whatever is asked is right on all of the latter.
        """
        answerable = {row.dataset for row in self.rows if row.metrics.get("answerable", 1.0)}
        return [row for row in self.rows
                if row.metrics.get("answerable", 1.0) or row.dataset not in answerable]  # fmt: skip
