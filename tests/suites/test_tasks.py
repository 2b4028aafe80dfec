from __future__ import annotations

import re
from typing import Any

import pydantic
import pytest

from archgraph import api, clock
from archgraph.suites.datasets import case, tasks


def drawn(**options: Any) -> list[case.Case]:
    kind = tasks.Tasks
    found = kind(kind.Options(**{"steps": [6, 14], "jobs": 3, **options})).conversations()
    return [one for conversation in found for one in conversation.cases]


@pytest.mark.parametrize("shuffled", [False, True])
def test_the_job_lists_its_steps_and_which_come_after_which(shuffled: bool) -> None:
    for one in drawn(shuffled=shuffled):
        steps, after = one.details["steps"], one.details["after"]
        assert len(steps) == len(set(steps)) == one.category
        assert re.findall(r"^\d+\. (.+)$", one.question, re.M) == steps
        told = one.question.partition("Mind the order: ")[2]
        pairs = [[int(a) - 1, int(b) - 1] for a, rest in
                 re.findall(r"step (\d+) comes after step ([\d and]+)", told)
                 for b in re.findall(r"\d+", rest)]  # fmt: skip
        assert sorted(pairs) == sorted(after)
        in_order = all(b < a for a, b in after)
        assert in_order != shuffled


def test_look_ups_find_what_the_history_or_an_earlier_step_tells() -> None:
    for one in drawn():
        told = " ".join(item.text for item in one.history) + " ".join(one.details["steps"])
        results = {int(n): found for n, found in one.details["results"].items()}
        assert all(found in told for found in results.values())
        assert {n for n, step in enumerate(one.details["steps"]) if step.startswith("Look up")} == (
            set(results)
        )
        assert one.answers == (results[one.category - 1],)
        assert one.evidence


def test_a_job_has_three_to_a_hundred_steps() -> None:
    with pytest.raises(pydantic.ValidationError, match="3 to 100"):
        drawn(steps=[2])
    [*_, longest] = drawn(steps=[100], jobs=2, facts=100)
    assert longest.category == 100


def test_task_memory_does_such_a_job_with_the_offline_policy() -> None:
    [one] = drawn(steps=[8], jobs=1)
    agent = api.open_agent("task_memory", seed=1, clock=clock.VirtualClock(tasks.START))
    for item in one.history:
        agent.observe(item.text, at=item.at)
    turn = agent.send(one.question)
    held = agent.stores["tasks"].records.select()
    assert turn.status == "done"
    assert {record.content for record in held} == set(one.details["steps"])
    assert {record.status for record in held} == {"done"}
    found = {record.content: record.fields["result"] for record in held}
    for number, result in one.details["results"].items():
        assert found[one.details["steps"][int(number)]] == result
