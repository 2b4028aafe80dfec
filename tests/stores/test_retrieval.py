"""Ranking, and the index behind it: by hand where there is arithmetic, else by what is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archgraph import errors
from archgraph.llm import embedders
from archgraph.storage import database, records
from archgraph.stores import indexes, retrieval, text_index, timeline, upkeep, vector_index
from archgraph.suites.datasets import locomo
from tests.stores import shop

Policy = retrieval.Retrieval
BARE = {"before": [], "after": []}


def index(db: database.Database, embedder: Any = None, **options: Any) -> indexes.SearchIndex:
    used = embedder or shop.Counting()
    return indexes.SearchIndex(db, "s", lambda: used, **options)


def write(db: database.Database, *texts: str, **envelope: Any) -> list[records.Record]:
    with db.transaction():
        store = records.Records(db, "s")
        return [store.add(records.Record(id="", content=text, **envelope)) for text in texts]


def scored(mine: indexes.SearchIndex, query: str) -> list[tuple[str, float]]:
    return [(hit.record.content, round(hit.score, 6)) for hit in mine.find(query)]


# Arithmetic


def test_sum_weighs_scores_divided_by_the_best() -> None:
    policy = Policy(weights={"text": 1, "vector": 0.5})
    fused = retrieval.fuse({"text": {1: 4.0, 2: 1.0}, "vector": {2: 0.8, 3: 0.4}}, policy)
    assert fused == pytest.approx({1: 1.0, 2: 0.25 + 0.5, 3: 0.25})


def test_rrf_weighs_reciprocal_ranks() -> None:
    policy = Policy(fusion="rrf", rrf_k=60, weights={"text": 1, "vector": 1})
    fused = retrieval.fuse({"text": {1: 9.0, 2: 8.0}, "vector": {2: 0.9}}, policy)
    assert fused == pytest.approx({1: 1.0, 2: 61 / 62 + 1.0})


def test_neighbours_lend_shares_by_distance() -> None:
    policy = Policy(neighbours={"before": [0.5, 0.2], "after": [0.3]})
    talk = timeline.Timeline()
    for row in range(1, 6):
        talk.add(row, row * 60.0, "ann", "Ann")
    lent = retrieval.spread({2: 1.0}, policy, talk.near)
    assert lent == pytest.approx({3: 0.5, 4: 0.2, 1: 0.3})


def test_a_talk_ends_at_a_pause_and_at_what_nobody_said() -> None:
    talk = timeline.Timeline(gap=100)
    for row, time, speaker in (
        (1, 0, "a"),
        (2, 60, "b"),
        (3, 400, "a"),
        (4, 410, ""),
        (5, 420, "b"),
    ):
        talk.add(row, time, speaker, speaker)
    assert talk.near(2, 3, 3) == ([1], [])
    assert talk.near(3, 3, 3) == ([], [])
    assert talk.near(4, 3, 3) == talk.near(9, 3, 3) == ([], [])


def test_recency_halves() -> None:
    assert retrieval.recency(86400, 86400) == 0.5
    assert retrieval.recency(2 * 86400, 86400) == 0.25
    assert retrieval.recency(-5, 86400) == 1.0


def test_mmr_avoids_repetition() -> None:
    vectors = {1: np.array([1.0, 0]), 2: np.array([1.0, 0]), 3: np.array([0, 1.0])}
    ranked = [(1, 1.0), (2, 0.9), (3, 0.6)]
    # second place: 2 has 0.7 * 0.9 - 0.3 * 1 = 0.33, 3 has 0.7 * 0.6 - 0 = 0.42
    assert [row for row, _ in retrieval.diversified(ranked, vectors, 0.3, 3)] == [1, 3, 2]
    assert retrieval.diversified(ranked, vectors, 0.0, 3) == ranked


def test_equals_are_ordered_by_age_and_the_weak_dropped() -> None:
    assert retrieval.ordered({3: 1.0, 1: 1.0, 2: 0.2}, Policy(min_score=0.5)) == [
        (1, 1.0),
        (3, 1.0),
    ]


def test_a_wrong_policy_is_refused() -> None:
    with pytest.raises(pydantic.ValidationError, match="extra_forbidden"):
        Policy(sauces=["text"])
    with pytest.raises(pydantic.ValidationError):
        Policy(fusion="average")


# Words


def test_stop_words_go_unless_they_are_all() -> None:
    assert text_index.words("What did Ann do with the CAT, the cat?") == ["ann", "cat"]
    assert text_index.words("to be or not to be") == ["to", "be", "or", "not"]


def test_common_words_are_left_out_of_large_indexes_only() -> None:
    db = shop.database_at()
    found = index(db, kinds=("text",))
    write(db, *(f"common half{i % 2} rare{i}" for i in range(2100)))
    found.catch_up()
    words = ["common", "half0", "rare7", "unknown"]
    assert found.text.keep(words, 2000, found._settled) == words
    assert found.text.keep(words, 2100, found._settled) == ["half0", "rare7"]
    again = index(db, kinds=("text",))
    again.catch_up()
    assert again.text.keep(words, 2100, again._settled) == ["half0", "rare7"]
    (hit,) = found.find("common half1 rare8", 1)
    assert hit.record.content.endswith("rare8")


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40))
def test_no_query_is_syntax(query: str) -> None:
    db = shop.database_at()
    write(db, "some text", query or "more text")
    found = index(db, embedders.Hashed())
    hits, total = found.search(query)
    assert len(hits) == min(total, 5)
    db.close()


# Keeping up


def test_appending_embeds_nothing_until_a_search() -> None:
    db, embedder = shop.database_at(), shop.Counting()
    found = index(db, embedder)
    write(db, "one", "two")
    assert embedder.texts == []
    assert found.backlog() == 2
    version = db.version
    found.search("one")
    assert found.backlog() == 0
    assert db.version == version, "indexing is no commit of the journal"
    found.search("one")
    assert embedder.texts == ["one", "two"], "each text once; the query is cached too"


def test_what_was_rolled_back_is_not_found() -> None:
    db = shop.database_at()
    found = index(db)
    write(db, "the first cat")
    found.prepare("cat", ["the undone cat"])

    def undone() -> None:
        with db.transaction():
            records.Records(db, "s").add(records.Record(id="", content="the undone cat"))
            assert len(found.find("cat")) == 2
            raise KeyError

    with pytest.raises(KeyError):
        undone()
    assert shop.contents(found.find("cat")) == ["the first cat"]
    write(db, "a later cat")  # takes the row number of the one that was undone
    assert sorted(shop.contents(found.find("cat"))) == ["a later cat", "the first cat"]
    vectors = found.vectors
    assert vectors.mirror.rows.tolist() == list(vectors.vectors([1, 2, 3]))


def test_a_row_that_was_not_prepared_waits_for_the_next_search() -> None:
    db, embedder = shop.database_at(), shop.Counting()
    embedder.probe = lambda: db.in_transaction
    found = index(db, embedder)
    found.prepare("cat", ["a cat"])
    with db.transaction():
        rows = records.Records(db, "s")
        for text in ("a cat", "a surprising cat", "a cat"):
            rows.add(records.Record(id="", content=text))
        assert shop.contents(found.find("cat")) == ["a cat"]
    assert len(found.find("cat")) == 3
    assert not any(embedder.locked)


def test_a_reader_finds_what_the_writer_has_not_indexed(tmp_path: Path) -> None:
    db = shop.database_at(tmp_path / "agent.db")
    write(db, "an indexed cat", "an indexed dog")
    mine = index(db)
    mine.catch_up()
    write(db, "a fresh cat")
    reader = database.open_file(str(tmp_path / "agent.db"), readonly=True)
    theirs = index(reader)
    assert sorted(shop.contents(theirs.find("cat"))) == ["a fresh cat", "an indexed cat"]
    write(db, "a fresher cat")
    mine.catch_up()
    write(db, "the freshest cat")
    assert len(theirs.find("cat")) == 4
    assert {hit.sources for hit in theirs.find("freshest")} >= {("text", "vector")}
    reader.close()
    db.close()


def test_a_reader_that_stays_open_ranks_as_the_writer_does(tmp_path: Path) -> None:
    db = shop.database_at(tmp_path / "agent.db")
    write(db, "a cat", *(f"dog number {n}" for n in range(5)))
    mine = index(db)
    mine.catch_up()
    reader = database.open_file(str(tmp_path / "agent.db"), readonly=True)
    theirs = index(reader)
    write(db, "a cat and a dog")
    assert "a cat and a dog" in shop.contents(theirs.find("cat"))
    write(db, "the dog sees the cat", *(f"bird number {n}" for n in range(5)))
    assert "the dog sees the cat" in shop.contents(theirs.find("cat"))

    mine.catch_up()
    for query in ("cat", "dog", "cat bird"):
        assert scored(theirs, query) == scored(mine, query)
    write(db, "a last cat")
    assert "a last cat" in shop.contents(theirs.find("cat"))
    reader.close()
    db.close()


def test_a_reader_that_stays_open_outlives_a_new_index(tmp_path: Path) -> None:
    db = shop.database_at(tmp_path / "agent.db")
    write(db, "a cat", "a dog")
    mine = index(db)
    mine.catch_up()
    reader = database.open_file(str(tmp_path / "agent.db"), readonly=True)
    theirs = index(reader)
    write(db, "a fresh cat")
    assert "a fresh cat" in shop.contents(theirs.find("cat"))
    mine.reindex()
    assert {"a cat", "a fresh cat"} <= set(shop.contents(theirs.find("cat")))
    mine.catch_up()
    assert scored(theirs, "cat") == scored(mine, "cat")
    reader.close()
    db.close()


def test_a_reader_of_a_file_that_was_never_searched(tmp_path: Path) -> None:
    db = shop.database_at(tmp_path / "agent.db")
    write(db, "a cat")
    reader = database.open_file(str(tmp_path / "agent.db"), readonly=True)
    assert shop.contents(index(reader).find("cat")) == ["a cat"]
    reader.close()
    db.close()


def test_another_embedder_is_an_error_that_says_how_to_re_embed() -> None:
    db = shop.database_at()
    write(db, "a cat")
    index(db, shop.Counting("first")).search("cat")
    with pytest.raises(errors.EmbedderMismatch, match=r"'first' .* not with 'second'.*reindex"):
        index(db, shop.Counting("second"))
    indexes.reset(db, "s")
    second = shop.Counting("second")
    assert shop.contents(index(db, second).find("cat")) == ["a cat"]
    assert "a cat" in second.texts


def test_an_embedder_that_breaks_its_contract_is_told() -> None:
    class Wrong(shop.Counting):
        def embed(self, texts: Any) -> Any:
            return super().embed(texts)[:, :5]

    db = shop.database_at()
    write(db, "a cat")
    with pytest.raises(errors.PluginError, match=r"shape \(1, 384\)"):
        index(db, Wrong()).search("cat")


def test_a_kind_that_is_added_later_is_made_from_the_start() -> None:
    db = shop.database_at()
    write(db, "a cat")
    index(db, kinds=("text",)).search("cat")
    hits = index(db, kinds=("text", "vector")).find("cat")
    assert hits[0].sources == ("text", "vector")


def test_what_has_no_form_stays_out() -> None:
    db = shop.database_at()
    found = index(db, form=lambda record: "" if "secret" in record.content else record.content)
    write(db, "a cat", "a secret cat", "another cat")
    assert len(found.find("cat")) == 2
    assert len(found.find("secret cat")) == 2


def test_many_dead_rows_do_not_hide_the_living() -> None:
    db = shop.database_at()
    found = index(db)
    for record in write(db, *(["cat cat cat"] * 150)):
        with db.transaction():
            records.Records(db, "s").remove(record)
    write(db, "a lonely cat on a long road")
    hits, total = found.search("cat")
    assert (shop.contents(hits), total) == (["a lonely cat on a long road"], 1)


# The mirror


@pytest.mark.parametrize("floats", [vector_index.FLOATS, 30])
def test_the_mirror_finds_what_an_exact_search_finds(
    floats: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_index, "FLOATS", floats)
    db = shop.database_at()
    found = index(db, kinds=("vector",))
    for part in range(4):  # some batches before, some after the mirror turns to bits
        write(db, *(f"town {part * 25 + i} has {i * i} houses" for i in range(25)))
        found.catch_up()
    assert (found.vectors.mirror.floats is None) == (floats == 30)
    for query in ("town 7", "81 houses", "has houses"):
        vector = found.embeddings.of([query])[0]
        exact = found.vectors.scan(vector, 10)
        near = found.vectors.nearest(vector, 10)
        assert [score for _, score in near] == pytest.approx([s for _, s in exact], abs=1e-5)
    again = index(db, kinds=("vector",))
    again.catch_up()
    assert again.vectors.nearest(vector, 10) == found.vectors.nearest(vector, 10)


# Policies


def talk(db: database.Database) -> None:
    for name, text in (
        ("Ann", "Did you ever find that telescope?"),
        ("Bob", "Yes, in the attic!"),
        ("Ann", "Lovely."),
    ):
        db.clock.sleep(30)
        write(db, text, fields={"name": name})


def test_an_answer_is_found_beside_its_question() -> None:
    db = shop.database_at()
    talk(db)
    db.clock.sleep(7200)
    write(db, "Nice weather.", fields={"name": "Ann"})
    found = shop.contents(index(db).find("telescope", 5))
    assert found[:2] == ["Did you ever find that telescope?", "Yes, in the attic!"]
    assert "Nice weather." not in found
    alone = Policy(neighbours=BARE, sources=["text"])
    assert len(index(db).find("telescope", 5, alone)) == 1


def test_who_is_named_is_preferred() -> None:
    db = shop.database_at()
    for name in ("Ann", "Bob"):
        db.clock.sleep(7200)
        write(db, "I went sailing", fields={"name": name})
    for name in ("Ann", "Bob"):
        hits = index(db).find(f"When did {name} go sailing?", 2)
        assert hits[0].record.fields["name"] == name


def test_order_expand_importance_and_touch() -> None:
    db = shop.database_at()
    talk(db)
    store = index(db)
    beside = store.find("telescope", 1, Policy(expand=1, neighbours=BARE))
    assert [hit.sources for hit in beside] == [("text", "vector"), ("beside",)]
    write(db, "telescope telescope telescope", importance=1.0)
    write(db, "a telescope", importance=9.0)
    weighty = Policy(weights={"importance": 5.0}, neighbours=BARE)
    assert shop.contents(store.find("telescope", 1, weighty)) == ["a telescope"]
    timed = store.find("telescope", 3, Policy(order="time"))
    assert [hit.record.seq for hit in timed] == sorted(hit.record.seq for hit in timed)
    store.prepare("telescope")
    with db.transaction():
        (hit,) = store.find("telescope", 1, Policy(effects=["touch"]))
    assert store.records.accesses(hit.record.id)[0] == 1


def test_the_recent_are_a_source() -> None:
    db = shop.database_at()
    talk(db)
    recent = Policy(sources=["recent"], neighbours=BARE, weights={"author": 0})
    assert shop.contents(index(db).find("", 2, recent)) == ["Lovely.", "Yes, in the attic!"]


def test_a_source_without_an_index_is_an_error() -> None:
    db = shop.database_at()
    write(db, "x")
    with pytest.raises(errors.InputError, match="no vector index"):
        index(db, kinds=("text",)).find("x", 1, Policy(sources=["vector"]))


def test_a_page_and_the_best_agree() -> None:
    db = shop.database_at()
    write(db, *(f"cat number {i} of {i % 7}" for i in range(300)))
    store = index(db)
    pages = [hit for page in range(4) for hit in store.search("cat number 3", offset=page * 5)[0]]
    assert shop.contents(pages) == shop.contents(store.find("cat number 3", 20))
    assert store.search("cat number 3")[1] == 300
    assert len(store.find("cat number 3", 250)) == 250
    assert len(index(db, kinds=("vector",)).find("cat number 3", 250)) == 250


def test_memory_of_embeddings_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "CACHED", 3)
    embedder = shop.Counting()
    known = upkeep.Embeddings(lambda: embedder, lambda: False)
    known.of(["a", "b", "c", "d", "e"])
    assert [known.knows(text) for text in "abcde"] == [False, False, True, True, True]
    with pytest.raises(errors.PluginError):
        upkeep.Embeddings(lambda: embedder, lambda: True).of(["a"])


def test_evidence_recall_on_real_conversations(test_data: Path) -> None:
    """The bars are of the issue, for all categories and the default embedder (5 conversations)."""
    shares: dict[int, list[float]] = {10: [], 25: []}
    embedder = embedders.Hashed()
    for talk in locomo.load(test_data / "locomo" / "locomo-dev.json").conversations:
        store = shop.collect(shop.database_at(), embedder)
        with store.context.db.transaction():
            for item in talk.items:
                fields = {"name": item.name}
                store.add(item.text, id=item.id, fields=fields, created=item.at)
        for case in talk.cases:
            if case.evidence:
                found = [hit.record.id for hit in store.find(case.question, 25)]
                for k, of_k in shares.items():
                    of_k.append(len(set(found[:k]) & set(case.evidence)) / len(case.evidence))
    assert np.mean(shares[10]) >= 0.72
    assert np.mean(shares[25]) >= 0.82
