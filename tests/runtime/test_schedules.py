"""A fuzzer of schedules: two threads, timers, faults and deaths in any order, shrunk on failure.

Whatever happens in whatever order: nothing that was said is lost or read twice, a block is what
its journalled writes made of it, and the same happenings give the same file, deaths or not.
"""

from __future__ import annotations

import itertools
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from archgraph import errors
from archgraph.graph import plan as plans
from archgraph.runtime import agent as agents
from archgraph.storage import database, journal
from tests import helpers
from tests.helpers import START, Answers, Death, call
from tests.runtime import test_threads

SPEAK, NOTE, BAD, FAULT, WAIT, TEXT = range(6)
"""What a model may do when it is asked; any other number is `SPEAK`, or `done` of the second."""
DIE = 9
"""The process dies while the model works."""


def architecture(consistency: str, cap: int) -> plans.Plan:
    made = test_threads.pair(every=2, consistency=consistency, cap=cap)
    main, under = made.threads["main"], made.threads["under"]
    timer = helpers.wait(300.0)
    idle = plans.TriggerPlan("idle", seconds=120.0, mode="background")
    threads = {
        "main": replace(main, triggers=(*main.triggers, timer)),
        "under": replace(under, triggers=(*under.triggers, idle)),
    }
    return replace(made, threads=threads)


class Model(Answers):
    """Does what the next number says; keeps what each request of the second thread was given."""

    def __init__(self, numbers: list[int], deadly: bool) -> None:
        super().__init__(self._answer)
        self.numbers, self.deadly, self.answered = list(numbers), deadly, 0

    def _answer(self, request: Any) -> Any:
        number = self.numbers.pop(0) if self.numbers else 8
        while number == DIE:
            if self.deadly:
                raise Death
            number = self.numbers.pop(0) if self.numbers else 8
        self.answered += 1
        second = helpers.system(request).startswith("UNDER")
        label = f"{'u' if second else 'm'}{self.answered}"
        if number == NOTE:
            more = {} if second else {"request_heartbeat": True}
            return call("note", content=label, **more)
        if number == BAD:
            return call("nothing", number=self.answered)
        if number == FAULT:
            raise errors.GatewayFault("busy")
        if number == WAIT and not second:
            return call("rest", minutes=1)
        if number == TEXT:
            return f"text {label}"
        return test_threads.FINISH if second else call("say", message=f"said {label}")


class Life:
    """An agent that is reopened when it dies, and then goes on with what it was doing."""

    def __init__(self, folder: Path, plan: plans.Plan, model: Model) -> None:
        self.path, self.model, self.deaths = folder / "a.db", model, 0
        self.agent = helpers.opened(plan, model, self.path)
        self.moment, self.count = START, 0

    def live(self, happenings: list[Any]) -> Life:
        for what, value in happenings:
            self.count += 1
            if what == "time":
                self.moment += value
            target = self.model.answered + value
            while True:
                try:
                    self.happen(what, target)
                    break
                except Death:
                    self.deaths += 1
                    helpers.die(self.agent)
                    self.agent = helpers.reopened(self.path, self.model)
        return self

    def happen(self, what: str, target: int) -> None:
        key = str(self.count)
        if what == "message":
            self.agent.send(f"message {key}", key=key)
            self.agent.resume()
        elif what == "observe":
            self.agent.observe(f"overheard {key}", key=key)
        elif what == "work":
            self.agent.work(should_yield=lambda: self.model.answered >= target)
        elif what == "rest":
            self.agent.work()
        else:
            self.agent.advance_to(self.moment)

    def settle(self) -> Life:
        """No more faults: let both threads come to rest, and the second read all there is."""
        self.model.numbers = []
        return self.live([("rest", 0), *[("message", 0), ("message", 0), ("rest", 0)] * 8])


HAPPENINGS = st.lists(
    st.one_of(
        st.tuples(st.just("message"), st.just(0)),
        st.tuples(st.just("observe"), st.just(0)),
        st.tuples(st.just("work"), st.integers(1, 3)),
        st.tuples(st.just("rest"), st.just(0)),
        st.tuples(st.just("time"), st.integers(1, 700)),
    ),
    min_size=1,
    max_size=12,
)
NUMBERS = st.lists(
    st.sampled_from([SPEAK, NOTE, NOTE, BAD, FAULT, WAIT, TEXT, 7, DIE]), max_size=40
)


def live(
    happenings: list[Any], numbers: list[int], deadly: bool, consistency: str, cap: int
) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        model = Model(numbers, deadly)
        life = Life(Path(folder), architecture(consistency, cap), model)
        life.live(happenings)
        middle = database.dump(life.agent.db)
        life.settle()
        check_turns(life.agent)
        check_block(life.agent)
        check_reading(life.agent)
        check_windows(life.agent, model)
        end = database.dump(life.agent.db)
        life.agent.close()
        return middle, end, life.deaths


@settings(max_examples=40, deadline=None)
@given(
    HAPPENINGS,
    NUMBERS,
    st.sampled_from(["last_write", "reject", "merge"]),
    st.sampled_from([0, 90]),
)
@example([("message", 0), ("time", 400), ("message", 0)], [NOTE, WAIT, FAULT, DIE], "merge", 90)
def test_in_any_order_nothing_is_lost_or_done_twice(
    happenings: list[Any], numbers: list[int], consistency: str, cap: int
) -> None:
    middle, end, deaths = live(happenings, numbers, True, consistency, cap)
    again = live(happenings, numbers, True, consistency, cap)
    assert again == (middle, end, deaths), "the same happenings, the same file"
    if deaths:
        spared = live(happenings, numbers, False, consistency, cap)
        for table, rows in spared[1].items():
            assert end[table] == rows, f"a death left its mark in {table}"


def check_turns(agent: agents.Agent) -> None:
    """Every turn is closed, in order, and nobody is left half way."""
    turns = journal.turns(agent.db)
    assert all(turn.status in ("done", "failed") for turn in turns)
    assert all(a.closed < b.born for a, b in itertools.pairwise(turns))  # type: ignore[operator]
    assert not any(thread.run for thread in agent.state.threads.values())
    assert not journal.open_threads(agent.db)
    runs = [(row.thread, row.run) for row in journal.steps(agent.db)]
    for name in agent.plan.threads:
        own = [run for thread, run in runs if thread == name]
        assert own == sorted(own), "two runs of a thread were mixed"


def check_block(agent: agents.Agent) -> None:
    """The block is what the journalled writes, in the order of their commits, made of it."""
    written = [
        json.loads(made[2])["content"]
        for row in journal.steps(agent.db, "status = 'done'")
        for made, result in zip(
            (row.reply or {}).get("tool_calls", ()), journal.calls(agent.db, row.id), strict=True
        )
        if result.ok and result.name == "note"
    ]
    assert test_threads.text(agent).split("\n") == (written or [""])


def check_reading(agent: agents.Agent) -> None:
    """Over all runs that ended well, the second thread has read each message exactly once."""
    said = [
        agent.stores["recall"].line(record)  # type: ignore[attr-defined]
        for record in agent.stores["recall"].records.select("thread IS NULL OR thread = 'main'")
    ]
    said = [line for line in said if line]
    broken_off = broken_runs(agent)
    read: list[str] = []
    seen: set[int] = set()
    for row in journal.steps(agent.db, "thread = 'under' AND status = 'done'"):
        if row.run in seen or row.run in broken_off:
            continue
        seen.add(row.run)
        prompt = agent.window(row.id)["messages"][0]["content"]
        read += [line for line in prompt.partition("NEW:\n")[2].split("\n") if line]
    assert read == said[: len(read)], "lost, repeated or out of order"
    cursor = agent.state.threads["under"].cursor.get("recall", 0)
    rest = agent.db.value(
        "SELECT count(*) FROM record WHERE store = 'recall' AND seq > ? AND thread IS NULL",
        (cursor,),
    )
    assert len(said) - len(read) <= 4 or rest, "it reads on as long as there is something"


def broken_runs(agent: agents.Agent) -> set[int]:
    """Runs of the second thread that failed or were broken off."""
    failed = {row.run for row in journal.steps(agent.db, "thread = 'under' AND status = 'failed'")}
    born = {
        event.born
        for event in journal.events(agent.db, "name = 'run.failed'")
        if event.payload["thread"] == "under"
    }
    cut = {r.run for r in journal.steps(agent.db, "thread = 'under'") if r.closed in born}
    return failed | cut


def check_windows(agent: agents.Agent, model: Model) -> None:
    """The journal gives back every answered request as it was sent."""
    kept = {json.dumps(agent.window(row.id)["messages"]) for row in journal.steps(agent.db)
            if row.status == "done"}  # fmt: skip
    asked = {json.dumps(list(request.messages)) for request in model.requests}
    assert kept <= asked
