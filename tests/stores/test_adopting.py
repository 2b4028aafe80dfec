"""An index that takes over what another mirrors: the same results, and apart from then on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from archgraph.storage import database
from archgraph.stores import base, indexes, timeline, vector_index
from tests.stores import shop

QUERY = "a walk by the sea"


def index(db: database.Database) -> indexes.SearchIndex:
    used = shop.Counting()
    return indexes.SearchIndex(db, "s", lambda: used)


def write(found: indexes.SearchIndex, *texts: str, by: str = "Ann") -> None:
    with found.db.transaction():
        for text in texts:
            found.records.add(base.Record(content=text, fields={"name": by}))


def filled(count: int = 12) -> indexes.SearchIndex:
    found = index(shop.database_at())
    write(found, *(f"line {n} of a walk by the {'sea' if n % 3 else 'hill'}" for n in range(count)))
    found.catch_up()
    return found


def copied(parent: indexes.SearchIndex) -> indexes.SearchIndex:
    db = database.copy(parent.db, ":memory:")
    db.clock = parent.db.clock
    return index(db)


def heir(parent: indexes.SearchIndex) -> indexes.SearchIndex:
    found = copied(parent)
    found.adopt(parent)
    assert found._settled == parent._settled > 0, "nothing was taken over"
    return found


def ranked(found: indexes.SearchIndex, query: str = QUERY) -> list[tuple[str, float]]:
    return [(hit.record.content, hit.score) for hit in found.search(query, limit=50)[0]]


@pytest.fixture(params=["floats", "bits"])
def _mirrored(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "bits":
        monkeypatch.setattr(vector_index, "FLOATS", 4)


@pytest.mark.usefixtures("_mirrored")
def test_it_finds_what_one_that_read_the_file_finds() -> None:
    parent = filled()
    assert ranked(heir(parent)) == ranked(copied(parent)) == ranked(parent)


@pytest.mark.usefixtures("_mirrored")
def test_neither_finds_what_the_other_is_given_afterwards() -> None:
    parent = filled()
    before = ranked(parent)
    child, sibling = heir(parent), heir(parent)
    write(child, "only the child walks by the sea", by="Bob")
    assert any("only the child" in text for text, _ in ranked(child))
    assert ranked(child) == ranked(copied(child))
    assert ranked(parent) == ranked(sibling) == before
    write(parent, "only the parent walks by the sea", "and by the sea again", by="Cy")
    assert ranked(parent) == ranked(copied(parent)) != before
    assert ranked(sibling) == before
    assert not any("parent" in text for text, _ in ranked(child))


@pytest.mark.usefixtures("_mirrored")
@pytest.mark.parametrize("who", ["parent", "child"])
def test_a_commit_that_is_rolled_back_in_one_leaves_the_other_alone(who: str) -> None:
    parent = filled()
    before = ranked(parent)
    child = heir(parent)
    acting, other = (parent, child) if who == "parent" else (child, parent)

    def fails() -> None:
        with acting.db.transaction():
            acting.records.add(base.Record(content="never by the sea", fields={"name": "Bob"}))
            acting.embeddings.locked = lambda: False
            acting.catch_up()
            raise LookupError

    with pytest.raises(LookupError):
        fails()
    write(acting, "later by the sea")
    assert ranked(acting) == ranked(copied(acting)) != before
    assert ranked(other) == before


def test_arrays_are_shared_until_one_adds() -> None:
    parent = filled()
    child = heir(parent)
    assert np.shares_memory(parent.vectors.mirror.floats, child.vectors.mirror.floats)
    write(child, "one more")
    child.catch_up()
    assert not np.shares_memory(parent.vectors.mirror.floats, child.vectors.mirror.floats)


def begun(parent: indexes.SearchIndex, child: indexes.SearchIndex) -> None:
    write(child, "more")
    child.catch_up()


def forgotten(parent: indexes.SearchIndex, child: indexes.SearchIndex) -> None:
    indexes.reset(child.db, "s")


def other_kinds(parent: indexes.SearchIndex, child: indexes.SearchIndex) -> None:
    child.kinds = ("text",)


def gone_on(parent: indexes.SearchIndex, child: indexes.SearchIndex) -> None:
    write(parent, "more")
    parent.catch_up()


def reading(parent: indexes.SearchIndex, child: indexes.SearchIndex) -> None:
    parent.db.writable = False


@pytest.mark.parametrize("change", [begun, forgotten, other_kinds, gone_on, reading])
def test_nothing_is_taken_over_where_the_files_may_differ(change: Any) -> None:
    parent = filled()
    child = copied(parent)
    change(parent, child)
    mirror = child.vectors.mirror
    child.adopt(parent)
    assert child.vectors.mirror is mirror


def test_a_timeline_that_knows_a_speaker_of_no_row_is_not_copied() -> None:
    found = timeline.Timeline()
    found.add(1, 0.0, "Ann", "Ann")
    found.add(2, 1.0, "Bob", "Bob")
    copy = found.copy(2)
    assert copy is not None
    assert copy.named(frozenset({"bob"})) and copy.speaker(2) == found.speaker(2)
    assert found.copy(1) is None
    found.add(3, 2.0, "Cy", "Cy")
    assert copy.upto == 2 and not copy.named(frozenset({"cy"}))
