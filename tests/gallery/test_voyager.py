"""Voyager: code is tried, judged and only then kept; what was kept is found again and run."""

from __future__ import annotations

from typing import Any

import pytest

from archgraph import api, clock, errors
from archgraph.llm import base as llm
from archgraph.runtime import agent as agents
from archgraph.storage import journal
from archgraph.tools import sandbox
from tests.gallery import conversation
from tests.helpers import Answers, call, system

pytestmark = pytest.mark.skipif(not sandbox.available(), reason="needs limits on processes (POSIX)")

INITIALS = 'def main(name="Ada Byron"):\n    return "".join(part[0] for part in name.split())'
LARGEST = "def main(prices):\n    return max(prices)"
SUM = "def main(prices):\n    return sum(prices)"
BROKEN = "def main():\n    return 1 / 0"


def fenced(*blocks: str) -> str:
    return "\nOr:\n".join(f"```python\n{block}\n```" for block in blocks)


LEARN = f"Learn a skill called initials: it gives the initials of a name.\n{fenced(INITIALS)}"
TOTAL = (
    "Keep a skill called total that adds up prices. "
    f'It should give 42 for {{"prices": [40, 2]}}.\n{fenced(LARGEST, SUM)}'
)
FAIL = f"Keep a skill called split, it shares evenly.\n{fenced(BROKEN)}"
USE = 'Use your skill that adds up prices: {"prices": [1, 2, 3]}'


def voyager(*overrides: str, gateway: Any = None) -> agents.Agent:
    moment = clock.VirtualClock(conversation.BEGIN)
    return api.open_agent("voyager", overrides=overrides, seed=1, clock=moment, gateway=gateway)


def trace(agent: agents.Agent) -> list[tuple[str, bool, str]]:
    """The calls on code: tool, whether it went well, and the last line of its result."""
    steps = journal.steps(agent.db)
    made = [c for row in steps for c in journal.calls(agent.db, row.id)]
    kept = [c for c in made if c.name != "send_message"]
    return [(c.name, c.ok, c.result.splitlines()[-1]) for c in kept]


ASKED = ("ask_critic", True, "Asked. You go on when the answer has come.")


def test_code_is_tried_judged_and_then_kept() -> None:
    with voyager() as agent:
        assert agent.send(LEARN).status == "done"
        assert trace(agent) == [
            ("try_code", True, "AB"),
            ASKED,
            ("save_skill", True, "Saved the skill initials (version 1)."),
        ]
        verdicts = agent.stores["verdicts"].records.select()
        assert [record.content[:4] for record in verdicts][1:] == ["yes:"]


def test_what_the_critic_refuses_is_not_kept_and_the_next_attempt_is() -> None:
    with voyager() as agent:
        agent.send(TOTAL)
        assert trace(agent) == [
            ("try_code", True, "40"), ASKED,
            ("try_code", True, "42"), ASKED,
            ("save_skill", True, "Saved the skill total (version 1)."),
        ]  # fmt: skip
        (kept,) = agent.stores["skills"].records.select()
        assert kept.fields["code"] == SUM


def test_what_fails_is_not_kept_and_its_error_is_told() -> None:
    with voyager() as agent:
        turn = agent.send(FAIL)
        assert trace(agent) == [("try_code", False, "ZeroDivisionError: division by zero")]
        assert "ZeroDivisionError" in turn.reply
        assert agent.stores["skills"].measure("count") == 0


def test_a_kept_skill_is_found_by_its_description_and_run() -> None:
    with voyager() as agent:
        for text in (LEARN, TOTAL):
            agent.send(text)
        before = len(trace(agent))
        assert agent.send(USE).reply == "6"
        assert trace(agent)[before:] == [("run_skill", True, "6")]
        last = journal.steps(agent.db)[-1]
        assert "- total: Keep a skill" in agent.window(last.id)["messages"][0]["content"]


def test_a_model_mends_its_code_by_the_error_four_times_and_no_more() -> None:
    """With a model that writes code: each attempt sees the error of the one before."""
    seen: list[str] = []

    def answer(request: llm.Request) -> Any:
        if "You are a critic" in system(request):
            return "yes: it ran"
        seen.append(str(request.messages[-1]["content"]))
        return [call("try_code", code=f"raise ValueError('attempt {len(seen)}')")]

    with voyager(gateway=Answers(answer)) as agent:
        turn = agent.send("Do something hard.")
        tried = trace(agent)
    assert [line for _, _, line in tried] == [f"ValueError: attempt {n}" for n in (1, 2, 3, 4)]
    assert turn.status == "failed"
    assert "4 failed steps in a row; the last: try_code" in turn.reason
    assert ["attempt 1" in text for text in seen] == [False, True, False, False]


def test_the_declared_rules_hold_for_any_model() -> None:
    """A model that would keep what nobody judged is refused."""
    made = [call("save_skill", name="total", description="adds", code="print(1)")]
    answers = iter([made, [call("send_message", message="So be it.")]])
    with voyager(gateway=Answers(lambda request: next(answers))) as agent:
        agent.send("Keep something.")
        (name, ok, _) = trace(agent)[0]
        assert (name, ok) == ("save_skill", False)
        assert agent.stores["skills"].measure("count") == 0


@pytest.mark.parametrize(
    "ablated", ["skills", "try_code", "save_skill", "run_skill", "critic", "ask_critic"]
)
def test_without_that_node_the_trace_is_another(ablated: str) -> None:
    """Each node that distinguishes the design leaves a trace that its absence changes."""
    with voyager(f"{ablated}=null") as agent:
        for text in (LEARN, TOTAL, USE):
            assert agent.send(text).status == "done"
        told = trace(agent)
    with voyager() as whole:
        for text in (LEARN, TOTAL, USE):
            whole.send(text)
        assert trace(whole)[-1] == ("run_skill", True, "6")
        assert told != trace(whole)
    if ablated in ("skills", "try_code", "save_skill"):
        assert not [name for name, ok, _ in told if name in ("save_skill", "run_skill") and ok]


@pytest.mark.parametrize("ablated", ["recall", "verdicts"])
def test_what_cannot_be_removed_says_what_dangles(ablated: str) -> None:
    with pytest.raises(errors.SpecError) as caught:
        voyager(f"{ablated}=null")
    assert {problem.code for problem in caught.value.problems} == {"dangling"}


def test_a_greeting_is_no_code() -> None:
    with voyager() as agent:
        assert agent.send("Hello, my name is Dana.").status == "done"
        assert trace(agent) == []
