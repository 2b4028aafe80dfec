"""What an observer of a working agent is told, and what it is spared."""

from __future__ import annotations

import json
from collections.abc import Generator

import archgraph
from archgraph.llm import base as llm
from archgraph.messages import Completion, ToolCall
from archgraph.runtime import world
from archgraph.stores import base

SMALL = (
    "context_window=3600", "core_limit=300", "threads.main.max_tokens=200",
    "stores.summary.limit=300", "stores.recall.message_cap=120",
)  # fmt: skip


class Streaming:
    """Answers in pieces: the user with `fine`, a request for a summary with `SUMMARY`."""

    def complete(self, request: llm.Request) -> Completion:
        if not request.tools:
            return Completion(text="SUMMARY")
        message = json.dumps({"inner_thoughts": "x", "message": "fine"})
        return Completion(tool_calls=(ToolCall("", "send_message", message),))

    def stream(self, request: llm.Request) -> Generator[llm.Delta, None, Completion]:
        return llm.completed(self, request)


def test_a_summary_is_never_streamed_as_if_it_were_the_reply() -> None:
    told: list[world.Notice] = []
    with archgraph.open_agent("memgpt", overrides=SMALL, gateway=Streaming(), seed=1) as agent:
        for number in range(40):
            agent.send(f"message {number} " + "with many more words " * 15, watch=told.append)
        assert "SUMMARY" in agent.stores["summary"].render(base.View())
    assert any(notice.kind == "evict" for notice in told)
    assert any("fine" in notice.text for notice in told if notice.kind == "delta")
    assert not any("SUMMARY" in notice.text for notice in told)
