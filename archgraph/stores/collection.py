"""`collection`: records found by search, the archival memory of MemGPT.

It checks limits, cuts what a model reads to its token caps, and leaves keeping and finding to a
back-end: the agent's own file, or another that the options name. It does not know what records
mean.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import pydantic

from archgraph import clock, errors, registry
from archgraph.stores import backends, base, retrieval

Link = backends.Link
Hit = retrieval.Hit
Filter = retrieval.Filter
Retrieval = retrieval.Retrieval

ID_LENGTH = 64
"""The longest id or kind of link that a model may write, in characters."""


class Collection(base.Store):
    """Records with search by text and meaning, by date, and by link."""

    measures = ("count", "tokens", "importance")

    class Options(base.Options):
        """Keys of a `collection` store."""

        index: builtins.list[Literal["text", "vector"]] = pydantic.Field(
            default=["text", "vector"], min_length=1
        )
        """How it can be searched: `text` (full-text), `vector` (embeddings), or both."""
        retrieval: Retrieval = Retrieval()
        """How search ranks; the default was chosen by measurement."""
        page_size: int = pydantic.Field(default=5, gt=0, le=100)
        """Records on one page of search results."""
        result_cap: int = pydantic.Field(default=100, gt=0)
        """The most tokens of one record in a page of results; more is cut with a visible mark."""
        cap: int = pydantic.Field(default=500, gt=0)
        """The most tokens that it takes where a context window shows it: its latest records."""
        limit: int = pydantic.Field(default=8000, gt=0)
        """The most characters of one record."""
        capacity: int | None = pydantic.Field(default=None, gt=0)
        """The most records; without it there is no bound."""
        ids: bool = False
        """Results show the ids that `read`, `update`, `remove` and `link` take."""
        backend: str = "sqlite"
        """What keeps the records: `sqlite` (the agent's own file), `file`, or a plugin's."""
        path: str = ""
        """Where a back-end outside the agent's file keeps them; relative to the agent's folder."""

        def token_cap(self) -> int:
            """Its share of a context window that shows it."""
            return self.cap

        def doubts(self) -> list[str]:
            """What a back-end outside the agent's file cannot give."""
            if self.backend == "sqlite":
                return []
            lost = ", ".join(registry.get("backends", self.backend).lost)
            outside = f"the back-end {self.backend!r} keeps records outside the agent's file"
            return [f"{outside}, without: {lost}"] if lost else []

        @pydantic.model_validator(mode="after")
        def _place(self) -> Collection.Options:
            if self.backend == "file" and not self.path:
                raise ValueError("the back-end 'file' needs `path`: where to keep the records")
            return self

    options: Options

    def __init__(self, name: str, options: Any, context: base.Context) -> None:
        super().__init__(name, options, context)
        self.backend: backends.Backend = registry.get("backends", options.backend)(
            name, options, context
        )

    # For Python: pipelines, doors and tests

    def add(self, content: str, **envelope: Any) -> base.Record:
        """Keep a new record; `envelope` are other fields of `Record`, such as `fields`.

        Raises:
            ToolError: it is empty or too long, or the collection is full.
        """
        self._check(content)
        capacity = self.options.capacity
        if capacity is not None and (held := self.backend.count()) >= capacity:
            raise errors.ToolError(
                f"{self.name} is full: it holds {held} of at most {capacity} records; "
                "remove or update one first"
            )
        draft = base.Record(id=str(envelope.pop("id", "")), content=content, **envelope)
        record = self.backend.add(replace(draft, tokens=self.context.count(content)))
        self.wrote(verb="insert", id=record.id)
        return record

    def find(
        self,
        query: str,
        k: int = 10,
        *,
        where: Mapping[str, Any] | None = None,
        since: float | None = None,
        until: float | None = None,
        thread: str | None = None,
    ) -> builtins.list[Hit]:
        """The k best records for a query, best first.

        `where` demands fields (a value, or a list of allowed ones); `since` (inclusive) and
        `until` (exclusive) bound the time of writing, in seconds since 1970; `thread` the writer.
        """
        only = Filter(where or {}, since, until, thread)
        quick = getattr(self.backend, "find", None)
        if quick is not None:
            found: builtins.list[Hit] = quick(query, k, self.options.retrieval, only)
            return found
        return self.backend.search(query, self.options.retrieval, limit=k, only=only)[0]

    def links(self, id: str) -> builtins.list[Link]:
        """Links from and to a record, oldest first."""
        return self.backend.links(id)

    def render(self, view: base.View) -> str:
        """The latest records, oldest of them first, as many as the cap holds."""
        cap = min(view.cap or self.options.cap, self.options.cap)
        lines: builtins.list[str] = []
        for record in self.backend.page(Filter(), limit=100, newest=True):
            line = self._line(record)
            if self.context.count("\n".join([line, *lines])) > cap:
                break
            lines.insert(0, line)
        return "\n".join(lines)

    def measure(self, name: str) -> float:
        """`count` of records, their `tokens`, or the sum of their `importance`."""
        if name == "count":
            return self.backend.count()
        if name in self.measures:
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
            self.backend.prepare(texts=[str(arguments.get("content", ""))])

    # What a model may call

    @base.verb(writes=True)
    def insert(self, content: str) -> str:
        """Store a text in long-term memory, where search finds it later.

        Args:
            content: What to remember, as a text that can be understood on its own.
        """
        return f"Stored in {self.name} (id {self.add(content).id})."

    @base.verb(reads=True)
    def search(self, query: str, page: int = 0) -> str:
        """Search long-term memory for what matters to a question.

        Args:
            query: What to look for; words, a name, or a question.
            page: Page of the results, from 0.
        """
        if not query.strip():
            raise errors.ToolError("the query is empty; say what to look for")
        size = self.options.page_size
        hits, total = self.backend.search(
            query, self.options.retrieval, limit=size, offset=max(0, page) * size
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
        since, until = retrieval.day_range(start_date, end_date, clock.parse_moment)
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
        record = self._known(id)
        links = (
            f"- {link.source} --{link.kind}--> {link.target}" for link in self.backend.links(id)
        )
        fields = (f"{name}: {value}" for name, value in record.fields.items())
        head = f"{clock.stamp(record.created)} | {record.content}"
        return "\n".join([head, *fields, *links])

    @base.verb(reads=True, writes=True)
    def update(self, id: str, content: str) -> str:
        """Replace the text of a record.

        Args:
            id: The id of the record.
            content: The whole new text.
        """
        record = self._known(id)
        self._check(content)
        self.backend.update(record, content=content, tokens=self.context.count(content))
        self.wrote(verb="update", id=id)
        return f"Updated {id}."

    @base.verb(writes=True)
    def remove(self, id: str) -> str:
        """Remove a record.

        Args:
            id: The id of the record.
        """
        self.backend.remove(self._known(id))
        self.wrote(verb="remove", id=id)
        return f"Removed {id}."

    @base.verb(writes=True)
    def link(self, source: str, target: str, kind: str) -> str:
        """Note how one record relates to another.

        Args:
            source: The id of the record that the relation starts from.
            target: The id of the record that it points to.
            kind: The relation in a word or two, such as `follows` or `contradicts`.
        """
        self._known(source)
        self._known(target)
        if not kind.strip() or len(kind) > ID_LENGTH:
            raise errors.ToolError(f"kind must have 1 to {ID_LENGTH} characters, not {len(kind)}")
        self.backend.link(Link(source, target, kind.strip()))
        self.wrote(verb="link", id=source)
        return f"Linked {source} --{kind.strip()}--> {target}."

    def _page(self, only: Filter, page: int, newest: bool = False) -> str:
        total, size = self.backend.count(only), self.options.page_size
        offset, _ = base.pages(total, page, size)
        found = self.backend.page(only, limit=size, offset=offset, newest=newest)
        return self._listing(found, total, page)

    def lines(self, query: str, k: int) -> builtins.list[str]:
        """The `k` best records for a query, as lines, oldest first."""
        found = sorted(
            (hit.record for hit in self.find(query, k)), key=lambda r: (r.created, r.seq)
        )
        return [self._line(record) for record in found]

    def _listing(self, found: builtins.list[base.Record], total: int, page: int) -> str:
        if total:
            base.pages(total, page, self.options.page_size)
        lines = [self._line(record) for record in found]
        return base.listing(lines, total, page, self.options.page_size)

    def _line(self, record: base.Record) -> str:
        shown = f"[{record.id}] " if self.options.ids else ""
        name = record.fields.get("name")
        said = f"{name}: {record.content}" if name else record.content
        line = f"- {shown}{clock.stamp(record.created)} | {said}"
        return base.cut(line, self.options.result_cap, self.context.count)

    def _known(self, id: str) -> base.Record:
        record = self.backend.get(id)
        if record is None:
            raise errors.ToolError(f"{self.name} has no record {id[:ID_LENGTH]!r}")
        return record

    def _check(self, content: str) -> None:
        if not content.strip():
            raise errors.ToolError("the content is empty; nothing was stored")
        if any("\ud800" <= letter <= "\udfff" for letter in content):
            raise errors.ToolError("the content holds half a character (a lone surrogate)")
        if len(content) > self.options.limit:
            raise errors.ToolError(
                f"the content has {len(content)} characters; one record of {self.name} may have "
                f"at most {self.options.limit}. Shorten it, or store it in parts"
            )
