"""What a memory type is: the contract that built-in types and plugins fulfil alike.

A store type is one file: a class over `Store` with an `Options` model, methods marked `@verb`
(their signatures and docstrings become tool schemas), a way to render itself into a context
window, and the measures and events it offers. It keeps its state in `self.records`, and so gets
versions, forks, reading as of an earlier step and `blame` for nothing. It does not know the
runtime, nor its siblings.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

import pydantic

from archgraph import errors
from archgraph.messages import Wire
from archgraph.storage import database, records
from archgraph.tools import base as tools

if TYPE_CHECKING:
    from archgraph.llm import base as llm

verb = tools.verb
Record = records.Record


class Options(pydantic.BaseModel):
    """A store's keys in YAML. Every type's `Options` inherits from this."""

    model_config = pydantic.ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, strict=False
    )

    def token_cap(self) -> int:
        """The most tokens that the store can take in a context window; 0 if it never shows."""
        return 0

    def doubts(self) -> list[str]:
        """What a reader of the file should be warned of, one sentence each."""
        return []

    def references(self) -> dict[str, str]:
        """Other stores that the options name: option path to store name. Each becomes an edge."""
        return {}


@dataclass(frozen=True, slots=True)
class View:
    """For whom a store renders itself.

    `thread` is the reader; `turn` its present turn; `cap` the most tokens it may take (0: the
    store's own cap); `after` and `upto` bound a log by row number (exclusive, inclusive).
    """

    thread: str = ""
    turn: int | None = None
    cap: int = 0
    after: int = 0
    upto: int | None = None


@dataclass(frozen=True, slots=True)
class WindowMessage:
    """A message as it stands in a context window; `seq` is its row, `tokens` what it takes."""

    seq: int
    wire: Wire
    tokens: int


class MessageSource(Protocol):
    """A store that can show its records as chat messages (a log)."""

    def window(
        self, after: int, *, thread: str = "", turn: int | None = None, upto: int | None = None
    ) -> list[WindowMessage]:
        """Messages after a row, oldest first, those of `thread` (and of users) only if given."""


@dataclass(slots=True)
class Context:
    """What a store is given when its agent opens.

    `count` counts tokens as the model of the agent's first thread does. `embedder` opens the
    agent's embedder on first use. `peer` gives another store of the agent by name. `emit` reports
    an event of a store to the runtime. `version` reads the store as of an earlier commit.
    """

    db: database.Database
    count: Callable[[str], int]
    embedder: Callable[[], llm.Embedder]
    peer: Callable[[str], Store]
    emit: Callable[[str, str, Mapping[str, Any]], None] = lambda store, event, payload: None
    seen: Callable[[str, str], int] = lambda thread, store: 0
    as_of: int | None = None
    extras: dict[str, Any] = field(default_factory=dict)


class Store:
    """A memory type. Subclass it, give it `Options` and verbs, and register it.

    The smallest useful type overrides `render` and marks one method as `@verb`.
    """

    Options: ClassVar[type[Options]] = Options
    events: ClassVar[tuple[str, ...]] = ("write",)
    """Events that triggers may name as `<store>.<event>`."""
    measures: ClassVar[tuple[str, ...]] = ("count", "tokens")
    """Numbers that `crosses` triggers and `while` may name."""
    slow: ClassVar[tuple[str, ...]] = ()
    """Verbs whose work is done in `prepare`; it is called for them even where they only write."""
    shows_messages: ClassVar[bool] = False
    """Whether it stands in a context window as chat messages instead of text."""

    def __init__(self, name: str, options: Any, context: Context) -> None:
        self.name = name
        self.options = options
        self.context = context
        self.records = records.Records(context.db, name, context.as_of)

    @classmethod
    def verbs_for(cls, options: Any) -> dict[str, tools.Verb]:
        """The verbs that a store with these options offers; a type may leave some out."""
        return verbs(cls)

    @classmethod
    def measures_for(cls, options: Any) -> tuple[str, ...]:
        """The measures that a store with these options offers."""
        return cls.measures

    @classmethod
    def verify(cls) -> None:
        """Look the class over as it is registered.

        Raises:
            PluginError: a verb cannot be described to a model.
        """
        verbs(cls)

    def start(self) -> None:
        """Write what a new agent begins with. Called once, within the first commit."""

    def render(self, view: View) -> str:
        """The store as text in a context window, within the caps of `view` and its options."""
        return "\n".join(record.content for record in self.records.select())

    def lines(self, query: str, k: int) -> list[str]:
        """At most `k` lines that a search for `query` finds, for `search` in a thread's context."""
        found = str(getattr(self, "search")(query)).split("\n")  # noqa: B009 - types may lack it
        return found[: k + 1]  # the first line counts them

    def measure(self, name: str) -> float:
        """The present value of one of `measures`."""
        if name == "count":
            return self.records.count()
        if name == "tokens":
            return self.records.total("tokens")
        raise errors.UnknownName(f"measure of store {self.name!r}", name, self.measures)

    def prepare(self, verb_name: str, arguments: Mapping[str, Any]) -> None:
        """Do slow outside work (embedding) for a coming call, before the commit begins."""

    def search_index(self) -> Any:
        """The store's `SearchIndex` if it has one, else None."""
        return getattr(self, "index", None)

    def refresh(self) -> None:
        """Drop what is cached from the records: a write was rolled back."""

    # What pipelines use (`archgraph.operators`); a type overrides what makes sense for it

    def as_item(self, record: Record) -> dict[str, Any] | None:
        """What a pipeline sees of a record besides its envelope; None: the record is machinery."""
        return dict(record.fields)

    def keep(self, content: str, **envelope: Any) -> Record:
        """Take a new record that a pipeline writes; `envelope` are other fields of `Record`."""
        raise errors.ToolError(f"{self.name!r} cannot be written by a pipeline")

    def find_for(
        self, query: str, k: int, *, where: Mapping[str, Any], policy: Any = None
    ) -> list[tuple[Record, float]]:
        """The k best records for a query and their scores, best first.

        Args:
            query: what to look for.
            k: at most so many.
            where: fields that a record must have: a value, or a list of allowed ones.
            policy: a `Retrieval` instead of the store's own.
        """
        raise errors.ToolError(f"{self.name!r} cannot be searched by a pipeline")

    def wrote(self, **payload: Any) -> None:
        """Tell the runtime that the store has changed."""
        self.context.emit(self.name, "write", payload)


def verbs(store_type: type[Store]) -> dict[str, tools.Verb]:
    """The verbs that a store type offers, by name."""
    return dict(_verbs(cast("Any", store_type)))


@functools.cache
def _verbs(store_type: Any) -> dict[str, tools.Verb]:
    return tools.verbs_of(store_type)


def cut(text: str, cap: int, count: Callable[[str], int], mark: str = "") -> str:
    """Shorten a text to at most `cap` tokens, with a visible mark where it was cut."""
    total = count(text)
    if cap <= 0 or total <= cap:
        return text
    ending = mark or f"... [cut: {len(text)} characters in all]"
    if count(ending) > cap:
        ending = "\u2026"
    low, high = 0, len(text)
    while low < high:  # token counts grow with length, so the longest fitting prefix is found
        middle = (low + high + 1) // 2
        if count(text[:middle] + ending) <= cap:
            low = middle
        else:
            high = middle - 1
    return text[:low] + ending


def indented(text: str) -> str:
    """A text of several lines as it stands within an item of a list: nobody can end the item."""
    return text.replace("\n", "\n  ")


def pages(total: int, page: int, size: int) -> tuple[int, int]:
    """Offset of a page (from 0) and the last page's number.

    Raises:
        ToolError: there is no such page; the text tells the model how many there are.
    """
    last = max(0, (total - 1) // size)
    if page < 0 or page > last:
        raise errors.ToolError(f"there is no page {page}; pages run from 0 to {last}")
    return page * size, last


def listing(items: Sequence[str], total: int, page: int, size: int) -> str:
    """Search results as a model reads them, with the true total and page numbers."""
    if not total:
        return "No results found."
    _, last = pages(total, page, size)
    more = f"; ask for page {page + 1} to see more" if page < last else ""
    head = f"Showing {len(items)} of {total} results (page {page}/{last}{more}):"
    return "\n".join([head, *items])
