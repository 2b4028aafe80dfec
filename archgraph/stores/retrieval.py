"""The declared retrieval policy: which sources a search asks, and how it makes one ranking.

A `Retrieval` stands in a store's options; the functions here turn scored lists into one. Used by
`indexes`, which knows where the lists come from. The defaults are frozen: chosen by measurement
(`benchmarks/retrieval.py`), the same for every store and data set.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pydantic

from archgraph import errors
from archgraph.storage import records

Scores = dict[int, float]
"""A score by row number; larger is better."""


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Weights(_Part):
    """What each feature counts. Scores of a source are divided by its best one before."""

    text: float = pydantic.Field(default=1.0, ge=0)
    """Words in common (BM25)."""
    vector: float = pydantic.Field(default=0.3, ge=0)
    """Similarity of embeddings (cosine)."""
    author: float = pydantic.Field(default=0.15, ge=0)
    """The query names the one who said it."""
    recency: float = pydantic.Field(default=0.0, ge=0)
    """How new it is: 1 now, a half after `half_life`."""
    importance: float = pydantic.Field(default=0.0, ge=0)
    """The record's own importance, divided by the greatest among the candidates."""


class Neighbours(_Part):
    """How a found utterance raises those around it: answers rarely repeat the words of a question.

    Only records with a speaker have neighbours; facts that were stored one by one have none.
    """

    before: list[float] = [0.6, 0.3, 0.15]
    """Shares of the score that a record gains from the utterance 1, 2, 3 places before it."""
    after: list[float] = [0.4, 0.3, 0.15]
    """Shares that it gains from those after it."""
    gap: float = pydantic.Field(default=3600, ge=0)
    """Seconds between two utterances after which they no longer belong together."""


class Retrieval(_Part):
    """How `search` finds and ranks records."""

    sources: list[Literal["text", "vector", "recent"]] = []
    """Where candidates come from; everything that the store indexes unless given."""
    depth: int = pydantic.Field(default=100, gt=0, le=4096)
    """Candidates that each source gives."""
    fusion: Literal["sum", "rrf", "mmr"] = "sum"
    """`sum`: weighted sum of normalised scores; `rrf`: weighted reciprocal ranks; `mmr`: the sum,
    then maximal marginal relevance (Carbonell and Goldstein, 1998), which avoids repetition."""
    weights: Weights = Weights()
    """What each feature counts."""
    rrf_k: float = pydantic.Field(default=60, gt=0)
    """k of reciprocal rank fusion: weight / (k + rank)."""
    diversity: float = pydantic.Field(default=0.3, ge=0, le=1)
    """In `mmr`, what similarity to results already chosen costs."""
    half_life: float = pydantic.Field(default=604800, gt=0)
    """Seconds after which recency has halved."""
    neighbours: Neighbours = Neighbours()
    """How a found utterance raises those around it."""
    where: dict[str, Any] = {}
    """Fields that a record must have: a value, or a list of allowed values."""
    min_score: float = pydantic.Field(default=0.0, ge=0)
    """The least score of a result, as a share of the best one."""
    expand: int = pydantic.Field(default=0, ge=0, le=20)
    """Records before and after each result that are returned with it."""
    order: Literal["score", "time"] = "score"
    """How a page of results is ordered."""
    effects: list[Literal["touch"]] = []
    """`touch` counts each result as an access of the record."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records may be found.

    `where` are fields with a value or a list of values; `since` (inclusive) and `until`
    (exclusive) bound `created`; `thread` is the writer; `valid_at` the moment in the world at
    which the record must be true. Moments are seconds since 1970.
    """

    where: Mapping[str, Any] = field(default_factory=dict)
    since: float | None = None
    until: float | None = None
    thread: str | None = None
    valid_at: float | None = None

    def sql(self) -> tuple[str, list[Any]]:
        """A condition over the columns of `record`, and its values; empty if all may be found."""
        parts: list[str] = []
        values: list[Any] = []
        for name, wanted in self.where.items():
            allowed = wanted if isinstance(wanted, list | tuple | set) else [wanted]
            parts.append(f"json_extract(fields, ?) IN ({','.join('?' * len(allowed))})")
            values += [f"$.{json.dumps(name, ensure_ascii=False)}", *allowed]
        for condition, bound in (
            ("created >= ?", self.since),
            ("created < ?", self.until),
            ("thread = ?", self.thread),
            ("coalesce(valid_from, created) <= ?", self.valid_at),
            ("(valid_to IS NULL OR valid_to > ?)", self.valid_at),
        ):
            if bound is not None:
                parts.append(condition)
                values.append(bound)
        return " AND ".join(parts), values


@dataclass(frozen=True, slots=True)
class Hit:
    """A found record, its score (comparable within one search only), and who found it."""

    record: records.Record
    score: float
    sources: tuple[str, ...] = ()


def joined(only: Filter, where: Mapping[str, Any]) -> Filter:
    """A filter that also demands some fields."""
    return replace(only, where={**where, **only.where}) if where else only


def normalised(scores: Scores) -> Scores:
    """Scores divided by the best one."""
    best = max(scores.values(), default=0.0)
    return {row: score / best for row, score in scores.items()} if best > 0 else {}


def fuse(lists: Mapping[str, Scores], policy: Retrieval) -> Scores:
    """One score per row from the lists of the sources."""
    weights = policy.weights.model_dump() | {"recent": policy.weights.recency or 1.0}
    total: Scores = {}
    for source, scores in lists.items():
        shares = _ranks(scores, policy.rrf_k) if policy.fusion == "rrf" else normalised(scores)
        for row, share in shares.items():
            total[row] = total.get(row, 0.0) + weights[source] * share
    return total


def _ranks(scores: Scores, k: float) -> Scores:
    """Reciprocal ranks (Cormack et al., 2009), as a share of the best possible one."""
    ranked = sorted(scores, key=lambda row: (-scores[row], row))
    return {row: (k + 1) / (k + place) for place, row in enumerate(ranked, 1)}


def spread(
    scores: Scores, policy: Retrieval, near: Callable[[int, int, int], tuple[list[int], list[int]]]
) -> Scores:
    """What rows are lent by their neighbours: `near(row, b, a)` gives b before it, a after it."""
    from_before, from_after = policy.neighbours.before, policy.neighbours.after
    lent: Scores = {}
    if not from_before and not from_after:
        return lent
    for row, score in scores.items():
        earlier, later = near(row, len(from_after), len(from_before))
        for others, shares in ((later, from_before), (earlier, from_after)):
            for other, share in zip(others, shares, strict=False):
                lent[other] = lent.get(other, 0.0) + share * score
    return lent


def best(scores: Scores, count: int) -> Scores:
    """The highest scores; of equals, those that came first."""
    ranked = sorted(scores, key=scores.__getitem__, reverse=True)
    return {row: scores[row] for row in ranked[:count]}


def ordered(scores: Scores, policy: Retrieval) -> list[tuple[int, float]]:
    """Rows from the best down; of equals, the older first. Drops those under `min_score`."""
    least = policy.min_score * max(scores.values(), default=0.0)
    kept = ((row, round(score, 9)) for row, score in scores.items() if score >= least)
    return sorted(kept, key=lambda pair: (-pair[1], pair[0]))


def recency(age: float, half_life: float) -> float:
    """Exponential decay: 0.5 ** (age / half_life), ages in seconds."""
    return float(0.5 ** (max(0.0, age) / half_life))


def diversified(
    ranked: Sequence[tuple[int, float]], vectors: Mapping[int, Any], diversity: float, limit: int
) -> list[tuple[int, float]]:
    """Reorder the best by maximal marginal relevance; the rest follows as it was.

    Each next result maximises (1 - diversity) * score - diversity * cosine to the nearest one
    chosen before it. The score shown stays the relevance.
    """
    pool = list(ranked)
    chosen: list[tuple[int, float]] = []
    best = max((score for _, score in ranked), default=1.0) or 1.0
    nearest = {row: 0.0 for row, _ in pool}
    while pool and len(chosen) < limit:
        pick = max(
            pool,
            key=lambda pair: (1 - diversity) * pair[1] / best - diversity * nearest[pair[0]],
        )
        pool.remove(pick)
        chosen.append(pick)
        if pick[0] not in vectors:
            continue
        for row, _ in pool:
            if row in vectors:
                near = float(vectors[row] @ vectors[pick[0]])
                nearest[row] = max(nearest[row], near)
    return chosen + pool


def day_range(start_date: str, end_date: str, parse: Callable[[str], float]) -> tuple[float, float]:
    """Two dates as a model writes them, both days included: seconds, end exclusive.

    Raises:
        ToolError: a date cannot be read, or the range is empty.
    """
    try:
        since, until = parse(start_date), parse(end_date)
    except ValueError as error:
        raise errors.ToolError(f"dates must be written as YYYY-MM-DD: {error!s:.80}") from error
    if len(end_date.strip()) <= 10:
        until += 86400
    if until <= since:
        raise errors.ToolError(f"start_date {start_date} lies after end_date {end_date}")
    return since, until
