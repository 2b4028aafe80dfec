"""The declared retrieval policy: which sources a search asks, and how it makes one ranking.

A `Retrieval` stands in a store's options; the functions here turn scored lists into one. Used by
`indexes`, which knows where the lists come from. The defaults are frozen: chosen by measurement
(`benchmarks/retrieval.py`), the same for every store and data set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import pydantic

from archgraph.stores import features as feature
from archgraph.stores import filters, link_graph

Filter = filters.Filter
Hit = filters.Hit
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


class Seed(_Part):
    """Where a walk along links starts with more or less weight."""

    where: filters.Where
    """Fields that the record has: a value, or a list of allowed values."""
    weight: float = pydantic.Field(ge=0)
    """What its own score is multiplied with. HippoRAG: 0.05 for passages."""


class Walk(_Part):
    """How the source `links` goes on from what the other sources found."""

    hops: int = pydantic.Field(default=1, ge=1, le=10)
    """Steps that it goes at most; PageRank goes as far as there are links."""
    kinds: list[str] = []
    """Kinds of link that it follows; all unless given."""
    direction: link_graph.Direction = "both"
    """Whether it follows links from source to target (`out`), back (`in`), or `both` ways."""
    seeds: int = pydantic.Field(default=10, gt=0, le=1000)
    """So many of the best records of the other sources are starts."""
    weights: list[Seed] = []
    """Starts that weigh more or less than others; the first that fits counts."""
    damping: float = pydantic.Field(default=0.85, gt=0, lt=1)
    """In PageRank, how often a link is followed instead of starting again. HippoRAG: 0.5."""


class Expand(_Part):
    """What is returned with each result."""

    beside: int = pydantic.Field(default=0, ge=0, le=20)
    """Records before and after it."""
    links: int = pydantic.Field(default=0, ge=0, le=5)
    """Records so many links away at most."""
    kinds: list[str] = []
    """Kinds of link that are followed; all unless given."""
    sources: bool = False
    """The records that it was derived from."""


class Retrieval(_Part):
    """How `search` finds and ranks records.

    Without `features`, the default that was chosen by measurement ranks: `weights` and
    `neighbours`. With `features`, each of them is computed for every candidate, brought to one
    scale by `normalise` and joined by `fusion`.
    """

    sources: list[Literal["text", "vector", "recent", "key", "links", "scan"]] = []
    """Where candidates come from; everything that the store indexes unless given. `recent`: the
    newest; `key`: those whose `match` fields stand in the query; `links`: those linked with what
    the other sources found; `scan`: all."""
    depth: int = pydantic.Field(default=100, gt=0, le=4096)
    """Candidates that each source gives."""
    features: dict[str, float] = {}
    """What is weighed, and what each counts: `text` (BM25), `vector` (cosine), `overlap` (Jaccard
    of the words), `key`, `distance` (1 / (1 + links from a start)), `pagerank`; `recency`,
    `importance`, `frequency` (accesses), `strength`, `activation`, `tokens`, `mentions` (records
    it was derived from), `degree` (links), `fields.NAME`. In place of `weights`."""
    normalise: feature.Normal = "best"
    """How features come to one scale: divided by the `best`, `minmax`, by `rank`, or `none`."""
    fusion: feature.Fusion = "sum"
    """`sum`: weighted sum of normalised scores; `product`: of their powers; `max`: the largest;
    `rrf`: weighted reciprocal ranks; `mmr`: the sum, then maximal marginal relevance (Carbonell
    and Goldstein, 1998), which avoids repetition."""
    weights: Weights = Weights()
    """What each feature counts where no `features` are given."""
    rrf_k: float = pydantic.Field(default=60, ge=0)
    """k of reciprocal rank fusion: weight / (k + rank), ranks from 1. Graphiti's rank_const 1
    counts ranks from 0, and so is 0 here."""
    diversity: float = pydantic.Field(default=0.3, ge=0, le=1)
    """In `mmr`, what similarity to results already chosen costs."""
    half_life: float = pydantic.Field(default=604800, gt=0)
    """Seconds after which recency has halved, unless `recency` gives another form."""
    recency: feature.Recency = feature.Recency()
    """Another form of the feature `recency`."""
    links: Walk = Walk()
    """How links are followed, for the source `links`, `distance` and `pagerank`."""
    match: list[str] = []
    """Fields that the source `key` looks for in the query."""
    neighbours: Neighbours = Neighbours()
    """How a found utterance raises those around it, where no `features` are given."""
    where: filters.Where = {}
    """Fields that a record must have: a value, or a list of allowed values."""
    keep: filters.Where = {}
    """Fields that a result must have; a candidate without them may still lead to others."""
    valid: Literal["any", "now"] = "any"
    """`now`: only what is true at present, by `valid_from` and `valid_to`."""
    min_score: float = pydantic.Field(default=0.0, ge=0)
    """The least score of a result, as a share of the best one."""
    floor: dict[str, float] = {}
    """The least that a candidate of a source must have there, as it is: `{vector: 0.6}` is a
    cosine of 0.6. `score` is the least of the joined score."""
    tokens: int | None = pydantic.Field(default=None, gt=0)
    """The most tokens of all results together, before what is returned with them."""
    expand: int | Expand = pydantic.Field(default=0, union_mode="left_to_right")
    """What is returned with each result: so many records before and after it, or more."""
    order: Literal["score", "time"] = "score"
    """How a page of results is ordered."""
    effects: list[Literal["touch", "strengthen"]] = []
    """`touch` counts each result as an access of the record; `strengthen` also adds 1 to its
    strength."""

    @pydantic.model_validator(mode="after")
    def _sound(self) -> Retrieval:
        feature.check_names(self.features, (*feature.SEARCHED, *feature.OWN))
        feature.check_names(self.floor, (*self.sources, "text", "vector", "score"))
        if not self.features:
            self._need_features()
        elif self.weights != Weights() or self.neighbours != Neighbours():
            raise ValueError("`features` stand in place of `weights` and `neighbours`; drop those")
        if "key" in self.sources and not self.match:
            raise ValueError("the source `key` needs `match`: the fields to look for in the query")
        if self.sources == ["links"]:
            raise ValueError("the source `links` needs another one to start from, such as `text`")
        if isinstance(self.expand, int) and not 0 <= self.expand <= 20:
            raise ValueError("`expand` must lie between 0 and 20")
        return self

    def _need_features(self) -> None:
        """What only `features` can score."""
        asked = [name for name in self.sources if name in ("key", "links", "scan")]
        wanted = [f"the source `{name}`" for name in asked]
        wanted += [f"`normalise: {self.normalise}`"] if self.normalise != "best" else []
        wanted += [f"`fusion: {self.fusion}`"] if self.fusion in ("product", "max") else []
        wanted += ["`recency`"] if self.recency != feature.Recency() else []
        if wanted:
            raise ValueError(f"{' and '.join(wanted)} needs `features`: what is weighed")


def narrowed(only: Filter, policy: Retrieval, now: float) -> Filter:
    """A filter that also demands what a policy does."""
    if policy.where:
        only = replace(only, where={**policy.where, **only.where})
    if policy.valid == "now" and only.valid_at is None:
        only = replace(only, valid_at=now)
    return only


def above(scores: Scores, name: str, policy: Retrieval) -> Scores:
    """Scores that reach the policy's `floor` for a source."""
    least = policy.floor.get(name)
    if least is None:
        return scores
    return {row: score for row, score in scores.items() if score >= least}


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
