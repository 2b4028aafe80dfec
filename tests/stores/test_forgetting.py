"""Who goes, and what becomes of them: by hand where there is a formula."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pydantic
import pytest

from archgraph import errors
from archgraph.storage import records
from archgraph.stores import base, collection, features, forgetting
from tests.stores import shop

DAY = 86400.0
NOW = 100 * DAY


def fact(age: float, seen: tuple[float, ...] = (), **envelope: Any) -> features.Fact:
    """A record so many days old, found so many days ago."""
    record = records.Record(created=NOW - age * DAY, **envelope)
    recall = records.Recall(tuple(NOW - ago * DAY for ago in seen), float(len(seen)))
    return features.Fact(record, recall)


def goes(policy: dict[str, Any], excess: int, facts: features.Facts) -> list[int]:
    told = forgetting.Forgetting.model_validate(policy)
    return forgetting.victims(told, facts, excess, NOW, lambda: 0.5)


FACTS = {
    1: fact(9, (1.0,), importance=1.0),
    2: fact(8, (6.0, 5.0), importance=9.0),
    3: fact(7, (), importance=2.0),
}


def test_who_goes_first() -> None:
    assert goes({"victim": "fifo"}, 2, FACTS) == [1, 2]
    assert goes({"victim": "lru"}, 2, FACTS) == [3, 2], "seen 7, 5 and 1 days ago"
    assert goes({"victim": "lfu"}, 2, FACTS) == [3, 1], "found 0, 1 and 2 times"
    worth = {"victim": "lowest", "standing": {"features": {"importance": 1}}}
    assert goes(worth, 2, FACTS) == [1, 3]
    assert goes({**worth, "below": 5}, 0, FACTS) == [1, 3]
    assert goes({**worth, "below": 1.5}, 2, FACTS) == [1, 3], "at least as many as must"
    assert goes({"protect": 2.0}, 3, FACTS) == [1]
    assert goes({"age": 7.5 * DAY}, 0, FACTS) == [1, 2]
    assert goes({"keep": 3}, 0, FACTS) == []


@pytest.mark.parametrize(
    ("days", "strength", "curve", "kept"),
    [
        (1, 1, {}, 0.8187307531),  # e^(-1 / (5 * 1))
        (5, 2, {}, 0.6065306597),  # e^(-5 / (5 * 2))
        (5, 2, {"scale": 1}, 0.0820849986),  # e^(-5 / 2), as the paper writes it
        (5, 2, {"inverted": True}, 0.1353352832),  # e^(-5 * 2 / 5), as the code computes it
        (1, 1, {"unit": 3600}, 0.0082297470),  # 24 hours: e^(-24 / 5)
    ],
)
def test_the_forgetting_curve(
    days: float, strength: float, curve: dict[str, Any], kept: float
) -> None:
    told = forgetting.Curve.model_validate(curve)
    assert forgetting.retention(days * DAY, strength, told) == pytest.approx(kept)


def test_a_stronger_memory_fades_slower_and_by_the_released_code_faster() -> None:
    plain, inverted = forgetting.Curve(), forgetting.Curve(inverted=True)
    assert forgetting.retention(DAY, 2, plain) > forgetting.retention(DAY, 1, plain)
    assert forgetting.retention(DAY, 2, inverted) < forgetting.retention(DAY, 1, inverted)


def test_draws_decide_by_retention() -> None:
    """Retention from the last recall: 1 day ago, strength 1 + 1: e^-0.1 = 0.905; 9 days, strength
    1: e^-1.8 = 0.165. A draw at or above it forgets."""
    facts = {1: fact(9, (1.0,)), 2: fact(9)}
    policy = forgetting.Forgetting(victim="sample")

    def drawn(*numbers: float) -> list[int]:
        left: Iterator[float] = iter(numbers)
        return forgetting.victims(policy, facts, 0, NOW, lambda: next(left))

    assert drawn(0.90, 0.16) == []
    assert drawn(0.91, 0.17) == [1, 2]
    assert drawn(0.50, 0.50) == [2]
    assert math.exp(-0.1) > 0.90


def test_when_too_few_are_drawn_the_most_faded_follow() -> None:
    facts = {1: fact(1), 2: fact(3), 3: fact(2)}
    policy = forgetting.Forgetting(victim="sample")
    assert forgetting.victims(policy, facts, 2, NOW, lambda: 0.0) == [2, 3]


# In a collection


def test_capacity_lets_the_oldest_go_and_keeps_history() -> None:
    store = shop.collect(
        shop.database_at(), index=["text"], capacity=2, overflow={"victim": "fifo"}
    )
    events: list[tuple[str, Any]] = []
    store.context.emit = lambda name, event, payload: events.append((event, payload))
    (one,) = shop.fill(store, "one")
    version = store.context.db.version
    shop.fill(store, "two")
    shop.fill(store, "three")
    assert [record.content for record in store.select()] == ["two", "three"]
    assert ("forgot", {"ids": [one.id]}) in events
    earlier = shop.collect(store.context.db, index=["text"], as_of=version)
    assert [record.content for record in earlier.select()] == ["one"]


def test_touches_decide_who_is_least_recently_used() -> None:
    store = shop.collect(
        shop.database_at(), index=["text"], capacity=2, overflow={"victim": "lru"},
        retrieval={"effects": ["touch"]},
    )  # fmt: skip
    shop.fill(store, "an apple")
    shop.fill(store, "a pear")
    store.context.db.clock.sleep(60)
    store.prepare("search", {"query": "apple"})
    with store.context.db.transaction():
        store.search("apple")
    shop.fill(store, "a plum")
    assert [record.content for record in store.select()] == ["an apple", "a plum"]


def test_protected_records_stay_and_the_new_one_is_refused() -> None:
    store = shop.collect(shop.database_at(), index=["text"], capacity=1, overflow={"protect": 5.0})
    shop.fill(store, "a vow", importance=9.0)
    with pytest.raises(errors.ToolError, match="1 of at most 1 records, none of which may go"):
        shop.fill(store, "a whim", importance=1.0)


def test_a_fact_that_ends_another_pushes_nobody_out() -> None:
    store = shop.collect(
        shop.database_at(), index=["text"], key=["k"], conflict="newest_valid", capacity=2,
        overflow={"victim": "fifo"},
    )  # fmt: skip
    shop.fill(store, "old", fields={"k": 1})
    shop.fill(store, "other", fields={"k": 2})
    shop.fill(store, "new", fields={"k": 1})
    assert [record.content for record in store.select()] == ["other", "new"]
    shop.fill(store, "third", fields={"k": 3})
    assert [record.content for record in store.select()] == ["new", "third"]


def test_archive_moves_to_another_collection() -> None:
    db = shop.database_at()
    attic = shop.collect(db, index=["text"], name="attic")
    store = shop.collect(
        db, index=["text"], capacity=1, overflow={"action": "archive", "into": "attic"}
    )
    store.context.peer = {"attic": attic}.__getitem__
    assert store.options.references() == {"overflow.into": "attic"}
    (one,) = shop.fill(store, "one", importance=3.0, fields={"n": 1})
    shop.fill(store, "two")
    (moved,) = attic.select()
    assert (moved.id, moved.content, moved.importance, moved.created) == (
        one.id, "one", 3.0, one.created,
    )  # fmt: skip
    assert store.measure("count") == attic.measure("count") == 1


def test_invalidate_keeps_history_that_search_leaves_out() -> None:
    store = shop.collect(shop.database_at(), index=["text"])
    one, _ = shop.fill(store, "tea one", "tea two")
    with store.context.db.transaction():
        (gone,) = store.forget_by({"keep": 1, "action": "invalidate"})
    assert gone.id == one.id
    assert shop.contents(store.find("tea")) == ["tea two"]
    assert store.known(one.id).status == "invalid"
    assert shop.contents(store.find("tea", valid_at=one.created)) == ["tea two"]


def test_heat_crosses_and_can_be_cooled() -> None:
    standing = {"features": {"frequency": 1, "fields.length": 1, "recency": 1},
                "recency": {"tau": DAY, "of": "last_access"}}  # fmt: skip
    store = shop.collect(
        shop.database_at(), index=["text"], standing=standing, retrieval={"effects": ["touch"]}
    )
    (one,) = shop.fill(store, "about boats", fields={"length": 3})
    assert store.measure("standing") == pytest.approx(4.0)  # 0 + 3 + e^0
    store.prepare("search", {"query": "boats"})
    with store.context.db.transaction():
        store.search("boats")
    assert store.measure("standing") == pytest.approx(5.0)  # 1 + 3 + e^0
    store.context.db.clock.sleep(DAY)
    assert store.measure("standing") == pytest.approx(4 + math.exp(-1))
    with store.context.db.transaction():
        store.revise(one.id, fields={"length": 0}, accesses=0)
    assert store.measure("standing") == pytest.approx(1.0)  # 0 + 0 + e^0, from the reset on


def test_recall_strengthens_and_sets_the_time_to_zero() -> None:
    store = shop.collect(shop.database_at(), index=["text"], retrieval={"effects": ["strengthen"]})
    (one,) = shop.fill(store, "the sea")
    store.context.db.clock.sleep(3 * DAY)
    store.prepare("search", {"query": "sea"})
    with store.context.db.transaction():
        store.search("sea")
    found = store.records.recalls([one.id])[one.id]
    seen = features.Fact(one, found)
    assert seen.strength == 2.0
    assert seen.last_access == store.context.db.now()


def test_a_draw_in_a_commit_is_the_same_whenever_it_is_repeated() -> None:
    def kept() -> list[str]:
        store = shop.collect(shop.database_at(), index=["text"], overflow={"victim": "sample"})
        shop.fill(store, *(f"note {i}" for i in range(30)))
        store.context.db.clock.sleep(4 * DAY)
        with store.context.db.transaction():
            assert store.prune().startswith("Let go of ")
        return [record.content for record in store.select()]

    assert kept() == kept()
    assert 0 < len(kept()) < 30


def test_forgetting_without_a_rule_is_told() -> None:
    store = shop.collect(shop.database_at(), index=["text"])
    with pytest.raises(errors.InputError, match="declares no `overflow`"):
        store.forget_by()
    with pytest.raises(errors.InputError, match=r"victim: .*'fifo'.*; kep: "):
        store.forget_by({"victim": "oldest", "kep": 1})
    with pytest.raises(errors.InputError, match="lets nothing"):
        store.forget_by({"victim": "lru"})
    with pytest.raises(errors.InputError, match="needs a `standing`"):
        store.forget_by({"victim": "lowest", "keep": 1})
    with pytest.raises(errors.ToolError, match="no rule of forgetting"):
        store.prune()


@pytest.mark.parametrize(
    ("overflow", "message"),
    [
        ({"victim": "lowest"}, "`victim: lowest` needs `standing`"),
        ({"victim": "lru"}, "never lets anything go"),
        ({"action": "archive", "keep": 1}, "`into`"),
        ({"into": "attic", "keep": 1}, "`into`"),
        ({"below": 3, "keep": 1}, "needs `victim: lowest`"),
        ({"curve": {"scale": 1}, "keep": 1}, "needs `victim: sample`"),
        ({"victim": "oldest"}, "fifo"),
    ],
)
def test_nonsense_is_told(overflow: dict[str, Any], message: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=message):
        collection.Collection.Options.model_validate({"overflow": overflow})


def test_measures_and_verbs_follow_the_options() -> None:
    kind = collection.Collection
    plain = kind.Options()
    ruled = kind.Options.model_validate({
        "overflow": {"victim": "sample"}, "standing": {"features": {"importance": 1}},
        "links": "none",
    })  # fmt: skip
    assert "standing" not in kind.measures_for(plain)
    assert "standing" in kind.measures_for(ruled)
    assert "prune" not in kind.verbs_for(plain)
    assert set(base.verbs(kind)) - set(kind.verbs_for(ruled)) == {"link", "unlink", "follow"}
