"""What an observer of a working agent is told, and what it is spared."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Generator
from pathlib import Path

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


class Broken(Streaming):
    """A plugin's gateway with a bug."""

    def complete(self, request: llm.Request) -> Completion:
        raise KeyError("choices")


def test_a_bug_in_a_gateway_ends_the_turn_and_not_the_agent() -> None:
    with archgraph.open_agent("memgpt", gateway=Broken(), seed=1) as agent:
        turn = agent.send("hello")
        assert turn.status == "failed"
        assert "KeyError" in turn.reason
        assert not agent.state.turn
        agent.world._gateways.clear()
        agent.setup = dataclasses.replace(agent.setup, gateway=Streaming())
        assert agent.send("again").reply == "fine"


def test_what_a_trigger_says_may_count_and_show_stores(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "note.jinja2").write_text("{{ counts.recall }} said. {{ human }}")
    file = tmp_path / "mine.yaml"
    file.write_text(
        "archgraph: 1\nextends: memgpt\nname: mine\nthreads:\n  main:\n    triggers:\n"
        "      - user_message\n      - {event: archival.write, say: note.jinja2, mode: note}\n"
    )
    with archgraph.open_agent(file, gateway=Streaming(), seed=1) as agent:
        with agent._scheduler.commit():
            agent.stores["archival"].insert("a fact")
            agent._scheduler._reduce_all(agent._scheduler._caused())
        agent.send("hello")
        logged = [record.content for record in agent.stores["recall"].records.select()]
    assert any(text.startswith("0 said. <human") for text in logged)
