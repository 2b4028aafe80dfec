"""Bad model output is fed back as a failed result and ends at declared bounds; rules of tools."""

from __future__ import annotations

from typing import Any

import pytest

from archgraph.graph import plan as plans
from archgraph.messages import Completion, ToolCall
from archgraph.runtime import agent as agents
from archgraph.storage import journal
from archgraph.stores import block
from tests import helpers
from tests.helpers import Script, broken, call

TOOLS = {
    "say": ("reply",),
    "note": ("append", "human"),
    "line": ("insert_line", "human"),
    "stop": ("finish",),
}


def made(rules: plans.ToolRules | None = None, **beat: Any) -> plans.Plan:
    heartbeat = plans.HeartbeatPlan(
        when=("requested", "failed"), rules=rules or plans.ToolRules(), **beat
    )
    return helpers.plan(
        helpers.thread(heartbeat=heartbeat), stores={"human": {"type": "block"}}, tools=TOOLS
    )


def talk(*items: Any, rules: plans.ToolRules | None = None, **beat: Any) -> tuple[Any, Any, Any]:
    """Send one message: the turn, the gateway, the agent."""
    gateway = Script(*items)
    agent = helpers.opened(made(rules, **beat), gateway)
    return agent.send("hello"), gateway, agent


def text(agent: agents.Agent) -> str:
    human = agent.stores["human"]
    assert isinstance(human, block.Block)
    return human.text


SAID = call("say", message="hi")

BAD = {
    "an unknown tool": (call("nope"), "no tool named 'nope'"),
    "a near miss of a name": (call("notee", content="x"), 'did you mean "note"?'),
    "broken JSON": (broken("note", '{"content": "x'), "not valid JSON"),
    "JSON that is no object": (broken("note", '["x"]'), "must be a JSON object"),
    "JSON that is very deep": (broken("note", "[" * 100_000), "not valid JSON"),
    "a missing argument": (call("note"), "missing argument 'content'"),
    "a mistyped argument": (call("note", content=7), "must be of type string"),
    "a mistyped number": (call("line", content="x", line="two"), "must be of type integer"),
    "a null argument": (call("note", content=None), "must be of type string"),
    "an unknown argument": (call("note", content="x", colour="red"), "unknown argument 'colour'"),
    "an impossible line": (call("line", content="x", line=9), "there is no line 9"),
    "no name": (broken("", "{}"), "no tool named ''"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_output_comes_back_as_a_failed_result_and_the_model_may_mend_it(what: str) -> None:
    bad, told = BAD[what]
    turn, gateway, agent = talk(bad, SAID)
    assert (turn.status, turn.replies, turn.steps) == ("done", ("hi",), 2)
    result = gateway.requests[1].messages[-1]
    assert result["role"] == "tool" and '"status": "Failed"' in result["content"]
    assert told in helpers.text_of(result)
    assert text(agent) == "", "nothing was written"
    (row,) = journal.calls(agent.db, 1)
    assert not row.ok


@pytest.mark.parametrize("what", BAD)
def test_the_same_failing_call_again_and_again_ends_the_turn(what: str) -> None:
    bad, told = BAD[what]
    turn, gateway, agent = talk(*[bad] * 9)
    assert turn.status == "failed" and "same failing call" in turn.reason
    assert told in turn.reason and len(turn.reason) < 400
    assert turn.steps == made().threads["main"].heartbeat.max_repeats
    gateway.items = [SAID]
    assert agent.send("still there?").replies == ("hi",)


def test_different_failing_calls_end_the_turn_at_max_failures() -> None:
    turn, _, _ = talk(*[call("nope", n=n) for n in range(9)])
    assert turn.status == "failed" and turn.steps == 3
    assert "3 failed steps in a row" in turn.reason


def test_a_model_that_only_writes_text_is_quoted_with_what_may_help() -> None:
    turn, _, _ = talk(*[Completion(text=f"I would rather\nchat, {n}") for n in range(9)])
    assert turn.status == "failed" and turn.steps == 3
    assert "'I would rather chat, 2'" in turn.reason and "`protocol: text`" in turn.reason


def test_a_good_step_in_between_begins_the_count_of_failures_anew() -> None:
    good = call("note", content="x", request_heartbeat=True)
    turn, _, _ = talk(call("nope", n=1), call("nope", n=2), good, call("nope", n=3), SAID)
    assert turn.status == "done"


def test_text_instead_of_a_call_is_told_back_and_ends_at_max_failures() -> None:
    turn, gateway, _ = talk("I would say hi", SAID)
    assert turn.replies == ("hi",), "the text itself was heard by nobody"
    assert "without calling a tool" in helpers.sent(gateway.requests[1])[-1]
    turn, _, _ = talk(*[f"text {n}" for n in range(9)])
    assert (turn.status, turn.steps) == ("failed", 3)


def test_an_empty_answer_is_text_instead_of_a_call() -> None:
    turn, _, _ = talk(*[Completion()] * 9)
    assert (turn.status, turn.steps) == ("failed", 3)


def test_plain_text_is_the_reply_of_a_thread_that_has_no_tool_to_speak_with() -> None:
    agent = helpers.opened(helpers.plan(), Script("plain"))
    assert agent.send("hello").replies == ("plain",)


def test_a_run_ends_at_max_steps() -> None:
    turn, _, agent = talk(
        *[call("note", content="x", request_heartbeat=True) for _ in range(9)], max_steps=4
    )
    assert (turn.status, turn.steps) == ("failed", 4) and "max_steps (4)" in turn.reason
    (event,) = journal.events(agent.db, "name = 'run.failed'")
    assert event.payload == {
        "thread": "main",
        "reason": "max_steps (4) reached; heartbeat.max_steps sets it",
    }


def test_one_bad_call_among_good_ones_fails_alone() -> None:
    turn, _, agent = talk(
        [call("note", content="a"), call("nope"), call("note", content="b")], SAID
    )
    assert text(agent) == "a\nb"
    assert [row.ok for row in journal.calls(agent.db, 1)] == [True, False, True]
    assert turn.status == "done"


def test_malformed_arguments_are_sent_back_as_json_that_a_provider_takes() -> None:
    _, gateway, _ = talk(broken("note", '{"content": '), SAID)
    import json

    made_calls = gateway.requests[1].messages[-2]["tool_calls"]
    assert json.loads(made_calls[0]["function"]["arguments"])


def test_equal_call_ids_in_one_answer_are_told_apart() -> None:
    twice = tuple(ToolCall("same", "note", f'{{"content": "{n}"}}') for n in range(2))
    _, gateway, _ = talk(
        Completion(tool_calls=(*twice, ToolCall("x", "note", '{"request_heartbeat": true}'))), SAID
    )
    ids = [m["tool_call_id"] for m in gateway.requests[1].messages if m["role"] == "tool"]
    assert len(set(ids)) == 3
    asked = [c["id"] for c in gateway.requests[1].messages[-4]["tool_calls"]]
    assert asked == ids


@pytest.mark.parametrize("half", ["\ud83d", "text \udc00 text"])
def test_halves_of_characters_break_nothing(half: str) -> None:
    import json

    raw = json.dumps({"content": half})
    turn, _, agent = talk(
        Completion(half, (broken("note", raw), broken("say", json.dumps({"message": half}))))
    )
    assert turn.status == "done" and turn.replies == (half.encode("utf-8", "replace").decode(),)
    assert "?" in text(agent)
    agent.observe(half)


def test_request_heartbeat_is_taken_out_of_the_arguments_and_understood_as_text_too() -> None:
    for value in (True, "true", "True"):
        turn, _, agent = talk(call("note", content="x", request_heartbeat=value), SAID)
        assert turn.steps == 2 and text(agent) == "x"
    for value in (False, "false", 1, None, "yes"):
        turn, _, agent = talk(call("note", content="x", request_heartbeat=value))
        assert turn.steps == 1 and text(agent) == "x"


# Rules of tools


def failed(agent: agents.Agent, step: int = 1) -> list[str]:
    return [row.result for row in journal.calls(agent.db, step) if not row.ok]


def test_first_the_runs_first_call_must_be_one_of_these() -> None:
    rules = plans.ToolRules(first=("note",))
    turn, _, agent = talk(
        SAID, call("note", content="x", request_heartbeat=True), SAID, rules=rules
    )
    assert "the first call must be one of: note" in failed(agent)[0]
    assert turn.replies == ("hi",) and turn.steps == 3


def test_last_a_successful_call_of_one_of_these_ends_the_run() -> None:
    rules = plans.ToolRules(last=("stop",))
    turn, _, _ = talk(call("stop", request_heartbeat=True), rules=rules)
    assert turn.steps == 1


def test_then_the_next_call_must_be_one_of_these_and_the_run_goes_on_for_it() -> None:
    rules = plans.ToolRules(then={"note": ("line",)})
    turn, _, agent = talk(
        call("note", content="x", request_heartbeat=False),
        SAID,
        call("line", content="y", request_heartbeat=True),
        SAID,
        rules=rules,
    )
    assert "after note the next call must be one of: line" in failed(agent, 2)[0]
    assert turn.replies == ("hi",) and text(agent) == "x\ny"


def test_at_most_a_tool_is_called_so_often_and_no_more() -> None:
    rules = plans.ToolRules(at_most={"note": 2})
    notes = [call("note", content=str(n), request_heartbeat=True) for n in range(3)]
    turn, _, agent = talk([notes[0], notes[1], notes[2]], SAID, rules=rules)
    assert text(agent) == "0\n1" and turn.status == "done"
    assert "at most 2 times" in failed(agent)[0]


def test_required_must_have_been_called_before_the_run_may_end() -> None:
    rules = plans.ToolRules(required=("note",))
    turn, gateway, _ = talk(SAID, call("note", content="x"), rules=rules)
    assert turn.steps == 2
    assert "must call: note" in helpers.sent(gateway.requests[1])[-1]


def test_approval_a_person_must_agree_and_no_lock_is_held_while_they_think() -> None:
    rules = plans.ToolRules(approval=("note",))
    gateway = Script(*[call("note", content="x", request_heartbeat=True), SAID] * 2)
    agent = helpers.opened(made(rules), gateway)
    agent.send("hello")
    assert text(agent) == "" and "approval" in failed(agent)[0]
    asked: list[Any] = []

    def approve(tool: str, arguments: Any) -> bool:
        assert not agent.db.in_transaction
        asked.append((tool, arguments["content"]))
        return True

    agent.world.approve = approve
    agent.send("again")
    assert text(agent) == "x" and asked == [("note", "x")]
