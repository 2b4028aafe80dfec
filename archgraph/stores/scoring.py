"""Ranking by declared features: candidates from the sources, a table of values, one score each.

The general road of a `Retrieval` with `features`; the measured default is ranked by `indexes`
itself, which calls this. Arithmetic is in `features`, walks along links are in `link_graph`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from archgraph.stores import features, filters, link_graph, retrieval, text_index

if TYPE_CHECKING:
    from archgraph.storage import records
    from archgraph.stores import searching

Lists = dict[str, retrieval.Scores]

_SPACES = re.compile(r"[\W_]+")


def ranked(
    index: searching.Index, query: str, policy: retrieval.Retrieval, only: retrieval.Filter
) -> tuple[list[tuple[int, float]], Lists]:
    """Living records from the best down, and what each source gave."""
    lists = index.lists(query, policy, only)
    walked = _walk(index, policy, only, lists)
    if "links" in policy.sources:
        lists["links"] = retrieval.above(walked["distance"], "links", policy)
        if "pagerank" in policy.features:
            lists["links"] |= retrieval.best(walked["pagerank"], policy.depth)
    rows = _kept(index, policy, list(dict.fromkeys(row for part in lists.values() for row in part)))
    table = {
        name: features.normalised(values, policy.normalise) if policy.fusion != "rrf" else values
        for name, values in _table(index, query, policy, only, lists | walked, rows).items()
    }
    scores = features.combined(table, policy.features, policy.fusion, policy.rrf_k)
    scores = retrieval.above(scores, "score", policy)
    return index.reordered(retrieval.ordered(scores, policy), policy), lists


def _table(
    index: searching.Index,
    query: str,
    policy: retrieval.Retrieval,
    only: retrieval.Filter,
    known: Lists,
    rows: Sequence[int],
) -> dict[str, features.Values]:
    """The values of each feature, for every candidate (reciprocal ranks: for those it found)."""
    facts, now = index.facts(rows), index.db.now()
    table: dict[str, features.Values] = {}
    for name in policy.features:
        if name not in features.SEARCHED:
            table[name] = features.own(name, facts, now, policy.recency, policy.half_life)
            continue
        by_rank = policy.fusion == "rrf"
        found = known[name] if by_rank and name in known else None
        if found is None:
            found = _searched(name, index, query, policy, only, known, facts)
        missing = {} if by_rank else dict.fromkeys(rows, 0.0)
        table[name] = missing | {row: found[row] for row in rows if row in found}
    return table


def _searched(
    name: str,
    index: searching.Index,
    query: str,
    policy: retrieval.Retrieval,
    only: retrieval.Filter,
    known: Lists,
    facts: features.Facts,
) -> features.Values:
    """The values of a feature that compares records with the query, for all candidates."""
    if name == "vector":
        return index.likeness(query, list(facts))
    if name == "text":
        return index.matching(query, only, max(policy.depth, len(facts)) * 4)
    if name == "overlap":
        return {row: overlap(query, index.form(fact.record)) for row, fact in facts.items()}
    if name == "key":
        return {row: 1.0 for row in index.keyed(query, policy.match, list(facts))}
    return known[name]


def overlap(query: str, text: str) -> float:
    """Jaccard similarity of the words of two texts, stop words left out."""
    asked, held = set(text_index.words(query)), set(text_index.words(text))
    return len(asked & held) / len(asked | held) if asked | held else 0.0


def holds(query: str, value: Any) -> bool:
    """Whether a field's value stands in a query as whole words."""
    wanted = _SPACES.sub(" ", str(value).casefold()).strip()
    return bool(wanted) and f" {wanted} " in f" {_SPACES.sub(' ', query.casefold())} "


def _kept(index: searching.Index, policy: retrieval.Retrieval, rows: Sequence[int]) -> list[int]:
    if not policy.keep:
        return list(rows)
    allowed = index.allowed(rows, retrieval.Filter(where=policy.keep))
    return [row for row in rows if row in allowed]


def _walk(
    index: searching.Index,
    policy: retrieval.Retrieval,
    only: retrieval.Filter,
    lists: Lists,
) -> Lists:
    """`distance` and `pagerank` of the records that links lead to from the best candidates."""
    wanted = {"distance", "pagerank"} & set(policy.features)
    if not wanted and "links" not in policy.sources:
        return {}
    walk, at = policy.links, only.valid_at
    starts = _starts(index, policy, lists)
    ids = {record.id: weight for record, weight in starts}
    found: dict[str, Mapping[str, float]] = {}

    def beside(some: Sequence[str]) -> list[link_graph.Edge]:
        links = index.links.beside(some, walk.kinds, at)
        return [(link.source, link.target, link.weight) for link in links]

    steps = link_graph.hops(ids, walk.hops, beside, walk.direction)
    found["distance"] = {id: 1 / (1 + step) for id, step in steps.items()}
    if "pagerank" in wanted:
        links = index.links.all(walk.kinds, at)
        edges = [(link.source, link.target, link.weight) for link in links]
        found["pagerank"] = link_graph.pagerank(
            edges, ids, damping=walk.damping, direction=walk.direction
        )
    return {name: _rows(index, values, only) for name, values in found.items()}


def _rows(
    index: searching.Index, values: Mapping[str, float], only: retrieval.Filter
) -> retrieval.Scores:
    held = index.records.by_id(list(values))
    allowed = index.allowed([record.seq for record in held.values()], only)
    return {r.seq: values[id] for id, r in held.items() if r.seq in allowed and values[id] > 0}


def _starts(
    index: searching.Index, policy: retrieval.Retrieval, lists: Lists
) -> list[tuple[records.Record, float]]:
    """The best candidates with their weights: the sum of their shares of each source's best."""
    total: retrieval.Scores = {}
    for scores in lists.values():
        for row, share in retrieval.normalised(scores).items():
            total[row] = total.get(row, 0.0) + share
    found = index.records.by_seq(list(total))
    weighed = {
        row: share * _factor(found[row], policy.links) for row, share in total.items()
        if row in found
    }  # fmt: skip
    chosen = retrieval.best(weighed, policy.links.seeds)
    return [(found[row], weight) for row, weight in chosen.items() if weight > 0]


def _factor(record: records.Record, walk: retrieval.Walk) -> float:
    return next((one.weight for one in walk.weights if filters.fits(record, one.where)), 1.0)
