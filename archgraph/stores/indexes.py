"""The search index of one store: `search` ranks its records by a declared policy.

Used by the stores that can be searched. Knows nothing of agents, nor of what records mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from archgraph import errors
from archgraph.storage import database, records
from archgraph.stores import (
    expanding,
    features,
    filters,
    links,
    retrieval,
    scoring,
    text_index,
    upkeep,
)

if TYPE_CHECKING:
    from archgraph.llm import base as llm

RANKED = 1_000
"""The most text matches that a ranking holds, and so the largest total it can show."""
DEFAULT = retrieval.Retrieval()
NO_FILTER = retrieval.Filter()


def content(record: records.Record) -> str:
    """The plain form of a record in an index: its own text."""
    return record.content


def reset(db: database.Database, store: str) -> None:
    """Forget what is indexed of a store; it is indexed and embedded anew at the next search."""
    with db.transaction():
        for name in (f"fts_{store}", f"vec_{store}"):
            db.execute(f'DROP TABLE IF EXISTS "{name}"')
        db.execute("DELETE FROM indexed WHERE store = ?", (store,))


class SearchIndex(upkeep.Upkeep):
    """Text and vector search over the rows of one store.

    `kinds` says which of `text` and `vector` there are, `form` what is indexed of a record;
    `as_of` searches as after that commit. One object belongs to one connection.
    """

    def __init__(
        self,
        db: database.Database,
        store: str,
        embedder: Callable[[], llm.Embedder],
        kinds: Sequence[str] = ("text", "vector"),
        form: upkeep.Form = content,
        *,
        as_of: int | None = None,
    ) -> None:
        super().__init__(db, store, embedder, kinds, form, as_of)
        self.links = links.Links(db, store, self.records.live)
        self._asked: dict[str, Any] = {}

    def prepare(self, query: str = "", texts: Sequence[str] = ()) -> None:
        """Catch up, and embed a coming query and coming texts, before a commit begins."""
        if not self.db.in_transaction:
            self.catch_up()
        self.embed_ahead(texts)
        if query.strip() and "vector" in self.kinds:
            self._asked = {query: self.embeddings.of([self._question(query)])[0]}

    def search(
        self,
        query: str,
        policy: retrieval.Retrieval = DEFAULT,
        *,
        limit: int = 5,
        offset: int = 0,
        only: retrieval.Filter = NO_FILTER,
    ) -> tuple[list[retrieval.Hit], int]:
        """A part of the ranking for a query, and how many results the whole ranking has.

        The ranking holds every record that shares a word with the query (at most `RANKED`), the
        `depth` nearest by vector, and what stands beside the best of them in a conversation.
        """
        self.catch_up()
        only = retrieval.narrowed(only, policy, self.db.now())
        if policy.features:
            ranked, lists = scoring.ranked(self, query, policy, only)
        else:
            lists = self.lists(query, policy, only)
            ranked = self._ranked(query, policy, only, lists)
            ranked += self._rest(query, policy, only, lists, ranked)
        ranked = expanding.fitting(self, ranked, policy.tokens)
        part = ranked[offset : offset + limit]
        return self._hits(part, lists, policy), len(ranked)

    def find(
        self,
        query: str,
        k: int = 10,
        policy: retrieval.Retrieval = DEFAULT,
        only: retrieval.Filter = NO_FILTER,
    ) -> list[retrieval.Hit]:
        """The k best results; cheaper than `search`, which also counts the rest."""
        self.catch_up()
        if policy.features or policy.tokens:
            return self.search(query, policy, limit=k, only=only)[0]
        narrow = retrieval.narrowed(only, policy, self.db.now())
        if self._sources(policy) == ["vector"] and self._plain(policy):
            near = retrieval.above(self.nearest(query, k, narrow), "vector", policy)
            return self._hits(retrieval.ordered(near, policy), {"vector": near}, policy)
        if k > policy.depth:
            return self.search(query, policy, limit=k, only=only)[0]
        only = narrow
        lists = self.lists(query, policy, only)
        ranked = self._ranked(query, policy, only, lists)
        return self._hits(ranked[:k], lists, policy)

    def lists(
        self, query: str, policy: retrieval.Retrieval, only: retrieval.Filter
    ) -> dict[str, retrieval.Scores]:
        """Scores of living records from each source, those above its `floor`; not from links."""
        lists: dict[str, retrieval.Scores] = {}
        for source in self._sources(policy):
            if source == "recent":
                lists[source] = self._recent(policy, only)
            elif source == "text":
                lists[source] = self.matching(query, only, policy.depth)
            elif source == "scan":
                lists[source] = self._everything(only)
            elif source == "key":
                lists[source] = dict.fromkeys(self.keyed(query, policy.match, None, only), 1.0)
            elif source == "vector" and query.strip():
                lists[source] = self.nearest(query, policy.depth, only)
        return {name: retrieval.above(scores, name, policy) for name, scores in lists.items()}

    def _sources(self, policy: retrieval.Retrieval) -> list[str]:
        """The sources that a policy asks, those that the store has unless it names some."""
        for name in (*policy.sources, *policy.features):
            if name in ("text", "vector") and name not in self.kinds:
                raise errors.InputError(
                    f"store {self.store!r} has no {name} index (index: {list(self.kinds)}), "
                    "but its retrieval names it"
                )
        return list(policy.sources or self.kinds)

    def _ranked(
        self,
        query: str,
        policy: retrieval.Retrieval,
        only: retrieval.Filter,
        lists: Mapping[str, retrieval.Scores],
    ) -> list[tuple[int, float]]:
        """One ranking of living records from the lists."""
        scores = retrieval.fuse(lists, policy)
        head = retrieval.best(scores, policy.depth)
        self.timeline.gap = policy.neighbours.gap
        lent = retrieval.spread(head, policy, self.timeline.near)
        fresh = self.allowed([row for row in lent if row not in scores], only)
        for row, score in lent.items():
            if row in scores or row in fresh:
                scores[row] = scores.get(row, 0.0) + score
        self._add_author(scores, query, policy)
        self._add_envelope(scores, policy)
        return self.reordered(retrieval.ordered(scores, policy), policy)

    def reordered(
        self, ranked: list[tuple[int, float]], policy: retrieval.Retrieval
    ) -> list[tuple[int, float]]:
        """A ranking with less repetition at its head, if the policy says so."""
        if policy.fusion != "mmr" or "vector" not in self.kinds:
            return ranked
        top = ranked[: policy.depth]
        vectors = self.vectors.vectors([row for row, _ in top])
        return retrieval.diversified(ranked, vectors, policy.diversity, len(top))

    def _rest(
        self,
        query: str,
        policy: retrieval.Retrieval,
        only: retrieval.Filter,
        lists: dict[str, retrieval.Scores],
        ranked: Sequence[tuple[int, float]],
    ) -> list[tuple[int, float]]:
        """Further text matches, in their own order, below a ranking that `depth` cut short."""
        if len(lists.get("text", ())) < policy.depth:
            return []
        known = {row for row, _ in ranked}
        everything = self.matching(query, only, RANKED)
        lists["text"] = everything
        shares = retrieval.normalised(everything)
        least = max(policy.min_score, 0.0)
        return [(row, 0.0) for row, share in shares.items() if row not in known and share >= least]

    def matching(self, query: str, only: retrieval.Filter, depth: int) -> retrieval.Scores:
        """BM25 scores of the best records that share a word with the query."""
        found: retrieval.Scores = {}
        words = text_index.words(query)
        condition, values = only.sql()
        joined = f"store = ? AND {self.records.live} AND {condition}" if condition else ""
        for index in (self.text, self.scanned):
            if not words or not index.exists():
                continue
            kept = index.keep(words, len(self.timeline), self._settled)
            limit = depth
            while True:
                bound = [self.store, *values] if joined else []
                rows = index.match(kept, limit, joined, bound)
                living = rows if joined else self._living(rows)
                if len(living) >= depth or len(rows) < limit:
                    break
                limit *= 4  # many of the best are dead: look further down
            found |= dict(living[:depth])
        return found

    def nearest(self, query: str, depth: int, only: retrieval.Filter) -> retrieval.Scores:
        """Cosine similarities of the nearest records, those above zero."""
        if not len(self.vectors.mirror):
            return {}
        vector = self._vector(query)
        among = self._among(only)
        limit = depth
        while True:
            rows = self.vectors.nearest(vector, limit, among)
            living = rows if among is not None else self._living(rows)
            if len(living) >= depth or len(rows) < limit:
                return {row: score for row, score in living[:depth] if score > 0}
            limit *= 4

    def likeness(self, query: str, rows: Sequence[int]) -> retrieval.Scores:
        """Cosine similarities of a query and some rows; rows without a vector are left out."""
        return self.alike(self._vector(query), rows) if query.strip() else {}

    def alike(self, vector: Any, rows: Sequence[int]) -> retrieval.Scores:
        """Cosine similarities of a unit vector and some rows."""
        import numpy as np

        if not len(self.vectors.mirror):
            return {}
        return dict(self.vectors.nearest(vector, len(rows), np.array(sorted(rows), np.int64)))

    def keyed(
        self,
        query: str,
        fields: Sequence[str],
        among: Sequence[int] | None = None,
        only: retrieval.Filter = NO_FILTER,
    ) -> list[int]:
        """Living rows of which one of the fields stands in the query as whole words."""
        condition, values = only.sql()
        where = f"store = ? AND {self.records.live} AND {condition or '1'}"
        wanted = None if among is None else set(among)
        found: dict[int, None] = {}
        for field in fields:
            path = filters.json_path(field)
            sql = f"SELECT seq, json_extract(fields, ?) FROM record WHERE {where} ORDER BY seq"
            for seq, value in self.db.execute(sql, (path, self.store, *values)):
                if value is not None and scoring.holds(query, value):
                    found[seq] = None
        return [seq for seq in found if wanted is None or seq in wanted]

    def facts(self, rows: Sequence[int]) -> dict[int, features.Fact]:
        """What the features of some living rows are read from."""
        found = self.records.by_seq(rows)
        ids = [record.id for record in found.values()]
        recalls, degrees = self.records.recalls(ids), self.links.degrees(ids)
        never = records.Recall()
        return {
            row: features.Fact(found[row], recalls.get(record.id, never), degrees.get(record.id, 0))
            for row, record in found.items()
        }

    def _everything(self, only: retrieval.Filter) -> retrieval.Scores:
        """Every living row that passes a filter, all alike."""
        condition, values = only.sql()
        sql = f"SELECT seq FROM record WHERE store = ? AND {self.records.live} AND "
        rows = self.db.execute(f"{sql}{condition or '1'} ORDER BY seq", (self.store, *values))
        return {row[0]: 1.0 for row in rows}

    def _vector(self, query: str) -> Any:
        if self.embeddings.locked() and query in self._asked:
            return self._asked[query]
        return self.embeddings.of([self._question(query)])[0]

    def _question(self, query: str) -> str:
        """The query without names of speakers: embeddings would find those who are spoken to."""
        names = self.timeline.name_words()
        if not names:
            return query
        left = text_index.WORD.sub(
            lambda match: "" if match.group().lower() in names else match.group(), query
        )
        left = " ".join(left.replace("'s ", " ").replace("\u2019s ", " ").split())
        return left if text_index.WORD.search(left) else query

    def _recent(self, policy: retrieval.Retrieval, only: retrieval.Filter) -> retrieval.Scores:
        """The newest records, by exponential decay of their age."""
        condition, values = only.sql()
        now = self.db.now()
        found = self.records.select(
            condition or "1", values, order="created DESC, seq DESC", limit=policy.depth
        )
        half = policy.half_life
        return {row.seq: retrieval.recency(now - row.created, half) for row in found}

    def _add_author(
        self, scores: retrieval.Scores, query: str, policy: retrieval.Retrieval
    ) -> None:
        """Raise what was said by one whom the query names."""
        named = self.timeline.named(frozenset(text_index.WORD.findall(query.lower())))
        if named and policy.weights.author:
            share = policy.weights.author * max(scores.values(), default=0.0)
            for row in scores:
                if self.timeline.speaker(row) in named:
                    scores[row] += share

    def _add_envelope(self, scores: retrieval.Scores, policy: retrieval.Retrieval) -> None:
        """Add what the records' own envelopes count: recency and importance."""
        weights, now = policy.weights, self.db.now()
        if not (weights.recency or weights.importance) or not scores:
            return
        found = self.records.by_seq(list(scores))
        best = max(scores.values())
        most = max((row.importance or 0.0 for row in found.values()), default=0.0) or 1.0
        for seq, row in found.items():
            fresh = retrieval.recency(now - row.created, policy.half_life)
            gained = weights.recency * fresh + weights.importance * (row.importance or 0.0) / most
            scores[seq] += best * gained

    def _hits(
        self,
        ranked: Sequence[tuple[int, float]],
        lists: Mapping[str, retrieval.Scores],
        policy: retrieval.Retrieval,
    ) -> list[retrieval.Hit]:
        """The records of a part of the ranking, with what the policy adds to them."""
        found = self.records.by_seq([row for row, _ in ranked])
        hits = [
            retrieval.Hit(
                found[row],
                score,
                tuple(name for name, scores in lists.items() if row in scores) or ("neighbour",),
            )
            for row, score in ranked
            if row in found
        ]
        if policy.expand:
            hits = expanding.expanded(self, hits, policy.expand)
        if policy.order == "time":
            hits.sort(key=lambda hit: (hit.record.created, hit.record.seq))
        if policy.effects and self.db.in_transaction:
            gain = 1.0 if "strengthen" in policy.effects else 0.0
            self.records.touch((hit.record for hit in hits), gain)
        return hits

    def _living(self, rows: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
        alive = self.allowed([row for row, _ in rows], NO_FILTER)
        return [pair for pair in rows if pair[0] in alive]

    def allowed(self, rows: Sequence[int], only: retrieval.Filter) -> set[int]:
        """Those rows that live and pass a filter."""
        condition, values = only.sql()
        where = f"{self.records.live} AND {condition or '1'}"
        alive: set[int] = set()
        for start in range(0, len(rows), 500):
            part = rows[start : start + 500]
            sql = f"SELECT seq FROM record WHERE seq IN ({','.join('?' * len(part))}) AND {where}"
            alive.update(row[0] for row in self.db.execute(sql, (*part, *values)))
        return alive

    def _among(self, only: retrieval.Filter) -> Any:
        """All rows that pass a filter, as an array; None where nothing is filtered."""
        import numpy as np

        condition, values = only.sql()
        if not condition:
            return None
        sql = f"SELECT seq FROM record WHERE store = ? AND {self.records.live} AND {condition}"
        found = self.db.all(sql, (self.store, *values))
        return np.fromiter((row[0] for row in found), np.int64, len(found))

    def _plain(self, policy: retrieval.Retrieval) -> bool:
        """Whether a policy orders by similarity alone."""
        weights = policy.weights
        talk = self.timeline.speakers and (weights.author or _lends(policy))
        return not (talk or weights.recency or weights.importance or policy.fusion == "mmr")


def _lends(policy: retrieval.Retrieval) -> bool:
    return bool(policy.neighbours.before or policy.neighbours.after)
