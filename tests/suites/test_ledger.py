"""The ledger alone: one commit a trial, exact outcomes, what stays and what goes."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from archgraph import errors
from archgraph.llm import base as llm
from archgraph.suites import plan, record, results
from archgraph.suites.datasets import case as cases
from archgraph.suites.running import committing, ledger, packing, rows, shares
from archgraph.suites.scoring import base as scoring
from tests.suites import made_plans

LONG = "a text that is long enough to be kept apart from what it stands in " * 4


def commit_of(
    made: plan.RunPlan, trial: str, reply: str = "red", score: float | None = 1.0, **more: Any
) -> ledger.Commit:
    planned = next(each for each in made.trials if each.id == trial)
    talk = next(each for (_, id), each in made.conversations.items() if id == planned.cluster)
    case = next(each for each in talk.cases if each.id == planned.case)
    given = None if score is None else scoring.Score(score, "a note", {"votes": [1]})
    return committing.commit(made_plans.outcome(case, reply, **more), {"contains": given})


def ingest(kept: ledger.Ledger, made: plan.RunPlan, snapshot: bytes | None = None) -> None:
    for each in made.histories:
        found = committing.ended(each, "done", "")
        text = packing.conversation(made.conversations[each.dataset, each.conversation])
        kept.keep_ingest(found, snapshot, text)


def step(*messages: dict[str, Any], **more: Any) -> record.Step:
    called = record.Called("search", "search", ("recall",), "{}", True, LONG)
    made = record.Step("main", "step", 5.0, "m", "done", "", messages, ("a",), {"text": "x"},
                       (called,), 10, 2, 3, 0.5, 700, 0.25, {"model": 1.5})  # fmt: skip
    return dataclasses.replace(made, **more)


def test_a_trial_is_committed_once(tmp_path: Path) -> None:
    made = made_plans.plan_of()
    first = made.trials[0].id
    with ledger.Ledger.open(tmp_path) as kept:
        kept.begin(made)
        assert kept.claim(first, "host/1")
        assert kept.commit(first, commit_of(made, first, "red"))
        assert not kept.commit(first, commit_of(made, first, "blue", 0.0))
        assert not kept.claim(first, "host/2")
        assert kept.outcome(first)["reply"] == "red"
        assert [row.scores for row in kept.results().rows] == [{"contains": 1.0}]
        assert kept.counts() == {"done": 1}
        assert len(kept.open_trials()) == len(made.trials) - 1


def test_what_crashed_uncommitted_is_open_again(tmp_path: Path) -> None:
    made = made_plans.plan_of()
    with ledger.Ledger.open(tmp_path) as kept:
        kept.begin(made)
        kept.claim(made.trials[0].id, "host/1")
    with ledger.Ledger.open(tmp_path) as kept:
        kept.begin(made)
        assert kept.open_trials() == [each.id for each in made.trials]
        assert kept.trials()[0]["attempts"] == 1
        assert kept._db.execute("SELECT count(*) FROM trial WHERE state != 0").fetchone()[0] == 0


def test_an_outcome_comes_back_exactly(tmp_path: Path) -> None:
    made = made_plans.plan_of()
    trial = made.trials[0]
    system = {"role": "system", "content": LONG}
    said = {"role": "user", "content": "hi", "tool_calls": [{"id": "1", "arguments": LONG}]}
    ingested = made.conversations["talks", trial.cluster]
    outcome = made_plans.outcome(
        ingested.cases[0], LONG + "\x00\ud800", steps=(step(system), step(system, said)),
        searches=(("a", "b"), ()), window=("a",), state={"tasks": [{"id": 1, "text": LONG}]},
        gold=(record.Gold("a", record.REACHED), record.Gold("b", "ignored", "why")),
        spent=record.Spent(10, 2, 1, 3, 0.5, 0.25), by_thread={"main": record.Spent(1)},
        answered_in_window=True, store_bytes=12, by_store={"recall": 3}, times={"model": 2.5},
    )  # fmt: skip
    with ledger.Ledger.open(tmp_path) as kept:
        kept.begin(made)
        ingest(kept, made)
        kept.commit(trial.id, committing.commit(outcome, {"contains": None}))
        found = kept.outcome(trial.id)
        assert found == record.plain(outcome)
        assert record.outcome(found, kept.case(trial.id)) == outcome
        assert kept._db.execute("SELECT count(*) FROM text").fetchone()[0] == 2  # each once
        row = kept.results().rows[0]
    assert row.scores == {"contains": None}
    assert row.losses == {record.REACHED: 1, "ignored": 1}
    assert dict(row.metrics) == {
        "prompt_tokens": 10, "completion_tokens": 2, "cached_tokens": 1, "calls": 3, "cost": 0.5,
        "paid": 0.25, "steps": 2, "searches": 2, "prefix": 0.25, "store_bytes": 12,
        "window_tokens": 700, "answered_in_window": 1, "gold": 2, "gold_reached": 1,
        "gold_derived": 0, "items": 4, "position": 0, "answerable": 1,
    }  # fmt: skip
    assert row.by_thread == {"main": {"prompt_tokens": 1, "completion_tokens": 0,
                                      "cached_tokens": 0, "calls": 0, "cost": 0}}  # fmt: skip
    assert row.by_store == {"recall": 3}
    assert row.times["model"] == 2.5 and set(row.times) == set(record.TIMES)


def test_a_case_comes_back_exactly(tmp_path: Path) -> None:
    items = (cases.Item("1", "x", "user", "Ann", 5.0), cases.Item("2", "y"))
    whole = cases.Case("q", "c", items, "who?", ("a", "b"), ("1",), 3, 7.0, ("no",), {"k": [1]})
    part = dataclasses.replace(whole, id="r", history=items[:1], category="s", asked_at=None)
    other = dataclasses.replace(whole, id="s", history=(cases.Item("9", "z"),))
    talk = cases.Conversation("c", items, (whole, part, other))
    found = packing.read_conversation(packing.conversation(talk))
    assert found == talk
    assert found.cases[0].history is found.items  # shared, as `losses` wants it


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=())) | st.just(LONG)
    | st.sampled_from(["\x00" + LONG, "\x00", "\x00short"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)  # fmt: skip


@hypothesis.given(plain)
def test_whatever_is_split_is_joined_again(data: Any) -> None:
    body, texts = packing.split(data)
    kept = {key: packing.squeezed(text) for key, text in texts.items()}
    assert packing.joined(body, lambda key: packing.unsqueezed(kept[key])) == data


@hypothesis.given(st.lists(st.none() | st.floats(0, 1), max_size=5))
def test_scores_come_back_from_their_packed_form(values: list[float | None]) -> None:
    given = [rows.NOT_SCORED if each is None else each for each in values]
    fixed = [float(each) for each in range(len(results.METRICS) + 8 + 7)]
    data = rows.with_paid(rows.packed(fixed, given), 0.5)
    back = [None if each != each else each for each in rows.scores(data)]
    assert back == values
    assert rows.Metrics(data)["paid"] == 0.5 and rows.Metrics(data)["prompt_tokens"] == 0


def test_trials_of_an_earlier_plan_stay_but_are_not_in_the_results(tmp_path: Path) -> None:
    large, small = made_plans.plan_of(talks=2), made_plans.plan_of(talks=1)
    turned = dataclasses.replace(small, trials=small.trials[::-1])
    with ledger.Ledger.open(tmp_path) as kept:
        kept.begin(large)
        for each in large.trials:
            kept.commit(each.id, commit_of(large, each.id))
        kept.begin(turned)
        found = kept.results()
        assert [row.trial for row in found.rows] == [each.id for each in turned.trials]
        assert found.planned == 6 and found.stopped == ""
        gone = kept.trials(planned=False)
        assert {each["cluster"] for each in gone} == {"talk1"} and len(gone) == 6
        assert kept.parts(gone[0]["id"]) == {"arm": "arm one", "case": "case talk1-q0"}
        described = kept.inputs(["arm one", "case talk1-q0", "no such"])
        assert described == {"arm one": "the architecture of one", "case talk1-q0": ""}
        kept.begin(large)
        assert len(kept.results().rows) == 12


def test_what_results_say_of_a_run(tmp_path: Path) -> None:
    made = made_plans.plan_of()
    with ledger.Ledger.open(tmp_path) as kept:
        kept.begin(made)
        ingest(kept, made)
        found = kept.results()
    assert found.name == "made" and found.suite == {"suite": "made"} and found.planned == 12
    assert list(found.arms) == ["one", "two"]
    assert found.arms["one"]["model"] == "offline/extractive"
    assert found.datasets["talks"] == {
        "type": "Talks", "split": "generated", "licence": "", "provenance": {}, "mode": "observe",
        "category_name": "category", "ordered": False, "category_names": {},
    }  # fmt: skip
    assert found.primary == {"talks": "contains"}
    assert found.drawings["one"].startswith("<svg")
    assert found.stopped == "12 of 12 trials are not done yet"
    assert [each.id for each in found.ingests] == [each.id for each in made.histories]


@pytest.mark.parametrize("wrong", [0.0, None])
def test_a_scorer_that_broke_is_counted_with_the_note_of_the_first_trial(
    tmp_path: Path, wrong: float | None
) -> None:
    made = made_plans.plan_of()
    trials = made.trials
    value = float("nan") if wrong is None else wrong
    with ledger.Ledger.open(tmp_path) as kept:
        kept.begin(made)
        ingest(kept, made)
        assert "broke" not in kept.results().scorers["contains"]
        for n in (2, 1, 0):
            broke = scoring.Score(value, f"the scorer broke: {n}", broke=True)
            done = commit_of(made, trials[n].id)
            if n:
                done = dataclasses.replace(done, scores=committing.kept({"contains": broke}))
            kept.commit(trials[n].id, done)
        told = kept.results().scorers["contains"]["broke"]
        assert told == {"count": 2, "of": 3, "note": "the scorer broke: 1"}
        assert [row.scores["contains"] for row in kept.results().rows] == [1.0, wrong, wrong]
        plan_of = kept._db.execute(
            """EXPLAIN QUERY PLAN SELECT scorer FROM score WHERE details = '{"broke": true}'"""
        ).fetchall()
        assert "score_broke" in plan_of[0][3]


def test_a_snapshot_lives_as_long_as_it_is_needed(tmp_path: Path) -> None:
    made = made_plans.plan_of({"one": "offline/extractive"}, talks=1)
    history = made.histories[0].id
    with ledger.Ledger.open(tmp_path) as kept:
        kept.begin(made)
        assert kept.snapshot(history) is None and kept.ingested() == {}
        ingest(kept, made, b"an agent")
        ingest(kept, made, b"another one that came later")
        assert kept.ingested() == {history: ("done", "", True)}
        for each in made.trials:
            assert kept.snapshot(history) == b"an agent"
            kept.commit(each.id, commit_of(made, each.id))
        assert kept.snapshot(history) is None
        assert kept.ingested() == {history: ("done", "", False)}


def test_one_writer_and_any_number_of_readers(tmp_path: Path) -> None:
    made = made_plans.plan_of()
    first = made.trials[0].id
    with ledger.Ledger.open(tmp_path) as kept:
        kept.begin(made)
        with pytest.raises(errors.InputError, match=f"process {os.getpid()}"):
            ledger.Ledger.open(tmp_path)
        with ledger.Ledger.open(tmp_path, readonly=True) as reader:
            assert reader.results().rows == []
            kept.commit(first, commit_of(made, first))
            assert len(reader.results().rows) == 1
            with pytest.raises(errors.InputError, match="reading only"):
                reader.claim(first, "host")
    ledger.Ledger.open(tmp_path).close()


def test_folders_without_a_ledger(tmp_path: Path) -> None:
    with pytest.raises(errors.InputError, match="there is no run in"):
        ledger.Ledger.open(tmp_path, readonly=True)
    (tmp_path / "run.db").write_text("this is no database at all, but a text of some length" * 9)
    for readonly in (True, False):
        with pytest.raises(errors.InputError, match="cannot be used as the ledger"):
            ledger.Ledger.open(tmp_path, readonly=readonly)
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.InputError, match="cannot make the folder"):
        ledger.Ledger.open(tmp_path / "file")


@pytest.mark.parametrize(("schema", "said"), [(1, "an earlier archgraph"), (99, "a newer")])
def test_a_ledger_of_another_archgraph_is_refused(tmp_path: Path, schema: int, said: str) -> None:
    with ledger.Ledger.open(tmp_path) as kept:
        kept._db.execute(f"PRAGMA user_version = {schema}")
    for readonly in (True, False):
        with pytest.raises(errors.InputError, match=f"written by {said}"):
            ledger.Ledger.open(tmp_path, readonly=readonly)


@pytest.mark.parametrize(("evidence", "there"), [
    ((), None), (("0",), 0), (("4",), 1), (("1", "3"), 0.5), (("3", "elsewhere"), 0.75),
    (("elsewhere",), None),
])  # fmt: skip
def test_the_position_of_the_evidence_is_a_share_of_the_history(
    evidence: tuple[str, ...], there: float | None
) -> None:
    items = tuple(cases.Item(str(n), "x") for n in range(5))
    case = cases.Case("q", "c", items, "who?", ("a",), evidence)
    metrics = rows.Metrics(rows.packed(rows.numbers(record.Outcome(case, "x", "done")), []))
    assert metrics["items"] == 5 and metrics.get("position") == there
    assert ("position" in dict(metrics)) == (there is not None)
    assert len(metrics) == len(list(metrics)) == len(results.METRICS) - (there is None)
    alone = dataclasses.replace(case, history=items[:1], evidence=("0",))
    metrics = rows.Metrics(rows.packed(rows.numbers(record.Outcome(alone, "x", "done")), []))
    assert "position" not in metrics


@hypothesis.given(
    st.dictionaries(st.text(), st.tuples(*[st.integers(0, 1000)] * 5)),
    st.dictionaries(st.text(), st.integers(0, 1000)),
)
def test_what_threads_and_stores_took_comes_back(
    threads: dict[str, tuple[int, ...]], stores: dict[str, int]
) -> None:
    spent = {name: record.Spent(*each) for name, each in threads.items()}
    done = record.Outcome(cases.Case("", "", (), "", ()), "x", "done", by_thread=spent,
                          by_store=stores)  # fmt: skip
    found = committing.commit(done, {})
    told, frames = committing.message("t", done, {}, set())
    assert committing.read(json.loads(json.dumps(told)), frames).taken == found.taken
    by_thread, by_store = shares.read(found.taken)
    assert by_store == stores
    assert {name: tuple(each.values()) for name, each in by_thread.items()} == threads


def test_an_agent_file_is_no_ledger(tmp_path: Path) -> None:
    from archgraph.storage import database

    database.create(str(tmp_path / "run.db"), seed=1).close()
    for readonly in (True, False):
        with pytest.raises(errors.InputError, match="not the ledger of a run"):
            ledger.Ledger.open(tmp_path, readonly=readonly)


def test_a_full_disk_keeps_what_was_committed(tmp_path: Path) -> None:
    made = made_plans.plan_of()
    one, two = made.trials[0].id, made.trials[1].id
    with ledger.Ledger.open(tmp_path) as kept:
        kept.begin(made)
        kept.commit(one, commit_of(made, one))
        pages = kept._db.execute("PRAGMA page_count").fetchone()[0]
        kept._db.execute(f"PRAGMA max_page_count = {pages}")
        big = commit_of(made, two, state={"x": os.urandom(50_000).hex()})
        with pytest.raises(errors.MachineError, match="Free some space"):
            kept.commit(two, big)
        assert [row.trial for row in kept.results().rows] == [one]
        kept._db.execute("PRAGMA max_page_count = 1000000")
        assert kept.commit(two, big)


def test_trials_are_found_as_people_name_them(tmp_path: Path) -> None:
    made = made_plans.plan_of(seeds=(0, 1))
    with ledger.Ledger.open(tmp_path) as kept:
        kept.begin(made)
        assert kept.find_trial("t-one-talk0-q0-1") == "t-one-talk0-q0-1"
        assert kept.find_trial("t-two-talk1-q2-0") == "t-two-talk1-q2-0"
        with pytest.raises(errors.InputError, match="several trials fit") as caught:
            kept.find_trial("one/talk0-q0")
        assert "seeds 0/0/0" in str(caught.value) and "seeds 1/0/0" in str(caught.value)
        with pytest.raises(errors.InputError, match='did you mean "one/talk0-q0"'):
            kept.find_trial("one/talk0q0")
        with pytest.raises(errors.InputError, match="and 16 more"):
            kept.find_trial("t-")
        with pytest.raises(errors.InputError, match="no trial"):
            kept.find_trial("t-%")
        with pytest.raises(errors.InputError, match="not done yet"):
            kept.outcome(made.trials[0].id)
        with pytest.raises(errors.InputError, match="not in this run"):
            kept.case("nothing")
        kept.begin(made_plans.plan_of())
        assert kept.find_trial("one/talk0-q0") == "t-one-talk0-q0-0"
        assert kept.find_trial("one/talks/talk0-q0") == "t-one-talk0-q0-0"


def test_what_was_paid_counts_for_the_first_user_in_the_plan(tmp_path: Path) -> None:
    made = made_plans.plan_of(talks=1)
    one, two = made.trials[0].id, made.trials[3].id
    bought = ledger.Purchase("k", "fake/m", "ask/0", 0, {"text": "x"}, 0.5, 7, 3,
                             {"key": "k", "request": {}})  # fmt: skip
    with ledger.Ledger.open(tmp_path) as kept:
        kept.begin(made)
        kept.buy(bought, two)  # the second arm came first
        assert kept.bought("k", one) == {"text": "x"}
        assert kept.bought("other", one) is None
        for each in (one, two):
            kept.commit(each, commit_of(made, each))
        paid = {row.trial: row.metrics["paid"] for row in kept.results().rows}
        assert paid == {one: 0.5, two: 0.0}
        assert kept.spent() == (1, 0.5)
        kept.buy(bought, two)
        assert kept.spent() == (1, 0.5)


def test_a_failure_that_was_mended_is_forgotten(tmp_path: Path) -> None:
    request = llm.Request("fake/m", [{"role": "user", "content": "x"}])
    from archgraph.llm import recording

    told = {**recording.described(request), "scope": "ask/0", "ordinal": 0}
    made = made_plans.plan_of()
    with ledger.Ledger.open(tmp_path) as kept:
        kept.begin(made)
        for each in made.trials[:2]:
            kept.fail("k", each.id, ("GatewayError", "down"), told)
        assert [each["user"] for each in kept.purchases()] == [
            "one/talks/talk0-q0/0/0/0", "one/talks/talk0-q1/0/0/0"]  # fmt: skip
        bought = ledger.Purchase("k", "fake/m", "ask/0", 0, {"text": "x"}, 0.5, 7, 3, told)
        kept.buy(bought, made.trials[0].id)
        assert len([each for each in kept.purchases() if "failure" in each]) == 1
