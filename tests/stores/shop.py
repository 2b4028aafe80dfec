"""What the tests of stores share: an embedder that counts its calls, and a collection to hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from archgraph import testing
from archgraph.llm import embedders
from archgraph.storage import database
from archgraph.stores import base, collection


class Counting:
    """The default embedder, which notes each text and whether the file was locked meanwhile."""

    def __init__(self, name: str = "counting") -> None:
        self._inner = embedders.Hashed()
        self.id, self.dimension = name, self._inner.dimension
        self.texts: list[str] = []
        self.locked: list[bool] = []
        self.probe: Callable[[], bool] = lambda: False

    def embed(self, texts: Sequence[str]) -> Any:
        self.texts += texts
        self.locked.append(self.probe())
        return self._inner.embed(texts)


def database_at(path: Path | str = ":memory:") -> database.Database:
    db = database.create(str(path), seed=1)
    db.clock = testing.FrozenClock(testing.MOMENT)
    return db


def collect(
    db: database.Database,
    embedder: Any = None,
    *,
    as_of: int | None = None,
    name: str = "facts",
    **options: Any,
) -> collection.Collection:
    def peer(name: str) -> base.Store:
        raise KeyError(name)

    used = embedder or Counting()
    context = base.Context(db, testing.count_tokens, lambda: used, peer, as_of=as_of)
    chosen = collection.Collection.Options.model_validate(options)
    return collection.Collection(name, chosen, context)


def fill(store: collection.Collection, *texts: str, **envelope: Any) -> list[base.Record]:
    """One commit with these records; a minute passes before it."""
    db = store.context.db
    db.clock.sleep(60)
    with db.transaction():
        return [store.add(text, **envelope) for text in texts]


def contents(hits: Sequence[Any]) -> list[str]:
    return [hit.record.content for hit in hits]
