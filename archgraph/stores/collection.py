"""`collection`: records found by search, the archival memory of MemGPT.

What a model may call, and what it reads; the records and the rules that they keep are in
`keeping`. It does not know what records mean.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any, ClassVar

from archgraph import clock, errors
from archgraph.stores import (
    backends,
    base,
    collection_options,
    conflict,
    declared_fields,
    filters,
    keeping,
    retrieval,
)
from archgraph.tools import base as tools

Link = backends.Link
Hit = retrieval.Hit
Filter = retrieval.Filter
Retrieval = retrieval.Retrieval


LINKING = ("link", "unlink", "follow")
"""Verbs that a collection without links does not offer."""
AS_OF: declared_fields.Declared = {
    "as_of": declared_fields.Field(
        type="date", about="What was true on this date, YYYY-MM-DD; today unless given."
    )
}
"""What `search` also takes where facts end."""


class Collection(keeping.Keeping):
    """Records with search by text and meaning, by date, and by link."""

    Options = collection_options.Options
    events = ("write", "forgot")
    measures: ClassVar[tuple[str, ...]] = ("count", "tokens", "importance", "links", "standing")

    def __init__(self, name: str, options: Any, context: base.Context) -> None:
        super().__init__(name, options, context)
        self.measures = self.measures_for(options)  # type: ignore[misc]

    @classmethod
    def measures_for(cls, options: Any) -> tuple[str, ...]:
        """`standing` only where the options declare one."""
        return tuple(name for name in cls.measures if name != "standing" or options.standing)

    @classmethod
    def verbs_for(cls, options: Any) -> dict[str, tools.Verb]:
        """The verbs, with the declared fields as arguments; only those that the options allow."""
        found = dict(super().verbs_for(options))
        if options.links == "none":
            found = {name: found[name] for name in found if name not in LINKING}
        if options.policy() is None:
            found.pop("prune", None)
        if options.conflict == "newest_valid":
            found["search"] = declared_fields.extended(found["search"], AS_OF, [])
        if options.fields:
            required = declared_fields.required(options.fields, options.key)
            found["insert"] = declared_fields.extended(found["insert"], options.fields, required)
            found["update"] = declared_fields.extended(found["update"], options.fields, [])
        return found

    def render(self, view: base.View) -> str:
        """The latest records, oldest of them first, as many as the cap holds."""
        cap = min(view.cap or self.options.cap, self.options.cap)
        lines: builtins.list[str] = []
        for record in self.select(limit=100, newest=True):
            line = self._line(record)
            if self.context.count("\n".join([line, *lines])) > cap:
                break
            lines.insert(0, line)
        return "\n".join(lines)

    def measure(self, name: str) -> float:
        """`count`, `tokens`, the sum of `importance`, `links`, or the highest `standing`."""
        if name == "count":
            return self.held()
        if name == "links":
            return len(backends.all_links(self.backend))
        if name == "standing" and self.options.standing:
            return max(self.standings().values(), default=0.0)
        if name in ("tokens", "importance"):
            return self.backend.total(name)
        return super().measure(name)

    def search_index(self) -> Any:
        """The index of the back-end, if it keeps one in the agent's file."""
        return getattr(self.backend, "index", None)

    def prepare(self, verb_name: str, arguments: Mapping[str, Any]) -> None:
        """Embed a coming query or text, so that no embedder runs while the file is locked."""
        if verb_name == "search":
            self.backend.prepare(query=str(arguments.get("query", "")))
        elif verb_name in ("insert", "update"):
            draft = base.Record(content=str(arguments.get("content", "")), fields=dict(arguments))
            self.backend.prepare(texts=[backends.form(draft, self.options.searched)])

    # What a model may call

    @base.verb(writes=True)
    def insert(self, content: str, **fields: Any) -> str:
        """Store a text in long-term memory, where search finds it later.

        Args:
            **fields: What the options declare under `fields`.
            content: What to remember, as a text that can be understood on its own.
        """
        given, envelope = declared_fields.read(self.options.fields, fields)
        record = self.add(content, fields=given, **envelope)
        return f"Stored in {self.name} (id {record.id})."

    @base.verb(reads=True)
    def search(self, query: str, page: int = 0, **moment: str) -> str:
        """Search long-term memory for what matters to a question.

        Args:
            **moment: `as_of`, a date, where facts end.
            query: What to look for; words, a name, or a question.
            page: Page of the results, from 0.
        """
        if not query.strip():
            raise errors.ToolError("the query is empty; say what to look for")
        size = self.options.page_size
        at = filters.day_end(moment["as_of"]) if moment.get("as_of") else None
        only = self.current(Filter(valid_at=at))
        hits, total = self.backend.search(
            query, self.options.retrieval, limit=size, offset=max(0, page) * size, only=only
        )
        return self._listing([hit.record for hit in hits], total, page)

    @base.verb(reads=True)
    def search_dates(self, start_date: str, end_date: str, page: int = 0) -> str:
        """List what was stored between two dates, both days included.

        Args:
            start_date: First day, as YYYY-MM-DD.
            end_date: Last day, as YYYY-MM-DD.
            page: Page of the results, from 0.
        """
        since, until = filters.day_range(start_date, end_date, clock.parse_moment)
        return self._page(Filter(since=since, until=until), page)

    @base.verb(reads=True)
    def list(self, page: int = 0) -> str:
        """List what is stored, the newest first.

        Args:
            page: Page of the list, from 0.
        """
        return self._page(Filter(), page, newest=True)

    @base.verb(reads=True)
    def read(self, id: str) -> str:
        """Read one record in full, with its links.

        Args:
            id: The id of the record.
        """
        record = self.known(id)
        links = (
            f"- {link.source} --{link.kind}--> {link.target}" for link in self.backend.links(id)
        )
        shown = declared_fields.shown(self.options.fields, record.fields)
        fields = (f"{name}: {value}" for name, value in shown.items())
        return "\n".join([f"{self._dates(record)} | {record.content}", *fields, *links])

    @base.verb(reads=True, writes=True)
    def update(self, id: str, content: str, **fields: Any) -> str:
        """Replace the text of a record.

        Args:
            **fields: What the options declare under `fields`.
            id: The id of the record.
            content: The whole new text.
        """
        given, envelope = declared_fields.read(self.options.fields, fields)
        self.revise(id, content, fields=given or None, **envelope)
        return f"Updated {id}."

    @base.verb(writes=True)
    def remove(self, id: str) -> str:
        """Remove a record.

        Args:
            id: The id of the record.
        """
        self.discard(id)
        return f"Removed {id}."

    @base.verb(writes=True)
    def link(self, source: str, target: str, kind: str) -> str:
        """Note how one record relates to another.

        Args:
            source: The id of the record that the relation starts from.
            target: The id of the record that it points to.
            kind: The relation in a word or two, such as `follows` or `contradicts`.
        """
        made = self.relate(source, target, kind)
        return f"Linked {source} --{made.kind}--> {target}."

    @base.verb(writes=True)
    def unlink(self, source: str, target: str, kind: str) -> str:
        """Take back a relation between two records.

        Args:
            source: The id of the record that the relation starts from.
            target: The id of the record that it points to.
            kind: The relation, as it was noted.
        """
        self.part(source, target, kind)
        return f"Unlinked {source} --{kind.strip()}--> {target}."

    @base.verb(reads=True)
    def follow(self, id: str, hops: int = 1) -> str:
        """List the records that a record is linked with.

        Args:
            id: The id of the record.
            hops: How many links to follow, 1 to 3.
        """
        if not 1 <= hops <= 3:
            raise errors.ToolError(f"hops must lie between 1 and 3, not {hops}")
        found, size = self.neighbours(id, hops), self.options.page_size
        return base.listing([self._line(record) for record in found[:size]], len(found), 0, size)

    @base.verb(writes=True)
    def prune(self) -> str:
        """Let go of what this memory's own rule says is no longer worth keeping."""
        if self.options.policy() is None:
            raise errors.ToolError(f"{self.name} has no rule of forgetting")
        gone = self.forget_by()
        return f"Let go of {len(gone)} records."

    def lines(self, query: str, k: int) -> builtins.list[str]:
        """The `k` best records for a query, as lines, oldest first."""
        found = sorted(
            (hit.record for hit in self.find(query, k)), key=lambda r: (r.created, r.seq)
        )
        return [self._line(record) for record in found]

    def _page(self, only: Filter, page: int, newest: bool = False) -> str:
        only = self.current(only)
        total, size = self.backend.count(only), self.options.page_size
        offset, _ = base.pages(total, page, size)
        found = self.backend.page(only, limit=size, offset=offset, newest=newest)
        return self._listing(found, total, page)

    def _listing(self, found: builtins.list[base.Record], total: int, page: int) -> str:
        if total:
            base.pages(total, page, self.options.page_size)
        lines = [self._line(record) for record in found]
        return base.listing(lines, total, page, self.options.page_size)

    def _line(self, record: base.Record) -> str:
        shown = f"[{record.id}] " if self.options.ids else ""
        name = record.fields.get("name")
        said = f"{name}: {record.content}" if name else record.content
        fields = declared_fields.shown(self.options.fields, record.fields)
        behind = "; ".join(f"{key}: {fields[key]}" for key in self.options.show if key in fields)
        said = base.indented(said)
        line = f"- {shown}{self._dates(record)} | {said}{f' ({behind})' if behind else ''}"
        return base.cut(line, self.options.result_cap, self.context.count)

    def _dates(self, record: base.Record) -> str:
        """When it was written, or since and until when it is true (Graphiti shows both ends)."""
        if self.options.dates == "created":
            return clock.stamp(record.created)
        end = "now" if record.valid_to is None else clock.stamp(record.valid_to)[:10]
        return f"{clock.stamp(conflict.begin(record))[:10]} to {end}"
