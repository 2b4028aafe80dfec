"""How the records of a collection relate: links, their shape, who is near, the way down a tree.

The lowest part of `collection`, below `keeping`. It does not know what links mean.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from archgraph import errors, registry
from archgraph.stores import backends, base, collection_options, link_graph, retrieval

ID_LENGTH = 64
"""The longest id or kind of link that a model may write, in characters."""


class Relating(base.Store):
    """The links of a collection."""

    options: collection_options.Options

    def __init__(self, name: str, options: Any, context: base.Context) -> None:
        super().__init__(name, options, context)
        self.backend: backends.Backend = registry.get("backends", options.backend)(
            name, options, context
        )
        self.records = getattr(self.backend, "records", self.records)

    def known(self, id: str) -> base.Record:
        """The record of an id, ended ones too.

        Raises:
            ToolError: there is none.
        """
        record = self.backend.get(id)
        if record is None:
            raise errors.ToolError(f"{self.name} has no record {id[:ID_LENGTH]!r}")
        return record

    def links(self, id: str) -> list[backends.Link]:
        """Links from and to a record, oldest first."""
        return self.backend.links(id)

    def relate(
        self, source: str, target: str, kind: str, *,
        weight: float = 1.0, valid_from: float | None = None, valid_to: float | None = None,
    ) -> backends.Link:  # fmt: skip
        """Link two records; a link of the same ends and kind is replaced.

        Raises:
            ToolError: an end is unknown, the kind is empty or long, or the shape would break.
        """
        self.known(source)
        self.known(target)
        kind = kind.strip()
        if not kind or len(kind) > ID_LENGTH:
            raise errors.ToolError(f"kind must have 1 to {ID_LENGTH} characters, not {len(kind)}")
        shape = self.options.links
        if shape != "any":
            held = [link for link in backends.all_links(self.backend) if link.kind == kind]
            edges = [(link.source, link.target) for link in held]
            if reason := link_graph.fault(edges, source, target, shape):
                raise errors.ToolError(f"{self.name} {reason}; nothing was linked")
        made = backends.Link(source, target, kind, weight, 0.0, valid_from, valid_to)
        link = self.backend.link(made)
        self.wrote(verb="link", id=source)
        return link

    def part(self, source: str, target: str, kind: str) -> None:
        """Take back a link.

        Raises:
            ToolError: there is no such link.
        """
        wanted = (source, target, kind.strip())
        for link in self.backend.links(source):
            if (link.source, link.target, link.kind) == wanted:
                self.backend.unlink(link)
                self.wrote(verb="unlink", id=source)
                return
        told = f"{source[:ID_LENGTH]} --{kind.strip()[:ID_LENGTH]}--> {target[:ID_LENGTH]}"
        raise errors.ToolError(f"{self.name} has no link {told}")

    def neighbours(self, id: str, hops: int = 1, kinds: Sequence[str] = ()) -> list[base.Record]:
        """Records that are at most so many links away, the nearest first."""
        self.known(id)

        def beside(ids: Sequence[str]) -> list[link_graph.Edge]:
            links = (link for one in ids for link in self.backend.links(one))
            chosen = (link for link in links if not kinds or link.kind in kinds)
            return [(link.source, link.target, link.weight) for link in chosen]

        found = link_graph.hops([id], hops, beside)
        held = (self.backend.get(other) for other in found if other != id)
        return [record for record in held if record is not None]

    def communities(
        self, kinds: Sequence[str] = (), among: Collection[str] | None = None
    ) -> list[list[str]]:
        """Groups of ids that are linked among each other, by label propagation.

        Args:
            kinds: the kinds of link that count; all unless given.
            among: the records that count; all unless given.
        """
        return link_graph.communities(
            (link.source, link.target, link.weight)
            for link in backends.all_links(self.backend)
            if not kinds or link.kind in kinds
            if among is None or (link.source in among and link.target in among)
        )

    def place(
        self, id: str, *,
        kind: str = "child", tree: link_graph.Tree | None = None, omit: Sequence[str] = (),
    ) -> list[str]:  # fmt: skip
        """Hang a record into a tree of links where it fits best, as MemTree does.

        From the roots down it goes to the child that is most like it, while their cosine is at
        least the tree's threshold of the depth; there it becomes a child.

        Args:
            id: a record that has no parent yet; its text is embedded before (`prepare`).
            kind: the kind of the links, from parent to child.
            omit: records that have no place in the tree yet.
            tree: the thresholds, MemTree's with the depth of the present tree unless given.

        Returns:
            The ids from the root to the new parent; empty if it became a root.

        Raises:
            InputError: the back-end has no vector index in the agent's file.
        """
        record = self.known(id)
        links = [link for link in backends.all_links(self.backend) if link.kind == kind]
        children: dict[str, list[str]] = {}
        for link in links:
            children.setdefault(link.source, []).append(link.target)
        below = {link.target for link in links} | {id, *omit}
        held = self.backend.page(retrieval.Filter(), limit=1 << 30)
        roots = sorted(each.id for each in held if each.id not in below)
        alike, told = self._alike(record, held), tree or link_graph.Tree()
        if not told.deepest:
            depth = link_graph.levels(roots, lambda one: children.get(one, []))
            told = dataclasses.replace(told, deepest=depth)
        way = link_graph.descend(roots, lambda one: children.get(one, []), alike, told.threshold)
        if way:
            self.relate(way[-1], id, kind)
        return way

    def _alike(self, record: base.Record, held: Sequence[base.Record]) -> Callable[[str], float]:
        """The cosine of a record and another one, by id."""
        index = self.search_index()
        if index is None or "vector" not in index.kinds:
            raise errors.InputError(f"a tree is built by likeness; {self.name!r} has no vectors")
        rows = {each.id: each.seq for each in held}

        @functools.cache
        def known() -> Mapping[int, float]:
            index.catch_up()
            found: Mapping[int, float] = index.alike(
                index.embeddings.of([index.form(record)])[0], list(rows.values())
            )
            return found

        return lambda id: known().get(rows.get(id, 0), 0.0)
