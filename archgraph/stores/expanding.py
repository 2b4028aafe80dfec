"""What a ranking returns: as much as fits, and what belongs to each result.

Called by `indexes` once a ranking stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archgraph.stores import link_graph, retrieval

if TYPE_CHECKING:
    from archgraph.stores import searching

Hits = list[retrieval.Hit]


def fitting(
    index: searching.Index, ranked: list[tuple[int, float]], tokens: int | None
) -> list[tuple[int, float]]:
    """The head of a ranking that takes at most so many tokens; at least its first."""
    if tokens is None or not ranked:
        return ranked
    found = index.records.by_seq([row for row, _ in ranked])
    total, count = 0, 0
    for row, _ in ranked:
        total += found[row].tokens if row in found else 0
        if total > tokens:
            break
        count += 1
    return ranked[: max(1, count)]


def expanded(
    index: searching.Index, hits: Sequence[retrieval.Hit], expand: int | retrieval.Expand
) -> Hits:
    """Each hit with what belongs to it; no record twice."""
    told = retrieval.Expand(beside=expand) if isinstance(expand, int) else expand
    known = {hit.record.seq for hit in hits}
    whole: Hits = []
    for hit in hits:
        group = [hit, *_beside(index, hit, told.beside, known)]
        whole += sorted(group, key=lambda one: one.record.seq)
        whole += _by_id(index, hit, "linked", _linked(index, hit, told), known)
        if told.sources:
            whole += _by_id(index, hit, "source", hit.record.derived_from, known)
    return whole


def _beside(index: searching.Index, hit: retrieval.Hit, count: int, known: set[int]) -> Hits:
    """The records before and after a hit in a conversation."""
    earlier, later = index.timeline.near(hit.record.seq, count, count)
    found = index.records.by_seq([row for row in earlier + later if row not in known])
    known |= found.keys()
    return [retrieval.Hit(record, hit.score, ("beside",)) for record in found.values()]


def _linked(index: searching.Index, hit: retrieval.Hit, told: retrieval.Expand) -> Sequence[str]:
    """Ids of the records that links lead to, the nearest first."""

    def beside(some: Sequence[str]) -> list[link_graph.Edge]:
        links = index.links.beside(some, told.kinds)
        return [(link.source, link.target, link.weight) for link in links]

    return list(link_graph.hops([hit.record.id], told.links, beside)) if told.links else []


def _by_id(
    index: searching.Index, hit: retrieval.Hit, why: str, ids: Sequence[str], known: set[int]
) -> Hits:
    found = index.records.by_id(ids)
    new = [found[id] for id in ids if id in found and found[id].seq not in known]
    known |= {record.seq for record in new}
    return [retrieval.Hit(record, hit.score, (why,)) for record in new]
