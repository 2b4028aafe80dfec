"""`place`: hang records into a tree of links where they fit best, as MemTree does.

Rezazadeh et al., 2024, arXiv:2410.14052. The way down is `stores.link_graph.descend`; what becomes
of the texts on it is for the steps after.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pydantic

from archgraph import errors
from archgraph.operators import base, values
from archgraph.stores import link_graph


class Place(base.Operator):
    """Hangs records into a tree of links, below the record that is most like them."""

    class Options(base.Options):
        """Keys of a `place` step."""

        within: str = pydantic.Field(alias="in")
        """The collection; it has a vector index, and `links: tree`."""
        items: str = ""
        """The records, which have no parent yet: items or ids; with `each` the present item unless
        given."""
        kind: str = "child"
        """The kind of the links, from parent to child."""
        base: float = pydantic.Field(default=0.4, ge=0, le=1)
        """The least cosine at the roots. MemTree: 0.4."""
        growth: float = pydantic.Field(default=0.5, ge=0)
        """At depth d of D it is base * e^(growth * d / D). MemTree: 0.5."""
        deepest: int = pydantic.Field(default=0, ge=0)
        """D; the depth that the tree has at present unless given."""
        split: bool = True
        """A leaf that gets a child keeps its text in a second child, so that its own may become the
        summary of both."""

        def writes(self) -> dict[str, str]:
            """The collection."""
            return {"in": self.within}

        def reads(self) -> dict[str, str]:
            """The collection: where a record goes depends on what is there."""
            return {"in": self.within}

        def uses(self) -> dict[str, str]:
            """What is placed."""
            return {"items": self.items} if self.items else {}

    options: Options

    def prepare(self, bench: base.Bench, answer: Any) -> Any:
        """Embed what is placed, and what was written before, while no lock is held."""
        store: Any = bench.store(self.options.within)
        for record in self._records(bench, store):
            store.prepare("search", {"query": record.content})

    def apply(self, bench: base.Bench, answer: Any) -> Any:
        """The records above what was placed, each once, the roots first.

        Each has `id`, `content`, `depth` (that of roots is 0), `children` (how many hang right
        below it now), and `news`, the texts that came below it.
        """
        store: Any = bench.store(self.options.within)
        found: dict[str, values.Item] = {}
        waiting = [record.id for record in self._records(bench, store)]
        for record in self._records(bench, store):
            waiting.remove(record.id)
            for depth, above in enumerate(self._placed(store, record.id, waiting)):
                held = store.known(above)
                item = found.setdefault(above, {"id": above, "content": held.content, "news": []})
                item["news"].append(record.content)
                item |= {"depth": depth, "children": len(self._children(store, above))}
        return sorted(found.values(), key=lambda item: int(item["depth"]))

    def _placed(self, store: Any, id: str, waiting: list[str]) -> list[str]:
        told = self.options
        tree = link_graph.Tree(told.base, told.growth, told.deepest)
        try:
            way: list[str] = store.place(id, kind=told.kind, tree=tree, omit=waiting)
        except errors.InputError as error:
            raise errors.ToolError(str(error)) from None
        if way and told.split and len(self._children(store, way[-1])) == 1:
            self._split(store, way[-1])
        return way

    def _split(self, store: Any, id: str) -> None:
        """Give a leaf a child with its own text."""
        leaf = store.known(id)
        copy = store.keep(leaf.content, fields=leaf.fields, derived_from=leaf.derived_from)
        if copy.id != id:  # a collection that drops duplicates has no second one
            store.relate(id, copy.id, self.options.kind)

    def _children(self, store: Any, id: str) -> list[str]:
        kind = self.options.kind
        return [x.target for x in store.links(id) if x.source == id and x.kind == kind]

    def _records(self, bench: base.Bench, store: Any) -> list[Any]:
        value = bench.value(self.options.items) if self.options.items else bench.item
        listed = value if isinstance(value, list) else [value]
        ids = [each.get("id", "") if isinstance(each, Mapping) else each for each in listed]
        held = [store.records.get(str(id)) for id in dict.fromkeys(ids) if id]
        return [record for record in held if record is not None]
