"""The board: every open trial is handed out until it is done, whoever dies."""

from __future__ import annotations

import hypothesis
from hypothesis import strategies as st

from archgraph.suites.running import board
from tests.suites import made_plans


def test_few_questions_are_one_unit_and_many_follow_their_ingest() -> None:
    made = made_plans.plan_of({"one": "offline/extractive"}, talks=6, questions=3)
    work = board.Board.of(made.histories, made.trials, {}, 2)
    assert [(each.ingest, each.keep, len(each.trials)) for each in work.waiting] == [
        (True, False, 3)] * 6  # fmt: skip
    made = made_plans.plan_of({"one": "offline/extractive"}, talks=1, questions=60)
    work = board.Board.of(made.histories, made.trials, {}, 2)
    (unit,) = work.waiting
    assert (unit.ingest, unit.keep, unit.trials) == (True, True, ())
    taken = work.take(1.0)
    assert taken == unit and work.take(1.0) is None and not work.over
    work.ingested(unit.history.id)
    assert [len(each.trials) for each in work.waiting] == [15, 15, 15, 15]
    assert all(not each.ingest for each in work.waiting)
    work.finished(unit.number)
    assert not work.over


def test_what_was_ingested_before_is_not_ingested_again() -> None:
    made = made_plans.plan_of({"one": "offline/extractive"}, talks=3, questions=30)
    ids = [each.id for each in made.histories]
    before = {ids[0]: ("done", "", True), ids[1]: ("broken", "why", False)}
    work = board.Board.of(made.histories, made.trials, before, 1)
    first = [each for each in work.waiting if each.history.id == ids[0]]
    assert len(first) == 2 and not any(each.ingest for each in first)
    (lost,) = [each for each in work.waiting if each.history.id == ids[1]]
    assert (lost.ends, lost.reason, len(lost.trials)) == ("broken", "why", 30)


def test_what_is_committed_is_not_handed_out_again() -> None:
    made = made_plans.plan_of({"one": "offline/extractive"}, talks=2, questions=3)
    work = board.Board.of(made.histories, made.trials, {}, 1)
    for left in (2, 1):
        unit = work.take(1.0)
        assert unit is not None
        work.committed(unit.number, unit.trials[0].id)
        assert work.lost(unit.number, died=False) is None
        assert [len(each.trials) for each in work.waiting] == [left, 3]
    unit = work.take(1.0)
    assert unit is not None
    work.committed(unit.number, unit.trials[0].id)
    work.lost(unit.number, died=False)
    assert [each.history for each in work.waiting] == [made.histories[1]]


def test_an_ingest_that_kills_twice_takes_its_questions_along() -> None:
    made = made_plans.plan_of({"one": "offline/extractive"}, talks=1, questions=60)
    work = board.Board.of(made.histories, made.trials, {}, 1)
    for last in (False, True):
        unit = work.take(1.0)
        assert unit is not None
        casualty = work.lost(unit.number, died=True)
        assert (casualty is not None) == last
    assert casualty is not None and len(casualty.trials) == 60
    assert work.over


def test_a_worker_gets_the_history_that_it_has_at_hand() -> None:
    made = made_plans.plan_of({"one": "offline/extractive"}, talks=3)
    work = board.Board.of(made.histories, made.trials, {}, 1)
    unit = work.take(1.0, made.histories[2].id)
    assert unit is not None and unit.history == made.histories[2]
    assert work.expired(0.5) == [] and work.expired(1.5) == [unit.number]


@hypothesis.given(st.integers(1, 3), st.integers(1, 60), st.integers(1, 5), st.data())
@hypothesis.settings(deadline=None)
def test_every_trial_is_done_whatever_happens(
    talks: int, questions: int, workers: int, data: st.DataObject
) -> None:
    made = made_plans.plan_of({"one": "offline/extractive"}, talks=talks, questions=questions)
    work = board.Board.of(made.histories, made.trials, {}, workers)
    done: set[str] = set()
    ingested: set[str] = set()
    deaths = 0
    for _ in range(10_000):
        if work.over:
            break
        unit = work.take(0.0)
        assert unit is not None  # one worker at a time: what waits for an ingest is never stuck
        fate = data.draw(st.sampled_from(["well", "well", "dies", "expires"])) if deaths < 30 \
            else "well"  # fmt: skip
        if fate != "well":
            deaths += 1
            if unit.trials and data.draw(st.booleans()):
                work.busy(unit.number, 0.0, unit.trials[0].id)
            casualty = work.lost(unit.number, died=fate == "dies")
            done |= {each.id for each in casualty.trials} if casualty else set()
            continue
        assert unit.ingest or unit.history.id in ingested
        if unit.ingest:
            ingested.add(unit.history.id)
            work.ingested(unit.history.id)
        for each in unit.trials:
            work.busy(unit.number, 0.0, each.id)
            done.add(each.id)
            work.committed(unit.number, each.id)
        work.finished(unit.number)
    assert done == {each.id for each in made.trials}
