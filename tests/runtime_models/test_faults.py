"""Trouble at the provider: tried again to a bound, then the turn fails and the agent lives on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archgraph import api, errors
from archgraph.storage import journal
from tests.fake_openai import KEY, Answer, Cut, FakeOpenAI, Hang, Raw, Status, Text
from tests.runtime_models import wired
from tests.runtime_models.wired import Wired, act, calls, say

RETRIES = int(wired.OPTIONS["retries"])
FAULTS: dict[str, Answer] = {
    "429": Status(429, "slow down", retry_after=0.01),
    "429 without a time": Status(429, "slow down"),
    "500": Status(500),
    "503": Status(503, body="<html>bad gateway</html>"),
    "hang": Hang(),
    "no JSON": Raw("<html>hello</html>"),
    "cut at once": Cut(Text("never finished"), events=0),
}
HOPELESS: dict[str, Answer] = {
    "401": Status(401, f"wrong key {KEY}", code="invalid_api_key"),
    "400": Status(400, "bad request"),
    "404": Status(404, "no such model"),
    "overflow": Status(
        400, "This model's maximum context length is 8192 tokens", code="context_length_exceeded"
    ),
}


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def agent(openai_server: FakeOpenAI, tmp_path: Path, request: pytest.FixtureRequest) -> Wired:
    return Wired(openai_server, tmp_path / "a.db", request.param, timeout=0.3)


@pytest.mark.parametrize("what", FAULTS)
def test_passing_trouble_is_not_noticed(agent: Wired, what: str) -> None:
    turn = agent.send("hello", *[FAULTS[what]] * RETRIES, say("hi"))
    assert (turn.status, turn.replies, turn.steps) == ("done", ("hi",), 1)
    assert len(agent.server.chats) == RETRIES + 1
    bodies = {request.body for request in agent.server.chats}
    assert len(bodies) == 1, "the same request each time"


@pytest.mark.parametrize("what", FAULTS)
def test_lasting_trouble_ends_the_turn(agent: Wired, what: str) -> None:
    agent.server.default = FAULTS[what]
    turn = agent.send("hello")
    assert turn.status == "failed" and turn.reason
    again = 2 if agent.streams else 1  # a stream that failed is asked for whole
    assert len(agent.server.chats) <= (RETRIES + 1) * again
    usable_and_clean(agent)


@pytest.mark.parametrize("what", HOPELESS)
def test_hopeless_trouble_ends_the_turn_at_once(agent: Wired, what: str) -> None:
    turn = agent.send("hello", HOPELESS[what])
    assert turn.status == "failed" and KEY not in turn.reason
    assert len(agent.server.chats) == 1
    usable_and_clean(agent)


def test_retry_after_beyond_the_cap_ends_the_turn(agent: Wired) -> None:
    turn = agent.send("hello", *[Status(429, retry_after=3600)] * 4)
    assert turn.status == "failed" and "3600" in turn.reason
    usable_and_clean(agent)


def test_trouble_in_the_middle_of_a_turn_keeps_what_was_done(agent: Wired) -> None:
    agent.server.queue(calls(act("archival_memory_insert", content="a fact")))
    turn = agent.send("hello", HOPELESS["400"])
    assert turn.status == "failed" and turn.steps >= 1
    assert agent.agent.stores["archival"].measure("count") == 1
    usable_and_clean(agent)


def test_a_stream_that_is_cut_after_pieces_is_asked_for_again(
    openai_server: FakeOpenAI, tmp_path: Path
) -> None:
    agent = Wired(openai_server, tmp_path / "a.db", streams=True)
    reply = say("A long message that comes in many pieces.")
    turn = agent.send("hello", Cut(reply, events=5), reply)
    assert turn.replies == ("A long message that comes in many pieces.",)
    assert [notice.kind for notice in agent.notices].count("retry") == 1
    assert len(openai_server.chats) == 2


@pytest.mark.parametrize("clean", [False, True], ids=["broken off", "ended early"])
def test_streams_that_are_always_cut_end_the_turn(
    openai_server: FakeOpenAI, tmp_path: Path, clean: bool
) -> None:
    agent = Wired(openai_server, tmp_path / "a.db", streams=True)
    openai_server.default = Cut(say("A long message that comes in pieces."), 5, clean=clean)
    turn = agent.send("hello")
    if turn.status == "done":  # asked for whole, the server answers with half a body: a fault too
        pytest.fail("a cut answer was taken for a whole one")
    assert len(openai_server.chats) <= 2 * (RETRIES + 1)
    usable_and_clean(agent)


def test_a_failing_summary_evicts_without_one(openai_server: FakeOpenAI, tmp_path: Path) -> None:
    small = ("context_window=4600", "core_limit=300", "stores.summary.limit=400",
             "stores.recall.message_cap=150", "threads.main.max_tokens=160")  # fmt: skip
    agent = Wired(openai_server, tmp_path / "a.db", extra=small)

    def answer(request: object) -> Answer:
        return say("word " * 60) if "tools" in request.json else Status(400, "no")  # type: ignore[attr-defined]

    openai_server.default = answer
    for number in range(12):
        assert agent.send(f"hello {number} " * 12).status == "done"
    events = journal.events(agent.agent.db, "name = 'window.evicted'")
    assert events and not any(event.payload["summarised"] for event in events)
    failed = journal.steps(agent.agent.db, "kind = 'evict'")
    assert len(failed) == len(events) and all("no" in row.reason for row in failed)


def test_a_key_from_the_environment_reaches_the_provider_and_no_file(
    openai_server: FakeOpenAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    agent = Wired(openai_server, tmp_path / "a.db", api_key_env="MY_PROVIDERS")
    turn = agent.send("too early")
    assert turn.status == "failed" and "export MY_PROVIDERS=" in turn.reason
    monkeypatch.setenv("MY_PROVIDERS", KEY)
    turn = agent.send("hello", HOPELESS["401"])
    assert turn.status == "failed" and KEY not in turn.reason
    assert agent.send("Are you there?", say("yes")).status == "done"
    assert openai_server.chats[-1].headers["Authorization"] == f"Bearer {KEY}"
    assert KEY.encode() not in agent.close()


def test_a_key_in_the_options_is_refused_and_not_repeated(
    openai_server: FakeOpenAI, tmp_path: Path
) -> None:
    with pytest.raises(errors.SpecError) as refused:
        Wired(openai_server, tmp_path / "a.db", api_key=KEY)
    assert [each.code for each in refused.value.problems] == ["secret-in-file"]
    assert KEY not in str(refused.value) and not (tmp_path / "a.db").exists()


def steps(agent: Wired) -> list[journal.StepRow]:
    """The steps that were answered."""
    return journal.steps(agent.agent.db, "reply IS NOT NULL")


def usable_and_clean(agent: Wired) -> None:
    """The agent goes on, has kept the input, and holds the key nowhere; another process agrees."""
    agent.server.clear()
    turn = agent.send("Are you there?", say("yes"))
    assert (turn.status, turn.replies) == ("done", ("yes",))
    texts = agent.texts()
    assert "hello" in texts and texts[-1] == "Are you there?"
    assert KEY not in json.dumps([str(notice) for notice in agent.notices])
    assert KEY.encode() not in agent.close()
    with api.open_agent(agent.path, readonly=True) as reader:
        statuses = [row.status for row in journal.turns(reader.db)]
    assert statuses == ["failed", "done"]
