"""`group`: find the communities of a collection's links, as Graphiti does.

Rasmussen et al., 2025, arXiv:2501.13956. Label propagation is `stores.link_graph.communities`; what
a group is called or summarised as is for the steps after.
"""

from __future__ import annotations

from typing import Any

import pydantic

from archgraph.operators import base
from archgraph.stores import filters


class Group(base.Operator):
    """Finds the records that are linked among each other, by label propagation."""

    class Options(base.Options):
        """Keys of a `group` step."""

        within: str = pydantic.Field(alias="in")
        """The collection."""
        kinds: base.Names = pydantic.Field(default=[])
        """Kinds of link that count; all unless given."""
        where: filters.Where = pydantic.Field(default={})
        """Fields that the members which are given must have; others only lead from one to the
        next."""
        least: int = pydantic.Field(default=2, gt=0)
        """A group of fewer members is none."""

        def reads(self) -> dict[str, str]:
            """The collection."""
            return {"in": self.within}

    options: Options

    def apply(self, bench: base.Bench, answer: Any) -> Any:
        """A list of groups, each a list of items, oldest first; what is history is in none."""
        told = self.options
        store: Any = bench.store(told.within)
        active = {record.id for record in store.select()}
        wanted = store.select(told.where)
        groups = (
            [record for record in wanted if record.id in set(ids)]
            for ids in store.communities(told.kinds, among=active)
        )
        return [bench.items(told.within, group) for group in groups if len(group) >= told.least]
