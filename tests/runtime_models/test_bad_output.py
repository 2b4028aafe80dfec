"""What models do wrong, over the wire: fed back, bounded, never a crash (DESIGN 5)."""

from __future__ import annotations

from pathlib import Path

import pytest

from archgraph.storage import journal
from tests.fake_openai import Answer, Calls, FakeOpenAI, Received, Text
from tests.runtime_models.wired import Wired, act, calls, say

streaming = pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])

BAD = {
    "malformed": (("core_memory_append", '{"name": "human", "content": '), "not valid JSON"),
    "not an object": (("core_memory_append", '["human", "x"]'), "object"),
    "unknown tool": (act("core_memory_apend", name="human", content="x"), "core_memory_append"),
    "missing": (act("core_memory_append", name="human"), "content"),
    "wrong type": (act("core_memory_append", name="human", content={"a": 1}), "content"),
    "unknown argument": (act("archival_memory_insert", content="x", colour="red"), "colour"),
    "no such store": (act("core_memory_append", name="dog", content="x"), "human"),
    "too long": (act("core_memory_append", name="human", content="x" * 2001), "2000"),
}


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def agent(openai_server: FakeOpenAI, tmp_path: Path, request: pytest.FixtureRequest) -> Wired:
    return Wired(openai_server, tmp_path / "a.db", request.param)


def test_several_steps_and_parallel_calls(agent: Wired) -> None:
    turn = agent.send(
        "hello",
        calls(
            act("core_memory_append", name="human", content="Likes tea."),
            act("archival_memory_insert", content="Tea is from China."),
        ),
        calls(act("archival_memory_search", query="tea")),
        say("You like tea."),
    )
    assert (turn.status, turn.replies, turn.steps) == ("done", ("You like tea.",), 3)
    assert turn.prompt_tokens == 33 and turn.completion_tokens == 21
    found = agent.results()
    assert [one["status"] for one in found] == ["OK"] * 3
    assert "Tea is from China." in found[2]["message"]
    assert "Likes tea." in agent.server.chats[-1].json["messages"][0]["content"]
    if agent.streams:
        kinds = [notice.kind for notice in agent.notices]
        assert kinds.count("delta") > 5 and kinds.count("call") == 4 and "reply" in kinds


@pytest.mark.parametrize("what", BAD)
def test_a_bad_call_is_fed_back_and_may_be_mended(agent: Wired, what: str) -> None:
    bad, told = BAD[what]
    turn = agent.send("hello", calls(bad), say("mended"))
    assert (turn.status, turn.replies, turn.steps) == ("done", ("mended",), 2)
    (result,) = agent.results()
    assert result["status"] == "Failed" and told in result["message"]
    assert agent.agent.stores["archival"].measure("count") == 0


@pytest.mark.parametrize("what", BAD)
def test_the_same_bad_call_again_and_again_ends_the_turn(agent: Wired, what: str) -> None:
    agent.server.default = calls(BAD[what][0])
    turn = agent.send("hello")
    assert turn.status == "failed" and "the same failing call" in turn.reason
    assert turn.steps == len(agent.server.chats) <= 5
    usable(agent)


def test_ever_new_bad_calls_end_the_turn(agent: Wired) -> None:
    agent.server.default = lambda request: calls((f"tool_{len(request.body)}", "{}"))
    turn = agent.send("hello")
    assert turn.status == "failed" and "failed steps in a row" in turn.reason
    usable(agent)


def test_endless_good_calls_end_the_turn(agent: Wired) -> None:
    agent.server.default = calls(act("archival_memory_search", query="tea"))
    turn = agent.send("hello")
    assert turn.status == "failed" and turn.steps == 20 and "max_steps" in turn.reason
    usable(agent)


@pytest.mark.parametrize("answer", [Text("I would say hi."), Text(""), Calls(())], ids=repr)
def test_no_call_at_all_is_told_back_and_bounded(agent: Wired, answer: Answer) -> None:
    turn = agent.send("hello", answer, say("hi"))
    assert (turn.status, turn.replies) == ("done", ("hi",))
    assert "without calling a tool" in agent.texts()[-1]
    agent.server.default = answer
    assert agent.send("again").status == "failed"
    usable(agent)


def test_one_bad_call_among_parallel_ones_fails_alone(agent: Wired) -> None:
    first = act("archival_memory_insert", content="one")
    turn = agent.send("hello", calls(first, BAD["malformed"][0], ("nothing", "{}")), say("ok"))
    assert turn.status == "done"
    assert [one["status"] for one in agent.results()] == ["OK", "Failed", "Failed"]
    assert agent.agent.stores["archival"].measure("count") == 1


@streaming
def test_the_text_protocol_feeds_back_too(
    openai_server: FakeOpenAI, tmp_path: Path, streams: bool
) -> None:
    extra = ("threads.main.protocol=text",)
    agent = Wired(openai_server, tmp_path / "a.db", streams, extra=extra)

    def answer(request: Received) -> Answer:
        told = request.json["messages"][-1]["content"]
        if "Failed" in told:
            return Text('{"tool": "send_message", "arguments": {"message": "mended"}}')
        return Text('{"tool": "core_memory_append", "arguments": {"name": "human", ')

    openai_server.default = answer
    turn = agent.send("hello")
    assert (turn.status, turn.replies, turn.steps) == ("done", ("mended",), 2)


def usable(agent: Wired) -> None:
    """The agent goes on, and has kept what was said to it."""
    turn = agent.send("Are you there?", say("yes"))
    assert (turn.status, turn.replies) == ("done", ("yes",))
    texts = agent.texts()
    assert "hello" in texts and texts[-1] == "Are you there?"
    assert not journal.turns(agent.agent.db, "status = 'open'")
