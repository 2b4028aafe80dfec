"""A contract for each built-in type, on each back-end; other tests count what they check."""

from __future__ import annotations

from typing import Any, ClassVar

from archgraph import testing
from archgraph.stores import base, block, collection, log, queue, skills, tasks


class Block(testing.StoreContract):
    store_type = block.Block

    def write(self, store: Any, i: int) -> None:
        store.append(self.text(i))


class SmallBlock(Block):
    options: ClassVar[dict[str, Any]] = {"limit": 200}


class Log(testing.StoreContract):
    store_type = log.Log

    def write(self, store: Any, i: int) -> None:
        name = "Ann" if i % 2 else "Bob"
        store.write(log.Entry("user", self.text(i), name=name))


class Queue(testing.StoreContract):
    store_type = queue.Queue
    options: ClassVar[dict[str, Any]] = {"capacity": 5}


class Collection(testing.StoreContract):
    store_type = collection.Collection


class TextCollection(testing.StoreContract):
    store_type = collection.Collection
    options: ClassVar[dict[str, Any]] = {
        "index": ["text"],
        "capacity": 40,
        "ids": True,
        "page_size": 3,
    }


class VectorCollection(testing.StoreContract):
    store_type = collection.Collection
    options: ClassVar[dict[str, Any]] = {"index": ["vector"], "result_cap": 20, "cap": 50}


class FileCollection(testing.StoreContract):
    store_type = collection.Collection
    options: ClassVar[dict[str, Any]] = {"backend": "file", "path": "records.jsonl"}
    lost = frozenset({"rollback", "versions", "fork", "blame", "readers"})


class Tasks(testing.StoreContract):
    store_type = tasks.Tasks


class Skills(testing.StoreContract):
    store_type = skills.Skills
    options: ClassVar[dict[str, Any]] = {"proven": False}

    def write(self, store: Any, i: int) -> None:
        store.save(f"skill_{i}", self.text(i), f"print({i})")


class Notes(base.Store):
    """Notes, the smallest type that keeps every promise; the seeded faults are variations."""

    class Options(base.Options):
        """Keys of a `notes` store."""

        note_cap: int = 40
        """The most tokens of a note."""
        keep: int = 20
        """The most notes; the oldest goes first."""

        def token_cap(self) -> int:
            """Tokens of all notes when it is full."""
            return self.keep * (self.note_cap + 1)

    @base.verb(writes=True)
    def insert(self, content: str) -> str:
        """Add a note.

        Args:
            content: What to note.
        """
        self.take(content)
        self.wrote()
        return "Noted."

    @base.verb(reads=True)
    def list(self, page: int = 0) -> str:
        """List notes.

        Args:
            page: Page of the list, from 0.
        """
        total = self.records.count()
        offset, _ = base.pages(total, page, 5)
        found = self.records.select(limit=5, offset=offset)
        return base.listing([f"- {r.content!r}" for r in found], total, page, 5)

    def take(self, content: str) -> None:
        """Keep a note, cut to its cap; the oldest makes room."""
        text = base.cut(content, self.options.note_cap, self.context.count)
        self.records.add(base.Record(content=text, tokens=self.context.count(text)))
        for old in self.records.select()[: -self.options.keep]:
            self.records.remove(old)

    def render(self, view: base.View) -> str:
        """The notes, one a line."""
        text = "\n".join(record.content for record in self.records.select())
        return base.cut(text, view.cap or self.options.token_cap(), self.context.count)


class NotesContract(testing.StoreContract):
    store_type = Notes


BUILT_IN: tuple[type[testing.StoreContract], ...] = (
    Block,
    SmallBlock,
    Log,
    Queue,
    Collection,
    TextCollection,
    VectorCollection,
    FileCollection,
    Tasks,
    Skills,
)
