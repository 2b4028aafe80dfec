"""Declared retrieval: sources, features, walks and what comes with a result."""

from __future__ import annotations

import math
from typing import Any

import pydantic
import pytest

from archgraph import errors
from archgraph.stores import collection, filters, retrieval, scoring
from tests.stores import shop

Policy = retrieval.Retrieval
DAY = 86400.0


def scores(hits: list[retrieval.Hit]) -> dict[str, float]:
    return {hit.record.content: hit.score for hit in hits}


def stream(**options: Any) -> collection.Collection:
    """Three memories an hour apart: importance 2, 8 and 5."""
    store = shop.collect(shop.database_at(), index=["text"], **options)
    for text, importance in (("went to bed", 2.0), ("met Klaus", 8.0), ("ate toast", 5.0)):
        store.context.db.clock.sleep(3540)
        shop.fill(store, text, importance=importance)
    return store


def test_generative_agents_sum_of_minmax_by_hand() -> None:
    """Ages 2, 1, 0 hours: recency 0.99^2 = 0.9801, 0.99, 1, so minmax 0, 0.497487, 1.

    Importance 2, 8, 5: minmax 0, 1, 0.5. Weights 1 and 2: 0, 2.497487, 2.
    """
    policy = Policy(
        sources=["scan"], normalise="minmax", features={"recency": 1, "importance": 2},
        recency={"per_hour": 0.99},
    )  # fmt: skip
    found = scores(stream().find("", 3, policy=policy))
    assert found == pytest.approx({"went to bed": 0, "met Klaus": 2.497487437, "ate toast": 2})
    assert list(found) == ["met Klaus", "ate toast", "went to bed"]


def test_generative_agents_as_released_prefers_what_was_seen_long_ago() -> None:
    """0.99 per rank, oldest first: ranks 1, 2, 3 give 0.99, 0.9801, 0.970299; minmax of it is
    1, 0.497487, 0; with weights 0.5 and 2 on importance 0, 1, 0.5."""
    policy = Policy(
        sources=["scan"], normalise="minmax", features={"recency": 0.5, "importance": 2},
        recency={"per_rank": 0.99, "of": "last_access", "first": "oldest"}, effects=["touch"],
    )  # fmt: skip
    store = stream()
    expected = {"went to bed": 0.5, "met Klaus": 2 + 0.5 * 0.497487437, "ate toast": 1.0}
    assert scores(store.find("", 3, policy=policy)) == pytest.approx(expected)
    store.context.db.clock.sleep(60)
    with store.context.db.transaction():
        store.records.touch([store.select()[0]])
    # now "went to bed" was seen last: rank 3, so 0 for recency
    assert scores(store.find("", 3, policy=policy))["went to bed"] == 0.0


def test_text_and_vector_are_scored_for_every_candidate() -> None:
    store = shop.collect(shop.database_at())
    shop.fill(store, "red apples in the garden", "a red car", "green grass grows")
    policy = Policy(sources=["scan"], features={"vector": 1}, normalise="none", min_score=0)
    found = scores(store.find("red apples in the garden", 3, policy=policy))
    assert found["red apples in the garden"] == pytest.approx(1.0, abs=1e-4)
    assert len(found) == 3
    words = Policy(features={"overlap": 1}, sources=["scan"], normalise="none")
    # {red, car} and {red, apples}: one of three; {green, grass, grows}: none
    assert scores(store.find("red car", 3, policy=words)) == pytest.approx(
        {"a red car": 1.0, "red apples in the garden": 1 / 4, "green grass grows": 0.0}
    )


def test_a_floor_is_a_cosine() -> None:
    store = shop.collect(shop.database_at())
    shop.fill(store, "red apples in the garden", "a red car")
    policy = Policy(sources=["vector"], features={"vector": 1}, floor={"vector": 0.6})
    assert shop.contents(store.find("red apples in the garden", 3, policy=policy)) == [
        "red apples in the garden"
    ]
    plain = Policy(sources=["vector"], floor={"vector": 0.6})
    assert len(store.find("red apples in the garden", 3, policy=plain)) == 1
    least = Policy(sources=["scan"], features={"importance": 1}, normalise="none",
                   floor={"score": 3})  # fmt: skip
    shop.fill(store, "x", importance=2.9)
    shop.fill(store, "y", importance=3.0)
    assert shop.contents(store.find("", 9, policy=least)) == ["y"]


def test_keys_are_found_as_whole_words() -> None:
    store = shop.collect(shop.database_at(), index=["text"])
    for name in ("Ann", "Anna Karenina", "Bob"):
        shop.fill(store, f"about {name.lower()[:2]}", fields={"name": name})
    policy = Policy(sources=["key"], features={"key": 1}, match=["name"])
    (hit,) = store.find("who is Anna Karenina?", 9, policy=policy)
    assert hit.record.fields["name"] == "Anna Karenina"
    assert store.find("who is Bobby?", 9, policy=policy) == []
    assert scoring.holds("What's in the MIT-lab?", "mit lab")


def facts() -> tuple[collection.Collection, dict[str, str]]:
    """Entities and passages: Ann - Rome - Tiber, each told in a passage; Bob stands apart."""
    store = shop.collect(shop.database_at(), index=["text"])
    ids = {}
    for name in ("Ann", "Rome", "Tiber", "Bob"):
        ids[name], ids[f"about {name}"] = (
            shop.fill(store, name, fields={"kind": "phrase"})[0].id,
            shop.fill(store, f"page on {name[::-1]}", fields={"kind": "passage"})[0].id,
        )
        with store.context.db.transaction():
            store.relate(ids[name], ids[f"about {name}"], "told in")
    with store.context.db.transaction():
        store.relate(ids["Ann"], ids["Rome"], "lives in")
        store.relate(ids["Rome"], ids["Tiber"], "lies on", weight=1.0)
    return store, ids


def test_a_walk_finds_what_no_word_leads_to() -> None:
    store, _ = facts()
    policy = Policy(
        sources=["text", "links"], features={"distance": 1}, normalise="none",
        links={"hops": 2, "kinds": ["lives in", "lies on"]},
    )  # fmt: skip
    # 1 / (1 + 0), 1 / (1 + 1), 1 / (1 + 2)
    assert scores(store.find("Ann", 9, policy=policy)) == pytest.approx(
        {"Ann": 1.0, "Rome": 0.5, "Tiber": 1 / 3}
    )
    near = policy.model_copy(update={"links": retrieval.Walk(hops=1, direction="in")})
    assert set(scores(store.find("Rome", 9, policy=near))) == {"Rome", "Ann"}


def test_hippo_rag_passages_by_pagerank() -> None:
    """Damping 0.5 from Ann; the passage nearest to her comes first, Bob's not at all."""
    store, _ = facts()
    policy = Policy(
        sources=["text", "links"], features={"pagerank": 1}, keep={"kind": "passage"},
        links={"damping": 0.5, "weights": [{"where": {"kind": "passage"}, "weight": 0.05}]},
    )  # fmt: skip
    found = [hit.record.content for hit in store.find("where is Ann", 9, policy=policy)]
    assert found == ["page on nnA", "page on emoR", "page on rebiT"]


def test_a_light_start_counts_less() -> None:
    """A passage that holds the word starts with 0.05 of what the phrase does."""
    store = shop.collect(shop.database_at(), index=["text"])
    phrase, passage = shop.fill(store, "comet")[0], shop.fill(store, "comet")[0]
    with store.context.db.transaction():
        store.revise(passage.id, fields={"kind": "passage"})
    walk = {"damping": 0.5, "weights": [{"where": {"kind": "passage"}, "weight": 0.05}]}
    policy = Policy(sources=["text", "links"], features={"pagerank": 1}, normalise="none",
                    links=walk)  # fmt: skip
    found = {hit.record.id: hit.score for hit in store.find("comet", 9, policy=policy)}
    # both match alike, nothing is linked: the ranks are the starts, 1 and 0.05, made to add up
    assert found == pytest.approx({phrase.id: 1 / 1.05, passage.id: 0.05 / 1.05})


def test_reciprocal_ranks_of_three_sources() -> None:
    """Graphiti's reranker: each list counts 1 / rank (rank_const 1 from 0)."""
    store, _ = facts()
    policy = Policy(
        sources=["text", "links"], features={"text": 1, "distance": 1}, fusion="rrf", rrf_k=0,
        links={"hops": 1, "kinds": ["lives in"]},
    )  # fmt: skip
    # text: Ann only. distance: Ann (1), Rome (1/2).
    assert scores(store.find("Ann", 9, policy=policy)) == pytest.approx({"Ann": 2.0, "Rome": 0.5})


def test_linked_records_and_sources_come_with_a_result() -> None:
    store, ids = facts()
    shop.fill(store, "a summary of travels", derived_from=(ids["about Ann"], ids["about Bob"]))
    linked = Policy(expand={"links": 1, "kinds": ["lives in"]})
    found = store.find("Ann", 1, policy=linked)
    assert [(hit.record.content, hit.sources) for hit in found] == [
        ("Ann", ("text",)), ("Rome", ("linked",)),
    ]  # fmt: skip
    sources = store.find("summary", 1, policy=Policy(expand={"sources": True}))
    assert shop.contents(sources)[1:] == ["page on nnA", "page on boB"]


def test_only_what_is_true_now() -> None:
    store = shop.collect(shop.database_at(), index=["text"], retrieval={"valid": "now"})
    now = store.context.db.now()
    shop.fill(store, "tea was cheap", valid_to=now)
    shop.fill(store, "tea will be dear", valid_from=now + DAY)
    shop.fill(store, "tea is green")
    assert shop.contents(store.find("tea")) == ["tea is green"]
    store.context.db.clock.sleep(2 * DAY)
    assert len(store.find("tea")) == 2


def test_filters_say_the_same_with_and_without_sql() -> None:
    store = shop.collect(shop.database_at(), index=["text"])
    shop.fill(store, "a", fields={"k": 1}, valid_from=10.0, valid_to=20.0)
    shop.fill(store, "b", fields={"k": 2}, status="superseded", expired=1e9)
    shop.fill(store, "c", thread="main")
    held = store.select(status=["active", "superseded"])
    for only in (
        filters.Filter({"k": [1, 2]}), filters.Filter(valid_at=15.0), filters.Filter(valid_at=25.0),
        filters.Filter(since=held[1].created), filters.Filter(until=held[1].created),
        filters.Filter(known_at=held[2].created), filters.Filter(status=("superseded",)),
        filters.Filter(thread="main"),
    ):  # fmt: skip
        by_sql = [record.content for record in store.backend.page(only, limit=9)]
        assert by_sql == [record.content for record in held if only.passes(record)], only


def test_searched_fields_are_found_and_revised_ones_too() -> None:
    store = shop.collect(shop.database_at(), searched=["keywords"])
    (note,) = shop.fill(store, "it was fun", fields={"keywords": ["sailing", "wind"]})
    assert shop.contents(store.find("sailing")) == ["it was fun"]
    with store.context.db.transaction():
        store.revise(note.id, fields={"keywords": ["skiing"]})
    assert store.find("skiing", 1, policy=Policy(sources=["text"]))
    assert not store.find("sailing", 1, policy=Policy(sources=["text"]))


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"normalise": "minmax"}, "`normalise: minmax` needs `features`"),
        ({"fusion": "product"}, "`fusion: product` needs `features`"),
        ({"sources": ["scan"]}, "the source `scan` needs `features`"),
        ({"recency": {"tau": 5}}, "`recency` needs `features`"),
        ({"features": {"vecter": 1}}, '"vector"'),
        ({"features": {"text": 1}, "weights": {"text": 2}}, "in place of `weights`"),
        ({"features": {"key": 1}, "sources": ["key"]}, "needs `match`"),
        ({"features": {"distance": 1}, "sources": ["links"]}, "another one to start from"),
        ({"expand": 21}, "less than or equal to 20|between 0 and 20"),
    ],
)
def test_nonsense_is_told(policy: dict[str, Any], message: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=message):
        Policy.model_validate(policy)


def test_a_feature_without_its_index_is_told() -> None:
    options = {"index": ["text"], "retrieval": {"features": {"vector": 1}}}
    with pytest.raises(pydantic.ValidationError, match="needs `index` to hold 'vector'"):
        collection.Collection.Options.model_validate(options)


def test_a_feature_without_its_index_is_told_by_any_store() -> None:
    store = shop.collect(shop.database_at(), index=["text"])
    shop.fill(store, "x")
    with pytest.raises(errors.InputError, match="no vector index"):
        store.find("x", policy=Policy(features={"vector": 1}))


def test_results_are_bounded_in_tokens() -> None:
    """Four characters are a token here: 10, 10 and 10."""
    store = shop.collect(shop.database_at(), index=["text"])
    shop.fill(store, *(f"tea {'x' * 35}{i}" for i in range(3)))
    assert [record.tokens for record in store.select()] == [10, 10, 10]
    for tokens, count in ((30, 3), (29, 2), (20, 2), (5, 1)):
        policy = Policy(tokens=tokens)
        assert len(store.find("tea", 9, policy=policy)) == count
        assert store.backend.search("tea", policy, limit=1)[1] == count


# Trees and links in a collection


def test_a_record_is_placed_below_what_it_is_most_like() -> None:
    store = shop.collect(shop.database_at(), links="tree")
    texts = ("boats and ships at sea", "boats and ships at sea in storms", "baking rye bread")
    ways, records = [], []
    for text in texts:
        store.prepare("insert", {"content": text})
        store.find(text)  # what came before is embedded outside of the commit
        with store.context.db.transaction():
            records.append(store.add(text))
            ways.append(store.place(records[-1].id))
    assert ways == [[], [records[0].id], []]
    second = pytest.raises(errors.ToolError, match=r"is a tree, and .* has a link from")
    with second, store.context.db.transaction():
        store.relate(records[2].id, records[1].id, "child")
    assert [link.target for link in store.links(records[0].id)] == [records[1].id]


def test_links_carry_weight_and_dates_and_can_be_taken_back() -> None:
    store, ids = facts()
    with store.context.db.transaction():
        store.relate(ids["Ann"], ids["Bob"], "knows", weight=0.5, valid_from=10.0, valid_to=20.0)
    (link,) = [one for one in store.links(ids["Ann"]) if one.kind == "knows"]
    assert (link.weight, link.valid_from, link.valid_to) == (0.5, 10.0, 20.0)
    near = {record.content for record in store.neighbours(ids["Ann"], kinds=["knows"])}
    assert near == {"Bob"}
    assert "Showing 2 of 2" in store.follow(ids["Tiber"])
    links = store.measure("links")
    with store.context.db.transaction():
        assert store.unlink(ids["Ann"], ids["Bob"], "knows").startswith("Unlinked")
        with pytest.raises(errors.ToolError, match="has no link"):
            store.unlink(ids["Ann"], ids["Bob"], "knows")
    assert store.measure("links") == links - 1
    assert math.isclose(len(store.communities(["told in"])), 4)
