"""`journal --window` equals, to the byte, what the server received (DESIGN 13)."""

from __future__ import annotations

from pathlib import Path

import pytest

from archgraph import api
from archgraph.storage import journal
from tests.fake_openai import Answer, FakeOpenAI, Received, Text
from tests.runtime_models import wired
from tests.runtime_models.wired import act, calls, say

STRANGE = (
    'Zo\u00eb said "na\u00efve" \u2014 \u65e5\u672c\u8a9e '
    "\U0001f469\u200d\U0001f680 \\n </block> {{ x }}"
)
SMALL = (
    "context_window=4600", "core_limit=300", "stores.summary.limit=400",
    "stores.recall.message_cap=150", "threads.main.max_tokens=160",
)  # fmt: skip

streaming = pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])


def memgpt_answer(request: Received) -> Answer:
    """Summaries when asked for one; otherwise a note, then a reply."""
    body = request.json
    if "tools" not in body:
        return Text(f"Summary of {len(body['messages'][-1]['content'])} characters. {STRANGE}")
    if body["messages"][-1]["role"] == "tool":
        return say(f"Noted. {STRANGE}")
    return calls(
        act("archival_memory_insert", content=f"{STRANGE} {len(request.body)}"),
        act("conversation_search", query="said"),
    )


@streaming
def test_memgpt_with_evictions(openai_server: FakeOpenAI, tmp_path: Path, streams: bool) -> None:
    openai_server.default = memgpt_answer
    agent = wired.Wired(openai_server, tmp_path / "a.db", streams, extra=SMALL)
    for number in range(9):
        assert agent.send(f"{number}: {STRANGE}").status == "done"
    kinds = [row.kind for row in journal.steps(agent.agent.db)]
    assert kinds.count("evict") >= 2
    assert wired.same_windows(agent.agent, openai_server.chats) == len(kinds)


@streaming
def test_windows_are_the_same_after_reopening(
    openai_server: FakeOpenAI, tmp_path: Path, streams: bool
) -> None:
    openai_server.default = memgpt_answer
    agent = wired.Wired(openai_server, tmp_path / "a.db", streams, extra=SMALL)
    for number in range(4):
        agent.send(f"{number}: {STRANGE}")
    agent.close()
    with api.open_agent(tmp_path / "a.db", readonly=True) as reader:
        assert wired.same_windows(reader, openai_server.chats) >= 8


@streaming
def test_text_rag(openai_server: FakeOpenAI, tmp_path: Path, streams: bool) -> None:
    openai_server.default = Text(f"An answer. {STRANGE}")
    agent = wired.Wired(openai_server, tmp_path / "a.db", streams, "text_rag")
    for number in range(4):
        assert agent.send(f"{number}: {STRANGE}").status == "done"
    assert wired.same_windows(agent.agent, openai_server.chats) == 4
    assert "tools" not in openai_server.chats[-1].json


@streaming
def test_json_in_text_shows_what_is_really_sent(
    openai_server: FakeOpenAI, tmp_path: Path, streams: bool
) -> None:
    def answer(request: Received) -> Answer:
        last = request.json["messages"][-1]["content"]
        if "[result of" in last:
            return Text('{"tool": "send_message", "arguments": {"message": "done"}}')
        return Text(
            'I note it.\n```json\n{"tool": "archival_memory_insert", "arguments": '
            '{"content": "a fact", "request_heartbeat": true}}\n```'
        )

    openai_server.default = answer
    extra = ("threads.main.protocol=text",)
    agent = wired.Wired(openai_server, tmp_path / "a.db", streams, extra=extra)
    for number in range(3):
        turn = agent.send(f"{number}: {STRANGE}")
        assert (turn.status, turn.replies) == ("done", ("done",))
    sent = openai_server.chats[-1].json
    assert "tools" not in sent and "# Tools" in sent["messages"][0]["content"]
    assert {message["role"] for message in sent["messages"]} == {"system", "user", "assistant"}
    assert wired.same_windows(agent.agent, openai_server.chats) == 6
