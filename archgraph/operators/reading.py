"""`read` and `retrieve`: bring what stores hold onto the bench."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import pydantic

from archgraph.operators import base, values
from archgraph.stores import base as stores
from archgraph.stores import filters
from archgraph.stores import retrieval as ranking


class Read(base.Operator):
    """Takes records of a store, in order: what is new since the last run, the newest, or all."""

    class Options(base.Options):
        """Keys of a `read` step."""

        short: ClassVar[str] = "store"

        store: str
        """The store. A log gives what was said, a block its text, others their records."""
        since: Literal["last_run", "turn"] | None = None
        """Only what is new since the pipeline's last good run, or only of the present turn."""
        newest: int | None = pydantic.Field(default=None, gt=0)
        """Only so many of the newest."""
        most: int | None = pydantic.Field(default=None, gt=0)
        """With `since: last_run`: so many at once, the oldest; a run for the rest follows."""
        where: filters.Where = pydantic.Field(default={})
        """Fields that a record must have: a value, or a list of allowed ones; `{{ }}` is filled
        in."""
        ids: str = ""
        """A value that holds ids (a text, a list, or records): only these."""
        limit: int = pydantic.Field(default=1000, gt=0)
        """The most tokens that are read; with `since` the rest is left for the next run."""

        def reads(self) -> dict[str, str]:
            """The store."""
            return {"store": self.store}

        def uses(self) -> dict[str, str]:
            """What `ids` names."""
            return {"ids": self.ids} if self.ids else {}

        def cap(self, window: int) -> int:
            """Its own `limit`."""
            return self.limit

        def expressions(self) -> dict[str, str]:
            """Templates in `where`."""
            return {f"where.{k}": v for k, v in self.where.items() if isinstance(v, str)}

        @pydantic.model_validator(mode="after")
        def _sound(self) -> Read.Options:
            if self.since and (self.newest or self.ids):
                raise ValueError("`since` excludes `newest` and `ids`")
            if self.most and self.since != "last_run":
                raise ValueError("`most` needs `since: last_run`; else say `newest`")
            return self

    options: Options

    def apply(self, bench: base.Bench, answer: Any) -> Any:
        """The records as items, oldest first; the text of a block."""
        told = self.options
        store = bench.store(told.store)
        whole = getattr(store, "text", None)
        if isinstance(whole, str):
            return whole
        if told.since == "last_run":
            found = bench.since(told.store, told.limit, told.most)
        elif told.since == "turn":
            found = bench.turn(told.store)
        else:
            found = self._chosen(bench)
        wanted = {name: bench.template(part) for name, part in told.where.items()}
        found = [item for item in found if _has(item, wanted)]
        if told.since:
            return found
        newest = values.fitted(found[::-1], told.limit, bench.count)[::-1]
        return newest[-told.newest :] if told.newest else newest

    def _chosen(self, bench: base.Bench) -> list[values.Item]:
        store, told = bench.store(self.options.store), self.options
        if told.ids:
            wanted = _ids(bench.value(told.ids))
            held = (store.records.get(id) for id in wanted)
            return bench.items(told.store, [record for record in held if record is not None])
        most = None if told.where else told.newest
        select = getattr(store, "select", None)
        if select is not None:  # a collection, which leaves out what is history by now
            newest: list[stores.Record] = select(newest=True, limit=most)
            return bench.items(told.store, newest[::-1])
        newest = store.records.select(order="seq DESC", limit=most or -1)
        return bench.items(told.store, newest[::-1])


class Retrieve(base.Operator):
    """Finds records of a collection or log by meaning, words, date and link, best first."""

    class Options(base.Options):
        """Keys of a `retrieve` step."""

        source: str = pydantic.Field(alias="from")
        """The store that is searched."""
        query: str
        """What to look for: the name of a value (a text, a list of texts, records), or a text in
        which `{{ }}` is filled in. Each text of a list is looked for, and found once."""
        k: int = pydantic.Field(default=5, gt=0, le=200)
        """Records a query."""
        where: filters.Where = pydantic.Field(default={})
        """Fields that a record must have: a value, or a list of allowed ones; `{{ }}` is filled
        in."""
        retrieval: ranking.Retrieval | None = None
        """How to rank, if not as the store says: the keys of its `retrieval`."""
        omit: str = ""
        """A value with records that are not to be found (the one just written, say)."""

        def reads(self) -> dict[str, str]:
            """The store."""
            return {"from": self.source}

        def uses(self) -> dict[str, str]:
            """What `query` and `omit` name."""
            named = {} if _is_text(self.query) else {"query": self.query}
            return {**named, "omit": self.omit} if self.omit else named

        def expressions(self) -> dict[str, str]:
            """Templates in `query` and `where`."""
            own = {"query": self.query} if _is_text(self.query) else {}
            return own | {f"where.{k}": v for k, v in self.where.items() if isinstance(v, str)}

    options: Options

    def prepare(self, bench: base.Bench, answer: Any) -> Any:
        """Embed the queries while no lock is held."""
        store, queries = bench.store(self.options.source), self._queries(bench)
        for query in queries:
            store.prepare("search", {"query": query})
        return queries

    def apply(self, bench: base.Bench, answer: Any) -> Any:
        """The records as items with their `score`, best first of each query."""
        told = self.options
        wanted = {name: bench.template(part) for name, part in told.where.items()}
        hidden = set(_ids(bench.value(told.omit))) if told.omit else set()
        found: dict[str, values.Item] = {}
        for query in bench.prepared:
            hits = bench.store(told.source).find_for(
                query, told.k + len(hidden), where=wanted, policy=told.retrieval
            )
            fresh = [hit for hit in hits if hit[0].id not in hidden][: told.k]
            items = bench.items(told.source, [record for record, _ in fresh])
            for item, (_, score) in zip(items, fresh, strict=False):
                found.setdefault(item["id"], item | {"score": round(score, 4)})
        return list(found.values())

    def _queries(self, bench: base.Bench) -> list[str]:
        told = self.options.query
        value = bench.template(told) if _is_text(told) else bench.value(told)
        listed = value if isinstance(value, list) else [value]
        return list(dict.fromkeys(filter(None, (values.content(each) for each in listed))))


def _is_text(query: str) -> bool:
    return "{{" in query or not query.replace(".", "_").isidentifier()


def _has(item: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(
        item.get(name) in (part if isinstance(part, list) else [part])
        for name, part in wanted.items()
    )


def _ids(value: Any) -> list[str]:
    """The ids that a value holds: texts, or the ids of records."""
    if isinstance(value, Mapping):
        return [str(value["id"])] if value.get("id") else []
    if isinstance(value, list):
        return [id for each in value for id in _ids(each)]
    return [str(value)] if value else []
