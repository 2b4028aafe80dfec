"""Task memory: a job of thirty steps in a window that holds about five, through kill and fork."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from archgraph import api, clock
from archgraph.llm import extractive
from archgraph.runtime import agent as agents
from archgraph.storage import database, journal
from tests import helpers

MOVES = {
    "Ana": "Oslo", "Ben": "Lima", "Carla": "Kyoto", "Dimitri": "Athens", "Elif": "Ankara",
    "Farid": "Tunis", "Greta": "Malmo", "Hugo": "Porto", "Ines": "Quito", "Jun": "Busan",
}  # fmt: skip
STEPS = [
    *(s for who, to in MOVES.items() for s in (f"Remember that {who} moved to {to}",
                                               f"Water {who}'s plant")),
    *(f"Look up where {who} moved to" for who in MOVES),
]  # fmt: skip
JOB = "Please do these steps one by one:\n" + "\n".join(
    f"{number}. {step}" for number, step in enumerate(STEPS, 1)
)
SMALL = {
    "context_window": 6580, "core_limit": 120, "stores.summary.limit": 600, "keep_last": 1,
    "evict_at": 0.74, "evict_to": 0.1,
}  # fmt: skip
"""Most of this window is taken by prompt, tools and what is reserved: messages have little."""


class Offline(helpers.Answers):
    """The offline policy, which may die before its nth answer."""

    def __init__(self, dies_at: int = 0) -> None:
        super().__init__(lambda request: None)
        self.model, self.dies_at = extractive.Extractive(), dies_at

    def complete(self, request: Any) -> Any:
        self.requests.append(request)
        if len(self.requests) == self.dies_at:
            raise helpers.Death
        return self.model.complete(request)


def born(path: Path | None = None, gateway: Any = None, **changes: Any) -> agents.Agent:
    name = changes.pop("architecture", "task_memory")
    overrides = [f"{key}={value}" for key, value in {**SMALL, **changes}.items()]
    return api.open_agent(
        name, path, overrides=overrides, seed=1,
        clock=clock.VirtualClock(helpers.START), gateway=gateway or Offline(),
    )  # fmt: skip


def tasks(agent: agents.Agent) -> dict[str, tuple[str, str, str]]:
    """State, text and result of every task."""
    found = agent.stores["tasks"].records.select()
    return {r.id: (r.status, r.content, r.fields.get("result", "")) for r in found}


def results(agent: agents.Agent) -> list[str]:
    """What came of the tasks, in their order."""
    held = tasks(agent)
    return [held[f"t{number}"][2] for number in range(1, len(held) + 1)]


def in_view(agent: agents.Agent) -> list[set[str]]:
    """For each step, the tasks whose taking is among the messages of its window."""
    found = []
    for row in journal.steps(agent.db, "kind = 'step'"):
        messages = agent.window(row.id)["messages"][1:]
        held = [str(m["content"]) for m in messages if m["role"] == "tool"]
        found.append({id for text in held for id in re.findall(r"Task (t\d+):", text)})
    return found


def check_done(agent: agents.Agent) -> None:
    held = tasks(agent)
    assert [text for _, text, _ in held.values()] and len(held) == 30
    assert {state for state, _, _ in held.values()} == {"done"}
    assert results(agent)[20:] == list(MOVES.values()), "what left the view was looked up"
    assert agent.stores["tasks"].measure("open") == 0


def test_thirty_steps_are_finished_in_a_window_that_holds_about_five() -> None:
    agent = born()
    turn = agent.send(JOB)
    assert (turn.status, turn.reason) == ("done", "")
    check_done(agent)
    evictions = journal.steps(agent.db, "kind = 'evict'")
    assert len(evictions) >= 5
    seen = in_view(agent)
    assert max(map(len, seen)) <= 6 and sum(map(len, seen)) / len(seen) < 4.5
    last = str(agent.window(journal.steps(agent.db, "kind = 'step'")[-1].id)["messages"][1:])
    assert STEPS[0] not in last, "the message that set the job has left the view"
    assert len(turn.replies) == 1, "it replies when no task is left, and not before"
    assert turn.replies[0].startswith("No task is left: 30 done.")
    assert "Busan" in turn.replies[0]


def test_without_the_rule_that_keeps_it_going_it_stops_when_nothing_asks_for_a_step() -> None:
    agent = born(
        **{"threads.main.heartbeat.while": "null", "threads.main.heartbeat.when": "failed"}
    )
    turn = agent.send(JOB)
    assert turn.replies == () and agent.stores["tasks"].measure("open") == 30
    going = born(**{"threads.main.heartbeat.when": "failed"})
    assert going.send(JOB).status == "done"
    assert going.stores["tasks"].measure("done") == 30, "`while: tasks.open` alone carries it"


@pytest.mark.parametrize("at", [3, 58])
def test_a_job_goes_on_after_a_kill_and_ends_as_if_there_had_been_none(
    at: int, tmp_path: Path
) -> None:
    path = tmp_path / "agent.db"
    agent = born(path, Offline(dies_at=at))
    with pytest.raises(helpers.Death):
        agent.send(JOB, key="job")
    helpers.die(agent)
    again = helpers.reopened(path, Offline())
    assert again.stores["tasks"].measure("count") == 30, "the tasks are there"
    again.resume()
    check_done(again)
    whole = born()
    whole.send(JOB, key="job")
    expected, found = database.dump(whole.db), database.dump(again.db)
    assert found["record"] == expected["record"] and found["call"] == expected["call"]


def test_a_fork_of_the_middle_has_the_tasks_of_the_middle_and_goes_its_own_way() -> None:
    agent = born()
    agent.send(JOB)
    rows = journal.steps(agent.db, "kind = 'step'")
    setup = agents.Setup(clock=clock.VirtualClock(helpers.START), gateway=Offline())
    fork = agent.fork(":memory:", at=rows[40].id, setup=setup)
    done = fork.stores["tasks"].measure("done")
    assert 0 < done < 30, "it stands in the middle"
    assert fork.stores["tasks"].measure("open") == 30 - done
    fork.resume()
    check_done(fork)
    fork.send("Please do this: 1. Remember that Kim moved to Rome. 2. Look up where Kim moved to.")
    assert {id: task[2] for id, task in tasks(fork).items()}["t32"] == "Rome"
    assert "t31" not in tasks(agent), "the original knows nothing of it"


def test_a_job_that_was_cut_short_goes_on_at_the_next_message() -> None:
    agent = born(max_steps=12)
    turn = agent.send(JOB)
    assert turn.status == "failed" and "max_steps (12)" in turn.reason
    assert 0 < agent.stores["tasks"].measure("done") < 30
    for _ in range(8):
        agent.send("Good. Go on.")
    check_done(agent)


def test_what_cannot_be_found_is_given_up_with_the_reason_and_told() -> None:
    agent = born()
    turn = agent.send("Look up who won the regatta in Kiel, then remember that Ana sails.")
    states = {text: state for state, text, _ in tasks(agent).values()}
    assert states == {
        "Look up who won the regatta in Kiel": "failed", "remember that Ana sails": "done",
    }  # fmt: skip
    assert turn.replies[0].startswith("No task is left: 1 done, 1 failed.")


def test_a_list_that_takes_one_task_at_a_time_serves_as_well() -> None:
    agent = born(task_queue_plan="null", **{"context_window": 8192, "evict_at": 1.0})
    agent.send(JOB)
    check_done(agent)


def test_an_ordinary_message_is_answered_as_memgpt_does() -> None:
    agent = born()
    agent.send("My sister Ana moved to Oslo.")
    assert agent.send("Where did Ana move to?").replies == ("Oslo",)
    assert agent.stores["tasks"].measure("count") == 0


def test_without_its_tasks_it_is_a_working_ablation_that_forgets_the_job() -> None:
    overrides = ["tasks=null", *(f"{key}={value}" for key, value in SMALL.items())]
    plan = api.compile("task_memory", overrides)
    assert not [name for name in plan.tools if name.startswith("task")]
    agent = api.open_agent(plan, seed=1, clock=clock.VirtualClock(helpers.START))
    turn = agent.send(JOB)
    assert turn.status == "done" and turn.steps < 10
    assert "Jobs of several steps" not in str(agent.window(1)["messages"][0])
    assert "Busan" not in "".join(turn.replies), "nothing carried it through the steps"


def test_in_the_background_variant_the_user_is_answered_first() -> None:
    agent = born(architecture="task_memory_background", context_window=8192, keep_last=2)
    turn = agent.send(JOB)
    assert turn.replies == ("I have put that on the list.",) and turn.steps < 4
    assert agent.stores["tasks"].measure("done") == 0
    agent.work()
    check_done(agent)
    threads = {row.thread for row in journal.steps(agent.db, "kind = 'step'")}
    assert threads == {"main", "worker"}
    assert agent.send("Where did Jun move to?").replies == ("Busan",)
