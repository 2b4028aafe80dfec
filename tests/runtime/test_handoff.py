"""Hand-off between a thread that talks and one that reads: each message is read exactly once.

"Read" means: shown in a run that ended well. The shipped pairs of threads are tried, with a model
that does what may go wrong.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archgraph import api
from archgraph.runtime import agent as agents
from archgraph.storage import database, journal
from tests import helpers
from tests.runtime import handoff, test_schedules
from tests.runtime.handoff import BAD, DIE, END, FAULT, SPEAK, TEXT, WAIT, WRITE

EVERY = pytest.mark.parametrize("name", list(handoff.PAIRS))


def all_read(agent: agents.Agent, name: str) -> bool:
    """Whether the reader has read all that was said, once and in order."""
    return handoff.read(agent, name) == handoff.said(agent, name)


def talk(agent: agents.Agent, count: int, *, work: bool = True) -> None:
    for number in range(count):
        agent.send(f"message {number}")
        if work:
            agent.work()


@EVERY
def test_all_that_was_said_is_read_once(name: str) -> None:
    agent = handoff.opened(plan := handoff.plan(name, every=2), handoff.Minds(plan))
    talk(agent, 8)
    assert len(handoff.said(agent, name)) == 16, "eight messages and their answers"
    assert all_read(agent, name)


@EVERY
def test_a_reader_whose_model_is_down_misses_nothing(name: str) -> None:
    """However often it fails, what it has not read comes again, and first of all."""
    minds = handoff.Minds(plan := handoff.plan(name, every=2))
    reader = handoff.PAIRS[name][1]
    agent = handoff.opened(plan, minds)
    minds.down = {reader}
    talk(agent, 12)
    failed = journal.events(agent.db, "name = 'run.failed'")
    assert len(failed) >= 6 and not handoff.read(agent, name)
    assert [turn.status for turn in journal.turns(agent.db)] == ["done"] * 12
    minds.down = set()
    talk(agent, 2)
    assert all_read(agent, name)
    assert len(handoff.said(agent, name)) == 28


@EVERY
def test_a_run_that_never_finishes_is_given_its_range_again(name: str) -> None:
    minds = handoff.Minds(plan := handoff.plan(name, every=2))
    agent = handoff.opened(plan, minds)
    talk(agent, 2, work=False)
    minds.numbers = [WRITE] * 30  # it writes on until its steps are spent
    agent.work()
    assert journal.events(agent.db, "name = 'run.failed'") and not handoff.read(agent, name)
    minds.numbers = []
    talk(agent, 2)
    assert all_read(agent, name) and len(handoff.said(agent, name)) == 8


@EVERY
def test_messages_that_arrive_between_its_steps_come_with_its_next_run(name: str) -> None:
    """A user who types faster than it thinks: it gives way after each of its steps."""
    minds = handoff.Minds(plan := handoff.plan(name, every=1))
    reader = handoff.PAIRS[name][1]
    agent = handoff.opened(plan, minds)
    agent.send("message first")
    for number in range(12):
        minds.numbers = [WRITE] if number % 3 else []
        before = len(minds.requests)
        agent.work(should_yield=lambda start=before: len(minds.requests) > start)  # type: ignore[misc]
        assert len(minds.requests) - before <= 1, "one step, then it gave way"
        minds.numbers = []
        asked = len(minds.of(reader))
        agent.send(f"message {number}")
        assert len(minds.of(reader)) == asked, "the message went first"
    agent.work()
    assert all_read(agent, name)


@EVERY
def test_triggers_that_fire_while_it_is_busy_make_one_more_run(name: str) -> None:
    minds = handoff.Minds(plan := handoff.plan(name, every=1))
    reader = handoff.PAIRS[name][1]
    agent = handoff.opened(plan, minds)
    talk(agent, 6, work=False)
    agent.work()
    runs = {row.run for row in journal.steps(agent.db, "thread = ?", (reader,))}
    assert len(runs) <= 2 and all_read(agent, name)


@EVERY
def test_a_range_above_its_cap_is_delivered_in_parts(name: str) -> None:
    """Run after run, without another trigger, until nothing is left."""
    plan = handoff.plan(name, cap=90, every=1)
    reader = handoff.PAIRS[name][1]
    agent = handoff.opened(plan, handoff.Minds(plan))
    talk(agent, 7, work=False)
    agent.work()
    assert all_read(agent, name) and len(handoff.said(agent, name)) == 14
    runs = {row.run for row in journal.steps(agent.db, "thread = ?", (reader,))}
    assert len(runs) >= 3
    assert not agent.state.threads[reader].run


@EVERY
def test_an_agent_that_is_reopened_in_the_middle_reads_on(name: str, tmp_path: Path) -> None:
    """Closed after each of the reader's steps, and killed while its model works."""
    minds = handoff.Minds(plan := handoff.plan(name, every=2))
    path = tmp_path / "a.db"
    agent = handoff.opened(plan, minds, path)
    for number in range(10):
        agent.send(f"message {number}", key=str(number))
        minds.numbers = [WRITE, DIE] if number % 4 == 1 else [WRITE]
        before = len(minds.requests)
        try:
            agent.work(should_yield=lambda start=before: len(minds.requests) > start + 1)  # type: ignore[misc]
            agent.close()
        except helpers.Death:
            helpers.die(agent)
        minds.numbers = []
        agent = helpers.reopened(path, minds)
    agent.work()
    talk(agent, 2)
    assert all_read(agent, name)


@EVERY
def test_a_fork_in_the_middle_of_a_run_reads_on_for_itself(name: str, tmp_path: Path) -> None:
    minds = handoff.Minds(plan := handoff.plan(name, every=2))
    reader = handoff.PAIRS[name][1]
    agent = handoff.opened(plan, minds, tmp_path / "a.db")
    talk(agent, 4, work=False)
    minds.numbers = [WRITE]
    agent.work(should_yield=lambda: bool(minds.of(reader)))
    assert agent.state.threads[reader].run, "it is in the middle of a run"
    step = journal.steps(agent.db)[-1].id
    talk(agent, 2)
    fork = agent.fork(str(tmp_path / "b.db"), at=step)
    assert fork.state.threads[reader].upto == {**fork.state.threads[reader].upto}
    for each in (agent, fork):
        each.work()
        talk(each, 2)
        assert all_read(each, name), each
    assert len(handoff.said(fork, name)) == 12 and len(handoff.said(agent, name)) == 16


# In any order


class Life(test_schedules.Life):
    """An agent of a shipped file that is reopened when it dies."""

    def settle(self) -> Life:
        self.model.numbers = []
        self.live([("rest", 0), *[("message", 0), ("message", 0), ("rest", 0)] * 8])
        return self


HAPPENINGS = st.lists(
    st.one_of(
        st.tuples(st.just("message"), st.just(0)),
        st.tuples(st.just("observe"), st.just(0)),
        st.tuples(st.just("work"), st.integers(1, 3)),
        st.tuples(st.just("rest"), st.just(0)),
        st.tuples(st.just("time"), st.integers(1, 900)),
    ),
    min_size=1,
    max_size=10,
)
NUMBERS = st.lists(
    st.sampled_from([SPEAK, WRITE, WRITE, BAD, FAULT, WAIT, TEXT, END, DIE]), max_size=30
)


def lived(
    name: str, happenings: list[Any], numbers: list[int], deadly: bool, cap: int, path: Path
) -> Any:
    plan = handoff.plan(name, cap=cap)
    model: Any = handoff.Minds(plan, numbers, deadly)
    life = Life(path, plan, model)
    life.live(happenings).settle()
    agent = life.agent
    test_schedules.check_turns(agent)
    test_schedules.check_windows(agent, model)
    read, said = handoff.read(agent, name), handoff.said(agent, name)
    assert read == said[: len(read)], "lost, repeated or out of order"
    assert len(said) - len(read) <= 4, "it has read what was due"
    end = database.dump(agent.db)
    agent.close()
    return end, life.deaths


@EVERY
@settings(max_examples=12, deadline=None)
@given(happenings=HAPPENINGS, numbers=NUMBERS, cap=st.sampled_from([0, 120]))
def test_in_any_order_each_message_is_read_once(
    name: str, happenings: list[Any], numbers: list[int], cap: int, tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.mktemp("lives")
    for each in ("mortal", "immortal"):
        (folder / each).mkdir()
    end, deaths = lived(name, happenings, numbers, True, cap, folder / "mortal")
    if deaths:
        spared, _ = lived(name, happenings, numbers, False, cap, folder / "immortal")
        for table, rows in spared.items():
            assert end[table] == rows, f"a death left its mark in {table}"


@settings(max_examples=12, deadline=None)
@given(happenings=HAPPENINGS, numbers=NUMBERS)
def test_in_any_order_both_threads_hear_each_message(
    happenings: list[Any], numbers: list[int], tmp_path_factory: Any
) -> None:
    """The split thread: no range, but a log each; and a wait that always ends."""
    plan = api.compile("split_thread")
    model: Any = handoff.Minds(plan, numbers)
    life = Life(tmp_path_factory.mktemp("split"), plan, model)
    life.live(happenings).settle()
    agent = life.agent
    test_schedules.check_turns(agent)
    test_schedules.check_windows(agent, model)
    sql = "SELECT content FROM record WHERE store = ? AND thread IS NULL ORDER BY seq"
    heard = [[row[0] for row in agent.db.all(sql, (log,))] for log in ("recall", "notes")]
    assert heard[0] == heard[1] and len(heard[0]) == len(set(heard[0])) >= 16
    answered = {row.turn for row in journal.steps(agent.db, "thread = 'memory'")}
    assert len(answered) >= 8
    agent.close()
