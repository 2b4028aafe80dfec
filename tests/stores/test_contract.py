"""Every built-in store type keeps the contract; a broken one fails it with the fault's name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest

from archgraph import testing
from archgraph.stores import base, block, collection, log, queue


class TestBlock(testing.StoreContract):
    store_type = block.Block

    def write(self, store: Any, i: int) -> None:
        store.append(self.text(i))


class TestSmallBlock(TestBlock):
    options: ClassVar[dict[str, Any]] = {"limit": 200}


class TestLog(testing.StoreContract):
    store_type = log.Log

    def write(self, store: Any, i: int) -> None:
        name = "Ann" if i % 2 else "Bob"
        store.write(log.Entry("user", self.text(i), name=name))


class TestQueue(testing.StoreContract):
    store_type = queue.Queue
    options: ClassVar[dict[str, Any]] = {"capacity": 5}


class TestCollection(testing.StoreContract):
    store_type = collection.Collection


class TestTextCollection(testing.StoreContract):
    store_type = collection.Collection
    options: ClassVar[dict[str, Any]] = {
        "index": ["text"],
        "capacity": 40,
        "ids": True,
        "page_size": 3,
    }


class TestVectorCollection(testing.StoreContract):
    store_type = collection.Collection
    options: ClassVar[dict[str, Any]] = {"index": ["vector"], "result_cap": 20, "cap": 50}


class TestFileCollection(testing.StoreContract):
    store_type = collection.Collection
    options: ClassVar[dict[str, Any]] = {"backend": "file", "path": "records.jsonl"}
    lost = frozenset({"rollback", "versions", "fork", "readers"})


# Stores that break one promise each.


class Notes(base.Store):
    """Notes, the smallest type that keeps the contract."""

    @base.verb(writes=True)
    def insert(self, content: str) -> str:
        """Add a note.

        Args:
            content: What to note.
        """
        self.keep(content)
        self.wrote()
        return "Noted."

    def keep(self, content: str) -> None:
        self.records.add(base.Record(id="", content=content, tokens=len(content) // 4))


class InMemory(Notes):
    """Keeps its notes in the process."""

    def __init__(self, name: str, options: Any, context: base.Context) -> None:
        super().__init__(name, options, context)
        self.notes: list[str] = []

    def keep(self, content: str) -> None:
        self.notes.append(content)

    def render(self, view: base.View) -> str:
        return "\n".join(self.notes)

    def measure(self, name: str) -> float:
        return len(self.notes)


class Silent(Notes):
    """Does not tell of its writes."""

    def wrote(self, **payload: Any) -> None:
        pass


class Boundless(Notes):
    """Renders more than it declared."""

    class Options(base.Options):
        """Options with a cap that nobody keeps."""

        def token_cap(self) -> int:
            return 50


class Forgetful(Notes):
    """Loses what is not ASCII."""

    def keep(self, content: str) -> None:
        super().keep(content.encode("ascii", "replace").decode())


class Random(Notes):
    """Differs from run to run."""

    runs = 0

    def keep(self, content: str) -> None:
        Random.runs += 1
        super().keep(f"{Random.runs} {content}")


class Listed(Notes):
    """Counts on its pages what is not there."""

    @base.verb(reads=True)
    def list(self, page: int = 0) -> str:
        """List notes.

        Args:
            page: Page, from 0.
        """
        found = [record.content for record in self.records.select(limit=5, offset=page * 4)]
        base.pages(self.records.count(), page, 5)
        return base.listing(found, self.records.count(), page, 5)


class Crashing(Notes):
    """Raises what a model cannot be told."""

    @base.verb(reads=True)
    def read(self, number: str) -> str:
        """Read a note.

        Args:
            number: Its number.
        """
        return self.records.select()[int(number)].content


class Overwriting(Notes):
    """Forgets earlier versions."""

    def keep(self, content: str) -> None:
        self.context.db.execute("DELETE FROM record WHERE store = ?", (self.name,))
        super().keep(content)


class Undescribed(Notes):
    """Has a verb that says nothing of its argument."""

    @base.verb(writes=True)
    def drop(self, number: str) -> str:
        """Drop a note."""
        return "Dropped."


class TestNotes(testing.StoreContract):
    store_type = Notes


@pytest.mark.parametrize(
    ("broken", "test", "fault"),
    [
        (InMemory, "test_writes_are_durable", "durability: lost by closing"),
        (InMemory, "test_rollback_leaves_nothing", "rollback: undone writes remain"),
        (InMemory, "test_a_fork_has_its_own_memory", "fork: the copy does not hold"),
        (InMemory, "test_others_read_while_it_writes", "readers: not the last commit"),
        (Overwriting, "test_an_earlier_commit_can_be_read", "versions: read as of"),
        (Silent, "test_writing_changes_it_and_is_told", "events: a write did not emit"),
        (Boundless, "test_it_keeps_to_its_caps", "limits: it renders"),
        (Forgetful, "test_unicode_survives", "unicode: "),
        (Random, "test_equal_runs_are_equal", "determinism: two equal runs differ"),
        (Listed, "test_pages_are_complete", "paging: 'list' says 13 results"),
        (Crashing, "test_bad_arguments_are_told_to_the_model", "errors: read\\("),
        (Undescribed, "test_it_describes_itself", "description: the docstring of 'drop'"),
    ],
)
def test_a_broken_store_fails_with_the_name_of_its_fault(
    broken: type[base.Store], test: str, fault: str, tmp_path: Path
) -> None:
    contract = type("TestBroken", (testing.StoreContract,), {"store_type": broken})()
    arguments = () if test == "test_it_describes_itself" else (tmp_path,)
    with pytest.raises(AssertionError, match=fault):
        getattr(contract, test)(*arguments)
